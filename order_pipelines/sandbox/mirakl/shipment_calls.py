"""Parcels where the operator has the multi-shipment feature, the only way to ship a part: ST01, ST11, ST23, ST24."""

from typing import Any

from order_pipelines.sandbox.mirakl.desk import Context
from order_pipelines.sandbox.mirakl.http import Answer, Problem
from order_pipelines.sandbox.mirakl.model import Line, Order, Shipment, utc_time
from order_pipelines.sandbox.mirakl.order_calls import read_tracking

_MOST = 1000
_STATES = (
    "SHIPPING", "READY_FOR_PICK_UP", "SHIPMENT_PREPARED", "SHIPPED", "TO_COLLECT", "RECEIVED", "CANCELED", "CLOSED",
)  # fmt: skip


def _check_feature(context: Context) -> None:
    if not context.operator.has_multi_shipment:
        raise Problem(403, "The multi-shipment feature is not enabled on this platform")


def create_shipments(context: Context) -> Answer:
    """ST01: each row succeeds or fails alone, and the answer is 201 also when all failed."""
    _check_feature(context)
    rows = context.call.rows("shipments")
    if len(rows) > _MOST:
        raise Problem(400, f"No more than {_MOST} shipments at once", code="VALIDATION_ERROR")
    made, errors = [], []
    for row in rows:
        try:
            made.append(_shape(_create(context, row)))
        except Problem as problem:
            errors.append({"message": problem.message, "order_id": row.get("order_id")})
    return Answer(201, {"shipment_errors": errors, "shipment_success": made})


def _create(context: Context, row: dict[str, Any]) -> Shipment:
    order = context.shop.orders.get(str(row.get("order_id")))
    if order is None:
        raise Problem(404, "Order not found.")
    if not order.can_ship:
        raise Problem(400, f"The order status must be 'SHIPPING' but it is '{order.state}'.")
    parts = [_part(context, order, one) for one in row.get("shipment_lines") or ()]
    taken: dict[str, int] = {}
    for line, pieces, _ in parts:
        taken[line.line_id] = taken.get(line.line_id, 0) + pieces
        if pieces < 1 or taken[line.line_id] > line.open_quantity - context.shop.in_shipments(line):
            raise Problem(400, "Shipment quantity is invalid.")
    if not parts:
        raise Problem(400, "Shipment lines are required.")
    tracking = row.get("tracking")
    shipment = Shipment(
        shipment_id=context.shop.new_uuid(),
        order=order,
        parts=parts,
        status="SHIPPING",
        created_at=context.now,
        changed_at=context.now,
        tracking=read_tracking(context, tracking, "tracking_url") if isinstance(tracking, dict) else {},
        invoice_reference=row.get("invoice_reference"),
        warehouse=((row.get("shipping_from") or {}).get("warehouse") or {}).get("code"),
    )
    context.shop.shipments[shipment.shipment_id] = shipment
    if row.get("shipped"):
        _ship(context, shipment)
    context.shop.touch(order, context.now)
    return shipment


def _part(context: Context, order: Order, row: dict[str, Any]) -> tuple[Line, int, str | None]:
    line_id, sku = row.get("order_line_id"), row.get("offer_sku")
    line = next(
        (one for one in order.live_lines if one.line_id == line_id or (line_id is None and one.sku == sku)),
        None,
    )
    if line is None:
        raise Problem(400, f"Order line '{line_id or sku}' not found.")
    quantity = row.get("quantity")
    return line, quantity if isinstance(quantity, int) else 0, row.get("package_reference")


def _ship(context: Context, shipment: Shipment) -> None:
    shop, order = context.shop, shipment.order
    shipment.status, shipment.shipped_at, shipment.changed_at = "SHIPPED", context.now, context.now
    if shipment.tracking:
        order.carrier_code, order.carrier_name = (
            shipment.tracking["carrier_code"],
            shipment.tracking["carrier_name"],
        )
        order.tracking_number = shipment.tracking["tracking_number"]
        order.tracking_url = shipment.tracking["tracking_url"]
    sent = {
        line.line_id: sum(
            pieces
            for one in shop.shipments.values()
            if one.status == "SHIPPED"
            for part, pieces, _ in one.parts
            if part is line
        )
        for line in order.live_lines
    }
    full = [
        line
        for line in order.live_lines
        if sent[line.line_id] >= line.open_quantity and line.state == "SHIPPING"
    ]
    shop.ship(order, context.now, full)


def list_shipments(context: Context) -> Answer:
    """ST11: seek paging."""
    _check_feature(context)
    call = context.call
    orders, states = call.values("order_id"), call.values("shipment_state_code")
    if unknown := sorted(set(states) - set(_STATES)):
        raise Problem(400, f"Unknown shipment state(s): {', '.join(unknown)}")
    is_changed = context.window("last_updated_from", "last_updated_to")
    rows = [
        _shape(shipment)
        for shipment in sorted(context.shop.shipments.values(), key=lambda one: one.changed_at)
        if (not orders or shipment.order.order_id in orders)
        and (not states or shipment.status in states)
        and is_changed(shipment.changed_at)
    ]
    return Answer(200, context.desk.tokens.page(call, rows, context.now))


def set_shipment_tracking(context: Context) -> Answer:
    """ST23."""

    def change(shipment: Shipment, row: dict[str, Any]) -> None:
        tracking = row.get("tracking")
        if not isinstance(tracking, dict):
            raise Problem(400, "Tracking is required.")
        shipment.tracking = read_tracking(context, tracking, "tracking_url")
        shipment.changed_at = context.now

    return _change_each(context, change)


def ship_shipments(context: Context) -> Answer:
    """ST24."""

    def change(shipment: Shipment, row: dict[str, Any]) -> None:
        if shipment.status != "SHIPPING":
            raise Problem(400, f"The shipment status must be 'SHIPPING' but it is '{shipment.status}'.")
        _ship(context, shipment)

    return _change_each(context, change)


def _change_each(context: Context, change: Any) -> Answer:
    _check_feature(context)
    done, errors = [], []
    for row in context.call.rows("shipments"):
        shipment = context.shop.shipments.get(str(row.get("id")))
        try:
            if shipment is None:
                raise Problem(404, "Shipment not found.")
            change(shipment, row)
            done.append({"id": shipment.shipment_id})
        except Problem as problem:
            errors.append({"id": str(row.get("id")), "message": problem.message})
    return Answer(200, {"shipment_errors": errors, "shipment_success": done})


def _shape(shipment: Shipment) -> dict[str, Any]:
    is_paid = shipment.order.debited_at is not None
    tracking = shipment.tracking or {
        "carrier_code": None,
        "carrier_name": None,
        "carrier_standard_code": None,
        "tracking_number": None,
        "tracking_url": None,
    }
    return {
        "created_date": utc_time(shipment.created_at),
        "id": shipment.shipment_id,
        "invoice_reference": shipment.invoice_reference,
        "last_updated_date": utc_time(shipment.changed_at),
        "order_id": shipment.order.order_id,
        "payment_details": None,
        "shipment_additional_information": [],
        "shipment_lines": [
            {
                "offer_sku": line.sku,
                "order_line_id": line.line_id,
                "package_reference": reference,
                "quantity": pieces,
            }
            for line, pieces, reference in shipment.parts
        ],
        "shipped_date": utc_time(shipment.shipped_at),
        "shipping_from": {"address": None, "warehouse": {"code": shipment.warehouse}}
        if shipment.warehouse
        else None,
        "status": shipment.status,
        "status_customer_debit": "DEBITED" if is_paid else "NO_DEBIT",
        "tracking": {**tracking, "last_known_location": None, "milestones": [], "validity_status": None},
    }
