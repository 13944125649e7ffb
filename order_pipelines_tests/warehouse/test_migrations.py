"""A warehouse that is new, old or of a newer version when it is opened."""

from pathlib import Path

import pytest

from order_pipelines.errors import ConfigurationError
from order_pipelines.services.warehouse_load import build_marts, load_core
from order_pipelines.warehouse.columns import Column, text
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines.warehouse.migrate import migrate
from order_pipelines.warehouse.tables import ALL_TABLES, ORDERS, Table
from order_pipelines_tests.warehouse.rows import Shop

# The warehouse as its first version made it, cut to what the test needs: fewer tables, and orders without two columns.
FIRST_VERSION = """
create schema core;
create schema mart;
create table core.schema_versions (version bigint, name text, applied_at timestamp with time zone);
insert into core.schema_versions values (1, '0001_schemas', timestamp with time zone '2026-01-01 00:00:00+00');
create table core.load_state (stream text, done_seq bigint, loaded_at timestamp with time zone);
insert into core.load_state values ('orders', 1, timestamp with time zone '2026-01-01 00:00:00+00');
"""


def with_column(added: Column) -> tuple[Table, ...]:
    """The declarations as a later version would have them."""
    orders = Table(
        schema=ORDERS.schema,
        name=ORDERS.name,
        description=ORDERS.description,
        grain=ORDERS.grain,
        key=ORDERS.key,
        source=ORDERS.source,
        columns=(*ORDERS.columns, added),
    )
    return tuple(orders if table is ORDERS else table for table in ALL_TABLES)


def test_a_new_warehouse_gets_every_table_once(warehouse: Warehouse) -> None:
    done = warehouse.migrate()
    assert done[:2] == ["0001_schemas", "0002_words_of_the_ledger"]
    assert set(done[2:]) == {f"create {table.full_name}" for table in ALL_TABLES}
    assert warehouse.migrate() == []


def test_an_old_warehouse_keeps_its_rows_and_the_next_load_fills_what_is_new(
    shop: Shop, warehouse: Warehouse
) -> None:
    shop.order("A", customer_reference="PO 7", payment_status="paid")
    with warehouse._writing() as session:
        session.execute(FIRST_VERSION)
        columns = [
            column for column in ORDERS.columns if column.name not in {"customer_reference", "payment_status"}
        ]
        body = ", ".join(f"{column.name} {column.sql_type}" for column in columns)
        session.execute(f"create table core.orders ({body})")
        session.execute(
            "insert into core.orders (order_key, account, change_seq, order_number, placed_at, order_status) "
            "values ('bol_nl:OLD', 'bol_nl', 1, 'OLD', timestamp with time zone '2025-06-01 00:00:00+00', 'completed')"
        )
    done = warehouse.migrate()
    assert "add core.orders.customer_reference" in done
    assert "create core.order_lines" in done
    assert done[-1] == "load everything again"
    old = "select order_number, order_status, customer_reference from core.orders"
    assert [list(row.values()) for row in warehouse.query(old).to_pylist()] == [["OLD", "completed", None]]
    load_core(shop.store, warehouse)
    build_marts(warehouse)
    rows = warehouse.query(f"{old} order by order_number").to_pylist()
    assert [list(row.values()) for row in rows] == [["A", "open", "PO 7"], ["OLD", "completed", None]]


def test_movements_that_were_loaded_before_are_told_in_the_words_of_today(warehouse: Warehouse) -> None:
    warehouse.migrate()
    rows = [
        ("demanded", 2, "1", "08:00"),
        ("demand_released", -1, "1", "09:00"),
        ("shipped", 0, "1", "09:00"),
        ("demand_released", -1, "1", "10:00"),
        ("counted", 0, None, "10:00"),
    ]
    values = ", ".join(
        f"({number}, 'A', 'main', '{kind}', 'c', {'null' if line is None else repr('bol_nl:1')}, "
        f"{'null' if line is None else repr(line)}, 0, 0, {owed}, timestamp with time zone '2026-11-20 {at}:00+00', "
        f"timestamp with time zone '2026-11-20 {at}:00+00')"
        for number, (kind, owed, line, at) in enumerate(rows, start=1)
    )
    with warehouse.write() as session:
        session.execute(
            "insert into core.stock_movements (movement_seq, sku, location, kind, cause, order_key, line_id, "
            f"physical_quantity, on_hand_delta, open_demand_delta, occurred_at, booked_at) values {values}"
        )
        session.execute("delete from core.schema_versions where version = 2")
        assert migrate(session) == ["0002_words_of_the_ledger"]
    kinds = warehouse.query("select kind from core.stock_movements order by movement_seq").to_pylist()
    assert [row["kind"] for row in kinds] == ["sold", "fulfilled", "shipped", "cancelled", "counted"]


def test_a_column_that_may_not_be_null_needs_a_migration_of_its_own(warehouse: Warehouse) -> None:
    warehouse.migrate()
    with warehouse.write() as session:
        with pytest.raises(ConfigurationError, match=r"core.orders.promise may not be null and is new"):
            migrate(session, with_column(text("promise", "What was promised.", nullable=False)))
        assert migrate(session, with_column(text("promise", "What was promised."))) == [
            "add core.orders.promise"
        ]
    assert warehouse.query("select promise from core.orders").num_rows == 0


def test_a_warehouse_of_a_newer_version_is_left_alone(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.migrate()
    with warehouse.write() as session:
        session.execute(
            "insert into core.schema_versions "
            "values (9000, '9000_future', timestamp with time zone '2027-01-01 00:00:00+00')"
        )
    again = Warehouse(warehouse.url, tmp_path)
    with pytest.raises(ConfigurationError, match="written by a newer version of order_pipelines"):
        again.migrate()
