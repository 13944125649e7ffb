"""A disk that is full for real, for each store and each file: one clear line, nothing half, the same end afterwards.

No file of the process, or of the database server's process for it, may grow beyond a size: every write there fails as
on a full disk, whoever makes it.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from order_pipelines.sandbox.server import Sandbox
from order_pipelines_tests.operations.memory_folder import memory_folder
from order_pipelines_tests.reliability.outage_processes import command
from order_pipelines_tests.reliability.outage_world import (
    day,
    differences,
    load,
    result_of,
    send_out,
    settle,
    take_in,
    undisturbed,
    warehouse_of,
)
from order_pipelines_tests.services.shop_world import ShopWorld

pytestmark = pytest.mark.endurance

LEASE_S = 130
NO_ROOM = "Error: the operations store cannot write: disk I/O error; make room on its disk and try again\n"
# SQLite needs this much beside its file to open at all; the day's orders need about as much again.
ROOM = range(40_000, 160_000, 30_000)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(control_port=0, relaxed=True) as running:
        yield running


@pytest.fixture(scope="module")
def calm(sandbox: Sandbox) -> Iterator[dict[str, Any]]:
    """What the day leaves on a disk with room."""
    with memory_folder() as folder:
        yield undisturbed(sandbox, folder)


@pytest.fixture
def folder() -> Iterator[Path]:
    with memory_folder() as made:
        yield made


@pytest.fixture
def world(sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ShopWorld]:
    with day(sandbox, f"sqlite:///{folder / 'operations.sqlite'}", folder, monkeypatch) as opened:
        yield opened


def _refused(answer: dict[str, Any], error: str = NO_ROOM) -> None:
    assert (answer["exit"], answer["error"], answer["bare"]) == (1, error, None)


def test_on_a_full_disk_of_the_operations_store_commands_say_so_and_go_on_when_there_is_room(
    world: ShopWorld, folder: Path, calm: dict[str, Any]
) -> None:
    """There is a little more room each time, so that the disk is full at every stage: opening, booking, noting."""
    told = {}
    for typed in ("sweep", "push-stock", "plan", "dispatch"):
        failures = 0
        for room in ROOM:
            # The last one to close the store empties its log into the file: it starts as small as it can be.
            world.shop.store.close()
            answer = command(world, typed, largest_file=room)
            assert answer["bare"] is None
            if answer["error"]:
                assert answer["error"] == NO_ROOM
                failures += 1
            world.assert_ledger_adds_up()
            world.pass_time(LEASE_S)
        told[typed] = failures
        command(world, typed)
    assert min(told.values()) >= 1, told

    settle(world, warehouse := warehouse_of(world, folder))
    assert differences(result_of(world, warehouse), calm) == {}
    posted = [write["body"]["YourRef"] for write in world.sandbox.exact_online.state("exact")["writes"]]
    assert sorted(posted) == ["BOL-A001", "BOL-A002", "BOL-A003", "OUT-B001"]


def test_on_a_full_disk_of_the_warehouse_a_load_writes_nothing_half_and_the_next_one_goes_on(
    world: ShopWorld, folder: Path, calm: dict[str, Any]
) -> None:
    take_in(world)
    send_out(world.shop)
    settle(world)
    world.shop.store.close()
    told = []
    for room in (150_000, 1_000_000, 3_000_000):
        answer = command(world, "load-warehouse", largest_file=room)
        assert (answer["exit"], answer["bare"]) == (1, None)
        told.append(answer["error"])
    assert all(line.startswith("Error: the warehouse cannot be used now: ") for line in told), told
    assert all(
        line.endswith("File too large; nothing is half written, the next load goes on\n") for line in told
    )
    data = folder / "data"
    assert list((data / "published").iterdir()) == []

    warehouse = warehouse_of(world, data)
    load(world.shop, warehouse)
    assert differences(result_of(world, warehouse), calm) == {}
    # There is room for the load, and none for the copy.
    answer = command(world, "load-warehouse", largest_file=100_000, when_copying=True)
    copy = data / "published" / "warehouse-2.partial"
    _refused(answer, f"Error: {copy}: File too large\n")
    assert warehouse.published_path().name == "warehouse-1.duckdb"
    assert sorted(path.name for path in copy.parent.iterdir()) == ["latest", "warehouse-1.duckdb"]
    with duckdb.connect(str(warehouse.published_path()), read_only=True) as published:
        assert published.execute("select count(*) from mart.orders").fetchall() == [(7,)]
    assert command(world, "load-warehouse")["exit"] == 0
    assert warehouse.published_path().name == "warehouse-2.duckdb"


def test_a_report_that_does_not_fit_leaves_the_old_one(world: ShopWorld, folder: Path) -> None:
    take_in(world)
    load(world.shop, warehouse_of(world, folder / "data"))
    world.shop.store.close()
    assert command(world, "report")["exit"] == 0
    report = folder / "data" / "report.html"
    before = report.read_bytes()
    world.shop.store.close()
    _refused(command(world, "report", largest_file=33_000), f"Error: {report}: File too large\n")
    assert report.read_bytes() == before
    assert list(report.parent.glob(".report*")) == []


_FILES = """
[accounts.counts]
system = "b2b_files"
mode = "live"
effective_from = 2026-01-01
reference_prefix = "B2B"
ships_from = "main"
serves = ["main"]
[accounts.counts.options]
folder = "inbox"
"""


def test_a_dropped_file_that_does_not_fit_waits_and_leaves_no_part_of_a_copy(
    world: ShopWorld, folder: Path
) -> None:
    with world.path.open("a", encoding="utf-8") as settings:
        settings.write(_FILES)
    counted_at = f"{world.sandbox.clock.now():%d-%m-%Y} 08:00"
    rows = [f"KEU-100{number};{'x' * 40_000};{number};main;{counted_at}" for number in range(1, 7)]
    dropped = folder / "inbox" / "telling.csv"
    dropped.parent.mkdir()
    dropped.write_text(
        "\n".join(["Artikelnr;Omschrijving;Geteld;Locatie;Geteld op", *rows]), encoding="utf-8"
    )
    os.utime(dropped, (1, 1))
    originals = folder / "data" / "originals"

    world.shop.store.close()
    _refused(command(world, "take-in", largest_file=100_000), f"Error: {originals}: File too large\n")
    assert dropped.is_file()
    assert list(originals.iterdir()) == []
    assert world.rows("files") == []

    world.pass_time(LEASE_S)
    taken = command(world, "take-in")
    assert (taken["exit"], taken["error"]) == (0, "")
    assert [path.suffix for path in originals.iterdir()] == [".csv"]
    assert world.row("files").state == "processed"
    assert world.position("KEU-1006")[0] == 6
    assert not dropped.exists()


# ------------------------------------------------------------------------------------------------ PostgreSQL

_FULL_AT = 16 * 1024 * 1024
"""A segment of the server's log is as large: a smaller limit would not fill a table's disk but stop the server."""
_BODIES = """
insert into bodies (content_hash, content, encoding, size_bytes, first_received_at)
select 'filler' || i, convert_to(repeat('x', 8000), 'UTF8'), 'plain', 8000, now() from generate_series(1, 2100) as i
"""
_MOVEMENTS = """
insert into core.stock_movements
    (movement_seq, sku, location, kind, physical_quantity, on_hand_delta, open_demand_delta, cause,
     occurred_at, booked_at)
select -i, 'filler', 'main', 'counted', 0, 0, 0, repeat('x', 8000), now(), now() from generate_series(1, 2100) as i
"""


def _fill(url: str, table: str, column: str, insert: str) -> None:
    """Let the file of a table reach the end of the disk with one row a page: the next row needs a new page."""
    _execute(url, f"alter table {table} alter column {column} set storage plain", insert, "checkpoint")


def _execute(url: str, *statements: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_on_a_full_disk_of_the_database_server_nothing_is_half_and_the_next_round_goes_on(
    sandbox: Sandbox, postgres_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, calm: dict[str, Any]
) -> None:
    with day(sandbox, postgres_url, folder, monkeypatch) as world:
        warehouse = warehouse_of(world, folder)
        warehouse.migrate()
        _fill(postgres_url, "bodies", "content", _BODIES)
        swept = command(world, "sweep", largest_file=_FULL_AT)
        refused = "Error: the operations store refused a statement (InternalError_); its own log says more\n"
        # Before it the driver may say for itself that it gave a statement up.
        assert (swept["exit"], swept["bare"], swept["error"].endswith(refused)) == (1, None, True)
        assert (world.rows("orders"), world.rows("receipts")) == ([], [])
        world.pass_time(LEASE_S)
        take_in(world)
        send_out(world.shop)
        settle(world)
        _fill(postgres_url, "core.stock_movements", "cause", _MOVEMENTS)
        loaded = command(world, "load-warehouse", largest_file=_FULL_AT)
        assert (loaded["exit"], loaded["bare"]) == (1, None)
        assert loaded["error"].startswith("Error: the warehouse cannot be used now: could not extend file ")
        assert loaded["error"].endswith("File too large; nothing is half written, the next load goes on\n")
        assert warehouse.query(
            "select count(*) as n from core.stock_movements where sku <> 'filler'"
        ).to_pylist() == [{"n": 0}]
        load(world.shop, warehouse)
        _execute(postgres_url, "delete from core.stock_movements where sku = 'filler'")
        assert differences(result_of(world, warehouse), calm) == {}
