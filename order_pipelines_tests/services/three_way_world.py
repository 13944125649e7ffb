"""A shop at bol, Blokker and a webshop that is booked in Exact, for the three-way comparison; and reading its marts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from order_pipelines import clock
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.dispatch import dispatch_all
from order_pipelines.services.planning import plan_all
from order_pipelines.services.three_way import Compared, read_again
from order_pipelines.services.warehouse_load import build_marts, load_core
from order_pipelines.warehouse.checks import run_check
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines_tests.services.shop_world import MAIN, ShopWorld, opened_world

BLOKKER, WEBSHOP = "blokker", "webshop"
CHANNELS = (MAIN, BLOKKER, WEBSHOP)


def more_accounts(sandbox: Sandbox, patch: pytest.MonkeyPatch, *, mode: str = "live") -> str:
    """Return settings of Blokker and the webshop, booked when ordered: one entry an order, and one a day."""
    rows = {row["account"]: row for row in sandbox.systems()}
    exact = rows["exact"]
    patch.setenv("BLOKKER_KEY", rows[BLOKKER]["credentials"]["api_key"])
    patch.setenv("WEBSHOP_ID", rows[WEBSHOP]["credentials"]["client_id"])
    patch.setenv("WEBSHOP_SECRET", rows[WEBSHOP]["credentials"]["client_secret"])
    common = f'mode = "{mode}"\neffective_from = 2026-01-01\nships_from = "main"\nserves = ["main"]\n'
    booked = (
        f'trigger = "ordered"\nbooks = "exact"\ncustomer = "{exact["customers"]["b2b"]}"\njournal = "70"\n'
    )
    return f"""
[accounts.blokker]
system = "mirakl"
{common}reference_prefix = "BLO"
base_url = "{rows[BLOKKER]["base_url"]}"
[accounts.blokker.secrets]
api_key = "BLOKKER_KEY"
[accounts.blokker.options]
history_days = 10
[accounts.blokker.invoicing]
{booked}grouping = "day"
[accounts.webshop]
system = "shopware"
{common}reference_prefix = "WEB"
base_url = "{rows[WEBSHOP]["base_url"]}"
[accounts.webshop.secrets]
client_id = "WEBSHOP_ID"
client_secret = "WEBSHOP_SECRET"
[accounts.webshop.invoicing]
{booked}
"""


@dataclass
class ThreeWay:
    """The world, its warehouse, and what the comparison makes of both."""

    world: ShopWorld
    warehouse: Warehouse

    @property
    def today(self) -> date:
        return clock.order_date(clock.now())

    def work(self, *, accounts: tuple[str, ...] = CHANNELS) -> None:
        """Read what changed, book what is due; ten minutes later, as the next sweep would."""
        self.world.pass_time(minutes=10)
        for account in accounts:
            assert self.world.sweep(account).problem is None
        plan_all(self.world.shop)
        assert {kind: done.problems for kind, done in dispatch_all(self.world.shop).items()} == {
            "channel_shipment": {},
            "sales_entry": {},
            "channel_acceptance": {},
            "channel_cancellation": {},
            "channel_refund": {},
        }

    def compare(self, **how: Any) -> Compared:
        """Read anew, load, and build the marts; a while later, for Mirakl lists orders once a minute."""
        self.world.pass_time(minutes=2)
        compared = read_again(self.world.shop, **how)
        self.load()
        return compared

    def load(self) -> None:
        load_core(self.world.shop.store, self.warehouse)
        build_marts(self.warehouse)

    def day(self, account: str, day: date | None = None) -> dict[str, Any]:
        """Return the day's row, less what is 0.00 and no difference."""
        (row,) = self.warehouse.query(
            "select * from mart.three_way_per_day where account = $1 and order_date = $2",
            [account, day or self.today],
        ).to_pylist()
        assert isinstance(row, dict)
        return row

    def differences(self, account: str, day: date | None = None) -> dict[str, Decimal]:
        """Return the named differences of a day that are not 0.00."""
        sides = {"channel_incl_vat", "warehouse_incl_vat", "books_incl_vat"}
        return {
            name.removesuffix("_incl_vat"): value
            for name, value in self.day(account, day).items()
            if isinstance(value, Decimal) and value and name not in sides
        }

    def sides(self, account: str, day: date | None = None) -> tuple[Any, Any, Any]:
        row = self.day(account, day)
        return row["channel_incl_vat"], row["warehouse_incl_vat"], row["books_incl_vat"]

    def failing(self) -> list[tuple[str, str | None]]:
        """Return (account, suspects) of the days that the check names; the sums hold in any case."""
        assert run_check(self.warehouse, "three_way_adds_up").to_pylist() == []
        found = run_check(self.warehouse, "three_way_is_explained").to_pylist()
        return sorted((row["account"], row["suspects"]) for row in found)

    def buy_at_webshop(self, sku: str = "KEU-1001", pieces: int = 1, **wish: Any) -> str:
        wanted = {"lines": [{"sku": sku, "quantity": pieces}], "shipping": "0", **wish}
        return self.world.sandbox.shopware.place_order(WEBSHOP, wanted)

    def buy_at_blokker(self, sku: str = "KEU-1001", pieces: int = 1, **wish: Any) -> str:
        wanted = {"lines": [{"sku": sku, "quantity": pieces}], "force": True, "shipping_price": "0", **wish}
        return self.world.sandbox.mirakl.place_order(BLOKKER, wanted)

    def days_ago(self, days: float) -> str:
        return (clock.now() - timedelta(days=days)).isoformat()


@contextmanager
def opened_three_way(
    sandbox: Sandbox,
    store_url: str,
    folder: Path,
    patch: pytest.MonkeyPatch,
    *,
    mode: str = "live",
    at: datetime | None = None,
) -> Iterator[ThreeWay]:
    """Open the shop on a store and its warehouse: DuckDB beside SQLite, PostgreSQL beside PostgreSQL.

    It is noon of tomorrow, so that minutes and hours stay in one day, or ``at``.
    """
    with opened_world(
        sandbox, store_url, folder, patch, more=more_accounts(sandbox, patch, mode=mode)
    ) as world:
        embedded = f"duckdb:///{folder / 'warehouse.duckdb'}"
        url = embedded if store_url.startswith("sqlite") else store_url
        begins = at or datetime.combine(clock.now().date() + timedelta(days=1), time(11), UTC)
        world.pass_time((begins - clock.now()).total_seconds())
        # A consent ends when nobody uses it for a month of the world's time.
        patch.setenv("EXACT_REFRESH_TOKEN", sandbox.exact_online.consent("exact"))
        for account in CHANNELS:
            # The first reading of an account: everything after it is a change.
            assert world.sweep(account).problem is None
        yield ThreeWay(world, Warehouse(url, folder))
