"""Stock in both versions, the bulk write that takes all or nothing, single changes, and documents."""

from typing import Any

import pytest

from order_pipelines_tests.sandbox.bol_caller import StandingClock
from order_pipelines_tests.sandbox.shopware_caller import ShopwareCaller, error

NOBODY = "0" * 32


def test_stock_of_6_6_is_live(webshop: ShopwareCaller) -> None:
    assert webshop.stock("KEU-1003") == (18, 18)
    order_id = webshop.buy(("KEU-1003", 3))
    assert webshop.stock("KEU-1003") == (15, 15)
    webshop.move("order", order_id, "cancel")
    assert webshop.stock("KEU-1003") == (18, 18)
    webshop.move("order", order_id, "reopen")
    assert webshop.stock("KEU-1003") == (15, 15)
    # Nothing happens when goods leave, come back or are paid back.
    for action in ("ship", "return", "refund", "process", "complete", "reopen"):
        webshop.act(order_id, action)
        assert webshop.stock("KEU-1003") == (15, 15)


def test_stock_of_6_5_falls_when_an_order_is_completed(webshop_65: ShopwareCaller) -> None:
    assert webshop_65.stock("KEU-1003") == (9, 9)
    order_id = webshop_65.buy(("KEU-1003", 3))
    assert webshop_65.stock("KEU-1003") == (9, 6)
    webshop_65.move("order", order_id, "process")
    assert webshop_65.stock("KEU-1003") == (9, 6)
    webshop_65.move("order", order_id, "complete")
    assert webshop_65.stock("KEU-1003") == (6, 6)
    webshop_65.move("order", order_id, "reopen")
    assert webshop_65.stock("KEU-1003") == (9, 6)
    webshop_65.move("order", order_id, "cancel")
    assert webshop_65.stock("KEU-1003") == (9, 9)


def test_a_written_stock_is_absolute_and_forgets_later_orders(
    webshop: ShopwareCaller, webshop_65: ShopwareCaller
) -> None:
    for shop, expected in ((webshop, (18, 18)), (webshop_65, (18, 15))):
        shop.buy(("KEU-1003", 3))
        assert shop.sync({"id": shop.offer("KEU-1003")["offer_id"], "stock": 18}).status_code == 200
        assert shop.stock("KEU-1003") == expected


def test_closeout_goods_end_and_others_are_sold_into_the_negative(webshop: ShopwareCaller) -> None:
    assert webshop.offer("KEU-1003")["is_closeout"] is True
    webshop.buy(("KEU-1003", 18))
    assert webshop.offer("KEU-1003")["for_sale"] is False
    lines = [{"sku": "KEU-1003", "quantity": 1}]
    assert webshop.control("POST", "/orders", {"account": "webshop", "lines": lines}).status_code == 409
    assert webshop.state()["oversold"] == 0
    webshop.buy(("KEU-1003", 1), force=True)
    # KEU-1005 is sold without end: 37 pieces are there.
    assert webshop.offer("KEU-1005")["is_closeout"] is False
    webshop.buy(("KEU-1005", 39))
    assert (webshop.stock("KEU-1003"), webshop.stock("KEU-1005")) == ((-1, -1), (-2, -2))
    assert webshop.state()["oversold"] == 3


def test_a_raised_line_takes_more(webshop: ShopwareCaller, clock: StandingClock) -> None:
    order_id = webshop.buy(("KEU-1003", 1))
    clock.advance(60)
    webshop.act(order_id, "change_quantity", sku="KEU-1003", quantity=4)
    assert webshop.stock("KEU-1003") == (14, 14)
    order = webshop.order(order_id)
    assert (order["updatedAt"], order["lineItems"][0]["updatedAt"]) == (None, "2026-11-18T09:31:15.000+00:00")


def test_a_bulk_write_takes_a_list_or_named_operations(webshop: ShopwareCaller) -> None:
    first, second = (webshop.offer(sku)["offer_id"] for sku in ("KEU-1003", "KEU-1004"))
    reply = webshop.sync({"id": first, "stock": 5}, {"id": second, "stock": 6})
    assert (reply.status_code, reply.json()) == (
        200,
        {"extensions": [], "data": {"product": [first, second]}, "notFound": [], "deleted": []},
    )
    named = {"stock": {"entity": "product", "action": "upsert", "payload": [{"id": first, "stock": 7}]}}
    assert webshop.call("POST", "/api/_action/sync", json=named).status_code == 200
    assert (webshop.stock("KEU-1003"), webshop.stock("KEU-1004")) == ((7, 7), (6, 6))
    assert webshop.offer("KEU-1003")["updated_at"] == "2026-11-18T09:30:15.000+00:00"


def test_the_resolver_finds_a_product_by_its_number_where_the_version_has_it(
    webshop: ShopwareCaller, webshop_65: ShopwareCaller
) -> None:
    row = {"id": {"resolver": "product.number", "value": "keu-1003"}, "stock": 4}
    assert webshop.sync(row).status_code == 200
    assert webshop.stock("KEU-1003") == (4, 4)
    unknown = webshop.sync(row, {"id": {"resolver": "product.number", "value": "NOTHING"}, "stock": 1})
    assert (unknown.status_code, error(unknown)["source"]) == (400, {"pointer": "/1/id"})
    assert webshop_65.sync(row).status_code == 400
    assert webshop_65.stock("KEU-1003") == (9, 9)


def test_one_bad_row_rejects_all(webshop: ShopwareCaller) -> None:
    offer_id = webshop.offer("KEU-1003")["offer_id"]
    for header in ({}, {"fail-on-error": "false"}):
        reply = webshop.sync({"id": offer_id, "stock": 5}, {"id": offer_id, "stock": None}, **header)
        assert reply.status_code == 400
        assert [(one["source"]["pointer"], one["detail"]) for one in reply.json()["errors"]] == [
            ("/1/stock", "This value should not be blank.")
        ]
        assert webshop.stock("KEU-1003") == (18, 18)


def test_an_unknown_id_is_an_attempt_to_create(webshop: ShopwareCaller) -> None:
    reply = webshop.sync({"id": NOBODY, "stock": 5})
    assert reply.status_code == 400
    assert sorted(one["source"]["pointer"] for one in reply.json()["errors"]) == [
        "/0/name",
        "/0/price",
        "/0/productNumber",
        "/0/taxId",
    ]
    (example,) = webshop.found("product", term="KEU-1004")
    whole = {name: example[name] for name in ("taxId", "price")} | {
        "id": NOBODY,
        "stock": 5,
        "name": "Nieuw",
        "productNumber": "NIEUW-1",
    }
    assert webshop.sync(whole).status_code == 200
    assert webshop.stock("NIEUW-1") == (5, 5)


@pytest.mark.parametrize(
    ("row", "pointer"),
    [
        ({"stock": "5"}, "/0/stock"),
        ({"stock": 5.5}, "/0/stock"),
        ({"stock": True}, "/0/stock"),
        ({"active": 1}, "/0/active"),
        ({"availableStock": 5}, "/0/availableStock"),
        ({"price": [{"gross": 1.21, "currencyId": NOBODY, "linked": True}]}, "/0/price/0/net"),
        ({"name": 5}, "/0/name"),
        ({"id": "KEU-1003", "stock": 5}, "/0/id"),
    ],
)
def test_a_wrong_member_is_named_by_its_pointer(
    webshop: ShopwareCaller, row: dict[str, Any], pointer: str
) -> None:
    offer_id = webshop.offer("KEU-1003")["offer_id"]
    reply = webshop.sync({"id": offer_id, **row})
    assert (reply.status_code, error(reply)["source"]["pointer"]) == (400, pointer)
    assert webshop.stock("KEU-1003") == (18, 18)
    assert webshop.offer("KEU-1003")["updated_at"] is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ([], 400),
        ("text", 400),
        ([1], 400),
        ([{"entity": "nothing", "action": "upsert", "payload": []}], 400),
        ([{"entity": "product", "action": "replace", "payload": []}], 400),
        ([{"entity": "product", "action": "upsert"}], 400),
        ([{"entity": "product", "action": "upsert", "payload": [1]}], 400),
        ([{"entity": "customer", "action": "upsert", "payload": []}], 403),
        ([{"entity": "order", "action": "delete", "payload": []}], 403),
    ],
)
def test_a_bulk_write_that_is_none_is_refused(webshop: ShopwareCaller, body: Any, status: int) -> None:
    assert webshop.call("POST", "/api/_action/sync", json=body).status_code == status


def test_deleting_tells_what_was_not_there(webshop: ShopwareCaller) -> None:
    offer_id = webshop.offer("KEU-1004")["offer_id"]
    body = [{"entity": "product", "action": "delete", "payload": [{"id": offer_id}, {"id": NOBODY}]}]
    reply = webshop.call("POST", "/api/_action/sync", json=body)
    assert (reply.status_code, reply.json()) == (
        200,
        {"extensions": [], "data": [], "notFound": {"product": [NOBODY]}, "deleted": {"product": [offer_id]}},
    )
    assert webshop.found("product", ids=[offer_id]) == []


def test_a_single_change_answers_nothing_or_the_row(webshop: ShopwareCaller) -> None:
    offer_id = webshop.offer("KEU-1003")["offer_id"]
    reply = webshop.call("PATCH", f"/api/product/{offer_id}", json={"stock": 3, "unheardOf": 1})
    assert (reply.status_code, reply.content) == (204, b"")
    shown = webshop.call("PATCH", f"/api/product/{offer_id}?_response=detail", json={"isCloseout": False})
    assert (shown.status_code, shown.json()["data"]["stock"], shown.json()["data"]["isCloseout"]) == (
        200,
        3,
        False,
    )
    wrong = webshop.call("PATCH", f"/api/product/{offer_id}", json={"stock": "many"})
    assert (wrong.status_code, error(wrong)["source"]["pointer"]) == (400, "/stock")
    assert webshop.call("PATCH", f"/api/product/{NOBODY}", json={"stock": 1}).status_code == 404
    assert webshop.stock("KEU-1003") == (3, 3)


def test_tracking_codes_are_replaced_and_not_added(webshop: ShopwareCaller, clock: StandingClock) -> None:
    order = webshop.order(webshop.buy(("KEU-1006", 1)))
    path = f"/api/order-delivery/{order['deliveries'][0]['id']}"
    clock.advance(60)
    for codes in (["3SA", "3SB"], ["3SC"]):
        assert webshop.call("PATCH", path, json={"trackingCodes": codes}).status_code == 204
    assert webshop.state()["orders"][0]["deliveries"][0]["tracking_codes"] == ["3SC"]
    delivery = webshop.call("GET", path).json()["data"]
    assert (delivery["trackingCodes"], delivery["updatedAt"]) == (["3SC"], "2026-11-18T09:31:15.000+00:00")
    assert webshop.order(order["id"])["updatedAt"] is None
    wrong = webshop.call("PATCH", path, json={"trackingCodes": "3SD"})
    assert (wrong.status_code, error(wrong)["source"]["pointer"]) == (400, "/trackingCodes")


def test_texts_of_an_order_can_be_written_and_its_sums_not(webshop: ShopwareCaller) -> None:
    order_id = webshop.buy(("KEU-1006", 1))
    path = f"/api/order/{order_id}"
    assert webshop.call("PATCH", path, json={"customFields": {"erp": "1"}}).status_code == 204
    assert webshop.call("PATCH", path, json={"amountTotal": 0}).status_code == 400
    order = webshop.order(order_id)
    assert (order["customFields"], order["amountTotal"]) == ({"erp": "1"}, 12.9)


def test_every_document_is_a_new_one_and_refusals_come_in_a_200(webshop: ShopwareCaller) -> None:
    first, second = webshop.buy(("KEU-1006", 1)), webshop.buy(("KEU-1006", 1))
    path = "/api/_action/order/document/invoice/create"
    wanted = [{"orderId": one, "type": "invoice", "fileType": "pdf"} for one in (first, NOBODY)]
    for number in (1, 2):
        reply = webshop.call("POST", path, json=wanted)
        assert (reply.status_code, len(reply.json()["data"])) == (200, 1)
        assert reply.json()["errors"][NOBODY][0]["code"] == "DOCUMENT__ORDER_NOT_FOUND"
        assert len(webshop.state()["documents"]) == number
    assert [row["number"] for row in webshop.state()["documents"]] == ["1001", "1002"]
    credit = "/api/_action/order/document/credit_note/create"
    told = webshop.call(
        "POST", credit, json=[{"orderId": one, "type": "credit_note"} for one in (first, second)]
    )
    assert (len(told.json()["data"]), list(told.json()["errors"])) == (1, [second])
    made = told.json()["data"][0]
    file = webshop.call("GET", f"/api/_action/document/{made['documentId']}/{made['documentDeepLink']}")
    assert (file.status_code, file.headers["Content-Type"], file.content[:5]) == (
        200,
        "application/pdf",
        b"%PDF-",
    )
    assert webshop.call("GET", f"/api/_action/document/{made['documentId']}/wrong").status_code == 404
    assert webshop.call("POST", "/api/_action/order/document/poem/create", json=[]).status_code == 400
    assert webshop.call("POST", path, json={"orderId": first}).status_code == 400
    (order,) = webshop.found("order", ids=[first], associations={"documents.documentType": {}})
    kinds = sorted(row["documentType"]["technicalName"] for row in order["documents"])
    assert kinds == ["credit_note", "invoice", "invoice"]


def test_every_write_is_kept_also_the_refused(webshop: ShopwareCaller) -> None:
    offer_id = webshop.offer("KEU-1003")["offer_id"]
    webshop.sync({"id": offer_id, "stock": 1})
    webshop.sync({"id": NOBODY, "stock": 1})
    webshop.found("order")
    webshop.call("PATCH", f"/api/product/{offer_id}", data="{")
    writes = webshop.state()["writes"]
    assert [(one["method"], one["path"], one["status"]) for one in writes] == [
        ("POST", "/api/_action/sync", 200),
        ("POST", "/api/_action/sync", 400),
        ("PATCH", f"/api/product/{offer_id}", 400),
    ]
    assert writes[0]["body"][0]["payload"] == [{"id": offer_id, "stock": 1}]
    assert writes[2]["body"] == "{"
