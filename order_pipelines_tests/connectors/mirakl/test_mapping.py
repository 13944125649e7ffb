"""Recorded payloads and what they mean; every value is typed in from the payload by hand."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from order_pipelines.connectors.mirakl import CONNECTOR
from order_pipelines.connectors.mirakl.countries import alpha_2
from order_pipelines.connectors.mirakl.mapping import interpret
from order_pipelines.domain.orders import order_facts
from order_pipelines_tests.connectors.mirakl.recordings import (
    EXCLUDED,
    INCLUDED,
    OLD,
    codes,
    load,
    order_of,
    read,
    read_one,
    with_line,
    with_order,
)


def test_an_order_with_prices_including_tax() -> None:
    assert order_facts(read_one(load(INCLUDED))) == {
        "external_order_id": "C1001-A",
        "order_number": "C1001-A",
        "ordered_at": "2026-05-04T09:00:00Z",
        "currency": "EUR",
        "ship_country": "BE",
        "bill_country": "BE",
        "channel": "mirakl",
        "buyer": {
            "name": "Lotte Bloemhof",
            "email": None,
            "phone": "+32 000 00 00 01",
            "company": None,
            "vat_id": None,
            "is_business": False,
        },
        "lines": [
            {
                "external_line_id": "C1001-A-1",
                "sku": "SKU-RED-M",
                "ean": None,
                "title": "Artikel SKU-RED-M",
                "quantity": 2,
                "quantity_cancelled": 0,
                "quantity_shipped": 0,
                "quantity_refunded": 0,
                "unit_price_incl_vat": "39.95",
                "line_discount_incl_vat": "0.00",
                "line_total_incl_vat": "79.90",
                "vat_rate": "21",
                "commission": "12.09",
            }
        ],
        "shipping_cost_incl_vat": "4.95",
        "order_discounts": "0.00",
        "order_total_incl_vat": "84.85",
        "order_total_current_incl_vat": "84.85",
        "refunded_total_incl_vat": "0.00",
        "commission_total": "12.09",
        "cancelled_quantity_total": 0,
        "refunded_quantity_total": 0,
        "payment_status": "paid_to_platform",
        "order_status": "open",
        "fulfilment_status": "not_shipped",
        "stock_effect": {"SKU-RED-M": -2},
        "counts_in_revenue": True,
        "own_fulfilment": True,
        "must_flag": [],
    }


def test_prices_without_tax_get_the_taxes_beside_them() -> None:
    """165 + 10 + 10 goods, 8 + 10 + 10 shipping; 18.15 cancelled and 13.91 refunded, both as money without pieces."""
    assert order_facts(read_one(load(EXCLUDED))) == {
        "external_order_id": "Order_00010-A",
        "order_number": "Order_00010-A",
        "ordered_at": "2019-04-02T14:18:43Z",
        "currency": "USD",
        "ship_country": "US",
        "bill_country": "US",
        "channel": "mirakl",
        "buyer": {
            "name": "Ada Voorbeeld",
            "email": None,
            "phone": None,
            "company": "Sample Trading Inc.",
            "vat_id": "00-1234567",
            "is_business": True,
        },
        "lines": [
            {
                "external_line_id": "Order_00010-A-1",
                "sku": "S2000",
                "ean": None,
                "title": "Breville Cafe Roma Stainless Espresso/Cappuccino Machine - ESP8C",
                "quantity": 3,
                "quantity_cancelled": 0,
                "quantity_shipped": 3,
                "quantity_refunded": 0,
                "unit_price_incl_vat": "67.2733",
                "line_discount_incl_vat": "16.82",
                "line_total_incl_vat": "185.00",
                "vat_rate": None,
                "commission": "21.30",
            }
        ],
        "shipping_cost_incl_vat": "28.00",
        "order_discounts": "0.00",
        "order_total_incl_vat": "213.00",
        "order_total_current_incl_vat": "194.85",
        "refunded_total_incl_vat": "13.91",
        "commission_total": "21.30",
        "cancelled_quantity_total": 0,
        "refunded_quantity_total": 0,
        "payment_status": "partially_refunded",
        "order_status": "completed",
        "fulfilment_status": "channel_fulfilled",
        "stock_effect": {},
        "counts_in_revenue": True,
        "own_fulfilment": False,
        "must_flag": ["refund_pending", "total_differs", "value_cancelled", "value_refunded"],
    }
    order = read_one(load(EXCLUDED))
    assert order.customer_reference == "ref_customer"
    assert order.order_total_excl_vat == Decimal("173.00")
    assert order.lines[0].line_total_excl_vat == Decimal("165.00")
    assert order.changed_at == datetime(2019, 4, 2, 14, 59, 58, tzinfo=UTC)


def test_an_older_version_says_less_and_nothing_is_made_up() -> None:
    facts = order_facts(read_one(load(OLD)))
    assert (facts["currency"], facts["ship_country"], facts["bill_country"]) == (None, None, "US")
    assert (facts["payment_status"], facts["order_status"]) == (None, "open")
    assert [line["vat_rate"] for line in facts["lines"]] == [None, None]
    assert [line["line_discount_incl_vat"] for line in facts["lines"]] == [None, None]
    assert [line["line_total_incl_vat"] for line in facts["lines"]] == ["24.00", "36.00"]
    assert [line["commission"] for line in facts["lines"]] == ["4.00", "6.01"]
    assert (facts["shipping_cost_incl_vat"], facts["order_total_incl_vat"]) == ("5.00", "65.00")
    assert facts["commission_total"] == "10.01"
    assert facts["stock_effect"] == {"1800": -2, "1900": -3}
    assert facts["must_flag"] == ["missing_field", "tax_mode_missing"]
    assert codes(read_one(load(OLD))) == [("missing_field", "order_tax_mode")]


def test_without_mode_and_without_taxes_both_readings_agree() -> None:
    order = read_one(with_order(order_tax_mode=None, order_lines=[
        {**order_of()["order_lines"][0], "taxes": [], "shipping_taxes": []}
    ]))  # fmt: skip
    assert (order.order_total_incl_vat, order.problems) == (Decimal("84.85"), ())
    assert order.must_flag == ("tax_mode_missing",)


@pytest.mark.parametrize(
    ("state", "status", "payment", "counts", "stock"),
    [
        ("STAGING", "pending", "unpaid", False, {}),
        ("WAITING_ACCEPTANCE", "waiting_acceptance", "unpaid", True, {"SKU-RED-M": -2}),
        ("WAITING_DEBIT", "pending", "unpaid", True, {"SKU-RED-M": -2}),
        ("WAITING_DEBIT_PAYMENT", "pending", "unpaid", True, {"SKU-RED-M": -2}),
        ("SHIPPING", "open", "unpaid", True, {"SKU-RED-M": -2}),
        ("SHIPPED", "completed", "unpaid", True, {"SKU-RED-M": -2}),
        ("TO_COLLECT", "completed", "unpaid", True, {"SKU-RED-M": -2}),
        ("RECEIVED", "completed", "unpaid", True, {"SKU-RED-M": -2}),
        ("CLOSED", "completed", "unpaid", True, {"SKU-RED-M": -2}),
        ("REFUSED", "cancelled", "voided", False, {}),
        ("CANCELED", "cancelled", "voided", False, {}),
    ],
)
def test_a_state_says_what_may_be_done(
    state: str, status: str, payment: str, counts: bool, stock: dict[str, int]
) -> None:
    payload = with_order(order_state=state, customer_debited_date=None)
    payload["order_lines"][0]["order_line_state"] = state
    facts = order_facts(read_one(payload))
    assert (facts["order_status"], facts["payment_status"]) == (status, payment)
    assert (facts["counts_in_revenue"], facts["stock_effect"]) == (counts, stock)
    assert facts["own_fulfilment"] is True


def test_what_shipped_before_the_customer_was_debited_is_flagged() -> None:
    payload = with_order(
        order_state="SHIPPED", payment_workflow="PAY_ON_DUE_DATE", customer_debited_date=None
    )
    payload["order_lines"][0]["order_line_state"] = "SHIPPED"
    order = read_one(payload)
    assert (order.payment_status, order.fulfilment_status) == ("unpaid", "shipped")
    assert order.must_flag == ("shipped_unpaid",)


def test_a_state_that_nobody_knows_is_kept_and_flagged_and_takes_stock() -> None:
    order = read_one(with_order(order_state="TELEPORTED"))
    assert (order.order_status, order.fulfilment_status) == (None, None)
    assert codes(order) == [("unknown_state", "order_state")]
    assert order.problems[0].value == "TELEPORTED"
    assert order.stock_effect() == {"SKU-RED-M": -2}


def test_a_refund_in_a_state_that_nobody_knows_keeps_the_order_out() -> None:
    payload = with_order()
    refund = {"id": "1", "amount": 5.0, "quantity": 0, "refund_state": "TELEPORTED"}
    payload["order_lines"][0]["refunds"] = [refund]
    order = read_one(payload)
    assert ("unknown_state", "order_lines[0].refunds") in codes(order)
    assert order.stock_effect() == {"SKU-RED-M": -2}


def test_addresses_that_mirakl_keeps_back_stay_unknown() -> None:
    payload = with_order(order_state="WAITING_ACCEPTANCE")
    payload["customer"].update(billing_address=None, shipping_address=None)
    order = read_one(payload)
    assert (order.shipping_address, order.billing_address) == (None, None)
    assert (order.ship_country, order.bill_country) == (None, None)
    assert order.buyer is not None
    assert order.buyer.is_business is None
    assert order.problems == ()


def test_every_member_may_be_null() -> None:
    order = order_of()
    nulls = {name: None for name in order if name not in ("order_id", "order_lines")}
    line = {name: None for name in order["order_lines"][0] if name != "order_line_id"}
    read_back = read_one({**order, **nulls, "order_lines": [{**line, "order_line_id": "C1001-A-1"}]})
    assert codes(read_back) == [
        ("missing_field", "order_state"),
        ("missing_field", "order_tax_mode"),
        ("missing_field", "order_lines[0].order_line_state"),
        ("missing_field", "order_lines[0].quantity"),
        ("missing_field", "order_lines[0].price"),
        ("missing_field", "created_date"),
    ]
    facts = order_facts(read_back)
    assert (facts["order_total_incl_vat"], facts["commission_total"], facts["currency"]) == (None, None, None)


def test_new_members_and_labels_change_nothing() -> None:
    plain = order_facts(read_one(order_of()))
    grown = with_order(brand_new={"a": 1}, order_state_reason_label="Reden", shipping_type_label="Anders")
    assert order_facts(read_one(grown)) == plain


@pytest.mark.parametrize(
    ("members", "code", "field"),
    [
        ({"price": -1}, "wrong_type", "order_lines[0].price"),
        ({"price": 81}, "total_differs", "order_lines[0].price"),
        ({"quantity": 1.5}, "fractional_quantity", "order_lines[0].quantity"),
        ({"quantity": -1}, "negative_quantity", "order_lines[0].quantity"),
        ({"quantity": "2"}, "wrong_type", "order_lines[0].quantity"),
        ({"price": "veel"}, "wrong_type", "order_lines[0].price"),
        ({"offer_sku": 7}, "wrong_type", "order_lines[0].offer_sku"),
        ({"last_updated_date": "gisteren"}, "wrong_type", "order_lines[0].last_updated_date"),
        ({"taxes": {}}, "wrong_type", "order_lines[0].taxes"),
        ({"taxes": [{"code": "A"}]}, "missing_field", "order_lines[0].taxes[0].amount"),
        (
            {"cancelations": [{"amount": 1, "quantity": 3}]},
            "absurd_quantity",
            "order_lines[0].cancelations",
        ),
    ],
)
def test_a_bad_member_is_a_problem_with_its_place(members: dict[str, Any], code: str, field: str) -> None:
    order = read_one(with_line(**members))
    assert (code, field) in codes(order)
    assert order.external_order_id == "C1001-A"


def test_two_lines_with_one_id_are_one_line_and_a_problem() -> None:
    payload = order_of()
    payload["order_lines"] *= 2
    order = read_one(payload)
    assert len(order.lines) == 1
    assert ("duplicate_line", "order_lines[1].order_line_id") in codes(order)


def test_a_problem_shows_nothing_of_a_person() -> None:
    payload = order_of()
    payload["customer"]["shipping_address"].update(street_1=["Geheimstraat 1"], country_iso_code="XXX")
    order = read_one(payload)
    assert "Geheimstraat" not in repr(order.problems)
    assert codes(order) == [
        ("wrong_type", "customer.shipping_address.street_1"),
        ("unknown_country", "customer.shipping_address.country_iso_code"),
    ]
    assert order.ship_country is None


@pytest.mark.parametrize(
    ("code", "country"),
    [("NLD", "NL"), ("bel", "BE"), ("DEU", "DE"), ("NL", "NL"), ("XXX", None), ("", None)],
)
def test_countries_have_three_letters(code: str, country: str | None) -> None:
    assert alpha_2(code) == country


# ------------------------------------------------------------------------------------------------ shapes


def test_a_page_an_order_a_list_and_an_announcement_are_read_alike() -> None:
    order = order_of()
    announced = {"event_type": "ORDER", "payload": [{"details": order}]}
    for payload in ({"orders": [order], "total_count": 1}, order, [order], announced):
        assert [read_order.external_order_id for read_order in read(payload).orders] == ["C1001-A"]


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        (b"", "truncated", "the payload is empty"),
        (b'{"orders": [', "truncated", "the JSON breaks off after 12 bytes"),
        (b"<html>", "not_json", "not JSON"),
        (b'"text"', "wrong_type", "this is a JSON text"),
        (b'{"orders": {}}', "wrong_type", "orders must be a list"),
        (b'{"offers": [], "total_count": 0}', "missing_field", "this looks like a list of offers"),
        (b'{"data": [], "next_page_token": null}', "missing_field", "this looks like a page of returns"),
        (b'{"message": "Not Found", "status": 404}', "missing_field", "this looks like an error answer"),
    ],
)
def test_what_is_no_order_is_a_reject_that_says_what_it_is(body: bytes, code: str, says: str) -> None:
    result = interpret(body, kind="order")
    assert result.orders == []
    assert [reject.problem.code for reject in result.rejects] == [code]
    assert says in result.rejects[0].problem.reason


def test_one_bad_order_of_a_page_does_not_stop_the_others() -> None:
    result = read({"orders": [order_of(), {"order_lines": []}, 7, with_order(order_id="C1002-A")]})
    assert [order.external_order_id for order in result.orders] == ["C1001-A", "C1002-A"]
    assert [reject.problem.field for reject in result.rejects] == ["orders[1].order_id", "orders[2]"]
    assert result.rows_read == 4


@pytest.mark.parametrize("name", [INCLUDED, EXCLUDED, OLD])
def test_no_member_of_any_type_makes_the_mapping_fail(name: str) -> None:
    payload = load(name)
    order = payload["orders"][0] if "orders" in payload else payload
    odd: list[Any] = [None, True, -1, 1.5, 1e30, "x", [], [1], {}, {"a": 1}]
    for value in odd:
        for member in order:
            result = read({**order, member: value})
            assert len(result.orders) + len(result.rejects) == 1
        for member in order["order_lines"][0]:
            line = {**order["order_lines"][0], member: value}
            assert len(read({**order, "order_lines": [line]}).orders) == 1


def test_the_interpreter_of_the_registry_is_the_mapping() -> None:
    assert CONNECTOR.interpreter is not None
    assert CONNECTOR.interpreter({}) is interpret
