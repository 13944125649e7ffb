"""What the control port can do to an order, and how it tells what a shop holds."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from order_pipelines.sandbox.mirakl.desk import AccountDesk
from order_pipelines.sandbox.mirakl.model import Line, Offer, Order, Part, Return, utc_time
from order_pipelines.sandbox.mirakl.return_calls import RETURN_STATES
from order_pipelines.sandbox.mirakl.shop import Shop
from order_pipelines.sandbox.mirakl.wish import money
from order_pipelines.sandbox.standin import OrderRefused, UnknownThing

ACTIONS = (
    "release", "accept", "refuse", "pay", "cancel", "ship", "receive", "return", "return_state", "refund", "incident",
    "correct", "repair",
)  # fmt: skip

DETAILS = frozenset(
    {
        "order_line_id", "sku", "quantity", "reason", "state", "rma", "amount", "shipping_amount", "open",
        "tracking_number", "type",
    }
)  # fmt: skip


def act(shop: Shop, order: Order, action: str, detail: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Do one action to an order, or to the line that ``detail`` names by ``order_line_id`` or ``sku``.

    Raises:
        OrderRefused: the order's state does not allow it, or a member of ``detail`` is unknown.
        UnknownThing: no such action or line.
    """
    if action not in ACTIONS:
        raise UnknownThing(f"no action {action}; there are {', '.join(ACTIONS)}")
    if unknown := sorted(set(detail) - DETAILS):
        raise OrderRefused(
            f"unknown member(s) of an action: {', '.join(unknown)}; known: {', '.join(sorted(DETAILS))}"
        )
    lines = [
        line
        for line in order.lines
        if detail.get("order_line_id") in (None, line.line_id) and detail.get("sku") in (None, line.sku)
    ]
    if not lines:
        raise UnknownThing(f"no such line in order {order.order_id}")
    return _deeds[action](shop, order, lines, detail, now) or {"done": True}


def _need(order: Order, *states: str) -> None:
    if order.state not in states:
        raise OrderRefused(f"order {order.order_id} is {order.state}, not {' or '.join(states)}")


def _release(shop: Shop, order: Order, lines: list[Line], detail: dict[str, Any], now: datetime) -> None:
    _need(order, "STAGING")
    shop.set_state(order, "WAITING_ACCEPTANCE", now)


def _accept(shop: Shop, order: Order, lines: list[Line], detail: dict[str, Any], now: datetime) -> None:
    _need(order, "WAITING_ACCEPTANCE")
    shop.accept(order, lines, now)


def _refuse(shop: Shop, order: Order, lines: list[Line], detail: dict[str, Any], now: datetime) -> None:
    _need(order, "WAITING_ACCEPTANCE")
    shop.refuse(order, order.lines, now, "REFUSED_BY_SHOP", empties_offer=shop.operator.refusal_empties_offer)


def _pay(shop: Shop, order: Order, lines: list[Line], detail: dict[str, Any], now: datetime) -> None:
    if order.debited_at is not None or not order.live_lines or order.accepted_at is None:
        raise OrderRefused(f"nothing is to be paid for {order.order_id}, which is {order.state}")
    shop.pay(order, now)


def _cancel(shop: Shop, order: Order, lines: list[Line], detail: dict[str, Any], now: datetime) -> None:
    """The operator or the customer cancels; pieces and money are taken off the line."""
    _need(order, "STAGING", "WAITING_ACCEPTANCE", "WAITING_DEBIT", "WAITING_DEBIT_PAYMENT", "SHIPPING")
    reason = str(detail.get("reason", "CUSTOMER_CANCELLED"))
    for line in [line for line in lines if line in order.live_lines]:
        pieces = int(detail.get("quantity") or line.open_quantity)
        if not 0 < pieces <= line.open_quantity - shop.in_shipments(line):
            raise OrderRefused(f"not so many pieces of {line.line_id} are open")
        if pieces == line.open_quantity:
            shop.cancel_line(order, line, reason, now)
        else:
            amount = line.price_unit * pieces
            shop.cancel_pieces(order, line, shop.part(line, amount, Decimal(0), pieces, reason, now), now)


def _ship(shop: Shop, order: Order, lines: list[Line], detail: dict[str, Any], now: datetime) -> None:
    _need(order, "SHIPPING")
    order.tracking_number = detail.get("tracking_number", order.tracking_number)
    shop.ship(order, now, [line for line in lines if line in order.live_lines])


def _receive(shop: Shop, order: Order, lines: list[Line], detail: dict[str, Any], now: datetime) -> None:
    _need(order, "SHIPPED", "TO_COLLECT")
    shop.receive(order, now)


def _return(
    shop: Shop, order: Order, lines: list[Line], detail: dict[str, Any], now: datetime
) -> dict[str, Any]:
    if not shop.operator.has_returns:
        raise OrderRefused(f"{shop.operator.platform} has no returns module")
    line, pieces = lines[0], int(detail.get("quantity", 1))
    if line.shipped_at is None or not 0 < pieces <= line.open_quantity:
        raise OrderRefused(f"not so many pieces of {line.line_id} were shipped")
    entry = Return(
        return_id=shop.new_uuid(),
        order=order,
        line=line,
        quantity=pieces,
        reason_code=str(detail.get("reason", "RETURN_CHANGED_MIND")),
        state=_return_word(detail.get("state", "IN_PROGRESS")),
        created_at=now,
        changed_at=now,
        rma=detail.get("rma"),
    )
    shop.returns[entry.return_id] = entry
    return {"done": True, "return_id": entry.return_id}


def _return_word(word: object) -> str:
    if word not in RETURN_STATES:
        raise OrderRefused(f"a return is in one of {', '.join(RETURN_STATES)}, not {word!r}")
    return str(word)


def _return_state(shop: Shop, order: Order, lines: list[Line], detail: dict[str, Any], now: datetime) -> None:
    entries = [entry for entry in shop.returns.values() if entry.order is order]
    if not entries:
        raise OrderRefused(f"nothing of {order.order_id} came back")
    for entry in entries:
        entry.state, entry.changed_at = _return_word(detail.get("state")), now


def _refund(
    shop: Shop, order: Order, lines: list[Line], detail: dict[str, Any], now: datetime
) -> dict[str, Any]:
    """The operator gives money back; with no ``quantity`` it is a refund of value with quantity 0."""
    line = lines[0]
    amount = money(detail.get("amount", line.left()[0]))
    shipping = money(detail.get("shipping_amount", "0"))
    if order.debited_at is None or amount > line.left()[0] or shipping > line.left()[1]:
        raise OrderRefused(f"so much is not left to refund of {line.line_id}")
    part = shop.part(
        line, amount, shipping, int(detail.get("quantity", 0)), str(detail.get("reason", "17")), now
    )
    part.group_id, part.state = shop.new_uuid(), "WAITING_REFUND"
    line.refunds.append(part)
    shop.ledger.book_refund(order, line, part, now)
    shop.touch(order, now, [line])
    return {"done": True, "refund_id": part.id}


def _incident(shop: Shop, order: Order, lines: list[Line], detail: dict[str, Any], now: datetime) -> None:
    """A customer complains: a wish, not a state of the goods; ``open`` false ends it."""
    order.has_incident = bool(detail.get("open", True))
    for line in lines:
        if order.has_incident:
            line.state, line.reason_code = "INCIDENT_OPEN", str(detail.get("reason", "8"))
        elif line.state == "INCIDENT_OPEN":
            line.state, line.reason_code = order.state, None
    shop.touch(order, now, lines)


def _correct(shop: Shop, order: Order, lines: list[Line], detail: dict[str, Any], now: datetime) -> None:
    """The operator corrects the seller's account for an order of long ago, and pays out what was pending."""
    shop.ledger.book(
        str(detail.get("type", "MANUAL_CREDIT")), money(detail.get("amount", "1.00")), now, order
    )
    for row in shop.ledger.rows:
        if row.order is order and row.payment_state == "PENDING" and row.created_at < now:
            row.payment_state, row.changed_at = "PAYABLE", now


def _repair(shop: Shop, order: Order, lines: list[Line], detail: dict[str, Any], now: datetime) -> None:
    order.malform = {}
    shop.touch(order, now, order.lines)


_deeds = {
    "release": _release, "accept": _accept, "refuse": _refuse, "pay": _pay, "cancel": _cancel, "ship": _ship,
    "receive": _receive, "return": _return, "return_state": _return_state, "refund": _refund, "incident": _incident,
    "correct": _correct, "repair": _repair,
}  # fmt: skip


def state(desk: AccountDesk) -> dict[str, Any]:
    """Everything a shop holds, as JSON-ready values; money as decimal text, instants in UTC."""
    shop = desk.shop
    return {
        "system": "mirakl",
        "account": shop.operator.account,
        "offers": [_offer(offer) for offer in shop.offers.values()],
        "orders": [_order(order) for order in shop.orders.values()],
        "shipments": [
            {
                "shipment_id": one.shipment_id,
                "order_id": one.order.order_id,
                "status": one.status,
                "tracking": one.tracking,
                "lines": [
                    {"order_line_id": line.line_id, "sku": line.sku, "quantity": pieces}
                    for line, pieces, _ in one.parts
                ],
            }
            for one in shop.shipments.values()
        ],
        "refunds": _parts(shop, "refunds"),
        "cancelations": _parts(shop, "cancelations"),
        "returns": [
            {
                "return_id": one.return_id,
                "order_id": one.order.order_id,
                "order_line_id": one.line.line_id,
                "quantity": one.quantity,
                "state": one.state,
            }
            for one in shop.returns.values()
        ],
        "imports": [
            {
                "import_id": one.import_id,
                "kind": one.kind,
                "mode": one.mode,
                "status": one.status,
                "lines": len(one.rows),
                "lines_in_success": one.in_success,
                "lines_in_error": one.in_error,
                "errors": [{"line": line, "sku": sku, "message": text} for line, sku, text in one.errors],
                "silently_rejected": one.is_silent,
            }
            for one in shop.imports.values()
        ],
        "calls": dict(desk.calls),
        "refused_by_frequency": dict(desk.refused_by_frequency),
        "writes": list(desk.writes),
        "oversold": shop.oversold,
    }


def _offer(offer: Offer) -> dict[str, Any]:
    return {
        "offer_id": offer.offer_id,
        "sku": offer.sku,
        "ean": offer.ean,
        "product_id": offer.product_id,
        "title": offer.title,
        "price": str(offer.price),
        "channel_prices": {code: str(price) for code, price in offer.channel_prices.items()},
        "quantity": offer.quantity,
        "description": offer.description,
        "leadtime_to_ship": offer.leadtime_to_ship,
        "fulfillment_center": offer.center,
    }


def _order(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "commercial_id": order.commercial_id,
        "state": order.state,
        "created_at": utc_time(order.created_at),
        "changed_at": utc_time(order.changed_at),
        "debited_at": utc_time(order.debited_at),
        "fulfillment_center": order.center,
        "carrier_code": order.carrier_code,
        "carrier_name": order.carrier_name,
        "tracking_number": order.tracking_number,
        "lines": [
            {
                "order_line_id": line.line_id,
                "sku": line.sku,
                "state": line.state,
                "quantity": line.quantity,
                "cancelled": line.cancelled,
                "price": str(line.price),
                "shipping_price": str(line.shipping_price),
            }
            for line in order.lines
        ],
    }


def _parts(shop: Shop, name: str) -> list[dict[str, Any]]:
    found: list[tuple[Order, Line, Part]] = [
        (order, line, part)
        for order in shop.orders.values()
        for line in order.lines
        for part in getattr(line, name)
    ]
    return [
        {
            "id": part.id,
            "order_id": order.order_id,
            "order_line_id": line.line_id,
            "quantity": part.quantity,
            "amount": str(part.amount),
            "shipping_amount": str(part.shipping_amount),
            "reason_code": part.reason_code,
            "state": part.state,
        }
        for order, line, part in found
    ]
