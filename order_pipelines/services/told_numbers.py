"""What an account's offers of an article were to show, were sent, confirmed and showed, at any moment: from events."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.operations.tables import channel_offers, channel_stock, channel_stock_events

_FATES = ("accepted", "postponed", "rejected", "in_doubt", "held", "released")


@dataclass(frozen=True, slots=True)
class Number:
    """A number and since when it is that; ``at`` ``None``: older than what is kept of it."""

    quantity: int | None
    version: int
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Fate:
    """What last became of a number besides being sent and confirmed, such as ``held``, with the reason."""

    kind: str
    version: int
    at: datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class ToldOffer:
    """One offer at some moment. ``is_read_after``: it was read back after the number it confirmed."""

    offer_id: str
    is_own: bool
    is_listed: bool
    subtracts_open_orders: bool
    max_quantity: int
    desired: Number | None = None
    sent: Number | None = None
    confirmed: Number | None = None
    read_back: Number | None = None
    is_read_after: bool = False
    fate: Fate | None = None


def told_offers(connection: Connection, account: str, sku: str, at: datetime | None) -> list[ToldOffer]:
    """Return an account's offers of an article, as they are (``None``) or were at a moment.

    Whether an offer is listed, and what its channel subtracts, is told as it is now.
    """
    listed = {
        row.offer_id: row
        for row in connection.execute(
            sa.select(channel_offers).where(channel_offers.c.account == account, channel_offers.c.sku == sku)
        )
    }
    events = _newest_events(connection, account, sku, at)
    now: dict[str, Any] = {}
    if at is None:
        query = sa.select(channel_stock).where(channel_stock.c.account == account, channel_stock.c.sku == sku)
        now = {row.offer_id: row for row in connection.execute(query)}
    found = []
    for offer_id in sorted(listed.keys() | events.keys() | now.keys()):
        offer = listed.get(offer_id)
        kinds = events.get(offer_id, {})
        told = _from_row(now[offer_id], kinds) if offer_id in now else _from_events(kinds)
        found.append(
            ToldOffer(
                offer_id,
                is_own=offer is not None and offer.is_own_fulfilment,
                is_listed=offer is not None and offer.is_listed,
                subtracts_open_orders=offer is not None and offer.subtracts_open_orders,
                max_quantity=offer.max_quantity if offer is not None else 10**9,
                fate=_fate(kinds),
                **told,
            )
        )
    return found


def _newest_events(
    connection: Connection, account: str, sku: str, at: datetime | None
) -> dict[str, dict[str, Any]]:
    """The newest event of each kind, by offer."""
    events = channel_stock_events.c
    of_article = [events.account == account, events.sku == sku]
    if at is not None:
        of_article.append(events.happened_at <= at)
    newest = (
        sa.select(sa.func.max(events.event_seq)).where(*of_article).group_by(events.offer_id, events.kind)
    )
    found: dict[str, dict[str, Any]] = {}
    for row in connection.execute(sa.select(channel_stock_events).where(events.event_seq.in_(newest))):
        found.setdefault(row.offer_id, {})[row.kind] = row
    return found


def _latest(kinds: dict[str, Any], names: Iterable[str]) -> Any | None:
    rows = [kinds[name] for name in names if name in kinds]
    return max(rows, key=lambda row: row.event_seq, default=None)


def _number(row: Any | None) -> Number | None:
    return None if row is None else Number(row.quantity, row.version, row.happened_at)


def _from_events(kinds: dict[str, Any]) -> dict[str, Any]:
    confirmed, read = kinds.get("confirmed"), kinds.get("read_back")
    return {
        "desired": _number(_latest(kinds, ("desired", "repaired"))),
        "sent": _number(kinds.get("sent")),
        "confirmed": _number(confirmed),
        "read_back": _number(read),
        "is_read_after": bool(read and confirmed and read.event_seq > confirmed.event_seq),
    }


def _from_row(row: Any, kinds: dict[str, Any]) -> dict[str, Any]:
    desired = _latest(kinds, ("desired", "repaired"))
    since = desired.happened_at if desired is not None and desired.version == row.desired_version else None
    told: dict[str, Any] = {"desired": Number(row.desired_quantity, row.desired_version, since)}
    if row.sent_version:
        told["sent"] = Number(row.sent_quantity, row.sent_version, row.sent_at)
    if row.confirmed_version:
        told["confirmed"] = Number(row.confirmed_quantity, row.confirmed_version, row.confirmed_at)
    if row.read_back_at is not None:
        told["read_back"] = Number(row.read_back_quantity, row.confirmed_version, row.read_back_at)
        told["is_read_after"] = row.confirmed_at is not None and row.read_back_at >= row.confirmed_at
    return told


def _fate(kinds: dict[str, Any]) -> Fate | None:
    row = _latest(kinds, _FATES)
    return None if row is None else Fate(row.kind, row.version, row.happened_at, row.reason)
