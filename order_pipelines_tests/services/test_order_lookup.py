"""Which order a person means: by number or id, in one account only, and of the status that counts."""

from collections.abc import Iterator
from typing import Any

import pytest

from order_pipelines.errors import DomainRuleError
from order_pipelines.operations.migrations import open_store
from order_pipelines.services.accepting import accept_by_hand
from order_pipelines.services.order_lookup import find_order
from order_pipelines_tests.services.booked_shop import order
from order_pipelines_tests.services.cart_shop import BOL, WEB, CartShop


@pytest.fixture
def shop(store_url: str) -> Iterator[CartShop]:
    """Number 10001 stands in both accounts, and only the web shop's waits for acceptance."""
    store = open_store(store_url)
    opened = CartShop(store)
    opened.book(order("a1", order_number="10001"), order("a2", order_number="10002"), account=BOL)
    opened.book(order("b1", order_number="10001", order_status="waiting_acceptance"), account=WEB)
    yield opened
    store.close()


def _find(shop: CartShop, number: str, account: str | None = None, **more: Any) -> str:
    with shop.store.reading() as connection:
        found: str = find_order(connection, shop.settings, number, account, **more).order_key
        return found


def test_an_order_is_found_by_its_number_its_id_and_our_key(shop: CartShop) -> None:
    assert [_find(shop, said) for said in ("10002", "a2", "bol_main:a2")] == ["bol_main:a2"] * 3
    assert _find(shop, "10001", WEB) == "webshop:b1"
    assert _find(shop, "10001", status="waiting_acceptance") == "webshop:b1"


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (("10001",), "several orders are called 10001: bol_main:a1, webshop:b1; name one of these"),
        (("nowhere",), "no order nowhere is known of any account"),
        (("10002", WEB), "no order 10002 is known of account webshop"),
        (("a2", WEB), "no order a2 is known of account webshop"),
    ],
)
def test_what_is_not_one_order_is_refused(shop: CartShop, asked: tuple[str, ...], says: str) -> None:
    with pytest.raises(DomainRuleError, match=f"^{says}$"):
        _find(shop, *asked)


def test_an_order_that_does_not_wait_cannot_be_accepted_by_hand(shop: CartShop) -> None:
    with pytest.raises(
        DomainRuleError, match=r"^no order 10002 with status waiting_acceptance is known of any account$"
    ):
        accept_by_hand(shop.shop, "10002")
    assert shop.rows("outbox") == []
    assert shop.rows("audit_log", kind="accept_order") == []
