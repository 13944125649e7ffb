"""How long a sale known here is on its way to every channel, at a steady rate, and whether that stays so.

``python -m benchmarks.lane --store SQLite --spell 3000:600 --spell 30000:300`` runs other spells of sales.
"""

import argparse
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import lane_figures, lane_world, machine
from benchmarks.lane_driver import Driven, drive
from benchmarks.lane_figures import percentile, spread
from benchmarks.lane_world import ONE_FILE_A_MINUTE, PIECES, SEATS, LaneWorld, Seat
from benchmarks.result import Result, as_text
from benchmarks.stores import POSTGRES, SQLITE, store_urls
from order_pipelines import clock
from order_pipelines.operations.tables import channel_stock_events

_SEED = 20261122
_RULES = tuple(dict.fromkeys(seat.rule for seat in SEATS))
_FAST = tuple(rule for rule in _RULES if rule not in ONE_FILE_A_MINUTE)
_P99_MS = 1000.0
_MORE_MS = 100.0
_FLAT = 1.5
"""A p95 of the last third at most so many times that of the first is called flat."""


@dataclass(frozen=True, slots=True)
class Spell:
    """A steady rate for a while. One update: the number of one offer at one account changed."""

    updates_per_hour: int
    seconds: int

    def sales_per_hour(self, accounts: int) -> float:
        """Every sale changes the number at all accounts."""
        return self.updates_per_hour / accounts


SPELLS = (Spell(3_000, 1_800), Spell(30_000, 300), Spell(240_000, 60))
_SMALL = (Spell(30_000, 12),)


def run(small: bool) -> list[Result]:
    """Measure the lane on both stores."""
    # Mirakl alone would need two minutes to confirm what it was told.
    seats = [seat for seat in SEATS if not small or seat.rule in _FAST]
    return list(measure(_SMALL if small else SPELLS, (SQLITE, POSTGRES), seats, real=not small))


def measure(
    spells: Sequence[Spell], stores: Sequence[str], seats: Sequence[Seat], *, real: bool
) -> Iterator[Result]:
    """Drive the spells one after the other through a new lane on each store."""
    with tempfile.TemporaryDirectory(prefix="bench-lane-") as place, store_urls(Path(place)) as urls:
        for store in stores:
            folder = Path(place) / store
            folder.mkdir()
            with lane_world.opened(folder, urls[store], seats, real=real, seed=_SEED) as world:
                yield _measure(world, store, spells, real=real)


def _measure(world: LaneWorld, store: str, spells: Sequence[Spell], *, real: bool) -> Result:
    result = Result(
        f"The fast lane over {len(world.seats)} accounts, {store}",
        "Shoppers buy one piece at a time at three web shops, at Poisson times; each shop pushes its orders to the "
        "process of 'order-pipelines live', which reads and books them and tells all accounts "
        f"({', '.join(_accounts_of(world))}). The stand-ins run in two other processes on the same machine, with "
        f"latencies drawn from a seed and limits {'as published' if real else 'a thousand times wider'}. "
        "One update: the number of one offer at one account changed. Known: the moment the sale was booked, before its "
        "commit. Accepted: the channel answered for that number or a newer one; confirmed: it said that it holds. The "
        "channel's own: a bare client that writes one number over an open connection at the same time. A newer number "
        "in place of one that was not sent yet is coalesced.",
        (
            "updates an hour, rule",
            "updates",
            "accepted p50 ms",
            "p95 ms",
            "p99 ms",
            "channel's own p95 ms",
            "confirmed p95 ms",
            "p95 of last / first third",
            "coalesced",
        ),
    )
    driven: list[tuple[Spell, Driven, int]] = []
    for number, spell in enumerate(spells):
        spell_driven = drive(world, spell.sales_per_hour(len(world.seats)), spell.seconds, _SEED + number)
        driven.append((spell, spell_driven, world.waiting(only_fast=True)))
        world.until(lambda: world.waiting(only_fast=True) == 0, "what is still on its way to fast channels")
    world.until(lambda: world.waiting() == 0, "what is still on its way")
    events = _events(world)
    for spell, one, left in driven:
        _report(result, world, spell, one, left, events)
    _check(result, world, sum((one.sold for _, one, _ in driven), Counter[str]()))
    return result


def _accounts_of(world: LaneWorld) -> list[str]:
    counted = Counter(seat.rule for seat in world.seats)
    return [f"{counted[rule]} of {rule}" for rule in _RULES if counted[rule]]


def _events(world: LaneWorld) -> list[Any]:
    with world.shop.store.reading() as connection:
        query = sa.select(channel_stock_events).order_by(channel_stock_events.c.event_seq)
        return list(connection.execute(query))


def _report(
    result: Result, world: LaneWorld, spell: Spell, driven: Driven, left: int, events: Sequence[Any]
) -> None:
    rate = f"{spell.updates_per_hour:,}"
    when = driven.began_at, driven.ended_at
    for rule in _RULES:
        accounts = [seat.name for seat in world.seats if seat.rule == rule]
        if not accounts:
            continue
        told = lane_figures.told(events, accounts, *when)
        own = percentile(driven.answers.get(rule, []), 95)
        first, last = spread(told.accepted)
        p95, p99 = percentile(told.accepted, 95), percentile(told.accepted, 99)
        is_fast = rule in _FAST
        result.rows.append(
            (
                f"{rate}, {rule} ({len(accounts)})",
                f"{told.updates:,}",
                f"{percentile(told.accepted, 50):,.0f}",
                f"{p95:,.0f}",
                f"{p99:,.0f}",
                f"{own:.0f}" if is_fast else "-",
                f"{percentile(told.confirmed, 95):,.0f}",
                f"{last / first:.2f}" if is_fast else "-",
                f"{told.coalesced:,}",
            )
        )
        result.expect(f"{rate}, {rule}: numbers that were never accepted", told.never, 0)
        result.target(
            f"{rate} an hour, {rule}: {told.outdated} of {told.sent} calls carried a number half a second after "
            "a newer one was known, none should",
            told.outdated == 0,
        )
        if is_fast:
            result.target(
                f"{rate} an hour, {rule}: p95 {p95:.0f} ms at most twice the channel's {own:.0f} ms + 100 ms",
                p95 <= 2 * own + _MORE_MS,
            )
            result.target(f"{rate} an hour, {rule}: p99 {p99:.0f} ms at most 1 s", p99 <= _P99_MS)
        else:
            calls = len({(row.account, row.happened_at) for row in events if _is_file(row, accounts, when)})
            result.remarks.append(
                f"{rate} an hour, {rule}: {calls} files for {len(accounts)} accounts in {spell.seconds / 60:g} min; "
                f"what they carried had been known for {percentile(told.ages, 50) / 1000:.0f} s (p50), at most "
                f"{max(told.ages, default=0.0) / 1000:.0f} s."
            )
    fast = lane_figures.told(events, [seat.name for seat in SEATS if seat.rule in _FAST], *when)
    first, last = spread(fast.accepted)
    result.target(
        f"{rate} an hour: lag is flat, p95 of all channels that answer at once {first:.0f} ms in the first third and "
        f"{last:.0f} ms in the last",
        last <= _FLAT * first + _MORE_MS,
    )
    result.remarks.append(
        f"{rate} an hour for {spell.seconds} s: {driven.sales} sales; at the end {left} numbers were on their way to "
        "channels that answer at once, and none half a minute later at most."
    )


def _is_file(row: Any, accounts: Sequence[str], when: tuple[Any, Any]) -> bool:
    return row.account in accounts and row.kind == "accepted" and when[0] <= row.happened_at <= when[1]


def _check(result: Result, world: LaneWorld, sold: Counter[str]) -> None:
    """Hold every stand-in against the shelf less what was bought, and against its own rules."""
    right = {sku: PIECES - sold[sku] for sku in world.skus}
    for seat in world.seats:
        shown = world.shown(seat)
        result.expect(f"what {seat.name} shows", {sku: shown[sku] for sku in right}, right)
        state = world.outside(seat).state(seat.there)
        refused = sum(state.get("refused_by_limit", state.get("refused_by_frequency", {})).values())
        result.expect(f"{seat.name}: calls refused as too many", refused, 0)
        result.expect(f"{seat.name}: oversold", state["oversold"], 0)
        if seat.rule in ONE_FILE_A_MINUTE:
            files = [row["at"] for row in state["writes"] if row["path"].endswith("/stock/imports")]
            result.remarks.append(f"{seat.name}: {len(files)} files in all, none refused.")


def main() -> int:
    """Measure what the command line says; returns 1 when a result was wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lane", description=__doc__)
    parser.add_argument("--store", action="append", choices=(SQLITE, POSTGRES))
    parser.add_argument("--spell", action="append", metavar="UPDATES_PER_HOUR:SECONDS")
    arguments = parser.parse_args()
    spells = [Spell(*map(int, one.split(":"))) for one in arguments.spell or ()]
    sys.stdout.write(f"{clock.now():%Y-%m-%d}: {machine.describe()}.\n\n")
    wrong = 0
    for result in measure(spells or SPELLS, arguments.store or (SQLITE, POSTGRES), SEATS, real=True):
        sys.stdout.write(f"{as_text(result)}\n\n")
        sys.stdout.flush()
        wrong += len(result.wrong)
    return min(wrong, 1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    sys.exit(main())
