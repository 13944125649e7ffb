"""What is compared after a kill: both stores, the files, and everything outside; what may differ is named, with why."""

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import sqlalchemy as sa

from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import metadata
from order_pipelines.warehouse.tables import ALL_TABLES
from order_pipelines_tests.reliability.kill_world import BOOKS, MAIN, OUTLET, Attempt, KillWorld, plain_url
from order_pipelines_tests.reliability.kill_world import store_url as url_of_operations
from order_pipelines_tests.reliability.kill_world import warehouse_url as url_of_warehouse

_WHEN_WE_DID_IT = frozenset(
    {
        "received_at", "read_began_at", "first_received_at", "interpreted_at", "first_seen_at", "resolved_at",
        "seen_at", "updated_at", "booked_at", "planned_at", "sent_at", "confirmed_at", "read_back_at", "finished_at",
        "since", "loaded_at", "noted_at", "opened_at",
    }
)  # fmt: skip
"""Our own doings: a run that was repeated did them later. That they were done at all is compared."""
_COUNTED = frozenset(
    {
        "quarantine_key",
        "change_seq",
        "receipt_seq",
        "movement_seq",
        "audit_seq",
        "entry_number",
        "invoice_entry_number",
    }
)
"""Numbers from counters, ours and the books': a transaction rolled back, or in another order, moves them."""
_GIVEN_OUTSIDE = frozenset({"entry_id"})
"""Names the outside made up; the things they name are compared outside. That there is one is compared."""
_TOLD_BY_BOL = frozenset({"changed_at", "content_hash"})
"""bol's clock at a change that our own write made, and the hash of the body that carries it."""
_NOTHING_IS_DECIDED_BY = {
    "channel_stock": {
        "desired_version",
        "sent_version",
        "confirmed_version",
        "order_watermark",
        "write_reference",
    },
    "outbox": {"write_reference", "external_id"},
    # What the last listing said, which was before or after the last write; what bol holds is compared outside. What it
    # shows at the outlet is less by parcels announced since that write, and which came first is the run's own affair.
    "channel_offers": {"stock_set", "stock_shown"},
    "open_quarantine": {"age_hours"},
    # bol's clock at a cancellation that our own write made.
    "cancellation_evidence": {"occurred_at"},
}
"""Versions count how often a number was computed anew; a write that was found by looking has no receipt."""
_NOT_COMPARED = frozenset(
    {
        "leases", "counters", "tokens", "cursors", "bodies", "receipts", "warehouse_loads", "schema_migrations",
        # A write that was repeated is two events; the numbers that stand are compared.
        "channel_stock_events",
    }
)  # fmt: skip


@dataclass(frozen=True)
class State:
    """Everything by name, as sorted plain text, so that a difference can be read."""

    parts: dict[str, list[str]]

    def differences(self, other: "State") -> list[str]:
        """Return what this state has that ``other`` has not, and the other way round."""
        found = []
        for name in sorted(self.parts.keys() | other.parts.keys()):
            here, there = Counter(self.parts.get(name, ())), Counter(other.parts.get(name, ()))
            found += [f"{name}: only here:  {row}" for row in (here - there).elements()]
            found += [f"{name}: only there: {row}" for row in (there - here).elements()]
        return found


def read_state(world: KillWorld, attempt: Attempt) -> State:
    """Read everything of an attempt."""
    parts = _operations(attempt) | _warehouse(attempt) | _files(attempt) | _books(world)
    for account in (MAIN, OUTLET):
        parts |= _bol(world, account)
    names = _line_names(world)
    ids = re.compile("|".join(names))
    return State(
        {
            name: sorted(ids.sub(lambda found: names[found.group()], row) for row in rows)
            for name, rows in parts.items()
        }
    )


def _line_names(world: KillWorld) -> dict[str, str]:
    """Return a name for each line of an order at bol, whose own id depends on how many ids bol gave out before."""
    return {
        item["order_item_id"]: f"{order['order_id']}/{item['ean']}"
        for account in (MAIN, OUTLET)
        for order in world.sandbox.bol.state(account)["orders"]
        for item in order["items"]
    }


def _plain(row: dict[str, Any], dropped: frozenset[str] | set[str] = frozenset()) -> str:
    kept: dict[str, Any] = {}
    for name, value in row.items():
        if name in _COUNTED or name in dropped:
            continue
        if name in _WHEN_WE_DID_IT or name in _GIVEN_OUTSIDE or name in _TOLD_BY_BOL:
            kept[name] = value is not None
        else:
            kept[name] = value
    return json.dumps(kept, default=str, sort_keys=True)


# --- operations store


def _operations(attempt: Attempt) -> dict[str, list[str]]:
    store = OperationsStore(url_of_operations(attempt))
    parts: dict[str, list[str]] = {}
    try:
        with store.reading() as connection:
            for table in metadata.sorted_tables:
                if table.name in _NOT_COMPARED:
                    continue
                rows = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
                parts[f"operations {table.name}"] = _rows_of(table.name, rows)
            parts |= _received(connection) | _waiting(connection)
    finally:
        store.close()
    return parts


def _received(connection: sa.Connection) -> dict[str, list[str]]:
    """What came in is compared by thing and by how the last of its bodies ended: an order may be read once more."""
    receipts, bodies = metadata.tables["receipts"], metadata.tables["bodies"]
    last: dict[tuple[str, str, str], Any] = {}
    for row in connection.execute(sa.select(receipts).order_by(receipts.c.receipt_seq)):
        last[(row.account, row.kind, row.external_id)] = row
    known = set(connection.execute(sa.select(bodies.c.content_hash)).scalars())
    return {
        "operations receipts": sorted(
            f"{key} {row.state}, body {'kept' if row.content_hash in known else 'LOST'}"
            for key, row in last.items()
        )
    }


def _waiting(connection: sa.Connection) -> dict[str, list[str]]:
    """Nothing is left half done: no body that nobody read, no number that was not confirmed, no account unread."""
    receipts, stock = metadata.tables["receipts"], metadata.tables["channel_stock"]
    unread = connection.execute(
        sa.select(receipts.c.external_id).where(receipts.c.state == "received")
    ).scalars()
    behind = connection.execute(
        sa.select(stock.c.offer_id).where(stock.c.confirmed_version != stock.c.desired_version)
    ).scalars()
    cursors = metadata.tables["cursors"]
    failing = connection.execute(sa.select(cursors.c.account).where(cursors.c.reason.is_not(None))).scalars()
    return {
        "operations bodies nobody read": sorted(unread),
        "operations stock not confirmed": sorted(behind),
        "operations accounts that could not be read": sorted(failing),
    }


# --- warehouse

_HISTORY = frozenset({"order_versions", "load_state", "channel_stock_events"})
"""How often a load ran between two versions of an order decides how many it has seen, and a repeated write is told."""


def _warehouse(attempt: Attempt) -> dict[str, list[str]]:
    url = url_of_warehouse(attempt)
    if url.startswith("duckdb"):
        published = attempt.folder / "data" / "published"
        newest = published / (published / "latest").read_text(encoding="utf-8").strip()
        live = _duckdb(attempt.folder / "data" / "warehouse.duckdb")
        return live | {f"published {name}": rows for name, rows in _duckdb(newest).items()}
    with psycopg.connect(plain_url(url)) as connection:
        parts = {}
        for table in ALL_TABLES:
            if table.name in _HISTORY:
                continue
            cursor = connection.execute(f"select * from {table.full_name}".encode())
            names = [column.name for column in cursor.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            parts[f"warehouse {table.full_name}"] = _rows_of(table.name, rows)
        return parts


def _duckdb(file: Path) -> dict[str, list[str]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        parts = {}
        for table in ALL_TABLES:
            if table.name in _HISTORY:
                continue
            cursor = connection.execute(f"select * from {table.full_name}")
            names = [column[0] for column in cursor.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            parts[f"warehouse {table.full_name}"] = _rows_of(table.name, rows)
        return parts


def _rows_of(table: str, rows: list[dict[str, Any]]) -> list[str]:
    if table == "stock_movements":
        return _what_moved(rows)
    if table == "quarantine":
        # An order that was mended before anybody read it was never there.
        rows = [row for row in rows if row["resolved_at"] is None]
    if table == "shipment_evidence":
        # What bol says of a parcel that we announced carries the moment of our announcement.
        rows = [
            {**row, "occurred_at": None} if row["evidence_key"].startswith("channel:") else row
            for row in rows
        ]
    return sorted(_plain(row, _NOTHING_IS_DECIDED_BY.get(table, set())) for row in rows)


def _what_moved(rows: list[dict[str, Any]]) -> list[str]:
    """Sum the ledger by cause: demand that came and went between two readings was seen by one run only."""
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        place = f"{row['sku']} at {row['location']}, {row['cause']}"
        for name in ("physical_quantity", "on_hand_delta", "open_demand_delta"):
            sums[place][name] += row[name]
    return sorted(f"{place}: {dict(moved)}" for place, moved in sums.items() if any(moved.values()))


# --- files


def _files(attempt: Attempt) -> dict[str, list[str]]:
    data, inbox = attempt.folder / "data", attempt.folder / "inbox"
    return {
        "files in the drop folder": sorted(
            f"{path.relative_to(inbox)} ({path.stat().st_size} bytes)"
            for path in inbox.rglob("*")
            if path.is_file()
        ),
        "files kept": sorted(
            f"{path.name} ({path.stat().st_size} bytes)"
            for path in (data / "originals").iterdir()
            # A torn copy lies there until it is a day old; nothing reads it.
            if not path.name.startswith(".")
        ),
        "published leftovers": sorted(path.name for path in (data / "published").glob("*.partial"))
        if (data / "published").is_dir()
        else [],
    }


# --- outside


def _bol(world: KillWorld, account: str) -> dict[str, list[str]]:
    held = world.sandbox.bol.state(account)
    return {
        f"bol {account} offers": sorted(
            f"{offer['sku']} {offer['amount']} for sale, {offer['fulfilment_method']}"
            for offer in held["offers"]
        ),
        f"bol {account} orders": sorted(
            f"{order['order_id']} {item['sku']} {item['quantity']} ordered, {item['quantity_shipped']} shipped, "
            f"{item['quantity_cancelled']} cancelled"
            for order in held["orders"]
            for item in order["items"]
        ),
        f"bol {account} shipments": sorted(
            f"{shipment['order_id']} {shipment['fulfilment_method']} {shipment['reference']} "
            f"{shipment['transporter_code']} {shipment['track_and_trace']} "
            f"{[(item['ean'], item['quantity']) for item in shipment['items']]}"
            for shipment in held["shipments"]
        ),
        f"bol {account} writes that count": sorted(
            f"{write['method']} {write['path']} {json.dumps(write['body'], sort_keys=True)} {write['status']}"
            for write in held["writes"]
            if "/offers/" not in write["path"]
        ),
    }


def _books(world: KillWorld) -> dict[str, list[str]]:
    held = world.sandbox.exact_online.state(BOOKS)
    return {
        "books entries": sorted(
            json.dumps(
                {name: value for name, value in entry.items() if name not in {"entry_id", "entry_number"}}
            )
            for entry in held["entries"]
        ),
        "books writes": sorted(
            f"{write['method']} {write['path']} {write['body'].get('YourRef')} {write['status']}"
            for write in held["writes"]
        ),
    }


def stock_repeats(world: KillWorld) -> int:
    """Return how many stock numbers reached bol that were, of the same offer, the number sent before."""
    repeats = 0
    for account in (MAIN, OUTLET):
        last: dict[str, str] = {}
        for write in world.sandbox.bol.state(account)["writes"]:
            if "/offers/" in write["path"]:
                body = json.dumps(write["body"], sort_keys=True)
                repeats += last.get(write["path"]) == body
                last[write["path"]] = body
    return repeats
