"""A shop whose drop folder takes files of supplies, with one offer of some articles at bol."""

from collections.abc import Sequence
from datetime import timedelta

from order_pipelines import clock
from order_pipelines.operations.store import upsert
from order_pipelines.operations.tables import channel_offers
from order_pipelines.services.desired_stock import refresh_desired
from order_pipelines.services.drop_folder import FileResult, take_in
from order_pipelines_tests.services.shop_world import MAIN, ShopWorld

FILES = "files"
AT_ONCE = timedelta(0)
ACCOUNT = """
[accounts.files]
system = "b2b_files"
mode = "live"
effective_from = 2026-01-01
ships_from = "main"
[accounts.files.options]
folder = "in"
currency = "EUR"
prices = "excl_vat"
{more}
"""
PROMISES = "stock.supplier_direct = true\nstock.incoming_days = 30"


def account(*options: str) -> str:
    """Return the settings of the account of files."""
    return ACCOUNT.format(more="\n".join(options))


class SupplyWorld:
    """Drops files and looks at what the store holds then."""

    def __init__(self, world: ShopWorld) -> None:
        self.world = world
        self.shop = world.shop

    def drop(self, name: str, *lines: str) -> FileResult:
        """Take in one text file."""
        return self.drop_bytes(name, "\n".join([*lines, ""]).encode())

    def drop_bytes(self, name: str, content: bytes) -> FileResult:
        path = self.world.path.parent / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        (result,) = take_in(self.shop, FILES, settle=AT_ONCE)
        return result

    def offer(self, *skus: str) -> None:
        """List an offer of each article at bol."""
        with self.shop.store.transaction() as connection:
            row = {
                "account": MAIN,
                "ean": None,
                "is_own_fulfilment": True,
                "subtracts_open_orders": False,
                "max_quantity": 999,
                "is_for_sale": True,
                "stock_set": 0,
                "stock_shown": 0,
                "is_listed": True,
                "seen_at": clock.now(),
            }
            rows = [{**row, "offer_id": f"offer-{sku}", "reference": sku, "sku": sku} for sku in skus]
            upsert(connection, channel_offers, rows)
            refresh_desired(connection, self.shop.settings, skus)

    def told(self, sku: str) -> int | None:
        """What bol is to show, ``None`` when nobody may say."""
        found = self.world.rows("channel_stock", sku=sku)
        return found[0].desired_quantity if found else None

    def on_hand(self, sku: str, location: str = "main") -> int | None:
        found = self.world.rows("stock_positions", sku=sku, location=location)
        return found[0].on_hand if found else None

    def goods(self) -> list[tuple[str, str, str, int]]:
        """Every booked movement of goods: kind, article, location, pieces."""
        kinds = ("received", "returned", "transferred")
        return [
            (row.kind, row.sku, row.location, row.physical_quantity)
            for row in self.world.rows("stock_movements")
            if row.kind in kinds
        ]

    def open_reasons(self) -> list[tuple[int | None, str]]:
        """Row and reason of all that waits for a person."""
        found = [
            (row.source_row, row.reason_code)
            for row in self.world.rows("quarantine", account=FILES)
            if row.resolved_at is None
        ]
        return sorted(found, key=lambda each: (each[0] or 0, each[1]))

    def supplier_rows(self) -> list[tuple[str, str, int]]:
        return [(row.supplier, row.sku, row.quantity) for row in self.world.rows("supplier_stock")]

    def incoming(self) -> list[tuple[str, str, str, int, int]]:
        return [
            (row.purchase_order, row.line_id, row.sku, row.quantity_ordered, row.quantity_received)
            for row in self.world.rows("incoming_stock")
        ]

    def bundles(self) -> list[tuple[str, str, int]]:
        return [(row.bundle_sku, row.part_sku, row.quantity) for row in self.world.rows("bundle_parts")]

    def open_alerts(self) -> Sequence[str]:
        return [row.alert_key for row in self.world.rows("alerts") if row.resolved_at is None]

    def day(self, days: int = 0) -> str:
        """A day as a file writes it, counted from today."""
        return (clock.now() + timedelta(days=days)).date().isoformat()

    def moment(self, hours: float = 0) -> str:
        """A moment as a file writes it, counted from now."""
        return clock.isoformat((clock.now() + timedelta(hours=hours)).replace(microsecond=0))
