"""Answers that get lost after the deed was done, at every call that changes something: all of it is there once."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from order_pipelines.connectors.bol import stock
from order_pipelines.connectors.exact_online.tokens import authorize_url, exchange_code
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.dispatch import dispatch_all
from order_pipelines_tests.operations.memory_folder import memory_folder
from order_pipelines_tests.reliability.outage_world import (
    ACCOUNTS,
    ENTRIES,
    day,
    differences,
    outside,
    result_of,
    send_out,
    settle,
    speak,
    take_in,
    undisturbed,
)
from order_pipelines_tests.services.shop_world import MAIN, ShopWorld

pytestmark = pytest.mark.endurance


@dataclass(frozen=True)
class Lost:
    """Where answers get lost, how many, and how many calls were made to that place in the end."""

    system: str
    method: str
    match: str
    losses: int
    calls: int | None
    offers_api: str = "v11"


# A quantity is absolute and is sent again: one call for each of eleven offers, and two more. Everything else is looked
# for before it is sent again, so that there are as many calls as effects. A token or a list of offers changes nothing
# at bol and is simply asked for again.
LOST = {
    "stock": Lost("bol", "PATCH", "/retailer/offers/", 2, 13),
    "a parcel": Lost("bol", "POST", "/retailer/shipments", 1, 1),
    "a cancellation": Lost("bol", "PUT", "/retailer/orders/cancellation", 1, 1),
    "a sales entry": Lost("exact_online", "POST", "salesentry/SalesEntries", 2, 4),
    "a token of bol": Lost("bol", "POST", "/token", 2, None),
}
IN_THE_OLDER_API = {
    "stock": Lost("bol", "PUT", "/retailer/offers/", 2, 13, "v10"),
    "the order for a list of offers": Lost("bol", "POST", "/retailer/offers/export", 2, None, "v10"),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(control_port=0, relaxed=True) as running:
        yield running


@pytest.fixture(scope="module")
def calm(sandbox: Sandbox) -> Iterator[dict[str, Any]]:
    """What the day leaves without any outage."""
    with memory_folder() as folder:
        yield undisturbed(sandbox, folder)


@pytest.fixture
def sqlite_url() -> Iterator[str]:
    with memory_folder() as folder:
        yield f"sqlite:///{folder / 'operations.sqlite'}"


@pytest.fixture
def world(
    sandbox: Sandbox, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ShopWorld]:
    with day(sandbox, store_url, tmp_path, monkeypatch) as opened:
        yield opened


def _calls(world: ShopWorld, place: Lost) -> int:
    if place.system == "exact_online":
        writes = world.sandbox.exact_online.state("exact")["writes"]
    else:
        writes = [write for account in ACCOUNTS for write in world.writes(account)]
    return sum(write["method"] == place.method and place.match in write["path"] for write in writes)


@pytest.mark.parametrize("name", LOST)
def test_lost_answers_leave_nothing_twice_and_nothing_undone(
    world: ShopWorld, calm: dict[str, Any], name: str
) -> None:
    _lose_answers(world, LOST[name], calm)


def test_lost_answers_of_the_older_stock_api_leave_nothing_twice_and_nothing_undone(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There an accepted quantity is confirmed later, and the list of offers must be ordered."""
    monkeypatch.setattr(stock, "EXPORT_POLL_S", 0.02)
    with memory_folder() as folder:
        calm = undisturbed(sandbox, folder, offers_api="v10")
    for place in IN_THE_OLDER_API.values():
        with (
            memory_folder() as folder,
            day(sandbox, f"sqlite:///{folder}/o.sqlite", tmp_path, monkeypatch) as world,
        ):
            _lose_answers(world, place, calm)


def _lose_answers(world: ShopWorld, place: Lost, calm: dict[str, Any]) -> None:
    speak(world, place.offers_api)
    lost = {"match": place.match, "method": place.method, "count": place.losses}
    world.fault("drop_reply_after_acting", place.system, **lost)

    for _ in range(3):
        take_in(world, must_work=False)
        send_out(world.shop)
        world.pass_time(minutes=4)
    assert world.sandbox.bol.faults.pending() + world.sandbox.exact_online.faults.pending() == []
    settle(world, rounds=2)

    assert outside(world)["entries"] == ENTRIES
    assert differences(result_of(world, None), calm) == {}
    assert place.calls is None or _calls(world, place) == place.calls


def test_a_lost_renewal_of_the_books_consent_stops_only_the_books_until_a_person_consents(
    world: ShopWorld, calm: dict[str, Any]
) -> None:
    """Exact's refresh token works once: the new one was in the lost answer, and nobody can ask for it again."""
    take_in(world)
    world.fault("drop_reply_after_acting", "exact_online", match="oauth2/token")
    for _ in range(3):
        send_out(world.shop)
        world.pass_time(minutes=4)
        take_in(world)
    told = dispatch_all(world.shop)["sales_entry"].problems["exact"]
    assert "CONSENT NEEDED for exact" in told
    assert "order-pipelines authorize exact" in told
    assert world.entries() == []
    assert world.sandbox.exact_online.state("exact")["token_requests"] == 2
    assert {row.state for row in world.rows("outbox", kind="sales_entry")} == {"pending"}
    assert {row.state for row in world.rows("outbox", account=MAIN)} == {"confirmed"}

    _consent(world)
    settle(world, rounds=2)
    assert differences(result_of(world, None), calm) == {}


def _consent(world: ShopWorld) -> None:
    """Do what 'order-pipelines authorize' does, with a person who agrees."""
    known, house = world.shop.port_account("exact"), world.shop.house("exact")
    answer = requests.get(authorize_url(known, "state"), allow_redirects=False, timeout=10)
    exchange_code(known, house, parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0])
