"""429 in the middle of a listing: a short wait is waited for, a long one ends the sweep, and no order is missed."""

import pytest

from order_pipelines.connectors.http import MemoryBudget
from order_pipelines.services.stock_push import refresh_offers
from order_pipelines_tests.services.shop_world import MAIN, ShopWorld

_ORDERS = 120
_PAGE_TWO = "fulfilment-method=ALL&status=OPEN&page=2"


@pytest.fixture
def busy(sqlite_world: ShopWorld) -> ShopWorld:
    """A shop with three pages of open orders, whose waiting moves the clock."""
    world = sqlite_world

    def sleep(seconds: float) -> None:
        world.slept.append(seconds)
        world.pass_time(seconds)

    world.shop._budgets[MAIN] = MemoryBudget(sleep=sleep)
    return world


def _known(world: ShopWorld) -> set[str]:
    return {row.external_order_id for row in world.rows("orders", account=MAIN)}


def _bought(world: ShopWorld) -> set[str]:
    return {world.buy(ago_h=2) for _ in range(_ORDERS)}


def test_a_short_wait_is_waited_for_and_the_listing_goes_on(busy: ShopWorld) -> None:
    world = busy
    bought = _bought(world)
    world.fault("429", match=_PAGE_TWO, seconds=20)

    sweep = world.sweep()

    assert (sweep.problem, sweep.fetched) == (None, _ORDERS)
    assert _known(world) == bought
    assert [round(seconds) for seconds in world.slept] == [20]
    assert world.row("cursors", account=MAIN).complete_at is not None


def test_waits_of_one_page_add_up_to_a_minute_and_no_more(busy: ShopWorld) -> None:
    world = busy
    _bought(world)
    world.fault("429", match=_PAGE_TWO, seconds=25, count=9)

    sweep = world.sweep()

    assert sweep.problem is not None
    assert "429" in sweep.problem
    assert [round(seconds) for seconds in world.slept] == [25, 25]


def test_a_long_wait_ends_the_sweep_with_its_progress_and_the_next_one_misses_nothing(
    busy: ShopWorld,
) -> None:
    """What was listed before the refusal is read at once; the cursor stays, so that the next listing begins anew."""
    world = busy
    bought = _bought(world)
    world.fault("429", match=_PAGE_TWO, seconds=3600)

    sweep = world.sweep()

    assert sweep.problem is not None
    assert "429" in sweep.problem
    assert world.slept == []
    assert (sweep.listed, sweep.fetched) == (50, 50)
    first = _known(world)
    assert len(first) == 50
    assert first < bought
    assert world.row("cursors", account=MAIN).complete_at is None
    calls = world.bol()["calls"]["GET /retailer/orders/{}"]

    late = world.buy()
    world.pass_time(minutes=61)
    again = world.sweep()

    assert (again.problem, _known(world)) == (None, bought | {late})
    after = world.bol()["calls"]["GET /retailer/orders/{}"]
    assert after - calls == _ORDERS - 50 + 1


@pytest.mark.parametrize("kind", ["500", "404"])
def test_what_was_listed_before_a_breakdown_of_the_listing_is_kept_and_read(
    busy: ShopWorld, kind: str
) -> None:
    world = busy
    bought = _bought(world)
    world.fault(kind, match=_PAGE_TWO)

    sweep = world.sweep()

    assert sweep.problem is not None
    assert len(_known(world)) == 50
    assert world.sweep().problem is None
    assert _known(world) == bought


def test_a_listing_of_offers_waits_too(busy: ShopWorld) -> None:
    world = busy
    world.fault("429", match="/retailer/offers?", seconds=20)
    push = refresh_offers(world.shop, MAIN)
    assert push.problem is None
    assert push.offers > 40
    assert [round(seconds) for seconds in world.slept] == [20]


def test_no_wait_passes_the_time_of_the_account(busy: ShopWorld) -> None:
    world = busy
    cadence = world.shop.settings.cadence.model_copy(update={"account_deadline_s": 10, "deep_deadline_s": 10})
    world.shop.settings = world.shop.settings.model_copy(update={"cadence": cadence})
    world.buy()
    world.fault("429", match="/retailer/orders?", seconds=20)

    sweep = world.sweep()

    assert sweep.problem is not None
    assert "answered 429" in sweep.problem
    assert world.slept == []
