"""What the lane asks of a push: rounds of so many calls, whole files, and files when they are permitted."""

from datetime import timedelta

import pytest

from order_pipelines import clock
from order_pipelines.live.budgets import ImpatientBudget
from order_pipelines.services.rate_blocks import SharedBudget
from order_pipelines.services.shop import Shop
from order_pipelines.services.stock_push import push_account, refresh_offers
from order_pipelines_tests.live.lane_world import BLOKKER, WEBSHOP, LaneWorld
from order_pipelines_tests.services.shop_world import MAIN, OUTLET


@pytest.fixture
def listed(sqlite_world: LaneWorld) -> LaneWorld:
    for account in (MAIN, OUTLET, BLOKKER, WEBSHOP):
        assert sqlite_world.shop_world.sweep(account).problem is None
        assert refresh_offers(sqlite_world.shop, account).problem is None
    return sqlite_world


def _impatient(world: LaneWorld) -> Shop:
    shop = world.shop
    budgets = {BLOKKER: ImpatientBudget(SharedBudget(shop.store, BLOKKER))}
    return Shop(shop.settings, shop.store, shop.tokens, 5.0, dict(budgets))


def test_single_calls_end_after_so_many_and_a_file_takes_all(listed: LaneWorld) -> None:
    first = push_account(listed.shop, MAIN, most=1)
    assert (first.due, first.left, first.confirmed + first.accepted) == (2, 1, 1)
    second = push_account(listed.shop, WEBSHOP, most=1)
    assert (second.due, second.left, second.confirmed) == (62, 0, 62)


def test_what_waits_for_the_next_file_goes_in_it_with_the_newest_numbers(listed: LaneWorld) -> None:
    """Mirakl takes one file a minute: two articles change in that minute, one of them twice."""
    shop = _impatient(listed)
    assert push_account(shop, BLOKKER).problem is None
    listed.shop_world.pass_time(seconds=20)
    assert push_account(shop, BLOKKER).problem is None
    for sku, pieces in (("KEU-1001", 9), ("KEU-1002", 8), ("KEU-1001", 5)):
        listed.shop_world.pass_time(seconds=5)
        listed.shop_world.count(sku, pieces, ago_h=0)
        push = push_account(shop, BLOKKER)
        assert push.is_cut_short
        assert push.retry_after_s is not None
    waiting = listed.rows("channel_stock", account=BLOKKER, state="pending")
    assert sorted((row.sku, row.desired_quantity, row.attempts) for row in waiting) == [
        ("KEU-1001", 5, 0),
        ("KEU-1002", 8, 0),
    ]
    ends = [row.not_before for row in waiting]
    assert max(ends) - min(ends) < timedelta(seconds=1)
    # At the first moment at which one of them is due, both go.
    listed.shop_world.pass_time(seconds=(min(ends) - clock.now()).total_seconds())
    listed.shop_world.pass_time(seconds=1)
    sent = push_account(shop, BLOKKER)
    assert (sent.due, sent.accepted + sent.confirmed, sent.is_cut_short) == (2, 2, False)
    files = [w for w in listed.sandbox.mirakl.state(BLOKKER)["writes"] if "imports" in w["path"]]
    assert len(files) == 2
