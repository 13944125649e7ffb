"""All tables of the warehouse, each declared once. Everything else about a table is made from its declaration."""

from order_pipelines.warehouse.bookkeeping_tables import (
    BOOKKEEPING_TABLES,
    LOAD_STATE,
    TOUCHED_DAYS,
    TOUCHED_INVOICES,
    TOUCHED_ORDERS,
)
from order_pipelines.warehouse.columns import Column, Table
from order_pipelines.warehouse.core_tables import (
    CHANNEL_STOCK,
    CORE_TABLES,
    INVOICE_HOLDS,
    INVOICE_LINES,
    INVOICE_ORDERS,
    INVOICES,
    ORDER_LINES,
    ORDER_VERSIONS,
    ORDERS,
    OUTBOX,
    PRODUCTS,
    QUARANTINE,
    STOCK_MOVEMENTS,
    STOCK_POSITIONS,
)
from order_pipelines.warehouse.decision_tables import AUDIT_LOG
from order_pipelines.warehouse.mart_tables import (
    INVOICE_LIST,
    MART_TABLES,
    OPEN_QUARANTINE,
    ORDER_LIST,
    REVENUE_PER_CHANNEL_DAY,
    REVENUE_PER_CHANNEL_MONTH,
    REVENUE_PER_CHANNEL_WEEK,
    STOCK,
    STOCK_PER_CHANNEL,
)
from order_pipelines.warehouse.reading_tables import DAY_READINGS, ENTRY_READINGS, ORDER_READINGS
from order_pipelines.warehouse.return_tables import CHANNEL_RETURN_LINES, CHANNEL_RETURNS, OPEN_RETURNS
from order_pipelines.warehouse.stock_tables import (
    CHANNEL_STOCK_EVENTS,
    OVERSELL_CASES,
    OVERSELL_LIST,
    STOCK_LOCATIONS,
    STOCK_PER_LOCATION_AND_CHANNEL,
)
from order_pipelines.warehouse.three_way_tables import THREE_WAY_PER_DAY, THREE_WAY_TERMS

ALL_TABLES: tuple[Table, ...] = (*CORE_TABLES, *MART_TABLES, *BOOKKEEPING_TABLES)
BY_NAME: dict[str, Table] = {table.full_name: table for table in ALL_TABLES}

__all__ = [
    "ALL_TABLES",
    "AUDIT_LOG",
    "BOOKKEEPING_TABLES",
    "BY_NAME",
    "CHANNEL_RETURNS",
    "CHANNEL_RETURN_LINES",
    "CHANNEL_STOCK",
    "CHANNEL_STOCK_EVENTS",
    "CORE_TABLES",
    "DAY_READINGS",
    "ENTRY_READINGS",
    "INVOICES",
    "INVOICE_HOLDS",
    "INVOICE_LINES",
    "INVOICE_LIST",
    "INVOICE_ORDERS",
    "LOAD_STATE",
    "MART_TABLES",
    "OPEN_QUARANTINE",
    "OPEN_RETURNS",
    "ORDERS",
    "ORDER_LINES",
    "ORDER_LIST",
    "ORDER_READINGS",
    "ORDER_VERSIONS",
    "OUTBOX",
    "OVERSELL_CASES",
    "OVERSELL_LIST",
    "PRODUCTS",
    "QUARANTINE",
    "REVENUE_PER_CHANNEL_DAY",
    "REVENUE_PER_CHANNEL_MONTH",
    "REVENUE_PER_CHANNEL_WEEK",
    "STOCK",
    "STOCK_LOCATIONS",
    "STOCK_MOVEMENTS",
    "STOCK_PER_CHANNEL",
    "STOCK_PER_LOCATION_AND_CHANNEL",
    "STOCK_POSITIONS",
    "THREE_WAY_PER_DAY",
    "THREE_WAY_TERMS",
    "TOUCHED_DAYS",
    "TOUCHED_INVOICES",
    "TOUCHED_ORDERS",
    "Column",
    "Table",
]
