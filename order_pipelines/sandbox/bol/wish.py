"""What a shopper wants, read from the words of the control port."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from order_pipelines.sandbox.standin import OrderRefused

ORDER_MEMBERS = frozenset(
    {
        "account", "lines", "ship_country", "fulfilment_method", "placed_at", "force", "malform", "order_id",
        "business", "pickup_point", "exact_delivery_date", "distribution_party",
    }
)  # fmt: skip
LINE_MEMBERS = frozenset(
    {"sku", "ean", "offer_id", "quantity", "unit_price", "total_price", "discounts", "services"}
)


@dataclass(frozen=True)
class WishedLine:
    """One line: goods by ``sku``, ``ean`` or ``offer_id``; money in euro, ``None`` = what the shop asks."""

    sku: str | None
    ean: str | None
    offer_id: str | None
    quantity: int
    unit_price: Decimal | None
    total_price: Decimal | None
    discounts: tuple[tuple[str, Decimal], ...]
    services: tuple[str, ...]


@dataclass(frozen=True)
class Wish:
    """One order as a shopper wants it."""

    lines: tuple[WishedLine, ...]
    ship_country: str = "NL"
    fulfilment_method: str | None = None
    placed_at: datetime | None = None
    force: bool = False
    malform: dict[str, Any] = field(default_factory=dict)
    order_id: str | None = None
    business: bool = False
    pickup_point: bool = False
    exact_delivery_date: date | None = None
    distribution_party: str = "RETAILER"


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
    exact = wish.get("exact_delivery_date")
    return Wish(
        lines=tuple(_read_line(line) for line in lines),
        ship_country=str(wish.get("ship_country") or "NL"),
        fulfilment_method=wish.get("fulfilment_method"),
        placed_at=_read_instant(wish["placed_at"]) if wish.get("placed_at") else None,
        force=bool(wish.get("force", False)),
        malform=malform,
        order_id=wish.get("order_id"),
        business=bool(wish.get("business", False)),
        pickup_point=bool(wish.get("pickup_point", False)),
        exact_delivery_date=date.fromisoformat(exact) if isinstance(exact, str) else exact,
        distribution_party=str(wish.get("distribution_party", "RETAILER")),
    )


def _read_line(line: object) -> WishedLine:
    if not isinstance(line, dict):
        raise OrderRefused("a line is an object: {sku or ean, quantity}")
    if unknown := sorted(set(line) - LINE_MEMBERS):
        raise OrderRefused(f"unknown member(s) of a line: {', '.join(unknown)}")
    if not (line.get("sku") or line.get("ean") or line.get("offer_id")):
        raise OrderRefused("a line names its goods by sku, ean or offer_id")
    quantity = line.get("quantity", 1)
    if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
        raise OrderRefused(f"quantity must be a whole number of at least 1, not {quantity!r}")
    return WishedLine(
        sku=line.get("sku"),
        ean=line.get("ean"),
        offer_id=line.get("offer_id"),
        quantity=quantity,
        unit_price=_read_money(line.get("unit_price")),
        total_price=_read_money(line.get("total_price")),
        discounts=tuple(
            (str(discount.get("title", "actie")), _money(discount["amount"]))
            for discount in line.get("discounts") or ()
        ),
        services=tuple(line.get("services") or ()),
    )


def _read_money(value: object) -> Decimal | None:
    return None if value is None else _money(value)


def _money(value: object) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation as error:
        raise OrderRefused(f"not an amount of money: {value!r}") from error


def _read_instant(value: object) -> datetime:
    if isinstance(value, datetime):
        instant = value
    else:
        try:
            instant = datetime.fromisoformat(str(value))
        except ValueError as error:
            raise OrderRefused(f"placed_at is not an ISO instant: {value!r}") from error
    if instant.tzinfo is None:
        raise OrderRefused(f"placed_at needs a zone: {value!r}")
    return instant.astimezone(UTC)
