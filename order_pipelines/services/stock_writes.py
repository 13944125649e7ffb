"""Writing down what is sent to a channel's offers and what became of it: one place for single calls and batches."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.connectors.http import asking_before_calls
from order_pipelines.connectors.ports import WriteResult
from order_pipelines.domain.stock import EventKind
from order_pipelines.errors import AccountStoppedError, ConnectorError, TransientConnectorError
from order_pipelines.operations.leases import Lease, assert_held
from order_pipelines.operations.store import CHANGE, next_values
from order_pipelines.operations.tables import channel_stock
from order_pipelines.services.account_stops import STOCK, CallGate, assert_not_stopped
from order_pipelines.services.push_outcome import (
    CONFIRMED,
    IN_DOUBT,
    ON_HOLD,
    PENDING,
    REJECTED,
    SENT,
    Push,
)
from order_pipelines.services.shop import Shop
from order_pipelines.services.stock_events import StockEvent, event_of, note_events

_BACKOFF_S = (5, 30, 120, 600, 3600)
# A channel that was away for hours must not show an old number for another hour when it is back.
_LONGEST_AWAY_S = 600
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
        AccountStoppedError: a person stopped the account; likewise.
    """
    with shop.store.transaction() as connection:
        assert_held(connection, lease)
        assert_not_stopped(connection, rows[0].account, STOCK)
        first = next_values(connection, CHANGE, len(rows))
        for number, row in enumerate(rows, start=first):
            connection.execute(
                _of(row).values(
                    **_state(row, SENT),
                    sent_quantity=row.desired_quantity,
                    sent_version=row.desired_version,
                    sent_at=clock.now(),
                    write_reference=None,
                    change_seq=number,
                )
            )
        note_events(
            connection, [event_of(row, "sent", row.desired_quantity, row.desired_version) for row in rows]
        )


@contextmanager
def stoppable(shop: Shop, rows: Sequence[Any]) -> Iterator[None]:
    """Let a stop take hold before the call itself, whose turn may be a minute after :func:`note_sent`.

    Raises:
        AccountStoppedError: a person stopped the account; what nothing was sent of is due as it was before.
    """
    account = rows[0].account
    gate = CallGate(shop.store, account, STOCK)
    try:
        with asking_before_calls(gate, is_for_gets=False):
            yield
    except AccountStoppedError as error:
        has_begun = gate.let_through > 0
        said = TransientConnectorError(
            str(error), system=shop.account(account).system, retry_after_s=0.0, maybe_acted=has_begun
        )
        postpone(shop, rows, IN_DOUBT if has_begun else PENDING, said)
        raise


def postpone(shop: Shop, rows: Sequence[Any], state: str, error: ConnectorError) -> None:
    """Try quantities again later, further apart each time; when the next call is permitted if it only was too early."""
    waits = _waits_for_budget(error)
    # Nothing was asked of the channel: what it was sent before is still what it works on.
    unsent = ("sent_quantity", "sent_version", "sent_at", "write_reference") if waits else ()
    with shop.store.transaction() as connection:
        first = next_values(connection, CHANGE, len(rows))
        for number, row in enumerate(rows, start=first):
            attempts = row.attempts + (not waits)
            backoff = 0.0 if waits else min(_BACKOFF_S[min(attempts, len(_BACKOFF_S)) - 1], _LONGEST_AWAY_S)
            wait = max(error.retry_after_s or 0.0, backoff)
            connection.execute(
                _of(row).values(
                    **_unless_overtaken(
                        row,
                        row.desired_version,
                        **_state(row, state, str(error)),
                        attempts=attempts,
                        not_before=clock.now() + timedelta(seconds=wait),
                    ),
                    **{name: getattr(row, name) for name in unsent},
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


def _state(row: Any, state: str, reason: str | None = None) -> dict[str, Any]:
    """What stands of a row's own number; one that waits for a person waits on, whatever became of a lower one."""
    if row.is_lowered:
        return {}
    return {"state": state} if reason is None else {"state": state, "reason": reason}


def _unless_overtaken(row: Any, version: int, **values: Any) -> dict[str, Any]:
    """Leave a newer number alone that was booked while this one was told: it is pending, and due at once.

    Without that a zero would wait for as long as the number before it that its channel refused.
    """
    if row.is_lowered:
        return values
    is_newer = channel_stock.c.desired_version > version
    kept = {name: channel_stock.c[name] for name in values} | {
        "state": sa.case((channel_stock.c.state == ON_HOLD, ON_HOLD), else_=PENDING)
    }
    return {
        name: sa.case((is_newer, kept[name]), else_=sa.literal(value, channel_stock.c[name].type))
        for name, value in values.items()
    }


def _fate(written: Written, push: Push) -> dict[str, Any]:
    result, row = written.result, written.row
    values: dict[str, Any] = {"write_reference": result.reference}
    if not row.is_lowered:
        values["reason"] = result.reason
    if result.state == "confirmed":
        push.confirmed += 1
        return values | {
            **_unless_overtaken(row, written.version, **_state(row, CONFIRMED), attempts=0, not_before=None),
            "confirmed_quantity": written.quantity,
            "confirmed_version": written.version,
            "confirmed_at": clock.now(),
        }
    if result.state == "accepted":
        push.accepted += 1
        return values | _state(row, SENT)
    attempts = row.attempts + 1
    wait = _BACKOFF_S[min(attempts, len(_BACKOFF_S)) - 1]
    rejected = result.state == "rejected"
    push.rejected += rejected
    push.in_doubt += not rejected
    longest = max(wait, _BACKOFF_S[3]) if rejected else wait
    return values | _unless_overtaken(
        row,
        written.version,
        **_state(row, REJECTED if rejected else IN_DOUBT),
        attempts=attempts,
        not_before=clock.now() + timedelta(seconds=longest),
    )
