"""Loading from the operations store: what changed arrives once, and what breaks its contract stays out."""

from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.errors import ConfigurationError, DataContractError
from order_pipelines.operations import tables
from order_pipelines.services import warehouse_load, warehouse_streams
from order_pipelines.services.warehouse_load import build_marts, load_core
from order_pipelines.warehouse import marts
from order_pipelines.warehouse.checks import checks, run_check
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines.warehouse.session import Session
from order_pipelines.warehouse.tables import (
    ORDER_LINES,
    ORDER_LIST,
    ORDERS,
    Table,
)
from order_pipelines_tests.warehouse.reading import everything, gross_by_day, load
from order_pipelines_tests.warehouse.rows import LONG_AGO, Shop, line, money, new_shop, utc

pytestmark = pytest.mark.long_on_postgresql


def test_an_order_that_moves_to_another_day_leaves_the_old_one(shop: Shop, warehouse: Warehouse) -> None:
    shop.order("A", at=utc("2026-03-02T10:00:00"), total="10.00")
    shop.order("B", at=utc("2026-03-02T11:00:00"), total="1.00")
    load(shop, warehouse)
    shop.order("A", at=utc("2026-03-05T10:00:00"), total="12.00")
    load(shop, warehouse)
    assert gross_by_day(warehouse) == {date(2026, 3, 2): Decimal("1.00"), date(2026, 3, 5): Decimal("12.00")}
    assert [row["line_total_incl_vat"] for row in everything(warehouse, ORDER_LINES)] == [
        Decimal("12.00"),
        Decimal("1.00"),
    ]


def test_an_order_whose_moment_becomes_known_keeps_its_lines_once(shop: Shop, warehouse: Warehouse) -> None:
    shop.order("A", at=None, is_quarantined=True, lines=[line("1", "4.00"), line("2", "6.00")])
    load(shop, warehouse)
    assert gross_by_day(warehouse) == {}
    shop.order("A", at=utc("2026-03-02T10:00:00"), lines=[line("1", "4.00"), line("2", "6.00")])
    load(shop, warehouse)
    assert gross_by_day(warehouse) == {date(2026, 3, 2): Decimal("10.00")}
    assert len(everything(warehouse, ORDER_LINES)) == 2


def test_a_line_that_vanished_is_gone_and_others_stay(shop: Shop, warehouse: Warehouse) -> None:
    shop.order("A", total="6.00", lines=[line("1", "2.00"), line("2", "4.00")])
    shop.order("B", total="6.00", lines=[line("1", "2.00"), line("2", "4.00")])
    load(shop, warehouse)
    shop.order("A", total="4.00", lines=[line("2", "4.00")])
    load(shop, warehouse)
    left = [(row["order_key"], row["line_id"]) for row in everything(warehouse, ORDER_LINES)]
    assert left == [("bol_nl:A", "2"), ("bol_nl:B", "1"), ("bol_nl:B", "2")]


def test_every_version_that_a_load_saw_is_kept(shop: Shop, warehouse: Warehouse) -> None:
    shop.order("A", order_status="open")
    load(shop, warehouse)
    shop.order("A", order_status="on_hold")
    shop.order("A", order_status="completed")
    load(shop, warehouse)
    versions = warehouse.query("select change_seq, order_status from core.order_versions order by change_seq")
    assert [row["order_status"] for row in versions.to_pylist()] == ["open", "completed"]
    assert [row["order_status"] for row in everything(warehouse, ORDERS)] == ["completed"]


def test_an_order_that_changes_its_invoice_is_in_the_new_one_only(shop: Shop, warehouse: Warehouse) -> None:
    key = shop.order("A", total="12.10")
    shop.invoice("BOL-1", [key], "12.10", "2.10", state="failed")
    load(shop, warehouse)
    shop.invoice("BOL-2", [key], "12.10", "2.10")
    load(shop, warehouse)
    invoices = warehouse.query("select reference, orders from mart.invoices order by reference").to_pylist()
    assert [list(row.values()) for row in invoices] == [["BOL-1", 0], ["BOL-2", 1]]
    assert everything(warehouse, ORDER_LIST)[0]["invoice_reference"] == "BOL-2"


def test_a_row_that_breaks_its_contract_keeps_its_batch_out_and_nothing_else(
    shop: Shop, warehouse: Warehouse
) -> None:
    shop.order("A")
    shop.order("B", order_status="teleported")
    shop.order("C")
    with pytest.raises(DataContractError) as refusal:
        load_core(shop.store, warehouse, batch_orders=1)
    assert "orders 1..2 was not loaded, core.orders: order_status isin(" in str(refusal.value)
    assert "fails for 1 rows, such as bol_nl:B" in str(refusal.value)
    assert "teleported" not in str(refusal.value)
    assert refusal.value.rows == 1
    assert [row["order_key"] for row in everything(warehouse, ORDERS)] == ["bol_nl:A"]
    assert warehouse.query("select done_seq from core.load_state").to_pylist() == [{"done_seq": 1}]
    shop.order("B", order_status="open")
    load(shop, warehouse)
    assert [row["order_key"] for row in everything(warehouse, ORDER_LIST)] == [
        "bol_nl:A",
        "bol_nl:B",
        "bol_nl:C",
    ]


def test_rows_that_share_a_change_number_are_never_split(
    shop: Shop, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        shop.put(tables.products, sku=f"SKU-{number}", source="file", updated_at=LONG_AGO)
    with shop.store.transaction() as connection:
        connection.execute(sa.update(tables.products).values(change_seq=5))
    monkeypatch.setattr(warehouse_load, "_PAGE_ROWS", 2)
    load_core(shop.store, warehouse)
    assert warehouse.query("select count(*) as n from core.products").to_pylist() == [{"n": 7}]


def test_orders_with_many_lines_make_smaller_batches(
    shop: Shop, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        shop.order(str(number), lines=[line("1", "4.00"), line("2", "6.00")])
    monkeypatch.setattr(warehouse_streams, "MAX_LINES", 4)
    bounds = []
    with shop.store.reading() as source:
        since: int | None = 0
        while since is not None:
            since = warehouse_streams.next_bound(source, warehouse_streams.ORDERS_STREAM, since, 100)
            bounds.append(since)
    assert bounds == [2, 4, 6, None]
    load_core(shop.store, warehouse)
    assert len(everything(warehouse, ORDER_LINES)) == 12


def test_a_crash_between_core_and_marts_loses_no_day(
    shop: Shop, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.order("A", at=utc("2026-03-02T10:00:00"))
    load_core(shop.store, warehouse)

    def crash(session: Session, table: Table, stale: str | None) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(marts, "_rebuild", crash)
        with pytest.raises(KeyboardInterrupt):
            build_marts(warehouse)
    shop.order("B", at=utc("2026-03-04T10:00:00"))
    load_core(shop.store, warehouse)
    result = build_marts(warehouse)
    assert result.days == (date(2026, 3, 2), date(2026, 3, 4))
    assert gross_by_day(warehouse) == {date(2026, 3, 2): Decimal("10.00"), date(2026, 3, 4): Decimal("10.00")}
    assert build_marts(warehouse).days == ()


def test_a_load_tells_what_it_did_and_the_operations_store_how_far_it_is(
    shop: Shop, warehouse: Warehouse
) -> None:
    shop.order("A", lines=[line("1", "4.00"), line("2", "6.00")])
    shop.position("MUG-1", "main", 7, 3)
    with clock.frozen(utc("2026-03-03T06:00:00")):
        result = load_core(shop.store, warehouse)
    assert result.has_changes
    assert result.rows_read["core.order_lines"] == 2
    assert result.rows_total["core.stock_movements"] == 1
    assert (result.streams["orders"].since_seq, result.streams["orders"].done_seq) == (0, 1)
    assert result.streams["stock_movements"].done_seq == 1
    with shop.store.reading() as connection:
        noted = {row.stream: row for row in connection.execute(sa.select(tables.warehouse_loads))}
    assert noted["orders"].done_seq == 1
    assert noted["orders"].loaded_at == utc("2026-03-03T06:00:00")
    assert not load_core(shop.store, warehouse).has_changes


def test_another_or_restored_operations_store_is_refused(shop: Shop, warehouse: Warehouse) -> None:
    for number in range(3):
        shop.order(str(number))
    load(shop, warehouse)
    with shop.store.transaction() as connection:
        connection.execute(
            sa.update(tables.counters).where(tables.counters.c.name == "change_seq").values(value=2)
        )
    with pytest.raises(
        ConfigurationError, match="holds orders up to 3 and the operations store has only reached 2"
    ):
        load_core(shop.store, warehouse)
    assert len(everything(warehouse, ORDERS)) == 3


def test_an_operations_store_on_postgresql_gives_the_same_rows(
    shop: Shop, duck: Warehouse, postgres_url: str
) -> None:
    with new_shop(postgres_url) as other:
        _load_both(shop, other, duck)


def _load_both(shop: Shop, other: Shop, duck: Warehouse) -> None:
    for each in (shop, other):
        each.order("A", total="12.10", net="10.00", vat="2.10", must_flag=["late"], is_business=True)
        each.position("MUG-1", "main", 7, 3)
        each.put(tables.products, sku="MUG-1", source="file", cost=money("1.2345"), updated_at=LONG_AGO)
        each.invoice("BOL-1", ["bol_nl:A"], "12.10", "2.10")
        each.quarantine("bol_nl:A", "unknown")
    elsewhere = Warehouse(f"duckdb:///{duck.published_dir / 'other.duckdb'}", duck.published_dir)
    load(shop, duck)
    load(other, elsewhere)
    for name in ("core.orders", "core.order_lines", "core.products", "core.invoice_lines", "mart.orders"):
        select = f"select * from {name}"
        assert elsewhere.query(select).to_pylist() == duck.query(select).to_pylist()
    assert [check.name for check in checks() if run_check(elsewhere, check.name).num_rows] == []
