"""Stock out: what each offer should show goes to its channel; zero first, newest value only, confirmed, read back."""

import logging
from datetime import timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.connectors.ports import StockBatchSink, StockSink, WriteResult
from order_pipelines.errors import ConnectorError, OrderPipelinesError
from order_pipelines.operations.leases import Lease, holding
from order_pipelines.operations.store import CHANGE, next_values
from order_pipelines.operations.tables import channel_offers, channel_stock
from order_pipelines.services.audit import COMMAND, RELEASE_STOCK, record
from order_pipelines.services.desired_stock import stale_order_sources
from order_pipelines.services.offers import let_listing_through, refresh_offers, stock_deadline
from order_pipelines.services.push_outcome import IN_DOUBT, ON_HOLD, PENDING, RELEASED, SENT, Push
from order_pipelines.services.reservations import expire_reservations
from order_pipelines.services.shop import Shop
from order_pipelines.services.stock_batches import push_batches
from order_pipelines.services.stock_events import event_of, not_yet_held, note_events
from order_pipelines.services.stock_read_back import read_back
from order_pipelines.services.stock_writes import Written, concerns_account, note_sent, postpone, settle
from order_pipelines.services.taking_over import must_list_first

__all__ = ["Push", "push_account", "read_back", "refresh_offers", "release_stock"]

log = logging.getLogger(__name__)

# One lost answer says nothing of the next call; after three in a row nobody is there, and each costs its timeout.
_SILENT_IN_A_ROW = 3
_AT_ONCE = timedelta(seconds=1)


def push_account(shop: Shop, account: str, *, most: int | None = None) -> Push:
    """Send every due quantity of an account. One process at a time does this for an account.

    ``most``: how many to send one by one before looking again for newer numbers; the lowest go first. A channel that
    takes many in one call gets all.
    """
    push = Push(account)
    settings = shop.account(account)
    # Carts that ran out free their pieces before anything is told, whoever slept meanwhile.
    expire_reservations(shop)
    with holding(shop.store, f"stock:{account}", ttl_s=shop.lease_s) as lease:
        if lease is None:
            push.problem = "another process pushes the stock of this account now"
            push.is_busy = True
            return push
        due = _due(shop, account)
        push.due = len(due)
        if not due:
            return push
        if settings.mode == "observe":
            push.observed = len(due)
            return push
        if _list_after_observing(shop, account):
            due = _due(shop, account)
            push.due = len(due)
        due = _hold_raises(shop, account, due, push)
        due = _brake(shop, account, due, push)
        if not due:
            return push
        try:
            _push_each(shop, account, due, lease, push, most)
        except OrderPipelinesError as error:
            push.problem, push.retryable = str(error), getattr(error, "retryable", False)
            push.is_cut_short, push.retry_after_s = True, getattr(error, "retry_after_s", None)
    return push


def _push_each(shop: Shop, account: str, due: list[Any], lease: Lease, push: Push, most: int | None) -> None:
    """Send what is due; what concerns one offer stops no other, what concerns the account ends the round.

    Raises:
        OrderPipelinesError: the account cannot be served now; what was not sent stays due.
    """
    deadline = stock_deadline(shop)
    sink = shop.connect(account, lambda connector: connector.stock_sink, deadline)
    if isinstance(sink, StockBatchSink):
        push_batches(shop, sink, due, lease, push, deadline)
        return
    if most is not None and len(due) > most:
        push.left, due = len(due) - most, due[:most]
    silent = 0
    for row in due:
        if clock.now() >= deadline:
            push.problem = f"the time for {account} is over; what is still due goes with the next push"
            return
        unanswered = _push_one(shop, sink, row, lease, push)
        silent = 0 if unanswered is None else silent + 1
        if unanswered is not None and silent >= _SILENT_IN_A_ROW:
            raise unanswered


def _list_after_observing(shop: Shop, account: str) -> bool:
    """List the offers once before the first push of an account that observed until now; returns whether that was done.

    A listing that fails keeps nothing back: our numbers are absolute, and saying one again changes nothing.
    """
    with shop.store.reading() as connection:
        is_needed = must_list_first(connection, account)
    return is_needed and refresh_offers(shop, account).problem is None


def _due(shop: Shop, account: str) -> list[Any]:
    """Everything whose confirmed version is not the desired one: zero first, then lowest, then oldest.

    ``shown`` is what the channel holds as far as we know: what it confirmed, else what its listing said.
    """
    # A channel that takes one file a minute gets everything that waits for that minute, not what was a moment earlier.
    now = clock.now() + _AT_ONCE
    shown = sa.func.coalesce(channel_stock.c.confirmed_quantity, channel_offers.c.stock_set).label("shown")
    with shop.store.reading() as connection:
        return list(
            connection.execute(
                sa.select(channel_stock, shown)
                .outerjoin(
                    channel_offers,
                    sa.and_(
                        channel_offers.c.account == channel_stock.c.account,
                        channel_offers.c.offer_id == channel_stock.c.offer_id,
                    ),
                )
                .where(
                    channel_stock.c.account == account,
                    channel_stock.c.confirmed_version < channel_stock.c.desired_version,
                    sa.or_(channel_stock.c.not_before.is_(None), channel_stock.c.not_before <= now),
                    channel_stock.c.state != ON_HOLD,
                    # The number is of an article: an offer that got another one, or none, may only be emptied.
                    sa.or_(
                        channel_offers.c.sku == channel_stock.c.sku, channel_stock.c.desired_quantity == 0
                    ),
                )
                .order_by(channel_stock.c.desired_quantity, channel_stock.c.change_seq)
            )
        )


def _hold_raises(shop: Shop, account: str, due: list[Any], push: Push) -> list[Any]:
    """With old inputs nothing is raised: the last safe number stays. Lowering is always safe."""
    sources = [name for name, _ in shop.accounts(lambda connector: connector.order_source)]
    with shop.store.reading() as connection:
        stale = stale_order_sources(connection, shop.settings, account, sources)
    if not stale:
        return due
    names = ", ".join(
        f"{name} ({'never' if age == float('inf') else f'{age:.0f} min'})" for name, age in stale
    )
    keep = [row for row in due if row.shown is not None and row.desired_quantity <= row.shown]
    push.held += len(due) - len(keep)
    push.problem = (
        f"orders last read completely too long ago: {names}; no quantity is raised until they are read"
    )
    lower = {row.offer_id for row in keep}
    _note_held(shop, account, [row for row in due if row.offer_id not in lower], push.problem)
    return keep


def _note_held(shop: Shop, account: str, rows: list[Any], reason: str) -> None:
    """Write down that these wait, each version once: a push every second must not write a row every second."""
    with shop.store.reading() as connection:
        if not (fresh := not_yet_held(connection, account, rows)):
            return
    with shop.store.transaction() as connection:
        events = [event_of(row, "held", row.desired_quantity, row.desired_version, reason) for row in fresh]
        note_events(connection, events)


def _brake(shop: Shop, account: str, due: list[Any], push: Push) -> list[Any]:
    """A push that would empty too many offers at once waits for a person."""
    policy = shop.account(account).stock
    with shop.store.reading() as connection:
        total = connection.execute(
            sa.select(sa.func.count()).select_from(channel_stock).where(channel_stock.c.account == account)
        ).scalar_one()
    falling = [
        row for row in due if row.desired_quantity == 0 and (row.shown or 0) > 0 and row.reason != RELEASED
    ]
    if (
        len(falling) < policy.min_offers_for_brake
        or Decimal(len(falling) * 100) <= policy.max_share_to_zero * total
    ):
        return due
    reason = (
        f"{len(falling)} of {total} offers would go to zero at once, more than {policy.max_share_to_zero} %; "
        f"look at the stock, then run 'order-pipelines release-stock {account}'"
    )
    with shop.store.transaction() as connection:
        for row in falling:
            connection.execute(
                sa.update(channel_stock)
                .where(
                    channel_stock.c.account == account,
                    channel_stock.c.offer_id == row.offer_id,
                    channel_stock.c.desired_version == row.desired_version,
                )
                .values(state=ON_HOLD, reason=reason, change_seq=next_values(connection, CHANGE))
            )
        events = [event_of(row, "held", row.desired_quantity, row.desired_version, reason) for row in falling]
        note_events(connection, events)
    push.held += len(falling)
    push.problem = reason
    held = {row.offer_id for row in falling}
    return [row for row in due if row.offer_id not in held]


def release_stock(shop: Shop, account: str, *, by: str = COMMAND) -> int:
    """Let held quantities go out, and believe a listing that was refused, after a person looked; returns how many."""
    with shop.store.transaction() as connection:
        believed = let_listing_through(connection, account)
        held = list(
            connection.execute(
                sa.select(channel_stock).where(
                    channel_stock.c.account == account, channel_stock.c.state == ON_HOLD
                )
            )
        )
        for row in held:
            # What a person released passes the brake until its quantity changes.
            connection.execute(
                sa.update(channel_stock)
                .where(channel_stock.c.account == account, channel_stock.c.offer_id == row.offer_id)
                .values(
                    state=PENDING,
                    reason=RELEASED,
                    change_seq=next_values(connection, CHANGE),
                )
            )
        released = f"{len(held)} quantities" + (", the next listing is believed" if believed else "")
        record(connection, RELEASE_STOCK, account, account, after=released, by=by)
        events = [
            event_of(row, "released", row.desired_quantity, row.desired_version, RELEASED) for row in held
        ]
        note_events(connection, events)
    return len(held)


def _push_one(shop: Shop, sink: StockSink, row: Any, lease: Lease, push: Push) -> ConnectorError | None:
    """Send one quantity, or ask what became of it; returns the error when the channel gave no answer at all."""
    if row.state == SENT and row.write_reference is not None:
        try:
            result = sink.poll_write(row.write_reference)
        except ConnectorError as error:
            if not error.retryable or concerns_account(error):
                raise
            # Still accepted, as far as we know: asked again with the next push.
            push.accepted += 1
            return error if error.status is None else None
        if result.state == "accepted":
            push.accepted += 1
            return None
        settle(shop, [Written(row, result, row.sent_quantity, row.sent_version)], push)
        if result.state == "confirmed" and row.sent_version == row.desired_version:
            return None
    quantity, version = row.desired_quantity, row.desired_version
    note_sent(shop, [row], lease)
    try:
        result = sink.push_stock(row.offer_id, quantity)
    except ConnectorError as error:
        if concerns_account(error):
            postpone(shop, [row], PENDING, error)
            raise
        if error.retryable:
            # Absolute and newest-value-only: repeating is harmless. The read-back may find it there before.
            postpone(shop, [row], IN_DOUBT if error.maybe_acted else PENDING, error)
            push.in_doubt += error.maybe_acted
            return error if error.status is None else None
        result = WriteResult("rejected", reason=str(error))
    settle(shop, [Written(row, result, quantity, version)], push)
    return None
