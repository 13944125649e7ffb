"""The fast lane at work with marked secrets and people: pushes, carts, its pages, and what it says of its minutes."""

import http.client
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
import sqlalchemy as sa

from order_pipelines.demo.merchant import WEBSHOP
from order_pipelines.live.app import Door
from order_pipelines.live.carts import Carts, Keys
from order_pipelines.live.lane import Lane
from order_pipelines.live.server import Server
from order_pipelines.operations.tables import lane_minutes, orders, webhook_deliveries
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.shop import Shop
from order_pipelines.settings import load_settings
from order_pipelines_tests.house.marked_run import PERSON, marked_wish

SECRETS: Mapping[str, str] = {
    "webhook_secret": "Qxwebhook-secret-of-app",
    "reservation_key": "Qxkey-of-carts-of-the-shop",
}
GUESSED = "Qxguessed-key-of-nobody"
_PATIENCE_S = 100.0
_TIMEOUT_S = 60


def lane_at_work(
    settings: Path, sandbox: Sandbox, said: dict[str, str], secrets: dict[str, str], patch: pytest.MonkeyPatch
) -> None:
    """Let a shop push an order and hold carts, and strangers try; what everybody was answered is added to ``said``."""
    _add_secrets(settings, patch)
    secrets |= {f"lane {name}": value for name, value in SECRETS.items()} | {"guessed key": GUESSED}
    shop = Shop.open(load_settings(settings))
    lane = Lane(shop)
    door = Door(lane, Carts(shop, lane.nudge), Keys(shop), largest_body=64 * 1024)
    server = Server(door.app, "127.0.0.1", 0)
    lane.start()
    server.start()
    try:
        wish = {
            "url": f"{server.url}/webhooks/{WEBSHOP}",
            "events": ["order.written", "checkout.order.placed"],
            "secret": SECRETS["webhook_secret"],
        }
        sandbox.shopware.act(WEBSHOP, "app", "register_webhook", wish)
        lines = [{"sku": "KEU-1001", "quantity": 1}]
        bought = sandbox.shopware.place_order(
            WEBSHOP, {"lines": lines, "force": True, **marked_wish("shopware")}
        )
        _strangers(server.url, said)
        _carts(server.url, said)
        _wait_for(shop, bought)
        said["lane health"] = requests.get(f"{server.url}/health", timeout=_TIMEOUT_S).text
    finally:
        server.stop()
        door.close()
        lane.stop()
        lane.box.close()
    with shop.store.reading() as connection:
        minutes = connection.execute(sa.select(lane_minutes)).all()
    said["lane minutes"] = repr(minutes)
    shop.close()
    assert any('"deliveries": ' in row.figures for row in minutes)


def _add_secrets(settings: Path, patch: pytest.MonkeyPatch) -> None:
    head = f"[accounts.{WEBSHOP}.secrets]\n"
    named = "".join(f'{name} = "MARKED_{name.upper()}"\n' for name in SECRETS)
    carts = f"\n[accounts.{WEBSHOP}.reservations]\nenabled = true\nanonymous_last_piece = true\n"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(f"{text.replace(head, head + named)}{carts}", encoding="utf-8")
    for name, value in SECRETS.items():
        patch.setenv(f"MARKED_{name.upper()}", value)


def _strangers(url: str, said: dict[str, str]) -> None:
    """Pushes that are not signed, too long or nonsense, with a person and a secret in them; keys that are guessed."""
    about = " ".join(PERSON.values())
    pushes = {
        "forged": (f'{{"data": "{about}"}}', {"shopware-shop-signature": SECRETS["webhook_secret"]}),
        "unsigned": (about, {}),
        "too long": (about * 2000, {"shopware-shop-signature": "00"}),
    }
    for name, (body, headers) in pushes.items():
        answer = requests.post(
            f"{url}/webhooks/{WEBSHOP}", data=body.encode(), headers=headers, timeout=_TIMEOUT_S
        )
        assert answer.status_code in {401, 413}, name
        said[f"lane {name} push"] = answer.text
    # Not by requests: at DEBUG it would log the path itself, which only the caller knows.
    address = urlsplit(url)
    for path in ("/reservations", f"/reservations/{PERSON['surname']}"):
        line = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_TIMEOUT_S)
        headers = {"Authorization": f"Bearer {GUESSED}", "Idempotency-Key": PERSON["email"]}
        line.request("POST", path, about.encode(), headers)
        reply = line.getresponse()
        said[f"lane stranger {len(said)}"] = reply.read().decode()
        line.close()
        assert reply.status in {401, 405}, path


def _carts(url: str, said: dict[str, str]) -> None:
    """A cart of a person whose mail address is the shopper's name, and one that is refused."""
    headers = {"Authorization": f"Bearer {SECRETS['reservation_key']}"}
    for number, pieces in enumerate((1, 100_000)):
        answer = requests.post(
            f"{url}/reservations",
            json={"items": [{"sku": "KEU-1001", "quantity": pieces}], "shopper": PERSON["email"]},
            headers={**headers, "Idempotency-Key": f"cart-{number}"},
            timeout=_TIMEOUT_S,
        )
        said[f"lane cart {number}"] = answer.text
        assert answer.status_code == (201, 409)[number], answer.text


def _wait_for(shop: Shop, bought: str) -> None:
    give_up = time.monotonic() + _PATIENCE_S
    while True:
        with shop.store.reading() as connection:
            here = connection.execute(sa.select(orders.c.order_key)).scalars().all()
            states = connection.execute(sa.select(webhook_deliveries.c.state)).scalars().all()
        if any(bought in key for key in here) and states and set(states) == {"done"}:
            return
        assert time.monotonic() < give_up, (len(here), states)
        time.sleep(0.1)
