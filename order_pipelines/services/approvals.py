"""Everything that waits for a person, by account: with what it would change, why, and since when.

Nothing is decided here. Numbers go out with ``release-stock``, or end by themselves when a corrected count makes them
right; orders are accepted with ``orders accept``.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.operations.tables import (
    channel_stock,
    channel_stock_events,
    invoice_holds,
    quarantine,
)
from order_pipelines.services.accepting import waiting_orders
from order_pipelines.services.brakes import waiting_query
from order_pipelines.services.complete_lists import FILE_SHRANK
from order_pipelines.services.falls import Cause, explain_falls
from order_pipelines.services.offers import refused_listing
from order_pipelines.services.push_outcome import ON_HOLD
from order_pipelines.settings import Settings


@dataclass(frozen=True, slots=True)
class HeldNumber:
    """A number that waits.

    Args:
        offer_id: whose.
        sku: of what.
        shown: what the channel shows now.
        would_be: what it would show.
        sales_leave: what it may show until then: sales lower it in any case.
        cause: what took most of the difference.
        since: when it was first held; ``None`` when that is no longer kept.
        reason: why it waits, in words.
    """

    offer_id: str
    sku: str
    shown: int
    would_be: int
    sales_leave: int
    cause: Cause
    since: datetime | None
    reason: str

    @property
    def difference(self) -> int:
        """Pieces, signed."""
        return self.would_be - self.shown


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file of which nothing was booked, or a listing that was not believed."""

    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Approvals:
    """What waits at one account; ``invoices`` counts orders that the books do not get, by the code of their hold."""

    account: str
    numbers: tuple[HeldNumber, ...] = ()
    files: tuple[HeldFile, ...] = ()
    listing: HeldFile | None = None
    orders_to_accept: int = 0
    invoices: tuple[tuple[str, int], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not (self.numbers or self.files or self.listing or self.orders_to_accept or self.invoices)

    @property
    def pieces(self) -> int:
        """What all the numbers that wait would change together, signed."""
        return sum(number.difference for number in self.numbers)


def approvals(connection: Connection, settings: Settings, accounts: Iterable[str]) -> list[Approvals]:
    """Return what waits at these accounts; those with nothing are left out."""
    found = [_of_account(connection, settings, name) for name in accounts]
    return [one for one in found if not one.is_empty]


def _of_account(connection: Connection, settings: Settings, account: str) -> Approvals:
    holds = Counter(
        connection.execute(
            sa.select(invoice_holds.c.reason_code).where(
                invoice_holds.c.account == account, invoice_holds.c.released_at.is_(None)
            )
        ).scalars()
    )
    return Approvals(
        account,
        tuple(_numbers(connection, settings, account)),
        tuple(_files(connection, account)),
        _listing(connection, account),
        len(waiting_orders(connection, account, settings.accounts[account].mode)),
        tuple(sorted(holds.items())),
    )


def _numbers(connection: Connection, settings: Settings, account: str) -> list[HeldNumber]:
    query = waiting_query(account).where(channel_stock.c.state == ON_HOLD)
    rows = [row for row in connection.execute(query) if row.shown is not None]
    falls = explain_falls(connection, settings, account, rows)
    since = _held_since(connection, account)
    found = [
        HeldNumber(
            row.offer_id,
            row.sku,
            row.shown,
            row.desired_quantity,
            falls[row.offer_id].sales_leave,
            falls[row.offer_id].cause,
            since.get(row.offer_id),
            row.reason or "",
        )
        for row in rows
    ]
    return sorted(found, key=lambda number: (number.difference, number.sku, number.offer_id))


def _held_since(connection: Connection, account: str) -> dict[str, datetime]:
    """When each offer was first held since it was last told its number as it is wanted, or let go."""
    events = channel_stock_events.c
    ended = (
        sa.select(events.offer_id, sa.func.max(events.event_seq).label("at"))
        .where(events.account == account, events.kind == "released")
        .group_by(events.offer_id)
        .subquery()
    )
    query = (
        sa.select(events.offer_id, sa.func.min(events.happened_at, type_=events.happened_at.type))
        .outerjoin(ended, ended.c.offer_id == events.offer_id)
        .join(
            channel_stock,
            sa.and_(
                channel_stock.c.account == events.account,
                channel_stock.c.offer_id == events.offer_id,
                channel_stock.c.state == ON_HOLD,
            ),
        )
        .where(
            events.account == account,
            events.kind == "held",
            events.reason == channel_stock.c.reason,
            events.event_seq > sa.func.coalesce(ended.c.at, 0),
        )
        .group_by(events.offer_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _files(connection: Connection, account: str) -> list[HeldFile]:
    query = (
        sa.select(quarantine.c.reason, quarantine.c.first_seen_at)
        .where(
            quarantine.c.account == account,
            quarantine.c.reason_code == FILE_SHRANK,
            quarantine.c.resolved_at.is_(None),
        )
        .order_by(quarantine.c.first_seen_at)
    )
    return [HeldFile(row.reason, row.first_seen_at) for row in connection.execute(query)]


def _listing(connection: Connection, account: str) -> HeldFile | None:
    refused = refused_listing(connection, account)
    return None if refused is None else HeldFile(refused.reason, refused.failed_since)


def waiting_numbers(connection: Connection) -> dict[str, int]:
    """Return how many numbers wait for a person, by account."""
    query = (
        sa.select(channel_stock.c.account, sa.func.count())
        .where(channel_stock.c.state == ON_HOLD)
        .group_by(channel_stock.c.account)
    )
    return {account: int(count) for account, count in connection.execute(query)}
