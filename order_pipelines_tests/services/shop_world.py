"""One merchant's shop against the sandbox over HTTP: settings, product master, opening counts, one clock."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.operations.ledger import Ledger
from order_pipelines.operations.store import CHANGE, next_values, upsert
from order_pipelines.operations.tables import (
    audit_log,
    counters,
    line_demand,
    metadata,
    product_eans,
    products,
    stock_movements,
    stock_positions,
)
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.sandbox.standin import Fault
from order_pipelines.services.intake import Sweep, sweep_account
from order_pipelines.services.shop import Shop
from order_pipelines.settings import Settings, load_settings

MAIN = "bol_main"
OUTLET = "bol_outlet"
REPLY_TIMEOUT_S = 0.4
"""What a test with a hanging system waits at most; in the settings the least is five seconds."""


@dataclass
class ShopWorld:
    """The outside (sandbox) and the inside (shop), on one clock."""

    sandbox: Sandbox
    shop: Shop
    path: Path
    slept: list[float] = field(default_factory=list)

    # --- outside ---

    def buy(self, *goods: tuple[str, int], account: str = MAIN, ago_h: float = 0, **wish: Any) -> str:
        """Let a shopper buy ``(SKU or EAN, pieces)``; return the order id."""
        lines = [
            {("ean" if name.isdigit() else "sku"): name, "quantity": pieces}
            for name, pieces in (goods or (("KEU-1001", 1),))
        ]
        placed_at = self.sandbox.clock.now() - timedelta(hours=ago_h)
        wanted = {"lines": lines, "force": True, "placed_at": placed_at.isoformat()}
        return self.sandbox.bol.place_order(account, wanted | wish)

    def act(self, order_id: str, action: str, account: str = MAIN, **detail: Any) -> None:
        self.sandbox.bol.act(account, order_id, action, detail)

    def bol(self, account: str = MAIN) -> dict[str, Any]:
        return self.sandbox.bol.state(account)

    def bol_order(self, order_id: str, account: str = MAIN) -> dict[str, Any]:
        return next(order for order in self.bol(account)["orders"] if order["order_id"] == order_id)

    def bol_offer(self, sku: str, account: str = MAIN) -> dict[str, Any]:
        return next(offer for offer in self.bol(account)["offers"] if offer["sku"] == sku)

    def writes(self, account: str = MAIN) -> list[dict[str, Any]]:
        """Every write that reached bol for an account."""
        return list(self.bol(account)["writes"])

    def entries(self) -> list[dict[str, Any]]:
        """Every sales entry in the books."""
        return list(self.sandbox.exact_online.state("exact")["entries"])

    def fault(self, kind: str, system: str = "bol", **detail: Any) -> None:
        standin = self.sandbox.bol if system == "bol" else self.sandbox.exact_online
        if "rate" in detail:
            detail["count"] = None
        standin.faults.add(Fault(kind, **detail))

    def clear_faults(self) -> None:
        self.sandbox.bol.faults.clear()
        self.sandbox.exact_online.faults.clear()

    def pass_time(self, seconds: float = 0, **more: float) -> None:
        """Let time pass outside and inside."""
        offset = self.sandbox.clock.offset_s + timedelta(seconds=seconds, **more).total_seconds()
        self.sandbox.clock.set_offset(offset)
        clock.follow(offset)

    # --- inside ---

    def sweep(self, account: str = MAIN, *, deep: bool = False) -> Sweep:
        return sweep_account(self.shop, account, deep=deep)

    def rows(self, table: str, **where: Any) -> list[Any]:
        chosen = metadata.tables[table]
        query = sa.select(chosen).order_by(*chosen.primary_key)
        for name, value in where.items():
            query = query.where(chosen.c[name] == value)
        with self.shop.store.reading() as connection:
            return list(connection.execute(query))

    def row(self, table: str, **where: Any) -> Any:
        (found,) = self.rows(table, **where)
        return found

    def order(self, order_id: str, account: str = MAIN) -> Any:
        return self.row("orders", order_key=f"{account}:{order_id}")

    def reasons(self, order_id: str, account: str = MAIN) -> dict[str, str]:
        """Open quarantine of an order: reason code → sentence."""
        return {
            row.reason_code: row.reason
            for row in self.rows("quarantine", entity_key=f"{account}:{order_id}")
            if row.resolved_at is None
        }

    def demand(self, sku: str) -> int:
        with self.shop.store.reading() as connection:
            query = sa.select(sa.func.coalesce(sa.func.sum(line_demand.c.open_quantity), 0)).where(
                line_demand.c.sku == sku
            )
            return int(connection.execute(query).scalar_one())

    def position(self, sku: str, location: str = "main") -> tuple[int, int]:
        row = self.row("stock_positions", sku=sku, location=location)
        return row.on_hand, row.open_demand

    def count(self, sku: str, quantity: int, location: str = "main", *, ago_h: float = 120) -> None:
        from order_pipelines.services.desired_stock import refresh_desired

        with self.shop.store.transaction() as connection:
            ledger = Ledger(connection)
            taken_at = clock.now() - timedelta(hours=ago_h)
            ledger.count((sku, location), quantity, taken_at, cause="count")
            skus = ledger.flush(next_values(connection, CHANGE))
            refresh_desired(connection, self.shop.settings, skus)

    def change_seq(self) -> int:
        return int(self.row("counters", name="change_seq").value)

    def add_products(self, rows: Sequence[tuple[str, str | None, Sequence[str]]]) -> None:
        """Put (SKU, VAT class, EANs) into the product master."""
        with self.shop.store.transaction() as connection:
            first = next_values(connection, CHANGE, len(rows))
            upsert(
                connection,
                products,
                [
                    {
                        "sku": sku,
                        "name": sku,
                        "vat_class": vat_class,
                        "source": "file",
                        "updated_at": clock.now(),
                        "change_seq": number,
                    }
                    for number, (sku, vat_class, _) in enumerate(rows, start=first)
                ],
            )
            upsert(
                connection,
                product_eans,
                [{"ean": ean, "sku": sku} for sku, _, eans in rows for ean in eans],
            )

    def assert_ledger_adds_up(self) -> None:
        """Positions are the sums of their movements, demand is the sum of the lines', and none is negative."""
        with self.shop.store.reading() as connection:
            moved = {
                (row.sku, row.location): (int(row.on_hand), int(row.open_demand))
                for row in connection.execute(
                    sa.select(
                        stock_movements.c.sku,
                        stock_movements.c.location,
                        sa.func.sum(stock_movements.c.on_hand_delta).label("on_hand"),
                        sa.func.sum(stock_movements.c.open_demand_delta).label("open_demand"),
                    ).group_by(stock_movements.c.sku, stock_movements.c.location)
                )
            }
            positions = {
                (row.sku, row.location): (row.on_hand, row.open_demand)
                for row in connection.execute(sa.select(stock_positions))
            }
            owed = {
                (row.sku, row.location): int(row.pieces)
                for row in connection.execute(
                    sa.select(
                        line_demand.c.sku,
                        line_demand.c.location,
                        sa.func.sum(line_demand.c.open_quantity).label("pieces"),
                    ).group_by(line_demand.c.sku, line_demand.c.location)
                )
            }
        assert moved == positions
        assert {place: demand for place, (_, demand) in positions.items() if demand} == {
            place: pieces for place, pieces in owed.items() if pieces
        }
        assert all(demand >= 0 for _, demand in positions.values())


def settings_text(sandbox: Sandbox, store_url: str, **changes: str) -> str:
    """Return a settings file for both bol accounts and the books. ``changes`` are added to the named account."""
    rows = {row["account"]: row for row in sandbox.systems()}
    exact = rows["exact"]
    gl, journals = exact["gl_accounts"], exact["journals"]
    text = f"""
[merchant]
name = "De Vries Wonen"
[stores]
operations_url = "{store_url}"
[[locations]]
name = "main"
[[locations]]
name = "store"
[vat.rates.NL]
high = 21
low = 9
[vat.rates.BE]
high = 21
low = 6
"""
    for name, prefix in ((MAIN, "BOL"), (OUTLET, "OUT")):
        row = rows[name]
        text += f"""
[accounts.{name}]
system = "bol"
mode = "live"
effective_from = 2026-01-01
reference_prefix = "{prefix}"
base_url = "{row["base_url"]}"
token_url = "{row["token_url"]}"
ships_from = "main"
serves = ["main"]
{changes.get(name, "")}
[accounts.{name}.options]
history_days = 10
[accounts.{name}.secrets]
client_id = "{name.upper()}_ID"
client_secret = "{name.upper()}_SECRET"
[accounts.{name}.invoicing]
trigger = "shipped"
books = "exact"
customer = "{exact["customers"][name]}"
journal = "{journals["sales"]}"
{changes.get(f"{name}_invoicing", "")}
"""
    text += f"""
[accounts.exact]
system = "exact_online"
mode = "live"
effective_from = 2026-01-01
base_url = "{exact["base_url"]}"
token_url = "{exact["token_url"]}"
{changes.get("exact", "")}
[accounts.exact.secrets]
client_id = "EXACT_CLIENT_ID"
client_secret = "EXACT_CLIENT_SECRET"
refresh_token = "EXACT_REFRESH_TOKEN"
[accounts.exact.options]
division = {exact["division"]}
redirect_uri = "https://winkel.example/exact"
[books.exact]
rounding_ledger_account = "{gl["rounding"]}"
"""
    for country, vat_class, account, code in (
        ("NL", "high", gl["revenue_high"], exact["vat_codes"]["nl_21_excl"]),
        ("NL", "low", gl["revenue_low"], exact["vat_codes"]["nl_9_excl"]),
    ):
        text += f"""
[[books.exact.mapping]]
country = "{country}"
vat_class = "{vat_class}"
ledger_account = "{account}"
vat_code = "{code}"
"""
    return text + changes.get("more", "")


def set_secrets(sandbox: Sandbox, patch: pytest.MonkeyPatch) -> None:
    """Put the credentials that the sandbox made up into the environment."""
    rows = {row["account"]: row for row in sandbox.systems()}
    for name in (MAIN, OUTLET):
        patch.setenv(f"{name.upper()}_ID", rows[name]["credentials"]["client_id"])
        patch.setenv(f"{name.upper()}_SECRET", rows[name]["credentials"]["client_secret"])
    for key, value in rows["exact"]["credentials"].items():
        patch.setenv(f"EXACT_{key.upper()}", value)


def impatient(settings: Settings, seconds: float = REPLY_TIMEOUT_S) -> Settings:
    """Return the settings with a deadline that a test can wait for."""
    cadence = settings.cadence.model_copy(update={"account_deadline_s": seconds, "deep_deadline_s": seconds})
    return settings.model_copy(update={"cadence": cadence})


@contextmanager
def opened_world(
    sandbox: Sandbox, store_url: str, folder: Path, patch: pytest.MonkeyPatch, **changes: str
) -> Iterator[ShopWorld]:
    """Begin a new world, write its settings and open the shop; products and opening counts are there."""
    sandbox.reset()
    clock.follow(0)
    set_secrets(sandbox, patch)
    path = folder / "settings.toml"
    path.write_text(settings_text(sandbox, store_url, **changes), encoding="utf-8")
    shop = Shop.open(load_settings(path))
    world = ShopWorld(sandbox, shop, path)
    try:
        _open_for_business(world)
        yield world
    finally:
        shop.close()
        clock.follow(0)


# What opening a shop wrote: the ledger asks the store several times per counted article, which every test would pay.
_opening: dict[str, list[dict[str, Any]]] = {}


def _open_for_business(world: ShopWorld) -> None:
    """Fill the product master and count the shelves; done once per process, then put into each new store as it was."""
    if not _opening:
        goods = world.sandbox.catalogue.products
        world.add_products([(one.sku, one.vat_class, one.eans) for one in goods])
        _open_with_counts(world, {one.sku: one.stock_main for one in goods})
        with world.shop.store.reading() as connection:
            for table in metadata.sorted_tables:
                # What a shop decided is its own: each store keeps the log that its own opening wrote.
                if table is audit_log:
                    continue
                if rows := [dict(row) for row in connection.execute(sa.select(table)).mappings()]:
                    _opening[table.name] = rows
        return
    with world.shop.store.transaction() as connection:
        decided = connection.execute(sa.select(sa.func.max(audit_log.c.audit_seq))).scalar_one()
        for name, rows in _opening.items():
            connection.execute(metadata.tables[name].delete())
            connection.execute(metadata.tables[name].insert(), rows)
        connection.execute(sa.update(counters).where(counters.c.name == "audit_seq").values(value=decided))


def _open_with_counts(world: ShopWorld, pieces: dict[str, int]) -> None:
    taken_at: datetime = clock.now() - timedelta(days=5)
    with world.shop.store.transaction() as connection:
        ledger = Ledger(connection)
        for sku, quantity in pieces.items():
            ledger.count((sku, "main"), quantity, taken_at, cause="opening")
        ledger.flush(next_values(connection, CHANGE))
