"""Stock out to channels that take many offers in one call: asked what became of the last, then the newest values."""

from datetime import datetime, timedelta
from typing import Any

from order_pipelines import clock
from order_pipelines.connectors.ports import StockBatchSink, StockWrite, WriteResult
from order_pipelines.errors import ConnectorError
from order_pipelines.operations.leases import Lease
from order_pipelines.operations.store import chunks
from order_pipelines.services.push_outcome import IN_DOUBT, PENDING, SENT, Push
from order_pipelines.services.shop import Shop
from order_pipelines.services.stock_writes import (
    Written,
    concerns_account,
    note_sent,
    postpone,
    settle,
    stoppable,
)

# A batch that its channel still works on after this is sent again: absolute numbers may be said twice.
_LOST_AFTER = timedelta(minutes=15)
_NO_WORD = "the channel says nothing of this offer"


def push_batches(
    shop: Shop, sink: StockBatchSink, due: list[Any], lease: Lease, push: Push, deadline: datetime
) -> None:
    """Ask for the fate of batches under way, then send what is due, ``max_batch`` offers a call.

    An offer whose newest number is still worked on waits for that. One with a newer number is asked about as well, so
    that what a channel confirmed is known of busy offers too, and is sent whatever the answer: a lower number must not
    wait for the fate of a higher one.

    Raises:
        OrderPipelinesError: the account cannot be served now; what was not sent stays due.
    """
    ready = [row for row in due if not _is_under_way(row)]
    for reference in sorted({row.write_reference for row in due if _is_under_way(row)}):
        ready += _ask(shop, sink, [row for row in due if row.write_reference == reference], push)
    overtaken = [row for row in ready if _is_overtaken(row)]
    for reference in sorted({row.write_reference for row in overtaken}):
        _ask(shop, sink, [row for row in overtaken if row.write_reference == reference], push)
    ready.sort(key=lambda row: (row.desired_quantity, row.change_seq))
    for part in chunks(ready, sink.max_batch):
        if clock.now() >= deadline:
            push.problem = f"the time for {push.account} is over; what is still due goes with the next push"
            return
        _send(shop, sink, list(part), lease, push)


def _is_under_way(row: Any) -> bool:
    return row.state == SENT and row.write_reference is not None


def _is_overtaken(row: Any) -> bool:
    """Whether a newer number was booked while the channel works on one that it was sent."""
    return bool(
        row.write_reference is not None and row.confirmed_version < row.sent_version < row.desired_version
    )


def _ask(shop: Shop, sink: StockBatchSink, rows: list[Any], push: Push) -> list[Any]:
    """Settle what the channel decided; returns the rows that are to be sent, because of that or for want of it."""
    try:
        results = sink.poll_stocks(rows[0].write_reference, [row.offer_id for row in rows])
    except ConnectorError as error:
        if not error.retryable or concerns_account(error):
            raise
        push.accepted += len(rows)
        return []
    again: list[Any] = []
    decided: list[Written] = []
    for row in rows:
        result = results.get(row.offer_id, WriteResult("in_doubt", reason=_NO_WORD))
        if result.state == "accepted":
            if clock.now() - row.sent_at > _LOST_AFTER:
                again.append(row)
            else:
                push.accepted += 1
            continue
        decided.append(Written(row, result, row.sent_quantity, row.sent_version))
        if result.state == "confirmed" and row.sent_version != row.desired_version:
            again.append(row)
    if decided:
        settle(shop, decided, push)
    return again


def _send(shop: Shop, sink: StockBatchSink, rows: list[Any], lease: Lease, push: Push) -> None:
    note_sent(shop, rows, lease)
    try:
        with stoppable(shop, rows):
            results = sink.push_stocks([StockWrite(row.offer_id, row.desired_quantity) for row in rows])
    except ConnectorError as error:
        if concerns_account(error):
            postpone(shop, rows, PENDING, error)
            raise
        if error.retryable:
            postpone(shop, rows, IN_DOUBT if error.maybe_acted else PENDING, error)
            push.in_doubt += len(rows) if error.maybe_acted else 0
            if error.status is None:
                raise
            return
        results = {row.offer_id: WriteResult("rejected", reason=str(error)) for row in rows}
    missing = WriteResult("in_doubt", reason=_NO_WORD)
    settle(
        shop,
        [
            Written(row, results.get(row.offer_id, missing), row.desired_quantity, row.desired_version)
            for row in rows
        ],
        push,
    )
