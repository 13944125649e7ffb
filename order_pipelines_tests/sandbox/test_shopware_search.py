"""Searching: pages and their total, filters, sorts, what is associated, and the two shapes of an answer."""

from typing import Any

import pytest

from order_pipelines_tests.sandbox.bol_caller import StandingClock
from order_pipelines_tests.sandbox.shopware_caller import LIVE, ShopwareCaller, error


def numbers(rows: list[dict[str, Any]]) -> list[str]:
    return [row["orderNumber"] for row in rows]


def test_the_total_is_the_page_unless_it_is_asked_for(webshop: ShopwareCaller) -> None:
    for _ in range(9):
        webshop.buy(("KEU-1006", 1))
    told = {
        mode: [
            webshop.search("order", limit=1, page=page, total_count_mode=mode).json()["total"]
            for page in (1, 9)
        ]
        for mode in (0, 1, 2)
    }
    # Mode 2 looks six pages ahead.
    assert told == {0: [1, 1], 1: [9, 9], 2: [7, 1]}
    assert webshop.search("order", limit=1, page=10).json()["total"] == 0


def test_pages_with_a_sort_hold_every_order_once(webshop: ShopwareCaller) -> None:
    for _ in range(7):
        webshop.buy(("KEU-1006", 1))
    sort = [{"field": "autoIncrement", "order": "ASC"}]
    pages = [numbers(webshop.found("order", limit=3, page=page, sort=sort)) for page in (1, 2, 3, 4)]
    assert pages == [["10001", "10002", "10003"], ["10004", "10005", "10006"], ["10007"], []]
    down = webshop.found("order", limit=2, sort=[{"field": "orderNumber", "order": "DESC"}])
    assert numbers(down) == ["10007", "10006"]


def test_more_than_five_hundred_a_page_is_refused(webshop: ShopwareCaller) -> None:
    assert webshop.search("order", limit=500).status_code == 200
    refused = webshop.search("order", limit=501)
    assert (refused.status_code, error(refused)) == (
        400,
        {
            "status": "400",
            "code": "FRAMEWORK__QUERY_LIMIT_EXCEEDED",
            "title": "Bad Request",
            "detail": "The limit must be lower than or equal to MAX_LIMIT(=500). Given: 501",
            "source": {"pointer": "/limit"},
            "meta": {"parameters": {"maxLimit": 500, "limit": 501}},
        },
    )


def test_ids_set_the_limit_aside(webshop: ShopwareCaller) -> None:
    ids = [webshop.buy(("KEU-1006", 1)) for _ in range(4)]
    found = webshop.found("order", ids=ids[:3], limit=1)
    assert {row["id"] for row in found} == set(ids[:3])
    assert webshop.found("order", ids="|".join(ids[:2]), limit=1) != []


@pytest.mark.parametrize(
    ("criteria", "code"),
    [
        ({"limit": 0}, "FRAMEWORK__INVALID_LIMIT_QUERY"),
        ({"limit": "many"}, "FRAMEWORK__INVALID_LIMIT_QUERY"),
        ({"page": -1}, "FRAMEWORK__INVALID_PAGE_QUERY"),
        (
            {"filter": [{"type": "like", "field": "orderNumber", "value": "1"}]},
            "FRAMEWORK__INVALID_FILTER_QUERY",
        ),
        ({"filter": [{"type": "equals", "field": "orderNumber"}]}, "FRAMEWORK__INVALID_FILTER_QUERY"),
        ({"filter": [{"type": "equals", "value": 1}]}, "FRAMEWORK__INVALID_FILTER_QUERY"),
        ({"filter": [{"type": "range", "field": "createdAt"}]}, "FRAMEWORK__INVALID_FILTER_QUERY"),
        (
            {"filter": [{"type": "multi", "operator": "maybe", "queries": []}]},
            "FRAMEWORK__INVALID_FILTER_QUERY",
        ),
        ({"filter": [{"type": "equals", "field": "nothing", "value": 1}]}, "FRAMEWORK__UNMAPPED_FIELD"),
        ({"filter": [{"type": "equals", "field": "lineItems.no", "value": 1}]}, "FRAMEWORK__UNMAPPED_FIELD"),
        ({"filter": "orderNumber"}, "FRAMEWORK__INVALID_FILTER_QUERY"),
        ({"sort": [{"field": "nothing"}]}, "FRAMEWORK__UNMAPPED_FIELD"),
        ({"sort": [{"order": "ASC"}]}, "FRAMEWORK__INVALID_SORT_QUERY"),
        ({"associations": {"nothing": {}}}, "FRAMEWORK__ASSOCIATION_NOT_FOUND"),
    ],
)
def test_wrong_criteria_are_refused_by_name(
    webshop: ShopwareCaller, criteria: dict[str, Any], code: str
) -> None:
    reply = webshop.search("order", **criteria)
    assert (reply.status_code, error(reply)["code"]) == (400, code)


def test_a_body_that_is_no_json_is_refused(webshop: ShopwareCaller) -> None:
    headers = {"Content-Type": "application/json"}
    assert webshop.call("POST", "/api/search/order", data="{", headers=headers).status_code == 400
    assert webshop.call("POST", "/api/search/order", json=[1]).status_code == 400


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([{"type": "equals", "field": "orderNumber", "value": "10002"}], ["10002"]),
        ([{"type": "equals", "field": "order.orderNumber", "value": "10002"}], ["10002"]),
        ([{"type": "equals", "field": "updatedAt", "value": None}], ["10001", "10002", "10003"]),
        ([{"type": "equalsAny", "field": "orderNumber", "value": ["10001", "10003"]}], ["10001", "10003"]),
        ([{"type": "equalsAny", "field": "orderNumber", "value": "10001|10002"}], ["10001", "10002"]),
        ([{"type": "contains", "field": "customerComment", "value": "BEL"}], ["10002"]),
        ([{"type": "prefix", "field": "orderNumber", "value": "1000"}], ["10001", "10002", "10003"]),
        ([{"type": "suffix", "field": "orderNumber", "value": "3"}], ["10003"]),
        ([{"type": "range", "field": "amountTotal", "parameters": {"gt": 50, "lte": 95}}], ["10003"]),
        (
            [{"type": "range", "field": "createdAt", "parameters": {"gte": "2026-11-18T09:31:15.000+00:00"}}],
            ["10002", "10003"],
        ),
        ([{"type": "range", "field": "createdAt", "parameters": {"lt": "2026-11-18 09:31:15"}}], ["10001"]),
        ([{"type": "range", "field": "updatedAt", "parameters": {"gte": "2020-01-01T00:00:00Z"}}], []),
        ([{"type": "equals", "field": "lineItems.product.productNumber", "value": "KEU-1002"}], ["10003"]),
        (
            [{"type": "equals", "field": "stateMachineState.technicalName", "value": "open"}],
            ["10001", "10002", "10003"],
        ),
        ([{"type": "equals", "field": "currency.isoCode", "value": "GBP"}], ["10002"]),
        ([{"type": "equals", "field": "price.taxStatus", "value": "gross"}], ["10001", "10002", "10003"]),
        (
            [
                {
                    "type": "not",
                    "operator": "and",
                    "queries": [{"type": "equals", "field": "orderNumber", "value": "10001"}],
                }
            ],
            ["10002", "10003"],
        ),
        (
            [
                {
                    "type": "multi",
                    "operator": "or",
                    "queries": [
                        {"type": "equals", "field": "orderNumber", "value": "10001"},
                        {"type": "equals", "field": "currency.isoCode", "value": "GBP"},
                    ],
                }
            ],
            ["10001", "10002"],
        ),
        (
            [
                {
                    "type": "multi",
                    "operator": "XOR",
                    "queries": [
                        {"type": "prefix", "field": "orderNumber", "value": "1"},
                        {"type": "equals", "field": "orderNumber", "value": "10002"},
                    ],
                }
            ],
            ["10001", "10003"],
        ),
    ],
)
def test_filters_find_what_they_say(
    webshop: ShopwareCaller, clock: StandingClock, filters: list[dict[str, Any]], expected: list[str]
) -> None:
    webshop.buy(("KEU-1006", 1))
    clock.advance(60)
    webshop.buy(("KEU-1006", 1), currency="GBP", comment="Graag bellen")
    clock.advance(60)
    webshop.buy(("KEU-1002", 3))
    sort = [{"field": "orderNumber"}]
    assert numbers(webshop.found("order", filter=filters, sort=sort)) == expected
    assert numbers(webshop.found("order", post_filter=filters, sort=sort)) == expected


def test_filters_and_sorts_have_a_short_form(webshop: ShopwareCaller) -> None:
    for comment in ("a", "b", "b"):
        webshop.buy(("KEU-1006", 1), comment=comment)
    found = webshop.found(
        "order", filter={"customerComment": "b", "taxStatus": "gross"}, sort="-orderNumber,id"
    )
    assert numbers(found) == ["10003", "10002"]
    assert webshop.search("order", sort={"field": "id"}).status_code == 400


def test_term_looks_into_numbers_and_names(webshop: ShopwareCaller) -> None:
    assert [row["productNumber"] for row in webshop.found("product", term="snijplank")] == ["KEU-1004"]
    assert [row["name"] for row in webshop.found("product", term="KEU-1007")] == ["Maatbeker glas 1 liter"]


def test_nothing_relational_comes_unasked(webshop: ShopwareCaller) -> None:
    order_id = webshop.buy(("KEU-1006", 2))
    (bare,) = webshop.found("order")
    relational = ("lineItems", "deliveries", "transactions", "orderCustomer", "billingAddress", "currency")
    assert [bare[name] for name in relational] == [None] * 6
    assert bare["stateMachineState"] is None
    order = webshop.order(order_id)
    assert order["lineItems"][0]["product"]["productNumber"] == "KEU-1006"
    assert order["deliveries"][0]["shippingOrderAddress"]["country"]["iso"] == "NL"
    assert order["stateMachineState"]["technicalName"] == "open"
    # What is not asked for below something that is asked for is missing as well.
    assert order["lineItems"][0]["orderDeliveryPositions"] is None
    assert order["salesChannel"] is None


def test_an_association_on_a_dotted_path_brings_those_on_the_way(webshop: ShopwareCaller) -> None:
    webshop.buy(("KEU-1006", 2), ("KEU-1007", 1))
    (order,) = webshop.found("order", associations={"lineItems.product": {}})
    assert sorted(line["product"]["productNumber"] for line in order["lineItems"]) == ["KEU-1006", "KEU-1007"]
    limited = {"lineItems": {"limit": 1, "sort": [{"field": "position", "order": "DESC"}]}}
    (order,) = webshop.found("order", associations=limited)
    assert [line["payload"]["productNumber"] for line in order["lineItems"]] == ["KEU-1007"]
    wanted = {"lineItems": {"filter": [{"type": "equals", "field": "quantity", "value": 2}]}}
    (order,) = webshop.found("order", associations=wanted)
    assert [line["payload"]["productNumber"] for line in order["lineItems"]] == ["KEU-1006"]


def test_includes_leave_out_the_rest_of_a_kind(webshop: ShopwareCaller) -> None:
    webshop.buy(("KEU-1006", 1))
    includes = {"order": ["id", "orderNumber", "lineItems"], "order_line_item": ["label"]}
    (order,) = webshop.found("order", includes=includes, associations={"lineItems": {}})
    assert sorted(order) == ["apiAlias", "id", "lineItems", "orderNumber"]
    assert order["lineItems"] == [{"label": "Schilmesje set van 3", "apiAlias": "order_line_item"}]


def test_whoever_accepts_anything_gets_json_api(webshop: ShopwareCaller) -> None:
    order_id = webshop.buy(("KEU-1006", 1))
    body = {
        "associations": {"lineItems": {"associations": {"product": {}}}},
        "total-count-mode": 1,
        "limit": 5,
    }
    for accepted in ("*/*", None, "application/vnd.api+json"):
        reply = webshop.call("POST", "/api/search/order", json=body, headers={"Accept": accepted or "*/*"})
        assert reply.headers["Content-Type"] == "application/vnd.api+json"
        page = reply.json()
        (order,) = page["data"]
        assert (order["id"], order["type"], order["attributes"]["orderNumber"]) == (
            order_id,
            "order",
            "10001",
        )
        assert "lineItems" not in order["attributes"]
        assert order["relationships"]["lineItems"]["data"][0]["type"] == "order_line_item"
        assert order["relationships"]["deliveries"]["data"] == []
        assert sorted(one["type"] for one in page["included"]) == ["order_line_item", "product"]
        assert page["meta"] == {"totalCountMode": 1, "total": 1}
        assert "total" not in page
    assert (
        webshop.call("POST", "/api/search/order", json={}, headers={"Accept": "text/html"}).status_code == 415
    )


def test_a_single_row_comes_alone_in_both_shapes(webshop: ShopwareCaller) -> None:
    order_id = webshop.buy(("KEU-1006", 1))
    plain = webshop.call("GET", f"/api/order/{order_id}").json()["data"]
    assert (plain["orderNumber"], plain["lineItems"], plain["updatedAt"]) == ("10001", None, None)
    shaped = webshop.call("GET", f"/api/order/{order_id}", headers={"Accept": "*/*"}).json()
    assert (shaped["data"]["attributes"]["orderNumber"], shaped["included"]) == ("10001", [])
    missing = webshop.call("GET", f"/api/order/{'0' * 32}")
    assert (missing.status_code, error(missing)["code"]) == (404, "FRAMEWORK__RESOURCE_NOT_FOUND")


def test_unknown_addresses_and_methods_are_refused(webshop: ShopwareCaller) -> None:
    assert webshop.call("POST", "/api/search/nothing", json={}).status_code == 404
    assert webshop.call("PUT", f"/api/order/{'0' * 32}").status_code == 405
    assert webshop.call("GET", "/api/search/order").status_code == 405


def test_variants_have_no_name_of_their_own_without_inheritance(webshop: ShopwareCaller) -> None:
    wanted = [{"type": "equals", "field": "productNumber", "value": "KEU-1001"}]
    (variant,) = webshop.found("product", filter=wanted, associations={"tax": {}})
    assert (variant["name"], variant["price"], variant["taxId"], variant["tax"]) == (None, None, None, None)
    (parent,) = webshop.found("product", ids=[variant["parentId"]])
    assert (parent["productNumber"], parent["childCount"], parent["stock"]) == ("KEU-PANNEN", 2, 0)
    headers = {"sw-inheritance": "1"}
    (whole,) = webshop.found("product", filter=wanted, associations={"tax": {}}, headers=headers)
    assert (whole["name"], whole["price"][0]["gross"], whole["tax"]["taxRate"]) == ("Koekenpan", 39.95, 21.0)


def test_drafts_are_seen_only_in_their_version(webshop: ShopwareCaller) -> None:
    order_id = webshop.buy(("KEU-1006", 1))
    version = webshop.act(order_id, "draft")["version_id"]
    live = webshop.order(order_id)
    assert (live["versionId"], live["customerComment"]) == (LIVE, None)
    draft = webshop.order(order_id, headers={"sw-version-id": version})
    assert (draft["versionId"], draft["customerComment"], draft["amountTotal"]) == (
        version,
        "wordt bewerkt",
        0.0,
    )
    one = webshop.call("GET", f"/api/order/{order_id}", headers={"sw-version-id": version}).json()["data"]
    assert one["versionId"] == version


def test_every_entity_of_the_shop_can_be_read(webshop: ShopwareCaller) -> None:
    webshop.buy(("KEU-1006", 1), tags=["haast"])
    found = {
        entity: len(webshop.found(entity, limit=500))
        for entity in (
            "order", "order-line-item", "order-delivery", "order-transaction", "order-customer", "order-address",
            "product", "customer", "sales-channel", "currency", "country", "shipping-method", "payment-method", "tax",
            "tag", "state-machine-state", "document",
        )
    }  # fmt: skip
    assert found == {
        "order": 1,
        "order-line-item": 1,
        "order-delivery": 1,
        "order-transaction": 1,
        "order-customer": 1,
        "order-address": 2,
        "product": 64,
        "customer": 1,
        "sales-channel": 3,
        "currency": 2,
        "country": 5,
        "shipping-method": 1,
        "payment-method": 3,
        "tax": 3,
        "tag": 1,
        "state-machine-state": 22,
        "document": 0,
    }
    (customer,) = webshop.found(
        "customer", associations={"defaultBillingAddress": {"associations": {"country": {}}}}
    )
    assert (customer["customerNumber"], customer["defaultBillingAddress"]["country"]["iso"]) == (
        "10001",
        "NL",
    )
