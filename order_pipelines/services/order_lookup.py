"""The one order that a person means by a number or an id."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.errors import DomainRuleError
from order_pipelines.identifiers import make_order_key
from order_pipelines.operations.tables import orders
from order_pipelines.settings import Settings


def find_order(
    connection: Connection, settings: Settings, number: str, account: str | None, *, status: str | None = None
) -> Any:
    """Return the order with this number or id; both ways use an index, in a store of millions too.

    Args:
        connection: to the operations store.
        settings: name the accounts whose ids are tried.
        number: number, the channel's id, or our key of the order.
        account: needed when several accounts have that number.
        status: only orders whose channel says this count, whatever else has the number.

    Raises:
        DomainRuleError: none or several have it.
    """
    keys = [make_order_key(name, number) for name in settings.accounts]
    found = {
        row.order_key: row
        for condition in (orders.c.order_number == number, orders.c.order_key.in_([*keys, number]))
        for row in connection.execute(sa.select(orders).where(condition))
        if account in {None, row.account} and status in {None, row.order_status}
    }
    if not found:
        what = number if status is None else f"{number} with status {status}"
        where = f"account {account}" if account is not None else "any account"
        raise DomainRuleError(f"no order {what} is known of {where}")
    if len(found) > 1:
        raise DomainRuleError(
            f"several orders are called {number}: {', '.join(sorted(found))}; name one of these"
        )
    return next(iter(found.values()))
