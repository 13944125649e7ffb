"""A plain caller of the Mirakl stand-in: it sends what a test tells it to and hides nothing."""

from dataclasses import dataclass, field
from typing import Any

import requests

from order_pipelines.sandbox.server import Sandbox

BLOKKER = "blokker"
SECOND = "mirakl_two"
STOCK_HEADER = '"offer-sku";"quantity";"warehouse-code";"update-delete"'


@dataclass
class MiraklCaller:
    """One seller at one operator, without any cleverness: no retries, no paging."""

    sandbox: Sandbox
    account: str
    _session: requests.Session = field(default_factory=requests.Session)

    @property
    def row(self) -> dict[str, Any]:
        return next(row for row in self.sandbox.systems() if row["account"] == self.account)

    @property
    def key(self) -> str:
        return str(self.row["credentials"]["api_key"])

    @property
    def base_url(self) -> str:
        return str(self.row["base_url"])

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {"Authorization": self.key, **more.pop("headers", {})}
        headers = {name: value for name, value in headers.items() if value is not None}
        return self._session.request(
            method, f"{self.base_url}/api{path}", headers=headers, timeout=10, **more
        )

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.call("GET", path, params=params)

    def orders(self, **params: Any) -> dict[str, Any]:
        """One page of OR11."""
        reply = self.get("/orders", **params)
        assert reply.status_code == 200, reply.text
        page: dict[str, Any] = reply.json()
        return page

    def order(self, order_id: str) -> dict[str, Any]:
        """One order as OR11 shows it, a minute after the last look."""
        self.sandbox.clock.set_offset(self.sandbox.clock.offset_s + 60)
        (found,) = self.orders(order_ids=order_id)["orders"]
        row: dict[str, Any] = found
        return row

    def decide(self, order_id: str, *accepted: bool) -> requests.Response:
        rows = [
            {"id": f"{order_id}-{number}", "accepted": one} for number, one in enumerate(accepted, start=1)
        ]
        return self.call("PUT", f"/orders/{order_id}/accept", json={"order_lines": rows})

    def upload(self, path: str, text: str, **fields: str) -> requests.Response:
        return self.call("POST", path, files={"file": ("import.csv", text, "text/csv")}, data=fields)

    def push_stock(self, *rows: str) -> requests.Response:
        return self.upload("/offers/stock/imports", "\n".join([STOCK_HEADER, *rows, ""]))

    def refund(self, line_id: str, amount: float, **more: Any) -> requests.Response:
        row = {
            "order_line_id": line_id,
            "amount": amount,
            "shipping_amount": 0,
            "reason_code": "17",
            "quantity": 0,
            "taxes": [{"code": "VAT", "amount": 0.5}],
            **more,
        }
        return self.call("PUT", "/orders/refund", json={"refunds": [row]})

    def cancel(self, line_id: str, quantity: int, amount: float, **more: Any) -> requests.Response:
        row = {
            "order_line_id": line_id,
            "amount": amount,
            "shipping_amount": 0,
            "reason_code": "34",
            "quantity": quantity,
            "taxes": [{"code": "VAT", "amount": 0.5}],
            **more,
        }
        return self.call("PUT", "/orders/cancel", json={"cancelations": [row]})

    def state(self) -> dict[str, Any]:
        return self.sandbox.mirakl.state(self.account)

    def offer(self, sku: str) -> dict[str, Any]:
        return next(offer for offer in self.state()["offers"] if offer["sku"] == sku)

    def order_state(self, order_id: str) -> str:
        return next(str(order["state"]) for order in self.state()["orders"] if order["order_id"] == order_id)

    # Through the control port, as a user would.

    def control(self, method: str, path: str, body: Any = None) -> requests.Response:
        return requests.request(method, f"{self.sandbox.control_url}{path}", json=body, timeout=10)

    def buy(self, *lines: tuple[str, int], **more: Any) -> str:
        """Let a customer buy lines of (SKU, quantity) here."""
        rows = [{"sku": sku, "quantity": pieces} for sku, pieces in lines]
        reply = self.control("POST", "/orders", {"account": self.account, "lines": rows, **more})
        assert reply.status_code == 200, reply.text
        return str(reply.json()["external_order_id"])

    def act(self, order_id: str, action: str, **detail: Any) -> dict[str, Any]:
        reply = self.control("POST", f"/orders/{self.account}/{order_id}/{action}", detail)
        assert reply.status_code == 200, reply.text
        done: dict[str, Any] = reply.json()
        return done

    def fault(self, kind: str, **more: Any) -> None:
        reply = self.control("POST", "/faults", {"system": "mirakl", "kind": kind, **more})
        assert reply.status_code == 200, reply.text

    def wait(self, seconds: float) -> None:
        """Let the world's time pass."""
        self.sandbox.clock.set_offset(self.sandbox.clock.offset_s + seconds)

    def paid_order(self, *lines: tuple[str, int], **more: Any) -> str:
        """Return an order that is accepted and paid."""
        order_id = self.buy(*lines, **more)
        self.act(order_id, "accept")
        self.act(order_id, "pay")
        return order_id

    def shipped_order(self, *lines: tuple[str, int], **more: Any) -> str:
        """Return an order that is accepted, paid and shipped."""
        order_id = self.paid_order(*lines, **more)
        self.act(order_id, "ship")
        return order_id
