"""A small merchant whose process is killed: the same world from the same instant for each attempt, on both store pairs.

The outside (both bol accounts, the books) runs in the test process and survives every kill. The inside is a folder and
stores that begin as a copy of one that was made once. A round is the crontab of the documentation: each command once,
in a process of its own; rounds come every five minutes of the world's time, which no lease of a dead process outlasts.
"""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

import psycopg
import requests
from psycopg import sql

from order_pipelines import clock
from order_pipelines.demo import merchant
from order_pipelines.demo.script import Parcel, WholesaleLine, WholesaleOrder
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.sandbox.standin import VirtualClock
from order_pipelines_tests.operations.memory_folder import memory_folder
from order_pipelines_tests.postgres import TestPostgres

MAIN, OUTLET, BOOKS = "bol_main", "bol_outlet", "exact"
START = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
"""A Wednesday, ten o'clock in Amsterdam: no attempt comes near a midnight."""
EVERY_S = 300.0
UNDISTURBED = 2
"""Rounds after the last kill: one does what is left and asks for it to be confirmed, one sees it confirmed."""
UNKNOWN_EAN = "8719999770017"
_PREPARED_BEFORE_S = 3600.0
_KEPT = {MAIN: {"KEU-1001", "KEU-1003", "KEU-1010", "VOE-3001", "THE-2004"}, OUTLET: {"KEU-1001", "VOE-3001"}}

ROUND = (
    ["import-products"],
    ["sweep"],
    ["take-in"],
    ["push-stock"],
    ["plan"],
    ["dispatch"],
)
LOAD = (["load-warehouse"],)
"""What a crontab runs, each command with what the one before it left."""
_PREPARATION = (
    ["import-products"],
    ["sweep"],
    ["take-in"],
    ["orders", "cancel", "1043000001", "--yes"],
    ["load-warehouse"],
)

_UNFORESEEN = "Traceback (most recent call last)"

Target: TypeAlias = tuple[str, int]
"""Where to die: the name of a point, and the how manieth passing of it."""


class WorldClock(VirtualClock):
    """The sandbox's clock; its zero is a fixed instant, so that each attempt lives through the same days and hours."""

    def __init__(self) -> None:
        super().__init__()
        self._base_s = 0.0

    def begin(self, instant: datetime) -> None:
        """Let it be ``instant`` now, in this process too; counts from there."""
        super().set_offset(0.0)
        self._base_s = (instant - self.now()).total_seconds()
        self.set_offset(0.0)

    def set_offset(self, offset_s: float) -> None:
        """Move to ``offset_s`` seconds after where :meth:`begin` began, and this process with it."""
        super().set_offset(self._base_s + offset_s)
        clock.follow(self.offset_s)


@dataclass
class Attempt:
    """One life of the merchant: what each round passed, and where it is kept until looked at."""

    folder: Path
    environment: dict[str, str]
    settings: Path
    points: list[list[str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    killed: list[Target] = field(default_factory=list)
    missed: list[Target] = field(default_factory=list)
    consents: int = 0


class KillWorld:
    """Everything an attempt needs; one for each pair of stores.

    Args:
        sandbox: running, with a :class:`WorldClock`.
        zygote: forks the processes that do the work.
        folder: where attempts live.
        postgres: for PostgreSQL as both stores; ``None`` for SQLite and DuckDB.
    """

    def __init__(
        self, sandbox: Sandbox, zygote: "Zygote", folder: Path, postgres: TestPostgres | None
    ) -> None:
        self.sandbox = sandbox
        self._zygote = zygote
        self._folder = folder
        self._postgres = postgres
        self._numbers = itertools.count(1)
        self._template = self._prepare()
        self._rehearse()

    def _prepare(self) -> Attempt:
        """Make what each attempt begins with: master and stock known, two orders read, one to be cancelled."""
        place = self._folder / "prepared"
        place.mkdir()
        self._begin(START - timedelta(seconds=_PREPARED_BEFORE_S))
        world = merchant.Sandbox(self.sandbox.control_url, self.sandbox.systems())
        url = self._postgres.create_database() if self._postgres is not None else None
        settings = merchant.write_merchant(place, world, in_postgres=url is not None)
        text = settings.read_text(encoding="utf-8")
        settings.write_text(
            text.replace("\nmanaged_by_retailer", "\nhistory_days = 3\nmanaged_by_retailer"), encoding="utf-8"
        )
        made = Attempt(place, merchant.environment_of(world, url), settings)
        self.run(made, _PREPARATION)
        # Tokens are of this world's hour and not of the next one's.
        self._forget_tokens(made)
        assert "1 cancellation planned" in made.said[-1], made.said[-1]
        return made

    def _rehearse(self) -> None:
        """Let the forking process do two rounds itself, on stores that are thrown away."""
        self._begin(START)
        attempt = self._new_attempt()
        self._before_the_first_round(attempt)
        self.run(attempt, ROUND, is_rehearsal=True)
        self._between_the_first_two_rounds(attempt)
        self.run(attempt, ROUND, is_rehearsal=True)
        self.end(attempt)

    def _forget_tokens(self, made: Attempt) -> None:
        from order_pipelines.operations.store import OperationsStore
        from order_pipelines.operations.tables import tokens

        store = OperationsStore(store_url(made))
        try:
            with store.transaction() as connection:
                connection.execute(tokens.delete())
        finally:
            store.close()

    def _begin(self, instant: datetime) -> None:
        """Begin the outside anew at ``instant``, with what was there an hour before the first round."""
        world_clock = self.sandbox.clock
        assert isinstance(world_clock, WorldClock)
        world_clock.begin(instant)
        self.sandbox.reset()
        for account, kept in _KEPT.items():
            offers = self.sandbox.bol.desk(account).shop.offers
            for offer_id in [key for key, offer in offers.items() if offer.sku not in kept]:
                del offers[offer_id]
        self._buy(MAIN, "1043000001", START - timedelta(hours=30), ("KEU-1010", 2))
        fbb_at = START - timedelta(hours=6, minutes=30)
        self._buy(MAIN, "1043000002", fbb_at, ("THE-2004", 1), fulfilment_method="FBB")

    def _buy(self, account: str, order_id: str, at: datetime, *goods: tuple[str, int], **wish: Any) -> None:
        lines = [{("ean" if it.isdigit() else "sku"): it, "quantity": pieces} for it, pieces in goods]
        wanted = {"order_id": order_id, "lines": lines, "force": True, "placed_at": at.isoformat()}
        self.sandbox.bol.place_order(account, wanted | wish)

    # --- one attempt

    def live(self, targets: Sequence[Target | None] = (None, None)) -> Attempt:
        """Live through a round for each of ``targets``, dying at it, and two more that nothing disturbs.

        What happens outside between the first two rounds happens in any case. A target that its round does not pass,
        because what it belongs to was done before, leaves that round undisturbed; ``Attempt.missed`` says so.
        """
        self._begin(START)
        attempt = self._new_attempt()
        self._before_the_first_round(attempt)
        rounds = [*targets, *[None] * UNDISTURBED]
        for number, target in enumerate(rounds):
            if number == 1:
                self._between_the_first_two_rounds(attempt)
            self._pass_time(number * EVERY_S)
            is_loaded = number < len(targets) or number == len(rounds) - 1
            self.run(attempt, (*ROUND, *LOAD) if is_loaded else ROUND, target)
            if "CONSENT NEEDED" in attempt.said[-1]:
                self._consent(attempt)
        return attempt

    def _new_attempt(self) -> Attempt:
        number = next(self._numbers)
        place = self._folder / f"attempt-{number}"
        shutil.copytree(self._template.folder, place)
        environment = self._template.environment | merchant.environment_of(
            merchant.Sandbox(self.sandbox.control_url, self.sandbox.systems())
        )
        if self._postgres is not None:
            url = f"kill_{number}"
            template = database_of(environment[merchant.OPERATIONS_VARIABLE])
            with psycopg.connect(plain_url(self._postgres.url("postgres")), autocommit=True) as admin:
                admin.execute(
                    sql.SQL("create database {} template {} strategy file_copy").format(
                        sql.Identifier(url), sql.Identifier(template)
                    )
                )
            environment[merchant.OPERATIONS_VARIABLE] = self._postgres.url(url)
            environment[merchant.WAREHOUSE_VARIABLE] = self._postgres.url(url)
        return Attempt(place, environment, place / "settings.toml")

    def end(self, attempt: Attempt) -> None:
        """Remove what an attempt left."""
        shutil.rmtree(attempt.folder)
        if self._postgres is not None:
            self._postgres.drop_database(attempt.environment[merchant.OPERATIONS_VARIABLE])

    def _pass_time(self, after_start_s: float) -> None:
        self.sandbox.clock.set_offset(after_start_s)

    def _before_the_first_round(self, attempt: Attempt) -> None:
        ago = START - timedelta(minutes=40)
        self._buy(MAIN, "1043000011", ago, ("KEU-1001", 1))
        self._buy(MAIN, "1043000012", ago, ("KEU-1003", 1), ("VOE-3001", 2))
        self._buy(MAIN, "1043000013", ago, (UNKNOWN_EAN, 1), ("KEU-1001", 1))
        self._buy(MAIN, "1043000014", ago, ("KEU-1010", 1), malform={"missing": ["orderItems.0.quantity"]})
        self._buy(OUTLET, "1087000011", ago, ("VOE-3001", 1))
        wholesale = (_wholesale("GH-1", ("KEU-1001", 3, "20.00"), ("VOE-3001", 4, "9.00")),
                     _wholesale("GH-2", ("KEU-1003", 2, "25.00"), ("KEU-9999", 1, "5.00")))  # fmt: skip
        merchant.drop_orders(attempt.folder, "inkoop.csv", wholesale)
        merchant.drop(attempt.folder, "orders/kapot.csv", "Bestelnummer;Aantal\n")
        parcels = (
            Parcel("1043000011", (("KEU-1001", 1),), 0),
            Parcel("1087000011", (("VOE-3001", 1),), 0, "DHL"),
            Parcel("GH-1", (("KEU-1001", 3), ("VOE-3001", 4)), 0),
        )
        merchant.drop_shipments(attempt.folder, "verzonden_1.csv", parcels)

    def _between_the_first_two_rounds(self, attempt: Attempt) -> None:
        self._pass_time(EVERY_S / 2)
        now = START + timedelta(seconds=EVERY_S / 2)
        self.sandbox.bol.act(MAIN, "1043000012", "cancel", {"sku": "VOE-3001"})
        self.sandbox.bol.act(MAIN, "1043000014", "repair", {})
        self._buy(MAIN, "1043000015", now, ("KEU-1003", 1))
        self._buy(OUTLET, "1087000012", now, ("KEU-1001", 1))
        products = attempt.folder / "products.csv"
        text = products.read_text(encoding="utf-8")
        products.write_text(text.replace("8720999001025", f"8720999001025|{UNKNOWN_EAN}"), encoding="utf-8")
        heading = "Artikelnr;Geteld;Locatie;Geteld op\n"
        counted_at = f"{clock.now().astimezone(clock.BUSINESS_ZONE):%d-%m-%Y %H:%M}"
        merchant.drop(attempt.folder, "stock_counts/telling.csv", f"{heading}KEU-1003;11;main;{counted_at}\n")
        parcels = (
            Parcel("1043000012", (("KEU-1003", 1),), 0),
            Parcel("1043000013", (("KEU-1002", 1), ("KEU-1001", 1)), 0),
        )
        merchant.drop_shipments(attempt.folder, "verzonden_2.csv", parcels, first_number=11)

    def _consent(self, attempt: Attempt) -> None:
        """Do what the message asks of a person; the next round goes on from there."""
        row = next(row for row in self.sandbox.systems() if row["account"] == BOOKS)
        asked = {
            "client_id": row["credentials"]["client_id"],
            "redirect_uri": "http://127.0.0.1/exact",
            "response_type": "code",
        }
        answer = requests.get(row["auth_url"], params=asked, allow_redirects=False, timeout=5)
        code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
        self.run(attempt, (["authorize", BOOKS],), typed=f"{code}\n")
        assert "consent stored" in attempt.said[-1], attempt.said[-1]
        attempt.consents += 1

    def run(
        self,
        attempt: Attempt,
        commands: Sequence[Sequence[str]],
        target: Target | None = None,
        *,
        typed: str = "",
        is_rehearsal: bool = False,
    ) -> None:
        """Run commands in a fresh process, to their end or to the point where it dies."""
        log, said = attempt.folder / "points.log", attempt.folder / "said.log"
        for file in (log, said):
            file.unlink(missing_ok=True)
        status = self._zygote.fork(
            {
                "commands": commands,
                "environment": attempt.environment,
                "folder": str(attempt.folder),
                "log": str(log),
                "said": str(said),
                "typed": typed,
                "is_rehearsal": is_rehearsal,
                "kill_at": target,
                "ignored": urlsplit(self.sandbox.control_url).netloc,
            }
        )
        attempt.said.append(said.read_text(encoding="utf-8"))
        points = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        attempt.points.append(points)
        if status == -signal.SIGKILL and target is not None:
            assert points[-1] == target[0], (points[-1], target)
            attempt.killed.append(target)
        elif status != 0 or _UNFORESEEN in attempt.said[-1]:
            raise AssertionError(f"the process ended with {status}:\n{attempt.said[-1]}")
        elif target is not None:
            attempt.missed.append(target)


def _wholesale(number: str, *lines: tuple[str, int, str]) -> WholesaleOrder:
    rows = tuple(WholesaleLine(sku, sku, pieces, Decimal(price)) for sku, pieces, price in lines)
    return WholesaleOrder(number, "10023", "Kookwinkel De Vijzel", "Nederland", 1, rows)


class Zygote:
    """The process that forks; see ``kill_zygote``."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "order_pipelines_tests.reliability.kill_zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env=_one_thread(),
        )

    def fork(self, request: dict[str, Any]) -> int | None:
        """Let a child do ``request``; return its exit status, ``None`` when it did not end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(request)}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the forking process ended with {self._process.wait()}"
        status: int | None = json.loads(answer)["status"]
        return status

    def close(self) -> None:
        """End it; waits for a child that still works."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def _one_thread() -> dict[str, str]:
    """Return the environment in which no library starts threads when it is imported."""
    quiet = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return {**os.environ, **quiet, "JE_ARROW_MALLOC_CONF": "background_thread:false"}


@contextmanager
def kill_world(postgres: TestPostgres | None) -> Iterator[KillWorld]:
    """Start the outside and the forking process, make what attempts begin with, and remove it all at the end."""
    zygote = Zygote()
    try:
        with memory_folder() as folder, Sandbox(control_port=0, relaxed=True, clock=WorldClock()) as sandbox:
            yield KillWorld(sandbox, zygote, folder, postgres)
    finally:
        zygote.close()
        clock.follow(0)


def store_url(attempt: Attempt) -> str:
    """Return the URL of an attempt's operations store."""
    return attempt.environment.get(
        merchant.OPERATIONS_VARIABLE, f"sqlite:///{attempt.folder / 'data' / 'operations.sqlite'}"
    )


def warehouse_url(attempt: Attempt) -> str:
    """Return the URL of an attempt's warehouse."""
    return attempt.environment.get(
        merchant.WAREHOUSE_VARIABLE, f"duckdb:///{attempt.folder / 'data' / 'warehouse.duckdb'}"
    )


def plain_url(url: str) -> str:
    """Return a URL as the driver itself takes it."""
    return url.replace("postgresql+psycopg://", "postgresql://")


def database_of(url: str) -> str:
    """Return the name of the database behind a URL of PostgreSQL."""
    return urlsplit(url).path.removeprefix("/")
