"""A shop whose carts hold stock: channels are told what is left, and the books of stock are checked."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.operations.store import OperationsStore, upsert
from order_pipelines.operations.tables import (
    bundle_parts,
    channel_offers,
    line_demand,
    reservation_lines,
    reservations,
    stock_movements,
    stock_positions,
)
from order_pipelines.services.desired_stock import refresh_desired
from order_pipelines.services.reservations import Item, Reservation, reserve
from order_pipelines.services.shop import Shop
from order_pipelines.services.tokens import StoredTokens
from order_pipelines_tests.operations.moments import at
from order_pipelines_tests.services.booked_shop import BookedShop, shop_settings

WEB, BOL = "webshop", "bol_main"


def cart_settings(*, policy: dict[str, Any] | None = None, **stock: Any) -> Any:
    """Return the settings of a web shop whose carts hold stock, and a bol account beside it."""
    both = {"effective_from": "2026-01-01", "mode": "live", "ships_from": "main", "serves": ["main"]}
    carts = {"enabled": True, "max_share_of_sku": 100, "anonymous_last_piece": True} | (policy or {})
    return shop_settings(
        accounts={
            WEB: {**both, "system": "shopware", "reservations": carts, "stock": stock},
            BOL: {**both, "system": "bol"},
        },
        books={},
    )


class CartShop(BookedShop):
    """Books orders and counts, holds carts, and lists one offer of each article at both channels."""

    def __init__(self, store: OperationsStore, settings: Any = None) -> None:
        super().__init__(store, settings or cart_settings())
        self.shop = Shop(self.settings, store, StoredTokens(store))

    def stock(self, sku: str, pieces: int) -> None:
        """Count an article that the master knows and both channels offer; the shop is told what stands there."""
        self.products((sku, "high", ()))
        self.offer(sku)
        self.count(sku, pieces, at(0))

    def offer(self, *skus: str) -> None:
        with self.store.transaction() as connection:
            rows = [
                {
                    "account": account,
                    "offer_id": f"{account}-{sku}",
                    "ean": None,
                    "reference": sku,
                    "sku": sku,
                    "is_own_fulfilment": True,
                    "subtracts_open_orders": False,
                    "max_quantity": 999,
                    "is_for_sale": True,
                    "stock_set": 0,
                    "stock_shown": 0,
                    "is_listed": True,
                    "seen_at": clock.now(),
                }
                for sku in skus
                for account in (WEB, BOL)
            ]
            upsert(connection, channel_offers, rows)
            refresh_desired(connection, self.settings, skus)

    def bundle(self, bundle: str, **parts: int) -> None:
        with self.store.transaction() as connection:
            rows = [
                {"bundle_sku": bundle, "part_sku": part, "quantity": pieces, "updated_at": clock.now()}
                for part, pieces in parts.items()
            ]
            upsert(connection, bundle_parts, rows)

    def reserve(
        self, *items: tuple[str, int], key: str = "cart", shopper: str | None = "anna"
    ) -> Reservation:
        return reserve(self.shop, WEB, key, [Item(sku, pieces) for sku, pieces in items], shopper=shopper)

    def told(self, sku: str) -> tuple[int, int]:
        """What the web shop and bol are to show of an article."""
        found = {row.account: row.desired_quantity for row in self.rows("channel_stock", sku=sku)}
        return found[WEB], found[BOL]

    def assert_books_balance(self) -> None:
        """Positions are the sum of the ledger, demand that of the lines, reserved that of the live carts."""
        with self.store.reading() as connection:
            moved = _by_place(
                connection,
                stock_movements,
                stock_movements.c.on_hand_delta,
                stock_movements.c.open_demand_delta,
                stock_movements.c.reserved_delta,
            )
            positions = _by_place(
                connection,
                stock_positions,
                stock_positions.c.on_hand,
                stock_positions.c.open_demand,
                stock_positions.c.reserved,
            )
            owed = _by_place(connection, line_demand, line_demand.c.open_quantity)
            held: dict[tuple[str, str], int] = {}
            query = (
                sa.select(
                    reservation_lines.c.part_sku, reservation_lines.c.location, reservation_lines.c.quantity
                )
                .join(reservations, reservations.c.reservation_id == reservation_lines.c.reservation_id)
                .where(reservations.c.state.in_(["live", "confirmed"]))
            )
            for sku, location, pieces in connection.execute(query):
                held[(sku, location)] = held.get((sku, location), 0) + pieces
        assert moved == positions
        assert {place: values[1] for place, values in positions.items() if values[1]} == {
            place: values[0] for place, values in owed.items() if values[0]
        }
        assert {place: values[2] for place, values in positions.items() if values[2]} == held


def _by_place(
    connection: sa.Connection, table: sa.Table, *columns: sa.ColumnElement[Any]
) -> dict[tuple[str, str], tuple[int, ...]]:
    query = sa.select(table.c.sku, table.c.location, *(sa.func.sum(column) for column in columns))
    rows: Sequence[Any] = connection.execute(query.group_by(table.c.sku, table.c.location)).all()
    return {(row[0], row[1]): tuple(int(value) for value in row[2:]) for row in rows}
