"""What a cart may hold: known articles that are there, within what one shopper and all carts of a shop may have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.errors import DomainRuleError
from order_pipelines.operations.tables import products, reservation_lines, reservations
from order_pipelines.services.availability import HELD, Stockroom, read_bundles
from order_pipelines.services.unreadable import is_usable_id
from order_pipelines.settings_stock import ReservationPolicy

Refusal = Literal[
    "not_enabled",
    "unknown_article",
    "not_available",
    "shopper_limit",
    "share_limit",
    "last_piece",
    "other_request",
    "unknown_reservation",
    "has_ended",
    "too_long",
    "order_taken",
    "bad_request",
]
_LONGEST_CART = 100


class ReservationRefusedError(DomainRuleError):
    """A cart cannot have what it asks for. ``code`` is for the shop's program, the text for people."""

    def __init__(
        self, code: Refusal, message: str, *, sku: str | None = None, available: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.sku = sku
        self.available = available


@dataclass(frozen=True, slots=True)
class Item:
    """Pieces of one article or bundle, by the merchant's SKU."""

    sku: str
    quantity: int


def pieces_asked(request_key: str, items: Sequence[Item]) -> dict[str, int]:
    """Return the pieces by article.

    Raises:
        ReservationRefusedError: the request is none.
    """
    asked: dict[str, int] = {}
    for item in items:
        if not is_usable_id(item.sku) or item.quantity < 1:
            raise ReservationRefusedError("bad_request", "items: an SKU and at least 1 piece each")
        asked[item.sku] = asked.get(item.sku, 0) + item.quantity
    if not 1 <= len(asked) <= _LONGEST_CART:
        raise ReservationRefusedError("bad_request", f"items: 1 to {_LONGEST_CART} articles")
    if not is_usable_id(request_key):
        raise ReservationRefusedError("bad_request", "request_key: your own name of this request")
    return asked


def refuse_unknown(connection: Connection, asked: dict[str, int]) -> None:
    """Raise :class:`ReservationRefusedError` for an article that neither the master nor a bundle names."""
    known = set(read_bundles(connection, asked))
    known |= set(connection.execute(sa.select(products.c.sku).where(products.c.sku.in_(asked))).scalars())
    for sku in asked:
        if sku not in known:
            raise ReservationRefusedError("unknown_article", f"{sku} is not in the product master", sku=sku)


def refuse_limits(
    connection: Connection,
    room: Stockroom,
    account: str,
    policy: ReservationPolicy,
    asked: dict[str, int],
    shopper: str | None,
) -> None:
    """Raise :class:`ReservationRefusedError` for what is not there or is more than a cart may hold."""
    if shopper is not None:
        held = _pieces_of(connection, account, shopper)
        if held + sum(asked.values()) > policy.max_pieces_per_shopper:
            raise ReservationRefusedError(
                "shopper_limit", f"one shopper holds at most {policy.max_pieces_per_shopper} pieces"
            )
    for sku, quantity in sorted(asked.items()):
        free = room.available(account, sku) if room.is_known(account, sku) else 0
        if quantity > free:
            raise ReservationRefusedError(
                "not_available", f"{sku}: {quantity} asked, {free} available", sku=sku, available=free
            )
        if shopper is None and quantity == free and not policy.anonymous_last_piece:
            raise ReservationRefusedError(
                "last_piece",
                f"{sku}: the last piece is not held for an unknown shopper",
                sku=sku,
                available=free,
            )
        in_carts = room.own_reserved.get((account, sku), 0)
        share = (free + in_carts) * policy.max_share_of_sku
        # One piece may always be held: a share of two pieces would otherwise lock everybody out.
        if in_carts + quantity > 1 and (in_carts + quantity) * 100 > share:
            raise ReservationRefusedError(
                "share_limit",
                f"{sku}: carts of this shop hold at most {policy.max_share_of_sku} % of it",
                sku=sku,
                available=free,
            )
    _refuse_shared_parts(room, account, asked)


def _refuse_shared_parts(room: Stockroom, account: str, asked: dict[str, int]) -> None:
    """A bundle and one of its parts in the same cart draw on the same pieces."""
    wanted: dict[str, int] = {}
    for sku, quantity in asked.items():
        for part, pieces in room.bundles.get(sku, {sku: 1}).items():
            wanted[part] = wanted.get(part, 0) + pieces * quantity
    for part, pieces in wanted.items():
        free = room.terms(account, part).available
        if pieces > free:
            raise ReservationRefusedError(
                "not_available", f"{part}: {pieces} asked, {free} available", sku=part, available=free
            )


def _pieces_of(connection: Connection, account: str, shopper: str) -> int:
    carts = (
        sa.select(
            reservation_lines.c.reservation_id, reservation_lines.c.sku, reservation_lines.c.asked_quantity
        )
        .distinct()
        .join(reservations, reservations.c.reservation_id == reservation_lines.c.reservation_id)
        .where(
            reservations.c.account == account,
            reservations.c.shopper == shopper,
            reservations.c.state.in_(HELD),
        )
        .subquery()
    )
    return int(
        connection.execute(sa.select(sa.func.coalesce(sa.func.sum(carts.c.asked_quantity), 0))).scalar_one()
    )
