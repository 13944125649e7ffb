"""Writing down what is sent to a channel's offers and what became of it: one place for single calls and batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.connectors.ports import WriteResult
from order_pipelines.errors import ConnectorError
from order_pipelines.operations.leases import Lease, assert_held
from order_pipelines.operations.store import CHANGE, next_values
from order_pipelines.operations.tables import channel_stock
from order_pipelines.services.push_outcome import CONFIRMED, IN_DOUBT, REJECTED, SENT, Push
from order_pipelines.services.shop import Shop
from order_pipelines.services.stock_events import EventKind, StockEvent, event_of, note_events

_BACKOFF_S = (5, 30, 120, 600, 3600)
_OF_THE_ACCOUNT = frozenset({401, 403, 429})


@dataclass(frozen=True, slots=True)
class Written:
    """What a channel said of one quantity: ``row`` of ``channel_stock``, what was sent and as which version."""

    row: Any
    result: WriteResult
    quantity: int | None
    version: int


def concerns_account(error: ConnectorError) -> bool:
    """Whether the next offer would fare the same: no right, no budget, or a wait longer than there is time."""
    return error.status in _OF_THE_ACCOUNT or _waits_for_budget(error)


def _waits_for_budget(error: ConnectorError) -> bool:
    """Whether nothing was asked of the channel, because it wants no call before a moment that is known."""
    return error.status is None and not error.maybe_acted and error.retry_after_s is not None


def note_sent(shop: Shop, rows: Sequence[Any], lease: Lease) -> None:
    """Write down that the desired quantities are sent now, before they are.

    Raises:
        LeaseLostError: another process took over; nothing was written, and nothing may be sent.
    """
    with shop.store.transaction() as connection:
        assert_held(connection, lease)
        first = next_values(connection, CHANGE, len(rows))
        for number, row in enumerate(rows, start=first):
            connection.execute(
                _of(row).values(
                    sent_quantity=row.desired_quantity,
                    sent_version=row.desired_version,
                    sent_at=clock.now(),
                    state=SENT,
                    write_reference=None,
                    change_seq=number,
                )
            )
        note_events(
            connection, [event_of(row, "sent", row.desired_quantity, row.desired_version) for row in rows]
        )


def postpone(shop: Shop, rows: Sequence[Any], state: str, error: ConnectorError) -> None:
    """Try quantities again later, further apart each time; when the next call is permitted if it only was too early."""
    waits = _waits_for_budget(error)
    with shop.store.transaction() as connection:
        first = next_values(connection, CHANGE, len(rows))
        for number, row in enumerate(rows, start=first):
            attempts = row.attempts + (not waits)
            backoff = 0.0 if waits else _BACKOFF_S[min(attempts, len(_BACKOFF_S)) - 1]
            wait = max(error.retry_after_s or 0.0, backoff)
            connection.execute(
                _of(row).values(
                    state=state,
                    reason=str(error),
                    attempts=attempts,
                    not_before=clock.now() + timedelta(seconds=wait),
                    change_seq=number,
                )
            )
        kind: EventKind = "in_doubt" if state == IN_DOUBT else "postponed"
        note_events(
            connection,
            [event_of(row, kind, row.desired_quantity, row.desired_version, str(error)) for row in rows],
        )


def settle(shop: Shop, written: Sequence[Written], push: Push) -> None:
    """Record what became of writes. A newer desired version stays due whatever an older one's fate."""
    events: list[StockEvent] = []
    with shop.store.transaction() as connection:
        first = next_values(connection, CHANGE, len(written))
        for number, each in enumerate(written, start=first):
            changed = connection.execute(
                _of(each.row)
                .where(channel_stock.c.confirmed_version <= each.version)
                .values(**_fate(each, push), change_seq=number)
            )
            if changed.rowcount:
                result = each.result
                events.append(event_of(each.row, result.state, each.quantity, each.version, result.reason))
        note_events(connection, events)


def _of(row: Any) -> sa.Update:
    return sa.update(channel_stock).where(
        channel_stock.c.account == row.account, channel_stock.c.offer_id == row.offer_id
    )


def _fate(written: Written, push: Push) -> dict[str, Any]:
    result = written.result
    values: dict[str, Any] = {"reason": result.reason, "write_reference": result.reference}
    if result.state == "confirmed":
        push.confirmed += 1
        return values | {
            "state": CONFIRMED,
            "confirmed_quantity": written.quantity,
            "confirmed_version": written.version,
            "confirmed_at": clock.now(),
            "attempts": 0,
            "not_before": None,
        }
    if result.state == "accepted":
        push.accepted += 1
        return values | {"state": SENT}
    attempts = written.row.attempts + 1
    wait = _BACKOFF_S[min(attempts, len(_BACKOFF_S)) - 1]
    rejected = result.state == "rejected"
    push.rejected += rejected
    push.in_doubt += not rejected
    return values | {
        "state": REJECTED if rejected else IN_DOUBT,
        "attempts": attempts,
        "not_before": clock.now() + timedelta(seconds=max(wait, _BACKOFF_S[3]) if rejected else wait),
    }
