"""Carts of own shops hold stock: reserve, prolong, confirm by order, give back, expire. Two phases, one ledger.

A cart is held first (``live``) and either becomes the demand of an order (``posted``), is given back (``voided``) or
runs out (``expired``). Everything happens in the one write transaction at a time of the store: a hundred buyers of one
piece are answered one after the other, and one of them gets it.
"""

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.operations.ledger import Ledger
from order_pipelines.operations.store import CHANGE, next_values
from order_pipelines.operations.tables import orders, reservation_lines, reservations
from order_pipelines.services.availability import HELD, read_stockroom
from order_pipelines.services.desired_stock import refresh_desired
from order_pipelines.services.posting_reservations import (
    CONFIRMED,
    EXPIRED,
    LIVE,
    POSTED,
    VOIDED,
    end_reservation,
)
from order_pipelines.services.reservation_rules import (
    Item,
    ReservationRefusedError,
    pieces_asked,
    refuse_limits,
    refuse_unknown,
)
from order_pipelines.services.shop import Shop
from order_pipelines.services.unreadable import is_usable_id
from order_pipelines.settings import Settings
from order_pipelines.settings_stock import ReservationPolicy

__all__ = [
    "Item",
    "Reservation",
    "ReservationRefusedError",
    "cancel",
    "confirm",
    "expire_reservations",
    "prolong",
    "reserve",
    "show",
]


@dataclass(frozen=True, slots=True)
class Reservation:
    """A cart's hold as it stands."""

    reservation_id: str
    account: str
    state: str
    expires_at: datetime
    items: tuple[Item, ...]
    order_reference: str | None = None


def reserve(
    shop: Shop, account: str, request_key: str, items: Sequence[Item], *, shopper: str | None = None
) -> Reservation:
    """Hold all of these pieces for a cart, or none; the same request asked twice is one reservation.

    Args:
        shop: whose stock it is.
        account: the shop of the cart.
        request_key: the caller's own name of this request, at most 200 characters.
        items: what to hold; articles named twice are added up.
        shopper: who holds it, as the shop names him; only a hash is kept. ``None``: nobody is known.

    Raises:
        ReservationRefusedError: it cannot be had; nothing is held.
    """
    policy = _policy(shop.settings, account)
    asked = pieces_asked(request_key, items)
    known = None if not shopper else hashlib.sha256(f"{account}\0{shopper}".encode()).hexdigest()
    body = json.dumps([account, known, sorted(asked.items())]).encode()
    request_hash = hashlib.sha256(body).hexdigest()
    expire_reservations(shop)
    with shop.store.transaction() as connection:
        same = connection.execute(
            sa.select(reservations).where(
                reservations.c.account == account, reservations.c.request_key == request_key
            )
        ).first()
        if same is not None:
            if same.request_hash != request_hash:
                raise ReservationRefusedError(
                    "other_request", "this request key was used for another cart; choose a new one"
                )
            return _read(connection, same)
        refuse_unknown(connection, asked)
        room = read_stockroom(connection, shop.settings, asked)
        refuse_limits(connection, room, account, policy, asked, known)
        now = clock.now()
        reservation_id, until = secrets.token_hex(16), now + timedelta(minutes=policy.ttl_minutes)
        row = {
            "reservation_id": reservation_id,
            "account": account,
            "request_key": request_key,
            "request_hash": request_hash,
            "shopper": known,
            "state": LIVE,
            "created_at": now,
            "expires_at": until,
        }
        connection.execute(reservations.insert().values(**row))
        lines = _lines(shop.settings, account, reservation_id, asked, room.bundles)
        connection.execute(reservation_lines.insert(), lines)
        _hold(connection, shop.settings, reservation_id, lines)
        return Reservation(reservation_id, account, LIVE, until, _items(asked))


def prolong(shop: Shop, account: str, reservation_id: str) -> Reservation:
    """Let a live cart hold its pieces for another while, never longer than the policy allows in all.

    Raises:
        ReservationRefusedError: it has ended, is of another shop, or was held long enough.
    """
    policy = _policy(shop.settings, account)
    expire_reservations(shop)
    with shop.store.transaction() as connection:
        row = _held(connection, account, reservation_id)
        longest = row.created_at + timedelta(minutes=policy.longest_minutes)
        wanted = min(clock.now() + timedelta(minutes=policy.ttl_minutes), longest)
        if row.state == LIVE:
            if wanted <= row.expires_at:
                raise ReservationRefusedError(
                    "too_long", f"a cart is held at most {policy.longest_minutes} minutes"
                )
            connection.execute(
                sa.update(reservations)
                .where(reservations.c.reservation_id == reservation_id)
                .values(expires_at=wanted)
            )
        return _get(connection, reservation_id)


def confirm(shop: Shop, account: str, reservation_id: str, order_reference: str) -> Reservation:
    """Say that the cart became an order; its pieces stay held until that order is booked, then they are its demand.

    ``order_reference`` is the order's number or id at the shop. An order that is here already takes the place at once.

    Raises:
        ReservationRefusedError: it has ended, is of another shop, or was confirmed for another order.
    """
    policy = _policy(shop.settings, account)
    if not is_usable_id(order_reference):
        raise ReservationRefusedError("bad_request", "order_reference: the order's number at the shop")
    expire_reservations(shop)
    with shop.store.transaction() as connection:
        row = connection.execute(
            sa.select(reservations).where(
                reservations.c.reservation_id == reservation_id, reservations.c.account == account
            )
        ).first()
        if row is not None and row.order_reference is not None:
            if row.order_reference != order_reference:
                raise ReservationRefusedError("order_taken", "this cart was confirmed for another order")
            return _read(connection, row)
        row = _held(connection, account, reservation_id)
        connection.execute(
            sa.update(reservations)
            .where(reservations.c.reservation_id == reservation_id)
            .values(
                state=CONFIRMED,
                order_reference=order_reference,
                expires_at=clock.now() + timedelta(hours=policy.confirmed_hours),
            )
        )
        order_key = connection.execute(
            sa.select(orders.c.order_key).where(
                orders.c.account == account,
                sa.or_(
                    orders.c.external_order_id == order_reference, orders.c.order_number == order_reference
                ),
            )
        ).scalar()
        if order_key is not None:
            _end(connection, shop.settings, [row], POSTED, order_key=order_key)
        return _get(connection, reservation_id)


def cancel(shop: Shop, account: str, reservation_id: str) -> Reservation:
    """Give a cart's pieces back; one that has been given back or ran out stays as it is.

    Raises:
        ReservationRefusedError: it is of another shop, or became an order.
    """
    _policy(shop.settings, account)
    with shop.store.transaction() as connection:
        row = _own(connection, account, reservation_id)
        if row.state == POSTED:
            raise ReservationRefusedError(
                "has_ended", "this cart became an order; cancel the order at the shop"
            )
        if row.state in HELD:
            _end(connection, shop.settings, [row], VOIDED, reason="given back by the shop")
        return _get(connection, reservation_id)


def show(shop: Shop, account: str, reservation_id: str) -> Reservation:
    """Return a cart's hold as it stands now.

    Raises:
        ReservationRefusedError: this shop has none of that id.
    """
    with shop.store.reading() as connection:
        row = _own(connection, account, reservation_id)
        found = _read(connection, row)
    is_over = found.state in HELD and found.expires_at <= clock.now()
    return (
        found
        if not is_over
        else Reservation(found.reservation_id, account, EXPIRED, found.expires_at, found.items)
    )


def expire_reservations(shop: Shop) -> int:
    """Give back what carts held that ran out, also while nothing was running; returns how many carts."""
    with shop.store.reading() as connection:
        if connection.execute(sa.select(sa.literal(1)).where(_is_over()).limit(1)).first() is None:
            return 0
    with shop.store.transaction() as connection:
        query = sa.select(reservations).where(_is_over()).order_by(reservations.c.expires_at)
        rows = list(connection.execute(query))
        for state, reason in ((LIVE, "ran out"), (CONFIRMED, "its order never came")):
            of_state = [row for row in rows if row.state == state]
            _end(connection, shop.settings, of_state, EXPIRED, reason=reason)
    return len(rows)


def _is_over() -> sa.ColumnElement[bool]:
    return sa.and_(reservations.c.state.in_(HELD), reservations.c.expires_at <= clock.now())


def _policy(settings: Settings, account: str) -> ReservationPolicy:
    found = settings.accounts.get(account)
    if found is None or not found.enabled or not found.reservations.enabled or found.ships_from is None:
        raise ReservationRefusedError(
            "not_enabled", "carts of this shop hold no stock (accounts.NAME.reservations)"
        )
    return found.reservations


def _lines(
    settings: Settings,
    account: str,
    reservation_id: str,
    asked: dict[str, int],
    bundles: dict[str, dict[str, int]],
) -> list[dict[str, Any]]:
    return [
        {
            "reservation_id": reservation_id,
            "sku": sku,
            "part_sku": part,
            "location": settings.accounts[account].ships_from,
            "asked_quantity": quantity,
            "quantity": quantity * pieces,
        }
        for sku, quantity in sorted(asked.items())
        for part, pieces in sorted(bundles.get(sku, {sku: 1}).items())
    ]


def _hold(
    connection: Connection, settings: Settings, reservation_id: str, lines: list[dict[str, Any]]
) -> None:
    ledger = Ledger(connection)
    pieces: dict[tuple[str, str], int] = {}
    for line in lines:
        place = (line["part_sku"], line["location"])
        pieces[place] = pieces.get(place, 0) + line["quantity"]
    for place, quantity in sorted(pieces.items()):
        ledger.reserve(place, quantity, "reserved", reservation_id=reservation_id)
    refresh_desired(connection, settings, ledger.flush(next_values(connection, CHANGE)))


def _end(
    connection: Connection,
    settings: Settings,
    rows: Sequence[Any],
    state: str,
    *,
    order_key: str | None = None,
    reason: str | None = None,
) -> None:
    if not rows:
        return
    ledger = Ledger(connection)
    for row in rows:
        end_reservation(connection, ledger, row.reservation_id, state, order_key=order_key, reason=reason)
    refresh_desired(connection, settings, ledger.flush(next_values(connection, CHANGE)))


def _own(connection: Connection, account: str, reservation_id: str) -> Any:
    row = connection.execute(
        sa.select(reservations).where(
            reservations.c.reservation_id == reservation_id, reservations.c.account == account
        )
    ).first()
    if row is None:
        raise ReservationRefusedError("unknown_reservation", "this shop has no reservation of that id")
    return row


def _held(connection: Connection, account: str, reservation_id: str) -> Any:
    row = _own(connection, account, reservation_id)
    if row.state not in HELD or row.expires_at <= clock.now():
        raise ReservationRefusedError("has_ended", f"this reservation is over ({row.state})")
    return row


def _get(connection: Connection, reservation_id: str) -> Reservation:
    row = connection.execute(
        sa.select(reservations).where(reservations.c.reservation_id == reservation_id)
    ).one()
    return _read(connection, row)


def _read(connection: Connection, row: Any) -> Reservation:
    query = (
        sa.select(reservation_lines.c.sku, reservation_lines.c.asked_quantity)
        .where(reservation_lines.c.reservation_id == row.reservation_id)
        .distinct()
    )
    asked = {line.sku: line.asked_quantity for line in connection.execute(query)}
    return Reservation(
        row.reservation_id, row.account, row.state, row.expires_at, _items(asked), row.order_reference
    )


def _items(asked: dict[str, int]) -> tuple[Item, ...]:
    return tuple(Item(sku, quantity) for sku, quantity in sorted(asked.items()))
