"""What every channel shows: computed from what is known, zero first, braked, and never guessed upwards."""

import sqlalchemy as sa

from order_pipelines.operations.store import CHANGE, next_values
from order_pipelines.operations.tables import channel_offers, channel_stock
from order_pipelines.services.desired_stock import refresh_desired
from order_pipelines.services.intake import sweep_orders
from order_pipelines.services.stock_push import push_account, read_back, refresh_offers, release_stock
from order_pipelines_tests.services.pushed_stock import (
    many_products_at_zero,
    offer_row,
    patches,
    read_everything,
)
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld


def test_every_offer_ends_at_what_is_available(world: ShopWorld) -> None:
    world.buy(("KEU-1001", 2))
    world.buy(("KEU-1001", 1), account=OUTLET)
    read_everything(world)

    for account in (MAIN, OUTLET):
        push = push_account(world.shop, account)
        assert (push.problem, push.confirmed) == (None, push.due)
        assert push.due > 40
        assert read_back(world.shop, account) == 0
        assert push_account(world.shop, account).due == 0
        shown = {offer["offer_id"]: offer for offer in world.bol(account)["offers"]}
        for row in world.rows("channel_stock", account=account):
            assert (row.state, row.confirmed_quantity) == ("confirmed", row.desired_quantity)
            assert shown[row.offer_id]["amount"] == row.desired_quantity
    assert world.bol_offer("KEU-1001", MAIN)["amount"] == 39
    assert world.bol_offer("KEU-1001", OUTLET)["amount"] == 39


def test_the_number_that_an_account_needs_depends_on_who_subtracts_open_orders(listed: ShopWorld) -> None:
    """Ten on the shelf; three open at this account, two at the other. bol shows five either way."""
    world = listed
    world.count("KEU-1005", 10)
    world.buy(("KEU-1005", 3))
    world.buy(("KEU-1005", 2), account=OUTLET)
    sweep_orders(world.shop, "bol")
    assert (
        offer_row(world, "KEU-1005").desired_quantity,
        offer_row(world, "KEU-1005").available_quantity,
    ) == (
        5,
        5,
    )

    account = world.shop.settings.accounts[MAIN]
    subtracting = account.model_copy(update={"options": {"managed_by_retailer": False}})
    accounts = {**world.shop.settings.accounts, MAIN: subtracting}
    world.shop.settings = world.shop.settings.model_copy(update={"accounts": accounts})
    refresh_offers(world.shop, MAIN)

    row = offer_row(world, "KEU-1005")
    assert (row.desired_quantity, row.available_quantity, row.own_open_quantity) == (8, 5, 3)
    push_account(world.shop, MAIN)
    assert world.bol_offer("KEU-1005")["managed_by_retailer"] is False
    assert world.bol_offer("KEU-1005")["corrected_stock"] == 5
    push_account(world.shop, OUTLET)
    assert world.bol_offer("KEU-1005", OUTLET)["corrected_stock"] == 5


def test_own_orders_that_leave_from_elsewhere_are_no_stock_of_this_channel(listed: ShopWorld) -> None:
    """The account ships from the store and is served by the warehouse: its open pieces must not be promised twice."""
    world = listed
    account = world.shop.settings.accounts[MAIN]
    elsewhere = account.model_copy(update={"ships_from": "store", "options": {"managed_by_retailer": False}})
    accounts = {**world.shop.settings.accounts, MAIN: elsewhere}
    world.shop.settings = world.shop.settings.model_copy(update={"accounts": accounts})
    world.count("KEU-1005", 10)
    world.buy(("KEU-1005", 3))
    world.sweep()
    refresh_offers(world.shop, MAIN)

    assert world.position("KEU-1005", "store") == (0, 3)
    assert offer_row(world, "KEU-1005").desired_quantity == 10


def test_an_article_that_was_never_counted_is_pushed_by_nobody(listed: ShopWorld) -> None:
    world = listed
    with world.shop.store.transaction() as connection:
        connection.exec_driver_sql("update stock_positions set counted_at = null where sku = 'KEU-1004'")
        connection.exec_driver_sql("delete from channel_stock where sku = 'KEU-1004'")
        refresh_desired(connection, world.shop.settings, ["KEU-1004", "NEVER-HEARD-OF"])
    assert world.rows("channel_stock", sku="KEU-1004") == []
    push_account(world.shop, MAIN)
    assert world.bol_offer("KEU-1004")["offer_id"] not in {offer for offer, _ in patches(world)}


def test_a_buffer_is_held_back_and_nothing_falls_below_zero(listed: ShopWorld) -> None:
    world = listed
    account = world.shop.settings.accounts[MAIN]
    careful = account.model_copy(update={"stock": account.stock.model_copy(update={"buffer": 3})})
    accounts = {**world.shop.settings.accounts, MAIN: careful}
    world.shop.settings = world.shop.settings.model_copy(update={"accounts": accounts})
    world.count("KEU-1005", 10)
    world.count("KEU-1006", 2)

    assert offer_row(world, "KEU-1005").desired_quantity == 7
    assert offer_row(world, "KEU-1006").desired_quantity == 0
    assert offer_row(world, "KEU-1005", OUTLET).desired_quantity == 10


def test_zero_goes_first(listed: ShopWorld) -> None:
    world = listed
    push_account(world.shop, MAIN)
    before = len(patches(world))
    world.count("KEU-1004", 4)
    world.count("KEU-1005", 9)
    world.count("KEU-1006", 0)

    push_account(world.shop, MAIN)
    assert [amount for _, amount in patches(world)[before:]] == [0, 4, 9]


def test_a_sale_here_lowers_the_other_account_at_the_next_push(listed: ShopWorld) -> None:
    world = listed
    for account in (MAIN, OUTLET):
        push_account(world.shop, account)
    world.buy(("KEU-1005", 5), account=OUTLET)
    sweep_orders(world.shop, "bol")
    before = world.bol_offer("KEU-1005")["amount"]

    push = push_account(world.shop, MAIN)
    assert (push.due, push.confirmed) == (1, 1)
    assert world.bol_offer("KEU-1005")["amount"] == before - 5


def test_a_push_that_would_empty_the_shop_waits_for_a_person(listed: ShopWorld) -> None:
    world = listed
    push_account(world.shop, MAIN)
    writes = len(patches(world))
    emptied = many_products_at_zero(world, 10)
    world.count("KEU-1011", 5, ago_h=1)

    push = push_account(world.shop, MAIN)

    assert push.problem is not None
    assert "10 of 11 offers would go to zero at once, more than 30 %" in push.problem
    assert "order-pipelines release-stock bol_main" in push.problem
    assert (push.held, push.confirmed) == (10, 1)
    assert [amount for _, amount in patches(world)[writes:]] == [5]
    writes += 1
    held = [row for row in world.rows("channel_stock", account=MAIN) if row.state == "on_hold"]
    assert sorted(row.sku for row in held) == sorted(emptied)
    assert push_account(world.shop, MAIN).due == 0

    assert release_stock(world.shop, MAIN) == 10
    push = push_account(world.shop, MAIN)
    assert (push.problem, push.confirmed) == (None, 10)
    assert [amount for _, amount in patches(world)[writes:]] == [0] * 10


def test_the_very_first_push_has_the_brake_too(listed: ShopWorld) -> None:
    """Go-live with a stock file of zeros: nothing was ever confirmed, but bol shows stock."""
    world = listed
    emptied = many_products_at_zero(world, 10)

    push = push_account(world.shop, MAIN)

    assert push.held == 10
    assert all(world.bol_offer(sku)["amount"] > 0 for sku in emptied)


def test_what_the_brake_holds_is_not_let_go_by_another_order(listed: ShopWorld) -> None:
    world = listed
    push_account(world.shop, MAIN)
    emptied = many_products_at_zero(world, 10)
    push_account(world.shop, MAIN)
    world.buy((emptied[0], 1))
    world.sweep()

    push_account(world.shop, MAIN)
    assert world.bol_offer(emptied[0])["amount"] > 0
    assert offer_row(world, emptied[0]).state == "on_hold"

    world.count(emptied[0], 8, ago_h=0.5)
    push_account(world.shop, MAIN)
    assert world.bol_offer(emptied[0])["amount"] == 7


def test_while_orders_are_not_read_nothing_is_raised_and_lowering_goes_on(listed: ShopWorld) -> None:
    world = listed
    for account in (MAIN, OUTLET):
        push_account(world.shop, account)
    shown = world.bol_offer("KEU-1004")["amount"]
    world.pass_time(minutes=30)
    world.sweep(MAIN)
    world.pass_time(minutes=40)
    world.count("KEU-1004", shown + 20)
    world.count("KEU-1005", 1)

    push = push_account(world.shop, MAIN)

    assert push.problem is not None
    assert "bol_outlet (70 min)" in push.problem
    assert (push.held, push.confirmed) == (1, 1)
    assert world.bol_offer("KEU-1004")["amount"] == shown
    assert world.bol_offer("KEU-1005")["amount"] == 1

    world.sweep(OUTLET)
    push = push_account(world.shop, MAIN)
    assert push.problem is None
    assert world.bol_offer("KEU-1004")["amount"] == shown + 20


def test_an_account_that_was_never_read_counts_as_old(sqlite_world: ShopWorld) -> None:
    """The first push before the first sweep: nobody knows what is open, so nothing may rise; falling is safe."""
    world = sqlite_world
    for account in (MAIN, OUTLET):
        refresh_offers(world.shop, account)
    world.count("KEU-1004", 500, ago_h=1)
    world.count("KEU-1005", 1, ago_h=1)
    world.sweep(OUTLET)
    before = world.bol_offer("KEU-1004")["amount"]

    push = push_account(world.shop, MAIN)

    assert push.problem is not None
    assert "bol_main (never)" in push.problem
    assert world.bol_offer("KEU-1004")["amount"] == before
    assert world.bol_offer("KEU-1005")["amount"] == 1


def test_in_observe_mode_nothing_is_written_and_everything_is_recorded(listed: ShopWorld) -> None:
    world = listed
    account = world.shop.settings.accounts[MAIN]
    accounts = {**world.shop.settings.accounts, MAIN: account.model_copy(update={"mode": "observe"})}
    world.shop.settings = world.shop.settings.model_copy(update={"accounts": accounts})
    world.count("KEU-1004", 4)

    push = push_account(world.shop, MAIN)
    assert push.observed == push.due > 0
    assert world.writes() == []
    row = offer_row(world, "KEU-1004")
    assert (row.desired_quantity, row.confirmed_quantity, row.sent_at) == (4, None, None)


def test_an_order_that_came_in_before_the_number_was_confirmed_is_counted_again(listed: ShopWorld) -> None:
    """bol subtracts only orders after our write: one placed before it that we did not know makes us send again."""
    world = listed
    world.count("KEU-1004", 10)
    push_account(world.shop, MAIN)
    world.buy(("KEU-1004", 2), ago_h=0.01)
    world.sweep()
    push_account(world.shop, MAIN)
    assert world.bol_offer("KEU-1004")["corrected_stock"] == 8
    # Two more arrive together with two more pieces on the shelf: the same number, but bol must hear it again.
    version = offer_row(world, "KEU-1004").desired_version
    world.buy(("KEU-1004", 2), ago_h=0.005)
    with world.shop.store.transaction() as connection:
        connection.execute(
            sa.update(channel_stock)
            .where(channel_stock.c.sku == "KEU-1004")
            .values(desired_quantity=6, change_seq=next_values(connection, CHANGE))
        )
    world.sweep()
    assert offer_row(world, "KEU-1004").desired_version > version


def test_offers_of_the_older_interface_are_followed_to_their_end(listed: ShopWorld) -> None:
    world = listed
    account = world.shop.settings.accounts[MAIN]
    accounts = {
        **world.shop.settings.accounts,
        MAIN: account.model_copy(update={"options": {"offers_api": "v10"}}),
    }
    world.shop.settings = world.shop.settings.model_copy(update={"accounts": accounts})
    push_account(world.shop, MAIN)
    world.pass_time(minutes=1)
    push_account(world.shop, MAIN)
    world.count("KEU-1004", 4)

    push = push_account(world.shop, MAIN)
    assert (push.accepted, push.confirmed) == (1, 0)
    assert offer_row(world, "KEU-1004").state == "sent"
    world.pass_time(minutes=1)
    push = push_account(world.shop, MAIN)
    assert (push.accepted, push.confirmed) == (0, 1)
    assert world.bol_offer("KEU-1004")["amount"] == 4
    assert push_account(world.shop, MAIN).due == 0


def test_an_offer_that_lost_its_article_is_told_nothing_but_zero(listed: ShopWorld) -> None:
    """The number that waits is the old article's; nobody knows what the offer sells now."""
    world = listed
    push_account(world.shop, MAIN)
    offer = offer_row(world, "KEU-1004").offer_id
    world.count("KEU-1004", 12, ago_h=1)
    with world.shop.store.transaction() as connection:
        connection.execute(
            sa.update(channel_offers)
            .where(channel_offers.c.account == MAIN, channel_offers.c.offer_id == offer)
            .values(sku=None)
        )
    before = patches(world)
    assert push_account(world.shop, MAIN).due == 0
    assert patches(world) == before
    with world.shop.store.transaction() as connection:
        connection.execute(
            sa.update(channel_stock).where(channel_stock.c.offer_id == offer).values(desired_quantity=0)
        )
    assert push_account(world.shop, MAIN).confirmed == 1
    assert patches(world)[len(before) :] == [(offer, 0)]
