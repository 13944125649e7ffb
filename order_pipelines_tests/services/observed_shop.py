"""An observing merchant beside another program that does the work: two channels over one stock, and days that pass."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from order_pipelines import clock
from order_pipelines.domain.orders import ShipmentLine
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.planning import plan_all
from order_pipelines.services.shadow import Comparison, compare_account
from order_pipelines.services.shadow_facts import Facts, read_facts
from order_pipelines.services.shipping import match_shipments, note_shipment_lines
from order_pipelines.services.shop import Shop
from order_pipelines.settings import load_settings
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld, opened_world

BLOKKER = "blokker"
CHANNELS = (MAIN, BLOKKER)
_APART = timedelta(seconds=65)


def _blokker(sandbox: Sandbox, patch: pytest.MonkeyPatch) -> str:
    rows = {row["account"]: row for row in sandbox.systems()}
    patch.setenv("BLOKKER_KEY", rows[BLOKKER]["credentials"]["api_key"])
    return f"""
[accounts.blokker]
system = "mirakl"
mode = "live"
effective_from = 2026-01-01
ships_from = "main"
serves = ["main"]
base_url = "{rows[BLOKKER]["base_url"]}"
[accounts.blokker.secrets]
api_key = "BLOKKER_KEY"
[accounts.blokker.options]
multi_shipment = true
history_days = 10
"""


@dataclass
class ObservedShop(ShopWorld):
    """The shop while somebody else runs it. ``shelf`` is what lies in the warehouse and is promised to nobody."""

    shelf: dict[str, int] = field(default_factory=dict)
    swept_at: datetime | None = None

    def until_nine(self) -> None:
        """Let time pass until nine o'clock (Amsterdam) of the next day."""
        today = clock.order_date(clock.now())
        first, after = clock.day_bounds(today + timedelta(days=1))
        del after
        self.pass_time((first + timedelta(hours=9) - clock.now()).total_seconds())

    # --- settings ---

    def change_settings(self, old: str, new: str, *accounts: str) -> None:
        """Change one line of accounts in the settings file, and let every process start again with it."""
        text = self.path.read_text(encoding="utf-8")
        for account in accounts:
            pattern = rf"(\[accounts\.{account}\]\n(?:(?!\[).*\n)*?){re.escape(old)}\n"
            text, count = re.subn(pattern, lambda found: f"{found.group(1)}{new}\n", text)
            assert count == 1, (account, old)
        self.path.write_text(text, encoding="utf-8")
        self.restart()

    def remove_account(self, account: str) -> None:
        """Take every section of an account out of the settings file."""
        text = self.path.read_text(encoding="utf-8")
        text = re.sub(rf"\[accounts\.{account}(?:\.\w+)?\]\n(?:(?!\[).*\n)*", "", text)
        self.path.write_text(text, encoding="utf-8")
        self.restart()

    def restart(self) -> None:
        self.shop.close()
        self.shop = Shop.open(load_settings(self.path))

    def observe(self, *accounts: str) -> None:
        self.change_settings('mode = "live"', 'mode = "observe"', *accounts)

    def go_live(self, *accounts: str) -> None:
        self.change_settings('mode = "observe"', 'mode = "live"', *accounts)

    # --- the other program ---

    def says_stock(self, *, account: str | None = None, **other: int) -> None:
        """Write its numbers at the channels, past their APIs; ``other`` are SKUs (``_`` for ``-``) it gets wrong."""
        wrong = {name.replace("_", "-"): pieces for name, pieces in other.items()}
        numbers = self.shelf | wrong
        if account in {None, MAIN}:
            for offer in self.sandbox.bol.desk(MAIN).shop.offers.values():
                if offer.sku in numbers and offer.fulfilment_method == "FBR":
                    offer.write_stock(numbers[offer.sku], True, self.sandbox.clock.now())
        if account in {None, BLOKKER}:
            for at_mirakl in self.sandbox.mirakl.desks[BLOKKER].shop.offers.values():
                if at_mirakl.sku in numbers:
                    at_mirakl.quantity = numbers[at_mirakl.sku]

    def sells(self, account: str, sku: str, pieces: int = 1) -> str:
        """Let a shopper buy; the other program knows at once."""
        self.shelf[sku] -= pieces
        if account == MAIN:
            return self.buy((sku, pieces))
        return self.sandbox.mirakl.place_order(BLOKKER, {"lines": [{"sku": sku, "quantity": pieces}]})

    def does(self, order_id: str, action: str, **detail: Any) -> None:
        """Let the other program do something to a Mirakl order."""
        self.sandbox.mirakl.act(BLOKKER, order_id, action, detail)
        # The buyer's bank takes twenty seconds.
        self.pass_time(seconds=30)

    def ships_at_bol(self, order_id: str) -> None:
        self.act(order_id, "ship")

    def mirakl_order(self, order_id: str) -> dict[str, Any]:
        orders = self.sandbox.mirakl.state(BLOKKER)["orders"]
        return next(row for row in orders if row["order_id"] == order_id)

    # --- us ---

    def parcel(
        self, order_id: str, sku: str, pieces: int = 1, tracking: str = "3SA", account: str = MAIN
    ) -> None:
        """Let the warehouse's file of parcels name one."""
        line = ShipmentLine(
            order_id, pieces, clock.now(), sku=sku, carrier="PostNL", tracking=tracking, row=2
        )
        with self.shop.store.transaction() as connection:
            note_shipment_lines(connection, account, f"parcel {tracking}", [line], 0)
        assert match_shipments(self.shop).lines == 1

    def round(self) -> dict[str, Comparison]:
        """A sweep and a comparison of every channel, more than a minute after the last: Mirakl lists no sooner."""
        now = clock.now()
        if self.swept_at is not None and now - self.swept_at < _APART:
            self.pass_time(_APART.total_seconds())
        self.swept_at = clock.now()
        for account in (*CHANNELS, OUTLET):
            if account in self.shop.settings.accounts:
                assert self.sweep(account).problem is None
        plan_all(self.shop)
        return {
            account: compare_account(self.shop, account)
            for account in CHANNELS
            if account in self.shop.settings.accounts and self.shop.account(account).mode == "observe"
        }

    def rounds(self, count: int, *, minutes: int = 60) -> None:
        for _ in range(count):
            self.round()
            self.pass_time(minutes=minutes)

    def facts(self, account: str = MAIN) -> Facts:
        (found,) = read_facts(self.shop.store, self.shop.settings, account)
        return found

    def differences(self, account: str = MAIN) -> list[tuple[str, str, str, str, bool]]:
        """Kind, SKU or order, ours, theirs, whether it counts."""
        return [
            (each.kind, each.sku or each.subject, each.ours, each.theirs, each.is_counted)
            for each in self.facts(account).differences
        ]

    def written(self) -> list[dict[str, Any]]:
        """Every write that any channel and the books received."""
        return [
            *self.writes(MAIN),
            *self.writes(OUTLET),
            *self.sandbox.mirakl.state(BLOKKER)["writes"],
            *self.sandbox.exact_online.state("exact")["writes"],
        ]


@contextmanager
def observed_shop(
    sandbox: Sandbox, store_url: str, folder: Path, patch: pytest.MonkeyPatch, **changes: str
) -> Iterator[ObservedShop]:
    """Open the shop of a merchant who observes everything, while the other program has said its numbers."""
    more = _blokker(sandbox, patch) + changes.pop("more", "")
    with opened_world(sandbox, store_url, folder, patch, more=more, **changes) as world:
        shelf = {one.sku: one.stock_main for one in sandbox.catalogue.products}
        shop = ObservedShop(world.sandbox, world.shop, world.path, shelf=shelf)
        # Only kitchen goods, so that a listing is one page.
        for account in (MAIN, OUTLET):
            offers = sandbox.bol.desk(account).shop.offers
            for offer_id in [
                key for key, offer in offers.items() if not (offer.sku or "").startswith("KEU-")
            ]:
                del offers[offer_id]
        # Nine in the morning, so that hours that pass stay within the day they are meant to.
        shop.until_nine()
        shop.observe(MAIN, OUTLET, BLOKKER, "exact")
        # Channels date orders in whole seconds: what is bought now would seem to be of before.
        shop.pass_time(minutes=1)
        shop.says_stock()
        try:
            yield shop
        finally:
            shop.shop.close()
