"""A merchant who only observes, in Dagster: everything is read, planned and compared, nothing is written outside."""

from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import audit_log, outbox, shadow_days
from order_pipelines_tests.defs.shop_world import ShopWorld, checks_of, failed_steps, metadata_of, shop_world

pytestmark = pytest.mark.endurance

_CHECK = "publish/bol__shadow:bol__shadow_every_account_compared"
_SYSTEMS = ("bol_main", "bol_outlet", "blokker", "webshop", "exact")


def _observe(world: ShopWorld) -> None:
    text = world.settings_path.read_text(encoding="utf-8")
    world.settings_path.write_text(text.replace('mode = "live"', 'mode = "observe"'), encoding="utf-8")


def _advance(world: ShopWorld, minutes: float) -> None:
    offset = world.tell("/clock", {"advance_s": minutes * 60})["offset_s"]
    clock.follow(offset)


def _sweep(world: ShopWorld, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """Run the sweep without the warehouse: what is read, sent and compared."""
    job = world.definitions().resolve_job_def("sweep_shop")
    wanted = [
        key
        for key in job.asset_layer.selected_asset_keys
        if key.path[0] == "intake" or key.path[-1].startswith(("bol__", "exact_online__"))
    ]
    return world.run("sweep_shop", instance, asset_selection=sorted(wanted))


@pytest.mark.slow
def test_an_observing_merchant_is_compared_about_once_an_hour_and_nothing_is_written(tmp_path: Path) -> None:
    with shop_world(tmp_path / "shop", has_orders=True) as world, dg.instance_for_test() as instance:
        _observe(world)
        systems = sorted(
            {account.system for account in world.settings.accounts.values()} - {"exact_online", "b2b_files"}
        )
        keys = {
            key.to_user_string() for key in world.definitions().resolve_asset_graph().get_all_asset_keys()
        }
        assert {key for key in keys if key.endswith("__shadow")} == {
            f"publish/{name}__shadow" for name in systems
        }

        first = _sweep(world, instance)
        assert failed_steps(first) == []
        assert checks_of(first)[_CHECK]
        seen = metadata_of(first, "publish", "bol__shadow")
        assert seen["order_pipelines/accounts"] == 2
        assert seen["order_pipelines/compared"] > 60
        store = OperationsStore(world.settings.operations_url())
        with store.reading() as connection:
            count = (
                sa.select(sa.func.count()).select_from(shadow_days).where(shadow_days.c.account == "bol_main")
            )
            assert connection.execute(count).scalar_one() == 3
            modes = set(connection.execute(sa.select(outbox.c.mode)).scalars())
            decided = sa.select(audit_log.c.value_after).where(
                audit_log.c.subject == "accounts.bol_main.mode"
            )
            assert list(connection.execute(decided).scalars()) == ["observe"]
        assert modes == {"observe"}

        # Five minutes later nothing is compared again; after an hour it is, and a channel that cannot be read is named.
        _advance(world, 5)
        again = _sweep(world, instance)
        assert metadata_of(again, "publish", "bol__shadow")["order_pipelines/compared"] == 0
        _advance(world, 60)
        world.tell(
            "/faults",
            {
                "system": "bol",
                "kind": "403",
                "rate": 1.0,
                "match": "/retailer/offers",
                "account": "bol_outlet",
            },
        )
        broken = _sweep(world, instance)
        assert failed_steps(broken) == []
        assert not checks_of(broken)[_CHECK]
        with store.reading() as connection:
            rows = {
                row.account: (row.comparisons, row.failures)
                for row in connection.execute(
                    sa.select(
                        shadow_days.c.account,
                        sa.func.sum(shadow_days.c.comparisons).label("comparisons"),
                        sa.func.sum(shadow_days.c.failures).label("failures"),
                    )
                    .where(shadow_days.c.kind == "stock")
                    .group_by(shadow_days.c.account)
                )
            }
        store.close()
        assert (rows["bol_main"], rows["bol_outlet"]) == ((2, 0), (1, 1))
        present = [name for name in _SYSTEMS if name in world.settings.accounts]
        assert [write for name in present for write in world.state(name)["writes"]] == []
        assert present[:2] == ["bol_main", "bol_outlet"]


def test_a_live_merchant_has_no_such_asset(tmp_path: Path) -> None:
    with shop_world(tmp_path / "shop", has_orders=False) as world:
        keys = {
            key.to_user_string() for key in world.definitions().resolve_asset_graph().get_all_asset_keys()
        }
        assert [key for key in keys if key.endswith("__shadow")] == []
