"""When no account's offers can be listed, stock goes out all the same, to the offers that are known."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from order_pipelines.sandbox.standin import Fault
from order_pipelines_tests.defs.shop_world import (
    ShopWorld,
    check_metadata,
    checks_of,
    failed_steps,
    shop_world,
    steps_of,
)

_STOCK = [dg.AssetKey(["intake", "bol__offers"]), dg.AssetKey(["publish", "bol__stock"])]
_LISTED = "bol__offers_every_account_read"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorld]:
    with shop_world(tmp_path_factory.mktemp("refused") / "shop", has_orders=False) as world:
        yield world


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def test_a_first_listing_that_fails_fails_clearly(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """Nothing is known yet, so there is nothing to send stock to."""
    with shop_world(tmp_path / "shop", has_orders=False) as new:
        new.world.bol.faults.add(Fault("500", count=100, match="/retailer/offers?"))
        result = new.run("sweep_shop", instance, asset_selection=_STOCK)
    assert failed_steps(result) == ["intake__bol__offers"]


@pytest.mark.parametrize("trouble", ["breakdown", "shrunk"])
def test_a_listing_that_fails_or_is_refused_at_every_account_keeps_no_stock_back(
    shop: ShopWorld, instance: dg.DagsterInstance, trouble: str
) -> None:
    assert shop.run("deep_sweep_shop", instance, asset_selection=_STOCK).success
    kept = {account: dict(shop.world.bol.desk(account).shop.offers) for account in ("bol_main", "bol_outlet")}
    if trouble == "breakdown":
        shop.world.bol.faults.add(Fault("500", count=100, match="/retailer/offers?"))
    else:
        for account in kept:
            offers = shop.world.bol.desk(account).shop.offers
            for offer_id in sorted(offers)[:20]:
                del offers[offer_id]

    result = shop.run("deep_sweep_shop", instance, asset_selection=_STOCK)

    shop.world.bol.faults.clear()
    for account, offers in kept.items():
        shop.world.bol.desk(account).shop.offers.update(offers)
    assert result.success
    assert "publish__bol__stock" in steps_of(result)
    assert checks_of(result)[f"intake/bol__offers:{_LISTED}"] is False
    said = check_metadata(result, _LISTED)
    assert said["accounts_with_a_problem"] == 2
    word = "answered 500" if trouble == "breakdown" else "release-stock"
    assert said["problems"].count(word) == 2
