"""Calls the Shopware stand-in so that it gives every answer it has: each operation well, badly, with each fault."""

from dataclasses import dataclass
from typing import Any

import requests

from order_pipelines.sandbox.shopware.calls import READABLE
from order_pipelines.sandbox.shopware.schema import ENTITIES
from order_pipelines.sandbox.shopware.writes import WRITABLE
from order_pipelines_tests.conformance.exchanges import RecordedSandbox
from order_pipelines_tests.sandbox.shopware_caller import ShopwareCaller

FAULTS = ("401", "403", "404", "429", "429_without_retry_after", "500", "503", "504")
_NOBODY = "0" * 32


@dataclass(frozen=True)
class Call:
    """One call as its caller means it."""

    method: str
    path: str
    body: Any = None
    is_shaped: bool = False


class _Shop:
    """A merchant with an order of all kinds of lines, and one that is paid, shipped and invoiced."""

    def __init__(self, sandbox: RecordedSandbox) -> None:
        self.caller = ShopwareCaller(sandbox, "webshop")
        inside = [{"sku": "KEU-1006", "quantity": 1}]
        buy = self.caller.buy
        self.order_id = buy(
            ("KEU-1001", 2),
            {"type": "container", "children": inside},
            {"type": "credit", "unit_price": "2"},
            promotion="3",
            shipping_discount="1",
            payments=["failed", "open"],
            tags=["haast"],
            business=True,
            comment="Achterom",
        )
        buy(("KEU-1001", 1), tax_status="net", guest=True)
        buy(("KEU-1001", 1), tax_status="tax-free", currency="GBP", ship_country="GB")
        state = self.caller.state()
        self.product_id = self.caller.offer("KEU-1003")["offer_id"]
        order = next(row for row in state["orders"] if row["order_id"] == self.order_id)
        self.delivery_id = order["deliveries"][0]["delivery_id"]
        self.transaction_id = order["transactions"][1]["transaction_id"]
        self.create = "/api/_action/order/document/invoice/create"
        made = self.caller.call("POST", self.create, json=[self._invoice(self.order_id)]).json()["data"][0]
        self.file = f"/api/_action/document/{made['documentId']}/{made['documentDeepLink']}"
        self.ids = {name: self.caller.found(ENTITIES[name].path, limit=1)[0]["id"] for name in READABLE} | {
            "order": self.order_id,
            "order_delivery": self.delivery_id,
            "product": self.product_id,
        }

    @staticmethod
    def _invoice(order_id: str) -> dict[str, str]:
        return {"orderId": order_id, "type": "invoice", "fileType": "pdf"}

    def good_calls(self) -> list[Call]:
        """One call of each operation that is answered with success, again and again."""
        calls = [
            Call("POST", "/api/_action/sync", self._sync({"id": self.product_id, "stock": 9})),
            Call("POST", f"/api/_action/order/{self.order_id}/state/process", {"sendMail": False}),
            Call("POST", f"/api/_action/order_delivery/{self.delivery_id}/state/ship"),
            Call(
                "POST",
                f"/api/_action/order_transaction/{self.transaction_id}/state/paid",
                {"sendMail": False},
            ),
            Call("GET", f"/api/_action/state-machine/order/{self.order_id}/state"),
            Call("POST", self.create, [self._invoice(self.order_id), self._invoice(_NOBODY)]),
            Call("GET", self.file),
            Call("GET", "/api/_info/version"),
            Call("GET", "/api/_info/config"),
        ]
        for name in READABLE:
            entity = ENTITIES[name]
            associations: dict[str, Any] = {one: {} for one in entity.associations}
            criteria = {"limit": 10, "page": 1, "total-count-mode": 1, "associations": associations}
            calls.append(Call("POST", f"/api/search/{entity.path}", criteria, is_shaped=True))
            calls.append(Call("GET", f"/api/{entity.path}/{self.ids[name]}", is_shaped=True))
        changes = {
            "product": {"stock": 8, "isCloseout": True},
            "order_delivery": {"trackingCodes": ["3SA"]},
            "order": {"customerComment": "Voordeur"},
        }
        for name in WRITABLE:
            calls.append(
                Call("PATCH", f"/api/{ENTITIES[name].path}/{self.ids[name]}", changes[name], is_shaped=True)
            )
        return calls

    @staticmethod
    def _sync(*rows: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"entity": "product", "action": "upsert", "payload": list(rows)}]

    def other_calls(self) -> list[Call]:
        """Calls for nothing, wrong ones, and other ways to say the same."""
        named = {
            "stock": {
                "entity": "product",
                "action": "upsert",
                "payload": [{"id": self.product_id, "stock": 1}],
            }
        }
        gone = [{"entity": "product", "action": "delete", "payload": [{"id": _NOBODY}]}]
        deep = {
            "ids": [self.order_id],
            "associations": {
                "lineItems": {"associations": {"product": {"associations": {"tax": {}}}, "children": {}}},
                "deliveries": {
                    "associations": {
                        "positions": {},
                        "shippingOrderAddress": {"associations": {"country": {}}},
                    }
                },
                "orderCustomer": {"associations": {"customer": {"associations": {"addresses": {}}}}},
                "language": {"associations": {"locale": {}}},
                "stateMachineState": {"associations": {"stateMachine": {}}},
                "documents": {"associations": {"documentType": {}}},
            },
        }
        calls = [
            Call("POST", "/api/search/order", deep, is_shaped=True),
            Call("POST", "/api/search/order", {"limit": 5, "term": "10001", "total-count-mode": 2}),
            Call("POST", "/api/_action/sync", named),
            Call("POST", "/api/_action/sync", gone),
            Call("POST", "/api/_action/sync", self._sync({"id": _NOBODY, "stock": 1})),
            Call("POST", self.create, {"orderId": self.order_id}),
            Call("GET", f"/api/_action/document/{_NOBODY}/{_NOBODY}"),
            Call("GET", f"/api/_action/state-machine/order/{_NOBODY}/state"),
            Call("POST", "/api/search/nothing", {}),
            Call("GET", "/api/search/order"),
        ]
        calls += [
            Call("POST", f"/api/_action/{machine}/{_NOBODY}/state/cancel")
            for machine in ("order", "order_delivery", "order_transaction")
        ]
        for name in READABLE:
            path = ENTITIES[name].path
            calls.append(Call("POST", f"/api/search/{path}", {"sort": [{"order": "ASC"}]}))
            calls.append(Call("GET", f"/api/{path}/{_NOBODY}"))
        wrong = {
            "product": {"stock": "many"},
            "order_delivery": {"trackingCodes": "3SA"},
            "order": {"customerComment": 5},
        }
        for name in WRITABLE:
            path = ENTITIES[name].path
            calls.append(Call("PATCH", f"/api/{path}/{self.ids[name]}", wrong[name]))
            calls.append(Call("PATCH", f"/api/{path}/{_NOBODY}", {}))
        return calls

    def say(self, call: Call, **headers: str | None) -> requests.Response:
        """Make a call; headers that are ``None`` are left out."""
        more: dict[str, Any] = {} if call.body is None else {"json": call.body}
        if call.path.startswith("/api/_action/document/"):
            headers["Accept"] = "*/*"
        return self.caller.call(call.method, call.path, headers=headers, **more)


def drive_shopware(sandbox: RecordedSandbox) -> None:
    """Every operation: as it should be in both shapes, for nothing, wrong, without a token, with each fault."""
    shop = _Shop(sandbox)
    for call in [*shop.other_calls(), *shop.good_calls()]:
        shop.say(call)
    for call in shop.good_calls():
        if call.is_shaped:
            shaped = (
                Call(call.method, f"{call.path}?_response=detail", call.body)
                if call.method == "PATCH"
                else call
            )
            shop.say(shaped)
            shop.say(shaped, Accept="application/vnd.api+json")
            shop.say(shaped, Accept="text/html")
        shop.say(call, Authorization=None)
        shop.say(call, Authorization="Bearer nothing")
        for fault in FAULTS:
            shop.caller.fault(fault, match=call.path, method=call.method)
            shop.say(call)
    _log_in(shop.caller)


def _log_in(caller: ShopwareCaller) -> None:
    grant = caller.grant()
    pair = (grant["client_id"], grant["client_secret"])
    plain = {"grant_type": "client_credentials"}
    caller.ask_for_token(json=grant)
    caller.ask_for_token(data=grant)
    caller.ask_for_token(json=plain, auth=pair)
    caller.ask_for_token(json=plain, auth=(pair[0], "wrong"))
    caller.ask_for_token(json=grant | {"grant_type": "password"})
    for fault in FAULTS:
        caller.fault(fault, match="/oauth/token")
        caller.ask_for_token(json=grant)
