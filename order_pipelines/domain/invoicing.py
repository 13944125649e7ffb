"""When an order becomes a sales entry and what that entry says; rules only, no store and no books.

An entry is planned from what the order is now: pieces cancelled are left out, shipping and discounts follow the goods,
VAT comes out of the gross per order and rate. What is not known puts the order on hold with a reason for a person.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from order_pipelines.clock import BUSINESS_ZONE, order_date
from order_pipelines.domain.vat import (
    PartKind,
    VatGroup,
    VatLine,
    remaining_gross,
    split_order,
    spread_over_goods,
)
from order_pipelines.errors import DomainRuleError
from order_pipelines.identifiers import OrderKey
from order_pipelines.money import ZERO

Trigger = Literal["shipped", "ordered", "off"]

# Books compute VAT from a line's net and accept another amount only near it; 1.00 is the tolerance of EN 16931 rule
# BR-CO-17. VAT rounded per order drifts from that by up to a cent an order, so a long day gets several lines.
MAX_LINE_DRIFT = Decimal("0.50")

_UNDECIDED = frozenset({"pending", "waiting_acceptance", "on_hold"})
_FOLLOWS_GOODS: Mapping[str, PartKind] = {"shipping": "shipping", "discount": "goods"}


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One order line as invoicing sees it.

    Args:
        line_id: the channel's id.
        kind: ``goods shipping fee discount manual rounding``.
        name: SKU, else EAN, else the line id: how a person finds it.
        gross: including VAT for all pieces ordered, after discount; ``None`` when the payload does not say.
        vat_class: from the product master; ``None`` when unknown.
        vat_rate_pct: percent for that class in the country of destination; ``None`` when unknown.
    """

    line_id: str
    kind: str
    name: str
    quantity: int | None
    quantity_cancelled: int
    quantity_shipped: int
    gross: Decimal | None
    vat_class: str | None = None
    vat_rate_pct: Decimal | None = None


@dataclass(frozen=True, slots=True)
class InvoiceOrder:
    """One order as invoicing sees it; ``order_total`` includes shipping and is for all pieces ordered."""

    order_key: OrderKey
    order_number: str
    ordered_at: datetime | None
    currency: str | None
    ship_country: str | None
    lines: tuple[InvoiceLine, ...]
    order_total: Decimal | None
    shipping_gross: Decimal | None = None
    order_status: str | None = None
    order_kind: str = "sale"
    counts_in_revenue: bool = True
    is_quarantined: bool = False
    is_test: bool = False


@dataclass(frozen=True, slots=True)
class LedgerTarget:
    """Where a VAT class of one country is booked: ids of the books, and the percentage that the VAT code is for.

    ``vat_rate_pct`` is ``None`` where nobody said it; then any rate is booked there.
    """

    ledger_account: str
    vat_code: str
    vat_rate_pct: Decimal | None = None

    def is_for(self, rate_pct: Decimal | None) -> bool:
        """Whether VAT of a percentage may stand under the code; where either is unknown nothing contradicts."""
        return self.vat_rate_pct is None or rate_pct is None or self.vat_rate_pct == rate_pct


@dataclass(frozen=True, slots=True)
class LedgerMap:
    """The merchant's agreement with the bookkeeper.

    ``targets`` by (country of destination, VAT class); ``targets_of_rates`` by these and a percentage, for orders whose
    channel says another one than the class has, such as an export. Shipping goes to its own account where one is set,
    else where the goods go. The rounding account is needed only for orders whose total differs from their lines.
    """

    targets: Mapping[tuple[str, str], LedgerTarget]
    shipping_ledger_account: str | None = None
    rounding_ledger_account: str | None = None
    targets_of_rates: Mapping[tuple[str, str, Decimal], LedgerTarget] = field(default_factory=dict)

    def find(self, country: str, vat_class: str, rate_pct: Decimal | None) -> LedgerTarget | None:
        """Return where sales of a class at a percentage are booked; whether the code fits, the target says."""
        target = None if rate_pct is None else self.targets_of_rates.get((country, vat_class, rate_pct))
        return target or self.targets.get((country, vat_class))


@dataclass(frozen=True, slots=True)
class PlannedEntryLine:
    """One line of a planned entry. A rounding line has no VAT, and it alone has no ``vat_code`` and ``rate_pct``."""

    ledger_account: str
    vat_code: str | None
    rate_pct: Decimal | None
    gross: Decimal
    vat: Decimal
    description: str

    @property
    def net(self) -> Decimal:
        """Gross without VAT."""
        return self.gross - self.vat


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """One order's share of an entry: its own VAT, whether the entry holds one order or a day of them."""

    order_key: OrderKey
    gross: Decimal
    vat: Decimal


@dataclass(frozen=True, slots=True)
class PlannedEntry:
    """A sales entry to be: debtor, journal and payment condition are the account's and are added by the services."""

    reference: str
    entry_date: date
    currency: str
    description: str
    lines: tuple[PlannedEntryLine, ...]
    orders: tuple[PlannedOrder, ...]

    @property
    def gross(self) -> Decimal:
        """Total including VAT."""
        return sum((line.gross for line in self.lines), ZERO)

    @property
    def vat(self) -> Decimal:
        """Total VAT."""
        return sum((line.vat for line in self.lines), ZERO)


@dataclass(frozen=True, slots=True)
class Hold:
    """Why an order cannot be booked yet; ``reason`` tells a person what to do.

    ``code``: ``unknown_vat unknown_country unknown_amount unknown_currency no_ledger_account amounts_contradict
    rate_contradicts nothing_to_book mixed_currency``.
    """

    order_key: OrderKey
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class CollectivePlan:
    """The entry of one account and day, ``None`` when no order could be booked, and the orders left out of it."""

    entry: PlannedEntry | None
    held: tuple[Hold, ...]


def why_not_due(
    trigger: Trigger, order: InvoiceOrder, *, effective_from: date, zone: ZoneInfo = BUSINESS_ZONE
) -> str | None:
    """Return why there must be no entry for ``order`` yet, or ever; ``None`` when its entry is due.

    ``shipped``: every goods line is shipped or cancelled to the last piece, and something was shipped. ``ordered``: at
    once, unless the channel itself has not decided. Orders placed before ``effective_from`` (business day in ``zone``)
    are history and belong to whatever kept the books then.
    """
    if trigger == "off":
        return "invoicing is off for this account"
    if order.is_quarantined:
        return "the order is in quarantine"
    if order.is_test:
        return "it is a test order"
    if order.order_kind != "sale":
        return f"it is a {order.order_kind}, not a sale"
    if not order.counts_in_revenue:
        return "it does not count as revenue"
    if order.ordered_at is None:
        return "nobody knows when it was ordered"
    if order_date(order.ordered_at, zone) < effective_from:
        return f"it was ordered before {effective_from.isoformat()}, when this account went live"
    goods = [line for line in order.lines if line.kind == "goods"]
    if not goods:
        return "it has no goods"
    if order.order_status == "cancelled" or all(line.quantity == line.quantity_cancelled for line in goods):
        return "it is cancelled"
    if trigger == "ordered":
        return f"the channel has it as {order.order_status}" if order.order_status in _UNDECIDED else None
    for line in goods:
        if line.quantity is None or line.quantity != line.quantity_cancelled + line.quantity_shipped:
            return (
                f"line {line.line_id}: {line.quantity_shipped} shipped and {line.quantity_cancelled} cancelled "
                f"of {'an unknown number' if line.quantity is None else line.quantity}"
            )
    return None


def plan_entry(
    order: InvoiceOrder,
    *,
    reference: str,
    entry_date: date,
    ledgers: LedgerMap,
    rounding_tolerance: Decimal,
) -> PlannedEntry | Hold:
    """Return the sales entry of one order, whose lines add up to what the customer paid, or why it must wait.

    ``rounding_tolerance`` is the largest difference between the channel's total and its lines that is still rounding.
    """
    share = _share_of(order, ledgers, rounding_tolerance)
    if isinstance(share, Hold):
        return share
    return _entry([share], reference, entry_date, f"Order {order.order_number}")


def plan_collective_entry(
    orders: Sequence[InvoiceOrder],
    *,
    reference: str,
    entry_date: date,
    title: str,
    ledgers: LedgerMap,
    rounding_tolerance: Decimal,
) -> CollectivePlan:
    """Return one entry for all ``orders`` of an account and business day.

    VAT is taken per order and then added, so that each order's VAT stands as if it had an entry of its own; the entry's
    total is the sum of the orders' totals to the cent. Orders that must wait, or have another currency than the first
    that need not, are left out and named. ``title`` says account and day.
    """
    shares: list[_Share] = []
    held: list[Hold] = []
    for order in orders:
        share = _share_of(order, ledgers, rounding_tolerance)
        if isinstance(share, Hold):
            held.append(share)
        elif shares and share.currency != shares[0].currency:
            held.append(
                Hold(
                    order.order_key,
                    "mixed_currency",
                    f"order {order.order_number} is in {share.currency}, the others of the day are in "
                    f"{shares[0].currency}; use one entry an order for this account",
                )
            )
        else:
            shares.append(share)
    if not shares:
        return CollectivePlan(None, tuple(held))
    noun = "order" if len(shares) == 1 else "orders"
    entry = _entry(shares, reference, entry_date, f"{title}, {len(shares)} {noun}")
    return CollectivePlan(entry, tuple(held))


@dataclass(frozen=True, slots=True)
class _Share:
    """What one order adds to an entry: its groups, each with where it is booked."""

    order_key: OrderKey
    currency: str
    country: str
    parts: tuple[tuple[VatGroup, str, str | None], ...]


def _share_of(order: InvoiceOrder, ledgers: LedgerMap, tolerance: Decimal) -> _Share | Hold:
    country, currency = order.ship_country, order.currency
    if country is None:
        return _hold(order, "unknown_country", "the country it goes to is unknown, so its VAT is too")
    if currency is None:
        return _hold(order, "unknown_currency", "its currency is unknown")
    try:
        groups = _groups(order, tolerance)
    except (DomainRuleError, ValueError) as error:
        return _hold(order, "amounts_contradict", str(error))
    if isinstance(groups, Hold):
        return groups
    parts: list[tuple[VatGroup, str, str | None]] = []
    for group in groups:
        if not group.gross:
            continue
        if group.vat_class is None:
            if ledgers.rounding_ledger_account is None:
                reason = f"its total differs by {group.gross} from its lines; set rounding_ledger_account of the books"
                return _hold(order, "no_ledger_account", reason)
            parts.append((group, ledgers.rounding_ledger_account, None))
            continue
        target = ledgers.find(country, group.vat_class, group.rate_pct)
        if target is None:
            reason = f"no ledger account is set for country {country} and VAT class {group.vat_class!r}"
            return _hold(order, "no_ledger_account", f"{reason}; add it to the mapping of the books")
        if not target.is_for(group.rate_pct):
            return _hold(order, "rate_contradicts", _rates_differ(country, group, target))
        own = ledgers.shipping_ledger_account if group.kind == "shipping" else None
        parts.append((group, own or target.ledger_account, target.vat_code))
    if not parts:
        return _hold(order, "nothing_to_book", "its total is 0.00")
    return _Share(order.order_key, currency, country, tuple(parts))


def _groups(order: InvoiceOrder, tolerance: Decimal) -> list[VatGroup] | Hold:
    """Return the VAT groups of what is left of an order after cancellations."""
    goods: list[VatLine] = []
    others: list[VatLine] = []
    followers: list[tuple[Decimal, PartKind]] = []
    cancelled = ZERO
    for line in order.lines:
        if line.gross is None or line.quantity is None:
            return _hold(order, "unknown_amount", f"quantity or amount of {line.name} is unknown")
        kept = remaining_gross(line.gross, line.quantity, line.quantity_cancelled)
        cancelled += line.gross - kept
        if line.vat_class is None or line.vat_rate_pct is None:
            if line.kind in _FOLLOWS_GOODS:
                followers.append((kept, _FOLLOWS_GOODS[line.kind]))
                continue
            if not kept:
                continue
            if line.vat_class is None:
                reason = f"VAT class of {line.name} is unknown; add it to the product master"
            else:
                reason = (
                    f"no VAT rate is set for country {order.ship_country} and class {line.vat_class!r} of "
                    f"{line.name}; add it to the VAT rates of the settings"
                )
            return _hold(order, "unknown_vat", reason)
        part: PartKind = "shipping" if line.kind == "shipping" else "goods"
        whose = goods if line.kind == "goods" else others
        whose.append(VatLine(line.vat_class, line.vat_rate_pct, kept, part))
    if order.shipping_gross:
        followers.append((order.shipping_gross, "shipping"))
    for amount, kind in followers:
        others += spread_over_goods(amount, goods, kind=kind)
    total = None if order.order_total is None else order.order_total - cancelled
    return split_order([*goods, *others], total, tolerance=tolerance)


def _rates_differ(country: str, group: VatGroup, target: LedgerTarget) -> str:
    """The books refuse it, or worse take it: VAT of one percentage under the code of another."""
    said, usual = (
        f"{rate.normalize():f} %" for rate in (group.rate_pct, target.vat_rate_pct) if rate is not None
    )
    return (
        f"its channel says {said} VAT for VAT class {group.vat_class!r}, which is {usual} in {country} "
        f"(code {target.vat_code}); correct the channel or the product master, or give that percentage a block with "
        "vat_rate in the mapping of the books"
    )


def _hold(order: InvoiceOrder, code: str, reason: str) -> Hold:
    return Hold(order.order_key, code, f"order {order.order_number}: {reason}")


def _entry(shares: Sequence[_Share], reference: str, entry_date: date, description: str) -> PlannedEntry:
    sums: dict[tuple[str, str | None, Decimal | None, str], list[tuple[Decimal, Decimal]]] = {}
    for share in shares:
        for group, ledger_account, vat_code in share.parts:
            key = (ledger_account, vat_code, group.rate_pct, _describe(group, share.country))
            amounts = sums.setdefault(key, [(ZERO, ZERO)])
            gross, vat = amounts[-1][0] + group.gross, amounts[-1][1] + group.vat
            if amounts[-1] != (ZERO, ZERO) and _drift(gross, vat, group) > MAX_LINE_DRIFT:
                amounts.append((group.gross, group.vat))
            else:
                amounts[-1] = (gross, vat)
    lines = [
        PlannedEntryLine(ledger_account, vat_code, rate, gross, vat, text)
        for (ledger_account, vat_code, rate, text), amounts in sums.items()
        for gross, vat in amounts
        if gross or vat
    ]
    orders = [
        PlannedOrder(
            share.order_key,
            sum((group.gross for group, _, _ in share.parts), ZERO),
            sum((group.vat for group, _, _ in share.parts), ZERO),
        )
        for share in shares
    ]
    return PlannedEntry(reference, entry_date, shares[0].currency, description, tuple(lines), tuple(orders))


def _drift(gross: Decimal, vat: Decimal, group: VatGroup) -> Decimal:
    """Return how far ``vat`` is from what books would compute from the net."""
    return ZERO if group.rate_pct is None else abs(vat - (gross - vat) * group.rate_pct / 100)


def _describe(group: VatGroup, country: str) -> str:
    if group.vat_class is None or group.rate_pct is None:
        return "Rounding of order totals"
    what = "shipping, " if group.kind == "shipping" else ""
    return f"{country} {what}{group.vat_class} {group.rate_pct.normalize():f} %"
