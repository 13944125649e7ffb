"""What takes money off an order: OR28, OR29, OR30. None knows a key of idempotency: said twice is done twice."""

from decimal import Decimal, InvalidOperation
from typing import Any

from order_pipelines.sandbox.mirakl.desk import Context
from order_pipelines.sandbox.mirakl.http import Answer, Problem
from order_pipelines.sandbox.mirakl.model import Line, Order, Part

_NONE = Decimal(0)


def refund_lines(context: Context) -> Answer:
    """OR28: all rows or none; a value refund has quantity 0."""
    wanted = [_read_row(context, row, "REFUND") for row in context.call.rows("refunds")]
    for order, line, _, _ in wanted:
        if not order.can_refund(line):
            raise Problem(400, f"Order line '{line.line_id}' cannot be refunded", code="VALIDATION_ERROR")
        _check_left(line, [part for _, one, part, _ in wanted if one is line])
    group = context.shop.new_uuid()
    rows = []
    for order, line, part, row in wanted:
        part.group_id, part.state = group, "WAITING_REFUND"
        part.excluded_from_shipment = bool(row.get("excluded_from_shipment", False))
        line.refunds.append(part)
        context.shop.ledger.book_refund(order, line, part, context.now)
        context.shop.touch(order, context.now, [line])
        rows.append(
            {
                **_row(context, line, part),
                "excluded_from_shipment": part.excluded_from_shipment,
                "order_refund_id": group,
                "refund_id": part.id,
            }
        )
    return Answer(200, {"order_tax_mode": context.operator.tax_mode, "refunds": rows})


def cancel_lines(context: Context) -> Answer:
    """OR30: all rows or none."""
    wanted = [_read_row(context, row, "CANCELATION") for row in context.call.rows("cancelations")]
    for order, line, _, row in wanted:
        if not order.can_cancel:
            raise Problem(400, f"Order '{order.order_id}' cannot be canceled", code="ORDER_INVALID_STATE")
        parts = [part for _, one, part, _ in wanted if one is line]
        free = line.open_quantity - context.shop.in_shipments(line)
        if not isinstance(row.get("quantity"), int) or not 0 <= sum(one.quantity for one in parts) <= free:
            raise Problem(400, "Cancelation quantity is invalid", code="VALIDATION_ERROR")
        _check_left(line, parts)
    rows = []
    for order, line, part, _ in wanted:
        context.shop.cancel_pieces(order, line, part, context.now)
        rows.append({**_row(context, line, part), "cancelation_id": part.id})
    return Answer(200, {"cancelations": rows, "order_tax_mode": context.operator.tax_mode})


def cancel_order(context: Context) -> Answer:
    """OR29: the whole order."""
    order = context.shop.asked_order(context.call.arguments[0])
    if not order.can_cancel or any(context.shop.in_shipments(line) for line in order.lines):
        raise Problem(
            400, "Order is not in the expected state for this operation", code="ORDER_INVALID_STATE"
        )
    reason = next(one.code for one in context.operator.reasons if one.type == "CANCELATION")
    for line in order.live_lines:
        context.shop.cancel_line(order, line, reason, context.now)
    return Answer(204)


def _read_row(
    context: Context, row: dict[str, Any], reason_type: str
) -> tuple[Order, Line, Part, dict[str, Any]]:
    order, line = context.shop.asked_line(row.get("order_line_id"))
    amount, shipping = _amount(row, "amount"), _amount(row, "shipping_amount")
    reasons = [one.code for one in context.operator.reasons if one.type == reason_type and one.is_shop_right]
    # Mirakl's own example of OR30 has it as a number.
    if str(row.get("reason_code")) not in reasons:
        raise Problem(400, f"Reason '{row.get('reason_code')}' is not allowed", code="VALIDATION_ERROR")
    if row.get("currency_iso_code") not in {None, order.currency}:
        raise Problem(400, "The currency is not that of the order", code="VALIDATION_ERROR")
    quantity = row.get("quantity") or 0
    if not isinstance(quantity, int) or quantity < 0:
        raise Problem(400, "quantity must be a whole number of at least 0", code="VALIDATION_ERROR")
    part = context.shop.part(line, amount, shipping, quantity, str(row["reason_code"]), context.now)
    part.taxes = _taxes(row, "taxes", line.taxes, amount)
    part.shipping_taxes = _taxes(row, "shipping_taxes", line.shipping_taxes, shipping)
    return order, line, part, row


def _amount(row: dict[str, Any], name: str) -> Decimal:
    try:
        amount = Decimal(str(row[name]))
    except (KeyError, InvalidOperation) as error:
        raise Problem(400, f"{name} is required and a number", code="VALIDATION_ERROR") from error
    if amount < 0:
        raise Problem(400, f"{name} must not be negative", code="VALIDATION_ERROR")
    return amount


def _taxes(
    row: dict[str, Any], name: str, of_line: list[tuple[str, Decimal]], amount: Decimal
) -> list[tuple[str, Decimal]]:
    """Return the taxes of a row; where the order has taxes and money moves, each must be told."""
    given = {str(tax.get("code")): _amount(tax, "amount") for tax in row.get(name) or ()}
    codes = {code for code, _ in of_line}
    if unknown := sorted(set(given) - codes):
        raise Problem(400, f"Tax '{unknown[0]}' is not on the order line", code="VALIDATION_ERROR")
    if amount and (missing := sorted(codes - set(given))):
        raise Problem(400, f"{name}: tax '{missing[0]}' is required", code="VALIDATION_ERROR")
    return sorted(given.items())


def _check_left(line: Line, parts: list[Part]) -> None:
    goods, sending = line.left()
    if (
        sum((part.amount for part in parts), _NONE) > goods
        or sum((part.shipping_amount for part in parts), _NONE) > sending
    ):
        raise Problem(
            400, "The amount is higher than what is left of the order line", code="VALIDATION_ERROR"
        )


def _row(context: Context, line: Line, part: Part) -> dict[str, Any]:
    def told(taxes: list[tuple[str, Decimal]]) -> list[dict[str, Any]]:
        return [{"amount": amount, "code": code, "rate": line.tax_rate} for code, amount in taxes]

    return {
        "amount": part.amount,
        "currency_iso_code": context.operator.currency,
        "fees": [],
        "order_line_id": line.line_id,
        "quantity": part.quantity,
        "reason_code": part.reason_code,
        "shipping_amount": part.shipping_amount,
        "shipping_taxes": told(part.shipping_taxes),
        "taxes": told(part.taxes),
    }
