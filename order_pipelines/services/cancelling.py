"""Cancelling lines at their channel, on a person's word; the channel's own orders tell afterwards that it happened."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.connectors.registry import connector_of
from order_pipelines.errors import DomainRuleError
from order_pipelines.operations import outbox
from order_pipelines.operations.outbox import Effect
from order_pipelines.operations.tables import order_lines
from order_pipelines.services.audit import CANCEL_ORDER, COMMAND, record
from order_pipelines.services.order_lookup import find_order
from order_pipelines.services.shop import Shop

CHANNEL_CANCELLATION = "channel_cancellation"


def request_cancellation(
    shop: Shop,
    order_number: str,
    *,
    reason: str,
    line_ids: Sequence[str] = (),
    account: str | None = None,
    by: str = COMMAND,
) -> int:
    """Plan the cancellation of the open remainder of an order's lines (all open ones by default); returns how many.

    Args:
        shop: the merchant's shop.
        order_number: number or id of the order.
        reason: the channel's reason code, for example ``OUT_OF_STOCK``.
        line_ids: the channel's line ids.
        account: needed when several accounts have that number.
        by: what stands in the audit log for who decided it.

    Raises:
        DomainRuleError: no single order fits, the channel takes no cancellations, or nothing of it is open.
    """
    with shop.store.transaction() as connection:
        head = find_order(connection, shop.settings, order_number, account)
        settings = shop.account(head.account)
        if connector_of(settings.system).shipment_sink is None:
            raise DomainRuleError(
                f"{settings.system} takes no cancellations; cancel order {order_number} there by hand"
            )
        lines = [
            row
            for row in connection.execute(
                sa.select(order_lines).where(order_lines.c.order_key == head.order_key)
            )
            if row.line_kind == "goods" and (not line_ids or row.line_id in line_ids) and is_open(row)
        ]
        if not lines or (line_ids and len(lines) < len(set(line_ids))):
            raise DomainRuleError(f"order {order_number}: not every line named is open; nothing was planned")
        effects = [
            Effect(
                f"{CHANNEL_CANCELLATION}:{head.order_key}:{row.line_id}",
                head.account,
                CHANNEL_CANCELLATION,
                head.order_key,
                settings.mode,
                {"line_id": row.line_id, "reason": reason},
            )
            for row in lines
        ]
        planned = outbox.plan(connection, effects)
        lines_said = f"{planned} of {len(effects)} lines planned, reason {reason}"
        record(connection, CANCEL_ORDER, head.account, head.order_key, after=lines_said, by=by)
        return planned


def is_open(row: Any) -> bool:
    """Tell whether pieces of a line are neither shipped nor cancelled, as far as the channel and the files say."""
    gone = max(row.quantity_shipped or 0, row.quantity_departed or 0) + (row.quantity_cancelled or 0)
    return row.quantity is None or gone < row.quantity


def is_cancelled_here(connection: Connection, order_key: str, line_id: str) -> bool:
    """Tell whether the channel's own order shows the line without open pieces, some of them cancelled."""
    row = connection.execute(
        sa.select(order_lines).where(order_lines.c.order_key == order_key, order_lines.c.line_id == line_id)
    ).first()
    return row is not None and bool(row.quantity_cancelled) and not is_open(row)
