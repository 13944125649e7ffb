"""What stands beside the desired quantity of an offer: it follows the ledger also where the number stays the same."""

import sqlalchemy as sa

from order_pipelines.operations.tables import channel_offers
from order_pipelines_tests.services.pushed_stock import offer_row
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
