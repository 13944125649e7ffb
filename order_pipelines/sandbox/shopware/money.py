"""Sums as Shopware's cart makes them: per rate, rounded to the cent, with or without VAT in the price."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

_CENT = Decimal("0.01")
_HUNDRED = Decimal(100)


@dataclass(frozen=True)
class Price:
    """One calculated price; ``parts`` are (rate, price, tax), empty where there is no VAT at all."""

    unit: Decimal
    quantity: int
    total: Decimal
    parts: tuple[tuple[Decimal, Decimal, Decimal], ...]

    @property
    def tax(self) -> Decimal:
        """All VAT of it."""
        return sum((tax for _, _, tax in self.parts), Decimal(0))

    def shown(self) -> dict[str, Any]:
        """Return it as the wire has it."""
        return {
            "unitPrice": float(self.unit),
            "quantity": self.quantity,
            "totalPrice": float(self.total),
            "calculatedTaxes": shown_taxes(self.parts),
            "taxRules": shown_rules(self.parts),
            "referencePrice": None,
            "listPrice": None,
            "regulationPrice": None,
            "extensions": [],
            "apiAlias": "calculated_price",
        }


def cents(amount: Decimal) -> Decimal:
    """Round to the cent, half up."""
    return amount.quantize(_CENT, ROUND_HALF_UP)


def price_at(unit: Decimal, quantity: int, rate: Decimal, tax_status: str) -> Price:
    """Return the price of goods of one rate."""
    total = cents(unit * quantity)
    parts = () if tax_status == "tax-free" else ((rate, total, _tax(total, rate, tax_status)),)
    return Price(unit, quantity, total, parts)


def price_spread(total: Decimal, over: Iterable[Price], tax_status: str) -> Price:
    """Return the price of what belongs to all goods (a promotion, shipping): each rate has its part of it."""
    if tax_status == "tax-free":
        return Price(total, 1, total, ())
    sums: dict[Decimal, Decimal] = {}
    for price in over:
        for rate, part, _ in price.parts:
            sums[rate] = sums.get(rate, Decimal(0)) + part
    whole = sum(sums.values(), Decimal(0))
    rest, parts = total, []
    for position, (rate, part) in enumerate(sorted(sums.items(), reverse=True), start=1):
        share = rest if position == len(sums) else cents(total * part / whole)
        parts.append((rate, share, _tax(share, rate, tax_status)))
        rest -= share
    return Price(total, 1, total, tuple(parts))


def together(prices: Iterable[Price]) -> Price:
    """Return prices as one: what lies in a container, or all shipping of an order."""
    listed = list(prices)
    total = sum((price.total for price in listed), Decimal(0))
    return Price(total, 1, total, merged(listed))


def merged(prices: Iterable[Price]) -> tuple[tuple[Decimal, Decimal, Decimal], ...]:
    """Return the parts of prices, one for each rate, the highest first."""
    sums: dict[Decimal, tuple[Decimal, Decimal]] = {}
    for price in prices:
        for rate, part, tax in price.parts:
            before = sums.get(rate, (Decimal(0), Decimal(0)))
            sums[rate] = (before[0] + part, before[1] + tax)
    return tuple((rate, *sums[rate]) for rate in sorted(sums, reverse=True))


def shown_order_price(positions: list[Price], shipping: Price, tax_status: str) -> dict[str, Any]:
    """Return the price of an order as the wire has it."""
    parts = merged([*positions, shipping])
    tax = sum((one for _, _, one in parts), Decimal(0))
    of_goods = sum((price.total for price in positions), Decimal(0))
    told = of_goods + shipping.total
    net = told - tax if tax_status == "gross" else told
    total = told + tax if tax_status == "net" else told
    return {
        "netPrice": float(net),
        "totalPrice": float(total),
        "calculatedTaxes": shown_taxes(parts),
        "taxRules": shown_rules(parts),
        "positionPrice": float(of_goods),
        "taxStatus": tax_status,
        "rawTotal": float(total),
        "extensions": [],
        "apiAlias": "cart_price",
    }


def shown_taxes(parts: tuple[tuple[Decimal, Decimal, Decimal], ...]) -> list[dict[str, Any]]:
    """Return the VAT of each rate as the wire has it."""
    return [
        {
            "tax": float(tax),
            "taxRate": float(rate),
            "price": float(part),
            "extensions": [],
            "apiAlias": "cart_tax_calculated",
        }
        for rate, part, tax in parts
    ]


def shown_rules(parts: tuple[tuple[Decimal, Decimal, Decimal], ...]) -> list[dict[str, Any]]:
    """Return which rates hold for what share."""
    whole = sum((part for _, part, _ in parts), Decimal(0))
    return [
        {
            "taxRate": float(rate),
            "percentage": float(cents(_HUNDRED * part / whole)) if whole else 100.0,
            "extensions": [],
            "apiAlias": "cart_tax_rule",
        }
        for rate, part, _ in parts
    ]


def _tax(price: Decimal, rate: Decimal, tax_status: str) -> Decimal:
    return cents(price * rate / (_HUNDRED + rate if tax_status == "gross" else _HUNDRED))
