"""What customers announced to send back, without the people; and the customers of a shop, who are nothing else."""

from sqlalchemy import BigInteger, Boolean, Column, Index, String, Table

from order_pipelines.operations.metadata import metadata
from order_pipelines.operations.types import Instant, Json

channel_returns = Table(
    "channel_returns",
    metadata,
    Column("return_key", String(250), primary_key=True),
    Column("account", String(40), nullable=False),
    Column("system", String(40), nullable=False),
    Column("external_return_id", String(200), nullable=False),
    Column("registered_at", Instant),
    Column("changed_at", Instant, nullable=False),
    Column("read_began_at", Instant, nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("receipt_seq", BigInteger, nullable=False),
    Column("change_seq", BigInteger, nullable=False),
    Index("channel_returns_by_account", "account", "external_return_id"),
    Index("channel_returns_by_change", "change_seq"),
)

channel_return_lines = Table(
    "channel_return_lines",
    metadata,
    Column("return_key", String(250), primary_key=True),
    Column("return_line_id", String(200), primary_key=True),
    Column("external_order_id", String(200)),
    Column("external_line_id", String(200)),
    Column("ean_said", String(200)),
    Column("order_key", String(250)),
    Column("line_id", String(200)),
    Column("sku", String(200)),
    Column("quantity", BigInteger),
    Column("state", String(20), nullable=False),
    Column("state_said", String(200)),
    Column("reason_code", String(200)),
    Column("reason_label", String(200)),
    Column("own_fulfilment", Boolean, nullable=False),
    Column("remarks", Json, nullable=False),
    Index("channel_return_lines_by_order", "order_key", "line_id"),
)

channel_customers = Table(
    "channel_customers",
    metadata,
    Column("customer_key", String(250), primary_key=True),
    Column("account", String(40), nullable=False),
    Column("external_customer_id", String(200), nullable=False),
    Column("customer_number", String(100)),
    Column("buyer", Json, nullable=False),
    Column("billing_address", Json),
    Column("changed_at", Instant, nullable=False),
    Column("read_began_at", Instant, nullable=False),
    Index("channel_customers_by_account", "account", "external_customer_id"),
)
