"""The tables of the operations store as they are now; ``sql/migrations/operations`` brings a store here.

Sequences (``receipt_seq``, ``movement_seq``, ``change_seq`` …) come from the table ``counters`` inside the writing
transaction, which is the only one at that time: numbers become visible in their order, so that a reader who asks for
everything above a number misses nothing. A database sequence would not promise that.
"""

from order_pipelines.operations.metadata import metadata
from order_pipelines.operations.tables.effects import (
    invoice_holds,
    invoice_orders,
    invoices,
    outbox,
    pending_shipment_lines,
    shipments,
)
from order_pipelines.operations.tables.house import (
    alerts,
    counters,
    cursors,
    leases,
    rate_blocks,
    tokens,
    warehouse_loads,
)
from order_pipelines.operations.tables.inbox import bodies, fetch_backlog, files, quarantine, receipts
from order_pipelines.operations.tables.lane import (
    account_stops,
    channel_stock_events,
    lane_minutes,
    webhook_deliveries,
)
from order_pipelines.operations.tables.orders import (
    order_lines,
    order_people,
    orders,
    product_conflicts,
    product_details,
    product_eans,
    products,
)
from order_pipelines.operations.tables.promises import (
    bundle_parts,
    cancellation_evidence,
    complete_lists,
    incoming_stock,
    oversell_cases,
    reservation_lines,
    reservations,
    stock_buffers,
    stock_locations,
    supplier_stock,
)
from order_pipelines.operations.tables.readings import day_readings, entry_readings, order_readings
from order_pipelines.operations.tables.returns import channel_customers, channel_return_lines, channel_returns
from order_pipelines.operations.tables.shadow import (
    audit_log,
    shadow_acceptances,
    shadow_days,
    shadow_differences,
)
from order_pipelines.operations.tables.stock import (
    channel_offers,
    channel_stock,
    line_demand,
    line_shipped,
    same_offer,
    shipment_evidence,
    stock_movements,
    stock_positions,
    stock_statements,
)

__all__ = [
    "account_stops",
    "alerts",
    "audit_log",
    "bodies",
    "bundle_parts",
    "cancellation_evidence",
    "channel_customers",
    "channel_offers",
    "channel_return_lines",
    "channel_returns",
    "channel_stock",
    "channel_stock_events",
    "complete_lists",
    "counters",
    "cursors",
    "day_readings",
    "entry_readings",
    "fetch_backlog",
    "files",
    "incoming_stock",
    "invoice_holds",
    "invoice_orders",
    "invoices",
    "lane_minutes",
    "leases",
    "line_demand",
    "line_shipped",
    "metadata",
    "order_lines",
    "order_people",
    "order_readings",
    "orders",
    "outbox",
    "oversell_cases",
    "pending_shipment_lines",
    "product_conflicts",
    "product_details",
    "product_eans",
    "products",
    "quarantine",
    "rate_blocks",
    "receipts",
    "reservation_lines",
    "reservations",
    "same_offer",
    "shadow_acceptances",
    "shadow_days",
    "shadow_differences",
    "shipment_evidence",
    "shipments",
    "stock_buffers",
    "stock_locations",
    "stock_movements",
    "stock_positions",
    "stock_statements",
    "supplier_stock",
    "tokens",
    "warehouse_loads",
    "webhook_deliveries",
]
