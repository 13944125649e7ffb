"""How often one may call the bol stand-in, and in which words."""

import json
from typing import Any

import pytest

from order_pipelines.sandbox.server import Sandbox
from order_pipelines_tests.sandbox.bol_caller import V10, V10_CSV, V11, BolCaller, StandingClock


def test_the_order_list_may_be_asked_25_times_a_minute(main: BolCaller, clock: StandingClock) -> None:
    main.token()
    replies = [main.get("/retailer/orders") for _ in range(26)]
    assert [reply.status_code for reply in replies] == [200] * 25 + [429]
    assert [replies[0].headers[f"X-RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset")] == [
        "25",
        "24",
        "60",
    ]
    refused = replies[25]
    assert refused.json() == {
        "title": "Too Many Requests",
        "status": 429,
        "detail": "Too many requests, retry in 60 seconds.",
    }
    assert refused.headers["Retry-After"] == "60"
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert main.state()["refused_by_limit"] == {"GET /orders": 1}
    clock.advance(60)
    assert main.get("/retailer/orders").status_code == 200


def test_each_group_and_each_account_has_a_window_of_its_own(main: BolCaller, outlet: BolCaller) -> None:
    order_id = main.buy(("KEU-1001", 1))
    for _ in range(25):
        main.get("/retailer/orders")
    assert main.get("/retailer/orders").status_code == 429
    assert main.get(f"/retailer/orders/{order_id}").status_code == 200
    assert outlet.get("/retailer/orders").status_code == 200


@pytest.mark.parametrize(
    ("path", "media", "capacity"),
    [
        ("/retailer/orders/1", V10, 25),
        ("/retailer/shipments", V10, 25),
        ("/retailer/shipments/1", V10, 50),
        ("/retailer/returns", V10, 20),
        ("/retailer/returns/1", V10, 20),
        ("/retailer/offers/1", V11, 25),
        ("/retailer/offers/export/1", V10_CSV, 9),
    ],
)
def test_the_limits_are_those_of_the_published_list(
    main: BolCaller, path: str, media: str, capacity: int
) -> None:
    assert main.get(path, media).headers["X-RateLimit-Limit"] == str(capacity)


def test_fifty_stock_writes_a_second_and_no_more(main: BolCaller, clock: StandingClock) -> None:
    offer_id = main.offer_of("KEU-1001")["offer_id"]
    codes = [main.patch_stock(offer_id, amount, True).status_code for amount in range(51)]
    assert codes == [204] * 50 + [429]
    assert main.offer_of("KEU-1001")["amount"] == 49
    clock.advance(1)
    assert main.patch_stock(offer_id, 50, True).status_code == 204


def test_relaxed_limits_are_a_thousand_times_wider_and_say_so() -> None:
    with Sandbox(0, relaxed=True) as sandbox:
        caller = BolCaller(sandbox, "bol_main")
        assert caller.row["relaxed"] is True
        assert caller.row["limits"] == "relaxed: 1000 x the real ones"
        assert caller.get("/retailer/orders").headers["X-RateLimit-Limit"] == "25000"
        assert caller.control("GET", "/health").json() == {"status": "ok", "relaxed": True}


def test_the_limits_of_a_plain_sandbox_are_called_real(main: BolCaller) -> None:
    assert (main.row["limits"], main.row["relaxed"]) == ("real", False)


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/retailer/orders", "application/json"),
        ("/retailer/orders", "*/*"),
        ("/retailer/orders", V11),
        ("/retailer/orders", "application/vnd.retailer.v9+json"),
        ("/retailer/offers", V10),
        ("/retailer/offers/export/1", V10),
        ("/shared/process-status/1", "application/json"),
    ],
)
def test_any_other_accept_is_a_406(main: BolCaller, path: str, accept: str) -> None:
    reply = main.get(path, accept)
    assert (reply.status_code, reply.json()["title"]) == (406, "Not Acceptable")


def test_an_answer_comes_in_the_media_type_that_was_asked_for(main: BolCaller) -> None:
    offer = f"/retailer/offers/{main.offer_of('KEU-1001')['offer_id']}"
    assert main.get(offer, V10).headers["Content-Type"] == V10
    assert main.get(offer, V11).headers["Content-Type"] == V11


@pytest.mark.parametrize(
    ("content_type", "status"),
    [(V10, 202), (f"{V10}; charset=utf-8", 202), ("application/json", 415), (V11, 415), (None, 400)],
)
def test_a_write_needs_the_exact_content_type(main: BolCaller, content_type: str | None, status: int) -> None:
    """Without one bol answers 400 and no explanation, as users report."""
    body = json.dumps({"amount": 5, "managedByRetailer": True})
    offer_id = main.offer_of("KEU-1001")["offer_id"]
    headers: dict[str, Any] = {"Content-Type": content_type}
    reply = main.call("PUT", f"/retailer/offers/{offer_id}/stock", data=body, headers=headers)
    assert reply.status_code == status
    assert len(main.state()["process_statuses"]) == (1 if status == 202 else 0)
    if status == 400:
        assert reply.json()["violations"] == []


def test_a_patch_speaks_v11_only(main: BolCaller) -> None:
    path = f"/retailer/offers/{main.offer_of('KEU-1001')['offer_id']}"
    assert main.call("PATCH", path, V10, json={"stock": {"amount": 1}}).status_code == 406
    wrong = main.call("PATCH", path, V11, json={"stock": {"amount": 1}}, headers={"Content-Type": V10})
    assert wrong.status_code == 415
    assert main.offer_of("KEU-1001")["amount"] == 42


def test_a_body_that_is_no_json_is_a_400(main: BolCaller) -> None:
    reply = main.call("POST", "/retailer/shipments", data="{", headers={"Content-Type": V10})
    assert reply.status_code == 400


def test_unknown_addresses_and_methods_are_problems(main: BolCaller) -> None:
    assert main.get("/retailer/invoices").status_code == 404
    assert main.call("DELETE", "/retailer/orders").status_code == 405
    assert main.get("/retailer/orders/cancellation").status_code == 405
