"""A shop without an outside: orders are made by hand, so that rules can be tried thousands of times."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from order_pipelines.domain.orders import Order, OrderLine
from order_pipelines.operations.inbox import content_hash
from order_pipelines.operations.ledger import Ledger
from order_pipelines.operations.store import CHANGE, OperationsStore, next_values, upsert
from order_pipelines.operations.tables import metadata, product_eans, products, shipment_evidence
from order_pipelines.services.booking import Booked, book_orders, evidence_row, settle_orders
from order_pipelines.services.desired_stock import refresh_desired
from order_pipelines.services.judging import CatalogueCache
from order_pipelines.services.order_rows import Arrived
from order_pipelines.settings import Settings
from order_pipelines_tests.operations.moments import at

ACCOUNT = "bol_main"


def shop_settings(**sections: Any) -> Settings:
    """Return the settings of a shop with two bol accounts that share one warehouse, and books."""
    account: dict[str, Any] = {
        "system": "bol",
        "mode": "live",
        "effective_from": "2026-01-01",
        "ships_from": "main",
        "serves": ["main"],
    }
    invoicing = {"trigger": "shipped", "books": "exact", "customer": "debtor", "journal": "70"}
    values: dict[str, Any] = {
        "merchant": {"name": "De Vries Wonen"},
        "locations": [{"name": "main"}, {"name": "store"}],
        "vat": {"rates": {"NL": {"high": 21, "low": 9}, "BE": {"high": 21, "low": 6}}},
        "accounts": {
            ACCOUNT: {**account, "reference_prefix": "BOL", "invoicing": invoicing},
            "bol_outlet": {**account, "reference_prefix": "OUT", "invoicing": invoicing},
            "exact": {"system": "exact_online", "mode": "live", "effective_from": "2026-01-01"},
        },
        "books": {
            "exact": {
                "rounding_ledger_account": "8900",
                "mapping": [
                    {"country": "NL", "vat_class": "high", "ledger_account": "8000", "vat_code": "2"},
                    {"country": "NL", "vat_class": "low", "ledger_account": "8010", "vat_code": "1"},
                ],
            }
        },
    }
    for name, section in sections.items():
        values[name] = section
    return Settings.model_validate(values)


def line(sku: str = "A", quantity: int = 1, **changes: Any) -> OrderLine:
    """Return an order line of ``quantity`` pieces at 12.10 each, unless said otherwise."""
    price = changes.pop("price", Decimal("12.10"))
    values: dict[str, Any] = {
        "external_line_id": f"line-{sku}",
        "sku": sku,
        "quantity": quantity,
        "unit_price_incl_vat": price,
        "line_total_incl_vat": price * quantity,
    }
    return OrderLine(**(values | changes))


def order(number: str = "1", *lines: OrderLine, **changes: Any) -> Order:
    """Return an order of Monday eight o'clock to the Netherlands; its total is that of its lines."""
    rows = lines or (line(),)
    totals = [row.line_total_incl_vat for row in rows]
    values: dict[str, Any] = {
        "external_order_id": number,
        "channel": "bol",
        "ordered_at": at(8),
        "changed_at": at(8),
        "currency": "EUR",
        "ship_country": "NL",
        "lines": rows,
        "order_status": "open",
        "order_total_incl_vat": None
        if None in totals
        else sum((total for total in totals if total), Decimal(0)),
    }
    return Order(**(values | changes))


def shipped(of: Order, when: datetime, **changes: Any) -> Order:
    """Return the order after all that is left of it was shipped."""
    lines = tuple(
        replace(row, quantity_shipped=(row.quantity or 0) - (row.quantity_cancelled or 0), changed_at=when)
        for row in of.lines
    )
    values: dict[str, Any] = {"lines": lines, "changed_at": when, "order_status": "completed"}
    return replace(of, **(values | changes))


@dataclass
class BookedShop:
    """Books orders, counts and parcels straight into the store and reads the tables back."""

    store: OperationsStore
    settings: Settings = field(default_factory=shop_settings)
    receipts: int = 0

    def arrived(self, what: Order, *, account: str = ACCOUNT, read_at: datetime | None = None) -> Arrived:
        self.receipts += 1
        read = read_at or max(at(200), (what.changed_at or at(0)) + timedelta(minutes=1))
        digest = content_hash(repr(what).encode())
        return Arrived(account, "bol", what, self.receipts, digest, read, read)

    def book(self, *versions: Order | Arrived, account: str = ACCOUNT) -> Booked:
        rows = [one if isinstance(one, Arrived) else self.arrived(one, account=account) for one in versions]
        with self.store.transaction() as connection:
            return book_orders(connection, self.settings, CatalogueCache(), rows)

    def parcels(self, key: str, line_id: str, *parcels: tuple[str, int, datetime]) -> None:
        with self.store.transaction() as connection:
            upsert(
                connection,
                shipment_evidence,
                [
                    evidence_row((key, line_id, f"parcel:{name}"), pieces, when, is_cumulative=False)
                    for name, pieces, when in parcels
                ],
            )
            settle_orders(connection, self.settings, [key])

    def count(self, sku: str, quantity: int, taken_at: datetime, location: str = "main") -> None:
        with self.store.transaction() as connection:
            ledger = Ledger(connection)
            ledger.count((sku, location), quantity, taken_at, cause="count")
            refresh_desired(connection, self.settings, ledger.flush(next_values(connection, CHANGE)))

    def products(self, *rows: tuple[str, str | None, Sequence[str]]) -> None:
        """Write (SKU, VAT class, EANs); an EAN given again belongs to the later SKU."""
        with self.store.transaction() as connection:
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
                        "updated_at": at(0),
                        "change_seq": number,
                    }
                    for number, (sku, vat_class, _) in enumerate(rows, start=first)
                ],
            )
            upsert(connection, product_eans, [{"ean": e, "sku": sku} for sku, _, eans in rows for e in eans])

    def rows(self, table: str, **where: Any) -> list[Any]:
        chosen = metadata.tables[table]
        query = sa.select(chosen).order_by(*chosen.primary_key)
        for name, value in where.items():
            query = query.where(chosen.c[name] == value)
        with self.store.reading() as connection:
            return list(connection.execute(query))

    def row(self, table: str, **where: Any) -> Any:
        (found,) = self.rows(table, **where)
        return found

    def position(self, sku: str, location: str = "main") -> tuple[int, int]:
        found = self.rows("stock_positions", sku=sku, location=location)
        return (found[0].on_hand, found[0].open_demand) if found else (0, 0)
