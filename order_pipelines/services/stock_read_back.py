"""What the channels really hold, compared with what they confirmed: a difference is sent again."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.connectors.ports import ListedOffer
from order_pipelines.errors import ConnectorError
from order_pipelines.operations.store import CHANGE, next_values
from order_pipelines.operations.tables import channel_stock
from order_pipelines.services.push_outcome import CONFIRMED, IN_DOUBT
from order_pipelines.services.shop import Shop
from order_pipelines.services.stock_drift import drift_values, is_due_again, tell_drift
from order_pipelines.services.stock_events import StockEvent, event_of, note_events
from order_pipelines.services.streams import complete_at

_LIMIT = 50
_SEEN = "its answer was lost; the number was seen there"
_OF_THE_ACCOUNT = frozenset({401, 403, 429})


def note_read_back(
    connection: sa.Connection,
    account: str,
    listed: Sequence[ListedOffer],
    began_at: datetime,
    *,
    lowers_by_itself: bool,
) -> None:
    """Compare what the channel holds with what we confirmed; what differs is sent again.

    A write whose answer was lost is settled by what stands there, when that is what was sent. ``began_at`` is when
    reading began: what was sent after that cannot be seen in it. Where a channel lowers its number with each order,
    less than was confirmed may be a sale that was not read yet: our number would put the sold piece on the shelf
    again. It is an error only when it is still there after the orders were read.
    """
    orders_read_at = complete_at(connection, account)
    known = {
        row.offer_id: row
        for row in connection.execute(sa.select(channel_stock).where(channel_stock.c.account == account))
    }
    now = clock.now()
    events: list[StockEvent] = []
    for offer in listed:
        row = known.get(offer.offer_id)
        if row is None or offer.stock_set is None or (row.sent_at is not None and row.sent_at >= began_at):
            continue
        values: dict[str, Any] = {"read_back_quantity": offer.stock_set, "read_back_at": now}
        is_first = row.read_back_at is None or (
            row.confirmed_at is not None and row.read_back_at < row.confirmed_at
        )
        if is_first or row.read_back_quantity != offer.stock_set:
            values["change_seq"] = next_values(connection, CHANGE)
            events.append(event_of(row, "read_back", offer.stock_set, row.confirmed_version))
        settled = row.state == CONFIRMED and row.confirmed_version == row.desired_version
        may_be_sold = lowers_by_itself and _may_be_sold(row, offer.stock_set, orders_read_at)
        if settled and not may_be_sold:
            if drift := drift_values(row, offer.stock_set, now):
                values |= {**drift, "change_seq": next_values(connection, CHANGE)}
                if "desired_version" in drift:
                    version, told = drift["desired_version"], drift["reason"]
                    events.append(event_of(row, "repaired", row.desired_quantity, version, told))
        elif not settled and _was_heard(row, offer.stock_set):
            values |= {
                "state": CONFIRMED,
                "reason": None,
                "confirmed_quantity": row.sent_quantity,
                "confirmed_version": row.sent_version,
                "confirmed_at": row.sent_at,
                "attempts": 0,
                "not_before": None,
                "change_seq": next_values(connection, CHANGE),
            }
            events.append(event_of(row, "confirmed", row.sent_quantity, row.sent_version, _SEEN))
        connection.execute(
            sa.update(channel_stock)
            .where(channel_stock.c.account == account, channel_stock.c.offer_id == offer.offer_id)
            .values(**values)
        )
    note_events(connection, events)
    tell_drift(connection, account)


def _may_be_sold(row: Any, there: int, orders_read_at: datetime | None) -> bool:
    """Whether the pieces that are missing there may have been bought by somebody whose order was not read yet."""
    was_seen = (
        row.read_back_quantity == there
        and row.read_back_at is not None
        and row.confirmed_at is not None
        and row.read_back_at > row.confirmed_at
    )
    seen_at = row.read_back_at if was_seen else None
    return may_be_unread_sale(row.confirmed_quantity, there, seen_at, orders_read_at)


def may_be_unread_sale(
    ours: int | None, there: int, seen_at: datetime | None, orders_read_at: datetime | None
) -> bool:
    """Whether a channel that lowers its number with each order may hold less only because of an order not read yet.

    Args:
        ours: what it should hold.
        there: what it holds.
        seen_at: when it was seen like this before; ``None`` when it was not.
        orders_read_at: from when on its orders were last read completely.
    """
    if ours is None or there >= ours:
        return False
    return seen_at is None or orders_read_at is None or orders_read_at < seen_at


def _was_heard(row: Any, there: int) -> bool:
    """Whether a write in doubt is seen in what the channel holds; the same number said twice shows nothing."""
    is_new = row.sent_quantity != row.confirmed_quantity
    return bool(row.state == IN_DOUBT and there == row.sent_quantity and is_new)


def read_back(shop: Shop, account: str, *, limit: int = _LIMIT) -> int:
    """Read the offers that were confirmed, or sent without an answer, and not read since.

    Returns how many of the confirmed ones showed another number.

    What differs gets a new version, so that the next push repairs it. An offer that cannot be read is noted with its
    reason and stops no other.

    Raises:
        ConnectorError: the account cannot be read now; what was read before is kept.
    """
    rows = _unread(shop, account, limit)
    if not rows:
        return 0
    deadline = clock.now() + timedelta(seconds=shop.settings.cadence.account_deadline_s)
    sink = shop.connect(account, lambda connector: connector.stock_sink, deadline)
    began_at = clock.now()
    offers: list[ListedOffer] = []
    unreadable: dict[str, str] = {}
    trouble: ConnectorError | None = None
    for row in rows:
        try:
            offers.append(sink.read_stock(row.offer_id))
        except ConnectorError as error:
            if error.retryable or error.status in _OF_THE_ACCOUNT:
                trouble = error
                break
            unreadable[row.offer_id] = str(error)
    confirmed = {row.offer_id: row.confirmed_quantity for row in rows if row.state == CONFIRMED}
    with shop.store.transaction() as connection:
        note_read_back(connection, account, offers, began_at, lowers_by_itself=sink.lowers_by_itself)
        for offer_id, reason in unreadable.items():
            connection.execute(
                sa.update(channel_stock)
                .where(channel_stock.c.account == account, channel_stock.c.offer_id == offer_id)
                .values(read_back_quantity=None, read_back_at=clock.now(), reason=reason)
            )
    if trouble is not None:
        raise trouble
    return sum(
        offer.offer_id in confirmed and offer.stock_set not in {None, confirmed[offer.offer_id]}
        for offer in offers
    )


def _unread(shop: Shop, account: str, limit: int) -> list[Any]:
    query = (
        sa.select(channel_stock)
        .where(
            channel_stock.c.account == account,
            sa.or_(
                is_due_again(clock.now()),
                sa.and_(
                    channel_stock.c.state == CONFIRMED,
                    sa.or_(
                        channel_stock.c.read_back_at.is_(None),
                        channel_stock.c.read_back_at < channel_stock.c.confirmed_at,
                    ),
                ),
                sa.and_(
                    channel_stock.c.state == IN_DOUBT,
                    sa.or_(
                        channel_stock.c.read_back_at.is_(None),
                        channel_stock.c.read_back_at < channel_stock.c.sent_at,
                    ),
                ),
            ),
        )
        .order_by(channel_stock.c.confirmed_at)
        .limit(limit)
    )
    with shop.store.reading() as connection:
        return list(connection.execute(query))
