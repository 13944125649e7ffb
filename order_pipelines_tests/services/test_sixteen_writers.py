"""Sixteen who sell, ship, count and hold the same article at once: no update is lost, and the books say so."""

import multiprocessing
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.tables import stock_movements
from order_pipelines.services.conservation import check_conservation
from order_pipelines_tests.operations.memory_folder import memory_folder
from order_pipelines_tests.services.cart_shop import CartShop
from order_pipelines_tests.services.stock_writer import SKU, write, write_four

pytestmark = pytest.mark.endurance


@pytest.fixture
def sqlite_url() -> Iterator[str]:
    """URL of an SQLite file in memory where the machine has such a place: the writers commit hundreds of times."""
    with memory_folder() as folder:
        yield f"sqlite:///{folder / 'operations.sqlite'}"


@pytest.fixture
def shop(store_url: str) -> Iterator[CartShop]:
    clock.follow(0)
    store = open_store(store_url)
    shop = CartShop(store)
    shop.stock(SKU, 1000)
    yield shop
    store.close()


def _url(shop: CartShop) -> str:
    return shop.store.url.render_as_string(hide_password=False)


def _assert_nothing_is_lost(shop: CartShop) -> None:
    """What sixteen writers leave, each with four orders of two pieces and four carts of three.

    The newest count is that of the last writer, 1015; 32 orders were shipped. 32 orders are owed, 48 carts are held.
    """
    position = shop.row("stock_positions", sku=SKU)
    assert (position.on_hand, position.open_demand, position.reserved) == (951, 64, 144)
    assert len(shop.rows("orders")) == 64
    assert len(shop.rows("reservations", state="live")) == 48
    assert len(shop.rows("reservations")) == 64
    with shop.store.reading() as connection:
        sums = connection.execute(
            sa.select(
                sa.func.sum(stock_movements.c.on_hand_delta),
                sa.func.sum(stock_movements.c.open_demand_delta),
                sa.func.sum(stock_movements.c.reserved_delta),
            ).where(stock_movements.c.sku == SKU)
        ).one()
    assert tuple(int(value) for value in sums) == (951, 64, 144)
    # 951 less 64 owed; elsewhere also less the 144 that carts of the web shop hold.
    assert shop.told(SKU) == (887, 743)
    shop.assert_books_balance()
    assert [law.name for law in check_conservation(shop.store, shop.settings) if law.rows] == []


def test_sixteen_connections_lose_no_update(shop: CartShop) -> None:
    meeting = threading.Barrier(16)
    with ThreadPoolExecutor(16) as writers:
        for done in [writers.submit(write, _url(shop), number, meeting) for number in range(16)]:
            done.result()
    _assert_nothing_is_lost(shop)


@pytest.mark.endurance
def test_four_processes_of_four_writers_lose_no_update(shop: CartShop) -> None:
    spawning = multiprocessing.get_context("spawn")
    meeting = spawning.Barrier(16)
    processes = [
        spawning.Process(target=write_four, args=(_url(shop), first, meeting)) for first in (0, 4, 8, 12)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    _assert_nothing_is_lost(shop)
