"""What an order of Mirakl does not say is unknown: shipping, refunds, cancelations, a discount."""

from decimal import Decimal

from order_pipelines_tests.connectors.mirakl.recordings import EXCLUDED, INCLUDED, read_one, with_line


def test_shipping_without_a_price_is_unknown_and_the_total_stands() -> None:
    order = read_one(with_line(INCLUDED, shipping_price=...))
    assert order.shipping_cost_incl_vat is None
    assert order.order_total_incl_vat == Decimal("84.85")
    # What the total has beside the goods stays visible.
    assert [(line.line_kind, line.line_total_incl_vat) for line in order.lines] == [
        ("goods", Decimal("79.90")),
        ("fee", Decimal("4.95")),
    ]


def test_without_a_list_of_refunds_nobody_knows_of_none() -> None:
    order = read_one(with_line(INCLUDED, refunds=...))
    assert (order.refunded_total_incl_vat, order.payment_status) == (None, None)
    assert order.lines[0].quantity_refunded is None


def test_without_a_list_of_cancelations_what_is_left_is_unknown() -> None:
    order = read_one(with_line(INCLUDED, cancelations=...))
    assert (order.lines[0].quantity_cancelled, order.order_total_current_incl_vat) == (None, None)
    assert order.order_total_incl_vat == Decimal("84.85")


def test_an_empty_list_of_promotions_does_not_say_that_nothing_came_off() -> None:
    assert read_one(with_line(EXCLUDED, origin_unit_price=...)).lines[0].line_discount_incl_vat is None
    assert read_one(with_line(EXCLUDED)).lines[0].line_discount_incl_vat == Decimal("16.82")
