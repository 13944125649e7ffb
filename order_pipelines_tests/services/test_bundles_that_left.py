"""A bundle that is made of other parts while its orders are under way: what has left has left, the rest follows.

Three SETs are ordered at eight. A SET is two A and one B; since noon it is one A and three C.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import permutations

import pytest

from order_pipelines.domain.orders import Order
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.store import OperationsStore
from order_pipelines.services.bundle_files import BundleList, book_bundles
from order_pipelines.services.conservation import check_conservation
from order_pipelines.services.sale_lines import read_sale_lines
from order_pipelines_tests.operations.moments import at
from order_pipelines_tests.services.booked_shop import line, order
from order_pipelines_tests.services.cart_shop import BOL, CartShop

KEY, LINE = "bol_main:1", "line-SET"
OLD, NEW = {"A": 2, "B": 1}, {"A": 1, "C": 3}
ORDERED = order("1", line("SET", 3))


class BundleShop(CartShop):
    """Twenty of each part; recipes come as lists that replace each other."""

    def __init__(self, store: OperationsStore) -> None:
        super().__init__(store)
        for sku in ("A", "B", "C", "SET", "OTHER"):
            self.stock(sku, 20)

    def made_of(self, hour: float, **bundles: dict[str, int]) -> None:
        with self.store.transaction() as connection:
            book_bundles(connection, self.shop, BundleList((at(hour), int(hour * 60)), good=bundles))

    def places(self, *skus: str) -> list[tuple[int, int]]:
        """On hand and owed of each article."""
        self.assert_books_balance()
        broken = [law.name for law in check_conservation(self.store, self.settings) if law.is_failure]
        assert broken == []
        return [self.position(sku) for sku in skus]

    def words(self, sku: str) -> list[tuple[str, int, int]]:
        """Kind, change of on hand and of what is owed of every movement but the count."""
        rows = self.rows("stock_movements", sku=sku)
        return [(row.kind, row.on_hand_delta, row.open_demand_delta) for row in rows if row.kind != "counted"]

    def movements(self) -> int:
        return len(self.rows("stock_movements"))


@pytest.fixture
def shop(store_url: str) -> Iterator[BundleShop]:
    store = open_store(store_url)
    yield BundleShop(store)
    store.close()


def left(pieces: int, when: datetime, *, cancelled: int | None = None) -> Order:
    """The order once its channel says that so many bundles left in all."""
    row = replace(ORDERED.lines[0], quantity_shipped=pieces, quantity_cancelled=cancelled, changed_at=when)
    return replace(ORDERED, lines=(row,), changed_at=when)


def test_what_left_stays_on_its_parts_and_what_is_owed_moves(shop: BundleShop) -> None:
    shop.made_of(1, SET=OLD)
    shop.book(ORDERED)
    shop.book(left(1, at(10)))
    assert shop.places("A", "B", "C") == [(18, 4), (19, 2), (20, 0)]
    shop.made_of(12, SET=NEW)
    assert shop.places("A", "B", "C") == [(18, 2), (19, 0), (20, 6)]
    # Nobody cancelled anything: what moves is a sale taken back.
    assert shop.words("A") == [("sold", 0, 6), ("fulfilled", 0, -2), ("shipped", -2, 0), ("sold", 0, -2)]
    assert shop.words("B") == [("sold", 0, 3), ("fulfilled", 0, -1), ("shipped", -1, 0), ("sold", 0, -2)]
    assert shop.words("C") == [("sold", 0, 6)]

    shop.book(left(2, at(14), cancelled=1))
    assert shop.places("A", "B", "C") == [(17, 0), (19, 0), (17, 0)]
    assert shop.words("C") == [("sold", 0, 6), ("fulfilled", 0, -3), ("cancelled", 0, -3), ("shipped", -3, 0)]


def test_the_whole_order_again_in_any_order_books_nothing_more(shop: BundleShop) -> None:
    versions = (ORDERED, left(1, at(10)), left(3, at(14)))
    shop.made_of(1, SET=OLD)
    shop.book(*versions[:2])
    shop.made_of(12, SET=NEW)
    shop.book(versions[2])
    ends = [(16, 0), (19, 0), (14, 0)]
    assert shop.places("A", "B", "C") == ends
    before = shop.movements()
    for again in permutations(versions):
        for version in again:
            shop.book(version)
        shop.book(*again)
    assert shop.places("A", "B", "C") == ends
    assert shop.movements() == before


def test_an_order_that_was_delivered_stays_as_it_was_booked_when_it_is_read_again(shop: BundleShop) -> None:
    shop.made_of(1, SET=OLD)
    shop.book(left(3, at(10)))
    shop.made_of(12, SET=NEW)
    shop.book(left(3, at(15)))
    assert shop.places("A", "B", "C") == [(14, 0), (17, 0), (20, 0)]


def test_a_parcel_told_later_is_of_the_pieces_whose_total_it_replaces(shop: BundleShop) -> None:
    """The channel said that one left; the warehouse's list names that parcel a day later, at its own moment."""
    shop.made_of(1, SET=OLD)
    shop.book(left(1, at(10)))
    shop.made_of(12, SET=NEW)
    shop.parcels(KEY, LINE, ("P-1", 1, at(9)))
    assert shop.places("A", "B", "C") == [(18, 2), (19, 0), (20, 6)]
    shop.parcels(KEY, LINE, ("P-2", 2, at(16)))
    assert shop.places("A", "B", "C") == [(16, 0), (19, 0), (14, 0)]
    shipped = [
        (row.line_id, row.evidence_key, row.quantity, row.pieces_each) for row in shop.rows("line_shipped")
    ]
    assert shipped == [
        ("line-SET#A", "parcel:P-1", 2, 2),
        ("line-SET#A", "parcel:P-2", 2, 1),
        ("line-SET#B", "parcel:P-1", 1, 1),
        ("line-SET#C", "parcel:P-2", 6, 3),
    ]


def test_a_bundle_that_left_before_anybody_said_what_it_is_made_of_left_as_itself(shop: BundleShop) -> None:
    shop.book(left(1, at(10)))
    assert shop.places("SET", "A", "B") == [(19, 2), (20, 0), (20, 0)]
    shop.made_of(12, SET=OLD)
    assert shop.places("SET", "A", "B") == [(19, 0), (20, 4), (20, 2)]
    shop.book(left(3, at(14)))
    assert shop.places("SET", "A", "B") == [(19, 0), (16, 0), (18, 0)]


def test_a_bundle_that_is_an_article_again_keeps_what_left_on_its_parts(shop: BundleShop) -> None:
    shop.made_of(1, SET=OLD, OTHER={"C": 1})
    shop.book(left(1, at(10)))
    shop.made_of(12, OTHER={"C": 1})
    assert shop.places("SET", "A", "B") == [(20, 2), (18, 0), (19, 0)]
    shop.book(left(3, at(14)))
    assert shop.places("SET", "A", "B") == [(18, 0), (18, 0), (19, 0)]


def test_twice_another_recipe_and_back(shop: BundleShop) -> None:
    shop.made_of(1, SET=OLD)
    shop.book(left(1, at(10)))
    shop.made_of(12, SET=NEW)
    shop.book(left(2, at(13)))
    assert shop.places("A", "B", "C") == [(17, 1), (19, 0), (17, 3)]
    shop.made_of(14, SET=OLD)
    assert shop.places("A", "B", "C") == [(17, 2), (19, 1), (17, 0)]
    shop.book(left(3, at(15)))
    assert shop.places("A", "B", "C") == [(15, 0), (18, 0), (17, 0)]


def test_a_line_that_turns_out_to_be_another_article_takes_what_left_with_it(shop: BundleShop) -> None:
    shop.made_of(1, SET=OLD, OTHER={"A": 1})
    shop.book(left(1, at(10)))
    row = replace(left(1, at(10)).lines[0], sku="OTHER", changed_at=at(11))
    shop.book(replace(ORDERED, lines=(row,), changed_at=at(11)))
    assert shop.places("A", "B") == [(19, 2), (20, 0)]


def test_orders_that_wait_follow_the_first_list_of_bundles(shop: BundleShop) -> None:
    """Booked before anybody named the bundle; of an account that ships nothing there is nothing to move."""
    shop.book(ORDERED)
    shop.book(order("2", line("SET", 1)), account=BOL)
    shop.made_of(12, SET=OLD)
    assert shop.places("SET", "A", "B") == [(20, 0), (20, 8), (20, 4)]
    assert shop.told("SET") == (6, 6)


def test_what_was_owed_at_a_past_moment_is_told_of_the_parts_it_was_booked_on(shop: BundleShop) -> None:
    shop.made_of(1, SET=OLD)
    shop.book(left(1, at(10)))
    shop.made_of(12, SET=NEW)
    with shop.store.reading() as connection:
        lines = read_sale_lines(connection, {"A", "B", "C"}, since=at(0), until=at(24))
    owed = {item.sku: [item.open_at(at(hour)) for hour in (7, 9, 11)] for item in lines}
    assert owed == {"A": [0, 4, 2], "B": [0, 1, 0], "C": [0, 6, 6]}
