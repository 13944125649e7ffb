"""Why numbers fall: what sales alone leave of each, and what took the rest. Reads the ledger, decides nothing.

Two answers bound what sales leave, and the larger one holds: the number the channel shows less what was sold since it
was computed; and the number as it would be now had no count, correction or movement of goods taken anything since. The
first knows nothing of counts, the second nothing of settings; a cap, or pieces that the channel subtracts by itself,
would make the first alone take a lost count for a sale.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.domain.stock import SupplyMove
from order_pipelines.operations.store import chunks
from order_pipelines.operations.tables import channel_stock, channel_stock_events, stock_movements
from order_pipelines.services.availability import Stockroom, policy_of, read_stockroom
from order_pipelines.services.full_counts import NOT_NAMED
from order_pipelines.settings import Settings

Cause = Literal["sales", "count", "file", "correction", "goods", "policy"]
_SUPPLY: dict[SupplyMove, Cause] = {
    "counted": "count",
    "corrected": "correction",
    "received": "goods",
    "returned": "goods",
    "transferred": "goods",
}
# An expression of more alternatives is too deep for SQLite.
_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Fall:
    """One offer whose number is to fall from what its channel shows.

    Args:
        row: of ``channel_stock``, with what the channel shows as ``shown``.
        sales_leave: what it may show if only sales are believed; between the number it should get and ``shown``.
        cause: what took most of it.
    """

    row: Any
    sales_leave: int
    cause: Cause

    @property
    def unexplained(self) -> int:
        """Pieces that vanish without having been sold."""
        return int(self.sales_leave - self.row.desired_quantity)

    @property
    def is_explained(self) -> bool:
        """Whether sales alone bring it there: then it waits for nobody."""
        return self.unexplained == 0


def explain_falls(
    connection: Connection, settings: Settings, account: str, rows: Sequence[Any]
) -> dict[str, Fall]:
    """Return, by offer, why its number falls; ``rows`` are those of ``due_rows`` that fall."""
    if not rows:
        return {}
    room = read_stockroom(connection, settings, {row.sku for row in rows})
    since = _computed_at(connection, account, [row.offer_id for row in rows])
    moves = _moves(connection, room, rows, since)
    return {row.offer_id: _fall(room, account, row, since.get(row.offer_id), moves) for row in rows}


def _computed_at(connection: Connection, account: str, offers: Sequence[str]) -> dict[str, datetime]:
    """When the number was computed that each channel confirmed; none where it never confirmed one of ours."""
    events = channel_stock_events.c
    found: dict[str, datetime] = {}
    for part in chunks(offers):
        query = (
            sa.select(events.offer_id, sa.func.max(events.happened_at, type_=events.happened_at.type))
            .join(
                channel_stock,
                sa.and_(
                    channel_stock.c.account == events.account,
                    channel_stock.c.offer_id == events.offer_id,
                    channel_stock.c.confirmed_version == events.version,
                ),
            )
            .where(
                events.account == account,
                events.offer_id.in_(part),
                events.kind.in_(("desired", "repaired")),
            )
            .group_by(events.offer_id)
        )
        for offer_id, at in connection.execute(query):
            found[offer_id] = at
    return found


def _moves(
    connection: Connection, room: Stockroom, rows: Iterable[Any], since: dict[str, datetime]
) -> dict[str, list[Any]]:
    """Everything that was booked of the articles since the oldest of their numbers was computed, by article."""
    begins: dict[str, datetime] = {}
    for row in rows:
        begin = since.get(row.offer_id)
        if begin is not None:
            for part in room.bundles.get(row.sku, (row.sku,)):
                begins[part] = min(begin, begins.get(part, begin))
    found: dict[str, list[Any]] = {}
    columns = stock_movements.c
    for part in chunks(sorted(begins), _AT_ONCE):
        query = sa.select(
            columns.sku,
            columns.location,
            columns.kind,
            columns.cause,
            columns.booked_at,
            columns.on_hand_delta,
            (columns.on_hand_delta - columns.open_demand_delta - columns.reserved_delta).label("change"),
        ).where(sa.or_(*(sa.and_(columns.sku == sku, columns.booked_at > begins[sku]) for sku in part)))
        for row in connection.execute(query):
            found.setdefault(row.sku, []).append(row)
    return found


def _fall(
    room: Stockroom, account: str, row: Any, since: datetime | None, moves: dict[str, list[Any]]
) -> Fall:
    settings = room.settings.accounts[account]
    wanted, shown = row.desired_quantity, row.shown
    if policy_of(settings, row.sku).kind == "always":
        return Fall(row, wanted, "policy")
    parts = room.bundles.get(row.sku, {row.sku: 1})
    if since is None:
        # Nobody knows what the former number held: all that customers wait for may have been sold from it.
        sold = max(_owed(room, account, part, each) for part, each in parts.items())
        leave = max(wanted, shown - max(0, sold))
        return Fall(row, leave, "sales" if shown - leave > leave - wanted else "count")
    sold, lost, taken = 0, {}, dict.fromkeys(("sales", *_SUPPLY.values(), "file"), 0)
    for part, each in parts.items():
        sold_part, lost_part = 0, 0
        for move in moves.get(part, ()):
            if move.booked_at <= since or move.location not in settings.serves:
                continue
            if move.kind not in _SUPPLY:
                sold_part -= move.change
                continue
            lost_part -= move.change
            taken[_cause_of(move)] -= move.change
        sold = max(sold, -(-sold_part // each))
        lost[part] = max(0, lost_part)
    taken["sales"] = sold
    leave = min(shown, max(wanted, shown - sold, _without_losses(room, account, row, lost)))
    cause: Any = max(taken, key=lambda word: taken[word])
    return Fall(row, leave, cause if taken[cause] > 0 else "policy")


def _cause_of(move: Any) -> Cause:
    return "file" if move.cause.startswith(NOT_NAMED) else _SUPPLY[move.kind]


def _owed(room: Stockroom, account: str, sku: str, each: int) -> int:
    terms = room.terms(account, sku)
    return -(-(terms.open_demand + terms.reserved) // each)


def _without_losses(room: Stockroom, account: str, row: Any, lost: dict[str, int]) -> int:
    """What the offer would be told now, had nothing been taken from the places but by sales."""
    if not any(lost.values()) or row.max_quantity is None:
        return int(row.desired_quantity)
    serves = room.settings.accounts[account].serves
    places = dict(room.places)
    for sku, pieces in lost.items():
        there = list(places.get(sku, ()))
        index = next((index for index, place in enumerate(there) if place.location in serves), None)
        if index is not None:
            there[index] = replace(there[index], on_hand=there[index].on_hand + pieces)
            places[sku] = there
    told = replace(room, places=places).explained(
        account,
        row.sku,
        subtracts_open_orders=bool(row.subtracts_open_orders),
        max_quantity=row.max_quantity,
    )
    return told.told
