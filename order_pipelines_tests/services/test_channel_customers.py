"""Customers of the shop: only where they are asked for, never guests, and nowhere but in their own table."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from order_pipelines.operations.tables import metadata
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.sandbox.standin import Fault
from order_pipelines.services.channel_customers import sweep_customers
from order_pipelines.services.intake import sweep_account
from order_pipelines.services.warehouse_load import build_marts, load_core
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines.warehouse.tables import ALL_TABLES
from order_pipelines_tests.services.aftersales_house import WEB, House, aftersales_house


@pytest.fixture
def house(
    running_sandbox: Sandbox, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    """Return a house that reads the customers of its web shop, on each of the two databases."""
    with aftersales_house(
        running_sandbox, store_url, tmp_path, monkeypatch, web="customers = true"
    ) as opened:
        yield opened


def _buy(house: House, **wish: Any) -> str:
    wanted = {"lines": [{"sku": "KEU-1001", "quantity": 1}], "force": True}
    return house.world.sandbox.shopware.place_order(WEB, wanted | wish)


def _numbers(house: House) -> list[str]:
    return sorted(row.customer_number for row in house.world.rows("channel_customers"))


def _there(house: House) -> list[dict[str, Any]]:
    return list(house.world.sandbox.shopware.shop(WEB).store.rows("customer"))


def test_customers_are_read_by_change_and_guests_are_not(house: House) -> None:
    _buy(house, business=True)
    _buy(house, guest=True)
    sweep = sweep_customers(house.shop, WEB)
    assert (sweep.problem, sweep.listed, sweep.guests, sweep.written) == (None, 2, 1, 1)
    (customer,) = house.world.rows("channel_customers")
    (there,) = [row for row in _there(house) if not row["guest"]]
    assert (customer.customer_number, customer.external_customer_id) == ("10001", there["id"])
    assert customer.buyer["email"] == there["email"]
    assert customer.buyer["is_business"] is True
    assert customer.billing_address["country_code"] == "NL"
    # What was made when it was last read is read once more, and no further time.
    house.world.pass_time(hours=3)
    assert sweep_customers(house.shop, WEB).written == 0
    house.world.pass_time(hours=3)
    _buy(house)
    again = sweep_customers(house.shop, WEB)
    assert (again.listed, again.written) == (1, 1)
    assert _numbers(house) == ["10001", "10003"]


def test_they_are_read_once_an_hour(house: House) -> None:
    assert sweep_customers(house.shop, WEB).is_read is True
    house.world.pass_time(minutes=50)
    assert sweep_customers(house.shop, WEB).is_read is False
    house.world.pass_time(minutes=10)
    assert sweep_customers(house.shop, WEB).is_read is True


def test_without_the_setting_nobody_is_asked_for(
    running_sandbox: Sandbox, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with aftersales_house(running_sandbox, sqlite_url, tmp_path, monkeypatch) as house:
        _buy(house)
        sweep = sweep_customers(house.shop, WEB, deep=True)
        assert (sweep.is_read, sweep.listed, house.world.rows("channel_customers")) == (False, 0, [])


def test_a_newer_version_wins_and_an_older_one_changes_nothing(house: House) -> None:
    _buy(house)
    sweep_customers(house.shop, WEB)
    (there,) = _there(house)
    changed_at = house.world.sandbox.clock.now() + timedelta(minutes=30)
    former, there["email"] = there["email"], "new.address@shopper.example"
    there["updatedAt"] = changed_at.isoformat(timespec="milliseconds")
    house.world.pass_time(hours=1)
    assert sweep_customers(house.shop, WEB).written == 1
    (row,) = house.world.rows("channel_customers")
    assert row.buyer["email"] == "new.address@shopper.example"
    there["email"] = former
    there["updatedAt"] = (changed_at - timedelta(hours=1)).isoformat(timespec="milliseconds")
    house.world.pass_time(hours=1)
    assert sweep_customers(house.shop, WEB, deep=True).written == 0
    (row,) = house.world.rows("channel_customers")
    assert row.buyer["email"] == "new.address@shopper.example"


def test_who_was_deleted_at_the_shop_is_forgotten_with_the_next_deep_sweep(house: House) -> None:
    _buy(house)
    _buy(house)
    sweep_customers(house.shop, WEB)
    assert _numbers(house) == ["10001", "10002"]
    first = next(row for row in _there(house) if row["customerNumber"] == "10001")
    house.world.sandbox.shopware.shop(WEB).store.remove("customer", first["id"])
    house.world.pass_time(hours=1)
    assert sweep_customers(house.shop, WEB).forgotten == 0
    house.world.pass_time(hours=1)
    assert sweep_customers(house.shop, WEB, deep=True).forgotten == 1
    assert _numbers(house) == ["10002"]


def test_a_listing_that_breaks_off_forgets_nobody(house: House) -> None:
    _buy(house)
    sweep_customers(house.shop, WEB)
    house.world.pass_time(hours=1)
    house.world.sandbox.shopware.faults.add(Fault("503", count=None, rate=1.0, match="/search/customer"))
    sweep = sweep_customers(house.shop, WEB, deep=True)
    assert sweep.problem is not None
    assert (sweep.forgotten, _numbers(house)) == (0, ["10001"])


def test_nothing_of_a_customer_is_anywhere_else(house: House, caplog: pytest.LogCaptureFixture) -> None:
    _buy(house)
    sweep_customers(house.shop, WEB)
    sweep_account(house.shop, WEB)
    (there,) = _there(house)
    personal = [there["email"], there["lastName"]]
    own = {"channel_customers", "order_people", "bodies"}
    others = house.all_texts(*(name for name in metadata.tables if name not in own))
    assert [text for text in personal if text in others] == []
    warehouse = Warehouse(
        f"duckdb:///{house.shop.settings.data_dir / 'w.duckdb'}", house.shop.settings.data_dir
    )
    warehouse.migrate()
    load_core(house.shop.store, warehouse)
    build_marts(warehouse)
    loaded = "".join(str(warehouse.query(f"select * from {table.full_name}")) for table in ALL_TABLES)
    assert [text for text in personal if text in loaded] == []
    assert "KEU-1001" in loaded
    assert [text for text in personal if text in caplog.text] == []
