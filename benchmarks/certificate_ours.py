"""Our own way of keeping stock: the services of the product, on a store of its own; here as its schedules call them.

A round that could not find anything is left out: months pass in minutes that way, and nothing else comes of it.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.certificate_connector import BATCH, SINGLE
from benchmarks.certificate_demand import DAY, MINUTE, Rule
from benchmarks.certificate_time import Process, Simulation
from benchmarks.certificate_world import Channel, Placed, World
from order_pipelines import clock
from order_pipelines.errors import OrderPipelinesError
from order_pipelines.operations.store import CHANGE, next_values, upsert
from order_pipelines.operations.tables import channel_offers, channel_stock, products
from order_pipelines.services.drop_folder import take_in
from order_pipelines.services.intake import sweep_account
from order_pipelines.services.oversells import find_oversells
from order_pipelines.services.shop import Shop
from order_pipelines.services.stock_drift import REPAIRS_AT_ONCE
from order_pipelines.services.stock_push import push_account, read_back, refresh_offers
from order_pipelines.settings import load_settings

DESK = "desk"
SEEN_EVERY_S = 30 * MINUTE
"""How seldom an account is read that has nothing to tell: often enough for its orders to count as fresh."""
LISTED_EVERY_S = 55 * MINUTE
_CASES_EVERY_S = DAY / 4
_SWEEP_EVERY_S = 5 * MINUTE


def settings_text(rules: Iterable[Rule], store_url: str, stock: Mapping[str, str]) -> str:
    """Return the settings of a merchant with an account at each channel. ``stock``: what more is said of accounts."""
    text = f"""
[merchant]
name = "Wisselgeld & Zn"
[stores]
operations_url = "{store_url}"
[[locations]]
name = "main"
[vat.rates.NL]
high = 21
low = 9
[accounts.{DESK}]
system = "b2b_files"
mode = "live"
effective_from = 2026-01-01
ships_from = "main"
serves = ["main"]
[accounts.{DESK}.options]
folder = "counts"
"""
    for rule in rules:
        text += f"""
[accounts.{rule.name}]
system = "{BATCH if rule.is_batch else SINGLE}"
mode = "live"
effective_from = 2026-01-01
ships_from = "main"
serves = ["main"]
[accounts.{rule.name}.options]
write_interval_s = {int(rule.interval_s)}
pushes = {str(rule.pushes).lower()}
{stock.get(rule.name, "")}
"""
    return text


class OurWay:
    """What both ways of ours share: the shop, its files, and the look for oversells."""

    def __init__(self, folder: Path, store_url: str | None = None) -> None:
        self._folder = folder
        self._store_url = store_url or f"sqlite:///{folder / 'operations.sqlite'}"
        self._file_number = 0
        self._waiting: list[tuple[list[tuple[str, int]], float]] = []
        self.troubles = 0
        self.processes: list[Process] = []

    def begin(self, world: World) -> None:
        self.world = world
        self.simulation: Simulation = world.simulation
        (self._folder / "counts" / "stock_counts").mkdir(parents=True)
        path = self._folder / "settings.toml"
        path.write_text(
            settings_text(world.plan.rules, self._store_url, self.stock_settings()), encoding="utf-8"
        )
        with clock.frozen(self.simulation.instant()):
            self.shop = Shop.open(load_settings(path))
            _hurry(self.shop)
            self._make_products()
            self._write_count(list(world.plan.opening.items()), self.simulation.now)
            self.take_in_files()
            for rule in world.plan.rules:
                sweep_account(self.shop, rule.name)
                listed = refresh_offers(self.shop, rule.name)
                if listed.problem is not None:
                    raise RuntimeError(f"{rule.name} cannot be listed: {listed.problem}")
            self.make()
        self.start()
        for number in range(int(world.plan.end / _CASES_EVERY_S)):
            self.simulation.at((number + 1) * _CASES_EVERY_S, self.look_for_oversells)

    def stock_settings(self) -> dict[str, str]:
        """Return what the settings say of an account's stock besides that it is pushed."""
        return {}

    def make(self) -> None:
        """Put together what runs."""

    def start(self) -> None:
        """Let the process run."""
        raise AssertionError(f"{type(self).__name__} does nothing")

    def close(self) -> None:
        """Let go of the store."""
        for process in self.processes:
            process.kill()
        self.shop.close()

    def stand_still(self, *, stops: bool) -> None:
        if not stops:
            self.start()
            return
        for process in self.processes:
            process.kill()
        self.processes.clear()

    def counted(self, rows: list[tuple[str, int]], taken_at: float) -> None:
        self._write_count(rows, taken_at)

    def pushed(self, channel: Channel, order: Placed, number: int) -> bool:
        del channel, order, number
        return True

    def look_for_oversells(self) -> None:
        """What a schedule does: cases for what was sold and was not there."""
        find_oversells(self.shop.store, self.shop.settings)

    def _make_products(self) -> None:
        skus = sorted(self.world.plan.listed)
        with self.shop.store.transaction() as connection:
            first = next_values(connection, CHANGE, len(skus))
            rows: list[dict[str, Any]] = [
                {
                    "sku": sku,
                    "name": sku,
                    "vat_class": "high",
                    "source": "file",
                    "updated_at": clock.now(),
                    "change_seq": number,
                }
                for number, sku in enumerate(skus, start=first)
            ]
            upsert(connection, products, rows)

    def _write_count(self, rows: list[tuple[str, int]], taken_at: float) -> None:
        self._file_number += 1
        moment = clock.isoformat(self.simulation.instant(taken_at))
        lines = ["location;sku;quantity;taken_at", *(f"main;{sku};{pieces};{moment}" for sku, pieces in rows)]
        path = self._folder / "counts" / "stock_counts" / f"count-{self._file_number:04d}.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self._waiting.append((rows, taken_at))

    def take_in_files(self) -> None:
        if not self._waiting:
            return
        for one in take_in(self.shop, DESK, settle=timedelta(0)):
            if one.state != "processed" or one.rows_read != one.counts.get("counts", one.rows_read):
                raise RuntimeError(f"the count was not taken in: {one}")
        for rows, taken_at in self._waiting:
            for sku, pieces in rows:
                self.world.books.count(sku, pieces, taken_at, self.simulation.now)
        self._waiting.clear()

    def with_due(self) -> set[str]:
        """Return the accounts of which a push would find something."""
        query = sa.select(channel_stock.c.account).where(
            channel_stock.c.confirmed_version < channel_stock.c.desired_version
        )
        with self.shop.store.reading() as connection:
            return set(connection.execute(query.distinct()).scalars())

    def with_unread(self) -> set[str]:
        """Return the accounts of which a read-back would find something."""
        read, stock = channel_stock.c.read_back_at, channel_stock.c
        query = sa.select(channel_stock.c.account).where(
            sa.or_(
                sa.and_(stock.state == "confirmed", sa.or_(read.is_(None), read < stock.confirmed_at)),
                sa.and_(stock.state == "in_doubt", sa.or_(read.is_(None), read < stock.sent_at)),
                stock.drift_repairs >= REPAIRS_AT_ONCE,
            )
        )
        with self.shop.store.reading() as connection:
            return set(connection.execute(query.distinct()).scalars())

    def listed_s_ago(self, account: str) -> float:
        """Return how long ago the account's offers were listed."""
        query = sa.select(sa.func.max(channel_offers.c.seen_at, type_=channel_offers.c.seen_at.type)).where(
            channel_offers.c.account == account
        )
        with self.shop.store.reading() as connection:
            seen_at = connection.execute(query).scalar_one()
        return self.simulation.now - self.simulation.seconds(seen_at)


class OurSchedules(OurWay):
    """Without the lane: every five minutes everything that changed is read, pushed and read back."""

    def start(self) -> None:
        self.processes.append(self.simulation.process("schedules", self._body))

    def _body(self, process: Process) -> None:
        polled: dict[str, float] = dict.fromkeys(self.world.channels, 0.0)
        while True:
            process.sleep(_SWEEP_EVERY_S - self.simulation.now % _SWEEP_EVERY_S)
            self.take_in_files()
            for name, channel in self.world.channels.items():
                begun = self.simulation.now
                is_due = channel.news_after(polled[name]) or begun - polled[name] > SEEN_EVERY_S
                if is_due and sweep_account(self.shop, name).problem is None:
                    polled[name] = begun
            for name in self.world.channels:
                if self.listed_s_ago(name) > LISTED_EVERY_S:
                    refresh_offers(self.shop, name)
                if name in self.with_due():
                    push_account(self.shop, name)
            for name in self.world.channels:
                if name in self.with_unread():
                    try:
                        read_back(self.shop, name)
                    except OrderPipelinesError:
                        self.troubles += 1


def _hurry(shop: Shop) -> None:
    """Commits are not forced to disk: no power fails here, and a month would take hours."""
    if shop.store.dialect == "sqlite":
        sa.event.listen(shop.store.engine, "connect", _be_quick)
        shop.store.engine.dispose()


def _be_quick(connection: Any, record: Any) -> None:
    del record
    connection.execute("pragma synchronous = off")
