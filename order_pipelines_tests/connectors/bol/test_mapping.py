"""Recorded payloads and what they mean; every value is typed in from the payload by hand."""

from datetime import UTC, datetime
from decimal import Decimal

import orjson
import pytest

from order_pipelines.connectors.bol.mapping import interpret, keep_share
from order_pipelines.domain.orders import order_facts
from order_pipelines_tests.connectors.bol.recordings import (
    DISCOUNT,
    FBB,
    FBR,
    LETTERS,
    LIST_FBB,
    LIST_FBR,
    change,
    load,
    read,
    read_one,
    with_item,
)


def test_an_order_before_v10_22_is_priced_by_its_pieces() -> None:
    assert order_facts(read_one(load(FBR))) == {
        "external_order_id": "1043946570",
        "order_number": "1043946570",
        "ordered_at": "2019-04-29T16:18:21Z",
        "currency": "EUR",
        "ship_country": "NL",
        "bill_country": "NL",
        "channel": "bol",
        "buyer": {
            "name": "Joost Verhaar",
            "email": "2zyxwvutsrqponmlkjihgfedcba765@verkopen.test2.bol.com",
            "phone": None,
            "company": "Verhaar Advies",
            "vat_id": "NL000099998B57",
            "is_business": True,
        },
        "lines": [
            {
                "external_line_id": "6042823871",
                "sku": "MijnOffer6627",
                "ean": "8717418510749",
                "title": "Star Wars - The happy family 2",
                "quantity": 3,
                "quantity_cancelled": 0,
                "quantity_shipped": 3,
                "quantity_refunded": None,
                "unit_price_incl_vat": "11.00",
                "line_discount_incl_vat": None,
                "line_total_incl_vat": "33.00",
                "vat_rate": None,
                "commission": "2.22",
            }
        ],
        "shipping_cost_incl_vat": None,
        "order_discounts": None,
        "order_total_incl_vat": "33.00",
        "order_total_current_incl_vat": "33.00",
        "refunded_total_incl_vat": None,
        "commission_total": "2.22",
        "cancelled_quantity_total": 0,
        "refunded_quantity_total": None,
        "payment_status": "paid_to_platform",
        "order_status": "completed",
        "fulfilment_status": "shipped",
        "stock_effect": {"MijnOffer6627": -3},
        "counts_in_revenue": True,
        "own_fulfilment": True,
        "must_flag": [],
    }


def test_what_bol_ships_takes_none_of_the_merchants_stock() -> None:
    order = read_one(load(FBB))
    facts = order_facts(order)
    assert facts["stock_effect"] == {}
    assert facts["own_fulfilment"] is False
    assert facts["fulfilment_status"] == "channel_fulfilled"
    assert facts["order_status"] == "completed"
    assert facts["order_total_incl_vat"] == "52.97"
    assert facts["commission_total"] == "8.59"
    assert [line["external_line_id"] for line in facts["lines"]] == ["6107771545", "6107771546"]
    assert [line["sku"] for line in facts["lines"]] == ["MijnOffer0021", "MijnOffer1121"]
    assert [line["line_total_incl_vat"] for line in facts["lines"]] == ["19.99", "32.98"]
    assert order.customer_reference == "Inkoop 2231"


def test_an_order_id_may_hold_letters() -> None:
    order = read_one(load(LETTERS))
    assert (order.external_order_id, order.order_number) == ("A4K8290LP0", "A4K8290LP0")
    assert order.ordered_at == datetime(2019, 12, 6, 12, 4, 34, tzinfo=UTC)
    assert order.changed_at == datetime(2019, 12, 6, 12, 4, 34, tzinfo=UTC)
    assert order.order_total_incl_vat == Decimal("34.99")


def test_a_discount_is_for_the_whole_line_and_the_paid_total_wins() -> None:
    """Specification example: 10 x 12.99 - 10.99 = 118.91."""
    order = read_one(load(DISCOUNT))
    line = order.lines[0]
    assert line.unit_price_incl_vat == Decimal("12.99")
    assert line.line_discount_incl_vat == Decimal("10.99")
    assert line.line_total_incl_vat == Decimal("118.91")
    assert line.ean == "0000007740404"
    assert line.offer_id == "6ff736b5-cdd0-4150-8c67-78269ee986f5"
    assert order.order_status == "open"
    assert order.fulfilment_status == "not_shipped"
    assert order.stock_effect() == {"BOLCOM00123": -10}
    assert order.must_flag == ("additional_services",)
    assert order.buyer is not None
    assert (order.buyer.name, order.buyer.is_business) == ("Marijke Oldenkamp", False)
    assert order.problems == ()


def test_without_a_paid_total_the_discounts_come_off() -> None:
    discounts = [{"title": "actie", "amount": 10.99}, {"title": "bon", "amount": 0.01}]
    line = read_one(with_item(totalPrice=..., discounts=discounts)).lines[0]
    assert (line.line_discount_incl_vat, line.line_total_incl_vat) == (Decimal("11.00"), Decimal("118.90"))


def test_a_paid_total_that_differs_by_a_cent_is_the_truth() -> None:
    order = read_one(with_item(totalPrice=118.90))
    assert order.order_total_incl_vat == Decimal("118.90")
    assert order.problems == ()


def test_no_discounts_are_known_to_be_none() -> None:
    line = read_one(with_item(discounts=[], totalPrice=129.9)).lines[0]
    assert line.line_discount_incl_vat == Decimal("0.00")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.29", "0.29"),
        ("1.1", "1.10"),
        ("4.35", "4.35"),
        ("1234567.89", "1234567.89"),
        ("12", "12.00"),
        ("1.005", "1.01"),
        ("2e1", "20.00"),
    ],
)
def test_amounts_are_exact_to_the_cent(text: str, expected: str) -> None:
    body = orjson.dumps(with_item(totalPrice="HERE")).replace(b'"HERE"', text.encode())
    result = interpret(body, kind="order")
    assert order_facts(result.orders[0])["order_total_incl_vat"] == expected


def test_cancelled_pieces_lower_the_present_total_and_both_shares_add_up() -> None:
    order = read_one(with_item(quantityCancelled=3))
    assert order.order_total_incl_vat == Decimal("118.91")
    # 118.91 * 7 / 10 = 83.237
    assert order.order_total_current_incl_vat == Decimal("83.24")
    assert order.stock_effect() == {"BOLCOM00123": -7}
    assert order.cancelled_quantity_total() == 3
    assert order.order_status == "open"
    assert order.counts_in_revenue is True


@pytest.mark.parametrize(
    ("total", "quantity", "cancelled", "kept"),
    [
        ("10.00", 3, 0, "10.00"),
        ("10.00", 3, 1, "6.67"),
        ("10.00", 3, 2, "3.33"),
        ("10.00", 3, 3, "0.00"),
        ("0.01", 2, 1, "0.01"),
        ("0.05", 2, 1, "0.03"),
        ("10.00", 3, 4, "0.00"),
    ],
)
def test_the_kept_share_is_rounded_half_up(total: str, quantity: int, cancelled: int, kept: str) -> None:
    assert keep_share(Decimal(total), quantity, cancelled) == Decimal(kept)


@pytest.mark.parametrize(
    ("shipped", "cancelled", "order_status", "fulfilment_status"),
    [
        (0, 0, "open", "not_shipped"),
        (0, 4, "open", "not_shipped"),
        (4, 0, "open", "partially_shipped"),
        (4, 3, "open", "partially_shipped"),
        (10, 0, "completed", "shipped"),
        (7, 3, "completed", "shipped"),
        (0, 10, "cancelled", "cancelled"),
    ],
)
def test_statuses_come_from_pieces(
    shipped: int, cancelled: int, order_status: str, fulfilment_status: str
) -> None:
    order = read_one(with_item(quantityShipped=shipped, quantityCancelled=cancelled))
    assert (order.order_status, order.fulfilment_status) == (order_status, fulfilment_status)
    assert order.counts_in_revenue is (order_status != "cancelled")


def test_one_handled_line_does_not_complete_an_order() -> None:
    """Pitfall: HANDLED is per item."""
    payload = load(FBB)
    for item, shipped in zip(payload["orderItems"], (1, 0), strict=True):
        item["fulfilment"]["method"] = "FBR"
        item["quantityShipped"] = shipped
    order = read_one(payload)
    assert (order.order_status, order.fulfilment_status) == ("open", "partially_shipped")


def test_an_order_shipped_by_both_is_judged_by_the_merchants_lines() -> None:
    payload = load(FBB)
    payload["orderItems"][0]["fulfilment"]["method"] = "FBR"
    payload["orderItems"][0]["quantityShipped"] = 0
    order = read_one(payload)
    assert order.own_fulfilment is True
    assert (order.order_status, order.fulfilment_status) == ("open", "not_shipped")
    assert order.stock_effect() == {"MijnOffer0021": -1}


def test_a_wish_to_cancel_is_flagged_and_changes_nothing() -> None:
    order = read_one(with_item(cancellationRequest=True, additionalServices=[]))
    assert order.must_flag == ("cancellation_requested",)
    assert order.order_status == "open"
    assert order.order_total_current_incl_vat == Decimal("118.91")
    assert order.stock_effect() == {"BOLCOM00123": -10}


def test_without_a_reference_the_article_is_known_by_its_ean() -> None:
    order = read_one(with_item(offer={"offerId": "6ff736b5-cdd0-4150-8c67-78269ee986f5"}))
    assert order.lines[0].sku is None
    assert order.stock_effect() == {"ean:0000007740404": -10}
    assert order.problems == ()
    assert read_one(with_item(offer=...)).problems == ()


def test_without_billing_details_the_receiver_is_the_buyer() -> None:
    payload = load(DISCOUNT)
    change(payload, {"billingDetails": ...})
    payload["shipmentDetails"]["deliveryPhoneNumber"] = "0612345678"
    order = read_one(payload)
    assert order.bill_country is None
    assert order.buyer is not None
    assert order.buyer.name == "Marijke Oldenkamp"
    assert order.buyer.phone == "0612345678"
    assert order.buyer.is_business is None
    assert order.problems == ()


def test_a_parcel_shop_is_no_company_of_the_buyer() -> None:
    payload = load(FBR)
    change(payload, {"billingDetails": ...})
    order = read_one(payload)
    assert order.shipping_address is not None
    assert order.shipping_address.company == "Albert Heijn: UTRECHT"
    assert order.buyer is not None
    assert (order.buyer.company, order.buyer.is_business) == (None, None)


def test_addresses_are_kept_in_full() -> None:
    order = read_one(load(FBR))
    address = order.billing_address
    assert address is not None
    assert (address.street, address.house_number, address.addition) == ("Havenkade", "7", "B, Achterom")
    assert (address.postcode, address.city, address.country_code) == ("3511KL", "Utrecht", "NL")


def test_a_page_of_the_list_is_several_orders_without_prices() -> None:
    result = read(load(LIST_FBR))
    assert result.rows_read == 4
    assert result.rejects == []
    assert [order.external_order_id for order in result.orders] == [
        "1043946570",
        "1042831430",
        "A4K8290LP0",
        "B3K8290LP0",
    ]
    assert all(order.problems == () for order in result.orders)
    second = result.orders[1]
    assert [line.external_line_id for line in second.lines] == ["6107331382", "6107331383"]
    assert [line.ean for line in second.lines] == ["8712626055143", "8804269223123"]
    assert [line.sku for line in second.lines] == [None, None]
    assert second.order_total_incl_vat is None
    assert second.order_total_current_incl_vat is None
    assert second.commission_total is None
    assert second.ship_country is None
    assert second.buyer is None
    assert (second.currency, second.payment_status) == ("EUR", "paid_to_platform")
    assert second.stock_effect() == {"ean:8712626055143": -1, "ean:8804269223123": -1}


def test_a_list_entry_that_bol_ships_says_so() -> None:
    first, second = read(load(LIST_FBB)).orders
    assert (first.external_order_id, first.own_fulfilment, first.stock_effect()) == ("1043965710", False, {})
    assert (first.order_status, first.cancelled_quantity_total()) == ("completed", 1)
    assert [line.quantity for line in second.lines] == [1, 1]


def test_list_and_detail_may_contradict_each_other() -> None:
    """bol's demo: the list shows EAN 8785073140359 where the detail has 8717418510749; the detail is booked."""
    entry = read(load(LIST_FBB)).orders[1]
    detail = read_one(load(FBB))
    assert entry.lines[1].external_line_id == detail.lines[1].external_line_id == "6107771546"
    assert (entry.lines[1].ean, detail.lines[1].ean) == ("8785073140359", "8717418510749")


def test_the_page_after_the_last_holds_no_order() -> None:
    assert read({"orders": []}).orders == []
    assert read({"orders": []}).rejects == []
