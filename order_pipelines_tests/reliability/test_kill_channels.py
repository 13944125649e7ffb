"""Killed at every call to a Mirakl operator or a Shopware shop, and at every commit around one: all is there once."""

from collections import Counter
from collections.abc import Iterator

import pytest

from order_pipelines_tests.postgres import TestPostgres
from order_pipelines_tests.reliability.kill_channels import ChannelLives, Life, channel_lives
from order_pipelines_tests.reliability.kill_world import Target

pytestmark = [pytest.mark.endurance, pytest.mark.slow, pytest.mark.timeout(1800)]

_KILLS_A_LIFE = 12
_COMMITS = (
    "dispatch.",
    "stock_push.",
    "stock_batches.",
    "stock_writes.",
    "planning.",
    "parcels.",
    "accepting.",
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def lives(request: pytest.FixtureRequest) -> Iterator[ChannelLives]:
    postgres: TestPostgres | None = None
    if request.param == "postgresql":
        postgres = request.getfixturevalue("postgres_server")
    with channel_lives(postgres) as found:
        yield found


@pytest.fixture(scope="module")
def undisturbed(lives: ChannelLives) -> Life:
    return lives.live([None])


def test_the_undisturbed_life_comes_to_what_was_typed(undisturbed: Life) -> None:
    """Without this, a kill that breaks the same things as no kill at all would pass."""
    assert undisturbed.end == {
        "blokker orders": [
            "in parcels SHIPPED  [('SHIPPED', 2, 0)]",
            "to accept SHIPPING  [('SHIPPING', 1, 0)]",
            "to cancel CANCELED  [('CANCELED', 1, 1)]",
        ],
        "blokker parcels": ["in parcels SHIPPED 3SONE1 [1]", "in parcels SHIPPED 3SONE2 [1]"],
        "blokker stock": ["KEU-1001 34", "KEU-1002 17"],
        "blokker acts": ["accept 1", "cancel 1", "shipments 2"],
        "mirakl_two orders": ["whole SHIPPED PNL 3STWO2 [('SHIPPED', 2, 0)]"],
        "mirakl_two parcels": [],
        "mirakl_two stock": ["KEU-1001 34"],
        "mirakl_two acts": ["ship 1"],
        "shop orders": [
            "shop in part in_progress [('shipped_partially', ['3SWEB1'])] ['paid']",
            "shop to cancel cancelled [('cancelled', [])] ['cancelled']",
            "shop whole completed [('shipped', ['3SWEB2'])] ['paid']",
        ],
        "shop stock": ["KEU-1001 34", "KEU-1002 17"],
        "shop mails": [],
        "effects": [
            "channel_acceptance shop in part confirmed",
            "channel_acceptance shop to cancel confirmed",
            "channel_acceptance shop whole confirmed",
            "channel_acceptance to accept confirmed",
            "channel_cancellation shop to cancel confirmed",
            "channel_cancellation to cancel confirmed",
            "channel_shipment in parcels confirmed",
            "channel_shipment in parcels confirmed",
            "channel_shipment shop in part confirmed",
            "channel_shipment shop whole confirmed",
            "channel_shipment whole aborted",
            "channel_shipment whole aborted",
            "channel_shipment whole confirmed",
        ],
        "stock not confirmed": [],
        # On hand without the six that left, and two that are sold and have not.
        "demand": ["KEU-1001 2 (36, 2)", "KEU-1002 0 (17, 0)"],
    }


def test_a_process_killed_at_any_call_to_these_channels_is_made_good_by_the_next(
    lives: ChannelLives, undisturbed: Life
) -> None:
    targets = _targets(undisturbed)
    assert len(targets) >= 60
    left = dict.fromkeys(targets)
    wrong: list[str] = []
    count = -(-len(targets) // _KILLS_A_LIFE)
    chains: list[list[Target]] = [targets[start::count] for start in range(count)]
    while chains:
        chain = chains.pop()
        life = lives.live(chain)
        for name, rows in life.end.items():
            if rows != undisturbed.end[name]:
                wrong.append(f"killed at {life.killed}: {name} is {rows}, said: {life.said[-1]}")
        for target in life.killed:
            left.pop(target, None)
        if not life.killed:
            wrong.append(f"{chain} was not passed: {life.said[1]}")
            break
        if not chains:
            # What earlier kills of its life left nothing to do for is the first of a life of its own.
            chains = [[target] for target in left]
            left.clear()
    assert wrong == []


def _targets(life: Life) -> list[Target]:
    """Return the first and the last passing of every write outside, and of every commit about one, in their order."""
    passed: Counter[str] = Counter()
    numbered: list[Target] = []
    for name in life.points[0]:
        passed[name] += 1
        numbered.append((name, passed[name]))
    return [
        (name, nth)
        for name, nth in numbered
        if nth in {1, passed[name]} and (_goes_out(name) or _is_kept(name))
    ]


def _goes_out(name: str) -> bool:
    return any(f" {method} /" in name for method in ("POST", "PUT", "PATCH")) and "/api/search/" not in name


def _is_kept(name: str) -> bool:
    return " commit: " in name and any(part in name for part in _COMMITS)
