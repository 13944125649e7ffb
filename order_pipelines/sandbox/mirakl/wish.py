"""What a customer wants, read from the words of the control port."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from order_pipelines.sandbox.standin import OrderRefused

ORDER_MEMBERS = frozenset(
    {
        "account", "lines", "ship_country", "placed_at", "force", "malform", "order_id", "commercial_id", "business",
        "phone", "pudo_id", "payment_workflow", "fulfillment_center", "staging", "hold_payment", "with_taxes",
        "shipping_price", "additional_fields",
    }
)  # fmt: skip
LINE_MEMBERS = frozenset(
    {"sku", "ean", "quantity", "unit_price", "discounts", "shipping_price", "measurement"}
)
MEASUREMENT_MEMBERS = ("ordered_measurement", "actual_measurement", "measurement_unit", "adjustment_limit")
WORKFLOWS = (
    "PAY_ON_ACCEPTANCE", "PAY_ON_SHIPMENT", "PAY_ON_DELIVERY", "PAY_ON_DUE_DATE", "NO_CUSTOMER_PAYMENT_CONFIRMATION",
)  # fmt: skip


@dataclass(frozen=True)
class WishedLine:
    """One line: goods by ``sku`` or ``ean``; money in the order's tax mode, ``None`` = what the shop asks."""

    sku: str | None
    ean: str | None
    quantity: int
    unit_price: Decimal | None
    shipping_price: Decimal | None
    discounts: tuple[tuple[str, Decimal], ...]
    measurement: dict[str, Any] | None = None


@dataclass(frozen=True)
class Wish:
    """One order as a customer wants it."""

    lines: tuple[WishedLine, ...]
    ship_country: str = "NL"
    placed_at: datetime | None = None
    force: bool = False
    malform: dict[str, Any] = field(default_factory=dict)
    order_id: str | None = None
    commercial_id: str | None = None
    business: bool = False
    phone: bool | None = None
    pudo_id: str | None = None
    payment_workflow: str | None = None
    fulfillment_center: str | None = None
    staging: bool = False
    hold_payment: bool = False
    with_taxes: bool = True
    additional_fields: bool = False


def read_wish(wish: dict[str, Any]) -> Wish:
    """Read the body of ``POST /orders``.

    Raises:
        OrderRefused: a member is unknown, missing or of the wrong kind; the text names it.
    """
    if unknown := sorted(set(wish) - ORDER_MEMBERS):
        raise OrderRefused(f"unknown member(s) of an order: {', '.join(unknown)}")
    lines = wish.get("lines")
    if not isinstance(lines, list) or not lines:
        raise OrderRefused("an order needs lines: [{sku or ean, quantity}]")
    malform = wish.get("malform") or {}
    if not isinstance(malform, dict):
        raise OrderRefused(
            "malform is an object: {missing: [path], renamed: {path: name}, replaced: {path: value}}"
        )
    workflow = wish.get("payment_workflow")
    if workflow is not None and workflow not in WORKFLOWS:
        raise OrderRefused(f"payment_workflow must be one of {', '.join(WORKFLOWS)}, not {workflow!r}")
    shipping = _read_money(wish.get("shipping_price"))
    return Wish(
        lines=tuple(_read_line(line, shipping) for line in lines),
        ship_country=str(wish.get("ship_country") or "NL"),
        placed_at=_read_instant(wish["placed_at"]) if wish.get("placed_at") else None,
        force=bool(wish.get("force", False)),
        malform=malform,
        order_id=wish.get("order_id"),
        commercial_id=wish.get("commercial_id"),
        business=bool(wish.get("business", False)),
        phone=wish.get("phone"),
        pudo_id=wish.get("pudo_id"),
        payment_workflow=workflow,
        fulfillment_center=wish.get("fulfillment_center"),
        staging=bool(wish.get("staging", False)),
        hold_payment=bool(wish.get("hold_payment", False)),
        with_taxes=bool(wish.get("with_taxes", True)),
        additional_fields=bool(wish.get("additional_fields", False)),
    )


def _read_line(line: object, shipping: Decimal | None) -> WishedLine:
    if not isinstance(line, dict):
        raise OrderRefused("a line is an object: {sku or ean, quantity}")
    if unknown := sorted(set(line) - LINE_MEMBERS):
        raise OrderRefused(f"unknown member(s) of a line: {', '.join(unknown)}")
    if not (line.get("sku") or line.get("ean")):
        raise OrderRefused("a line names its goods by sku or ean")
    quantity = line.get("quantity", 1)
    if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
        raise OrderRefused(f"quantity must be a whole number of at least 1, not {quantity!r}")
    return WishedLine(
        sku=line.get("sku"),
        ean=line.get("ean"),
        quantity=quantity,
        unit_price=_read_money(line.get("unit_price")),
        shipping_price=_read_money(line.get("shipping_price")) if "shipping_price" in line else shipping,
        discounts=tuple(
            (str(discount.get("title", "actie")), money(discount["amount"]))
            for discount in line.get("discounts") or ()
        ),
        measurement=_read_measurement(line.get("measurement")),
    )


def _read_measurement(told: object) -> dict[str, Any] | None:
    if told is None:
        return None
    if not isinstance(told, dict) or set(told) - set(MEASUREMENT_MEMBERS):
        raise OrderRefused(f"measurement is an object with {', '.join(MEASUREMENT_MEMBERS)}")
    return {name: told.get(name) for name in MEASUREMENT_MEMBERS}


def _read_money(value: object) -> Decimal | None:
    return None if value is None else money(value)


def money(value: object) -> Decimal:
    """Read an amount.

    Raises:
        OrderRefused: it is none.
    """
    try:
        return Decimal(str(value))
    except InvalidOperation as error:
        raise OrderRefused(f"not an amount of money: {value!r}") from error


def _read_instant(value: object) -> datetime:
    try:
        instant = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        raise OrderRefused(f"placed_at is not an ISO instant: {value!r}") from error
    if instant.tzinfo is None:
        raise OrderRefused(f"placed_at needs a zone: {value!r}")
    return instant.astimezone(UTC)
