"""An hour of Dagster: every schedule and sensor by its clock, orders coming in, faults, killed runs. Nothing is left.

The hour is 02:51 to 03:51 of a Dutch night, so that each schedule has its time in it. 02:55: the first sweep is killed
and nobody notices, as after a power cut. 03:30: bol refuses everything. 03:40: a sweep is killed and its code server
notices.
"""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import alerts, orders
from order_pipelines_tests.defs.shop_world import ShopWorld, shop_world
from order_pipelines_tests.defs.virtual_daemon import (
    WORKED_ON,
    MortalLauncher,
    VirtualDaemon,
    steps,
    virtual_daemon,
)

BEGAN = datetime(2026, 11, 23, 1, 51, tzinfo=UTC)
STEP = timedelta(minutes=1)
CADENCE = '[cadence]\ndeep_sweep_at = "03:10"\nreport_at = "03:35"\n\n[sandbox]'
TICKS = 61
"""Of a sensor: its interval is a minute or less, and the daemon comes by once a minute here."""


def at(minutes: float) -> datetime:
    """Return an instant of the hour, by minutes after two o'clock UTC."""
    return datetime(2026, 11, 23, 2, tzinfo=UTC) + timedelta(minutes=minutes)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Dagster home, in memory where there is room: an hour commits some ten thousand times."""
    memory = Path("/dev/shm")
    roomy = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2 * 1024**3
    with tempfile.TemporaryDirectory(
        prefix="order-pipelines-at-length-", dir=memory if roomy else None
    ) as folder:
        monkeypatch.setenv("DAGSTER_HOME", folder)
        yield Path(folder)


@pytest.fixture
def shop(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ShopWorld]:
    """The demo's shop with its forty orders waiting at bol; deep sweep and report have their time in the hour."""
    with shop_world(home / "shop", has_orders=True) as found:
        text = found.settings_path.read_text(encoding="utf-8")
        found.settings_path.write_text(text.replace("[sandbox]", CADENCE), encoding="utf-8")
        yield found


def outside(shop: ShopWorld, minute: float) -> None:
    """Let happen outside what happens at a minute of the hour."""
    if minute % 5 == 3:
        shop.tell("/orders", {"account": "bol_main", "lines": [{"sku": "KEU-1001", "quantity": 1}]})
    if minute == -5:
        MortalLauncher.doomed["sweep_shop"] = "unnoticed"
    if minute == 30:
        shop.tell("/faults", {"system": "bol", "kind": "403", "rate": 1.0, "match": "/orders"})
    if minute == 31:
        shop.world.bol.faults.clear()
    if minute == 40:
        MortalLauncher.doomed["sweep_shop"] = "noticed"


def an_hour(daemon: VirtualDaemon, shop: ShopWorld) -> int:
    """Let it pass; return the longest queue there was after a step."""
    longest = 0
    for instant in steps(BEGAN, timedelta(hours=1), STEP):
        daemon.clocks.advance_to(instant)
        outside(shop, (instant - at(0)).total_seconds() / 60)
        daemon.work()
        longest = max(longest, daemon.waiting())
    return longest


def runs_of(daemon: VirtualDaemon) -> dict[str, dict[str, int]]:
    counted: dict[str, Counter[str]] = {}
    for run in daemon.instance.get_runs():
        counted.setdefault(run.job_name, Counter())[run.status.value] += 1
    return {job: dict(sorted(found.items())) for job, found in counted.items()}


def bought_and_booked(shop: ShopWorld, url: str) -> tuple[set[str], set[str]]:
    """Return the orders that bol has and those that the operations store has."""
    bought = {
        f"{account}:{order['order_id']}"
        for account in ("bol_main", "bol_outlet")
        for order in shop.state(account)["orders"]
    }
    store = OperationsStore(url)
    with store.reading() as connection:
        booked = set(connection.execute(sa.select(orders.c.order_key)).scalars())
    store.close()
    return bought, booked


def alerts_of(url: str) -> dict[str, bool]:
    """Return whether each alert is over."""
    store = OperationsStore(url)
    with store.reading() as connection:
        found = {row.alert_key: row.resolved_at is not None for row in connection.execute(sa.select(alerts))}
    store.close()
    return found


# Dagster's own: its daemon says `logger.warn`, and definitions are read where the daemon is.
@pytest.mark.filterwarnings("ignore:The 'warn' method is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`:DeprecationWarning")
@pytest.mark.endurance
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_after_an_hour_with_faults_and_killed_runs_nothing_is_stuck(home: Path, shop: ShopWorld) -> None:
    with virtual_daemon(home, shop, BEGAN) as daemon:
        longest = an_hour(daemon, shop)
        assert daemon.problems == []
        # No stuck run, no leaked slot, no growing queue: at most the retry and the deep sweep waited for a killed run.
        assert daemon.instance.get_runs(dg.RunsFilter(statuses=WORKED_ON)) == []
        assert daemon.claimed_slots() == {}
        assert (daemon.waiting(), longest) == (0, 2)
        # 02:55 killed and tried again, 03:30 refused, 03:35, 03:40 killed and tried again, 03:45, 03:50.
        assert runs_of(daemon) == {
            "sweep_shop": {"FAILURE": 3, "SUCCESS": 5},
            "deep_sweep_shop": {"SUCCESS": 1},
            "take_in_files": {"SUCCESS": 1},
            "write_report": {"SUCCESS": 1},
            "purge_history": {"SUCCESS": 1},
        }
        retried = [run for run in daemon.instance.get_runs() if run.parent_run_id in MortalLauncher.killed]
        assert [run.status for run in retried] == [dg.DagsterRunStatus.SUCCESS] * 2
        # Each schedule ticked at its time and once; a sweep was skipped while the first one seemed to be at work.
        ticks = daemon.ticks()
        assert ticks["sweep_every_5_minutes"] == {"SKIPPED": 6, "SUCCESS": 6}
        for schedule in ("deep_sweep_nightly", "purge_history_nightly", "report_every_morning"):
            assert ticks[schedule] == {"SUCCESS": 1}
        sensors = ("drop_folder", "unprocessed_changes", "run_failure_to_alert", "run_success_ends_alert")
        assert {name: sum(ticks[name].values()) for name in sensors} == dict.fromkeys(sensors, TICKS)
        assert [name for name in sensors if set(ticks[name]) - {"SKIPPED", "SUCCESS"}] == []
        # What sensors keep from tick to tick does not grow with what they have seen.
        assert [name for name, kept in daemon.cursors().items() if len(kept) > 200] == []
    url = shop.settings.operations_url()
    bought, booked = bought_and_booked(shop, url)
    assert len(bought) == 40 + 12
    assert bought - booked == set()
    assert alerts_of(url) == {"run_failed:sweep_shop": True}
    assert history_of_a_sweep(home) < 1_500_000


def history_of_a_sweep(home: Path) -> float:
    """Return the bytes of history that a run takes on average: its own file and its part of the index."""
    files = [file for file in (home / "history" / "runs").glob("*.db") if file.stem != "index"]
    index = (home / "history" / "runs" / "index.db").stat().st_size
    return (sum(file.stat().st_size for file in files) + index) / len(files)
