"""What another process does at this moment is no failure: the run goes on, and nothing turns red."""

from pathlib import Path

import dagster as dg
import pytest

from order_pipelines.operations.leases import holding
from order_pipelines.services.shop import open_shop
from order_pipelines_tests.defs.shop_world import checks_of, failed_steps, metadata_of, shop_world

pytestmark = pytest.mark.endurance


def test_accounts_that_another_process_serves_are_left_to_it(tmp_path: Path) -> None:
    with (
        shop_world(tmp_path, has_orders=True) as world,
        dg.DagsterInstance.ephemeral() as instance,
        open_shop(world.settings_path) as shop,
    ):
        world.run("sweep_shop", instance)
        with holding(shop.store, "intake:bol_main"), holding(shop.store, "stock:bol_main"):
            result = world.run("sweep_shop", instance)

    assert failed_steps(result) == []
    checks = checks_of(result)
    assert checks["intake/bol__orders:bol__orders_every_account_read"] is True
    assert checks["publish/bol__stock:bol__stock_every_account_served"] is True
    metadata = metadata_of(result, "intake", "bol__orders")
    assert metadata["order_pipelines/left_to_another_process"] == 1
    assert metadata["order_pipelines/fetched"] == 0
