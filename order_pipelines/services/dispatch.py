"""Sending what was planned: looked for before it is sent again, confirmed by the other side, or named and waiting."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.connectors.aftersales import RefundSink
from order_pipelines.connectors.http import asking_before_calls
from order_pipelines.connectors.ports import (
    BookedEntry,
    EntryLine,
    InvoiceSink,
    OrderAcceptor,
    SalesEntry,
    ShipmentItem,
    ShipmentSink,
    WriteResult,
)
from order_pipelines.errors import (
    AccountStoppedError,
    ConnectorError,
    ConsentNeededError,
    OrderPipelinesError,
)
from order_pipelines.operations import outbox
from order_pipelines.operations.leases import Lease, assert_held, holding
from order_pipelines.operations.people import without_people
from order_pipelines.operations.store import CHANGE, chunks, next_values
from order_pipelines.operations.tables import invoices, orders, shipments
from order_pipelines.operations.tables import outbox as outbox_table
from order_pipelines.services.accepting import CHANNEL_ACCEPTANCE
from order_pipelines.services.account_stops import EFFECTS, CallGate, assert_not_stopped, stop_of
from order_pipelines.services.cancelling import CHANNEL_CANCELLATION, is_cancelled_here
from order_pipelines.services.planning import CHANNEL_SHIPMENT, SALES_ENTRY
from order_pipelines.services.refunding import CHANNEL_REFUND, send_refund
from order_pipelines.services.shop import Shop

log = logging.getLogger(__name__)

# Nobody documents how soon a search finds a new entry, nor a channel's list a parcel that it has only accepted: what
# may exist is looked for only after this.
_SEARCH_LAG = timedelta(minutes=2)
_LOOKED_FOR = frozenset({SALES_ENTRY, CHANNEL_SHIPMENT, CHANNEL_REFUND})
_BUDGET_STATUSES = frozenset({401, 403, 429})
# One lost answer says nothing of the next parcel; after three in a row nobody is there, and each costs its timeout.
_SILENT_IN_A_ROW = 3
_ENTRY_STATES = {outbox.PENDING: "planned", outbox.IN_DOUBT: "in_doubt"}


@dataclass
class Dispatched:
    """What one round of sending did, by kind of effect."""

    confirmed: int = 0
    accepted: int = 0
    found: int = 0
    in_doubt: int = 0
    failed: int = 0
    left: int = 0
    problems: dict[str, str] = field(default_factory=dict)
    busy: set[str] = field(default_factory=set)
    stopped: set[str] = field(default_factory=set)
    retryable: bool = True


def dispatch_all(shop: Shop) -> dict[str, Dispatched]:
    """Send everything that is due, by kind; one account's trouble stops no other."""
    kinds = [CHANNEL_SHIPMENT, CHANNEL_CANCELLATION, SALES_ENTRY]
    if any(shop.accounts(lambda connector: connector.order_acceptor)):
        # First of all: operators refuse for the seller what is not accepted in time.
        kinds.insert(0, CHANNEL_ACCEPTANCE)
    if any(shop.accounts(lambda connector: connector.refund_sink)):
        kinds.insert(-1, CHANNEL_REFUND)
    return {kind: dispatch_kind(shop, kind) for kind in kinds}


def dispatch_kind(shop: Shop, kind: str, *, only: str | None = None, limit: int = 500) -> Dispatched:
    """Send the due effects of one kind; two processes never send the same account's effects at once.

    Args:
        shop: the shop.
        kind: kind of effect.
        only: the one account to send for; all when ``None``.
        limit: effects a call takes at most; ``left`` says what is still due.
    """
    done = Dispatched()
    with shop.store.reading() as connection:
        accounts = sorted({row.account for row in outbox.due(connection, kind, account=only, limit=limit)})
    for account in accounts:
        if account not in shop.settings.accounts or not shop.account(account).enabled:
            continue
        if shop.account(account).mode != "live":
            done.problems[account] = "the account is in observe mode now: nothing is sent"
            continue
        with holding(shop.store, f"dispatch:{kind}:{account}") as lease:
            if lease is None:
                done.problems[account] = "another process sends for this account now"
                done.busy.add(account)
                continue
            with shop.store.reading() as connection:
                stop = stop_of(connection, account, EFFECTS)
                rows = outbox.due(connection, kind, account=account, limit=limit)
            if stop is not None:
                done.problems[account] = stop.words
                done.stopped.add(account)
                continue
            try:
                if kind == SALES_ENTRY:
                    _send_entries(shop, account, _sold_live(shop, rows), lease, done)
                else:
                    _send_to_channel(shop, account, rows, lease, done)
            except AccountStoppedError as error:
                done.problems[account] = str(error)
                done.stopped.add(account)
            except OrderPipelinesError as error:
                done.problems[account] = str(error)
                done.retryable = done.retryable and getattr(error, "retryable", False)
    with shop.store.reading() as connection:
        done.left = len(outbox.due(connection, kind, account=only, limit=limit))
    return done


def _sold_live(shop: Shop, rows: list[Any]) -> list[Any]:
    """Leave out the entries of accounts that only observe by now; they wait until the account is live again."""
    live = [name for name, account in shop.settings.accounts.items() if account.mode == "live"]
    with shop.store.reading() as connection:
        keys: set[str] = set()
        for part in chunks([row.subject_key for row in rows]):
            query = sa.select(invoices.c.invoice_key).where(
                invoices.c.invoice_key.in_(part), invoices.c.account.in_(live)
            )
            keys.update(connection.execute(query).scalars())
    return [row for row in rows if row.subject_key in keys]


def _deadline(shop: Shop) -> datetime:
    """Without it a used-up daily limit would keep the process asleep until midnight."""
    return clock.now() + timedelta(seconds=shop.settings.cadence.account_deadline_s)


def _send_entries(shop: Shop, account: str, rows: list[Any], lease: Lease, done: Dispatched) -> None:
    sink = shop.connect(account, lambda connector: connector.invoice_sink, _deadline(shop))
    for row in rows:
        try:
            with _stoppable(shop, row):
                _send_entry(shop, sink, row, lease, done)
        except ConsentNeededError:
            raise
        except ConnectorError as error:
            if not _note_failure(shop, row, error, done):
                raise


def _send_entry(shop: Shop, sink: InvoiceSink, row: Any, lease: Lease, done: Dispatched) -> None:
    """Search first, always: the books have no key of ours, and a lost answer leaves an entry behind."""
    if row.state == outbox.SENT and clock.now() - (row.sent_at or row.planned_at) < _SEARCH_LAG:
        return
    found = sink.find_entries(row.payload["reference"])
    if len(found) > 1:
        reason = f"{len(found)} entries with reference {row.payload['reference']} are in the books; remove all but one"
        with shop.store.transaction() as connection:
            outbox.move(connection, row.effect_key, outbox.FAILED, reason=reason)
            _note_invoice(connection, row.subject_key, "failed", None)
        done.failed += 1
        return
    if found:
        done.found += 1
        _confirm_entry(shop, row, found[0])
        done.confirmed += 1
        return
    with shop.store.transaction() as connection:
        assert_held(connection, lease)
        assert_not_stopped(connection, row.account, EFFECTS)
        outbox.move(connection, row.effect_key, outbox.SENT)
        _note_invoice(connection, row.subject_key, "sent", None)
    booked = sink.post_entry(_entry_of(row.payload))
    _confirm_entry(shop, row, booked)
    done.confirmed += 1


def _entry_of(payload: dict[str, Any]) -> SalesEntry:
    return SalesEntry(
        reference=payload["reference"],
        entry_date=date.fromisoformat(payload["entry_date"]),
        customer=payload["customer"],
        journal=payload["journal"],
        currency=payload["currency"],
        description=payload["description"],
        lines=tuple(
            EntryLine(
                line["ledger_account"],
                Decimal(line["amount_excl_vat"]),
                Decimal(line["vat_amount"]),
                line["vat_code"],
                line["description"],
            )
            for line in payload["lines"]
        ),
        payment_condition=payload["payment_condition"],
    )


def _confirm_entry(shop: Shop, row: Any, booked: BookedEntry) -> None:
    """Take the books' word, unless the amount there is another: then a person must look."""
    planned = sum(
        (Decimal(line["amount_excl_vat"]) + Decimal(line["vat_amount"]) for line in row.payload["lines"]),
        Decimal(0),
    )
    differs = booked.amount_incl_vat is not None and booked.amount_incl_vat != planned
    with shop.store.transaction() as connection:
        if differs:
            reason = (
                f"the books hold {booked.amount_incl_vat} for {booked.reference} where {planned} was planned"
            )
            outbox.move(connection, row.effect_key, outbox.FAILED, reason=reason, external_id=booked.entry_id)
            _note_invoice(connection, row.subject_key, "failed", booked)
        else:
            outbox.move(connection, row.effect_key, outbox.CONFIRMED, external_id=booked.entry_id)
            _note_invoice(connection, row.subject_key, "booked", booked)


def _note_invoice(connection: sa.Connection, key: str, state: str, booked: BookedEntry | None) -> None:
    values: dict[str, Any] = {"state": state, "change_seq": next_values(connection, CHANGE)}
    if booked is not None:
        values |= {"entry_id": booked.entry_id, "entry_number": booked.entry_number, "booked_at": clock.now()}
    connection.execute(sa.update(invoices).where(invoices.c.invoice_key == key).values(**values))


def _note_failure(shop: Shop, row: Any, error: ConnectorError, done: Dispatched) -> bool:
    """Record a failed call; returns whether going on with the next effect makes sense."""
    with shop.store.transaction() as connection:
        error.args = (without_people(connection, row.effect_key, str(error)),)
        if error.retryable or error.status in _BUDGET_STATUSES:
            state = outbox.IN_DOUBT if error.maybe_acted or row.state == outbox.IN_DOUBT else outbox.PENDING
            wait_s = error.retry_after_s or 0.0
            if state == outbox.IN_DOUBT:
                wait_s = max(wait_s, _lag_s(row))
            outbox.postpone(connection, row, state, str(error), at_least_s=wait_s)
            if row.kind == SALES_ENTRY:
                _note_invoice(connection, row.subject_key, _ENTRY_STATES[state], None)
            done.in_doubt += state == outbox.IN_DOUBT
        else:
            outbox.move(
                connection, row.effect_key, outbox.FAILED, reason=str(error), attempts=row.attempts + 1
            )
            if row.kind == SALES_ENTRY:
                _note_invoice(connection, row.subject_key, "failed", None)
            done.failed += 1
    return error.status is not None and error.status not in _BUDGET_STATUSES


def _lag_s(row: Any) -> float:
    return _SEARCH_LAG.total_seconds() if row.kind in _LOOKED_FOR else 0.0


def _send_to_channel(shop: Shop, account: str, rows: list[Any], lease: Lease, done: Dispatched) -> None:
    send = _sender(shop, account, rows[0].kind, lease, done) if rows else None
    silent = 0
    for row in rows:
        try:
            if send is not None:
                with _stoppable(shop, row):
                    send(row)
            silent = 0
        except ConnectorError as error:
            goes_on = _note_failure(shop, row, error, done)
            silent = silent + 1 if error.maybe_acted and error.status is None else 0
            if not goes_on and not 0 < silent < _SILENT_IN_A_ROW:
                raise


@contextmanager
def _stoppable(shop: Shop, row: Any) -> Iterator[None]:
    """Let a stop take hold before the next call that writes; what nothing was sent of waits as it did before."""
    gate = CallGate(shop.store, row.account, EFFECTS)
    known = sa.select(outbox_table.c.state).where(outbox_table.c.effect_key == row.effect_key)
    try:
        with asking_before_calls(gate, is_for_gets=False):
            yield
    except AccountStoppedError as error:
        with shop.store.transaction() as connection:
            if row.state != outbox.SENT and connection.execute(known).scalar() == outbox.SENT:
                state = outbox.IN_DOUBT if gate.let_through else row.state
                outbox.move(connection, row.effect_key, state, reason=str(error))
                if row.kind == SALES_ENTRY:
                    _note_invoice(connection, row.subject_key, _ENTRY_STATES[state], None)
        raise


def _sender(shop: Shop, account: str, kind: str, lease: Lease, done: Dispatched) -> Callable[[Any], None]:
    """Return what sends one effect of a kind to a channel."""
    if kind == CHANNEL_ACCEPTANCE:
        acceptor = shop.connect(account, lambda connector: connector.order_acceptor, _deadline(shop))
        return lambda row: _send_acceptance(shop, acceptor, row, lease, done)
    if kind == CHANNEL_REFUND:
        refunds = shop.connect(account, lambda connector: connector.refund_sink, _deadline(shop))
        return lambda row: _send_refund(shop, refunds, row, lease, done)
    sink = shop.connect(account, lambda connector: connector.shipment_sink, _deadline(shop))
    if kind == CHANNEL_CANCELLATION:
        return lambda row: _send_cancellation(shop, sink, row, lease, done)
    return lambda row: _send_shipment(shop, sink, row, lease, done)


def _send_shipment(shop: Shop, sink: ShipmentSink, row: Any, lease: Lease, done: Dispatched) -> None:
    payload = row.payload
    if row.state == outbox.SENT and row.write_reference is not None:
        result = sink.poll_write(row.write_reference)
    elif _is_too_fresh(row):
        return
    elif row.state in {outbox.SENT, outbox.IN_DOUBT} and sink.has_shipment(
        payload["external_order_id"], payload["reference"]
    ):
        # The first call acted although its answer was lost.
        done.found += 1
        result = WriteResult("confirmed")
    else:
        _note_sent(shop, row, lease)
        items = [ShipmentItem(item["line_id"], item["quantity"]) for item in payload["items"]]
        result = sink.ship(
            payload["external_order_id"],
            items,
            carrier=payload["carrier"],
            tracking=payload["tracking"],
            reference=payload["reference"],
        )
    _settle_shipment(shop, sink, row, result, lease, done)


def _is_too_fresh(row: Any) -> bool:
    """Whether a sender died so lately that the channel's list need not show yet what it sent."""
    return bool(row.state == outbox.SENT and clock.now() - (row.sent_at or row.planned_at) < _SEARCH_LAG)


def _note_sent(shop: Shop, row: Any, lease: Lease) -> None:
    with shop.store.transaction() as connection:
        assert_held(connection, lease)
        assert_not_stopped(connection, row.account, EFFECTS)
        outbox.move(connection, row.effect_key, outbox.SENT)


def _settle_shipment(
    shop: Shop, sink: ShipmentSink, row: Any, result: WriteResult, lease: Lease, done: Dispatched
) -> None:
    """Write down what became of it, unless another process took over meanwhile: it knows more by now."""
    if result.state not in {"accepted", "confirmed"} and _is_shipped_there(shop, sink, row):
        done.found += 1
        result = WriteResult("confirmed")
    reason = result.reason or "the channel gave no reason"
    with shop.store.transaction() as connection:
        assert_held(connection, lease)
        if result.state == "accepted":
            done.accepted += 1
            outbox.move(connection, row.effect_key, outbox.SENT, write_reference=result.reference)
        elif result.state == "confirmed":
            done.confirmed += 1
            outbox.move(connection, row.effect_key, outbox.CONFIRMED)
        elif result.state == "rejected":
            done.failed += 1
            outbox.move(connection, row.effect_key, outbox.FAILED, reason=reason, attempts=row.attempts + 1)
        else:
            done.in_doubt += 1
            outbox.postpone(connection, row, outbox.IN_DOUBT, reason)
            outbox.move(connection, row.effect_key, outbox.IN_DOUBT, write_reference=None)


def _is_shipped_there(shop: Shop, sink: ShipmentSink, row: Any) -> bool:
    """Tell whether the channel holds this parcel, or at least as many pieces as all our parcels of the order."""
    order_id = row.payload["external_order_id"]
    if sink.has_shipment(order_id, row.payload["reference"]):
        return True
    ours: dict[str, int] = {}
    with shop.store.reading() as connection:
        for lines in connection.execute(
            sa.select(shipments.c.lines).where(shipments.c.order_key == row.subject_key)
        ).scalars():
            for item in lines:
                ours[item["line_id"]] = ours.get(item["line_id"], 0) + item["quantity"]
    there = sink.shipped_quantities(order_id)
    return all(there.get(item["line_id"], 0) >= ours.get(item["line_id"], 1) for item in row.payload["items"])


def _send_cancellation(shop: Shop, sink: ShipmentSink, row: Any, lease: Lease, done: Dispatched) -> None:
    """Cancel one line; what the channel's order shows decides whenever an answer was lost or refused."""
    with shop.store.reading() as connection:
        happened = is_cancelled_here(connection, row.subject_key, row.payload["line_id"])
        order_id = connection.execute(
            sa.select(orders.c.external_order_id).where(orders.c.order_key == row.subject_key)
        ).scalar_one()
    if happened:
        done.confirmed += 1
        with shop.store.transaction() as connection:
            outbox.move(connection, row.effect_key, outbox.CONFIRMED)
        return
    if row.state == outbox.SENT and row.write_reference is not None:
        result = sink.poll_write(row.write_reference)
    else:
        _note_sent(shop, row, lease)
        result = sink.cancel_line(order_id, row.payload["line_id"], reason=row.payload["reason"])
    _settle_answer(shop, row, result, lease, done)


def _send_acceptance(shop: Shop, acceptor: OrderAcceptor, row: Any, lease: Lease, done: Dispatched) -> None:
    """Accept one order; after a lost answer the order is looked at first, for a second acceptance is an error there."""
    if row.state in {outbox.SENT, outbox.IN_DOUBT} and not acceptor.is_waiting(
        row.payload["external_order_id"]
    ):
        done.found += 1
        result = WriteResult("confirmed")
    else:
        _note_sent(shop, row, lease)
        result = acceptor.accept(row.payload["external_order_id"], row.payload["line_ids"])
    _settle_answer(shop, row, result, lease, done)


def _send_refund(shop: Shop, sink: RefundSink, row: Any, lease: Lease, done: Dispatched) -> None:
    """Give money back once; the channel's order is looked at before each try, for it knows no key against repeats."""
    if _is_too_fresh(row):
        return
    _note_sent(shop, row, lease)
    result = send_refund(shop, sink, row)
    _settle_answer(shop, row, result, lease, done)


def _settle_answer(shop: Shop, row: Any, result: WriteResult, lease: Lease, done: Dispatched) -> None:
    with shop.store.transaction() as connection:
        assert_held(connection, lease)
        if result.state == "accepted":
            done.accepted += 1
            outbox.move(connection, row.effect_key, outbox.SENT, write_reference=result.reference)
        elif result.state == "confirmed":
            done.confirmed += 1
            given = {"external_id": result.reference} if row.kind == CHANNEL_REFUND else {}
            outbox.move(connection, row.effect_key, outbox.CONFIRMED, **given)
        elif result.state == "rejected":
            done.failed += 1
            outbox.move(
                connection, row.effect_key, outbox.FAILED, reason=result.reason, attempts=row.attempts + 1
            )
        else:
            done.in_doubt += 1
            reason = result.reason or "the channel gave no reason"
            outbox.postpone(connection, row, outbox.IN_DOUBT, reason, at_least_s=_lag_s(row))
