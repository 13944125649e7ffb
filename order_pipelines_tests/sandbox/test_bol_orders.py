"""Orders of the bol stand-in: what the list shows, what it hides, and what the detail says."""

import datetime as dt

import pytest

from order_pipelines_tests.sandbox.bol_caller import START, BolCaller, StandingClock


def ago(**span: float) -> str:
    return (START - dt.timedelta(**span)).isoformat()


def test_a_row_of_the_list_has_exactly_the_members_of_the_spec(main: BolCaller) -> None:
    order_id = main.buy(("KEU-1001", 2))
    item_id = main.item_id(order_id)
    assert main.get("/retailer/orders").json() == {
        "orders": [
            {
                "orderId": order_id,
                "orderPlacedDateTime": "2026-11-18T10:30:15+01:00",
                "orderItems": [
                    {
                        "orderItemId": item_id,
                        "ean": "8720999001018",
                        "fulfilmentMethod": "FBR",
                        "fulfilmentStatus": "OPEN",
                        "quantity": 2,
                        "quantityShipped": 0,
                        "quantityCancelled": 0,
                        "cancellationRequest": False,
                        "latestChangedDateTime": "2026-11-18T10:30:15+01:00",
                    }
                ],
            }
        ]
    }


def test_a_detail_has_the_members_types_and_sums_of_the_spec(main: BolCaller) -> None:
    """Ten times 12.99 less 10.99 is 118.91: a discount is for the whole line (v10.22)."""
    line = {
        "sku": "KEU-1009",
        "quantity": 10,
        "unit_price": "12.99",
        "discounts": [{"title": "x + y", "amount": "10.99"}],
    }
    reply = main.control("POST", "/orders", {"account": "bol_main", "lines": [line], "business": True})
    detail = main.detail(reply.json()["external_order_id"])
    assert list(detail) == [
        "orderId",
        "pickupPoint",
        "orderPlacedDateTime",
        "shipmentDetails",
        "billingDetails",
        "orderItems",
    ]
    (item,) = detail["orderItems"]
    assert item == {
        "orderItemId": item["orderItemId"],
        "cancellationRequest": False,
        "fulfilment": {
            "method": "FBR",
            "distributionParty": "RETAILER",
            "latestDeliveryDate": "2026-11-20",
            "expiryDate": "2026-11-23",
            "timeFrameType": "REGULAR",
        },
        "offer": {"offerId": main.offer_of("KEU-1009")["offer_id"], "reference": "KEU-1009"},
        "product": {"ean": "8720999001094", "title": "Theedoeken katoen set van 4"},
        "quantity": 10,
        "quantityShipped": 0,
        "quantityCancelled": 0,
        "unitPrice": 12.99,
        "totalPrice": 118.91,
        "discounts": [{"title": "x + y", "amount": 10.99}],
        "commission": 22.77,
        "latestChangedDateTime": "2026-11-18T10:30:15+01:00",
    }
    shipping, billing = detail["shipmentDetails"], detail["billingDetails"]
    needed = {
        "salutation",
        "firstName",
        "surname",
        "streetName",
        "houseNumber",
        "zipCode",
        "city",
        "countryCode",
    }
    assert needed <= set(shipping)
    assert needed | {"email", "company", "vatNumber", "kvkNumber", "orderReference"} <= set(billing)
    assert (shipping["countryCode"], shipping["language"]) == ("NL", "nl")


def test_neither_currency_nor_vat_nor_shipping_cost_is_anywhere_in_a_detail(main: BolCaller) -> None:
    text = main.get(f"/retailer/orders/{main.buy(('BOE-4001', 1))}").text.lower()
    assert [word for word in ("currency", "eur", "vatrate", "shippingcost", "payment") if word in text] == []


def test_an_exact_delivery_date_takes_the_place_of_the_latest(main: BolCaller) -> None:
    order_id = main.buy(("KEU-1001", 1), exact_delivery_date="2026-11-25")
    fulfilment = main.detail(order_id)["orderItems"][0]["fulfilment"]
    assert fulfilment["exactDeliveryDate"] == "2026-11-25"
    assert fulfilment["expiryDate"] == "2026-11-28"
    assert "latestDeliveryDate" not in fulfilment


def test_a_belgian_address_has_four_digits_and_a_belgian_language(main: BolCaller) -> None:
    address = main.detail(main.buy(("KEU-1001", 1), ship_country="BE"))["shipmentDetails"]
    assert address["countryCode"] == "BE"
    assert address["zipCode"].isdigit()
    assert len(address["zipCode"]) == 4
    assert address["language"] in {"nl-BE", "fr-BE"}


def test_a_pickup_point_has_a_name(main: BolCaller) -> None:
    detail = main.detail(main.buy(("KEU-1001", 1), pickup_point=True))
    assert detail["pickupPoint"] is True
    assert detail["shipmentDetails"]["pickupPointName"].startswith("Buurtpunt ")


def test_an_offer_without_reference_shows_none_in_the_order(main: BolCaller) -> None:
    """Position 5 of the catalogue: the merchant never filled the reference in."""
    offer = main.detail(main.buy(("KEU-1006", 1)))["orderItems"][0]["offer"]
    assert offer == {"offerId": main.offer_of("KEU-1006")["offer_id"]}


def test_eans_keep_their_leading_zeros(main: BolCaller) -> None:
    detail = main.detail(main.buy(("KEU-1011", 1)))
    assert detail["orderItems"][0]["product"]["ean"] == "0001234500113"


def test_order_ids_come_with_and_without_letters(main: BolCaller) -> None:
    ids = [main.buy(("FIE-9004", 1)) for _ in range(20)]
    assert all(len(order_id) == 10 for order_id in ids)
    assert any(order_id.isdigit() for order_id in ids)
    assert any(not order_id.isdigit() for order_id in ids)
    assert len(set(ids)) == 20


def test_fifty_orders_a_page_and_an_empty_object_after_the_last(main: BolCaller) -> None:
    ids = {main.buy(("FIE-9004", 1)) for _ in range(51)}
    first, second = main.order_ids(page=1), main.order_ids(page=2)
    assert (len(first), len(second)) == (50, 1)
    assert {*first, *second} == ids
    assert main.get("/retailer/orders", page=3).json() == {}


def test_the_list_of_an_account_without_orders_is_an_empty_object(main: BolCaller) -> None:
    assert main.get("/retailer/orders").json() == {}


def test_without_filters_only_open_orders_of_the_retailer_are_shown(main: BolCaller) -> None:
    own, by_bol, done = main.buy(("KEU-1001", 1)), main.buy(("THE-2004", 1)), main.buy(("KEU-1002", 1))
    main.act(done, "ship")
    assert main.order_ids() == [own]
    assert main.order_ids(fulfilment_method="FBB") == [by_bol]
    assert set(main.order_ids(fulfilment_method="ALL")) == {own, by_bol}
    assert main.order_ids(status="SHIPPED") == [done]
    assert set(main.order_ids(status="ALL", fulfilment_method="ALL")) == {own, by_bol, done}


def test_shipped_shows_no_cancelled_orders(main: BolCaller) -> None:
    order_id = main.buy(("KEU-1001", 1))
    main.act(order_id, "cancel")
    assert main.order_ids(status="SHIPPED") == []
    assert main.order_ids(status="ALL") == [order_id]


def test_handled_orders_leave_the_plain_list_after_48_hours(main: BolCaller, clock: StandingClock) -> None:
    order_id = main.buy(("KEU-1001", 1))
    main.act(order_id, "ship")
    clock.advance(hours=48, seconds=-1)
    main.new_token()
    assert main.order_ids(status="ALL") == [order_id]
    clock.advance(2)
    assert main.order_ids(status="ALL") == []
    assert main.order_ids(status="ALL", latest_change_date="2026-11-18") == [order_id]
    assert main.detail(order_id)["orderItems"][0]["quantityShipped"] == 1


def test_the_change_interval_looks_at_items_and_not_at_orders(main: BolCaller, clock: StandingClock) -> None:
    order_id = main.buy(("KEU-1001", 1), ("KEU-1002", 1))
    clock.advance(minutes=30)
    main.act(order_id, "cancel", sku="KEU-1002")
    clock.advance(minutes=29)
    main.new_token()
    reply = main.get("/retailer/orders", status="ALL", change_interval_minute=30).json()
    assert [[item["ean"] for item in row["orderItems"]] for row in reply["orders"]] == [["8720999001025"]]
    both = main.get("/retailer/orders", status="ALL", change_interval_minute=60).json()
    assert len(both["orders"][0]["orderItems"]) == 2
    clock.advance(minutes=2)
    one = main.get("/retailer/orders", status="ALL", change_interval_minute=60).json()
    assert len(one["orders"][0]["orderItems"]) == 1


def test_an_outage_longer_than_the_interval_loses_orders_that_the_change_date_finds(
    main: BolCaller, clock: StandingClock
) -> None:
    order_id = main.buy(("KEU-1001", 1))
    clock.advance(minutes=61)
    assert main.order_ids(status="ALL", change_interval_minute=60) == []
    assert main.order_ids(status="ALL", latest_change_date="2026-11-18") == [order_id]
    assert main.order_ids(status="ALL", latest_change_date="2026-11-17") == []


def test_the_change_date_is_a_dutch_day(main: BolCaller) -> None:
    order_id = main.buy(("KEU-1001", 1), placed_at="2026-11-16T23:30:00+00:00")
    assert main.order_ids(latest_change_date="2026-11-17") == [order_id]
    assert main.order_ids(latest_change_date="2026-11-16") == []


def test_orders_with_bol_labels_can_be_listed_alone(main: BolCaller) -> None:
    main.buy(("KEU-1001", 1))
    labelled = main.buy(("KEU-1002", 1), distribution_party="BOL")
    assert main.order_ids(vvb_only="true") == [labelled]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("page", "0"),
        ("page", "one"),
        ("status", "CLOSED"),
        ("fulfilment-method", "FBX"),
        ("change-interval-minute", "61"),
        ("latest-change-date", "18-11-2026"),
        ("latest-change-date", "2026-08-01"),
        ("vvb-only", "yes"),
    ],
)
def test_a_query_out_of_bounds_is_refused_with_a_violation(main: BolCaller, name: str, value: str) -> None:
    reply = main.get("/retailer/orders", **{name: value})
    assert reply.status_code == 400
    problem = reply.json()
    assert set(problem) == {"type", "title", "status", "detail", "host", "instance", "violations"}
    assert [violation["name"] for violation in problem["violations"]] == [name]


def test_an_unknown_order_is_a_404_without_violations(main: BolCaller) -> None:
    reply = main.get("/retailer/orders/9999999999")
    assert reply.status_code == 404
    assert reply.json() == {
        "type": "https://api.bol.com/problems",
        "title": "Not Found",
        "status": 404,
        "detail": "Order for order id 9999999999 not found.",
        "host": "Instance-001",
        "instance": f"{main.base_url}/retailer/orders/9999999999",
    }


def test_a_cancellation_request_flips_a_flag_and_no_quantity(main: BolCaller, clock: StandingClock) -> None:
    order_id = main.buy(("KEU-1001", 2))
    clock.advance(60)
    main.act(order_id, "request_cancel")
    item = main.detail(order_id)["orderItems"][0]
    assert item["cancellationRequest"] is True
    assert (item["quantity"], item["quantityShipped"], item["quantityCancelled"]) == (2, 0, 0)
    assert item["latestChangedDateTime"] == "2026-11-18T10:31:15+01:00"
    assert main.order_ids() == [order_id]


def test_bol_cancels_what_is_open_when_the_expiry_date_is_over(main: BolCaller, clock: StandingClock) -> None:
    order_id = main.buy(("KEU-1001", 3))
    main.act(order_id, "ship", quantity=1)
    clock.set_offset((dt.datetime(2026, 11, 23, 22, 59, 59, tzinfo=dt.UTC) - START).total_seconds())
    main.new_token()
    assert main.detail(order_id)["orderItems"][0]["quantityCancelled"] == 0
    clock.advance(1)
    item = main.detail(order_id)["orderItems"][0]
    assert (item["quantity"], item["quantityShipped"], item["quantityCancelled"]) == (3, 1, 2)
    assert item["latestChangedDateTime"] == "2026-11-24T00:00:00+01:00"


def test_bol_ships_its_own_orders_after_six_hours(main: BolCaller, clock: StandingClock) -> None:
    order_id = main.buy(("THE-2004", 2))
    clock.advance(hours=6)
    item = main.detail(order_id)["orderItems"][0]
    assert (item["fulfilment"]["method"], item["quantityShipped"]) == ("FBB", 2)
    assert item["latestChangedDateTime"] == "2026-11-18T16:30:15+01:00"
    shipments = main.get("/retailer/shipments", fulfilment_method="FBB").json()["shipments"]
    assert [entry["order"]["orderId"] for entry in shipments] == [order_id]
    assert main.get("/retailer/shipments").json() == {}


def test_accounts_never_see_each_others_orders(main: BolCaller, outlet: BolCaller) -> None:
    order_id = main.buy(("KEU-1001", 1))
    assert outlet.get("/retailer/orders").json() == {}
    assert outlet.get(f"/retailer/orders/{order_id}").status_code == 404
    assert outlet.state()["orders"] == []


def test_an_order_of_tomorrow_is_shown_today(main: BolCaller) -> None:
    order_id = main.buy(("KEU-1001", 1), placed_at=ago(days=-1))
    assert main.order_ids(status="ALL", change_interval_minute=60) == [order_id]
    assert main.detail(order_id)["orderPlacedDateTime"] == "2026-11-19T10:30:15+01:00"


def test_the_list_and_the_detail_can_be_made_to_disagree(main: BolCaller) -> None:
    order_id = main.buy(("KEU-1001", 2), malform={"list_replaced": {"orderItems.0.quantity": 5}})
    row = main.get("/retailer/orders").json()["orders"][0]
    assert row["orderItems"][0]["quantity"] == 5
    assert main.detail(order_id)["orderItems"][0]["quantity"] == 2


def test_a_malformed_order_stays_so_until_it_is_repaired(main: BolCaller, clock: StandingClock) -> None:
    order_id = main.buy(
        ("KEU-1001", 1),
        malform={
            "missing": ["orderItems.0.product.ean", "billingDetails"],
            "renamed": {"orderItems.0.unitPrice": "price"},
            "replaced": {"orderItems.0.quantity": -1, "shipmentDetails.countryCode": "XX"},
        },
    )
    for _ in range(2):
        spoilt = main.detail(order_id)
        item = spoilt["orderItems"][0]
        assert "billingDetails" not in spoilt
        assert "ean" not in item["product"]
        assert ("unitPrice" in item, item["price"], item["quantity"]) == (False, 39.95, -1)
        assert spoilt["shipmentDetails"]["countryCode"] == "XX"
    clock.advance(60)
    main.act(order_id, "repair")
    whole = main.detail(order_id)
    assert (whole["orderItems"][0]["quantity"], whole["orderItems"][0]["unitPrice"]) == (1, 39.95)
    assert whole["shipmentDetails"]["countryCode"] == "NL"
    assert whole["orderItems"][0]["latestChangedDateTime"] == "2026-11-18T10:31:15+01:00"


def test_rows_are_put_together_once_for_all_pages_as_long_as_nothing_changes(main: BolCaller) -> None:
    desk = main.sandbox.bol.desk("bol_main")
    for _ in range(500):
        main.sandbox.bol.place_order("bol_main", {"lines": [{"sku": "FIE-9004"}], "force": True})
    seen = [order_id for page in range(1, 12) for order_id in main.order_ids(page=page)]
    assert (len(seen), len(set(seen))) == (500, 500)
    assert desk.pages.builds == 1
    newest = main.buy(("KEU-1001", 1))
    assert newest in {order_id for page in range(1, 12) for order_id in main.order_ids(page=page)}
    assert desk.pages.builds == 2


@pytest.mark.parametrize("hours_later", [0, 12.75])
def test_the_list_by_day_reaches_back_the_same_days_all_day_long(
    main: BolCaller, clock: StandingClock, hours_later: float
) -> None:
    """At 23:15 in winter it is 00:15 by the summer time of three months earlier: still the same day."""
    clock.advance(hours=hours_later)
    assert main.get("/retailer/orders", latest_change_date="2026-08-18").status_code == 200
    assert main.get("/retailer/orders", latest_change_date="2026-08-17").status_code == 400
