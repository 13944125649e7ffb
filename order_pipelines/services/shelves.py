"""One article through a stretch of time, as it happened and as it was known: read once, asked for many moments."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate, groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.domain.stock import SUPPLY_KINDS
from order_pipelines.operations.tables import stock_movements, stock_statements
from order_pipelines.services.past_stock import Count, counts_of
from order_pipelines.services.sale_lines import CartHold, SaleLine, read_carts, read_sale_lines

_REMEMBERED = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class News:
    """The movement that changed most of what one booking changed, and by how much all of that booking did."""

    row: Any
    change: int

    @property
    def booked_at(self) -> datetime:
        """When it was learnt."""
        booked: datetime = self.row.booked_at
        return booked


class Shelf:
    """An article from ``since`` until ``until``, at every place."""

    def __init__(self, connection: Connection, sku: str, *, since: datetime, until: datetime) -> None:
        self._connection = connection
        self.sku, self._since = sku, since
        self.lines: list[SaleLine] = read_sale_lines(connection, [sku], since=since, until=until)
        self._carts: list[CartHold] = read_carts(connection, [sku], since=since, until=until)
        self._counts: dict[str, list[Count]] = {}
        self._times: dict[str, list[datetime]] = {}
        self._moved: dict[str, list[int]] = {}
        for place in self._places():
            self._read_place(place, until)
        self._owed_before = self._all_owed_before()
        self._booked: list[Any] | None = None

    def _places(self) -> set[str]:
        found: set[str] = set()
        for table in (stock_movements, stock_statements):
            query = sa.select(table.c.location).where(table.c.sku == self.sku).distinct()
            found |= set(self._connection.execute(query).scalars())
        return found

    def _read_place(self, place: str, until: datetime) -> None:
        counts = counts_of(self._connection, (self.sku, place), since=self._since, until=until)
        moves = stock_movements.c
        here = [moves.sku == self.sku, moves.location == place, moves.kind != "counted"]
        moved: list[tuple[datetime, int]] = []
        begun = counts[0].taken_at if counts and counts[0].taken_at <= self._since else None
        if begun is None:
            # Never counted by then: everything that moved is what there is.
            query = sa.select(sa.func.coalesce(sa.func.sum(moves.physical_quantity), 0))
            before = self._connection.execute(query.where(*here, moves.occurred_at <= self._since))
            moved.append((self._since, int(before.scalar_one())))
            begun = self._since
        columns = sa.select(moves.occurred_at, moves.physical_quantity)
        query = columns.where(
            *here, moves.physical_quantity != 0, moves.occurred_at > begun, moves.occurred_at <= until
        )
        moved += [(row.occurred_at, row.physical_quantity) for row in self._connection.execute(query)]
        moved.sort()
        self._counts[place] = counts
        self._times[place] = [when for when, _ in moved]
        self._moved[place] = [0, *accumulate(pieces for _, pieces in moved)]

    def _all_owed_before(self) -> dict[tuple[datetime, str, str], dict[str, int]]:
        """By line what was owed at each place as it was ordered; pieces that left are owed to nobody again."""
        found = {}
        waiting: list[SaleLine] = []
        for line in self.lines:
            waiting = [other for other in waiting if other.open_at(line.placed_at)]
            owed: dict[str, int] = defaultdict(int)
            for other in waiting:
                owed[other.location] += other.open_at(line.placed_at)
            found[line.rank] = dict(owed)
            waiting.append(line)
        return found

    def is_counted(self, places: Collection[str], moment: datetime) -> bool:
        """Tell whether the article had been counted at any of the places by a moment."""
        return any(count.taken_at <= moment for place in places for count in self._counts.get(place, ()))

    def was_known_by(self, moment: datetime, places: Collection[str]) -> bool:
        """Tell whether the books had heard by a moment that the article lies, or lay, at any of the places."""
        moves = stock_movements.c
        query = sa.select(sa.literal(1)).where(
            moves.sku == self.sku,
            moves.location.in_(places),
            moves.kind.in_(SUPPLY_KINDS),
            moves.booked_at <= moment,
        )
        return self._connection.execute(query.limit(1)).first() is not None

    def on_hand(self, place: str, moment: datetime) -> int:
        """Return the pieces at a place at a moment, as is known now."""
        if place not in self._moved:
            return 0
        moved = self._moved[place][bisect_right(self._times[place], moment)]
        count = next((one for one in reversed(self._counts[place]) if one.taken_at <= moment), None)
        if count is None:
            return moved
        return count.quantity + moved - self._moved[place][bisect_right(self._times[place], count.taken_at)]

    def left_for(self, line: SaleLine, places: Collection[str]) -> int:
        """Return what was left of the article, as it happened, when a customer ordered: after all who came before.

        The cart that became this very order ended as it was placed.
        """
        moment = line.placed_at
        there = sum(max(0, self.on_hand(place, moment)) for place in places)
        owed = sum(pieces for place, pieces in self._owed_before[line.rank].items() if place in places)
        held = sum(cart.pieces for cart in self._carts if cart.location in places and cart.holds_at(moment))
        return there - owed - held

    def known_left(self, line: SaleLine, places: Collection[str]) -> tuple[int, datetime | None]:
        """Return what the books said was left when a customer ordered, and since when it was too little for that.

        ``None``: by the books there was enough. The order itself, and the cart it came from, do not count.
        """
        begun = line.placed_at - _REMEMBERED
        left = self._known_before(begun, places)
        since = begun if left < line.pieces else None
        for news in self._news(line, places):
            if not begun < news.booked_at <= line.placed_at:
                continue
            left += news.change
            if left >= line.pieces:
                since = None
            elif since is None:
                since = news.booked_at
        return left, since

    def late_news(self, line: SaleLine, places: Collection[str], left: int) -> News | None:
        """Return the news that would have shown that there was too little, had it come before the customer ordered.

        Args:
            line: what was ordered.
            places: that serve the account.
            left: what the books said was left when it was ordered.
        """
        for news in self._news(line, places, happened_by=line.placed_at):
            if news.booked_at > line.placed_at:
                left += news.change
                if left < line.pieces:
                    return news
        return None

    def unbooked_count(self, line: SaleLine, places: Collection[str]) -> Count | None:
        """Return the count behind what lay there when a customer ordered, if it came after a newer one."""
        for place in sorted(places):
            counts = [one for one in self._counts.get(place, ()) if one.taken_at <= line.placed_at]
            if counts and counts[-1].booked_at is None:
                return counts[-1]
        return None

    def _known_before(self, moment: datetime, places: Collection[str]) -> int:
        moves = stock_movements.c
        left = sa.func.sum(moves.on_hand_delta - moves.open_demand_delta - moves.reserved_delta)
        query = sa.select(sa.func.coalesce(left, 0)).where(
            moves.sku == self.sku, moves.location.in_(places), moves.booked_at <= moment
        )
        return int(self._connection.execute(query).scalar_one())

    def _news(
        self, line: SaleLine, places: Collection[str], *, happened_by: datetime | None = None
    ) -> Iterator[News]:
        """What was booked, one booking at a time: what a cart held and its order demands is no news in between."""
        if self._booked is None:
            moves = stock_movements.c
            query = sa.select(stock_movements).where(
                moves.sku == self.sku, moves.booked_at > self._since - _REMEMBERED
            )
            self._booked = list(self._connection.execute(query.order_by(moves.booked_at, moves.movement_seq)))
        own = {cart.reservation_id for cart in self._carts if cart.order_key == line.order_key}
        rows = [
            row
            for row in self._booked
            if row.location in places
            and row.order_key != line.order_key
            and row.cause.removeprefix("reservation ") not in own
            and (happened_by is None or row.occurred_at <= happened_by)
        ]
        for _, together in groupby(rows, key=lambda row: row.booked_at):
            booking = list(together)
            change = sum(_change(row) for row in booking)
            if change:
                yield News(min(booking, key=lambda row: (_change(row), row.movement_seq)), change)


def _change(row: Any) -> int:
    return int(row.on_hand_delta - row.open_demand_delta - row.reserved_delta)
