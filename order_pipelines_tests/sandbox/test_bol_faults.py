"""Misbehaviour of the bol stand-in, ordered through the control port."""

import threading
import time

import pytest
import requests

from order_pipelines_tests.sandbox.bol_caller import V11, BolCaller, StandingClock

SKU = "KEU-1001"


@pytest.mark.parametrize("kind", ["403", "404", "406", "500", "502", "503", "504"])
def test_a_status_strikes_once_and_nothing_is_done(main: BolCaller, kind: str) -> None:
    item_id = main.item_id(main.buy((SKU, 1)))
    main.fault(kind, method="PUT")
    assert main.cancel(item_id).status_code == int(kind)
    assert main.state()["process_statuses"] == []
    assert main.state()["writes"][0]["status"] == int(kind)
    assert main.cancel(item_id).status_code == 202


def test_a_401_says_unauthorized_and_the_token_stays_good(main: BolCaller) -> None:
    main.token()
    main.fault("401")
    reply = main.get("/retailer/orders")
    assert (reply.status_code, reply.json()["title"]) == (401, "Unauthorized")
    assert main.get("/retailer/orders").status_code == 200


def test_a_429_comes_with_and_without_retry_after(main: BolCaller) -> None:
    main.fault("429", seconds=4)
    told = main.get("/retailer/orders")
    assert (told.status_code, told.headers["Retry-After"]) == (429, "4")
    assert told.json()["detail"] == "Too many requests, retry in 4 seconds."
    main.fault("429_without_retry_after")
    untold = main.get("/retailer/orders")
    assert untold.status_code == 429
    assert "Retry-After" not in untold.headers


def test_a_fault_strikes_as_often_as_counted_and_only_where_it_fits(
    main: BolCaller, outlet: BolCaller
) -> None:
    order_id = main.buy((SKU, 1))
    main.fault("500", count=2, match=f"/orders/{order_id}", account="bol_main")
    assert outlet.get(f"/retailer/orders/{order_id}").status_code == 404
    assert main.get("/retailer/orders").status_code == 200
    codes = [main.get(f"/retailer/orders/{order_id}").status_code for _ in range(3)]
    assert codes == [500, 500, 200]


def test_a_fault_can_strike_one_page(main: BolCaller) -> None:
    main.fault("503", match="page=2")
    assert main.get("/retailer/orders", page=1).status_code == 200
    assert main.get("/retailer/orders", page=2).status_code == 503


def test_a_rate_strikes_a_share_of_calls_until_it_is_cleared(main: BolCaller) -> None:
    main.fault("500", rate=0.5, match="/orders/")
    order_id = main.buy((SKU, 1))
    codes = [main.get(f"/retailer/orders/{order_id}").status_code for _ in range(20)]
    assert 4 <= codes.count(500) <= 16
    assert [fault["rate"] for fault in main.control("GET", "/faults").json()] == [0.5]
    assert main.control("DELETE", "/faults").json() == {"cleared": True}
    main.sandbox.clock.set_offset(1)
    assert {main.get(f"/retailer/orders/{order_id}").status_code for _ in range(20)} == {200}


def test_latency_delays_the_answer(main: BolCaller) -> None:
    main.token()
    main.fault("latency", seconds=0.2)
    began = time.monotonic()
    assert main.get("/retailer/orders").status_code == 200
    assert time.monotonic() - began >= 0.2


def test_a_hang_never_answers_and_does_nothing_while_others_are_served(main: BolCaller) -> None:
    offer_id = main.offer_of(SKU)["offer_id"]
    main.token()
    main.fault("hang", method="PATCH")
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.patch(
            f"{main.base_url}/retailer/offers/{offer_id}",
            headers={"Authorization": f"Bearer {main.token()}", "Accept": V11, "Content-Type": V11},
            json={"stock": {"amount": 1}},
            timeout=0.2,
        )
    assert main.get("/retailer/orders").status_code == 200
    assert main.offer_of(SKU)["amount"] == 42


def test_a_dropped_reply_leaves_the_deed_done(main: BolCaller) -> None:
    offer_id = main.offer_of(SKU)["offer_id"]
    main.token()
    main.fault("drop_reply_after_acting", method="PATCH")
    with pytest.raises(requests.exceptions.ConnectionError):
        main.patch_stock(offer_id, 7, True)
    assert main.offer_of(SKU)["amount"] == 7
    (write,) = main.state()["writes"]
    assert (write["status"], write["reply_dropped"]) == (204, True)


def test_a_dropped_reply_of_a_shipment_leaves_one_shipment(main: BolCaller, clock: StandingClock) -> None:
    item_id = main.item_id(main.buy((SKU, 1)))
    main.fault("drop_reply_after_acting", method="POST", match="/shipments")
    with pytest.raises(requests.exceptions.ConnectionError):
        main.ship((item_id, None))
    clock.advance(1)
    assert len(main.state()["shipments"]) == 1
    found = main.get("/shared/process-status", entity_id=item_id, event_type="CREATE_SHIPMENT").json()
    assert [entry["status"] for entry in found["processStatuses"]] == ["SUCCESS"]


def test_a_dropped_token_may_be_asked_for_again(main: BolCaller) -> None:
    main.fault("drop_reply_after_acting", match="/token")
    with pytest.raises(requests.exceptions.ConnectionError):
        main.new_token()
    main.new_token()
    assert main.state()["token_violations"] == []


def test_a_truncated_body_breaks_off(main: BolCaller) -> None:
    order_id = main.buy((SKU, 1))
    main.token()
    main.fault("truncate_body", match="/orders/")
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        main.get(f"/retailer/orders/{order_id}")
    main.fault("truncate_body", match="/orders/", detail={"honest_length": True})
    reply = main.get(f"/retailer/orders/{order_id}")
    assert reply.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        reply.json()
    assert main.detail(order_id)["orderId"] == order_id


def test_a_page_of_html_can_come_instead_of_json(main: BolCaller) -> None:
    main.fault("not_json")
    reply = main.get("/retailer/orders")
    assert reply.status_code == 200
    assert reply.text.startswith("<html>")


def test_a_field_of_a_detail_can_be_missing_or_renamed_once(main: BolCaller) -> None:
    order_id = main.buy((SKU, 1))
    main.fault("missing_field", detail={"path": "orderItems.0.product.ean"})
    assert "ean" not in main.detail(order_id)["orderItems"][0]["product"]
    main.fault("renamed_field", detail={"path": "orderItems.0.unitPrice", "to": "price"})
    item = main.detail(order_id)["orderItems"][0]
    assert (item["price"], "unitPrice" in item) == (39.95, False)
    item = main.detail(order_id)["orderItems"][0]
    assert (item["product"]["ean"], item["unitPrice"]) == ("8720999001018", 39.95)


def test_faults_that_name_no_known_system_or_member_are_refused(main: BolCaller) -> None:
    assert main.control("POST", "/faults", {"system": "ebay", "kind": "500"}).status_code == 404
    assert main.control("POST", "/faults", {"system": "bol"}).status_code == 400
    assert main.control("POST", "/faults", {"system": "bol", "kind": "500", "often": 3}).status_code == 400
    assert main.control("POST", "/faults", {"system": "bol", "kind": "no_such_thing"}).status_code == 400
    assert (
        main.control("POST", "/faults", {"system": "bol", "kind": "500", "count": 1, "rate": 0.1}).status_code
        == 400
    )
    assert main.control("GET", "/faults").json() == []


def test_one_caller_hanging_does_not_hold_up_another(main: BolCaller, outlet: BolCaller) -> None:
    outlet.token()
    main.token()
    main.fault("latency", seconds=0.4, account="bol_main")
    slow = threading.Thread(target=main.get, args=("/retailer/orders",))
    slow.start()
    began = time.monotonic()
    assert outlet.get("/retailer/orders").status_code == 200
    assert time.monotonic() - began < 0.3
    slow.join()
