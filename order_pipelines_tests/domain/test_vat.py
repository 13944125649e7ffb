"""VAT out of the gross, once per rate, to the cent."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_pipelines.domain.vat import (
    VatGroup,
    VatLine,
    allocate_cents,
    remaining_gross,
    split_order,
    spread_over_goods,
    vat_from_gross,
)
from order_pipelines.errors import DomainRuleError

HIGH, LOW = Decimal(21), Decimal(9)
NO_ROUNDING = Decimal("0.00")

rates = st.sampled_from([Decimal(text) for text in ("0", "5.5", "6", "9", "19", "21", "25.5")])
amounts = st.integers(-100_000, 1_000_000).map(lambda cents: Decimal(cents).scaleb(-2))
vat_lines = st.lists(
    st.builds(VatLine, st.sampled_from(["high", "low", "books"]), rates, amounts), min_size=1, max_size=12
)


def high(gross: str) -> VatLine:
    return VatLine("high", HIGH, Decimal(gross))


def low(gross: str) -> VatLine:
    return VatLine("low", LOW, Decimal(gross))


def cents(groups: Sequence[VatGroup]) -> list[tuple[str, str | None, str, str, str]]:
    return [(g.kind, g.vat_class, str(g.gross), str(g.vat), str(g.net)) for g in groups]


@pytest.mark.parametrize(
    ("gross", "rate", "vat"),
    [
        ("10.00", "21", "1.74"),
        ("14.95", "21", "2.59"),
        ("29.99", "21", "5.20"),
        ("59.95", "21", "10.40"),
        ("149.95", "21", "26.02"),
        ("121.00", "21", "21.00"),
        ("0.01", "21", "0.00"),
        ("0.03", "21", "0.01"),
        ("10.00", "9", "0.83"),
        ("14.95", "9", "1.23"),
        ("29.99", "9", "2.48"),
        ("10.00", "6", "0.57"),
        ("10.00", "25.5", "2.03"),
        ("10.00", "0", "0.00"),
        ("-10.00", "21", "-1.74"),
        ("-29.99", "9", "-2.48"),
    ],
)
def test_vat_is_taken_from_the_gross(gross: str, rate: str, vat: str) -> None:
    assert vat_from_gross(Decimal(gross), Decimal(rate)) == Decimal(vat)


@pytest.mark.parametrize(("gross", "vat"), [("0.01", "0.01"), ("-0.01", "-0.01"), ("0.03", "0.02")])
def test_half_a_cent_rounds_away_from_zero(gross: str, vat: str) -> None:
    """At 100 % the VAT is half the gross: an exact half cent."""
    assert vat_from_gross(Decimal(gross), Decimal(100)) == Decimal(vat)


def test_an_impossible_rate_or_a_third_decimal_is_refused() -> None:
    with pytest.raises(DomainRuleError, match="121 % is no VAT rate"):
        vat_from_gross(Decimal("10.00"), Decimal(121))
    with pytest.raises(DomainRuleError, match="-1 % is no VAT rate"):
        vat_from_gross(Decimal("10.00"), Decimal(-1))
    with pytest.raises(ValueError, match="more than two decimals"):
        vat_from_gross(Decimal("10.005"), HIGH)


def test_vat_is_rounded_once_per_rate_and_not_per_line() -> None:
    """Three times 10.00 holds 5.21 of VAT; rounded per line it would be 5.22."""
    groups = split_order([high("10.00")] * 3, Decimal("30.00"), tolerance=NO_ROUNDING)
    assert cents(groups) == [("goods", "high", "30.00", "5.21", "24.79")]


def test_a_mixed_order_has_one_group_a_rate() -> None:
    lines = [high("14.95"), low("29.99"), high("10.00")]
    groups = split_order(lines, Decimal("54.94"), tolerance=NO_ROUNDING)
    assert cents(groups) == [
        ("goods", "high", "24.95", "4.33", "20.62"),
        ("goods", "low", "29.99", "2.48", "27.51"),
    ]


def test_classes_of_one_rate_share_its_rounded_vat() -> None:
    """20.00 at 21 % holds 3.47; each class alone would round to 1.74, together 3.48."""
    groups = split_order(
        [high("10.00"), VatLine("tools", HIGH, Decimal("10.00"))], None, tolerance=NO_ROUNDING
    )
    assert cents(groups) == [
        ("goods", "high", "10.00", "1.74", "8.26"),
        ("goods", "tools", "10.00", "1.73", "8.27"),
    ]


@pytest.mark.parametrize(("total", "difference"), [("30.01", "0.01"), ("29.98", "-0.02")])
def test_a_cent_between_total_and_lines_is_one_visible_rounding_group(total: str, difference: str) -> None:
    groups = split_order([high("10.00"), low("20.00")], Decimal(total), tolerance=Decimal("0.02"))
    assert cents(groups) == [
        ("goods", "high", "10.00", "1.74", "8.26"),
        ("goods", "low", "20.00", "1.65", "18.35"),
        ("rounding", None, difference, "0.00", difference),
    ]


def test_a_larger_difference_is_no_rounding() -> None:
    with pytest.raises(
        DomainRuleError, match=r"total 30.03 differs by 0.03 from its lines; only 0.02 is rounding"
    ):
        split_order([high("10.00"), low("20.00")], Decimal("30.03"), tolerance=Decimal("0.02"))


def test_shipping_has_the_rate_of_the_goods() -> None:
    lines = [high("24.95")]
    shipping = spread_over_goods(Decimal("4.95"), lines, kind="shipping")
    assert cents(split_order([*lines, *shipping], Decimal("29.90"), tolerance=NO_ROUNDING)) == [
        ("goods", "high", "24.95", "4.33", "20.62"),
        ("shipping", "high", "4.95", "0.86", "4.09"),
    ]


def test_shipping_is_divided_over_the_rates_by_value() -> None:
    """4.95 over 30.00 at 21 % and 10.00 at 9 %: 3.7125 and 1.2375, the odd cent to the larger remainder."""
    shipping = spread_over_goods(
        Decimal("4.95"), [high("10.00"), low("10.00"), high("20.00")], kind="shipping"
    )
    assert shipping == [
        VatLine("high", HIGH, Decimal("3.71"), "shipping"),
        VatLine("low", LOW, Decimal("1.24"), "shipping"),
    ]


def test_shipping_of_free_goods_is_divided_evenly() -> None:
    shipping = spread_over_goods(Decimal("4.95"), [high("0.00"), low("0.00")], kind="shipping")
    assert [line.gross for line in shipping] == [Decimal("2.48"), Decimal("2.47")]


def test_shipping_without_goods_has_no_rate_to_follow() -> None:
    with pytest.raises(DomainRuleError, match="495 cents cannot be allocated to nothing"):
        spread_over_goods(Decimal("4.95"), [], kind="shipping")


@pytest.mark.parametrize(
    ("gross", "quantity", "cancelled", "kept"),
    [
        ("29.97", 3, 1, "19.98"),
        ("10.00", 3, 1, "6.67"),
        ("10.00", 3, 2, "3.33"),
        ("0.01", 2, 1, "0.01"),
        ("10.00", 3, 3, "0.00"),
        ("10.00", 3, 0, "10.00"),
    ],
)
def test_cancelled_pieces_take_their_share_of_the_line(
    gross: str, quantity: int, cancelled: int, kept: str
) -> None:
    assert remaining_gross(Decimal(gross), quantity, cancelled) == Decimal(kept)


@pytest.mark.parametrize("cancelled", [-1, 4])
def test_more_cannot_be_cancelled_than_was_ordered(cancelled: int) -> None:
    with pytest.raises(DomainRuleError, match="of 3 pieces cannot have been cancelled"):
        remaining_gross(Decimal("10.00"), 3, cancelled)


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (1, [1, 3], [0, 1]),
        (1, [1, 1], [1, 0]),
        (5, [0, 2, 0], [0, 5, 0]),
        (5, [0, 0], [3, 2]),
        (0, [3, 4], [0, 0]),
        (0, [], []),
    ],
)
def test_cents_are_allocated_by_largest_remainder(total: int, weights: list[int], parts: list[int]) -> None:
    assert allocate_cents(total, weights) == parts


def test_cents_cannot_be_allocated_to_nothing_or_by_a_negative_weight() -> None:
    with pytest.raises(DomainRuleError, match="to nothing"):
        allocate_cents(1, [])
    with pytest.raises(DomainRuleError, match="negative weights"):
        allocate_cents(1, [2, -1])


@given(st.integers(-(10**9), 10**9), st.lists(st.integers(0, 10**7), min_size=1, max_size=20))
def test_allocated_cents_add_up_and_none_is_a_cent_off(total: int, weights: list[int]) -> None:
    parts = allocate_cents(total, weights)
    assert sum(parts) == total
    if sum(weights):
        assert all(
            abs(part * sum(weights) - total * weight) < sum(weights)
            for part, weight in zip(parts, weights, strict=True)
        )
    assert allocate_cents(-total, weights) == [-part for part in parts]


@given(vat_lines, st.integers(-2, 2))
def test_the_groups_add_up_to_the_channels_total(lines: list[VatLine], off_by: int) -> None:
    total = sum(line.gross for line in lines) + Decimal(off_by).scaleb(-2)
    groups = split_order(lines, total, tolerance=Decimal("0.02"))
    assert sum(group.gross for group in groups) == total
    assert sum(group.net + group.vat for group in groups) == total
    assert [group.gross for group in groups if group.kind == "rounding"] == (
        [Decimal(off_by).scaleb(-2)] if off_by else []
    )


@given(vat_lines)
def test_the_vat_of_a_rate_is_within_half_a_cent_of_the_exact_amount(lines: list[VatLine]) -> None:
    groups = split_order(lines, None, tolerance=NO_ROUNDING)
    for rate in {line.rate_pct for line in lines}:
        gross = sum(line.gross for line in lines if line.rate_pct == rate)
        vat = sum(group.vat for group in groups if group.rate_pct == rate)
        # |vat - gross * rate / (100 + rate)| <= 0.005, without a division.
        assert abs(vat * (100 + rate) - gross * rate) * 200 <= 100 + rate


@given(vat_lines)
def test_each_class_is_within_a_cent_of_its_exact_vat(lines: list[VatLine]) -> None:
    for group in split_order(lines, None, tolerance=NO_ROUNDING):
        assert group.rate_pct is not None
        assert (
            abs(group.vat * (100 + group.rate_pct) - group.gross * group.rate_pct) * 100
            < 100 + group.rate_pct
        )


@given(vat_lines)
def test_a_refund_mirrors_the_sale(lines: list[VatLine]) -> None:
    """Per rate the cents are the same with the other sign, whichever class of the rate has the odd one."""
    sale = split_order(lines, None, tolerance=NO_ROUNDING)
    back = [VatLine(line.vat_class, line.rate_pct, -line.gross) for line in lines]
    refund = split_order(back, None, tolerance=NO_ROUNDING)
    for rate in {line.rate_pct for line in lines}:
        assert sum(group.vat for group in refund if group.rate_pct == rate) == -sum(
            group.vat for group in sale if group.rate_pct == rate
        )


@given(st.integers(1, 100_000), st.integers(1, 50), st.data())
def test_what_is_kept_and_what_is_cancelled_make_the_line(
    gross: int, quantity: int, data: st.DataObject
) -> None:
    cancelled = data.draw(st.integers(0, quantity))
    amount = Decimal(gross).scaleb(-2)
    kept = remaining_gross(amount, quantity, cancelled)
    assert 0 <= kept <= amount
    assert abs(kept * quantity - amount * (quantity - cancelled)) * 100 <= quantity
