"""The three-way comparison over a period, per account: sides, named differences, and what nobody can explain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from order_pipelines.money import ZERO
from order_pipelines.warehouse.session import Session
from order_pipelines.warehouse.three_way_tables import BOOKS_TERMS, CHANNEL_TERMS

_ROWS = """
select *
from mart.three_way_per_day
where order_date between $1 and $2
order by account, currency_code, order_date
"""
_NOTHING = "?"


@dataclass(frozen=True, slots=True)
class Sides:
    """One account and currency over a period; ``None`` is a side of which a day was not read, never a zero.

    Args:
        account: its name.
        currency_code: of all amounts.
        channel: what the channel says; ``None`` also where there is no channel to ask.
        warehouse: what the revenue per channel has.
        books: what the books hold.
        channel_terms: channel less warehouse by name, those that are not 0.00.
        books_terms: warehouse less books by name, those that are not 0.00.
        unexplained: what no name explains, both comparisons together.
        has_source: there is a channel to ask.
        has_books: there are books to ask.
        days_not_read: days that channel or books did not answer for.
        suspects: orders and entries that a person must look at.
    """

    account: str
    currency_code: str
    channel: Decimal | None
    warehouse: Decimal
    books: Decimal | None
    channel_terms: Mapping[str, Decimal]
    books_terms: Mapping[str, Decimal]
    unexplained: Decimal
    has_source: bool
    has_books: bool
    days_not_read: int
    suspects: tuple[str, ...]


def read_three_way(session: Session, first: date, last: date) -> list[Sides]:
    """Return every account that was compared on a day of the period, in the order of their names."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    rows = session.query(_ROWS, [first, last]).to_pylist()
    named = {row["account"] for row in rows if row["currency_code"] != _NOTHING}
    for row in rows:
        if row["currency_code"] == _NOTHING and row["account"] in named and row["state"] != "not_read":
            # A day without orders, which names no currency.
            continue
        groups.setdefault((row["account"], row["currency_code"]), []).append(row)
    return [_sides(account, currency, rows) for (account, currency), rows in groups.items()]


def _sides(account: str, currency: str, rows: Sequence[Mapping[str, Any]]) -> Sides:
    suspects = {each for row in rows for each in (row["suspects"] or "").split(" | ") if each}
    return Sides(
        account=account,
        currency_code=currency,
        channel=_whole(rows, "channel_incl_vat"),
        warehouse=sum((row["warehouse_incl_vat"] for row in rows), ZERO),
        books=_whole(rows, "books_incl_vat"),
        channel_terms=_terms(rows, CHANNEL_TERMS),
        books_terms=_terms(rows, BOOKS_TERMS),
        unexplained=sum(
            ((row["channel_unexplained"] or ZERO) + (row["books_unexplained"] or ZERO) for row in rows), ZERO
        ),
        has_source=any(row["state"] != "no_source" for row in rows),
        has_books=any(row["books_state"] != "no_books" for row in rows),
        days_not_read=sum(
            row["state"] in {"not_read", "counted"} or row["books_state"] == "not_read" for row in rows
        ),
        suspects=tuple(sorted(suspects)),
    )


def _whole(rows: Sequence[Mapping[str, Any]], column: str) -> Decimal | None:
    """Add up a side; a day that was not read makes it unknown."""
    amounts = [row[column] for row in rows]
    return None if None in amounts else sum(amounts, ZERO)


def _terms(rows: Sequence[Mapping[str, Any]], terms: Sequence[tuple[str, str]]) -> dict[str, Decimal]:
    sums = {name: sum((row[f"{name}_incl_vat"] or ZERO for row in rows), ZERO) for name, _ in terms}
    return {name: amount for name, amount in sums.items() if amount}
