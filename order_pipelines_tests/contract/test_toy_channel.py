"""A channel of somebody else: an installed package with an adapter, and nothing else is changed for it (R124)."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from order_pipelines.connectors import registry
from order_pipelines.connectors.registry import CONNECTORS, GROUP
from order_pipelines.definitions import build_definitions
from order_pipelines.errors import ConfigurationError
from order_pipelines.settings import load_settings

pytestmark = pytest.mark.endurance

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
PACKAGE = "somebodys_toys"


def install(folder: Path, *, entry: str = f"{PACKAGE}:CONNECTOR", name: str = "toyshop") -> Path:
    """Put the toy channel into a folder as pip would: its package, and beside it what it offers."""
    shutil.copytree(HERE / "toyshop", folder / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    about = folder / f"{PACKAGE}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n", encoding="utf-8"
    )
    (about / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {entry}\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("site"))


def run(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python where the package is installed, with a home and settings of nobody."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("ORDER_PIPELINES_")
    }
    environment |= {"PYTHONPATH": f"{installed}{os.pathsep}{CHECKOUT}", "DAGSTER_DISABLE_TELEMETRY": "yes"}
    environment.pop("DAGSTER_HOME", None)
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=CHECKOUT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def day(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A day of a merchant with that channel, in a process of its own."""
    finished = run(
        installed,
        "-m",
        "order_pipelines_tests.contract.toy_worker",
        "toyshop",
        str(tmp_path_factory.mktemp("day")),
    )
    assert finished.returncode == 0, finished.stderr[-4000:]
    told: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return told


@pytest.mark.slow
def test_a_channel_that_is_installed_has_its_assets_checks_schedules_and_sensors(day: dict[str, Any]) -> None:
    assert [name for name in day["assets"] if "toyshop" in name] == [
        "intake/toyshop__offers",
        "intake/toyshop__orders",
        "publish/toyshop__acceptances",
        "publish/toyshop__shipments",
        "publish/toyshop__stock",
    ]
    checks = {name for name in day["checks"] if "toyshop" in name}
    assert {
        "intake/toyshop__orders:toyshop__orders_every_account_read",
        "intake/toyshop__orders:toyshop__orders_quarantine_share",
    } <= checks
    assert "sweep_every_5_minutes" in day["schedules"]
    assert day["sensors"]


@pytest.mark.slow
def test_its_order_ends_in_the_warehouse_and_its_stock_at_the_shop(day: dict[str, Any]) -> None:
    assert day["failed"] == []
    # Two at 12.50 and 4.95 of shipping.
    assert day["core_orders"] == [[f"toy_main:{day['order_id']}", "toyshop", "open", "29.95"]]
    assert day["order_there"] == "open"
    assert day["stock_there"] == 498


@pytest.mark.slow
def test_it_passes_the_kit_by_its_data_alone(installed: Path) -> None:
    finished = run(
        installed,
        *("-m", "pytest", "-n", "0", "-p", "no:randomly", "-q", "-k", "toyshop"),
        *(str(HERE / f"test_{name}.py") for name in ("mapping", "reading", "writing", "discretion")),
    )
    assert finished.returncode == 0, finished.stdout[-4000:]
    last = finished.stdout.strip().splitlines()[-1]
    assert "skipped" not in last
    assert int(last.split(" passed")[0].split()[-1]) >= 38


@pytest.mark.slow
def test_its_payloads_can_be_inspected(installed: Path) -> None:
    recording = HERE / "toyshop" / "recorded" / "orders" / "order_partly_shipped.json"
    finished = run(installed, "-m", "order_pipelines.cli", "inspect", "toyshop", str(recording))
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["order_total_incl_vat"] == "42.45"


# ------------------------------------------------------------------------------------------------ the registry


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages that this process sees."""
    monkeypatch.syspath_prepend(str(tmp_path))
    registry._load.cache_clear()
    return tmp_path


def test_a_name_of_the_house_is_not_given_away(beside: Path) -> None:
    install(beside, name="bol")
    assert "bol" not in registry.installed_connectors()
    assert registry.connector_of("bol") is CONNECTORS["bol"]


def test_a_package_that_cannot_be_loaded_is_named(beside: Path) -> None:
    install(beside, entry="somebodys_bricks:CONNECTOR")
    with pytest.raises(
        ConfigurationError, match="connector 'toyshop' of the package somebodys_bricks cannot be loaded"
    ):
        registry.connector_of("toyshop")


def test_what_is_no_connector_is_refused(beside: Path) -> None:
    install(beside, entry="json:dumps")
    with pytest.raises(ConfigurationError, match="json:dumps is no connector of the system 'toyshop'"):
        registry.connector_of("toyshop")


def test_two_packages_with_one_name_are_refused(beside: Path) -> None:
    install(beside)
    twin = beside / "twin-1.0.dist-info"
    shutil.copytree(beside / f"{PACKAGE}-1.0.dist-info", twin)
    (twin / "METADATA").write_text("Metadata-Version: 2.1\nName: twin\nVersion: 1.0\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="several packages offer a connector 'toyshop'"):
        registry.connector_of("toyshop")


def test_a_name_that_nobody_has_is_refused_with_all_that_are_known(beside: Path) -> None:
    install(beside)
    known = "b2b_files, bol, exact_online, mirakl, shopware, toyshop"
    with pytest.raises(ConfigurationError, match=f"no connector is called 'lego'; known are {known}"):
        registry.connector_of("lego")


# ------------------------------------------------------------------------------------------------ channels apart


@pytest.mark.parametrize("system", CONNECTORS)
def test_no_connector_imports_another(system: str) -> None:
    """R123: channels talk only to what lies between them."""
    folder = CHECKOUT / "order_pipelines" / "connectors"
    others = {f"order_pipelines.connectors.{other}" for other in CONNECTORS if other != system}
    for path in (folder / system).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            found = {name for name in names if any(f"{name}.".startswith(f"{other}.") for other in others)}
            assert not found, f"{path.name} imports {found}"


def test_nothing_of_a_channel_stands_upstream_of_another_but_what_lies_between_them(tmp_path: Path) -> None:
    """R123: each ``publish`` asset of a channel follows from that channel's own intake, and from files of parcels."""
    channels = [name for name, each in CONNECTORS.items() if each.order_source is not None]
    text = '[merchant]\nname = "Zogenaamd"\n[[locations]]\nname = "main"\n'
    for system in (*channels, "b2b_files"):
        text += f'[accounts.{system}_one]\nsystem = "{system}"\neffective_from = 2026-01-01\n'
    path = tmp_path / "settings.toml"
    path.write_text(text, encoding="utf-8")
    graph = build_definitions(load_settings(path)).resolve_asset_graph()
    looked_at = 0
    for key in graph.get_all_asset_keys():
        layer, name = key.path
        system = name.partition("__")[0]
        if layer not in ("intake", "publish") or system not in channels:
            continue
        looked_at += 1
        upstream = {parent.path[1].partition("__")[0] for parent in graph.get(key).parent_keys}
        assert upstream <= {system, "b2b_files"}, f"{key.to_user_string()} follows from {upstream}"
        if layer == "intake":
            assert graph.get(key).parent_keys == set()
    assert looked_at >= 4 * len(channels)
