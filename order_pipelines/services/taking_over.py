"""The first push after an account went from observing to live: only what the channel holds otherwise is sent.

The other program wrote until minutes ago, and what it wrote last need not be written again. So the offers are listed
once more before the first push, and what stands there already counts as confirmed. Accounts that are live from their
first day send every number once, as always.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.connectors.ports import ListedOffer
from order_pipelines.operations.store import CHANGE, next_values
from order_pipelines.operations.tables import channel_offers, channel_stock
from order_pipelines.services.audit import went_live_at
from order_pipelines.services.push_outcome import CONFIRMED, PENDING
from order_pipelines.settings import Settings

HELD_ALREADY = "the channel held this number when the account went live"


def must_list_first(connection: Connection, account: str) -> bool:
    """Whether the account went live after its offers were last listed: what they show may be old by then."""
    since = went_live_at(connection, account)
    if since is None:
        return False
    listed_at = connection.execute(
        sa.select(sa.func.max(channel_offers.c.seen_at)).where(
            channel_offers.c.account == account, channel_offers.c.is_listed.is_(True)
        )
    ).scalar()
    return listed_at is None or bool(listed_at < since)


def take_over(
    connection: Connection,
    settings: Settings,
    account: str,
    listed: Sequence[ListedOffer],
    *,
    subtracts_open_orders: bool,
) -> int:
    """Count as confirmed what the channel holds of what is due and was not sent since going live; returns how many.

    The number alone is not enough where a channel can be told what it means: an offer that has the other meaning is
    sent ours.
    """
    since = went_live_at(connection, account)
    if since is None or settings.accounts[account].mode != "live":
        return 0
    there = {
        offer.offer_id: offer.stock_set
        for offer in listed
        if offer.stock_set is not None and offer.manages_open_orders == subtracts_open_orders
    }
    query = sa.select(channel_stock).where(
        channel_stock.c.account == account,
        channel_stock.c.state == PENDING,
        channel_stock.c.confirmed_version < channel_stock.c.desired_version,
        sa.or_(channel_stock.c.sent_at.is_(None), channel_stock.c.sent_at < since),
    )
    held = [row for row in connection.execute(query) if there.get(row.offer_id) == row.desired_quantity]
    if not held:
        return 0
    now = clock.now()
    first = next_values(connection, CHANGE, len(held))
    for number, row in enumerate(held, start=first):
        connection.execute(
            sa.update(channel_stock)
            .where(channel_stock.c.account == account, channel_stock.c.offer_id == row.offer_id)
            .values(
                state=CONFIRMED,
                reason=HELD_ALREADY,
                confirmed_quantity=row.desired_quantity,
                confirmed_version=row.desired_version,
                confirmed_at=now,
                read_back_quantity=row.desired_quantity,
                read_back_at=now,
                attempts=0,
                not_before=None,
                change_seq=number,
            )
        )
    return len(held)
