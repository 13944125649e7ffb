"""What the control port can do to an order, and how it tells what a shop holds."""

from datetime import datetime
from typing import Any

from order_pipelines.sandbox.shopware.http import Problem
from order_pipelines.sandbox.shopware.schema import LIVE_VERSION
from order_pipelines.sandbox.shopware.shop import Shop
from order_pipelines.sandbox.shopware.store import Row
from order_pipelines.sandbox.standin import OrderRefused, UnknownThing

# What each action does: a transition of one of the machines.
_MOVES = {
    "pay": ("order_transaction", "paid"),
    "refund": ("order_transaction", "refund"),
    "chargeback": ("order_transaction", "chargeback"),
    "process": ("order", "process"),
    "complete": ("order", "complete"),
    "cancel": ("order", "cancel"),
    "reopen": ("order", "reopen"),
    "ship": ("order_delivery", "ship"),
    "return": ("order_delivery", "retour"),
}
ACTIONS = (*_MOVES, "draft", "delete_product", "change_quantity", "repair")


def act(shop: Shop, order: Row, action: str, detail: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Do to an order what somebody does in the shop's administration.

    Raises:
        OrderRefused: the state does not allow it.
        UnknownThing: no such action, or nothing to do it to.
    """
    if action in _MOVES:
        machine, transition = _MOVES[action]
        try:
            outcome = shop.move(
                machine,
                _target(shop, machine, order),
                transition,
                now,
                sends_mail=bool(detail.get("send_mail", True)),
                by_api=False,
            )
        except Problem as problem:
            raise OrderRefused(str(problem)) from problem
        return {"done": outcome.was != outcome.became, "state": outcome.became}
    if action == "draft":
        return {"done": True, "version_id": shop.draft(order)}
    if action == "delete_product":
        shop.delete_product(shop.product(str(detail.get("sku"))))
        return {"done": True}
    if action == "change_quantity":
        return _change_quantity(shop, order, detail, now)
    if action == "repair":
        order["_malform"] = {}
        shop.change_order(order, {}, now)
        return {"done": True}
    raise UnknownThing(f"no action {action}; there are {', '.join(ACTIONS)}")


def _target(shop: Shop, machine: str, order: Row) -> Row:
    """Return what an action is done to: the order, its delivery of goods, or its newest payment."""
    if machine == "order":
        return order
    rows = shop.parts(machine, order)
    if machine == "order_transaction":
        if not rows:
            raise UnknownThing(f"nobody ever tried to pay {order['orderNumber']}")
        return max(rows, key=lambda row: str(row["createdAt"]))
    goods = [
        row for row in rows if shop.store.those_of("order_delivery_position", "orderDeliveryId", row["id"])
    ]
    if not goods:
        raise UnknownThing(f"no goods leave with {order['orderNumber']}")
    return goods[0]


def _change_quantity(shop: Shop, order: Row, detail: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Raise or lower the pieces of a line, as an admin does; its sums and the order's are left as they are."""
    wanted = int(detail.get("quantity", 0))
    for line in shop.parts("order_line_item", order):
        if (line["payload"] or {}).get("productNumber") == detail.get("sku") and wanted > 0:
            more = wanted - line["quantity"]
            shop.store.change("order_line_item", line, {"quantity": wanted}, now)
            product = shop.store.get("product", line["productId"])
            if product is not None:
                product["stock"] -= more if shop.stock.is_live else 0
                shop.stock.written(product)
            return {"done": True}
    raise UnknownThing(f"no line of {detail.get('sku')} in order {order['orderNumber']}")


def state(shop: Shop) -> dict[str, Any]:
    """Everything a shop holds, as JSON-ready values."""
    return {
        "system": "shopware",
        "account": shop.account,
        "version": shop.version,
        "offers": [_offer(row) for row in shop.store.rows("product") if not row["childCount"]],
        "orders": [_order(shop, row) for row in shop.store.rows("order")],
        "documents": [
            {
                "document_id": row["id"],
                "order_id": row["orderId"],
                "number": row["documentNumber"],
                "type": _type_of(shop, row),
            }
            for row in shop.store.rows("document")
        ],
        "mails": list(shop.mails),
        "calls": dict(shop.calls),
        "writes": list(shop.writes),
        "oversold": shop.oversold,
    }


def _offer(row: Row) -> dict[str, Any]:
    return {
        "offer_id": row["id"],
        "sku": row["productNumber"],
        "ean": row["ean"],
        "quantity": row["availableStock"],
        "stock": row["stock"],
        "available_stock": row["availableStock"],
        "is_closeout": row["isCloseout"],
        "for_sale": row["available"] and row["active"],
        "updated_at": row["updatedAt"],
    }


def _order(shop: Shop, order: Row) -> dict[str, Any]:
    name_of = shop.machines.name_of
    return {
        "order_id": order["id"],
        "order_number": order["orderNumber"],
        "state": name_of(order),
        "placed_at": order["orderDateTime"],
        "updated_at": order["updatedAt"],
        "amount_total": order["amountTotal"],
        "is_live": order["versionId"] == LIVE_VERSION,
        "lines": [
            {
                "line_id": row["id"],
                "type": row["type"],
                "sku": (row["payload"] or {}).get("productNumber"),
                "quantity": row["quantity"],
                "total_price": row["totalPrice"],
            }
            for row in shop.parts("order_line_item", order)
        ],
        "deliveries": [
            {
                "delivery_id": row["id"],
                "state": name_of(row),
                "tracking_codes": list(row["trackingCodes"]),
                "shipping_costs": row["shippingCosts"]["totalPrice"],
            }
            for row in shop.parts("order_delivery", order)
        ],
        "transactions": [
            {"transaction_id": row["id"], "state": name_of(row), "created_at": row["createdAt"]}
            for row in shop.parts("order_transaction", order)
        ],
    }


def _type_of(shop: Shop, document: Row) -> str | None:
    row = shop.store.get("document_type", document["documentTypeId"])
    return None if row is None else row["technicalName"]
