"""The connector in the house: orders of an operator booked, accepted, their stock taken and pushed, shipped."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from order_pipelines import clock
from order_pipelines.domain.orders import ShipmentLine
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.cancelling import request_cancellation
from order_pipelines.services.dispatch import dispatch_all
from order_pipelines.services.intake import sweep_account
from order_pipelines.services.planning import plan_all
from order_pipelines.services.shipping import match_shipments, note_shipment_lines
from order_pipelines.services.stock_push import push_account, refresh_offers
from order_pipelines_tests.connectors.mirakl.mirakl_world import FIRST, SECOND
from order_pipelines_tests.services.shop_world import ShopWorld, opened_world


def _account(sandbox: Sandbox, name: str, options: str) -> str:
    row = next(row for row in sandbox.systems() if row["account"] == name)
    return f"""
[accounts.{name}]
system = "mirakl"
mode = "live"
effective_from = 2026-01-01
reference_prefix = "{name[:3].upper()}"
base_url = "{row["base_url"]}"
ships_from = "main"
serves = ["main"]
[accounts.{name}.options]
{options}
[accounts.{name}.secrets]
api_key = "{name.upper()}_KEY"
"""


@pytest.fixture
def house(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ShopWorld]:
    """Return a shop that sells at bol and at both operators, on each of the two databases."""
    with Sandbox(control_port=0, relaxed=True) as sandbox:
        for row in sandbox.systems():
            if row["system"] == "mirakl":
                monkeypatch.setenv(f"{row['account'].upper()}_KEY", row["credentials"]["api_key"])
        more = _account(sandbox, FIRST, "multi_shipment = true") + _account(sandbox, SECOND, "")
        with opened_world(sandbox, store_url, tmp_path, monkeypatch, more=more) as world:
            yield world
    clock.follow(0)


def _buy(house: ShopWorld, account: str, sku: str = "KEU-1001", pieces: int = 2, **wish: Any) -> str:
    return house.sandbox.mirakl.place_order(
        account, {"lines": [{"sku": sku, "quantity": pieces}], "force": True, **wish}
    )


def _order_there(house: ShopWorld, account: str, order_id: str) -> dict[str, Any]:
    orders = house.sandbox.mirakl.state(account)["orders"]
    found: dict[str, Any] = next(order for order in orders if order["order_id"] == order_id)
    return found


def test_an_order_without_tax_is_booked_with_it_and_takes_stock(house: ShopWorld) -> None:
    order_id = _buy(house, SECOND)
    sweep = sweep_account(house.shop, SECOND)
    assert sweep.problem is None
    row = house.order(order_id, SECOND)
    assert (row.order_status, row.payment_status, row.currency_code) == (
        "waiting_acceptance",
        "unpaid",
        "EUR",
    )
    # 66.04 and 3.95 shipping without tax; 13.87 and 0.83 tax beside them.
    assert (row.order_total_incl_vat, row.order_total_current_incl_vat) == (
        Decimal("84.69"),
        Decimal("84.69"),
    )
    assert house.demand("KEU-1001") == 2
    assert house.reasons(order_id, SECOND) == {}


def test_a_screened_order_takes_no_stock_before_it_leaves_screening(house: ShopWorld) -> None:
    order_id = _buy(house, FIRST, staging=True)
    sweep_account(house.shop, FIRST)
    assert house.order(order_id, FIRST).order_status == "pending"
    assert house.demand("KEU-1001") == 0
    house.sandbox.mirakl.act(FIRST, order_id, "release", {})
    house.pass_time(61)
    sweep_account(house.shop, FIRST)
    assert house.order(order_id, FIRST).order_status == "waiting_acceptance"
    assert house.demand("KEU-1001") == 2


def test_an_order_that_waits_is_accepted_once(house: ShopWorld) -> None:
    order_id = _buy(house, FIRST)
    sweep_account(house.shop, FIRST)
    for _ in range(2):
        plan_all(house.shop)
        dispatch_all(house.shop)
        house.pass_time(61)
        sweep_account(house.shop, FIRST)
    assert _order_there(house, FIRST, order_id)["state"] == "SHIPPING"
    assert house.order(order_id, FIRST).order_status == "open"
    accepts = [
        write for write in house.sandbox.mirakl.state(FIRST)["writes"] if write["path"].endswith("/accept")
    ]
    assert len(accepts) == 1


def test_stock_goes_out_in_one_file_and_is_confirmed_by_its_report(house: ShopWorld) -> None:
    for account in (FIRST, SECOND, "bol_main", "bol_outlet"):
        sweep_account(house.shop, account)
    refresh_offers(house.shop, FIRST)
    _buy(house, FIRST, "KEU-1001", 3)
    house.pass_time(61)
    sweep_account(house.shop, FIRST)
    first = push_account(house.shop, FIRST)
    assert (first.problem, first.rejected) == (None, 0)
    assert first.accepted > 0
    house.pass_time(120)
    push_account(house.shop, FIRST)
    imports = house.sandbox.mirakl.state(FIRST)["imports"]
    assert [(one["kind"], one["lines_in_error"]) for one in imports] == [("STOCK", 0)]
    on_hand, owed = house.position("KEU-1001")
    (offer,) = [one for one in house.sandbox.mirakl.state(FIRST)["offers"] if one["sku"] == "KEU-1001"]
    assert offer["quantity"] == on_hand - owed
    row = house.row("channel_stock", account=FIRST, offer_id="KEU-1001")
    assert (row.confirmed_quantity, row.state) == (offer["quantity"], "confirmed")


def _accepted(house: ShopWorld, account: str, **wish: Any) -> str:
    order_id = _buy(house, account, **wish)
    house.sandbox.mirakl.act(account, order_id, "accept", {})
    house.pass_time(61)
    sweep_account(house.shop, account)
    assert house.order(order_id, account).order_status == "open"
    return order_id


def _pack(house: ShopWorld, account: str, order_id: str, pieces: int, tracking: str) -> None:
    """Tell the house of a parcel as a shipment file does, and let it be announced."""
    line = ShipmentLine(
        order_id,
        pieces,
        clock.now(),
        line_id=f"{order_id}-1",
        carrier="PostNL",
        tracking=tracking,
        account=account,
    )
    with house.shop.store.transaction() as connection:
        note_shipment_lines(connection, account, f"file-{tracking}", [line], 1)
    match_shipments(house.shop)
    plan_all(house.shop)
    dispatch_all(house.shop)


def test_parcels_are_announced_one_by_one_where_the_operator_takes_them(house: ShopWorld) -> None:
    order_id = _accepted(house, FIRST)
    for tracking in ("3S1", "3S2"):
        _pack(house, FIRST, order_id, 1, tracking)
    parcels = house.sandbox.mirakl.state(FIRST)["shipments"]
    assert [(one["status"], one["lines"][0]["quantity"]) for one in parcels] == [
        ("SHIPPED", 1),
        ("SHIPPED", 1),
    ]
    assert {row.state for row in house.rows("outbox", kind="channel_shipment")} == {"confirmed"}


def test_a_whole_order_is_announced_with_its_carrier(house: ShopWorld) -> None:
    order_id = _accepted(house, SECOND)
    _pack(house, SECOND, order_id, 2, "3S1")
    order = _order_there(house, SECOND, order_id)
    assert (order["state"], order["carrier_code"], order["tracking_number"]) == ("SHIPPED", "PNL", "3S1")


def test_a_line_is_cancelled_on_a_persons_word(house: ShopWorld) -> None:
    order_id = _accepted(house, FIRST)
    assert request_cancellation(house.shop, order_id, reason="Niet op voorraad") == 1
    house.pass_time(61)
    dispatch_all(house.shop)
    assert _order_there(house, FIRST, order_id)["lines"][0]["cancelled"] == 2
    house.pass_time(61)
    sweep_account(house.shop, FIRST)
    assert house.order(order_id, FIRST).order_status == "cancelled"
    assert house.demand("KEU-1001") == 0
