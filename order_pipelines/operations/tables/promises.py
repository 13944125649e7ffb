"""What availability is made of beside the positions: bundles, reservations, what is on its way, buffers; oversells."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from order_pipelines.operations.metadata import metadata
from order_pipelines.operations.types import Instant, Money

bundle_parts = Table(
    "bundle_parts",
    metadata,
    Column("bundle_sku", String(200), primary_key=True),
    Column("part_sku", String(200), primary_key=True),
    Column("quantity", BigInteger, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("bundle_parts_by_part", "part_sku"),
)

reservations = Table(
    "reservations",
    metadata,
    Column("reservation_id", String(40), primary_key=True),
    Column("account", String(40), nullable=False),
    Column("request_key", String(200), nullable=False),
    Column("request_hash", String(64), nullable=False),
    Column("shopper", String(64)),
    Column("state", String(20), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("reason", String(200)),
    Column("order_reference", String(200)),
    Column("order_key", String(250)),
    Index("reservations_by_request", "account", "request_key", unique=True),
    Index("reservations_due", "state", "expires_at"),
    Index("reservations_by_order", "account", "order_reference"),
)

reservation_lines = Table(
    "reservation_lines",
    metadata,
    Column("reservation_id", String(40), primary_key=True),
    Column("sku", String(200), primary_key=True),
    Column("part_sku", String(200), primary_key=True),
    Column("location", String(40), nullable=False),
    Column("asked_quantity", BigInteger, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Index("reservation_lines_by_part", "part_sku"),
)

incoming_stock = Table(
    "incoming_stock",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("purchase_order", String(100), primary_key=True),
    Column("line_id", String(100), primary_key=True),
    Column("sku", String(200), nullable=False),
    Column("location", String(40), nullable=False),
    Column("quantity_ordered", BigInteger, nullable=False),
    Column("quantity_received", BigInteger, nullable=False),
    Column("expected_on", String(10)),
    Column("supplier", String(200)),
    Column("unit_cost", Money(4)),
    Column("stated_at", Instant, nullable=False),
    Column("receipt_seq", BigInteger, nullable=False),
    Index("incoming_stock_by_sku", "sku", "location"),
)

supplier_stock = Table(
    "supplier_stock",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("supplier", String(200), primary_key=True),
    Column("sku", String(200), primary_key=True),
    Column("quantity", BigInteger, nullable=False),
    Column("lead_days", Integer),
    Column("unit_cost", Money(4)),
    Column("stated_at", Instant, nullable=False),
    Column("receipt_seq", BigInteger, nullable=False),
    Index("supplier_stock_by_sku", "sku"),
)

stock_buffers = Table(
    "stock_buffers",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("sku", String(200), primary_key=True),
    Column("buffer", BigInteger, nullable=False),
    Column("lag_seconds", BigInteger, nullable=False),
    Column("demand_milli_per_day", BigInteger, nullable=False),
    Column("lost_per_day", Money(4)),
    Column("computed_at", Instant, nullable=False),
)

oversell_cases = Table(
    "oversell_cases",
    metadata,
    Column("case_key", String(300), primary_key=True),
    Column("account", String(40), nullable=False),
    Column("order_key", String(250), nullable=False),
    Column("line_id", String(200), nullable=False),
    Column("sku", String(200), nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("cause", String(40), nullable=False),
    Column("is_avoidable", Boolean, nullable=False),
    Column("late_seconds", BigInteger),
    Column("accepted_at", Instant, nullable=False),
    Column("known_at", Instant, nullable=False),
    Column("explanation", Text, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("change_seq", BigInteger, nullable=False),
    Index("oversell_cases_by_change", "change_seq"),
    Index("oversell_cases_by_sku", "sku", "accepted_at"),
)

cancellation_evidence = Table(
    "cancellation_evidence",
    metadata,
    Column("order_key", String(250), primary_key=True),
    Column("line_id", String(200), primary_key=True),
    Column("quantity", BigInteger, primary_key=True, autoincrement=False),
    Column("occurred_at", Instant, nullable=False),
)

stock_locations = Table(
    "stock_locations",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("location", String(40), primary_key=True),
    Column("is_serving", Boolean, nullable=False),
    Column("change_seq", BigInteger, nullable=False),
    Index("stock_locations_by_change", "change_seq"),
)

complete_lists = Table(
    "complete_lists",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("kind", String(40), primary_key=True),
    Column("scope", String(200), primary_key=True),
    Column("stated_at", Instant, nullable=False),
    Column("receipt_seq", BigInteger, nullable=False),
)
