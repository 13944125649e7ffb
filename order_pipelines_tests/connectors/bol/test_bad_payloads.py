"""Payloads that are wrong: an order that can be named is kept with its problems, anything else becomes a reject."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_pipelines.connectors.bol.mapping import interpret, keep_share
from order_pipelines.domain.orders import Interpretation, order_facts
from order_pipelines.money import from_cents, to_cents
from order_pipelines_tests.connectors.bol.recordings import (
    DISCOUNT,
    FBB,
    FBR,
    LIST_FBR,
    change,
    codes,
    load,
    read,
    read_one,
    with_item,
)

ITEM = "orderItems[0]."


@pytest.mark.parametrize(
    "member",
    [
        "cancellationRequest",
        "commission",
        "fulfilment",
        "latestChangedDateTime",
        "orderItemId",
        "product",
        "quantity",
        "quantityCancelled",
        "quantityShipped",
        "unitPrice",
    ],
)
def test_a_member_that_is_missing_from_a_line_is_named(member: str) -> None:
    members: dict[str, Any] = {member: ...}
    order = read_one(with_item(**members))
    assert codes(order) == [("missing_field", f"{ITEM}{member}")]
    assert order.external_order_id == "A2K8290LP8"


@pytest.mark.parametrize("member", ["orderPlacedDateTime", "shipmentDetails", "orderItems"])
def test_a_member_that_is_missing_from_the_order_is_named(member: str) -> None:
    payload = load(DISCOUNT)
    change(payload, {member: ...})
    assert codes(read_one(payload)) == [("missing_field", member)]


def test_a_renamed_member_is_shown_among_those_that_are_there() -> None:
    order = read_one(with_item(quantity=..., amountOrdered=10))
    problem = order.problems[0]
    assert (problem.code, problem.field, problem.line_id) == (
        "missing_field",
        "orderItems[0].quantity",
        "2012345678",
    )
    assert "amountOrdered" in problem.reason
    assert order.lines[0].quantity is None
    assert order.stock_effect() is None


def test_a_line_that_cannot_be_read_leaves_the_other_lines_their_stock() -> None:
    payload = with_item(FBB, 0, quantity=...)
    for item in payload["orderItems"]:
        item["fulfilment"]["method"] = "FBR"
    order = read_one(payload)
    assert codes(order) == [("missing_field", "orderItems[0].quantity")]
    assert order.stock_effect() == {"MijnOffer1121": -1}
    assert (order.order_status, order.fulfilment_status) == (None, None)
    assert order.order_total_incl_vat is None


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("quantity", "3", "wrong_type"),
        ("quantity", True, "wrong_type"),
        ("quantity", 2.5, "fractional_quantity"),
        ("quantity", -1, "negative_quantity"),
        ("quantity", 0, "negative_quantity"),
        ("quantity", 10**12, "absurd_quantity"),
        ("quantity", 1e300, "absurd_quantity"),
        ("quantityShipped", 11, "absurd_quantity"),
        ("quantityCancelled", -2, "negative_quantity"),
        ("unitPrice", "12.99", "wrong_type"),
        ("unitPrice", -12.99, "wrong_type"),
        ("totalPrice", [118.91], "wrong_type"),
        ("totalPrice", 10**15, "wrong_type"),
        ("commission", {}, "wrong_type"),
        ("cancellationRequest", "false", "wrong_type"),
        ("latestChangedDateTime", "yesterday", "wrong_type"),
        ("latestChangedDateTime", "2026-03-09T13:39:48", "wrong_type"),
        ("latestChangedDateTime", "0001-01-01T00:00:00+02:00", "wrong_type"),
        ("orderItemId", 2012345678, "wrong_type"),
        ("product", "pan", "wrong_type"),
        ("fulfilment", [], "wrong_type"),
        ("offer", 5, "wrong_type"),
    ],
)
def test_a_value_that_cannot_be_meant_is_named(member: str, value: object, code: str) -> None:
    members: dict[str, Any] = {member: value}
    order = read_one(with_item(**members))
    found = codes(order)
    assert len(found) == 1
    assert found[0][0] == code
    assert str(found[0][1]).startswith(ITEM)


def test_a_negative_quantity_gives_no_stock_back() -> None:
    order = read_one(with_item(quantity=-1))
    assert order.stock_effect() is None
    assert order.problems[0].value == "-1"


def test_a_whole_number_written_with_a_point_is_whole() -> None:
    body = orjson.dumps(with_item()).replace(b'"quantity":10', b'"quantity":10.0')
    order = interpret(body, kind="order").orders[0]
    assert (order.lines[0].quantity, order.problems) == (10, ())


def test_a_wrong_paid_total_is_not_replaced_by_arithmetic() -> None:
    order = read_one(with_item(totalPrice="118.91"))
    assert codes(order) == [("wrong_type", f"{ITEM}totalPrice")]
    assert order.lines[0].line_total_incl_vat is None
    assert order.order_total_incl_vat is None


@pytest.mark.parametrize(
    ("discounts", "field"),
    [
        ("none", f"{ITEM}discounts"),
        (["x"], f"{ITEM}discounts[0]"),
        ([{"title": "actie"}], f"{ITEM}discounts[0].amount"),
        ([{"title": "actie", "amount": "1"}], f"{ITEM}discounts[0].amount"),
    ],
)
def test_an_unreadable_discount_leaves_the_total_unknown(discounts: object, field: str) -> None:
    order = read_one(with_item(totalPrice=..., discounts=discounts))
    assert [where for _, where in codes(order)] == [field]
    assert order.order_total_incl_vat is None


def test_discounts_above_the_price_are_seen() -> None:
    order = read_one(with_item(totalPrice=..., discounts=[{"title": "actie", "amount": 200}]))
    assert codes(order) == [("total_differs", f"{ITEM}discounts")]


def test_an_ean_as_a_number_is_not_guessed() -> None:
    order = read_one(with_item(product={"ean": 7740404, "title": "Pan"}))
    assert codes(order) == [("ean_digits_lost", f"{ITEM}product.ean")]
    assert order.lines[0].ean is None
    assert order.stock_effect() == {"BOLCOM00123": -10}
    complete = read_one(with_item(product={"ean": 8717418510749, "title": "Pan"}))
    assert codes(complete) == [("wrong_type", f"{ITEM}product.ean")]
    assert complete.lines[0].ean == "8717418510749"


def test_an_unknown_way_of_fulfilment_takes_stock_and_waits_for_a_person() -> None:
    order = read_one(with_item(fulfilment={"method": "FBX"}))
    assert codes(order) == [("unknown_state", f"{ITEM}fulfilment.method")]
    assert order.stock_effect() == {"BOLCOM00123": -10}


def test_a_line_that_comes_twice_counts_once() -> None:
    payload = load(DISCOUNT)
    payload["orderItems"] *= 2
    order = read_one(payload)
    assert codes(order) == [("duplicate_line", "orderItems[1].orderItemId")]
    assert order.stock_effect() == {"BOLCOM00123": -10}


def test_a_line_without_id_still_takes_stock() -> None:
    order = read_one(with_item(orderItemId=...))
    assert order.lines[0].external_line_id == "item-0"
    assert order.stock_effect() == {"BOLCOM00123": -10}


def test_an_order_without_lines_is_a_problem() -> None:
    payload = load(DISCOUNT)
    payload["orderItems"] = []
    order = read_one(payload)
    assert codes(order) == [("missing_field", "orderItems")]
    assert order.order_total_incl_vat is None
    payload["orderItems"] = ["line"]
    assert codes(read_one(payload)) == [("wrong_type", "orderItems[0]")]


def test_an_order_to_nowhere_is_a_problem() -> None:
    payload = load(DISCOUNT)
    del payload["shipmentDetails"]["countryCode"]
    order = read_one(payload)
    assert codes(order) == [("missing_field", "shipmentDetails.countryCode")]
    assert order.ship_country is None


def test_a_problem_never_shows_a_person() -> None:
    payload = load(FBR)
    payload["shipmentDetails"]["surname"] = ["Oldenkamp"]
    payload["billingDetails"]["email"] = {"address": "joost@verhaar.example"}
    order = read_one(payload)
    assert codes(order) == [
        ("wrong_type", "shipmentDetails.surname"),
        ("wrong_type", "billingDetails.email"),
    ]
    assert [problem.value for problem in order.problems] == [None, None]
    text = " ".join(problem.reason for problem in order.problems)
    assert "Oldenkamp" not in text
    assert "verhaar" not in text


def _only_reject(result: Interpretation) -> tuple[str, str, str | None]:
    assert result.orders == []
    assert len(result.rejects) == 1
    problem = result.rejects[0].problem
    return problem.code, problem.reason, problem.field


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "truncated"),
        (b"  \n", "truncated"),
        (b'{"orderId": "10439', "truncated"),
        (b'{"orderId": "1043946570", "orderItems": [{"quantity": 1', "truncated"),
        (b'{"orderId": "1043946570",', "truncated"),
        (b"<html><body>We zijn zo terug</body></html>", "not_json"),
        (b"offerId,ean\n1,2\n", "not_json"),
        (b"\xff\xfe{}", "not_json"),
        (b'{"orderId": NaN}', "not_json"),
    ],
)
def test_what_is_no_json_is_told_with_its_place(body: bytes, code: str) -> None:
    assert _only_reject(interpret(body, kind="order"))[0] == code


def test_half_a_recording_is_truncated_wherever_it_breaks() -> None:
    body = orjson.dumps(load(FBB))
    for length in range(1, len(body)):
        assert _only_reject(interpret(body[:length], kind="order"))[0] == "truncated"


def test_a_byte_order_mark_is_no_obstacle() -> None:
    assert interpret(b"\xef\xbb\xbf" + orjson.dumps(load(FBR)), kind="order").rejects == []


@pytest.mark.parametrize(
    ("payload", "what"),
    [
        ({"shipments": []}, "a list of shipments"),
        ({"returnId": "1"}, "a return"),
        ({"offers": [], "page": {}}, "a list of offers"),
        ({"processStatusId": "1", "status": "PENDING"}, "a process status"),
        ({"title": "Not Found", "status": 404}, "a problem report"),
        ({"error": "invalid_client"}, "an error of the token service"),
        ({}, "an empty object"),
        ({"orderItems": [{"orderItemId": "1", "reasonCode": "OTHER"}]}, "a request about order items"),
    ],
)
def test_another_payload_is_called_by_its_name(payload: object, what: str) -> None:
    code, reason, field = _only_reject(read(payload))
    assert (code, field) == ("missing_field", "orderId")
    assert reason.endswith(f"this looks like {what}")


@pytest.mark.parametrize(
    ("payload", "what"),
    [(None, "null"), (5, "number"), ("1043946570", "text"), (True, "true or false")],
)
def test_a_bare_value_is_no_order(payload: object, what: str) -> None:
    assert _only_reject(read(payload))[:2] == (
        "wrong_type",
        f"an order must be an object; this is a JSON {what}",
    )


def test_one_bad_entry_of_a_page_keeps_the_others() -> None:
    payload = load(LIST_FBR)
    payload["orders"][1] = {"orderItems": []}
    payload["orders"][2] = 7
    result = read(payload)
    assert [order.external_order_id for order in result.orders] == ["1043946570", "B3K8290LP0"]
    assert [reject.problem.field for reject in result.rejects] == ["orders[1].orderId", "orders[2]"]
    assert result.rows_read == 4


def test_an_order_id_as_a_number_names_the_order() -> None:
    payload = load(DISCOUNT)
    payload["orderId"] = 1043946570
    order = read_one(payload)
    assert order.external_order_id == "1043946570"
    assert codes(order) == [("wrong_type", "orderId")]


# ------------------------------------------------------------------------------------------------ properties

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, inner in members:
        found += _places(inner, (*path, key))
    return found


PAYLOADS = {name: load(name) for name in (DISCOUNT, FBB, FBR, LIST_FBR)}


def _mutate(payload: Any, path: tuple[Any, ...], value: object) -> Any:
    copy = orjson.loads(orjson.dumps(payload))
    target = copy
    for step in path[:-1]:
        target = target[step]
    if value is ...:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return copy


@given(st.data())
def test_no_member_that_is_lost_or_replaced_makes_the_mapping_fail(data: st.DataObject) -> None:
    payload: Any = PAYLOADS[data.draw(st.sampled_from(sorted(PAYLOADS)))]
    for _ in range(data.draw(st.integers(1, 3))):
        places = _places(payload)
        if not places:
            break
        value = data.draw(st.just(...) | json_values)
        payload = _mutate(payload, data.draw(st.sampled_from(places)), value)
    result = read(payload)
    for order in result.orders:
        orjson.dumps(order_facts(order))
    entries = payload.get("orders") if isinstance(payload, dict) else None
    if isinstance(entries, list) and "orderId" not in payload:
        assert len(result.orders) + len(result.rejects) == len(entries) == result.rows_read


@given(st.binary(max_size=200))
def test_no_bytes_make_the_mapping_fail(body: bytes) -> None:
    interpret(body, kind="order")


@given(st.integers(0, 10**9), st.integers(1, 500), st.data())
def test_kept_and_cancelled_shares_add_up_and_fall_with_each_piece(
    cents: int, quantity: int, data: st.DataObject
) -> None:
    total = from_cents(cents)
    cancelled = data.draw(st.integers(0, quantity - 1))
    kept = keep_share(total, quantity, cancelled)
    next_kept = keep_share(total, quantity, cancelled + 1)
    assert kept is not None
    assert next_kept is not None
    assert next_kept <= kept <= total
    # Never further than half a cent from the exact share, in whole numbers.
    assert abs(2 * to_cents(kept) * quantity - 2 * cents * (quantity - cancelled)) <= quantity
    assert keep_share(total, quantity, quantity) == 0


@given(st.integers(0, 10**11))
def test_every_amount_in_cents_is_read_exactly(cents: int) -> None:
    amount = from_cents(cents)
    body = orjson.dumps(with_item(totalPrice="HERE")).replace(b'"HERE"', str(amount).encode())
    result = interpret(body, kind="order")
    expected = amount if cents < 10**11 else None
    assert result.orders[0].lines[0].line_total_incl_vat == expected
