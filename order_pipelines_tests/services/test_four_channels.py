"""Two bol accounts, a Mirakl operator and a Shopware shop over one stock: a sale at one shows at all the others."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from order_pipelines import clock
from order_pipelines.domain.orders import ShipmentLine
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.sandbox.standin import Fault
from order_pipelines.services.accepting import accept_by_hand, plan_acceptances
from order_pipelines.services.dispatch import dispatch_all
from order_pipelines.services.planning import plan_all
from order_pipelines.services.shipping import match_shipments, note_shipment_lines
from order_pipelines.services.stock_push import push_account, refresh_offers
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld, opened_world

pytestmark = pytest.mark.long_on_postgresql

BLOKKER, WEBSHOP = "blokker", "webshop"
_CHANNELS = (MAIN, OUTLET, BLOKKER, WEBSHOP)


def _more(sandbox: Sandbox, patch: pytest.MonkeyPatch, *, acceptance: str = "automatic") -> str:
    rows = {row["account"]: row for row in sandbox.systems()}
    patch.setenv("BLOKKER_KEY", rows[BLOKKER]["credentials"]["api_key"])
    patch.setenv("WEBSHOP_ID", rows[WEBSHOP]["credentials"]["client_id"])
    patch.setenv("WEBSHOP_SECRET", rows[WEBSHOP]["credentials"]["client_secret"])
    common = 'mode = "live"\neffective_from = 2026-01-01\nships_from = "main"\nserves = ["main"]\n'
    return f"""
[accounts.blokker]
system = "mirakl"
{common}base_url = "{rows[BLOKKER]["base_url"]}"
acceptance = "{acceptance}"
[accounts.blokker.secrets]
api_key = "BLOKKER_KEY"
[accounts.blokker.options]
multi_shipment = true
history_days = 10
[accounts.webshop]
system = "shopware"
{common}base_url = "{rows[WEBSHOP]["base_url"]}"
[accounts.webshop.secrets]
client_id = "WEBSHOP_ID"
client_secret = "WEBSHOP_SECRET"
"""


@pytest.fixture
def world(
    running_sandbox: Sandbox, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ShopWorld]:
    more = _more(running_sandbox, monkeypatch)
    with opened_world(running_sandbox, store_url, tmp_path, monkeypatch, more=more) as opened:
        yield opened


def _round(world: ShopWorld) -> None:
    """What a sweep of Dagster does, in its order, ten minutes after the last one."""
    world.pass_time(minutes=10)
    for account in _CHANNELS:
        assert world.sweep(account).problem is None
    for account in _CHANNELS:
        assert push_account(world.shop, account).problem is None
    plan_all(world.shop)
    assert {kind: done.problems for kind, done in dispatch_all(world.shop).items() if done.problems} == {}


def _begin(world: ShopWorld) -> None:
    for account in _CHANNELS:
        assert world.sweep(account).problem is None
        assert refresh_offers(world.shop, account).problem is None
    _round(world)
    _round(world)


def _shown(world: ShopWorld, sku: str) -> dict[str, int]:
    """What each channel holds for an article, in its own words."""
    bol = {account: world.bol_offer(sku, account)["amount"] for account in (MAIN, OUTLET)}
    mirakl = {row["sku"]: row["quantity"] for row in world.sandbox.mirakl.state(BLOKKER)["offers"]}
    shop = {row["sku"]: row["quantity"] for row in world.sandbox.shopware.state(WEBSHOP)["offers"]}
    return bol | {BLOKKER: mirakl[sku], WEBSHOP: shop[sku]}


def _order(world: ShopWorld, account: str, order_id: str) -> Any:
    standin = world.sandbox.mirakl if account == BLOKKER else world.sandbox.shopware
    return next(row for row in standin.state(account)["orders"] if order_id in row.values())


def test_a_sale_at_one_shows_at_all_the_others(world: ShopWorld) -> None:
    _begin(world)
    assert _shown(world, "KEU-1001") == {MAIN: 42, OUTLET: 42, BLOKKER: 42, WEBSHOP: 42}

    world.sandbox.shopware.place_order(WEBSHOP, {"lines": [{"sku": "KEU-1001", "quantity": 2}]})
    _round(world)
    _round(world)

    assert world.demand("KEU-1001") == 2
    assert _shown(world, "KEU-1001") == {MAIN: 40, OUTLET: 40, BLOKKER: 40, WEBSHOP: 40}
    world.assert_ledger_adds_up()


def test_an_order_whose_goods_are_there_is_accepted_once(world: ShopWorld) -> None:
    _begin(world)
    order_id = world.sandbox.mirakl.place_order(BLOKKER, {"lines": [{"sku": "KEU-1002", "quantity": 1}]})
    _round(world)
    assert _order(world, BLOKKER, order_id)["state"] != "WAITING_ACCEPTANCE"
    (effect,) = world.rows("outbox", kind="channel_acceptance")
    assert (effect.state, effect.account) == ("confirmed", BLOKKER)

    _round(world)
    _round(world)
    accepted = [
        write for write in world.sandbox.mirakl.state(BLOKKER)["writes"] if write["path"].endswith("/accept")
    ]
    assert len(accepted) == 1


def test_an_order_that_stock_does_not_cover_waits_for_a_person(world: ShopWorld) -> None:
    _begin(world)
    world.count("KEU-1002", 1, ago_h=1)
    order_id = world.sandbox.mirakl.place_order(
        BLOKKER, {"lines": [{"sku": "KEU-1002", "quantity": 5}], "force": True}
    )
    _round(world)
    assert world.rows("outbox", kind="channel_acceptance") == []
    assert _order(world, BLOKKER, order_id)["state"] == "WAITING_ACCEPTANCE"
    assert plan_acceptances(world.shop) == 0

    accept_by_hand(world.shop, order_id)
    _round(world)
    assert _order(world, BLOKKER, order_id)["state"] != "WAITING_ACCEPTANCE"


def test_an_acceptance_whose_answer_was_lost_is_looked_for_and_not_repeated(world: ShopWorld) -> None:
    _begin(world)
    order_id = world.sandbox.mirakl.place_order(BLOKKER, {"lines": [{"sku": "KEU-1002", "quantity": 1}]})
    world.sandbox.mirakl.faults.add(Fault("drop_reply_after_acting", match="/accept"))
    world.pass_time(minutes=10)
    world.sweep(BLOKKER)
    plan_acceptances(world.shop)
    dispatch_all(world.shop)
    (effect,) = world.rows("outbox", kind="channel_acceptance")
    assert effect.state == "in_doubt"

    world.pass_time(minutes=6)
    assert dispatch_all(world.shop)["channel_acceptance"].found == 1
    (effect,) = world.rows("outbox", kind="channel_acceptance")
    assert effect.state == "confirmed"
    writes = [
        write for write in world.sandbox.mirakl.state(BLOKKER)["writes"] if write["path"].endswith("/accept")
    ]
    assert len(writes) == 1
    assert _order(world, BLOKKER, order_id)["state"] != "WAITING_ACCEPTANCE"


def test_what_the_shop_sold_meanwhile_is_not_put_on_the_shelf_again(world: ShopWorld) -> None:
    """Shopware lowers its stock with each order: read back before the order is, it shows less than was confirmed."""
    _begin(world)
    world.pass_time(minutes=10)
    world.sandbox.shopware.place_order(WEBSHOP, {"lines": [{"sku": "KEU-1001", "quantity": 2}]})
    assert refresh_offers(world.shop, WEBSHOP).problem is None
    assert push_account(world.shop, WEBSHOP).due == 0
    assert _shown(world, "KEU-1001")[WEBSHOP] == 40

    _round(world)
    assert _shown(world, "KEU-1001")[WEBSHOP] == 40
    row = world.row("channel_stock", account=WEBSHOP, sku="KEU-1001")
    assert (row.confirmed_quantity, row.drift_since) == (40, None)


def test_less_than_was_confirmed_is_mended_once_the_orders_explain_nothing(world: ShopWorld) -> None:
    _begin(world)
    world.pass_time(minutes=10)
    _set_by_hand(world, "KEU-1001", 30)
    assert refresh_offers(world.shop, WEBSHOP).problem is None
    assert push_account(world.shop, WEBSHOP).due == 0
    _round(world)
    assert refresh_offers(world.shop, WEBSHOP).problem is None
    assert push_account(world.shop, WEBSHOP).due == 1
    assert _shown(world, "KEU-1001")[WEBSHOP] == 42


def test_more_than_was_confirmed_is_mended_at_once(world: ShopWorld) -> None:
    _begin(world)
    world.pass_time(minutes=10)
    _set_by_hand(world, "KEU-1001", 50)
    assert refresh_offers(world.shop, WEBSHOP).problem is None
    assert push_account(world.shop, WEBSHOP).due == 1
    assert _shown(world, "KEU-1001")[WEBSHOP] == 42


def _leave(world: ShopWorld, order_number: str, pieces: int, tracking: str) -> None:
    line = ShipmentLine(
        order_number, pieces, clock.now(), sku="KEU-1001", carrier="PostNL", tracking=tracking, row=2
    )
    with world.shop.store.transaction() as connection:
        note_shipment_lines(connection, MAIN, f"parcel {tracking}", [line], 0)
    assert match_shipments(world.shop).lines == 1


def test_two_parcels_of_an_order_reach_the_shop_in_part_and_then_whole_without_a_mail(
    world: ShopWorld,
) -> None:
    _begin(world)
    order_id = world.sandbox.shopware.place_order(WEBSHOP, {"lines": [{"sku": "KEU-1001", "quantity": 2}]})
    _round(world)
    number = _order(world, WEBSHOP, order_id)["order_number"]
    _leave(world, number, 1, "3SAAA1")
    _round(world)
    (delivery,) = _order(world, WEBSHOP, order_id)["deliveries"]
    assert (delivery["state"], delivery["tracking_codes"]) == ("shipped_partially", ["3SAAA1"])

    _leave(world, number, 1, "3SAAA2")
    _round(world)
    _round(world)
    (delivery,) = _order(world, WEBSHOP, order_id)["deliveries"]
    assert (delivery["state"], delivery["tracking_codes"]) == ("shipped", ["3SAAA1", "3SAAA2"])
    assert world.sandbox.shopware.state(WEBSHOP)["mails"] == []
    assert {row.state for row in world.rows("outbox", kind="channel_shipment")} == {"confirmed"}
    assert world.demand("KEU-1001") == 0
    world.assert_ledger_adds_up()


def test_two_parcels_of_an_order_reach_the_operator_one_by_one(world: ShopWorld) -> None:
    _begin(world)
    order_id = world.sandbox.mirakl.place_order(BLOKKER, {"lines": [{"sku": "KEU-1001", "quantity": 2}]})
    _round(world)
    _round(world)
    assert _order(world, BLOKKER, order_id)["state"] == "SHIPPING"
    for tracking in ("3SBBB1", "3SBBB2"):
        _leave(world, order_id, 1, tracking)
        _round(world)
    _round(world)
    parcels = world.sandbox.mirakl.state(BLOKKER)["shipments"]
    assert sorted(parcel["tracking"]["tracking_number"] for parcel in parcels) == ["3SBBB1", "3SBBB2"]
    assert {row.state for row in world.rows("outbox", kind="channel_shipment")} == {"confirmed"}
    assert _order(world, BLOKKER, order_id)["state"] == "SHIPPED"
    assert world.demand("KEU-1001") == 0


def _set_by_hand(world: ShopWorld, sku: str, stock: int) -> None:
    """Somebody changes the number in the shop's own administration."""
    rows = {row["account"]: row for row in world.sandbox.systems()}
    about = rows[WEBSHOP]
    offers = {row["sku"]: row["offer_id"] for row in world.sandbox.shopware.state(WEBSHOP)["offers"]}
    token = requests.post(
        about["token_url"], json={"grant_type": "client_credentials", **about["credentials"]}, timeout=10
    ).json()["access_token"]
    answer = requests.patch(
        f"{about['base_url']}/api/product/{offers[sku]}",
        json={"stock": stock},
        headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
        timeout=10,
    )
    assert answer.status_code == 204


def _files_of_stock(world: ShopWorld) -> int:
    return sum(
        write["path"].endswith("/offers/stock/imports")
        for write in world.sandbox.mirakl.state(BLOKKER)["writes"]
    )


def test_what_a_busy_offer_was_sent_is_confirmed_though_a_newer_number_waits(world: ShopWorld) -> None:
    """The operator takes one file a minute: a number that comes in between must not hide what became of the last."""
    _begin(world)
    before = _files_of_stock(world)
    world.sandbox.shopware.place_order(WEBSHOP, {"lines": [{"sku": "KEU-1001", "quantity": 2}]})
    world.pass_time(minutes=2)
    assert world.sweep(WEBSHOP).problem is None
    assert push_account(world.shop, BLOKKER).accepted == 1

    world.sandbox.shopware.place_order(WEBSHOP, {"lines": [{"sku": "KEU-1001", "quantity": 1}]})
    world.pass_time(seconds=20)
    assert world.sweep(WEBSHOP).problem is None
    # Too early for a file; the report of the last one may be read.
    assert push_account(world.shop, BLOKKER).is_cut_short
    row = world.row("channel_stock", account=BLOKKER, sku="KEU-1001")
    assert (row.desired_quantity, row.sent_quantity, row.confirmed_quantity) == (39, 40, 40)
    assert _files_of_stock(world) - before == 1

    world.pass_time(seconds=45)
    assert push_account(world.shop, BLOKKER).accepted == 1
    world.pass_time(minutes=2)
    assert push_account(world.shop, BLOKKER).confirmed == 1
    row = world.row("channel_stock", account=BLOKKER, sku="KEU-1001")
    assert (row.desired_quantity, row.confirmed_quantity, row.state) == (39, 39, "confirmed")
    assert _files_of_stock(world) - before == 2
    assert _shown(world, "KEU-1001")[BLOKKER] == 39
