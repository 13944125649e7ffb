"""What no shop should send: read as far as it goes, never an exception, no personal data in a reason."""

from typing import Any

import orjson
import pytest

from order_pipelines.connectors.shopware.mapping import interpret
from order_pipelines_tests.connectors.shopware.recordings import changed, read, recorded

NAME = "order_promotion_and_free_shipping"


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (b"", "truncated", "the payload is empty"),
        (b'{"id": "1", "orderNumber"', "truncated", "breaks off"),
        (b"<html></html>", "not_json", "not JSON"),
        (b"[1]", "missing_field", "a JSON number"),
        (b"{}", "missing_field", "an empty object"),
        (b'{"errors": []}', "missing_field", "an answer that tells of errors"),
        (b'{"data": {"event": "order.written", "payload": []}}', "missing_field", "event, payload"),
        (b'{"orderNumber": 5}', "wrong_type", "orderNumber must be text"),
    ],
)
def test_what_is_no_order_is_refused_with_what_it_looks_like(body: bytes, code: str, words: str) -> None:
    result = interpret(body, kind="order")
    assert result.orders == []
    problem = result.rejects[0].problem
    assert problem.code == code
    assert words in problem.reason


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        (lambda order: order.update(orderDateTime="gisteren"), "wrong_type", "orderDateTime"),
        (lambda order: order.pop("orderDateTime"), "missing_field", "orderDateTime"),
        (lambda order: order.update(lineItems=None), "missing_field", "lineItems"),
        (lambda order: order.update(lineItems=[]), "missing_field", "lineItems"),
        (lambda order: order.update(lineItems="two"), "wrong_type", "lineItems"),
        (lambda order: order.update(lineItems=[3]), "wrong_type", "lineItems[0]"),
        (lambda order: order.update(taxStatus="bruto"), "wrong_type", "taxStatus"),
        (lambda order: order.update(amountTotal="89.90"), "wrong_type", "amountTotal"),
        (lambda order: order["lineItems"][1].pop("totalPrice"), "missing_field", "lineItems[1].totalPrice"),
        (
            lambda order: order["lineItems"][1].update(quantity=0),
            "negative_quantity",
            "lineItems[1].quantity",
        ),
        (
            lambda order: order["lineItems"][1].update(quantity=1.5),
            "fractional_quantity",
            "lineItems[1].quantity",
        ),
        (
            lambda order: order["lineItems"][1].update(quantity=2**40),
            "absurd_quantity",
            "lineItems[1].quantity",
        ),
        (
            lambda order: order["lineItems"][2].update(id=order["lineItems"][1]["id"]),
            "duplicate_line",
            "lineItems[2].id",
        ),
        (
            lambda order: order["lineItems"][1]["price"].pop("calculatedTaxes"),
            "missing_field",
            "lineItems[1].price.calculatedTaxes",
        ),
        (lambda order: order.pop("stateMachineState"), "missing_field", "stateMachineState.technicalName"),
        (
            lambda order: order["orderCustomer"].update(email=["sanne@fictief.example"]),
            "wrong_type",
            "orderCustomer.email",
        ),
    ],
)
def test_a_wrong_member_is_named(change: Any, code: str, field: str) -> None:
    order = read(changed(NAME, change))
    assert (code, field) in {(problem.code, problem.field) for problem in order.problems}
    assert not any("fictief" in f"{problem.reason}{problem.value}" for problem in order.problems)


def test_a_line_of_which_the_money_cannot_be_read_still_takes_its_stock() -> None:
    order = read(changed(NAME, lambda body: body["lineItems"][1].update(totalPrice="much")))
    assert (order.lines[0].line_total_incl_vat, order.lines[0].quantity) == (None, 2)
    assert order.stock_effect() == {"KEU-1001": -2, "BOEK-7": -1}


def test_a_promotion_that_cannot_be_read_leaves_the_discount_unknown() -> None:
    order = read(changed(NAME, lambda body: body["lineItems"][0].update(totalPrice=None)))
    assert order.order_discounts is None


def test_lines_that_are_each_others_parents_are_not_lost() -> None:
    def change(order: dict[str, Any]) -> None:
        _, first, second = order["lineItems"]
        first["parentId"], second["parentId"] = second["id"], first["id"]

    assert [line.sku for line in read(changed(NAME, change)).lines] == ["KEU-1001", "BOEK-7"]


def test_one_bad_entry_of_a_list_stops_no_other() -> None:
    good = orjson.loads(recorded("order_cancelled_after_refund"))
    result = interpret(orjson.dumps({"data": [5, good, {"orderNumber": None}]}), kind="order")
    assert [order.order_number for order in result.orders] == ["10004"]
    assert (len(result.rejects), result.rows_read) == (2, 3)


def test_more_orders_than_a_page_can_have_are_not_read() -> None:
    result = interpret(orjson.dumps([{}] * 1001), kind="order")
    assert result.orders == []
    assert [reject.problem.code for reject in result.rejects] == ["wrong_type"]


def test_every_member_of_a_wrong_type_is_borne() -> None:
    """Each member of order, line, delivery and payment in turn becomes each kind of JSON value."""
    source = orjson.loads(recorded(NAME))
    places: list[tuple[str, ...]] = [
        (),
        ("lineItems",),
        ("deliveries",),
        ("transactions",),
        ("orderCustomer",),
    ]
    for place in places:
        holder = source
        for step in place:
            holder = holder[step][0] if isinstance(holder[step], list) else holder[step]
        for member in list(holder):
            kept = holder[member]
            for value in (None, True, -1, 1e300, "x", [], {}, [None], {"a": 1}):
                holder[member] = value
                result = interpret(orjson.dumps(source), kind="order")
                assert len(result.orders) + len(result.rejects) <= 1
            holder[member] = kept
