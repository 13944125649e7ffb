"""A refusal that one process met is known to the others on the same account, at the cost of a look a second."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.errors import TransientConnectorError
from order_pipelines.services.rate_blocks import SharedBudget
from order_pipelines.services.shop import Shop
from order_pipelines.services.stock_push import push_account, read_back, refresh_offers
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld


@pytest.fixture
def other(world: ShopWorld) -> Iterator[Shop]:
    """The same shop as another process opens it."""
    shop = Shop.open(world.shop.settings)
    yield shop
    shop.close()


def _calls(world: ShopWorld, account: str = MAIN) -> int:
    return int(sum(world.bol(account)["calls"].values()))


def test_a_second_process_does_not_send_into_a_refusal_that_is_known(world: ShopWorld, other: Shop) -> None:
    world.fault("429", seconds=3600, match="/retailer/offers", account=MAIN)
    assert refresh_offers(world.shop, MAIN).problem is not None
    calls = _calls(world)

    push = refresh_offers(other, MAIN)

    assert push.problem is not None
    assert "longer than this account may take" in push.problem
    assert _calls(world) == calls
    row = world.row("rate_blocks")
    assert (row.account, row.endpoint_group) == (MAIN, f"{MAIN} GET /offers")
    assert timedelta(seconds=3590) < row.blocked_until - clock.now() <= timedelta(seconds=3600)


def test_other_endpoints_and_other_accounts_go_on(world: ShopWorld, other: Shop) -> None:
    world.fault("429", seconds=3600, match="/retailer/offers", account=MAIN)
    refresh_offers(world.shop, MAIN)
    assert refresh_offers(other, OUTLET).problem is None
    from order_pipelines.services.intake import sweep_account

    assert sweep_account(other, MAIN).problem is None


def test_after_the_block_the_second_process_goes_on(world: ShopWorld, other: Shop) -> None:
    world.fault("429", seconds=3600, match="/retailer/offers", account=MAIN)
    refresh_offers(world.shop, MAIN)
    world.pass_time(minutes=61)
    assert refresh_offers(other, MAIN).problem is None


def _budget(world: ShopWorld, slept: list[float]) -> SharedBudget:
    def sleep(seconds: float) -> None:
        slept.append(seconds)
        world.pass_time(seconds)

    return SharedBudget(world.shop.store, MAIN, sleep=sleep)


def test_a_budget_used_up_by_one_is_waited_for_by_the_other(world: ShopWorld) -> None:
    slept: list[float] = []
    one, two = _budget(world, []), _budget(world, slept)
    one.learn("g", limit=25, remaining=0, reset_s=40)

    two.wait("other")
    assert slept == []
    two.wait("g")
    assert [round(seconds) for seconds in slept] == [40]
    two.wait("g")
    assert len(slept) == 1


def test_a_shorter_block_does_not_end_a_longer_one(world: ShopWorld) -> None:
    slept: list[float] = []
    one, two = _budget(world, []), _budget(world, slept)
    one.refuse("g", retry_after_s=50)
    two.refuse("g", retry_after_s=5)
    two.wait("g")
    assert round(sum(slept)) == 50
    assert timedelta(0) <= clock.now() - world.row("rate_blocks").blocked_until < timedelta(seconds=2)


def test_no_wait_passes_the_deadline(world: ShopWorld) -> None:
    slept: list[float] = []
    one, two = _budget(world, []), _budget(world, slept)
    one.refuse("g", retry_after_s=50)
    with pytest.raises(TransientConnectorError):
        two.wait("g", deadline=clock.now() + timedelta(seconds=10))
    assert slept == []


def test_a_thousand_calls_cost_the_store_next_to_nothing(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    budget = _budget(world, [])
    statements: list[str] = []

    def note(*given: Any) -> None:
        statements.append(given[2].split()[0].lower())

    sa.event.listen(world.shop.store.engine, "before_cursor_execute", note)
    with clock.frozen(clock.now()):
        for _ in range(1000):
            budget.wait("g")
            budget.learn("g", limit=25, remaining=7, reset_s=40)
    sa.event.remove(world.shop.store.engine, "before_cursor_execute", note)
    assert "insert" not in statements
    assert "update" not in statements
    assert statements.count("select") == 1


def test_a_store_that_does_not_answer_stops_no_call(
    sqlite_world: ShopWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = sqlite_world
    slept: list[float] = []
    budget = _budget(world, slept)

    def broken(*given: Any) -> Any:
        raise sa.exc.OperationalError("select", {}, Exception("gone"))

    monkeypatch.setattr(world.shop.store, "reading", broken)
    monkeypatch.setattr(world.shop.store, "small_transaction", broken)
    budget.refuse("g", retry_after_s=5)
    budget.wait("g")
    assert [round(seconds) for seconds in slept] == [5]


def test_a_push_of_two_processes_keeps_within_a_refusal(listed: ShopWorld) -> None:
    world = listed
    push_account(world.shop, MAIN)
    world.count("KEU-1004", 4)
    world.fault("429", seconds=600, method="PATCH")
    assert push_account(world.shop, MAIN).problem is not None
    refused = len(world.writes())
    world.count("KEU-1005", 5)
    other = Shop.open(world.shop.settings)
    push = push_account(other, MAIN)
    read_back(other, MAIN)
    other.close()
    assert push.problem is not None
    assert len(world.writes()) == refused


def test_a_clock_that_is_set_back_does_not_turn_a_refusal_into_a_year(world: ShopWorld, other: Shop) -> None:
    world.pass_time(days=365)
    world.fault("429", seconds=3600, match="/retailer/offers", account=MAIN)
    assert refresh_offers(world.shop, MAIN).problem is not None
    world.clear_faults()
    world.pass_time(days=-365)
    for shop in (world.shop, other):
        assert refresh_offers(shop, MAIN).problem is None
    world.fault("429", seconds=3600, match="/retailer/offers", account=MAIN)
    assert refresh_offers(world.shop, MAIN).problem is not None
    row = world.row("rate_blocks")
    assert timedelta(seconds=3590) < row.blocked_until - clock.now() <= timedelta(seconds=3600)
