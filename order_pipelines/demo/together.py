"""Sandbox, shoppers, a packing table, Dagster's web server, daemon and code server: all together until told to stop."""

import os
import random
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import requests

import order_pipelines
from order_pipelines.demo import merchant, packing, script
from order_pipelines.demo.processes import Processes
from order_pipelines.errors import ConfigurationError, OrderPipelinesError
from order_pipelines.live.signals import until_signal
from order_pipelines.sandbox.server import Sandbox, SandboxStartError
from order_pipelines.services.product_master import import_products
from order_pipelines.services.shop import Shop
from order_pipelines.settings import Settings, load_settings

_SELDOM_USED = range(20_000, 30_000)
_LOOPBACK = "127.0.0.1"
_PACKAGE = Path(order_pipelines.__file__).resolve().parent
_READY_S = 90.0
_POLL_S = 0.25
_CADENCE = """\
# A real shop sweeps every five minutes; here somebody is watching.
[cadence]
sweep_minutes = 1
"""
_LAUNCH = """
mutation ($selector: JobOrPipelineSelector!) {
  launchRun(executionParams: {selector: $selector, runConfigData: {}}) { __typename ... on PythonError { message } }
}
"""

Say = Callable[[str], None]


class StartError(OrderPipelinesError):
    """Something did not come up; the message holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asked of ``up``. Port 0 is any free port; ``per_minute`` are the shoppers' doings."""

    folder: Path
    port: int = 3000
    sandbox_port: int = 8700
    per_minute: float = 6.0
    packing_every_s: float = 90.0


def run_together(wanted: Wanted, say: Say) -> None:
    """Start everything, say where it is, and wait for SIGINT or SIGTERM; then end everything that was started.

    Raises:
        ConfigurationError: a port is taken, the folder is somebody else's, or this is no checkout.
        StartError: a process did not come up, or ended by itself.
    """
    finished = threading.Event()
    with until_signal(finished):
        home = _prepare_home(wanted.folder)
        merchant.make_anew(wanted.folder / "merchant")
        port = _checked_port(wanted.port, "--port")
        try:
            world = Sandbox(wanted.sandbox_port, relaxed=True).start()
        except SandboxStartError as error:
            raise ConfigurationError(str(error)) from error
        try:
            _run_in_world(wanted, world, home, port, finished, say)
        finally:
            world.stop()
    say("everything is stopped")


def _run_in_world(
    wanted: Wanted, world: Sandbox, home: Path, port: int, finished: threading.Event, say: Say
) -> None:
    world.world.demo_script()
    world.world.open_elsewhere()
    outside = merchant.Sandbox(world.control_url, world.systems())
    secrets = merchant.environment_of(outside)
    folder = wanted.folder / "merchant"
    path = merchant.write_merchant(folder, outside, cadence=_CADENCE, elsewhere=merchant.ELSEWHERE)
    merchant.drop_orders(folder, "inkoop_week.csv", script.IN_ONE_CSV)
    merchant.drop_workbook(folder, "bestelling.xlsx", script.IN_A_WORKBOOK)
    settings = load_settings(path)
    say(
        f"sandbox control  {world.control_url}   (RELAXED limits; GET /systems, /state/bol_main, /state/exact)"
    )
    _import_products(settings)
    _reap(home, say)
    processes = Processes(_fresh_logs(wanted.folder), _environment(home, path, secrets), wanted.folder)
    try:
        _start_dagster(processes, home, port, finished, say)
        live = _start_live(processes, finished)
        if finished.is_set():
            return
        world.world.start(wanted.per_minute)
        say(f"Dagster          http://{_LOOPBACK}:{port}")
        say(f"live             {live}/health   (the fast lane: polls, webhooks, stock out at once)")
        say(f"merchant         {folder}   (files dropped under inbox/ are read; logs in {processes.logs})")
        say(
            f"shoppers buy at bol, Blokker and the webshop, {wanted.per_minute:g} things a minute; "
            "a sweep every minute; Ctrl-C stops"
        )
        with packing.table(settings, folder, wanted.packing_every_s):
            while not finished.wait(_POLL_S):
                _refuse_ended(processes)
    finally:
        say("stopping …")
        processes.stop()


def _prepare_home(folder: Path) -> Path:
    """Return Dagster's folder with dagster.yaml in it; its history stays from start to start."""
    source = _PACKAGE.parent / "dagster.yaml"
    if not source.is_file():
        raise ConfigurationError("'order-pipelines up' runs from a checkout, where dagster.yaml stands")
    home = folder / "dagster_home"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, home / "dagster.yaml")
    return home


def _fresh_logs(folder: Path) -> Path:
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    return logs


def _checked_port(port: int, option: str) -> int:
    """Return a port that can be opened now, any free one for 0.

    Raises:
        ConfigurationError: it is taken.
    """
    if port == 0:
        # Dagster opens it seconds later: not one of those that the system deals out to whoever asks meanwhile.
        for candidate in random.sample(_SELDOM_USED, 20):
            with suppress(ConfigurationError):
                return _checked_port(candidate, option)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOOPBACK, port))
        except OSError as error:
            raise ConfigurationError(
                f"port {port} cannot be opened ({error.strerror}): stop what uses it or choose another {option}"
            ) from error
        number: int = probe.getsockname()[1]
        return number


def _environment(home: Path, settings: Path, secrets: Mapping[str, str]) -> dict[str, str]:
    search = [str(_PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        **secrets,
        "DAGSTER_HOME": str(home),
        "ORDER_PIPELINES_SETTINGS": str(settings),
        "PYTHONPATH": os.pathsep.join(search),
        "PYTHONUNBUFFERED": "1",
    }


def _import_products(settings: Settings) -> None:
    """The master first: files that lie there already name its articles."""
    shop = Shop.open(settings)
    try:
        import_products(shop)
    finally:
        shop.close()


def _reap(home: Path, say: Say) -> None:
    import dagster as dg

    from order_pipelines.defs.upkeep import reap

    with dg.DagsterInstance.from_config(str(home)) as instance:
        ended = reap(instance)
    if ended:
        say(f"{len(ended)} runs that the last start left behind were ended")


def _start_dagster(processes: Processes, home: Path, port: int, finished: threading.Event, say: Say) -> None:
    say("starting Dagster: code server, web server, daemon")
    code_port = _checked_port(0, "")
    workspace = home / "workspace.yaml"
    workspace.write_text(
        "load_from:\n  - grpc_server:\n"
        f"      host: {_LOOPBACK}\n      port: {code_port}\n      location_name: order_pipelines\n",
        encoding="utf-8",
    )
    python = sys.executable
    processes.start(
        "code_server",
        [python, "-m", "dagster", "code-server", "start", "-h", _LOOPBACK, "-p", str(code_port),
         "-m", "order_pipelines.definitions", "--location-name", "order_pipelines",
         "--use-python-environment-entry-point"],
    )  # fmt: skip
    _wait(processes, finished, lambda: _listens(code_port), "the code server")
    processes.start(
        "webserver",
        [python, "-m", "dagster_webserver", "-h", _LOOPBACK, "-p", str(port), "-w", str(workspace),
         "--suppress-warnings"],
    )  # fmt: skip
    # The first sweep waits in the queue before the daemon looks: the sensors see that it will load what is there, and
    # the first charts are not a minute away.
    _wait(processes, finished, lambda: _launch_sweep(port), "the web server")
    processes.start("daemon", [python, "-m", "dagster._daemon", "run", "-w", str(workspace)])


def _start_live(processes: Processes, finished: threading.Event) -> str:
    """Start the fast lane; returns its address."""
    port = _checked_port(0, "")
    processes.start("live", [sys.executable, "-m", "order_pipelines.cli", "live", "--port", str(port)])
    _wait(processes, finished, lambda: _listens(port), "the fast lane")
    return f"http://{_LOOPBACK}:{port}"


def _wait(processes: Processes, finished: threading.Event, is_ready: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _READY_S
    while not finished.is_set() and not is_ready():
        _refuse_ended(processes)
        if time.monotonic() > deadline:
            raise StartError(f"{what} did not come up in {_READY_S:.0f} s; see {processes.logs}")
        finished.wait(_POLL_S)


def _refuse_ended(processes: Processes) -> None:
    ended = processes.ended()
    if ended is not None:
        raise StartError(f"{ended.name} ended by itself; the end of {ended.log}:\n{ended.last_lines()}")


def _listens(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex((_LOOPBACK, port)) == 0


def _launch_sweep(port: int) -> bool:
    selector = {
        "repositoryLocationName": "order_pipelines",
        "repositoryName": "__repository__",
        "jobName": "sweep_shop",
    }
    try:
        answer = requests.post(
            f"http://{_LOOPBACK}:{port}/graphql",
            json={"query": _LAUNCH, "variables": {"selector": selector}},
            timeout=30,
        )
        return bool(answer.json()["data"]["launchRun"]["__typename"] == "LaunchRunSuccess")
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return False
