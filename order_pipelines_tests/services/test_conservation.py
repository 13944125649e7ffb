"""The laws of the books of stock: they hold whatever happens, and each fails for books that were damaged on purpose."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.store import OperationsStore
from order_pipelines.resources import sql_path
from order_pipelines.services.conservation import FLAGS, LAWS, check_conservation, hold_laws
from order_pipelines.services.reservations import cancel, confirm
from order_pipelines_tests.operations.moments import at
from order_pipelines_tests.services.booked_shop import line, order, shipped
from order_pipelines_tests.services.cart_shop import BOL, WEB, CartShop

# What damages a law, and how many rows offend against it then. Other laws may be broken with it.
DAMAGE = {
    "ledger_is_positions": [
        ("update stock_positions set on_hand = on_hand + 1 where sku = 'A'", 1),
        ("update stock_positions set open_demand = open_demand + 1 where sku = 'A'", 1),
        ("update stock_positions set reserved = reserved + 1 where sku = 'A'", 1),
        ("delete from stock_positions where sku = 'B'", 1),
        ("delete from stock_movements where sku = 'B' and kind = 'counted'", 1),
    ],
    "positions_are_booked_demand": [
        ("update stock_positions set open_demand = open_demand - 1 where sku = 'A'", 1),
        ("update line_demand set open_quantity = open_quantity + 2 where order_key = 'bol_main:open'", 1),
    ],
    "demand_is_open_lines": [
        ("update line_demand set open_quantity = 7 where order_key = 'bol_main:open'", 1),
        ("delete from line_demand where order_key = 'bol_main:open'", 1),
        ("update order_lines set quantity_cancelled = 1 where order_key = 'bol_main:open'", 1),
        ("update orders set order_status = 'cancelled' where order_key = 'bol_main:open'", 1),
        ("update orders set is_test = true where order_key = 'bol_main:open'", 1),
        ("update bundle_parts set quantity = 3 where part_sku = 'A'", 1),
        ("delete from shipment_evidence where order_key = 'bol_main:left'", 1),
    ],
    "reserved_is_held_by_carts": [
        ("update stock_positions set reserved = 0 where sku = 'A'", 1),
        ("update reservations set state = 'expired' where request_key = 'live'", 1),
    ],
    "nothing_is_released_twice": [
        (
            "update stock_movements set reserved_delta = 2 * reserved_delta "
            "where kind in ('released', 'reservation_posted') and sku = 'A'",
            2,
        ),
        ("delete from stock_movements where kind = 'released'", 1),
    ],
    "nothing_owed_is_negative": [
        ("update stock_positions set reserved = -1 where sku = 'A'", 1),
        ("update stock_positions set open_demand = -1 where sku = 'B'", 1),
    ],
    "places_are_not_below_zero": [("update stock_positions set on_hand = -2 where sku = 'A'", 1)],
}


@pytest.fixture
def store(store_url: str) -> Iterator[OperationsStore]:
    opened = open_store(store_url)
    yield opened
    opened.close()


@pytest.fixture
def shop(store: OperationsStore) -> CartShop:
    """Open, shipped, cancelled, unknown and bundled lines; carts that live, were confirmed, given back and posted."""
    shop = CartShop(store)
    with clock.frozen(at(1)):
        for sku in ("A", "B"):
            shop.stock(sku, 40)
        shop.bundle("SET", A=2, B=1)
        shop.products(("SET", "high", ()))
        shop.offer("SET")
    with clock.frozen(at(9)):
        held = {key: shop.reserve(("A", 2), key=key) for key in ("live", "confirmed", "back", "posted")}
        confirm(shop.shop, WEB, held["confirmed"].reservation_id, "no-later")
        confirm(shop.shop, WEB, held["posted"].reservation_id, "no-1")
        cancel(shop.shop, WEB, held["back"].reservation_id)
        shop.book(order("1", line("A", 2), order_number="no-1"), account=WEB)
        shop.book(order("open", line("B", 3)), order("bundle", line("SET", 2)), account=BOL)
        shop.book(order("twice", line("B", 1), line("B", 2, external_line_id="other")), account=BOL)
        left = order("left", line("B", 4))
        shop.book(left, shipped(left, at(8.5)), account=BOL)
        gone = order("gone", line("B", 4))
        shop.book(gone, replace(gone, changed_at=at(8.5), order_status="cancelled"), account=BOL)
        shop.book(
            order("ghost", line("NOBODY-KNOWS", 4)), order("past", line("B", 4), ordered_at=at(8, day=-400))
        )
    return shop


def _broken(shop: CartShop) -> dict[str, int]:
    return {law.name: len(law.rows) for law in check_conservation(shop.store, shop.settings) if law.rows}


def test_every_law_has_a_file_and_a_way_to_break_it() -> None:
    files = {path.stem for path in sql_path("conservation").glob("*.sql")}
    assert files == set(DAMAGE) == {*LAWS, *FLAGS}


def test_good_books_break_no_law(shop: CartShop) -> None:
    assert _broken(shop) == {}


def test_every_law_finds_books_that_were_damaged(shop: CartShop) -> None:
    """Each damage is done and looked at in a transaction of its own, which is given up."""
    for law, cases in DAMAGE.items():
        for statement, rows in cases:
            with suppress(ZeroDivisionError), shop.store.transaction() as connection:
                assert connection.exec_driver_sql(statement).rowcount > 0
                found = {held.name: len(held.rows) for held in hold_laws(connection, shop.settings)}
                assert (law, statement, found[law]) == (law, statement, rows)
                raise ZeroDivisionError
    assert _broken(shop) == {}


def test_a_place_below_zero_is_shown_and_is_no_failure(shop: CartShop) -> None:
    with clock.frozen(at(10)):
        shop.count("B", 0, at(9.5))
        shop.parcels("bol_main:open", "line-B", ("p", 1, at(9.75)))
    results = {law.name: law for law in check_conservation(shop.store, shop.settings)}
    (row,) = results["places_are_not_below_zero"].rows
    assert (row["sku"], row["on_hand"]) == ("B", -1)
    assert [law.name for law in results.values() if law.is_failure] == []


def test_orders_of_accounts_that_ship_from_nowhere_are_not_judged(shop: CartShop) -> None:
    accounts = {
        name: account.model_copy(update={"ships_from": None})
        for name, account in shop.settings.accounts.items()
    }
    shop.settings = shop.settings.model_copy(update={"accounts": accounts})
    assert _broken(shop) == {}
    with shop.store.transaction() as connection:
        connection.execute(
            sa.text("update line_demand set open_quantity = 7 where order_key = 'bol_main:open'")
        )
    assert "demand_is_open_lines" not in _broken(shop)
