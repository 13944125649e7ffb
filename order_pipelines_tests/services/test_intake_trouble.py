"""The other side fails in every way it knows: calls are repeated later, others go on, nothing is lost or done twice."""

from typing import Any

import pytest

from order_pipelines.services.intake import interpret_waiting, sweep_orders
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld, impatient

_LIST = "/retailer/orders?"
_DETAIL = "/retailer/orders/"


def _known(world: ShopWorld, account: str = MAIN) -> set[str]:
    return {row.external_order_id for row in world.rows("orders", account=account)}


@pytest.mark.parametrize(
    "kind", ["401", "403", "404", "406", "429", "500", "503", "not_json", "truncate_body"]
)
def test_a_listing_that_fails_stops_its_account_only_and_is_made_up_for(
    sqlite_world: ShopWorld, kind: str
) -> None:
    world = sqlite_world
    order_id = world.buy()
    other = world.buy(account=OUTLET)
    world.fault(kind, count=4, match=_LIST, account=MAIN)

    main, outlet = sweep_orders(world.shop, "bol")

    assert main.problem is not None
    assert MAIN in main.problem
    assert "/retailer/orders" in main.problem or kind == "401"
    assert main.retryable == (kind not in {"401", "403", "404", "406"})
    assert (outlet.problem, _known(world, OUTLET)) == (None, {other})
    assert _known(world) == set()
    cursor = world.row("cursors", account=MAIN)
    assert (cursor.complete_at, cursor.failed_since is not None) == (None, True)

    world.clear_faults()
    world.pass_time(minutes=5)
    assert world.sweep().problem is None
    assert _known(world) == {order_id}
    cursor = world.row("cursors", account=MAIN)
    assert (cursor.failed_since, cursor.reason) == (None, None)


@pytest.mark.parametrize("kind", ["404", "406", "500", "503"])
def test_a_detail_that_fails_waits_alone_and_is_read_later(sqlite_world: ShopWorld, kind: str) -> None:
    world = sqlite_world
    orders = [world.buy() for _ in range(4)]
    world.fault(kind, count=1, match=f"{_DETAIL}{orders[1]}")

    sweep = world.sweep()

    assert (sweep.problem, sweep.fetched, sweep.failed) == (None, 3, 1)
    assert _known(world) == {orders[0], orders[2], orders[3]}
    waiting = world.row("fetch_backlog")
    assert (waiting.external_id, waiting.attempts) == (orders[1], 1)
    assert kind in waiting.reason
    named = world.reasons(orders[1])
    assert (named == {}) == (kind in {"500", "503"})

    world.sweep()
    assert world.row("fetch_backlog").attempts == 1
    world.pass_time(seconds=31)
    assert world.sweep().failed == 0
    assert _known(world) == set(orders)
    assert world.rows("fetch_backlog") == []
    assert world.reasons(orders[1]) == {}
    assert world.demand("KEU-1001") == 4


@pytest.mark.parametrize("kind", ["401", "403", "429", "429_without_retry_after"])
def test_a_refusal_that_concerns_the_account_stops_it_and_keeps_what_was_read(
    sqlite_world: ShopWorld, kind: str
) -> None:
    world = sqlite_world
    orders = sorted(world.buy() for _ in range(4))
    world.fault(kind, count=2, match=f"{_DETAIL}{orders[2]}")

    sweep = world.sweep()

    assert sweep.problem is not None
    assert sweep.fetched == 2
    assert _known(world) == set(orders[:2])
    assert {row.external_id for row in world.rows("fetch_backlog")} == set(orders[2:])

    world.clear_faults()
    world.pass_time(minutes=2)
    assert world.sweep().problem is None
    assert _known(world) == set(orders)


@pytest.mark.parametrize(
    ("kind", "detail"), [("not_json", {}), ("truncate_body", {"honest_length": True}), ("truncate_body", {})]
)
def test_a_body_that_breaks_is_kept_with_its_reason_and_the_order_is_read_again(
    sqlite_world: ShopWorld, kind: str, detail: dict[str, Any]
) -> None:
    world = sqlite_world
    orders = sorted(world.buy() for _ in range(3))
    world.fault(kind, match=f"{_DETAIL}{orders[2]}", detail=detail)

    world.sweep()

    assert _known(world) == set(orders[:2])
    kept = [row for row in world.rows("receipts") if row.external_id == orders[2]]
    if kind == "not_json" or detail:
        assert [row.state for row in kept] == ["rejected"]
        assert list(world.reasons(orders[2])) == ["not_json" if kind == "not_json" else "truncated"]
    else:
        assert kept == []
    world.pass_time(seconds=40)
    world.sweep()
    assert _known(world) == set(orders)
    assert world.reasons(orders[2]) == {}
    assert world.demand("KEU-1001") == 3


def test_a_hang_costs_one_timeout_and_the_next_sweep_goes_on(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    world.shop.settings = impatient(world.shop.settings)
    orders = [world.buy() for _ in range(3)]
    other = world.buy(account=OUTLET)
    world.fault("hang", match=_DETAIL, account=MAIN)

    main, outlet = sweep_orders(world.shop, "bol")

    assert main.problem is not None
    assert "answer too slow" in main.problem
    assert main.retryable
    assert (outlet.problem, _known(world, OUTLET)) == (None, {other})
    world.pass_time(seconds=31)
    assert world.sweep().problem is None
    assert _known(world) == set(orders)


def test_an_order_that_always_fails_keeps_no_other_waiting(sqlite_world: ShopWorld) -> None:
    """Its connection breaks at every attempt, it sorts first, and it is listed anew at every sweep."""
    world = sqlite_world
    bad, *good = sorted(world.buy() for _ in range(4))
    world.fault("drop_reply_after_acting", rate=1.0, match=f"{_DETAIL}{bad}")

    for _ in range(3):
        world.sweep()
        world.pass_time(minutes=5)

    assert _known(world) == set(good)
    assert world.row("fetch_backlog").attempts == 3
    world.clear_faults()
    world.pass_time(hours=1)
    world.sweep()
    assert _known(world) == {bad, *good}


def test_an_account_whose_secret_is_missing_is_named_and_the_other_goes_on(
    sqlite_world: ShopWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = sqlite_world
    world.buy()
    order_id = world.buy(account=OUTLET)
    monkeypatch.delenv("BOL_MAIN_SECRET")

    main, outlet = sweep_orders(world.shop, "bol")

    assert main.problem == (
        "accounts.bol_main.secrets.client_secret: environment variable BOL_MAIN_SECRET is not set; "
        "set it and try again"
    )
    assert not main.retryable
    assert (outlet.problem, _known(world, OUTLET)) == (None, {order_id})


def test_a_renamed_field_in_every_body_puts_orders_in_quarantine_and_later_they_come_out(
    sqlite_world: ShopWorld,
) -> None:
    """bol renames a member overnight: nothing is lost, and a repaired mapping reads the stored bodies again."""
    world = sqlite_world
    orders = [world.buy(("KEU-1001", 1), ("KEU-1002", 1)) for _ in range(3)]
    world.fault("renamed_field", count=3, match=_DETAIL)

    sweep = world.sweep()

    assert sweep.booked.orders_quarantined == 3
    for order_id in orders:
        assert list(world.reasons(order_id)) == ["missing_field"]
    assert world.demand("KEU-1001") == 0
    assert world.demand("KEU-1002") == 3
    assert {row.state for row in world.rows("receipts")} == {"interpreted"}


def test_only_one_process_reads_an_account_at_a_time(sqlite_world: ShopWorld) -> None:
    from order_pipelines.operations.leases import holding

    world = sqlite_world
    world.buy()
    with holding(world.shop.store, f"intake:{MAIN}", ttl_s=60):
        sweep = world.sweep()
    assert sweep.problem == "another process reads this account now"
    assert (world.rows("receipts"), world.rows("cursors")) == ([], [])
    assert world.sweep().fetched == 1


def test_one_token_serves_a_whole_day_of_sweeps(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    for _ in range(5):
        world.buy()
        world.sweep()
    state = world.bol()
    assert [row["status"] for row in state["token_requests"]] == [200]
    assert state["token_violations"] == []


def test_an_expired_token_is_replaced_in_the_middle_of_a_sweep(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    orders = sorted(world.buy() for _ in range(3))
    world.fault("expire_token", match=f"{_DETAIL}{orders[1]}")

    assert world.sweep().problem is None
    assert _known(world) == set(orders)
    assert len(world.bol()["token_requests"]) == 2


def test_interpreting_twice_at_once_books_once(world: ShopWorld) -> None:
    import threading

    order_id = world.buy(("KEU-1001", 2))
    world.sweep()
    with world.shop.store.transaction() as connection:
        connection.exec_driver_sql("update receipts set state = 'received'")
    threads = [threading.Thread(target=interpret_waiting, args=(world.shop, "bol")) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert world.demand("KEU-1001") == 2
    assert world.order(order_id).order_status == "open"
    world.assert_ledger_adds_up()
