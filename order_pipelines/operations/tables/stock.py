"""Demand, departures, the ledger and its positions, and what every offer shows."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text, and_

from order_pipelines.operations.metadata import metadata
from order_pipelines.operations.types import Instant

line_demand = Table(
    "line_demand",
    metadata,
    Column("order_key", String(250), primary_key=True),
    Column("line_id", String(200), primary_key=True),
    Column("account", String(40), nullable=False),
    Column("sku", String(200), nullable=False),
    Column("location", String(40), nullable=False),
    Column("open_quantity", BigInteger, nullable=False),
    Column("placed_at", Instant, nullable=False),
    Column("bundle_sku", String(200)),
    Column("bundle_quantity", BigInteger),
    Column("pieces_each", BigInteger),
    Index("line_demand_open", "sku", "account", "open_quantity"),
    Index("line_demand_by_time", "sku", "placed_at"),
)

shipment_evidence = Table(
    "shipment_evidence",
    metadata,
    Column("order_key", String(250), primary_key=True),
    Column("line_id", String(200), primary_key=True),
    Column("evidence_key", String(120), primary_key=True),
    Column("is_cumulative", Boolean, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("location", String(40)),
    Column("occurred_at", Instant, nullable=False),
)

line_shipped = Table(
    "line_shipped",
    metadata,
    Column("order_key", String(250), primary_key=True),
    Column("line_id", String(200), primary_key=True),
    Column("evidence_key", String(120), primary_key=True),
    Column("sku", String(200), nullable=False),
    Column("location", String(40), nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("pieces_each", BigInteger),
)

stock_movements = Table(
    "stock_movements",
    metadata,
    Column("movement_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("sku", String(200), nullable=False),
    Column("location", String(40), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("physical_quantity", BigInteger, nullable=False),
    Column("on_hand_delta", BigInteger, nullable=False),
    Column("open_demand_delta", BigInteger, nullable=False),
    Column("cause", String(300), nullable=False),
    Column("order_key", String(250)),
    Column("line_id", String(200)),
    Column("occurred_at", Instant, nullable=False),
    Column("booked_at", Instant, nullable=False),
    Column("reserved_delta", BigInteger, nullable=False, server_default="0"),
    Column("source", String(60)),
    Column("posting_key", String(200)),
    Index("stock_movements_by_position", "sku", "location", "occurred_at"),
    Index("stock_movements_by_order", "order_key"),
    Index("stock_movements_by_posting_key", "posting_key", unique=True),
    Index("stock_movements_by_booking", "sku", "booked_at"),
)

stock_positions = Table(
    "stock_positions",
    metadata,
    Column("sku", String(200), primary_key=True),
    Column("location", String(40), primary_key=True),
    Column("on_hand", BigInteger, nullable=False),
    Column("open_demand", BigInteger, nullable=False),
    Column("counted_at", Instant),
    Column("counted_quantity", BigInteger),
    Column("updated_at", Instant, nullable=False),
    Column("change_seq", BigInteger, nullable=False),
    Column("reserved", BigInteger, nullable=False, server_default="0"),
    Index("stock_positions_by_change", "change_seq"),
)

stock_statements = Table(
    "stock_statements",
    metadata,
    Column("statement_key", String(200), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("account", String(40), nullable=False),
    Column("sku", String(200)),
    Column("ean", String(40)),
    Column("location", String(40), nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("stated_at", Instant, nullable=False),
    Column("reason", Text),
    Column("source_row", Integer),
    Column("is_history", Boolean, nullable=False),
    Column("is_booked", Boolean, nullable=False),
    Column("receipt_seq", BigInteger, nullable=False),
    Index("stock_statements_by_position", "sku", "location"),
)

channel_offers = Table(
    "channel_offers",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("offer_id", String(200), primary_key=True),
    Column("ean", String(40)),
    Column("reference", String(200)),
    Column("sku", String(200)),
    Column("is_own_fulfilment", Boolean, nullable=False),
    Column("subtracts_open_orders", Boolean, nullable=False),
    Column("max_quantity", BigInteger, nullable=False),
    Column("is_for_sale", Boolean),
    Column("stock_set", BigInteger),
    Column("stock_shown", BigInteger),
    Column("is_listed", Boolean, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Index("channel_offers_by_sku", "sku"),
)

channel_stock = Table(
    "channel_stock",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("offer_id", String(200), primary_key=True),
    Column("sku", String(200), nullable=False),
    Column("desired_quantity", BigInteger, nullable=False),
    Column("desired_version", BigInteger, nullable=False),
    Column("available_quantity", BigInteger, nullable=False),
    Column("own_open_quantity", BigInteger, nullable=False),
    Column("order_watermark", Instant),
    Column("sent_quantity", BigInteger),
    Column("sent_version", BigInteger, nullable=False),
    Column("sent_at", Instant),
    Column("confirmed_quantity", BigInteger),
    Column("confirmed_version", BigInteger, nullable=False),
    Column("confirmed_at", Instant),
    Column("read_back_quantity", BigInteger),
    Column("read_back_at", Instant),
    Column("state", String(20), nullable=False),
    Column("reason", Text),
    Column("write_reference", String(200)),
    Column("attempts", Integer, nullable=False),
    Column("not_before", Instant),
    Column("change_seq", BigInteger, nullable=False),
    Column("drift_ours", BigInteger),
    Column("drift_theirs", BigInteger),
    Column("drift_repairs", Integer),
    Column("drift_since", Instant),
    Column("drift_repaired_at", Instant),
    Index("channel_stock_due", "account", "state"),
    Index("channel_stock_by_sku", "sku"),
    Index("channel_stock_by_change", "change_seq"),
)

# Our number and what the channel lists of the offer share one key.
same_offer = and_(
    channel_offers.c.account == channel_stock.c.account, channel_offers.c.offer_id == channel_stock.c.offer_id
)
