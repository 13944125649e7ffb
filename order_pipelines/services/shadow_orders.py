"""Orders of an observing account: what we would have accepted, announced and cancelled, against what their channel did.

What the channel did is read from the orders that were taken in; where it seems to lack a parcel, the channel itself is
asked, because some tell of parts of an order nowhere else. Orders of the last thirty days are compared, and only those
placed since the account observes: nobody knows what was decided before.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.operations.store import chunks
from order_pipelines.operations.tables import order_lines, orders, shadow_acceptances, shipments
from order_pipelines.operations.tables import outbox as outbox_table
from order_pipelines.services.accepting import CHANNEL_ACCEPTANCE, WAITING, is_coverable, short_skus
from order_pipelines.services.cancelling import CHANNEL_CANCELLATION, is_cancelled_here
from order_pipelines.services.parcels import CHANNEL_SHIPMENT
from order_pipelines.services.shadow_rules import ACCEPTANCE, CANCELLATION, TRACKING, Found, Result
from order_pipelines.settings import Settings

WINDOW = timedelta(days=30)
IN_QUARANTINE = "in quarantine here"
UNKNOWN_ARTICLE = "names an article that is not known here"
SHORT, NEVER_COUNTED = "pieces short: ", "(never counted)"
REFUSED = "refused there, or taken back by its buyer"
LACKING = "the channel does not hold as shipped what left here"
UNTOLD = "the channel holds as shipped what no parcel here tells of"
OTHER_LINES = "other lines left there than here"
# Refused orders and those that a buyer took back look alike; ``pending`` is before a decision, or waits for a payment.
_ACCEPTED = frozenset({"open", "completed", "on_hold"})


def _since(observed_since: datetime, now: datetime) -> datetime:
    return max(observed_since, now - WINDOW)


def _heads(connection: Connection, account: str, since: datetime) -> dict[str, Any]:
    query = sa.select(
        orders.c.order_key,
        orders.c.external_order_id,
        orders.c.order_status,
        orders.c.is_quarantined,
        orders.c.own_fulfilment,
        orders.c.ordered_at,
        orders.c.first_received_at,
        orders.c.changed_at,
    ).where(
        orders.c.account == account,
        orders.c.order_kind == "sale",
        orders.c.is_history.is_(False),
        orders.c.is_test.is_(False),
        sa.func.coalesce(orders.c.ordered_at, orders.c.first_received_at) >= since,
    )
    return {row.order_key: row for row in connection.execute(query.order_by(orders.c.order_key))}


def _lines(connection: Connection, keys: Iterable[str]) -> dict[str, list[Any]]:
    lines: dict[str, list[Any]] = defaultdict(list)
    for part in chunks(sorted(keys)):
        query = sa.select(order_lines).where(
            order_lines.c.order_key.in_(part), order_lines.c.line_kind == "goods"
        )
        for row in connection.execute(query.order_by(order_lines.c.order_key, order_lines.c.line_number)):
            lines[row.order_key].append(row)
    return lines


def _planned(connection: Connection, account: str, kind: str) -> dict[str, Any]:
    """Return the effects of a kind that were planned while observing, by key."""
    query = sa.select(
        outbox_table.c.effect_key,
        outbox_table.c.subject_key,
        outbox_table.c.payload,
        outbox_table.c.planned_at,
    ).where(
        outbox_table.c.account == account,
        outbox_table.c.kind == kind,
        outbox_table.c.mode == "observe",
    )
    return {row.effect_key: row for row in connection.execute(query)}


def compare_acceptance(
    connection: Connection, settings: Settings, account: str, *, observed_since: datetime, now: datetime
) -> Result:
    """Compare decisions about orders that wait for their seller, both ways.

    An order that the other program accepted before we ever saw it waiting is judged when it is seen: its goods are
    there or not. Found equal once it stays so, and an order whose difference counts is not judged again.
    """
    heads = _heads(connection, account, _since(observed_since, now))
    planned = {row.subject_key: row for row in _planned(connection, account, CHANNEL_ACCEPTANCE).values()}
    known = set(
        connection.execute(
            sa.select(shadow_acceptances.c.order_key).where(shadow_acceptances.c.account == account)
        ).scalars()
    )
    undecided = {
        key
        for key, head in heads.items()
        if head.own_fulfilment and head.order_status in _ACCEPTED and key not in planned and key not in known
    }
    lines = _lines(connection, undecided)
    short = short_skus(connection, settings, account, lines)
    compared = 0
    found: list[Found] = []
    settled: list[str] = []
    for key, head in heads.items():
        if key in known:
            compared += 1
        elif key in planned:
            compared += 1
            if head.order_status in _ACCEPTED:
                settled.append(key)
            elif head.order_status == WAITING:
                found.append(Found(key, "accepted", "waits", happened_at=planned[key].planned_at))
            elif head.order_status == "cancelled":
                found.append(
                    Found(
                        key,
                        "accepted",
                        "cancelled",
                        reason=REFUSED,
                        happened_at=planned[key].planned_at,
                    )
                )
        elif key in undecided:
            compared += 1
            if not head.is_quarantined and is_coverable(lines.get(key, ()), short):
                settled.append(key)
            else:
                why = _why_held(head, lines.get(key, ()), short)
                found.append(
                    Found(key, "held back", "accepted", reason=why, happened_at=head.first_received_at)
                )
    return Result(ACCEPTANCE, compared, tuple(found), settled=tuple(settled))


def _why_held(head: Any, rows: Sequence[Any], short: dict[str, int | None]) -> str:
    if head.is_quarantined:
        return IN_QUARANTINE
    if not rows or not all(row.is_known for row in rows):
        return UNKNOWN_ARTICLE
    missing = sorted({row.sku for row in rows if row.sku in short})
    return SHORT + ", ".join(
        f"{sku} {NEVER_COUNTED if short[sku] is None else short[sku]}" for sku in missing
    )


@dataclass(frozen=True, slots=True)
class Parcels:
    """Pieces of one order by line: of our parcels, and as the channel holds them."""

    external_order_id: str
    ours: Mapping[str, int]
    theirs: Mapping[str, int]
    happened_at: datetime

    @property
    def is_lacking(self) -> bool:
        """Whether the channel seems to lack pieces that left here."""
        return any(pieces > self.theirs.get(line_id, 0) for line_id, pieces in self.ours.items())


def read_parcels(
    connection: Connection, account: str, *, observed_since: datetime, now: datetime, wholes_only: bool
) -> dict[str, Parcels]:
    """Return the pieces of every order of which either side says that something left, by order key.

    An order of which the channel does not say how much left is left out: unknown is neither equal nor different. Where
    orders are announced as a whole (``wholes_only``), a part that left here is not announced before the rest.
    """
    heads = _heads(connection, account, _since(observed_since, now))
    announced = {
        key.removeprefix(f"{CHANNEL_SHIPMENT}:") for key in _planned(connection, account, CHANNEL_SHIPMENT)
    }
    ours: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    left_at: dict[str, datetime] = {}
    for parcel in connection.execute(sa.select(shipments).where(shipments.c.account == account)):
        if parcel.shipment_key not in announced or parcel.order_key not in heads:
            continue
        for item in parcel.lines:
            ours[parcel.order_key][item["line_id"]] += item["quantity"]
        left_at[parcel.order_key] = max(parcel.shipped_at, left_at.get(parcel.order_key, parcel.shipped_at))
    lines = _lines(connection, heads)
    found = {}
    for key, head in heads.items():
        theirs = {row.line_id: row.quantity_shipped for row in lines[key] if row.own_fulfilment}
        if any(quantity is None for quantity in theirs.values()):
            continue
        if wholes_only and not _is_whole(lines[key], ours[key]):
            ours[key].clear()
        if any(theirs.values()) or ours[key]:
            happened_at = left_at.get(key, head.changed_at)
            found[key] = Parcels(head.external_order_id, ours[key], theirs, happened_at)
    return found


def _is_whole(rows: Sequence[Any], ours: Mapping[str, int]) -> bool:
    return all(
        ours.get(row.line_id, 0) >= (row.quantity or 0) - (row.quantity_cancelled or 0)
        for row in rows
        if row.own_fulfilment
    )


def compare_tracking(parcels: Mapping[str, Parcels], answers: Mapping[str, Mapping[str, int]]) -> Result:
    """Compare announced pieces by order, both ways.

    Args:
        parcels: what either side says that left, by order key.
        answers: what the channel itself said when it was asked, by order key; it stands in the place of the orders.
    """
    found = []
    for key, order in parcels.items():
        theirs = answers.get(key, order.theirs)
        lines = {*order.ours, *theirs}
        if all(order.ours.get(line_id, 0) == theirs.get(line_id, 0) for line_id in lines):
            continue
        mine, their = sum(order.ours.values()), sum(theirs.values())
        if mine > their:
            reason = LACKING
        elif mine < their:
            reason = UNTOLD
        else:
            reason = OTHER_LINES
        found.append(Found(key, str(mine), str(their), reason=reason, happened_at=order.happened_at))
    return Result(TRACKING, len(parcels), tuple(found))


def compare_cancellation(
    connection: Connection, account: str, *, observed_since: datetime, now: datetime
) -> Result:
    """Compare the cancellations that a person asked for while observing; others are not planned."""
    since = _since(observed_since, now)
    compared = 0
    found = []
    for row in _planned(connection, account, CHANNEL_CANCELLATION).values():
        if row.planned_at < since:
            continue
        compared += 1
        line_id = row.payload["line_id"]
        if not is_cancelled_here(connection, row.subject_key, line_id):
            subject = f"{row.subject_key} line {line_id}"
            found.append(Found(subject[:250], "cancelled", "not cancelled", happened_at=row.planned_at))
    return Result(CANCELLATION, compared, tuple(found))
