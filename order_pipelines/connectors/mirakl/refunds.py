"""Refunds (OR28): money back for a line. No port asks for them yet; a return never refunds by itself (RT11).

Mirakl has no key against repeats and a repeated call is a second refund. Whoever refunds stores beforehand how many
refunds the line had; a refund in doubt is looked for among those that came since, before it is sent again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from order_pipelines.connectors.mirakl.carriers import REFUND, Words
from order_pipelines.connectors.mirakl.client import MiraklClient, objects, sound_id
from order_pipelines.connectors.mirakl.orders import ORDERS_PATH, read_order
from order_pipelines.connectors.mirakl.payloads import read_amount
from order_pipelines.connectors.ports import Account, House, WriteResult
from order_pipelines.money import ZERO, round_to_cents

REFUND_PATH = f"{ORDERS_PATH}/refund"


@dataclass(frozen=True, slots=True)
class TaxPart:
    """Tax that goes back, by the code that the order's line has."""

    code: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Refund:
    """Money back for one line, in the order's tax mode; ``quantity`` is informative, 0 for money without goods.

    ``known_refunds`` are the ids of the line's refunds when this one was decided: stored with the intention.
    """

    external_order_id: str
    external_line_id: str
    amount: Decimal
    shipping_amount: Decimal
    reason: str
    quantity: int = 0
    taxes: tuple[TaxPart, ...] = ()
    shipping_taxes: tuple[TaxPart, ...] = ()
    known_refunds: frozenset[str] = frozenset()


class MiraklRefunds:
    """Refunds of one account."""

    def __init__(self, account: Account, house: House) -> None:
        self._client = MiraklClient(account, house)
        self._words = Words(self._client)

    def refund_ids(self, external_order_id: str, external_line_id: str) -> frozenset[str]:
        """Return the ids of a line's refunds, to be stored with the intention to refund.

        Raises:
            ConnectorError: the order cannot be read.
        """
        line = _line_of(read_order(self._client, external_order_id), external_line_id)
        return frozenset(sound_id(entry.get("id")) or "" for entry in objects(line.get("refunds")))

    def refund(self, refund: Refund) -> WriteResult:
        """Refund, unless the line already shows a refund of these amounts that was not there when it was decided.

        Raises:
            PermanentConnectorError: the account may not refund.
            TransientConnectorError: ``maybe_acted`` when it may be done nevertheless: call again with the same
                ``known_refunds``, which looks first.
        """
        order = read_order(self._client, refund.external_order_id)
        line = _line_of(order, refund.external_line_id)
        if not line:
            reason = f"the order has no line {refund.external_line_id} at the operator"
            return WriteResult("rejected", reason=reason)
        for entry in objects(line.get("refunds")):
            refund_id = sound_id(entry.get("id"))
            if refund_id not in refund.known_refunds and _is_same(entry, refund):
                return WriteResult("confirmed", refund_id)
        if line.get("can_refund") is not True:
            return WriteResult(
                "rejected", reason="the operator does not let this line be refunded (can_refund)"
            )
        if line.get("taxes") and not refund.taxes:
            return WriteResult("rejected", reason="the line has taxes: a refund has to name its part of them")
        code = self._words.reason(REFUND, refund.reason, self._client.options.refund_reason)
        if isinstance(code, WriteResult):
            return code
        answer = self._client.try_write("PUT", REFUND_PATH, _payload(order, refund, code), operation="OR28")
        if isinstance(answer, WriteResult):
            return answer
        done = objects(self._client.read_object(answer, REFUND_PATH).get("refunds"))
        if not done:
            return WriteResult("in_doubt", reason="the answer names no refund; look at the order")
        return WriteResult("confirmed", sound_id(done[0].get("refund_id")))


def _line_of(order: dict[str, Any], line_id: str) -> dict[str, Any]:
    return next(
        (line for line in objects(order["order_lines"]) if sound_id(line.get("order_line_id")) == line_id), {}
    )


def _is_same(entry: dict[str, Any], refund: Refund) -> bool:
    amount, shipping = read_amount(entry.get("amount")), read_amount(entry.get("shipping_amount"))
    return (amount, shipping or ZERO) == (refund.amount, refund.shipping_amount)


def _payload(order: dict[str, Any], refund: Refund, code: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "order_line_id": refund.external_line_id,
        "amount": float(round_to_cents(refund.amount)),
        "shipping_amount": float(round_to_cents(refund.shipping_amount)),
        "reason_code": code,
        "quantity": refund.quantity,
        "excluded_from_shipment": False,
    }
    if isinstance(order.get("currency_iso_code"), str):
        entry["currency_iso_code"] = order["currency_iso_code"]
    for name, taxes in (("taxes", refund.taxes), ("shipping_taxes", refund.shipping_taxes)):
        if taxes:
            entry[name] = _tax_entries(taxes)
    payload: dict[str, Any] = {"refunds": [entry]}
    if isinstance(order.get("order_tax_mode"), str):
        payload["order_tax_mode"] = order["order_tax_mode"]
    return payload


def _tax_entries(taxes: Sequence[TaxPart]) -> list[dict[str, Any]]:
    return [{"code": tax.code, "amount": float(round_to_cents(tax.amount))} for tax in taxes]
