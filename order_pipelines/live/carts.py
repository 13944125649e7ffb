"""``/reservations``: carts of own shops over HTTP. Who may, what a body may hold, and how a refusal is told."""

import hashlib
import hmac
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from order_pipelines import clock
from order_pipelines.errors import ConfigurationError
from order_pipelines.services import reservations
from order_pipelines.services.reservation_rules import ReservationRefusedError
from order_pipelines.services.reservations import Item, Reservation
from order_pipelines.services.shop import Shop

SECRET_NAME = "reservation_key"  # noqa: S105  # a name, not a value
LARGEST_BODY = 64 * 1024
MOST_PIECES = 100_000
_SHORTEST_KEY = 16
_MOST_ITEMS = 500

STATUS = {
    "not_enabled": 403,
    "unknown_reservation": 404,
    "not_available": 409,
    "shopper_limit": 409,
    "share_limit": 409,
    "last_piece": 409,
    "too_long": 409,
    "order_taken": 409,
    "has_ended": 410,
    "bad_request": 422,
    "other_request": 422,
    "unknown_article": 422,
}
"""The HTTP status of each refusal."""


@dataclass(frozen=True, slots=True)
class Told:
    """An answer: its status, its JSON body (``None``: none) and headers."""

    status: int
    body: dict[str, Any] | None
    headers: Mapping[str, str]


class Keys:
    """The key of each shop whose carts may hold stock. Only hashes are kept.

    Raises:
        ConfigurationError: a key is short, or two shops have the same.
    """

    def __init__(self, shop: Shop) -> None:
        self._hashes: dict[str, bytes] = {}
        for name, account in shop.accounts():
            if not account.reservations.enabled or SECRET_NAME not in account.secrets:
                continue
            key = shop.settings.secrets_of(name)[SECRET_NAME]
            if len(key) < _SHORTEST_KEY:
                raise ConfigurationError(
                    f"accounts.{name}.secrets.{SECRET_NAME}: at least {_SHORTEST_KEY} characters; make a random one"
                )
            digest = hashlib.sha256(key.encode()).digest()
            if digest in self._hashes.values():
                raise ConfigurationError(
                    f"accounts.{name}.secrets.{SECRET_NAME}: another shop has the same key; a key tells the shops apart"
                )
            self._hashes[name] = digest

    def account_of(self, authorization: str | None) -> str | None:
        """Return whose key a header carries, comparing with every key whatever the first ones said."""
        scheme, _, key = (authorization or "").partition(" ")
        given = hashlib.sha256(key.strip().encode("utf-8", "surrogateescape")).digest()
        found = None
        for account, digest in self._hashes.items():
            if hmac.compare_digest(given, digest):
                found = account
        return found if scheme.lower() == "bearer" else None


class Carts:
    """Does what a request asks; every method blocks and is called from a thread of its own."""

    def __init__(self, shop: Shop, on_change: Callable[[], None]) -> None:
        self._shop = shop
        self._on_change = on_change

    def make(self, account: str, body: bytes, idempotency_key: str | None) -> Told:
        """Answer ``POST /reservations``."""

        def do() -> Told:
            content = _content(body, {"items", "shopper", "request_key"})
            request_key = _one_key(content.get("request_key"), idempotency_key)
            items = _items(content.get("items"))
            shopper = _text(content, "shopper", required=False)
            found = reservations.reserve(self._shop, account, request_key, items, shopper=shopper)
            return Told(201, _page(found), {"Location": f"/reservations/{found.reservation_id}"})

        return self._told(do, changes=True)

    def show(self, account: str, reservation_id: str) -> Told:
        """Answer ``GET /reservations/{id}``."""
        return self._told(lambda: _ok(reservations.show(self._shop, account, reservation_id)), changes=False)

    def extend(self, account: str, reservation_id: str) -> Told:
        """Answer ``POST /reservations/{id}/extend``."""
        return self._told(
            lambda: _ok(reservations.prolong(self._shop, account, reservation_id)), changes=False
        )

    def confirm(self, account: str, reservation_id: str, body: bytes) -> Told:
        """Answer ``POST /reservations/{id}/confirm``."""

        def do() -> Told:
            reference = _text(_content(body, {"order_reference"}), "order_reference", required=True)
            assert reference is not None
            return _ok(reservations.confirm(self._shop, account, reservation_id, reference))

        return self._told(do, changes=True)

    def cancel(self, account: str, reservation_id: str) -> Told:
        """Answer ``DELETE /reservations/{id}``."""
        return self._told(lambda: _ok(reservations.cancel(self._shop, account, reservation_id)), changes=True)

    def _told(self, do: Callable[[], Told], *, changes: bool) -> Told:
        try:
            told = do()
        except ReservationRefusedError as error:
            return refused(error)
        if changes:
            self._on_change()
        return told


def refused(error: ReservationRefusedError) -> Told:
    """Return the answer that says why not: the code for programs, the text for people."""
    body: dict[str, Any] = {"error": error.code, "message": str(error)}
    if error.sku is not None:
        body["sku"] = error.sku
    if error.available is not None:
        body["available"] = error.available
    return Told(STATUS[error.code], body, {})


def _ok(found: Reservation) -> Told:
    return Told(200, _page(found), {})


def _page(found: Reservation) -> dict[str, Any]:
    left_s = (found.expires_at - clock.now()).total_seconds()
    return {
        "reservation_id": found.reservation_id,
        "state": found.state,
        "expires_at": clock.isoformat(found.expires_at),
        "ttl_seconds": max(0, math.floor(left_s)) if found.state in {"live", "confirmed"} else 0,
        "items": [{"sku": item.sku, "quantity": item.quantity} for item in found.items],
        "order_reference": found.order_reference,
    }


def _content(body: bytes, known: set[str]) -> dict[str, Any]:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ReservationRefusedError("bad_request", "the body is no JSON") from None
    if not isinstance(content, dict):
        raise ReservationRefusedError("bad_request", "the body is a JSON object")
    for name in content:
        if name not in known:
            raise ReservationRefusedError(
                "bad_request", f"a member that is not known; known are {', '.join(sorted(known))}"
            )
    return content


def _text(content: Mapping[str, Any], name: str, *, required: bool) -> str | None:
    value = content.get(name)
    if value is None and not required:
        return None
    if not isinstance(value, str) or not value:
        raise ReservationRefusedError("bad_request", f"{name}: a text")
    return value


def _items(value: object) -> list[Item]:
    if not isinstance(value, list) or not 0 < len(value) <= _MOST_ITEMS:
        raise ReservationRefusedError("bad_request", f"items: a list of 1 to {_MOST_ITEMS}")
    items = []
    for one in value:
        sku = one.get("sku") if isinstance(one, dict) else None
        quantity = one.get("quantity") if isinstance(one, dict) else None
        is_count = isinstance(quantity, int) and not isinstance(quantity, bool)
        if not isinstance(sku, str) or not is_count or not 1 <= int(quantity or 0) <= MOST_PIECES:
            raise ReservationRefusedError(
                "bad_request", f"items: an SKU and 1 to {MOST_PIECES} pieces each, as {{sku, quantity}}"
            )
        if set(one) != {"sku", "quantity"}:
            raise ReservationRefusedError("bad_request", "items: nothing but sku and quantity")
        items.append(Item(sku, int(quantity or 0)))
    return items


def _one_key(in_body: object, in_header: str | None) -> str:
    if in_body is not None and not isinstance(in_body, str):
        raise ReservationRefusedError("bad_request", "request_key: a text")
    if in_body and in_header and in_body != in_header:
        raise ReservationRefusedError(
            "bad_request", "the header Idempotency-Key and request_key name two requests"
        )
    key = in_header or in_body
    if not key:
        raise ReservationRefusedError(
            "bad_request", "the header Idempotency-Key, or request_key: your own name of this request"
        )
    return key
