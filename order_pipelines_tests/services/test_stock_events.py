"""What became of every number: one row for each thing that happened to it, in the order in which it happened."""

from contextlib import suppress
from datetime import timedelta

import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.operations.ledger import Ledger
from order_pipelines.operations.tables import channel_stock_events, cursors
from order_pipelines.services.desired_stock import refresh_desired
from order_pipelines.services.stock_events import purge_events
from order_pipelines.services.stock_push import push_account, read_back, release_stock
from order_pipelines_tests.services.pushed_stock import many_products_at_zero, offer_row, read_everything
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld

SKU = "KEU-1005"


def _events(world: ShopWorld, sku: str = SKU, account: str = MAIN) -> list[tuple[str, int | None, int]]:
    return [
        (row.kind, row.quantity, row.version)
        for row in world.rows("channel_stock_events", account=account, sku=sku)
    ]


def test_a_number_is_desired_sent_confirmed_and_read_back(world: ShopWorld) -> None:
    read_everything(world)
    world.count(SKU, 10)
    before = len(_events(world))
    version = offer_row(world, SKU).desired_version
    push_account(world.shop, MAIN)
    read_back(world.shop, MAIN, limit=1000)
    read_back(world.shop, MAIN, limit=1000)

    assert _events(world)[before - 1 :] == [
        ("desired", 10, version),
        ("sent", 10, version),
        ("confirmed", 10, version),
        ("read_back", 10, version),
    ]
    seqs = [row.event_seq for row in world.rows("channel_stock_events")]
    assert seqs == sorted(set(seqs))
    assert world.row("counters", name="stock_event_seq").value == seqs[-1]


def test_a_number_that_another_hand_changed_is_read_back_and_repaired(listed: ShopWorld) -> None:
    world = listed
    world.count(SKU, 10)
    push_account(world.shop, MAIN)
    version = offer_row(world, SKU).confirmed_version
    offer_id = world.bol_offer(SKU)["offer_id"]
    world.sandbox.bol.desk(MAIN).shop.offers[offer_id].amount = 25
    read_back(world.shop, MAIN, limit=1000)
    push_account(world.shop, MAIN)

    assert _events(world)[-4:] == [
        ("read_back", 25, version),
        ("repaired", 10, version + 1),
        ("sent", 10, version + 1),
        ("confirmed", 10, version + 1),
    ]


def test_what_the_brake_holds_is_noted_with_its_reason_and_released_by_a_person(listed: ShopWorld) -> None:
    world = listed
    push_account(world.shop, MAIN)
    skus = many_products_at_zero(world, 10)
    push_account(world.shop, MAIN)
    push_account(world.shop, MAIN)
    held = world.rows("channel_stock_events", account=MAIN, kind="held")
    assert sorted(row.sku for row in held) == sorted(skus)
    assert {row.quantity for row in held} == {0}
    assert all("offers would go to zero at once" in (row.reason or "") for row in held)

    assert release_stock(world.shop, MAIN) == 10
    released = world.rows("channel_stock_events", account=MAIN, kind="released")
    assert sorted(row.sku for row in released) == sorted(skus)


def test_a_raise_that_waits_for_orders_to_be_read_is_noted_once_a_version(listed: ShopWorld) -> None:
    world = listed
    world.count(SKU, 10)
    push_account(world.shop, MAIN)
    world.count(SKU, 30, ago_h=1)
    with world.shop.store.transaction() as connection:
        connection.execute(
            sa.update(cursors)
            .where(cursors.c.stream == "orders", cursors.c.account == OUTLET)
            .values(complete_at=clock.now() - timedelta(hours=5))
        )
    for _ in range(3):
        assert push_account(world.shop, MAIN).held >= 1
    assert [event for event in _events(world) if event[0] == "held"] == [
        ("held", 30, offer_row(world, SKU).desired_version)
    ]
    assert world.bol_offer(SKU)["amount"] == 10


def test_what_is_rejected_and_what_is_in_doubt_says_so(listed: ShopWorld) -> None:
    world = listed
    world.count(SKU, 10)
    push_account(world.shop, MAIN)
    offer_id = offer_row(world, SKU).offer_id
    world.count(SKU, 9, ago_h=2)
    world.fault("404", method="PATCH", match=offer_id)
    push_account(world.shop, MAIN)
    last = world.rows("channel_stock_events", account=MAIN, sku=SKU)[-1]
    assert (last.kind, last.quantity) == ("rejected", 9)
    assert "404" in (last.reason or "")

    world.clear_faults()
    world.count(SKU, 8, ago_h=1)
    world.fault("drop_reply_after_acting", method="PATCH", match=offer_id)
    push_account(world.shop, MAIN)
    read_back(world.shop, MAIN, limit=1000)
    version = offer_row(world, SKU).desired_version
    assert _events(world)[-4:] == [
        ("sent", 8, version),
        ("in_doubt", 8, version),
        ("read_back", 8, version - 2),
        ("confirmed", 8, version),
    ]


def test_a_change_that_is_rolled_back_leaves_no_event(listed: ShopWorld) -> None:
    world = listed
    before = _events(world)
    with suppress(ZeroDivisionError), world.shop.store.transaction() as connection:
        ledger = Ledger(connection)
        ledger.count((SKU, "main"), 3, clock.now(), cause="count")
        assert refresh_desired(connection, world.shop.settings, ledger.flush(10**9)) > 0
        raise ZeroDivisionError
    assert _events(world) == before


def test_old_events_go_and_the_newest_of_each_kind_before_them_stays(world: ShopWorld) -> None:
    read_everything(world)
    world.count(SKU, 10)
    push_account(world.shop, MAIN)
    world.count(SKU, 9, ago_h=2)
    push_account(world.shop, MAIN)
    kept = _events(world)[-3:]
    world.pass_time(days=500)
    world.count(SKU, 8, ago_h=1)
    deleted = purge_events(world.shop.store, older_than_days=400)

    assert deleted > 0
    assert _events(world) == [*kept, ("desired", 8, offer_row(world, SKU).desired_version)]
    assert purge_events(world.shop.store, older_than_days=400) == 0
    with world.shop.store.reading() as connection:
        oldest = connection.execute(sa.select(sa.func.min(channel_stock_events.c.happened_at))).scalar()
    assert oldest is not None
