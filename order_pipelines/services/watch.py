"""What the house watches of itself: how much waits in quarantine, what the warehouse has not taken in, and alerts."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.operations import tables
from order_pipelines.operations.store import OperationsStore, insert_new
from order_pipelines.operations.tables import alerts, orders, quarantine, warehouse_loads
from order_pipelines.settings import Settings

# The share is of what came lately; looking at the newest changes only keeps the question cheap in a store of years.
_NEWEST = 20_000
_WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class QuarantineShare:
    """How much of what came in the last 24 hours is in quarantine.

    Args:
        received: orders first received, bodies that could not be read as an order included.
        quarantined: those of them that are in quarantine now.
        reasons: open reasons by code, of all that waits.
        limit_pct: the settings' limit, in percent.
        counted_from: with fewer received than this no share is judged.
    """

    received: int
    quarantined: int
    reasons: dict[str, int]
    limit_pct: Decimal
    counted_from: int

    @property
    def is_within_limit(self) -> bool:
        """Too few to judge, or not more than the limit."""
        return self.received < self.counted_from or self.quarantined * 100 <= self.limit_pct * self.received


def quarantine_share(store: OperationsStore, settings: Settings, system: str) -> QuarantineShare:
    """Return the share of a system's orders of the last 24 hours that waits for a person."""
    accounts = [name for name, account in settings.accounts.items() if account.system == system]
    since = clock.now() - _WINDOW
    newest = (
        sa.select(orders.c.account, orders.c.is_quarantined, orders.c.first_received_at)
        .order_by(orders.c.change_seq.desc())
        .limit(_NEWEST)
        .subquery()
    )
    lately = sa.select(
        sa.func.count(), sa.func.coalesce(sa.func.sum(sa.case((newest.c.is_quarantined, 1), else_=0)), 0)
    ).where(newest.c.first_received_at >= since, newest.c.account.in_(accounts))
    is_open = sa.and_(
        quarantine.c.resolved_at.is_(None),
        quarantine.c.account.in_(accounts),
        quarantine.c.entity.in_(("order", "file_row", "file")),
    )
    known = sa.select(sa.literal(1)).where(orders.c.order_key == quarantine.c.entity_key)
    unreadable = sa.select(sa.func.count(quarantine.c.entity_key.distinct())).where(
        is_open, quarantine.c.first_seen_at >= since, quarantine.c.entity == "order", ~known.exists()
    )
    by_reason = (
        sa.select(quarantine.c.reason_code, sa.func.count()).where(is_open).group_by(quarantine.c.reason_code)
    )
    with store.reading() as connection:
        received, quarantined = connection.execute(lately).one()
        without_order = connection.execute(unreadable).scalar_one()
        reasons = {code: int(count) for code, count in connection.execute(by_reason)}
    return QuarantineShare(
        received=int(received) + int(without_order),
        quarantined=int(quarantined) + int(without_order),
        reasons=dict(sorted(reasons.items())),
        limit_pct=settings.limits.max_quarantine_share,
        counted_from=settings.limits.min_rows_for_share,
    )


def waiting_for_warehouse(store: OperationsStore, sequences: dict[str, str]) -> dict[str, int]:
    """Return, by stream, the newest change that no load has taken in; streams that are up to date are left out.

    Args:
        store: the operations store; the warehouse itself is not opened.
        sequences: by stream (a table of the store) the column that orders its changes.
    """
    waiting = {}
    with store.reading() as connection:
        done = {row.stream: int(row.done_seq) for row in connection.execute(sa.select(warehouse_loads))}
        for stream, column in sequences.items():
            table = tables.metadata.tables[stream]
            newest = connection.execute(sa.select(sa.func.max(table.c[column]))).scalar()
            if newest is not None and int(newest) > done.get(stream, 0):
                waiting[stream] = int(newest)
    return waiting


def raise_alert(connection: Connection, key: str, *, severity: str, message: str) -> None:
    """Write an alert down, or that it was seen again. ``message`` names things by key and holds no payload."""
    now = clock.now()
    first = {"alert_key": key, "severity": severity, "message": message, "times": 0}
    insert_new(connection, alerts, [{**first, "first_seen_at": now, "last_seen_at": now}])
    connection.execute(
        sa.update(alerts)
        .where(alerts.c.alert_key == key)
        .values(
            severity=severity,
            message=message,
            last_seen_at=now,
            resolved_at=None,
            times=alerts.c.times + 1,
            first_seen_at=sa.case(
                (alerts.c.resolved_at.is_(None), alerts.c.first_seen_at),
                else_=sa.literal(now, alerts.c.first_seen_at.type),
            ),
        )
    )


def resolve_alert(connection: Connection, key: str) -> bool:
    """Mark an alert as over; returns whether it was open."""
    changed = connection.execute(
        sa.update(alerts)
        .where(alerts.c.alert_key == key, alerts.c.resolved_at.is_(None))
        .values(resolved_at=clock.now())
    )
    return changed.rowcount > 0
