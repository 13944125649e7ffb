"""The stand-in of Exact Online, and what we send it, against the published entities."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.dispatch import dispatch_all
from order_pipelines.services.planning import plan_all
from order_pipelines_tests.conformance.exact_entities import ExactEntities
from order_pipelines_tests.conformance.exchanges import Exchange, recording
from order_pipelines_tests.sandbox.exact_online_server import ExactUser, StandingClock, logged_in
from order_pipelines_tests.services.shop_world import opened_world

EVERYTHING = (
    "system/Divisions",
    "hrm/Divisions",
    "financial/Journals",
    "financial/GLAccounts",
    "vat/VATCodes",
    "cashflow/PaymentConditions",
    "salesentry/SalesEntries",
    "salesentry/SalesEntryLines",
)


@pytest.fixture(scope="module")
def entities(shared: Path) -> ExactEntities:
    return ExactEntities(shared / "specs")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(control_port=0, relaxed=True) as running:
        yield running


@pytest.fixture
def user(sandbox: Sandbox) -> Iterator[ExactUser]:
    sandbox.reset()
    address = next(row["base_url"] for row in sandbox.systems() if row["system"] == "exact_online")
    with logged_in(sandbox.exact_online, StandingClock(), address) as opened:
        yield opened


def data_calls(made: list[Exchange]) -> list[Exchange]:
    """The calls at data endpoints: not those for tokens."""
    return [one for one in made if one.path.startswith("/api/v1/")]


def test_the_entries_we_post_and_their_answers_are_what_exact_publishes(
    sandbox: Sandbox,
    entities: ExactEntities,
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with opened_world(sandbox, sqlite_url, tmp_path, monkeypatch) as world, recording() as made:
        for goods in ((("KEU-1001", 2),), (("KEU-1003", 1), ("KEU-1001", 1))):
            world.act(world.buy(*goods), "ship")
        assert world.sweep().problem is None
        plan_all(world.shop)
        dispatch_all(world.shop)
        assert len(world.entries()) == 2
    calls = data_calls(made)
    assert [problem for call in calls for problem in entities.problems(call)] == []
    # Searched for, not found, posted: for each of the two.
    searched = "GET /api/v1/3456700/salesentry/SalesEntries answered 200"
    posted = "POST /api/v1/3456700/salesentry/SalesEntries answered 201"
    assert [str(call) for call in calls] == [searched, posted, searched, posted]


def test_every_resource_answers_with_published_members(user: ExactUser, entities: ExactEntities) -> None:
    with recording() as made:
        assert user.post_entry().status_code == 201
        user.call("GET", "current/Me")
        for resource in EVERYTHING:
            assert user.rows(resource) != []
        user.get("crm/Accounts", filter="Code eq '                 1'")
        user.get("salesentry/SalesEntries", expand="SalesEntryLines")
    calls = data_calls(made)
    assert [problem for call in calls for problem in entities.problems(call)] == []
    assert {entities.resource_of(call) for call in calls} == {*EVERYTHING, "current/Me", "crm/Accounts"}


def test_what_exact_does_not_publish_is_found(entities: ExactEntities) -> None:
    """The kit itself: an unknown member, one that cannot be written, wrong types, a member of a line, a parameter."""
    entry = {"EntryID": 7, "Status": "20", "Colour": "red", "SalesEntryLines": {"results": [{"Weight": 1}]}}
    exchange = Exchange(
        "POST",
        "http://127.0.0.1",
        "/api/v1/1/salesentry/SalesEntries",
        (("$select", "EntryID,Size"), ("fields", "all")),
        "application/json",
        json.dumps({"YourRef": "BOL-1", "Status": 20, "SalesEntryLines": [{"VATPercent": 21}]}).encode(),
        201,
        "application/json",
        json.dumps({"d": entry}).encode(),
    )
    assert [problem.partition("answered 201: ")[2] for problem in entities.problems(exchange)] == [
        "$select: salesentry/SalesEntries has no Size",
        "parameter fields is not known",
        "salesentry/SalesEntries.Status cannot be written",
        "salesentry/SalesEntryLines has no VATPercent",
        "salesentry/SalesEntries.EntryID: 7 is no Edm.Guid",
        "salesentry/SalesEntries.Status: '20' is no Edm.Int16",
        "salesentry/SalesEntries has no Colour",
        "salesentry/SalesEntryLines has no Weight",
    ]
