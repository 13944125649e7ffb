"""Every check holds for a good warehouse and fails for one that was damaged on purpose."""

from contextlib import suppress
from datetime import date
from decimal import Decimal

import pytest

from order_pipelines import clock
from order_pipelines.operations import tables
from order_pipelines.resources import read_sql
from order_pipelines.services.stock_events import StockEvent, note_events
from order_pipelines.services.warehouse_load import build_marts, load_core
from order_pipelines.warehouse.checks import Check, Failure, checks, run_check, validate_table
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines.warehouse.session import Session
from order_pipelines.warehouse.tables import (
    ALL_TABLES,
    BY_NAME,
    CORE_TABLES,
    ORDER_LINES,
    ORDERS,
    REVENUE_PER_CHANNEL_DAY,
)
from order_pipelines_tests.warehouse.rows import LONG_AGO, Shop, line, money, utc

pytestmark = pytest.mark.long_on_postgresql

# What damages the claim of a check, and how many rows offend then.
DAMAGE = {
    "confirmed_stock_is_what_was_sent": [
        ("update core.channel_stock set confirmed_quantity = 4", 1),
        ("update core.channel_stock set confirmed_version = 0, confirmed_quantity = null", 1),
        ("update core.channel_stock set confirmed_version = 2", 1),
    ],
    "counted_orders_have_day_and_currency": [
        ("update core.orders set currency_code = null where order_number = 'A'", 1),
        ("update core.orders set order_date = null where order_number = 'A'", 1),
    ],
    "invoice_lines_add_up": [
        ("update core.invoice_lines set amount_excl_vat = amount_excl_vat + 0.01", 1),
        ("delete from core.invoice_lines", 1),
        ("delete from core.invoice_orders", 1),
        ("update core.invoices set amount_excl_vat = amount_excl_vat + 0.01", 2),
    ],
    "lines_add_up_to_their_order": [
        (
            "update core.order_lines set line_total_incl_vat = line_total_incl_vat + 0.03 where line_id = '2'",
            1,
        ),
        (
            "update core.order_lines set line_current_incl_vat = line_current_incl_vat + 0.01 where line_id = '2'",
            1,
        ),
    ],
    "months_are_the_sum_of_their_days": [
        (
            "update mart.revenue_per_channel_month set gross_revenue_incl_vat = gross_revenue_incl_vat - 0.01",
            1,
        )
    ],
    "movements_add_up_to_positions": [
        ("update core.stock_positions set on_hand = on_hand - 1", 1),
        ("update core.stock_positions set open_demand = open_demand + 1", 1),
        ("update core.stock_positions set reserved = reserved + 1", 1),
        ("delete from core.stock_movements", 1),
        ("delete from core.stock_positions", 1),
    ],
    "no_order_is_in_two_invoices": [
        (
            "insert into core.invoice_orders select order_key, 'exact:X', 0, 0, null from core.invoice_orders",
            1,
        )
    ],
    "no_unfit_order_is_invoiced": [
        ("update core.orders set is_quarantined = true where order_number = 'A'", 1),
        ("update core.orders set is_test = true where order_number = 'A'", 1),
        ("update core.orders set is_history = true where order_number = 'A'", 1),
        ("update core.orders set order_status = 'cancelled' where order_number = 'A'", 1),
    ],
    "revenue_is_the_sum_of_orders": [
        ("update mart.revenue_per_channel_day set gross_revenue_incl_vat = gross_revenue_incl_vat + 0.01", 1),
        ("update mart.revenue_per_channel_day set units = units + 1", 1),
        ("update mart.revenue_per_channel_day set credits_incl_vat = 0", 1),
        ("delete from mart.revenue_per_channel_day", 1),
        ("update core.orders set is_quarantined = true where order_number = 'A'", 1),
    ],
    "stock_read_back_is_what_was_confirmed": [("update core.channel_stock set read_back_quantity = 9", 1)],
    "three_way_adds_up": [
        ("update mart.three_way_per_day set channel_unexplained = 0.01", 1),
        ("update mart.three_way_per_day set books_unexplained = 0.01", 1),
    ],
    "three_way_is_explained": [
        ("update mart.three_way_per_day set suspects = 'bol_nl:A'", 1),
        ("update mart.three_way_per_day set channel_unexplained = -0.01", 1),
        ("update mart.three_way_per_day set books_unexplained = 0.01", 1),
    ],
    "vat_is_what_gross_and_net_differ": [
        ("update core.orders set order_vat_amount = 5.54 where order_number = 'A'", 1)
    ],
    "weeks_are_the_sum_of_their_days": [("update mart.revenue_per_channel_week set orders = orders + 1", 1)],
}


@pytest.fixture
def good(shop: Shop, warehouse: Warehouse) -> Warehouse:
    """A small warehouse where everything is right."""
    key = shop.order(
        "A",
        total="31.98",
        net="26.43",
        vat="5.55",
        shipping_cost_incl_vat=money("1.99"),
        order_discounts=money("1.00"),
        lines=[
            line("1", "25.00", 3, line_current_incl_vat=money("24.19")),
            line("2", "6.01", 1, line_current_incl_vat=money("5.80")),
        ],
    )
    shop.order("back", total="-7.25", order_kind="credit")
    shop.order("waits", total="1.00", is_quarantined=True, lines=[line("1", "2.00")])
    shop.invoice("BOL-1", [key], "31.98", "5.55")
    shop.position("MUG-1", "main", 7, 3)
    shop.offer("MUG-1")
    shop.put(tables.stock_locations, account="bol_nl", location="main", is_serving=True)
    with shop.store.transaction() as connection:
        note_events(connection, [StockEvent("bol_nl", "offer-MUG-1", "MUG-1", "confirmed", 5, 1)])
    shop.put(
        tables.oversell_cases,
        case_key=f"{key}:1",
        account="bol_nl",
        order_key=key,
        line_id="1",
        sku="MUG-1",
        quantity=1,
        cause="detection_lag",
        is_avoidable=False,
        accepted_at=LONG_AGO,
        known_at=LONG_AGO,
        explanation="another sale was learnt later",
        opened_at=LONG_AGO,
    )
    shop.put(tables.products, sku="MUG-1", source="file", updated_at=LONG_AGO)
    shop.quarantine("bol_nl:waits", "total differs")
    shop.put(
        tables.invoice_holds,
        order_key="bol_nl:waits",
        account="bol_nl",
        reason_code="unknown_vat",
        reason="order waits: VAT class of MUG-1 is unknown; add it to the product master",
        since=LONG_AGO,
    )
    shop.put(
        tables.outbox,
        effect_key="sales_entry:exact:BOL-1",
        account="exact",
        kind="sales_entry",
        subject_key="exact:BOL-1",
        mode="live",
        payload={},
        payload_hash="0" * 64,
        state="confirmed",
        attempts=1,
        planned_at=LONG_AGO,
    )
    shop.decision(
        noted_at=LONG_AGO,
        kind="setting",
        account="bol_nl",
        subject="accounts.bol_nl.mode",
        value_before="observe",
        value_after="live",
        decided_by="settings",
    )
    shop.returned("bol_nl:7", key, "1")
    _read_anew(shop, key)
    load_core(shop.store, warehouse)
    build_marts(warehouse)
    return warehouse


def _read_anew(shop: Shop, key: str) -> None:
    """The channel says what we have of the one order that counts; nobody asked for the books."""
    shop.put(
        tables.day_readings,
        account="bol_nl",
        order_date=date(2026, 3, 2),
        state="read",
        books_state="no_books",
        invoicing_trigger="off",
        orders_not_read=0,
        read_at=utc("2026-03-03T05:45:00"),
    )
    shop.put(
        tables.order_readings,
        order_key=key,
        account="bol_nl",
        external_order_id="A",
        order_number="A",
        order_date=date(2026, 3, 2),
        currency_code="EUR",
        is_listed=True,
        is_counted=True,
        is_missing=False,
        pieces=4,
        order_total_current_incl_vat=money("31.98"),
        content_hash="0" * 64,
        read_at=utc("2026-03-03T05:45:00"),
    )
    shop.put(
        tables.entry_readings,
        invoice_key="exact:BOL-1",
        account="bol_nl",
        books="exact",
        reference="BOL-1",
        entries=1,
        entry_date=date(2026, 3, 2),
        amount_incl_vat=money("31.98"),
        read_at=utc("2026-03-03T05:45:00"),
    )


def damage(warehouse: Warehouse, statement: str) -> None:
    """Write what the product never would; PostgreSQL has to give up its keys for some of it."""
    with warehouse.write() as session:
        if session.engine == "postgresql":
            for table in ALL_TABLES:
                for kind in ("pkey", "key"):
                    session.execute(
                        f"alter table {table.full_name} drop constraint if exists {table.name}_{kind}"
                    )
        session.execute(statement)


def offending(warehouse: Warehouse) -> dict[str, int]:
    """Names of the checks that fail, with their rows."""
    counts = {check.name: run_check(warehouse, check.name).num_rows for check in checks()}
    return {name: count for name, count in counts.items() if count}


def test_every_check_holds_for_a_good_warehouse(good: Warehouse) -> None:
    assert offending(good) == {}
    for table in ALL_TABLES:
        assert validate_table(good, table) == []


def test_every_check_is_damaged_here() -> None:
    assert {check.name for check in checks()} == {*DAMAGE, "core_keys_are_unique"}


class _TakeItBackError(Exception):
    """Ends a transaction whose damage must not stay."""


def rows_found(session: Session, check: Check, statement: str) -> int:
    """Do damage, run the check, take the damage back."""
    found = -1
    with suppress(_TakeItBackError), session.transaction():
        if session.engine == "postgresql":
            session.execute("alter table core.invoice_orders drop constraint if exists invoice_orders_pkey")
        session.execute(statement)
        found = session.query(read_sql(f"checks/{check.name}.sql"), check.parameters).num_rows
        raise _TakeItBackError
    return found


def test_every_check_sees_its_damage(good: Warehouse) -> None:
    with good.write() as session:
        for check in checks():
            for statement, rows in DAMAGE.get(check.name, []):
                assert rows_found(session, check, statement) == rows, f"{check.name} after: {statement}"
    assert offending(good) == {}


def test_a_key_that_is_there_twice_is_seen_in_every_core_table(good: Warehouse) -> None:
    for table in CORE_TABLES:
        damage(good, f"insert into {table.full_name} select * from {table.full_name}")
    found = run_check(good, "core_keys_are_unique").to_pylist()
    assert {row["table_name"] for row in found} == {table.full_name for table in CORE_TABLES}
    assert "bol_nl:A 2" in {row["row_key"] for row in found}
    for table in CORE_TABLES:
        assert [failure.rule for failure in validate_table(good, table)] == ["unique key"]


def test_a_written_table_that_breaks_its_declaration_is_seen(good: Warehouse) -> None:
    damage(
        good, "update core.orders set order_kind = 'gift', payment_status = 'owed' where order_number = 'A'"
    )
    failures = {failure.rule.partition(" ")[0]: failure for failure in validate_table(good, ORDERS)}
    assert set(failures) == {"order_kind", "payment_status"}
    assert failures["order_kind"].rows == 1
    assert failures["order_kind"].keys == ("bol_nl:A",)
    assert "gift" not in str(failures["order_kind"])


def test_a_null_where_none_may_be_is_seen(good: Warehouse) -> None:
    damage(
        good,
        "alter table core.order_lines alter column line_kind drop not null; "
        "update core.order_lines set line_kind = null",
    )
    (failure,) = validate_table(good, ORDER_LINES)
    assert failure == Failure("core.order_lines", "line_kind not_nullable", 4, failure.keys)
    assert len(failure.keys) == 3


def test_a_negative_count_of_orders_is_seen(good: Warehouse) -> None:
    damage(good, "update mart.revenue_per_channel_day set orders = -1")
    (failure,) = validate_table(good, REVENUE_PER_CHANNEL_DAY)
    assert failure.rule.startswith("orders greater_than_or_equal_to(0)")
    assert validate_table(good, REVENUE_PER_CHANNEL_DAY, "orders >= $1", [0]) == []


def test_a_check_takes_the_merchants_own_tolerance(good: Warehouse) -> None:
    damage(
        good,
        "update core.order_lines set line_total_incl_vat = line_total_incl_vat + 0.04 where line_id = '2'",
    )
    assert run_check(good, "lines_add_up_to_their_order").num_rows == 1
    assert run_check(good, "lines_add_up_to_their_order", [Decimal("0.06")]).num_rows == 0


def test_an_unknown_check_is_an_error(duck: Warehouse) -> None:
    with pytest.raises(FileNotFoundError, match="nonsense"):
        run_check(duck, "nonsense")


def test_a_check_names_the_table_it_guards_and_all_it_reads() -> None:
    found = {check.name: check for check in checks()}
    assert found["revenue_is_the_sum_of_orders"].table == "mart.revenue_per_channel_day"
    assert found["revenue_is_the_sum_of_orders"].reads == (
        "core.order_lines",
        "core.orders",
        "mart.revenue_per_channel_day",
    )
    for check in found.values():
        assert check.claim.endswith(".")
        assert {check.table, *check.reads} <= set(BY_NAME)


def test_stock_sent_just_now_may_still_be_unconfirmed(shop: Shop, warehouse: Warehouse) -> None:
    shop.offer(
        "MUG-1",
        state="sent",
        confirmed_version=0,
        confirmed_quantity=None,
        sent_at=utc("2026-03-02T10:00:00"),
    )
    with clock.frozen(utc("2026-03-02T10:59:00")):
        load_core(shop.store, warehouse)
    assert run_check(warehouse, "confirmed_stock_is_what_was_sent").num_rows == 0
    shop.offer(
        "MUG-1",
        state="sent",
        confirmed_version=0,
        confirmed_quantity=None,
        sent_at=utc("2026-03-02T10:00:00"),
    )
    with clock.frozen(utc("2026-03-02T11:01:00")):
        load_core(shop.store, warehouse)
    assert run_check(warehouse, "confirmed_stock_is_what_was_sent").num_rows == 1
