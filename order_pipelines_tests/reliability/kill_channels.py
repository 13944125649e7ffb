"""Two Mirakl operators and a Shopware shop whose merchant's process is killed: all that goes out there, once each.

A life begins with orders booked, parcels matched and a cancellation asked for, all in the test process. Then come
rounds of the crontab in fresh processes, of which those that send may die; the outside survives. One operator takes
parcels one by one, the other only whole orders; the shop's orders wait until they are moved to in progress.
"""

import re
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from order_pipelines import clock
from order_pipelines.domain.orders import ShipmentLine
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.sandbox.standin import Fault
from order_pipelines.services.cancelling import request_cancellation
from order_pipelines.services.shipping import match_shipments, note_shipment_lines
from order_pipelines.services.stock_push import push_account, refresh_offers
from order_pipelines_tests.operations.memory_folder import memory_folder
from order_pipelines_tests.postgres import TestPostgres
from order_pipelines_tests.reliability.kill_world import EVERY_S, Target, Zygote
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld, opened_world

ONE, TWO, WEB = "blokker", "mirakl_two", "webshop"
ACCOUNTS = (ONE, TWO, WEB)
READING, SENDING = (["sweep"],), (["push-stock"], ["plan"], ["dispatch"])
# A file of stock is sent in one round and its report read in the next; what was cancelled is free again only then.
UNDISTURBED = 4
# Mirakl shows an order in full once a minute: sending would wait so long for what reading has used up.
_BETWEEN_S = 61.0
_ARTICLES = ("KEU-1001", "KEU-1002")
_ONCE = re.compile(r"/(accept|ship|shipments|cancel)$")


@dataclass
class Life:
    """What became of one life: the points of each round, what was said, and the end."""

    points: list[list[str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    killed: list[Target] = field(default_factory=list)
    end: dict[str, list[str]] = field(default_factory=dict)


class ChannelLives:
    """Lives on one kind of store; each begins the same."""

    def __init__(self, sandbox: Sandbox, zygote: Zygote, postgres: TestPostgres | None) -> None:
        self._sandbox = sandbox
        self._zygote = zygote
        self._postgres = postgres

    def live(self, targets: Sequence[Target | None], faults: Sequence[tuple[str, Fault]] = ()) -> Life:
        """Live a round for each target, dying at it, and then some that nothing disturbs.

        ``faults`` are those of the stand-ins by system, from the first round on; all of them have to strike.
        """
        with memory_folder() as folder, pytest.MonkeyPatch.context() as patch:
            url = f"sqlite:///{folder / 'operations.sqlite'}"
            if self._postgres is not None:
                url = self._postgres.create_database()
            self._sandbox.clock.set_offset(0)
            try:
                return self._live(folder, url, patch, targets, faults)
            finally:
                if self._postgres is not None:
                    self._postgres.drop_database(url)

    def _live(
        self,
        folder: Path,
        url: str,
        patch: pytest.MonkeyPatch,
        targets: Sequence[Target | None],
        faults: Sequence[tuple[str, Fault]],
    ) -> Life:
        environment: dict[str, str] = {}
        off = {MAIN: "enabled = false", OUTLET: "enabled = false"}
        more = _accounts(self._sandbox, environment)
        for name, value in environment.items():
            patch.setenv(name, value)
        life = Life()
        with opened_world(self._sandbox, url, folder, patch, more=more, **off) as world:
            roles = _prepare(world)
            standins: dict[str, Any] = {"mirakl": self._sandbox.mirakl, "shopware": self._sandbox.shopware}
            for system, fault in faults:
                standins[system].faults.add(fault)
            rounds = [*targets, *[None] * UNDISTURBED]
            for target in rounds:
                world.pass_time(EVERY_S - _BETWEEN_S)
                self._run(life, folder, environment, READING, None)
                world.pass_time(_BETWEEN_S)
                life.points.append(self._run(life, folder, environment, SENDING, target))
            left = [fault for standin in standins.values() for fault in standin.faults.pending()]
            assert left == [], f"never met: {left}"
            life.end = _read_end(world, roles)
        return life

    def _run(
        self,
        life: Life,
        folder: Path,
        environment: dict[str, str],
        commands: Sequence[Sequence[str]],
        target: Target | None,
    ) -> list[str]:
        log, said = folder / "points.log", folder / "said.log"
        for file in (log, said):
            file.unlink(missing_ok=True)
        status = self._zygote.fork(
            {
                "commands": commands,
                "environment": {
                    **environment,
                    "ORDER_PIPELINES_SETTINGS": str(folder / "settings.toml"),
                },
                "folder": str(folder),
                "log": str(log),
                "said": str(said),
                "typed": "",
                "is_rehearsal": False,
                "kill_at": target,
                "ignored": urlsplit(self._sandbox.control_url).netloc,
            }
        )
        life.said.append(said.read_text(encoding="utf-8"))
        points = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        if status == -signal.SIGKILL and target is not None:
            life.killed.append(target)
        elif status != 0 or "Traceback" in life.said[-1]:
            raise AssertionError(f"the process ended with {status}:\n{life.said[-1]}")
        return points


@contextmanager
def channel_lives(postgres: TestPostgres | None) -> Iterator[ChannelLives]:
    """Start the outside and the forking process."""
    zygote = Zygote()
    try:
        with Sandbox(control_port=0, relaxed=True) as sandbox:
            yield ChannelLives(sandbox, zygote, postgres)
    finally:
        zygote.close()
        clock.follow(0)


def _accounts(sandbox: Sandbox, environment: dict[str, str]) -> str:
    rows = {row["account"]: row for row in sandbox.systems()}
    environment["ONE_KEY"] = rows[ONE]["credentials"]["api_key"]
    environment["TWO_KEY"] = rows[TWO]["credentials"]["api_key"]
    environment["WEB_ID"] = rows[WEB]["credentials"]["client_id"]
    environment["WEB_SECRET"] = rows[WEB]["credentials"]["client_secret"]
    for name, value in rows["exact"]["credentials"].items():
        environment[f"EXACT_{name.upper()}"] = value
    for name in (MAIN, OUTLET):
        environment[f"{name.upper()}_ID"] = rows[name]["credentials"]["client_id"]
        environment[f"{name.upper()}_SECRET"] = rows[name]["credentials"]["client_secret"]
    common = 'mode = "live"\neffective_from = 2026-01-01\nships_from = "main"\nserves = ["main"]\n'
    return f"""
[accounts.{ONE}]
system = "mirakl"
{common}base_url = "{rows[ONE]["base_url"]}"
[accounts.{ONE}.options]
multi_shipment = true
[accounts.{ONE}.secrets]
api_key = "ONE_KEY"
[accounts.{TWO}]
system = "mirakl"
{common}base_url = "{rows[TWO]["base_url"]}"
[accounts.{TWO}.secrets]
api_key = "TWO_KEY"
[accounts.{WEB}]
system = "shopware"
{common}base_url = "{rows[WEB]["base_url"]}"
[accounts.{WEB}.options]
in_progress_after_import = true
complete_when_shipped = true
[accounts.{WEB}.secrets]
client_id = "WEB_ID"
client_secret = "WEB_SECRET"
[sandbox]
control_url = "{sandbox.control_url}"
"""


def _prepare(world: ShopWorld) -> dict[str, str]:
    """Sell, accept by hand what is to ship already, pack and ask for cancellations; return what each order is."""
    for _ in range(2):
        for account in ACCOUNTS:
            assert world.sweep(account).problem is None
            assert refresh_offers(world.shop, account).problem is None
        for account in ACCOUNTS:
            assert push_account(world.shop, account).problem is None
        world.pass_time(minutes=10)
    mirakl, shop = world.sandbox.mirakl, world.sandbox.shopware

    def buy(standin: Any, account: str, pieces: int, **wish: Any) -> str:
        lines = [{"sku": "KEU-1001", "quantity": pieces}]
        found: str = standin.place_order(account, {"lines": lines, "force": True, **wish})
        return found

    found = {
        "to accept": buy(mirakl, ONE, 1),
        "in parcels": buy(mirakl, ONE, 2),
        "to cancel": buy(mirakl, ONE, 1),
        "whole": buy(mirakl, TWO, 2),
        "shop in part": buy(shop, WEB, 2),
        "shop whole": buy(shop, WEB, 1),
        "shop to cancel": buy(shop, WEB, 1, payments=["open"]),
    }
    for role, account in (("in parcels", ONE), ("to cancel", ONE), ("whole", TWO)):
        mirakl.act(account, found[role], "accept", {})
    world.pass_time(61)
    for account in ACCOUNTS:
        assert world.sweep(account).problem is None
    parcels = [
        ("in parcels", ONE, 1, "3SONE1"),
        ("in parcels", ONE, 1, "3SONE2"),
        ("whole", TWO, 1, "3STWO1"),
        ("whole", TWO, 1, "3STWO2"),
        ("shop in part", WEB, 1, "3SWEB1"),
        ("shop whole", WEB, 1, "3SWEB2"),
    ]
    for role, account, pieces, tracking in parcels:
        # Which parcel is the last is a matter of time.
        world.pass_time(1)
        line = ShipmentLine(
            found[role],
            pieces,
            clock.now(),
            sku="KEU-1001",
            carrier="PostNL",
            tracking=tracking,
            account=account,
        )
        with world.shop.store.transaction() as connection:
            note_shipment_lines(connection, account, f"file {tracking}", [line], 0)
    assert match_shipments(world.shop).lines == len(parcels)
    for role, reason in (("to cancel", "34"), ("shop to cancel", "x")):
        assert request_cancellation(world.shop, found[role], reason=reason) == 1
    world.count("KEU-1002", 17, ago_h=1)
    return {order_id: role for role, order_id in found.items()}


def _read_end(world: ShopWorld, roles: dict[str, str]) -> dict[str, list[str]]:
    """Return what both sides hold, by the roles of the orders and not by their ids."""
    end: dict[str, list[str]] = {}
    for account in (ONE, TWO):
        held = world.sandbox.mirakl.state(account)
        end[f"{account} orders"] = [
            f"{roles[order['order_id']]} {order['state']} {_tracking(order, account)} "
            f"{[(line['state'], line['quantity'], line['cancelled']) for line in order['lines']]}"
            for order in held["orders"]
            if order["order_id"] in roles
        ]
        end[f"{account} parcels"] = [
            f"{roles[one['order_id']]} {one['status']} {one['tracking']['tracking_number']} "
            f"{[line['quantity'] for line in one['lines']]}"
            for one in held["shipments"]
        ]
        end[f"{account} stock"] = _stock(held)
        counted = Counter(
            found[1]
            for write in held["writes"]
            if (found := _ONCE.search(write["path"])) is not None and write["status"] < 300
        )
        end[f"{account} acts"] = [f"{name} {count}" for name, count in counted.items()]
    held = world.sandbox.shopware.state(WEB)
    end["shop orders"] = [
        f"{role} {order['state']} {[(each['state'], each['tracking_codes']) for each in order['deliveries']]} "
        f"{[each['state'] for each in order['transactions']]}"
        for order in held["orders"]
        if (role := next((roles[value] for value in order.values() if _is_in(value, roles)), None))
    ]
    end["shop stock"] = _stock(held)
    end["shop mails"] = [str(mail) for mail in held["mails"]]
    end["effects"] = [
        f"{row.kind} {roles[row.subject_key.partition(':')[2]]} {row.state}" for row in world.rows("outbox")
    ]
    end["stock not confirmed"] = [
        f"{row.account} {row.sku} {row.state}"
        for row in world.rows("channel_stock")
        if row.confirmed_version != row.desired_version
    ]
    end["demand"] = [f"{sku} {world.demand(sku)} {world.position(sku)}" for sku in _ARTICLES]
    world.assert_ledger_adds_up()
    return {name: sorted(rows) for name, rows in end.items()}


def _tracking(order: dict[str, Any], account: str) -> str:
    """What the order itself shows; of several parcels the one announced last, which is the run's own affair."""
    return "" if account == ONE else f"{order['carrier_code']} {order['tracking_number']}"


def _is_in(value: object, roles: dict[str, str]) -> bool:
    return isinstance(value, str) and value in roles


def _stock(held: dict[str, Any]) -> list[str]:
    return [f"{row['sku']} {row['quantity']}" for row in held["offers"] if row["sku"] in _ARTICLES]
