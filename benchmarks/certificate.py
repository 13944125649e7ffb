"""How many pieces are sold that are not there: one seeded month of eight channels, kept in several ways.

Every way meets the same shoppers, deliveries, outages and restarts. The amounts and the seed are named in the result;
``CERTIFICATE_SEED`` draws another world, ``CERTIFICATE_POSTGRES=1`` puts our store on PostgreSQL.
"""

import logging
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.certificate_connector import attached
from benchmarks.certificate_demand import HOUR, MINUTE, Plan, make_plan
from benchmarks.certificate_judge import Tally, compare, in_words, tally
from benchmarks.certificate_lane import CarefulLane, OurLane
from benchmarks.certificate_ours import OurSchedules, OurWay
from benchmarks.certificate_time import Simulation
from benchmarks.certificate_tools import PollingTool, csv_daily, csv_twice_a_week
from benchmarks.certificate_world import Keeper, World
from benchmarks.postgres import roomy_postgres
from benchmarks.result import Result

SEED = 2026
LANE, SCHEDULES = "our lane", "ours without the lane, every 5 minutes"
CAREFUL = "our lane, flash articles held back"
# A Monday.
_START = datetime(2026, 6, 1, tzinfo=UTC)
# What was sold last is read, cancelled, pushed and read back before anything is counted.
_AFTERWARDS_S = 2 * HOUR
_MOST_OTHERS = 0.0001


@dataclass(frozen=True, slots=True)
class Size:
    """How large a world is; ``orders_a_day`` are asked for, besides those of flash sales."""

    days: int
    articles: int
    orders_a_day: int


FULL, SMALL = Size(30, 48, 60), Size(1, 16, 40)
TOOLS: dict[str, Callable[[], Keeper]] = {
    "CSV twice a week": csv_twice_a_week,
    "CSV daily": csv_daily,
    "polls every 60 minutes": lambda: PollingTool(60 * MINUTE),
    "polls every 15 minutes": lambda: PollingTool(15 * MINUTE),
    "polls every minute": lambda: PollingTool(MINUTE),
}
OURS: dict[str, tuple[type[OurWay], float]] = {
    SCHEDULES: (OurSchedules, 5 * MINUTE),
    LANE: (OurLane, 60.0),
    CAREFUL: (CarefulLane, 60.0),
}
_SMALL = ("CSV daily", "polls every 15 minutes", "polls every minute", LANE)


def run(small: bool) -> list[Result]:
    """Let every way keep the same world, count, and compare."""
    size = SMALL if small else FULL
    seed = int(os.environ.get("CERTIFICATE_SEED", str(SEED)))
    names = _SMALL if small else (*TOOLS, *OURS)
    # Our ways take minutes each and the others seconds: they go first, side by side where there is room.
    order = sorted(names, key=lambda name: name not in OURS)
    print(
        f"stock certificate: {size.days} days, {size.articles} articles, {size.orders_a_day} orders a day, seed "
        f"{seed}, {len(names)} ways of keeping stock",
        flush=True,
    )
    workers = min(len([name for name in names if name in OURS]) + 1, os.cpu_count() or 1)
    context = multiprocessing.get_context("spawn")
    found: dict[str, Tally] = {}
    with context.Pool(workers, _end_when_told) as pool:
        for one in pool.imap(_keep, [(name, seed, size) for name in order], chunksize=1):
            print(f"  {one.name}: {one.accepted:,} pieces accepted, {one.oversold} oversold", flush=True)
            found[one.name] = one
        # The end of the block stops workers by a signal, and one that came in a finalizer was lost: they end first.
        pool.close()
        pool.join()
    tallies = [found[name] for name in names]
    return [as_result(seed, size, tallies)]


def _keep(what: tuple[str, int, Size]) -> Tally:
    return keep(*what)


def _end_when_told() -> None:
    """Who is stopped removes the folder of its store."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def keep(name: str, seed: int, size: Size) -> Tally:
    """Let one way keep the world of a seed."""
    plan = make_plan(seed, days=size.days, articles=size.articles, orders_a_day=size.orders_a_day)
    if name in TOOLS:
        return keep_with_tool(name, plan, TOOLS[name]())
    make, read_back_s = OURS[name]
    # Every outage is a warning, and a month has thousands of them.
    logging.disable(logging.ERROR)
    try:
        return keep_with_ours(name, plan, make, read_back_s)
    finally:
        logging.disable(logging.NOTSET)


def keep_with_tool(name: str, plan: Plan, tool: Keeper) -> Tally:
    """Let a model of a tool keep a world."""
    world = World(plan, Simulation(_START), tool)
    world.open()
    world.simulation.run_until(plan.end + _AFTERWARDS_S)
    return tally(name, world)


def keep_with_ours(name: str, plan: Plan, make: type[OurWay], read_back_s: float) -> Tally:
    """Let the product keep a world, and compare its cases with what really happened."""
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="certificate-", dir=_quick_place()))
        )
        (folder / "merchant").mkdir()
        keeper = make(folder / "merchant", stack.enter_context(_store_url(folder)))
        world = World(plan, Simulation(_START), keeper)
        stack.enter_context(attached(world, folder / "site"))
        world.open()
        stack.callback(keeper.close)
        world.simulation.run_until(plan.end + _AFTERWARDS_S)
        world.simulation.at(world.simulation.now, keeper.look_for_oversells)
        world.simulation.run_until(world.simulation.now)
        found = tally(name, world, read_back_s=read_back_s)
        found.troubles = keeper.troubles
        found.agreement = compare(world, keeper.shop.store)
        return found


def _quick_place() -> str | None:
    """Where there is a file system in memory, the store of a simulated month lies there."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and os.access(memory, os.W_OK) else None


@contextmanager
def _store_url(folder: Path) -> Iterator[str | None]:
    if os.environ.get("CERTIFICATE_POSTGRES") != "1":
        yield None
        return
    with roomy_postgres(folder) as url:
        yield url


def as_result(seed: int, size: Size, tallies: list[Tally]) -> Result:
    """Return the table."""
    plan = make_plan(seed, days=size.days, articles=size.articles, orders_a_day=size.orders_a_day)
    standstills = f"{len(plan.standstills)} restart{'' if len(plan.standstills) == 1 else 's'}"
    result = Result(
        f"The stock certificate: {size.days} days, {len(plan.rules)} channels, seed {seed}",
        f"{len(plan.shoppers):,} shoppers for {size.articles} articles, {plan.flashes} flash sales, "
        f"{sum(map(len, plan.outages.values()))} outages and {standstills}, the same for every way of keeping stock. "
        "The ways before ours are models of what such a tool does; ours are the product's own services on a store, on "
        "a clock of their own. Oversold are pieces that were not there when a channel accepted them; the definitions "
        "stand in [stock-certificate.md](stock-certificate.md).",
        (
            "way of keeping stock",
            "accepted",
            "oversold",
            "%",
            "in flash sales",
            "avoidable",
            "channel's doing",
            "known p50 s",
            "known p95 s",
            "lost sales",
            "unsold EUR",
            "writes",
        ),
    )
    for one in tallies:
        result.rows.append(
            (
                one.name,
                f"{one.accepted:,}",
                f"{one.oversold:,}",
                f"{100 * one.oversold / max(1, one.accepted):.3f}",
                f"{one.in_flashes:,}",
                f"{one.avoidable:,}",
                f"{one.fates.get('refused', 0) + one.fates.get('ignored', 0):,}",
                f"{one.known_p50_s:,.0f}",
                f"{one.known_p95_s:,.0f}",
                f"{one.lost:,}",
                f"{one.unsold_cents / 100:,.0f}",
                f"{one.writes:,}",
            )
        )
    for one in tallies:
        if one.agreement is not None:
            _say_agreement(result, one)
    lane = next((one for one in tallies if one.name == LANE), None)
    if lane is not None:
        result.target(f"avoidable oversells in our lane 0: {lane.avoidable}", lane.avoidable == 0)
        share = lane.others / max(1, lane.accepted)
        result.target(
            f"all others at most {100 * _MOST_OTHERS:.2f} % of accepted pieces: {lane.others} of {lane.accepted:,}, "
            f"{100 * share:.3f} % ({in_words(lane.fates)}; {lane.in_flashes} in flash sales; one piece alone is "
            f"{100 / max(1, lane.accepted):.3f} %)",
            share <= _MOST_OTHERS,
        )
    return result


def _say_agreement(result: Result, one: Tally) -> None:
    found = one.agreement
    assert found is not None
    differing = [*found.without_case, *found.too_many]
    result.remarks.append(
        f"{one.name}: {found.agreed} of {found.oversold} oversold lines are cases of as many pieces in "
        f"`oversell_cases`, {len(found.without_case)} are none, {len(found.too_many)} cases are of lines whose pieces "
        f"were there or of another number; {len(found.articles_differ)} articles differ in sum. Causes: "
        f"{in_words(found.causes)}." + (f" Differing: {', '.join(differing[:5])}." if differing else "")
    )
    result.expect(f"{one.name}: articles whose cases do not add up", found.articles_differ, [])
    result.expect(f"{one.name}: orders that were never read", one.never_known, 0)
