"""The fast lane over four channels: two bol accounts, a Mirakl operator, and a web shop that pushes what happens."""

import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from order_pipelines.live.app import Door
from order_pipelines.live.carts import Carts, Keys
from order_pipelines.live.lane import Lane
from order_pipelines.live.server import Server
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.shop import Shop
from order_pipelines.settings import load_settings
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld, opened_world

BLOKKER, WEBSHOP = "blokker", "webshop"
CHANNELS = (MAIN, OUTLET, BLOKKER, WEBSHOP)
FAST = (MAIN, OUTLET, WEBSHOP)
"""The channels that answer at once. Mirakl takes one file a minute and tells its fate every fifteen seconds."""
SHOP_SECRET = "made-up-secret-of-shop-and-app"
EVENTS = ["order.written", "checkout.order.placed", "state_enter.order.state.cancelled"]
PATIENCE_S = 100.0
"""How long a test waits for what must come; a machine that is busy is no failure."""


def until(fits: Callable[[], object], what: str, *, patience_s: float = PATIENCE_S) -> Any:
    """Wait until something is true and return it."""
    give_up = time.monotonic() + patience_s
    while not (found := fits()):
        assert time.monotonic() < give_up, f"it did not come: {what}"
        time.sleep(0.02)
    return found


def signed(body: bytes, secret: str = SHOP_SECRET) -> dict[str, str]:
    """Return the header by which a shop signs."""
    return {"shopware-shop-signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def message(*order_ids: str, event_id: str = "e-1", at: float | None = None, **more: Any) -> bytes:
    """Return the body of ``order.written``."""
    rows = [{"entity": "order", "operation": "update", "primaryKey": one, **more} for one in order_ids]
    return orjson.dumps(
        {
            "data": {"payload": rows, "event": "order.written"},
            "source": {"url": "http://shop.example", "shopId": "s", "eventId": event_id},
            "timestamp": int(time.time() if at is None else at),
        }
    )


@dataclass
class RunningLane:
    """A lane in this process, and its address."""

    lane: Lane
    url: str

    def push(self, body: bytes, headers: dict[str, str] | None = None, account: str = WEBSHOP) -> int:
        """Send a webhook and return the status."""
        sent = signed(body) if headers is None else headers
        return requests.post(
            f"{self.url}/webhooks/{account}", data=body, headers=sent, timeout=60
        ).status_code

    def health(self) -> tuple[int, dict[str, Any]]:
        answer = requests.get(f"{self.url}/health", timeout=60)
        return answer.status_code, answer.json()


@dataclass
class LaneWorld:
    """A shop and its outside, and lanes to run in it."""

    shop_world: ShopWorld

    @property
    def sandbox(self) -> Sandbox:
        return self.shop_world.sandbox

    @property
    def shop(self) -> Shop:
        return self.shop_world.shop

    def rows(self, table: str, **where: Any) -> list[Any]:
        return self.shop_world.rows(table, **where)

    def live(self, **settings: Any) -> None:
        """Change the settings of the lane."""
        live = self.shop.settings.live.model_copy(update=settings)
        self.shop.settings = self.shop.settings.model_copy(update={"live": live})

    @contextmanager
    def door(self, *, is_started: bool = False) -> Iterator[RunningLane]:
        """Open the HTTP door; the lane behind it works only when it is started."""
        lane = Lane(self.shop)
        door = Door(lane, Carts(self.shop, lane.nudge), Keys(self.shop), largest_body=64 * 1024)
        server = Server(door.app, "127.0.0.1", 0)
        if is_started:
            lane.start()
        server.start()
        try:
            yield RunningLane(lane, server.url)
        finally:
            server.stop()
            door.close()
            hanging = lane.stop() if is_started else []
            lane.box.close()
            assert hanging == []

    @contextmanager
    def running(self) -> Iterator[RunningLane]:
        """Run a lane until everything that was there when it began has been told; the web shop pushes to it."""
        with self.door(is_started=True) as running:
            self.register(running.url)
            until(self.is_settled, "the opening stock at every channel")
            yield running

    def register(self, url: str) -> None:
        wish = {"url": f"{url}/webhooks/{WEBSHOP}", "events": EVENTS, "secret": SHOP_SECRET}
        self.sandbox.shopware.act(WEBSHOP, "app", "register_webhook", wish)

    def is_settled(self) -> bool:
        """Whether every channel was read, and those that answer at once confirmed all they were told."""
        rows = [row for row in self.rows("channel_stock") if row.account in FAST]
        read = {row.account for row in self.rows("cursors", stream="orders") if row.complete_at is not None}
        told = {row.account for row in rows}
        return (
            read >= set(CHANNELS)
            and told >= set(FAST)
            and all(row.confirmed_version == row.desired_version for row in rows)
        )

    def is_settled_of(self, account: str) -> Callable[[], bool]:
        """Return whether a channel confirmed all it was told, to be asked again and again."""
        return lambda: all(
            row.confirmed_version == row.desired_version
            for row in self.rows("channel_stock", account=account)
        )

    def shown(self, sku: str = "KEU-1001") -> dict[str, int]:
        """What each channel holds for an article, in its own words."""
        bol = {account: self.shop_world.bol_offer(sku, account)["amount"] for account in (MAIN, OUTLET)}
        mirakl = {row["sku"]: row["quantity"] for row in self.sandbox.mirakl.state(BLOKKER)["offers"]}
        shop = {row["sku"]: row["quantity"] for row in self.sandbox.shopware.state(WEBSHOP)["offers"]}
        return bol | {BLOKKER: mirakl[sku], WEBSHOP: shop[sku]}

    def sell(self, pieces: int = 1, sku: str = "KEU-1001", account: str = WEBSHOP) -> str:
        """Let a shopper buy; returns the order's id."""
        wish = {"lines": [{"sku": sku, "quantity": pieces}], "force": True}
        if account == WEBSHOP:
            return self.sandbox.shopware.place_order(account, wish)
        if account == BLOKKER:
            return self.sandbox.mirakl.place_order(account, wish)
        return self.sandbox.bol.place_order(account, wish)

    def asked_again(self) -> "LaneWorld":
        """Return the same merchant as another process sees it: a store of its own over the same database."""
        other = Shop.open(load_settings(self.shop_world.path))
        return LaneWorld(ShopWorld(self.sandbox, other, self.shop_world.path))


LIVE = """
[live]
poll_seconds = 5
fast_poll_seconds = 1
read_back_seconds = 5
lease_seconds = 3
breaker_failures = 3
"""


def _more(sandbox: Sandbox, patch: pytest.MonkeyPatch, live: str) -> str:
    rows = {row["account"]: row for row in sandbox.systems()}
    patch.setenv("BLOKKER_KEY", rows[BLOKKER]["credentials"]["api_key"])
    patch.setenv("WEBSHOP_ID", rows[WEBSHOP]["credentials"]["client_id"])
    patch.setenv("WEBSHOP_SECRET", rows[WEBSHOP]["credentials"]["client_secret"])
    patch.setenv("WEBSHOP_WEBHOOKS", SHOP_SECRET)
    common = 'mode = "live"\neffective_from = 2026-01-01\nships_from = "main"\nserves = ["main"]\n'
    return f"""
[accounts.blokker]
system = "mirakl"
{common}base_url = "{rows[BLOKKER]["base_url"]}"
[accounts.blokker.secrets]
api_key = "BLOKKER_KEY"
[accounts.blokker.options]
history_days = 10
[accounts.webshop]
system = "shopware"
{common}base_url = "{rows[WEBSHOP]["base_url"]}"
[accounts.webshop.secrets]
client_id = "WEBSHOP_ID"
client_secret = "WEBSHOP_SECRET"
webhook_secret = "WEBSHOP_WEBHOOKS"
{live}"""


@contextmanager
def opened_lane_world(
    sandbox: Sandbox, store_url: str, folder: Path, patch: pytest.MonkeyPatch, live: str = LIVE
) -> Iterator[LaneWorld]:
    """Begin a new world of kitchen goods at four channels."""
    more = _more(sandbox, patch, live)
    with opened_world(sandbox, store_url, folder, patch, more=more) as opened:
        for account in (MAIN, OUTLET):
            offers = sandbox.bol.desk(account).shop.offers
            for offer_id in [
                key for key, offer in offers.items() if offer.sku not in {"KEU-1001", "KEU-1002"}
            ]:
                del offers[offer_id]
        yield LaneWorld(opened)
