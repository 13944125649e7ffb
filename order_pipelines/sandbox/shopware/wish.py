"""What a shopper wants, read from the words of the control port."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from order_pipelines.sandbox.shopware.goods import CHANNELS, COUNTRIES, CURRENCIES
from order_pipelines.sandbox.shopware.spoil import check_malform
from order_pipelines.sandbox.shopware.states import MACHINES
from order_pipelines.sandbox.standin import OrderRefused

ORDER_MEMBERS = frozenset(
    {
        "account", "lines", "ship_country", "placed_at", "created_at", "force", "malform", "order_number", "business",
        "guest", "tax_status", "currency", "shipping", "shipping_discount", "promotion", "payments", "sales_channel",
        "comment", "tags",
    }
)  # fmt: skip
LINE_MEMBERS = frozenset({"sku", "ean", "quantity", "unit_price", "type", "label", "vat_rate", "children"})
_TYPES = ("product", "custom", "credit", "container")
_TAX_STATUSES = ("gross", "net", "tax-free")


@dataclass(frozen=True)
class WishedLine:
    """One line: goods by ``sku`` or ``ean``; money in the order's currency, ``None`` = what the shop asks."""

    kind: str
    sku: str | None
    ean: str | None
    quantity: int
    unit_price: Decimal | None
    label: str | None
    vat_rate: Decimal | None
    children: tuple["WishedLine", ...] = ()


@dataclass(frozen=True)
class Wish:
    """One order as a shopper wants it; ``payments`` are the states of the payment attempts, oldest first."""

    lines: tuple[WishedLine, ...]
    ship_country: str = "NL"
    placed_at: datetime | None = None
    created_at: datetime | None = None
    force: bool = False
    order_number: str | None = None
    business: bool = False
    guest: bool = False
    tax_status: str = "gross"
    currency: str = "EUR"
    shipping: Decimal = Decimal("4.95")
    shipping_discount: Decimal = Decimal(0)
    promotion: Decimal = Decimal(0)
    payments: tuple[str, ...] = ("paid",)
    sales_channel: str = CHANNELS[0]
    comment: str | None = None
    tags: tuple[str, ...] = ()
    malform: dict[str, Any] = field(default_factory=dict)


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
    check_malform(malform)
    return Wish(
        lines=tuple(_read_line(line) for line in lines),
        ship_country=_word(wish, "ship_country", "NL", tuple(COUNTRIES)),
        placed_at=_read_instant(wish, "placed_at"),
        created_at=_read_instant(wish, "created_at"),
        force=bool(wish.get("force", False)),
        order_number=wish.get("order_number"),
        business=bool(wish.get("business", False)),
        guest=bool(wish.get("guest", False)),
        tax_status=_word(wish, "tax_status", "gross", _TAX_STATUSES),
        currency=_word(wish, "currency", "EUR", tuple(CURRENCIES)),
        shipping=_money(wish.get("shipping", "4.95")),
        shipping_discount=_money(wish.get("shipping_discount", "0")),
        promotion=_money(wish.get("promotion", "0")),
        payments=tuple(_payment(state) for state in wish.get("payments", ["paid"])),
        sales_channel=_word(wish, "sales_channel", CHANNELS[0], CHANNELS),
        comment=wish.get("comment"),
        tags=tuple(str(tag) for tag in wish.get("tags") or ()),
        malform=malform,
    )


def _read_line(line: object) -> WishedLine:
    if not isinstance(line, dict):
        raise OrderRefused("a line is an object: {sku or ean, quantity}")
    if unknown := sorted(set(line) - LINE_MEMBERS):
        raise OrderRefused(f"unknown member(s) of a line: {', '.join(unknown)}")
    kind = _word(line, "type", "product", _TYPES)
    if kind == "product" and not (line.get("sku") or line.get("ean")):
        raise OrderRefused("a line names its goods by sku or ean")
    if kind in {"custom", "credit"} and line.get("unit_price") is None:
        raise OrderRefused(f"a {kind} line needs a unit_price")
    children = line.get("children") or []
    if (kind == "container") != bool(children):
        raise OrderRefused("a container has children, and nothing else has")
    quantity = line.get("quantity", 1)
    if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
        raise OrderRefused(f"quantity must be a whole number of at least 1, not {quantity!r}")
    return WishedLine(
        kind=kind,
        sku=line.get("sku"),
        ean=line.get("ean"),
        quantity=quantity,
        unit_price=None if line.get("unit_price") is None else _money(line["unit_price"]),
        label=line.get("label"),
        vat_rate=None if line.get("vat_rate") is None else _money(line["vat_rate"]),
        children=tuple(_read_line(child) for child in children),
    )


def _payment(state: object) -> str:
    if state not in MACHINES["order_transaction"]:
        raise OrderRefused(f"no payment state {state}; there are {', '.join(MACHINES['order_transaction'])}")
    return str(state)


def _word(wish: dict[str, Any], name: str, default: str, known: tuple[str, ...]) -> str:
    word = str(wish.get(name) or default)
    if word not in known:
        raise OrderRefused(f"{name} is one of {', '.join(known)}, not {word}")
    return word


def _money(value: object) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation as error:
        raise OrderRefused(f"not an amount of money: {value!r}") from error


def _read_instant(wish: dict[str, Any], name: str) -> datetime | None:
    value = wish.get(name)
    if not value:
        return None
    try:
        instant = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        raise OrderRefused(f"{name} is not an ISO instant: {value!r}") from error
    if instant.tzinfo is None:
        raise OrderRefused(f"{name} needs a zone: {value!r}")
    return instant.astimezone(UTC)
