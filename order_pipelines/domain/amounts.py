"""What an order is worth as it stands: cancelled pieces taken off, VAT from the gross per rate, shared over lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from order_pipelines.domain.orders import Order, OrderLine
from order_pipelines.domain.vat import (
    VatLine,
    allocate_cents,
    remaining_gross,
    spread_over_goods,
    vat_from_gross,
)
from order_pipelines.money import from_cents, round_to_cents

_WHOLE = Decimal(1)
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class LineAmounts:
    """A line's share of the order as it stands; ``None`` means that the payload or the master does not say."""

    incl_vat: Decimal | None
    excl_vat: Decimal | None
    vat: Decimal | None


@dataclass(frozen=True, slots=True)
class OrderAmounts:
    """An order as it stands. ``incl_vat = excl_vat + vat`` whenever all three are known."""

    lines: tuple[LineAmounts, ...]
    incl_vat: Decimal | None
    excl_vat: Decimal | None
    vat: Decimal | None


def current_amounts(
    order: Order, rates: Sequence[Decimal | None], classes: Sequence[str | None] = ()
) -> OrderAmounts:
    """Return the amounts of ``order`` as it stands, with the VAT that its sales entry will have.

    Args:
        order: the canonical order.
        rates: VAT percentage of each line, aligned with ``order.lines``; ``None`` is unknown.
        classes: VAT class of each line, where shipping is shared over classes as well as rates.
    """
    by_gross = any(line.line_total_incl_vat is not None for line in order.lines) or not any(
        line.line_total_excl_vat is not None for line in order.lines
    )
    return _from_gross(order, rates, classes) if by_gross else _from_net(order, rates)


def _remaining(line: OrderLine, total: Decimal | None) -> int | None:
    """Cents of the pieces that are not cancelled; contradictory quantities leave the total as it is."""
    if total is None:
        return None
    quantity, cancelled = line.quantity or 0, line.quantity_cancelled or 0
    amount = round_to_cents(total)
    return int((remaining_gross(amount, quantity, cancelled) if 0 < cancelled <= quantity else amount) * 100)


def _from_gross(order: Order, rates: Sequence[Decimal | None], classes: Sequence[str | None]) -> OrderAmounts:
    gross = [_remaining(line, line.line_total_incl_vat) for line in order.lines]
    # As on the document: shipping and discount both follow what the goods cost before either.
    shipping = _shipping_by_rate(order, gross, rates, classes)
    _take_off_discount(order, gross, rates, classes)
    vat, shipping_vat = _vat_per_line(gross, rates, shipping)
    lines = tuple(
        LineAmounts(
            None if cents is None else from_cents(cents),
            None if cents is None or part is None else from_cents(cents - part),
            None if part is None else from_cents(part),
        )
        for cents, part in zip(gross, vat, strict=True)
    )
    known = [cents for cents in gross if cents is not None]
    if not gross or len(known) < len(gross):
        return OrderAmounts(lines, None, None, None)
    total = from_cents(sum(known) + _cents(order.shipping_cost_incl_vat))
    if any(part is None for part in vat):
        return OrderAmounts(lines, total, None, None)
    vat_cents = from_cents(sum(part for part in vat if part is not None) + shipping_vat)
    return OrderAmounts(lines, total, total - vat_cents, vat_cents)


def _cents(amount: Decimal | None) -> int:
    return 0 if amount is None else int(round_to_cents(amount) * 100)


def _take_off_discount(
    order: Order,
    gross: list[int | None],
    rates: Sequence[Decimal | None],
    classes: Sequence[str | None],
) -> None:
    """A discount on the whole order follows the goods like shipping, class by class, and in a class line by line."""
    if not order.order_discounts:
        return
    groups: dict[tuple[str, Decimal], list[int]] = {}
    for index in _goods_of(order, gross):
        # Where a rate is unknown so is the VAT; the amount is shared all the same.
        rate = rates[index]
        groups.setdefault((_class_of(classes, index), _ZERO if rate is None else rate), []).append(index)
    goods = [
        VatLine(name, rate, from_cents(sum(gross[index] or 0 for index in members)))
        for (name, rate), members in groups.items()
    ]
    if not goods:
        return
    for part in spread_over_goods(-round_to_cents(order.order_discounts), goods, kind="goods"):
        members = groups[(part.vat_class, part.rate_pct)]
        shares = allocate_cents(int(part.gross * 100), [gross[index] or 0 for index in members])
        for index, share in zip(members, shares, strict=True):
            gross[index] = (gross[index] or 0) + share


def _goods_of(order: Order, gross: Sequence[int | None]) -> list[int]:
    return [
        index
        for index, line in enumerate(order.lines)
        if line.line_kind == "goods" and (cents := gross[index]) is not None and cents >= 0
    ]


def _class_of(classes: Sequence[str | None], index: int) -> str:
    return (classes[index] if index < len(classes) else None) or ""


def _by_rate(rates: Sequence[Decimal | None], amounts: Sequence[int | None]) -> Mapping[Decimal, list[int]]:
    groups: dict[Decimal, list[int]] = {}
    for index, rate in enumerate(rates):
        if rate is not None and amounts[index] is not None:
            groups.setdefault(rate, []).append(index)
    return groups


def _shipping_by_rate(
    order: Order,
    gross: Sequence[int | None],
    rates: Sequence[Decimal | None],
    classes: Sequence[str | None],
) -> dict[Decimal, int]:
    """Shipping follows the goods: its gross is shared over their classes and rates by value."""
    if not order.shipping_cost_incl_vat:
        return {}
    goods = [
        VatLine(_class_of(classes, index), rate, from_cents(gross[index] or 0))
        for index in _goods_of(order, gross)
        if (rate := rates[index]) is not None
    ]
    if not goods:
        return {}
    shares: dict[Decimal, int] = {}
    for part in spread_over_goods(round_to_cents(order.shipping_cost_incl_vat), goods, kind="shipping"):
        shares[part.rate_pct] = shares.get(part.rate_pct, 0) + int(part.gross * 100)
    return shares


def _vat_per_line(
    gross: Sequence[int | None], rates: Sequence[Decimal | None], shipping: Mapping[Decimal, int]
) -> tuple[list[int | None], int]:
    """One rounding per rate over goods and shipping, then shared over that rate's parts so that they add up."""
    vat: list[int | None] = [None] * len(gross)
    shipping_vat = 0
    for rate, members in _by_rate(rates, gross).items():
        amounts = [*(gross[index] or 0 for index in members), shipping.get(rate, 0)]
        of_rate = int(vat_from_gross(from_cents(sum(amounts)), rate) * 100)
        weights = [abs(amount) for amount in amounts]
        shares = allocate_cents(of_rate, weights) if sum(weights) else [0] * len(weights)
        for index, share in zip(members, shares, strict=False):
            vat[index] = share
        shipping_vat += shares[-1]
    return vat, shipping_vat


def _from_net(order: Order, rates: Sequence[Decimal | None]) -> OrderAmounts:
    net = [_remaining(line, line.line_total_excl_vat) for line in order.lines]
    known = [cents for cents in net if cents is not None]
    total = from_cents(sum(known)) if net and len(known) == len(net) else None
    vat: list[int | None] = [None] * len(net)
    for rate, members in _by_rate(rates, net).items():
        amounts = [net[index] or 0 for index in members]
        of_rate = (Decimal(sum(amounts)) * rate / 100).quantize(_WHOLE, rounding=ROUND_HALF_UP)
        weights = [abs(amount) for amount in amounts]
        shares = allocate_cents(int(of_rate), weights) if sum(weights) else [0] * len(members)
        for index, share in zip(members, shares, strict=True):
            vat[index] = share
    lines = tuple(
        LineAmounts(
            None if cents is None or part is None else from_cents(cents + part),
            None if cents is None else from_cents(cents),
            None if part is None else from_cents(part),
        )
        for cents, part in zip(net, vat, strict=True)
    )
    if total is None or any(part is None for part in vat):
        return OrderAmounts(lines, None, total, None)
    vat_total = from_cents(sum(part for part in vat if part is not None))
    return OrderAmounts(lines, total + vat_total, total, vat_total)
