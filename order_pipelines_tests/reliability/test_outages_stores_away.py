"""A store that goes away in the middle of the work and comes back: the work goes on, and nothing is there twice."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from order_pipelines.operations import store
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.planning import plan_all
from order_pipelines.warehouse import session
from order_pipelines.warehouse.engine import Warehouse, WarehouseBusyError, WarehouseUnavailableError
from order_pipelines_tests.operations.memory_folder import memory_folder
from order_pipelines_tests.reliability.outage_processes import command
from order_pipelines_tests.reliability.outage_stores import (
    ConnectionsAreCut,
    FileIsHeld,
    Outage,
    OwnServer,
    ServerCrashes,
    own_server,
)
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
AWAY = (sa.exc.OperationalError, WarehouseUnavailableError, WarehouseBusyError)
# When it happens: right after the outside has answered this call, or before the load's first batch is committed.
AN_ORDER_WAS_READ = ("GET", "/retailer/orders/A002")
STOCK_WAS_TOLD = ("PATCH", "/retailer/offers/")
A_PARCEL_WAS_TOLD = ("POST", "/retailer/shipments")
AN_ENTRY_WAS_POSTED = ("POST", "salesentry/SalesEntries")
A_BATCH_IS_WRITTEN = ("LOAD", "insert into core.load_state")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(control_port=0, relaxed=True) as running:
        yield running


@pytest.fixture(scope="module")
def calm(sandbox: Sandbox) -> Iterator[dict[str, Any]]:
    """What the day leaves when every store is there."""
    with memory_folder() as folder:
        yield undisturbed(sandbox, folder)


@pytest.fixture
def folder() -> Iterator[Path]:
    with memory_folder() as made:
        yield made


def _strike_at(patch: pytest.MonkeyPatch, moment: tuple[str, str], outage: Outage) -> list[str]:
    """Let the outage happen once at the moment; returns where it is noted that it did."""
    method, part = moment
    struck: list[str] = []

    def strike_once() -> None:
        if not struck:
            struck.append(part)
            outage.strike()

    send = requests.adapters.HTTPAdapter.send

    def sending(adapter: Any, request: Any, *details: Any, **named: Any) -> Any:
        answer = send(adapter, request, *details, **named)
        if request.method == method and part in request.url:
            strike_once()
        return answer

    execute = session.PostgresSession.execute

    def executing(open_session: Any, sql: str, params: Any = ()) -> None:
        if method == "LOAD" and part in sql:
            strike_once()
        execute(open_session, sql, params)

    patch.setattr(requests.adapters.HTTPAdapter, "send", sending)
    patch.setattr(session.PostgresSession, "execute", executing)
    return struck


def _whole_round(world: ShopWorld, warehouse: Warehouse) -> None:
    take_in(world, must_work=False)
    send_out(world.shop)
    load(world.shop, warehouse)


def _go_on(world: ShopWorld, warehouse: Warehouse, calm: dict[str, Any]) -> None:
    """Come back when what the outage left locked has run out, and end the day."""
    world.pass_time(LEASE_S)
    settle(world, warehouse, rounds=3)
    assert differences(result_of(world, warehouse), calm) == {}
    posted = [write["body"]["YourRef"] for write in world.sandbox.exact_online.state("exact")["writes"]]
    assert sorted(posted) == ["BOL-A001", "BOL-A002", "BOL-A003", "OUT-B001"]
    told = [write["path"] for write in world.writes() if write["path"] == "/retailer/shipments"]
    assert len(told) == 1


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    """A database server of these tests alone."""
    with own_server() as started:
        yield started


@pytest.mark.parametrize(
    "moment", [AN_ORDER_WAS_READ, STOCK_WAS_TOLD, A_PARCEL_WAS_TOLD, AN_ENTRY_WAS_POSTED, A_BATCH_IS_WRITTEN]
)
def test_a_database_server_that_crashes_in_the_middle_and_returns_costs_time_only(
    server: OwnServer,
    sandbox: Sandbox,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    calm: dict[str, Any],
    moment: tuple[str, str],
) -> None:
    server.start()
    with day(sandbox, server.fresh_url(), folder, monkeypatch) as world:
        warehouse = warehouse_of(world, folder)
        with monkeypatch.context() as patch:
            struck = _strike_at(patch, moment, ServerCrashes(server))
            with pytest.raises(AWAY):
                _whole_round(world, warehouse)
            assert struck == [moment[1]]
        away = command(world, "sweep")
        assert (away["exit"], away["said"], away["bare"]) == (1, "", None)
        assert away["error"].startswith("Error: the operations store does not answer: ")
        assert away["error"].count("\n") == 1
        server.start()
        _go_on(world, warehouse, calm)


def test_a_server_that_is_away_between_planning_and_sending_sends_nothing_and_then_everything(
    server: OwnServer,
    sandbox: Sandbox,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    calm: dict[str, Any],
) -> None:
    server.start()
    with day(sandbox, server.fresh_url(), folder, monkeypatch) as world:
        take_in(world)
        plan_all(world.shop)
        writes = len(world.writes())
        server.crash()
        for typed in ("dispatch", "push-stock", "plan", "load-warehouse"):
            away = command(world, typed)
            assert (away["exit"], away["bare"]) == (1, None)
            assert away["error"].startswith("Error: the operations store does not answer: ")
        assert (world.entries(), len(world.writes())) == ([], writes)
        server.start()
        _go_on(world, warehouse_of(world, folder), calm)


@pytest.mark.parametrize("moment", [AN_ORDER_WAS_READ, AN_ENTRY_WAS_POSTED, A_BATCH_IS_WRITTEN])
def test_connections_that_are_cut_in_the_middle_are_made_anew(
    sandbox: Sandbox,
    postgres_url: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    calm: dict[str, Any],
    moment: tuple[str, str],
) -> None:
    """Between transactions nobody notices; a load, which is one connection, fails and is done again."""
    with day(sandbox, postgres_url, folder, monkeypatch) as world:
        warehouse = warehouse_of(world, folder)
        with monkeypatch.context() as patch:
            struck = _strike_at(patch, moment, ConnectionsAreCut(postgres_url))
            if moment == A_BATCH_IS_WRITTEN:
                with pytest.raises(AWAY, match="terminating connection"):
                    _whole_round(world, warehouse)
            else:
                _whole_round(world, warehouse)
            assert struck == [moment[1]]
        _go_on(world, warehouse, calm)


@pytest.mark.parametrize(
    "moment", [AN_ORDER_WAS_READ, STOCK_WAS_TOLD, A_PARCEL_WAS_TOLD, AN_ENTRY_WAS_POSTED]
)
def test_an_operations_file_that_another_program_keeps_locked_costs_time_only(
    sandbox: Sandbox,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    calm: dict[str, Any],
    moment: tuple[str, str],
) -> None:
    monkeypatch.setattr(store, "_SQLITE_BUSY_MS", 200)
    path = folder / "operations.sqlite"
    with day(sandbox, f"sqlite:///{path}", folder, monkeypatch) as world:
        warehouse = warehouse_of(world, folder)
        held = FileIsHeld(path)
        with monkeypatch.context() as patch:
            struck = _strike_at(patch, moment, held)
            with pytest.raises(sa.exc.OperationalError, match="database is locked"):
                _whole_round(world, warehouse)
            assert struck == [moment[1]]
        held.end()
        _go_on(world, warehouse, calm)


def test_a_warehouse_file_that_another_program_keeps_open_makes_the_load_wait_and_then_say_so(
    sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch, calm: dict[str, Any]
) -> None:
    with day(sandbox, f"sqlite:///{folder / 'operations.sqlite'}", folder, monkeypatch) as world:
        take_in(world)
        send_out(world.shop)
        warehouse = warehouse_of(world, folder, lock_timeout_s=0.5)
        load(world.shop, warehouse)
        assert warehouse.path is not None
        held = FileIsHeld(warehouse.path)
        held.strike()
        settle(world, rounds=1)
        with pytest.raises(WarehouseBusyError, match="was open in another process"):
            load(world.shop, warehouse)
        assert warehouse.published_path().name == "warehouse-1.duckdb"
        held.end()
        _go_on(world, warehouse_of(world, folder), calm)
