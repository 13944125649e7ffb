"""Offers that keep another number than they are told: how often that is repaired, and who is told.

A channel may clamp a number or ignore it and answer success nevertheless. Without a brake that would be repaired at
every reading for ever. So the same number is said again three times, then once a day; where shoppers see more than
there is, every quarter of an hour. Another number on either side starts anew.
"""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.operations.tables import channel_offers, channel_stock, same_offer
from order_pipelines.services.push_outcome import CONFIRMED, PENDING
from order_pipelines.services.watch import raise_alert, resolve_alert

REPAIRS_AT_ONCE = 3
AGAIN_AFTER = timedelta(days=1)
AGAIN_WHEN_TOO_MUCH = timedelta(minutes=15)
# What is repaired anew after each sale never comes to three repairs of one number, and is no less wrong.
_TOLD_AFTER = timedelta(hours=1)
_NAMED = 5


def drift_values(row: Any, there: int, now: datetime) -> dict[str, Any]:
    """Return what to write of a settled quantity that was read back; ``{}`` when nothing is or was amiss.

    Args:
        row: of ``channel_stock``, confirmed in its newest version.
        there: what the channel holds instead of, or as, ``row.confirmed_quantity``.
        now: when it was read.
    """
    ours = row.confirmed_quantity
    if there == ours:
        return {} if row.drift_since is None else no_drift()
    is_known = (row.drift_ours, row.drift_theirs) == (ours, there)
    repairs = (row.drift_repairs or 0) if is_known else 0
    since = row.drift_since or now
    told = f"read back {there} where {ours} had been confirmed"
    values: dict[str, Any] = {"drift_ours": ours, "drift_theirs": there, "drift_since": since}
    if repairs >= REPAIRS_AT_ONCE and now - row.drift_repaired_at < _pause(ours, there):
        return {} if row.reason == _given(told, repairs) else values | {"reason": _given(told, repairs)}
    return values | {
        "desired_version": row.desired_version + 1,
        "state": PENDING,
        "reason": told,
        "drift_repairs": repairs + 1,
        "drift_repaired_at": now,
    }


def no_drift() -> dict[str, Any]:
    """Return the columns of an offer that shows what it was told."""
    return {
        "drift_ours": None,
        "drift_theirs": None,
        "drift_repairs": None,
        "drift_since": None,
        "drift_repaired_at": None,
        "reason": None,
    }


def _given(told: str, repairs: int) -> str:
    return f"{told}; said {repairs} times more without effect, now seldom"


def _pause(ours: int, theirs: int) -> timedelta:
    return AGAIN_WHEN_TOO_MUCH if theirs > ours else AGAIN_AFTER


def is_due_again(now: datetime) -> sa.ColumnElement[bool]:
    """Return the condition of offers whose repair was put off and whose time has come."""
    too_much = channel_stock.c.drift_theirs > channel_stock.c.drift_ours
    return sa.and_(
        channel_stock.c.state == CONFIRMED,
        channel_stock.c.drift_repairs >= REPAIRS_AT_ONCE,
        sa.or_(
            channel_stock.c.drift_repaired_at <= now - AGAIN_AFTER,
            sa.and_(too_much, channel_stock.c.drift_repaired_at <= now - AGAIN_WHEN_TOO_MUCH),
        ),
    )


def alert_key(account: str) -> str:
    """Return the key of the alert about an account's drifting offers."""
    return f"stock_drift:{account}"


def tell_drift(connection: Connection, account: str) -> None:
    """Raise the alert that names the drifting offers of an account, or end it when there are none."""
    now = clock.now()
    rows = list(
        connection.execute(
            sa.select(channel_stock)
            .join(channel_offers, same_offer)
            .where(
                channel_stock.c.account == account,
                channel_stock.c.drift_since.is_not(None),
                channel_offers.c.is_listed.is_(True),
                sa.or_(
                    channel_stock.c.drift_repairs >= REPAIRS_AT_ONCE,
                    channel_stock.c.drift_since <= now - _TOLD_AFTER,
                ),
            )
            .order_by((channel_stock.c.drift_ours - channel_stock.c.drift_theirs), channel_stock.c.offer_id)
        )
    )
    if not rows:
        resolve_alert(connection, alert_key(account))
        return
    excess = sum(row.drift_theirs > row.drift_ours for row in rows)
    raise_alert(
        connection,
        alert_key(account),
        severity="error" if excess else "warning",
        message=_message(account, rows, excess),
    )


def _message(account: str, rows: list[Any], excess: int) -> str:
    keeps = (
        "1 offer keeps another number than it is told"
        if len(rows) == 1
        else f"{len(rows)} offers keep another number than they are told"
    )
    named = "; ".join(
        f"offer {row.offer_id} of {row.sku} shows {row.drift_theirs} where {row.drift_ours} was confirmed, "
        f"since {row.drift_since:%Y-%m-%d %H:%M} UTC"
        for row in rows[:_NAMED]
    )
    more = f"; and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
    danger = f"; {excess} of them show more than there is and can be oversold" if excess else ""
    return f"{account}: {keeps}: {named}{more}{danger}; look at the offer in the channel's own pages"
