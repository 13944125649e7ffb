"""A channel that does not answer for three hours while people go on buying: afterwards it is right, and told once."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from order_pipelines.sandbox.server import Sandbox
from order_pipelines.sandbox.standin import Fault
from order_pipelines_tests.live.lane_world import BLOKKER, CHANNELS, WEBSHOP, LaneWorld, opened_lane_world
from order_pipelines_tests.operations.memory_folder import memory_folder
from order_pipelines_tests.reliability.lane_rounds import LaneRounds
from order_pipelines_tests.services.shop_world import MAIN, OUTLET

pytestmark = [pytest.mark.endurance, pytest.mark.slow, pytest.mark.timeout(900)]

LIVE = "\n[live]\nread_back_offers = 2\nread_back_seconds = 600\n"
"""Polls each minute and a breaker that opens after five failures are what the settings say without a word."""
PAN, LID = "KEU-1001", "KEU-1002"
OPENING = {PAN: 42, LID: 65}
SYSTEM = {OUTLET: "bol", WEBSHOP: "shopware", BLOKKER: "mirakl"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(control_port=0, relaxed=True) as sandbox:
        yield sandbox


@pytest.fixture
def sqlite_url() -> Iterator[str]:
    """URL of an SQLite file in memory where the machine has such a place: hours of rounds commit often."""
    with memory_folder() as folder:
        yield f"sqlite:///{folder / 'operations.sqlite'}"


@pytest.fixture
def world(
    sandbox: Sandbox, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LaneWorld]:
    with opened_lane_world(sandbox, store_url, tmp_path, monkeypatch, LIVE) as opened:
        yield opened


def _told(world: LaneWorld, account: str) -> list[tuple[str, int]]:
    """Every number that the channel took, in order: article and pieces."""
    if account == WEBSHOP:
        skus = {row["offer_id"]: row["sku"] for row in world.sandbox.shopware.state(WEBSHOP)["offers"]}
        return [
            (skus[row["id"]], row["stock"])
            for write in world.sandbox.shopware.state(WEBSHOP)["writes"]
            if write["path"] == "/api/_action/sync" and write["status"] == 200
            for operation in write["body"]
            for row in operation["payload"]
        ]
    skus = {row["offer_id"]: row["sku"] for row in world.shop_world.bol(account)["offers"]}
    return [
        (skus[write["path"].rpartition("/")[2]], write["body"]["stock"]["amount"])
        for write in world.shop_world.writes(account)
        if write["method"] == "PATCH" and write["status"] == 204
    ]


def _for_sale(world: LaneWorld, account: str) -> dict[str, int]:
    """What shoppers can buy of the two articles."""
    if account == WEBSHOP:
        rows = world.sandbox.shopware.state(WEBSHOP)["offers"]
        return {row["sku"]: row["available_stock"] for row in rows if row["sku"] in OPENING}
    return {sku: world.shop_world.bol_offer(sku, account)["corrected_stock"] for sku in OPENING}


@pytest.mark.parametrize("dead", [OUTLET, WEBSHOP])
def test_three_hours_without_a_channel_are_made_good_in_a_quarter_of_an_hour(
    world: LaneWorld, dead: str
) -> None:
    others = [name for name in (MAIN, OUTLET, WEBSHOP) if name != dead]
    lane = LaneRounds(world)
    lane.go_on(5)
    for name in (MAIN, OUTLET, WEBSHOP):
        assert _for_sale(world, name) == OPENING
    told_before = len(_told(world, dead))

    standin = world.sandbox.shopware if dead == WEBSHOP else world.sandbox.bol
    standin.faults.add(Fault("503", count=None, rate=1.0, account=dead))
    # Eighteen sales in three hours: seventeen pans, of which four over the channel that does not answer, and after the
    # first ten minutes one lid, whose number does not change again.
    for turn in range(18):
        account = dead if turn in {3, 6, 9, 12} else others[turn % 2]
        world.sell(1, LID if turn == 1 else PAN, account)
        lane.go_on(10)
    assert len(_told(world, dead)) == told_before
    assert Counter(row.account for row in world.rows("orders"))[dead] == 0
    # The others know of fourteen sales: four pans are sold where nobody can ask.
    for name in others:
        assert _for_sale(world, name) == {PAN: 29, LID: 64}

    standin.faults.clear()
    lane.go_on(15)
    for name in (MAIN, OUTLET, WEBSHOP):
        assert _for_sale(world, name) == {PAN: 25, LID: 64}
    assert Counter(row.account for row in world.rows("orders"))[dead] == 4
    assert len(world.rows("orders")) == 18
    assert world.shop_world.demand(PAN) == 17
    assert world.shop_world.demand(LID) == 1
    told = _told(world, dead)[told_before:]
    # The lid once. The pan once, or twice where its own orders were read only after the first number had gone out.
    assert [pieces for sku, pieces in told if sku == LID] == [64]
    assert [pieces for sku, pieces in told if sku == PAN] in ([25], [29, 25])
    assert {sku for sku, _ in told} == {PAN, LID}
    lane.go_on(60)
    assert _told(world, dead)[told_before:] == told
    assert all(row.confirmed_version == row.desired_version for row in world.rows("channel_stock"))
    assert {row.account for row in world.rows("channel_stock")} == set(CHANNELS)
    world.shop_world.assert_ledger_adds_up()
