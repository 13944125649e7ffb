"""What the books hold of our sales entries, read back: found by our references, amounts and dates as the books say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.connectors.ports import BookedEntry, BooksReader
from order_pipelines.errors import OrderPipelinesError
from order_pipelines.operations.store import CHANGE, chunks, next_values, upsert
from order_pipelines.operations.tables import entry_readings, invoice_orders, invoices, orders
from order_pipelines.services.shop import Shop
from order_pipelines.services.three_way_channels import Days

READ, NOT_READ, NO_BOOKS = "read", "not_read", "no_books"


@dataclass
class BooksReading:
    """What was found in one set of books: entries by account; ``problem`` is why nothing is known."""

    entries: dict[str, int] = field(default_factory=dict)
    problem: str | None = None
    is_retryable: bool = False


def read_books(shop: Shop, books: str, days: Days, accounts: Sequence[str]) -> BooksReading:
    """Read back every entry of these accounts that belongs to ``days``, by its own date or by an order in it.

    Never raises for what the books' side does: the reading's ``problem`` says it, and nothing is written then.
    """
    planned = _planned(shop, books, days, accounts)
    began_at = clock.now()
    deadline = began_at + timedelta(seconds=shop.settings.cadence.deep_deadline_s)
    try:
        reader = shop.connect(books, lambda connector: connector.books_reader, deadline)
        found = _found(reader, planned)
    except OrderPipelinesError as error:
        return BooksReading(problem=str(error), is_retryable=bool(getattr(error, "retryable", False)))
    reading = BooksReading()
    with shop.store.transaction() as connection:
        first = next_values(connection, CHANGE, len(planned) + 1)
        rows: list[dict[str, Any]] = []
        for number, row in enumerate(planned, start=first):
            entries = list({entry.entry_id: entry for entry in found.get(row.reference, [])}.values())
            reading.entries[row.account] = reading.entries.get(row.account, 0) + len(entries)
            rows.append(
                {
                    "invoice_key": row.invoice_key,
                    "account": row.account,
                    "books": books,
                    "reference": row.reference,
                    "entries": len(entries),
                    "entry_date": _date_of(entries, row.invoice_date),
                    "amount_incl_vat": _sum_of(entries),
                    "read_at": began_at,
                    "change_seq": number,
                }
            )
        for part in chunks(rows):
            upsert(connection, entry_readings, list(part))
    return reading


def _planned(shop: Shop, books: str, days: Days, accounts: Sequence[str]) -> list[Any]:
    in_days = (
        sa.select(invoice_orders.c.invoice_key)
        .join(orders, orders.c.order_key == invoice_orders.c.order_key)
        .where(orders.c.order_date.between(days.first, days.last))
    )
    query = (
        sa.select(invoices.c.invoice_key, invoices.c.account, invoices.c.reference, invoices.c.invoice_date)
        .where(
            invoices.c.books == books,
            invoices.c.account.in_(list(accounts)),
            sa.or_(
                invoices.c.invoice_date.between(days.first, days.last), invoices.c.invoice_key.in_(in_days)
            ),
        )
        .order_by(invoices.c.invoice_key)
    )
    with shop.store.reading() as connection:
        return list(connection.execute(query))


def _found(reader: BooksReader, planned: Sequence[Any]) -> dict[str, list[BookedEntry]]:
    """Return entries by reference: day by day first, and by reference what no day of theirs had."""
    wanted = {row.reference.strip(): row.reference for row in planned}
    found: dict[str, list[BookedEntry]] = {}

    def take(entries: Iterable[BookedEntry]) -> None:
        for entry in entries:
            if entry.reference in wanted:
                found.setdefault(wanted[entry.reference], []).append(entry)

    for day in sorted({row.invoice_date for row in planned}):
        take(reader.entries_of_day(day))
    left = [row.reference for row in planned if row.reference not in found]
    if left:
        take(reader.entries_with(left))
    return found


def _date_of(entries: Sequence[BookedEntry], planned: date) -> date | None:
    known = [entry.entry_date for entry in entries if entry.entry_date is not None]
    return min(known, default=planned) if entries else None


def _sum_of(entries: Sequence[BookedEntry]) -> Decimal | None:
    """Return what the entries add up to; nothing is 0.00, an entry without amount makes it unknown."""
    amounts = [entry.amount_incl_vat for entry in entries]
    if any(amount is None for amount in amounts):
        return None
    return sum((amount for amount in amounts if amount is not None), Decimal("0.00"))
