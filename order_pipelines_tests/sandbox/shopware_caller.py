"""A plain caller of the Shopware stand-in: it sends what a test tells it to and hides nothing."""

from dataclasses import dataclass, field
from typing import Any

import requests

from order_pipelines.sandbox.server import Sandbox

LIVE = "0fa91ce3e96a4bc2be4bd9ce752c3425"
ORDER_ASSOCIATIONS: dict[str, Any] = {
    "orderCustomer": {},
    "currency": {},
    "stateMachineState": {},
    "billingAddress": {"associations": {"country": {}}},
    "lineItems": {"associations": {"product": {}}},
    "deliveries": {
        "associations": {
            "stateMachineState": {},
            "shippingMethod": {},
            "shippingOrderAddress": {"associations": {"country": {}}},
            "positions": {},
        }
    },
    "transactions": {"associations": {"stateMachineState": {}, "paymentMethod": {}}},
}


@dataclass
class ShopwareCaller:
    """One integration without any cleverness: one token, no retries."""

    sandbox: Sandbox
    account: str
    _token: str = ""
    _session: requests.Session = field(default_factory=requests.Session)

    @property
    def row(self) -> dict[str, Any]:
        return next(row for row in self.sandbox.systems() if row["account"] == self.account)

    @property
    def base_url(self) -> str:
        return str(self.row["base_url"])

    def token(self) -> str:
        if not self._token:
            reply = self.ask_for_token(json=self.grant())
            assert reply.status_code == 200, reply.text
            self._token = reply.json()["access_token"]
        return self._token

    def forget_token(self) -> None:
        self._token = ""

    def grant(self, **more: str) -> dict[str, str]:
        return {"grant_type": "client_credentials", **self.row["credentials"], **more}

    def ask_for_token(self, **more: Any) -> requests.Response:
        return self._session.post(self.row["token_url"], timeout=20, **more)

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {
            "Authorization": f"Bearer {self.token()}",
            "Accept": "application/json",
            **more.pop("headers", {}),
        }
        headers = {name: value for name, value in headers.items() if value is not None}
        return self._session.request(method, f"{self.base_url}{path}", headers=headers, timeout=20, **more)

    def search(self, entity: str, **criteria: Any) -> requests.Response:
        headers = criteria.pop("headers", {})
        body = {name.replace("_", "-"): value for name, value in criteria.items()}
        return self.call("POST", f"/api/search/{entity}", json=body, headers=headers)

    def found(self, entity: str, **criteria: Any) -> list[dict[str, Any]]:
        reply = self.search(entity, **criteria)
        assert reply.status_code == 200, reply.text
        rows: list[dict[str, Any]] = reply.json()["data"]
        return rows

    def order(self, order_id: str, **more: Any) -> dict[str, Any]:
        """One order with all that a client wants to know of it."""
        (row,) = self.found("order", ids=[order_id], associations=ORDER_ASSOCIATIONS, **more)
        return row

    def sync(self, *rows: dict[str, Any], entity: str = "product", **headers: str) -> requests.Response:
        body = [{"entity": entity, "action": "upsert", "payload": list(rows)}]
        return self.call("POST", "/api/_action/sync", json=body, headers=headers)

    def move(self, machine: str, row_id: str, transition: str, **body: Any) -> requests.Response:
        path = f"/api/_action/{machine}/{row_id}/state/{transition}"
        return self.call("POST", path, **({"json": body} if body else {}))

    def state(self) -> dict[str, Any]:
        return self.sandbox.shopware.state(self.account)

    def offer(self, sku: str) -> dict[str, Any]:
        return next(offer for offer in self.state()["offers"] if offer["sku"] == sku)

    def stock(self, sku: str) -> tuple[int, int]:
        """Stock and available stock of a product."""
        offer = self.offer(sku)
        return offer["stock"], offer["available_stock"]

    # Through the control port, as a user would.

    def control(self, method: str, path: str, body: Any = None) -> requests.Response:
        return requests.request(method, f"{self.sandbox.control_url}{path}", json=body, timeout=20)

    def buy(self, *lines: tuple[str, int] | dict[str, Any], **more: Any) -> str:
        """Let a shopper buy lines of (SKU, quantity) or in the control port's own words."""
        rows = [line if isinstance(line, dict) else {"sku": line[0], "quantity": line[1]} for line in lines]
        reply = self.control("POST", "/orders", {"account": self.account, "lines": rows, **more})
        assert reply.status_code == 200, reply.text
        return str(reply.json()["external_order_id"])

    def act(self, order_id: str, action: str, **detail: Any) -> dict[str, Any]:
        reply = self.control("POST", f"/orders/{self.account}/{order_id}/{action}", detail)
        assert reply.status_code == 200, reply.text
        done: dict[str, Any] = reply.json()
        return done

    def fault(self, kind: str, **more: Any) -> None:
        reply = self.control("POST", "/faults", {"system": "shopware", "kind": kind, **more})
        assert reply.status_code == 200, reply.text


def error(reply: requests.Response) -> dict[str, Any]:
    """The first error of an answer."""
    found: dict[str, Any] = reply.json()["errors"][0]
    return found
