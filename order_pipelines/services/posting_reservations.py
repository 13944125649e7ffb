"""A confirmed cart meets its order: the pieces it held become demand in the transaction that books the order."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.domain.stock import ReservationMove
from order_pipelines.operations.ledger import Ledger
from order_pipelines.operations.store import chunks
from order_pipelines.operations.tables import reservation_lines, reservations
from order_pipelines.settings import Settings

LIVE, CONFIRMED, POSTED, VOIDED, EXPIRED = "live", "confirmed", "posted", "voided", "expired"


def post_reservations(
    connection: Connection, settings: Settings, ledger: Ledger, heads: Iterable[Any]
) -> int:
    """Turn the carts that were confirmed for these orders into demand; returns how many.

    Args:
        connection: the transaction that books the orders.
        settings: of the merchant.
        ledger: of the same transaction.
        heads: rows of orders with ``order_key``, ``account``, ``external_order_id`` and ``order_number``.
    """
    named: dict[tuple[str, str], str] = {}
    for head in heads:
        account = settings.accounts.get(head.account)
        if account is not None and account.reservations.enabled:
            for reference in (head.external_order_id, head.order_number):
                if reference is not None:
                    named[(head.account, reference)] = head.order_key
    found: list[Any] = []
    for part in chunks(sorted(named)):
        query = sa.select(reservations).where(
            sa.tuple_(reservations.c.account, reservations.c.order_reference).in_(list(part)),
            reservations.c.state == CONFIRMED,
        )
        found += connection.execute(query)
    for row in found:
        order_key = named[(row.account, row.order_reference)]
        end_reservation(connection, ledger, row.reservation_id, POSTED, order_key=order_key)
    return len(found)


def end_reservation(
    connection: Connection,
    ledger: Ledger,
    reservation_id: str,
    state: str,
    *,
    order_key: str | None = None,
    reason: str | None = None,
) -> bool:
    """Let go of what a reservation holds, once; returns whether it held anything until now."""
    moves: dict[str, ReservationMove] = {POSTED: "reservation_posted", VOIDED: "released", EXPIRED: "expired"}
    ended = connection.execute(
        sa.update(reservations)
        .where(reservations.c.reservation_id == reservation_id, reservations.c.state.in_((LIVE, CONFIRMED)))
        .values(state=state, ended_at=clock.now(), order_key=order_key, reason=reason)
    )
    if not ended.rowcount:
        return False
    for (sku, location), pieces in held_pieces(connection, reservation_id).items():
        ledger.reserve(
            (sku, location), -pieces, moves[state], reservation_id=reservation_id, order_key=order_key
        )
    return True


def held_pieces(connection: Connection, reservation_id: str) -> dict[tuple[str, str], int]:
    """Return the pieces a reservation was made of, by article and location, in the order of SKUs."""
    query = (
        sa.select(
            reservation_lines.c.part_sku,
            reservation_lines.c.location,
            sa.func.sum(reservation_lines.c.quantity),
        )
        .where(reservation_lines.c.reservation_id == reservation_id)
        .group_by(reservation_lines.c.part_sku, reservation_lines.c.location)
        .order_by(reservation_lines.c.part_sku)
    )
    return {(sku, location): int(pieces) for sku, location, pieces in connection.execute(query)}
