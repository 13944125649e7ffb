"""What stands beside the desired quantity of an offer: it follows the ledger also where the number stays the same."""

import sqlalchemy as sa

from order_pipelines.operations.tables import channel_offers
from order_pipelines.services.desired_stock import refresh_desired
from order_pipelines.services.stock_push import push_account
from order_pipelines_tests.services.pushed_stock import offer_row, patches
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld


def test_an_order_that_leaves_the_number_as_it_is_shows_in_what_is_available(listed: ShopWorld) -> None:
    """A channel that subtracts its open orders itself is told the same number before and after an order of its own."""
    world = listed
    world.count("KEU-1005", 10, ago_h=1)
    before = offer_row(world, "KEU-1005", OUTLET)
    assert (before.desired_quantity, before.available_quantity, before.own_open_quantity) == (10, 10, 0)
    with world.shop.store.transaction() as connection:
        connection.execute(
            sa.update(channel_offers)
            .where(channel_offers.c.account == OUTLET)
            .values(subtracts_open_orders=True)
        )
    world.buy(("KEU-1005", 2), account=OUTLET)
    world.sweep(OUTLET)
    after = offer_row(world, "KEU-1005", OUTLET)
    assert (after.desired_quantity, after.available_quantity, after.own_open_quantity) == (10, 8, 2)
    assert after.desired_version == before.desired_version
    assert after.change_seq > before.change_seq
    assert offer_row(world, "KEU-1005", MAIN).desired_quantity == 8


def test_an_offer_that_got_an_article_nobody_counted_is_emptied_if_it_was_sent_a_number(
    listed: ShopWorld,
) -> None:
    """The channel promises the old article's pieces of the new one; whichever articles are computed together."""
    world = listed
    world.count("KEU-1005", 12, ago_h=1)
    assert push_account(world.shop, MAIN).problem is None
    offers = {account: offer_row(world, "KEU-1005", account).offer_id for account in (MAIN, OUTLET)}
    with world.shop.store.transaction() as connection:
        connection.execute(
            sa.update(channel_offers)
            .where(channel_offers.c.offer_id.in_(offers.values()))
            .values(sku="NEVER-COUNTED")
        )
        refresh_desired(connection, world.shop.settings, {"NEVER-COUNTED"})
    told = world.row("channel_stock", account=MAIN, offer_id=offers[MAIN])
    assert (told.sku, told.desired_quantity) == ("NEVER-COUNTED", 0)
    # The outlet was never sent one: nothing is told of what nobody knows.
    assert world.row("channel_stock", account=OUTLET, offer_id=offers[OUTLET]).sku == "KEU-1005"
    before = patches(world)
    assert push_account(world.shop, MAIN).confirmed == 1
    assert patches(world)[len(before) :] == [(offers[MAIN], 0)]
    assert push_account(world.shop, OUTLET).problem is None
    assert offers[OUTLET] not in {offer for offer, _ in patches(world, OUTLET)}
