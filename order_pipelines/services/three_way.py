"""The three-way comparison: what channels and books say, read anew, beside what we hold. Decides nothing.

Channels are listed again and interpreted afresh, never taken from our stores: what intake lost cannot be found in them.
Which differences there are, and why, is said by ``sql/mart/three_way_terms.sql``.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from order_pipelines import clock
from order_pipelines.connectors.registry import connector_of
from order_pipelines.errors import OrderPipelinesError
from order_pipelines.operations.store import CHANGE, next_values, upsert
from order_pipelines.operations.tables import day_readings
from order_pipelines.services.shop import Shop
from order_pipelines.services.three_way_books import NO_BOOKS, NOT_READ, READ, BooksReading, read_books
from order_pipelines.services.three_way_channels import (
    COUNTED,
    NO_SOURCE,
    ChannelReading,
    Days,
    read_channel,
    store_orders,
)

log = logging.getLogger(__name__)

DEFAULT_DAYS = 8


@dataclass(frozen=True, slots=True)
class AccountCompared:
    """What was read for one account; a problem means that its days are not read, never that they are equal."""

    account: str
    orders: int
    orders_not_read: int
    entries: int
    problem: str | None = None
    books_problem: str | None = None
    is_retryable: bool = False


@dataclass
class Compared:
    """What one round of reading brought, by account."""

    days: Days
    accounts: list[AccountCompared] = field(default_factory=list)


def read_again(
    shop: Shop, *, last: date | None = None, days: int = DEFAULT_DAYS, account: str | None = None
) -> Compared:
    """Read channels and books anew for the ``days`` business days up to ``last`` and keep what they say.

    Args:
        shop: whose accounts are read; accounts that only observe too.
        last: newest business day; today in the merchant's zone by default.
        days: how many days, at least 1.
        account: only this one; its books are read for it alone.

    Raises:
        ConfigurationError: there is no such account.
    """
    newest = last or clock.order_date(clock.now(), shop.settings.merchant.zone)
    window = Days(newest - timedelta(days=days - 1), newest)
    if account is not None:
        shop.account(account)
    names = [name for name in _sellers(shop) if account in (None, name)]
    compared = Compared(window)
    books: dict[str, BooksReading] = {}
    for name in names:
        # One after the other: each account's own limits make its reading long, and nobody waits for it.
        channel = _channel(shop, name, window)
        book = _books_of(shop, name)
        if book is not None and book not in books:
            of_book = [each for each in names if _books_of(shop, each) == book]
            books[book] = read_books(shop, book, window, of_book)
        reading = books.get(book or "")
        _note_days(shop, name, window, channel, reading)
        compared.accounts.append(
            AccountCompared(
                name,
                len(channel.orders),
                sum(channel.not_read.values()),
                0 if reading is None else reading.entries.get(name, 0),
                channel.problem,
                None if reading is None else reading.problem,
                channel.is_retryable or (reading is not None and reading.is_retryable),
            )
        )
    return compared


def _sellers(shop: Shop) -> list[str]:
    return [name for name, account in shop.accounts() if "orders" in connector_of(account.system).entities]


def _books_of(shop: Shop, name: str) -> str | None:
    books = shop.account(name).invoicing.books
    if books is None or books not in shop.settings.accounts:
        return None
    return books if connector_of(shop.account(books).system).books_reader is not None else None


def _channel(shop: Shop, name: str, window: Days) -> ChannelReading:
    if connector_of(shop.account(name).system).order_source is None:
        return ChannelReading(state=NO_SOURCE)
    try:
        reading = read_channel(shop, name, window)
    except OrderPipelinesError as error:
        log.warning("%s was not read for the comparison: %s", name, error)
        return ChannelReading(
            state=NOT_READ, problem=str(error), is_retryable=bool(getattr(error, "retryable", False))
        )
    store_orders(shop, name, window, reading)
    return reading


def _note_days(
    shop: Shop, name: str, window: Days, channel: ChannelReading, books: BooksReading | None
) -> None:
    trigger = shop.account(name).invoicing.trigger
    now = clock.now()
    with shop.store.transaction() as connection:
        first = next_values(connection, CHANGE, len(window.all()))
        upsert(
            connection,
            day_readings,
            [
                {
                    "account": name,
                    "order_date": day,
                    "state": COUNTED if channel.not_read.get(day) else channel.state,
                    "reason": channel.problem or channel.reasons.get(day),
                    "books_state": _books_state(books),
                    "books_reason": None if books is None else books.problem,
                    "invoicing_trigger": trigger,
                    "orders_not_read": channel.not_read.get(day, 0),
                    "read_at": channel.began_at or now,
                    "change_seq": number,
                }
                for number, day in enumerate(window.all(), start=first)
            ],
        )


def _books_state(books: BooksReading | None) -> str:
    if books is None:
        return NO_BOOKS
    return READ if books.problem is None else NOT_READ


def problems_of(compared: Compared) -> Sequence[str]:
    """Return one sentence for each account that could not be read, at its channel or in its books."""
    return [
        f"{each.account}: {problem}"
        for each in compared.accounts
        if (problem := problem_of(each)) is not None
    ]


def problem_of(account: AccountCompared) -> str | None:
    """Return why an account's comparison is not whole, ``None`` when it is."""
    found = []
    if account.problem is not None:
        found.append(f"not read: {account.problem}")
    if account.orders_not_read:
        found.append(f"{account.orders_not_read} of its orders could not be read, their money is unknown")
    if account.books_problem is not None:
        found.append(f"its books were not read: {account.books_problem}")
    return "; ".join(found) or None
