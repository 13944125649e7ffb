"""Refunds (OR28): money back for the goods of a line. A return never refunds by itself (RT11).

Mirakl has no key against repeats and a repeated call is a second refund. Whoever refunds stores beforehand which
refunds the line had; a refund in doubt is looked for among those that came since, before it is sent again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from order_pipelines.connectors.aftersales import LineMoney, Reason, RefundWish
from order_pipelines.connectors.mirakl.amounts import EXCLUDED, INCLUDED
from order_pipelines.connectors.mirakl.carriers import REFUND, Words
from order_pipelines.connectors.mirakl.client import MiraklClient, objects, sound_id
from order_pipelines.connectors.mirakl.orders import ORDERS_PATH, read_order
from order_pipelines.connectors.mirakl.payloads import read_amount
from order_pipelines.connectors.ports import Account, House, WriteResult
from order_pipelines.money import ZERO, round_to_cents

REFUND_PATH = f"{ORDERS_PATH}/refund"
_NO_RIGHT = "the operator does not let this line be refunded (can_refund)"


@dataclass(frozen=True, slots=True)
class _Money:
    """Goods of one line in the order's tax mode: what they cost, and what of it is neither cancelled nor refunded."""

    is_excluded: bool
    price: Decimal
    taxes: tuple[tuple[str, Decimal], ...]
    left: Decimal
    taxes_left: tuple[tuple[str, Decimal], ...]

    @property
    def whole_incl(self) -> Decimal:
        """What the customer paid for the goods."""
        return self.price + (_sum(self.taxes) if self.is_excluded else ZERO)

    @property
    def left_incl(self) -> Decimal:
        """What the customer may still get back."""
        return max(ZERO, self.left + (_sum(self.taxes_left) if self.is_excluded else ZERO))

    def split(self, amount_incl: Decimal) -> tuple[Decimal, list[tuple[str, Decimal]]]:
        """Return amount and taxes of a refund as Mirakl takes them; together they are ``amount_incl``."""
        if amount_incl == self.left_incl:
            taxes = list(self.taxes_left)
        else:
            taxes = [
                (code, round_to_cents(tax * amount_incl / self.whole_incl) if self.whole_incl else ZERO)
                for code, tax in self.taxes
            ]
        return amount_incl - (_sum(taxes) if self.is_excluded else ZERO), taxes


class MiraklRefunds:
    """RefundSink of one account."""

    def __init__(self, account: Account, house: House) -> None:
        self._client = MiraklClient(account, house)
        self._words = Words(self._client)

    def reasons(self) -> Sequence[Reason]:
        """Return the operator's reasons for a refund (RE02).

        Raises:
            ConnectorError: they cannot be read.
        """
        return [Reason(code, label) for code, label in self._words.reasons(REFUND)]

    def look(self, external_order_id: str, external_line_id: str) -> LineMoney:
        """Read what is left of a line. OR11 is called once a minute: this may wait.

        Raises:
            ConnectorError: the order cannot be read.
        """
        order = read_order(self._client, external_order_id)
        line = _line_of(order, external_line_id)
        refunds = objects(line.get("refunds"))
        currency = order.get("currency_iso_code")
        money = _read_money(order, line)
        ordered = _whole(line.get("quantity"))
        gone = sum(_whole(entry.get("quantity")) for entry in [*refunds, *objects(line.get("cancelations"))])
        refusal = None
        if not line:
            refusal = f"the order has no line {external_line_id} at the operator"
        elif money is None:
            refusal = "the operator does not show what this line costs"
        elif line.get("can_refund") is not True:
            refusal = _NO_RIGHT
        known = money if money is not None else _Money(False, ZERO, (), ZERO, ())
        return LineMoney(
            amount_left=known.left_incl,
            pieces_left=max(0, ordered - gone),
            unit_price_incl_vat=known.whole_incl / ordered if ordered else None,
            currency_code=currency if isinstance(currency, str) else None,
            refund_ids=tuple(sound_id(entry.get("id")) or "" for entry in refunds),
            refusal=refusal,
        )

    def refund(self, wish: RefundWish) -> WriteResult:
        """Refund, unless the line already shows a refund of this amount that was not there when it was decided.

        Raises:
            PermanentConnectorError: the account may not refund.
            TransientConnectorError: ``maybe_acted`` when it may be done nevertheless: call again with the same wish,
                which looks first.
        """
        order = read_order(self._client, wish.external_order_id)
        line = _line_of(order, wish.external_line_id)
        if not line:
            reason = f"the order has no line {wish.external_line_id} at the operator"
            return WriteResult("rejected", reason=reason)
        is_excluded = order.get("order_tax_mode") == EXCLUDED
        for entry in objects(line.get("refunds")):
            refund_id = sound_id(entry.get("id"))
            if refund_id not in wish.known_refunds and _is_same(entry, wish, is_excluded=is_excluded):
                return WriteResult("confirmed", refund_id)
        if line.get("can_refund") is not True:
            return WriteResult("rejected", reason=_NO_RIGHT)
        money = _read_money(order, line)
        if money is None:
            return WriteResult("rejected", reason="the operator does not show what this line costs")
        if wish.amount_incl_vat > money.left_incl:
            reason = f"only {money.left_incl} of the line is left to refund at the operator"
            return WriteResult("rejected", reason=reason)
        code = self._words.reason(REFUND, wish.reason, self._client.options.refund_reason)
        if isinstance(code, WriteResult):
            return code
        payload = _payload(order, wish, money, code)
        answer = self._client.try_write("PUT", REFUND_PATH, payload, operation="OR28")
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


def _read_money(order: dict[str, Any], line: dict[str, Any]) -> _Money | None:
    """Return the goods' money; ``None`` where an amount is missing or nobody knows whether it contains tax."""
    mode, price, taxes = order.get("order_tax_mode"), read_amount(line.get("price")), _taxes(line)
    if price is None or mode not in (None, INCLUDED, EXCLUDED) or (mode is None and taxes):
        return None
    gone, taxes_gone = ZERO, dict.fromkeys((code for code, _ in taxes), ZERO)
    for entry in [*objects(line.get("cancelations")), *objects(line.get("refunds"))]:
        amount = read_amount(entry.get("amount"))
        if amount is None:
            return None
        gone += amount
        for code, tax in _taxes(entry):
            taxes_gone[code] = taxes_gone.get(code, ZERO) + tax
    left = tuple((code, max(ZERO, tax - taxes_gone[code])) for code, tax in taxes)
    return _Money(mode == EXCLUDED, price, tuple(taxes), price - gone, left)


def _taxes(source: dict[str, Any]) -> list[tuple[str, Decimal]]:
    return [
        (str(tax.get("code")), read_amount(tax.get("amount")) or ZERO) for tax in objects(source.get("taxes"))
    ]


def _is_same(entry: dict[str, Any], wish: RefundWish, *, is_excluded: bool) -> bool:
    """Tell by what the customer gets: how it was divided into amount and tax may have come out otherwise."""
    amount = read_amount(entry.get("amount"))
    if amount is None:
        return False
    return amount + (_sum(_taxes(entry)) if is_excluded else ZERO) == wish.amount_incl_vat


def _payload(order: dict[str, Any], wish: RefundWish, money: _Money, code: str) -> dict[str, Any]:
    amount, taxes = money.split(wish.amount_incl_vat)
    entry: dict[str, Any] = {
        "order_line_id": wish.external_line_id,
        "amount": float(amount),
        "shipping_amount": 0.0,
        "reason_code": code,
        "quantity": wish.quantity,
        "excluded_from_shipment": False,
    }
    if isinstance(order.get("currency_iso_code"), str):
        entry["currency_iso_code"] = order["currency_iso_code"]
    if taxes:
        # Required wherever the line has taxes.
        entry["taxes"] = [{"code": name, "amount": float(tax)} for name, tax in taxes]
    payload: dict[str, Any] = {"refunds": [entry]}
    if isinstance(order.get("order_tax_mode"), str):
        payload["order_tax_mode"] = order["order_tax_mode"]
    return payload


def _sum(taxes: Sequence[tuple[str, Decimal]]) -> Decimal:
    return sum((tax for _, tax in taxes), ZERO)


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
