"""Trying again what an outside system refused for good, after a person mended the cause."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.errors import DomainRuleError
from order_pipelines.operations import outbox
from order_pipelines.operations.store import CHANGE, next_values
from order_pipelines.operations.tables import invoice_orders, invoices, orders
from order_pipelines.operations.tables import outbox as outbox_table
from order_pipelines.services.audit import COMMAND, RETRY_FAILED, record
from order_pipelines.services.planning import SALES_ENTRY, Planned, plan_invoices
from order_pipelines.services.shop import Shop


@dataclass
class Mended:
    """What is tried again: entries planned anew, and effects that are looked for outside and then sent as they were."""

    planned_again: int = 0
    sent_again: int = 0


def failed_effects(connection: Connection) -> list[Any]:
    """Return everything that was refused for good and could still be sent, oldest first."""
    return list(
        connection.execute(
            sa.select(outbox_table)
            .where(outbox_table.c.state == outbox.FAILED, outbox_table.c.mode == "live")
            .order_by(outbox_table.c.planned_at, outbox_table.c.effect_key)
        )
    )


def try_failed_again(shop: Shop, keys: Sequence[str] = (), *, by: str = COMMAND) -> Mended:
    """Let refused effects go out again, all of them or those of ``keys``; ``by`` is for the audit log.

    A sales entry that the books refused is planned anew, from the settings and the order as they are now, under the
    same reference; the books are searched for it before anything is posted. One that they hold with another amount is
    compared once more. Parcels and cancellations are looked for at the channel and then sent as they were.

    Raises:
        DomainRuleError: a key names nothing that failed; nothing was changed.
    """
    mended = Mended()
    sellers: set[str] = set()
    with shop.store.transaction() as connection:
        failed = {row.effect_key: row for row in failed_effects(connection)}
        unknown = [key for key in keys if key not in failed]
        if unknown:
            raise DomainRuleError(f"{unknown[0]} is nothing that failed; see 'order-pipelines failed list'")
        for key, row in failed.items():
            if keys and key not in keys:
                continue
            if row.kind != SALES_ENTRY or row.external_id is not None:
                outbox.move(
                    connection, key, outbox.IN_DOUBT, attempts=0, not_before=None, write_reference=None
                )
                mended.sent_again += 1
                after = "sent again as it was"
            else:
                sellers.add(_withdraw(connection, row))
                mended.planned_again += 1
                after = "planned anew"
            record(connection, RETRY_FAILED, row.account, key, before=outbox.FAILED, after=after, by=by)
    for name in sorted(sellers):
        plan_invoices(shop, name, Planned())
    return mended


def _withdraw(connection: Connection, row: Any) -> str:
    """Take an entry that was never booked back, so that its orders are planned again; returns their account."""
    account: str = connection.execute(
        sa.select(invoices.c.account).where(invoices.c.invoice_key == row.subject_key)
    ).scalar_one()
    keys = list(
        connection.execute(
            sa.select(invoice_orders.c.order_key).where(invoice_orders.c.invoice_key == row.subject_key)
        ).scalars()
    )
    first = next_values(connection, CHANGE, len(keys))
    for number, key in enumerate(keys, start=first):
        connection.execute(
            sa.update(orders).where(orders.c.order_key == key).values(invoice_key=None, change_seq=number)
        )
    connection.execute(sa.delete(invoice_orders).where(invoice_orders.c.invoice_key == row.subject_key))
    connection.execute(sa.delete(invoices).where(invoices.c.invoice_key == row.subject_key))
    connection.execute(sa.delete(outbox_table).where(outbox_table.c.effect_key == row.effect_key))
    return account
