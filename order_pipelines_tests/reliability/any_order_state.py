"""What must not depend on how a week was told: the end state of both stores, without what is about the telling."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import metadata
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines.warehouse.tables import ALL_TABLES

ABOUT_THE_TELLING: Mapping[str, str] = {
    "receipt_seq": "numbers count receipts, and a repeat is a receipt",
    "read_began_at": "the latest reading of the version that stands; a repeat may be later",
    "change_seq": "numbers count changes, and what came late was changed more often",
    "movement_seq": "as change_seq",
    "desired_version": "as change_seq: a number that was wanted twice has two versions",
    "available_quantity": "belongs to the version of the desired quantity, which may be an earlier one",
    "own_open_quantity": "as available_quantity",
    "is_booked": "a count that was not the newest when it came booked nothing",
    "payload_hash": "says what payload says",
}
"""Columns left out of the comparison, each with the reason."""

_TABLES = (
    "orders",
    "order_lines",
    "order_people",
    "line_demand",
    "stock_positions",
    "stock_statements",
    "products",
    "product_eans",
    "product_conflicts",
    "channel_offers",
    "channel_stock",
    "invoices",
    "invoice_orders",
    "invoice_holds",
    "outbox",
    "shipments",
    "pending_shipment_lines",
)

# When an entry was planned decides under which day it stands; nothing else of it may differ.
PLANNED_EARLIER = frozenset({"invoice_date", "entry_date", "payload.entry_date"})

State = dict[str, Any]


def end_state(store: OperationsStore, *, without: frozenset[str] = frozenset()) -> State:
    """Return everything in the operations store that must be the same after every delivery, by name."""
    left_out = {*ABOUT_THE_TELLING, *without}
    state: State = {}
    with store.reading() as connection:
        for name in _TABLES:
            table = metadata.tables[name]
            rows = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
            if name == "stock_positions":
                rows = [row for row in rows if not _says_nothing(row)]
            if name == "channel_stock":
                matched = _matched(connection)
                rows = [row for row in rows if matched.get((row["account"], row["offer_id"])) == row["sku"]]
            state[name] = sorted(repr(_told(row, left_out)) for row in rows)
        state["quarantine"] = _open_quarantine(connection, left_out)
        state["movements"] = _movements(connection)
        state["departed"] = _departed(connection)
    return state


def _says_nothing(row: dict[str, Any]) -> bool:
    """Nothing there, nothing owed, never counted: a position that says the same as no row."""
    return not (row["on_hand"] or row["open_demand"] or row["counted_at"])


def _told(row: dict[str, Any], left_out: set[str]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name not in left_out}
    if isinstance(kept.get("payload"), dict):
        kept["payload"] = {
            name: value for name, value in kept["payload"].items() if f"payload.{name}" not in left_out
        }
    return kept


def _matched(connection: sa.Connection) -> dict[tuple[str, str], str]:
    """Return the article of each offer that has one.

    An offer that lost its article keeps the last number that was known; had it never had the article, there is none.
    """
    offers = metadata.tables["channel_offers"]
    rows = connection.execute(sa.select(offers).where(offers.c.sku.is_not(None)))
    return {(row.account, row.offer_id): row.sku for row in rows}


def _open_quarantine(connection: sa.Connection, left_out: set[str]) -> list[str]:
    table = metadata.tables["quarantine"]
    rows = connection.execute(sa.select(table).where(table.c.resolved_at.is_(None))).mappings()
    return sorted(repr(_told(dict(row), left_out)) for row in rows)


def _movements(connection: sa.Connection) -> dict[tuple[str, ...], tuple[int, int]]:
    """Return pieces and demand by (SKU, location, cause); a count settles another rest each time it comes."""
    table = metadata.tables["stock_movements"]
    pieces: Counter[tuple[str, ...]] = Counter()
    demand: Counter[tuple[str, ...]] = Counter()
    for row in connection.execute(sa.select(table)):
        key = (row.sku, row.location, row.cause)
        pieces[key] += row.physical_quantity
        demand[key] += row.open_demand_delta
    return {key: (pieces[key], demand[key]) for key in sorted(pieces) if pieces[key] or demand[key]}


def _departed(connection: sa.Connection) -> dict[tuple[str, ...], int]:
    """Return pieces that left by (order, line, SKU, location): in how many steps depends on the versions that came."""
    table = metadata.tables["line_shipped"]
    pieces: Counter[tuple[str, ...]] = Counter()
    for row in connection.execute(sa.select(table)):
        pieces[(row.order_key, row.line_id, row.sku, row.location)] += row.quantity
    return dict(sorted(pieces.items()))


def positions_that_do_not_add_up(store: OperationsStore) -> list[tuple[str, str]]:
    """Return the positions that are not the sum of their movements, or owe less than nothing."""
    positions, moves = metadata.tables["stock_positions"], metadata.tables["stock_movements"]
    on_hand: Counter[tuple[str, str]] = Counter()
    demand: Counter[tuple[str, str]] = Counter()
    with store.reading() as connection:
        for row in connection.execute(sa.select(moves)):
            on_hand[(row.sku, row.location)] += row.on_hand_delta
            demand[(row.sku, row.location)] += row.open_demand_delta
        return [
            (row.sku, row.location)
            for row in connection.execute(sa.select(positions))
            if (row.on_hand, row.open_demand)
            != (on_hand[(row.sku, row.location)], demand[(row.sku, row.location)])
            or row.open_demand < 0
        ]


_NOT_THE_END = {
    "core.order_versions": "which versions there are depends on when loads ran",
    "core.stock_movements": "how a position came about; the positions are compared",
    "core.load_state": "how far a load got, by number",
    "core.channel_stock_events": "what was wanted, sent and known when; the numbers that stand are compared",
}


def warehouse_state(warehouse: Warehouse, store: OperationsStore) -> State:
    """Return what the warehouse must hold after every delivery, current tables and marts.

    Articles that left the master are not compared: a load never takes a product away, so that one is there when a load
    saw it before it left.
    """
    state: State = {}
    products = metadata.tables["products"]
    with store.reading() as connection:
        articles = set(connection.execute(sa.select(products.c.sku)).scalars())
        matched = _matched(connection)
    with warehouse.read() as session:
        for table in ALL_TABLES:
            if table.full_name in _NOT_THE_END:
                continue
            rows = [row for piece in session.batches(table) for row in piece.to_pylist()]
            if "resolved_at" in table.column_names:
                rows = [row for row in rows if row["resolved_at"] is None]
            if table.full_name == "core.products":
                rows = [row for row in rows if row["sku"] in articles]
            if table.full_name in {"core.channel_stock", "mart.stock_per_channel"}:
                rows = [row for row in rows if matched.get((row["account"], row["offer_id"])) == row["sku"]]
            if {"on_hand", "open_demand", "counted_at"} <= set(table.column_names):
                rows = [row for row in rows if not _says_nothing(row)]
            state[table.full_name] = sorted(repr(_told(row, {*ABOUT_THE_TELLING})) for row in rows)
    return state


def differences(told: State, reference: State) -> dict[str, tuple[Any, Any]]:
    """Return, by name, what only one and what only the other has; empty when the states are one."""
    found: dict[str, tuple[Any, Any]] = {}
    for name, wanted in reference.items():
        have = told[name]
        if have == wanted:
            continue
        if isinstance(wanted, list):
            found[name] = (
                [row for row in have if row not in wanted],
                [row for row in wanted if row not in have],
            )
        else:
            found[name] = (have, wanted)
    return found
