"""Money back for a line of an order, on a person's word: planned once, looked for before it is sent again.

The channel's own order tells afterwards that it happened, and revenue follows that: nothing is counted here.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.connectors.aftersales import LineMoney, Reason, RefundSink, RefundWish
from order_pipelines.connectors.ports import WriteResult
from order_pipelines.connectors.registry import connector_of
from order_pipelines.errors import DomainRuleError
from order_pipelines.money import round_to_cents
from order_pipelines.operations import outbox
from order_pipelines.operations.outbox import Effect
from order_pipelines.operations.tables import order_lines
from order_pipelines.operations.tables import outbox as outbox_table
from order_pipelines.services.audit import COMMAND, REFUND_ORDER, record
from order_pipelines.services.order_lookup import find_order
from order_pipelines.services.shop import Shop

CHANNEL_REFUND = "channel_refund"
_LONGEST_KEY = 250
_UNDER_WAY = (outbox.PENDING, outbox.SENT, outbox.IN_DOUBT)
_OVER = (outbox.FAILED, outbox.ABORTED)


@dataclass(frozen=True, slots=True)
class PlannedRefund:
    """What was planned: money back including VAT, and whether it will ever be sent."""

    amount_incl_vat: Decimal
    quantity: int
    currency_code: str | None
    reason: Reason
    number: int
    is_observed: bool


def refund_reasons(shop: Shop, account: str) -> Sequence[Reason]:
    """Return the reasons that the channel of an account takes for a refund, as it says them now.

    Raises:
        DomainRuleError: the channel takes no refunds from here.
    """
    return _sink(shop, account).reasons()


def request_refund(
    shop: Shop,
    order_number: str,
    *,
    line_id: str,
    reason: str,
    quantity: int | None = None,
    amount: Decimal | None = None,
    account: str | None = None,
    again: bool = False,
    by: str = COMMAND,
) -> PlannedRefund:
    """Plan one refund of one line; what is left of it is asked of the channel now.

    Args:
        shop: the merchant's shop.
        order_number: number or id of the order.
        line_id: the channel's line id.
        reason: the channel's reason code, or its label.
        quantity: pieces that the money is for; their price is the amount unless one is given. Without both, all
            that is left.
        amount: including VAT. Without ``quantity`` it is money without goods.
        account: needed when several accounts have that number.
        again: a refund of this line was planned before, and this shall be another one.
        by: what stands in the audit log for who decided it.

    Raises:
        DomainRuleError: no single order fits, the channel takes no refunds, the reason is none of its, more is asked
            than is left, or a refund of the line was planned before. Nothing was planned.
        ConnectorError: the channel cannot be asked now.
    """
    with shop.store.reading() as connection:
        head = find_order(connection, shop.settings, order_number, account)
        line = _line(connection, head, line_id)
    if head.order_status == "cancelled":
        raise DomainRuleError(
            f"order {order_number} is cancelled: nothing of it was paid for; nothing was planned"
        )
    settings = shop.account(head.account)
    sink = _sink(shop, head.account)
    known = _known_reason(sink.reasons(), reason, head.account)
    money = sink.look(head.external_order_id, line_id)
    pieces, total = _decide(order_number, line_id, money, quantity, amount)
    with shop.store.transaction() as connection:
        before = _refunds_of(connection, head.order_key, line_id)
        _refuse_a_second(before, settings.mode, order_number, line_id, again=again)
        number = len(before) + 1
        for row in before:
            if row.state == outbox.FAILED:
                # Else 'failed retry' would send it beside this one.
                instead = f"refund {number} of the line was planned instead"
                outbox.move(connection, row.effect_key, outbox.ABORTED, reason=instead)
        ours = {row.external_id for row in before if row.external_id is not None}
        effect = Effect(
            _effect_key(head.order_key, line_id, number),
            head.account,
            CHANNEL_REFUND,
            head.order_key,
            settings.mode,
            {
                "external_order_id": head.external_order_id,
                "line_id": line_id,
                "amount_incl_vat": str(total),
                "currency": money.currency_code,
                "quantity": pieces,
                "reason": known.code,
                "number": number,
                "known_refunds": sorted({*money.refund_ids, *ours}),
            },
        )
        outbox.plan(connection, [effect])
        said = f"refund {number} of line {line.line_id}: {total} {money.currency_code or ''}, reason {known.code}"
        record(connection, REFUND_ORDER, head.account, head.order_key, after=said, by=by)
    return PlannedRefund(total, pieces, money.currency_code, known, number, settings.mode != "live")


def _sink(shop: Shop, account: str) -> RefundSink:
    system = shop.account(account).system
    if connector_of(system).refund_sink is None:
        raise DomainRuleError(f"{system} takes no refunds from here; refund there by hand")
    return shop.connect(account, lambda connector: connector.refund_sink, _deadline(shop))


def _deadline(shop: Shop) -> datetime:
    return clock.now() + timedelta(seconds=shop.settings.cadence.account_deadline_s)


def _line(connection: Connection, head: Any, line_id: str) -> Any:
    query = sa.select(order_lines).where(order_lines.c.order_key == head.order_key)
    lines = {row.line_id: row for row in connection.execute(query)}
    if line_id not in lines:
        known = ", ".join(lines) or "none"
        raise DomainRuleError(f"order {head.order_number} has no line {line_id}; its lines are {known}")
    return lines[line_id]


def _known_reason(reasons: Sequence[Reason], said: str, account: str) -> Reason:
    """Return the reason by code, else by label; never another one than was said."""
    for reason in reasons:
        if said == reason.code:
            return reason
    for reason in reasons:
        if said.casefold() == reason.label.casefold():
            return reason
    known = ", ".join(f"{reason.code} ({reason.label})" for reason in reasons) or "none"
    raise DomainRuleError(f"{said} is no reason that {account} takes for a refund; it takes {known}")


def _decide(
    order_number: str, line_id: str, money: LineMoney, quantity: int | None, amount: Decimal | None
) -> tuple[int, Decimal]:
    """Return pieces and money of a refund.

    Raises:
        DomainRuleError: nothing may be refunded, or not so much.
    """
    where = f"order {order_number}, line {line_id}"
    if money.refusal is not None:
        raise DomainRuleError(f"{where}: {money.refusal}; nothing was planned")
    if quantity is not None and not 0 < quantity <= money.pieces_left:
        raise DomainRuleError(
            f"{where}: {quantity} pieces are asked and {money.pieces_left} are left to refund"
        )
    if amount is not None:
        if amount != round_to_cents(amount):
            raise DomainRuleError(f"{where}: {amount} has more than two decimals")
        total = round_to_cents(amount)
    elif quantity is None or quantity == money.pieces_left:
        total = money.amount_left
    elif money.unit_price_incl_vat is None:
        raise DomainRuleError(f"{where}: nobody knows what one piece costs; give the amount")
    else:
        total = min(round_to_cents(money.unit_price_incl_vat * quantity), money.amount_left)
    if total <= 0:
        raise DomainRuleError(f"{where}: there is nothing to give back ({total})")
    if total > money.amount_left:
        left = f"{money.amount_left} is left to refund"
        raise DomainRuleError(f"{where}: {total} is asked and {left}; nothing was planned")
    if quantity is not None:
        return quantity, total
    return (money.pieces_left if amount is None else 0), total


def _refunds_of(connection: Connection, order_key: str, line_id: str) -> list[Any]:
    query = sa.select(outbox_table).where(
        outbox_table.c.subject_key == order_key, outbox_table.c.kind == CHANNEL_REFUND
    )
    return [row for row in connection.execute(query) if row.payload["line_id"] == line_id]


def _refuse_a_second(
    before: Sequence[Any], mode: str, order_number: str, line_id: str, *, again: bool
) -> None:
    """One at a time: while a refund is under way nobody could tell which of two equal ones the channel shows."""
    where = f"order {order_number}, line {line_id}"
    for row in before:
        # What was planned while observing is never sent and holds up nothing that is.
        if row.mode != mode or row.state in _OVER:
            continue
        if row.state in _UNDER_WAY:
            raise DomainRuleError(
                f"{where}: refund {row.payload['number']} is still under way ({row.state}); wait until it is confirmed"
            )
        if not again:
            raise DomainRuleError(
                f"{where}: {row.payload['amount_incl_vat']} was planned as refund {row.payload['number']} before "
                f"({row.state}); --again plans another one"
            )


def _effect_key(order_key: str, line_id: str, number: int) -> str:
    key = f"{CHANNEL_REFUND}:{order_key}:{line_id}:{number}"
    if len(key) <= _LONGEST_KEY:
        return key
    return f"{key[:180]}~{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def send_refund(shop: Shop, sink: RefundSink, row: Any) -> WriteResult:
    """Refund what a row of the outbox says, unless the channel shows it already."""
    payload = row.payload
    with shop.store.reading() as connection:
        ours = {
            other.external_id
            for other in _refunds_of(connection, row.subject_key, payload["line_id"])
            if other.external_id is not None and other.effect_key != row.effect_key
        }
    return sink.refund(
        RefundWish(
            payload["external_order_id"],
            payload["line_id"],
            Decimal(payload["amount_incl_vat"]),
            payload["quantity"],
            payload["reason"],
            frozenset({*payload["known_refunds"], *ours}),
        )
    )
