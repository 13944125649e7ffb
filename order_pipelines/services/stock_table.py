"""Stock at a glance: each article with what lies where, what is promised, and the number of each of its offers.

For people and programs that ask now; how one number comes about is told by ``explain_stock``.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import zip_longest

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.operations.store import chunks
from order_pipelines.operations.tables import channel_stock, products, stock_positions
from order_pipelines.settings import Settings

DIFFERS = "≠"
# More columns than these do not stand side by side on a page of 110 characters.
_MOST_PLACES, _MOST_ACCOUNTS = 2, 4


@dataclass(frozen=True, slots=True)
class Place:
    """What lies of an article in one location; ``open_demand`` is sold and not sent."""

    location: str
    on_hand: int
    reserved: int
    open_demand: int
    counted_at: datetime | None


@dataclass(frozen=True, slots=True)
class OfferNumber:
    """The number of one offer: what it should be, what the channel confirmed, and what it showed when it was read.

    Where a channel takes its open orders off by itself these are the numbers that it is told, before that.
    """

    account: str
    offer_id: str
    desired: int
    confirmed: int | None
    shown: int | None
    shown_at: datetime | None

    @property
    def is_agreed(self) -> bool:
        """The channel confirmed what it should show, and shows it, if it was read."""
        return self.desired == self.confirmed and self.shown in {None, self.confirmed}


@dataclass(frozen=True, slots=True)
class StockLine:
    """One article. A bundle lies nowhere: its parts do."""

    sku: str
    name: str | None
    places: tuple[Place, ...]
    offers: tuple[OfferNumber, ...]

    @property
    def is_agreed(self) -> bool:
        """All its offers show what they should."""
        return all(offer.is_agreed for offer in self.offers)


def read_stock_table(
    connection: Connection, *, skus: Collection[str] = (), account: str | None = None
) -> list[StockLine]:
    """Return articles by SKU: these, or all that lie somewhere or are offered; of one account, those it offers."""
    offers: dict[str, list[OfferNumber]] = {}
    query = sa.select(channel_stock).order_by(channel_stock.c.account, channel_stock.c.offer_id)
    if account is not None:
        query = query.where(channel_stock.c.account == account)
    for row in connection.execute(_of(query, channel_stock.c.sku, skus)):
        number = OfferNumber(
            row.account,
            row.offer_id,
            row.desired_quantity,
            row.confirmed_quantity,
            row.read_back_quantity,
            row.read_back_at,
        )
        offers.setdefault(row.sku, []).append(number)
    places: dict[str, list[Place]] = {}
    positions = sa.select(stock_positions).order_by(stock_positions.c.location)
    for row in connection.execute(_of(positions, stock_positions.c.sku, skus)):
        place = Place(row.location, row.on_hand, row.reserved, row.open_demand, row.counted_at)
        places.setdefault(row.sku, []).append(place)
    wanted = sorted(offers.keys() if account is not None else offers.keys() | places.keys())
    names: dict[str, str | None] = {}
    for part in chunks(wanted):
        found = connection.execute(sa.select(products.c.sku, products.c.name).where(products.c.sku.in_(part)))
        names |= {row.sku: row.name for row in found}
    return [
        StockLine(sku, names.get(sku), tuple(places.get(sku, ())), tuple(offers.get(sku, ())))
        for sku in wanted
    ]


def _of(
    query: sa.Select[tuple[object, ...]], column: sa.Column[str], skus: Collection[str]
) -> sa.Select[tuple[object, ...]]:
    return query.where(column.in_(sorted(skus))) if skus else query


def as_shown(lines: Sequence[StockLine], held: Mapping[tuple[str, str], int]) -> list[StockLine]:
    """Return the lines with what channels hold now, by account and offer, in place of what was read before."""
    return [
        replace(
            line,
            offers=tuple(
                replace(offer, shown=held.get((offer.account, offer.offer_id)), shown_at=None)
                for offer in line.offers
            ),
        )
        for line in lines
    ]


@dataclass(frozen=True, slots=True)
class Cells:
    """A table of text; ``numbers`` are the columns that stand right."""

    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]
    numbers: range


def cells_of(lines: Sequence[StockLine], settings: Settings) -> Cells:
    """Return the lines as a table: places and accounts side by side where they fit, else below each other."""
    places = [
        place.name
        for place in settings.locations
        if any(place.name == here.location for line in lines for here in line.places)
    ]
    accounts = [
        name
        for name in settings.accounts
        if any(name == offer.account for line in lines for offer in line.offers)
    ]
    known = {here.location for line in lines for here in line.places} <= set(places)
    if known and len(places) <= _MOST_PLACES and len(accounts) <= _MOST_ACCOUNTS:
        return _side_by_side(lines, places, accounts)
    return _below_each_other(lines)


def _side_by_side(lines: Sequence[StockLine], places: Sequence[str], accounts: Sequence[str]) -> Cells:
    rows = []
    for line in lines:
        on_hand = {place.location: str(place.on_hand) for place in line.places}
        reserved = sum(place.reserved for place in line.places)
        owed = sum(place.open_demand for place in line.places)
        offers = [
            "; ".join(_told(offer) for offer in line.offers if offer.account == account)
            for account in accounts
        ]
        rows.append(
            (line.sku, *(on_hand.get(place, "") for place in places), str(reserved), str(owed), *offers)
        )
    headings = ("sku", *places, "reserved", "open", *accounts)
    return Cells(headings, rows, range(1, len(headings)))


def _told(offer: OfferNumber) -> str:
    numbers = "/".join(_number(each) for each in (offer.desired, offer.confirmed, offer.shown))
    return numbers if offer.is_agreed else f"{numbers} {DIFFERS}"


def _below_each_other(lines: Sequence[StockLine]) -> Cells:
    rows: list[tuple[str, ...]] = []
    for line in lines:
        for number, (place, offer) in enumerate(zip_longest(line.places, line.offers)):
            here = ("", "", "", "") if place is None else (
                place.location, str(place.on_hand), str(place.reserved), str(place.open_demand))  # fmt: skip
            there = ("", "", "", "", "") if offer is None else (
                offer.account, _number(offer.desired), _number(offer.confirmed), _number(offer.shown),
                "" if offer.is_agreed else DIFFERS)  # fmt: skip
            rows.append((line.sku if number == 0 else "", *here, *there))
    headings = (
        "sku", "location", "on hand", "reserved", "open", "account", "desired", "confirmed", "shown", "")  # fmt: skip
    return Cells(headings, rows, range(2, 5))


def _number(quantity: int | None) -> str:
    return "-" if quantity is None else str(quantity)
