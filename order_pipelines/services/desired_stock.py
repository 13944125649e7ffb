"""What every offer should show: the desired quantity per account and offer, recomputed where the ledger moved."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.operations.store import CHANGE, chunks, next_values, upsert
from order_pipelines.operations.tables import (
    channel_offers,
    channel_stock,
    cursors,
)
from order_pipelines.services.availability import bundles_of, read_stockroom
from order_pipelines.services.stock_events import StockEvent, note_events
from order_pipelines.settings import Settings

PENDING, ON_HOLD = "pending", "on_hold"


def refresh_desired(connection: Connection, settings: Settings, skus: Iterable[str]) -> int:
    """Recompute the desired quantity of every offer of these SKUs; returns how many got a new version.

    An offer whose stock was never counted at any location that serves it stays without a number: nothing is pushed
    that is not known.
    """
    moved = set(skus)
    wanted = sorted(moved | bundles_of(connection, moved))
    changed: list[dict[str, Any]] = []
    watermarks = {
        row.account: row.complete_at
        for row in connection.execute(sa.select(cursors).where(cursors.c.stream == "orders"))
    }
    for part in chunks(wanted, 300):
        changed.extend(_changed(connection, settings, part, watermarks))
    if changed:
        first = next_values(connection, CHANGE, len(changed))
        for number, row in enumerate(changed, start=first):
            row["change_seq"] = number
        upsert(connection, channel_stock, changed)
        note_events(connection, [event for row in changed for event in _events(row)])
    return len(changed)


def _changed(
    connection: Connection, settings: Settings, skus: Iterable[str], watermarks: dict[str, Any]
) -> list[dict[str, Any]]:
    part = list(skus)
    offers = [
        offer
        for offer in connection.execute(
            sa.select(channel_offers).where(
                channel_offers.c.sku.in_(part),
                channel_offers.c.is_own_fulfilment.is_(True),
                channel_offers.c.is_listed.is_(True),
            )
        )
        if _is_pushed(settings, offer.account)
    ]
    if not offers:
        return []
    room = read_stockroom(connection, settings, {offer.sku for offer in offers})
    before: dict[tuple[str, str], Any] = {}
    # By offer: one that got another article has its number under the former one.
    for ids in chunks(sorted({offer.offer_id for offer in offers})):
        for row in connection.execute(sa.select(channel_stock).where(channel_stock.c.offer_id.in_(ids))):
            before[(row.account, row.offer_id)] = row
    changed = []
    for offer in offers:
        found = room.explained(
            offer.account,
            offer.sku,
            subtracts_open_orders=offer.subtracts_open_orders,
            max_quantity=offer.max_quantity,
        )
        last = before.get((offer.account, offer.offer_id))
        told, available = found.told, found.available
        if found.policy.kind != "always" and not room.is_known(offer.account, offer.sku):
            if last is None or (last.sku != offer.sku and not last.sent_version):
                continue
            # Known once and no more, such as a bundle that was dissolved, or another article's number that the channel
            # was sent: the last number would promise it for ever.
            told, available = 0, 0
        own = room.open_at(offer.account, offer.sku)
        if last is None or _needs_new_version(last, offer, told, own):
            changed.append(_row(last, offer, told, available, own, watermarks.get(offer.account)))
        elif (last.available_quantity, last.own_open_quantity) != (available, own):
            # The channel has its number; what that is made of now is read by people, and by the next comparison.
            _note_figures(connection, offer, available, own)
    return changed


def _events(row: dict[str, Any]) -> list[StockEvent]:
    """A new version is desired; one that inherits the brake of the version before waits for the same person."""
    of = (row["account"], row["offer_id"], row["sku"])
    desired = (row["desired_quantity"], row["desired_version"])
    found = [StockEvent(*of, "desired", *desired)]
    if row["state"] == ON_HOLD:
        found.append(StockEvent(*of, "held", *desired, row["reason"]))
    return found


def _is_pushed(settings: Settings, name: str) -> bool:
    account = settings.accounts.get(name)
    return account is not None and account.enabled and account.stock.push


def _note_figures(connection: Connection, offer: Any, available: int, own: int) -> None:
    connection.execute(
        sa.update(channel_stock)
        .where(channel_stock.c.account == offer.account, channel_stock.c.offer_id == offer.offer_id)
        .values(
            available_quantity=available,
            own_open_quantity=own,
            change_seq=next_values(connection, CHANGE),
        )
    )


def _needs_new_version(row: Any, offer: Any, desired: int, own: int) -> bool:
    if row.sku != offer.sku or row.desired_quantity != desired:
        return True
    # A channel that subtracts only orders placed after our write may have lost one that came in between: say it again.
    return not offer.subtracts_open_orders and own > row.own_open_quantity


def _row(row: Any, offer: Any, desired: int, available: int, own: int, watermark: Any) -> dict[str, Any]:
    common = {
        "account": offer.account,
        "offer_id": offer.offer_id,
        "sku": offer.sku,
        "desired_quantity": desired,
        "available_quantity": available,
        "own_open_quantity": own,
        "order_watermark": watermark,
        "state": PENDING,
        "reason": None,
        "not_before": None,
        "attempts": 0,
    }
    if row is None:
        return {
            **common,
            "desired_version": 1,
            "sent_quantity": None,
            "sent_version": 0,
            "sent_at": None,
            "confirmed_quantity": None,
            "confirmed_version": 0,
            "confirmed_at": None,
            "read_back_quantity": None,
            "read_back_at": None,
            "write_reference": None,
        }
    if row.state == ON_HOLD and desired <= row.desired_quantity:
        # Still the fall that waits for a person; a higher number is another one.
        common |= {"state": ON_HOLD, "reason": row.reason}
    return {
        **common,
        "desired_version": row.desired_version + 1,
        "sent_quantity": row.sent_quantity,
        "sent_version": row.sent_version,
        "sent_at": row.sent_at,
        "confirmed_quantity": row.confirmed_quantity,
        "confirmed_version": row.confirmed_version,
        "confirmed_at": row.confirmed_at,
        "read_back_quantity": row.read_back_quantity,
        "read_back_at": row.read_back_at,
        "write_reference": row.write_reference,
    }


def mark_all_for_refresh(connection: Connection, settings: Settings, account: str) -> int:
    """Recompute every offer of an account, for example after its offers were listed anew."""
    skus = connection.execute(
        sa.select(channel_offers.c.sku).where(
            channel_offers.c.account == account, channel_offers.c.sku.is_not(None)
        )
    ).scalars()
    return refresh_desired(connection, settings, set(skus))


def stale_order_sources(
    connection: Connection, settings: Settings, account_name: str, sources: Iterable[str]
) -> list[tuple[str, float]]:
    """Return accounts that share stock with this one but were not read recently, with the age in minutes.

    ``sources`` are the accounts whose orders are polled; one that was never read completely is infinitely old.
    """
    account = settings.accounts[account_name]
    now = clock.now()
    complete = {
        row.account: row.complete_at
        for row in connection.execute(sa.select(cursors).where(cursors.c.stream == "orders"))
    }
    stale = []
    for name in sources:
        if settings.accounts[name].ships_from not in account.serves:
            continue
        seen = complete.get(name)
        age = float("inf") if seen is None else (now - seen).total_seconds() / 60
        if age > account.stock.max_order_age_minutes:
            stale.append((name, age))
    return stale
