"""Buffers from measured lag and demand: two shops share a warehouse, and what one sells the other hears of late."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from order_pipelines import clock
from order_pipelines.cli import cli
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import stock_buffers
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.buffers import measure_buffers
from order_pipelines.services.freshness import StaleLocation, stale_locations
from order_pipelines_tests.operations.moments import at
from order_pipelines_tests.services.booked_shop import line, order, shop_settings
from order_pipelines_tests.services.cart_shop import BOL, WEB, CartShop, cart_settings
from order_pipelines_tests.services.shop_world import opened_world

NOW = at(0, day=28)


@pytest.fixture
def opened(store_url: str) -> Iterator[OperationsStore]:
    """A store, looked at a month later."""
    with clock.frozen(NOW):
        store = open_store(store_url)
        yield store
        store.close()


def _sell(shop: CartShop, account: str, sku: str, *, days: int, pieces: int, known_after: timedelta) -> None:
    """One order a day at noon, the first on the day after the account was first read."""
    versions = []
    for day in range(days + 1):
        placed = at(12, day=28 - days - 1 + day)
        what = order(
            f"{account}-{sku}-{day}",
            line(sku, pieces if day else 1, line_total_incl_vat=Decimal("12.10") * (pieces if day else 1)),
            ordered_at=placed,
            changed_at=placed,
        )
        versions.append(shop.arrived(what, account=account, read_at=placed + known_after))
    shop.book(*versions)


def _shop(store: OperationsStore, **stock: Any) -> CartShop:
    shop = CartShop(store, cart_settings(**stock))
    shop.stock("A", 500)
    return shop


def test_what_the_other_shop_sells_before_we_know_is_held_back(opened: OperationsStore) -> None:
    """Six a day at bol, known two hours later: half a piece on average; three cover 99 of 100 cases."""
    shop = _shop(opened, measured_buffer=True)
    _sell(shop, BOL, "A", days=27, pieces=6, known_after=timedelta(hours=2))
    before = shop.told("A")

    assert measure_buffers(shop.shop) == 1

    row = shop.row("stock_buffers")
    # 27 x 6 + 1 pieces in the 27.5 days since the first order.
    assert (row.account, row.sku, row.buffer, row.lag_seconds) == (WEB, "A", 3, 7200)
    assert row.demand_milli_per_day == 5927
    assert row.lost_per_day == Decimal("0.0000"), "hundreds are left: nobody is refused for three"
    assert shop.told("A") == (before[0] - 3, before[1]), "bol's own orders lower its own stock"


def test_it_is_measured_but_not_held_back_where_the_settings_do_not_ask(opened: OperationsStore) -> None:
    shop = _shop(opened)
    _sell(shop, BOL, "A", days=27, pieces=6, known_after=timedelta(hours=2))
    before = shop.told("A")
    measure_buffers(shop.shop)
    assert shop.row("stock_buffers").buffer == 3
    assert shop.told("A") == before


def test_a_lane_in_real_time_needs_no_buffer(opened: OperationsStore) -> None:
    shop = _shop(opened, measured_buffer=True)
    _sell(shop, BOL, "A", days=27, pieces=600, known_after=timedelta(seconds=2))
    before = shop.told("A")
    measure_buffers(shop.shop)
    row = shop.row("stock_buffers")
    assert (row.buffer, row.lag_seconds) == (0, 2)
    assert shop.told("A") == before


def test_a_faster_lane_gives_the_pieces_back(opened: OperationsStore) -> None:
    shop = _shop(opened, measured_buffer=True)
    _sell(shop, BOL, "A", days=27, pieces=6, known_after=timedelta(hours=2))
    measure_buffers(shop.shop)
    held = shop.told("A")[0]
    later = at(0, day=60)
    with clock.frozen(later):
        placed = [at(hour, day=58) for hour in range(20)]
        shop.book(
            *(
                shop.arrived(
                    order(f"fast-{number}", line("A", 1), ordered_at=moment, changed_at=moment),
                    account=BOL,
                    read_at=moment + timedelta(seconds=1),
                )
                for number, moment in enumerate(placed)
            )
        )
        before = shop.told("A")[0]
        assert before == held - 20
        measure_buffers(shop.shop)
        assert shop.row("stock_buffers").buffer == 0
        assert shop.told("A")[0] == before + 3


def test_what_lay_there_when_the_account_was_connected_measures_nothing(opened: OperationsStore) -> None:
    """A month of orders read in one go is no lag of a month."""
    shop = _shop(opened, measured_buffer=True)
    versions = [
        shop.arrived(
            order(f"old-{day}", line("A", 6), ordered_at=at(12, day=day), changed_at=at(12, day=day)),
            account=BOL,
            read_at=at(23, day=27),
        )
        for day in range(27)
    ]
    shop.book(*versions)
    assert measure_buffers(shop.shop) == 0
    assert shop.rows("stock_buffers") == []


def test_parts_of_bundles_are_held_back_and_priced_when_few_are_left(opened: OperationsStore) -> None:
    """Of each bundle sold at bol two pieces of A go; what the shop sells itself prices them."""
    shop = _shop(opened, measured_buffer=True)
    shop.products(("SET", "high", ()))
    shop.bundle("SET", A=2)
    shop.offer("SET")
    _sell(shop, BOL, "SET", days=27, pieces=6, known_after=timedelta(hours=2))
    _sell(shop, WEB, "A", days=27, pieces=1, known_after=timedelta(hours=1))
    owed = 2 * (27 * 6 + 1) + 28
    assert shop.position("A")[1] == owed
    shop.count("A", owed + 2, at(13, day=27))

    measure_buffers(shop.shop, [WEB])

    row = shop.row("stock_buffers", account=WEB, sku="A")
    # Twelve pieces a day, known after two hours: one on average, four in 99 of 100 cases. Two are left.
    assert (row.buffer, row.demand_milli_per_day) == (4, 11855)
    # One a day at 12.10: P(1 or more) + P(2 or more) of 28 pieces in 27.5 days.
    assert row.lost_per_day == pytest.approx(Decimal("11.01"), abs=Decimal("0.05"))
    assert shop.told("A")[0] == 0


def test_the_command_shows_lag_demand_buffer_and_cost(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, running_sandbox: Sandbox
) -> None:
    with opened_world(running_sandbox, sqlite_url, tmp_path, monkeypatch) as world:
        row = {"account": "bol_main", "sku": "KEU-1001", "buffer": 3, "lag_seconds": 7200}
        row |= {"demand_milli_per_day": 5927, "lost_per_day": Decimal("10.8460"), "computed_at": clock.now()}
        with world.shop.store.transaction() as connection:
            connection.execute(stock_buffers.insert(), [row])
        shown = CliRunner().invoke(
            cli, ["--settings", str(world.path), "buffers", "--account", "bol_main"], catch_exceptions=False
        )
        assert shown.exit_code == 0
        lines = [" ".join(text.split()) for text in shown.output.splitlines()]
        assert "KEU-1001 120 min 5.93 3 € 10,85" in lines
        assert lines[0].startswith("bol_main: not used (measured_buffer), measured ")
        assert lines[-1] == "bol_main: 1 buffer measured"

        measured = CliRunner().invoke(
            cli, ["--settings", str(world.path), "buffers", "--measure"], catch_exceptions=False
        )
        assert measured.output.splitlines() == [
            "bol_main: 0 buffers measured",
            "bol_outlet: 0 buffers measured",
        ]
        assert world.rows("stock_buffers") == []


# ------------------------------------------------------------------------------------------------ freshness


def _stale(shop: CartShop, **places: int | None) -> list[StaleLocation]:
    names = [{"name": name, "max_age_hours": hours} for name, hours in places.items()]
    settings = shop_settings(locations=names, accounts={}, books={})
    with shop.store.reading() as connection:
        return stale_locations(connection, settings)


def test_a_place_that_was_counted_too_long_ago_is_named(opened: OperationsStore) -> None:
    shop = CartShop(opened)
    shop.count("A", 5, NOW - timedelta(hours=30))
    shop.count("B", 5, NOW - timedelta(hours=12))
    shop.count("A", 5, NOW - timedelta(hours=30), "store")
    assert _stale(shop, main=12, store=24, attic=24) == [
        StaleLocation("store", 30.0, 24),
        StaleLocation("attic", None, 24),
    ]
    assert _stale(shop, main=11) == [StaleLocation("main", 12.0, 11)]
    assert _stale(shop, main=None, store=None) == []
