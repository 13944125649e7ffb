"""Loading in one go, and reading whole tables back in the order of their key."""

from datetime import date
from decimal import Decimal
from typing import Any

from order_pipelines.services.warehouse_load import build_marts, load_core
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines.warehouse.tables import REVENUE_PER_CHANNEL_DAY, Table
from order_pipelines_tests.warehouse.rows import Shop


def everything(warehouse: Warehouse, table: Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = warehouse.read_table(table).to_pylist()
    return sorted(rows, key=lambda row: [str(row[name]) for name in table.key])


def load(shop: Shop, warehouse: Warehouse) -> None:
    load_core(shop.store, warehouse)
    build_marts(warehouse)


def gross_by_day(warehouse: Warehouse) -> dict[date, Decimal]:
    return {
        row["order_date"]: row["gross_revenue_incl_vat"]
        for row in everything(warehouse, REVENUE_PER_CHANNEL_DAY)
    }
