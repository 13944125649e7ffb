"""The process is killed at every point that matters, and started again: nothing is lost and nothing happens twice.

A life of the small merchant of ``kill_world`` is: a first round of all commands, then more orders, files and a mended
product master, and a second round. What the same world comes to without a kill is stated below in typed figures; after
each kill, stores, files, both bol accounts and the books must be the same.

``make test`` kills at each distinct point on both pairs of stores, at its first passing, and at the last one too where
something goes out: some twenty kills a life, each as far as the last one came and further, because a life costs
seconds. More by the variable
``ORDER_PIPELINES_KILL``, read when this module is imported:

    ORDER_PIPELINES_KILL=all      every numbered point, many kills a life (minutes)
    ORDER_PIPELINES_KILL=alone    every numbered point in a life of its own (an hour)
    ORDER_PIPELINES_KILL=TEXT     the points whose name holds TEXT, each in a life of its own
"""

import json
import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from order_pipelines_tests.postgres import TestPostgres
from order_pipelines_tests.reliability.kill_state import State, read_state, stock_repeats
from order_pipelines_tests.reliability.kill_world import (
    MAIN,
    OUTLET,
    Attempt,
    KillWorld,
    Target,
    kill_world,
)

_WANTED = os.environ.get("ORDER_PIPELINES_KILL", "")
_ROUNDS = 2
# What many kills in a row have left nothing to do for is dealt once more, fewer a life, and at last alone.
_KILLS_A_LIFE = (20, 3)
_PAIRS = 20 if _WANTED else 2
_GOES_OUT = (" POST /", " PUT /", " PATCH /", ": dispatch.", ": stock_push.")
_SEED = 20261118
# Exact's refresh token works once: killed between its use and the commit of the next one, only a person can help.
_ENDS_THE_CONSENT = (
    "after POST /api/*/token: exact_online.tokens.TokenDesk.ask < exact_online.tokens.TokenKeeper._renew",
    "before commit: tokens._StoredSlot.write < exact_online.tokens.TokenKeeper._renew",
)

pytestmark = [pytest.mark.endurance, pytest.mark.slow, pytest.mark.timeout(7200 if _WANTED else 1800)]


class Lives:
    """The undisturbed life of a pair of stores, and what others are held against."""

    def __init__(self, world: KillWorld) -> None:
        self.world = world
        attempt = world.live([None] * _ROUNDS)
        self.points = [_numbered(points) for points in attempt.points[:_ROUNDS]]
        self.state = read_state(world, attempt)
        self.repeats = stock_repeats(world)
        world.end(attempt)

    def die_at(self, targets: Sequence[Target | None]) -> tuple[Attempt, list[str]]:
        """Live with kills; return what came of it and what is wrong with it, each told with the kills."""
        attempt = self.world.live(targets)
        wrong = read_state(self.world, attempt).differences(self.state)
        if attempt.consents != sum(name in _ENDS_THE_CONSENT for name, _ in attempt.killed):
            wrong.append(f"a person had to consent {attempt.consents} times")
        # A stock number is absolute: one whose answer was lost is sent again, and that is all that may come twice.
        if stock_repeats(self.world) - self.repeats > len(attempt.killed):
            wrong.append(f"{stock_repeats(self.world)} stock numbers were sent again")
        self.world.end(attempt)
        told = " | ".join(f"{name} (passing {nth})" for name, nth in attempt.killed)
        if wrong:
            wrong.append(f"the last round said: {attempt.said[-1]}")
        return attempt, [f"killed at {told}: {each}" for each in wrong]


@pytest.fixture(scope="module", params=["sqlite and duckdb", "postgresql"])
def lives(request: pytest.FixtureRequest) -> Iterator[Lives]:
    """A world for each pair of stores, its undisturbed life lived."""
    postgres: TestPostgres | None = None
    if request.param == "postgresql":
        postgres = request.getfixturevalue("postgres_server")
    with kill_world(postgres) as world:
        yield Lives(world)


def test_the_undisturbed_life_comes_to_what_was_typed(lives: Lives) -> None:
    """Without this, a kill that breaks the same things as no kill at all would pass."""
    parts = lives.state.parts
    assert [(entry["your_ref"], entry["amount_fc"]) for entry in _entries(lives.state)] == [
        ("B2B-GH-1", "111.84"),
        ("BOL-1043000002", "23.99"),
        ("BOL-1043000011", "39.95"),
        ("BOL-1043000012", "49.95"),
        ("BOL-1043000013", "49.90"),
        ("BOLO-1087000011", "14.95"),
    ]
    assert len(parts["books writes"]) == 6
    assert [row.split(" ")[:2] for row in parts[f"bol {MAIN} shipments"]] == [
        ["1043000002", "FBB"],
        ["1043000011", "FBR"],
        ["1043000012", "FBR"],
        ["1043000013", "FBR"],
    ]
    assert [row.split(" ")[:2] for row in parts[f"bol {OUTLET} shipments"]] == [["1087000011", "FBR"]]
    writes = [
        row.split(" ")[:2] for account in (MAIN, OUTLET) for row in parts[f"bol {account} writes that count"]
    ]
    assert writes == [["POST", "/retailer/shipments"]] * 3 + [["PUT", "/retailer/orders/cancellation"]] + [
        ["POST", "/retailer/shipments"]
    ]
    assert parts[f"bol {MAIN} offers"] == [
        "KEU-1001 36 for sale, FBR",
        "KEU-1003 8 for sale, FBR",
        "KEU-1010 72 for sale, FBR",
        "THE-2004 31 for sale, FBB",
        "VOE-3001 155 for sale, FBR",
    ]
    assert parts[f"bol {OUTLET} offers"] == ["KEU-1001 37 for sale, FBR", "VOE-3001 155 for sale, FBR"]
    for nothing in (
        "bodies nobody read",
        "stock not confirmed",
        "accounts that could not be read",
        "fetch_backlog",
    ):
        assert parts[f"operations {nothing}"] == []


def test_a_process_killed_at_any_point_is_made_good_by_the_next(lives: Lives) -> None:
    targets = _targets(lives)
    wrong: list[str] = []
    left = dict(targets)
    for kills in _KILLS_A_LIFE if _is_in_one_life() else ():
        for chain in _chains(list(left), kills):
            attempt, found = lives.die_at(chain)
            wrong += found
            for target in attempt.killed:
                left.pop(target, None)
    for target, number in left.items():
        attempt, found = lives.die_at([*[None] * number, target])
        wrong += found
        if attempt.killed != [target]:
            wrong.append(f"{target} was not passed in round {number}: {attempt.said[number]}")
    assert wrong == []


def test_a_process_killed_twice_in_a_row_is_made_good_too(lives: Lives) -> None:
    chance = random.Random(_SEED)
    first, second = (list(points) for points in lives.points)
    wrong: list[str] = []
    for _ in range(_PAIRS):
        wrong += lives.die_at([chance.choice(first), chance.choice(second)])[1]
    assert wrong == []


def _entries(state: State) -> list[dict[str, str]]:
    return sorted(
        (json.loads(row) for row in state.parts["books entries"]), key=lambda entry: str(entry["your_ref"])
    )


def _numbered(points: Sequence[str]) -> list[Target]:
    passed: Counter[str] = Counter()
    numbered = []
    for name in points:
        passed[name] += 1
        numbered.append((name, passed[name]))
    return numbered


def _is_in_one_life() -> bool:
    return _WANTED in {"", "all"}


def _targets(lives: Lives) -> dict[Target, int]:
    """Return where to die, in the order of passing, with the number of the round that surely passes it."""
    rounds: dict[Target, int] = {}
    for number, points in enumerate(lives.points):
        for target in points:
            rounds.setdefault(target, number)
    if _WANTED in {"all", "alone"}:
        return rounds
    if _WANTED:
        return {target: number for target, number in rounds.items() if _WANTED in target[0]}
    last: dict[str, int] = {}
    for name, nth in rounds:
        last[name] = max(nth, last.get(name, 0)) if any(part in name for part in _GOES_OUT) else 1
    return {(name, nth): number for (name, nth), number in rounds.items() if nth in {1, last[name]}}


def _chains(targets: list[Target], kills: int) -> list[list[Target]]:
    """Deal the points to lives so that each kill of a life comes later in the round than the one before."""
    count = -(-len(targets) // kills)
    return [targets[start::count] for start in range(count)]
