"""What was decided, and what observing accounts would have done against what their channels show."""

from sqlalchemy import BigInteger, Column, Date, Index, String, Table, Text

from order_pipelines.operations.metadata import metadata
from order_pipelines.operations.types import Instant

# Append-only: a test forbids every statement that would change or delete a row.
audit_log = Table(
    "audit_log",
    metadata,
    Column("audit_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("noted_at", Instant, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("account", String(40)),
    Column("subject", String(250), nullable=False),
    Column("value_before", Text),
    Column("value_after", Text),
    Column("decided_by", String(60), nullable=False),
    Index("audit_log_by_account", "account", "audit_seq"),
)

shadow_days = Table(
    "shadow_days",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("business_day", Date, primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("comparisons", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("compared", BigInteger, nullable=False),
    Column("equal", BigInteger, nullable=False),
    Column("unsettled", BigInteger, nullable=False),
    Column("differing", BigInteger, nullable=False),
    Column("attempted_at", Instant, nullable=False),
    Column("compared_at", Instant),
    Column("problem", Text),
)

shadow_differences = Table(
    "shadow_differences",
    metadata,
    Column("difference_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("account", String(40), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("subject", String(250), nullable=False),
    Column("sku", String(200)),
    Column("ours", Text, nullable=False),
    Column("theirs", Text, nullable=False),
    Column("reason", Text),
    Column("first_seen_at", Instant, nullable=False),
    Column("ours_since", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("times", BigInteger, nullable=False),
    Column("counted_at", Instant),
    Column("resolved_at", Instant),
    Index("shadow_differences_open", "account", "kind", "resolved_at"),
)

shadow_acceptances = Table(
    "shadow_acceptances",
    metadata,
    Column("order_key", String(250), primary_key=True),
    Column("account", String(40), nullable=False),
    Column("judged_at", Instant, nullable=False),
    Index("shadow_acceptances_by_age", "account", "judged_at"),
)
