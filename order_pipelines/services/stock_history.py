"""The movements and events behind a number, newest first: what happened to an article, what its offers were told."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.operations.tables import channel_stock_events, stock_movements


@dataclass(frozen=True, slots=True)
class Happened:
    """One movement at a location, or one event of an offer.

    Args:
        at: when it happened.
        known_at: when it was booked here.
        kind: word for it.
        sku: of what.
        where: location, or offer.
        on_hand: change of what lies there.
        reserved: change of what carts hold.
        open_demand: change of what is owed.
        quantity: the number, of an event.
        why: cause or reason.
    """

    at: datetime
    known_at: datetime
    kind: str
    sku: str
    where: str
    on_hand: int | None = None
    reserved: int | None = None
    open_demand: int | None = None
    quantity: int | None = None
    why: str | None = None


def history_of(
    connection: Connection,
    account: str,
    sku: str,
    goods: Collection[str],
    moment: datetime,
    *,
    as_happened: bool,
    limit: int,
) -> list[Happened]:
    """Return the last movements of the goods and events of the account's offers up to a moment, newest first."""
    moves, events = stock_movements.c, channel_stock_events.c
    moved_at = moves.occurred_at if as_happened else moves.booked_at
    query = (
        sa.select(stock_movements)
        .where(moves.sku.in_(goods), moved_at <= moment)
        .order_by(moved_at.desc(), moves.movement_seq.desc())
        .limit(limit)
    )
    told = (
        sa.select(channel_stock_events)
        .where(events.account == account, events.sku == sku, events.happened_at <= moment)
        .order_by(events.happened_at.desc(), events.event_seq.desc())
        .limit(limit)
    )
    ranked: list[tuple[datetime, int, int, Happened]] = []
    for row in connection.execute(query):
        when = row.occurred_at if as_happened else row.booked_at
        ranked.append((when, 0, row.movement_seq, _moved(row)))
    for row in connection.execute(told):
        ranked.append((row.happened_at, 1, row.event_seq, _told(row)))
    ranked.sort(key=lambda item: item[:3], reverse=True)
    return [item[3] for item in ranked[:limit]]


def late_movements(
    connection: Connection, goods: Collection[str], moment: datetime, *, limit: int
) -> list[Happened]:
    """Return what had happened by a moment and was booked after it, in the order of booking."""
    moves = stock_movements.c
    query = (
        sa.select(stock_movements)
        .where(moves.sku.in_(goods), moves.occurred_at <= moment, moves.booked_at > moment)
        .order_by(moves.movement_seq)
        .limit(limit)
    )
    return [_moved(row) for row in connection.execute(query)]


def _moved(row: Any) -> Happened:
    return Happened(
        row.occurred_at,
        row.booked_at,
        row.kind,
        row.sku,
        row.location,
        on_hand=row.on_hand_delta,
        reserved=row.reserved_delta,
        open_demand=row.open_demand_delta,
        why=row.cause,
    )


def _told(row: Any) -> Happened:
    return Happened(
        row.happened_at,
        row.happened_at,
        row.kind,
        row.sku,
        row.offer_id,
        quantity=row.quantity,
        why=row.reason,
    )
