"""The lane at work: what a shop pushes or a poll finds is everywhere, once, whatever one account does to the others."""

import threading
from functools import partial

import pytest

from order_pipelines.sandbox.standin import Fault
from order_pipelines.services.reservations import Item, reserve
from order_pipelines.services.stock_push import push_account
from order_pipelines_tests.live.lane_world import BLOKKER, CHANNELS, WEBSHOP, LaneWorld, message, until
from order_pipelines_tests.services.shop_world import MAIN, OUTLET

pytestmark = pytest.mark.long_on_postgresql

ALL_42 = {MAIN: 42, OUTLET: 42, BLOKKER: 42, WEBSHOP: 42}


def _amounts(world: LaneWorld, account: str, sku: str = "KEU-1001") -> list[int]:
    """Every number that bol was told of an article, in order."""
    offer_id = world.shop_world.bol_offer(sku, account)["offer_id"]
    return [
        write["body"]["stock"]["amount"]
        for write in world.shop_world.writes(account)
        if write["method"] == "PATCH" and write["path"].endswith(offer_id) and write["status"] == 204
    ]


def _shows(world: LaneWorld, account: str, pieces: int) -> bool:
    return world.shown()[account] == pieces


def _a_minute_later(world: LaneWorld) -> None:
    """Mirakl takes one file a minute."""
    world.shop_world.pass_time(seconds=61)


def test_a_sale_that_the_shop_pushes_shows_at_every_other_channel(world: LaneWorld) -> None:
    with world.running():
        _a_minute_later(world)
        until(lambda: world.shown() == ALL_42, "42 everywhere")
        # Nothing but the push can bring it: no poll comes within the hour.
        world.live(poll_seconds=3600, fast_poll_seconds=3600)
    with world.door(is_started=True) as running:
        world.register(running.url)
        until(lambda: running.lane.lanes[WEBSHOP].polled_at, "the first poll")
        _a_minute_later(world)
        order_id = world.sell(2)
        until(lambda: world.shown() == dict.fromkeys(CHANNELS, 40), "40 everywhere")
    assert {row.arrived_by for row in world.rows("receipts", external_id=order_id)} == {"webhook"}
    assert {row.state for row in world.rows("webhook_deliveries")} == {"done"}
    assert world.shop_world.demand("KEU-1001") == 2
    world.shop_world.assert_ledger_adds_up()


@pytest.mark.endurance
def test_a_sale_that_a_poll_finds_shows_at_the_others(sqlite_world: LaneWorld) -> None:
    with sqlite_world.running():
        sqlite_world.sell(3, account=MAIN)
        until(lambda: sqlite_world.shown()[OUTLET] == 39, "39 at the outlet")
        until(lambda: sqlite_world.shown()[WEBSHOP] == 39, "39 in the shop")
    assert sqlite_world.shop_world.demand("KEU-1001") == 3


def test_pushes_twice_late_and_never_are_one_sale_each(world: LaneWorld) -> None:
    with world.running():
        faults = world.sandbox.shopware.faults
        faults.add(Fault("duplicate_webhook", count=3))
        faults.add(Fault("reorder_webhook", count=2))
        faults.add(Fault("lost_webhook", count=1))
        orders = [world.sell(1) for _ in range(6)]
        until(lambda: world.shop_world.demand("KEU-1001") == 6, "six pieces of demand")
        until(lambda: world.shown()[MAIN] == 36, "36 at bol")
    assert len(world.rows("orders", account=WEBSHOP)) == len(orders)
    world.shop_world.assert_ledger_adds_up()


@pytest.mark.endurance
def test_a_push_of_an_order_that_is_not_there_lists_what_changed(sqlite_world: LaneWorld) -> None:
    with sqlite_world.running():
        sqlite_world.live(poll_seconds=3600, fast_poll_seconds=3600)
    with sqlite_world.door(is_started=True) as running:
        until(lambda: running.lane.lanes[WEBSHOP].polled_at, "the first poll")
        order_id = sqlite_world.sell(1)
        assert running.push(message("8" * 32, event_id="unknown")) == 204
        until(lambda: sqlite_world.rows("orders", external_order_id=order_id), "the order of the listing")
        (row,) = until(lambda: sqlite_world.rows("webhook_deliveries", state="done"), "the push done")
    assert row.reason == "changes listed"


def test_a_booking_of_another_process_is_pushed_by_the_one_that_serves_the_account(world: LaneWorld) -> None:
    with world.running():
        other = world.asked_again()
        other.shop_world.count("KEU-1001", 7, ago_h=0)
        until(lambda: world.shown()[MAIN] == 7, "7 at bol")
        until(lambda: world.shown()[WEBSHOP] == 7, "7 in the shop")
        other.shop.close()


@pytest.mark.endurance
def test_many_changes_are_told_as_one_number_the_newest(sqlite_world: LaneWorld) -> None:
    """While one call is answered slowly, twenty bookings pass; the next call carries the last number only."""
    with sqlite_world.running():
        before = len(_amounts(sqlite_world, MAIN))
        sqlite_world.sandbox.bol.faults.add(Fault("latency", seconds=3.0, count=1, match="/offers/"))
        for pieces in range(41, 20, -1):
            sqlite_world.shop_world.count("KEU-1001", pieces, ago_h=0)
        until(lambda: sqlite_world.shown()[MAIN] == 21, "21 at bol")
        until(sqlite_world.is_settled_of(MAIN), "everything confirmed")
    told = _amounts(sqlite_world, MAIN)[before:]
    assert told[-1] == 21
    assert told == sorted(told, reverse=True)
    assert len(told) < 21


@pytest.mark.endurance
@pytest.mark.slow
def test_an_account_that_hangs_delays_no_other(sqlite_world: LaneWorld) -> None:
    with sqlite_world.running():
        hanging = Fault("hang", count=None, account=MAIN)
        sqlite_world.sandbox.bol.faults.add(hanging)
        try:
            sqlite_world.shop_world.count("KEU-1001", 30, ago_h=0)
            until(lambda: sqlite_world.shown()[OUTLET] == 30, "30 at the outlet")
            sqlite_world.sell(1)
            until(lambda: sqlite_world.shown()[OUTLET] == 29, "29 at the outlet")
            assert sqlite_world.shown()[MAIN] == 42
        finally:
            sqlite_world.sandbox.bol.faults.clear()
        until(lambda: sqlite_world.shown()[MAIN] == 29, "29 at the one that hung")


@pytest.mark.endurance
@pytest.mark.slow
def test_an_account_that_refuses_is_left_alone_and_tried_again(sqlite_world: LaneWorld) -> None:
    with sqlite_world.running() as running:
        lane = running.lane.lanes[OUTLET]
        sqlite_world.sandbox.bol.faults.add(Fault("503", count=None, account=OUTLET))
        until(lambda: lane.reading.state == "open", "the breaker of the outlet")
        status, page = running.health()
        # One account that is ill makes no instance ill.
        assert (status, page["status"], page["accounts"][MAIN]["reading"]) == (200, "ready", "closed")
        sqlite_world.sell(1, account=MAIN)
        until(lambda: sqlite_world.shown()[WEBSHOP] == 41, "41 in the shop")
        sqlite_world.sandbox.bol.faults.clear()
        until(lambda: sqlite_world.shown()[OUTLET] == 41, "41 at the outlet again")
        until(lambda: lane.reading.state == "closed", "the breaker closed again")


@pytest.mark.endurance
def test_clocks_that_jump_stop_nothing(sqlite_world: LaneWorld) -> None:
    with sqlite_world.running():
        for left, hours in ((41, 3), (40, -3), (39, -5), (38, 5)):
            sqlite_world.shop_world.pass_time(hours=hours)
            sqlite_world.sell(1)
            until(partial(_shows, sqlite_world, MAIN, left), f"{left} at bol")
            until(partial(_shows, sqlite_world, OUTLET, left), f"{left} at the outlet")


def test_a_cart_is_held_from_the_other_channels_and_freed_by_itself(sqlite_world: LaneWorld) -> None:
    settings = sqlite_world.shop.settings
    web = settings.accounts[WEBSHOP]
    policy = web.reservations.model_copy(update={"enabled": True, "ttl_minutes": 30})
    accounts = {**settings.accounts, WEBSHOP: web.model_copy(update={"reservations": policy})}
    sqlite_world.shop.settings = settings.model_copy(update={"accounts": accounts})
    with sqlite_world.running():
        reserve(sqlite_world.shop, WEBSHOP, "cart", [Item("KEU-1001", 5)], shopper="anna")
        until(lambda: sqlite_world.shown()[MAIN] == 37, "37 at bol")
        assert sqlite_world.shown()[WEBSHOP] == 42
        sqlite_world.shop_world.pass_time(minutes=31)
        until(lambda: sqlite_world.shown()[MAIN] == 42, "42 at bol again")


@pytest.mark.endurance
def test_a_schedule_beside_the_lane_does_nothing_twice(world: LaneWorld) -> None:
    """Sweeps and pushes of another process at the same time: one number once at each channel."""
    with world.running():
        other = world.asked_again()
        stopping = threading.Event()

        def schedule() -> None:
            while not stopping.is_set():
                for account in (MAIN, OUTLET, WEBSHOP):
                    other.shop_world.sweep(account)
                    push_account(other.shop, account)

        thread = threading.Thread(target=schedule)
        thread.start()
        try:
            for _ in range(4):
                world.sell(1)
                world.sell(1, account=MAIN)
            until(lambda: world.shop_world.demand("KEU-1001") == 8, "eight pieces of demand")
            until(lambda: world.shown()[OUTLET] == 34, "34 at the outlet")
        finally:
            stopping.set()
            thread.join()
            other.shop.close()
    assert len(world.rows("orders")) == 8
    told = _amounts(world, OUTLET)
    # bol's first number is its own: 42 is told at most once, and none is repeated.
    assert told == sorted(set(told), reverse=True)
    world.shop_world.assert_ledger_adds_up()


def test_health_says_who_serves_what_and_names_nobody(sqlite_world: LaneWorld) -> None:
    with sqlite_world.door() as door:
        assert door.health()[0] == 503
    with sqlite_world.running() as running:
        status, page = running.health()
        assert (status, page["status"], page["store"], page["dead_workers"]) == (200, "ready", "answers", [])
        assert sorted(page["accounts"]) == sorted(CHANNELS)
        for account in page["accounts"].values():
            assert account["served_by"] == "this instance"
            assert (account["reading"], account["writing"], account["is_failing"]) == (
                "closed",
                "closed",
                False,
            )
            assert account["orders_complete_at"] is not None
        lane = running.lane
    assert lane.health()[1]["status"] == "stopping"
