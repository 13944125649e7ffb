"""A shop that misbehaves, and what apps are told: signed, twice, out of order, until nobody takes it."""

import hashlib
import hmac
import json
import shlex
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from order_pipelines.sandbox import server
from order_pipelines.sandbox.shopware import ShopwareStandIn
from order_pipelines.sandbox.shopware.control_verbs import ACTIONS
from order_pipelines.sandbox.shopware.wish import LINE_MEMBERS, ORDER_MEMBERS
from order_pipelines_tests.sandbox.bol_caller import StandingClock
from order_pipelines_tests.sandbox.shopware_caller import LIVE, ShopwareCaller, error

SECRET = "shop-secret-of-the-app"
README = Path(server.__file__).with_name("README.md")
_WAIT_S = 60.0


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("401", 401, "9"),
        ("403", 403, "FRAMEWORK__MISSING_PRIVILEGE_ERROR"),
        ("404", 404, "FRAMEWORK__RESOURCE_NOT_FOUND"),
        ("429", 429, "FRAMEWORK__RATE_LIMIT_EXCEEDED"),
        ("429_without_retry_after", 429, "FRAMEWORK__RATE_LIMIT_EXCEEDED"),
        ("500", 500, "0"),
        ("503", 503, "0"),
        ("504", 504, "0"),
    ],
)
def test_an_ordered_refusal_comes_once_and_nothing_is_done(
    webshop: ShopwareCaller, kind: str, status: int, code: str
) -> None:
    offer_id = webshop.offer("KEU-1003")["offer_id"]
    webshop.token()
    webshop.fault(kind, seconds=7, match="/_action/sync")
    reply = webshop.sync({"id": offer_id, "stock": 1})
    assert (reply.status_code, error(reply)["code"], error(reply)["status"]) == (status, code, str(status))
    assert reply.headers.get("Retry-After") == ("7" if kind == "429" else None)
    assert webshop.stock("KEU-1003") == (18, 18)
    assert webshop.sync({"id": offer_id, "stock": 1}).status_code == 200
    assert webshop.stock("KEU-1003") == (1, 1)


def test_a_missing_right_is_named(webshop: ShopwareCaller) -> None:
    for path, privilege in (("/api/search/order", "order:read"), ("/api/search/customer", "customer:read")):
        webshop.fault("403", match=path)
        told = error(webshop.call("POST", path, json={}))
        assert json.loads(told["detail"]) == {
            "message": "Missing privilege",
            "missingPrivileges": [privilege],
        }


def test_a_fault_spares_the_login_unless_it_is_named(webshop: ShopwareCaller) -> None:
    webshop.fault("500")
    assert webshop.ask_for_token(json=webshop.grant()).status_code == 200
    assert webshop.search("order").status_code == 500
    webshop.fault("503", match="/oauth/token")
    assert webshop.ask_for_token(json=webshop.grant()).status_code == 503
    assert webshop.ask_for_token(json=webshop.grant()).status_code == 200


def test_tokens_can_end_early(webshop: ShopwareCaller) -> None:
    webshop.token()
    webshop.fault("expire_token")
    assert [webshop.search("order").status_code for _ in range(2)] == [401, 401]
    webshop.forget_token()
    assert webshop.search("order").status_code == 200


def test_a_write_can_be_taken_silently_and_not_kept(webshop: ShopwareCaller) -> None:
    offer_id = webshop.offer("KEU-1003")["offer_id"]
    webshop.fault("silent_reject", count=2)
    reply = webshop.sync({"id": offer_id, "stock": 1})
    assert (reply.status_code, reply.json()["data"]) == (200, {"product": [offer_id]})
    assert webshop.call("PATCH", f"/api/product/{offer_id}", json={"stock": 2}).status_code == 204
    assert webshop.stock("KEU-1003") == (18, 18)
    webshop.sync({"id": offer_id, "stock": 3})
    assert webshop.stock("KEU-1003") == (3, 3)
    order_id = webshop.buy(("KEU-1006", 1))
    webshop.fault("silent_reject")
    # Reading is no write and uses nothing up.
    assert webshop.search("order").status_code == 200
    assert webshop.move("order", order_id, "process").json()["technicalName"] == "in_progress"
    assert (webshop.state()["orders"][0]["state"], webshop.state()["mails"]) == ("open", [])


def test_a_reply_can_be_lost_after_the_deed(webshop: ShopwareCaller) -> None:
    order = webshop.order(webshop.buy(("KEU-1006", 1)))
    webshop.fault("drop_reply_after_acting", match="/state/ship")
    with pytest.raises(requests.exceptions.ConnectionError):
        webshop.move("order_delivery", order["deliveries"][0]["id"], "ship")
    assert webshop.state()["orders"][0]["deliveries"][0]["state"] == "shipped"
    assert webshop.state()["writes"][-1]["reply_dropped"] is True


def test_a_page_of_html_can_come_instead_of_json(webshop: ShopwareCaller) -> None:
    webshop.token()
    webshop.fault("not_json")
    reply = webshop.search("order")
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "application/json")
    assert reply.text.startswith("<html>")


def test_a_truncated_body_breaks_off(webshop: ShopwareCaller) -> None:
    webshop.token()
    webshop.fault("truncate_body")
    with pytest.raises(requests.exceptions.RequestException):
        webshop.search("product")
    webshop.fault("truncate_body", detail={"honest_length": True})
    with pytest.raises(requests.exceptions.JSONDecodeError):
        webshop.search("product").json()


def test_an_answer_can_be_late_or_never_come(webshop: ShopwareCaller) -> None:
    webshop.token()
    webshop.fault("latency", seconds=0.01)
    assert webshop.search("order").status_code == 200
    webshop.fault("hang")
    headers = {"Authorization": f"Bearer {webshop.token()}"}
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.post(f"{webshop.base_url}/api/search/order", json={}, headers=headers, timeout=0.3)
    assert webshop.search("order").status_code == 200


def test_an_unknown_fault_is_refused(webshop: ShopwareCaller) -> None:
    reply = webshop.control("POST", "/faults", {"system": "shopware", "kind": "explode"})
    assert reply.status_code == 400
    assert "duplicate_webhook" in reply.json()["error"]
    assert {"silent_reject", "reorder_webhook"} <= ShopwareStandIn.fault_kinds


class App:
    """An app's server: keeps what it is told and answers what it is set to."""

    def __init__(self) -> None:
        self.status = 200
        self.heard: list[tuple[dict[str, Any], str, bytes]] = []
        app = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                app.heard.append((json.loads(body), self.headers["shopware-shop-signature"], body))
                self.send_response(app.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                """Stay silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/shopware"

    def events(self) -> list[str]:
        return [str(message["data"]["event"]) for message, _, _ in self.heard]


@pytest.fixture
def app() -> Iterator[App]:
    made = App()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join(5)


def wait_until(fits: Callable[[], bool]) -> None:
    waited = 0.0
    while not fits():
        assert waited < _WAIT_S, "it did not come"
        threading.Event().wait(0.01)
        waited += 0.01


def register(shop: ShopwareCaller, app: App, *events: str, **more: Any) -> None:
    shop.act("app", "register_webhook", url=app.url, events=list(events), secret=SECRET, **more)


def test_an_event_is_signed_over_its_raw_body_and_names_the_row_alone(
    webshop: ShopwareCaller, app: App
) -> None:
    register(webshop, app, "order.written")
    order_id = webshop.buy(("KEU-1006", 1))
    wait_until(lambda: len(app.heard) == 1)
    message, signature, body = app.heard[0]
    assert signature == hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert message["data"] == {
        "payload": [
            {
                "entity": "order",
                "operation": "insert",
                "primaryKey": order_id,
                "updatedFields": ["id", "orderNumber", "stateId"],
                "versionId": LIVE,
            }
        ],
        "event": "order.written",
    }
    assert sorted(message["source"]) == ["appVersion", "eventId", "shopId", "url"]
    assert message["timestamp"] == 1794994215


def test_only_what_was_asked_for_is_told(
    webshop: ShopwareCaller, webshop_65: ShopwareCaller, app: App
) -> None:
    register(
        webshop, app, "state_enter.order_delivery.state.shipped", "checkout.order.placed", "product.written"
    )
    webshop_65.buy(("KEU-1006", 1))
    order_id = webshop.buy(("KEU-1006", 1))
    webshop.act(order_id, "process")
    webshop.act(order_id, "ship")
    webshop.sync({"id": webshop.offer("KEU-1003")["offer_id"], "stock": 1})
    wait_until(lambda: len(app.heard) == 3)
    assert app.events() == [
        "checkout.order.placed",
        "state_enter.order_delivery.state.shipped",
        "product.written",
    ]
    assert app.heard[0][0]["data"]["payload"]["order"]["orderNumber"] == "10001"
    assert app.heard[2][0]["data"]["payload"][0]["updatedFields"] == ["stock", "updatedAt"]


def test_a_draft_is_told_under_its_version_unless_only_the_live_one_is_wanted(
    webshop: ShopwareCaller, app: App
) -> None:
    order_id = webshop.buy(("KEU-1006", 1))
    register(webshop, app, "order.written")
    version = webshop.act(order_id, "draft")["version_id"]
    wait_until(lambda: len(app.heard) == 1)
    (row,) = app.heard[0][0]["data"]["payload"]
    assert (row["primaryKey"], row["versionId"], version == LIVE) == (order_id, version, False)
    webshop.sandbox.reset()
    webshop.forget_token()
    register(webshop, app, "order.written", only_live=True)
    again = webshop.buy(("KEU-1006", 1))
    webshop.act(again, "draft")
    webshop.act(again, "process")
    wait_until(lambda: len(app.heard) == 3)
    assert {one["data"]["payload"][0]["versionId"] for one, _, _ in app.heard[1:]} == {LIVE}


def test_an_event_can_come_twice_late_or_never(webshop: ShopwareCaller, app: App) -> None:
    register(webshop, app, "checkout.order.placed")
    webshop.fault("duplicate_webhook")
    webshop.buy(("KEU-1006", 1))
    wait_until(lambda: len(app.heard) == 2)
    assert app.heard[0][2] == app.heard[1][2]
    webshop.fault("reorder_webhook")
    webshop.buy(("KEU-1006", 1))
    webshop.buy(("KEU-1006", 1))
    wait_until(lambda: len(app.heard) == 4)
    told = [message["data"]["payload"]["order"]["orderNumber"] for message, _, _ in app.heard[2:]]
    assert told == ["10003", "10002"]
    webshop.fault("lost_webhook", match="checkout.order.placed")
    webshop.buy(("KEU-1006", 1))
    webshop.buy(("KEU-1006", 1))
    wait_until(lambda: len(app.heard) == 5)
    assert app.heard[4][0]["data"]["payload"]["order"]["orderNumber"] == "10005"


def test_a_refused_event_is_tried_again_after_1_2_and_4_seconds_and_then_given_up(
    webshop: ShopwareCaller, app: App, clock: StandingClock
) -> None:
    app.status = 500
    register(webshop, app, "checkout.order.placed")
    webshop.buy(("KEU-1006", 1))
    for tries, seconds in ((1, 1), (2, 2), (3, 4), (4, 60)):
        wait_until(lambda tries=tries: len(webshop.state()["webhooks"]) == tries)  # type: ignore[misc]
        clock.advance(seconds)
    threading.Event().wait(0.1)
    assert [(one["try"], one["status"]) for one in webshop.state()["webhooks"]] == [
        (1, 500),
        (2, 500),
        (3, 500),
        (4, 500),
    ]
    assert webshop.state()["webhook_targets"][0]["active"] is True


def test_after_ten_events_that_nobody_took_a_webhook_is_switched_off(
    webshop: ShopwareCaller, app: App, clock: StandingClock
) -> None:
    app.status = 503
    register(webshop, app, "checkout.order.placed")
    for _ in range(10):
        webshop.buy(("KEU-1006", 1))
    for tries in (10, 20, 30, 40):
        wait_until(lambda tries=tries: len(webshop.state()["webhooks"]) == tries)  # type: ignore[misc]
        clock.advance(10)
    wait_until(lambda: webshop.state()["webhook_targets"][0]["active"] is False)
    app.status = 200
    webshop.buy(("KEU-1006", 1))
    threading.Event().wait(0.1)
    assert len(webshop.state()["webhooks"]) == 40


def test_a_webhook_that_is_none_is_refused(webshop: ShopwareCaller) -> None:
    path = "/orders/webshop/app/register_webhook"
    for wish in (
        {},
        {"url": "http://127.0.0.1:9"},
        {"url": "http://127.0.0.1:9", "secret": "s", "events": []},
    ):
        assert webshop.control("POST", path, wish).status_code == 409
    assert webshop.state()["webhook_targets"] == []


def test_the_readme_names_every_fault_every_action_and_every_member_of_an_order() -> None:
    text = README.read_text(encoding="utf-8")
    words = ShopwareStandIn.fault_kinds | ORDER_MEMBERS | LINE_MEMBERS | set(ACTIONS)
    assert sorted(word for word in words if f"`{word}`" not in text) == []


def test_every_example_of_the_readme_works(webshop: ShopwareCaller, webshop_65: ShopwareCaller) -> None:
    block = next(part for part in README.read_text(encoding="utf-8").split("```") if '"W-1"' in part)
    calls: list[list[str]] = []
    for word in shlex.split(block):
        if word == "curl":
            calls.append([])
        else:
            calls[-1].append(word)
    for words in calls:
        url = next(word for word in words if word.startswith("localhost:8700"))
        body = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
        method = "POST" if body or "-X" in words else "GET"
        reply = webshop.control(method, url.removeprefix("localhost:8700"), body)
        assert reply.status_code == 200, (words, reply.text)
    assert len(calls) == 6
    (order,) = webshop.state()["orders"]
    assert (order["order_number"], order["state"], order["deliveries"][0]["state"]) == (
        "W-1",
        "in_progress",
        "shipped",
    )
    assert len(webshop_65.state()["orders"][0]["lines"]) == 5


def test_the_info_calls_tell_the_version(webshop: ShopwareCaller) -> None:
    config = webshop.call("GET", "/api/_info/config").json()
    assert (config["version"], config["adminWorker"]["transports"]) == ("6.6.10.2", ["async"])
