"""How long a shop that pushes fifty times a second waits for an answer, while bookings keep the store's writer busy."""

import hashlib
import hmac
import http.client
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import sqlalchemy as sa

from benchmarks.result import Result
from order_pipelines.live.app import Door
from order_pipelines.live.carts import Carts, Keys
from order_pipelines.live.lane import Lane
from order_pipelines.live.server import Server
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import webhook_deliveries
from order_pipelines.services.shop import Shop
from order_pipelines.services.tokens import StoredTokens
from order_pipelines.settings import AccountSettings, Merchant, Settings
from order_pipelines_tests.postgres import running_postgres

_SECRET, _VARIABLE = b"made-up-secret", "BENCH_WEBHOOK_SECRET"
_A_SECOND = 50
_HELD_S, _PAUSE_S = 0.5, 0.05
_P99_MS = 150


def run(small: bool) -> list[Result]:
    """Push at a steady rate to each kind of store and time every answer."""
    seconds = 4 if small else 60
    result = Result(
        f"Webhooks, {_A_SECOND} a second",
        f"Signed pushes of a Shopware shop for {seconds} s, each over a connection of its own, kept durably before the "
        f"answer. Meanwhile somebody holds the store's write lock {_HELD_S:g} s at a time with {_PAUSE_S:g} s between.",
        ("store", "pushes", "p50 ms", "p95 ms", "p99 ms", "max ms"),
    )
    os.environ[_VARIABLE] = _SECRET.decode()
    with tempfile.TemporaryDirectory(prefix="bench-webhooks-") as folder:
        for name, store in _stores(Path(folder)):
            waits, kept = _push(store, seconds * _A_SECOND)
            result.expect(f"{name}: deliveries kept", kept, seconds * _A_SECOND)
            cuts = statistics.quantiles(waits, n=100)
            result.rows.append(
                (name, str(len(waits)), *(f"{cuts[at - 1]:.1f}" for at in (50, 95, 99)), f"{max(waits):.1f}")
            )
            result.target(f"{name}: p99 of the answer at most {_P99_MS} ms", cuts[98] <= _P99_MS)
    return [result]


def _stores(folder: Path) -> Iterator[tuple[str, OperationsStore]]:
    store = open_store(f"sqlite:///{folder / 'operations.sqlite'}")
    yield "SQLite", store
    store.close()
    with running_postgres() as server:
        store = open_store(server.create_database())
        yield "PostgreSQL", store
        store.close()


def _push(store: OperationsStore, count: int) -> tuple[list[float], int]:
    account = AccountSettings(
        system="shopware", effective_from=date(2026, 1, 1), secrets={"webhook_secret": _VARIABLE}
    )
    shop = Shop(
        Settings(merchant=Merchant(name="Bench"), accounts={"webshop": account}), store, StoredTokens(store)
    )
    lane = Lane(shop)
    door = Door(lane, Carts(shop, lane.nudge), Keys(shop), largest_body=1 << 20)
    server = Server(door.app, "127.0.0.1", 0)
    server.start()
    try:
        with _busy_writer(store), ThreadPoolExecutor(16) as senders:
            began = time.perf_counter()
            asked = []
            for number in range(count):
                time.sleep(max(0.0, began + number / _A_SECOND - time.perf_counter()))
                asked.append(senders.submit(_send, server.url, number))
            waits = [one.result() for one in asked]
        while lane.box.move():
            pass
        with store.reading() as connection:
            kept = connection.execute(sa.select(sa.func.count()).select_from(webhook_deliveries)).scalar_one()
    finally:
        server.stop()
        door.close()
        lane.box.close()
    return waits, int(kept)


@contextmanager
def _busy_writer(store: OperationsStore) -> Iterator[None]:
    ended = threading.Event()

    def book() -> None:
        while not ended.wait(_PAUSE_S):
            with store.transaction():
                ended.wait(_HELD_S)

    writer = threading.Thread(target=book)
    writer.start()
    yield
    ended.set()
    writer.join()


def _send(url: str, number: int) -> float:
    row = {"entity": "order", "operation": "insert", "primaryKey": f"{number:032x}"}
    body = orjson.dumps(
        {
            "data": {"payload": [row], "event": "order.written"},
            "source": {"eventId": str(number)},
            "timestamp": int(time.time()),
        }
    )
    headers = {"shopware-shop-signature": hmac.new(_SECRET, body, hashlib.sha256).hexdigest()}
    address = urlsplit(url)
    began = time.perf_counter()
    line = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    line.request("POST", "/webhooks/webshop", body, headers)
    status = line.getresponse().status
    line.close()
    if status != 204:
        raise RuntimeError(f"a push was answered with {status}")
    return (time.perf_counter() - began) * 1000
