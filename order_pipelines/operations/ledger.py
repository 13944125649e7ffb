"""The stock ledger: append-only movements and the positions they add up to, changed together in one transaction.

On hand is the latest count plus every physical movement dated after it; a count settles what happened before it. Each
line's demand and departures are a projection of what is known of the order: booked is the difference to what had been
booked, so late, repeated and shuffled messages end in the same ledger.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.domain.stock import Departure
from order_pipelines.operations.store import MOVEMENT, chunks, next_values, upsert
from order_pipelines.operations.tables import line_demand, line_shipped, stock_movements, stock_positions

Position = tuple[str, str]
# Words for people; what they name stands whole in columns of its own.
_LONGEST_CAUSE = 300


@dataclass(slots=True)
class _State:
    on_hand: int = 0
    open_demand: int = 0
    counted_at: datetime | None = None
    counted_quantity: int | None = None


@dataclass(frozen=True, slots=True)
class LineTarget:
    """What should be booked of one order line now; ``sku`` ``None`` means nothing at all."""

    order_key: str
    line_id: str
    account: str
    sku: str | None
    location: str | None
    open_quantity: int
    placed_at: datetime
    departures: tuple[Departure, ...] = ()


class Ledger:
    """One batch of postings inside one write transaction. Call :meth:`flush` before the transaction ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._states: dict[Position, _State] = {}
        self._touched: set[Position] = set()
        self._movements: list[dict[str, Any]] = []
        self._demand: list[dict[str, Any]] = []
        self._shipped: list[dict[str, Any]] = []
        self._now = clock.now()

    def _load(self, positions: Iterable[Position]) -> None:
        missing = sorted({position for position in positions if position not in self._states})
        for part in chunks(missing, 300):
            found = self._connection.execute(
                sa.select(stock_positions).where(
                    sa.tuple_(stock_positions.c.sku, stock_positions.c.location).in_(list(part))
                )
            )
            for row in found:
                self._states[(row.sku, row.location)] = _State(
                    row.on_hand, row.open_demand, row.counted_at, row.counted_quantity
                )
        for position in missing:
            self._states.setdefault(position, _State())

    def _move(
        self,
        position: Position,
        kind: str,
        *,
        physical: int,
        on_hand: int,
        open_demand: int,
        occurred_at: datetime,
        cause: str,
        order_key: str | None = None,
        line_id: str | None = None,
    ) -> None:
        state = self._states[position]
        state.on_hand += on_hand
        state.open_demand += open_demand
        self._touched.add(position)
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
            }
        )

    def _physical(
        self, position: Position, kind: str, quantity: int, occurred_at: datetime, **cause: Any
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

    def settle_lines(self, targets: Mapping[tuple[str, str], LineTarget], order_keys: Iterable[str]) -> None:
        """Bring the bookings of orders to their targets; a line without target loses what was booked for it."""
        keys = sorted(set(order_keys))
        demand: dict[tuple[str, str], Any] = {}
        shipped: dict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
        for part in chunks(keys):
            for row in self._connection.execute(
                sa.select(line_demand).where(line_demand.c.order_key.in_(part))
            ):
                demand[(row.order_key, row.line_id)] = row
            for row in self._connection.execute(
                sa.select(line_shipped).where(line_shipped.c.order_key.in_(part))
            ):
                shipped[(row.order_key, row.line_id)][row.evidence_key] = row
        lines = sorted({*targets, *demand, *shipped})
        positions = {(row.sku, row.location) for row in demand.values()}
        positions |= {(row.sku, row.location) for rows in shipped.values() for row in rows.values()}
        for target in targets.values():
            if target.sku is not None and target.location is not None:
                positions.add((target.sku, target.location))
                positions |= {(target.sku, item.location or target.location) for item in target.departures}
        self._load(positions)
        for line in lines:
            wanted = targets.get(line)
            self._settle_demand(line, wanted, demand.get(line))
            self._settle_departures(line, wanted, shipped.get(line, {}))
        upsert(self._connection, line_demand, self._demand)
        upsert(self._connection, line_shipped, self._shipped)
        self._demand, self._shipped = [], []

    def _settle_demand(self, line: tuple[str, str], target: LineTarget | None, booked: Any) -> None:
        wanted: tuple[Position, int] | None = None
        if target is not None and target.sku is not None and target.location is not None:
            wanted = ((target.sku, target.location), target.open_quantity)
        before: tuple[Position, int] | None = None
        if booked is not None:
            before = ((booked.sku, booked.location), booked.open_quantity)
        if wanted == before and (target is None or booked is None or booked.placed_at == target.placed_at):
            return
        cause = f"order {line[0]} line {line[1]}"
        at = target.placed_at if target is not None else booked.placed_at
        changes: dict[Position, int] = defaultdict(int)
        if before is not None:
            changes[before[0]] -= before[1]
        if wanted is not None:
            changes[wanted[0]] += wanted[1]
        for position, delta in changes.items():
            if delta:
                self._move(
                    position,
                    "demanded" if delta > 0 else "demand_released",
                    physical=0,
                    on_hand=0,
                    open_demand=delta,
                    occurred_at=at,
                    cause=cause,
                    order_key=line[0],
                    line_id=line[1],
                )
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
                }
            )

    def _settle_departures(
        self, line: tuple[str, str], target: LineTarget | None, booked: dict[str, Any]
    ) -> None:
        wanted: dict[str, tuple[Position, int, datetime]] = {}
        if target is not None and target.sku is not None and target.location is not None:
            for item in target.departures:
                place = (target.sku, item.location or target.location)
                wanted[item.evidence_key] = (place, item.quantity, item.occurred_at)
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
                }
            )

    def count(self, position: Position, quantity: int, taken_at: datetime, *, cause: str) -> bool:
        """Book a count; an older one than the newest known changes nothing. Returns whether it was the newest."""
        self._load([position])
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
        self._load([position])
        self._physical(position, "corrected", quantity, occurred_at, cause=cause)

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

    def flush(self, change_seq: int) -> set[str]:
        """Write movements and positions; returns the SKUs whose positions changed."""
        self._write_movements()
        rows = [
            {
                "sku": position[0],
                "location": position[1],
                "on_hand": state.on_hand,
                "open_demand": state.open_demand,
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
