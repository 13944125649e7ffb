"""Recorded orders to canonical ones; expected values are typed in."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest

from order_pipelines.connectors.shopware.mapping import interpret, make_interpreter
from order_pipelines.domain.orders import order_facts
from order_pipelines_tests.connectors.shopware.recordings import changed, read, recorded

LINE_1, LINE_2 = "00000000000000000000000000000065", "00000000000000000000000000000066"


def facts_of(name: str) -> dict[str, Any]:
    (order,) = interpret(recorded(name), kind="order").orders
    return order_facts(order)


def test_a_paid_order_with_gross_prices() -> None:
    assert facts_of("orders_gross_paid") == {
        "external_order_id": "7656df5ece4049a96cb53b5754431f44",
        "order_number": "10001",
        "ordered_at": "2026-05-04T09:00:00Z",
        "currency": "EUR",
        "ship_country": "NL",
        "bill_country": "NL",
        "channel": "shopware",
        "buyer": {
            "name": "Noor Bedacht",
            "email": "noor@voorbeeld.example",
            "phone": "+31600000001",
            "company": None,
            "vat_id": None,
            "is_business": False,
        },
        "lines": [
            {
                "external_line_id": "377fd569971eedeba8fbea28434a390a",
                "sku": "SW-RED-M",
                "ean": None,
                "title": "Rode jurk M",
                "quantity": 2,
                "quantity_cancelled": 0,
                "quantity_shipped": 0,
                "quantity_refunded": 0,
                "unit_price_incl_vat": "39.95",
                "line_discount_incl_vat": "0.00",
                "line_total_incl_vat": "79.90",
                "vat_rate": "21",
                "commission": None,
            }
        ],
        "shipping_cost_incl_vat": "4.95",
        "order_discounts": "0.00",
        "order_total_incl_vat": "84.85",
        "order_total_current_incl_vat": "84.85",
        "refunded_total_incl_vat": "0.00",
        "commission_total": None,
        "cancelled_quantity_total": 0,
        "refunded_quantity_total": 0,
        "payment_status": "paid",
        "order_status": "open",
        "fulfilment_status": "not_shipped",
        "stock_effect": {"SW-RED-M": -2},
        "counts_in_revenue": True,
        "own_fulfilment": True,
        "must_flag": [],
    }


def test_a_promotion_of_two_rates_is_a_discount_and_free_shipping_costs_nothing() -> None:
    """Pitfalls: a promotion has productId null; a shipping discount is a delivery with negative costs; the payment that
    counts is the newest and stands second of three; the product of the second line was deleted."""
    facts = facts_of("order_promotion_and_free_shipping")
    assert [(line["external_line_id"], line["sku"], line["ean"]) for line in facts["lines"]] == [
        (LINE_1, "KEU-1001", "8720999001018"),
        (LINE_2, "BOEK-7", None),
    ]
    assert [(line["line_total_incl_vat"], line["vat_rate"]) for line in facts["lines"]] == [
        ("79.90", "21"),
        ("20.00", "9"),
    ]
    assert (facts["order_discounts"], facts["shipping_cost_incl_vat"]) == ("10.00", "0.00")
    assert facts["order_total_incl_vat"] == "89.90"
    assert (facts["payment_status"], facts["order_status"], facts["fulfilment_status"]) == (
        "paid",
        "open",
        "not_shipped",
    )
    assert facts["stock_effect"] == {"KEU-1001": -2, "BOEK-7": -1}
    assert facts["must_flag"] == []


def test_net_prices_get_their_vat_and_a_bundle_counts_once_in_the_orders_own_currency() -> None:
    facts = facts_of("order_net_business_bundle")
    assert facts["currency"] == "GBP"
    assert [
        (line["sku"], line["quantity"], line["unit_price_incl_vat"], line["line_total_incl_vat"])
        for line in facts["lines"]
    ] == [
        ("KEU-1001", 3, "33.9633", "101.89"),
        ("KEU-1004", 1, "19.13", "19.13"),
        ("KEU-1005", 2, "25.495", "50.99"),
    ]
    assert (facts["shipping_cost_incl_vat"], facts["order_discounts"]) == ("5.99", "3.63")
    assert facts["order_total_incl_vat"] == "174.37"
    assert facts["stock_effect"] == {"KEU-1001": -3, "KEU-1004": -1, "KEU-1005": -2}
    assert facts["buyer"]["vat_id"] == "BE0000000097"
    assert (facts["buyer"]["company"], facts["buyer"]["is_business"]) == ("Zogenaamd BV", True)
    assert facts["must_flag"] == ["credit_line"]


def test_what_is_shipped_in_part_says_no_pieces() -> None:
    facts = facts_of("order_net_business_bundle")
    assert (facts["fulfilment_status"], facts["payment_status"]) == ("partially_shipped", "authorized")
    assert [line["quantity_shipped"] for line in facts["lines"]] == [None, None, None]


def test_a_net_order_keeps_its_prices_without_vat_and_its_newest_time() -> None:
    order = read(recorded("order_net_business_bundle"))
    first = order.lines[0]
    assert (first.unit_price_excl_vat, first.line_total_excl_vat) == (Decimal("28.07"), Decimal("84.21"))
    assert order.order_total_excl_vat == Decimal("144.11")
    assert order.changed_at == datetime(2026, 11, 21, 10, 0, tzinfo=UTC), "the delivery's, not the order's"
    assert order.customer_number == "20002"


def test_addresses_are_those_of_the_delivery_and_of_the_bill() -> None:
    order = read(recorded("order_net_business_bundle"))
    assert order.shipping_address is not None
    assert order.billing_address is not None
    assert (order.shipping_address.street, order.shipping_address.postcode) == ("Kade 9", "2030")
    assert order.shipping_address.house_number is None
    assert (order.billing_address.street, order.billing_address.addition) == ("Industrieweg 3", "Poort 2")
    assert order.billing_address.company == "Zogenaamd BV, Inkoop"


def test_a_tax_free_guest_order_with_empty_lists_and_objects_confused() -> None:
    facts = facts_of("order_tax_free_guest")
    assert [
        (line["sku"], line["line_total_incl_vat"], line["vat_rate"], line["quantity_shipped"])
        for line in facts["lines"]
    ] == [("KEU-1001", "33.00", "0", 0), (None, "5.00", "0", 0), ("PDF-1", "0.00", "0", 0)]
    assert (facts["shipping_cost_incl_vat"], facts["order_total_incl_vat"]) == ("10.00", "48.00")
    assert facts["stock_effect"] == {"KEU-1001": -1}, "neither wrapping nor a file is stock"
    assert facts["buyer"]["vat_id"] is None
    order = read(recorded("order_tax_free_guest"))
    assert [line.line_kind for line in order.lines] == ["goods", "manual", "goods"]
    assert [line.own_fulfilment for line in order.lines] == [True, True, False]
    assert [problem.code for problem in order.problems] == ["unknown_state"]


def test_a_state_that_only_this_shop_has_keeps_the_order_out_and_nothing_is_guessed() -> None:
    facts = facts_of("order_tax_free_guest")
    assert (facts["order_status"], facts["must_flag"]) == (None, ["unknown_state"])
    assert facts["counts_in_revenue"] is True
    assert facts["stock_effect"] == {"KEU-1001": -1}
    (problem,) = read(recorded("order_tax_free_guest")).problems
    assert (problem.code, problem.field) == ("unknown_state", "stateMachineState.technicalName")


@pytest.mark.parametrize(
    ("option", "where", "word", "ours"),
    [
        ("order_states", (), "in_productie", "completed"),
        ("payment_states", ("transactions", 1), "betaald_met_bonnen", "paid"),
        ("delivery_states", ("deliveries", 1), "in_de_bus", "shipped"),
    ],
)
def test_the_merchant_says_what_a_state_of_the_shop_means(
    option: str, where: tuple[Any, ...], word: str, ours: str
) -> None:
    def change(order: dict[str, Any]) -> None:
        entity: Any = order
        for step in where:
            entity = entity[step]
        entity["stateMachineState"]["technicalName"] = word

    payload = changed("order_promotion_and_free_shipping", change)
    (unsaid,) = interpret(payload, kind="order").orders
    assert [(problem.code, problem.value) for problem in unsaid.problems] == [("unknown_state", word)]
    (said,) = make_interpreter({option: {word: ours}})(payload, kind="order").orders
    assert said.problems == ()
    assert ours in (said.order_status, said.payment_status, said.fulfilment_status)
    # What Shopware itself has cannot be given another meaning.
    (kept,) = make_interpreter({option: {word: ours, "open": ours, "paid": ours, "shipped": ours}})(
        recorded("order_promotion_and_free_shipping"), kind="order"
    ).orders
    (plain,) = interpret(recorded("order_promotion_and_free_shipping"), kind="order").orders
    assert kept == plain


def test_a_cancelled_order_cancels_all_pieces_and_counts_no_more() -> None:
    facts = facts_of("order_cancelled_after_refund")
    (line,) = facts["lines"]
    assert (line["quantity"], line["quantity_cancelled"], line["quantity_shipped"]) == (1, 1, 0)
    assert (facts["order_status"], facts["fulfilment_status"]) == ("cancelled", "cancelled")
    assert (facts["order_total_incl_vat"], facts["order_total_current_incl_vat"]) == ("44.90", "0.00")
    assert (facts["payment_status"], facts["refunded_total_incl_vat"]) == ("refunded", "44.90")
    assert (facts["stock_effect"], facts["counts_in_revenue"]) == ({}, False)


def test_the_other_answer_shape_reads_alike_and_names_what_was_not_asked_for() -> None:
    (order,) = interpret(recorded("orders_json_api"), kind="order").orders
    assert order.external_order_id == "7656df5ece4049a96cb53b5754431f44"
    assert order.order_total_incl_vat == Decimal("84.85")
    assert order.buyer is not None
    assert order.buyer.name == "Noor Bedacht"
    assert order.lines == ()
    assert [(problem.code, problem.field) for problem in order.problems] == [
        ("missing_field", "data[0].lineItems"),
        ("missing_field", "data[0].stateMachineState.technicalName"),
    ]


def test_relations_that_lead_in_circles_come_to_an_end() -> None:
    def entity(kind: str, number: str, **relations: Any) -> dict[str, Any]:
        return {
            "type": kind,
            "id": number,
            "attributes": {"orderNumber": "1"},
            "relationships": {name: {"data": data} for name, data in relations.items()},
        }

    order = {"type": "order", "id": "a"}
    item = {"type": "order_line_item", "id": "b"}
    body = {
        "data": [entity("order", "a", lineItems=[item])],
        "included": [entity("order_line_item", "b", order=order), entity("order", "a", lineItems=[item])],
    }
    (read_order,) = interpret(orjson.dumps(body), kind="order").orders
    assert [line.external_line_id for line in read_order.lines] == ["b"]


def test_real_prices_of_the_core_without_an_id_are_read_and_kept_from_booking() -> None:
    order = read(recorded("order_prices_of_the_core"))
    assert order.external_order_id == "11001"
    assert order.ordered_at == datetime(2020, 2, 2, 1, 2, 3, tzinfo=UTC)
    assert order.order_total_incl_vat == Decimal("570.00")
    assert order.order_total_excl_vat == Decimal("478.99")
    assert order.shipping_cost_incl_vat == Decimal("0.00")
    assert order.order_discounts is None
    assert order.problems[0].field == "id"


def test_drafts_are_left_out_of_a_list_and_refused_alone() -> None:
    live = orjson.loads(recorded("order_cancelled_after_refund"))
    draft = {**live, "versionId": "11111111111111111111111111111111"}
    together = interpret(orjson.dumps({"data": [draft, live]}), kind="order")
    assert [order.order_status for order in together.orders] == ["cancelled"]
    assert together.rejects == []
    alone = interpret(orjson.dumps(draft), kind="order")
    assert alone.orders == []
    assert alone.rejects[0].problem.field == "versionId"


@pytest.mark.parametrize(
    ("state", "status", "flags"),
    [
        ("open", "unpaid", ("paid_by_another_attempt",)),
        ("unconfirmed", "unpaid", ("paid_by_another_attempt",)),
        ("paid_partially", "partially_paid", ()),
        ("refunded_partially", "partially_refunded", ()),
        ("cancelled", "voided", ("paid_by_another_attempt",)),
        ("chargeback", "unpaid", ("chargeback", "paid_by_another_attempt")),
        ("betaald_met_bonnen", None, ()),
    ],
)
def test_the_newest_payment_decides(state: str, status: str | None, flags: tuple[str, ...]) -> None:
    def change(order: dict[str, Any]) -> None:
        payments = order["transactions"]
        payments[0]["stateMachineState"]["technicalName"] = "paid"
        payments[1]["stateMachineState"]["technicalName"] = state

    order = read(changed("order_promotion_and_free_shipping", change))
    assert (order.payment_status, order.must_flag) == (status, flags)


def test_a_shop_that_names_its_primary_payment_is_believed() -> None:
    def change(order: dict[str, Any]) -> None:
        order["primaryOrderTransactionId"] = order["transactions"][2]["id"]

    order = read(changed("order_promotion_and_free_shipping", change))
    assert (order.payment_status, order.must_flag) == ("unpaid", ("paid_by_another_attempt",))


def test_how_much_was_paid_back_in_part_is_not_known() -> None:
    def change(order: dict[str, Any]) -> None:
        order["transactions"][1]["stateMachineState"]["technicalName"] = "refunded_partially"

    order = read(changed("order_promotion_and_free_shipping", change))
    assert (order.refunded_total_incl_vat, order.lines[0].quantity_refunded) == (None, None)


@pytest.mark.parametrize(
    ("state", "status", "shipped", "flags"),
    [
        ("shipped", "shipped", 2, ()),
        ("returned", "shipped", 2, ("returned",)),
        ("returned_partially", "shipped", 2, ("returned_partially",)),
        ("cancelled", "cancelled", 0, ("delivery_cancelled",)),
        ("in_de_bus", None, None, ()),
    ],
)
def test_the_delivery_with_positions_says_how_far_the_goods_are(
    state: str, status: str | None, shipped: int | None, flags: tuple[str, ...]
) -> None:
    """A return moves neither pieces nor money by itself."""

    def change(order: dict[str, Any]) -> None:
        order["deliveries"][1]["stateMachineState"]["technicalName"] = state

    order = read(changed("order_promotion_and_free_shipping", change))
    assert (order.fulfilment_status, order.lines[0].quantity_shipped) == (status, shipped)
    assert order.must_flag == flags


def test_two_deliveries_of_goods_ship_each_line_apart() -> None:
    def change(order: dict[str, Any]) -> None:
        order["deliveries"][0]["positions"] = [order["deliveries"][1]["positions"].pop()]
        order["deliveries"][0]["stateMachineState"]["technicalName"] = "shipped"

    order = read(changed("order_promotion_and_free_shipping", change))
    assert order.fulfilment_status == "partially_shipped"
    assert [line.quantity_shipped for line in order.lines] == [0, 1]


def test_what_left_before_the_order_was_cancelled_is_flagged() -> None:
    def change(order: dict[str, Any]) -> None:
        order["deliveries"][0]["stateMachineState"]["technicalName"] = "shipped"

    order = read(changed("order_cancelled_after_refund", change))
    assert (order.fulfilment_status, order.must_flag) == ("cancelled", ("cancelled_after_shipping",))


def test_a_bundle_that_carries_the_money_itself_is_no_article() -> None:
    def change(order: dict[str, Any]) -> None:
        for item in order["lineItems"]:
            if item["parentId"]:
                item.update(unitPrice=0, totalPrice=0, price={"calculatedTaxes": []})

    order = read(changed("order_net_business_bundle", change))
    assert [(line.sku, line.line_kind, line.line_total_incl_vat) for line in order.lines] == [
        ("KEU-1001", "goods", Decimal("101.89")),
        (None, "manual", Decimal("70.12")),
        ("KEU-1004", "goods", Decimal("0.00")),
        ("KEU-1005", "goods", Decimal("0.00")),
    ]
    assert "bundle_price_on_parent" in order.must_flag


def test_many_pieces_at_a_net_price_say_no_price_that_would_not_give_the_total() -> None:
    def change(order: dict[str, Any]) -> None:
        order["lineItems"][3].update(quantity=7000, unitPrice=0.01, totalPrice=70.0)
        order["lineItems"][3]["price"]["calculatedTaxes"] = [{"tax": 14.71, "taxRate": 21, "price": 70.0}]

    line = read(changed("order_net_business_bundle", change)).lines[0]
    assert (line.unit_price_incl_vat, line.line_total_incl_vat) == (None, Decimal("84.71"))
    assert line.unit_price_excl_vat == Decimal("0.01")


def test_an_order_that_we_are_to_move_on_waits_until_we_did() -> None:
    body = recorded("orders_gross_paid")
    waiting = make_interpreter({"in_progress_after_import": True})(body, kind="order")
    assert [order.order_status for order in waiting.orders] == ["waiting_acceptance"]
    moved = recorded("order_promotion_and_free_shipping")
    found = make_interpreter({"in_progress_after_import": True})(moved, kind="order")
    assert [order.order_status for order in found.orders] == ["open"]
