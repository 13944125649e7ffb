"""Planning what the channels are told of parcels: one by one, or whole orders where a channel knows no other way.

Such a channel takes the first announcement for the whole order, so a parcel that is only a part of it waits until the
rest has left, too, or was cancelled. Then the order is announced once, with the tracking of its last parcel.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.connectors.registry import connector_of
from order_pipelines.identifiers import outside_reference
from order_pipelines.operations import outbox
from order_pipelines.operations.outbox import Effect
from order_pipelines.operations.store import chunks
from order_pipelines.operations.tables import order_lines, orders, shipments
from order_pipelines.operations.tables import outbox as outbox_table
from order_pipelines.services.cancelling import is_open
from order_pipelines.services.shop import Shop
from order_pipelines.settings import AccountSettings

CHANNEL_SHIPMENT = "channel_shipment"
WAITS_FOR_REST = (
    "waits for the rest of the order: this channel takes an order as a whole, and pieces of it have neither left nor "
    "been cancelled"
)
_WHOLE = "whole"


def plan_parcels(shop: Shop) -> int:
    """Plan the announcement of every parcel whose channel wants to know it; returns how many are new."""
    planned = 0
    for name, account in shop.accounts(lambda connector: connector.shipment_sink):
        takes_wholes = connector_of(account.system).ships_whole_orders
        with shop.store.transaction() as connection:
            if takes_wholes is not None and takes_wholes(account.options):
                planned += _plan_wholes(connection, name, account)
            else:
                rows = connection.execute(_parcels(name).where(outbox_table.c.effect_key.is_(None)))
                planned += outbox.plan(connection, [_effect(name, account, row) for row in rows])
    return planned


def _parcels(name: str) -> sa.Select[Any]:
    """Select the parcels of an account with what became of their announcement."""
    effect_key = sa.literal(f"{CHANNEL_SHIPMENT}:") + shipments.c.shipment_key
    return (
        sa.select(
            shipments,
            orders.c.external_order_id,
            outbox_table.c.effect_key,
            outbox_table.c.state,
            outbox_table.c.mode,
            outbox_table.c.reason,
        )
        .join(orders, orders.c.order_key == shipments.c.order_key)
        .outerjoin(outbox_table, outbox_table.c.effect_key == effect_key)
        .where(
            shipments.c.account == name, orders.c.is_history.is_(False), orders.c.is_quarantined.is_(False)
        )
        .order_by(shipments.c.shipment_key)
    )


def _effect(name: str, account: AccountSettings, row: Any) -> Effect:
    payload = {
        "external_order_id": row.external_order_id,
        "items": row.lines,
        "carrier": row.carrier or "",
        "tracking": row.tracking,
        "reference": _reference(account, row.shipment_key),
    }
    return Effect(
        f"{CHANNEL_SHIPMENT}:{row.shipment_key}", name, CHANNEL_SHIPMENT, row.order_key, account.mode, payload
    )


def _reference(account: AccountSettings, key: str) -> str:
    prefix = account.reference_prefix or connector_of(account.system).system.upper()
    return outside_reference(prefix, key, max_length=60)


# ------------------------------------------------------------------------------------------------ whole orders


@dataclass(frozen=True, slots=True)
class _Parcels:
    """The parcels of one order, by what became of their announcement."""

    new: Sequence[Any]
    held: Sequence[Any]
    refused: Sequence[Any]
    observed: Sequence[Any]
    under_way: Sequence[Any]

    @classmethod
    def of(cls, rows: Iterable[Any]) -> "_Parcels":
        found: dict[str, list[Any]] = {name: [] for name in cls.__slots__}
        for row in rows:
            found[_standing(row)].append(row)
        return cls(**found)

    def all(self) -> list[Any]:
        """Return all of them, the last that left at the end."""
        rows = [*self.new, *self.held, *self.refused, *self.observed, *self.under_way]
        return sorted(rows, key=lambda row: (row.shipped_at, row.shipment_key))


def _standing(row: Any) -> str:
    if row.effect_key is None:
        return "new"
    if row.mode != "live":
        return "observed"
    if row.state == outbox.ON_HOLD and row.reason == WAITS_FOR_REST:
        return "held"
    return "refused" if row.state == outbox.FAILED else "under_way"


def _plan_wholes(connection: Connection, name: str, account: AccountSettings) -> int:
    waits = sa.or_(
        outbox_table.c.effect_key.is_(None),
        sa.and_(outbox_table.c.state == outbox.ON_HOLD, outbox_table.c.reason == WAITS_FOR_REST),
    )
    order_keys = {row.order_key for row in connection.execute(_parcels(name).where(waits))}
    planned = 0
    for part in chunks(sorted(order_keys)):
        open_orders = _open_orders(connection, part)
        whole_keys = [f"{CHANNEL_SHIPMENT}:{key}:{_WHOLE}" for key in part]
        announced = set(
            connection.execute(
                sa.select(outbox_table.c.effect_key).where(outbox_table.c.effect_key.in_(whole_keys))
            ).scalars()
        )
        rows: dict[str, list[Any]] = {key: [] for key in part}
        for row in connection.execute(_parcels(name).where(shipments.c.order_key.in_(part))):
            rows[row.order_key].append(row)
        for key in part:
            parcels = _Parcels.of(rows[key])
            planned += outbox.plan(connection, [_effect(name, account, row) for row in parcels.new])
            if key in open_orders:
                _hold(connection, parcels.new)
            elif (
                len(rows[key]) == 1 or parcels.under_way or f"{CHANNEL_SHIPMENT}:{key}:{_WHOLE}" in announced
            ):
                _release(connection, parcels.held)
            else:
                planned += outbox.plan(connection, [_whole_effect(name, account, key, parcels.all())])
                _fold(connection, [*parcels.new, *parcels.held, *parcels.refused], parcels.all()[-1])
    return planned


def _open_orders(connection: Connection, order_keys: Sequence[str]) -> set[str]:
    """Return the orders of which goods that we send have neither left nor been cancelled."""
    query = sa.select(order_lines).where(
        order_lines.c.order_key.in_(order_keys),
        order_lines.c.line_kind == "goods",
        order_lines.c.own_fulfilment.is_(True),
    )
    return {row.order_key for row in connection.execute(query) if is_open(row)}


def _whole_effect(name: str, account: AccountSettings, order_key: str, rows: Sequence[Any]) -> Effect:
    """Return the one announcement of several parcels; ``others`` are those whose tracking the channel is not told."""
    pieces: Counter[str] = Counter()
    for row in rows:
        for item in row.lines:
            pieces[item["line_id"]] += item["quantity"]
    traced = [row for row in rows if row.tracking]
    told = traced[-1] if traced else rows[-1]
    payload = {
        "external_order_id": told.external_order_id,
        "items": [{"line_id": line_id, "quantity": pieces[line_id]} for line_id in sorted(pieces)],
        "carrier": told.carrier or "",
        "tracking": told.tracking,
        "reference": _reference(account, f"{order_key}:{_WHOLE}"),
        "others": [{"carrier": row.carrier, "tracking": row.tracking} for row in rows if row is not told],
    }
    key = f"{CHANNEL_SHIPMENT}:{order_key}:{_WHOLE}"
    return Effect(key, name, CHANNEL_SHIPMENT, order_key, account.mode, payload)


def _hold(connection: Connection, rows: Sequence[Any]) -> None:
    for row in _live(connection, rows):
        outbox.move(connection, row.effect_key, outbox.ON_HOLD, reason=WAITS_FOR_REST)


def _release(connection: Connection, rows: Sequence[Any]) -> None:
    for row in _live(connection, rows):
        outbox.move(connection, row.effect_key, outbox.PENDING, reason=None)


def _fold(connection: Connection, rows: Sequence[Any], last: Any) -> None:
    """End the single announcements of parcels that one announcement of the whole order replaces."""
    tracking = last.tracking or "without tracking"
    for row in _live(connection, rows):
        reason = f"announced with the whole order, whose last parcel is {tracking}"
        outbox.move(connection, row.effect_key, outbox.ABORTED, reason=reason)


def _live(connection: Connection, rows: Sequence[Any]) -> list[Any]:
    """Return the effects of parcels; what was planned in observe mode stays as it is for ever."""
    found: list[Any] = []
    for part in chunks([f"{CHANNEL_SHIPMENT}:{row.shipment_key}" for row in rows]):
        query = sa.select(outbox_table).where(
            outbox_table.c.effect_key.in_(part), outbox_table.c.mode == "live"
        )
        found.extend(connection.execute(query))
    return found
