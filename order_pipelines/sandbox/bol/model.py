"""What one bol account holds: offers, orders, shipments, returns and process statuses. Data only, no rules."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


@dataclass(slots=True)
class Offer:
    """An offer and what has happened to its stock since the merchant last wrote it.

    ``amount`` is the number the merchant wrote (for FBB: what lies at bol). ``stock_written_at`` is the moment from
    which ``managed_by_retailer`` counts new orders. The three counters are pieces.
    """

    offer_id: str
    ean: str
    sku: str | None
    title: str
    reference: str | None
    bundle_prices: list[tuple[int, Decimal]]
    amount: int
    managed_by_retailer: bool
    fulfilment_method: str
    countries: tuple[str, ...]
    stock_written_at: datetime
    last_modified_at: datetime
    on_hold: bool = False
    economic_operator_id: str | None = None
    unknown_product_title: str | None = None
    schedule: str = "BOL_DELIVERY_PROMISE"
    delivery_promise: tuple[int, int, str | None] | None = (1, 2, "23:59")
    open_quantity: int = 0
    shipped_since_write: int = 0
    sold_since_write: int = 0

    @property
    def corrected_stock(self) -> int:
        """Pieces shoppers can still buy; at or below zero the offer is not for sale.

        Not managed by the retailer: amount minus every open order minus what was shipped since the write.
        Managed by the retailer: amount minus orders placed after the write, cancelled ones excepted.
        """
        if self.managed_by_retailer and self.fulfilment_method == "FBR":
            return self.amount - self.sold_since_write
        return self.amount - self.open_quantity - self.shipped_since_write

    def is_for_sale(self, country: str) -> bool:
        """Tell whether shoppers of a country see the offer."""
        return country in self.countries and not self.on_hold and self.corrected_stock > 0

    def write_stock(self, amount: int, managed_by_retailer: bool, at: datetime) -> None:
        """Store a stock number of the merchant and start counting anew."""
        self.amount = amount
        self.managed_by_retailer = managed_by_retailer
        self.stock_written_at = at
        self.last_modified_at = at
        self.shipped_since_write = 0
        self.sold_since_write = 0


@dataclass(slots=True)
class OrderItem:
    """One item of an order; ``changed_at`` is its last change, ``handled_at`` when nothing was left open."""

    order_item_id: str
    offer: Offer | None
    offer_id: str | None
    reference: str | None
    ean: str
    title: str
    method: str
    distribution_party: str
    quantity: int
    unit_price: Decimal
    total_price: Decimal
    discounts: tuple[tuple[str, Decimal], ...]
    commission: Decimal
    latest_delivery_date: date | None
    exact_delivery_date: date | None
    expiry_date: date
    changed_at: datetime
    shipped: int = 0
    cancelled: int = 0
    cancellation_request: bool = False
    cancel_reason: str | None = None
    handled_at: datetime | None = None
    services: tuple[str, ...] = ()

    @property
    def open_quantity(self) -> int:
        """Pieces neither shipped nor cancelled."""
        return self.quantity - self.shipped - self.cancelled


@dataclass(slots=True)
class Order:
    """An order of a shopper; ``malform`` says how its answers are spoiled on purpose."""

    order_id: str
    placed_at: datetime
    items: list[OrderItem]
    shipment_details: dict[str, Any]
    billing_details: dict[str, Any] | None
    pickup_point: bool = False
    malform: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Shipment:
    """One parcel: which items left, in which quantity, and with which carrier."""

    shipment_id: str
    transport_id: str
    order: Order
    parts: list[tuple[OrderItem, int]]
    shipped_at: datetime
    method: str
    reference: str
    transporter_code: str
    track_and_trace: str | None
    events: list[tuple[str, datetime]] = field(default_factory=list)


@dataclass(slots=True)
class Return:
    """A return registered by a shopper, one item."""

    return_id: str
    rma_id: str
    order: Order
    item: OrderItem
    quantity: int
    registered_at: datetime
    main_reason: str
    comments: str
    handled_at: datetime | None = None
    handling_result: str | None = None


@dataclass(slots=True)
class ProcessStatus:
    """The life of one accepted write; ``outcome`` is what it will say from ``due_at`` on."""

    process_status_id: str
    event_type: str
    description: str
    entity_id: str | None
    created_at: datetime
    due_at: datetime
    status: str = "PENDING"
    error_message: str | None = None
    gone: bool = False


@dataclass(slots=True)
class Subscription:
    """Where events go; ``failures`` counts deliveries that failed in a row."""

    subscription_id: str
    resources: tuple[str, ...]
    url: str
    subscription_type: str
    enabled: bool
    identity: str | None
    failures: int = 0


def bol_time(instant: datetime) -> str:
    """Write an instant as bol does: Dutch wall time with offset, whole seconds."""
    return instant.astimezone(AMSTERDAM).isoformat(timespec="seconds")


def utc_time(instant: datetime) -> str:
    """Write an instant as the control port and offers v11 do: UTC, milliseconds, ``Z``."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def midnight_after(day: date) -> datetime:
    """Return the first instant after a Dutch calendar day."""
    start = datetime(day.year, day.month, day.day, tzinfo=AMSTERDAM)
    return datetime.fromordinal(start.toordinal() + 1).replace(tzinfo=AMSTERDAM).astimezone(UTC)
