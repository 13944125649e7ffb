"""A person stops an account whose shop pushes: what is pushed is kept, read when it may go on, and booked once."""

from typing import Any

import pytest
import requests
from click.testing import CliRunner

from order_pipelines.cli import cli
from order_pipelines.operations.leases import holding
from order_pipelines.services.account_stops import stop_account
from order_pipelines.services.webhooks import forget_old, work_deliveries
from order_pipelines_tests.live.lane_world import WEBSHOP, LaneWorld, message, until
from order_pipelines_tests.services.shop_world import MAIN

ORDER_READ = "POST /api/search/order"


def _typed(world: LaneWorld, *words: str) -> str:
    """Type a command of accounts; returns what it answers."""
    settings = str(world.shop_world.path)
    return CliRunner().invoke(cli, ["--settings", settings, "account", *words], catch_exceptions=False).output


def _stop(world: LaneWorld, what: str) -> str:
    return _typed(world, "stop", WEBSHOP, "--what", what, "--reason", "the shop is being repaired")


def _calls(world: LaneWorld) -> dict[str, int]:
    """What the shop was asked for at all, tokens included."""
    state = world.sandbox.shopware.state(WEBSHOP)
    return {**state["calls"], "tokens": len(state["token_requests"])}


def _deliveries(world: LaneWorld) -> list[tuple[str, int]]:
    return [(row.state, row.attempts) for row in world.rows("webhook_deliveries")]


def test_what_a_shop_pushes_while_reading_is_stopped_is_kept_and_read_once_afterwards(
    world: LaneWorld,
) -> None:
    with world.door() as door:
        world.register(door.url)
        assert _stop(world, "orders") == (
            "webshop: stopped (orders); 'order-pipelines account go webshop' ends it\n"
        )
        before = _calls(world)
        order_id = world.sell(2)
        # The shop is answered with success, for what it said was kept: it has no reason to push it again.
        until(lambda: door.lane.box.move() + len(world.rows("webhook_deliveries")), "a push of the shop")
        for _ in range(3):
            worked = work_deliveries(world.shop, WEBSHOP)
            assert (worked.due, worked.done, worked.fetched, worked.problem) == (0, 0, 0, None)
            world.shop_world.pass_time(hours=10)
        # Neither does time take it away.
        world.shop_world.pass_time(days=90)
        assert forget_old(world.shop.store, keep_days=30) == 0
    kept = _deliveries(world)
    assert kept == [("pending", 0)] * len(kept) != []
    assert _calls(world) == before
    assert world.rows("receipts") == []
    assert world.shop_world.demand("KEU-1001") == 0

    assert _typed(world, "go", WEBSHOP) == "webshop: goes on (orders)\n"
    worked = work_deliveries(world.shop, WEBSHOP)
    assert (worked.due, worked.done, worked.fetched) == (len(kept), len(kept), 1)
    assert work_deliveries(world.shop, WEBSHOP).due == 0
    assert _calls(world)[ORDER_READ] == before.get(ORDER_READ, 0) + 1
    assert {state for state, _ in _deliveries(world)} == {"done"}
    assert [row.external_id for row in world.rows("receipts")] == [order_id]
    assert world.shop_world.demand("KEU-1001") == 2


def test_a_stop_takes_hold_between_two_orders_that_were_pushed(
    sqlite_world: LaneWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person stops the account when the first of three orders is read: the other two wait."""
    world = sqlite_world
    orders = [world.sell(1) for _ in range(3)]
    with world.door() as door:
        for number, order_id in enumerate(orders):
            assert door.push(message(order_id, event_id=f"e-{number}")) == 204
        assert door.lane.box.move() == 3
    sent, stops = requests.Session.send, iter([True])

    def send(self: requests.Session, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        answer = sent(self, request, **more)
        if str(request.url).endswith("/api/search/order") and next(stops, False):
            stop_account(world.shop.store, WEBSHOP, "orders", "the shop is being repaired")
        return answer

    monkeypatch.setattr(requests.Session, "send", send)
    worked = work_deliveries(world.shop, WEBSHOP)
    assert (worked.fetched, worked.done, worked.problem) == (1, 1, None)
    assert _calls(world)[ORDER_READ] == 1
    assert sorted(_deliveries(world)) == [("done", 0), ("pending", 0), ("pending", 0)]

    _typed(world, "go", WEBSHOP)
    assert work_deliveries(world.shop, WEBSHOP).fetched == 2
    assert _calls(world)[ORDER_READ] == 3
    assert world.shop_world.demand("KEU-1001") == 3


def test_a_running_lane_keeps_what_a_stopped_shop_pushes_and_books_it_once(sqlite_world: LaneWorld) -> None:
    world = sqlite_world
    with world.running() as running:
        _stop(world, "orders")
        until(lambda: _is_free(world), "the end of the poll that was under way")
        asked = _calls(world)[ORDER_READ]
        orders = {world.sell(1) for _ in range(3)}
        until(lambda: {row.external_id for row in world.rows("webhook_deliveries")} >= orders, "three pushes")
        # Everything else goes on meanwhile.
        world.shop_world.count("KEU-1001", 30, ago_h=0)
        until(lambda: world.shown()[MAIN] == 30, "30 at bol")
        health = running.health()[1]["accounts"][WEBSHOP]
        assert list(health["stopped"]) == ["orders"]
        assert running.lane.lanes[WEBSHOP].reading.state == "closed"
        assert {state for state, attempts in _deliveries(world)} == {"pending"}
        assert (_calls(world)[ORDER_READ], world.shop_world.demand("KEU-1001")) == (asked, 0)

        _typed(world, "go", WEBSHOP)
        until(lambda: world.shop_world.demand("KEU-1001") == 3, "three pieces of demand")
        until(lambda: world.shown()[MAIN] == 27, "27 at bol")
        until(lambda: {state for state, _ in _deliveries(world)} == {"done"}, "all that was pushed is done")
    assert {row.external_order_id for row in world.rows("orders", account=WEBSHOP)} == orders
    assert world.shop_world.demand("KEU-1001") == 3
    world.shop_world.assert_ledger_adds_up()


def _is_free(world: LaneWorld) -> bool:
    """Whether nobody reads the shop now: who begins from here on sees the stop."""
    with holding(world.shop.store, f"intake:{WEBSHOP}") as lease:
        return lease is not None


@pytest.mark.endurance
def test_a_shop_that_may_not_be_told_anything_is_heard_all_the_same(sqlite_world: LaneWorld) -> None:
    world = sqlite_world
    with world.running():
        before = len(_told(world))
        _stop(world, "sending")
        world.sell(2)
        until(lambda: world.shown()[MAIN] == 40, "40 at bol")
        world.sell(1, account=MAIN)
        until(lambda: world.shop_world.demand("KEU-1001") == 3, "three pieces of demand")
        until(world.is_settled_of(MAIN), "bol confirmed")
        assert len(_told(world)) == before
        _typed(world, "go", WEBSHOP)
        until(lambda: world.shown()[WEBSHOP] == 39, "39 in the shop")
        until(world.is_settled_of(WEBSHOP), "that this is confirmed")
        assert len(_told(world)) == before + 1
    assert {state for state, _ in _deliveries(world)} == {"done"}


def _told(world: LaneWorld) -> list[dict[str, Any]]:
    """Every number of stock that was sent to the shop."""
    writes = world.sandbox.shopware.state(WEBSHOP)["writes"]
    return [write for write in writes if write["path"] == "/api/_action/sync"]
