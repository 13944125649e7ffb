"""Stock out: what each offer should show goes to its channel; zero first, newest value only, confirmed, read back."""

import logging
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.connectors.ports import StockBatchSink, StockSink, WriteResult
from order_pipelines.errors import AccountStoppedError, ConnectorError, OrderPipelinesError
from order_pipelines.operations.leases import Lease, holding
from order_pipelines.operations.store import CHANGE, next_values
from order_pipelines.operations.tables import channel_stock
from order_pipelines.services.account_stops import STOCK, stop_of
from order_pipelines.services.audit import COMMAND, RELEASE_STOCK, record
from order_pipelines.services.brakes import apply_brakes, due_rows, waiting_query
from order_pipelines.services.freshness import describe, stale_inputs, unsafe_raises
from order_pipelines.services.offers import let_listing_through, refresh_offers, stock_deadline
from order_pipelines.services.push_outcome import IN_DOUBT, ON_HOLD, PENDING, RELEASED, SENT, Push
from order_pipelines.services.reservations import expire_reservations
from order_pipelines.services.shop import Shop
from order_pipelines.services.stock_batches import push_batches
from order_pipelines.services.stock_events import event_of, not_yet_held, note_events
from order_pipelines.services.stock_read_back import read_back
from order_pipelines.services.stock_writes import (
    Written,
    concerns_account,
    note_sent,
    postpone,
    settle,
    stoppable,
)
from order_pipelines.services.taking_over import must_list_first

__all__ = ["Push", "push_account", "read_back", "refresh_offers", "release_stock"]

log = logging.getLogger(__name__)

# One lost answer says nothing of the next call; after three in a row nobody is there, and each costs its timeout.
_SILENT_IN_A_ROW = 3


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
        with shop.store.reading() as connection:
            stop = stop_of(connection, account, STOCK)
            due, on_hold = due_rows(connection, account)
        push.due, push.waiting = len(due), len(on_hold)
        if settings.mode == "observe":
            push.observed = len(due)
            return push
        if stop is not None:
            push.is_stopped, push.problem = True, stop.words
            return push
        if not due and not on_hold:
            return push
        if due and _list_after_observing(shop, account):
            with shop.store.reading() as connection:
                due, on_hold = due_rows(connection, account)
            push.due = len(due)
        due = _hold_raises(shop, account, due, push) if due else due
        braked = apply_brakes(shop, account, due, on_hold)
        push.held += braked.held
        push.waiting = braked.waiting
        push.problem = "; ".join(said for said in (push.problem, braked.problem) if said) or None
        if not braked.lowered and not braked.send:
            return push
        try:
            _push_each(shop, account, [*braked.lowered, *braked.send], lease, push, most)
        except AccountStoppedError as error:
            push.is_stopped, push.problem, push.retryable = True, str(error), False
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
    # What nobody was told yet does not wait for what became of a number that its channel has accepted.
    due = sorted(due, key=_is_only_asked)
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


def _is_only_asked(row: Any) -> bool:
    """Whether the channel has the newest number, and only its fate is not known."""
    return row.state == SENT and row.write_reference is not None and row.sent_version == row.desired_version


def _list_after_observing(shop: Shop, account: str) -> bool:
    """List the offers once before the first push of an account that observed until now; returns whether that was done.

    A listing that fails keeps nothing back: our numbers are absolute, and saying one again changes nothing.
    """
    with shop.store.reading() as connection:
        is_needed = must_list_first(connection, account)
    return is_needed and refresh_offers(shop, account).problem is None


def _hold_raises(shop: Shop, account: str, due: list[Any], push: Push) -> list[Any]:
    """With old inputs nothing is raised that rests on them: the last safe number stays. Lowering is always safe."""
    with shop.store.reading() as connection:
        stale = stale_inputs(connection, shop.settings, account)
        unsafe = unsafe_raises(connection, shop.settings, account, stale, due)
    if not stale:
        return due
    push.problem = describe(stale)
    held = [row for row in due if row.offer_id in unsafe]
    push.held += len(held)
    _note_held(shop, account, held, push.problem)
    return [row for row in due if row.offer_id not in unsafe]


def _note_held(shop: Shop, account: str, rows: list[Any], reason: str | None) -> None:
    """Write down that these wait, each version once: a push every second must not write a row every second."""
    with shop.store.reading() as connection:
        if not (fresh := not_yet_held(connection, account, rows)):
            return
    with shop.store.transaction() as connection:
        events = [event_of(row, "held", row.desired_quantity, row.desired_version, reason) for row in fresh]
        note_events(connection, events)


def release_stock(shop: Shop, account: str, *, skus: Collection[str] | None = None, by: str = COMMAND) -> int:
    """Let held quantities go out after a person looked; returns how many.

    Without ``skus`` all of them, and a listing that was refused is believed; else those of these articles only.
    """
    with shop.store.transaction() as connection:
        believed = skus is None and let_listing_through(connection, account)
        query = waiting_query(account).where(channel_stock.c.state == ON_HOLD)
        held = [row for row in connection.execute(query) if skus is None or row.sku in skus]
        for row in held:
            # What a person released passes the brake until its quantity changes.
            connection.execute(
                sa.update(channel_stock)
                .where(channel_stock.c.account == account, channel_stock.c.offer_id == row.offer_id)
                .values(
                    state=PENDING,
                    reason=RELEASED,
                    not_before=None,
                    change_seq=next_values(connection, CHANGE),
                )
            )
        pieces = sum(max(0, (row.shown or 0) - row.desired_quantity) for row in held)
        released = f"{len(held)} quantities" + (f", {pieces} pieces less" if held else "")
        released += ", the next listing is believed" if believed else ""
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
        with stoppable(shop, [row]):
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
