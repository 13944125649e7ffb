"""Eight accounts on two processes of stand-ins, a merchant that sells the same articles there, and its lane."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa

from benchmarks.processes import ROOT
from order_pipelines import clock
from order_pipelines.operations.ledger import Ledger
from order_pipelines.operations.store import CHANGE, next_values
from order_pipelines.operations.tables import channel_offers, channel_stock
from order_pipelines.sandbox.catalogue import PRODUCTS_FILE
from order_pipelines.services.desired_stock import refresh_desired
from order_pipelines.services.product_master import import_products
from order_pipelines.services.shop import Shop
from order_pipelines.settings import load_settings

PIECES = 900
"""Of every article when the lane opens. bol takes 999 at most."""
SECRET, SECRET_VARIABLE = "made-up-secret-of-the-bench", "BENCH_LANE_SECRET"
_TIMEOUT_S = 60
_PATIENCE_S = 400.0

# Share of the calls and seconds of the answer, the first that strikes counts; by the seed of the process.
_LATENCIES: Mapping[str, Sequence[tuple[float, float]]] = {
    "bol": ((0.02, 0.35), (0.25, 0.12), (1.0, 0.06)),
    "shopware": ((0.02, 0.45), (0.25, 0.16), (1.0, 0.09)),
    "mirakl": ((0.05, 0.6), (1.0, 0.15)),
}


@dataclass(frozen=True, slots=True)
class Seat:
    """An account of ours, and where it lives: in which process of stand-ins, under which name."""

    name: str
    system: str
    outside: int
    there: str
    rule: str
    options: str = ""


SEATS = (
    Seat("bol_a", "bol", 0, "bol_main", "bol, PATCH", "history_days = 10"),
    Seat("bol_b", "bol", 0, "bol_outlet", "bol, PATCH", "managed_by_retailer = false\nhistory_days = 10"),
    Seat("bol_c", "bol", 1, "bol_main", "bol, process", 'offers_api = "v10"\nhistory_days = 10'),
    Seat("shop_a", "shopware", 0, "webshop", "Shopware", "history_days = 10"),
    Seat("shop_b", "shopware", 0, "webshop_65", "Shopware", 'stock_model = "6.5"\nhistory_days = 10'),
    Seat("shop_c", "shopware", 1, "webshop", "Shopware", "history_days = 10"),
    Seat("mirakl_a", "mirakl", 0, "blokker", "Mirakl", "history_days = 10"),
    Seat("mirakl_b", "mirakl", 1, "mirakl_two", "Mirakl", "history_days = 10"),
)
ONE_FILE_A_MINUTE = frozenset({"Mirakl"})
"""The rule under which nothing can be told at once."""
SHOPS = tuple(seat for seat in SEATS if seat.system == "shopware")
SECRETS = {
    "bol": ("client_id", "client_secret"),
    "shopware": ("client_id", "client_secret"),
    "mirakl": ("api_key",),
}


@dataclass
class Outside:
    """One process of stand-ins."""

    control_url: str
    systems: Sequence[Mapping[str, Any]]
    caller: requests.Session = field(default_factory=requests.Session)

    def account(self, name: str) -> Mapping[str, Any]:
        """Return the row of one account."""
        return next(row for row in self.systems if row["account"] == name)

    def tell(self, path: str, body: Mapping[str, Any], caller: requests.Session | None = None) -> Any:
        """Call the control port."""
        reply = (caller or self.caller).post(f"{self.control_url}{path}", json=body, timeout=_TIMEOUT_S)
        reply.raise_for_status()
        return reply.json()

    def state(self, account: str) -> Any:
        """Return what the outside holds for an account."""
        reply = self.caller.get(f"{self.control_url}/state/{account}", timeout=_TIMEOUT_S)
        reply.raise_for_status()
        return reply.json()


@dataclass
class LaneWorld:
    """Everything at work: the outside, the merchant's store as seen from here, and the process of the lane."""

    seats: Sequence[Seat]
    outsides: Sequence[Outside]
    shop: Shop
    process: subprocess.Popen[str]
    log: Path
    url: str

    @property
    def skus(self) -> list[str]:
        """The articles that all accounts sell."""
        with self.shop.store.reading() as connection:
            query = (
                sa.select(channel_stock.c.sku)
                .group_by(channel_stock.c.sku)
                .having(sa.func.count(channel_stock.c.account.distinct()) == len(self.seats))
                .order_by(channel_stock.c.sku)
            )
            return list(connection.execute(query).scalars())

    def outside(self, seat: Seat) -> Outside:
        """Return the process in which an account lives."""
        return self.outsides[seat.outside]

    def waiting(self, *, only_fast: bool = False) -> int:
        """Return how many numbers their channels have not confirmed."""
        names = [seat.name for seat in self.seats if not (only_fast and seat.rule in ONE_FILE_A_MINUTE)]
        with self.shop.store.reading() as connection:
            query = sa.select(sa.func.count()).where(
                channel_stock.c.account.in_(names),
                channel_stock.c.confirmed_version < channel_stock.c.desired_version,
            )
            return int(connection.execute(query).scalar_one())

    def is_open(self) -> bool:
        """Whether every account's offers were listed and all their numbers confirmed."""
        with self.shop.store.reading() as connection:
            listed = connection.execute(sa.select(channel_offers.c.account).distinct()).scalars().all()
        return len(listed) == len(self.seats) and self.waiting() == 0

    def shown(self, seat: Seat) -> dict[str, int]:
        """Return what an account's shoppers can buy, in its stand-in's own words."""
        member = {"bol": "corrected_stock", "shopware": "available_stock", "mirakl": "quantity"}[seat.system]
        offers = self.outside(seat).state(seat.there)["offers"]
        return {row["sku"]: row[member] for row in offers if row["sku"] is not None}

    def until(self, fits: Callable[[], object], what: str) -> None:
        """Wait until something is true.

        Raises:
            RuntimeError: it does not come, or the lane has ended.
        """
        give_up = time.monotonic() + _PATIENCE_S
        while not fits():
            if self.process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"it did not come: {what}\n{self.log.read_text(encoding='utf-8')[-3000:]}")
            time.sleep(0.2)


@contextmanager
def opened(
    folder: Path, store_url: str, seats: Sequence[Seat], *, real: bool, seed: int
) -> Iterator[LaneWorld]:
    """Start the outside and the lane, and return when all opening numbers are confirmed everywhere."""
    with ExitStack() as stack:
        outsides = [stack.enter_context(_outside(real, seed + number)) for number in (0, 1)]
        stack.enter_context(_environment(outsides, seats))
        path = folder / "settings.toml"
        path.write_text(_settings(outsides, seats, store_url), encoding="utf-8")
        shop = Shop.open(load_settings(path))
        stack.callback(shop.close)
        _count(shop)
        process, log = stack.enter_context(_lane(path, folder))
        world = LaneWorld(seats, outsides, shop, process, log, _address(process, log))
        for seat in SHOPS:
            wish = {"url": f"{world.url}/webhooks/{seat.name}", "events": ["order.written"], "secret": SECRET}
            world.outside(seat).tell(f"/orders/{seat.there}/app/register_webhook", wish)
        world.until(world.is_open, "the opening stock at every channel")
        yield world


@contextmanager
def _outside(real: bool, seed: int) -> Iterator[Outside]:
    command = [sys.executable, "-m", "benchmarks.sandbox_process", "--seed", str(seed)]
    with subprocess.Popen(
        command + ["--real"] * real, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            control_url = process.stdout.readline().strip()
            if not control_url:
                raise RuntimeError("the stand-ins did not start; what they said stands above")
            systems = requests.get(f"{control_url}/systems", timeout=_TIMEOUT_S).json()
            outside = Outside(control_url, systems)
            for system, steps in _LATENCIES.items():
                for rate, seconds in steps:
                    fault = {"system": system, "kind": "latency", "rate": rate, "seconds": seconds}
                    outside.tell("/faults", fault)
            yield outside
        finally:
            process.stdin.close()


def _variable(seat: Seat, secret: str) -> str:
    return f"BENCH_{seat.name}_{secret}".upper()


@contextmanager
def _environment(outsides: Sequence[Outside], seats: Sequence[Seat]) -> Iterator[None]:
    values = {
        _variable(seat, secret): str(outsides[seat.outside].account(seat.there)["credentials"][secret])
        for seat in seats
        for secret in SECRETS[seat.system]
    }
    os.environ.update(values | {SECRET_VARIABLE: SECRET})
    try:
        yield
    finally:
        for name in (*values, SECRET_VARIABLE):
            del os.environ[name]


def _settings(outsides: Sequence[Outside], seats: Sequence[Seat], store_url: str) -> str:
    since = clock.order_date(clock.now() - timedelta(days=9)).isoformat()
    parts = [
        f"""
[merchant]
name = "Voorbeeld Handel"
[stores]
operations_url = "{store_url}"
[products]
file = "{PRODUCTS_FILE}"
[[locations]]
name = "main"
[vat.rates.NL]
high = 21
low = 9
"""
    ]
    for seat in seats:
        row = outsides[seat.outside].account(seat.there)
        secrets = "\n".join(f'{one} = "{_variable(seat, one)}"' for one in SECRETS[seat.system])
        if seat.system == "shopware":
            secrets += f'\nwebhook_secret = "{SECRET_VARIABLE}"'
        token = f'token_url = "{row["token_url"]}"' if seat.system == "bol" else ""
        parts.append(
            f"""
[accounts.{seat.name}]
system = "{seat.system}"
mode = "live"
effective_from = {since}
ships_from = "main"
serves = ["main"]
base_url = "{row["base_url"]}"
{token}
[accounts.{seat.name}.secrets]
{secrets}
[accounts.{seat.name}.options]
{seat.options}
"""
        )
    return "".join(parts)


def _count(shop: Shop) -> None:
    """Fill the product master and put the same number of pieces of everything on the shelf."""
    import_products(shop)
    with shop.store.transaction() as connection:
        ledger = Ledger(connection)
        counted_at = clock.now() - timedelta(days=5)
        for row in PRODUCTS_FILE.read_text(encoding="utf-8").splitlines()[1:]:
            ledger.count((row.partition(",")[0], "main"), PIECES, counted_at, cause="count")
        refresh_desired(connection, shop.settings, ledger.flush(next_values(connection, CHANGE)))


@contextmanager
def _lane(settings: Path, folder: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    log = folder / "live.log"
    command = [
        sys.executable,
        "-m",
        "order_pipelines.cli",
        "--settings",
        str(settings),
        "live",
        "--port",
        "0",
    ]
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield process, log
    finally:
        process.send_signal(signal.SIGTERM)
        # A lane that does not end when it is told to must not outlive the benchmark.
        watchdog = threading.Timer(30.0, process.kill)
        watchdog.start()
        process.wait()
        watchdog.cancel()


def _address(process: subprocess.Popen[str], log: Path) -> str:
    give_up = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < give_up and process.poll() is None:
        if found := re.search(r"^live +(http://\S+)", log.read_text(encoding="utf-8"), re.MULTILINE):
            return found.group(1)
        time.sleep(0.05)
    raise RuntimeError(f"the lane did not start: {log.read_text(encoding='utf-8')[-3000:]}")
