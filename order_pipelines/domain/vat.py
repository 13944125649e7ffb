"""VAT out of prices that include it: once per rate, to the cent, nothing guessed.

One gross amount in six at 21 % has no net whose rounded VAT gives the gross back (10.00, 14.95, 29.99), so VAT is taken
from the gross and both parts are carried. Which rate applies is decided elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from order_pipelines.errors import DomainRuleError
from order_pipelines.money import ZERO, from_cents, to_cents

PartKind = Literal["goods", "shipping", "rounding"]


@dataclass(frozen=True, slots=True)
class VatLine:
    """An amount including VAT that has one class and one rate (percent, ``21``)."""

    vat_class: str
    rate_pct: Decimal
    gross: Decimal
    kind: PartKind = "goods"


@dataclass(frozen=True, slots=True)
class VatGroup:
    """What one document holds of one class, rate and kind.

    The ``rounding`` group is the cents by which the channel's total differs from its lines: it has no class, no rate
    and no VAT.
    """

    kind: PartKind
    vat_class: str | None
    rate_pct: Decimal | None
    gross: Decimal
    vat: Decimal

    @property
    def net(self) -> Decimal:
        """Gross without VAT."""
        return self.gross - self.vat


def vat_from_gross(gross: Decimal, rate_pct: Decimal) -> Decimal:
    """Return the VAT inside ``gross`` at ``rate_pct`` percent, rounded half up (away from zero) to cents.

    Raises:
        DomainRuleError: the rate is not between 0 and 100.
        ValueError: ``gross`` has more than two decimals.
    """
    return from_cents(_round(_exact_vat(to_cents(gross), rate_pct)))


def allocate_cents(total_cents: int, weights: Sequence[int]) -> list[int]:
    """Return whole cents per weight that add up to ``total_cents``: largest remainder, ties to the first.

    A negative total is the mirror of the positive one. When all weights are 0 they count as equal.

    Raises:
        DomainRuleError: a weight is negative, or there is none for a total that is not 0.
    """
    if any(weight < 0 for weight in weights):
        raise DomainRuleError(f"cents cannot be allocated by negative weights: {list(weights)}")
    if not weights:
        if total_cents:
            raise DomainRuleError(f"{total_cents} cents cannot be allocated to nothing")
        return []
    whole = sum(weights)
    shares = weights if whole else [1] * len(weights)
    return _apportion(total_cents, [Fraction(total_cents * share, whole or len(weights)) for share in shares])


def split_order(
    lines: Sequence[VatLine], order_total: Decimal | None, *, tolerance: Decimal
) -> list[VatGroup]:
    """Return the VAT groups of one order; their gross amounts add up to the channel's total to the cent.

    VAT is rounded once per rate over the whole order, as Belgium demands of structured invoices, and then shared by the
    classes of that rate, largest remainder. A difference between the total and the lines becomes
    one ``rounding`` group. Groups come in the order in which the lines first name them.

    Args:
        lines: what was bought, goods and shipping, in the order's currency.
        order_total: what the channel says was charged; ``None`` when it does not say: then the lines are the total.
        tolerance: the largest difference that is still rounding, in the order's currency.

    Raises:
        DomainRuleError: total and lines differ by more than ``tolerance``, or a rate is impossible.
    """
    gross: dict[tuple[PartKind, str, Decimal], int] = {}
    for line in lines:
        key = (line.kind, line.vat_class, line.rate_pct)
        gross[key] = gross.get(key, 0) + to_cents(line.gross)
    vat: dict[tuple[PartKind, str, Decimal], int] = {}
    for rate in dict.fromkeys(rate for _, _, rate in gross):
        keys = [key for key in gross if key[2] == rate]
        exact = [_exact_vat(gross[key], rate) for key in keys]
        vat |= dict(zip(keys, _apportion(_round(sum(exact, Fraction(0))), exact), strict=True))
    groups = [
        VatGroup(kind, vat_class, rate, from_cents(cents), from_cents(vat[kind, vat_class, rate]))
        for (kind, vat_class, rate), cents in gross.items()
    ]
    if order_total is not None:
        difference = order_total - sum((group.gross for group in groups), ZERO)
        if abs(difference) > tolerance:
            raise DomainRuleError(
                f"the order's total {order_total} differs by {difference} from its lines; only {tolerance} is rounding"
            )
        if difference:
            groups.append(VatGroup("rounding", None, None, from_cents(to_cents(difference)), ZERO))
    return groups


def spread_over_goods(amount: Decimal, goods: Sequence[VatLine], *, kind: PartKind) -> list[VatLine]:
    """Return ``amount`` (including VAT) as lines with the classes and rates of ``goods``, by their share of the gross.

    The Dutch rule for delivery: what is charged for bringing goods follows the goods, so it has their rate, and with
    several rates it is divided by value. The same holds for a discount on the whole order (a negative amount).

    Raises:
        DomainRuleError: there are no goods to follow, or a class of goods has a negative value.
    """
    values: dict[tuple[str, Decimal], int] = {}
    for line in goods:
        key = (line.vat_class, line.rate_pct)
        values[key] = values.get(key, 0) + to_cents(line.gross)
    cents = allocate_cents(to_cents(amount), list(values.values()))
    return [
        VatLine(vat_class, rate, from_cents(part), kind)
        for (vat_class, rate), part in zip(values, cents, strict=True)
        if part
    ]


def remaining_gross(line_gross: Decimal, quantity: int, cancelled: int) -> Decimal:
    """Return the part of a line's gross that belongs to the pieces not cancelled; the odd cent stays with them.

    Raises:
        DomainRuleError: not 0 <= ``cancelled`` <= ``quantity``.
    """
    if not 0 <= cancelled <= quantity:
        raise DomainRuleError(f"{cancelled} of {quantity} pieces cannot have been cancelled")
    if not cancelled:
        return line_gross
    kept, _ = allocate_cents(to_cents(line_gross), [quantity - cancelled, cancelled])
    return from_cents(kept)


def _exact_vat(gross_cents: int, rate_pct: Decimal) -> Fraction:
    if not 0 <= rate_pct <= 100:
        raise DomainRuleError(f"{rate_pct} % is no VAT rate")
    rate = Fraction(rate_pct)
    return Fraction(gross_cents) * rate / (100 + rate)


def _round(exact: Fraction) -> int:
    """Round half away from zero."""
    size = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)
    return -size if exact < 0 else size


def _apportion(total: int, exact: Sequence[Fraction]) -> list[int]:
    """Return whole parts near ``exact`` that add up to ``total``, which is their sum or its rounding."""
    if total < 0:
        return [-part for part in _apportion(-total, [-share for share in exact])]
    parts = [share.numerator // share.denominator for share in exact]
    by_remainder = sorted(range(len(parts)), key=lambda index: (parts[index] - exact[index], index))
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts
