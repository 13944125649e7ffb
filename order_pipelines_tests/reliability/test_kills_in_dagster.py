"""Runs of Dagster that are killed one after another: at reading, at sending, and in the warehouse holding its slot.

Each is a process as 'dagster job execute' makes it, with the project's dagster.yaml and its storage. After each death
the reaper ends the run and frees its slot, and the runs that follow finish the day as if nothing had happened.
"""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner

from order_pipelines.cli import cli
from order_pipelines.instance_storage import PG_URL_VARIABLE
from order_pipelines.operations.tables import leases
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines_tests.defs.shop_world import ShopWorld, shop_world
from order_pipelines_tests.operations.memory_folder import memory_folder
from order_pipelines_tests.postgres import TestPostgres
from order_pipelines_tests.reliability import dagster_kill_worker
from order_pipelines_tests.reliability.outage_processes import FORKS, KILLED, wait_for
from order_pipelines_tests.reliability.outage_world import differences, rows_of_url, rows_of_warehouse

ROOT = Path(__file__).resolve().parents[2]
SLOT = "warehouse_writer"
LEASE_S = 130
ENTRIES = ["BOL-A001", "BOL-A002", "BOLO-B001"]


@dataclass
class House:
    """A shop, its Dagster home, and the environment of its runs."""

    shop: ShopWorld
    home: Path
    environment: dict[str, str]

    def run(self, dies_at: tuple[str, str] | None = None) -> int | None:
        """Run a sweep to its end or its death; return the exit code."""
        answers = FORKS.SimpleQueue()
        process = FORKS.Process(
            target=dagster_kill_worker.run_job,
            args=("sweep_shop", self.environment, str(self.home.parent), dies_at, answers),
        )
        process.start()
        (code,) = wait_for([process])
        if code == 0:
            answer = answers.get()
            assert answer == {"exit": 0, "told": ""}, answer["told"]
        return code

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        with dg.DagsterInstance.from_config(str(self.home)) as opened:
            yield opened

    def statuses(self) -> list[str]:
        """Return the states of all runs, the first one first."""
        with self.instance() as instance:
            return [record.dagster_run.status.value for record in instance.get_run_records(ascending=True)]

    def slots_taken(self) -> int:
        with self.instance() as instance:
            return instance.event_log_storage.get_concurrency_info(SLOT).active_slot_count

    def reap(self) -> str:
        result = CliRunner().invoke(cli, ["reap", "--dagster-home", str(self.home)])
        assert result.exit_code == 0, result.output
        return result.stdout.splitlines()[0]

    def pass_time(self, seconds: float) -> None:
        self.shop.world.clock.set_offset(self.shop.world.clock.offset_s + seconds)

    def held_leases(self) -> set[str]:
        """Return the names of the leases that a dead process left and that have not run out."""
        from order_pipelines.operations.migrations import open_store

        store = open_store(self.shop.settings.operations_url())
        try:
            with store.reading() as connection:
                now = self.shop.world.clock.now()
                return {row.name for row in connection.execute(leases.select()) if row.expires_at > now}
        finally:
            store.close()

    def result(self) -> dict[str, Any]:
        """Return what the outside and both stores hold, without circumstances."""
        settings = self.shop.settings
        warehouse = Warehouse(settings.warehouse_url(), settings.data_dir)
        found = rows_of_url(settings.operations_url()) | rows_of_warehouse(warehouse)
        found["entries"] = sorted(
            (entry["your_ref"], entry["amount_fc"]) for entry in self.shop.state("exact")["entries"]
        )
        for account in ("bol_main", "bol_outlet"):
            offers = self.shop.state(account)["offers"]
            found[f"offers of {account}"] = sorted((one["sku"], one["amount"]) for one in offers)
        return found


@contextmanager
def _house(folder: Path, patch: pytest.MonkeyPatch, postgres: TestPostgres | None) -> Iterator[House]:
    """Return a house whose day begins: five orders, three of which have left."""
    home = folder / "home"
    home.mkdir()
    shutil.copy(ROOT / "dagster.yaml", home)
    patch.setenv("DAGSTER_HOME", str(home))
    if postgres is not None:
        patch.setenv(PG_URL_VARIABLE, postgres.create_database())
    store_url = None if postgres is None else postgres.create_database()
    with shop_world(folder / "shop", has_orders=False, store_url=store_url) as shop:
        _begin_day(shop)
        environment = dict(os.environ) | {"ORDER_PIPELINES_SETTINGS": str(shop.settings_path)}
        yield House(shop, home, environment)


def _begin_day(shop: ShopWorld) -> None:
    bol = shop.world.bol
    for account in ("bol_main", "bol_outlet"):
        offers = bol.desk(account).shop.offers
        kept = ("KEU-1001", "KEU-1002", "KEU-1003")
        for offer_id in [key for key, offer in offers.items() if offer.sku not in kept]:
            del offers[offer_id]
    for account, order_id, sku in (
        ("bol_main", "A001", "KEU-1001"),
        ("bol_main", "A002", "KEU-1002"),
        ("bol_main", "A003", "KEU-1003"),
        ("bol_outlet", "B001", "KEU-1001"),
        ("bol_outlet", "B002", "KEU-1002"),
    ):
        bol.place_order(
            account, {"lines": [{"sku": sku, "quantity": 1}], "order_id": order_id, "force": True}
        )
        if order_id not in {"A003", "B002"}:
            bol.act(account, order_id, "ship", {})


@pytest.fixture(scope="module")
def calm() -> Iterator[dict[str, Any]]:
    """What the day leaves when no run is killed."""
    with (
        memory_folder() as folder,
        pytest.MonkeyPatch.context() as patch,
        _house(folder, patch, None) as house,
    ):
        for _ in range(2):
            assert house.run() == 0
            house.pass_time(LEASE_S)
        yield house.result()


@pytest.mark.endurance
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("stores", ["sqlite and duckdb", "postgresql"])
def test_three_killed_runs_and_the_ones_after_them_leave_what_undisturbed_runs_leave(
    stores: str, calm: dict[str, Any], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres = request.getfixturevalue("postgres_server") if stores == "postgresql" else None
    with memory_folder() as folder, _house(folder, monkeypatch, postgres) as house:
        for dies_at, lease, slots in (
            (("GET", "/retailer/orders/A002"), "intake:bol_main", 0),
            (("POST", "salesentry/SalesEntries"), "dispatch:sales_entry:exact", 0),
            (("LOAD", "insert into core.load_state"), "warehouse", 1),
        ):
            assert house.run(dies_at) == KILLED
            assert house.statuses()[-1] == "STARTED"
            assert house.slots_taken() == slots
            assert lease in house.held_leases()
            assert house.reap() == "1 run ended"
            assert house.statuses()[-1] == "FAILURE"
            assert house.slots_taken() == 0
            house.pass_time(LEASE_S)
        for _ in range(2):
            assert house.run() == 0
            house.pass_time(LEASE_S)
        assert house.statuses() == ["FAILURE"] * 3 + ["SUCCESS"] * 2
        assert differences(house.result(), calm) == {}
        writes = house.shop.state("exact")["writes"]
        assert Counter(write["body"]["YourRef"] for write in writes) == dict.fromkeys(ENTRIES, 1)
