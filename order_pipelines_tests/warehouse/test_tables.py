"""The declared tables: complete, without personal data, and the same in both engines and on their pages."""

from pathlib import Path

import pyarrow as pa
import pytest

from order_pipelines.operations import tables as operations_tables
from order_pipelines.resources import sql_path
from order_pipelines.services.warehouse_streams import STREAMS
from order_pipelines.warehouse import docs
from order_pipelines.warehouse.columns import Table
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines.warehouse.tables import ALL_TABLES, BY_NAME, CORE_TABLES, MART_TABLES, ORDERS, STOCK

DOCS = Path(__file__).resolve().parents[2] / "docs" / "tables"
# What tells who a person is, in the operations store's words.
PERSONAL = {
    "buyer",
    "shipping_address",
    "billing_address",
    "email",
    "phone",
    "payload",
    "value",
    "customer_number",
}


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: str(table.full_name))
def test_a_declaration_is_complete(table: Table) -> None:
    assert table.description.endswith(".")
    assert len(set(table.column_names)) == len(table.column_names)
    assert set(table.key) <= set(table.column_names)
    for names in table.indexes:
        assert set(names) <= set(table.column_names)
    for column in table.columns:
        assert column.description.endswith("."), column.name
    if table.schema == "core":
        assert not [name for name in table.key if table.column(name).nullable]


def test_no_table_holds_personal_data() -> None:
    columns = [(table.full_name, column) for table in ALL_TABLES for column in table.columns]
    assert [(name, column.name) for name, column in columns if column.is_personal] == []
    assert [(name, column.name) for name, column in columns if column.name in PERSONAL] == []


def test_a_column_name_has_one_type_everywhere() -> None:
    types: dict[str, set[str]] = {}
    for table in ALL_TABLES:
        for column in table.columns:
            types.setdefault(column.name, set()).add(column.type)
    assert {name: found for name, found in types.items() if len(found) > 1} == {}


def test_the_tables_of_an_engine_have_the_declared_columns_and_types(warehouse: Warehouse) -> None:
    names = {"timestamp with time zone": "instant", "text": "text", "varchar": "text"}
    warehouse.migrate()
    found = {
        (f"{row['table_schema']}.{row['table_name']}", row["column_name"]): (
            row["data_type"],
            row["is_nullable"],
        )
        for row in warehouse.query(
            "select table_schema, table_name, column_name, lower(data_type) as data_type, is_nullable "
            "from information_schema.columns where table_schema in ('core', 'mart')"
        ).to_pylist()
    }
    for table in ALL_TABLES:
        for column in table.columns:
            kind, nullable = found[(table.full_name, column.name)]
            assert nullable == ("YES" if column.nullable else "NO")
            assert names.get(kind, column.type) == column.type
        assert warehouse.read_table(table).schema == table.arrow_schema()


def test_postgresql_has_keys_and_duckdb_has_none() -> None:
    assert "primary key (sku, location)" in STOCK.ddl("postgresql")[0]
    assert "key" not in STOCK.ddl("duckdb")[0].replace("order_key", "")
    day = BY_NAME["mart.revenue_per_channel_day"]
    assert (
        "unique nulls not distinct (order_date, channel, account, ship_country, currency_code)"
        in day.ddl("postgresql")[0]
    )


def test_money_is_decimal_in_every_schema() -> None:
    assert ORDERS.arrow_schema().field("order_total_incl_vat").type == pa.decimal128(18, 2)
    assert ORDERS.column("order_total_incl_vat").sql_type == "decimal(18, 2)"
    assert ("order_total_incl_vat", "decimal(18, 2)", True) in [
        (name, kind, nullable) for name, kind, _, nullable in ORDERS.column_list()
    ]
    assert ORDERS.describe().endswith(
        "One row: one order. Key: order_key. Source: operations store, orders, by change_seq."
    )
    with pytest.raises(KeyError, match="has no column nonsense"):
        ORDERS.column("nonsense")


def test_every_mart_has_its_file_and_every_file_its_mart() -> None:
    assert {path.stem for path in sql_path("mart").glob("*.sql")} == {table.name for table in MART_TABLES}


def test_every_core_table_is_loaded_from_a_stream_of_the_operations_store() -> None:
    assert {table.full_name for stream in STREAMS for table in stream.targets} == {
        table.full_name for table in CORE_TABLES
    }
    for stream in STREAMS:
        source = operations_tables.metadata.tables[stream.name]
        assert stream.sequence in source.columns
        (own, *_) = stream.targets
        missing = {column.name for column in own.columns if column.source is None} - set(
            source.columns.keys()
        )
        assert missing == set()


def test_the_pages_of_the_tables_are_up_to_date(tmp_path: Path) -> None:
    """After a change run: python -m order_pipelines.warehouse.docs docs/tables."""
    written = {path.name: path.read_text(encoding="utf-8") for path in docs.write(tmp_path)}
    kept = {path.name: path.read_text(encoding="utf-8") for path in DOCS.glob("*.md")}
    assert kept == written
    (tmp_path / "core.gone.md").write_text("old", encoding="utf-8")
    docs.write(tmp_path)
    assert not (tmp_path / "core.gone.md").exists()
