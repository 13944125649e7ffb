"""Stock counts and corrections that files state: matched to articles and locations, booked once per statement."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.domain.matching import Catalogue
from order_pipelines.domain.orders import Problem, StockCorrection, StockCount
from order_pipelines.operations.ledger import Ledger
from order_pipelines.operations.store import CHANGE, chunks, next_values, upsert
from order_pipelines.operations.tables import stock_statements
from order_pipelines.services.booking import settle_quarantine
from order_pipelines.services.desired_stock import refresh_desired
from order_pipelines.services.judging import is_history
from order_pipelines.services.order_rows import quarantine_row
from order_pipelines.services.shop import Shop

_COUNT, _CORRECTION = "count", "correction"
_LONGEST_KEY = 200
_MAX_FUTURE = timedelta(hours=1)


@dataclass
class Stated:
    """What became of the statements of one batch."""

    booked: int = 0
    repeated: int = 0
    history: int = 0
    problem_keys: set[str] = field(default_factory=set)


def book_statements(
    connection: Connection,
    shop: Shop,
    catalogue: Catalogue,
    account: str,
    source: str,
    counts: Sequence[StockCount],
    corrections: Sequence[StockCorrection],
    receipt_seq: int,
) -> Stated:
    """Book counts and corrections of one file; ``source`` is its content hash, so a file counts once."""
    stated = Stated()
    rows: dict[str, dict[str, Any]] = {}
    problems: list[dict[str, Any]] = []
    for count in counts:
        found = place_of(shop, catalogue, account, count.location, count.sku, count.ean, count.taken_at)
        if count.quantity < 0:
            found = Problem("negative_quantity", "a count cannot be negative", value=str(count.quantity))
        if isinstance(found, Problem):
            problems.append(_problem_row(account, source, count.row, found, receipt_seq))
            continue
        key = f"{source}:{_COUNT}:{found[1]}:{clock.isoformat(count.taken_at)}:{found[0]}"
        row = rows.get(key)
        if row is None:
            row = _row(key, _COUNT, account, found, count.taken_at, receipt_seq, count.row)
            rows[key] = row
        # One article on two shelves is two rows of one count.
        row["quantity"] += count.quantity
    for item in corrections:
        location = item.location or shop.account(account).ships_from
        found = place_of(shop, catalogue, account, location, item.sku, item.ean, item.occurred_at)
        if isinstance(found, Problem):
            problems.append(_problem_row(account, source, item.row, found, receipt_seq))
            continue
        key = f"{source}:{_CORRECTION}:{item.external_id}:{item.row}"
        row = _row(key, _CORRECTION, account, found, item.occurred_at, receipt_seq, item.row)
        row |= {
            "quantity": item.quantity,
            "reason": item.reason,
            "is_history": is_history(shop.account(account), item.occurred_at, shop.settings),
        }
        rows[key] = row
    stated.problem_keys = {row["quarantine_key"] for row in problems}
    settle_quarantine(connection, problems, ())
    _book(connection, shop, list(rows.values()), stated)
    return stated


def _fitting(key: str) -> str:
    """Return the key, a too long one with a hash of the whole: cut short, two counts would be one."""
    if len(key) <= _LONGEST_KEY:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"{key[: _LONGEST_KEY - len(digest) - 1]}:{digest}"


def _row(
    key: str,
    kind: str,
    account: str,
    place: tuple[str, str],
    stated_at: datetime,
    receipt_seq: int,
    source_row: int | None,
) -> dict[str, Any]:
    return {
        "statement_key": _fitting(key),
        "kind": kind,
        "account": account,
        "sku": place[0],
        "ean": None,
        "location": place[1],
        "quantity": 0,
        "stated_at": stated_at,
        "reason": None,
        "source_row": source_row,
        "is_history": False,
        "is_booked": False,
        "receipt_seq": receipt_seq,
    }


def place_of(
    shop: Shop,
    catalogue: Catalogue,
    account: str,
    location: str | None,
    sku: str | None,
    ean: str | None,
    stated_at: datetime,
) -> tuple[str, str] | Problem:
    """Return the article and location that a statement means, or why there are none."""
    if location is None or location not in {item.name for item in shop.settings.locations}:
        if not is_history(shop.account(account), stated_at, shop.settings):
            return Problem(
                "unknown_location", "the location is not in the settings ([[locations]])", value=location
            )
        location = location or ""
    if stated_at > clock.now() + _MAX_FUTURE:
        return Problem(
            "future_order", "the statement is dated in the future", value=clock.isoformat(stated_at)
        )
    found = catalogue.find(sku, ean)
    if isinstance(found, Problem):
        if sku is not None and is_history(shop.account(account), stated_at, shop.settings):
            return sku, location
        return found
    return found, location


def _problem_row(
    account: str, source: str, row: int | None, problem: Problem, receipt_seq: int
) -> dict[str, Any]:
    return quarantine_row(
        account, "stock_statement", f"{account}:{source[:12]}:{row}", problem, receipt_seq, row=row
    )


def _book(connection: Connection, shop: Shop, rows: list[dict[str, Any]], stated: Stated) -> None:
    known: set[str] = set()
    for part in chunks([row["statement_key"] for row in rows]):
        known |= set(
            connection.execute(
                sa.select(stock_statements.c.statement_key).where(stock_statements.c.statement_key.in_(part))
            ).scalars()
        )
    fresh = [row for row in rows if row["statement_key"] not in known]
    stated.repeated = len(rows) - len(fresh)
    ledger = Ledger(connection)
    ledger.load((row["sku"], row["location"]) for row in fresh)
    for row in fresh:
        if row["is_history"]:
            stated.history += 1
            continue
        position = (row["sku"], row["location"])
        cause = f"{row['kind']} {row['statement_key']}"
        if row["kind"] == _COUNT:
            row["is_booked"] = ledger.count(position, row["quantity"], row["stated_at"], cause=cause)
        else:
            ledger.correct(position, row["quantity"], row["stated_at"], cause=cause)
            row["is_booked"] = True
        stated.booked += 1
    for part in chunks(fresh):
        upsert(connection, stock_statements, list(part))
    skus = ledger.flush(next_values(connection, CHANGE))
    refresh_desired(connection, shop.settings, skus)
