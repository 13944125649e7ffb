"""What others say of an order, without the people of that order: names and streets have no form, but we know them."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.operations.tables import invoice_orders, order_people, outbox

_SHORTEST = 3
_MOST_ORDERS = 500


def without_people(connection: Connection, effect_key: str, text: str) -> str:
    """Return a reason of an effect without what the store knows of the buyers that it is about."""
    subject = sa.select(outbox.c.subject_key).where(outbox.c.effect_key == effect_key).scalar_subquery()
    invoiced = sa.select(invoice_orders.c.order_key).where(invoice_orders.c.invoice_key == subject)
    rows = connection.execute(
        sa.select(order_people.c.buyer, order_people.c.shipping_address, order_people.c.billing_address)
        .where(sa.or_(order_people.c.order_key == subject, order_people.c.order_key.in_(invoiced)))
        .limit(_MOST_ORDERS)
    )
    for value in sorted({value for row in rows for value in _texts(row)}, key=len, reverse=True):
        # "Jan" is removed, "January" is not.
        text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "[person]", text, flags=re.IGNORECASE)
    return text


def _texts(row: Iterable[Any]) -> Iterator[str]:
    for part in row:
        for value in (part or {}).values():
            if isinstance(value, str) and len(value.strip()) >= _SHORTEST:
                yield value.strip()
                # A name of several words may come back in parts.
                yield from (word for word in value.split() if len(word) >= _SHORTEST and not word.isdigit())
