"""Answers of Mirakl and Shopware that get lost after the deed, and tokens that end early: all of it is there once."""

from collections.abc import Iterator

import pytest

from order_pipelines.sandbox.standin import Fault
from order_pipelines_tests.postgres import TestPostgres
from order_pipelines_tests.reliability.kill_channels import ChannelLives, Life, channel_lives

pytestmark = [pytest.mark.endurance, pytest.mark.slow]

WRITES = {
    "mirakl": ("/offers/stock/imports", "/accept", "/api/shipments", "/tracking", "/ship", "/cancel"),
    "shopware": (
        "/_action/sync",
        "/state/process",
        "/api/order-delivery/",
        "/state/ship",
        "/state/complete",
        "/state/cancel",
    ),
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def lives(request: pytest.FixtureRequest) -> Iterator[ChannelLives]:
    postgres: TestPostgres | None = None
    if request.param == "postgresql":
        postgres = request.getfixturevalue("postgres_server")
    with channel_lives(postgres) as found:
        yield found


@pytest.fixture(scope="module")
def calm(lives: ChannelLives) -> Life:
    """What a life leaves without any outage; `test_kill_channels.py` has it typed."""
    return lives.live([None])


def test_each_answer_lost_once_leaves_nothing_twice_and_nothing_undone(
    lives: ChannelLives, calm: Life
) -> None:
    faults = [
        (system, _fault("drop_reply_after_acting", system, match))
        for system, matches in WRITES.items()
        for match in matches
    ]
    assert lives.live([None], faults).end == calm.end


def test_a_token_of_the_shop_that_ends_before_each_kind_of_write_costs_nothing(
    lives: ChannelLives, calm: Life
) -> None:
    faults = [("shopware", Fault("expire_token", match=match)) for match in WRITES["shopware"]]
    assert lives.live([None], faults).end == calm.end


def test_a_moment_of_trouble_at_each_write_is_made_good(lives: ChannelLives, calm: Life) -> None:
    faults = [
        (system, _fault("503", system, match)) for system, matches in WRITES.items() for match in matches
    ]
    assert lives.live([None], faults).end == calm.end


def _fault(kind: str, system: str, match: str) -> Fault:
    """Return a fault of the writes of a path only: some of them are read as well."""
    if match == "/api/order-delivery/":
        method = "PATCH"
    elif system == "shopware" or match in ("/offers/stock/imports", "/api/shipments"):
        method = "POST"
    else:
        method = "PUT"
    return Fault(kind, match=match, method=method)
