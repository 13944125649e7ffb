"""One spoiled payload among good ones, through the real intake, on both stores at once.

The good ones end exactly as without it, nothing of the bad one is written by halves, it is never lost without a word,
and SQLite and PostgreSQL end in the same state.
"""

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.connectors.bol.orders import read_entry
from order_pipelines.errors import DataContractError
from order_pipelines.operations import inbox
from order_pipelines.operations.inbox import Incoming
from order_pipelines.operations.tables import metadata
from order_pipelines.services.drop_folder import folder_of, take_in
from order_pipelines.services.intake import _take_listed
from order_pipelines.services.interpreting import ORDER, interpret_waiting
from order_pipelines.services.product_master import import_products
from order_pipelines.services.shop import Shop
from order_pipelines.services.tokens import StoredTokens
from order_pipelines.settings import load_settings
from order_pipelines_tests.fuzz.loop import fuzz
from order_pipelines_tests.fuzz.mutations import spoil_cells, spoil_json, write_json
from order_pipelines_tests.fuzz.rows import NOW
from order_pipelines_tests.operations.memory_folder import memory_folder
from order_pipelines_tests.postgres import TestPostgres
from order_pipelines_tests.reliability.any_order_delivery import Place, place
from order_pipelines_tests.reliability.any_order_state import (
    State,
    differences,
    end_state,
    positions_that_do_not_add_up,
)
from order_pipelines_tests.reliability.any_order_world import BOL, FILES, MONDAY, Line, order_body

pytestmark = pytest.mark.endurance

MASTER = (
    b"sku;ean;naam;btw\nKOP;8710000000017;kop;high\nPAN;8710000000024;pan;high\nMOK;8710000000031;mok;low\n"
)
GOOD = ("G1", "G2")
_OF_AN_ORDER = ("order_lines", "order_people", "line_demand", "line_shipped", "shipment_evidence")


def _body(number: str) -> bytes:
    lines = [
        Line(f"{number}-1", "KOP", 2, True, True, 3, shipped=1),
        Line(f"{number}-2", "MOK", 1, True, False, 2),
    ]
    return order_body(number, 2, lines)


def _seed() -> dict[str, Any]:
    payload: dict[str, Any] = orjson.loads(_body("BAD"))
    payload["billingDetails"] = {
        **payload["shipmentDetails"],
        "company": "Voorbeeld",
        "orderReference": "PO 7",
    }
    payload["orderItems"][0]["discounts"] = [{"title": "actie", "amount": 0.5}]
    return payload


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with memory_folder() as found:
        yield found


@pytest.fixture(scope="module")
def both(folder: Path, postgres_server: TestPostgres) -> Iterator[tuple[Place, Place]]:
    """One shop on each store, whose product master is there again after each clearing."""
    url = postgres_server.create_database()
    with (
        place(folder / "sqlite", f"sqlite:///{folder / 'operations.sqlite'}") as one,
        place(folder / "postgresql", url) as other,
    ):
        for where in (one, other):
            (where.folder / "master.csv").write_bytes(MASTER)
            with clock.frozen(NOW):
                import_products(_shop(where))
            where.remember()
        yield one, other
    postgres_server.drop_database(url)


def _shop(where: Place) -> Shop:
    return Shop(load_settings(where.folder / "settings.toml"), where.store, StoredTokens(where.store))


def _rows(where: Place, name: str) -> list[dict[str, Any]]:
    with where.store.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(metadata.tables[name])).mappings()]


def _goods(where: Place) -> dict[str, list[str]]:
    """Everything that is known of the good orders, but for numbers that count receipts and changes."""
    keys = {f"{BOL}:{number}" for number in GOOD}
    return {
        name: sorted(
            repr({key: value for key, value in row.items() if key not in ("receipt_seq", "change_seq")})
            for row in _rows(where, name)
            if row["order_key"] in keys
        )
        for name in ("orders", *_OF_AN_ORDER)
    }


def _assert_whole(where: Place) -> None:
    heads = {row["order_key"]: row for row in _rows(where, "orders")}
    lines = {row["order_key"] for row in _rows(where, "order_lines")}
    for name in _OF_AN_ORDER:
        assert {row["order_key"] for row in _rows(where, name)} <= heads.keys(), name
    waiting = {row["entity_key"] for row in _rows(where, "quarantine") if row["resolved_at"] is None}
    for key, head in heads.items():
        assert head["is_quarantined"] == (key[:250] in waiting), key
        assert key in lines or head["is_quarantined"], key
    assert positions_that_do_not_add_up(where.store) == []


def _on_both(both: tuple[Place, Place], act: Callable[[Place, Shop], None]) -> None:
    states: list[State] = []
    for where in both:
        where.clear()
        with clock.frozen(NOW):
            act(where, _shop(where))
        states.append(end_state(where.store))
    assert differences(states[1], states[0]) == {}


def test_a_spoiled_order_leaves_the_good_ones_booked_and_itself_whole_or_waiting(
    both: tuple[Place, Place],
) -> None:
    def receive(shop: Shop, *bodies: tuple[str, bytes]) -> None:
        incoming = [
            Incoming(BOL, "bol", ORDER, number, body, MONDAY + timedelta(hours=9), "poll")
            for number, body in bodies
        ]
        with shop.store.transaction() as connection:
            inbox.receive(connection, incoming)
        interpret_waiting(shop, "bol")

    good = [(number, _body(number)) for number in GOOD]
    expected: dict[str, list[str]] = {}

    def alone(where: Place, shop: Shop) -> None:
        receive(shop, *good)
        expected.update(_goods(where))

    _on_both(both, alone)
    assert [len(expected[name]) for name in ("orders", "order_lines", "line_demand")] == [2, 4, 4]

    def target(payload: Any) -> None:
        body = write_json(payload)

        def act(where: Place, shop: Shop) -> None:
            receive(shop, good[0], ("BAD", body), good[1])
            assert _goods(where) == expected
            _assert_whole(where)
            states = {row["external_id"]: row["state"] for row in _rows(where, "receipts")}
            assert states["BAD"] in ("interpreted", "rejected")
            heads = [row for row in _rows(where, "orders") if row["external_order_id"] not in GOOD]
            assert heads or _rows(where, "quarantine") or payload in ([], {"orders": []})

        _on_both(both, act)

    fuzz("intake of orders", [_seed()], spoil_json, target, executions=30, is_guided=False)


def test_a_spoiled_entry_of_a_list_keeps_no_other_from_being_read(both: tuple[Place, Place]) -> None:
    good = [
        {"orderId": number, "orderItems": [{"latestChangedDateTime": "2026-03-02T10:00:00Z"}]}
        for number in GOOD
    ]

    def target(entry: Any) -> None:
        try:
            value = orjson.loads(write_json(entry))
        except orjson.JSONDecodeError:
            return
        listed = [read_entry(one, "GET /retailer/orders") for one in (good[0], value, good[1])]

        def act(where: Place, shop: Shop) -> None:
            _take_listed(shop, BOL, listed)
            waiting = {row["external_id"] for row in _rows(where, "fetch_backlog")}
            assert set(GOOD) <= waiting
            assert listed[1].external_id in waiting | {row["external_id"] for row in _rows(where, "receipts")}

        _on_both(both, act)

    seed = {
        "orderId": "BAD",
        "orderPlacedDateTime": "2026-03-02T10:00:00Z",
        "orderItems": good[0]["orderItems"],
    }
    fuzz("intake of lists", [seed], spoil_json, target, executions=40, is_guided=False)


_KindAndRows = tuple[str, list[list[Any]]]
_TABLES = {
    "orders": [
        ["po_number", "customer_no", "sku", "ean", "aantal", "prijs", "land", "datum"],
        ["PO-9", "DEB-1", "KOP", "", "6", "10,00", "NL", "2026-03-03T09:30:00Z"],
        ["PO-9", "DEB-1", "MOK", "", "2", "5,00", "NL", "2026-03-03T09:30:00Z"],
    ],
    "stock_counts": [
        ["locatie", "sku", "ean", "aantal", "geteld op"],
        ["main", "PAN", "", "12", "2026-03-09T16:45:00Z"],
        ["store", "", "8710000000031", "3", "2026-03-09T16:45:00Z"],
    ],
    "shipments": [
        [
            "Ordernummer",
            "Regel",
            "SKU",
            "Verzonden",
            "Vervoerder",
            "Track & Trace",
            "Verzonden op",
            "Locatie",
        ],
        ["PO-1", "", "KOP", "1", "TNT", "3S1", "2026-03-05T16:45:00Z", "main"],
        ["PO-1", "", "MOK", "1", "TNT", "3S1", "2026-03-05T16:45:00Z", "main"],
    ],
}
_GOOD_FILE = (
    b"po_number;customer_no;sku;ean;aantal;prijs;land;datum\n"
    b"PO-1;DEB-1;KOP;;3;10,00;NL;2026-03-03T09:30:00Z\nPO-1;DEB-1;MOK;;2;5,00;NL;2026-03-03T09:30:00Z\n"
)


def _csv(rows: list[list[Any]]) -> bytes:
    lines = (";".join(str(cell) for cell in row) for row in rows)
    return "\n".join([*lines, ""]).encode("utf-8", "surrogatepass")


def test_a_spoiled_file_leaves_the_good_one_booked_and_itself_read_or_refused(
    both: tuple[Place, Place],
) -> None:
    def spoil(one: _KindAndRows, chance: random.Random, times: int) -> _KindAndRows:
        return one[0], spoil_cells(one[1], chance, times)

    def target(one: _KindAndRows) -> None:
        kind, rows = one

        def act(where: Place, shop: Shop) -> None:
            for name, content in ((f"{kind}/b.csv", _csv(rows)), ("orders/c.csv", _GOOD_FILE)):
                path = folder_of(shop, FILES) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            results = take_in(shop, FILES, settle=timedelta(0))
            assert {result.state for result in results} <= {"processed", "rejected"}
            assert len(results) == 2
            assert [result.state for result in results if result.name == "orders/c.csv"] == ["processed"]
            assert f"{FILES}:PO-1" in {row["order_key"] for row in _rows(where, "orders")}
            _assert_whole(where)

        _on_both(both, act)

    fuzz("intake of files", list(_TABLES.items()), spoil, target, executions=40, is_guided=False)


def test_a_spoiled_product_master_is_taken_in_as_far_as_it_can_be_read(both: tuple[Place, Place]) -> None:
    head = ["sku", "ean", "naam", "btw", "eenheid", "gewicht kg", "kostprijs", "leverancier"]
    seed = [head, ["KOP", "8710000000017", "Kop", "high", "stuk", "0.35", "4.10", "Jansen"]]
    seed.append(["PAN", "8710000000024", "Pan", "high", "stuk", "1", "12.123456", "Jansen"])

    def target(rows: list[list[Any]]) -> None:
        def act(where: Place, shop: Shop) -> None:
            (where.folder / "master.csv").write_bytes(_csv(rows))
            try:
                import_products(shop)
            except DataContractError:
                assert {row["sku"] for row in _rows(where, "products")} == {"KOP", "PAN", "MOK"}

        _on_both(both, act)

    fuzz("intake of masters", [seed], spoil_cells, target, executions=40, is_guided=False)
