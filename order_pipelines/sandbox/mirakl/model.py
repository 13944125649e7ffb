"""What a shop at an operator consists of: offers, orders with lines, shipments, returns, imports, transactions."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

DEFAULT_CENTER = "DEFAULT"
NOT_SHIPPED = ("STAGING", "WAITING_ACCEPTANCE", "WAITING_DEBIT", "WAITING_DEBIT_PAYMENT", "SHIPPING")
UNDER_WAY = ("SHIPPED", "TO_COLLECT", "RECEIVED", "CLOSED")
_CENT = Decimal("0.01")


def utc_time(instant: datetime | None) -> str | None:
    """Write an instant as Mirakl does: UTC, whole seconds, ``Z``."""
    return None if instant is None else instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def cents(amount: Decimal) -> Decimal:
    """Round to the cent."""
    return amount.quantize(_CENT, ROUND_HALF_UP)


@dataclass
class Offer:
    """One offer; ``sku`` is the seller's own and the key, ``product_id`` the operator's article."""

    offer_id: int
    sku: str
    product_id: str
    ean: str
    title: str
    price: Decimal
    quantity: int
    center: str = DEFAULT_CENTER
    description: str | None = None
    leadtime_to_ship: int | None = None
    min_quantity_alert: int | None = None
    discount: tuple[Decimal, str | None, str | None] | None = None
    channel_prices: dict[str, Decimal] = field(default_factory=dict)
    state_code: str = "11"
    warehouse_quantities: dict[str, int] = field(default_factory=dict)
    reduced_tax_rate: Decimal | None = None


@dataclass
class Part:
    """What is taken off a line: a refund (which has a state) or a cancelation; ``quantity`` is informative only."""

    id: str
    amount: Decimal
    shipping_amount: Decimal
    quantity: int
    reason_code: str
    created_at: datetime
    commission: Decimal
    commission_tax: Decimal
    taxes: list[tuple[str, Decimal]] = field(default_factory=list)
    shipping_taxes: list[tuple[str, Decimal]] = field(default_factory=list)
    group_id: str = ""
    state: str = ""
    excluded_from_shipment: bool = False
    transaction_at: datetime | None = None


@dataclass
class Line:
    """One line of an order; money in the order's tax mode."""

    line_id: str
    index: int
    offer: Offer | None
    sku: str
    product_id: str
    title: str
    quantity: int
    price_unit: Decimal
    origin_unit_price: Decimal
    shipping_price: Decimal
    commission: Decimal
    commission_tax: Decimal
    tax_rate: Decimal
    taxes: list[tuple[str, Decimal]]
    shipping_taxes: list[tuple[str, Decimal]]
    state: str
    changed_at: datetime
    discounts: list[tuple[str, Decimal]] = field(default_factory=list)
    measurement: dict[str, Any] | None = None
    has_taken_stock: bool = False
    refunds: list[Part] = field(default_factory=list)
    cancelations: list[Part] = field(default_factory=list)
    reason_code: str | None = None
    debited_at: datetime | None = None
    shipped_at: datetime | None = None
    received_at: datetime | None = None

    @property
    def price(self) -> Decimal:
        """Quantity times unit price, without shipping; stays gross of cancelations and refunds."""
        return self.price_unit * self.quantity

    @property
    def cancelled(self) -> int:
        """Pieces taken off by cancelations."""
        return sum(part.quantity for part in self.cancelations)

    @property
    def open_quantity(self) -> int:
        """Pieces that are still to be sent, or were."""
        return 0 if self.state in {"REFUSED", "CANCELED"} else self.quantity - self.cancelled

    def left(self) -> tuple[Decimal, Decimal]:
        """Return what of price and shipping is neither cancelled nor refunded."""
        taken = [*self.refunds, *self.cancelations]
        return (
            self.price - sum((part.amount for part in taken), Decimal(0)),
            self.shipping_price - sum((part.shipping_amount for part in taken), Decimal(0)),
        )


@dataclass
class Order:
    """One order of one customer at this shop."""

    order_id: str
    commercial_id: str
    created_at: datetime
    changed_at: datetime
    state: str
    payment_workflow: str
    customer: dict[str, Any]
    lines: list[Line]
    tax_mode: str
    currency: str
    center: str = DEFAULT_CENTER
    pudo_id: str | None = None
    reason_code: str | None = None
    addresses_known: bool = False
    holds_payment: bool = False
    staging_until: datetime | None = None
    accept_by: datetime | None = None
    accepted_at: datetime | None = None
    debited_at: datetime | None = None
    shipped_at: datetime | None = None
    received_at: datetime | None = None
    has_incident: bool = False
    carrier_code: str | None = None
    carrier_standard_code: str | None = None
    carrier_name: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None
    additional_fields: list[dict[str, Any]] = field(default_factory=list)
    malform: dict[str, Any] = field(default_factory=dict)

    def line(self, line_id: str) -> Line | None:
        """Return the line with this id."""
        return next((line for line in self.lines if line.line_id == line_id), None)

    @property
    def live_lines(self) -> list[Line]:
        """Lines that are neither refused nor cancelled."""
        return [line for line in self.lines if line.state not in {"REFUSED", "CANCELED"}]

    @property
    def can_cancel(self) -> bool:
        """Whether the seller may cancel it."""
        return self.center == DEFAULT_CENTER and self.state in {
            "WAITING_DEBIT",
            "WAITING_DEBIT_PAYMENT",
            "SHIPPING",
        }

    @property
    def can_ship(self) -> bool:
        """Whether the seller may ship it."""
        return self.center == DEFAULT_CENTER and self.state == "SHIPPING"

    def can_refund(self, line: Line) -> bool:
        """Whether the seller may give money back on a line: it is under way, and paid as far as anybody tells."""
        is_paid = self.debited_at is not None or self.payment_workflow == "NO_CUSTOMER_PAYMENT_CONFIRMATION"
        is_under_way = line.state in UNDER_WAY or (
            line.state == "INCIDENT_OPEN" and line.shipped_at is not None
        )
        return is_paid and is_under_way and sum(line.left()) > 0


@dataclass
class Shipment:
    """One parcel of an order; ``parts`` are (line, pieces, package reference)."""

    shipment_id: str
    order: Order
    parts: list[tuple[Line, int, str | None]]
    status: str
    created_at: datetime
    changed_at: datetime
    tracking: dict[str, Any]
    invoice_reference: str | None = None
    warehouse: str | None = None
    shipped_at: datetime | None = None


@dataclass
class Return:
    """One return as a customer registered it; it moves no money."""

    return_id: str
    order: Order
    line: Line
    quantity: int
    reason_code: str
    state: str
    created_at: datetime
    changed_at: datetime
    rma: str | None = None


@dataclass
class Import:
    """One file or list of offers on its way; ``outcome`` is applied when ``done_at`` has come."""

    import_id: str
    kind: str
    mode: str
    rows: list[dict[str, Any]]
    created_at: datetime
    running_at: datetime
    done_at: datetime
    fingerprint: str
    status: str = "WAITING"
    fails_with: str | None = None
    is_silent: bool = False
    in_success: int = 0
    in_error: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    errors: list[tuple[int, str, str]] = field(default_factory=list)


@dataclass
class Transaction:
    """One line of the seller's account with the operator; ``amount`` is positive when credited."""

    transaction_id: str
    type: str
    amount: Decimal
    created_at: datetime
    changed_at: datetime
    payment_state: str
    order: Order | None = None
    line: Line | None = None
    refund_id: str | None = None
