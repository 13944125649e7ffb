"""Numbers of JSON as they were meant: the noise of binary sums is no part of an amount."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_pipelines.connectors.bodies import exact


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (0.1 + 0.2, "0.3"),
        (84.85000000000001, "84.85"),
        (11.0, "11.0"),
        (12.99, "12.99"),
        (-4.95, "-4.95"),
        (0.12345, "0.12345"),
        (1e-7, "1E-7"),
        (33, "33"),
        (999_999_999.99, "999999999.99"),
    ],
)
def test_a_number_has_the_digits_that_were_meant(sent: float, meant: str) -> None:
    assert exact(sent) == Decimal(meant)


@given(cents=st.integers(min_value=-(10**10), max_value=10**10))
def test_every_amount_in_cents_is_read_exactly_whatever_it_was_added_up_from(cents: int) -> None:
    assert exact(cents / 100) == Decimal(cents).scaleb(-2)
    assert exact(cents / 100 + 0.1 - 0.1).quantize(Decimal("0.01")) == Decimal(cents).scaleb(-2)
