"""Calls the bol stand-in so that it gives every answer that it has: each operation well, badly, and with each fault."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

from order_pipelines_tests.conformance.exchanges import RecordedSandbox
from order_pipelines_tests.sandbox.bol_caller import V10, V10_CSV, V11, BolCaller
from order_pipelines_tests.services.shop_world import MAIN

FAULTS = ("401", "403", "404", "406", "408", "429", "429_without_retry_after", "500", "502", "503", "504")
_NOBODY = "6ff736b5-cdd0-4150-8c67-78269ee986f5"
_WEBHOOK = {
    "resources": ["PROCESS_STATUS"],
    "url": "http://127.0.0.1:9/bol",
    "subscriptionType": "WEBHOOK",
    "enabled": False,
}


@dataclass(frozen=True)
class Call:
    """One call as its caller means it."""

    method: str
    path: str
    media: str = V10
    body: Any = None
    query: tuple[tuple[str, str], ...] = ()


class _Bol:
    """A merchant with an order of three items, of which one is shipped, one came back, and one is open."""

    def __init__(self, sandbox: RecordedSandbox) -> None:
        self.sandbox = sandbox
        self.caller = BolCaller(sandbox, MAIN)
        self.order_id = self.caller.buy(("KEU-1001", 2), ("KEU-1003", 1), ("VER-6002", 1), business=True)
        self.items = [self.caller.item_id(self.order_id, number) for number in range(3)]
        self.offer_id = self.caller.offer_of("KEU-1001")["offer_id"]
        shipped = self.caller.act(self.order_id, "ship", sku="KEU-1001")
        self.shipment_id, self.transport_id = shipped["shipment_id"], shipped["transport_id"]
        self.return_id = self.caller.act(self.order_id, "return", quantity=1, sku="KEU-1001")["return_id"]
        self.status_id = self._done("POST", "/retailer/offers/export", {"format": "CSV"})["processStatusId"]
        self.report_id = self._status(self.status_id)["entityId"]
        self.subscription_id = self._status(
            self._done("POST", "/retailer/subscriptions", _WEBHOOK)["processStatusId"]
        )["entityId"]

    def _done(self, method: str, path: str, body: Any) -> Any:
        answer = self.caller.call(method, path, json=body).json()
        self.sandbox.clock.set_offset(self.sandbox.clock.offset_s + 60)
        return answer

    def _status(self, status_id: str) -> Any:
        return self.caller.get(f"/shared/process-status/{status_id}").json()

    def say(self, call: Call, **headers: str | None) -> requests.Response:
        """Make a call; headers that are ``None`` are left out."""
        more: dict[str, Any] = {} if call.body is None else {"json": call.body}
        return self.caller.call(
            call.method, call.path, call.media, params=list(call.query), headers=headers, **more
        )

    def good_calls(self) -> list[Call]:
        """One call of each operation that is answered with success, again and again."""
        shop, item = "/retailer", self.items[1]
        offer, v11_stock = (
            f"{shop}/offers/{self.offer_id}",
            {"stock": {"amount": 7, "managedByRetailer": True}},
        )
        shipment = {
            "orderItems": [{"orderItemId": item, "quantity": 1}],
            "transport": {"transporterCode": "TNT"},
        }
        cancellation = {"orderItems": [{"orderItemId": item, "reasonCode": "OUT_OF_STOCK"}]}
        return [
            Call(
                "GET",
                f"{shop}/orders",
                query=(("status", "ALL"), ("fulfilment-method", "ALL"), ("page", "1")),
            ),
            Call("GET", f"{shop}/orders/{self.order_id}"),
            Call("PUT", f"{shop}/orders/cancellation", body=cancellation),
            Call("GET", f"{shop}/shipments", query=(("order-id", self.order_id),)),
            Call("GET", f"{shop}/shipments/{self.shipment_id}"),
            Call("POST", f"{shop}/shipments", body=shipment),
            Call(
                "PUT",
                f"{shop}/transports/{self.transport_id}",
                body={"transporterCode": "DPD-NL", "trackAndTrace": "05"},
            ),
            Call("GET", f"{shop}/returns", query=(("handled", "false"),)),
            Call("GET", f"{shop}/returns/{self.return_id}"),
            Call("GET", f"{shop}/offers", V11, query=(("page-size", "25"), ("for-sale", "true"))),
            Call("GET", offer, V11),
            Call("PATCH", offer, V11, v11_stock),
            Call("GET", f"{offer}/not-for-sale-reasons", V11),
            Call("GET", offer),
            Call("PUT", f"{offer}/stock", body={"amount": 5, "managedByRetailer": True}),
            Call("POST", f"{shop}/offers/export", body={"format": "CSV"}),
            Call("GET", f"{shop}/offers/export/{self.report_id}", V10_CSV),
            Call("GET", f"{shop}/subscriptions"),
            Call("POST", f"{shop}/subscriptions", body=_WEBHOOK),
            Call("GET", f"{shop}/subscriptions/signature-keys"),
            Call("POST", f"{shop}/subscriptions/test/{self.subscription_id}"),
            Call("GET", f"{shop}/subscriptions/{self.subscription_id}"),
            Call("PUT", f"{shop}/subscriptions/{self.subscription_id}", body=_WEBHOOK),
            Call("DELETE", f"{shop}/subscriptions/{self.subscription_id}"),
            Call("GET", f"/shared/process-status/{self.status_id}"),
            Call(
                "GET",
                "/shared/process-status",
                query=(("entity-id", self.items[0]), ("event-type", "CREATE_SHIPMENT")),
            ),
            Call(
                "POST",
                "/shared/process-status",
                body={"processStatusQueries": [{"processStatusId": self.status_id}]},
            ),
        ]

    def calls_for_nothing(self) -> list[Call]:
        """Calls for what is not there, and for the page after the last."""
        shop = "/retailer"
        return [
            *(
                Call("GET", f"{shop}/{kind}", query=(("page", "9"),))
                for kind in ("orders", "shipments", "returns")
            ),
            *(
                Call("GET", f"{shop}/{kind}/0")
                for kind in ("orders", "shipments", "returns", "subscriptions")
            ),
            Call("GET", "/shared/process-status/0"),
            Call(
                "GET", "/shared/process-status", query=(("entity-id", "0"), ("event-type", "CREATE_SHIPMENT"))
            ),
            Call("POST", "/shared/process-status", body={"processStatusQueries": [{"processStatusId": "0"}]}),
            Call("GET", f"{shop}/offers/{_NOBODY}"),
            Call("GET", f"{shop}/offers/export/0", V10_CSV),
            Call("GET", f"{shop}/offers", V11, query=(("reference", "nothing"),)),
            Call("GET", f"{shop}/offers/{_NOBODY}", V11),
            Call("PATCH", f"{shop}/offers/{_NOBODY}", V11, {"stock": {"amount": 1}}),
            Call("GET", f"{shop}/offers/{_NOBODY}/not-for-sale-reasons", V11),
            Call("GET", f"{shop}/nothing"),
        ]

    def bad_calls(self) -> list[Call]:
        """Calls that are refused for what they say."""
        shop = "/retailer"
        return [
            Call("GET", f"{shop}/orders", query=(("change-interval-minute", "61"),)),
            Call(
                "PUT",
                f"{shop}/orders/cancellation",
                body={"orderItems": [{"orderItemId": "1", "reasonCode": "NO"}]},
            ),
            Call("GET", f"{shop}/shipments", query=(("fulfilment-method", "XYZ"),)),
            Call("POST", f"{shop}/shipments", body={"orderItems": []}),
            Call("PUT", f"{shop}/transports/{self.transport_id}", body={"transporterCode": "TNT"}),
            Call("GET", f"{shop}/returns", query=(("handled", "maybe"),)),
            Call("GET", f"{shop}/offers", V11, query=(("page-size", "101"),)),
            Call("PATCH", f"{shop}/offers/{self.offer_id}", V11, {"stock": {"amount": "many"}}),
            Call(
                "PUT",
                f"{shop}/offers/{self.offer_id}/stock",
                body={"amount": 1000, "managedByRetailer": True},
            ),
            Call("POST", f"{shop}/offers/export", body={"format": "XML"}),
            Call("POST", f"{shop}/subscriptions", body=_WEBHOOK | {"resources": ["NOTHING"]}),
            Call(
                "PUT",
                f"{shop}/subscriptions/{self.subscription_id}",
                body=_WEBHOOK | {"resources": ["NOTHING"]},
            ),
            Call("GET", "/shared/process-status", query=(("event-type", "CREATE_SHIPMENT"),)),
            Call("POST", "/shared/process-status", body={"processStatusQueries": []}),
            Call("DELETE", f"{shop}/orders"),
        ]


def drive_bol(sandbox: RecordedSandbox) -> None:
    """Every operation: as it should be, for nothing, wrong, with a bad header, without a token, with each fault."""
    bol = _Bol(sandbox)
    for call in [*bol.bad_calls(), *bol.calls_for_nothing(), *bol.good_calls()]:
        bol.say(call)
    for call in bol.good_calls():
        bol.say(call, Accept="application/json")
        if call.body is not None:
            bol.say(call, **{"Content-Type": "application/json"})
        bol.say(call, Authorization=None)
        bol.say(call, Authorization="Bearer nothing")
        for fault in FAULTS:
            bol.caller.fault(fault, match=call.path, method=call.method)
            # Whoever is told 406 has asked for something else than there is.
            bol.say(call, Accept="text/html" if fault == "406" else call.media)
    _expire(bol)
    _log_in_badly(bol)


def _expire(bol: _Bol) -> None:
    token = bol.caller.token()
    bol.sandbox.clock.set_offset(bol.sandbox.clock.offset_s + 600)
    for call in bol.good_calls():
        bol.say(call, Authorization=f"Bearer {token}")


def _log_in_badly(bol: _Bol) -> None:
    row = bol.caller.row
    address, pair = row["token_url"], (row["credentials"]["client_id"], row["credentials"]["client_secret"])
    good = {"grant_type": "client_credentials"}
    asks: list[Callable[[], requests.Response]] = [
        lambda: requests.post(address, data=good, auth=pair, timeout=5),
        lambda: requests.post(address, params=good, auth=pair, timeout=5),
        lambda: requests.post(address, data=good, auth=(pair[0], "wrong"), timeout=5),
        lambda: requests.post(address, data={"grant_type": "password"}, auth=pair, timeout=5),
        lambda: requests.get(address, auth=pair, timeout=5),
    ]
    for ask in asks:
        ask()
    for fault in FAULTS:
        bol.caller.fault(fault, match="/token")
        accepted = {"Accept": "text/html" if fault == "406" else "*/*"}
        requests.post(address, data=good, auth=pair, headers=accepted, timeout=5)
