"""The seller's account with the operator: what came in for an order and what was kept of it."""

import random
import uuid
from datetime import datetime
from decimal import Decimal

from order_pipelines.sandbox.mirakl.model import Line, Order, Part, Transaction
from order_pipelines.sandbox.mirakl.operators import Operator


class Ledger:
    """Transaction lines in the order in which they were booked."""

    def __init__(self, operator: Operator, seed: int) -> None:
        self.rows: list[Transaction] = []
        self._operator = operator
        self._rng = random.Random(f"ledger:{operator.account}:{seed}")

    def book(
        self,
        kind: str,
        amount: Decimal,
        now: datetime,
        order: Order | None = None,
        line: Line | None = None,
        refund_id: str | None = None,
    ) -> None:
        """Book one row; nothing is nothing to book."""
        if amount:
            row_id = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
            self.rows.append(Transaction(row_id, kind, amount, now, now, "PENDING", order, line, refund_id))

    def book_payment(self, order: Order, now: datetime) -> None:
        """Book what a customer paid for each line, and the commission on it."""
        for line in order.live_lines:
            goods, sending = line.left()
            taxes, sending_taxes = _sum(line.taxes), _sum(line.shipping_taxes)
            fee, fee_tax = line.commission, line.commission_tax
            for part in line.cancelations:
                taxes -= _sum(part.taxes)
                sending_taxes -= _sum(part.shipping_taxes)
                fee -= part.commission
                fee_tax -= part.commission_tax
            self.book("ORDER_AMOUNT", goods, now, order, line)
            self.book("ORDER_SHIPPING_AMOUNT", sending, now, order, line)
            if order.tax_mode == "TAX_EXCLUDED":
                self.book("ORDER_AMOUNT_TAX", taxes, now, order, line)
                self.book("ORDER_SHIPPING_AMOUNT_TAX", sending_taxes, now, order, line)
            self.book("COMMISSION_FEE", -fee, now, order, line)
            self.book("COMMISSION_VAT", -fee_tax, now, order, line)

    def book_refund(self, order: Order, line: Line, part: Part, now: datetime) -> None:
        """Book what a customer gets back, and the commission that the seller gets back."""
        self.book("REFUND_ORDER_AMOUNT", -part.amount, now, order, line, part.id)
        self.book("REFUND_ORDER_SHIPPING_AMOUNT", -part.shipping_amount, now, order, line, part.id)
        if order.tax_mode == "TAX_EXCLUDED":
            self.book("REFUND_ORDER_AMOUNT_TAX", -_sum(part.taxes), now, order, line, part.id)
            self.book(
                "REFUND_ORDER_SHIPPING_AMOUNT_TAX", -_sum(part.shipping_taxes), now, order, line, part.id
            )
        self.book("REFUND_COMMISSION_FEE", part.commission, now, order, line, part.id)
        self.book("REFUND_COMMISSION_VAT", part.commission_tax, now, order, line, part.id)


def _sum(taxes: list[tuple[str, Decimal]]) -> Decimal:
    return sum((amount for _, amount in taxes), Decimal(0))
