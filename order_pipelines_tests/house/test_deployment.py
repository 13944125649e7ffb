"""The files of deploy/, as far as they can be tried without being root."""

import configparser
import importlib.util
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    ManagedGrpcPythonEnvCodeLocationOrigin,
)
from dagster._core.workspace.load import location_origins_from_yaml_paths

from order_pipelines_tests.house.checkout import ROOT, text

UNITS = sorted((ROOT / "deploy").glob("*.service"))


def _yaml(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(text(Path(name)))
    return loaded


def test_workspace_yaml_names_the_installed_definitions() -> None:
    (origin,) = location_origins_from_yaml_paths([str(ROOT / "workspace.yaml")])
    assert isinstance(origin, ManagedGrpcPythonEnvCodeLocationOrigin)
    assert origin.location_name == "order_pipelines"
    assert origin.loadable_target_origin.module_name == "order_pipelines.definitions"
    assert importlib.util.find_spec("order_pipelines.definitions") is not None


def test_the_production_workspace_is_the_code_service() -> None:
    (origin,) = location_origins_from_yaml_paths([str(ROOT / "deploy" / "workspace.yaml")])
    assert isinstance(origin, GrpcServerCodeLocationOrigin)
    assert (origin.location_name, origin.host, origin.port) == ("order_pipelines", "127.0.0.1", 4000)


def test_the_production_instance_differs_by_its_compute_logs_only() -> None:
    assert _yaml("deploy/dagster.yaml") == _yaml("dagster.yaml") | {
        "compute_logs": {
            "module": "dagster._core.storage.noop_compute_log_manager",
            "class": "NoOpComputeLogManager",
            "config": {},
        }
    }


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_service_runs_an_installed_command_on_loopback_as_nobody_special(unit: Path) -> None:
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment, method-assign]  # systemd's keys are case sensitive
    parsed.read_string(unit.read_text(encoding="utf-8"))
    service = parsed["Service"]
    command, *arguments = service["ExecStart"].split()
    assert Path(command).name in {"dagster", "dagster-daemon", "dagster-webserver", "order-pipelines"}
    assert "-p" not in arguments or arguments[arguments.index("-h") + 1] == "127.0.0.1"
    assert service["User"] == "order-pipelines"
    assert service["KillMode"] == "control-group"


def test_runs_of_a_crashed_code_server_are_ended_before_it_starts_again() -> None:
    """Runs live and die with that service (``KillMode=control-group``): there every started run is a dead one."""
    before = {
        unit.stem: [line for line in unit.read_text(encoding="utf-8").splitlines() if "ExecStartPre" in line]
        for unit in UNITS
    }
    assert before == {
        "order-pipelines-code": ["ExecStartPre=-/opt/order-pipelines/bin/order-pipelines reap"],
        "order-pipelines-daemon": [],
        "order-pipelines-live": [],
        "order-pipelines-web": [],
    }


def test_there_is_a_service_for_code_daemon_lane_and_web() -> None:
    assert [unit.stem for unit in UNITS] == [
        "order-pipelines-code",
        "order-pipelines-daemon",
        "order-pipelines-live",
        "order-pipelines-web",
    ]
