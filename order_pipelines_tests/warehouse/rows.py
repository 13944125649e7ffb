"""Writes orders, stock and invoices straight into an operations store, as intake and planning would leave them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.operations import tables
from order_pipelines.operations.migrations import migrate
from order_pipelines.operations.store import AUDIT, CHANGE, MOVEMENT, OperationsStore, next_values, upsert

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def utc(text: str) -> datetime:
    """Return ``2026-03-02T10:00:00`` as an instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def money(text: str | None) -> Decimal | None:
    """Return the typed amount."""
    return None if text is None else Decimal(text)


def line(line_id: str, total: str | None, quantity: int | None = 1, **changes: Any) -> dict[str, Any]:
    """Return one goods line; ``total`` is as ordered and as it stands unless ``changes`` say otherwise."""
    row: dict[str, Any] = {column.name: None for column in tables.order_lines.columns}
    return {
        **row,
        "line_id": line_id,
        "line_number": 1,
        "line_kind": "goods",
        "sku": f"SKU-{line_id}",
        "quantity": quantity,
        "quantity_cancelled": 0,
        "line_total_incl_vat": money(total),
        "line_current_incl_vat": money(total),
        "own_fulfilment": True,
        "is_known": True,
        **changes,
    }


@contextmanager
def new_shop(url: str) -> Iterator["Shop"]:
    """A merchant with a fresh operations store, which does not wait for the disk: nothing here is about power cuts."""
    store = OperationsStore(url)
    if store.dialect == "sqlite":

        @sa.event.listens_for(store.engine, "connect")
        def _hurry(connection: Any, record: Any) -> None:
            del record
            connection.execute("pragma synchronous = off")

    migrate(store)
    yield Shop(store)
    store.close()


class Shop:
    """A made-up merchant's operations store."""

    def __init__(self, store: OperationsStore) -> None:
        self.store = store

    def order(
        self,
        number: str,
        *,
        at: datetime | None = datetime(2026, 3, 2, 10, tzinfo=UTC),
        total: str | None = "10.00",
        net: str | None = None,
        vat: str | None = None,
        lines: Sequence[dict[str, Any]] | None = None,
        account: str = "bol_nl",
        **changes: Any,
    ) -> str:
        """Write an order in a new version and return its key; ``total`` is as ordered and as it stands."""
        key = f"{account}:{number}"
        row: dict[str, Any] = {column.name: None for column in tables.orders.columns}
        row |= {
            "order_key": key,
            "account": account,
            "system": "bol",
            "channel": "bol",
            "external_order_id": number,
            "order_number": number,
            "order_kind": "sale",
            "currency_code": "EUR",
            "ship_country": "NL",
            "order_status": "open",
            "must_flag": [],
            "quarantine_reasons": [],
            "order_total_incl_vat": money(total),
            "order_total_current_incl_vat": money(total),
            "order_total_current_excl_vat": money(net),
            "order_vat_amount": money(vat),
            "counts_in_revenue": True,
            "own_fulfilment": True,
            "is_history": False,
            "is_test": False,
            "is_quarantined": False,
            "ordered_at": at,
            "order_date": None if at is None else clock.order_date(at),
            "changed_at": at or LONG_AGO,
            "read_began_at": at or LONG_AGO,
            "content_hash": "0" * 64,
            "receipt_seq": 1,
            "first_received_at": at or LONG_AGO,
            **changes,
        }
        own = [line("1", total)] if lines is None else lines
        with self.store.transaction() as connection:
            row["change_seq"] = next_values(connection, CHANGE)
            upsert(connection, tables.orders, [row])
            connection.execute(sa.delete(tables.order_lines).where(tables.order_lines.c.order_key == key))
            if own:
                connection.execute(tables.order_lines.insert(), [{**each, "order_key": key} for each in own])
        return key

    def put(self, table: sa.Table, **values: Any) -> None:
        """Write one row of a table that carries a change number; columns not named are empty."""
        row: dict[str, Any] = {column.name: None for column in table.columns}
        with self.store.transaction() as connection:
            upsert(connection, table, [{**row, **values, "change_seq": next_values(connection, CHANGE)}])

    def returned(self, return_key: str, order_key: str | None, *line_ids: str, **values: Any) -> None:
        """Write one return in its newest version: one piece of each line."""
        account, _, return_id = return_key.partition(":")
        lines = [
            {
                **dict.fromkeys(column.name for column in tables.channel_return_lines.columns),
                "return_key": return_key,
                "return_line_id": line_id,
                "external_order_id": "A",
                "order_key": order_key,
                "line_id": line_id,
                "quantity": 1,
                "state": "announced",
                "own_fulfilment": True,
                "remarks": [],
                **values,
            }
            for line_id in line_ids
        ]
        self.put(
            tables.channel_returns,
            return_key=return_key,
            account=account,
            system="bol",
            external_return_id=return_id,
            registered_at=LONG_AGO,
            changed_at=LONG_AGO,
            read_began_at=LONG_AGO,
            content_hash="0" * 64,
            receipt_seq=1,
        )
        with self.store.transaction() as connection:
            table = tables.channel_return_lines
            connection.execute(sa.delete(table).where(table.c.return_key == return_key))
            connection.execute(table.insert(), lines)

    def decision(self, **values: Any) -> None:
        """Write one row of the audit log."""
        with self.store.transaction() as connection:
            number = next_values(connection, AUDIT)
            connection.execute(tables.audit_log.insert().values(audit_seq=number, **values))

    def position(self, sku: str, location: str, on_hand: int, open_demand: int) -> None:
        """Move a position from nothing: one movement and the position."""
        with self.store.transaction() as connection:
            connection.execute(
                tables.stock_movements.insert().values(
                    movement_seq=next_values(connection, MOVEMENT),
                    sku=sku,
                    location=location,
                    kind="counted",
                    physical_quantity=on_hand,
                    on_hand_delta=on_hand,
                    open_demand_delta=open_demand,
                    cause="count",
                    occurred_at=LONG_AGO,
                    booked_at=LONG_AGO,
                )
            )
        self.put(
            tables.stock_positions,
            sku=sku,
            location=location,
            on_hand=on_hand,
            open_demand=open_demand,
            reserved=0,
            updated_at=LONG_AGO,
        )

    def offer(self, sku: str, **changes: Any) -> None:
        """Write the stock of one offer: 5 desired, sent, confirmed and read back."""
        values: dict[str, Any] = {
            "account": "bol_nl",
            "offer_id": f"offer-{sku}",
            "sku": sku,
            "state": "confirmed",
            "desired_quantity": 5,
            "desired_version": 1,
            "available_quantity": 5,
            "own_open_quantity": 0,
            "sent_quantity": 5,
            "sent_version": 1,
            "sent_at": LONG_AGO,
            "confirmed_quantity": 5,
            "confirmed_version": 1,
            "confirmed_at": LONG_AGO,
            "read_back_quantity": 5,
            "read_back_at": LONG_AGO,
            "attempts": 0,
        }
        self.put(tables.channel_stock, **{**values, **changes})

    def quarantine(self, entity_key: str, reason: str, *, resolved_at: datetime | None = None) -> None:
        """Write one reason why an order waits."""
        self.put(
            tables.quarantine,
            quarantine_key=f"{entity_key}/{reason}",
            account="bol_nl",
            entity="orders",
            entity_key=entity_key,
            receipt_seq=1,
            reason_code="unknown_ean",
            reason=reason,
            value="8710000000000",
            first_seen_at=LONG_AGO,
            resolved_at=resolved_at,
        )

    def invoice(
        self, reference: str, order_keys: Sequence[str], gross: str, vat: str, **changes: Any
    ) -> None:
        """Write a sales entry of one line over ``order_keys``, each with the whole amount when there is one order."""
        amount, tax = Decimal(gross), Decimal(vat)
        values: dict[str, Any] = {
            "invoice_key": f"exact:{reference}",
            "account": "bol_nl",
            "books": "exact",
            "reference": reference,
            "grouping": "order",
            "invoice_date": date(2026, 3, 3),
            "currency_code": "EUR",
            "amount_incl_vat": amount,
            "amount_excl_vat": amount - tax,
            "vat_amount": tax,
            "lines": [
                {
                    "ledger_account": "8000",
                    "vat_code": "2",
                    "amount_excl_vat": str(amount - tax),
                    "vat_amount": str(tax),
                    "description": "sales",
                }
            ],
            "state": "booked",
            "planned_at": LONG_AGO,
        }
        with self.store.transaction() as connection:
            for key in order_keys:
                upsert(
                    connection,
                    tables.invoice_orders,
                    [
                        {
                            "order_key": key,
                            "invoice_key": f"exact:{reference}",
                            "amount_incl_vat": amount,
                            "vat_amount": tax,
                        }
                    ],
                )
        self.put(tables.invoices, **{**values, **changes})
