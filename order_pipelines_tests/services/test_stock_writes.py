"""What becomes of a number that was overtaken while its channel was told it: the newer one goes out at once."""

from collections.abc import Iterator
from typing import Any

import pytest

from order_pipelines.connectors.ports import WriteResult
from order_pipelines.errors import TransientConnectorError
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.store import OperationsStore
from order_pipelines.services.brakes import due_rows
from order_pipelines.services.push_outcome import IN_DOUBT, Push
from order_pipelines.services.stock_writes import Written, postpone, settle
from order_pipelines_tests.services.booked_shop import line, order
from order_pipelines_tests.services.cart_shop import BOL, CartShop


@pytest.fixture
def store(store_url: str) -> Iterator[OperationsStore]:
    opened = open_store(store_url)
    yield opened
    opened.close()


def _told(shop: CartShop) -> Any:
    with shop.store.reading() as connection:
        ((told,), _) = due_rows(connection, BOL)
    return told


def _overtaken(store: OperationsStore) -> tuple[CartShop, Any]:
    """Five pieces are being told to bol when the last five are sold."""
    shop = CartShop(store)
    shop.stock("A", 5)
    told = _told(shop)
    assert (told.desired_quantity, told.desired_version) == (5, 1)
    shop.book(order("1", line("A", 5)), account=BOL)
    return shop, told


def _due(shop: CartShop) -> tuple[Any, ...]:
    row = shop.row("channel_stock", account=BOL, sku="A")
    return row.desired_quantity, row.desired_version, row.state, row.not_before, row.attempts


@pytest.mark.parametrize("state", ["rejected", "in_doubt"])
def test_a_newer_number_does_not_wait_for_the_next_try_of_an_older_one(
    store: OperationsStore, state: Any
) -> None:
    shop, told = _overtaken(store)
    push = Push(BOL)
    settle(shop.shop, [Written(told, WriteResult(state, reason="not that"), 5, 1)], push)
    assert _due(shop) == (0, 2, "pending", None, 0)
    assert (push.rejected, push.in_doubt) == ((1, 0) if state == "rejected" else (0, 1))


def test_a_newer_number_does_not_wait_because_an_older_one_was_not_answered(store: OperationsStore) -> None:
    shop, told = _overtaken(store)
    error = TransientConnectorError("bol did not answer", system="bol", maybe_acted=True)
    postpone(shop.shop, [told], IN_DOUBT, error)
    assert _due(shop) == (0, 2, "pending", None, 0)


def test_a_newer_number_is_seen_to_be_due_after_an_older_one_is_confirmed(store: OperationsStore) -> None:
    """Who looks for numbers to send looks for pending ones: this one would wait for the next look by the clock."""
    shop, told = _overtaken(store)
    settle(shop.shop, [Written(told, WriteResult("confirmed"), 5, 1)], Push(BOL))
    assert _due(shop) == (0, 2, "pending", None, 0)
    row = shop.row("channel_stock", account=BOL, sku="A")
    assert (row.confirmed_quantity, row.confirmed_version) == (5, 1)


def test_a_number_that_is_the_newest_waits_after_a_refusal(store: OperationsStore) -> None:
    shop = CartShop(store)
    shop.stock("A", 5)
    told = _told(shop)
    settle(shop.shop, [Written(told, WriteResult("rejected", reason="no"), 5, 1)], Push(BOL))
    row = shop.row("channel_stock", account=BOL, sku="A")
    assert (row.state, row.attempts, row.not_before is None) == ("rejected", 1, False)
