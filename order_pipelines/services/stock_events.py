"""What became of every number, one row an event, written in the transaction that changes it; and the purge of old ones.

The present state of an offer (``channel_stock``) cannot say what was told, believed and seen when. These rows can: they
are never changed, their numbers grow in the order of the transactions, and reading them up to a moment gives what was
known of the offer then (``services.explain_stock``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.domain.stock import EventKind
from order_pipelines.operations.store import STOCK_EVENT, OperationsStore, chunks, next_values
from order_pipelines.operations.tables import channel_stock_events


@dataclass(frozen=True, slots=True)
class StockEvent:
    """Something that happened to the number of one offer: which number, in which version, and why."""

    account: str
    offer_id: str
    sku: str
    kind: EventKind
    quantity: int | None
    version: int
    reason: str | None = None


def event_of(
    row: Any, kind: EventKind, quantity: int | None, version: int, reason: str | None = None
) -> StockEvent:
    """Return an event of the offer of a row of ``channel_stock``."""
    return StockEvent(row.account, row.offer_id, row.sku, kind, quantity, version, reason)


def note_events(connection: Connection, events: Sequence[StockEvent]) -> None:
    """Write events down, in their order, in the transaction that made them."""
    if not events:
        return
    now = clock.now()
    first = next_values(connection, STOCK_EVENT, len(events))
    rows = [
        {
            "event_seq": number,
            "account": event.account,
            "offer_id": event.offer_id,
            "sku": event.sku,
            "kind": event.kind,
            "quantity": event.quantity,
            "version": event.version,
            "happened_at": now,
            "reason": event.reason,
        }
        for number, event in enumerate(events, start=first)
    ]
    for part in chunks(rows):
        connection.execute(channel_stock_events.insert(), list(part))


def not_yet_held(connection: Connection, account: str, rows: Sequence[Any]) -> list[Any]:
    """Return those of the due offers whose newest version was not noted as held yet: said once, not at each push."""
    told: set[tuple[str, int]] = set()
    for part in chunks([row.offer_id for row in rows]):
        query = sa.select(channel_stock_events.c.offer_id, channel_stock_events.c.version).where(
            channel_stock_events.c.account == account,
            channel_stock_events.c.offer_id.in_(part),
            channel_stock_events.c.kind == "held",
        )
        told |= {(row.offer_id, row.version) for row in connection.execute(query)}
    return [row for row in rows if (row.offer_id, row.desired_version) not in told]


def purge_events(store: OperationsStore, *, older_than_days: int) -> int:
    """Delete events older than so many days; returns how many.

    The newest of each kind of every offer before that moment stays: from there on its state can be told. The warehouse
    keeps all.
    """
    cutoff = clock.now() - timedelta(days=older_than_days)
    is_old = channel_stock_events.c.happened_at < cutoff
    needed = (
        sa.select(sa.func.max(channel_stock_events.c.event_seq))
        .where(is_old)
        .group_by(
            channel_stock_events.c.account, channel_stock_events.c.offer_id, channel_stock_events.c.kind
        )
    )
    with store.transaction() as connection:
        deleted = connection.execute(
            sa.delete(channel_stock_events).where(is_old, channel_stock_events.c.event_seq.not_in(needed))
        )
    return deleted.rowcount
