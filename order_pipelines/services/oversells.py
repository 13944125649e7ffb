"""Pieces that a channel accepted and that were not there: each line becomes one case, with its cause.

Nothing here is in the way of booking: what was booked since the last look is looked at afterwards, from the tables.
A case is what is known now. Late news may change its cause, or show that the piece was there after all (quantity 0).
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.operations.store import (
    CHANGE,
    OVERSELL_DONE,
    OperationsStore,
    chunks,
    next_values,
    upsert,
)
from order_pipelines.operations.tables import (
    counters,
    line_demand,
    orders,
    oversell_cases,
    stock_movements,
)
from order_pipelines.services.availability import bundles_of, read_bundles
from order_pipelines.services.oversell_causes import find_cause
from order_pipelines.services.sale_lines import SaleLine
from order_pipelines.services.shelves import Shelf
from order_pipelines.settings import Settings

log = logging.getLogger(__name__)

_ARTICLES_AT_ONCE = 200
# What a channel showed is often read back, and the lower number confirmed, after the case was opened.
_LOOKED_AT_AGAIN = timedelta(days=1)
_UNFINISHED = ("push_late", "push_rejected")
_OF_A_CASE = (
    "account",
    "order_key",
    "line_id",
    "sku",
    "quantity",
    "cause",
    "is_avoidable",
    "late_seconds",
    "accepted_at",
    "known_at",
    "explanation",
)


@dataclass(slots=True)
class Oversells:
    """What a look found: cases that are new, and those whose verdict changed."""

    opened: int = 0
    changed: int = 0


def find_oversells(store: OperationsStore, settings: Settings) -> Oversells:
    """Look at every sale that news since the last look may concern, and write its case down where there is one."""
    found = Oversells()
    with store.reading() as connection:
        done = connection.execute(
            sa.select(counters.c.value).where(counters.c.name == OVERSELL_DONE)
        ).scalar_one()
        top = connection.execute(sa.select(sa.func.max(stock_movements.c.movement_seq))).scalar() or 0
        since = _touched(connection, int(done), int(top))
    for part in chunks(sorted(since), _ARTICLES_AT_ONCE):
        looked_at = {sku: since[sku] for sku in part}
        with store.reading() as connection:
            cases = _judged(connection, settings, looked_at)
            rows = _news(connection, settings, cases, looked_at)
        if rows:
            _write(store, rows, found)
    if top > done:
        with store.transaction() as connection:
            connection.execute(
                sa.update(counters)
                .where(counters.c.name == OVERSELL_DONE, counters.c.value < top)
                .values(value=top)
            )
    if found.opened:
        log.info("oversells: %d opened, %d judged anew", found.opened, found.changed)
    return found


def _touched(connection: Connection, done: int, top: int) -> dict[str, datetime]:
    """From when on sales of which articles may be judged differently now."""
    since: dict[str, datetime] = {}
    moves, instant = stock_movements.c, stock_movements.c.occurred_at.type
    fresh = sa.and_(moves.movement_seq > done, moves.movement_seq <= top)
    happened = sa.select(moves.sku, sa.func.min(moves.occurred_at, type_=instant)).where(fresh)
    # An order that had left when it was first read moved nothing at the moment it was placed.
    placed = (
        sa.select(moves.sku, sa.func.min(line_demand.c.placed_at, type_=instant))
        .join(
            line_demand,
            sa.and_(line_demand.c.order_key == moves.order_key, line_demand.c.line_id == moves.line_id),
        )
        .where(fresh)
    )
    recent = sa.select(oversell_cases.c.sku, sa.func.min(oversell_cases.c.accepted_at, type_=instant)).where(
        oversell_cases.c.opened_at > clock.now() - _LOOKED_AT_AGAIN,
        sa.or_(
            sa.and_(oversell_cases.c.cause.in_(_UNFINISHED), oversell_cases.c.late_seconds.is_(None)),
            oversell_cases.c.cause == "unknown",
        ),
    )
    if top > done:
        for query in (happened.group_by(moves.sku), placed.group_by(moves.sku)):
            _earliest(since, connection.execute(query))
    _earliest(since, connection.execute(recent.group_by(oversell_cases.c.sku)))
    for bundle, parts in read_bundles(connection, since).items():
        _earliest(since, [(part, since[bundle]) for part in parts])
    return since


def _earliest(since: dict[str, datetime], rows: Iterable[Any]) -> None:
    for sku, moment in rows:
        since[sku] = min(moment, since.get(sku, moment))


def _judged(
    connection: Connection, settings: Settings, since: dict[str, datetime]
) -> dict[str, dict[str, Any]]:
    now = clock.now()
    shelves = {
        sku: Shelf(connection, sku, since=since[sku], until=now) for sku in _sold_since(connection, since)
    }
    touched = {
        (line.order_key, line.line_id): line
        for sku, shelf in shelves.items()
        for line in shelf.lines
        if line.placed_at >= since[sku] and line.account in settings.accounts
    }
    # A bundle is short when any part of it is: its other parts are looked at with it.
    bundles = read_bundles(connection, {line.ordered_sku for line in touched.values()})
    others: dict[str, datetime] = {}
    for line in touched.values():
        _earliest(others, [(part, line.placed_at) for part in bundles.get(line.ordered_sku, ())])
    for sku, begun in others.items():
        if sku not in shelves or begun < since[sku]:
            shelves[sku] = Shelf(connection, sku, since=begun, until=now)
    sales: dict[tuple[str, str], list[tuple[SaleLine, Shelf]]] = {}
    for shelf in shelves.values():
        for line in shelf.lines:
            if (line.order_key, line.line_id) in touched:
                sales.setdefault((line.order_key, line.line_id), []).append((line, shelf))
    cases = {}
    for key, parts in sales.items():
        case = _case(connection, settings, parts)
        if case is not None:
            cases[f"{key[0]}:{key[1]}"] = case
    return cases


def _sold_since(connection: Connection, since: dict[str, datetime]) -> list[str]:
    """Leave out what nobody bought since: most news are of goods that nobody bought after it."""
    newest: dict[str, datetime] = {}
    placed_at = line_demand.c.placed_at
    for part in chunks(sorted(since)):
        query = sa.select(line_demand.c.sku, sa.func.max(placed_at, type_=placed_at.type)).where(
            line_demand.c.sku.in_(part)
        )
        for sku, moment in connection.execute(query.group_by(line_demand.c.sku)):
            newest[sku] = moment
    return sorted(sku for sku, moment in newest.items() if moment >= since[sku])


def _case(
    connection: Connection, settings: Settings, parts: list[tuple[SaleLine, Shelf]]
) -> dict[str, Any] | None:
    """Return the case of a line, ``None`` where every piece was there or nobody had counted."""
    worst: tuple[int, int, int, SaleLine, Shelf] | None = None
    for line, shelf in sorted(parts, key=lambda item: item[0].sku):
        account = settings.accounts.get(line.account)
        if account is None or not shelf.is_counted(account.serves, line.placed_at):
            return None
        left = shelf.left_for(line, account.serves)
        short = line.pieces - max(0, left)
        if short <= 0:
            continue
        units = -(-short // line.each)
        if worst is None or units > worst[0]:
            worst = (units, short, left, line, shelf)
    if worst is None:
        return None
    units, short, left, line, shelf = worst
    verdict = find_cause(connection, settings, line, shelf, short)
    said = (
        f"{short} of {line.pieces} pieces of {line.sku} were not there when {line.account} accepted them "
        f"{line.placed_at:%Y-%m-%d %H:%M:%S} UTC ({max(0, left)} left): {verdict.words}"
    )
    return {
        "case_key": f"{line.order_key}:{line.line_id}",
        "account": line.account,
        "order_key": line.order_key,
        "line_id": line.line_id,
        "sku": line.ordered_sku,
        "quantity": units,
        "cause": verdict.cause,
        "is_avoidable": verdict.is_avoidable,
        "late_seconds": verdict.late_seconds,
        "accepted_at": line.placed_at,
        "known_at": verdict.known_at or _received_at(connection, line),
        "explanation": said,
    }


def _received_at(connection: Connection, line: SaleLine) -> datetime:
    received: datetime = connection.execute(
        sa.select(orders.c.first_received_at).where(orders.c.order_key == line.order_key)
    ).scalar_one()
    return received


def _news(
    connection: Connection,
    settings: Settings,
    cases: dict[str, dict[str, Any]],
    looked_at: dict[str, datetime],
) -> list[dict[str, Any]]:
    """Return the cases that are new or judged differently now; one that is none any more is left with no pieces."""
    known = {row.case_key: row for row in _known_cases(connection, cases, looked_at)}
    rows = []
    for key, case in cases.items():
        before = known.get(key)
        if before is None:
            rows.append({**case, "opened_at": clock.now()})
        elif any(getattr(before, name) != case[name] for name in _OF_A_CASE):
            rows.append({**case, "opened_at": before.opened_at})
    for key, before in known.items():
        if key not in cases and before.quantity and before.account in settings.accounts:
            rows.append({**before._asdict(), "quantity": 0, "is_avoidable": False, "explanation": _OVER})
    return rows


def _write(store: OperationsStore, rows: list[dict[str, Any]], found: Oversells) -> None:
    keys = [row["case_key"] for row in rows]
    with store.transaction() as connection:
        for part in chunks(keys):
            query = sa.select(sa.func.count()).where(oversell_cases.c.case_key.in_(part))
            known = int(connection.execute(query).scalar_one())
            found.changed, found.opened = found.changed + known, found.opened + len(part) - known
        first = next_values(connection, CHANGE, len(rows))
        numbered = [{**row, "change_seq": number} for number, row in enumerate(rows, start=first)]
        for some in chunks(numbered):
            upsert(connection, oversell_cases, list(some))


_OVER = "by what is known now the pieces were there, or nobody had counted them by then"


def _known_cases(
    connection: Connection, cases: dict[str, dict[str, Any]], looked_at: dict[str, datetime]
) -> list[Any]:
    """The cases of these keys, and every other one of the articles that were looked at."""
    found: dict[str, Any] = {}
    for part in chunks(sorted(cases)):
        query = sa.select(oversell_cases).where(oversell_cases.c.case_key.in_(part))
        found |= {row.case_key: row for row in connection.execute(query)}
    since = dict(looked_at)
    for bundle, parts in read_bundles(connection, bundles_of(connection, looked_at)).items():
        _earliest(since, [(bundle, looked_at[part]) for part in parts if part in looked_at])
    for part in chunks(sorted(since)):
        query = sa.select(oversell_cases).where(oversell_cases.c.sku.in_(part))
        for row in connection.execute(query):
            if row.accepted_at >= since[row.sku]:
                found[row.case_key] = row
    return list(found.values())
