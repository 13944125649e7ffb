"""What the tests of the stock push share: reading both accounts, and looking at what was desired and sent."""

from typing import Any

from order_pipelines.services.intake import sweep_orders
from order_pipelines.services.stock_push import refresh_offers
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld


def read_everything(world: ShopWorld) -> None:
    sweep_orders(world.shop, "bol")
    for account in (MAIN, OUTLET):
        assert refresh_offers(world.shop, account).problem is None


def offer_row(world: ShopWorld, sku: str, account: str = MAIN) -> Any:
    return world.row("channel_stock", account=account, sku=sku)


def patches(world: ShopWorld, account: str = MAIN) -> list[tuple[str, int]]:
    """(offer id, amount) of every stock that bol took, in order."""
    return [
        (write["path"].rsplit("/", 1)[1], write["body"]["stock"]["amount"])
        for write in world.writes(account)
        if write["method"] == "PATCH" and write["status"] == 204
    ]


def many_products_at_zero(world: ShopWorld, count: int) -> list[str]:
    rows = world.rows("channel_stock", account=MAIN)
    skus = [row.sku for row in rows if row.desired_quantity > 0 and row.sku != "KEU-1011"][:count]
    for sku in skus:
        world.count(sku, 0, ago_h=1)
    return skus
