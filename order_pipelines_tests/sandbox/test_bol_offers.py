"""Offers of the bol stand-in: v11, v10, and the two rules by which bol corrects stock."""

import csv
import io
from typing import Any

import pytest

from order_pipelines_tests.sandbox.bol_caller import V10_CSV, V11, BolCaller, StandingClock

SKU = "KEU-1001"


def stock_of(caller: BolCaller, sku: str = SKU) -> tuple[int, int, bool]:
    """(amount, correctedStock, managedByRetailer) as v11 says it."""
    stock = caller.get(f"/retailer/offers/{caller.offer_of(sku)['offer_id']}", V11).json()["stock"]
    return stock["amount"], stock["correctedStock"], stock["managedByRetailer"]


def test_an_offer_of_v11_has_exactly_the_members_of_the_spec(main: BolCaller) -> None:
    offer_id = main.offer_of(SKU)["offer_id"]
    offer = main.get(f"/retailer/offers/{offer_id}", V11).json()
    assert offer == {
        "offerId": offer_id,
        "ean": "8720999001018",
        "lastModifiedDateTime": "2026-10-19T09:30:15.000Z",
        "reference": "KEU-1001",
        "onHoldByRetailer": False,
        "stock": {"amount": 42, "correctedStock": 42, "managedByRetailer": True},
        "countryAvailabilities": [
            {"countryCode": "NL", "forSale": True},
            {"countryCode": "BE", "forSale": True},
        ],
        "condition": {"category": "NEW"},
        "product": {"bolProductId": offer["product"]["bolProductId"]},
        "pricing": {"bundlePrices": [{"quantity": 1, "unitPrice": 39.95}]},
        "fulfilment": {
            "method": "FBR",
            "schedule": "BOL_DELIVERY_PROMISE",
            "deliveryPromise": {
                "minimumDaysToCustomer": 1,
                "maximumDaysToCustomer": 2,
                "ultimateOrderTime": "23:59",
            },
        },
    }


def test_an_offer_of_v10_has_exactly_the_members_of_the_spec(main: BolCaller) -> None:
    offer_id = main.offer_of(SKU)["offer_id"]
    assert main.get(f"/retailer/offers/{offer_id}").json() == {
        "offerId": offer_id,
        "ean": "8720999001018",
        "reference": "KEU-1001",
        "onHoldByRetailer": False,
        "pricing": {"bundlePrices": [{"quantity": 1, "unitPrice": 39.95}]},
        "stock": {"amount": 42, "correctedStock": 42, "managedByRetailer": True},
        "fulfilment": {"method": "FBR", "deliveryCode": "24uurs-23"},
        "store": {
            "productTitle": "Koekenpan 28 cm gietijzer",
            "visible": [{"countryCode": "NL"}, {"countryCode": "BE"}],
        },
        "condition": {"name": "NEW", "category": "NEW"},
        "notPublishableReasons": [],
    }


def test_offers_are_listed_page_by_page_through_a_cursor(main: BolCaller) -> None:
    seen: list[str] = []
    cursor: dict[str, Any] = {}
    sizes = []
    while True:
        page = main.get("/retailer/offers", V11, page_size=25, **cursor).json()
        seen += [offer["offerId"] for offer in page["offers"]]
        sizes.append(len(page["offers"]))
        assert page["page"]["pageSize"] == 25
        if "nextCursor" not in page["page"]:
            break
        cursor = {"cursor": page["page"]["nextCursor"]}
    assert sizes == [25, 25, 12]
    assert len(set(seen)) == 62


def test_offers_are_filtered_by_every_parameter(main: BolCaller, clock: StandingClock) -> None:
    pan, knife = main.offer_of(SKU), main.offer_of("KEU-1005")

    def found(**params: Any) -> set[str]:
        offers = main.get("/retailer/offers", V11, page_size=100, **params).json()["offers"]
        return {offer["offerId"] for offer in offers}

    pair = {pan["offer_id"], knife["offer_id"]}
    assert found(eans=[pan["ean"], knife["ean"]]) == pair
    assert found(offer_ids=f"{pan['offer_id']},{knife['offer_id']}") == pair
    assert found(reference="KEU-1001") == {pan["offer_id"]}
    clock.advance(60)
    main.patch_stock(pan["offer_id"], 0, True)
    assert found(for_sale="false") == {pan["offer_id"]}
    assert found(last_modified_date_time="2026-11-18T09:31:00Z") == {pan["offer_id"]}
    assert len(found()) == 62


@pytest.mark.parametrize(
    ("name", "value"),
    [("page-size", "0"), ("page-size", "101"), ("cursor", "x"), ("last-modified-date-time", "now")],
)
def test_a_wrong_offer_query_is_refused(main: BolCaller, name: str, value: str) -> None:
    reply = main.get("/retailer/offers", V11, **{name: value})
    assert reply.status_code == 400
    assert reply.json()["violations"][0]["name"] == name


def test_a_stock_patch_answers_204_and_holds_at_once(main: BolCaller) -> None:
    offer_id = main.offer_of(SKU)["offer_id"]
    reply = main.patch_stock(offer_id, 7, False)
    assert (reply.status_code, reply.content) == (204, b"")
    assert stock_of(main) == (7, 7, False)


def test_a_patch_changes_only_what_was_sent(main: BolCaller) -> None:
    offer_id = main.offer_of(SKU)["offer_id"]
    main.call("PATCH", f"/retailer/offers/{offer_id}", V11, json={"stock": {"amount": 7}})
    assert stock_of(main) == (7, 7, True)
    main.call("PATCH", f"/retailer/offers/{offer_id}", V11, json={"reference": "NIEUW"})
    offer = main.get(f"/retailer/offers/{offer_id}", V11).json()
    assert (offer["reference"], offer["stock"]["amount"]) == ("NIEUW", 7)


def test_prices_and_countries_are_replaced_as_whole_lists(main: BolCaller) -> None:
    offer_id = main.offer_of(SKU)["offer_id"]
    body = {
        "pricing": {"bundlePrices": [{"quantity": 1, "unitPrice": 38}, {"quantity": 3, "unitPrice": 35.5}]},
        "countryAvailabilities": [{"countryCode": "NL"}],
    }
    assert main.call("PATCH", f"/retailer/offers/{offer_id}", V11, json=body).status_code == 204
    offer = main.get(f"/retailer/offers/{offer_id}", V11).json()
    assert [row["unitPrice"] for row in offer["pricing"]["bundlePrices"]] == [38.0, 35.5]
    assert [row["countryCode"] for row in offer["countryAvailabilities"]] == ["NL"]
    item = main.detail(main.buy((SKU, 3)))["orderItems"][0]
    assert (item["unitPrice"], item["totalPrice"]) == (35.5, 106.5)


@pytest.mark.parametrize(
    ("body", "violation"),
    [
        ({"stock": {"amount": -1}}, "stock.amount"),
        ({"stock": {"amount": "7"}}, "stock.amount"),
        ({"stock": {"amount": 7, "managedByRetailer": "yes"}}, "stock.managedByRetailer"),
        ({"stok": {"amount": 7}}, "stok"),
        ({"reference": "x" * 101}, "reference"),
        ({"pricing": {"bundlePrices": [{"quantity": 2, "unitPrice": 9}]}}, "pricing.bundlePrices"),
        (
            {"pricing": {"bundlePrices": [{"quantity": 1, "unitPrice": 9}, {"quantity": 2, "unitPrice": 9}]}},
            "pricing.bundlePrices",
        ),
        (
            {"pricing": {"bundlePrices": [{"quantity": 1, "unitPrice": 0.5}]}},
            "pricing.bundlePrices[].unitPrice",
        ),
        ({"countryAvailabilities": [{"countryCode": "DE"}]}, "countryAvailabilities[].countryCode"),
    ],
)
def test_a_wrong_patch_is_refused_and_stores_nothing(
    main: BolCaller, body: dict[str, Any], violation: str
) -> None:
    offer_id = main.offer_of(SKU)["offer_id"]
    before = main.get(f"/retailer/offers/{offer_id}", V11).json()
    reply = main.call("PATCH", f"/retailer/offers/{offer_id}", V11, json=body)
    assert reply.status_code == 400
    assert [entry["name"] for entry in reply.json()["violations"]] == [violation]
    assert main.get(f"/retailer/offers/{offer_id}", V11).json() == before


def test_stock_of_an_offer_that_bol_fulfils_cannot_be_set(main: BolCaller, clock: StandingClock) -> None:
    offer = main.offer_of("THE-2004")
    assert main.patch_stock(offer["offer_id"], 5, True).status_code == 400
    reply = main.put_stock(offer["offer_id"], 5, True)
    clock.advance(1)
    assert main.status(reply)["status"] == "FAILURE"
    assert main.offer_of("THE-2004")["amount"] == offer["amount"]


def test_a_stock_write_of_v10_holds_only_at_success(main: BolCaller, clock: StandingClock) -> None:
    offer_id = main.offer_of(SKU)["offer_id"]
    reply = main.put_stock(offer_id, 9, False)
    assert reply.status_code == 202
    assert (reply.json()["eventType"], reply.json()["entityId"]) == ("UPDATE_OFFER_STOCK", offer_id)
    assert stock_of(main) == (42, 42, True)
    clock.advance(0.5)
    assert main.status(reply)["status"] == "SUCCESS"
    assert stock_of(main) == (9, 9, False)


@pytest.mark.parametrize("amount", [-1, 1000])
def test_v10_takes_0_to_999_pieces(main: BolCaller, amount: int) -> None:
    reply = main.put_stock(main.offer_of(SKU)["offer_id"], amount, True)
    assert reply.status_code == 400
    assert [entry["name"] for entry in reply.json()["violations"]] == ["amount"]


def test_managed_by_the_retailer_only_orders_after_the_write_lower_stock(
    main: BolCaller, clock: StandingClock
) -> None:
    offer_id = main.offer_of(SKU)["offer_id"]
    main.buy((SKU, 5))
    assert stock_of(main) == (42, 37, True)
    clock.advance(1)
    main.patch_stock(offer_id, 30, True)
    assert stock_of(main) == (30, 30, True)
    clock.advance(1)
    later = main.buy((SKU, 4))
    assert stock_of(main) == (30, 26, True)
    main.act(later, "ship")
    assert stock_of(main) == (30, 26, True)


def test_not_managed_by_the_retailer_every_open_order_lowers_stock(
    main: BolCaller, clock: StandingClock
) -> None:
    offer_id = main.offer_of(SKU)["offer_id"]
    early = main.buy((SKU, 5))
    clock.advance(1)
    main.patch_stock(offer_id, 30, False)
    assert stock_of(main) == (30, 25, False)
    clock.advance(1)
    main.buy((SKU, 4))
    assert stock_of(main) == (30, 21, False)
    main.act(early, "ship")
    assert stock_of(main) == (30, 21, False)
    clock.advance(1)
    main.patch_stock(offer_id, 25, False)
    assert stock_of(main) == (25, 21, False)


@pytest.mark.parametrize("managed", [True, False])
def test_a_cancelled_order_gives_its_stock_back(main: BolCaller, clock: StandingClock, managed: bool) -> None:
    main.patch_stock(main.offer_of(SKU)["offer_id"], 10, managed)
    clock.advance(1)
    order_id = main.buy((SKU, 3))
    assert stock_of(main) == (10, 7, managed)
    main.act(order_id, "cancel")
    assert stock_of(main) == (10, 10, managed)


def test_an_order_from_before_the_write_gives_nothing_back_where_the_retailer_manages(
    main: BolCaller, clock: StandingClock
) -> None:
    order_id = main.buy((SKU, 3))
    clock.advance(1)
    main.patch_stock(main.offer_of(SKU)["offer_id"], 10, True)
    main.act(order_id, "cancel")
    assert stock_of(main) == (10, 10, True)


def test_a_sold_out_offer_is_not_for_sale_and_says_why(main: BolCaller) -> None:
    offer_id = main.offer_of(SKU)["offer_id"]
    main.patch_stock(offer_id, 2, True)
    main.sandbox.clock.set_offset(1)
    main.buy((SKU, 2))
    offer = main.get(f"/retailer/offers/{offer_id}", V11).json()
    assert offer["stock"]["correctedStock"] == 0
    assert [row["forSale"] for row in offer["countryAvailabilities"]] == [False, False]
    stock_reason = {"category": "STOCK", "code": "4100-1", "description": "There is no stock for this offer"}
    assert main.get(f"/retailer/offers/{offer_id}/not-for-sale-reasons", V11).json() == {
        "offerId": offer_id,
        "countries": [
            {"countryCode": "NL", "reasons": [stock_reason]},
            {"countryCode": "BE", "reasons": [stock_reason]},
        ],
    }
    refused = main.control("POST", "/orders", {"account": "bol_main", "lines": [{"sku": SKU, "quantity": 1}]})
    assert refused.status_code == 409
    assert refused.json() == {"error": "KEU-1001 is not for sale in NL at bol_main"}
    assert main.state()["oversold"] == 0


def test_a_forced_order_oversells_and_is_counted(main: BolCaller) -> None:
    offer_id = main.offer_of(SKU)["offer_id"]
    main.patch_stock(offer_id, 2, True)
    main.sandbox.clock.set_offset(1)
    main.buy((SKU, 5), force=True)
    assert main.state()["oversold"] == 3
    assert stock_of(main) == (2, -3, True)
    assert main.offer_of(SKU)["for_sale"] is False


def test_an_offer_on_hold_is_not_for_sale_although_the_patch_answered_204(main: BolCaller) -> None:
    offer_id = main.offer_of(SKU)["offer_id"]
    reply = main.call("PATCH", f"/retailer/offers/{offer_id}", V11, json={"onHoldByRetailer": True})
    assert reply.status_code == 204
    reasons = main.get(f"/retailer/offers/{offer_id}/not-for-sale-reasons", V11).json()
    assert reasons["countries"][0]["reasons"][0]["category"] == "ON_HOLD"
    assert main.patch_stock(offer_id, 10, True).status_code == 204
    assert main.offer_of(SKU)["for_sale"] is False


def test_an_offer_for_the_netherlands_cannot_be_bought_in_belgium(main: BolCaller) -> None:
    body = {"account": "bol_main", "lines": [{"sku": "KEU-1011"}], "ship_country": "BE"}
    assert main.control("POST", "/orders", body).status_code == 409
    body["ship_country"] = "NL"
    assert main.control("POST", "/orders", body).status_code == 200


def test_an_export_is_a_csv_with_all_offers_and_shuffled_columns(
    main: BolCaller, clock: StandingClock
) -> None:
    reports = []
    for _ in range(2):
        reply = main.call("POST", "/retailer/offers/export", json={"format": "CSV"})
        assert "entityId" not in reply.json()
        clock.advance(0.5)
        status = main.status(reply)
        assert (status["eventType"], status["status"]) == ("CREATE_OFFER_EXPORT", "SUCCESS")
        report = main.get(f"/retailer/offers/export/{status['entityId']}", V10_CSV)
        assert report.headers["Content-Type"] == V10_CSV
        reports.append(report.text)
    columns = [text.splitlines()[0].split(",") for text in reports]
    assert columns[0] != columns[1]
    assert sorted(columns[0]) == sorted(columns[1])
    rows = list(csv.DictReader(io.StringIO(reports[0])))
    assert len(rows) == 62
    row = next(row for row in rows if row["ean"] == "0001234500113")
    assert {
        name: row[name] for name in ("bundlePricesPrice", "stockAmount", "fulfilmentType", "onHoldByRetailer")
    } == {
        "bundlePricesPrice": "21.99",
        "stockAmount": "29",
        "fulfilmentType": "FBR",
        "onHoldByRetailer": "false",
    }


def test_an_unknown_export_is_a_404(main: BolCaller) -> None:
    assert main.get("/retailer/offers/export/1", V10_CSV).status_code == 404


def test_both_accounts_offer_the_same_eans_under_different_ids(main: BolCaller, outlet: BolCaller) -> None:
    ours = {offer["ean"]: offer["offer_id"] for offer in main.state()["offers"]}
    theirs = {offer["ean"]: offer["offer_id"] for offer in outlet.state()["offers"]}
    shared = set(ours) & set(theirs)
    assert len(shared) == 43
    assert not set(ours.values()) & set(theirs.values())
    assert main.get(f"/retailer/offers/{theirs['8720999001018']}", V11).status_code == 404
    assert main.patch_stock(theirs["8720999001018"], 0, True).status_code == 404
    assert outlet.offer_of(SKU)["amount"] == 14


def test_a_silently_rejected_patch_answers_204_and_stores_nothing(main: BolCaller) -> None:
    main.fault("silent_reject", method="PATCH")
    assert main.patch_stock(main.offer_of(SKU)["offer_id"], 7, True).status_code == 204
    assert stock_of(main) == (42, 42, True)
    assert main.state()["writes"][0]["status"] == 204
