"""One of many who write the stock of one article at the same time. Importable, because processes are spawned."""

from datetime import timedelta
from threading import Barrier, Thread
from typing import Protocol

from order_pipelines import clock
from order_pipelines.operations.store import OperationsStore
from order_pipelines.services.reservations import cancel
from order_pipelines_tests.operations.moments import at
from order_pipelines_tests.services.booked_shop import line, order, shipped
from order_pipelines_tests.services.cart_shop import WEB, CartShop

SKU = "A"
ROUNDS = 4


class Meeting(Protocol):
    """Where writers wait for each other, of threads or of processes."""

    def wait(self, timeout: float | None = None) -> int:
        """Return when all are there."""


def write(url: str, number: int, meeting: Meeting) -> None:
    """Sell, ship, hold, let go and count, over connections of its own.

    Four orders of two pieces, of which two are shipped; four carts of three pieces, of which one is given up; one
    count of 1000 pieces and as many as the writer's number, a second later than that of the writer before.
    """
    store = OperationsStore(url)
    shop = CartShop(store)
    meeting.wait(120)
    for turn in range(ROUNDS):
        bought = order(f"{number}-{turn}", line(SKU, 2))
        shop.book(bought, account=WEB)
        key = f"cart-{number}-{turn}"
        held = shop.reserve((SKU, 3), key=key, shopper=f"shopper-{number}-{turn}")
        if turn == 2:
            shop.count(SKU, 1000 + number, at(20) + timedelta(seconds=number))
        if turn % 2:
            shop.book(shipped(bought, at(40)), account=WEB)
        if turn == 0:
            cancel(shop.shop, WEB, held.reservation_id)
    store.close()


def write_four(url: str, first: int, barrier: Barrier) -> None:
    """Be four writers in a process of their own."""
    clock.follow(0)
    threads = [Thread(target=write, args=(url, number, barrier)) for number in range(first, first + 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
