"""The HTTP door over a shop whose carts hold stock; every answer is compared with the document that describes it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from jsonschema import Draft202012Validator

from order_pipelines.live.app import Door
from order_pipelines.live.carts import Carts, Keys
from order_pipelines.live.lane import Lane
from order_pipelines.live.server import Server
from order_pipelines_tests.services.cart_shop import WEB, CartShop, cart_settings

RESERVATION_KEY = "made-up-key-of-the-web-shop"
TEMPLATES = {
    "extend": "/reservations/{reservation_id}/extend",
    "confirm": "/reservations/{reservation_id}/confirm",
}
_TIMEOUT_S = 60


def door_settings(**policy: Any) -> Any:
    """Return the settings of the cart shop, with a key for its web shop."""
    settings = cart_settings(policy=policy)
    accounts = dict(settings.accounts)
    accounts[WEB] = accounts[WEB].model_copy(update={"secrets": {"reservation_key": "WEBSHOP_CART_KEY"}})
    return settings.model_copy(update={"accounts": accounts})


def documented(document: dict[str, Any], answer: requests.Response, method: str, template: str) -> None:
    """Fail when a route, its status or its body is not what the document says."""
    operation = document["paths"][template][method.lower()]
    assert str(answer.status_code) in operation["responses"], (answer.status_code, answer.text)
    described = operation["responses"][str(answer.status_code)]
    if "content" not in described:
        assert answer.content == b""
        return
    assert answer.headers["Content-Type"] == "application/json"
    schema = {**described["content"]["application/json"]["schema"], "components": document["components"]}
    Draft202012Validator(schema).validate(answer.json())


@dataclass
class CartDoor:
    """A caller who is a web shop."""

    shop: CartShop
    lane: Lane
    url: str
    document: dict[str, Any]

    @classmethod
    @contextmanager
    def opened(cls, shop: CartShop) -> Iterator["CartDoor"]:
        lane = Lane(shop.shop, instance="test")
        door = Door(lane, Carts(shop.shop, lane.nudge), Keys(shop.shop), largest_body=1024 * 1024)
        server = Server(door.app, "127.0.0.1", 0)
        server.start()
        try:
            document = requests.get(f"{server.url}/openapi.json", timeout=_TIMEOUT_S).json()
            yield cls(shop, lane, server.url, document)
        finally:
            server.stop()
            door.close()
            lane.box.close()

    def call(
        self, method: str, path: str, body: Any = None, *, key: str | None = RESERVATION_KEY, **headers: str
    ) -> requests.Response:
        """Send a request of the shop and compare the answer with the document."""
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        sent = {"data": body} if isinstance(body, bytes) else {"json": body}
        answer = requests.request(
            method,
            f"{self.url}{path}",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            timeout=_TIMEOUT_S,
            **sent,
        )
        parts = path.strip("/").split("/")
        template = TEMPLATES[parts[2]] if len(parts) > 2 else "/reservations/{reservation_id}"
        documented(self.document, answer, method, template if len(parts) > 1 else f"/{parts[0]}")
        return answer

    def hold(self, pieces: int, *, cart: str = "cart-1", sku: str = "A", **more: Any) -> requests.Response:
        body = {"items": [{"sku": sku, "quantity": pieces}], "shopper": "anna"} | more
        return self.call("POST", "/reservations", body, Idempotency_Key=cart)
