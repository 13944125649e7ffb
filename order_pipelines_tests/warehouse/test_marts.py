"""What the marts say about orders, revenue and stock, to the cent and to the day."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from order_pipelines import clock
from order_pipelines.operations import tables
from order_pipelines.services.warehouse_load import build_marts, load_core
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines.warehouse.tables import (
    ORDER_LIST,
    REVENUE_PER_CHANNEL_DAY,
    REVENUE_PER_CHANNEL_MONTH,
    REVENUE_PER_CHANNEL_WEEK,
)
from order_pipelines_tests.warehouse.reading import everything, gross_by_day, load
from order_pipelines_tests.warehouse.rows import LONG_AGO, Shop, line, money, utc

pytestmark = pytest.mark.long_on_postgresql


def test_revenue_of_a_day_is_right_to_the_cent(shop: Shop, warehouse: Warehouse) -> None:
    """Three sales, one of them partly cancelled; what does not count is there only to be left out."""
    shop.order(
        "A",
        total="26.99",
        net="22.31",
        vat="4.68",
        lines=[line("1", "12.50", 1), line("2", "12.50", 2, line_discount_incl_vat=money("2.49"))],
        shipping_cost_incl_vat=money("1.99"),
        commission_total=money("3.05"),
        refunded_total_incl_vat=money("12.50"),
    )
    shop.order(
        "B",
        total="30.00",
        order_total_current_incl_vat=money("20.00"),
        lines=[line("1", "30.00", 3, quantity_cancelled=1, line_current_incl_vat=money("20.00"))],
    )
    shop.order("C", total="0.05", net="0.04", vat="0.01", shipping_cost_incl_vat=money("0.00"))
    shop.order("gone", total="99.00", order_status="cancelled", order_total_current_incl_vat=money("0.00"))
    shop.order(
        "back", total="-7.25", net="-5.99", vat="-1.26", order_kind="credit", lines=[line("1", "-7.25", -2)]
    )
    shop.order("waits", total="500.00", is_quarantined=True)
    shop.order("test", total="600.00", is_test=True)
    shop.order("wish", total="700.00", counts_in_revenue=False)
    load(shop, warehouse)
    assert everything(warehouse, REVENUE_PER_CHANNEL_DAY) == [
        {
            "channel": "bol",
            "account": "bol_nl",
            "ship_country": "NL",
            "currency_code": "EUR",
            "orders": 3,
            "orders_cancelled": 1,
            "credits": 1,
            "orders_without_gross": 0,
            "orders_without_net": 1,
            "orders_without_vat": 1,
            "orders_without_shipping": 1,
            "orders_without_commission": 2,
            "credits_without_gross": 0,
            "credits_without_net": 0,
            "units": 6,
            "units_returned": 2,
            "gross_revenue_incl_vat": Decimal("47.04"),
            "net_revenue_excl_vat": Decimal("22.35"),
            "vat_amount": Decimal("4.69"),
            "shipping_incl_vat": Decimal("1.99"),
            "discounts_incl_vat": Decimal("2.49"),
            "refunds_incl_vat": Decimal("12.50"),
            "credits_incl_vat": Decimal("7.25"),
            "credits_excl_vat": Decimal("5.99"),
            "revenue_after_refunds_incl_vat": Decimal("27.29"),
            "commission": Decimal("3.05"),
            "average_order_value_incl_vat": Decimal("15.68"),
            "order_date": date(2026, 3, 2),
        }
    ]


def test_what_is_unknown_of_all_orders_is_null_and_not_zero(shop: Shop, warehouse: Warehouse) -> None:
    shop.order("A", total="10.00")
    load(shop, warehouse)
    (row,) = everything(warehouse, REVENUE_PER_CHANNEL_DAY)
    assert (row["gross_revenue_incl_vat"], row["orders_without_vat"]) == (Decimal("10.00"), 1)
    assert row["vat_amount"] is None
    assert row["net_revenue_excl_vat"] is None
    assert row["commission"] is None
    assert row["shipping_incl_vat"] is None


def test_a_day_of_credits_only_sold_nothing(shop: Shop, warehouse: Warehouse) -> None:
    shop.order("back", total="-7.25", order_kind="credit")
    load(shop, warehouse)
    (row,) = everything(warehouse, REVENUE_PER_CHANNEL_DAY)
    assert (row["orders"], row["gross_revenue_incl_vat"]) == (0, Decimal("0.00"))
    assert row["revenue_after_refunds_incl_vat"] == Decimal("-7.25")
    assert row["average_order_value_incl_vat"] is None


def test_weeks_and_months_follow_the_calendar(shop: Shop, warehouse: Warehouse) -> None:
    """1 March 2026 is a Sunday: a week of February's Monday, a month of its own."""
    for number, at in (
        ("A", "2026-02-27T10:00:00"),
        ("B", "2026-03-01T10:00:00"),
        ("C", "2026-03-02T10:00:00"),
    ):
        shop.order(number, at=utc(at), total="10.01")
    load(shop, warehouse)
    weeks = warehouse.query(
        "select week_start, orders, gross_revenue_incl_vat, average_order_value_incl_vat "
        "from mart.revenue_per_channel_week order by week_start"
    ).to_pylist()
    assert [list(row.values()) for row in weeks] == [
        [date(2026, 2, 23), 2, Decimal("20.02"), Decimal("10.01")],
        [date(2026, 3, 2), 1, Decimal("10.01"), Decimal("10.01")],
    ]
    months = warehouse.query(
        "select month_start, orders, gross_revenue_incl_vat from mart.revenue_per_channel_month order by month_start"
    ).to_pylist()
    assert [list(row.values()) for row in months] == [
        [date(2026, 2, 1), 1, Decimal("10.01")],
        [date(2026, 3, 1), 2, Decimal("20.02")],
    ]


def test_the_nights_the_clock_changes_have_23_and_25_hours(shop: Shop, warehouse: Warehouse) -> None:
    """Summer time of 2026 begins on 29 March at 01:00 UTC and ends on 25 October at 01:00 UTC."""
    moments = {
        "2026-03-28T22:59:59": date(2026, 3, 28),
        "2026-03-28T23:00:00": date(2026, 3, 29),
        "2026-03-29T00:59:59": date(2026, 3, 29),
        "2026-03-29T21:59:59": date(2026, 3, 29),
        "2026-03-29T22:00:00": date(2026, 3, 30),
        "2026-10-24T21:59:59": date(2026, 10, 24),
        "2026-10-24T22:00:00": date(2026, 10, 25),
        "2026-10-25T22:59:59": date(2026, 10, 25),
        "2026-10-25T23:00:00": date(2026, 10, 26),
    }
    for number, moment in enumerate(moments):
        shop.order(str(number), at=utc(moment), total="1.00")
    load(shop, warehouse)
    assert gross_by_day(warehouse) == {
        date(2026, 3, 28): Decimal("1.00"),
        date(2026, 3, 29): Decimal("3.00"),
        date(2026, 3, 30): Decimal("1.00"),
        date(2026, 10, 24): Decimal("1.00"),
        date(2026, 10, 25): Decimal("2.00"),
        date(2026, 10, 26): Decimal("1.00"),
    }
    orders = warehouse.query(
        "select ordered_at, order_date, cast(ordered_at at time zone 'Europe/Amsterdam' as date) as dutch_day "
        "from core.orders order by ordered_at"
    ).to_pylist()
    assert [row["ordered_at"] for row in orders] == [utc(moment) for moment in moments]
    assert [row["order_date"] for row in orders] == list(moments.values())
    assert [row["dutch_day"] for row in orders] == list(moments.values())


def test_the_order_list_shows_quantity_total_status_date_and_details(
    shop: Shop, warehouse: Warehouse
) -> None:
    key = shop.order(
        "A2K8290LP8",
        total="31.98",
        net="26.43",
        vat="5.55",
        customer_reference="PO 7",
        order_status="open",
        lines=[
            line("1", "24.00", 3, quantity_shipped=1, quantity_departed=2, commission=money("2.00")),
            line("2", "5.99", 1, quantity_cancelled=1, commission=money("0.50")),
            line("3", "1.99", 1, line_kind="shipping"),
        ],
    )
    shop.quarantine(key, "EAN 1 is in no product")
    shop.quarantine(key, "solved long ago", resolved_at=LONG_AGO)
    shop.invoice("BOL-1", [key], "31.98", "5.55", entry_number="260001")
    load(shop, warehouse)
    (row,) = everything(warehouse, ORDER_LIST)
    assert row["quantity"] == 4
    assert row["order_total_current_incl_vat"] == Decimal("31.98")
    assert (row["order_status"], row["order_date"]) == ("open", date(2026, 3, 2))
    assert (row["quantity_shipped"], row["quantity_cancelled"], row["lines_count"]) == (2, 1, 3)
    assert (row["shipping_incl_vat"], row["commission"]) == (Decimal("1.99"), Decimal("2.50"))
    assert (row["customer_reference"], row["order_number"]) == ("PO 7", "A2K8290LP8")
    assert (row["invoice_reference"], row["invoice_state"]) == ("BOL-1", "booked")
    assert row["open_reasons"] == "EAN 1 is in no product"


def test_an_invoice_or_a_solved_reason_reaches_the_order_list_without_a_new_order_version(
    shop: Shop, warehouse: Warehouse
) -> None:
    key = shop.order("A", total="12.10")
    shop.quarantine(key, "unknown")
    load(shop, warehouse)
    shop.quarantine(key, "unknown", resolved_at=LONG_AGO)
    shop.invoice("BOL-1", [key], "12.10", "2.10", state="planned")
    load(shop, warehouse)
    (row,) = everything(warehouse, ORDER_LIST)
    assert (row["open_reasons"], row["invoice_reference"], row["invoice_state"]) == (None, "BOL-1", "planned")


def test_stock_and_what_waits_are_shown_as_they_are_now(shop: Shop, warehouse: Warehouse) -> None:
    shop.put(
        tables.products, sku="MUG-1", name="Mug", source="file", cost=money("1.2345"), updated_at=LONG_AGO
    )
    shop.position("MUG-1", "main", 7, 3)
    shop.position("MUG-1", "store", 1, 4)
    shop.offer("MUG-1", confirmed_version=0, confirmed_quantity=None)
    key = shop.order("A", total="12.10", is_quarantined=True)
    shop.quarantine(key, "EAN 1 is in no product")
    with clock.frozen(LONG_AGO + timedelta(hours=30, minutes=59)):
        load(shop, warehouse)
    stock = warehouse.query(
        "select location, name, on_hand, open_demand, available, cost from mart.stock order by location"
    )
    assert [list(row.values()) for row in stock.to_pylist()] == [
        ["main", "Mug", 7, 3, 4, Decimal("1.2345")],
        ["store", "Mug", 1, 4, -3, Decimal("1.2345")],
    ]
    offers = warehouse.query(
        "select offer_id, name, desired_quantity, is_confirmed from mart.stock_per_channel"
    )
    assert [list(row.values()) for row in offers.to_pylist()] == [["offer-MUG-1", "Mug", 5, False]]
    waiting = warehouse.query(
        "select order_number, reason, age_hours, order_total_current_incl_vat from mart.open_quarantine"
    )
    assert [list(row.values()) for row in waiting.to_pylist()] == [
        ["A", "EAN 1 is in no product", 30, Decimal("12.10")]
    ]


def test_only_touched_days_are_rebuilt_and_a_day_can_be_asked_for(shop: Shop, warehouse: Warehouse) -> None:
    shop.order("A", at=utc("2026-03-02T10:00:00"))
    shop.order("B", at=utc("2026-03-04T10:00:00"))
    load(shop, warehouse)
    shop.order("B", at=utc("2026-03-04T10:00:00"), total="11.00")
    load_core(shop.store, warehouse)
    result = build_marts(warehouse)
    assert result.days == (date(2026, 3, 4),)
    assert result.rows_written["mart.revenue_per_channel_day"] == 1
    assert result.rows_total["mart.revenue_per_channel_day"] == 2
    with warehouse.write() as session:
        session.execute("delete from mart.revenue_per_channel_day")
    assert build_marts(warehouse, [date(2026, 3, 2)]).days == (date(2026, 3, 2),)
    assert gross_by_day(warehouse) == {date(2026, 3, 2): Decimal("10.00")}


def test_unknown_beside_a_day_of_credits_stays_unknown(shop: Shop, warehouse: Warehouse) -> None:
    """A day with only a credit sold 0.00; that must not turn the month's unknown gross into 0.00."""
    shop.order("A", at=utc("2026-03-02T10:00:00"), total=None, net="10.00", lines=[line("1", None)])
    shop.order(
        "C", at=utc("2026-03-09T10:00:00"), total="-4.00", order_kind="credit", lines=[line("1", "-4.00")]
    )
    load(shop, warehouse)

    for table in (REVENUE_PER_CHANNEL_WEEK, REVENUE_PER_CHANNEL_MONTH):
        rows = everything(warehouse, table)
        assert [row["gross_revenue_incl_vat"] for row in rows if row["orders"]] == [None], table.full_name
        assert sum(row["credits_incl_vat"] for row in rows) == Decimal("4.00")
