"""A plain caller of the bol stand-in: it sends what a test tells it to and hides nothing."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from order_pipelines.sandbox.server import Sandbox
from order_pipelines.sandbox.standin import VirtualClock

V10 = "application/vnd.retailer.v10+json"
V10_CSV = "application/vnd.retailer.v10+csv"
V11 = "application/vnd.retailer.v11+json"

START = datetime(2026, 11, 18, 9, 30, 15, tzinfo=UTC)
"""A Wednesday, 10:30:15 on the Dutch wall clock, winter time."""


class StandingClock(VirtualClock):
    """A world in which time passes only when the offset is moved."""

    def now(self) -> datetime:
        return START + timedelta(seconds=self.offset_s)

    def advance(self, seconds: float = 0, **more: float) -> None:
        self.set_offset(self.offset_s + timedelta(seconds=seconds, **more).total_seconds())


@dataclass
class BolCaller:
    """One account's API client without any cleverness: one token, no retries."""

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
            self._token = self.new_token()
        return self._token

    def new_token(self) -> str:
        credentials = self.row["credentials"]
        reply = requests.post(
            self.row["token_url"],
            data={"grant_type": "client_credentials"},
            auth=(credentials["client_id"], credentials["client_secret"]),
            timeout=5,
        )
        assert reply.status_code == 200, reply.text
        self._token = reply.json()["access_token"]
        return self._token

    def call(self, method: str, path: str, media: str = V10, **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token()}", "Accept": media, **more.pop("headers", {})}
        if "json" in more and "Content-Type" not in headers:
            headers["Content-Type"] = media
        headers = {name: value for name, value in headers.items() if value is not None}
        return self._session.request(method, f"{self.base_url}{path}", headers=headers, timeout=5, **more)

    def get(self, path: str, media: str = V10, **params: Any) -> requests.Response:
        return self.call(
            "GET", path, media, params={name.replace("_", "-"): value for name, value in params.items()}
        )

    def order_ids(self, **params: Any) -> list[str]:
        """Ids of one page of the order list."""
        reply = self.get("/retailer/orders", **params)
        assert reply.status_code == 200, reply.text
        return [row["orderId"] for row in reply.json().get("orders", [])]

    def detail(self, order_id: str) -> dict[str, Any]:
        reply = self.get(f"/retailer/orders/{order_id}")
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    def item_id(self, order_id: str, position: int = 0) -> str:
        return str(self.detail(order_id)["orderItems"][position]["orderItemId"])

    def ship(self, *items: tuple[str, int | None], **more: Any) -> requests.Response:
        rows = [
            {"orderItemId": item} | ({} if pieces is None else {"quantity": pieces}) for item, pieces in items
        ]
        body = {
            "orderItems": rows,
            "transport": {"transporterCode": "TNT", "trackAndTrace": "3SBOL1"},
            **more,
        }
        return self.call("POST", "/retailer/shipments", json=body)

    def cancel(self, item_id: str, reason: str = "OUT_OF_STOCK") -> requests.Response:
        body = {"orderItems": [{"orderItemId": item_id, "reasonCode": reason}]}
        return self.call("PUT", "/retailer/orders/cancellation", json=body)

    def patch_stock(self, offer_id: str, amount: int, managed: bool) -> requests.Response:
        body = {"stock": {"amount": amount, "managedByRetailer": managed}}
        return self.call("PATCH", f"/retailer/offers/{offer_id}", V11, json=body)

    def put_stock(self, offer_id: str, amount: int, managed: bool) -> requests.Response:
        body = {"amount": amount, "managedByRetailer": managed}
        return self.call("PUT", f"/retailer/offers/{offer_id}/stock", json=body)

    def status(self, reply: requests.Response) -> dict[str, Any]:
        """What bol says now about the write behind a 202."""
        assert reply.status_code == 202, reply.text
        found = self.get(f"/shared/process-status/{reply.json()['processStatusId']}")
        assert found.status_code == 200, found.text
        shape: dict[str, Any] = found.json()
        return shape

    def offer_of(self, sku: str) -> dict[str, Any]:
        """The offer of a SKU as the control port shows it."""
        return next(offer for offer in self.state()["offers"] if offer["sku"] == sku)

    def state(self) -> dict[str, Any]:
        return self.sandbox.bol.state(self.account)

    # Through the control port, as a user would.

    def control(self, method: str, path: str, body: Any = None) -> requests.Response:
        return requests.request(method, f"{self.sandbox.control_url}{path}", json=body, timeout=10)

    def buy(self, *lines: tuple[str, int], **more: Any) -> str:
        """Let a shopper buy lines of (SKU or EAN, quantity) here."""
        rows = [{("ean" if goods.isdigit() else "sku"): goods, "quantity": pieces} for goods, pieces in lines]
        reply = self.control("POST", "/orders", {"account": self.account, "lines": rows, **more})
        assert reply.status_code == 200, reply.text
        return str(reply.json()["external_order_id"])

    def act(self, order_id: str, action: str, **detail: Any) -> dict[str, Any]:
        reply = self.control("POST", f"/orders/{self.account}/{order_id}/{action}", detail)
        assert reply.status_code == 200, reply.text
        done: dict[str, Any] = reply.json()
        return done

    def fault(self, kind: str, **more: Any) -> None:
        reply = self.control("POST", "/faults", {"system": "bol", "kind": kind, **more})
        assert reply.status_code == 200, reply.text
