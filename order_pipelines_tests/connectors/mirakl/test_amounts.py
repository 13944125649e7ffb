"""What a Mirakl order costs: taxes in and beside the price, promotions, cancellations, refunds, fees."""

from decimal import Decimal
from typing import Any

import pytest

from order_pipelines.domain.orders import order_facts
from order_pipelines_tests.connectors.mirakl.recordings import (
    EXCLUDED,
    codes,
    order_of,
    read_one,
    with_line,
    with_order,
)


def _promotion(**members: Any) -> Any:
    return with_line(
        origin_unit_price=44.95, promotions=[{"deduced_amount": 10, "offered_quantity": 0}], **members
    )


def test_a_promotion_is_not_taken_off_twice() -> None:
    """``price_unit`` 39.95 is after the promotion of 5.00 a piece; 79.90 stays what the line cost."""
    facts = order_facts(read_one(_promotion()))
    line = facts["lines"][0]
    assert (line["unit_price_incl_vat"], line["line_discount_incl_vat"]) == ("44.95", "10.00")
    assert (line["line_total_incl_vat"], facts["order_total_incl_vat"]) == ("79.90", "84.85")
    assert facts["order_discounts"] == "0.00"


def test_a_promotion_without_the_price_before_it_is_told_by_its_amount() -> None:
    line = order_facts(read_one(with_line(origin_unit_price=None, promotions=[{"deduced_amount": 6}])))[
        "lines"
    ][0]
    assert (line["unit_price_incl_vat"], line["line_discount_incl_vat"]) == ("42.95", "6.00")


def test_cancelled_pieces_leave_the_total_and_the_stock() -> None:
    """One of two pieces: 39.95 of 79.90; price and quantity stay gross in the payload."""
    cancelation = {"id": "7", "amount": 39.95, "shipping_amount": 0, "quantity": 1, "reason_code": "34"}
    order = read_one(with_line(cancelations=[{**cancelation, "taxes": [{"amount": 6.93, "code": "VAT-BE"}]}]))
    facts = order_facts(order)
    assert (facts["order_total_incl_vat"], facts["order_total_current_incl_vat"]) == ("84.85", "44.90")
    assert facts["cancelled_quantity_total"] == 1
    assert facts["stock_effect"] == {"SKU-RED-M": -1}
    assert order.problems == ()


def test_cancelled_shipping_keeps_the_order_out_of_the_books() -> None:
    """Books take off the share of the pieces; 4.95 more would be booked as sold."""
    cancelation = {"id": "7", "amount": 39.95, "shipping_amount": 4.95, "quantity": 1}
    order = read_one(with_line(cancelations=[cancelation]))
    assert order.order_total_current_incl_vat == Decimal("39.95")
    assert codes(order) == [("total_differs", "order_lines[0].cancelations")]
    assert order.problems[0].value == "44.90"
    assert order.must_flag == ("value_cancelled",)


def test_a_refused_line_was_never_charged() -> None:
    payload = order_of()
    refused = {**payload["order_lines"][0], "order_line_id": "C1001-A-2", "order_line_state": "REFUSED"}
    amounts = {"price": 39.95, "shipping_price": 0, "total_price": 39.95, "taxes": [], "shipping_taxes": []}
    payload["order_lines"].append({**refused, **amounts, "offer_sku": "SKU-BLUE", "quantity": 1})
    facts = order_facts(read_one(payload))
    assert facts["lines"][1]["quantity_cancelled"] == 1
    assert (facts["order_total_incl_vat"], facts["order_total_current_incl_vat"]) == ("124.80", "84.85")
    assert facts["stock_effect"] == {"SKU-RED-M": -2}
    assert facts["order_status"] == "open"


def test_a_refund_takes_no_pieces_by_itself_and_counts_its_shipping() -> None:
    refund = {"id": "1", "amount": 39.95, "shipping_amount": 4.95, "quantity": 1, "refund_state": "REFUNDED"}
    payload = with_line(refunds=[refund], order_line_state="RECEIVED")
    payload["order_state"] = "RECEIVED"
    facts = order_facts(read_one(payload))
    assert (facts["refunded_total_incl_vat"], facts["refunded_quantity_total"]) == ("44.90", 1)
    assert (facts["order_total_current_incl_vat"], facts["payment_status"]) == ("84.85", "partially_refunded")
    assert facts["stock_effect"] == {"SKU-RED-M": -2}
    assert facts["must_flag"] == []


def test_fees_inside_the_total_become_a_line_of_their_own() -> None:
    payload = with_line(total_price=85.35, fees=[{"code": "DRS", "amount": 0.5}])
    payload["total_price"] = 85.35
    order = read_one(payload)
    assert [(line.external_line_id, line.line_kind) for line in order.lines] == [
        ("C1001-A-1", "goods"),
        ("C1001-A-1:fees", "fee"),
    ]
    assert order.lines[1].line_total_incl_vat == Decimal("0.50")
    assert order.order_total_incl_vat == Decimal("85.35")


def test_taxes_without_a_mode_are_no_price() -> None:
    order = read_one(with_order(order_tax_mode=None))
    assert order.order_total_incl_vat is None
    assert order.lines[0].line_total_incl_vat is None
    assert codes(order) == [("missing_field", "order_tax_mode")]


def test_taxes_of_the_order_as_a_whole_leave_its_lines_without_tax() -> None:
    payload = with_line(EXCLUDED, taxes=[], shipping_taxes=[], cancelations=[], refunds=[])
    payload["order_taxes"] = [{"code": "tax1", "total_amount": 40}]
    order = read_one(payload)
    assert order.order_total_incl_vat == Decimal("213.00")
    assert (order.lines[0].line_total_incl_vat, order.lines[0].line_total_excl_vat) == (
        None,
        Decimal("165.00"),
    )
    assert order.must_flag == ("order_level_taxes",)


@pytest.mark.parametrize(
    ("taxes", "rate"),
    [
        ([{"amount": 13.87, "code": "A", "rate": 21}], "21"),
        ([{"amount": 13.87, "code": "A"}], None),
        ([{"amount": 13.87, "code": "A", "rate": 6}], None),
        ([{"amount": 6.93, "code": "A", "rate": 10.5}, {"amount": 6.94, "code": "B", "rate": 10.5}], None),
        ([], None),
    ],
    ids=["one tax", "without a rate", "contradicted by its amount", "two taxes", "none"],
)
def test_a_vat_rate_is_taken_only_where_the_line_has_one_tax_that_fits(
    taxes: list[Any], rate: str | None
) -> None:
    assert order_facts(read_one(with_line(taxes=taxes)))["lines"][0]["vat_rate"] == rate


def test_a_commission_without_a_total_is_fee_and_taxes() -> None:
    assert order_facts(read_one(with_line(total_commission=None)))["lines"][0]["commission"] == "12.09"
    old = with_line(total_commission=None, commission_taxes=None)
    assert order_facts(read_one(old))["lines"][0]["commission"] == "12.09"


def test_goods_by_weight_have_no_price_of_a_piece() -> None:
    measured = {"measurement_unit": "KILOGRAM", "actual_measurement": 1.9}
    payload = with_line(measurement=measured, price=75.91, total_price=80.86)
    payload["total_price"] = 80.86
    order = read_one(payload)
    assert (order.lines[0].unit_price_incl_vat, order.lines[0].line_total_incl_vat) == (
        None,
        Decimal("75.91"),
    )
    assert (order.must_flag, order.problems) == (("measured_goods",), ())


@pytest.mark.parametrize(
    "members",
    [
        {"price": 1e-300, "origin_unit_price": 9e8, "quantity": 2_147_483_647},
        {"price": 0.001, "taxes": [{"amount": 9e8}], "origin_unit_price": 9e8, "quantity": 2_147_483_647},
        {"price_unit": -9e8, "origin_unit_price": 9e8, "quantity": 2_147_483_647},
        {"price": 0, "quantity": 0},
        {"taxes": [{"amount": 13.87, "rate": 1e-300}]},
    ],
)
@pytest.mark.parametrize("mode", ["TAX_INCLUDED", "TAX_EXCLUDED"])
def test_amounts_that_nobody_can_believe_break_nothing(members: dict[str, Any], mode: str) -> None:
    payload = with_line(**members)
    payload["order_tax_mode"] = mode
    line = read_one(payload).lines[0]
    for amount in (line.line_discount_incl_vat, line.unit_price_incl_vat, line.line_total_incl_vat):
        assert amount is None or abs(amount) < 10**13
    assert line.vat_rate in (None, Decimal(21))
