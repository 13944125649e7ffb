"""The stock ledger: append-only movements and the positions they add up to, changed together in one transaction.

On hand is the latest count plus every physical movement dated after it; a count settles what happened before it. Each
line's demand and departures are a projection of what is known of the order: booked is the difference to what had been
booked, so late, repeated and shuffled messages end in the same ledger.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.domain.stock import DemandMove, GoodsMove, Movement, ReservationMove
from order_pipelines.operations.booked_lines import BookedLines, Line, read_booked_lines
from order_pipelines.operations.movements import LineTarget, Position
from order_pipelines.operations.store import MOVEMENT, chunks, next_values, upsert
from order_pipelines.operations.tables import line_demand, line_shipped, stock_movements, stock_positions

__all__ = ["Ledger", "LineTarget", "Position"]
# Words for people; what they name stands whole in columns of its own.
_LONGEST_CAUSE = 300
_LONGEST_POSTING_KEY = 200


@dataclass(slots=True)
class _State:
    on_hand: int = 0
    open_demand: int = 0
    reserved: int = 0
    counted_at: datetime | None = None
    counted_quantity: int | None = None


class Ledger:
    """One batch of postings inside one write transaction. Call :meth:`flush` before the transaction ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._states: dict[Position, _State] = {}
        self._touched: set[Position] = set()
        self._movements: list[dict[str, Any]] = []
        self._demand: list[dict[str, Any]] = []
        self._shipped: list[dict[str, Any]] = []
        self._posted: set[str] = set()
        self._unposted: set[str] = set()
        self._pending: set[Position] = set()
        self._now = clock.now()

    def load(self, positions: Iterable[Position]) -> None:
        """Read positions at once; what is not read before it is booked on is read one by one."""
        missing = sorted({position for position in positions if position not in self._states})
        for part in chunks(missing, 300):
            found = self._connection.execute(
                sa.select(stock_positions).where(
                    sa.tuple_(stock_positions.c.sku, stock_positions.c.location).in_(list(part))
                )
            )
            for row in found:
                self._states[(row.sku, row.location)] = _State(
                    row.on_hand, row.open_demand, row.reserved, row.counted_at, row.counted_quantity
                )
        for position in missing:
            self._states.setdefault(position, _State())

    def _move(
        self,
        position: Position,
        kind: Movement,
        *,
        physical: int,
        on_hand: int,
        open_demand: int,
        occurred_at: datetime,
        cause: str,
        reserved: int = 0,
        order_key: str | None = None,
        line_id: str | None = None,
        source: str | None = None,
        posting_key: str | None = None,
    ) -> None:
        state = self._states[position]
        state.on_hand += on_hand
        state.open_demand += open_demand
        state.reserved += reserved
        self._touched.add(position)
        self._pending.add(position)
        self._movements.append(
            {
                "sku": position[0],
                "location": position[1],
                "kind": kind,
                "physical_quantity": physical,
                "on_hand_delta": on_hand,
                "open_demand_delta": open_demand,
                "cause": cause[:_LONGEST_CAUSE],
                "order_key": order_key,
                "line_id": line_id,
                "occurred_at": occurred_at,
                "booked_at": self._now,
                "reserved_delta": reserved,
                "source": source,
                "posting_key": posting_key,
            }
        )

    def _physical(
        self, position: Position, kind: Movement, quantity: int, occurred_at: datetime, **cause: Any
    ) -> None:
        """Book pieces that came or went; one dated before the latest count is already in that count."""
        counted_at = self._states[position].counted_at
        effective = quantity if counted_at is None or occurred_at > counted_at else 0
        self._move(
            position,
            kind,
            physical=quantity,
            on_hand=effective,
            open_demand=0,
            occurred_at=occurred_at,
            **cause,
        )

    def settle_lines(
        self,
        targets: Mapping[Line, LineTarget],
        order_keys: Iterable[str],
        booked: BookedLines | None = None,
    ) -> None:
        """Bring the bookings of orders to their targets; a line without target loses what was booked for it.

        ``booked`` is what is booked of these orders, where that was read in this transaction already.
        """
        if booked is None:
            booked = read_booked_lines(self._connection, order_keys)
        lines = sorted({*targets, *booked.demand, *booked.shipped})
        positions = {(row.sku, row.location) for row in booked.demand.values()}
        positions |= {(row.sku, row.location) for rows in booked.shipped.values() for row in rows.values()}
        for target in targets.values():
            if target.sku is not None and target.location is not None:
                positions.add((target.sku, target.location))
                positions |= {(target.sku, item.location or target.location) for item in target.departures}
        self.load(positions)
        for line in lines:
            wanted, shipped = targets.get(line), booked.shipped.get(line, {})
            self._settle_demand(line, wanted, booked.demand.get(line), shipped)
            self._settle_departures(line, wanted, shipped)
        upsert(self._connection, line_demand, self._demand)
        upsert(self._connection, line_shipped, self._shipped)
        self._demand, self._shipped = [], []

    def _settle_demand(
        self, line: Line, target: LineTarget | None, booked: Any, shipped: Mapping[str, Any]
    ) -> None:
        wanted: tuple[Position, int] | None = None
        if target is not None and target.sku is not None and target.location is not None:
            wanted = ((target.sku, target.location), target.open_quantity)
        before: tuple[Position, int] | None = None
        if booked is not None:
            before = ((booked.sku, booked.location), booked.open_quantity)
        is_same = target is None or booked is None or _same_terms(target, booked)
        if wanted == before and is_same:
            return
        at = target.placed_at if target is not None else booked.placed_at
        if before is not None and wanted is not None and target is not None and wanted[0] == before[0]:
            owed = before[1]
            if target.moved_to is not None:
                self._demand_move(line, wanted[0], "sold", target.moved_to - owed, at)
                owed = target.moved_to
            left = sum(item.quantity for item in target.departures) - sum(
                row.quantity for row in shipped.values()
            )
            self._owe(line, wanted[0], wanted[1] - owed, left, target)
        else:
            # Moved to another article or place it was never here; nobody cancelled anything.
            if before is not None:
                self._demand_move(line, before[0], "sold", -before[1], at)
            if wanted is not None:
                self._demand_move(line, wanted[0], "sold", wanted[1], at)
        if wanted is None:
            self._connection.execute(
                sa.delete(line_demand).where(
                    line_demand.c.order_key == line[0], line_demand.c.line_id == line[1]
                )
            )
        elif target is not None:
            self._demand.append(
                {
                    "order_key": line[0],
                    "line_id": line[1],
                    "account": target.account,
                    "sku": wanted[0][0],
                    "location": wanted[0][1],
                    "open_quantity": wanted[1],
                    "placed_at": target.placed_at,
                    "bundle_sku": target.bundle_sku,
                    "bundle_quantity": target.bundle_quantity,
                    "pieces_each": target.pieces_each,
                }
            )

    def _owe(self, line: Line, position: Position, change: int, left: int, target: LineTarget) -> None:
        """Book that more or fewer pieces are owed, ``left`` of them (signed) because they left or came back."""
        fulfilled = max(-left, min(change, 0)) if left > 0 else min(-left, max(change, 0))
        rest = change - fulfilled
        released_at = max(target.placed_at, target.changed_at or target.placed_at)
        self._demand_move(
            line, position, "fulfilled", fulfilled, released_at if fulfilled < 0 else target.placed_at
        )
        if rest > 0:
            self._demand_move(line, position, "sold", rest, target.placed_at)
        else:
            self._demand_move(line, position, "cancelled", rest, released_at)

    def _demand_move(
        self, line: Line, position: Position, kind: DemandMove, pieces: int, occurred_at: datetime
    ) -> None:
        if pieces:
            self._move(
                position,
                kind,
                physical=0,
                on_hand=0,
                open_demand=pieces,
                occurred_at=occurred_at,
                cause=f"order {line[0]} line {line[1]}",
                order_key=line[0],
                line_id=line[1],
            )

    def _settle_departures(
        self, line: tuple[str, str], target: LineTarget | None, booked: dict[str, Any]
    ) -> None:
        wanted: dict[str, tuple[Position, int, datetime]] = {}
        each: dict[str, int] = {}
        if target is not None and target.sku is not None and target.location is not None:
            for item in target.departures:
                place = (target.sku, item.location or target.location)
                wanted[item.evidence_key] = (place, item.quantity, item.occurred_at)
                each[item.evidence_key] = item.pieces_each
        cause = {"cause": f"order {line[0]} line {line[1]}", "order_key": line[0], "line_id": line[1]}
        for key, row in booked.items():
            before = ((row.sku, row.location), row.quantity, row.occurred_at)
            if wanted.get(key) == before:
                continue
            self._physical(before[0], "shipped_reversed", row.quantity, row.occurred_at, **cause)
            self._connection.execute(
                sa.delete(line_shipped).where(
                    line_shipped.c.order_key == line[0],
                    line_shipped.c.line_id == line[1],
                    line_shipped.c.evidence_key == key,
                )
            )
        for key, (place, quantity, occurred_at) in wanted.items():
            row = booked.get(key)
            if row is not None and ((row.sku, row.location), row.quantity, row.occurred_at) == wanted[key]:
                continue
            self._physical(place, "shipped", -quantity, occurred_at, **cause)
            self._shipped.append(
                {
                    "order_key": line[0],
                    "line_id": line[1],
                    "evidence_key": key,
                    "sku": place[0],
                    "location": place[1],
                    "quantity": quantity,
                    "occurred_at": occurred_at,
                    "pieces_each": each[key],
                }
            )

    def count(self, position: Position, quantity: int, taken_at: datetime, *, cause: str) -> bool:
        """Book a count; an older one than the newest known changes nothing. Returns whether it was the newest."""
        self.load([position])
        state = self._states[position]
        if state.counted_at is not None and taken_at < state.counted_at:
            return False
        if (
            state.counted_at == taken_at
            and state.counted_quantity is not None
            and quantity >= state.counted_quantity
        ):
            # Two counts of one moment: the lower one stands, so that nothing is promised that may not be there.
            return quantity == state.counted_quantity
        if position in self._pending:
            self._write_movements()
        later = self._connection.execute(
            sa.select(sa.func.coalesce(sa.func.sum(stock_movements.c.physical_quantity), 0)).where(
                stock_movements.c.sku == position[0],
                stock_movements.c.location == position[1],
                stock_movements.c.occurred_at > taken_at,
                stock_movements.c.kind != "counted",
            )
        ).scalar_one()
        delta = quantity + int(later) - state.on_hand
        state.counted_at = taken_at
        state.counted_quantity = quantity
        self._move(
            position, "counted", physical=0, on_hand=delta, open_demand=0, occurred_at=taken_at, cause=cause
        )
        return True

    def correct(self, position: Position, quantity: int, occurred_at: datetime, *, cause: str) -> None:
        """Book a correction that a source states; ``quantity`` is signed."""
        self.load([position])
        self._physical(position, "corrected", quantity, occurred_at, cause=cause)

    def reserve(
        self,
        position: Position,
        quantity: int,
        kind: ReservationMove,
        *,
        reservation_id: str,
        order_key: str | None = None,
    ) -> None:
        """Hold pieces for a cart (``reserved``), or give held ones back; ``quantity`` is signed.

        A cart holds an article once and lets it go once: the posting key refuses a second time.
        """
        self.load([position])
        phase = "held" if kind == "reserved" else "let_go"
        self._move(
            position,
            kind,
            physical=0,
            on_hand=0,
            open_demand=0,
            reserved=quantity,
            occurred_at=self._now,
            cause=f"reservation {reservation_id}",
            order_key=order_key,
            source="reservations",
            posting_key=_fitting(f"reservation:{reservation_id}:{phase}:{position[1]}:{position[0]}"),
        )

    def post(
        self,
        position: Position,
        quantity: int,
        kind: GoodsMove,
        occurred_at: datetime,
        *,
        source: str,
        key: str,
        cause: str,
    ) -> bool:
        """Book goods that came, went or came back, once per ``key``; returns whether it was news.

        Args:
            position: article and location.
            quantity: signed pieces.
            kind: what happened to them.
            occurred_at: when; what is dated before the latest count is in that count already.
            source: who says so, such as an account.
            key: unique name of the statement at that source.
            cause: words for people.
        """
        posting_key = _fitting(f"{source}:{key}")
        if posting_key in self._posted or (
            posting_key not in self._unposted and self._is_posted(posting_key)
        ):
            return False
        self._posted.add(posting_key)
        self.load([position])
        self._physical(
            position, kind, quantity, occurred_at, cause=cause, source=source, posting_key=posting_key
        )
        return True

    def posted(self, source: str, postings: Mapping[str, Position]) -> dict[str, Any]:
        """Return what was booked before under these keys of a source, by key; asks once for what many posts ask."""
        by_posting = {_fitting(f"{source}:{key}"): key for key in postings}
        found: dict[str, Any] = {}
        for part in chunks(sorted(by_posting)):
            query = sa.select(stock_movements).where(stock_movements.c.posting_key.in_(part))
            for row in self._connection.execute(query):
                found[by_posting[row.posting_key]] = row
        self._unposted |= {name for name, key in by_posting.items() if key not in found}
        self.load(postings.values())
        return found

    def _is_posted(self, posting_key: str) -> bool:
        query = sa.select(sa.literal(1)).where(stock_movements.c.posting_key == posting_key)
        return self._connection.execute(query).first() is not None

    @property
    def has_changes(self) -> bool:
        """Whether anything was booked since the last :meth:`flush`."""
        return bool(self._touched)

    def _write_movements(self) -> None:
        if not self._movements:
            return
        first = next_values(self._connection, MOVEMENT, len(self._movements))
        rows = [{"movement_seq": number, **row} for number, row in enumerate(self._movements, start=first)]
        self._connection.execute(stock_movements.insert(), rows)
        self._movements = []
        self._pending = set()

    def flush(self, change_seq: int) -> set[str]:
        """Write movements and positions; returns the SKUs whose positions changed."""
        self._write_movements()
        rows = [
            {
                "sku": position[0],
                "location": position[1],
                "on_hand": state.on_hand,
                "open_demand": state.open_demand,
                "reserved": state.reserved,
                "counted_at": state.counted_at,
                "counted_quantity": state.counted_quantity,
                "updated_at": self._now,
                "change_seq": change_seq,
            }
            for position, state in self._states.items()
            if position in self._touched
        ]
        upsert(self._connection, stock_positions, rows)
        skus = {position[0] for position in self._touched}
        self._touched = set()
        return skus


def _same_terms(target: LineTarget, booked: Any) -> bool:
    """Whether what is known of a booked demand beside its place and pieces is still so."""
    return bool(
        booked.placed_at == target.placed_at
        and booked.bundle_sku == target.bundle_sku
        and booked.bundle_quantity == target.bundle_quantity
        and booked.pieces_each == target.pieces_each
    )


def _fitting(key: str) -> str:
    """Return the key, a too long one with a hash of the whole: cut short, two postings would be one."""
    if len(key) <= _LONGEST_POSTING_KEY:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"{key[: _LONGEST_POSTING_KEY - len(digest) - 1]}:{digest}"
