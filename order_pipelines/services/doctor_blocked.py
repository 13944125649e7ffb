"""What is held back right now and why: the gates that stand whether or not anybody runs an examination."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.operations.tables import channel_stock, cursors, invoice_holds, outbox, quarantine
from order_pipelines.services.push_outcome import RELEASED

_MOST_REASON = 200


@dataclass(frozen=True, slots=True)
class Blocked:
    """One reason at one account: ``what`` is held back, ``count`` times."""

    account: str
    what: str
    reason: str
    count: int


def blocked_now(connection: Connection) -> list[Blocked]:
    """Return everything that waits for a person, grouped by account and reason, most first."""
    stock, effect, hold, listed, waiting = channel_stock.c, outbox.c, invoice_holds.c, cursors.c, quarantine.c
    found: list[Blocked] = []
    for what, query in (
        (
            "stock",
            sa.select(stock.account, stock.reason, sa.func.count())
            .where(stock.state.in_(("on_hold", "failed")))
            .group_by(stock.account, stock.reason),
        ),
        (
            "listing",
            sa.select(listed.account, listed.reason, sa.func.count())
            .where(listed.stream == "offers", listed.reason.is_not(None), listed.reason != RELEASED)
            .group_by(listed.account, listed.reason),
        ),
        (
            "invoice",
            sa.select(hold.account, hold.reason_code, sa.func.count())
            .where(hold.released_at.is_(None))
            .group_by(hold.account, hold.reason_code),
        ),
        (
            "order",
            sa.select(waiting.account, waiting.reason_code, sa.func.count(waiting.entity_key.distinct()))
            .where(waiting.resolved_at.is_(None))
            .group_by(waiting.account, waiting.reason_code),
        ),
        (
            "effect",
            sa.select(effect.account, effect.state, sa.func.count())
            .where(effect.state.in_(("on_hold", "failed", "in_doubt")))
            .group_by(effect.account, effect.state),
        ),
    ):
        found += [
            Blocked(row[0], what, (row[1] or "-")[:_MOST_REASON], int(row[2]))
            for row in connection.execute(query)
        ]
    return sorted(found, key=lambda one: (-one.count, one.account, one.what, one.reason))
