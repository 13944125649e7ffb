"""What channels and books say themselves, read anew to be compared with what we hold; nothing is decided by it."""

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, String, Table, Text

from order_pipelines.operations.metadata import metadata
from order_pipelines.operations.types import Instant, Money

day_readings = Table(
    "day_readings",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("order_date", Date, primary_key=True),
    Column("state", String(20), nullable=False),
    Column("reason", Text),
    Column("books_state", String(20), nullable=False),
    Column("books_reason", Text),
    Column("invoicing_trigger", String(10), nullable=False),
    Column("orders_not_read", BigInteger, nullable=False),
    Column("read_at", Instant, nullable=False),
    Column("change_seq", BigInteger, nullable=False),
    Index("day_readings_by_change", "change_seq"),
)

order_readings = Table(
    "order_readings",
    metadata,
    Column("order_key", String(250), primary_key=True),
    Column("account", String(40), nullable=False),
    Column("external_order_id", String(200), nullable=False),
    Column("order_number", String(200)),
    Column("order_date", Date),
    Column("currency_code", String(3)),
    Column("is_listed", Boolean, nullable=False),
    Column("is_counted", Boolean),
    Column("is_missing", Boolean, nullable=False),
    Column("pieces", BigInteger),
    Column("order_total_current_incl_vat", Money()),
    Column("content_hash", String(64)),
    Column("reason", Text),
    Column("read_at", Instant, nullable=False),
    Column("change_seq", BigInteger, nullable=False),
    Index("order_readings_by_day", "account", "order_date"),
    Index("order_readings_by_change", "change_seq"),
)

entry_readings = Table(
    "entry_readings",
    metadata,
    Column("invoice_key", String(250), primary_key=True),
    Column("account", String(40), nullable=False),
    Column("books", String(40), nullable=False),
    Column("reference", String(60), nullable=False),
    Column("entries", BigInteger, nullable=False),
    Column("entry_date", Date),
    Column("amount_incl_vat", Money()),
    Column("read_at", Instant, nullable=False),
    Column("change_seq", BigInteger, nullable=False),
    Index("entry_readings_by_change", "change_seq"),
)
