"""The canonical order: what every connector's mapping makes of a payload, and the facts people ask of it.

``None`` always means: the payload does not say. Nothing in here guesses a VAT rate, a country or a price.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from order_pipelines.clock import isoformat
from order_pipelines.domain.supply import BundlePart, GoodsMovement, PurchaseLine, SupplierOffer

ORDER_STATUSES = ("open", "pending", "waiting_acceptance", "on_hold", "completed", "cancelled")
FULFILMENT_STATUSES = ("not_shipped", "partially_shipped", "shipped", "channel_fulfilled", "cancelled")
PAYMENT_STATUSES = (
    "unpaid",
    "authorized",
    "paid",
    "paid_to_platform",
    "partially_paid",
    "partially_refunded",
    "refunded",
    "voided",
)
LINE_KINDS = ("goods", "shipping", "fee", "discount", "manual", "rounding")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something waits for a person.

    Args:
        code: closed word of ours, for example ``missing_field``, ``unknown_ean``, ``total_differs``.
        reason: one sentence a person understands; holds no personal data.
        field: path in the payload or column of the file, for example ``orderItems[0].quantity``.
        value: the offending value when it is no personal data.
        line_id: the line it concerns, ``None`` for the whole order.
    """

    code: str
    reason: str
    field: str | None = None
    value: str | None = None
    line_id: str | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """One postal address; personal data."""

    name: str | None = None
    company: str | None = None
    street: str | None = None
    house_number: str | None = None
    addition: str | None = None
    postcode: str | None = None
    city: str | None = None
    country_code: str | None = None
    email: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who bought; personal data."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    company: str | None = None
    vat_id: str | None = None
    is_business: bool | None = None


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One line of an order, as the channel says it.

    Money is in the order's currency. ``line_discount_incl_vat`` is for the whole line and positive when it lowers the
    price; ``line_total_incl_vat`` is after discount and before refunds; ``vat_rate`` is in percent (``21``).
    ``quantity`` is what was ordered and never shrinks; ``None`` when it could not be read.
    """

    external_line_id: str
    sku: str | None = None
    ean: str | None = None
    title: str | None = None
    quantity: int | None = None
    quantity_cancelled: int | None = None
    quantity_shipped: int | None = None
    quantity_refunded: int | None = None
    unit_price_incl_vat: Decimal | None = None
    line_discount_incl_vat: Decimal | None = None
    line_total_incl_vat: Decimal | None = None
    vat_rate: Decimal | None = None
    commission: Decimal | None = None
    unit_price_excl_vat: Decimal | None = None
    line_total_excl_vat: Decimal | None = None
    offer_id: str | None = None
    line_kind: str = "goods"
    own_fulfilment: bool = True
    changed_at: datetime | None = None
    row: int | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One order as one channel shows it at one moment.

    ``changed_at`` is the largest of the order's and its lines' channel times; ``order_kind`` is ``sale`` or ``credit``.
    ``problems`` non-empty puts the order in quarantine; its known lines still take stock.
    """

    external_order_id: str
    channel: str
    order_number: str | None = None
    ordered_at: datetime | None = None
    changed_at: datetime | None = None
    currency: str | None = None
    ship_country: str | None = None
    bill_country: str | None = None
    buyer: Buyer | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None
    lines: tuple[OrderLine, ...] = ()
    shipping_cost_incl_vat: Decimal | None = None
    order_discounts: Decimal | None = None
    order_total_incl_vat: Decimal | None = None
    order_total_current_incl_vat: Decimal | None = None
    order_total_excl_vat: Decimal | None = None
    refunded_total_incl_vat: Decimal | None = None
    commission_total: Decimal | None = None
    payment_status: str | None = None
    order_status: str | None = None
    fulfilment_status: str | None = None
    counts_in_revenue: bool = True
    own_fulfilment: bool = True
    is_test: bool = False
    order_kind: str = "sale"
    customer_reference: str | None = None
    customer_number: str | None = None
    must_flag: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    def cancelled_quantity_total(self) -> int | None:
        """Pieces cancelled over all goods lines, ``None`` when no line says."""
        return _sum_known(line.quantity_cancelled for line in self.lines if line.line_kind == "goods")

    def refunded_quantity_total(self) -> int | None:
        """Pieces refunded over all goods lines, ``None`` when no line says."""
        return _sum_known(line.quantity_refunded for line in self.lines if line.line_kind == "goods")

    def stock_effect(self) -> dict[str, int] | None:
        """Change on the merchant's own stock by SKU as said, else ``ean:…``; ``None`` if no article is named."""
        effect: dict[str, int] = {}
        names_any = False
        for line in self.lines:
            if line.line_kind != "goods" or line.quantity is None:
                continue
            article = line.sku or (f"ean:{line.ean}" if line.ean else None)
            if article is None:
                continue
            names_any = True
            if not line.own_fulfilment:
                continue
            pieces = line.quantity - (line.quantity_cancelled or 0)
            effect[article] = effect.get(article, 0) - pieces
        if not names_any:
            return None
        return {article: pieces for article, pieces in effect.items() if pieces}


@dataclass(frozen=True, slots=True)
class StockCount:
    """One counted article at one location: the pieces on the shelf at ``taken_at``."""

    location: str
    taken_at: datetime
    quantity: int
    sku: str | None = None
    ean: str | None = None
    row: int | None = None


@dataclass(frozen=True, slots=True)
class StockCorrection:
    """A correction of stock that a source states (damage, found, write-off); ``quantity`` is signed."""

    external_id: str
    occurred_at: datetime
    quantity: int
    location: str | None = None
    sku: str | None = None
    ean: str | None = None
    reason: str | None = None
    row: int | None = None


@dataclass(frozen=True, slots=True)
class ShipmentLine:
    """Pieces of one order line that left in one parcel. ``order_number`` is what people wrote: id or number."""

    order_number: str
    quantity: int
    shipped_at: datetime
    line_id: str | None = None
    sku: str | None = None
    ean: str | None = None
    carrier: str | None = None
    tracking: str | None = None
    account: str | None = None
    location: str | None = None
    row: int | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """A row or document that could not become anything: kept with its place and reason.

    ``external_id`` is set when the payload at least named the thing; ``row`` is the 1-based row in a file.
    """

    problem: Problem
    external_id: str | None = None
    row: int | None = None


@dataclass(slots=True)
class Interpretation:
    """Everything one body means. ``rows_read`` counts data rows of a file (1 for a single document)."""

    orders: list[Order] = field(default_factory=list)
    stock_counts: list[StockCount] = field(default_factory=list)
    stock_corrections: list[StockCorrection] = field(default_factory=list)
    shipments: list[ShipmentLine] = field(default_factory=list)
    goods_movements: list[GoodsMovement] = field(default_factory=list)
    purchase_lines: list[PurchaseLine] = field(default_factory=list)
    supplier_offers: list[SupplierOffer] = field(default_factory=list)
    bundle_parts: list[BundlePart] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    rows_read: int = 0

    def add(self, other: "Interpretation") -> None:
        """Take in another batch of the same body."""
        self.orders += other.orders
        self.stock_counts += other.stock_counts
        self.stock_corrections += other.stock_corrections
        self.shipments += other.shipments
        self.goods_movements += other.goods_movements
        self.purchase_lines += other.purchase_lines
        self.supplier_offers += other.supplier_offers
        self.bundle_parts += other.bundle_parts
        self.rejects += other.rejects
        self.rows_read += other.rows_read


def _sum_known(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def order_facts(order: Order) -> dict[str, Any]:
    """Return the facts of an order as ``order-pipelines inspect`` prints them: JSON-ready, money as decimal strings."""
    is_b2b = order.channel == "b2b"
    buyer = order.buyer or Buyer()
    return {
        "external_order_id": order.external_order_id,
        "order_number": order.order_number,
        "ordered_at": _instant(order.ordered_at),
        "currency": order.currency,
        "ship_country": order.ship_country,
        "bill_country": order.bill_country,
        "channel": order.channel,
        "buyer": {
            "name": buyer.name,
            "email": buyer.email,
            "phone": buyer.phone,
            "company": buyer.company,
            "vat_id": buyer.vat_id,
            "is_business": buyer.is_business,
        },
        "lines": [_line_facts(line, is_b2b) for line in order.lines],
        "shipping_cost_incl_vat": _money(order.shipping_cost_incl_vat),
        "order_discounts": _money(order.order_discounts),
        "order_total_incl_vat": _money(order.order_total_incl_vat),
        "order_total_current_incl_vat": _money(order.order_total_current_incl_vat),
        "refunded_total_incl_vat": _money(order.refunded_total_incl_vat),
        "commission_total": _money(order.commission_total),
        "cancelled_quantity_total": order.cancelled_quantity_total(),
        "refunded_quantity_total": order.refunded_quantity_total(),
        "payment_status": order.payment_status,
        "order_status": order.order_status,
        "fulfilment_status": order.fulfilment_status,
        "stock_effect": order.stock_effect(),
        "counts_in_revenue": order.counts_in_revenue,
        "own_fulfilment": order.own_fulfilment,
        "must_flag": sorted({*order.must_flag, *(problem.code for problem in order.problems)}),
    }


def _line_facts(line: OrderLine, is_b2b: bool) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "external_line_id": line.external_line_id,
        "sku": line.sku,
        "ean": line.ean,
        "title": line.title,
        "quantity": line.quantity,
        "quantity_cancelled": line.quantity_cancelled,
        "quantity_shipped": line.quantity_shipped,
        "quantity_refunded": line.quantity_refunded,
        "unit_price_incl_vat": _price(line.unit_price_incl_vat),
        "line_discount_incl_vat": _money(line.line_discount_incl_vat),
        "line_total_incl_vat": _money(line.line_total_incl_vat),
        "vat_rate": None if line.vat_rate is None else f"{line.vat_rate.normalize():f}",
        "commission": _money(line.commission),
    }
    if is_b2b:
        facts["row"] = line.row
        facts["unit_price_excl_vat"] = _price(line.unit_price_excl_vat)
        facts["line_total_excl_vat"] = _money(line.line_total_excl_vat)
    return facts


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:.2f}"


def _price(amount: Decimal | None) -> str | None:
    """At least two decimals, at most those that are there."""
    if amount is None:
        return None
    plain = amount.normalize()
    decimals = -int(plain.as_tuple().exponent)
    return f"{plain:.{max(2, decimals)}f}"


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else isoformat(instant)
