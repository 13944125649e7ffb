"""A stopped account sends nothing from the next call on, in any process; what is planned goes when it may go on."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest
import requests

from order_pipelines import clock
from order_pipelines.domain.orders import ShipmentLine
from order_pipelines.errors import ConfigurationError
from order_pipelines.services import audit
from order_pipelines.services.account_stops import all_stops, let_account_go, stop_account
from order_pipelines.services.dispatch import dispatch_all
from order_pipelines.services.explain_stock import explain_stock
from order_pipelines.services.house_watch import look_after
from order_pipelines.services.planning import plan_all
from order_pipelines.services.rate_blocks import SharedBudget
from order_pipelines.services.report_brakes import brake_notices
from order_pipelines.services.shipping import match_shipments, note_shipment_lines
from order_pipelines.services.stock_push import push_account, read_back, refresh_offers
from order_pipelines_tests.services.dispatch_worker import push_stock
from order_pipelines_tests.services.pushed_stock import offer_row, patches, read_everything
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld

pytestmark = pytest.mark.long_on_postgresql

_SPAWN = multiprocessing.get_context("spawn")
WHY = "prices are being repaired"


def _stop(world: ShopWorld, word: str = "sending", account: str = MAIN) -> list[str]:
    return stop_account(world.shop.store, account, word, WHY, by=audit.decided_by("TICKET-9"))


def test_a_stopped_account_is_told_nothing_and_then_the_newest_number_once(world: ShopWorld) -> None:
    read_everything(world)
    push_account(world.shop, MAIN)
    writes = len(patches(world))
    assert _stop(world) == ["stock", "effects"]
    for pieces in (30, 20, 10):
        world.count("KEU-1005", pieces, ago_h=0)
        push = push_account(world.shop, MAIN)
        assert push.is_stopped
        assert push.problem is not None
        assert push.problem.startswith("bol_main was stopped by a person at ")
        # What a person typed as the reason is free text: it stays out of logs and of Dagster.
        assert push.problem.endswith(" UTC: stock is not sent until 'order-pipelines account go bol_main'")
        assert (push.due, push.confirmed) == (1, 0)
    assert len(patches(world)) == writes
    # Reading goes on, and no other account is touched.
    assert read_back(world.shop, MAIN) == 0
    assert refresh_offers(world.shop, MAIN).problem is None
    assert world.sweep(MAIN).problem is None
    assert push_account(world.shop, OUTLET).problem is None
    assert world.bol_offer("KEU-1005", OUTLET)["amount"] == 10
    assert len(patches(world)) == writes

    assert let_account_go(world.shop.store, MAIN, "all", by=audit.decided_by(None)) == ["stock", "effects"]
    assert push_account(world.shop, MAIN).confirmed == 1
    assert push_account(world.shop, MAIN).due == 0
    assert [amount for _, amount in patches(world)[writes:]] == [10]


def test_a_stop_takes_hold_between_two_calls_of_a_push_under_way(
    listed: ShopWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person stops the account while a push of forty-odd numbers is at its third: no fourth call is made."""
    world = listed
    sent = requests.Session.send

    def counting(
        self: requests.Session, request: requests.PreparedRequest, **more: object
    ) -> requests.Response:
        answer = sent(self, request, **more)  # type: ignore[arg-type]
        if request.method == "PATCH" and len(patches(world)) == 3 and not _stopped(world):
            _stop(world, "stock")
        return answer

    monkeypatch.setattr(requests.Session, "send", counting)
    push = push_account(world.shop, MAIN)
    assert (push.is_stopped, push.is_cut_short, push.confirmed) == (True, False, 3)
    assert len(patches(world)) == 3
    assert [row.kind for row in world.rows("channel_stock_events", account=MAIN)].count("sent") == 3


def _stopped(world: ShopWorld) -> bool:
    with world.shop.store.reading() as connection:
        return bool(all_stops(connection))


def test_another_process_is_stopped_too_and_goes_on_without_a_restart(world: ShopWorld) -> None:
    read_everything(world)
    push_account(world.shop, MAIN)
    writes = len(patches(world))
    world.count("KEU-1005", 12, ago_h=0)
    _stop(world)
    with ProcessPoolExecutor(1, mp_context=_SPAWN) as pool:
        settled = pool.submit(push_stock, str(world.path), MAIN).result(100)
        assert settled == (0, True)
        assert len(patches(world)) == writes
        let_account_go(world.shop.store, MAIN, "all")
        assert pool.submit(push_stock, str(world.path), MAIN).result(100) == (1, False)
        assert pool.submit(push_stock, str(world.path), MAIN).result(100) == (0, False)
    assert [amount for _, amount in patches(world)[writes:]] == [12]


def _leave(world: ShopWorld) -> str:
    """Let one of three ordered pieces leave; its announcement is planned."""
    order_id = world.buy(("KEU-1001", 3))
    world.sweep()
    line = ShipmentLine(order_id, 1, clock.now(), sku="KEU-1001", carrier="PostNL", tracking="3S1", row=2)
    with world.shop.store.transaction() as connection:
        note_shipment_lines(connection, MAIN, "parcels", [line], 0)
    assert match_shipments(world.shop).lines == 1
    plan_all(world.shop)
    return order_id


def test_parcels_of_a_stopped_account_wait_and_are_announced_once(world: ShopWorld) -> None:
    order_id = _leave(world)
    _stop(world)
    before = len(world.writes())

    done = dispatch_all(world.shop)["channel_shipment"]

    assert (done.confirmed, done.accepted, done.left, done.stopped) == (0, 0, 1, {MAIN})
    assert "nothing else is sent until" in done.problems[MAIN]
    assert len(world.writes()) == before
    row = world.row("outbox", kind="channel_shipment")
    assert (row.state, row.attempts) == ("pending", 0)

    let_account_go(world.shop.store, MAIN, "sending")
    for _ in range(3):
        dispatch_all(world.shop)
        world.pass_time(seconds=5)
    assert world.row("outbox", kind="channel_shipment").state == "confirmed"
    assert [write["path"] for write in world.writes()[before:]] == ["/retailer/shipments"]
    assert world.bol_order(order_id)["items"][0]["quantity_shipped"] == 1


def test_stock_alone_can_be_stopped_while_parcels_go_on(listed: ShopWorld) -> None:
    world = listed
    _leave(world)
    _stop(world, "stock")
    done = dispatch_all(world.shop)["channel_shipment"]
    assert (done.problems, done.accepted) == ({}, 1)
    push = push_account(world.shop, MAIN)
    assert (push.is_stopped, patches(world)) == (True, [])


def test_a_stop_while_a_number_waits_for_its_turn_keeps_it_back(
    listed: ShopWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mirakl takes one file of stock a minute: that long a number may have been written down as sent."""
    world = listed
    push_account(world.shop, MAIN)
    told = len(patches(world))
    before = offer_row(world, "KEU-1005")
    world.count("KEU-1005", 12, ago_h=0)
    wait = SharedBudget.wait

    def stopped_meanwhile(self: SharedBudget, group: str, **more: Any) -> None:
        wait(self, group, **more)
        _stop(world)

    with monkeypatch.context() as patched:
        patched.setattr(SharedBudget, "wait", stopped_meanwhile)
        push = push_account(world.shop, MAIN)
    assert (push.is_stopped, push.confirmed, push.accepted, push.in_doubt) == (True, 0, 0, 0)
    assert len(patches(world)) == told
    row = offer_row(world, "KEU-1005")
    assert (row.state, row.attempts, row.desired_quantity) == ("pending", 0, 12)
    assert (row.sent_quantity, row.sent_version) == (before.sent_quantity, before.sent_version)

    let_account_go(world.shop.store, MAIN, "all")
    for _ in range(2):
        push_account(world.shop, MAIN)
    assert [amount for _, amount in patches(world)[told:]] == [12]


def test_a_stop_of_reading_takes_hold_within_a_sweep_and_loses_nothing(
    world: ShopWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    bought = {world.buy(("KEU-1001", 1)) for _ in range(3)}
    sent, read = requests.Session.send, []

    def send(self: requests.Session, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        answer = sent(self, request, **more)
        name = str(request.url).rpartition("/")[2]
        if name in bought:
            read.append(name)
            if len(read) == 1:
                _stop(world, "orders")
        return answer

    monkeypatch.setattr(requests.Session, "send", send)
    sweep = world.sweep()
    assert (sweep.is_stopped, sweep.fetched, sweep.failed, sweep.booked.orders_new) == (True, 1, 0, 1)
    assert "orders are not read until" in (sweep.problem or "")
    assert [row.external_order_id for row in world.rows("orders")] == read
    assert [(row.attempts, row.reason) for row in world.rows("fetch_backlog")] == [(0, None)] * 2
    cursor = world.row("cursors", account=MAIN, stream="orders")
    assert (cursor.complete_at, cursor.failed_since, cursor.reason) == (None, None, None)

    assert (world.sweep().is_stopped, len(read)) == (True, 1)
    let_account_go(world.shop.store, MAIN, "orders")
    assert (world.sweep().problem, len(world.rows("orders"))) == (None, 3)
    assert set(read) == bought


def test_orders_are_not_read_only_when_that_is_stopped_as_well(world: ShopWorld) -> None:
    _stop(world, "all")
    world.buy(("KEU-1005", 1))
    sweep = world.sweep(MAIN)
    assert (sweep.is_stopped, sweep.listed, world.demand("KEU-1005")) == (True, 0, 0)
    assert sweep.problem is not None
    assert "orders are not read until" in sweep.problem
    assert world.rows("cursors", account=MAIN, stream="orders") == []
    let_account_go(world.shop.store, MAIN, "orders")
    assert world.sweep(MAIN).problem is None
    assert world.demand("KEU-1005") == 1
    with world.shop.store.reading() as connection:
        assert [stop.what for stop in all_stops(connection)] == ["effects", "stock"]


def test_stops_are_in_the_log_without_their_reason(world: ShopWorld) -> None:
    _stop(world, "stock")
    assert _stop(world, "stock") == []
    _stop(world, "all")
    let_account_go(world.shop.store, MAIN, "stock", by=audit.decided_by("SHIFT-2"))
    let_account_go(world.shop.store, MAIN, "all", by=audit.decided_by("SHIFT-2"))
    assert let_account_go(world.shop.store, MAIN, "all") == []
    rows = [row for row in world.rows("audit_log") if row.kind in {"stop_account", "go_account"}]
    assert [(row.kind, row.account, row.value_before, row.value_after, row.decided_by) for row in rows] == [
        ("stop_account", MAIN, None, "stock", "command: TICKET-9"),
        ("stop_account", MAIN, "stock", "effects, orders, stock", "command: TICKET-9"),
        ("go_account", MAIN, "effects, orders, stock", "effects, orders", "command: SHIFT-2"),
        ("go_account", MAIN, "effects, orders", None, "command: SHIFT-2"),
    ]


@pytest.mark.parametrize("reason", ["", "  \n ", "x" * 301, "a\x1b[2Jb"])
def test_a_stop_needs_a_reason_that_can_be_read(sqlite_world: ShopWorld, reason: str) -> None:
    with pytest.raises(ConfigurationError, match="--reason"):
        stop_account(sqlite_world.shop.store, MAIN, "stock", reason)
    assert sqlite_world.rows("account_stops") == []


def test_a_stop_is_told_wherever_somebody_looks(listed: ShopWorld) -> None:
    world = listed
    push_account(world.shop, MAIN)
    _stop(world)
    world.count("KEU-1005", 12, ago_h=0)
    with world.shop.store.reading() as connection:
        answer = explain_stock(connection, world.shop.settings, MAIN, "KEU-1005")
        other = explain_stock(connection, world.shop.settings, OUTLET, "KEU-1005")
        notices = brake_notices(connection, world.shop.settings)
    assert "is desired" in answer.verdict
    assert "not sent: bol_main was stopped by a person at " in answer.verdict
    assert WHY in answer.verdict
    assert "stopped" not in other.verdict
    assert [(notice.text, notice.anchor) for notice in notices] == [("bol_main is stilgezet", "voorraad")]
    (concern,) = [
        one for one in look_after(world.shop.store, world.shop.settings) if one.key.startswith("stopped")
    ]
    assert (concern.key, concern.severity, concern.message) == (
        "stopped:bol_main",
        "warning",
        "bol_main was stopped by a person (effects, stock); 'order-pipelines account go bol_main' ends it",
    )
    assert offer_row(world, "KEU-1005").state == "pending"
    let_account_go(world.shop.store, MAIN, "all")
    look_after(world.shop.store, world.shop.settings)
    assert world.row("alerts", alert_key="stopped:bol_main").resolved_at is not None
