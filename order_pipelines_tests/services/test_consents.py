"""An idle consent is renewed before it ends; one in use, or of an account that only observes, is left alone."""

from order_pipelines.services.consents import keep_consents_alive
from order_pipelines.services.dispatch import dispatch_all
from order_pipelines.services.planning import plan_all
from order_pipelines_tests.services.shop_world import ShopWorld


def _book_one(world: ShopWorld) -> None:
    order_id = world.buy(("KEU-1001", 1), ago_h=3)
    world.act(order_id, "ship")
    world.sweep()
    plan_all(world.shop)
    assert dispatch_all(world.shop)["sales_entry"].confirmed == 1


def _token_requests(world: ShopWorld) -> int:
    return int(world.sandbox.exact_online.state("exact")["token_requests"])


def test_a_consent_survives_three_idle_months(sqlite_world: ShopWorld) -> None:
    """Thirty days without use end it at Exact; every night we look, and renew after a week."""
    world = sqlite_world
    _book_one(world)
    before = _token_requests(world)

    for _ in range(13):
        world.pass_time(days=7, hours=1)
        assert keep_consents_alive(world.shop) == {}

    assert _token_requests(world) == before + 13
    _book_one(world)


def test_a_consent_in_use_is_left_alone(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    _book_one(world)
    before = _token_requests(world)
    world.pass_time(days=1)

    assert keep_consents_alive(world.shop) == {}
    assert _token_requests(world) == before


def test_a_dead_consent_is_named_and_not_asked_again(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    _book_one(world)
    world.pass_time(days=40)
    first = keep_consents_alive(world.shop)
    assert list(first) == ["exact"]
    asked = _token_requests(world)

    assert list(keep_consents_alive(world.shop)) == ["exact"]
    assert _token_requests(world) == asked
