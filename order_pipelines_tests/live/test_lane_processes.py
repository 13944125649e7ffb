"""Instances as processes: asked to end, killed at random moments, two at once. Nothing is lost, nothing done twice."""

import random
import signal
import socket
import time
from collections import Counter
from pathlib import Path

import pytest

from order_pipelines_tests.live.lane_process import started
from order_pipelines_tests.live.lane_world import FAST, SHOP_SECRET, WEBSHOP, LaneWorld, until
from order_pipelines_tests.services.shop_world import MAIN, OUTLET

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def _are_told(world: LaneWorld, pieces: int) -> bool:
    shown = world.shown()
    return all(shown[account] == pieces for account in FAST)


def _without_mirakl(world: LaneWorld) -> None:
    """Mirakl takes one file a minute: it is not waited for here, and everything else goes on beside it."""
    text = world.shop_world.path.read_text(encoding="utf-8")
    text = text.replace(
        '[accounts.blokker]\nsystem = "mirakl"', '[accounts.blokker]\nenabled = false\nsystem = "mirakl"'
    )
    world.shop_world.path.write_text(text, encoding="utf-8")


def assert_nothing_lost_or_doubled(world: LaneWorld, orders: dict[str, str]) -> None:
    """Every order of the outside is here once with its pieces, and every channel shows what is left."""
    here = Counter(row.external_order_id for row in world.rows("orders"))
    assert here == Counter(dict.fromkeys(orders, 1))
    assert world.shop_world.demand("KEU-1001") == len(orders)
    world.shop_world.assert_ledger_adds_up()
    assert {row.state for row in world.rows("webhook_deliveries")} <= {"done"}
    left = 42 - len(orders)
    assert _are_told(world, left)
    for account in (MAIN, OUTLET):
        offer_id = world.shop_world.bol_offer("KEU-1001", account)["offer_id"]
        told = [
            write["body"]["stock"]["amount"]
            for write in world.shop_world.writes(account)
            if write["method"] == "PATCH" and write["path"].endswith(offer_id)
        ]
        # No number ever rises: nobody told an older one after a newer one.
        assert told == sorted(told, reverse=True)
        assert told[-1] == left


def test_asked_to_end_it_finishes_gives_its_leases_back_and_exits_0(world: LaneWorld, tmp_path: Path) -> None:
    _without_mirakl(world)
    with started(world, tmp_path) as live:
        world.register(live.url)
        until(lambda: live.serves(*FAST), "it serves all")
        world.sell(1)
        until(lambda: world.shop_world.demand("KEU-1001") == 1, "the sale is booked")
        began = time.monotonic()
        assert live.end() == 0
        assert time.monotonic() - began < 60, "ten seconds, on a machine that is not busy"
        assert live.said.rstrip().endswith("stopped")
    held = [row for row in world.rows("leases") if row.expires_at.year > 2000]
    assert [row.name for row in held] == []
    assert SHOP_SECRET not in live.said
    minutes = world.rows("lane_minutes")
    assert {row.asset for row in minutes} >= {"intake/shopware__orders", "publish/bol__stock"}


@pytest.mark.endurance
def test_a_hanging_channel_does_not_keep_it_from_ending(world: LaneWorld, tmp_path: Path) -> None:
    from order_pipelines.sandbox.standin import Fault

    _without_mirakl(world)
    with started(world, tmp_path) as live:
        until(lambda: live.serves(*FAST), "it serves all")
        world.sandbox.bol.faults.add(Fault("hang", count=None, account=MAIN))
        world.sell(1, account=OUTLET)
        until(lambda: world.shown()[WEBSHOP] == 41, "the sale is told to the shop")
        try:
            assert live.end(signal.SIGINT) == 0
        finally:
            world.sandbox.bol.faults.clear()
    assert "Traceback" not in live.said


@pytest.mark.endurance
def test_a_second_instance_idles_and_takes_over_from_a_killed_one(world: LaneWorld, tmp_path: Path) -> None:
    _without_mirakl(world)
    with started(world, tmp_path, "first") as first:
        until(lambda: first.serves(*FAST), "the first serves all")
        with started(world, tmp_path, "second") as second:
            world.register(second.url)
            world.sell(1)
            until(lambda: _are_told(world, 41), "41 everywhere, by the first")
            assert not any(second.serves(account) for account in FAST)
            first.kill()
            # Its leases last three seconds; a sale comes meanwhile, pushed to the one that is left.
            world.sell(1)
            until(lambda: second.serves(*FAST), "the second serves all")
            until(lambda: _are_told(world, 40), "40 everywhere, by the second")
            until(lambda: {row.state for row in world.rows("webhook_deliveries")} == {"done"}, "all done")
            assert second.end() == 0
    assert world.shop_world.demand("KEU-1001") == 2
    assert len(world.rows("orders")) == 2


def _live_through_kills(world: LaneWorld, folder: Path, kills: int, seed: int) -> None:
    _without_mirakl(world)
    choice = random.Random(seed)
    port = _free_port()
    world.register(f"http://127.0.0.1:{port}")
    orders: dict[str, str] = {}
    for number in range(kills):
        with started(world, folder, f"live-{number}", port) as live:
            assert live.url
            for _ in range(3):
                account = choice.choice(FAST)
                orders[world.sell(1, account=account)] = account
                time.sleep(choice.uniform(0.0, 0.4))
            time.sleep(choice.uniform(0.0, 1.5))
            live.kill()
    with started(world, folder, "last", port) as live:
        assert live.url
        until(lambda: _are_told(world, 42 - len(orders)), f"{42 - len(orders)} everywhere")
        until(lambda: {row.state for row in world.rows("webhook_deliveries")} <= {"done"}, "all pushes done")
        assert live.end() == 0
    assert_nothing_lost_or_doubled(world, orders)


@pytest.mark.endurance
def test_killed_at_random_moments_it_loses_and_doubles_nothing(world: LaneWorld, tmp_path: Path) -> None:
    _live_through_kills(world, tmp_path, 2, 20261122)


@pytest.mark.endurance
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_often_it_loses_and_doubles_nothing(world: LaneWorld, tmp_path: Path, seed: int) -> None:
    _live_through_kills(world, tmp_path, 6, seed)


def test_a_taken_port_is_one_line(world: LaneWorld, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with started(world, tmp_path, port=port) as live:
            assert live.process.wait(100) == 1
    assert live.said.startswith(f"Error: live.port: {port} of 127.0.0.1 cannot be opened")
    assert world.rows("leases") == []
