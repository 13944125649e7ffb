"""A small day of a shop that outages are let loose on: what happens outside, one whole round inside, what came of it.

Results are compared between a disturbed and an undisturbed day. Left out are only times, numbers that come from
counters, how often something was tried, and ids that the outside gives; amounts, quantities, states and keys stay.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.domain.orders import ShipmentLine
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import metadata
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.cancelling import request_cancellation
from order_pipelines.services.dispatch import dispatch_all
from order_pipelines.services.planning import plan_all
from order_pipelines.services.serving import note_serving
from order_pipelines.services.shipping import match_shipments, note_shipment_lines
from order_pipelines.services.shop import Shop
from order_pipelines.services.stock_push import push_account, read_back, refresh_offers
from order_pipelines.services.warehouse_load import build_marts, load_core
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines.warehouse.tables import CORE_TABLES, MART_TABLES
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld, opened_world

ACCOUNTS = (MAIN, OUTLET)
PARCEL, CANCELLED = "A003", "A004"
ENTRIES = ["BOL-A001", "BOL-A002", "BOL-A003", "OUT-B001"]
"""References in the books at the end of the day: every order that left, once."""
_OFFERED = [f"KEU-100{number}" for number in range(1, 7)]
_BETWEEN_ROUNDS = timedelta(minutes=4)


_begins: list[datetime] = []


def _beginning(now: datetime) -> datetime:
    """Return ten in the morning of the day after the process started: no round passes a midnight, all days are one."""
    if not _begins:
        _begins.append((now + timedelta(days=1)).replace(hour=10, minute=0, second=0, microsecond=0))
    return _begins[0]


def begin_day(world: ShopWorld) -> None:
    """Place seven orders at two accounts, of which three have left already."""
    now = world.sandbox.clock.now()
    world.pass_time((_beginning(now) - now).total_seconds())
    for account in ACCOUNTS:
        offers = world.sandbox.bol.desk(account).shop.offers
        for offer_id in [key for key, offer in offers.items() if offer.sku not in _OFFERED]:
            del offers[offer_id]
    world.buy(("KEU-1001", 1), order_id="A001", ago_h=3)
    world.buy(("KEU-1002", 2), ("KEU-1003", 1), order_id="A002", ago_h=3)
    world.buy(("KEU-1004", 2), order_id=PARCEL, ago_h=2)
    world.buy(("KEU-1005", 3), order_id=CANCELLED, ago_h=2)
    world.buy(("8719999999991", 1), order_id="A005", ago_h=2)
    world.buy(("KEU-1001", 1), order_id="B001", account=OUTLET, ago_h=3)
    world.buy(("KEU-1006", 4), order_id="B002", account=OUTLET, ago_h=1)
    for account, order_id in ((MAIN, "A001"), (MAIN, "A002"), (OUTLET, "B001")):
        world.act(order_id, "ship", account)


def hand_work(shop: Shop) -> None:
    """What people add to the orders, once: one parcel leaves, one order is cancelled for want of stock."""
    with shop.store.reading() as connection:
        outbox = metadata.tables["outbox"]
        query = sa.select(outbox.c.effect_key).where(outbox.c.kind == "channel_cancellation")
        if connection.execute(query).first() is not None:
            return
    with shop.store.transaction() as connection:
        parcel = ShipmentLine(
            PARCEL, 2, clock.now(), sku="KEU-1004", carrier="PostNL", tracking="3SOUTAGE1", row=2
        )
        note_shipment_lines(connection, MAIN, "parcels", [parcel], 0)
    match_shipments(shop)
    request_cancellation(shop, CANCELLED, reason="OUT_OF_STOCK")


def take_in(world: ShopWorld, *, must_work: bool = True) -> None:
    """Read orders and offers of both accounts, and what people add as soon as their orders are here."""
    for account in ACCOUNTS:
        problems = world.sweep(account).problem, refresh_offers(world.shop, account).problem
        assert not must_work or problems == (None, None)
    if world.rows("orders", order_key=f"{MAIN}:{CANCELLED}"):
        hand_work(world.shop)


def send_out(shop: Shop) -> None:
    """Send stock, parcels, cancellations and entries: whatever is due."""
    for account in ACCOUNTS:
        push_account(shop, account)
        read_back(shop, account)
    plan_all(shop)
    dispatch_all(shop)


def load(shop: Shop, warehouse: Warehouse) -> None:
    """Bring the warehouse up to date and publish it."""
    note_serving(shop.store, shop.settings)
    load_core(shop.store, warehouse)
    build_marts(warehouse)
    warehouse.publish()


def settle(world: ShopWorld, warehouse: Warehouse | None = None, rounds: int = 4) -> None:
    """Go on as the schedules would, minutes apart, until all that waited has had its turn."""
    for _ in range(rounds):
        world.pass_time(_BETWEEN_ROUNDS.total_seconds())
        take_in(world)
        send_out(world.shop)
    if warehouse is not None:
        load(world.shop, warehouse)


@contextmanager
def day(sandbox: Sandbox, store_url: str, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[ShopWorld]:
    """Return a shop on whose small day nothing was read yet."""
    folder.mkdir(exist_ok=True)
    with opened_world(sandbox, store_url, folder, patch) as world:
        if world.shop.store.dialect == "postgresql":
            # For commands, which read the file: the warehouse lies in the same database.
            text = world.path.read_text(encoding="utf-8")
            text = text.replace("[stores]\n", f'[stores]\nwarehouse_url = "{store_url}"\n')
            world.path.write_text(text, encoding="utf-8")
        begin_day(world)
        # Written before a load; days that are compared have it, whether they load or not.
        note_serving(world.shop.store, world.shop.settings)
        yield world


def speak(world: ShopWorld, offers_api: str) -> None:
    """Let both accounts use one of bol's two ways of writing stock."""
    settings = world.shop.settings
    accounts = {
        name: account.model_copy(update={"options": {**account.options, "offers_api": offers_api}})
        for name, account in settings.accounts.items()
        if name in ACCOUNTS
    }
    world.shop.settings = settings.model_copy(update={"accounts": {**settings.accounts, **accounts}})


def undisturbed(sandbox: Sandbox, folder: Path, *, offers_api: str = "v11") -> dict[str, Any]:
    """Return what a day without any outage leaves, on SQLite and DuckDB; expected of every other day and store."""
    url = f"sqlite:///{folder / 'operations.sqlite'}"
    with pytest.MonkeyPatch.context() as patch, day(sandbox, url, folder, patch) as world:
        speak(world, offers_api)
        warehouse = warehouse_of(world, folder)
        take_in(world)
        send_out(world.shop)
        settle(world, warehouse)
        result = result_of(world, warehouse)
    assert result["entries"] == ENTRIES, "the calm day itself went wrong"
    return result


def warehouse_of(world: ShopWorld, folder: Path, *, lock_timeout_s: float = 60.0) -> Warehouse:
    """Return the warehouse beside the operations store: a DuckDB file, or the same PostgreSQL database."""
    if world.shop.store.dialect == "postgresql":
        url = world.shop.store.url.render_as_string(hide_password=False)
    else:
        url = f"duckdb:///{folder / 'warehouse.duckdb'}"
    return Warehouse(url, folder, lock_timeout_s=lock_timeout_s)


# ------------------------------------------------------------------------------------------------ what came of it

_HOUSEKEEPING = {
    "alerts", "bodies", "counters", "cursors", "files", "leases", "receipts", "tokens", "warehouse_loads",
    # What was wanted, sent and known when: a repeated write is told twice, the numbers that stand are compared.
    "channel_stock_events",
}  # fmt: skip
_CIRCUMSTANCES = {
    "content_hash", "payload_hash", "order_watermark", "movement_seq", "receipt_seq", "change_seq", "sequence",
    "version_seq", "attempts", "not_before", "write_reference", "external_id", "entry_id", "entry_number",
    "invoice_entry_number", "quarantine_key", "desired_version", "sent_version", "confirmed_version", "since",
    "age_hours", "age_days",
    "hours_open", "first_receipt_seq", "own_open_quantity", "drift_since",
}  # fmt: skip


def result_of(world: ShopWorld, warehouse: Warehouse | None) -> dict[str, Any]:
    """Return the outside and both stores as they stand, without circumstances."""
    result = outside(world) | rows_of_store(world.shop.store)
    return result if warehouse is None else result | rows_of_warehouse(warehouse)


def outside(world: ShopWorld) -> dict[str, Any]:
    """Return what the books and both accounts hold."""
    found: dict[str, Any] = {
        "entries": sorted(entry["your_ref"] for entry in world.entries()),
        "amounts": sorted((entry["your_ref"], entry["amount_fc"]) for entry in world.entries()),
    }
    for account in ACCOUNTS:
        state = world.bol(account)
        found[f"offers of {account}"] = sorted((one["sku"], one["amount"]) for one in state["offers"])
        found[f"parcels of {account}"] = sorted(
            (
                one["order_id"],
                one["track_and_trace"] if one["reference"] else "theirs",
                one["items"][0]["quantity"],
            )
            for one in state["shipments"]
        )
        found[f"cancellations of {account}"] = sorted(
            (one["order_id"], one["quantity"]) for one in state["cancellations"]
        )
    return found


def rows_of_store(store: OperationsStore) -> dict[str, Any]:
    """Return the operations store's rows, without circumstances."""
    with store.reading() as connection:
        return {
            f"operations.{table.name}": _content(connection.execute(sa.select(table)).mappings())
            for table in metadata.sorted_tables
            if table.name not in _HOUSEKEEPING
        }


def rows_of_url(store_url: str) -> dict[str, Any]:
    """Return the rows of the operations store at an address."""
    store = open_store(store_url)
    try:
        return rows_of_store(store)
    finally:
        store.close()


def rows_of_warehouse(warehouse: Warehouse) -> dict[str, Any]:
    """Return core and mart, without circumstances and without how often an order was read."""
    return {
        table.full_name: _content(warehouse.read_table(table).to_pylist())
        for table in (*CORE_TABLES, *MART_TABLES)
        if table.name not in {"order_versions", "channel_stock_events"}
    }


# A file with the time of a count in it has another hash each day; the count itself is named by place and article.
_STAMP = re.compile(r"[0-9a-f]{64}:|20\d\d-\d\d-\d\dT[0-9:.]+Z:")


def _content(rows: Iterable[Any]) -> Counter[str]:
    return Counter(_STAMP.sub("", text) for text in map(_as_text, rows))


def _as_text(row: Any) -> str:
    kept = {
        str(name): value
        for name, value in row.items()
        if not name.endswith("_at") and name not in _CIRCUMSTANCES
    }
    return orjson.dumps(kept, default=str, option=orjson.OPT_SORT_KEYS).decode()


def differences(found: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """Return what stands only here or only there, by table; empty when all is equal."""
    told: dict[str, Any] = {}
    for name, theirs in expected.items():
        mine = found.get(name, theirs)
        if mine != theirs:
            if isinstance(mine, Counter):
                told[name] = {"only here": list(mine - theirs), "missing": list(theirs - mine)}
            else:
                told[name] = {"here": mine, "expected": theirs}
    return told
