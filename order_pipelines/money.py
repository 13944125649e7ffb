"""Exact money: ``Decimal`` in, ``Decimal`` out, rounded half up once, where the document is made."""

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
ZERO = Decimal("0.00")


def round_to_cents(amount: Decimal) -> Decimal:
    """Return ``amount`` with two decimals, halves away from zero."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def to_cents(amount: Decimal) -> int:
    """Return whole cents.

    Raises:
        ValueError: ``amount`` has more than two decimals.
    """
    cents = amount * 100
    if cents != cents.to_integral_value():
        raise ValueError(f"{amount} has more than two decimals")
    return int(cents)


def from_cents(cents: int) -> Decimal:
    """Return the amount of ``cents`` with two decimals."""
    return Decimal(cents).scaleb(-2)


def format_dutch(amount: Decimal, currency: str = "EUR") -> str:
    """Return the amount as Dutch readers write it: ``€ 1.234,50``, ``-€ 0,05``, ``GBP 12,00``."""
    text = f"{abs(round_to_cents(amount)):,.2f}".replace(",", "_").replace(".", ",").replace("_", ".")
    sign = "-" if amount < 0 else ""
    return f"{sign}{'€' if currency == 'EUR' else currency} {text}"
