"""Carts hold stock for a while: everywhere but in their own shop, once, never more than there is, not for ever."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.tables import bundle_parts
from order_pipelines.services.desired_stock import refresh_desired
from order_pipelines.services.reservations import (
    Item,
    ReservationRefusedError,
    cancel,
    confirm,
    expire_reservations,
    prolong,
    reserve,
    show,
)
from order_pipelines_tests.operations.moments import at
from order_pipelines_tests.services.booked_shop import line, order
from order_pipelines_tests.services.cart_shop import WEB, CartShop, cart_settings

pytestmark = pytest.mark.long_on_postgresql


@pytest.fixture
def carts(store_url: str) -> Iterator[CartShop]:
    clock.follow(0)
    store = open_store(store_url)
    shop = CartShop(store)
    shop.stock("A", 10)
    yield shop
    clock.follow(0)
    store.close()


def _refused(code: str) -> "pytest.RaisesExc[ReservationRefusedError]":
    return pytest.raises(ReservationRefusedError, check=lambda error: error.code == code)


def test_a_cart_takes_its_pieces_from_every_other_channel_at_once(carts: CartShop) -> None:  # R139
    assert carts.told("A") == (10, 10)
    carts.reserve(("A", 3))
    assert carts.told("A") == (10, 7)
    carts.assert_books_balance()


def test_the_same_request_twice_is_one_reservation(carts: CartShop) -> None:
    first, again = carts.reserve(("A", 3)), carts.reserve(("A", 3))
    assert first == again
    assert carts.told("A") == (10, 7)
    with _refused("other_request"):
        carts.reserve(("A", 4))
    assert len(carts.rows("reservations")) == 1


def test_a_cart_runs_out_after_thirty_minutes_also_when_nothing_ran_meanwhile(
    carts: CartShop,
) -> None:  # R140
    held = carts.reserve(("A", 3))
    clock.follow(29 * 60)
    assert expire_reservations(carts.shop) == 0
    clock.follow(30 * 60 + 1)
    assert show(carts.shop, WEB, held.reservation_id).state == "expired"
    assert expire_reservations(carts.shop) == 1
    assert expire_reservations(carts.shop) == 0
    assert carts.told("A") == (10, 10)
    carts.assert_books_balance()


def test_what_ran_out_makes_room_for_the_next_cart_without_waiting_for_a_sweep(carts: CartShop) -> None:
    carts.reserve(("A", 10))
    with _refused("not_available"):
        carts.reserve(("A", 1), key="second", shopper="bram")
    clock.follow(30 * 60 + 1)
    assert carts.reserve(("A", 10), key="third", shopper="bram").state == "live"
    carts.assert_books_balance()


def test_a_cart_can_be_prolonged_but_not_for_ever(carts: CartShop) -> None:
    held = carts.reserve(("A", 1))
    for minutes in (25, 50, 75):
        clock.follow(minutes * 60)
        prolong(carts.shop, WEB, held.reservation_id)
    clock.follow(100 * 60)
    last = prolong(carts.shop, WEB, held.reservation_id)
    assert round((last.expires_at - carts.row("reservations").created_at).total_seconds() / 60) == 120
    with _refused("too_long"):
        prolong(carts.shop, WEB, held.reservation_id)
    clock.follow(121 * 60)
    with _refused("has_ended"):
        prolong(carts.shop, WEB, held.reservation_id)
    assert carts.told("A") == (10, 10)


def test_a_cart_that_is_given_back_is_free_everywhere_and_stays_so(carts: CartShop) -> None:
    held = carts.reserve(("A", 4))
    assert cancel(carts.shop, WEB, held.reservation_id).state == "voided"
    assert cancel(carts.shop, WEB, held.reservation_id).state == "voided"
    assert carts.told("A") == (10, 10)
    with _refused("has_ended"):
        confirm(carts.shop, WEB, held.reservation_id, "10001")
    assert [row.kind for row in carts.rows("stock_movements", source="reservations")] == [
        "reserved",
        "released",
    ]


def test_a_confirmed_cart_becomes_the_demand_of_its_order_in_one_step(carts: CartShop) -> None:
    held = carts.reserve(("A", 3))
    confirm(carts.shop, WEB, held.reservation_id, "10001")
    assert (carts.told("A"), carts.row("stock_positions").reserved) == ((10, 7), 3)
    carts.book(order("ext-1", line("A", 3), order_number="10001"), account=WEB)
    row = carts.row("stock_positions")
    assert (row.on_hand, row.reserved, row.open_demand) == (10, 0, 3)
    assert carts.told("A") == (7, 7)
    assert carts.row("reservations").state == "posted"
    carts.book(order("ext-1", line("A", 3), order_number="10001", changed_at=at(9)), account=WEB)
    assert carts.row("stock_positions").open_demand == 3
    carts.assert_books_balance()


def test_an_order_that_was_here_first_takes_the_carts_place_when_it_is_confirmed(carts: CartShop) -> None:
    held = carts.reserve(("A", 3))
    carts.book(order("ext-1", line("A", 3), order_number="10001"), account=WEB)
    assert carts.told("A") == (7, 4)
    assert confirm(carts.shop, WEB, held.reservation_id, "ext-1").state == "posted"
    assert carts.told("A") == (7, 7)
    assert confirm(carts.shop, WEB, held.reservation_id, "ext-1").state == "posted"
    with _refused("order_taken"):
        confirm(carts.shop, WEB, held.reservation_id, "another")
    carts.assert_books_balance()


def test_an_order_of_the_same_number_at_another_channel_takes_nobodys_cart(carts: CartShop) -> None:
    held = carts.reserve(("A", 3))
    confirm(carts.shop, WEB, held.reservation_id, "10001")
    carts.book(order("10001", line("A", 1)), account="bol_main")
    assert show(carts.shop, WEB, held.reservation_id).state == "confirmed"
    assert carts.row("stock_positions").reserved == 3


def test_a_confirmed_cart_whose_order_never_comes_is_freed_after_a_day(carts: CartShop) -> None:
    held = carts.reserve(("A", 3))
    confirm(carts.shop, WEB, held.reservation_id, "10001")
    clock.follow(23 * 3600)
    assert expire_reservations(carts.shop) == 0
    clock.follow(24 * 3600 + 1)
    assert expire_reservations(carts.shop) == 1
    assert carts.row("reservations").reason == "its order never came"
    assert carts.told("A") == (10, 10)


def test_one_shopper_cannot_lock_the_shop(carts: CartShop) -> None:
    carts.stock("B", 500)
    carts.reserve(("B", 15))
    with _refused("shopper_limit"):
        carts.reserve(("B", 6), key="more")
    assert carts.reserve(("B", 5), key="enough").state == "live"
    assert carts.reserve(("B", 20), key="other", shopper="bram").state == "live"
    assert carts.told("B") == (500, 460)
    assert all("anna" not in str(row) for row in carts.rows("reservations"))


def test_carts_together_hold_a_share_of_an_article_and_anonymous_ones_never_its_last_piece(
    store_url: str,
) -> None:
    store = open_store(store_url)
    shop = CartShop(store, cart_settings(policy={"max_share_of_sku": 50, "anonymous_last_piece": False}))
    shop.stock("A", 10)
    shop.stock("B", 1)
    shop.reserve(("A", 5))
    with _refused("share_limit"):
        shop.reserve(("A", 1), key="sixth", shopper="bram")
    with _refused("last_piece"):
        shop.reserve(("B", 1), key="last", shopper=None)
    assert shop.told("B") == (1, 1)
    assert shop.reserve(("B", 1), key="known", shopper="bram").state == "live"
    assert (shop.told("A"), shop.told("B")) == ((10, 5), (1, 0))
    store.close()


@pytest.mark.parametrize(
    ("items", "code"),
    [
        ([("A", 11)], "not_available"),
        ([("A", 6), ("A", 5)], "not_available"),
        ([("nobody-sells-this", 1)], "unknown_article"),
        ([("A", 0)], "bad_request"),
        ([("A", -1)], "bad_request"),
        ([], "bad_request"),
        ([("", 1)], "bad_request"),
        ([("A" * 300, 1)], "bad_request"),
        ([("A", 1), ("nobody-sells-this", 1)], "unknown_article"),
    ],
)
def test_a_cart_that_cannot_be_had_holds_nothing(
    carts: CartShop, items: list[tuple[str, int]], code: str
) -> None:
    with _refused(code):
        carts.reserve(*items)
    assert carts.rows("reservations") == []
    assert carts.rows("reservation_lines") == []
    assert carts.told("A") == (10, 10)


def test_other_shops_see_nothing_of_a_cart_and_a_shop_without_carts_is_refused(carts: CartShop) -> None:
    held = carts.reserve(("A", 1))
    with _refused("not_enabled"):
        reserve(carts.shop, "bol_main", "cart", [Item("A", 1)])
    for act in (cancel, prolong):
        with _refused("not_enabled"):
            act(carts.shop, "bol_main", held.reservation_id)
    with _refused("unknown_reservation"):
        show(carts.shop, "bol_main", held.reservation_id)
    assert show(carts.shop, WEB, held.reservation_id).state == "live"


def test_a_bundle_holds_its_parts_and_is_told_by_its_scarcest(carts: CartShop) -> None:
    carts.stock("B", 4)
    carts.products(("SET", "high", ()))
    carts.bundle("SET", A=2, B=1)
    carts.offer("SET")
    assert carts.told("SET") == (4, 4)
    carts.reserve(("SET", 2))
    assert (carts.told("SET"), carts.told("A"), carts.told("B")) == ((4, 2), (6, 6), (2, 2))
    with _refused("not_available"):
        carts.reserve(("SET", 2), ("B", 1), key="both", shopper="bram")
    carts.assert_books_balance()


def test_a_bundle_that_is_dissolved_is_told_as_none(carts: CartShop) -> None:
    carts.stock("B", 4)
    carts.products(("SET", "high", ()))
    carts.bundle("SET", A=2, B=1)
    carts.offer("SET")
    assert carts.told("SET") == (4, 4)
    with carts.store.transaction() as connection:
        connection.execute(sa.delete(bundle_parts))
        refresh_desired(connection, carts.settings, ["SET"])
    assert carts.told("SET") == (0, 0)


def test_an_order_of_a_bundle_demands_and_ships_its_parts_and_a_cancelled_one_gives_them_back(
    carts: CartShop,
) -> None:
    carts.stock("B", 4)
    carts.products(("SET", "high", ()))
    carts.bundle("SET", A=2, B=1)
    carts.offer("SET")
    bought = order("7", line("SET", 3))
    carts.book(bought, account=WEB)
    assert (carts.position("A"), carts.position("B")) == ((10, 6), (4, 3))
    assert (carts.told("SET"), carts.told("A")) == ((1, 1), (4, 4))
    gone = replace(bought, lines=(line("SET", 3, quantity_shipped=1, changed_at=at(9)),), changed_at=at(9))
    carts.book(gone, account=WEB)
    assert (carts.position("A"), carts.position("B")) == ((8, 4), (3, 2))
    carts.book(replace(bought, changed_at=at(10), order_status="cancelled"), account=WEB)
    assert (carts.position("A")[1], carts.position("B")[1]) == (0, 0)
    carts.assert_books_balance()


def test_of_a_hundred_parallel_buyers_of_one_piece_exactly_one_wins(carts: CartShop) -> None:
    carts.stock("LAST", 1)

    def buy(number: int) -> str:
        try:
            return carts.reserve(("LAST", 1), key=f"cart-{number}", shopper=f"shopper-{number}").state
        except ReservationRefusedError as error:
            return error.code

    with ThreadPoolExecutor(16) as buyers:
        answers = list(buyers.map(buy, range(100)))
    assert sorted(answers) == ["live"] + ["not_available"] * 99
    assert carts.told("LAST") == (1, 0)
    carts.assert_books_balance()
