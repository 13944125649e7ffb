"""Positions of an order to canonical lines: one level of nested ones, discounts apart, prices including VAT.

Shopware's list is flat and mixes what was sold with what was taken off. ``taxStatus`` of the order says what prices
mean: ``gross`` with VAT inside, ``net`` with VAT on top, ``tax-free`` without any.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from order_pipelines.connectors.shopware.payloads import Reader, short_price
from order_pipelines.domain.orders import OrderLine
from order_pipelines.money import ZERO, round_to_cents

MOST_LINES = 2_000
_DEEPEST = 20
TAX_STATUSES = ("gross", "net", "tax-free")
CUSTOM = "custom"
# What lowers the order as a whole; Shopware spreads their VAT over all rates of the cart, and so do we.
TAKEN_OFF = frozenset({"promotion", "discount", "credit"})
# Plugins bring types of their own. What costs something is read like goods and shown to a person; what takes money
# off waits, for nobody knows from what.
_KNOWN_TYPES = TAKEN_OFF | {"product", CUSTOM, "container"}
_HALF_A_CENT = Decimal("0.005")


@dataclass(slots=True)
class Positions:
    """What the positions of an order say.

    Args:
        lines: what was sold.
        discounts: what promotions, discounts and credits take off, including VAT, positive; ``None`` when one cannot be
            read.
        flags: what a person should see.
    """

    lines: list[OrderLine] = field(default_factory=list)
    discounts: Decimal | None = ZERO
    flags: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Amounts:
    """One calculated price: with VAT, without, and its one rate in percent, ``None`` where it has none or several."""

    incl_vat: Decimal | None
    excl_vat: Decimal | None
    rate: Decimal | None


def read_positions(order: Reader, tax_status: str | None) -> Positions:
    """Return what was sold and what was taken off; readers of ``order.lineItems`` must be asked for."""
    read = Positions()
    items = order.entities("lineItems", required=True)
    if items is None:
        read.discounts = None
        return read
    if len(items) > MOST_LINES:
        order.report(
            "wrong_type", "lineItems", f"has {len(items)} lines, more than the {MOST_LINES} that are read"
        )
        return read
    if not items:
        order.report("missing_field", "lineItems", "is empty: an order without lines")
    for index, item in enumerate(items):
        # Without an id the line cannot be found again at the shop, but its pieces are sold.
        item.line_id = item.identifier("id") or f"item-{index}"
    seen: set[str | None] = set()
    for item, is_empty_shell in _one_level(items):
        if item.line_id in seen:
            item.report("duplicate_line", "id", "occurs twice; only the first line is read", item.line_id)
            continue
        seen.add(item.line_id)
        kind = item.text("type", required=True)
        if kind is None:
            # A promotion without its type would pass for goods, and the order for one without a discount.
            read.discounts = None
        elif kind not in _KNOWN_TYPES and _raw_total(item) < 0:
            item.unknown("type", kind, what="type of a position")
            read.discounts = None
        elif kind not in _KNOWN_TYPES:
            read.flags.append("unknown_line_type")
        if kind in TAKEN_OFF:
            _take_off(item, kind, tax_status, read)
        else:
            read.lines.append(_read_line(item, kind, tax_status, is_empty_shell=is_empty_shell))
            if is_empty_shell:
                read.flags.append("bundle_price_on_parent")
    return read


def _one_level(items: Sequence[Reader]) -> Iterator[tuple[Reader, bool]]:
    """Yield each position once: the parts of a bundle instead of the bundle, whose money is the sum of theirs.

    Where the parts cost nothing the bundle carries the money: then it is yielded too, as one that is no article.
    """
    by_id = {item.line_id: item for item in items}
    children: dict[str, list[Reader]] = {}
    tops: list[Reader] = []
    for item in items:
        parent = item.source.get("parentId")
        if isinstance(parent, str) and parent in by_id and parent != item.line_id:
            children.setdefault(parent, []).append(item)
        else:
            tops.append(item)

    read: set[int] = set()

    def walk(item: Reader, depth: int) -> Iterator[tuple[Reader, bool]]:
        parts = children.get(item.line_id or "", [])
        read.add(id(item))
        if not parts or depth >= _DEEPEST:
            yield item, False
            return
        if _raw_total(item) and not any(_raw_total(part) for part in parts):
            yield item, True
        for part in sorted(parts, key=_place):
            yield from walk(part, depth + 1)

    for top in sorted(tops, key=_place):
        yield from walk(top, 0)
    # Positions that are each other's parents lead nowhere; none of them may be lost for it.
    yield from ((item, False) for item in items if id(item) not in read)


def _place(item: Reader) -> int:
    place = item.source.get("position")
    return place if type(place) is int else 0


def _raw_total(item: Reader) -> float:
    total = item.source.get("totalPrice")
    return float(total) if isinstance(total, int | float) else 0.0


def _take_off(item: Reader, kind: str, tax_status: str | None, read: Positions) -> None:
    amounts = read_amounts(item, item.money("totalPrice", required=True), tax_status)
    if amounts.incl_vat is None or read.discounts is None:
        read.discounts = None
    else:
        read.discounts -= amounts.incl_vat
    if kind == "credit":
        read.flags.append("credit_line")


def _read_line(item: Reader, kind: str | None, tax_status: str | None, *, is_empty_shell: bool) -> OrderLine:
    payload, product = item.entity("payload"), item.entity("product")
    # The payload keeps the number of the moment of ordering; the product may be renamed or deleted since.
    sku = (payload.text("productNumber") if payload else None) or (
        product.text("productNumber") if product else None
    )
    quantity = item.pieces("quantity", at_least=1, required=True)
    unit_price = item.price("unitPrice", required=True)
    total = item.money("totalPrice", required=True)
    amounts = read_amounts(item, total, tax_status)
    is_article = not is_empty_shell and (sku is not None or kind != CUSTOM)
    return OrderLine(
        external_line_id=item.line_id or "",
        sku=sku if is_article else None,
        ean=product.text("ean") if product and is_article else None,
        title=item.text("label"),
        quantity=quantity,
        unit_price_incl_vat=_with_vat(unit_price, quantity, total, amounts, tax_status),
        line_discount_incl_vat=None if amounts.incl_vat is None else ZERO,
        line_total_incl_vat=amounts.incl_vat,
        vat_rate=amounts.rate,
        unit_price_excl_vat=unit_price if tax_status in ("net", "tax-free") else None,
        line_total_excl_vat=amounts.excl_vat,
        offer_id=item.identifier("productId"),
        line_kind="goods" if is_article else "manual",
        own_fulfilment=not is_download(item),
        changed_at=newest(item),
    )


def is_parcel_goods(item: Reader) -> bool:
    """Tell whether a position is an article that leaves in a parcel."""
    payload = item.source.get("payload")
    number = payload.get("productNumber") if isinstance(payload, dict) else None
    kind = item.source.get("type")
    return kind not in TAKEN_OFF and (kind != CUSTOM or bool(number)) and not is_download(item)


def is_download(item: Reader) -> bool:
    """Tell whether a position is a file that the shop itself hands out."""
    states = item.source.get("states")
    return isinstance(states, list) and "is-download" in states and "is-physical" not in states


def read_amounts(holder: Reader, total: Decimal | None, tax_status: str | None) -> Amounts:
    """Return a total with and without VAT; the taxes stand in ``price`` of a position, or in the holder itself."""
    if total is None or tax_status is None:
        return Amounts(None, None, None)
    if tax_status == "tax-free":
        return Amounts(total, total, Decimal(0))
    price = holder.entity("price") or holder
    taxes = price.entities("calculatedTaxes")
    if taxes is None:
        if price.source.get("calculatedTaxes") is None and total:
            price.missing("calculatedTaxes")
        return Amounts(total if tax_status == "gross" else None, None, None)
    vat, rates = ZERO, set()
    for tax in taxes:
        amount, rate = tax.number("tax", required=True), tax.number("taxRate", required=True)
        if amount is None:
            return Amounts(total if tax_status == "gross" else None, None, None)
        vat += amount
        if rate is not None:
            rates.add(rate)
    vat = round_to_cents(vat)
    rate = rates.pop() if len(rates) == 1 and len(taxes) == 1 else None
    if tax_status == "gross":
        return Amounts(total, total - vat, rate)
    return Amounts(total + vat, total, rate)


def _with_vat(
    unit_price: Decimal | None,
    quantity: int | None,
    total: Decimal | None,
    amounts: Amounts,
    tax_status: str | None,
) -> Decimal | None:
    """Return the price of a piece including VAT.

    A net price gets its share of the line's VAT, and none where four decimals times so many pieces would no longer give
    the line's total: then the price without VAT is all that the shop says.
    """
    if unit_price is None or tax_status is None:
        return None
    if tax_status != "net":
        return unit_price
    if not quantity or not total or amounts.incl_vat is None:
        return None
    price = short_price(amounts.incl_vat / quantity)
    return price if abs(price * quantity - amounts.incl_vat) <= _HALF_A_CENT else None


def newest(entity: Reader) -> datetime | None:
    """Return when an entity last changed: ``updatedAt`` is null until the first change."""
    moments = [entity.instant(name) for name in ("createdAt", "updatedAt")]
    return max((moment for moment in moments if moment is not None), default=None)
