"""What customers were owed at any past moment, as it happened: every line from its order until its pieces left.

The ledger dates a demand by the order and may have booked it days later, or never when the order was already shipped
as it was first read. Here each line is taken from what is known of it now: ordered, cancelled by when, departed when.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.operations.store import chunks
from order_pipelines.operations.tables import (
    cancellation_evidence,
    line_demand,
    line_shipped,
    order_lines,
    orders,
    reservation_lines,
    reservations,
)
from order_pipelines.services.availability import read_bundles
from order_pipelines.services.bundles import part_line
from order_pipelines.services.posting_reservations import POSTED

Line = tuple[str, str]


@dataclass(frozen=True, slots=True)
class SaleLine:
    """One booked line: of an article, or of one part of a bundle that was ordered.

    Args:
        order_key: the order.
        line_id: the line as the channel calls it.
        account: whose customer it is.
        sku: the article that leaves the shelf.
        ordered_sku: what was ordered: the article or the bundle.
        location: where it is booked.
        placed_at: when the customer ordered.
        pieces: of ``sku``, as ordered.
        each: pieces of ``sku`` in one of what was ordered, as it was made when that was booked.
        cancelled: when so many pieces in all were cancelled.
        departed: when pieces left.
    """

    order_key: str
    line_id: str
    account: str
    sku: str
    ordered_sku: str
    location: str
    placed_at: datetime
    pieces: int
    each: int
    cancelled: tuple[tuple[datetime, int], ...] = ()
    departed: tuple[tuple[datetime, int], ...] = ()

    @property
    def rank(self) -> tuple[datetime, str, str]:
        """Who came first; of one moment the order's name decides, so that it is always the same one."""
        return self.placed_at, self.order_key, self.line_id

    def open_at(self, moment: datetime) -> int:
        """Return the pieces owed at a moment, that moment included."""
        if self.placed_at > moment:
            return 0
        cancelled = max((pieces for when, pieces in self.cancelled if when <= moment), default=0)
        departed = sum(pieces for when, pieces in self.departed if when <= moment)
        return max(0, self.pieces - cancelled - departed)


def read_sale_lines(
    connection: Connection,
    skus: Collection[str],
    *,
    since: datetime,
    until: datetime,
) -> list[SaleLine]:
    """Return the lines of articles that were owed at some moment of a period, first comer first.

    Args:
        connection: to the operations store.
        skus: articles, bundles as their parts.
        since: what was over before this is left out where that is sure.
        until: what was ordered after this is left out.
    """
    left_later = sa.select(sa.literal(1)).where(
        line_shipped.c.order_key == line_demand.c.order_key,
        line_shipped.c.line_id == line_demand.c.line_id,
        line_shipped.c.occurred_at >= since,
    )
    booked: list[Any] = []
    for part in chunks(sorted(skus), 300):
        query = (
            sa.select(line_demand, orders.c.order_status, orders.c.changed_at.label("order_changed_at"))
            .join(orders, orders.c.order_key == line_demand.c.order_key)
            .where(
                line_demand.c.sku.in_(part),
                line_demand.c.placed_at <= until,
                sa.or_(
                    line_demand.c.placed_at >= since,
                    line_demand.c.open_quantity > 0,
                    orders.c.changed_at >= since,
                    left_later.exists(),
                ),
            )
        )
        booked += connection.execute(query)
    # What was booked before lines kept what their bundle was made of is taken to be made of what it is now.
    old = {row.bundle_sku for row in booked if row.bundle_sku is not None and row.pieces_each is None}
    bundles = read_bundles(connection, old)
    details = _Details(connection, sorted({row.order_key for row in booked}))
    found = [line for row in booked if (line := details.line_of(row, bundles)) is not None]
    return sorted(found, key=lambda line: (line.rank, line.sku))


class _Details:
    """What is known of the lines of some orders."""

    def __init__(self, connection: Connection, order_keys: list[str]) -> None:
        self._said: dict[str, list[Any]] = defaultdict(list)
        self._left: dict[str, list[Any]] = defaultdict(list)
        self._cancelled: dict[Line, list[tuple[datetime, int]]] = defaultdict(list)
        columns = (
            order_lines.c.order_key,
            order_lines.c.line_id,
            order_lines.c.quantity,
            order_lines.c.quantity_cancelled,
            order_lines.c.changed_at,
        )
        for part in chunks(order_keys):
            for row in connection.execute(sa.select(*columns).where(order_lines.c.order_key.in_(part))):
                self._said[row.order_key].append(row)
            for row in connection.execute(sa.select(line_shipped).where(line_shipped.c.order_key.in_(part))):
                self._left[row.order_key].append(row)
            query = sa.select(cancellation_evidence).where(cancellation_evidence.c.order_key.in_(part))
            for row in connection.execute(query):
                self._cancelled[(row.order_key, row.line_id)].append((row.occurred_at, row.quantity))

    def line_of(self, row: Any, bundles: Mapping[str, Mapping[str, int]]) -> SaleLine | None:
        own = next((said for said in self._said[row.order_key] if _is_of(said, row)), None)
        if own is None or own.quantity is None:
            return None
        each = row.pieces_each
        if each is None:
            each = 1 if row.bundle_sku is None else bundles.get(row.bundle_sku, {}).get(row.sku, 1)
        gone = own.quantity if row.order_status == "cancelled" else own.quantity_cancelled or 0
        shown = [
            (when, pieces * each)
            for when, pieces in self._cancelled[(row.order_key, own.line_id)]
            if pieces <= gone
        ]
        if gone and not any(pieces == gone * each for _, pieces in shown):
            # Booked before that was kept: the channel's newest time is all there is.
            shown.append((own.changed_at or row.order_changed_at, gone * each))
        return SaleLine(
            row.order_key,
            own.line_id,
            row.account,
            row.sku,
            row.bundle_sku or row.sku,
            row.location,
            row.placed_at,
            self._pieces(row, own, each),
            max(1, each),
            tuple(sorted(shown)),
            tuple(
                sorted(
                    (left.occurred_at, left.quantity)
                    for left in self._left[row.order_key]
                    if left.line_id == row.line_id
                )
            ),
        )

    def _pieces(self, row: Any, own: Any, each: int) -> int:
        """Return what was ordered of a booked line; what left while its bundle was made of other parts, as it left."""
        if row.bundle_sku is None and row.pieces_each is None:
            return int(own.quantity)
        of_line = [left for left in self._left[row.order_key] if _is_of(own, left)]
        here = [left for left in of_line if left.line_id == row.line_id]
        as_now = {left.evidence_key for left in here if left.pieces_each in {None, each}}
        bundles = {
            left.evidence_key: left.quantity // (left.pieces_each or 1)
            for left in of_line
            if left.evidence_key not in as_now
        }
        before = sum(left.quantity for left in here if left.evidence_key not in as_now)
        return int(before + max(0, own.quantity - sum(bundles.values())) * each)


def _is_of(said: Any, booked: Any) -> bool:
    return booked.line_id in {said.line_id, part_line(said.line_id, booked.sku)}


@dataclass(frozen=True, slots=True)
class CartHold:
    """Pieces of an article that a cart held, from when until when; ``order_key``: the order it became."""

    reservation_id: str
    account: str
    sku: str
    asked_sku: str
    asked: int
    location: str
    pieces: int
    begun_at: datetime
    ended_at: datetime | None
    order_key: str | None

    def holds_at(self, moment: datetime) -> bool:
        """Tell whether the pieces lay in the cart at a moment."""
        return self.begun_at <= moment and (self.ended_at is None or moment < self.ended_at)


def read_carts(
    connection: Connection, skus: Collection[str], *, since: datetime, until: datetime
) -> list[CartHold]:
    """Return what carts held of articles in a period; what became an order is held until that was placed."""
    found: list[Any] = []
    for part in chunks(sorted(skus), 300):
        query = (
            sa.select(reservation_lines, reservations)
            .join(reservations, reservations.c.reservation_id == reservation_lines.c.reservation_id)
            .where(
                reservation_lines.c.part_sku.in_(part),
                reservations.c.created_at <= until,
                sa.or_(reservations.c.ended_at.is_(None), reservations.c.ended_at >= since),
            )
        )
        found += connection.execute(query)
    placed: dict[str, datetime] = {}
    for part in chunks(sorted({row.order_key for row in found if row.order_key is not None})):
        query = sa.select(line_demand.c.order_key, sa.func.min(line_demand.c.placed_at)).where(
            line_demand.c.order_key.in_(part)
        )
        for order_key, moment in connection.execute(query.group_by(line_demand.c.order_key)):
            placed[order_key] = moment
    return [
        CartHold(
            row.reservation_id,
            row.account,
            row.part_sku,
            row.sku,
            row.asked_quantity,
            row.location,
            row.quantity,
            row.created_at,
            min(row.ended_at, placed.get(row.order_key, row.ended_at))
            if row.state == POSTED
            else row.ended_at,
            row.order_key,
        )
        for row in found
    ]
