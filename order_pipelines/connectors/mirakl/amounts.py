"""What the amounts of a Mirakl order mean: with or without tax by the order's tax mode, gross of cancellations.

``TAX_EXCLUDED`` orders carry every amount without tax and the taxes beside it; ``TAX_INCLUDED`` ones contain them.
Where the payload names neither a mode nor a tax, both readings give the same amounts (published description, OR11).
``price_unit`` and ``price`` are after promotions: what a promotion took off is never subtracted again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from order_pipelines.connectors.mirakl.payloads import Reader
from order_pipelines.money import ZERO, round_to_cents

INCLUDED = "TAX_INCLUDED"
EXCLUDED = "TAX_EXCLUDED"

_FOUR = Decimal("0.0001")
# A rate that its own amount contradicts is no rate of the line: some operators send several authorities' parts.
_RATE_TOLERANCE = Decimal("0.05")
_LARGEST = Decimal(10**12)


@dataclass(frozen=True, slots=True)
class Taking:
    """One entry of ``cancelations`` or ``refunds``: pieces, and money including tax; ``None`` where not said."""

    quantity: int | None
    goods_incl: Decimal | None
    shipping_incl: Decimal | None
    state: str | None = None

    @property
    def total_incl(self) -> Decimal | None:
        """Money of goods and shipping together."""
        if self.goods_incl is None or self.shipping_incl is None:
            return None
        return self.goods_incl + self.shipping_incl


@dataclass(frozen=True, slots=True)
class LineMoney:
    """The amounts of one line; ``None`` means that the payload does not say.

    Where ``shipping_price`` is not there, what the total has beside the goods stands in ``fees``, shipping or not.
    """

    unit_price_incl: Decimal | None
    discount_incl: Decimal | None
    goods_incl: Decimal | None
    shipping_incl: Decimal | None
    fees: Decimal
    unit_price_excl: Decimal | None
    goods_excl: Decimal | None
    vat_rate: Decimal | None
    commission: Decimal | None
    taxes: Decimal | None
    is_shipping_known: bool = True

    @property
    def total_incl(self) -> Decimal | None:
        """Goods, shipping and fees together."""
        if self.goods_incl is None or self.shipping_incl is None:
            return None
        return self.goods_incl + self.shipping_incl + self.fees


def read_tax_mode(order: Reader) -> tuple[str | None, bool]:
    """Return (tax mode, whether the lines' amounts can be read by it); no mode is fine while no tax is named.

    Where the operator computes taxes for the order as a whole, no line says what it costs with tax.
    """
    mode = order.text("order_tax_mode")
    if mode is not None and mode not in (INCLUDED, EXCLUDED):
        order.unknown("order_tax_mode", mode, what="tax mode")
        return None, False
    if mode is None and _names_taxes(order):
        order.report(
            "missing_field", "order_tax_mode", "is missing, so that nobody knows what the taxes mean"
        )
        return None, False
    if mode is None and not _says_no_tax(order):
        # OR12 has neither member: its amounts are shown, and kept from the books.
        order.report("missing_field", "order_tax_mode", "is missing: nobody knows whether prices contain tax")
    return mode, not (mode == EXCLUDED and order.source.get("order_taxes") and not _names_taxes(order))


def _names_taxes(order: Reader) -> bool:
    lines = order.source.get("order_lines")
    return any(
        bool(line.get("taxes") or line.get("shipping_taxes"))
        for line in (lines if isinstance(lines, list) else [])
        if isinstance(line, dict)
    )


def _says_no_tax(order: Reader) -> bool:
    lines = order.source.get("order_lines")
    return isinstance(lines, list) and all(
        isinstance(line, dict) and isinstance(line.get("taxes"), list) for line in lines
    )


def read_line_money(line: Reader, quantity: int | None, mode: str | None, *, is_readable: bool) -> LineMoney:
    """Return the amounts of a line."""
    unit = line.money("price_unit")
    price = line.money("price", required=True)
    shipping = line.money("shipping_price")
    taxes, shipping_taxes = sum_taxes(line, "taxes"), sum_taxes(line, "shipping_taxes")
    if price is not None and price < 0:
        line.report("wrong_type", "price", f"is negative: {price}", price)
    goods_incl, shipping_incl = (
        _with_tax(price, taxes, mode, is_readable=is_readable),
        _with_tax(ZERO if shipping is None else shipping, shipping_taxes, mode, is_readable=is_readable),
    )
    discount_excl = _read_discount(line, quantity, unit)
    discount = _scale(discount_excl, price, goods_incl)
    return LineMoney(
        unit_price_incl=_unit_price(line, quantity, unit, price, goods_incl, discount),
        discount_incl=discount,
        goods_incl=goods_incl,
        shipping_incl=shipping_incl,
        fees=_read_fees(line, price, shipping),
        unit_price_excl=unit if mode == EXCLUDED else None,
        goods_excl=round_to_cents(price) if mode == EXCLUDED and price is not None else None,
        vat_rate=_read_rate(line, price, mode),
        commission=_read_commission(line),
        taxes=None if taxes is None or shipping_taxes is None else taxes + shipping_taxes,
        is_shipping_known=shipping is not None,
    )


def read_takings(line: Reader, name: str, mode: str | None, *, is_readable: bool) -> list[Taking]:
    """Return the entries of ``cancelations`` or ``refunds``. Their quantity is informative and may be 0."""
    takings = []
    for entry in line.objects(name):
        amount = entry.money("amount", required=True)
        shipping = entry.money("shipping_amount") or ZERO
        takings.append(
            Taking(
                entry.pieces("quantity"),
                _with_tax(amount, sum_taxes(entry, "taxes"), mode, is_readable=is_readable),
                _with_tax(shipping, sum_taxes(entry, "shipping_taxes"), mode, is_readable=is_readable),
                entry.text("refund_state") or entry.text("state"),
            )
        )
    return takings


def sum_known(amounts: Sequence[Decimal | None]) -> Decimal | None:
    """Return the sum, ``None`` when one of the amounts is unknown."""
    total = ZERO
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total


def sum_taxes(reader: Reader, name: str) -> Decimal | None:
    """Return what a list of taxes adds up to, ``None`` when one of them has no amount."""
    return sum_known([tax.money("amount", required=True) for tax in reader.objects(name)])


def _with_tax(
    amount: Decimal | None, taxes: Decimal | None, mode: str | None, *, is_readable: bool
) -> Decimal | None:
    if amount is None or not is_readable:
        return None
    if mode != EXCLUDED:
        return round_to_cents(amount)
    return None if taxes is None else round_to_cents(amount + taxes)


def _read_discount(line: Reader, quantity: int | None, unit: Decimal | None) -> Decimal | None:
    """Return what promotions took off the whole line, in the order's tax mode; ``None`` when nothing tells."""
    discount = _say_discount(line, quantity, unit)
    if discount is None or discount <= _LARGEST:
        return None if discount is None else max(ZERO, round_to_cents(discount))
    line.report("wrong_type", "origin_unit_price", "gives a discount that nobody can believe", discount)
    return None


def _say_discount(line: Reader, quantity: int | None, unit: Decimal | None) -> Decimal | None:
    origin = line.money("origin_unit_price")
    if origin is not None and unit is not None and quantity is not None:
        return (origin - unit) * quantity
    # No promotion does not mean that nothing came off: in Mirakl's own example five dollars did.
    promotions = line.objects("promotions") if isinstance(line.source.get("promotions"), list) else []
    return sum_known([entry.money("deduced_amount") for entry in promotions]) if promotions else None


def _scale(discount: Decimal | None, price: Decimal | None, goods_incl: Decimal | None) -> Decimal | None:
    """Return a discount including tax: no payload says its tax, so it bears as much as the price it was taken off."""
    if discount is None or price is None or goods_incl is None:
        return None
    if not discount or not price or goods_incl == price:
        return discount
    scaled = discount * goods_incl / price
    return round_to_cents(scaled) if abs(scaled) <= _LARGEST else None


def _unit_price(
    line: Reader,
    quantity: int | None,
    unit: Decimal | None,
    price: Decimal | None,
    goods_incl: Decimal | None,
    discount: Decimal | None,
) -> Decimal | None:
    """Return the price of one piece before promotions, including tax."""
    if goods_incl is None or price is None or not quantity:
        return None
    if unit is not None and abs(unit * quantity - price) > _RATE_TOLERANCE:
        if line.source.get("measurement") is None:
            line.report("total_differs", "price", f"is {price}, not {quantity} times {unit}", price)
        # Goods by weight cost what they weigh: the price of a piece times the pieces is not what was paid.
        return None
    before = goods_incl + (discount or ZERO)
    if unit is not None and goods_incl == price:
        exact = unit + (discount or ZERO) / quantity
        return exact.quantize(_FOUR, rounding=ROUND_HALF_UP)
    return (before / quantity).quantize(_FOUR, rounding=ROUND_HALF_UP)


def _read_fees(line: Reader, price: Decimal | None, shipping: Decimal | None) -> Decimal:
    """Return the part of ``total_price`` that is neither goods nor shipping.

    Some operators' totals contain ``fees`` and Mirakl's own example does not, so the total decides and not the list.
    """
    total = line.money("total_price")
    if total is None or price is None:
        return ZERO
    fees = round_to_cents(total - price - (shipping or ZERO))
    if fees < 0:
        line.report("total_differs", "total_price", f"is {total}, less than goods and shipping", total)
        return ZERO
    return fees


def _read_rate(line: Reader, price: Decimal | None, mode: str | None) -> Decimal | None:
    """Return the VAT percentage when the line has one tax, with a rate that its amount does not contradict."""
    taxes = line.objects("taxes")
    if len(taxes) != 1 or price is None or mode is None:
        return None
    rate, amount = taxes[0].money("rate"), taxes[0].money("amount")
    if rate is None or amount is None or not 0 <= rate <= 100 or rate != round_to_cents(rate):
        return None
    base = price * rate
    expected = base / 100 if mode == EXCLUDED else base / (100 + rate)
    return rate if abs(expected - amount) <= _RATE_TOLERANCE else None


def _read_commission(line: Reader) -> Decimal | None:
    """Return the commission with its taxes: the total where there is one, else fee and taxes."""
    total = line.money("total_commission")
    if total is None:
        fee = line.money("commission_fee")
        if fee is None:
            return None
        taxes = sum_taxes(line, "commission_taxes")
        if line.source.get("commission_taxes") is None:
            taxes = line.money("commission_vat") or ZERO
        total = None if taxes is None else fee + taxes
    return None if total is None else round_to_cents(total)
