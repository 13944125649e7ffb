"""The fast lane: deliveries of webhooks, what every number went through, what an instance did, and stops by people."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from order_pipelines.operations.metadata import metadata
from order_pipelines.operations.types import Instant

channel_stock_events = Table(
    "channel_stock_events",
    metadata,
    Column("event_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("account", String(40), nullable=False),
    Column("offer_id", String(200), nullable=False),
    Column("sku", String(200), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("quantity", BigInteger),
    Column("version", BigInteger, nullable=False),
    Column("happened_at", Instant, nullable=False),
    Column("reason", Text),
    Index("channel_stock_events_by_offer", "account", "offer_id", "event_seq"),
    Index("channel_stock_events_by_sku", "sku", "happened_at"),
    Index("channel_stock_events_by_kind", "account", "kind", "happened_at"),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("delivery_key", String(200), primary_key=True),
    Column("topic", String(100), nullable=False),
    Column("external_id", String(200)),
    Column("received_at", Instant, nullable=False),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before", Instant),
    Column("done_at", Instant),
    Column("reason", Text),
    Index("webhook_deliveries_due", "state", "received_at"),
)

lane_minutes = Table(
    "lane_minutes",
    metadata,
    Column("minute", Instant, primary_key=True),
    Column("instance", String(60), primary_key=True),
    Column("account", String(40), primary_key=True),
    Column("asset", String(100), primary_key=True),
    Column("figures", Text, nullable=False),
    Column("reported_at", Instant),
    Index("lane_minutes_to_report", "reported_at", "minute"),
)

account_stops = Table(
    "account_stops",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("what", String(20), primary_key=True),
    Column("stopped_at", Instant, nullable=False),
    Column("reason", Text, nullable=False),
)
