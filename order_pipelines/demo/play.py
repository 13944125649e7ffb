"""The main job on the sandbox, through Dagster, in one process: some days of a shop in less than a minute."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import sqlalchemy as sa

from order_pipelines.definitions import build_definitions
from order_pipelines.defs.jobs import COMPARE, SWEEP, TAKE_IN_FILES, WRITE_REPORT
from order_pipelines.demo import merchant, script
from order_pipelines.demo.outcome import Outcome, Traced, read_outcome, shown
from order_pipelines.errors import ConfigurationError, OrderPipelinesError
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.tables import receipts
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.house_watch import look_after
from order_pipelines.services.shop import Shop
from order_pipelines.settings import Settings, load_settings

_PAUSE_S = 600.0
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

Say = Callable[[str], None]


class DemoFailedError(OrderPipelinesError):
    """A run of the demo failed; the message names job, steps and reasons."""


def play(folder: Path, say: Say, *, store_url: str | None = None) -> tuple[Outcome, Path]:
    """Play the demo in ``folder``, which is made anew; return what came of it and the settings file.

    Args:
        folder: of the demo merchant; absent, empty, or that of an earlier demo.
        say: takes a line of progress.
        store_url: an empty PostgreSQL database for both stores; ``None`` keeps them in the folder.

    Raises:
        ConfigurationError: the folder or the database belongs to somebody else.
        DemoFailedError: a run failed.
    """
    merchant.make_anew(folder)
    say("starting the outside world: bol with two accounts, Blokker, a webshop, Exact Online (on loopback)")
    with Sandbox(0, relaxed=True) as world:
        placed, elsewhere = world.world.demo_script(), world.world.open_elsewhere()
        say(
            f"{len(placed)} shoppers have ordered at bol, {len(elsewhere)} at Blokker and the webshop; two wholesale "
            "files lie in the drop folder"
        )
        outside = merchant.Sandbox(world.control_url, world.systems())
        with _environment(merchant.environment_of(outside, store_url)):
            path = merchant.write_merchant(
                folder, outside, in_postgres=store_url is not None, elsewhere=merchant.ELSEWHERE
            )
            merchant.drop_orders(folder, "inkoop_week.csv", script.IN_ONE_CSV)
            merchant.drop_workbook(folder, "bestelling.xlsx", script.IN_A_WORKBOOK)
            settings = load_settings(path)
            _refuse_used_store(settings)
            outcome = _run_jobs(folder, settings, world, outside, say)
    return outcome, path


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables of this process for the block; the credentials stand in no file."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _refuse_used_store(settings: Settings) -> None:
    store = open_store(settings.operations_url())
    try:
        with store.reading() as connection:
            used = connection.execute(sa.select(sa.func.count()).select_from(receipts)).scalar_one()
    finally:
        store.close()
    if used:
        raise ConfigurationError("the database holds a merchant already; the demo needs an empty one")


def _run_jobs(
    folder: Path, settings: Settings, world: Sandbox, outside: merchant.Sandbox, say: Say
) -> Outcome:
    definitions = build_definitions(settings, is_automatic=False, retry_delay_s=0.2)
    with dg.DagsterInstance.ephemeral() as instance:
        say("Dagster sweeps: offers, orders and files in; stock, entries out; warehouse loaded and checked")
        _run(definitions, instance, SWEEP, say)
        _let_pass(world)
        merchant.drop_shipments(folder, "verzonden.csv", (*script.PARCELS, *script.PARCELS_ELSEWHERE))
        say("ten minutes later the warehouse has packed: its list of parcels lies in the drop folder")
        _run(definitions, instance, TAKE_IN_FILES, say)
        before = shown(outside, script.TRACED_SKU)
        wish = {"lines": [{"sku": script.TRACED_SKU, "quantity": 1}], "order_id": "BLK20106-A"}
        world.mirakl.place_order(merchant.BLOKKER, wish)
        _let_pass(world)
        say(f"somebody buys one {script.TRACED_SKU} at Blokker; Dagster sweeps again, ten minutes later")
        _run(definitions, instance, SWEEP, say)
        traced = Traced(script.TRACED_SKU, merchant.BLOKKER, 1, before, shown(outside, script.TRACED_SKU))
        _let_pass(world)
        say("channels and books are read anew and compared with the warehouse")
        _run(definitions, instance, COMPARE, say)
        _note_alerts(settings)
        report = _run(definitions, instance, WRITE_REPORT, say)
        say("reading back from the stand-ins what they hold now")
        return read_outcome(settings, outside, report, traced)


def _let_pass(world: Sandbox) -> None:
    """Let ten minutes pass outside: Mirakl lists orders once a minute, and the demo has no minutes."""
    world.clock.set_offset(world.clock.offset_s + _PAUSE_S)


def _note_alerts(settings: Settings) -> None:
    """Look what needs a person, as the sensor does every five minutes."""
    shop = Shop.open(settings)
    try:
        look_after(shop.store, settings)
    finally:
        shop.close()


def _run(definitions: dg.Definitions, instance: dg.DagsterInstance, job: str, say: Say) -> Path | None:
    """Run a job to its end; return the path of the file it wrote, if it wrote one.

    Raises:
        DemoFailedError: a step failed.
    """
    began = time.monotonic()
    result = definitions.resolve_job_def(job).execute_in_process(
        instance=instance, raise_on_error=False, run_config=_QUIET
    )
    if not result.success:
        reasons = [
            f"{event.step_key}: {_reason(event)}" for event in result.all_events if event.is_step_failure
        ]
        raise DemoFailedError(f"job {job} failed: {'; '.join(reasons) or 'outside its steps'}")
    written = result.get_asset_materialization_events()
    checks = result.get_asset_check_evaluations()
    failed = [f"{'/'.join(check.asset_key.path)} {check.check_name}" for check in checks if not check.passed]
    say(
        f"    {job}: {len(written)} assets, {len(checks) - len(failed)} of {len(checks)} checks passed, "
        f"{time.monotonic() - began:.1f} s"
    )
    for name in failed:
        say(f"    not passed: {name}")
    return _path_in(written)


def _reason(event: dg.DagsterEvent) -> str:
    """Return what a step said when it failed: our own description, else the first cause that Dagster wrapped."""
    failure = event.step_failure_data
    if failure.user_failure_data is not None and failure.user_failure_data.description:
        return failure.user_failure_data.description
    error = failure.error
    while error is not None and error.cause is not None:
        error = error.cause
    return "no reason given" if error is None else " ".join(error.message.split())


def _path_in(events: Sequence[dg.DagsterEvent]) -> Path | None:
    for event in events:
        for value in event.step_materialization_data.materialization.metadata.values():
            if isinstance(value, dg.PathMetadataValue) and value.path.endswith(".html"):
                return Path(value.path)
    return None
