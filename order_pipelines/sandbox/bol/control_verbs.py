"""What the control port can do to an order, and how it tells what an account holds."""

from datetime import UTC, datetime
from typing import Any

from order_pipelines.sandbox.bol.desk import AccountDesk
from order_pipelines.sandbox.bol.model import Offer, Order, OrderItem, Shipment, utc_time
from order_pipelines.sandbox.bol.shop import Refusal, Shop
from order_pipelines.sandbox.bol.tokens import Credentials
from order_pipelines.sandbox.standin import OrderRefused, UnknownThing

ACTIONS = ("pay", "cancel", "ship", "return", "request_cancel", "repair")


def act(shop: Shop, order: Order, action: str, detail: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Do one action to an order, or to the item that ``detail`` names by ``order_item_id``, ``ean`` or ``sku``.

    ``detail["at"]`` is an ISO instant in the past at which it happened, as if nobody had looked since.

    Raises:
        OrderRefused: the order's state does not allow it.
        UnknownThing: no such action or item.
    """
    items = _items(order, detail)
    now = _instant(detail, now)
    if action == "pay":
        return {"done": False, "note": "bol orders are paid to bol before the merchant sees them"}
    if action == "repair":
        order.malform = {}
        for item in order.items:
            shop.touch(order, item, now)
        return {"done": True}
    if action == "request_cancel":
        shop.request_cancel(order, items, now)
        return {"done": True}
    if action == "cancel":
        for item in _open_items(order, items):
            shop.cancel(order, item, now, str(detail.get("reason", "CANCELLED_BY_BOL")))
        return {"done": True}
    if action == "ship":
        return _ship(shop, order, items, detail, now)
    if action == "return":
        return _return(shop, order, items, detail, now)
    raise UnknownThing(f"no action {action}; there are {', '.join(ACTIONS)}")


def _ship(
    shop: Shop, order: Order, items: list[OrderItem], detail: dict[str, Any], now: datetime
) -> dict[str, Any]:
    parts = [(item, int(detail.get("quantity") or item.open_quantity)) for item in _open_items(order, items)]
    if any(not 0 < pieces <= item.open_quantity for item, pieces in parts):
        raise OrderRefused(f"more pieces than are open in {order.order_id}")
    shipment = shop.ship(
        order,
        parts,
        now,
        str(detail.get("transporter_code", "TNT")),
        detail.get("track_and_trace", "3SBOL0000000001"),
    )
    return {"done": True, "shipment_id": shipment.shipment_id, "transport_id": shipment.transport_id}


def _return(
    shop: Shop, order: Order, items: list[OrderItem], detail: dict[str, Any], now: datetime
) -> dict[str, Any]:
    shipped = [item for item in items if item.shipped > 0]
    if not shipped:
        raise OrderRefused(f"nothing of {order.order_id} was shipped, nothing can come back")
    item = shipped[0]
    reason = str(detail.get("reason", "Niet naar verwachting"))
    try:
        entry = shop.register_return(
            order, item, int(detail.get("quantity", 1)), now, reason, str(detail.get("comments", ""))
        )
    except Refusal as refusal:
        raise OrderRefused(str(refusal)) from refusal
    if detail.get("handled"):
        entry.handled_at, entry.handling_result = now, str(detail.get("handling_result", "RETURN_RECEIVED"))
    return {"done": True, "return_id": entry.return_id, "rma_id": entry.rma_id}


def _instant(detail: dict[str, Any], now: datetime) -> datetime:
    if detail.get("at") is None:
        return now
    try:
        at = datetime.fromisoformat(str(detail["at"]))
        return min(at.astimezone(UTC), now) if at.tzinfo is not None else now
    except ValueError as error:
        raise OrderRefused(f"at is not an ISO instant: {detail['at']!r}") from error


def _items(order: Order, detail: dict[str, Any]) -> list[OrderItem]:
    items = [
        item
        for item in order.items
        if detail.get("order_item_id") in (None, item.order_item_id)
        and detail.get("ean") in (None, item.ean)
        and detail.get("sku") in (None, item.offer.sku if item.offer else None)
    ]
    if not items:
        raise UnknownThing(f"no such item in order {order.order_id}")
    return items


def _open_items(order: Order, items: list[OrderItem]) -> list[OrderItem]:
    found = [item for item in items if item.open_quantity > 0]
    if not found:
        raise OrderRefused(f"nothing of order {order.order_id} is open")
    return found


def state(desk: AccountDesk, pair: Credentials) -> dict[str, Any]:
    """Everything an account holds, as JSON-ready values; money as decimal text, instants in UTC."""
    shop = desk.shop
    return {
        "system": "bol",
        "account": shop.account,
        "offers": [_offer(offer) for offer in shop.offers.values()],
        "orders": [_order(order) for order in shop.orders.values()],
        "shipments": [_shipment(shipment) for shipment in shop.shipments.values()],
        "cancellations": [
            {
                "order_id": order.order_id,
                "order_item_id": item.order_item_id,
                "quantity": item.cancelled,
                "reason": item.cancel_reason,
            }
            for order, item in shop.items.values()
            if item.cancelled > 0
        ],
        "returns": [
            {
                "return_id": entry.return_id,
                "rma_id": entry.rma_id,
                "order_id": entry.order.order_id,
                "ean": entry.item.ean,
                "quantity": entry.quantity,
                "handled": entry.handled_at is not None,
            }
            for entry in shop.returns.values()
        ],
        "process_statuses": [
            {
                "process_status_id": status.process_status_id,
                "event_type": status.event_type,
                "entity_id": status.entity_id,
                "status": status.status,
                "error_message": status.error_message,
                "created_at": utc_time(status.created_at),
                "gone": status.gone,
            }
            for status in desk.processes.all()
        ],
        "token_requests": list(pair.requests),
        "token_violations": list(pair.violations),
        "calls": dict(desk.calls),
        "refused_by_limit": dict(desk.refused_by_limit),
        "writes": list(desk.writes),
        "oversold": shop.oversold,
    }


def _offer(offer: Offer) -> dict[str, Any]:
    return {
        "offer_id": offer.offer_id,
        "ean": offer.ean,
        "sku": offer.sku,
        "reference": offer.reference,
        "title": offer.title,
        "unit_price": str(offer.bundle_prices[0][1]),
        "amount": offer.amount,
        "corrected_stock": offer.corrected_stock,
        "managed_by_retailer": offer.managed_by_retailer,
        "for_sale": any(offer.is_for_sale(country) for country in offer.countries),
        "countries": list(offer.countries),
        "fulfilment_method": offer.fulfilment_method,
        "stock_written_at": utc_time(offer.stock_written_at),
    }


def _order(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "placed_at": utc_time(order.placed_at),
        "ship_country": order.shipment_details.get("countryCode"),
        "malformed": bool(order.malform),
        "items": [
            {
                "order_item_id": item.order_item_id,
                "ean": item.ean,
                "sku": item.offer.sku if item.offer else None,
                "fulfilment_method": item.method,
                "quantity": item.quantity,
                "quantity_shipped": item.shipped,
                "quantity_cancelled": item.cancelled,
                "cancellation_request": item.cancellation_request,
                "unit_price": str(item.unit_price),
                "total_price": str(item.total_price),
                "changed_at": utc_time(item.changed_at),
            }
            for item in order.items
        ],
    }


def _shipment(shipment: Shipment) -> dict[str, Any]:
    return {
        "shipment_id": shipment.shipment_id,
        "transport_id": shipment.transport_id,
        "order_id": shipment.order.order_id,
        "shipped_at": utc_time(shipment.shipped_at),
        "fulfilment_method": shipment.method,
        "reference": shipment.reference,
        "transporter_code": shipment.transporter_code,
        "track_and_trace": shipment.track_and_trace,
        "items": [
            {"order_item_id": item.order_item_id, "ean": item.ean, "quantity": pieces}
            for item, pieces in shipment.parts
        ],
    }
