"""Cancellations, shipments and transports of the bol stand-in, and the process status behind each."""

from typing import Any

import pytest

from order_pipelines_tests.sandbox.bol_caller import BolCaller, StandingClock

DELAY_S = 0.5
"""How long an accepted write stays PENDING here, in the world's time."""


def item_of(caller: BolCaller, order_id: str, position: int = 0) -> tuple[int, int, int]:
    item = caller.detail(order_id)["orderItems"][position]
    return item["quantity"], item["quantityShipped"], item["quantityCancelled"]


def test_a_cancellation_is_accepted_first_and_done_later(main: BolCaller, clock: StandingClock) -> None:
    order_id = main.buy(("KEU-1001", 3))
    item_id = main.item_id(order_id)
    reply = main.cancel(item_id)
    assert reply.status_code == 202
    status = reply.json()
    assert status == {
        "processStatusId": status["processStatusId"],
        "entityId": item_id,
        "eventType": "CANCEL_ORDER",
        "description": f"Cancel order item with id {item_id}.",
        "status": "PENDING",
        "createTimestamp": "2026-11-18T10:30:15.000000431+01:00",
        "links": [
            {
                "rel": "self",
                "href": f"{main.base_url}/shared/process-status/{status['processStatusId']}",
                "method": "GET",
            }
        ],
    }
    clock.advance(DELAY_S - 0.1)
    assert main.status(reply)["status"] == "PENDING"
    assert item_of(main, order_id) == (3, 0, 0)
    clock.advance(0.1)
    assert main.status(reply)["status"] == "SUCCESS"
    assert item_of(main, order_id) == (3, 0, 3)
    assert main.state()["cancellations"] == [
        {"order_id": order_id, "order_item_id": item_id, "quantity": 3, "reason": "OUT_OF_STOCK"}
    ]


def test_a_cancellation_takes_only_what_is_still_open(main: BolCaller, clock: StandingClock) -> None:
    order_id = main.buy(("KEU-1001", 3))
    item_id = main.item_id(order_id)
    main.ship((item_id, 1))
    main.cancel(item_id, "REQUESTED_BY_CUSTOMER")
    clock.advance(DELAY_S)
    assert item_of(main, order_id) == (3, 1, 2)


def test_an_unknown_reason_is_refused_at_once_with_the_allowed_ones(main: BolCaller) -> None:
    order_id = main.buy(("KEU-1001", 1))
    reply = main.cancel(main.item_id(order_id), "Unknown")
    assert reply.status_code == 400
    (violation,) = reply.json()["violations"]
    assert violation["name"] == "orderItems[0].reasonCode"
    assert violation["reason"].startswith(
        "Request contains invalid value(s): 'Unknown', allowed values: OUT_OF_STOCK,"
    )
    assert main.state()["process_statuses"] == []


def test_two_items_in_one_cancellation_are_refused(main: BolCaller) -> None:
    rows = [{"orderItemId": "1", "reasonCode": "OTHER"}, {"orderItemId": "2", "reasonCode": "OTHER"}]
    reply = main.call("PUT", "/retailer/orders/cancellation", json={"orderItems": rows})
    assert reply.status_code == 400
    assert main.state()["process_statuses"] == []


def test_an_item_that_bol_fulfils_cannot_be_cancelled_or_shipped(
    main: BolCaller, clock: StandingClock
) -> None:
    item_id = main.item_id(main.buy(("THE-2004", 1)))
    replies = [main.cancel(item_id), main.ship((item_id, None))]
    clock.advance(DELAY_S)
    for reply in replies:
        status = main.status(reply)
        assert (status["status"], status["errorMessage"]) == (
            "FAILURE",
            f"Order item {item_id} is fulfilled by bol.",
        )
    assert main.state()["cancellations"] == []
    assert main.state()["shipments"] == []


def test_a_part_is_shipped_and_then_the_rest(main: BolCaller, clock: StandingClock) -> None:
    order_id = main.buy(("KEU-1001", 3))
    item_id = main.item_id(order_id)
    main.ship((item_id, 1))
    clock.advance(DELAY_S)
    assert item_of(main, order_id) == (3, 1, 0)
    assert main.get("/retailer/orders").json()["orders"][0]["orderItems"][0]["fulfilmentStatus"] == "OPEN"
    main.ship((item_id, None))
    clock.advance(DELAY_S)
    assert item_of(main, order_id) == (3, 3, 0)
    assert main.get("/retailer/orders").json() == {}
    row = main.get("/retailer/orders", status="ALL").json()["orders"][0]
    assert row["orderItems"][0]["fulfilmentStatus"] == "HANDLED"
    assert len(main.state()["shipments"]) == 2


def test_one_item_names_its_entity_and_several_items_name_none(main: BolCaller, clock: StandingClock) -> None:
    order_id = main.buy(("KEU-1001", 1), ("KEU-1002", 1), ("KEU-1004", 1))
    items = [main.item_id(order_id, position) for position in range(3)]
    single, several = main.ship((items[0], None)), main.ship((items[1], None), (items[2], None))
    assert single.json()["entityId"] == items[0]
    assert "entityId" not in several.json()
    clock.advance(DELAY_S)
    assert main.status(several)["status"] == "SUCCESS"
    assert [len(entry["items"]) for entry in main.state()["shipments"]] == [1, 2]


def test_shipping_twice_fails_the_second_time_and_makes_no_second_shipment(
    main: BolCaller, clock: StandingClock
) -> None:
    item_id = main.item_id(main.buy(("KEU-1001", 1)))
    first, second = main.ship((item_id, None)), main.ship((item_id, None))
    clock.advance(DELAY_S)
    assert main.status(first)["status"] == "SUCCESS"
    assert main.status(second)["status"] == "FAILURE"
    assert main.status(second)["errorMessage"] == f"Order item {item_id} is already handled."
    assert len(main.state()["shipments"]) == 1


def test_items_of_two_orders_cannot_leave_in_one_shipment(main: BolCaller, clock: StandingClock) -> None:
    items = [main.item_id(main.buy(("KEU-1001", 1))) for _ in range(2)]
    reply = main.ship((items[0], None), (items[1], None))
    clock.advance(DELAY_S)
    assert main.status(reply)["errorMessage"] == "Order items must belong to the same order."
    assert main.state()["shipments"] == []


def test_more_than_is_open_cannot_be_shipped(main: BolCaller, clock: StandingClock) -> None:
    item_id = main.item_id(main.buy(("KEU-1001", 2)))
    reply = main.ship((item_id, 3))
    clock.advance(DELAY_S)
    assert main.status(reply)["errorMessage"] == f"Order item {item_id} has 2 open, 3 cannot be shipped."
    assert main.state()["shipments"] == []


def test_an_unknown_transporter_fails(main: BolCaller, clock: StandingClock) -> None:
    item_id = main.item_id(main.buy(("KEU-1001", 1)))
    reply = main.ship((item_id, None), transport={"transporterCode": "POSTNL"})
    clock.advance(DELAY_S)
    assert main.status(reply)["errorMessage"] == "Transporter code POSTNL is unknown."


@pytest.mark.parametrize(
    ("change", "violation"),
    [
        ({"orderItems": []}, "orderItems"),
        ({"orderItems": [{"quantity": 1}]}, "orderItems[0].orderItemId"),
        ({"orderItems": [{"orderItemId": "1", "quantity": 0}]}, "orderItems[0].quantity"),
        ({"transport": None}, "transport"),
        ({"shippingLabelId": "label"}, "transport"),
        ({"transport": {"trackAndTrace": "3S"}}, "transport.transporterCode"),
        ({"shipmentReference": "x" * 91}, "shipmentReference"),
        ({"tracking": "3S"}, "tracking"),
    ],
)
def test_a_wrong_shipment_body_is_refused_at_once(
    main: BolCaller, change: dict[str, Any], violation: str
) -> None:
    body = {"orderItems": [{"orderItemId": "1"}], "transport": {"transporterCode": "TNT"}, **change}
    reply = main.call("POST", "/retailer/shipments", json=body)
    assert reply.status_code == 400
    assert [entry["name"] for entry in reply.json()["violations"]] == [violation]
    assert main.state()["process_statuses"] == []


def test_a_shipment_is_listed_and_shown_with_its_tracking(main: BolCaller, clock: StandingClock) -> None:
    order_id = main.buy(("KEU-1001", 3), placed_at="2026-11-18T09:00:00+00:00")
    item_id = main.item_id(order_id)
    main.ship((item_id, 2), shipmentReference="BATCH7")
    clock.advance(DELAY_S)
    (held,) = main.state()["shipments"]
    assert main.get("/retailer/shipments").json() == {
        "shipments": [
            {
                "shipmentId": held["shipment_id"],
                "shipmentDateTime": "2026-11-18T10:30:15+01:00",
                "shipmentReference": "BATCH7",
                "order": {"orderId": order_id, "orderPlacedDateTime": "2026-11-18T10:00:00+01:00"},
                "shipmentItems": [{"orderItemId": item_id, "ean": "8720999001018"}],
                "transport": {"transportId": held["transport_id"]},
            }
        ]
    }
    detail = main.get(f"/retailer/shipments/{held['shipment_id']}").json()
    assert detail["shipmentItems"] == [
        {
            "orderItemId": item_id,
            "fulfilment": {
                "method": "FBR",
                "distributionParty": "RETAILER",
                "latestDeliveryDate": "2026-11-20",
            },
            "offer": {"offerId": main.offer_of("KEU-1001")["offer_id"], "reference": "KEU-1001"},
            "product": {"ean": "8720999001018", "title": "Koekenpan 28 cm gietijzer"},
            "quantity": 3,
            "quantityShipped": 2,
            "unitPrice": 39.95,
            "commission": 16.93,
        }
    ]
    assert detail["transport"] == {
        "transportId": held["transport_id"],
        "transporterCode": "TNT",
        "trackAndTrace": "3SBOL1",
        "transportEvents": [{"eventCode": "PRE_ANNOUNCED", "eventDateTime": "2026-11-18T10:30:15+01:00"}],
    }
    assert {"pickupPoint", "shipmentDetails", "billingDetails", "order"} <= set(detail)


def test_shipments_can_be_asked_for_by_order_but_not_with_a_method(main: BolCaller) -> None:
    order_id = main.buy(("KEU-1001", 1))
    main.act(order_id, "ship")
    main.act(main.buy(("KEU-1002", 1)), "ship")
    found = main.get("/retailer/shipments", order_id=order_id).json()["shipments"]
    assert [entry["order"]["orderId"] for entry in found] == [order_id]
    assert main.get("/retailer/shipments", order_id=order_id, fulfilment_method="FBR").status_code == 400


def test_shipments_are_shown_for_three_months_newest_first(main: BolCaller, clock: StandingClock) -> None:
    old = main.buy(("KEU-1001", 1))
    main.act(old, "ship")
    clock.advance(days=60)
    new = main.buy(("KEU-1002", 1))
    main.act(new, "ship")
    main.new_token()
    listed = [entry["order"]["orderId"] for entry in main.get("/retailer/shipments").json()["shipments"]]
    assert listed == [new, old]
    clock.advance(days=33)
    main.new_token()
    listed = [entry["order"]["orderId"] for entry in main.get("/retailer/shipments").json()["shipments"]]
    assert listed == [new]


def test_tracking_is_corrected_through_the_transport(main: BolCaller, clock: StandingClock) -> None:
    done = main.act(main.buy(("KEU-1001", 1)), "ship")
    body = {"transporterCode": "DHL", "trackAndTrace": "JVGL42"}
    reply = main.call("PUT", f"/retailer/transports/{done['transport_id']}", json=body)
    assert (reply.status_code, reply.json()["eventType"]) == (202, "CHANGE_TRANSPORT")
    clock.advance(DELAY_S)
    transport = main.get(f"/retailer/shipments/{done['shipment_id']}").json()["transport"]
    assert (transport["transporterCode"], transport["trackAndTrace"]) == ("DHL", "JVGL42")


def test_statuses_are_found_by_entity_and_in_bulk(main: BolCaller, clock: StandingClock) -> None:
    item_id = main.item_id(main.buy(("KEU-1001", 1)))
    first, second = main.ship((item_id, None)), main.ship((item_id, None))
    clock.advance(DELAY_S)
    found = main.get("/shared/process-status", entity_id=item_id, event_type="CREATE_SHIPMENT").json()
    assert [entry["status"] for entry in found["processStatuses"]] == ["FAILURE", "SUCCESS"]
    assert main.get("/shared/process-status", entity_id=item_id, event_type="CANCEL_ORDER").json() == {}
    assert main.get("/shared/process-status", entity_id=item_id).status_code == 400
    queries = [{"processStatusId": reply.json()["processStatusId"]} for reply in (first, second)]
    bulk = main.call(
        "POST", "/shared/process-status", json={"processStatusQueries": [*queries, {"processStatusId": "0"}]}
    )
    assert [entry["status"] for entry in bulk.json()["processStatuses"]] == ["SUCCESS", "FAILURE"]
    assert main.call("POST", "/shared/process-status", json={"processStatusQueries": []}).status_code == 400


def test_asking_for_statuses_in_bulk_is_no_write(main: BolCaller) -> None:
    main.call("POST", "/shared/process-status", json={"processStatusQueries": [{"processStatusId": "1"}]})
    assert main.state()["writes"] == []


def test_a_status_is_forgotten_after_a_day(main: BolCaller, clock: StandingClock) -> None:
    reply = main.cancel(main.item_id(main.buy(("KEU-1001", 1))))
    clock.advance(hours=24, seconds=-1)
    main.new_token()
    assert main.status(reply)["status"] == "SUCCESS"
    clock.advance(1)
    assert main.get(f"/shared/process-status/{reply.json()['processStatusId']}").status_code == 404


def test_a_failure_may_come_with_and_without_a_message(main: BolCaller, clock: StandingClock) -> None:
    order_id = main.buy(("KEU-1001", 1))
    item_id = main.item_id(order_id)
    main.fault("process_failure", detail={"message": "Carrier unknown."}, method="POST")
    told = main.ship((item_id, None))
    main.fault("process_failure_without_message")
    untold = main.cancel(item_id)
    clock.advance(DELAY_S)
    assert (main.status(told)["status"], main.status(told)["errorMessage"]) == ("FAILURE", "Carrier unknown.")
    assert main.status(untold)["status"] == "FAILURE"
    assert "errorMessage" not in main.status(untold)
    assert item_of(main, order_id) == (1, 0, 0)


@pytest.mark.parametrize(("applied", "shipped"), [(False, 0), (True, 1)])
def test_a_timeout_says_nothing_about_whether_it_was_done(
    main: BolCaller, clock: StandingClock, applied: bool, shipped: int
) -> None:
    order_id = main.buy(("KEU-1001", 1))
    main.fault("process_timeout", detail={"applied": applied})
    reply = main.ship((main.item_id(order_id), None))
    clock.advance(DELAY_S)
    assert main.status(reply)["status"] == "TIMEOUT"
    assert item_of(main, order_id) == (1, shipped, 0)


def test_a_status_can_vanish_although_the_deed_was_done(main: BolCaller, clock: StandingClock) -> None:
    order_id = main.buy(("KEU-1001", 1))
    main.fault("process_vanish")
    reply = main.ship((main.item_id(order_id), None))
    assert main.status(reply)["status"] == "PENDING"
    clock.advance(DELAY_S)
    assert main.get(f"/shared/process-status/{reply.json()['processStatusId']}").status_code == 404
    assert item_of(main, order_id) == (1, 1, 0)


def test_a_silent_rejection_says_success_and_does_nothing(main: BolCaller, clock: StandingClock) -> None:
    order_id = main.buy(("KEU-1001", 1))
    main.fault("silent_reject")
    reply = main.ship((main.item_id(order_id), None))
    clock.advance(DELAY_S)
    assert main.status(reply)["status"] == "SUCCESS"
    assert item_of(main, order_id) == (1, 0, 0)


def test_every_write_received_is_kept_also_a_refused_one(main: BolCaller) -> None:
    item_id = main.item_id(main.buy(("KEU-1001", 1)))
    main.cancel(item_id, "Unknown")
    main.cancel(item_id)
    body = {"orderItems": [{"orderItemId": item_id, "reasonCode": "OUT_OF_STOCK"}]}
    writes = main.state()["writes"]
    assert [entry["status"] for entry in writes] == [400, 202]
    assert writes[1] == {
        "at": "2026-11-18T09:30:15.000Z",
        "method": "PUT",
        "path": "/retailer/orders/cancellation",
        "body": body,
        "status": 202,
    }


def test_another_accounts_things_cannot_be_touched(
    main: BolCaller, outlet: BolCaller, clock: StandingClock
) -> None:
    order_id = main.buy(("KEU-1001", 1))
    item_id = main.item_id(order_id)
    shipped, cancelled = outlet.ship((item_id, None)), outlet.cancel(item_id)
    clock.advance(DELAY_S)
    assert outlet.status(shipped)["errorMessage"] == f"Order item {item_id} not found."
    assert outlet.status(cancelled)["status"] == "FAILURE"
    assert main.get(f"/shared/process-status/{shipped.json()['processStatusId']}").status_code == 404
    assert item_of(main, order_id) == (1, 0, 0)
