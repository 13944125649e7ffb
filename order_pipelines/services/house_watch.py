"""The house looks at itself: what is read too seldom, what waits too long, which consent ends. Each becomes an alert.

Alerts of a failed run, of drifting offers and of a refused listing are raised where they are seen; the others have no
such place, because what they tell is that something did not happen.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.connectors.registry import connector_of
from order_pipelines.operations import inbox, outbox
from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import (
    alerts,
    channel_stock,
    cursors,
    fetch_backlog,
    oversell_cases,
    receipts,
    tokens,
)
from order_pipelines.operations.tables import outbox as outbox_table
from order_pipelines.services.accepting import waiting_orders
from order_pipelines.services.account_stops import Stop, all_stops
from order_pipelines.services.freshness import ORDERS, StaleInput, describe, stale_inputs
from order_pipelines.services.oversells import find_oversells
from order_pipelines.services.parcels import WAITS_FOR_REST
from order_pipelines.services.push_outcome import ON_HOLD
from order_pipelines.services.watch import QuarantineShare, quarantine_share, raise_alert, resolve_alert
from order_pipelines.settings import Settings

STALE_SOURCE, CONSENT, BACKLOG, QUARANTINE = "stale_source", "consent", "backlog", "quarantine"
OVERSELL, STOPPED, STALE_INPUT = "oversell", "stopped", "stale_input"
_KINDS = (STALE_SOURCE, CONSENT, BACKLOG, QUARANTINE, OVERSELL, STOPPED, STALE_INPUT)

_UNREAD_FOR = timedelta(hours=6)
_UNINTERPRETED_FOR = timedelta(hours=1)
_UNSENT_FOR = timedelta(hours=6)
# A channel that takes orders as a whole shows its customer nothing until the last parcel left.
_PART_FOR = timedelta(days=3)
_LONGEST_KEY = 200
_OVERSELLS_OF = timedelta(hours=24)
# Exact ends a consent after 30 days without use; the deep sweep renews one that was idle for 7.
_CONSENT_IDLE_FOR = timedelta(days=21)
_OPEN_EFFECTS = (outbox.PENDING, outbox.SENT, outbox.IN_DOUBT)


@dataclass(frozen=True, slots=True)
class Concern:
    """Something a person should look at. ``key`` is ``kind:subject``."""

    key: str
    severity: str
    message: str


def look_after(store: OperationsStore, settings: Settings) -> list[Concern]:
    """Raise an alert for everything that is amiss now, end those that are over, and return what is amiss."""
    find_oversells(store, settings)
    shares = {
        system: quarantine_share(store, settings, system)
        for system in sorted({account.system for account in settings.accounts.values() if account.enabled})
    }
    now = clock.now()
    with store.reading() as connection:
        concerns = [
            *_stale_sources(connection, settings, now),
            *_consents(connection, settings, now),
            *_backlogs(connection, settings, now),
            *_quarantines(shares),
            *_oversells(connection, settings, now),
            *_stops(connection, settings),
            *_stale_inputs(connection, settings),
        ]
        was_open = set(
            connection.execute(sa.select(alerts.c.alert_key).where(alerts.c.resolved_at.is_(None))).scalars()
        )
    amiss = {concern.key for concern in concerns}
    over = [key for key in sorted(was_open) if key.split(":", 1)[0] in _KINDS and key not in amiss]
    if concerns or over:
        with store.transaction() as connection:
            for concern in concerns:
                raise_alert(connection, concern.key, severity=concern.severity, message=concern.message)
            for key in over:
                resolve_alert(connection, key)
    return concerns


def _stale_sources(connection: Connection, settings: Settings, now: datetime) -> Iterator[Concern]:
    read = {
        row.account: row for row in connection.execute(sa.select(cursors).where(cursors.c.stream == "orders"))
    }
    for name, account in settings.accounts.items():
        row = read.get(name)
        if not account.enabled or row is None or connector_of(account.system).order_source is None:
            continue
        limit = timedelta(minutes=account.stock.max_order_age_minutes)
        since = row.complete_at or row.failed_since or row.attempted_at
        if since is None or now - since <= limit:
            continue
        last = (
            "never read completely" if row.complete_at is None else f"last read completely {_ago(now, since)}"
        )
        why = f": {row.reason}" if row.reason is not None else ""
        yield Concern(f"{STALE_SOURCE}:{name}", "error", f"orders of {name} were {last}{why}")


def _consents(connection: Connection, settings: Settings, now: datetime) -> Iterator[Concern]:
    for row in connection.execute(sa.select(tokens).order_by(tokens.c.token_key)):
        parts = row.token_key.split(":")
        name = next((part for part in parts if part in settings.accounts), None)
        if name is None or not settings.accounts[name].enabled:
            continue
        key = f"{CONSENT}:{row.token_key}"
        renew = f"run 'order-pipelines authorize {name}'"
        if row.dead_reason is not None:
            yield Concern(key, "error", f"the consent of {name} has ended; {renew}")
        elif (
            row.refresh_token is not None
            and row.obtained_at is not None
            and now - row.obtained_at > _CONSENT_IDLE_FOR
        ):
            yield Concern(
                key,
                "warning",
                f"the consent of {name} was last used {_ago(now, row.obtained_at)} and ends after 30 days without use; "
                f"let the deep sweep run or {renew}",
            )


def _backlogs(connection: Connection, settings: Settings, now: datetime) -> Iterator[Concern]:
    waits: dict[str, list[str]] = defaultdict(list)

    def count(table: sa.Table, said: str, *conditions: sa.ColumnElement[bool]) -> None:
        query = sa.select(table.c.account, sa.func.count()).where(*conditions).group_by(table.c.account)
        for account, number in connection.execute(query):
            waits[account].append(f"{number} {said}")

    count(
        fetch_backlog,
        f"orders listed more than {_hours(_UNREAD_FOR)} ago and not read",
        fetch_backlog.c.given_up_at.is_(None),
        fetch_backlog.c.listed_at < now - _UNREAD_FOR,
    )
    count(
        receipts,
        f"bodies received more than {_hours(_UNINTERPRETED_FOR)} ago and not booked",
        receipts.c.state == inbox.RECEIVED,
        receipts.c.received_at < now - _UNINTERPRETED_FOR,
    )
    count(
        outbox_table,
        f"effects planned more than {_hours(_UNSENT_FOR)} ago and not confirmed",
        outbox_table.c.mode == "live",
        outbox_table.c.state.in_(_OPEN_EFFECTS),
        outbox_table.c.planned_at < now - _UNSENT_FOR,
    )
    count(
        outbox_table,
        f"parcels that left more than {_PART_FOR.days} days ago wait for the rest of their order: send it or cancel it "
        "(order-pipelines orders cancel)",
        outbox_table.c.mode == "live",
        outbox_table.c.state == outbox.ON_HOLD,
        outbox_table.c.reason == WAITS_FOR_REST,
        outbox_table.c.planned_at < now - _PART_FOR,
    )
    count(
        outbox_table,
        "effects refused for good (order-pipelines failed list)",
        outbox_table.c.mode == "live",
        outbox_table.c.state == outbox.FAILED,
    )
    count(
        channel_stock,
        "quantities held by the brake (order-pipelines release-stock)",
        channel_stock.c.state == ON_HOLD,
    )
    for name, account in settings.accounts.items():
        if undecided := len(waiting_orders(connection, name, account.mode)):
            number = "1 order waits" if undecided == 1 else f"{undecided} orders wait"
            waits[name].append(f"{number} for acceptance (order-pipelines orders accept)")
    for name in sorted(waits):
        if name in settings.accounts and settings.accounts[name].enabled:
            yield Concern(f"{BACKLOG}:{name}", "warning", f"{name}: {'; '.join(waits[name])}")


def _quarantines(shares: dict[str, QuarantineShare]) -> Iterator[Concern]:
    for system, share in shares.items():
        if share.is_within_limit:
            continue
        reasons = ", ".join(f"{count} {code}" for code, count in share.reasons.items())
        yield Concern(
            f"{QUARANTINE}:{system}",
            "error",
            f"{share.quarantined} of {share.received} orders of {system} in the last 24 hours are in quarantine, more "
            f"than {share.limit_pct} %; open reasons: {reasons}",
        )


def _oversells(connection: Connection, settings: Settings, now: datetime) -> Iterator[Concern]:
    query = (
        sa.select(oversell_cases)
        .where(oversell_cases.c.opened_at > now - _OVERSELLS_OF, oversell_cases.c.quantity > 0)
        .order_by(oversell_cases.c.accepted_at, oversell_cases.c.case_key)
    )
    found = defaultdict(list)
    for row in connection.execute(query):
        found[row.account].append(row)
    for name, rows in found.items():
        if name not in settings.accounts or not settings.accounts[name].enabled:
            continue
        avoidable = sum(row.is_avoidable for row in rows)
        causes = Counter(row.cause for row in rows)
        named = ", ".join(f"{count} {cause}" for cause, count in sorted(causes.items()))
        yield Concern(
            f"{OVERSELL}:{name}",
            "error" if avoidable else "warning",
            f"{name}: {sum(row.quantity for row in rows)} pieces of {len(rows)} order lines found in the last "
            f"{_hours(_OVERSELLS_OF)} were sold without stock ({named}; {avoidable} avoidable), the last of "
            f"{rows[-1].sku} in order {rows[-1].order_key}; mart.oversell_cases says why",
        )


def _stops(connection: Connection, settings: Settings) -> Iterator[Concern]:
    stops: dict[str, list[Stop]] = defaultdict(list)
    for stop in all_stops(connection):
        stops[stop.account].append(stop)
    for name, of_account in stops.items():
        if name in settings.accounts and settings.accounts[name].enabled:
            what = ", ".join(stop.what for stop in of_account)
            yield Concern(
                f"{STOPPED}:{name}",
                "warning",
                f"{name} was stopped by a person ({what}); 'order-pipelines account go {name}' ends it",
            )


def _stale_inputs(connection: Connection, settings: Settings) -> Iterator[Concern]:
    """Places and suppliers; accounts whose orders are not read have an alert of their own, with the reason."""
    found: dict[str, tuple[StaleInput, list[str]]] = {}
    for name, account in settings.accounts.items():
        if not account.enabled or not account.stock.push or connector_of(account.system).stock_sink is None:
            continue
        for stale in stale_inputs(connection, settings, name):
            if stale.kind != ORDERS:
                found.setdefault(f"{stale.kind} {stale.subject}", (stale, []))[1].append(name)
    for key, (stale, names) in sorted(found.items()):
        yield Concern(
            f"{STALE_INPUT}:{key}"[:_LONGEST_KEY],
            "error",
            f"{describe([stale])} (accounts: {', '.join(names)})",
        )


def _ago(now: datetime, then: datetime) -> str:
    minutes = int((now - then).total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min ago"
    hours = minutes // 60
    return f"{hours} h ago" if hours < 48 else f"{hours // 24} days ago"


def _hours(span: timedelta) -> str:
    return f"{int(span.total_seconds() // 3600)} h"
