"""Stock at any past second: what was known then, and what is known now about then. Reads the ledger, changes nothing.

*Known then* is the sum of the movements that were booked by then. *As it happened* is the latest count taken by then
with what physically moved after it, what customers had ordered and carts held: news that came late is in it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.domain.availability import LocationStock
from order_pipelines.operations.store import chunks
from order_pipelines.operations.tables import (
    line_demand,
    reservation_lines,
    reservations,
    stock_movements,
    stock_statements,
)
from order_pipelines.services.availability import Stockroom, read_bundles, read_sources
from order_pipelines.services.sale_lines import read_carts, read_sale_lines
from order_pipelines.settings import Settings

Position = tuple[str, str]
_CART = "reservation "


@dataclass(frozen=True, slots=True)
class PastPlace:
    """An article at a location at some moment; ``counted_at`` is when the count was taken that it rests on."""

    on_hand: int = 0
    reserved: int = 0
    open_demand: int = 0
    counted_at: datetime | None = None


def known_places(connection: Connection, skus: Collection[str], at: datetime) -> dict[Position, PastPlace]:
    """Return the positions as the ledger had them at a moment."""
    found: dict[Position, PastPlace] = {}
    moves = stock_movements.c
    counted = sa.case((moves.kind == "counted", moves.occurred_at))
    for part in chunks(sorted(skus), 300):
        query = (
            sa.select(
                moves.sku,
                moves.location,
                sa.func.sum(moves.on_hand_delta),
                sa.func.sum(moves.reserved_delta),
                sa.func.sum(moves.open_demand_delta),
                sa.func.max(counted, type_=moves.occurred_at.type),
            )
            .where(moves.sku.in_(part), moves.booked_at <= at)
            .group_by(moves.sku, moves.location)
        )
        for sku, location, on_hand, reserved, owed, counted_at in connection.execute(query):
            found[(sku, location)] = PastPlace(int(on_hand), int(reserved), int(owed), counted_at)
    return found


@dataclass(frozen=True, slots=True)
class Count:
    """Pieces found at a place; ``booked_at`` ``None``: an older count than the newest known, never booked."""

    taken_at: datetime
    quantity: int
    booked_at: datetime | None


def counts_of(
    connection: Connection, position: Position, *, since: datetime | None = None, until: datetime
) -> list[Count]:
    """Return the counts of a position by the time they were taken: from the latest by ``since`` up to ``until``.

    The ledger keeps what a count changed and not what it found; that is what stood there after it was booked less what
    had moved after it was taken. Of two counts of one moment the lower one holds, as in the ledger.
    """
    moves = stock_movements.c
    here = sa.and_(moves.sku == position[0], moves.location == position[1])
    is_count = sa.and_(here, moves.kind == "counted", moves.occurred_at <= until)
    stated = sa.and_(
        stock_statements.c.sku == position[0],
        stock_statements.c.location == position[1],
        stock_statements.c.kind == "count",
        stock_statements.c.is_history.is_(False),
        stock_statements.c.stated_at <= until,
    )
    if since is not None:
        first = [
            connection.execute(sa.select(sa.func.max(column)).where(condition, column <= since)).scalar()
            for column, condition in ((moves.occurred_at, is_count), (stock_statements.c.stated_at, stated))
        ]
        begin = max((moment for moment in first if moment is not None), default=None)
        if begin is not None:
            is_count = sa.and_(is_count, moves.occurred_at >= begin)
            stated = sa.and_(stated, stock_statements.c.stated_at >= begin)
    found: dict[datetime, Count] = {}
    for row in connection.execute(sa.select(stock_movements).where(is_count).order_by(moves.movement_seq)):
        # Of one moment the ledger booked only lower and lower ones: the last stands.
        found[row.occurred_at] = Count(row.occurred_at, _counted(connection, here, row), row.booked_at)
    for row in connection.execute(sa.select(stock_statements).where(stated)):
        booked = found.get(row.stated_at)
        if booked is None or row.quantity < booked.quantity:
            found[row.stated_at] = Count(row.stated_at, row.quantity, None)
    return [found[moment] for moment in sorted(found)]


def _counted(connection: Connection, here: sa.ColumnElement[bool], row: Any) -> int:
    moves = stock_movements.c
    after = sa.select(sa.func.sum(moves.on_hand_delta)).where(here, moves.movement_seq <= row.movement_seq)
    later = sa.select(sa.func.coalesce(sa.func.sum(moves.physical_quantity), 0)).where(
        here,
        moves.movement_seq < row.movement_seq,
        moves.occurred_at > row.occurred_at,
        moves.kind != "counted",
    )
    return int(connection.execute(after).scalar_one()) - int(connection.execute(later).scalar_one())


def on_hand_at(connection: Connection, position: Position, at: datetime) -> tuple[int, datetime | None]:
    """Return the pieces that lay at a place at a moment, as is known now, and when the count was taken behind it."""
    counts = counts_of(connection, position, since=at, until=at)
    moves = stock_movements.c
    query = sa.select(sa.func.coalesce(sa.func.sum(moves.physical_quantity), 0)).where(
        moves.sku == position[0],
        moves.location == position[1],
        moves.kind != "counted",
        moves.occurred_at <= at,
    )
    if not counts:
        return int(connection.execute(query).scalar_one()), None
    last = counts[-1]
    moved = connection.execute(query.where(moves.occurred_at > last.taken_at)).scalar_one()
    return last.quantity + int(moved), last.taken_at


def happened_places(connection: Connection, skus: Collection[str], at: datetime) -> dict[Position, PastPlace]:
    """Return the positions as they were at a moment, as is known now."""
    positions: set[Position] = set()
    for part in chunks(sorted(skus), 300):
        for table in (stock_movements, stock_statements, line_demand):
            query = sa.select(table.c.sku, table.c.location).where(table.c.sku.in_(part)).distinct()
            positions |= {(row.sku, row.location) for row in connection.execute(query)}
    owed: dict[Position, int] = {}
    for line in read_sale_lines(connection, skus, since=at, until=at):
        place = (line.sku, line.location)
        owed[place] = owed.get(place, 0) + line.open_at(at)
    held: dict[Position, int] = {}
    for cart in read_carts(connection, skus, since=at, until=at):
        if cart.holds_at(at):
            place = (cart.sku, cart.location)
            held[place] = held.get(place, 0) + cart.pieces
    found = {}
    for place in sorted(positions | owed.keys() | held.keys()):
        on_hand, counted_at = on_hand_at(connection, place, at)
        found[place] = PastPlace(on_hand, held.get(place, 0), owed.get(place, 0), counted_at)
    return found


def room_at(
    connection: Connection, settings: Settings, skus: Iterable[str], at: datetime, *, as_happened: bool
) -> Stockroom:
    """Return what availability was made of at a moment.

    Settings, bundles, and what suppliers, purchase orders and measured buffers add are those of today: only the newest
    statement of them is kept.
    """
    wanted = set(skus)
    room = Stockroom(settings, at.astimezone(settings.merchant.zone).date())
    room.bundles = read_bundles(connection, wanted)
    goods = wanted.union(*room.bundles.values()) if room.bundles else wanted
    places = (happened_places if as_happened else known_places)(connection, goods, at)
    for (sku, location), place in sorted(places.items()):
        room.places.setdefault(sku, []).append(
            LocationStock(
                location, place.on_hand, place.reserved, place.open_demand, place.counted_at is not None
            )
        )
    for part in chunks(sorted(goods), 300):
        read_sources(connection, room, part)
    if as_happened:
        _own_as_happened(connection, room, goods, at)
    else:
        _own_as_known(connection, room, goods, at)
    return room


def _own_as_happened(connection: Connection, room: Stockroom, goods: Collection[str], at: datetime) -> None:
    first = {bundle: min(parts) for bundle, parts in room.bundles.items()}
    for line in read_sale_lines(connection, goods, since=at, until=at):
        if line.ordered_sku == line.sku or first.get(line.ordered_sku) == line.sku:
            _owe(room, line.account, line.ordered_sku, line.location, line.open_at(at) // line.each)
    carts = {
        (cart.reservation_id, cart.account, cart.asked_sku): cart.asked
        for cart in read_carts(connection, goods, since=at, until=at)
        if cart.holds_at(at)
    }
    for (_, account, sku), pieces in carts.items():
        room.own_reserved[(account, sku)] = room.own_reserved.get((account, sku), 0) + pieces


def _own_as_known(connection: Connection, room: Stockroom, goods: Collection[str], at: datetime) -> None:
    first = {bundle: min(parts) for bundle, parts in room.bundles.items()}
    moves = stock_movements.c
    held: set[str] = set()
    for part in chunks(sorted(goods), 300):
        query = (
            sa.select(
                moves.order_key,
                moves.sku,
                moves.location,
                line_demand.c.bundle_sku,
                sa.func.sum(moves.open_demand_delta).label("pieces"),
            )
            .outerjoin(
                line_demand,
                sa.and_(line_demand.c.order_key == moves.order_key, line_demand.c.line_id == moves.line_id),
            )
            .where(moves.sku.in_(part), moves.booked_at <= at, moves.open_demand_delta != 0)
            .group_by(moves.order_key, moves.line_id, moves.sku, moves.location, line_demand.c.bundle_sku)
        )
        for row in connection.execute(query):
            account = str(row.order_key).split(":", 1)[0]
            if row.bundle_sku is None:
                _owe(room, account, row.sku, row.location, int(row.pieces))
            elif first.get(row.bundle_sku) == row.sku:
                each = room.bundles[row.bundle_sku][row.sku]
                _owe(room, account, row.bundle_sku, row.location, int(row.pieces) // each)
        carts = (
            sa.select(moves.cause)
            .where(moves.sku.in_(part), moves.booked_at <= at, moves.reserved_delta != 0)
            .group_by(moves.cause)
            .having(sa.func.sum(moves.reserved_delta) > 0)
        )
        held |= {cause.removeprefix(_CART) for cause in connection.execute(carts).scalars()}
    for part in chunks(sorted(held)):
        asked = (
            sa.select(
                reservations.c.account,
                reservation_lines.c.reservation_id,
                reservation_lines.c.sku,
                reservation_lines.c.asked_quantity,
            )
            .distinct()
            .join(reservations, reservations.c.reservation_id == reservation_lines.c.reservation_id)
            .where(reservation_lines.c.reservation_id.in_(part), reservation_lines.c.part_sku.in_(goods))
        )
        for account, _, sku, pieces in connection.execute(asked):
            room.own_reserved[(account, sku)] = room.own_reserved.get((account, sku), 0) + pieces


def _owe(room: Stockroom, account: str, sku: str, location: str, pieces: int) -> None:
    if pieces:
        owed = room.own_open.setdefault((account, sku), {})
        owed[location] = owed.get(location, 0) + pieces
