"""Cancelling the open remainder of a line (OR30), or the order of which it is all (OR29).

A repeated OR30 cancels again: the order is read before, and what is no longer open is not cancelled.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from order_pipelines.connectors.mirakl import states
from order_pipelines.connectors.mirakl.carriers import CANCELATION, Words
from order_pipelines.connectors.mirakl.client import MiraklClient, objects, part, sound_id
from order_pipelines.connectors.mirakl.orders import ORDERS_PATH, read_order
from order_pipelines.connectors.mirakl.payloads import read_amount
from order_pipelines.connectors.ports import WriteResult
from order_pipelines.money import ZERO, round_to_cents

CANCEL_PATH = f"{ORDERS_PATH}/cancel"


def cancel_line(
    client: MiraklClient,
    words: Words,
    order_id: str,
    line_id: str,
    reason: str,
    parcels: Callable[[str], Mapping[str, int]],
) -> WriteResult:
    """Cancel what is open of a line: its pieces, and their share of price, shipping and taxes."""
    order = read_order(client, order_id)
    line = _line_of(order, line_id)
    if line is None:
        return WriteResult("rejected", reason=f"the order has no line {line_id} at the operator")
    state, line_state = order.get("order_state"), line.get("order_line_state")
    if state in states.NEVER or line_state in states.NEVER:
        return WriteResult("confirmed")
    ordered = line.get("quantity")
    if not isinstance(ordered, int) or isinstance(ordered, bool) or ordered < 1:
        return WriteResult("rejected", reason="the operator shows no quantity of this line")
    cancelled = sum(_pieces(entry) for entry in objects(line.get("cancelations")))
    has_left = line_state in states.LEFT or bool(line.get("shipped_date"))
    shipped = ordered - cancelled if has_left else _shipped(client, order, line_id, parcels)
    remaining = ordered - cancelled - shipped
    if remaining <= 0:
        if cancelled:
            return WriteResult("confirmed")
        return WriteResult("rejected", reason="nothing of this line is open at the operator")
    if state == states.WAITING_ACCEPTANCE:
        return WriteResult(
            "rejected", reason="the order waits for acceptance: refuse it there, it cannot be cancelled yet"
        )
    if _is_all(order, line_id) and not shipped and not cancelled and order.get("can_cancel") is True:
        path = f"{ORDERS_PATH}/{part(str(order['order_id']))}/cancel"
        answer = client.try_write("PUT", path, None, operation="OR29")
        return answer if isinstance(answer, WriteResult) else client.heard(answer)
    code = words.reason(CANCELATION, reason, client.options.cancel_reason)
    if isinstance(code, WriteResult):
        return code
    entry = _cancelation(order, line, line_id, remaining, ordered, code, is_rest=not shipped)
    if isinstance(entry, WriteResult):
        return entry
    payload: dict[str, Any] = {"cancelations": [entry]}
    if isinstance(order.get("order_tax_mode"), str):
        payload["order_tax_mode"] = order["order_tax_mode"]
    answer = client.try_write("PUT", CANCEL_PATH, payload, operation="OR30")
    return answer if isinstance(answer, WriteResult) else WriteResult("confirmed")


def _cancelation(
    order: Mapping[str, Any],
    line: Mapping[str, Any],
    line_id: str,
    pieces: int,
    ordered: int,
    code: str,
    *,
    is_rest: bool,
) -> dict[str, Any] | WriteResult:
    """Return the entry; ``is_rest``: nothing shipped, so that all money that is left goes with the pieces."""
    amounts: dict[str, Decimal] = {}
    for name, whole, taken in (
        ("amount", "price", "amount"),
        ("shipping_amount", "shipping_price", "shipping_amount"),
    ):
        total = read_amount(line.get(whole)) if line.get(whole) is not None else ZERO
        if total is None or (name == "amount" and line.get(whole) is None):
            return WriteResult("rejected", reason=f"the operator shows no {whole} of this line")
        gone = _sum(entry.get(taken) for entry in objects(line.get("cancelations")))
        # Shipping of a line that ships in part stays: the parcel costs what it costs.
        share = total * pieces / ordered if name == "amount" else ZERO
        amounts[name] = round_to_cents(max(ZERO, total - gone)) if is_rest else round_to_cents(share)
    entry: dict[str, Any] = {
        "order_line_id": line_id,
        "quantity": pieces,
        "amount": float(amounts["amount"]),
        "shipping_amount": float(amounts["shipping_amount"]),
        "reason_code": code,
    }
    if isinstance(order.get("currency_iso_code"), str):
        entry["currency_iso_code"] = order["currency_iso_code"]
    # Required wherever the order has taxes.
    for name in ("taxes", "shipping_taxes"):
        taxes = _taxes(line, name, pieces, ordered, is_rest=is_rest)
        if taxes and (name == "taxes" or is_rest):
            entry[name] = taxes
    return entry


def _taxes(
    line: Mapping[str, Any], name: str, pieces: int, ordered: int, *, is_rest: bool
) -> list[dict[str, Any]]:
    gone: dict[object, Decimal] = {}
    for entry in objects(line.get("cancelations")):
        for tax in objects(entry.get(name)):
            gone[tax.get("code")] = gone.get(tax.get("code"), ZERO) + (read_amount(tax.get("amount")) or ZERO)
    result = []
    for tax in objects(line.get(name)):
        whole = read_amount(tax.get("amount")) or ZERO
        left = max(ZERO, whole - gone.get(tax.get("code"), ZERO)) if is_rest else whole * pieces / ordered
        result.append({"code": tax.get("code"), "amount": float(round_to_cents(left))})
    return result


def _line_of(order: Mapping[str, Any], line_id: str) -> dict[str, Any] | None:
    for line in objects(order.get("order_lines")):
        if sound_id(line.get("order_line_id")) == line_id:
            return line
    return None


def _is_all(order: Mapping[str, Any], line_id: str) -> bool:
    lines = objects(order.get("order_lines"))
    return len(lines) == 1 and sound_id(lines[0].get("order_line_id")) == line_id


def _shipped(
    client: MiraklClient,
    order: Mapping[str, Any],
    line_id: str,
    parcels: Callable[[str], Mapping[str, int]],
) -> int:
    if not client.options.multi_shipment:
        return 0
    return parcels(str(order["order_id"])).get(line_id, 0)


def _pieces(entry: Mapping[str, Any]) -> int:
    quantity = entry.get("quantity")
    return quantity if isinstance(quantity, int) and not isinstance(quantity, bool) else 0


def _sum(values: Any) -> Decimal:
    total = ZERO
    for value in values:
        total += read_amount(value) or ZERO
    return total
