"""Toyshop on loopback: two accounts that live in memory, one clock, and the faults that the contract kit orders."""

import asyncio
import base64
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from order_pipelines.sandbox.catalogue import Catalogue
from order_pipelines.sandbox.standin import FaultBook, UnknownThing, VirtualClock

PAGE_SIZE = 5
TOKEN_LIFE_S = 600
_STATUSES = {"401", "403", "404", "429", "429_without_retry_after", "500", "503"}
_Reply = tuple[int, Any, dict[str, str]]


@dataclass
class Desk:
    """One account."""

    name: str
    offers: dict[str, int]
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    parcels: list[dict[str, Any]] = field(default_factory=list)
    token: str = ""
    tokens: int = 0


class ToyshopStandIn:
    """A ``SalesChannel`` of the sandbox."""

    system = "toyshop"

    def __init__(self, clock: VirtualClock, catalogue: Catalogue) -> None:
        self.clock = clock
        self.faults = FaultBook()
        stock = {product.sku: product.stock_main for product in catalogue.products}
        self.desks = {name: Desk(name, dict(stock)) for name in ("toy_main", "toy_outlet")}

    @property
    def app(self) -> ASGIApp:
        return self._serve

    def accounts(self) -> list[str]:
        return list(self.desks)

    def describe(self, base_url: str) -> list[dict[str, Any]]:
        return [
            {
                "system": self.system,
                "account": name,
                "base_url": base_url,
                "token_url": f"{base_url}/token",
                "credentials": {"client_id": f"{name}-id", "client_secret": f"{name}-secret"},
            }
            for name in self.desks
        ]

    def state(self, account: str) -> dict[str, Any]:
        desk = self.desks[account]
        return {
            "offers": [{"sku": sku, "stock": stock} for sku, stock in desk.offers.items()],
            "orders": list(desk.orders.values()),
            "parcels": desk.parcels,
        }

    def place_order(self, account: str, wish: dict[str, Any]) -> str:
        desk = self.desks[account]
        order_id = f"{account[4].upper()}{len(desk.orders) + 1:04d}"
        at = _wire(datetime.fromisoformat(wish["placed_at"])) if wish.get("placed_at") else self._now()
        lines = [
            {
                "id": f"{order_id}-{number}",
                "sku": line["sku"],
                "ean": None,
                "title": line["sku"],
                "pieces": line["quantity"],
                "shipped": 0,
                "cancelled": 0,
                "price": 12.5,
                "total": 12.5 * line["quantity"],
                "vat_rate": 21,
            }
            for number, line in enumerate(wish["lines"], start=1)
        ]
        desk.orders[order_id] = {
            "id": order_id,
            "number": order_id,
            "placed_at": at,
            "changed_at": at,
            "state": "waiting",
            "payment": "paid",
            "currency": "EUR",
            "customer": {"name": "Pim Verzonnen", "email": "pim@verzonnen.example", "country": "NL"},
            "lines": lines,
            "parcels": [],
            "shipping": 4.95,
            "total": sum(line["total"] for line in lines) + 4.95,
        }
        return order_id

    def act(self, account: str, order_id: str, action: str, detail: dict[str, Any]) -> dict[str, Any]:
        order = self.desks[account].orders[order_id]
        if action == "accept":
            order["state"] = "open"
        elif action == "ship":
            order["state"] = "shipped"
            for line in order["lines"]:
                line["shipped"] = line["pieces"]
        else:
            raise UnknownThing(f"toyshop knows no action {action}")
        order["changed_at"] = self._now()
        return order

    # ------------------------------------------------------------------------------------------ the surface

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        method, path = scope["method"], scope["path"]
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
        desk = self._desk_of(headers.get("authorization", ""))
        account = desk.name if desk is not None else ""
        status, content, more_headers = self._answer(method, path, query, body, headers, desk)
        if self.faults.take({"drop_reply_after_acting"}, method, path, account, named_only=path == "/token"):
            send.__self__.transport.close()  # type: ignore[attr-defined]
            await asyncio.sleep(0)
            return
        answer = b"" if content is None else json.dumps(content).encode()
        pairs = [(name.lower().encode(), value.encode()) for name, value in more_headers.items()]
        pairs += [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": answer})

    def _desk_of(self, access: str) -> Desk | None:
        scheme, _, text = access.partition(" ")
        for desk in self.desks.values():
            pair = base64.b64encode(f"{desk.name}-id:{desk.name}-secret".encode()).decode()
            if (scheme, text) == ("Basic", pair) or (scheme == "Bearer" and text.startswith(f"{desk.name}.")):
                return desk
        return None

    def _answer(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        body: bytes,
        headers: dict[str, str],
        desk: Desk | None,
    ) -> _Reply:
        if desk is None:
            return 401, {"message": "who are you?"}, {}
        if path == "/token":
            desk.tokens += 1
            desk.token = f"{desk.name}.token{desk.tokens}.{'x' * 12}"
            return 200, {"access_token": desk.token, "expires_in": TOKEN_LIFE_S}, {}
        if self.faults.take({"expire_token"}, method, path, desk.name):
            desk.token = ""
        if headers["authorization"] != f"Bearer {desk.token}":
            return 401, {"message": "this token has ended"}, {}
        fault = self.faults.take(_STATUSES, method, path, desk.name)
        if fault is not None:
            wait = {"Retry-After": str(int(fault.seconds))} if fault.kind == "429" else {}
            return int(fault.kind[:3]), {"message": "not now"}, wait
        return self._call(desk, method, path, query, json.loads(body) if body else {})

    def _call(self, desk: Desk, method: str, path: str, query: dict[str, str], sent: Any) -> _Reply:
        if (method, path) == ("GET", "/orders"):
            since = query.get("changed_from", "")
            rows = [order for order in desk.orders.values() if order["changed_at"] >= since]
            return _page("orders", rows, query)
        if (method, path) == ("GET", "/offers"):
            return _page("offers", self.state(desk.name)["offers"], query)
        is_refused = method == "POST" and self.faults.take({"refuses"}, method, path, desk.name) is not None
        if (method, path) == ("POST", "/stock"):
            known = [row for row in sent["rows"] if row["sku"] in desk.offers and not is_refused]
            desk.offers.update({row["sku"]: row["stock"] for row in known})
            results = [{"sku": row["sku"], "taken": row in known} for row in sent["rows"]]
            return 200, {"results": results}, {}
        if (found := re.fullmatch(r"/offers/([^/]+)", path)) and found[1] in desk.offers:
            return 200, {"sku": found[1], "stock": desk.offers[found[1]]}, {}
        if (found := re.fullmatch(r"/orders/([^/]+)(?:/(accept|parcels|cancel))?", path)) is None:
            return 404, {"message": "no such address"}, {}
        order = desk.orders.get(found[1])
        if order is None:
            return 404, {"message": "no such order"}, {}
        if found[2] is None:
            return 200, order, {}
        if is_refused:
            return 409, {"message": "not this one"}, {}
        order["changed_at"] = self._now()
        return getattr(self, f"_{found[2]}")(desk, order, sent)  # type: ignore[no-any-return]

    def _accept(self, desk: Desk, order: dict[str, Any], sent: Any) -> _Reply:
        if order["state"] != "waiting":
            return 409, {"message": f"the order is {order['state']}"}, {}
        order["state"] = "open"
        return 204, None, {}

    def _parcels(self, desk: Desk, order: dict[str, Any], sent: Any) -> _Reply:
        lines = {line["id"]: line for line in order["lines"]}
        if any(row["id"] not in lines for row in sent["lines"]):
            return 400, {"message": "no such line"}, {}
        for row in sent["lines"]:
            lines[row["id"]]["shipped"] += row["pieces"]
        order["parcels"].append(sent["reference"])
        order["state"] = "shipped"
        desk.parcels.append(sent)
        return 201, {}, {}

    def _cancel(self, desk: Desk, order: dict[str, Any], sent: Any) -> _Reply:
        for line in order["lines"]:
            if line["id"] == sent["line"]:
                line["cancelled"] = line["pieces"] - line["shipped"]
                order["state"] = "cancelled"
                return 204, None, {}
        return 400, {"message": "no such line"}, {}

    def _now(self) -> str:
        return _wire(self.clock.now())


def _page(member: str, rows: list[Any], query: dict[str, str]) -> _Reply:
    number = int(query.get("page", "1"))
    start = (number - 1) * PAGE_SIZE
    following = number + 1 if start + PAGE_SIZE < len(rows) else None
    return 200, {member: rows[start : start + PAGE_SIZE], "next": following}, {}


def _wire(instant: datetime) -> str:
    """Whole seconds in UTC."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
