"""Two Shopware shops in a merchant's house, with real stores: orders in, stock and parcels out, by the services."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from order_pipelines import clock
from order_pipelines.domain.orders import ShipmentLine
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.accepting import plan_acceptances
from order_pipelines.services.cancelling import request_cancellation
from order_pipelines.services.dispatch import dispatch_all
from order_pipelines.services.intake import sweep_orders
from order_pipelines.services.planning import plan_all
from order_pipelines.services.shipping import match_shipments, note_shipment_lines
from order_pipelines.services.stock_push import push_account, read_back, refresh_offers
from order_pipelines_tests.services.shop_world import ShopWorld, opened_world

NEW, OLD = "webshop", "webshop_65"


def accounts(sandbox: Sandbox, patch: pytest.MonkeyPatch, more: str = "") -> str:
    """Return the settings of both shops, whose secrets are put into the environment."""
    text = ""
    for row in sandbox.systems():
        name = row["account"]
        if row["system"] != "shopware":
            continue
        for key, value in row["credentials"].items():
            patch.setenv(f"{name.upper()}_{key.upper()}", value)
        text += f"""
[accounts.{name}]
system = "shopware"
mode = "live"
effective_from = 2026-01-01
reference_prefix = "{"WEB" if name == NEW else "OLD"}"
base_url = "{row["base_url"]}"
ships_from = "main"
serves = ["main"]
[accounts.{name}.options]
stock_model = "{"6.6" if name == NEW else "6.5"}"
{more}
[accounts.{name}.secrets]
client_id = "{name.upper()}_CLIENT_ID"
client_secret = "{name.upper()}_CLIENT_SECRET"
"""
    return text


@pytest.fixture
def house(
    sandbox: Sandbox, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ShopWorld]:
    """Return a shop on each of the two databases."""
    more = accounts(sandbox, monkeypatch)
    with opened_world(sandbox, store_url, tmp_path, monkeypatch, more=more) as world:
        yield world


def buy(house: ShopWorld, *goods: tuple[str, int], account: str = NEW, **wish: Any) -> str:
    lines = [{"sku": sku, "quantity": pieces} for sku, pieces in goods]
    wanted = {"lines": lines, "force": True, "placed_at": house.sandbox.clock.now().isoformat()}
    return house.sandbox.shopware.place_order(account, wanted | wish)


def shown(house: ShopWorld, sku: str, account: str = NEW) -> tuple[int, int]:
    """Stock and available stock at the shop."""
    offers = house.sandbox.shopware.state(account)["offers"]
    offer = next(offer for offer in offers if offer["sku"] == sku)
    return offer["stock"], offer["available_stock"]


def there(house: ShopWorld, order_id: str) -> dict[str, Any]:
    orders = house.sandbox.shopware.state(NEW)["orders"]
    return next(order for order in orders if order["order_id"] == order_id)


def test_orders_are_booked_and_both_kinds_of_shop_show_what_is_available(house: ShopWorld) -> None:
    """Forty-two on the shelf; two are bought at the new shop and three at the old one: 37 can still be bought."""
    paid = buy(house, ("KEU-1001", 2), promotion="5.00", shipping_discount="4.95")
    buy(house, ("KEU-1001", 3), account=OLD, tax_status="net", business=True)
    sweeps = {sweep.account: sweep for sweep in sweep_orders(house.shop, "shopware")}
    assert {name: (sweep.problem, sweep.listed) for name, sweep in sweeps.items()} == {
        NEW: (None, 1),
        OLD: (None, 1),
    }
    assert house.rows("quarantine", resolved_at=None) == []
    sweep_orders(house.shop, "bol")  # Shares the stock: nothing is raised while its orders are not known.
    head = house.order(paid, NEW)
    assert (head.channel, str(head.order_total_incl_vat), str(head.order_discounts)) == (
        "shopware",
        "74.90",
        "5.00",
    )
    assert (head.payment_status, head.fulfilment_status) == ("paid", "not_shipped")
    assert house.demand("KEU-1001") == 5

    for account in (NEW, OLD):
        assert refresh_offers(house.shop, account).problem is None
        push = push_account(house.shop, account)
        assert (push.problem, push.rejected, push.in_doubt) == (None, 0, 0)
        assert push.confirmed == push.due > 10
        assert read_back(house.shop, account) == 0
        assert push_account(house.shop, account).due == 0
    assert shown(house, "KEU-1001", NEW) == (37, 37)
    assert shown(house, "KEU-1001", OLD) == (40, 37), "this shop takes its three open pieces off itself"
    writes = house.sandbox.shopware.state(NEW)["writes"]
    assert {write["path"] for write in writes} == {"/api/_action/sync"}
    assert len(writes) == 1, "all offers in one call"
    house.assert_ledger_adds_up()


def test_what_was_listed_again_unchanged_is_no_new_version(house: ShopWorld) -> None:
    order_id = buy(house, ("KEU-1001", 1))
    sweep_orders(house.shop, "shopware")
    before = house.order(order_id, NEW).change_seq
    buy(house, ("KEU-1001", 1), account=NEW)
    sweep_orders(house.shop, "shopware")
    assert house.order(order_id, NEW).change_seq == before
    assert house.demand("KEU-1001") == 2


def test_a_parcel_of_a_file_is_announced_once_with_its_code(house: ShopWorld) -> None:
    order_id = buy(house, ("KEU-1001", 2))
    sweep_orders(house.shop, "shopware")
    number = house.order(order_id, NEW).order_number
    parcel = ShipmentLine(number, 2, clock.now(), sku="KEU-1001", carrier="PostNL", tracking="3SWEB1", row=2)
    with house.shop.store.transaction() as connection:
        note_shipment_lines(connection, NEW, "parcels", [parcel], 0)
    assert match_shipments(house.shop).lines == 1
    plan_all(house.shop)
    assert dispatch_all(house.shop)["channel_shipment"].confirmed == 1
    assert dispatch_all(house.shop)["channel_shipment"].confirmed == 0
    (delivery,) = there(house, order_id)["deliveries"]
    assert (delivery["state"], delivery["tracking_codes"]) == ("shipped", ["3SWEB1"])
    assert house.sandbox.shopware.state(NEW)["mails"] == []
    sweep_orders(house.shop, "shopware")
    assert house.order(order_id, NEW).fulfilment_status == "shipped"
    assert house.position("KEU-1001") == (40, 0)


def test_a_cancellation_of_all_lines_gives_the_pieces_back(house: ShopWorld) -> None:
    order_id = buy(house, ("KEU-1001", 2), ("KEU-1004", 1), payments=["open"])
    sweep_orders(house.shop, "shopware")
    assert house.demand("KEU-1001") == 2
    number = house.order(order_id, NEW).order_number
    assert request_cancellation(house.shop, number, reason="OUT_OF_STOCK", account=NEW) == 2
    sent = dispatch_all(house.shop)["channel_cancellation"]
    assert (sent.accepted, sent.confirmed) == (1, 1)
    assert dispatch_all(house.shop)["channel_cancellation"].confirmed == 1
    assert there(house, order_id)["state"] == "cancelled"
    sweep_orders(house.shop, "shopware")
    assert (house.order(order_id, NEW).order_status, house.demand("KEU-1001")) == ("cancelled", 0)
    house.assert_ledger_adds_up()


def test_orders_wait_until_they_were_moved_to_in_progress_where_the_merchant_wants_it(
    sandbox: Sandbox, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = accounts(sandbox, monkeypatch, "in_progress_after_import = true")
    with opened_world(sandbox, sqlite_url, tmp_path, monkeypatch, more=more) as house:
        order_id = buy(house, ("KEU-1001", 2))
        sweep_orders(house.shop, "shopware")
        assert house.order(order_id, NEW).order_status == "waiting_acceptance"
        assert house.demand("KEU-1001") == 2
        assert plan_acceptances(house.shop) == 1
        assert dispatch_all(house.shop)["channel_acceptance"].confirmed == 1
        assert there(house, order_id)["state"] == "in_progress"
        sweep_orders(house.shop, "shopware")
        assert house.order(order_id, NEW).order_status == "open"
        assert plan_acceptances(house.shop) == 0
