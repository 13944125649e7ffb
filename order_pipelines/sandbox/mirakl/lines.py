"""A line of an order as it is when a customer has just bought: prices, taxes and commission."""

from datetime import datetime
from decimal import Decimal

from order_pipelines.sandbox.mirakl.model import Line, Offer, cents
from order_pipelines.sandbox.mirakl.operators import Operator
from order_pipelines.sandbox.mirakl.wish import WishedLine

_PRICE_OF_THE_UNKNOWN = Decimal("10.00")


def make_line(
    operator: Operator,
    order_id: str,
    index: int,
    wanted: WishedLine,
    offer: Offer | None,
    now: datetime,
    *,
    with_taxes: bool,
) -> Line:
    """Return a line; ``price_unit`` has the discounts in it already, which ``promotions`` only explain."""
    origin = wanted.unit_price
    if origin is None:
        origin = (
            _PRICE_OF_THE_UNKNOWN if offer is None else offer.discount[0] if offer.discount else offer.price
        )
    deduced = sum((amount for _, amount in wanted.discounts), Decimal(0))
    unit = origin - cents(deduced / wanted.quantity)
    shipping = wanted.shipping_price if wanted.shipping_price is not None else operator.shipping_price
    rate = operator.tax_rate if offer is None or offer.reduced_tax_rate is None else offer.reduced_tax_rate
    commission = cents((unit * wanted.quantity + shipping) * operator.commission_rate / 100)
    return Line(
        line_id=f"{order_id}-{index}",
        index=index,
        offer=offer,
        sku=offer.sku if offer else str(wanted.sku or wanted.ean),
        product_id=offer.product_id if offer else "MKP999999999999",
        title=offer.title if offer else "Artikel buiten het aanbod",
        quantity=wanted.quantity,
        price_unit=unit,
        origin_unit_price=origin,
        shipping_price=shipping,
        commission=commission,
        commission_tax=cents(commission * operator.commission_tax_rate / 100),
        tax_rate=rate,
        taxes=_taxes(operator, unit * wanted.quantity, rate) if with_taxes else [],
        shipping_taxes=_taxes(operator, shipping, rate) if with_taxes else [],
        state="",
        changed_at=now,
        discounts=list(wanted.discounts),
        measurement=wanted.measurement,
    )


def _taxes(operator: Operator, amount: Decimal, rate: Decimal) -> list[tuple[str, Decimal]]:
    """Return the tax on an amount: inside it or on top of it, as the operator's mode has it."""
    base = 100 + rate if operator.tax_mode == "TAX_INCLUDED" else Decimal(100)
    return [(operator.tax_code, cents(amount * rate / base))] if amount else []
