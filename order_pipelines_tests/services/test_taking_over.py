"""The first push after observing: the offers are listed once more, and what the channel holds already is not sent."""

from order_pipelines.operations.store import OperationsStore
from order_pipelines.services.stock_push import push_account, refresh_offers
from order_pipelines.services.taking_over import HELD_ALREADY, must_list_first
from order_pipelines_tests.services.observed_shop import BLOKKER, ObservedShop
from order_pipelines_tests.services.pushed_stock import patches
from order_pipelines_tests.services.shop_world import MAIN, OUTLET


def _must_list(store: OperationsStore, account: str) -> bool:
    with store.reading() as connection:
        return must_list_first(connection, account)


def _amounts(world: ObservedShop) -> list[int]:
    return [amount for _, amount in patches(world)]


def test_what_the_other_program_said_in_its_last_minute_is_seen_before_the_first_push(
    observed: ObservedShop,
) -> None:
    world = observed
    world.says_stock(account=MAIN, KEU_1001=50)
    world.round()
    assert push_account(world.shop, MAIN).observed == 11
    world.pass_time(minutes=2)
    # It mends one number and breaks another after we listed last.
    world.says_stock(account=MAIN, KEU_1002=3)
    world.go_live(MAIN)
    assert _must_list(world.shop.store, MAIN)
    push = push_account(world.shop, MAIN)
    assert (push.due, push.confirmed) == (1, 1)
    assert _amounts(world) == [65]
    held = world.row("channel_stock", account=MAIN, sku="KEU-1001")
    assert (held.state, held.confirmed_quantity, held.sent_at, held.reason) == (
        "confirmed",
        42,
        None,
        HELD_ALREADY,
    )
    assert not _must_list(world.shop.store, MAIN)
    world.pass_time(minutes=10)
    assert push_account(world.shop, MAIN).due == 0
    assert world.rows("alerts") == []


def test_an_operator_gets_one_file_with_what_differs(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed
    world.says_stock(account=BLOKKER, KEU_1001=50, KEU_1002=1)
    world.round()
    world.go_live(BLOKKER)
    world.pass_time(minutes=2)
    assert push_account(world.shop, BLOKKER).due == 2
    world.pass_time(minutes=2)
    push_account(world.shop, BLOKKER)
    (write,) = world.sandbox.mirakl.state(BLOKKER)["writes"]
    assert write["path"] == "/api/offers/stock/imports"
    offers = {row["sku"]: row["quantity"] for row in world.sandbox.mirakl.state(BLOKKER)["offers"]}
    assert (offers["KEU-1001"], offers["KEU-1002"]) == (42, 65)


def test_a_number_that_means_something_else_there_is_said_in_our_meaning(
    sqlite_observed: ObservedShop,
) -> None:
    """42 with bol subtracting all open orders is not 42 with bol subtracting only what comes after."""
    world = sqlite_observed
    offers = world.sandbox.bol.desk(MAIN).shop.offers.values()
    (other,) = [offer for offer in offers if offer.sku == "KEU-1001"]
    other.write_stock(42, False, world.sandbox.clock.now())
    world.round()
    assert world.differences() == []
    world.go_live(MAIN)
    world.pass_time(minutes=2)
    assert push_account(world.shop, MAIN).due == 1
    assert patches(world) == [(other.offer_id, 42)]
    assert other.managed_by_retailer


def test_when_the_offers_cannot_be_listed_every_number_is_said(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed
    world.round()
    world.go_live(MAIN)
    world.fault("500", rate=1.0, method="GET", match="/retailer/offers", account=MAIN)
    world.pass_time(minutes=2)
    push = push_account(world.shop, MAIN)
    assert (push.due, push.confirmed, push.problem) == (11, 11, None)
    assert len(patches(world)) == 11


def test_an_account_that_observes_again_is_not_repaired_and_takes_over_again(
    sqlite_observed: ObservedShop,
) -> None:
    world = sqlite_observed
    world.round()
    world.go_live(MAIN)
    world.pass_time(minutes=2)
    assert push_account(world.shop, MAIN).due == 0
    world.pass_time(minutes=10)
    world.observe(MAIN)
    world.sells(BLOKKER, "KEU-1001", 2)
    world.says_stock()
    world.round()
    assert world.differences() == []
    assert world.rows("alerts", alert_key=f"stock_drift:{MAIN}") == []
    world.pass_time(minutes=10)
    world.go_live(MAIN)
    world.pass_time(minutes=2)
    assert push_account(world.shop, MAIN).due == 0
    assert patches(world) == []
    row = world.row("channel_stock", account=MAIN, sku="KEU-1001")
    assert (row.state, row.confirmed_quantity) == ("confirmed", 40)


def test_an_account_that_was_live_from_the_first_says_every_number_once(
    sqlite_observed: ObservedShop,
) -> None:
    world = sqlite_observed
    text = world.path.read_text(encoding="utf-8")
    world.remove_account(MAIN)
    world.path.write_text(text.replace('mode = "observe"', 'mode = "live"'), encoding="utf-8")
    world.restart()
    assert not _must_list(world.shop.store, MAIN)
    for account in (MAIN, OUTLET, BLOKKER):
        world.sweep(account)
    assert refresh_offers(world.shop, MAIN).problem is None
    assert push_account(world.shop, MAIN).confirmed == 11
