"""A number that nobody was told yet goes before the question what became of one that was told."""

from order_pipelines.services.stock_push import push_account, refresh_offers
from order_pipelines_tests.live.lane_world import CHANNELS, LaneWorld
from order_pipelines_tests.services.shop_world import MAIN


def _by_the_old_interface(world: LaneWorld) -> None:
    """Let bol answer later, as offers v10 do: a write is accepted, and its fate must be asked for."""
    settings = world.shop.settings
    account = settings.accounts[MAIN].model_copy(
        update={"options": {"offers_api": "v10", "history_days": 10}}
    )
    world.shop.settings = settings.model_copy(update={"accounts": {**settings.accounts, MAIN: account}})


def test_a_new_number_does_not_wait_for_the_fate_of_a_lower_one(sqlite_world: LaneWorld) -> None:
    world = sqlite_world
    for account in CHANNELS:
        assert world.shop_world.sweep(account).problem is None
    assert refresh_offers(world.shop, MAIN).problem is None
    while push_account(world.shop, MAIN).accepted:
        continue
    _by_the_old_interface(world)
    world.shop_world.count("KEU-1001", 3, ago_h=0)
    told = push_account(world.shop, MAIN)
    assert (told.due, told.accepted, told.problem) == (1, 1, None)
    world.shop_world.count("KEU-1002", 8, ago_h=0)
    first = push_account(world.shop, MAIN, most=1)
    assert (first.due, first.left) == (2, 1)
    sent = {row.sku: row.sent_quantity for row in world.rows("channel_stock", account=MAIN)}
    assert sent == {"KEU-1001": 3, "KEU-1002": 8}
    world.shop_world.pass_time(seconds=5)
    second = push_account(world.shop, MAIN)
    assert (second.due, second.confirmed, second.left) == (2, 2, 0)
    assert {sku: world.shop_world.bol_offer(sku)["amount"] for sku in sent} == {"KEU-1001": 3, "KEU-1002": 8}
