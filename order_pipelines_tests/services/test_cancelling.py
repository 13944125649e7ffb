"""Cancelling at the channel on a person's word, once, and confirmed by what the channel's order shows."""

import pytest

from order_pipelines.errors import DomainRuleError
from order_pipelines.services.cancelling import request_cancellation
from order_pipelines.services.dispatch import dispatch_all
from order_pipelines_tests.services.shop_world import ShopWorld


def _cancellations(world: ShopWorld) -> list[str]:
    return [write["path"] for write in world.writes() if write["path"].endswith("/cancellation")]


def test_a_cancelled_line_is_told_to_bol_and_gives_its_stock_back(world: ShopWorld) -> None:
    on_hand, _ = world.position("KEU-1001")
    order_id = world.buy(("KEU-1001", 2), ago_h=2)
    world.sweep()
    assert world.position("KEU-1001") == (on_hand, 2)

    assert request_cancellation(world.shop, order_id, reason="OUT_OF_STOCK") == 1
    dispatch_all(world.shop)
    world.pass_time(seconds=5)
    dispatch_all(world.shop)
    world.sweep()

    assert _cancellations(world) == ["/retailer/orders/cancellation"]
    assert world.row("outbox", kind="channel_cancellation").state == "confirmed"
    assert world.position("KEU-1001") == (on_hand, 0)
    with pytest.raises(DomainRuleError, match="not every line"):
        request_cancellation(world.shop, order_id, reason="OUT_OF_STOCK")


def test_asking_twice_tells_bol_once(world: ShopWorld) -> None:
    order_id = world.buy(("KEU-1001", 2), ago_h=2)
    world.sweep()
    assert request_cancellation(world.shop, order_id, reason="OUT_OF_STOCK") == 1
    assert request_cancellation(world.shop, order_id, reason="OUT_OF_STOCK") == 0
    dispatch_all(world.shop)
    dispatch_all(world.shop)

    assert len(_cancellations(world)) == 1


def test_a_lost_answer_is_settled_by_what_the_order_shows(world: ShopWorld) -> None:
    order_id = world.buy(("KEU-1001", 2), ago_h=2)
    world.sweep()
    request_cancellation(world.shop, order_id, reason="OUT_OF_STOCK")
    world.fault("drop_reply_after_acting", match="/cancellation")
    dispatch_all(world.shop)
    assert world.row("outbox", kind="channel_cancellation").state == "in_doubt"

    world.pass_time(minutes=2)
    world.sweep()
    dispatch_all(world.shop)

    assert world.row("outbox", kind="channel_cancellation").state == "confirmed"
    assert len(_cancellations(world)) == 1


def test_an_unknown_order_plans_nothing(world: ShopWorld) -> None:
    with pytest.raises(DomainRuleError, match="no order 404 is known of any account"):
        request_cancellation(world.shop, "404", reason="OUT_OF_STOCK")
    assert world.rows("outbox") == []
