"""Orders in over HTTP: all of them, once, as they are, and nothing lost on the way."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.operations import inbox
from order_pipelines.operations.tables import receipts
from order_pipelines.services.intake import interpret_waiting, reinterpret, sweep_account, sweep_orders
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld


def _payloads(world: ShopWorld, account: str) -> dict[str, dict[str, Any]]:
    """The newest body of every order as it was received."""
    found = {}
    with world.shop.store.reading() as connection:
        for row in connection.execute(
            sa.select(receipts).where(receipts.c.account == account).order_by(receipts.c.receipt_seq)
        ):
            found[row.external_id] = orjson.loads(inbox.body_of(connection, row.content_hash))
    return found


def test_every_order_of_both_accounts_lands_once(world: ShopWorld) -> None:
    """R001: forty orders, three of them broken; their ids and totals are typed in the demo script."""
    script = world.sandbox.world.demo_script()

    sweeps = sweep_orders(world.shop, "bol")

    assert [(sweep.account, sweep.problem, sweep.fetched, sweep.failed) for sweep in sweeps] == [
        (MAIN, None, 25, 0),
        (OUTLET, None, 15, 0),
    ]
    assert {row.order_key for row in world.rows("orders")} == {
        f"{row.account}:{row.order_id}" for row in script
    }
    for row in script:
        order = world.order(row.order_id, row.account)
        lines = world.rows("order_lines", order_key=order.order_key)
        if row.expect != "broken":
            assert order.order_total_incl_vat == row.total_incl_vat, row.label
            assert sum(line.quantity for line in lines) == row.units, row.label
        assert order.ordered_at == row.placed_at
        assert order.is_quarantined == (row.expect in {"unknown_ean", "broken"}), row.label
    assert sum(order.is_quarantined for order in world.rows("orders")) == 3
    world.assert_ledger_adds_up()


def test_an_order_is_field_by_field_what_the_payload_says(world: ShopWorld) -> None:
    world.sandbox.world.demo_script()
    sweep_orders(world.shop, "bol")

    for account in (MAIN, OUTLET):
        for order_id, body in _payloads(world, account).items():
            order = world.order(order_id, account)
            assert order.account == account
            assert order.order_number == body["orderId"] == order_id
            assert order.currency_code == "EUR"
            assert order.ship_country == body["shipmentDetails"]["countryCode"]
            people = world.row("order_people", order_key=order.order_key)
            assert people.shipping_address["city"] == body["shipmentDetails"]["city"]
            lines = world.rows("order_lines", order_key=order.order_key)
            items = {item["orderItemId"]: item for item in body["orderItems"]}
            assert {line.line_id for line in lines} == set(items)
            for line in lines:
                item = items[line.line_id]
                assert line.quantity == item.get("quantity")
                assert line.quantity_shipped == item["quantityShipped"]
                assert line.quantity_cancelled == item["quantityCancelled"]
                assert line.unit_price_incl_vat == Decimal(str(item["unitPrice"]))
                assert line.ean_said == item["product"]["ean"]
                assert line.title == item["product"]["title"]
                assert line.commission == Decimal(str(item["commission"]))
                assert line.own_fulfilment == (item["fulfilment"]["method"] == "FBR")


def test_the_same_sweep_again_changes_nothing(world: ShopWorld) -> None:
    world.sandbox.world.demo_script()
    sweep_orders(world.shop, "bol")
    before = (world.rows("orders"), world.rows("stock_movements"), world.change_seq())

    again = sweep_orders(world.shop, "bol")

    assert [sweep.fetched for sweep in again] == [0, 0]
    assert (world.rows("orders"), world.rows("stock_movements"), world.change_seq()) == before


def test_reading_unchanged_orders_again_wakes_nobody_up(world: ShopWorld) -> None:
    """A body that says nothing new must not reach the warehouse again: change_seq stays, only the reading moves on."""
    world.sandbox.world.demo_script()
    world.sweep()
    before = {row.order_key: row.change_seq for row in world.rows("orders")}
    movements, quarantine = world.rows("stock_movements"), world.rows("quarantine")
    counter = world.change_seq()
    world.pass_time(minutes=10)

    source = world.shop.connect(MAIN, lambda connector: connector.order_source)
    bodies = [source.fetch_order(row.external_order_id) for row in world.rows("orders")]
    with world.shop.store.transaction() as connection:
        for fetched in bodies:
            inbox.receive(
                connection,
                [
                    inbox.Incoming(
                        MAIN,
                        "bol",
                        "order",
                        fetched.external_id,
                        fetched.body,
                        fetched.read_began_at,
                        "poll",
                    )
                ],
            )
    booked = interpret_waiting(world.shop, "bol")

    assert (booked.orders_unchanged, booked.orders_changed, booked.orders_new) == (25, 0, 0)
    assert {row.order_key: row.change_seq for row in world.rows("orders")} == before
    assert world.rows("stock_movements") == movements
    assert world.rows("quarantine") == quarantine
    assert world.change_seq() == counter


def test_two_accounts_with_the_same_order_id_stay_apart(world: ShopWorld) -> None:
    """R002: bol's ids are unique, those of other channels are not; the same body arrives for both accounts."""
    order_id = world.buy(("KEU-1001", 2))
    world.sweep()
    (body,) = _payloads(world, MAIN).values()
    with world.shop.store.transaction() as connection:
        inbox.receive(
            connection,
            [inbox.Incoming(OUTLET, "bol", "order", order_id, orjson.dumps(body), clock.now(), "webhook")],
        )
    interpret_waiting(world.shop, "bol")

    assert [row.order_key for row in world.rows("orders")] == [f"{MAIN}:{order_id}", f"{OUTLET}:{order_id}"]
    assert world.demand("KEU-1001") == 4
    world.act(order_id, "cancel")
    world.sweep()
    assert world.order(order_id).order_status == "cancelled"
    assert world.order(order_id, OUTLET).order_status == "open"
    assert world.demand("KEU-1001") == 2


def test_an_order_follows_what_happens_to_it(world: ShopWorld) -> None:
    order_id = world.buy(("KEU-1001", 3), ("VOE-3001", 1))
    world.sweep()
    assert world.position("KEU-1001") == (42, 3)

    world.pass_time(minutes=1)
    world.act(order_id, "ship", sku="KEU-1001", quantity=2)
    world.sweep()
    assert world.position("KEU-1001") == (40, 1)
    assert world.order(order_id).fulfilment_status == "partially_shipped"
    assert world.order(order_id).completed_at is None

    world.pass_time(minutes=1)
    world.act(order_id, "cancel")
    world.sweep()
    assert world.position("KEU-1001") == (40, 0)
    assert world.position("VOE-3001")[1] == 0
    assert world.order(order_id).order_total_current_incl_vat == Decimal("79.90")
    assert world.order(order_id).completed_at is not None
    world.assert_ledger_adds_up()


def test_goods_that_bol_ships_itself_take_nothing_of_ours(world: ShopWorld) -> None:
    before = world.position("THE-2004")
    order_id = world.buy(("THE-2004", 2), fulfilment_method="FBB")
    world.sweep()

    assert world.position("THE-2004") == before
    assert world.order(order_id).own_fulfilment is False
    world.pass_time(hours=7)
    world.sweep()
    assert world.order(order_id).fulfilment_status == "channel_fulfilled"
    assert world.position("THE-2004") == before


def test_a_wish_to_cancel_is_not_a_cancellation(world: ShopWorld) -> None:
    order_id = world.buy()
    world.act(order_id, "request_cancel")
    world.sweep()

    assert world.order(order_id).must_flag == ["cancellation_requested"]
    assert world.order(order_id).order_status == "open"
    assert world.demand("KEU-1001") == 1


def test_orders_before_the_cutover_are_read_and_take_no_stock(world: ShopWorld) -> None:
    """The account is ours from 1 January 2026, Dutch time: 23:00 UTC the day before."""
    delivery = (clock.order_date(clock.now()) + timedelta(days=5)).isoformat()
    old = world.buy(("KEU-1001", 5), placed_at="2025-12-31T22:59:59Z", exact_delivery_date=delivery)
    new = world.buy(("KEU-1001", 1), placed_at="2025-12-31T23:00:00Z", exact_delivery_date=delivery)
    for order_id in (old, new):
        world.act(order_id, "request_cancel")
    world.sweep()

    assert (world.order(old).is_history, world.order(new).is_history) == (True, False)
    assert world.demand("KEU-1001") == 1
    world.assert_ledger_adds_up()


def test_a_crash_between_receiving_and_interpreting_loses_nothing(world: ShopWorld) -> None:
    order_id = world.buy(("KEU-1001", 2))
    source = world.shop.connect(MAIN, lambda connector: connector.order_source)
    fetched = source.fetch_order(order_id)
    with world.shop.store.transaction() as connection:
        inbox.receive(
            connection,
            [
                inbox.Incoming(
                    MAIN,
                    "bol",
                    "order",
                    order_id,
                    fetched.body,
                    fetched.read_began_at,
                    "poll",
                    fetched.request,
                )
            ],
        )
    assert world.rows("orders") == []

    world.fault("500", rate=1.0)
    assert sweep_account(world.shop, MAIN).problem is not None
    assert world.demand("KEU-1001") == 2
    assert world.row("receipts").state == "interpreted"


def test_an_outage_longer_than_bols_memory_of_changes_loses_nothing(world: ShopWorld) -> None:
    """``change-interval-minute`` reaches sixty minutes back; the pollers were down for seven hours."""
    first = world.buy(("KEU-1001", 1))
    world.sweep()
    during = world.buy(("KEU-1002", 1))
    world.act(first, "cancel")
    world.pass_time(hours=7)
    after = world.buy(("KEU-1004", 1))

    sweep = world.sweep()

    assert sweep.problem is None
    assert world.order(first).order_status == "cancelled"
    assert {row.external_order_id for row in world.rows("orders")} == {first, during, after}


def test_a_poller_that_was_down_over_several_days_catches_up(world: ShopWorld) -> None:
    world.sweep()
    missed = []
    for _ in range(4):
        world.pass_time(hours=20)
        missed.append(world.buy())
        world.act(missed[-1], "ship")
    world.pass_time(hours=20)
    world.sweep()

    assert {row.external_order_id for row in world.rows("orders")} == set(missed)
    assert {row.fulfilment_status for row in world.rows("orders")} == {"shipped"}


def test_what_is_received_for_an_account_that_left_the_settings_waits_for_it(world: ShopWorld) -> None:
    """Renaming an account by mistake must not throw its received orders away."""
    order_id = world.buy()
    source = world.shop.connect(MAIN, lambda connector: connector.order_source)
    fetched = source.fetch_order(order_id)
    with world.shop.store.transaction() as connection:
        inbox.receive(
            connection,
            [
                inbox.Incoming(
                    "bol_old", "bol", "order", order_id, fetched.body, fetched.read_began_at, "poll"
                ),
                inbox.Incoming(MAIN, "bol", "order", order_id, fetched.body, fetched.read_began_at, "poll"),
            ],
        )
    interpret_waiting(world.shop, "bol")

    assert [(row.account, row.state) for row in world.rows("receipts")] == [
        ("bol_old", "received"),
        (MAIN, "interpreted"),
    ]
    assert [row.order_key for row in world.rows("orders")] == [f"{MAIN}:{order_id}"]


def test_a_mended_mapping_moves_the_demand_to_the_right_article(world: ShopWorld) -> None:
    order_id = world.buy(("KEU-1001", 2))
    world.sweep()
    assert world.position("KEU-1001") == (42, 2)
    ean = world.row("order_lines").ean_said

    world.add_products([("PAN-28", "high", [ean])])
    with world.shop.store.transaction() as connection:
        connection.exec_driver_sql("delete from product_eans where sku = 'KEU-1001'")
        connection.exec_driver_sql("delete from products where sku = 'KEU-1001'")
    reinterpret(world.shop, [world.order(order_id).receipt_seq])

    assert world.position("KEU-1001") == (42, 0)
    assert world.position("PAN-28") == (0, 2)
    assert world.row("order_lines").sku == "PAN-28"
    world.assert_ledger_adds_up()
