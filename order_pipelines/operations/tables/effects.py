"""What must exist outside: invoices, parcels and the outbox."""

from sqlalchemy import BigInteger, Column, Date, Index, Integer, String, Table, Text

from order_pipelines.operations.metadata import metadata
from order_pipelines.operations.types import Instant, Json, Money

invoices = Table(
    "invoices",
    metadata,
    Column("invoice_key", String(250), primary_key=True),
    Column("account", String(40), nullable=False),
    Column("books", String(40), nullable=False),
    Column("reference", String(60), nullable=False),
    Column("grouping", String(10), nullable=False),
    Column("invoice_date", Date, nullable=False),
    Column("currency_code", String(3), nullable=False),
    Column("amount_incl_vat", Money(), nullable=False),
    Column("amount_excl_vat", Money(), nullable=False),
    Column("vat_amount", Money(), nullable=False),
    Column("lines", Json, nullable=False),
    Column("state", String(20), nullable=False),
    Column("entry_id", String(100)),
    Column("entry_number", String(40)),
    Column("planned_at", Instant, nullable=False),
    Column("booked_at", Instant),
    Column("change_seq", BigInteger, nullable=False),
    Index("invoices_by_reference", "books", "reference", unique=True),
    Index("invoices_by_change", "change_seq"),
)

invoice_orders = Table(
    "invoice_orders",
    metadata,
    Column("order_key", String(250), primary_key=True),
    Column("invoice_key", String(250), nullable=False),
    Column("amount_incl_vat", Money(), nullable=False),
    Column("vat_amount", Money(), nullable=False),
    Column("planned_total_incl_vat", Money()),
    Index("invoice_orders_by_invoice", "invoice_key"),
)

invoice_holds = Table(
    "invoice_holds",
    metadata,
    Column("order_key", String(250), primary_key=True),
    Column("account", String(40), nullable=False),
    Column("reason_code", String(40), nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("released_at", Instant),
    Column("change_seq", BigInteger, nullable=False, server_default="0"),
    Index("invoice_holds_by_change", "change_seq"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("effect_key", String(250), primary_key=True),
    Column("account", String(40), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("subject_key", String(250), nullable=False),
    Column("mode", String(10), nullable=False),
    Column("payload", Json, nullable=False),
    Column("payload_hash", String(64), nullable=False),
    Column("state", String(20), nullable=False),
    Column("reason", Text),
    Column("attempts", Integer, nullable=False),
    Column("not_before", Instant),
    Column("write_reference", String(200)),
    Column("external_id", String(200)),
    Column("planned_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("confirmed_at", Instant),
    Column("change_seq", BigInteger, nullable=False),
    Index("outbox_due", "state", "account", "not_before"),
    Index("outbox_by_subject", "subject_key"),
    Index("outbox_by_change", "change_seq"),
)

shipments = Table(
    "shipments",
    metadata,
    Column("shipment_key", String(250), primary_key=True),
    Column("account", String(40), nullable=False),
    Column("order_key", String(250), nullable=False),
    Column("carrier", String(60)),
    Column("tracking", String(200)),
    Column("location", String(40)),
    Column("shipped_at", Instant, nullable=False),
    Column("lines", Json, nullable=False),
    Column("receipt_seq", BigInteger, nullable=False),
    Index("shipments_by_order", "order_key"),
)

pending_shipment_lines = Table(
    "pending_shipment_lines",
    metadata,
    Column("pending_key", String(200), primary_key=True),
    Column("account", String(40), nullable=False),
    Column("order_number", String(200), nullable=False),
    Column("line", Json, nullable=False),
    Column("reason", Text, nullable=False),
    Column("receipt_seq", BigInteger, nullable=False),
    Column("since", Instant, nullable=False),
    Index("pending_shipment_lines_by_order", "order_number"),
)
