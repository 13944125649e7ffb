"""Stock at past seconds: known then is what stood then; as it happened is what a plain replay of the truth says.

A history is drawn in two halves that do not know each other: what happened, with its times, and in which order and how
late the shop was told. The model below is plain numbers; it shares nothing with the ledger.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from order_pipelines import clock
from order_pipelines.domain.matching import Catalogue
from order_pipelines.domain.orders import Order, StockCount
from order_pipelines.operations.ledger import Ledger
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.store import CHANGE, OperationsStore, next_values
from order_pipelines.services.desired_stock import refresh_desired
from order_pipelines.services.judging import CatalogueCache
from order_pipelines.services.past_stock import happened_places, known_places, on_hand_at
from order_pipelines.services.reservations import cancel, confirm
from order_pipelines.services.stock_files import book_statements
from order_pipelines_tests.operations.moments import at
from order_pipelines_tests.services.booked_shop import line, order
from order_pipelines_tests.services.cart_shop import BOL, WEB, CartShop

_unique = count(1)


@pytest.fixture
def store(store_url: str) -> Iterator[OperationsStore]:
    opened = open_store(store_url)
    yield opened
    opened.close()


@dataclass
class Sale:
    """One line of an order: when it was placed, and what became of it, by hour."""

    number: int
    account: str
    pieces: int
    placed: int
    cancelled: dict[int, int] = field(default_factory=dict)
    shipped: dict[int, int] = field(default_factory=dict)

    def versions(self, prefix: str) -> list[Order]:
        """Every state the channel showed, oldest first."""
        found = []
        gone = left = 0
        for hour in sorted({self.placed, *self.cancelled, *self.shipped}):
            gone += self.cancelled.get(hour, 0)
            left += self.shipped.get(hour, 0)
            row = line(
                f"{prefix}A",
                self.pieces,
                external_line_id="1",
                quantity_cancelled=gone,
                quantity_shipped=left,
                changed_at=at(hour),
            )
            bought = order(f"{prefix}{self.number}", row, ordered_at=at(self.placed), changed_at=at(hour))
            found.append(replace(bought, order_status="cancelled") if gone == self.pieces else bought)
        return found


@dataclass
class World:
    """What really happened to one article, in whole hours."""

    sales: list[Sale]
    counts: list[tuple[int, int]]
    goods: list[tuple[int, int]]

    def on_hand(self, moment: float) -> int:
        """The latest count by then (of one hour the lower one), and what came and went after it."""
        taken = [(hour, -pieces) for hour, pieces in self.counts if hour <= moment]
        hour, pieces = max(taken, default=(-1, 0))
        came = sum(quantity for when, quantity in self.goods if hour < when <= moment)
        left = sum(
            quantity
            for sale in self.sales
            for when, quantity in sale.shipped.items()
            if hour < when <= moment
        )
        return -pieces + came - left

    def owed(self, moment: float) -> int:
        return sum(
            sale.pieces
            - sum(pieces for hour, pieces in sale.cancelled.items() if hour <= moment)
            - sum(pieces for hour, pieces in sale.shipped.items() if hour <= moment)
            for sale in self.sales
            if sale.placed <= moment
        )


@st.composite
def _worlds(draw: st.DrawFn) -> World:
    sales = []
    for number in range(draw(st.integers(1, 4))):
        sale = Sale(
            number, draw(st.sampled_from([WEB, BOL])), draw(st.integers(1, 5)), draw(st.integers(1, 30))
        )
        room, hour = sale.pieces, sale.placed
        while room and draw(st.booleans()):
            hour += draw(st.integers(1, 9))
            which = draw(st.sampled_from(["cancelled", "shipped"]))
            pieces = draw(st.integers(1, room))
            getattr(sale, which)[hour] = pieces
            room -= pieces
        sales.append(sale)
    counts = draw(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), max_size=4))
    goods = draw(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 6)), max_size=3))
    return World(sales, counts, goods)


class Teller:
    """Tells a shop of a world, piece by piece, each at its own time of the shop's clock."""

    def __init__(self, shop: CartShop, prefix: str) -> None:
        self.shop, self.prefix = shop, prefix
        self.sku = f"{prefix}A"
        shop.products((self.sku, "high", ()))
        shop.offer(self.sku)

    def tell(self, what: tuple[str, Any]) -> None:
        kind, content = what
        if kind == "order":
            account, version = content
            self.shop.book(version, account=account)
        elif kind == "count":
            number, hour, pieces = content
            self._count(f"{self.prefix}-{number}", hour, pieces)
        else:
            number, hour, pieces = content
            with self.shop.store.transaction() as connection:
                ledger = Ledger(connection)
                key = f"{self.prefix}{number}"
                place = (self.sku, "main")
                ledger.post(place, pieces, "received", at(hour), source="dock", key=key, cause="delivery")
                skus = ledger.flush(next_values(connection, CHANGE))
                refresh_desired(connection, self.shop.settings, skus)

    def _count(self, source: str, hour: int, pieces: int) -> None:
        """By the way that files go, so that an older count than the newest is kept as a statement."""
        with self.shop.store.transaction() as connection:
            catalogue: Catalogue = CatalogueCache().get(connection)
            counted = StockCount(
                sku=self.sku, ean=None, quantity=pieces, location="main", taken_at=at(hour), row=1
            )
            stated = book_statements(
                connection, self.shop.shop, catalogue, WEB, source, [counted], [], self.shop.receipts
            )
        assert stated.problem_keys == set()


def _messages(world: World, prefix: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for sale in world.sales:
        found += [("order", (sale.account, version)) for version in sale.versions(prefix)]
    found += [("count", (number, *taken)) for number, taken in enumerate(world.counts)]
    found += [("goods", (number, *came)) for number, came in enumerate(world.goods)]
    return found


@pytest.mark.endurance
@given(world=_worlds(), seed=st.integers(0, 2**16), repeats=st.integers(0, 4))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_every_past_second_is_told_as_it_was_known_and_as_it_happened(
    store: OperationsStore, world: World, seed: int, repeats: int
) -> None:
    shuffle = random.Random(seed)
    shop = CartShop(store)
    prefix = f"x{next(_unique)}-"
    with clock.frozen(at(300)):
        teller = Teller(shop, prefix)
    sku, place = teller.sku, (teller.sku, "main")
    messages = _messages(world, prefix)
    messages += [shuffle.choice(messages) for _ in range(repeats)]
    shuffle.shuffle(messages)

    seen: list[tuple[datetime, tuple[int, int, int]]] = []
    for number, message in enumerate(messages):
        with clock.frozen(at(301 + number)):
            teller.tell(message)
            row = shop.row("stock_positions", sku=sku) if shop.rows("stock_positions", sku=sku) else None
            stands = (0, 0, 0) if row is None else (row.on_hand, row.reserved, row.open_demand)
            seen.append((clock.now(), stands))

    with store.reading() as connection:
        for moment, stands in seen:
            for second in (moment, moment + timedelta(minutes=59, seconds=59)):
                found = known_places(connection, [sku], second).get(place)
                known = (0, 0, 0) if found is None else (found.on_hand, found.reserved, found.open_demand)
                assert known == stands
        for half_hour in range(-1, 92):
            moment = at(half_hour / 2)
            found = happened_places(connection, [sku], moment).get(place)
            happened = (0, 0) if found is None else (found.on_hand, found.open_demand)
            assert happened == (world.on_hand(half_hour / 2), world.owed(half_hour / 2))


def test_a_count_that_came_after_a_newer_one_holds_for_the_time_between(store: OperationsStore) -> None:
    """Counted 9 at ten and 4 at twelve; the file of ten o'clock arrives last and changes nothing today."""
    shop = CartShop(store)
    with clock.frozen(at(20)):
        teller = Teller(shop, "late-")
        teller.tell(("count", (1, 12, 4)))
    with clock.frozen(at(21)):
        teller.tell(("count", (2, 10, 9)))
    place = (teller.sku, "main")

    assert shop.position(teller.sku) == (4, 0)
    with store.reading() as connection:
        assert [on_hand_at(connection, place, at(hour)) for hour in (9, 10, 11, 12, 22)] == [
            (0, None),
            (9, at(10)),
            (9, at(10)),
            (4, at(12)),
            (4, at(12)),
        ]
        assert known_places(connection, [teller.sku], at(20.5))[place].on_hand == 4


def test_a_cart_holds_until_it_is_given_back_and_as_an_order_until_that_was_placed(
    store: OperationsStore,
) -> None:
    shop = CartShop(store)
    with clock.frozen(at(1)):
        shop.stock("A", 9)
    with clock.frozen(at(8)):
        kept = shop.reserve(("A", 2), key="becomes an order")
        left = shop.reserve(("A", 3), key="is given back")
    with clock.frozen(at(8.25)):
        confirm(shop.shop, WEB, kept.reservation_id, "no-1")
        cancel(shop.shop, WEB, left.reservation_id)
    bought = order("1", line("A", 2), order_number="no-1", ordered_at=at(8.2), changed_at=at(8.2))
    with clock.frozen(at(9)):
        shop.book(bought, account=WEB)

    with store.reading() as connection:

        def known(hour: float) -> tuple[int, int, int]:
            found = known_places(connection, ["A"], at(hour))[("A", "main")]
            return found.on_hand, found.reserved, found.open_demand

        def happened(hour: float) -> tuple[int, int, int]:
            found = happened_places(connection, ["A"], at(hour))[("A", "main")]
            return found.on_hand, found.reserved, found.open_demand

        assert [known(hour) for hour in (7, 8, 8.3, 9)] == [(9, 0, 0), (9, 5, 0), (9, 2, 0), (9, 0, 2)]
        assert [happened(hour) for hour in (7, 8, 8.21, 8.3, 9)] == [
            (9, 0, 0),
            (9, 5, 0),
            (9, 3, 2),
            (9, 0, 2),
            (9, 0, 2),
        ]
