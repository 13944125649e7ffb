"""Shoppers who buy at a steady rate, and bare clients that time the channels' own answers meanwhile."""

import base64
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

import requests

from benchmarks.lane_world import SHOPS, LaneWorld, Outside, Seat
from order_pipelines import clock

_TIMEOUT_S = 60
_TOKEN_FOR_S = 240.0
_PROBE_EVERY_S = 0.7
_V11, _V10 = "application/vnd.retailer.v11+json", "application/vnd.retailer.v10+json"


@dataclass
class Driven:
    """What a spell of sales was: from when to when, and what was bought where; ``answers`` by rule in ms."""

    began_at: datetime
    ended_at: datetime
    sold: Counter[str] = field(default_factory=Counter)
    answers: dict[str, list[float]] = field(default_factory=dict)

    @property
    def sales(self) -> int:
        """How many pieces were bought, one an order."""
        return self.sold.total()


def drive(world: LaneWorld, sales_per_hour: float, seconds: float, seed: int) -> Driven:
    """Let shoppers buy one piece each at the three web shops, which push every order, at Poisson times."""
    luck = random.Random(seed)
    skus = world.skus
    driven = Driven(clock.now(), clock.now())
    ended = threading.Event()
    probes = [
        threading.Thread(target=_probe, args=(ended, driven.answers.setdefault(rule, []), write))
        for rule, write in _bare_writes(world).items()
    ]
    for probe in probes:
        probe.start()
    callers = threading.local()

    def buy(seat: Seat, sku: str) -> str:
        caller = callers.__dict__.setdefault("session", requests.Session())
        wish = {"account": seat.there, "lines": [{"sku": sku, "quantity": 1}]}
        world.outside(seat).tell("/orders", wish, caller)
        return sku

    bought: list[Future[str]] = []
    with ThreadPoolExecutor(8) as shoppers:
        began = time.perf_counter()
        at = luck.expovariate(sales_per_hour / 3600)
        while at < seconds:
            time.sleep(max(0.0, began + at - time.perf_counter()))
            bought.append(shoppers.submit(buy, luck.choice(SHOPS), luck.choice(skus)))
            at += luck.expovariate(sales_per_hour / 3600)
        time.sleep(max(0.0, began + seconds - time.perf_counter()))
    driven.sold.update(one.result() for one in bought)
    driven.ended_at = clock.now()
    ended.set()
    for probe in probes:
        probe.join()
    return driven


def _probe(ended: threading.Event, answers: list[float], write: Callable[[], None]) -> None:
    write()
    while not ended.wait(_PROBE_EVERY_S):
        began = time.perf_counter()
        write()
        answers.append((time.perf_counter() - began) * 1000)


def _bare_writes(world: LaneWorld) -> dict[str, Callable[[], None]]:
    """Return for each rule a write of one number at an account that nobody else uses, over one open connection."""
    outside = world.outsides[1]
    return {
        "bol, PATCH": _BolWrite(outside, is_patch=True).write,
        "bol, process": _BolWrite(outside, is_patch=False).write,
        "Shopware": _ShopwareWrite(outside).write,
    }


class _Client:
    """A client of one account with its token."""

    def __init__(self, outside: Outside, account: str) -> None:
        self._row = outside.account(account)
        self._session = requests.Session()
        self._until = 0.0
        state = outside.state(account)["offers"]
        offers: Sequence[str] = [
            row["offer_id"] for row in state if row.get("fulfilment_method", "FBR") == "FBR"
        ]
        self._offer_id = offers[0]

    def _renew(self, headers: dict[str, str], body: dict[str, str]) -> None:
        if time.monotonic() < self._until:
            return
        reply = self._session.post(
            self._row["token_url"], headers=headers, json=body or None, timeout=_TIMEOUT_S
        )
        reply.raise_for_status()
        self._session.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"
        self._until = time.monotonic() + _TOKEN_FOR_S


class _BolWrite(_Client):
    def __init__(self, outside: Outside, *, is_patch: bool) -> None:
        super().__init__(outside, "bol_outlet")
        self._is_patch = is_patch

    def write(self) -> None:
        """Set the stock of one offer."""
        credentials = self._row["credentials"]
        pair = f"{credentials['client_id']}:{credentials['client_secret']}".encode()
        basic = {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        token_url = f"{self._row['token_url']}?grant_type=client_credentials"
        if time.monotonic() >= self._until:
            reply = requests.post(token_url, headers=basic, timeout=_TIMEOUT_S)
            reply.raise_for_status()
            self._session.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"
            self._until = time.monotonic() + _TOKEN_FOR_S
        stock = {"amount": 5, "managedByRetailer": False}
        path = f"{self._row['base_url']}/retailer/offers/{self._offer_id}"
        media = _V11 if self._is_patch else _V10
        headers = {"Accept": media, "Content-Type": media}
        if self._is_patch:
            reply = self._session.patch(path, json={"stock": stock}, headers=headers, timeout=_TIMEOUT_S)
        else:
            reply = self._session.put(f"{path}/stock", json=stock, headers=headers, timeout=_TIMEOUT_S)
        reply.raise_for_status()


class _ShopwareWrite(_Client):
    def __init__(self, outside: Outside) -> None:
        super().__init__(outside, "webshop_65")

    def write(self) -> None:
        """Set the stock of one product."""
        credentials = self._row["credentials"]
        self._renew({}, {"grant_type": "client_credentials", **credentials})
        payload = [{"id": self._offer_id, "stock": 5}]
        operation = {"action": "upsert", "entity": "product", "payload": payload}
        headers = {"Accept": "application/json", "indexing-behavior": "use-queue-indexing"}
        path = f"{self._row['base_url']}/api/_action/sync"
        reply = self._session.post(path, json=[operation], headers=headers, timeout=_TIMEOUT_S)
        reply.raise_for_status()
