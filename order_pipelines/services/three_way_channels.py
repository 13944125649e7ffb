"""What a channel says of some business days, asked anew: its list, its details where the list is not enough.

Orders are counted by the channel's own rules and valued as the channel's payload says, by the mapping alone: no product
master, no quarantine and no store of ours takes part. Our store is asked only which orders it has that were not listed.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.connectors.ports import Interpreter, Listed, OrderSource, Since
from order_pipelines.connectors.registry import connector_of
from order_pipelines.domain.amounts import current_amounts
from order_pipelines.domain.orders import Order
from order_pipelines.errors import ConnectorError
from order_pipelines.money import round_to_cents
from order_pipelines.operations.inbox import content_hash
from order_pipelines.operations.store import CHANGE, chunks, next_values, upsert
from order_pipelines.operations.tables import fetch_backlog, order_readings, orders, quarantine
from order_pipelines.services.intake import ORDER
from order_pipelines.services.shop import Shop
from order_pipelines.services.streams import complete_at
from order_pipelines.services.unreadable import is_usable_id

READ, COUNTED, NOT_READ, NO_SOURCE = "read", "counted", "not_read", "no_source"

MOST_DETAILS = 2_000
"""Orders read one by one in a round; a day with more of them is counted, and its money unknown."""

_OF_THE_ACCOUNT = frozenset({401, 403, 429})
_GONE = frozenset({404, 410})


@dataclass(frozen=True, slots=True)
class Days:
    """Business days ``first`` to ``last``, both included."""

    first: date
    last: date

    def all(self) -> list[date]:
        """Return the days, oldest first."""
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class OrderRead:
    """One order as its channel shows it now; ``None`` is unknown, ``is_read`` false when only the list told of it."""

    external_order_id: str
    order_number: str | None
    order_date: date | None
    currency: str | None
    is_counted: bool | None
    pieces: int | None
    gross: Decimal | None
    body_hash: str | None
    changed_at: datetime | None
    is_read: bool
    reason: str | None = None


@dataclass
class ChannelReading:
    """What a channel said. ``not_read`` counts by day the orders whose detail was not had."""

    state: str = READ
    began_at: datetime | None = None
    orders: dict[str, OrderRead] = field(default_factory=dict)
    not_read: dict[date, int] = field(default_factory=dict)
    reasons: dict[date, str] = field(default_factory=dict)
    problem: str | None = None
    is_retryable: bool = False


def read_channel(shop: Shop, account: str, days: Days, *, most_details: int = MOST_DETAILS) -> ChannelReading:
    """List and read the orders of ``days`` at one account.

    Raises:
        TransientConnectorError, PermanentConnectorError, ConsentNeededError: the list could not be had as a whole.
    """
    zone = shop.settings.merchant.zone
    reading = ChannelReading(began_at=clock.now())
    deadline = clock.now() + timedelta(seconds=shop.settings.cadence.deep_deadline_s)
    source: OrderSource = shop.connect(account, lambda connector: connector.order_source, deadline)
    make = connector_of(shop.account(account).system).interpreter
    if make is None:
        return ChannelReading(state=NO_SOURCE)
    interpreter = make(shop.account(account).options)
    start, _ = clock.day_bounds(days.first, zone)
    waiting: dict[str, OrderRead] = {}
    for listed in source.list_orders(Since(start)):
        if not is_usable_id(listed.external_id):
            continue
        known = _of_list(listed, interpreter, shop)
        if known.order_date is not None and known.order_date not in days:
            continue
        if listed.is_complete:
            reading.orders[listed.external_id] = known
        else:
            waiting[listed.external_id] = replace(known, gross=None, is_read=False)
    unlisted = _ours(shop, account, days, {*reading.orders, *waiting})
    _read_details(shop, source, interpreter, days, reading, waiting, unlisted, most_details)
    for order in reading.orders.values():
        if not order.is_read and order.order_date is not None:
            reading.not_read[order.order_date] = reading.not_read.get(order.order_date, 0) + 1
            reading.reasons.setdefault(order.order_date, order.reason or "not every order could be read")
    return reading


def _of_list(listed: Listed, interpreter: Interpreter, shop: Shop) -> OrderRead:
    return _interpreted(listed.external_id, listed.body, listed.changed_at, interpreter, shop)


def _interpreted(
    external_id: str, body: bytes, changed_at: datetime | None, interpreter: Interpreter, shop: Shop
) -> OrderRead:
    meaning = interpreter(body, kind=ORDER, name=external_id)
    found = [order for order in meaning.orders if order.external_order_id == external_id]
    if not found:
        reason = "the channel's answer holds no such order"
        return OrderRead(external_id, None, None, None, None, None, None, None, changed_at, True, reason)
    order = found[0]
    total = current_amounts(order, [line.vat_rate for line in order.lines]).incl_vat
    return OrderRead(
        external_id,
        order.order_number or external_id,
        None if order.ordered_at is None else clock.order_date(order.ordered_at, shop.settings.merchant.zone),
        order.currency,
        counts(order),
        _pieces(order),
        None if total is None else round_to_cents(total),
        content_hash(body),
        order.changed_at or changed_at,
        True,
    )


def counts(order: Order) -> bool:
    """Tell whether an order is revenue by its channel's own rules, as the figures count it."""
    return (
        order.counts_in_revenue
        and not order.is_test
        and order.order_kind == "sale"
        and order.order_status != "cancelled"
    )


def _pieces(order: Order) -> int | None:
    goods = [line for line in order.lines if line.line_kind == "goods"]
    if any(line.quantity is None for line in goods):
        return None
    return sum((line.quantity or 0) - (line.quantity_cancelled or 0) for line in goods)


def _ours(shop: Shop, account: str, days: Days, listed: set[str]) -> dict[str, OrderRead]:
    """Return our orders of these days that the list does not name: unknown until the channel was asked for each."""
    with shop.store.reading() as connection:
        query = (
            sa.select(orders.c.external_order_id, orders.c.order_number, orders.c.order_date)
            .where(orders.c.account == account, orders.c.order_date.between(days.first, days.last))
            .order_by(orders.c.external_order_id)
        )
        return {
            row.external_order_id: OrderRead(
                row.external_order_id,
                row.order_number,
                row.order_date,
                None,
                None,
                None,
                None,
                None,
                None,
                False,
            )
            for row in connection.execute(query)
            if row.external_order_id not in listed
        }


def _read_details(
    shop: Shop,
    source: OrderSource,
    interpreter: Interpreter,
    days: Days,
    reading: ChannelReading,
    waiting: dict[str, OrderRead],
    unlisted: dict[str, OrderRead],
    most_details: int,
) -> None:
    """Read what the list did not hold, and what it did not name: an order is extra only when the channel says so."""
    left = most_details
    stopped: str | None = None
    for external_id, only_listed in (waiting | unlisted).items():
        if stopped is None and left == 0:
            stopped = f"more than {most_details} orders would have to be read one by one"
        if stopped is not None:
            reading.orders[external_id] = replace(only_listed, reason=stopped)
            continue
        left -= 1
        try:
            fetched = source.fetch_order(external_id)
        except ConnectorError as error:
            if error.status in _GONE and external_id not in waiting:
                continue
            reading.orders[external_id] = replace(only_listed, reason=str(error))
            if error.status in _OF_THE_ACCOUNT or (error.status is None and error.retryable):
                stopped = str(error)
            continue
        order = _interpreted(external_id, fetched.body, only_listed.changed_at, interpreter, shop)
        if order.order_date is None or order.order_date in days:
            reading.orders[external_id] = order


def store_orders(shop: Shop, account: str, days: Days, reading: ChannelReading) -> None:
    """Keep what was read; what an earlier reading had of these days and this one has not is not listed any more."""
    began_at = reading.began_at or clock.now()
    with shop.store.transaction() as connection:
        missing = _missing(connection, account, reading)
        rows = [
            {
                "order_key": f"{account}:{order.external_order_id}",
                "account": account,
                "external_order_id": order.external_order_id,
                "order_number": order.order_number,
                "order_date": order.order_date,
                "currency_code": order.currency,
                "is_listed": True,
                "is_counted": order.is_counted,
                "is_missing": order.external_order_id in missing,
                "pieces": order.pieces,
                "order_total_current_incl_vat": order.gross,
                "content_hash": order.body_hash,
                "reason": order.reason,
                "read_at": began_at,
            }
            for order in reading.orders.values()
        ]
        first = next_values(connection, CHANGE, len(rows) + 1)
        numbered = [{**row, "change_seq": number} for number, row in enumerate(rows, start=first)]
        for part in chunks(numbered):
            upsert(connection, order_readings, list(part))
        connection.execute(
            sa.update(order_readings)
            .where(
                order_readings.c.account == account,
                order_readings.c.order_date.between(days.first, days.last),
                order_readings.c.read_at < began_at,
                order_readings.c.is_listed,
            )
            .values(is_listed=False, change_seq=first + len(rows))
        )


def _missing(connection: Connection, account: str, reading: ChannelReading) -> set[str]:
    """Return the orders that should be here: they were there when the account was last read completely."""
    read_until = complete_at(connection, account)
    if read_until is None:
        return set()
    known: set[str] = set()
    for part in chunks(list(reading.orders)):
        known.update(
            connection.execute(
                sa.select(orders.c.external_order_id).where(
                    orders.c.account == account, orders.c.external_order_id.in_(part)
                )
            ).scalars()
        )
        known.update(
            connection.execute(
                sa.select(fetch_backlog.c.external_id).where(
                    fetch_backlog.c.account == account, fetch_backlog.c.external_id.in_(part)
                )
            ).scalars()
        )
        keys = [f"{account}:{external_id}" for external_id in part]
        waiting: Any = connection.execute(
            sa.select(quarantine.c.entity_key).where(
                quarantine.c.entity_key.in_(keys), quarantine.c.resolved_at.is_(None)
            )
        ).scalars()
        known.update(key.partition(":")[2] for key in waiting)
    return {
        external_id
        for external_id, order in reading.orders.items()
        if external_id not in known and order.changed_at is not None and order.changed_at < read_until
    }
