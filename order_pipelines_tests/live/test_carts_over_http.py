"""Carts over HTTP: who may, held once, told with a status and a code, and nothing written after a refusal."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import requests

from order_pipelines import clock
from order_pipelines.errors import ConfigurationError
from order_pipelines.live.carts import Keys
from order_pipelines_tests.live.cart_door import CartDoor, door_settings
from order_pipelines_tests.services.booked_shop import line, order
from order_pipelines_tests.services.cart_shop import BOL, WEB, CartShop

pytestmark = pytest.mark.long_on_postgresql


def test_a_cart_is_held_and_shown_with_the_seconds_it_has_left(carts: CartDoor) -> None:
    answer = carts.hold(3)
    page = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/reservations/{page['reservation_id']}"
    assert (page["state"], page["items"], page["order_reference"]) == (
        "live",
        [{"sku": "A", "quantity": 3}],
        None,
    )
    assert 1700 < page["ttl_seconds"] <= 1800
    assert carts.shop.told("A") == (10, 7)
    shown = carts.call("GET", answer.headers["Location"])
    assert (shown.status_code, shown.json()["reservation_id"]) == (200, page["reservation_id"])


def test_the_same_request_again_is_the_same_reservation_by_header_or_body(carts: CartDoor) -> None:
    first = carts.hold(3).json()
    again = carts.hold(3).json()
    in_body = carts.call(
        "POST",
        "/reservations",
        {"items": [{"sku": "A", "quantity": 3}], "shopper": "anna", "request_key": "cart-1"},
    ).json()
    assert {first["reservation_id"], again["reservation_id"], in_body["reservation_id"]} == {
        first["reservation_id"]
    }
    other = carts.hold(4)
    assert (other.status_code, other.json()["error"]) == (422, "other_request")
    assert len(carts.shop.rows("reservations")) == 1
    assert carts.shop.told("A") == (10, 7)


def test_a_cart_goes_its_way_by_http(carts: CartDoor) -> None:
    path = carts.hold(2).headers["Location"]
    clock.follow(20 * 60)
    extended = carts.call("POST", f"{path}/extend")
    assert (extended.status_code, extended.json()["state"]) == (200, "live")
    assert extended.json()["ttl_seconds"] > 1700
    confirmed = carts.call("POST", f"{path}/confirm", {"order_reference": "10001"})
    assert (confirmed.json()["state"], confirmed.json()["order_reference"]) == ("confirmed", "10001")
    taken = carts.call("POST", f"{path}/confirm", {"order_reference": "10002"})
    assert (taken.status_code, taken.json()["error"]) == (409, "order_taken")
    carts.shop.book(order("10001", line("A", 2)), account=WEB)
    posted = carts.call("GET", path)
    assert (posted.json()["state"], posted.json()["ttl_seconds"]) == ("posted", 0)
    ended = carts.call("DELETE", path)
    assert (ended.status_code, ended.json()["error"]) == (410, "has_ended")
    carts.shop.assert_books_balance()


def test_a_cart_given_back_frees_its_pieces(carts: CartDoor) -> None:
    path = carts.hold(4).headers["Location"]
    assert carts.call("DELETE", path).json()["state"] == "voided"
    assert carts.call("DELETE", path).json()["state"] == "voided"
    gone = carts.call("POST", f"{path}/extend")
    assert (gone.status_code, gone.json()["error"]) == (410, "has_ended")
    assert carts.shop.told("A") == (10, 10)


def test_what_is_not_there_is_409_and_says_how_much_is(carts: CartDoor) -> None:
    answer = carts.hold(11)
    assert (answer.status_code, answer.json()["error"], answer.json()["available"]) == (
        409,
        "not_available",
        10,
    )
    assert carts.shop.rows("reservations") == []
    assert carts.shop.told("A") == (10, 10)


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer wrong",
        "Basic made-up-key-of-the-web-shop",
        "Bearer made-up-key-of-the-web-shoq",
    ],
)
def test_without_the_shops_key_nothing_is_told_or_held(carts: CartDoor, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    held = carts.hold(1).json()["reservation_id"]
    for method, path in (
        ("POST", "/reservations"),
        ("GET", f"/reservations/{held}"),
        ("DELETE", f"/reservations/{held}"),
        ("POST", f"/reservations/{held}/extend"),
        ("POST", f"/reservations/{held}/confirm"),
    ):
        answer = requests.request(
            method, f"{carts.url}{path}", json={"items": []}, headers=headers, timeout=60
        )
        assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert [row.state for row in carts.shop.rows("reservations")] == ["live"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"\xff\xfe",
        b'{"items": []}',
        b'{"items": {}}',
        b'{"items": [{"sku": "A"}]}',
        b'{"items": [{"sku": "A", "quantity": 0}]}',
        b'{"items": [{"sku": "A", "quantity": -1}]}',
        b'{"items": [{"sku": "A", "quantity": true}]}',
        b'{"items": [{"sku": "A", "quantity": 1.5}]}',
        b'{"items": [{"sku": "A", "quantity": "1"}]}',
        b'{"items": [{"sku": "A", "quantity": 99999999999999999999}]}',
        b'{"items": [{"sku": 1, "quantity": 1}]}',
        b'{"items": [{"sku": "A\\u0000", "quantity": 1}]}',
        b'{"items": [{"sku": "A", "quantity": 1, "price": 0}]}',
        b'{"items": [{"sku": "A", "quantity": 1}], "shopper": 7}',
        b'{"items": [{"sku": "A", "quantity": 1}], "request_key": "another"}',
        b'{"items": [{"sku": "A", "quantity": 1}], "coupon": "x"}',
    ],
)
def test_a_body_that_is_none_is_422_and_holds_nothing(carts: CartDoor, body: bytes) -> None:
    answer = carts.call("POST", "/reservations", body, Idempotency_Key="cart-1")
    assert (answer.status_code, answer.json()["error"]) == (422, "bad_request")
    assert carts.shop.rows("reservations") == []


def test_a_request_needs_a_name_of_its_own(carts: CartDoor) -> None:
    answer = carts.call("POST", "/reservations", {"items": [{"sku": "A", "quantity": 1}]})
    assert (answer.status_code, answer.json()["error"]) == (422, "bad_request")
    unknown = carts.hold(1, sku="NO-SUCH")
    assert (unknown.status_code, unknown.json()["error"]) == (422, "unknown_article")
    assert carts.shop.rows("reservations") == []


@pytest.mark.parametrize("name", ["0" * 32, "a.b", "ä", "0" * 500])
def test_a_reservation_that_is_not_there_is_404(carts: CartDoor, name: str) -> None:
    answer = carts.call("GET", f"/reservations/{name}")
    assert answer.status_code == 404


def test_a_body_that_is_too_large_is_413_and_holds_nothing(carts: CartDoor) -> None:
    body = {"items": [{"sku": "A", "quantity": 1}], "shopper": "x" * 70_000}
    answer = carts.call("POST", "/reservations", body, Idempotency_Key="cart-1")
    assert (answer.status_code, answer.json()["error"]) == (413, "too_large")
    assert carts.shop.rows("reservations") == []


def test_twenty_shoppers_of_the_last_piece_are_answered_and_one_has_it(carts: CartDoor) -> None:
    carts.shop.stock("B", 1)

    def ask(number: int) -> int:
        body = {"items": [{"sku": "B", "quantity": 1}], "shopper": f"shopper {number}"}
        return carts.call("POST", "/reservations", body, Idempotency_Key=f"cart-{number}").status_code

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, range(20)))
    assert sorted(answers) == [201, *[409] * 19]
    carts.shop.assert_books_balance()


def test_a_cart_that_ran_out_is_410(carts: CartDoor) -> None:
    path = carts.hold(1).headers["Location"]
    clock.follow(timedelta(minutes=31).total_seconds())
    assert carts.call("GET", path).json()["state"] == "expired"
    answer = carts.call("POST", f"{path}/confirm", {"order_reference": "10001"})
    assert (answer.status_code, answer.json()["error"]) == (410, "has_ended")


def _keys_of(carts: CartDoor, **secrets: dict[str, str]) -> Keys:
    settings = door_settings()
    accounts: dict[str, Any] = dict(settings.accounts)
    for name, named in secrets.items():
        update = {"secrets": named, "reservations": accounts[WEB].reservations}
        accounts[name] = accounts[name].model_copy(update=update)
    changed = settings.model_copy(update={"accounts": accounts})
    return Keys(CartShop(carts.shop.store, changed).shop)


def test_a_key_that_could_be_guessed_or_is_of_two_shops_is_refused_at_the_start(
    carts: CartDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHORT", "geheim")
    with pytest.raises(ConfigurationError, match="at least 16 characters"):
        _keys_of(carts, **{WEB: {"reservation_key": "SHORT"}})
    with pytest.raises(ConfigurationError, match="another shop has the same key"):
        _keys_of(carts, **{BOL: {"reservation_key": "WEBSHOP_CART_KEY"}})
    monkeypatch.setenv("OTHER", "another key, long enough")
    keys = _keys_of(carts, **{BOL: {"reservation_key": "OTHER"}})
    assert keys.account_of("Bearer another key, long enough") == BOL
    assert keys.account_of("bearer made-up-key-of-the-web-shop") == WEB
