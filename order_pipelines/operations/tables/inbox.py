"""What came in and what waits for a person: bodies, receipts, files, what is still to read, quarantine."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text

from order_pipelines.operations.metadata import metadata
from order_pipelines.operations.types import Instant, Json

bodies = Table(
    "bodies",
    metadata,
    Column("content_hash", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("encoding", String(10), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("first_received_at", Instant, nullable=False),
    Column("redacted_at", Instant),
)

receipts = Table(
    "receipts",
    metadata,
    Column("receipt_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("account", String(40), nullable=False),
    Column("system", String(40), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("external_id", String(200), nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("read_began_at", Instant, nullable=False),
    Column("arrived_by", String(20), nullable=False),
    Column("request", Text),
    Column("state", String(20), nullable=False),
    Column("reason", Text),
    Column("interpreted_at", Instant),
    Index("receipts_by_entity", "account", "kind", "external_id", "receipt_seq"),
    Index("receipts_by_state", "state", "receipt_seq"),
    Index("receipts_by_hash", "content_hash"),
)

fetch_backlog = Table(
    "fetch_backlog",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("external_id", String(200), primary_key=True),
    Column("changed_at", Instant),
    Column("listed_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text),
    Column("not_before", Instant),
    Column("given_up_at", Instant),
)

files = Table(
    "files",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("content_hash", String(64), primary_key=True),
    Column("name", String(255), nullable=False),
    Column("kind", String(40)),
    Column("state", String(20), nullable=False),
    Column("reason", Text),
    Column("rows_read", BigInteger, nullable=False),
    Column("counts", Json, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("finished_at", Instant),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("quarantine_key", String(120), primary_key=True),
    Column("account", String(40), nullable=False),
    Column("entity", String(40), nullable=False),
    Column("entity_key", String(250), nullable=False),
    Column("receipt_seq", BigInteger, nullable=False),
    Column("reason_code", String(40), nullable=False),
    Column("reason", Text, nullable=False),
    Column("field", String(200)),
    Column("value", Text),
    Column("line_id", String(200)),
    Column("source_row", Integer),
    Column("first_seen_at", Instant, nullable=False),
    Column("resolved_at", Instant),
    Column("change_seq", BigInteger, nullable=False),
    Index("quarantine_open", "resolved_at", "account"),
    Index("quarantine_by_entity", "entity_key"),
    Index("quarantine_by_change", "change_seq"),
)
