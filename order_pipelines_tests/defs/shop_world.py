"""A merchant on a running sandbox for tests of the Dagster side: the demo's shop, with its orders placed or not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import requests

from order_pipelines import clock
from order_pipelines.definitions import build_definitions
from order_pipelines.demo.merchant import Sandbox, environment_of, write_merchant
from order_pipelines.sandbox.server import Sandbox as World
from order_pipelines.settings import Settings, load_settings


class ShopWorld:
    """The outside world and one merchant's folder in it."""

    def __init__(self, world: World, folder: Path, settings_path: Path) -> None:
        self.world = world
        self.folder = folder
        self.settings_path = settings_path

    @property
    def settings(self) -> Settings:
        return load_settings(self.settings_path)

    def definitions(self, settings: Settings | None = None) -> dg.Definitions:
        return build_definitions(settings or self.settings, retry_delay_s=0.0)

    def run(
        self, job: str, instance: dg.DagsterInstance, settings: Settings | None = None, **more: Any
    ) -> dg.ExecuteInProcessResult:
        job_def = self.definitions(settings).resolve_job_def(job)
        return job_def.execute_in_process(instance=instance, raise_on_error=False, **more)

    def state(self, account: str) -> dict[str, Any]:
        answer: dict[str, Any] = requests.get(f"{self.world.control_url}/state/{account}", timeout=5).json()
        return answer

    def tell(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        reply = requests.post(f"{self.world.control_url}{path}", json=body, timeout=5)
        reply.raise_for_status()
        answer: dict[str, Any] = reply.json()
        return answer


@contextmanager
def shop_world(folder: Path, *, has_orders: bool, store_url: str | None = None) -> Iterator[ShopWorld]:
    """Start a world and write a merchant into ``folder``; the secrets stand in the environment until the end."""
    with World(control_port=0, relaxed=True) as world, pytest.MonkeyPatch.context() as patch:
        sandbox = Sandbox(world.control_url, world.systems())
        for name, value in environment_of(sandbox, store_url).items():
            patch.setenv(name, value)
        if has_orders:
            requests.post(
                f"{world.control_url}/world", json={"action": "demo"}, timeout=10
            ).raise_for_status()
        folder.mkdir(exist_ok=True)
        settings_path = write_merchant(folder, sandbox, in_postgres=store_url is not None)
        try:
            yield ShopWorld(world, folder, settings_path)
        finally:
            clock.follow(0)


def steps_of(result: dg.ExecuteInProcessResult) -> list[str]:
    """Return the steps that succeeded, in the order in which they ended."""
    return [event.step_key or "" for event in result.all_events if event.event_type_value == "STEP_SUCCESS"]


def failed_steps(result: dg.ExecuteInProcessResult) -> list[str]:
    """Return the steps that failed."""
    return [event.step_key or "" for event in result.all_events if event.event_type_value == "STEP_FAILURE"]


def metadata_of(result: dg.ExecuteInProcessResult, *key: str) -> dict[str, Any]:
    """Return the plain values of an asset's metadata in a run."""
    found = [
        event.step_materialization_data.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey(key)
    ]
    assert len(found) == 1
    return {name: getattr(value, "value", value) for name, value in found[0].items()}


def checks_of(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    """Return whether each check of a run passed, by asset and name."""
    return {
        f"{check.asset_key.to_user_string()}:{check.check_name}": check.passed
        for check in result.get_asset_check_evaluations()
    }


def check_metadata(result: dg.ExecuteInProcessResult, name: str) -> dict[str, Any]:
    """Return the plain values of a check's metadata in a run."""
    (found,) = [check for check in result.get_asset_check_evaluations() if check.check_name == name]
    return {key: getattr(value, "value", value) for key, value in found.metadata.items()}
