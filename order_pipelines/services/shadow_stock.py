"""Stock of an observing account: what shoppers would see if we had sent our numbers, against what they see.

What is told a channel means something else at each of them (``domain/stock.py``): the same number may be shown less the
open orders, and another program may use the other meaning. What shoppers can buy is one thing everywhere, so that is
compared, and what was told only where a channel does not show it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.operations.tables import (
    channel_offers,
    channel_stock,
    products,
    same_offer,
    stock_positions,
)
from order_pipelines.services.shadow_rules import STOCK, Found, Result

_NAMED = 20


@dataclass(frozen=True, slots=True)
class Apart:
    """What cannot be compared and is no difference: how many, and the first names of them.

    Args:
        what: ``offers_without_product``, ``offers_without_number`` or ``products_without_offer``.
        count: how many.
        names: the first ones, offer ids or SKUs.
    """

    what: str
    count: int
    names: tuple[str, ...]


def compare_stock(connection: Connection, account: str) -> Result:
    """Compare every offer that has a number of ours with what its channel shows, as of the last listing."""
    rows = connection.execute(
        sa.select(
            channel_stock.c.offer_id,
            channel_stock.c.sku,
            channel_stock.c.desired_quantity,
            channel_stock.c.own_open_quantity,
            channel_offers.c.subtracts_open_orders,
            channel_offers.c.stock_set,
            channel_offers.c.stock_shown,
        )
        .join(channel_offers, same_offer)
        .where(
            channel_stock.c.account == account,
            channel_offers.c.is_listed.is_(True),
            channel_offers.c.is_own_fulfilment.is_(True),
            channel_offers.c.sku == channel_stock.c.sku,
        )
        .order_by(channel_stock.c.sku, channel_stock.c.offer_id)
    )
    compared = 0
    found = []
    for row in rows:
        numbers = _numbers(row)
        if numbers is None:
            continue
        compared += 1
        ours, theirs = numbers
        if ours != theirs:
            found.append(Found(row.offer_id, str(ours), str(theirs), sku=row.sku, pieces=numbers))
    return Result(STOCK, compared, tuple(found))


def _numbers(row: Any) -> tuple[int, int] | None:
    """Return what shoppers would see of ours and what they see; ``None`` when the channel says nothing."""
    desired = int(row.desired_quantity)
    if row.stock_shown is None:
        return None if row.stock_set is None else (desired, int(row.stock_set))
    hidden = int(row.own_open_quantity) if row.subtracts_open_orders else 0
    # Oversold offers go below zero at some channels; nobody can buy those either.
    return max(0, desired - hidden), max(0, int(row.stock_shown))


def set_apart(connection: Connection, account: str, locations: Sequence[str]) -> list[Apart]:
    """Return offers without product, offers without a number of ours, and counted products without offer."""
    listed = sa.and_(
        channel_offers.c.account == account,
        channel_offers.c.is_listed.is_(True),
        channel_offers.c.is_own_fulfilment.is_(True),
    )
    numbered = sa.select(sa.literal(1)).select_from(channel_stock).where(same_offer)
    offered = sa.select(sa.literal(1)).where(listed, channel_offers.c.sku == products.c.sku)
    counted = sa.select(sa.literal(1)).where(
        stock_positions.c.sku == products.c.sku,
        stock_positions.c.location.in_(list(locations)),
        stock_positions.c.counted_at.is_not(None),
        stock_positions.c.on_hand > 0,
    )
    queries = {
        "offers_without_product": sa.select(channel_offers.c.offer_id).where(
            listed, channel_offers.c.sku.is_(None)
        ),
        "offers_without_number": sa.select(channel_offers.c.sku).where(
            listed, channel_offers.c.sku.is_not(None), ~numbered.exists()
        ),
        "products_without_offer": sa.select(products.c.sku).where(counted.exists(), ~offered.exists()),
    }
    apart = []
    for what, query in queries.items():
        names = sorted(connection.execute(query).scalars())
        apart.append(Apart(what, len(names), tuple(names[:_NAMED])))
    return apart
