"""One seller's shop at one operator: what customers, time and the seller do to its orders."""

import random
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from string import ascii_uppercase
from typing import Any

from order_pipelines.sandbox.catalogue import Catalogue
from order_pipelines.sandbox.mirakl.goods import opening_offers
from order_pipelines.sandbox.mirakl.http import Problem
from order_pipelines.sandbox.mirakl.ledger import Ledger
from order_pipelines.sandbox.mirakl.lines import make_line
from order_pipelines.sandbox.mirakl.model import (
    DEFAULT_CENTER,
    UNDER_WAY,
    Import,
    Line,
    Offer,
    Order,
    Part,
    Return,
    Shipment,
    cents,
)
from order_pipelines.sandbox.mirakl.operators import Operator
from order_pipelines.sandbox.mirakl.people import invent_customer
from order_pipelines.sandbox.mirakl.wish import Wish, WishedLine
from order_pipelines.sandbox.standin import OrderRefused, UnknownThing

REFUND_S = 60.0
DUE_DAYS = 30
OPERATOR_SHIPS_AFTER = timedelta(hours=6)
AT_PUDO_AFTER = timedelta(days=1)
RECEIVED_AFTER = timedelta(days=7)
CLOSED_AFTER = timedelta(days=14)


class Shop:
    """Offers, orders, shipments, returns and imports of one account; callers hold the stand-in's lock."""

    def __init__(
        self,
        operator: Operator,
        catalogue: Catalogue,
        now: datetime,
        seed: int,
        *,
        lowers_stock_at_creation: bool = True,
    ) -> None:
        self.operator = operator
        self.catalogue = catalogue
        self.offers = opening_offers(operator, catalogue)
        self.orders: dict[str, Order] = {}
        self.shipments: dict[str, Shipment] = {}
        self.returns: dict[str, Return] = {}
        self.imports: dict[str, Import] = {}
        self.ledger = Ledger(operator, seed)
        self.apply_import: Callable[[Import], None] = lambda one: None
        self.opened_at = now
        self.oversold = 0
        self.lowers_stock_at_creation = lowers_stock_at_creation
        self._rng = random.Random(f"mirakl:{operator.account}:{seed}")
        self._next_number = operator.shop_id * 10 + 1
        self._next_part = operator.shop_id
        self._next_import = operator.shop_id

    # --- ids ---

    def new_uuid(self) -> str:
        """Return an id as shipments and returns have."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def new_part_id(self) -> str:
        """Return the id of a refund or a cancelation."""
        self._next_part += 1
        return str(self._next_part)

    def new_import_number(self) -> int:
        """Return the number of an import."""
        self._next_import += 1
        return self._next_import

    # --- customers ---

    def place(self, wish: Wish, now: datetime) -> Order:
        """Let a customer buy.

        Raises:
            OrderRefused: an offer is not there, or not in that quantity, and ``force`` is not set.
        """
        commercial_id = wish.commercial_id or f"{self.operator.account[:2].upper()}{self._next_number}"
        self._next_number += 1
        order_id = wish.order_id or next(
            name for letter in ascii_uppercase if (name := f"{commercial_id}-{letter}") not in self.orders
        )
        if order_id in self.orders:
            raise OrderRefused(f"there is an order {order_id} already")
        wanted = [(line, self._offer_of(line)) for line in wish.lines]
        for line, offer in wanted:
            if not wish.force and (offer is None or offer.quantity < line.quantity):
                raise OrderRefused(
                    f"{line.sku or line.ean} is not on offer here in a quantity of {line.quantity}"
                )
        created_at = wish.placed_at or now
        center = wish.fulfillment_center or next(
            (offer.center for _, offer in wanted if offer), DEFAULT_CENTER
        )
        with_phone = self._rng.random() < 0.5
        order = Order(
            order_id=order_id,
            commercial_id=commercial_id,
            created_at=created_at,
            changed_at=created_at,
            state="STAGING" if wish.staging else "WAITING_ACCEPTANCE",
            payment_workflow=wish.payment_workflow or self.operator.payment_workflow,
            customer=invent_customer(
                self._rng,
                wish.ship_country,
                business=wish.business,
                with_phone=with_phone if wish.phone is None else wish.phone,
            ),
            lines=[
                make_line(self.operator, order_id, index, line, offer, created_at, with_taxes=wish.with_taxes)
                for index, (line, offer) in enumerate(wanted, start=1)
            ],
            tax_mode=self.operator.tax_mode,
            currency=self.operator.currency,
            center=center,
            pudo_id=wish.pudo_id,
            holds_payment=wish.hold_payment,
            staging_until=created_at + timedelta(seconds=self.operator.staging_s) if wish.staging else None,
            accept_by=created_at + timedelta(hours=self.operator.acceptance_hours),
            malform=wish.malform,
        )
        if wish.additional_fields:
            order.additional_fields = [
                {"code": code, "type": kind, "value": value}
                for code, kind, value in self.operator.additional_fields
            ]
        for bought in order.lines:
            bought.state = order.state
        self.orders[order_id] = order
        if self.lowers_stock_at_creation:
            self._take_stock(order.lines)
        return order

    def _offer_of(self, line: WishedLine) -> Offer | None:
        if line.sku is not None:
            return self.offers.get(line.sku)
        return next((offer for offer in self.offers.values() if offer.ean == line.ean), None)

    def _take_stock(self, lines: Iterable[Line]) -> None:
        for line in lines:
            if line.offer is None:
                self.oversold += line.quantity
                continue
            line.has_taken_stock = True
            self.oversold += max(0, line.quantity - line.offer.quantity)
            line.offer.quantity = max(0, line.offer.quantity - line.quantity)

    # --- time ---

    def settle(self, now: datetime) -> None:
        """Let everything happen that is due by now."""
        for one in self.imports.values():
            self._settle_import(one, now)
        for order in self.orders.values():
            while self._step(order, now):
                continue
            for line in order.lines:
                for part in line.refunds:
                    self._settle_refund(order, line, part, now)

    def _settle_import(self, one: Import, now: datetime) -> None:
        if one.status == "WAITING" and now >= one.running_at:
            one.status = "RUNNING"
        if one.status == "RUNNING" and now >= one.done_at:
            one.status = "FAILED" if one.fails_with else "COMPLETE"
            if not one.fails_with:
                self.apply_import(one)

    def _step(self, order: Order, now: datetime) -> bool:
        """Let the next thing that is due happen to an order; say whether one did."""
        state = order.state
        if state == "STAGING" and order.staging_until is not None and now >= order.staging_until:
            self.set_state(order, "WAITING_ACCEPTANCE", order.staging_until)
        elif state == "WAITING_ACCEPTANCE" and order.center != DEFAULT_CENTER:
            self.accept(order, order.lines, order.created_at)
        elif state == "WAITING_ACCEPTANCE" and order.accept_by is not None and now >= order.accept_by:
            self.refuse(order, order.lines, order.accept_by, "AUTO_REFUSED", empties_offer=True)
        elif state == "WAITING_DEBIT" and order.accepted_at is not None:
            starts = order.accepted_at + timedelta(seconds=self.operator.debit_s / 2)
            if now < starts:
                return False
            self.set_state(order, "WAITING_DEBIT_PAYMENT", starts)
        elif state == "WAITING_DEBIT_PAYMENT" and order.accepted_at is not None and not order.holds_payment:
            paid = order.accepted_at + timedelta(seconds=self.operator.debit_s)
            if now < paid:
                return False
            self.pay(order, paid)
        elif (
            state == "SHIPPING"
            and order.center != DEFAULT_CENTER
            and now >= order.changed_at + OPERATOR_SHIPS_AFTER
        ):
            self.ship(order, order.changed_at + OPERATOR_SHIPS_AFTER)
        elif (
            state == "SHIPPED"
            and order.pudo_id
            and order.shipped_at
            and now >= order.shipped_at + AT_PUDO_AFTER
        ):
            self.set_state(order, "TO_COLLECT", order.shipped_at + AT_PUDO_AFTER)
        elif (
            state in {"SHIPPED", "TO_COLLECT"}
            and order.shipped_at
            and now >= order.shipped_at + RECEIVED_AFTER
        ):
            self.receive(order, order.shipped_at + RECEIVED_AFTER)
        elif state == "RECEIVED" and order.received_at and now >= order.received_at + CLOSED_AFTER:
            self.set_state(order, "CLOSED", order.received_at + CLOSED_AFTER)
        else:
            return self._pays_late(order, now)
        return True

    def _pays_late(self, order: Order, now: datetime) -> bool:
        """Let a customer pay who pays after the goods came: on the due date, on shipment or on delivery."""
        if order.debited_at is not None or order.holds_payment or order.state not in UNDER_WAY:
            return False
        since, wait = {
            "PAY_ON_SHIPMENT": (order.shipped_at, timedelta(seconds=self.operator.debit_s)),
            "PAY_ON_DUE_DATE": (order.shipped_at, timedelta(days=DUE_DAYS)),
            "PAY_ON_DELIVERY": (order.received_at, timedelta(0)),
        }.get(order.payment_workflow, (None, timedelta(0)))
        if since is None or now < since + wait:
            return False
        self.pay(order, since + wait)
        return True

    def _settle_refund(self, order: Order, line: Line, part: Part, now: datetime) -> None:
        done_at = part.created_at + timedelta(seconds=REFUND_S)
        if part.state == "WAITING_REFUND" and now >= done_at:
            part.state, part.transaction_at = "REFUNDED", done_at
            self.touch(order, done_at, [line])
            if sum(line.left()) <= 0:
                line.state = "REFUNDED"

    # --- what happens to orders ---

    def touch(self, order: Order, now: datetime, lines: Iterable[Line] = ()) -> None:
        """Move the instant of the last change."""
        order.changed_at = max(order.changed_at, now)
        for line in lines:
            line.changed_at = max(line.changed_at, now)

    def set_state(self, order: Order, state: str, now: datetime) -> None:
        """Put an order and its live lines into a state; from SHIPPING on the addresses are known."""
        order.state = state
        lines = order.live_lines if state not in {"REFUSED", "CANCELED"} else []
        for line in lines:
            if line.state != "REFUNDED":
                line.state = state
        if state == "WAITING_ACCEPTANCE":
            order.accept_by = now + timedelta(hours=self.operator.acceptance_hours)
        if state == "SHIPPING":
            order.addresses_known = True
        self.touch(order, now, lines)

    def accept(self, order: Order, lines: Iterable[Line], now: datetime) -> None:
        """Accept lines; the others are refused."""
        accepted = list(lines)
        refused = [line for line in order.lines if line not in accepted]
        order.accepted_at = now
        if refused:
            self._refuse_lines(
                refused, now, "REFUSED_BY_SHOP", empties_offer=self.operator.refusal_empties_offer
            )
        if not self.lowers_stock_at_creation:
            self._take_stock(accepted)
        if order.payment_workflow == "PAY_ON_ACCEPTANCE":
            self.set_state(order, "WAITING_DEBIT", now)
        else:
            self.set_state(order, "SHIPPING", now)

    def refuse(
        self, order: Order, lines: Iterable[Line], now: datetime, reason: str, *, empties_offer: bool
    ) -> None:
        """Refuse a whole order."""
        self._refuse_lines(lines, now, reason, empties_offer=empties_offer)
        order.accepted_at, order.reason_code = now, reason
        self.set_state(order, "REFUSED", now)

    def _refuse_lines(
        self, lines: Iterable[Line], now: datetime, reason: str, *, empties_offer: bool
    ) -> None:
        for line in lines:
            line.state, line.reason_code, line.changed_at = "REFUSED", reason, now
            if line.offer is not None:
                back = line.quantity if line.has_taken_stock else 0
                line.offer.quantity = 0 if empties_offer else line.offer.quantity + back

    def pay(self, order: Order, now: datetime) -> None:
        """The customer's money has come to the operator."""
        order.debited_at = now
        for line in order.live_lines:
            line.debited_at = now
        self.ledger.book_payment(order, now)
        if order.state in {"WAITING_DEBIT", "WAITING_DEBIT_PAYMENT"}:
            self.set_state(order, "SHIPPING", now)
        else:
            self.touch(order, now, order.live_lines)

    def ship(self, order: Order, now: datetime, lines: Iterable[Line] | None = None) -> None:
        """Mark lines as under way, the order too once all are."""
        for line in order.live_lines if lines is None else lines:
            line.state, line.shipped_at, line.changed_at = "SHIPPED", now, now
        self.touch(order, now)
        if all(line.state in {"SHIPPED", "REFUNDED"} for line in order.live_lines):
            order.shipped_at = now
            self.set_state(order, "SHIPPED", now)

    def receive(self, order: Order, now: datetime) -> None:
        """The customer has the goods."""
        order.received_at = now
        for line in order.live_lines:
            line.received_at = now
        for shipment in self.shipments.values():
            if shipment.order is order and shipment.status == "SHIPPED":
                shipment.status, shipment.changed_at = "RECEIVED", now
        self.set_state(order, "RECEIVED", now)

    def cancel_pieces(self, order: Order, line: Line, part: Part, now: datetime) -> None:
        """Take pieces off a line for good; they come back into the offer."""
        line.cancelations.append(part)
        if order.debited_at is not None:
            self.ledger.book_refund(order, line, part, now)
        if line.offer is not None and line.has_taken_stock:
            line.offer.quantity += part.quantity
        if line.cancelled >= line.quantity:
            line.state, line.reason_code = "CANCELED", part.reason_code
        self.touch(order, now, [line])
        if not order.live_lines:
            order.reason_code = part.reason_code
            self.set_state(order, "CANCELED", now)
        elif all(line.state == "SHIPPED" for line in order.live_lines):
            self.ship(order, now, [])

    def cancel_line(self, order: Order, line: Line, reason: str, now: datetime) -> None:
        """Cancel what is left of a line, with its money."""
        amount, shipping = line.left()
        self.cancel_pieces(
            order, line, self.part(line, amount, shipping, line.open_quantity, reason, now), now
        )

    def part(
        self, line: Line, amount: Decimal, shipping: Decimal, quantity: int, reason: str, now: datetime
    ) -> Part:
        """Return a cancelation or refund of so much of a line, taxes and commission in proportion."""
        whole = line.price + line.shipping_price
        share = (amount + shipping) / whole if whole else Decimal(0)
        goods = amount / line.price if line.price else Decimal(0)
        sending = shipping / line.shipping_price if line.shipping_price else Decimal(0)
        return Part(
            id=self.new_part_id(),
            amount=amount,
            shipping_amount=shipping,
            quantity=quantity,
            reason_code=reason,
            created_at=now,
            commission=cents(line.commission * share),
            commission_tax=cents(line.commission_tax * share),
            taxes=[(code, cents(tax * goods)) for code, tax in line.taxes],
            shipping_taxes=[(code, cents(tax * sending)) for code, tax in line.shipping_taxes],
        )

    # --- finding ---

    def order(self, order_id: str) -> Order:
        """Return an order for the control port.

        Raises:
            UnknownThing: there is none.
        """
        if order_id not in self.orders:
            raise UnknownThing(f"no order {order_id} at {self.operator.account}")
        return self.orders[order_id]

    def asked_order(self, order_id: str) -> Order:
        """Return an order for a call of the API.

        Raises:
            Problem: 404, there is none.
        """
        if order_id not in self.orders:
            raise Problem(404, f"Order with identifier '{order_id}' not found", code="ORDER_NOT_FOUND")
        return self.orders[order_id]

    def asked_line(self, line_id: Any) -> tuple[Order, Line]:
        """Return an order's line for a call of the API.

        Raises:
            Problem: 404, there is none.
        """
        for order in self.orders.values():
            if (line := order.line(str(line_id))) is not None:
                return order, line
        raise Problem(404, f"Order line with identifier '{line_id}' not found", code="ORDER_LINE_NOT_FOUND")

    def in_shipments(self, line: Line) -> int:
        """Return how many pieces of a line are in parcels already."""
        return sum(
            pieces for shipment in self.shipments.values() for one, pieces, _ in shipment.parts if one is line
        )
