"""Returns of the bol stand-in, and the signed messages it sends to subscribers."""

import base64
import hashlib
import http.server
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from order_pipelines_tests.sandbox.bol_caller import BolCaller, StandingClock

SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def test_a_return_is_listed_and_shown(main: BolCaller, clock: StandingClock) -> None:
    order_id = main.buy(("KEU-1001", 2))
    main.act(order_id, "ship")
    done = main.act(order_id, "return", quantity=1, reason="Verkeerd besteld", comments="te zwaar")
    row = {
        "returnId": done["return_id"],
        "registrationDateTime": "2026-11-18T10:30:15+01:00",
        "fulfilmentMethod": "FBR",
        "returnItems": [
            {
                "rmaId": done["rma_id"],
                "orderId": order_id,
                "ean": "8720999001018",
                "expectedQuantity": 1,
                "returnReason": {"mainReason": "Verkeerd besteld", "customerComments": "te zwaar"},
                "handled": False,
                "processingResults": [],
            }
        ],
    }
    assert main.get("/retailer/returns").json() == {"returns": [row]}
    detail = main.get(f"/retailer/returns/{done['return_id']}").json()
    assert detail["returnItems"][0]["title"] == "Koekenpan 28 cm gietijzer"
    assert detail["returnItems"][0]["customerDetails"]["countryCode"] == "NL"
    assert main.detail(order_id)["orderItems"][0]["quantityCancelled"] == 0


def test_handled_returns_are_listed_apart(main: BolCaller) -> None:
    order_id = main.buy(("KEU-1001", 2))
    main.act(order_id, "ship")
    open_one = main.act(order_id, "return")
    handled = main.act(order_id, "return", handled=True)
    unhandled = main.get("/retailer/returns", handled="false").json()["returns"]
    assert [entry["returnId"] for entry in unhandled] == [open_one["return_id"]]
    (entry,) = main.get("/retailer/returns", handled="true").json()["returns"]
    assert entry["returnId"] == handled["return_id"]
    assert entry["returnItems"][0]["processingResults"] == [
        {
            "quantity": 1,
            "processingResult": "ACCEPTED",
            "handlingResult": "RETURN_RECEIVED",
            "processingDateTime": "2026-11-18T10:30:15+01:00",
        }
    ]
    assert main.get("/retailer/returns", fulfilment_method="FBB").json() == {}


def test_no_more_can_come_back_than_was_shipped(main: BolCaller) -> None:
    order_id = main.buy(("KEU-1001", 1))
    path = f"/orders/bol_main/{order_id}/return"
    assert main.control("POST", path, {}).status_code == 409
    main.act(order_id, "ship")
    main.act(order_id, "return")
    assert main.control("POST", path, {}).status_code == 409
    assert len(main.state()["returns"]) == 1


@dataclass
class Mailbox:
    """A receiver of webhooks that answers with ``status``."""

    url: str = ""
    status: int = 200
    received: list[tuple[bytes, str]] = field(default_factory=list)

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """The events received, once there are ``count`` of them."""
        until = time.monotonic() + 5
        while len(self.received) < count and time.monotonic() < until:
            time.sleep(0.01)
        assert len(self.received) >= count
        return [orjson.loads(body) for body, _ in self.received]


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            box.received.append((body, self.headers["Signature"]))
            self.send_response(box.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    box.url = f"http://127.0.0.1:{server.server_address[1]}/bol"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield box
    server.shutdown()
    thread.join()
    server.server_close()


def subscribe(caller: BolCaller, url: str, *resources: str) -> str:
    body = {"resources": list(resources), "url": url, "subscriptionType": "WEBHOOK"}
    reply = caller.call("POST", "/retailer/subscriptions", json=body)
    caller.sandbox.clock.set_offset(caller.sandbox.clock.offset_s + 1)
    status = caller.status(reply)
    assert (status["eventType"], status["status"]) == ("CREATE_SUBSCRIPTION", "SUCCESS")
    return str(status["entityId"])


def signature_is_good(caller: BolCaller, body: bytes, header: str) -> bool:
    """Check RSA PKCS#1 v1.5 with the published key, by hand."""
    (key,) = caller.get("/retailer/subscriptions/signature-keys").json()["signatureKeys"]
    assert (key["id"], key["type"]) == ("0", "RSA")
    der = base64.b64decode(key["publicKey"])
    # SubjectPublicKeyInfo of a 2048-bit key: 33 bytes of wrapping, the modulus, then 02 03 01 00 01.
    assert der[-5:] == b"\x02\x03\x01\x00\x01"
    modulus = int.from_bytes(der[33:-5], "big")
    assert modulus.bit_length() == 2048
    prefix = 'keyId=0, algorithm="rsa-sha256", signature='
    assert header.startswith(prefix)
    signed = int.from_bytes(base64.b64decode(header.removeprefix(prefix)), "big")
    digest = SHA256_INFO + hashlib.sha256(body).digest()
    wanted = b"\x00\x01" + b"\xff" * (256 - 3 - len(digest)) + b"\x00" + digest
    return pow(signed, 65537, modulus).to_bytes(256, "big") == wanted


def test_events_arrive_signed(main: BolCaller, mailbox: Mailbox) -> None:
    subscribe(main, mailbox.url, "ORDER", "SHIPMENT")
    order_id = main.buy(("KEU-1001", 1))
    done = main.act(order_id, "ship")
    events = mailbox.wait_for(2)
    assert [(event["event"]["resource"], event["event"]["resourceId"]) for event in events] == [
        ("ORDER", order_id),
        ("SHIPMENT", done["shipment_id"]),
    ]
    assert events[0]["timestamp"] == "2026-11-18T10:30:16+01:00"
    assert signature_is_good(main, *mailbox.received[0])
    assert not signature_is_good(main, mailbox.received[1][0], mailbox.received[0][1])


def test_the_retailer_id_is_sometimes_a_number(main: BolCaller, mailbox: Mailbox) -> None:
    subscribe(main, mailbox.url, "ORDER")
    for _ in range(4):
        main.buy(("KEU-1001", 1))
    ids = [event["retailerId"] for event in mailbox.wait_for(4)]
    assert {type(retailer_id) for retailer_id in ids} == {int, str}
    assert {str(retailer_id) for retailer_id in ids} == {"1234501"}


def test_events_can_come_twice_late_and_from_unknown_resources(main: BolCaller, mailbox: Mailbox) -> None:
    subscribe(main, mailbox.url, "ORDER")
    main.fault("reorder_webhook")
    first, second = main.buy(("KEU-1001", 1)), main.buy(("KEU-1002", 1))
    assert [event["event"]["resourceId"] for event in mailbox.wait_for(2)] == [second, first]
    main.fault("duplicate_webhook")
    third = main.buy(("KEU-1004", 1))
    assert [event["event"]["resourceId"] for event in mailbox.wait_for(4)][2:] == [third, third]
    main.fault("unknown_resource_webhook")
    main.buy(("KEU-1004", 1))
    assert mailbox.wait_for(6)[5]["event"]["resource"] == "MOON_PHASE"


def test_a_lost_event_never_comes(main: BolCaller, mailbox: Mailbox) -> None:
    subscribe(main, mailbox.url, "ORDER")
    main.fault("lost_webhook")
    main.buy(("KEU-1001", 1))
    kept = main.buy(("KEU-1002", 1))
    assert [event["event"]["resourceId"] for event in mailbox.wait_for(1)] == [kept]


def test_a_process_that_ends_is_told(main: BolCaller, mailbox: Mailbox, clock: StandingClock) -> None:
    subscribe(main, mailbox.url, "PROCESS_STATUS")
    reply = main.cancel(main.item_id(main.buy(("KEU-1001", 1))))
    clock.advance(1)
    # The first message tells of the subscription itself.
    event = mailbox.wait_for(2)[-1]["event"]
    assert event == {
        "resource": "PROCESS_STATUS",
        "type": "SUCCESS",
        "resourceId": reply.json()["processStatusId"],
    }


def test_ten_failures_switch_a_subscription_off(
    main: BolCaller, mailbox: Mailbox, clock: StandingClock
) -> None:
    mailbox.status = 500
    subscription_id = subscribe(main, mailbox.url, "ORDER")
    main.buy(("KEU-1001", 1))
    for attempt in range(1, 11):
        mailbox.wait_for(attempt)
        clock.advance(60)
    main.new_token()
    until = time.monotonic() + 5
    path = f"/retailer/subscriptions/{subscription_id}"
    while main.get(path).json()["enabled"] and time.monotonic() < until:
        time.sleep(0.01)
        clock.advance(1)
    assert main.get(path).json()["enabled"] is False
    main.buy(("KEU-1002", 1))
    clock.advance(600)
    main.state()
    assert len(mailbox.received) == 10
    assert [entry["status"] for entry in main.state()["webhooks"]] == [500] * 10


def test_a_test_message_can_be_asked_for(main: BolCaller, mailbox: Mailbox, clock: StandingClock) -> None:
    subscription_id = subscribe(main, mailbox.url, "ORDER")
    reply = main.call("POST", f"/retailer/subscriptions/test/{subscription_id}")
    assert reply.json()["eventType"] == "SEND_SUBSCRIPTION_TST_MSG"
    clock.advance(1)
    main.status(reply)
    assert mailbox.wait_for(1)[0]["event"]["resource"] == "TEST"


def test_subscriptions_are_changed_and_deleted(main: BolCaller, clock: StandingClock) -> None:
    subscription_id = subscribe(main, "https://merchant.example/bol", "SHIPMENT")
    path = f"/retailer/subscriptions/{subscription_id}"
    shape = {
        "id": subscription_id,
        "resources": ["SHIPMENT"],
        "url": "https://merchant.example/bol",
        "subscriptionType": "WEBHOOK",
        "enabled": True,
    }
    assert main.get("/retailer/subscriptions").json() == {"subscriptions": [shape]}
    main.call("PUT", path, json={**shape, "enabled": False})
    clock.advance(1)
    assert main.get(path).json() == {**shape, "enabled": False}
    main.call("DELETE", path)
    clock.advance(1)
    assert main.get(path).status_code == 404
    assert main.get("/retailer/subscriptions").json() == {"subscriptions": []}


@pytest.mark.parametrize(
    ("change", "violation"),
    [
        ({"resources": []}, "resources"),
        ({"resources": ["OFFER_FOR_SALE"]}, "resources"),
        ({"url": "http://merchant.example/bol"}, "url"),
        ({"subscriptionType": "MAIL"}, "subscriptionType"),
        ({"subscriptionType": "AWS_SQS"}, "identity"),
    ],
)
def test_a_wrong_subscription_is_refused(main: BolCaller, change: dict[str, Any], violation: str) -> None:
    body = {"resources": ["ORDER"], "url": "https://a.example", "subscriptionType": "WEBHOOK", **change}
    reply = main.call("POST", "/retailer/subscriptions", json=body)
    assert reply.status_code == 400
    assert [entry["name"] for entry in reply.json()["violations"]] == [violation]
