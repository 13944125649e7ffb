"""The demo's merchant on stand-ins that run in a process of their own, and the sweep as plain calls."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa

from benchmarks.processes import ROOT
from order_pipelines import clock
from order_pipelines.defs.access import ShopDoor, WarehouseDoor
from order_pipelines.defs.checks import newest_rows
from order_pipelines.demo.merchant import Sandbox, environment_of, write_merchant
from order_pipelines.operations.tables import channel_offers
from order_pipelines.services.cancelling import CHANNEL_CANCELLATION
from order_pipelines.services.dispatch import dispatch_kind
from order_pipelines.services.drop_folder import take_in
from order_pipelines.services.intake import sweep_orders
from order_pipelines.services.planning import (
    CHANNEL_SHIPMENT,
    SALES_ENTRY,
    Planned,
    plan_invoices,
    plan_shipments,
)
from order_pipelines.services.product_master import import_products
from order_pipelines.services.shipping import match_shipments
from order_pipelines.services.shop import Shop
from order_pipelines.services.stock_push import push_account, read_back, refresh_offers
from order_pipelines.services.warehouse_load import build_marts, load_core
from order_pipelines.services.watch import quarantine_share
from order_pipelines.settings import Settings, load_settings
from order_pipelines.warehouse import checks
from order_pipelines.warehouse.tables import CORE_TABLES, MART_TABLES

_TIMEOUT_S = 60


@dataclass(frozen=True)
class World:
    """The outside, and one merchant's folder."""

    control_url: str
    settings_path: Path
    # One connection: a thousand orders would otherwise open a thousand.
    caller: requests.Session = field(default_factory=requests.Session)

    @property
    def settings(self) -> Settings:
        """The merchant's settings."""
        return load_settings(self.settings_path)

    def tell(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Call the control port."""
        reply = self.caller.post(f"{self.control_url}{path}", json=body, timeout=_TIMEOUT_S)
        reply.raise_for_status()
        answer: dict[str, Any] = reply.json()
        return answer

    def state(self, account: str) -> dict[str, Any]:
        """Return what the outside holds for an account."""
        reply = self.caller.get(f"{self.control_url}/state/{account}", timeout=_TIMEOUT_S)
        reply.raise_for_status()
        answer: dict[str, Any] = reply.json()
        return answer

    def buy(self, account: str, orders: int, skus: list[str]) -> None:
        """Let shoppers buy one piece each, the articles in turn, whether they are in stock or not."""
        for number in range(orders):
            line = {"sku": skus[number % len(skus)], "quantity": 1}
            self.tell("/orders", {"account": account, "lines": [line], "force": True})


@contextmanager
def opened_world(folder: Path) -> Iterator[World]:
    """Start the stand-ins and write a merchant into ``folder``; its secrets stand in the environment until the end."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sandbox_process"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            control_url = process.stdout.readline().strip()
            if not control_url:
                raise RuntimeError("the stand-ins did not start; what they said stands above")
            systems = requests.get(f"{control_url}/systems", timeout=_TIMEOUT_S).json()
            sandbox = Sandbox(control_url, systems)
            with _environment(environment_of(sandbox)):
                yield World(control_url, write_merchant(folder, sandbox))
        finally:
            clock.follow(0)
            process.stdin.close()


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def sweep(settings: Settings) -> dict[str, float]:
    """Do what the job ``sweep_shop`` does, by the same services and in its order, without Dagster.

    Every step opens and closes its stores, as in the job. What a step only shows in Dagster (samples of rows, a chart)
    is left out. Returns the seconds of its parts: ``files``, ``orders``, ``out``, ``warehouse``.

    Raises:
        RuntimeError: an account was not read to its end, or a check fails.
    """
    shops, warehouses = ShopDoor(settings), WarehouseDoor(settings)
    taken: dict[str, float] = {}
    with _timed(taken, "files"):
        with shops.open() as shop:
            import_products(shop)
        with shops.open() as shop:
            for name, account in shop.accounts():
                if account.system == "b2b_files":
                    take_in(shop, name)
    with _timed(taken, "orders"), shops.open() as shop:
        problems = [one.problem for one in sweep_orders(shop, "bol") if one.problem is not None]
        match_shipments(shop)
    if problems:
        raise RuntimeError(f"the sweep did not finish: {problems}")
    with _timed(taken, "out"):
        for system in ("b2b_files", "bol"):
            with shops.open() as shop:
                quarantine_share(shop.store, shop.settings, system)
        _send(shops)
    with _timed(taken, "warehouse"):
        with shops.open() as shop, warehouses.writing(shop.store) as warehouse:
            load_core(shop.store, warehouse)
        _check(warehouses, "core")
        with shops.open() as shop, warehouses.writing(shop.store) as warehouse:
            build_marts(warehouse)
        _check(warehouses, "mart")
        with shops.store() as store, warehouses.writing(store) as warehouse:
            warehouse.publish()
    return taken


@contextmanager
def _timed(taken: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    taken[name] = time.perf_counter() - began


def _send(shops: ShopDoor) -> None:

    with shops.open() as shop:
        channels = [name for name, _ in shop.accounts(lambda able: able.stock_sink)]
        for name in channels:
            if _is_listing_due(shop, name):
                refresh_offers(shop, name)
    with shops.open() as shop:
        for name in channels:
            push = push_account(shop, name)
            while push.problem is None and push.accepted:
                push = push_account(shop, name)
            read_back(shop, name)
    with shops.open() as shop:
        plan_shipments(shop, Planned())
        for name, _ in shop.accounts(lambda able: able.shipment_sink):
            for kind in (CHANNEL_SHIPMENT, CHANNEL_CANCELLATION):
                dispatch_kind(shop, kind, only=name)
    with shops.open() as shop:
        planned = Planned()
        for name, account in shop.accounts():
            if account.invoicing.trigger != "off":
                plan_invoices(shop, name, planned)
        for name, _ in shop.accounts(lambda able: able.invoice_sink):
            dispatch_kind(shop, SALES_ENTRY, only=name)


def _is_listing_due(shop: Shop, account: str) -> bool:
    """Offers are listed when they were not in the last hour, as in the job."""
    with shop.store.reading() as connection:
        query = sa.select(sa.func.max(channel_offers.c.seen_at)).where(channel_offers.c.account == account)
        return connection.execute(query).scalar() is None


def _check(warehouses: WarehouseDoor, layer: str) -> None:

    warehouse = warehouses.warehouse()
    failures: list[object] = []
    for table in CORE_TABLES if layer == "core" else MART_TABLES:
        where, values = newest_rows(warehouse, table)
        failures += checks.validate_table(warehouse, table, where, values)
    for check in checks.checks():
        reads_mart = any(name.startswith("mart.") for name in (check.table, *check.reads))
        if reads_mart == (layer == "mart") and checks.run_check(warehouse, check.name).num_rows:
            failures.append(check.claim)
    if failures:
        raise RuntimeError(f"checks of {layer} fail: {failures}")


def revenue(settings: Settings) -> tuple[int, Decimal]:
    """Return orders and gross revenue of all channels, as the marts say."""
    (row,) = (
        WarehouseDoor(settings)
        .warehouse()
        .query(
            "select cast(coalesce(sum(orders), 0) as bigint) as orders, "
            "cast(coalesce(sum(gross_revenue_incl_vat), 0) as decimal(18, 2)) as total "
            "from mart.revenue_per_channel_day"
        )
        .to_pylist()
    )
    return int(row["orders"]), row["total"]
