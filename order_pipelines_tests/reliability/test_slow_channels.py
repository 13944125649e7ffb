"""A channel that never answers, and one that answers a byte a second, keep no other account waiting.

The healthy ones are served from beginning to end while the slow ones still wait: what is asserted is that those calls
are under way before and after. They last until the test ends them.
"""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from order_pipelines import clock
from order_pipelines.connectors.http import ApiSession
from order_pipelines.definitions import build_definitions
from order_pipelines.defs import side_by_side
from order_pipelines.domain.orders import ShipmentLine
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.sandbox.standin import Fault
from order_pipelines.services.dispatch import dispatch_kind
from order_pipelines.services.parcels import CHANNEL_SHIPMENT
from order_pipelines.services.planning import plan_all
from order_pipelines.services.shipping import match_shipments, note_shipment_lines
from order_pipelines.services.stock_push import push_account, refresh_offers
from order_pipelines_tests.defs.shop_world import check_metadata, checks_of, failed_steps
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld, opened_world

pytestmark = pytest.mark.endurance

BLOKKER, WEBSHOP = "blokker", "webshop"
CHANNELS = (MAIN, OUTLET, BLOKKER, WEBSHOP)
HEALTHY = (OUTLET, WEBSHOP)
LONGER_THAN_ANY_TEST_S = 3600.0


@pytest.fixture
def world(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ShopWorld]:
    """Four accounts of three systems that all have their stock and no orders yet; calls wait for an hour."""
    defaults = ApiSession.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "timeout_s", LONGER_THAN_ANY_TEST_S)
    with Sandbox(control_port=0, relaxed=True) as sandbox:
        rows = {row["account"]: row for row in sandbox.systems()}
        monkeypatch.setenv("BLOKKER_KEY", rows[BLOKKER]["credentials"]["api_key"])
        monkeypatch.setenv("WEBSHOP_ID", rows[WEBSHOP]["credentials"]["client_id"])
        monkeypatch.setenv("WEBSHOP_SECRET", rows[WEBSHOP]["credentials"]["client_secret"])
        common = 'mode = "live"\neffective_from = 2026-01-01\nships_from = "main"\nserves = ["main"]\n'
        more = f"""
[accounts.blokker]
system = "mirakl"
{common}base_url = "{rows[BLOKKER]["base_url"]}"
[accounts.blokker.secrets]
api_key = "BLOKKER_KEY"
[accounts.webshop]
system = "shopware"
{common}base_url = "{rows[WEBSHOP]["base_url"]}"
[accounts.webshop.secrets]
client_id = "WEBSHOP_ID"
client_secret = "WEBSHOP_SECRET"
"""
        with opened_world(sandbox, store_url, tmp_path, monkeypatch, more=more) as opened:
            for _ in range(2):
                for account in CHANNELS:
                    assert opened.sweep(account).problem is None
                    assert refresh_offers(opened.shop, account).problem is None
                for account in CHANNELS:
                    assert push_account(opened.shop, account).problem is None
                opened.pass_time(minutes=10)
            yield opened
            _end_slowness(sandbox)
    clock.follow(0)


def _slow_down(sandbox: Sandbox) -> list[Fault]:
    hang = Fault("hang", count=10_000, account=MAIN)
    drip = Fault("drip", count=10_000, account=BLOKKER, seconds=1.0)
    sandbox.bol.faults.add(hang)
    sandbox.mirakl.faults.add(drip)
    return [hang, drip]


def _end_slowness(sandbox: Sandbox) -> None:
    sandbox.bol.faults.clear()
    sandbox.mirakl.faults.clear()


def _until(is_so: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def _sell(world: ShopWorld) -> dict[str, str]:
    """Two pieces of one article at each healthy account."""
    goods = {"lines": [{"sku": "KEU-1001", "quantity": 2}]}
    return {
        OUTLET: world.buy(("KEU-1001", 2), account=OUTLET),
        WEBSHOP: world.sandbox.shopware.place_order(WEBSHOP, goods),
    }


def _shown(world: ShopWorld) -> dict[str, int]:
    shop = {row["sku"]: row["quantity"] for row in world.sandbox.shopware.state(WEBSHOP)["offers"]}
    return {OUTLET: world.bol_offer("KEU-1001", OUTLET)["amount"], WEBSHOP: shop["KEU-1001"]}


def _leave(world: ShopWorld, account: str, order_id: str) -> None:
    parcel = ShipmentLine(
        order_id, 2, clock.now(), sku="KEU-1001", carrier="PostNL", tracking="3SAAA1", account=account
    )
    with world.shop.store.transaction() as connection:
        note_shipment_lines(connection, MAIN, "parcel", [parcel], 0)
    assert match_shipments(world.shop).lines == 1


def test_whoever_waits_for_a_channel_holds_nothing_that_others_need(world: ShopWorld) -> None:
    """Listing, stock and parcels of two accounts begin and end between the first and the last byte of another."""
    sold = _sell(world)
    faults = _slow_down(world.sandbox)
    swept: dict[str, Any] = {}
    slow = [
        threading.Thread(target=lambda name=name: swept.update({name: world.sweep(name)}))
        for name in (MAIN, BLOKKER)
    ]
    for thread in slow:
        thread.start()
    _until(lambda: all(fault.count == 9_999 for fault in faults))

    for account in HEALTHY:
        assert world.sweep(account).problem is None
        assert world.order(sold[account], account).order_status == "open"
    assert world.demand("KEU-1001") == 4
    for account in HEALTHY:
        assert push_account(world.shop, account).problem is None
    world.pass_time(seconds=5)
    for account in HEALTHY:
        assert push_account(world.shop, account).problem is None
    assert _shown(world) == {OUTLET: 38, WEBSHOP: 38}
    _leave(world, OUTLET, sold[OUTLET])
    plan_all(world.shop)
    assert dispatch_kind(world.shop, CHANNEL_SHIPMENT, only=OUTLET).accepted == 1
    world.pass_time(seconds=5)
    assert dispatch_kind(world.shop, CHANNEL_SHIPMENT, only=OUTLET).confirmed == 1

    assert [thread.is_alive() for thread in slow] == [True, True]
    assert swept == {}
    _end_slowness(world.sandbox)
    for thread in slow:
        thread.join(60)
    assert {name: sweep.retryable for name, sweep in swept.items() if sweep.problem} == {
        MAIN: True,
        BLOKKER: True,
    }
    assert world.sweep(MAIN).problem is None
    world.assert_ledger_adds_up()


def test_a_run_goes_on_without_the_account_that_hangs_and_names_it(
    world: ShopWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_by_side, "SILENT_S", 1.0)
    sold = _sell(world)
    _slow_down(world.sandbox)
    definitions = build_definitions(world.shop.settings, retry_delay_s=0.0)
    wanted = [
        dg.AssetKey([layer, f"{system}__{what}"])
        for system in ("bol", "mirakl", "shopware")
        for layer, what in (("intake", "orders"), ("intake", "offers"), ("publish", "stock"))
    ]
    # Every account has a sale's stock to send; the offers were listed within the hour.
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def("sweep_shop").execute_in_process(
            instance=instance, raise_on_error=False, asset_selection=wanted
        )
        still_waiting = sorted(
            thread.name for thread in threading.enumerate() if thread.name.startswith("account ")
        )
        assert failed_steps(result) == []
        for account in HEALTHY:
            assert world.order(sold[account], account).order_status == "open"
        assert _shown(world) == {OUTLET: 38, WEBSHOP: 38}
        # Reading and stock of each: two threads that wait as they did at the beginning.
        assert still_waiting == ["account blokker"] * 2 + ["account bol_main"] * 2
        passed = checks_of(result)
        assert {
            name.partition(":")[2]: is_so for name, is_so in passed.items() if "every_account" in name
        } == {
            "bol__orders_every_account_read": False,
            "bol__offers_every_account_read": True,
            "bol__stock_every_account_served": False,
            "mirakl__orders_every_account_read": False,
            "mirakl__offers_every_account_read": True,
            "mirakl__stock_every_account_served": False,
            "shopware__orders_every_account_read": True,
            "shopware__offers_every_account_read": True,
            "shopware__stock_every_account_served": True,
        }
        for check, named, other in (
            ("bol__orders_every_account_read", MAIN, OUTLET),
            ("bol__stock_every_account_served", MAIN, OUTLET),
            ("mirakl__orders_every_account_read", BLOKKER, MAIN),
        ):
            problems = check_metadata(result, check)["problems"]
            assert f"{named} | no answer for 1 s" in problems
            assert other not in problems
    _end_slowness(world.sandbox)
    for thread in threading.enumerate():
        if thread.name.startswith("account "):
            thread.join(60)
            assert not thread.is_alive()


def test_what_was_left_behind_is_read_by_the_next_run(
    world: ShopWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_by_side, "SILENT_S", 1.0)
    order_id = world.buy(("KEU-1001", 1), account=MAIN)
    world.sandbox.bol.faults.add(Fault("hang", account=MAIN))
    definitions = build_definitions(world.shop.settings, retry_delay_s=0.0)
    orders = [dg.AssetKey(["intake", "bol__orders"])]
    job = definitions.resolve_job_def("sweep_shop")
    with dg.DagsterInstance.ephemeral() as instance:
        first = job.execute_in_process(instance=instance, raise_on_error=False, asset_selection=orders)
        # It still holds the account: nobody else begins to read it.
        second = job.execute_in_process(instance=instance, raise_on_error=False, asset_selection=orders)
        assert world.rows("orders", account=MAIN) == []
        _end_slowness(world.sandbox)
        for thread in threading.enumerate():
            if thread.name.startswith("account "):
                thread.join(60)
        third = job.execute_in_process(instance=instance, raise_on_error=False, asset_selection=orders)
    name = "intake/bol__orders:bol__orders_every_account_read"
    assert [checks_of(each)[name] for each in (first, second, third)] == [False, True, True]
    assert world.order(order_id, MAIN).order_status == "open"
