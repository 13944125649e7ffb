"""Brakes while the lane runs: a stop takes hold within a round, and what was sold goes out past a number that waits."""

from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from order_pipelines.cli import cli
from order_pipelines.services.account_stops import let_account_go, stop_account
from order_pipelines.services.stock_push import release_stock
from order_pipelines_tests.live.lane_process import started
from order_pipelines_tests.live.lane_world import BLOKKER, WEBSHOP, LaneWorld, until
from order_pipelines_tests.services.shop_world import MAIN, OUTLET

pytestmark = pytest.mark.endurance


def _amounts(world: LaneWorld, account: str = MAIN, sku: str = "KEU-1001") -> list[int]:
    """Every number that bol was told of an article, in order."""
    offer_id = world.shop_world.bol_offer(sku, account)["offer_id"]
    return [
        write["body"]["stock"]["amount"]
        for write in world.shop_world.writes(account)
        if write["method"] == "PATCH" and write["path"].endswith(offer_id) and write["status"] == 204
    ]


def _shows(world: LaneWorld, account: str, pieces: int) -> bool:
    return world.shown()[account] == pieces


def _strict(world: LaneWorld, account: str) -> None:
    """Let the brake of an account hold every fall that is not sold, be it of one offer."""
    settings = world.shop.settings
    stock = settings.accounts[account].stock.model_copy(
        update={"min_offers_for_brake": 1, "max_drop_share": Decimal(0), "max_share_to_zero": Decimal(0)}
    )
    accounts = {
        **settings.accounts,
        account: settings.accounts[account].model_copy(update={"stock": stock}),
    }
    world.shop.settings = settings.model_copy(update={"accounts": accounts})


def _row(world: LaneWorld, account: str, sku: str = "KEU-1001") -> Any:
    (row,) = world.rows("channel_stock", account=account, sku=sku)
    return row


def test_a_stop_holds_a_running_lane_and_its_end_sends_the_newest_number_once(world: LaneWorld) -> None:
    with world.running() as running:
        before = len(_amounts(world))
        stop_account(world.shop.store, MAIN, "sending", "prices are being repaired")
        for pieces in (30, 20, 10):
            world.shop_world.count("KEU-1001", pieces, ago_h=0)
            until(partial(_shows, world, OUTLET, pieces), f"{pieces} at the outlet")
        until(lambda: running.lane.lanes[MAIN].writing.state == "closed", "no breaker because of a person")
        health = running.health()[1]["accounts"]
        assert sorted(health[MAIN]["stopped"]) == ["effects", "stock"]
        assert health[OUTLET]["stopped"] == {}
        assert "prices" not in str(health)
        assert health[MAIN]["backlog"]["quantities"] == 1
        # Its orders are read all the same: what is bought there lowers the others.
        world.sell(1, account=MAIN)
        until(lambda: world.shown()[OUTLET] == 9, "9 at the outlet")
        assert len(_amounts(world)) == before
        let_account_go(world.shop.store, MAIN, "all")
        until(lambda: world.shown()[MAIN] == 9, "9 at bol")
        until(world.is_settled_of(MAIN), "everything confirmed")
    assert _amounts(world)[before:] == [9]


def test_a_stop_typed_elsewhere_holds_a_lane_of_another_process(
    sqlite_world: LaneWorld, tmp_path: Path
) -> None:
    def typed(*words: str) -> str:
        settings = str(sqlite_world.shop_world.path)
        return CliRunner().invoke(cli, ["--settings", settings, *words], catch_exceptions=False).output

    with started(sqlite_world, tmp_path) as live:
        until(lambda: live.serves(MAIN), "the lane serves bol")
        until(sqlite_world.is_settled, "the opening stock at every channel")
        before = len(_amounts(sqlite_world))
        said = typed("account", "stop", MAIN, "--reason", "a check of prices", "--by", "TICKET-3")
        assert said == "bol_main: stopped (stock, effects); 'order-pipelines account go bol_main' ends it\n"
        sqlite_world.shop_world.count("KEU-1001", 15, ago_h=0)
        until(lambda: sqlite_world.shown()[OUTLET] == 15, "15 at the outlet")
        assert len(_amounts(sqlite_world)) == before
        assert "a check of prices" in typed("account", "list")
        assert typed("account", "go", MAIN) == "bol_main: goes on (stock, effects)\n"
        until(lambda: sqlite_world.shown()[MAIN] == 15, "15 at bol")
        assert live.end() == 0
    assert _amounts(sqlite_world)[before:] == [15]
    assert "bol_main was stopped by a person" in live.said


def test_what_is_sold_passes_a_number_that_waits_at_a_channel_that_confirms_later(world: LaneWorld) -> None:
    """Mirakl takes a file a minute and says later what became of it. A count of 5 waits there; two pieces are sold."""
    _strict(world, BLOKKER)
    with world.running():
        world.shop_world.pass_time(seconds=61)
        until(lambda: world.shown()[BLOKKER] == 42, "42 at the operator")
        until(world.is_settled_of(BLOKKER), "that this is confirmed")
        world.shop_world.count("KEU-1001", 5, ago_h=0)
        until(lambda: world.shown()[WEBSHOP] == 5, "5 in the shop")
        until(lambda: _row(world, BLOKKER).state == "on_hold", "the brake of the operator")
        world.shop_world.pass_time(seconds=61)
        assert world.shown()[BLOKKER] == 42

        world.sell(2)
        until(lambda: world.shown()[MAIN] == 3, "3 at bol")
        world.shop_world.pass_time(seconds=61)
        until(lambda: world.shown()[BLOKKER] == 40, "40 at the operator: what sales leave")
        until(lambda: _row(world, BLOKKER).confirmed_quantity == 40, "that this is confirmed")
        row = _row(world, BLOKKER)
        assert (row.state, row.desired_quantity) == ("on_hold", 3)

        assert release_stock(world.shop, BLOKKER) == 1
        world.shop_world.pass_time(seconds=61)
        until(lambda: world.shown()[BLOKKER] == 3, "3 at the operator")
        until(world.is_settled_of(BLOKKER), "everything confirmed")


def test_the_last_piece_sold_waits_for_nobody_in_the_lane(world: LaneWorld) -> None:
    _strict(world, OUTLET)
    with world.running():
        before = len(_amounts(world, OUTLET))
        world.sell(42)
        until(lambda: world.shown()[OUTLET] == 0, "none at the outlet")
        until(world.is_settled_of(OUTLET), "everything confirmed")
    assert _amounts(world, OUTLET)[before:] == [0]
    held = world.rows("channel_stock_events", account=OUTLET, sku="KEU-1001", kind="held")
    assert [row.quantity for row in held if row.quantity == 0] == []
