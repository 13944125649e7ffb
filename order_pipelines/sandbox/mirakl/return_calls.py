"""Returns where the operator has that module: RT11 and RT25. A return moves no money: that is a call of its own."""

from typing import Any

from order_pipelines.sandbox.mirakl.desk import Context
from order_pipelines.sandbox.mirakl.http import Answer, Problem
from order_pipelines.sandbox.mirakl.model import Return, utc_time

RETURN_STATES = (
    "WAITING_ACCEPTANCE", "IN_PROGRESS", "REFUSED", "RECEIVED", "NO_RECEPTION", "CLOSED", "CANCELED",
)  # fmt: skip


def _check_module(context: Context) -> None:
    if not context.operator.has_returns:
        raise Problem(403, "The returns module is not enabled on this platform")


def list_returns(context: Context) -> Answer:
    """RT11: seek paging with tokens that grow too old."""
    _check_module(context)
    call = context.call
    if unknown := sorted(set(call.values("return_state")) - set(RETURN_STATES)):
        raise Problem(400, f"Unknown return state(s): {', '.join(unknown)}")
    is_created = context.window("return_creation_date_from", "return_creation_date_to")
    is_changed = context.window("return_last_updated_from", "return_last_updated_to")
    rows = [
        _shape(entry)
        for entry in sorted(context.shop.returns.values(), key=lambda one: one.created_at)
        if _is_among(entry.return_id, call.values("return_id"))
        and _is_among(entry.state, call.values("return_state"))
        and _is_among(entry.order.commercial_id, call.values("order_commercial_id"))
        and _is_among(entry.line.line_id, call.values("order_line_id"))
        and _is_among(str(entry.rma), call.values("return_rma"))
        and _is_among(entry.order.customer["customer_id"], call.values("customer_id"))
        and is_created(entry.created_at)
        and is_changed(entry.changed_at)
    ]
    return Answer(200, context.desk.tokens.page(call, rows, context.now))


def _is_among(word: str, words: list[str]) -> bool:
    return not words or word in words


def receive_returns(context: Context) -> Answer:
    """RT25: 200 with what went well and what did not."""
    _check_module(context)
    done, errors = [], []
    for row in context.call.rows("returns"):
        entry = context.shop.returns.get(str(row.get("id")))
        if entry is None:
            errors.append({"id": str(row.get("id")), "message": "Return not found."})
        elif entry.state != "IN_PROGRESS":
            message = f"The return status must be 'IN_PROGRESS' but it is '{entry.state}'."
            errors.append({"id": entry.return_id, "message": message})
        else:
            entry.state, entry.changed_at = "RECEIVED", context.now
            done.append({"id": entry.return_id})
    return Answer(200, {"return_errors": errors, "return_success": done})


def _shape(entry: Return) -> dict[str, Any]:
    return {
        "date_created": utc_time(entry.created_at),
        "documents": [],
        "id": entry.return_id,
        "label_url": None,
        "last_updated": utc_time(entry.changed_at),
        "method_code": "RETURN_METHOD_BY_MAIL",
        "order_commercial_id": entry.order.commercial_id,
        "order_id": entry.order.order_id,
        "reason_code": entry.reason_code,
        "rejection_reason_code": None,
        "return_address": {
            "city": "Zwolle",
            "country_iso_code": "NLD",
            "state": None,
            "street1": "Retourweg 1",
            "street2": None,
            "zip_code": "8011 CD",
        },
        "return_lines": [
            {
                "compliance": [],
                "order_line_id": entry.line.line_id,
                "quantity": entry.quantity,
                "reason_code": entry.reason_code,
            }
        ],
        "rma": entry.rma,
        "state": entry.state,
        "tracking": None,
    }
