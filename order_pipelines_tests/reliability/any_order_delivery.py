"""Telling a week to a real shop, by the services themselves, in whatever way a delivery says."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st

from order_pipelines import clock
from order_pipelines.operations import inbox
from order_pipelines.operations.inbox import Incoming
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.store import OperationsStore, upsert
from order_pipelines.operations.tables import channel_offers, metadata, receipts
from order_pipelines.services.again import read_again, retry_quarantine
from order_pipelines.services.drop_folder import folder_of, take_in
from order_pipelines.services.interpreting import ORDER, interpret_waiting
from order_pipelines.services.planning import plan_all
from order_pipelines.services.product_master import import_products
from order_pipelines.services.shipping import match_shipments
from order_pipelines.services.shop import Shop
from order_pipelines.services.tokens import StoredTokens
from order_pipelines.services.warehouse_load import build_marts, load_core
from order_pipelines.settings import load_settings
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines_tests.reliability.any_order_world import (
    BOL,
    EANS,
    END_H,
    FILES,
    MONDAY,
    File,
    Payload,
    World,
)

END = MONDAY + timedelta(hours=END_H)
GUID = "00000000-0000-0000-0000-00000000000{}"

_SETTINGS = f"""
[merchant]
name = "De Vries Wonen"
[[locations]]
name = "main"
[[locations]]
name = "store"
[products]
file = "master.csv"
[vat.rates.NL]
high = 21
low = 9
[accounts.{BOL}]
system = "bol"
mode = "live"
effective_from = 2026-01-01
reference_prefix = "BOL"
ships_from = "main"
serves = ["main"]
[accounts.{BOL}.invoicing]
trigger = "shipped"
books = "exact"
customer = "{GUID.format(1)}"
journal = "70"
[accounts.{FILES}]
system = "b2b_files"
mode = "live"
effective_from = 2026-01-01
reference_prefix = "B2B"
ships_from = "main"
[accounts.{FILES}.options]
folder = "in"
currency = "EUR"
prices = "excl_vat"
[accounts.{FILES}.invoicing]
trigger = "shipped"
books = "exact"
customer = "{GUID.format(2)}"
journal = "70"
[accounts.exact]
system = "exact_online"
mode = "live"
effective_from = 2026-01-01
[accounts.exact.options]
division = 1
redirect_uri = "https://winkel.example/exact"
[books.exact]
rounding_ledger_account = "{GUID.format(3)}"
[[books.exact.mapping]]
country = "NL"
vat_class = "high"
ledger_account = "{GUID.format(4)}"
vat_code = "2"
[[books.exact.mapping]]
country = "NL"
vat_class = "low"
ledger_account = "{GUID.format(5)}"
vat_code = "1"
"""


@dataclass
class Place:
    """An empty shop that many examples use one after the other, with or without a warehouse."""

    folder: Path
    store: OperationsStore
    warehouse: Warehouse | None = None
    _empty: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def clear(self) -> None:
        """Make the store as it was when it was opened; files go."""
        with self.store.transaction() as connection:
            for table in metadata.sorted_tables:
                connection.execute(table.delete())
                if rows := self._empty.get(table.name):
                    connection.execute(table.insert(), rows)
        for name in ("in", "data"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def remember(self) -> None:
        with self.store.reading() as connection:
            for table in metadata.sorted_tables:
                if rows := [dict(row) for row in connection.execute(sa.select(table)).mappings()]:
                    self._empty[table.name] = rows


def clear_warehouse(warehouse: Warehouse) -> None:
    """Empty every table of a warehouse."""
    from order_pipelines.warehouse.tables import ALL_TABLES

    with warehouse.write() as session:
        for table in ALL_TABLES:
            session.execute(f"delete from {table.full_name}")


@contextmanager
def place(folder: Path, store_url: str, warehouse_url: str | None = None) -> Iterator[Place]:
    """Open a place for shops; its store is migrated once."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.toml").write_text(_SETTINGS, encoding="utf-8")
    store = open_store(store_url)
    found = Place(folder, store, None if warehouse_url is None else Warehouse(warehouse_url, folder))
    found.remember()
    try:
        yield found
    finally:
        store.close()


@dataclass(frozen=True)
class Step:
    """One thing that happens to the shop. ``what``: receive, file, master, again, retry, load or plan."""

    what: str
    payloads: tuple[Payload, ...] = ()
    file: File | None = None
    number: int = 0


def straight(world: World) -> list[Step]:
    """Return the delivery of which nobody would doubt the end: the master first, then all in its time, once each."""
    steps = [Step("master", number=number) for number in range(len(world.masters))]
    steps += [Step("receive", (payload,)) for payload in sorted(world.payloads, key=lambda one: one.read_at)]
    return steps + [Step("file", file=file) for file in world.files]


@st.composite
def deliveries(draw: st.DrawFn, world: World, *, plans: bool = False) -> list[Step]:
    """Draw another delivery: shuffled, repeated, batched, partly replayed, versions missing, loads in between.

    The versions of the master keep their order: the last file that came is the one that holds. With ``plans`` the
    master comes first, and invoices are planned at any moment.
    """
    told = [payload for payload in world.payloads if not (payload.may_be_missed and draw(st.booleans()))]
    told += draw(st.lists(st.sampled_from(told), max_size=4))
    steps = [Step("receive", (payload,)) for payload in told]
    steps += [Step("file", file=file) for file in world.files]
    if world.files:
        steps += [
            Step("file", file=file) for file in draw(st.lists(st.sampled_from(world.files), max_size=1))
        ]
    steps += [Step("again", number=draw(st.integers(0, 9))) for _ in range(draw(st.integers(0, 2)))]
    steps += [Step("retry")] * draw(st.integers(0, 2)) + [Step("load")] * draw(st.integers(0, 2))
    steps += [Step("plan")] * (draw(st.integers(1, 2)) if plans else 0)
    steps = list(draw(st.permutations(steps)))
    place_of = 0
    for number in range(len(world.masters)):
        place_of = 0 if plans else draw(st.integers(place_of, len(steps)))
        steps.insert(place_of, Step("master", number=number))
        place_of += 1
    return _batched(draw, steps)


def _batched(draw: st.DrawFn, steps: list[Step]) -> list[Step]:
    batched: list[Step] = []
    for step in steps:
        if batched and step.what == batched[-1].what == "receive" and draw(st.booleans()):
            batched[-1] = Step("receive", (*batched[-1].payloads, *step.payloads))
        else:
            batched.append(step)
    return batched


def tell(where: Place, world: World, steps: list[Step], *, loads: bool = True) -> None:
    """Let everything happen to an empty shop, then what every sweep ends with: parcels matched, effects planned.

    Without ``loads`` a warehouse stays as it was.
    """
    where.clear()
    if where.warehouse is not None and loads:
        clear_warehouse(where.warehouse)
    shop = Shop(load_settings(where.folder / "settings.toml"), where.store, StoredTokens(where.store))
    with clock.frozen(END):
        _list_offers(shop)
        for step in steps:
            _take(where, shop, world, step)
        match_shipments(shop)
        plan_all(shop)
        if where.warehouse is not None and loads:
            load_core(where.store, where.warehouse)
            build_marts(where.warehouse)


def _take(where: Place, shop: Shop, world: World, step: Step) -> None:
    if step.what == "receive":
        with shop.store.transaction() as connection:
            inbox.receive(connection, [_incoming(payload) for payload in step.payloads])
        interpret_waiting(shop, "bol")
        match_shipments(shop)
    elif step.what == "file" and step.file is not None:
        path = folder_of(shop, FILES) / step.file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(step.file.content)
        take_in(shop, FILES, settle=timedelta(0))
    elif step.what == "master":
        (where.folder / "master.csv").write_bytes(world.masters[step.number])
        import_products(shop)
    elif step.what == "again":
        with shop.store.reading() as connection:
            numbers = list(connection.execute(sa.select(receipts.c.receipt_seq)).scalars())
        read_again(shop, [number for number in numbers if number % 3 == step.number % 3])
    elif step.what == "retry":
        retry_quarantine(shop)
    elif step.what == "load":
        if where.warehouse is not None:
            load_core(where.store, where.warehouse, batch_orders=1 + step.number)
            build_marts(where.warehouse)
    else:
        assert step.what == "plan", step
        plan_all(shop)


def _incoming(payload: Payload) -> Incoming:
    return Incoming(BOL, "bol", ORDER, payload.external_id, payload.body, payload.read_at, "poll")


def _list_offers(shop: Shop) -> None:
    """Every article is offered at bol, by its EAN."""
    with shop.store.transaction() as connection:
        upsert(
            connection,
            channel_offers,
            [
                {
                    "account": BOL,
                    "offer_id": f"offer-{article}",
                    "ean": ean,
                    "reference": None,
                    "sku": None,
                    "is_own_fulfilment": True,
                    "subtracts_open_orders": article != "MOK",
                    "max_quantity": 999,
                    "is_listed": True,
                    "seen_at": MONDAY,
                }
                for article, ean in EANS.items()
            ],
        )
