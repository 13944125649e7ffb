"""Exact money."""

from decimal import Decimal

import hypothesis.strategies as st
import pytest
from hypothesis import given

from order_pipelines.money import format_dutch, from_cents, round_to_cents, to_cents


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [("1.005", "1.01"), ("-1.005", "-1.01"), ("2.675", "2.68"), ("0.004", "0.00"), ("29.99", "29.99")],
)
def test_halves_go_away_from_zero(amount: str, rounded: str) -> None:
    assert str(round_to_cents(Decimal(amount))) == rounded


@given(st.integers(-(10**12), 10**12))
def test_cents_and_amounts_are_the_same(cents: int) -> None:
    assert to_cents(from_cents(cents)) == cents
    assert from_cents(cents).as_tuple().exponent == -2


def test_an_amount_with_parts_of_a_cent_has_no_cents() -> None:
    with pytest.raises(ValueError, match=r"0\.005 has more than two decimals"):
        to_cents(Decimal("0.005"))


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("1234.5", "EUR", "€ 1.234,50"),
        ("-0.05", "EUR", "-€ 0,05"),
        ("12", "GBP", "GBP 12,00"),
        ("1234567.89", "EUR", "€ 1.234.567,89"),
        ("0", "EUR", "€ 0,00"),
    ],
)
def test_amounts_are_written_as_dutch_readers_do(amount: str, currency: str, text: str) -> None:
    assert format_dutch(Decimal(amount), currency) == text
