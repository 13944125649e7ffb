"""Names of things."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from order_pipelines.identifiers import is_valid_gtin, make_order_key, normalise_ean, outside_reference


def test_an_order_key_names_its_account() -> None:
    assert make_order_key("bol_main", "A2K8290LP8") == "bol_main:A2K8290LP8"


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("8720999001018", True),
        ("8720999001019", False),
        ("012345678905", True),
        ("96385074", True),
        ("08720999001018", True),
        ("872099900101", False),
        ("", False),
        ("".join(chr(0xFF10 + int(digit)) for digit in "8720999001018"), False),
        ("87209990010x8", False),
    ],
)
def test_check_digits(text: str, valid: bool) -> None:
    assert is_valid_gtin(text) is valid


@pytest.mark.parametrize(
    ("said", "used"),
    [
        (None, None),
        ("  ", None),
        (" 8720999001018 ", "8720999001018"),
        ("012345678905", "0012345678905"),
        ("08720999001018", "8720999001018"),
        ("28720999001012", "28720999001012"),
        ("ABC", "ABC"),
    ],
)
def test_an_article_number_has_one_form(said: str | None, used: str | None) -> None:
    assert normalise_ean(said) == used


def test_a_short_reference_stays_readable_and_a_long_one_unique() -> None:
    assert outside_reference("BOL", "A2K8290LP8") == "BOL-A2K8290LP8"
    long, other = (outside_reference("BOL", "9" * 60 + end) for end in ("1", "2"))
    assert long != other
    assert len(long) == len(other) == 40
    assert outside_reference("BOL", "1 2") != outside_reference("BOL", "1-2") == "BOL-1-2"


@given(st.text(min_size=1, max_size=80), st.text(min_size=1, max_size=80))
def test_different_numbers_have_different_references_that_every_system_takes(first: str, second: str) -> None:
    one, two = outside_reference("BOL", first), outside_reference("BOL", second)
    assert (one == two) == (first == second)
    assert len(one) <= 40
    assert one.isascii()
