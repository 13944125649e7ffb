"""What an order is worth as it stands."""

from decimal import Decimal
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from order_pipelines.domain.amounts import OrderAmounts, current_amounts
from order_pipelines.domain.orders import Order, OrderLine

_HIGH, _LOW = Decimal(21), Decimal(9)


def _line(total: str | None, quantity: int = 1, cancelled: int = 0, **changes: Any) -> OrderLine:
    amount = None if total is None else Decimal(total)
    return OrderLine(
        "1", quantity=quantity, quantity_cancelled=cancelled, line_total_incl_vat=amount, **changes
    )


def _order(*lines: OrderLine, **changes: Any) -> Order:
    return Order("1", "bol", lines=lines, **changes)


def _told(amounts: OrderAmounts) -> tuple[str, str, str]:
    return str(amounts.incl_vat), str(amounts.excl_vat), str(amounts.vat)


@pytest.mark.parametrize(
    ("gross", "net", "vat"),
    [("10.00", "8.26", "1.74"), ("14.95", "12.36", "2.59"), ("29.99", "24.79", "5.20")],
)
def test_vat_is_taken_from_the_gross(gross: str, net: str, vat: str) -> None:
    assert _told(current_amounts(_order(_line(gross)), [_HIGH])) == (gross, net, vat)


def test_vat_is_rounded_once_a_rate_and_shared_over_its_lines() -> None:
    """Three lines of 0.10: their VAT alone would be 0.06, together it is 0.05."""
    amounts = current_amounts(_order(*(_line("0.10") for _ in range(3))), [_HIGH] * 3)
    assert _told(amounts) == ("0.30", "0.25", "0.05")
    assert [line.vat for line in amounts.lines] == [Decimal("0.02"), Decimal("0.02"), Decimal("0.01")]


def test_cancelled_pieces_are_worth_nothing() -> None:
    amounts = current_amounts(_order(_line("10.00", 3, 1), _line("5.00", 1, 1)), [_HIGH, _LOW])
    assert [str(line.incl_vat) for line in amounts.lines] == ["6.67", "0.00"]
    assert _told(amounts) == ("6.67", "5.51", "1.16")


def test_shipping_and_discount_follow_the_goods() -> None:
    order = _order(
        _line("30.00"),
        _line("10.00"),
        shipping_cost_incl_vat=Decimal("4.00"),
        order_discounts=Decimal("8.00"),
    )
    amounts = current_amounts(order, [_HIGH, _LOW], ["high", "low"])
    assert [str(line.incl_vat) for line in amounts.lines] == ["24.00", "8.00"]
    # 27.00 at 21 % and 9.00 at 9 %.
    assert _told(amounts) == ("36.00", "30.57", "5.43")


def test_an_unknown_rate_makes_the_vat_unknown_and_never_zero() -> None:
    amounts = current_amounts(
        _order(_line("30.00"), _line("10.00"), order_discounts=Decimal("4.00")), [_HIGH, None]
    )
    assert (amounts.incl_vat, amounts.excl_vat, amounts.vat) == (Decimal("36.00"), None, None)
    assert [str(line.incl_vat) for line in amounts.lines] == ["27.00", "9.00"]
    assert amounts.lines[1].vat is None


def test_an_unknown_amount_makes_the_total_unknown() -> None:
    amounts = current_amounts(_order(_line("30.00"), _line(None)), [_HIGH, _HIGH])
    assert (amounts.incl_vat, amounts.excl_vat, amounts.vat) == (None, None, None)
    assert amounts.lines[1].incl_vat is None


def test_an_order_without_lines_is_worth_nothing_that_is_known() -> None:
    assert current_amounts(_order(), []) == OrderAmounts((), None, None, None)


def test_net_prices_get_their_vat_on_top() -> None:
    lines = tuple(
        OrderLine(str(number), quantity=1, line_total_excl_vat=Decimal(total))
        for number, total in enumerate(("0.10", "0.10", "0.10"))
    )
    amounts = current_amounts(_order(*lines), [_HIGH] * 3)
    assert _told(amounts) == ("0.36", "0.30", "0.06")
    unknown = current_amounts(_order(*lines), [_HIGH, _HIGH, None])
    assert (unknown.incl_vat, str(unknown.excl_vat), unknown.vat) == (None, "0.30", None)


def test_a_credit_is_the_mirror_of_its_sale() -> None:
    sale = current_amounts(_order(_line("29.99"), _line("14.95")), [_HIGH, _LOW])
    credit = current_amounts(_order(_line("-29.99"), _line("-14.95"), order_kind="credit"), [_HIGH, _LOW])
    assert sale.vat is not None
    assert credit.vat == -sale.vat


_lines = st.lists(
    st.tuples(st.integers(0, 50_000), st.integers(1, 5), st.integers(0, 5), st.sampled_from([_HIGH, _LOW])),
    min_size=1,
    max_size=5,
)


@given(_lines, st.integers(0, 500), st.integers(0, 900))
def test_the_parts_add_up(rows: list[tuple[int, int, int, Decimal]], discount: int, shipping: int) -> None:
    lines = [
        _line(str(Decimal(cents).scaleb(-2)), quantity, min(cancelled, quantity))
        for cents, quantity, cancelled, _ in rows
    ]
    order = _order(
        *lines,
        order_discounts=Decimal(discount).scaleb(-2),
        shipping_cost_incl_vat=Decimal(shipping).scaleb(-2),
    )
    amounts = current_amounts(order, [rate for *_, rate in rows])
    assert amounts.incl_vat is not None
    assert amounts.excl_vat is not None
    assert amounts.vat is not None
    assert amounts.excl_vat + amounts.vat == amounts.incl_vat
    gross = [line.incl_vat or Decimal(0) for line in amounts.lines]
    assert sum(gross) + Decimal(shipping).scaleb(-2) == amounts.incl_vat
    for line in amounts.lines:
        assert line.excl_vat is not None
        assert line.vat is not None
        assert line.excl_vat + line.vat == line.incl_vat
