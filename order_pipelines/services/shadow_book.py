"""Writing down what a comparison found: the day's figures, and each difference from when it is seen until it is over.

A clock that was set back or forward is met here: instants that lie ahead of now are taken for now, and a day's number
of differences never falls, so that a jump can lengthen the wait and never shorten it.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.operations.store import DIFFERENCE, chunks, insert_new, next_values, upsert
from order_pipelines.operations.tables import shadow_acceptances, shadow_days, shadow_differences
from order_pipelines.services.shadow_orders import WINDOW
from order_pipelines.services.shadow_rules import STOCK, Found, Result, Standing, counts
from order_pipelines.services.streams import complete_at
from order_pipelines.settings import Settings

_FORGOTTEN_AFTER = WINDOW + timedelta(days=10)


def book(
    connection: Connection, settings: Settings, account: str, results: Sequence[Result], now: datetime
) -> None:
    """Write down one comparison of an account, inside the caller's transaction."""
    orders_read_at = complete_at(connection, account)
    zone = settings.merchant.zone
    today = clock.order_date(now, zone)
    day_start, _ = clock.day_bounds(today, zone)
    for result in results:
        unsettled = 0
        if result.problem is None:
            unsettled = _book_differences(connection, account, result, now, orders_read_at)
            _note_settled(connection, account, result.settled, now)
        _book_day(connection, account, today, day_start, result, unsettled, now)
    connection.execute(
        sa.delete(shadow_acceptances).where(
            shadow_acceptances.c.account == account,
            shadow_acceptances.c.judged_at < now - _FORGOTTEN_AFTER,
        )
    )


def _note_settled(connection: Connection, account: str, keys: Sequence[str], now: datetime) -> None:
    for part in chunks(list(keys)):
        rows = [{"order_key": key, "account": account, "judged_at": now} for key in part]
        insert_new(connection, shadow_acceptances, rows)


def _book_differences(
    connection: Connection, account: str, result: Result, now: datetime, orders_read_at: datetime | None
) -> int:
    """Bring the open differences of a kind to what was found; returns how many do not count yet."""
    query = sa.select(shadow_differences).where(
        shadow_differences.c.account == account,
        shadow_differences.c.kind == result.kind,
        shadow_differences.c.resolved_at.is_(None),
    )
    known = {row.subject: row for row in connection.execute(query)}
    rows: list[dict[str, Any]] = []
    for found in result.found:
        before = known.pop(found.subject, None)
        if before is None:
            rows.append(_new(account, result.kind, found, now))
        else:
            rows.append(_again(before, result.kind, found, now, orders_read_at))
    fresh = [row for row in rows if row["difference_seq"] is None]
    if fresh:
        first = next_values(connection, DIFFERENCE, len(fresh))
        for number, row in enumerate(fresh, start=first):
            row["difference_seq"] = number
    for part in chunks(rows):
        upsert(connection, shadow_differences, list(part))
    for over in known.values():
        _end(connection, over, now)
    return sum(row["counted_at"] is None for row in rows)


def _new(account: str, kind: str, found: Found, now: datetime) -> dict[str, Any]:
    return {
        "difference_seq": None,
        "account": account,
        "kind": kind,
        "subject": found.subject,
        "sku": found.sku,
        "ours": found.ours,
        "theirs": found.theirs,
        "reason": found.reason,
        "first_seen_at": now,
        "ours_since": now,
        "last_seen_at": now,
        "times": 1,
        "counted_at": None,
        "resolved_at": None,
    }


def _again(
    row: Any, kind: str, found: Found, now: datetime, orders_read_at: datetime | None
) -> dict[str, Any]:
    standing = Standing(
        first_seen_at=min(row.first_seen_at, now),
        ours_since=min(row.ours_since, now) if row.ours == found.ours else now,
        times=row.times + 1,
    )
    is_counted = row.counted_at is not None or counts(kind, found, standing, now, orders_read_at)
    return {
        **_new(row.account, kind, found, now),
        "difference_seq": row.difference_seq,
        "first_seen_at": standing.first_seen_at,
        "ours_since": standing.ours_since,
        "times": standing.times,
        "counted_at": min(row.counted_at or now, now) if is_counted else None,
    }


def _end(connection: Connection, row: Any, now: datetime) -> None:
    """What never counted was the other side being slower, and is forgotten."""
    which = shadow_differences.c.difference_seq == row.difference_seq
    if row.counted_at is None:
        connection.execute(sa.delete(shadow_differences).where(which))
    else:
        connection.execute(sa.update(shadow_differences).where(which).values(resolved_at=now))


def _book_day(
    connection: Connection,
    account: str,
    today: date,
    day_start: datetime,
    result: Result,
    unsettled: int,
    now: datetime,
) -> None:
    before = connection.execute(
        sa.select(shadow_days).where(
            shadow_days.c.account == account,
            shadow_days.c.business_day == today,
            shadow_days.c.kind == result.kind,
        )
    ).first()
    row: dict[str, Any] = {
        "account": account,
        "business_day": today,
        "kind": result.kind,
        "comparisons": 0 if before is None else before.comparisons,
        "failures": 0 if before is None else before.failures,
        "compared": 0 if before is None else before.compared,
        "equal": 0 if before is None else before.equal,
        "unsettled": 0 if before is None else before.unsettled,
        "differing": 0 if before is None else before.differing,
        "attempted_at": now,
        "compared_at": None if before is None else before.compared_at,
        "problem": result.problem,
    }
    if result.problem is not None:
        row["failures"] += 1
    else:
        row |= {
            "comparisons": row["comparisons"] + 1,
            "compared": result.compared,
            "equal": result.compared - len(result.found),
            "unsettled": unsettled,
            "differing": max(row["differing"], _differing(connection, account, result.kind, day_start, now)),
            "compared_at": now,
        }
    upsert(connection, shadow_days, [row])


def _differing(connection: Connection, account: str, kind: str, day_start: datetime, now: datetime) -> int:
    """Return how many subjects spoil the day that began at ``day_start``."""
    moment = shadow_differences.c.last_seen_at if kind == STOCK else shadow_differences.c.counted_at
    query = sa.select(sa.func.count(shadow_differences.c.subject.distinct())).where(
        shadow_differences.c.account == account,
        shadow_differences.c.kind == kind,
        shadow_differences.c.counted_at.is_not(None),
        moment >= day_start,
        moment <= now,
    )
    return int(connection.execute(query).scalar_one())
