"""OR11 and OR12, and what a seller decides about an order: OR21, OR23, OR24."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from order_pipelines.sandbox.mirakl.desk import Context
from order_pipelines.sandbox.mirakl.http import Answer, Problem
from order_pipelines.sandbox.mirakl.model import DEFAULT_CENTER, Order
from order_pipelines.sandbox.mirakl.order_shapes import listed_order, single_order
from order_pipelines.sandbox.mirakl.paging import offset_page
from order_pipelines.sandbox.mirakl.wish import WORKFLOWS

ORDER_STATES = (
    "STAGING", "WAITING_ACCEPTANCE", "WAITING_DEBIT", "WAITING_DEBIT_PAYMENT", "SHIPPING", "SHIPPED", "TO_COLLECT",
    "RECEIVED", "CLOSED", "REFUSED", "CANCELED",
)  # fmt: skip
_MOST_IDS = 100
# Mirakl itself moves ``start_update_date`` back a little, so that the same orders come twice.
_MOVED_BACK = timedelta(minutes=1)


def list_orders(context: Context) -> Answer:
    """OR11: orders in the order of their creation, or the other way round."""
    fits = _filter(context)
    rows = [order for order in context.shop.orders.values() if fits(order)]
    rows.sort(
        key=lambda order: (order.created_at, order.order_id),
        reverse=context.call.query.get("order") == "desc",
    )
    page, headers = offset_page(context.call, rows)
    value = {
        "orders": [listed_order(order, context.operator) for order in page],
        "total_count": len(rows),
    }
    return Answer(200, value, headers=headers)


def _filter(context: Context) -> Callable[[Order], bool]:
    call = context.call
    states, ids = call.values("order_state_codes"), call.values("order_ids")
    centers, channels = call.values("fulfillment_center_code"), call.values("channel_codes")
    workflow, tax_mode = call.query.get("payment_workflow"), call.query.get("order_tax_mode")
    debited, incident = context.flag("customer_debited"), context.flag("has_incident")
    only_null_channel = context.flag("only_null_channel")
    is_created = context.window("start_date", "end_date")
    is_changed = context.window("start_update_date", "end_update_date", leniency=_MOVED_BACK)
    if unknown := sorted(set(states) - set(ORDER_STATES)):
        raise Problem(400, f"Unknown order state(s): {', '.join(unknown)}")
    if workflow is not None and workflow not in WORKFLOWS:
        raise Problem(400, f"Unknown payment workflow: {workflow}")
    if len(ids) > _MOST_IDS:
        raise Problem(400, f"order_ids must not hold more than {_MOST_IDS} identifiers")
    channel = context.operator.channel[0] if context.operator.channel else None

    def fits(order: Order) -> bool:
        return (
            (not states or order.state in states)
            and (not ids or order.order_id in ids)
            and (not centers or order.center in centers)
            and (not channels or channel in channels)
            and not (only_null_channel and channel is not None)
            and (workflow is None or order.payment_workflow == workflow)
            and (tax_mode is None or order.tax_mode == tax_mode)
            and (debited is None or (order.debited_at is not None) == debited)
            and (incident is None or order.has_incident == incident)
            and not call.values("order_references_for_customer")
            and not call.values("order_references_for_seller")
            and is_created(order.created_at)
            and is_changed(order.changed_at)
        )

    return fits


def get_order(context: Context) -> Answer:
    """OR12."""
    order = context.shop.asked_order(context.call.arguments[0])
    return Answer(200, single_order(order, context.operator))


def accept_lines(context: Context) -> Answer:
    """OR21: every line needs a decision; whole orders only where the operator wants that."""
    order = context.shop.asked_order(context.call.arguments[0])
    decided = _decisions(order, context.call.rows("order_lines"))
    if order.center != DEFAULT_CENTER:
        raise Problem(400, "The order is fulfilled by the operator", code="ORDER_FULFILLED_UNAUTHORIZED")
    if order.state != "WAITING_ACCEPTANCE":
        raise Problem(
            400, "Order is not in the expected state for this operation", code="ORDER_INVALID_STATE"
        )
    accepted = [line for line in order.lines if decided[line.line_id]]
    if 0 < len(accepted) < len(order.lines) and not context.operator.has_partial_acceptance:
        raise Problem(400, "Partial acceptance is disabled", code="ORDER_PARTIAL_ACCEPTANCE_DISABLED")
    if accepted:
        context.shop.accept(order, accepted, context.now)
    else:
        context.shop.refuse(
            order,
            order.lines,
            context.now,
            "REFUSED_BY_SHOP",
            empties_offer=context.operator.refusal_empties_offer,
        )
    return Answer(204)


def _decisions(order: Order, rows: list[dict[str, Any]]) -> dict[str, bool]:
    decided: dict[str, bool] = {}
    for row in rows:
        line_id, accepted = row.get("id"), row.get("accepted")
        if not isinstance(line_id, str) or not isinstance(accepted, bool):
            raise Problem(400, "id and accepted are required", code="VALIDATION_ERROR")
        if line_id in decided:
            raise Problem(400, f"Order line '{line_id}' is there twice", code="ORDER_LINE_DUPLICATE_ID")
        if order.line(line_id) is None:
            raise Problem(400, f"Order line '{line_id}' not found", code="ORDER_LINE_NOT_FOUND")
        decided[line_id] = accepted
    if missing := [line.line_id for line in order.lines if line.line_id not in decided]:
        raise Problem(
            400, f"No decision for {', '.join(missing)}", code="ORDER_LINE_ACCEPTANCE_DECISION_MISSING"
        )
    return decided


def read_tracking(context: Context, body: dict[str, Any], url_member: str) -> dict[str, Any]:
    """Return a tracking as shipments hold it; a carrier's code must be one of the operator's.

    Raises:
        Problem: 400, the carrier is not known, or there is none.
    """
    code, name = body.get("carrier_code"), body.get("carrier_name")
    carrier = next((one for one in context.operator.carriers if one.code == code), None)
    if code is not None and carrier is None:
        raise Problem(400, f"Carrier with code '{code}' does not exist", code="VALIDATION_ERROR")
    if carrier is None and not name:
        raise Problem(400, "A carrier code or a carrier name is required", code="VALIDATION_ERROR")
    number, url = body.get("tracking_number"), body.get(url_member)
    if carrier is not None and carrier.tracking_url is not None and number:
        url = carrier.tracking_url.replace("{trackingId}", str(number))
    return {
        "carrier_code": code,
        "carrier_name": carrier.label if carrier is not None else name,
        "carrier_standard_code": carrier.standard_code if carrier else body.get("carrier_standard_code"),
        "tracking_number": number,
        "tracking_url": url,
    }


def set_tracking(context: Context) -> Answer:
    """OR23: tells the parcel, and does not ship it."""
    order = context.shop.asked_order(context.call.arguments[0])
    tracking = read_tracking(context, context.call.json(), "carrier_url")
    if order.state not in {"SHIPPING", "SHIPPED"}:
        raise Problem(
            400, "Order is not in the expected state for this operation", code="ORDER_INVALID_STATE"
        )
    if context.faults.take({"silent_reject"}, "PUT", context.call.target, context.operator.account) is None:
        order.carrier_code, order.carrier_name = tracking["carrier_code"], tracking["carrier_name"]
        order.carrier_standard_code = tracking["carrier_standard_code"]
        order.tracking_number, order.tracking_url = tracking["tracking_number"], tracking["tracking_url"]
        context.shop.touch(order, context.now)
    return Answer(204)


def ship_order(context: Context) -> Answer:
    """OR24: 400 without a word of explanation outside SHIPPING."""
    order = context.shop.asked_order(context.call.arguments[0])
    if not order.can_ship:
        raise Problem(400, "Bad Request")
    if context.faults.take({"silent_reject"}, "PUT", context.call.target, context.operator.account) is None:
        context.shop.ship(order, context.now)
    return Answer(204)
