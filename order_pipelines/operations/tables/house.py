"""What keeps the house in order: counters, tokens, cursors, leases, alerts."""

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text

from order_pipelines.operations.metadata import metadata
from order_pipelines.operations.types import Instant

counters = Table(
    "counters",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("token_key", String(100), primary_key=True),
    Column("access_token", Text),
    Column("refresh_token", Text),
    Column("obtained_at", Instant),
    Column("expires_at", Instant),
    Column("dead_reason", Text),
    Column("version", BigInteger, nullable=False),
)

cursors = Table(
    "cursors",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("stream", String(40), primary_key=True),
    Column("complete_at", Instant),
    Column("attempted_at", Instant),
    Column("failed_since", Instant),
    Column("reason", Text),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(120), primary_key=True),
    Column("holder", String(80), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("expires_at", Instant, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("alert_key", String(200), primary_key=True),
    Column("severity", String(10), nullable=False),
    Column("message", Text, nullable=False),
    Column("first_seen_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("times", Integer, nullable=False),
    Column("resolved_at", Instant),
)

rate_blocks = Table(
    "rate_blocks",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("endpoint_group", String(200), primary_key=True),
    Column("blocked_until", Instant, nullable=False),
    Column("learned_at", Instant, nullable=False),
)

warehouse_loads = Table(
    "warehouse_loads",
    metadata,
    Column("stream", String(40), primary_key=True),
    Column("done_seq", BigInteger, nullable=False),
    Column("loaded_at", Instant, nullable=False),
)
