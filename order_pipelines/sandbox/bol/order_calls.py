"""Orders, cancellations, shipments, transports and returns: the calls of retailer v10."""

from datetime import date, datetime, timedelta
from typing import Any

from order_pipelines.sandbox.bol import shapes
from order_pipelines.sandbox.bol.checks import BodyReader
from order_pipelines.sandbox.bol.desk import Context
from order_pipelines.sandbox.bol.http import Answer, invalid, not_found
from order_pipelines.sandbox.bol.model import AMSTERDAM, Order, OrderItem
from order_pipelines.sandbox.bol.order_pages import PAGE_SIZE, OrderQuery
from order_pipelines.sandbox.bol.shop import Refusal
from order_pipelines.sandbox.bol.spoil import spoil

CANCEL_REASONS = (
    "OUT_OF_STOCK", "REQUESTED_BY_CUSTOMER", "BAD_CONDITION", "HIGHER_SHIPCOST", "INCORRECT_PRICE",
    "NOT_AVAIL_IN_TIME", "NO_BOL_GUARANTEE", "ORDERED_TWICE", "RETAIN_ITEM", "TECH_ISSUE", "UNFINDABLE_ITEM", "OTHER",
)  # fmt: skip
# The 2024 enum; the 2026 spec types the code as free text. That unknown ones end in FAILURE is unverified.
TRANSPORTERS = frozenset(
    {
        "TNT", "TNT-EXTRA", "TNT_BRIEF", "TNT-EXPRESS", "BRIEFPOST", "DHL", "DHLFORYOU", "DHL_DE", "DHL-GLOBAL-MAIL",
        "DPD-NL", "DPD-BE", "BPOST_BE", "BPOST_BRIEF", "GLS", "UPS", "FEDEX_NL", "FEDEX_BE", "DYL", "TSN", "FIEGE",
        "TRANSMISSION", "PARCEL-NL", "LOGOIX", "PACKS", "COURIER", "TRUNKRS", "CYCLOON", "OTHER",
    }
)  # fmt: skip
FIELD_FAULTS = frozenset({"missing_field", "renamed_field"})
_HISTORY = timedelta(days=92)


def list_orders(context: Context) -> Answer:
    """GET /retailer/orders; the page after the last is ``{}``."""
    query = OrderQuery(
        fulfilment_method=context.word("fulfilment-method", ("FBR", "FBB", "ALL"), "FBR") or "FBR",
        status=context.word("status", ("OPEN", "SHIPPED", "ALL"), "OPEN") or "OPEN",
        change_interval_minute=context.whole_number("change-interval-minute", None, lowest=1, highest=60),
        latest_change_date=_change_date(context),
        vvb_only=context.flag("vvb-only") or False,
    )
    rows = context.desk.pages.page(query, context.page_number(), context.now)
    if not rows:
        return context.json({})
    return context.json({"orders": [_spoilt_row(order, items) for order, items in rows]})


def _spoilt_row(order: Order, items: tuple[OrderItem, ...]) -> dict[str, Any]:
    row = shapes.order_row(order, items)
    if "list_replaced" in order.malform:
        spoil(row, {"replaced": order.malform["list_replaced"]})
    return row


def _change_date(context: Context) -> date | None:
    text = context.call.query.get("latest-change-date")
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise invalid("latest-change-date", f"'{text}' is not a date in the form yyyy-MM-dd.") from error
    # Days of the Dutch calendar: an instant 92 days ago may be another day, for summer time lies in between.
    if day < context.now.astimezone(AMSTERDAM).date() - _HISTORY:
        raise invalid("latest-change-date", "Up to 3 months of history is supported.")
    return day


def get_order(context: Context) -> Answer:
    """GET /retailer/orders/{order-id}."""
    order_id = context.call.arguments[0]
    order = context.shop.orders.get(order_id)
    if order is None:
        raise not_found(f"Order for order id {order_id} not found.")
    detail = shapes.order_detail(order)
    if order.malform:
        detail = spoil(detail, order.malform)
    for kind in sorted(FIELD_FAULTS):
        fault = context.faults.take({kind}, context.call.method, context.call.target, context.shop.account)
        if fault is not None:
            path = str(fault.detail.get("path", "orderItems.0.unitPrice"))
            renamed = {path: str(fault.detail.get("to", "renamedByBol"))}
            detail = spoil(detail, {"missing": [path]} if kind == "missing_field" else {"renamed": renamed})
    return context.json(detail)


def cancel_item(context: Context) -> Answer:
    """PUT /retailer/orders/cancellation: one item, everything of it that is open."""
    body = BodyReader(context.call.json(), ("orderItems",))
    entries = body.items("orderItems", fewest=1, most=1, required=True)
    body.finish()
    entry = BodyReader(entries[0], ("orderItemId", "reasonCode"), "orderItems[0].")
    item_id, reason = entry.text("orderItemId", required=True), entry.word("reasonCode", CANCEL_REASONS)
    entry.finish()

    def cancel(at: datetime) -> None:
        order, item = _open_item(context, str(item_id))
        context.shop.cancel(order, item, at, str(reason))

    return context.accept("CANCEL_ORDER", f"Cancel order item with id {item_id}.", item_id, cancel)


def create_shipment(context: Context) -> Answer:
    """POST /retailer/shipments: items of one order, in full or in a quantity."""
    body = BodyReader(
        context.call.json(), ("orderItems", "shipmentReference", "shippingLabelId", "transport")
    )
    entries = body.items("orderItems", fewest=1, most=100, required=True)
    reference = body.text("shipmentReference", longest=90)
    label = body.text("shippingLabelId")
    if (label is None) == (not body.has("transport")):
        body.complain("transport", "Either transport or shippingLabelId must be given.")
    body.finish()
    carrier = BodyReader(body.body.get("transport") or {}, ("transporterCode", "trackAndTrace"), "transport.")
    code = carrier.text("transporterCode", required=label is None)
    tracking = carrier.text("trackAndTrace")
    carrier.finish()
    wanted: list[tuple[str, int | None]] = []
    for number, raw in enumerate(entries):
        entry = BodyReader(raw, ("orderItemId", "quantity"), f"orderItems[{number}].")
        item_id, quantity = entry.text("orderItemId", required=True), entry.whole("quantity", lowest=1)
        entry.finish()
        wanted.append((str(item_id), quantity))

    def ship(at: datetime) -> None:
        if label is not None:
            raise Refusal(f"Shipping label {label} not found.")
        if code not in TRANSPORTERS:
            raise Refusal(f"Transporter code {code} is unknown.")
        order, parts = _parts(context, wanted)
        context.shop.ship(order, parts, at, code, tracking, reference or "")

    if len(wanted) == 1:
        return context.accept(
            "CREATE_SHIPMENT", f"Create shipment for order item {wanted[0][0]}.", wanted[0][0], ship
        )
    return context.accept("CREATE_SHIPMENT", "Create shipment.", None, ship)


def _open_item(context: Context, item_id: str) -> tuple[Order, OrderItem]:
    known = context.shop.items.get(item_id)
    if known is None:
        raise Refusal(f"Order item {item_id} not found.")
    order, item = known
    if item.method == "FBB":
        raise Refusal(f"Order item {item_id} is fulfilled by bol.")
    if item.open_quantity == 0:
        raise Refusal(f"Order item {item_id} is already handled.")
    return order, item


def _parts(
    context: Context, wanted: list[tuple[str, int | None]]
) -> tuple[Order, list[tuple[OrderItem, int]]]:
    parts: list[tuple[OrderItem, int]] = []
    orders: dict[str, Order] = {}
    for item_id, quantity in wanted:
        order, item = _open_item(context, item_id)
        orders[order.order_id] = order
        pieces = item.open_quantity if quantity is None else quantity
        already = sum(shipped for other, shipped in parts if other is item)
        if pieces > item.open_quantity - already:
            raise Refusal(
                f"Order item {item_id} has {item.open_quantity} open, {pieces + already} cannot be shipped."
            )
        parts.append((item, pieces))
    if len(orders) > 1:
        raise Refusal("Order items must belong to the same order.")
    return next(iter(orders.values())), parts


def list_shipments(context: Context) -> Answer:
    """GET /retailer/shipments: newest first, three months back."""
    method = context.word("fulfilment-method", ("FBR", "FBB"), None)
    order_id = context.call.query.get("order-id")
    if order_id is not None and method is not None:
        raise invalid("order-id", "Only valid without fulfilment-method.")
    oldest = context.now - _HISTORY
    if order_id is not None:
        found = list(context.shop.shipments_by_order.get(order_id, []))
    else:
        found = [entry for entry in context.shop.shipments.values() if entry.method == (method or "FBR")]
    found = [entry for entry in found if entry.shipped_at >= oldest]
    found.sort(key=lambda entry: (entry.shipped_at, entry.shipment_id), reverse=True)
    return _page(context, "shipments", [shapes.shipment_row(entry) for entry in _cut(context, found)])


def get_shipment(context: Context) -> Answer:
    """GET /retailer/shipments/{shipment-id}."""
    shipment = context.shop.shipments.get(context.call.arguments[0])
    if shipment is None:
        raise not_found(f"Shipment with id {context.call.arguments[0]} not found.")
    return context.json(shapes.shipment_detail(shipment))


def change_transport(context: Context) -> Answer:
    """PUT /retailer/transports/{transport-id}: correct carrier and tracking."""
    transport_id = context.call.arguments[0]
    body = BodyReader(context.call.json(), ("transporterCode", "trackAndTrace"))
    code, tracking = body.text("transporterCode"), body.text("trackAndTrace", required=True)
    body.finish()

    def change(at: datetime) -> None:
        shipment = context.shop.transports.get(transport_id)
        if shipment is None:
            raise Refusal(f"Transport {transport_id} not found.")
        if code is not None and code not in TRANSPORTERS:
            raise Refusal(f"Transporter code {code} is unknown.")
        shipment.transporter_code = code or shipment.transporter_code
        shipment.track_and_trace = tracking
        shipment.events.append(("IN_TRANSIT", at))

    return context.accept(
        "CHANGE_TRANSPORT", f"Change transport with id {transport_id}.", transport_id, change
    )


def list_returns(context: Context) -> Answer:
    """GET /retailer/returns: unhandled oldest first, handled newest first."""
    handled = context.flag("handled") or False
    method = context.word("fulfilment-method", ("FBR", "FBB"), None)
    found = [
        entry
        for entry in context.shop.returns.values()
        if (entry.handled_at is not None) == handled and method in (None, entry.item.method)
    ]
    found.sort(key=lambda entry: (entry.registered_at, entry.return_id), reverse=handled)
    return _page(
        context, "returns", [shapes.return_row(entry, detailed=False) for entry in _cut(context, found)]
    )


def get_return(context: Context) -> Answer:
    """GET /retailer/returns/{return-id}."""
    entry = context.shop.returns.get(context.call.arguments[0])
    if entry is None:
        raise not_found(f"Return with id {context.call.arguments[0]} not found.")
    return context.json(shapes.return_row(entry, detailed=True))


def _cut(context: Context, found: list[Any]) -> list[Any]:
    start = (context.page_number() - 1) * PAGE_SIZE
    return found[start : start + PAGE_SIZE]


def _page(context: Context, member: str, rows: list[dict[str, Any]]) -> Answer:
    return context.json({member: rows} if rows else {})
