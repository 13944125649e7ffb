"""Sales entries in the books: once each, whatever happens on the way."""

import multiprocessing
import threading
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from order_pipelines.operations.leases import holding
from order_pipelines.operations.tables import outbox
from order_pipelines.services.dispatch import Dispatched, dispatch_all
from order_pipelines.services.intake import reinterpret
from order_pipelines.services.planning import plan_all
from order_pipelines.services.shop import Shop
from order_pipelines_tests.services.dispatch_worker import plan_and_dispatch
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld

_SPAWN = multiprocessing.get_context("spawn")
_POST = {"system": "exact_online", "match": "salesentry/SalesEntries", "method": "POST"}


def _sold(world: ShopWorld, count: int = 1, *, account: str = MAIN, **wish: Any) -> list[str]:
    """Let orders come in and leave."""
    ids = [world.buy(account=account, **wish) for _ in range(count)]
    for order_id in ids:
        world.act(order_id, "ship", account)
    world.sweep(account)
    return ids


def _send(world: ShopWorld) -> Dispatched:
    plan_all(world.shop)
    return dispatch_all(world.shop)["sales_entry"]


def _references(world: ShopWorld) -> list[str]:
    return sorted(entry["your_ref"] for entry in world.entries())


def test_every_shipped_order_is_booked_once_to_the_cent(world: ShopWorld) -> None:
    script = {row.order_id: row for row in world.sandbox.world.demo_script()}
    world.sweep()
    world.sweep(OUTLET)

    done = _send(world)

    shipped = ["1043210001", "1043210008", "1043210009", "1087650005", "1087650014"]
    assert (done.confirmed, done.failed, done.in_doubt, done.left) == (5, 0, 0, 0)
    assert _references(world) == sorted(
        f"{'BOL' if order_id.startswith('104') else 'OUT'}-{order_id}" for order_id in shipped
    )
    for entry in world.entries():
        row = script[entry["your_ref"].split("-")[1]]
        assert entry["amount_fc"] == str(row.total_incl_vat)
        invoice = world.row("invoices", reference=entry["your_ref"])
        assert (invoice.state, invoice.entry_id) == ("booked", entry["entry_id"])
        assert str(invoice.vat_amount) == entry["vat_amount_fc"]
    assert {row.state for row in world.rows("outbox")} == {"confirmed"}
    assert dispatch_all(world.shop)["sales_entry"] == Dispatched()


@pytest.mark.parametrize(
    ("price", "net", "vat"), [(10.00, "8.26", "1.74"), (14.95, "12.36", "2.59"), (29.99, "24.79", "5.20")]
)
def test_prices_without_a_net_that_rounds_back_stand_in_the_books_as_paid(
    sqlite_world: ShopWorld, price: float, net: str, vat: str
) -> None:
    world = sqlite_world
    spoiled = {"replaced": {"orderItems.0.unitPrice": price, "orderItems.0.totalPrice": price}}
    _sold(world, malform=spoiled)
    _send(world)

    (entry,) = world.entries()
    (entry_line,) = entry["lines"]
    assert (entry["amount_fc"], entry["vat_amount_fc"]) == (f"{price:.2f}", vat)
    assert (entry_line["amount_fc"], entry_line["vat_amount_fc"]) == (net, vat)


def test_before_its_last_piece_left_an_order_is_in_no_book(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    order_id = world.buy(("KEU-1001", 2))
    world.sweep()
    _send(world)
    world.act(order_id, "ship", quantity=1)
    world.pass_time(minutes=2)
    world.sweep()
    _send(world)
    assert (world.entries(), world.rows("outbox")) == ([], [])

    world.act(order_id, "ship", quantity=1)
    world.pass_time(minutes=2)
    world.sweep()
    assert _send(world).confirmed == 1


def test_a_lost_answer_leaves_one_entry_that_is_found(world: ShopWorld) -> None:
    """Exact booked it and the connection broke before the answer: there is no idempotency key, only the search."""
    (order_id,) = _sold(world)
    world.fault("drop_reply_after_acting", **_POST)

    done = _send(world)
    assert (done.in_doubt, done.confirmed) == (1, 0)
    assert (world.row("outbox").state, world.row("invoices").state) == ("in_doubt", "in_doubt")
    assert dispatch_all(world.shop)["sales_entry"].confirmed == 0

    world.pass_time(minutes=3)
    done = dispatch_all(world.shop)["sales_entry"]
    assert (done.found, done.confirmed) == (1, 1)
    assert _references(world) == [f"BOL-{order_id}"]
    assert world.row("invoices").entry_id == world.entries()[0]["entry_id"]


@pytest.mark.parametrize("kind", ["500", "503"])
def test_a_breakdown_of_the_books_is_tried_again(sqlite_world: ShopWorld, kind: str) -> None:
    world = sqlite_world
    (order_id,) = _sold(world)
    world.fault(kind, **_POST)
    assert _send(world).in_doubt == 1
    assert world.entries() == []

    world.pass_time(minutes=3)
    done = dispatch_all(world.shop)["sales_entry"]
    assert (done.found, done.confirmed) == (0, 1)
    assert _references(world) == [f"BOL-{order_id}"]


def test_an_entry_that_the_search_shows_late_is_not_booked_twice(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    (order_id,) = _sold(world)
    world.fault("search_lag", **_POST, detail={"seconds": 100})
    world.fault("drop_reply_after_acting", **_POST)
    assert _send(world).in_doubt == 1

    for _ in range(8):
        world.pass_time(seconds=30)
        dispatch_all(world.shop)
    assert _references(world) == [f"BOL-{order_id}"]
    assert world.row("outbox").state == "confirmed"


def test_a_dispatcher_that_died_after_posting_is_not_repeated_at_once(sqlite_world: ShopWorld) -> None:
    """The row says sent, nobody knows more; the search may not show it yet."""
    world = sqlite_world
    (order_id,) = _sold(world)
    world.fault("search_lag", **_POST, detail={"seconds": 60})
    _send(world)
    with world.shop.store.transaction() as connection:
        connection.exec_driver_sql("update outbox set state = 'sent', confirmed_at = null")

    dispatch_all(world.shop)
    assert _references(world) == [f"BOL-{order_id}"]
    world.pass_time(minutes=3)
    assert dispatch_all(world.shop)["sales_entry"].found == 1
    assert _references(world) == [f"BOL-{order_id}"]


def test_a_refusal_of_the_books_is_kept_in_their_words_and_stops_no_other(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    _sold(world, 2)
    world.fault("500_json", **_POST, detail={"text": "Periode is afgesloten"})

    done = _send(world)

    assert (done.failed, done.confirmed) == (1, 1)
    failed = next(row for row in world.rows("outbox") if row.state == "failed")
    assert "Periode is afgesloten" in failed.reason
    assert world.row("invoices", invoice_key=failed.subject_key).state == "failed"
    world.pass_time(hours=2)
    assert dispatch_all(world.shop)["sales_entry"].confirmed == 0
    assert len(world.entries()) == 1


@pytest.mark.parametrize("kind", ["401", "403", "429"])
def test_when_the_books_refuse_the_account_everything_waits(sqlite_world: ShopWorld, kind: str) -> None:
    world = sqlite_world
    orders = _sold(world, 2)
    world.fault(kind, count=2, **_POST)

    done = _send(world)
    assert done.problems.keys() == {"exact"}
    assert (done.confirmed, done.failed) == (0, 0)
    assert {row.state for row in world.rows("outbox")} == {"pending"}
    world.clear_faults()
    world.pass_time(hours=2)
    assert dispatch_all(world.shop)["sales_entry"].confirmed == 2
    assert _references(world) == sorted(f"BOL-{order_id}" for order_id in orders)


def test_a_used_up_day_does_not_put_the_process_to_sleep(sqlite_world: ShopWorld) -> None:
    """The reset is at midnight UTC; the next round comes sooner and the lease is free for it."""
    world = sqlite_world
    _sold(world, 2)
    world.fault("429", **_POST, detail={"limit": "day"})
    done = _send(world)
    assert done.problems.keys() == {"exact"}
    world.clear_faults()
    assert "exact" in dispatch_all(world.shop)["sales_entry"].problems or done.left == 0
    with holding(world.shop.store, "dispatch:sales_entry:exact", ttl_s=1) as lease:
        assert lease is not None
    world.pass_time(hours=25)
    assert dispatch_all(world.shop)["sales_entry"].confirmed == 2


def test_an_entry_that_somebody_booked_by_hand_is_taken_over_or_shown(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    _sold(world, 2)
    plan_all(world.shop)
    dispatch_all(world.shop)
    first, second = world.rows("outbox")
    with world.shop.store.transaction() as connection:
        connection.exec_driver_sql("update outbox set state = 'pending'")
        other = second.payload | {"lines": [{**second.payload["lines"][0], "amount_excl_vat": "1.00"}]}
        connection.execute(
            outbox.update().where(outbox.c.effect_key == second.effect_key).values(payload=other)
        )
    done = dispatch_all(world.shop)["sales_entry"]

    assert done.found == 2
    states = {row.effect_key: (row.state, row.reason) for row in world.rows("outbox")}
    assert states[first.effect_key] == ("confirmed", None)
    assert states[second.effect_key][0] == "failed"
    assert "where 7.93 was planned" in (states[second.effect_key][1] or "")
    assert len(world.entries()) == 2


def test_two_processes_that_plan_and_send_at_once_book_each_order_once(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    orders = _sold(world, 4)
    with _SPAWN.Manager() as manager, ProcessPoolExecutor(2, mp_context=_SPAWN) as pool:
        barrier = manager.Barrier(2)
        futures = [pool.submit(plan_and_dispatch, str(world.path), barrier) for _ in range(2)]
        assert sum(future.result(90) for future in futures) == 4
    assert _references(world) == sorted(f"BOL-{order_id}" for order_id in orders)


def test_three_threads_that_send_at_once_book_each_order_once(world: ShopWorld) -> None:
    orders = _sold(world, 5)
    plan_all(world.shop)
    shops = [Shop.open(world.shop.settings) for _ in range(3)]
    threads = [threading.Thread(target=dispatch_all, args=(shop,)) for shop in shops]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    dispatch_all(world.shop)
    for shop in shops:
        shop.close()
    assert _references(world) == sorted(f"BOL-{order_id}" for order_id in orders)


def test_a_day_replayed_three_times_books_nothing_twice(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    world.sandbox.world.demo_script()
    world.sweep()
    _send(world)
    entries = _references(world)
    for _ in range(3):
        reinterpret(world.shop, [row.receipt_seq for row in world.rows("receipts")])
        world.pass_time(minutes=10)
        world.sweep(deep=True)
        assert _send(world).confirmed == 0
    assert _references(world) == entries
    assert max(Counter(entries).values()) == 1


def test_what_was_observed_is_never_sent_also_after_going_live(
    sqlite_world: ShopWorld,
) -> None:
    world = sqlite_world
    live = world.shop.settings
    observing = live.accounts[MAIN].model_copy(update={"mode": "observe"})
    world.shop.settings = live.model_copy(update={"accounts": {**live.accounts, MAIN: observing}})
    _sold(world)
    assert _send(world).confirmed == 0
    assert (world.row("outbox").state, world.row("outbox").mode) == ("on_hold", "observe")

    world.shop.settings = live
    (later,) = _sold(world)
    world.pass_time(hours=5)
    _send(world)
    assert _references(world) == [f"BOL-{later}"]


@pytest.mark.parametrize("which", [MAIN, "exact"])
def test_what_was_planned_live_is_not_sent_once_account_or_books_observe(
    sqlite_world: ShopWorld, which: str
) -> None:
    world = sqlite_world
    live = world.shop.settings
    _sold(world)
    plan_all(world.shop)
    observing = live.accounts[which].model_copy(update={"mode": "observe"})
    world.shop.settings = live.model_copy(update={"accounts": {**live.accounts, which: observing}})

    dispatch_all(world.shop)
    assert (world.entries(), world.row("outbox").state) == ([], "pending")
    world.shop.settings = live
    assert dispatch_all(world.shop)["sales_entry"].confirmed == 1


def test_a_day_is_one_entry_with_every_orders_own_vat(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    account = world.shop.settings.accounts[MAIN]
    daily = account.model_copy(update={"invoicing": account.invoicing.model_copy(update={"grouping": "day"})})
    accounts = {**world.shop.settings.accounts, MAIN: daily}
    world.shop.settings = world.shop.settings.model_copy(update={"accounts": accounts})
    _sold(world, 3)
    _send(world)
    assert world.entries() == []

    world.pass_time(hours=24)
    assert _send(world).confirmed == 1
    (entry,) = world.entries()
    assert entry["amount_fc"] == "119.85"
    assert entry["vat_amount_fc"] == "20.79"
    assert len(world.rows("invoice_orders")) == 3


def test_only_one_process_sends_for_an_account_at_a_time(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    _sold(world)
    with holding(world.shop.store, "dispatch:sales_entry:exact", ttl_s=60):
        done = _send(world)
    assert done.problems == {"exact": "another process sends for this account now"}
    assert (world.entries(), done.left) == ([], 1)
