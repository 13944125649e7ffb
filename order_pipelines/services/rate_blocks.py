"""Rate budgets that the processes of a shop share: who met a refusal writes it down, the others look before they call.

The store is written only when a channel refused or has nothing left to give, and read once a second at most, whatever
the number of calls. It is a help and no condition: without it each process learns for itself.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.connectors.http import CLOCK_SLACK, LONGEST_WAIT_S, MemoryBudget
from order_pipelines.operations.store import OperationsStore, insert_new
from order_pipelines.operations.tables import rate_blocks

log = logging.getLogger(__name__)

_LOOK_EVERY = timedelta(seconds=1)
_LONGEST_GROUP = 200


class SharedBudget:
    """``ports.RateBudget`` of one account over the operations store, with a memory of its own.

    Args:
        store: where refusals are written down.
        account: whose budget it is.
        sleep: how to wait; tests move a clock instead.
    """

    def __init__(
        self, store: OperationsStore, account: str, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._store = store
        self._account = account
        self._memory = MemoryBudget(sleep=sleep)
        self._known: dict[str, tuple[datetime, datetime]] = {}
        self._looked_at: datetime | None = None

    def wait(self, group: str, *, deadline: datetime | None = None) -> None:
        """Wait until no block of the group is known.

        Raises:
            TransientConnectorError: that would pass ``deadline``.
        """
        self._look()
        self._memory.wait(group, deadline=deadline)

    def learn(self, group: str, *, limit: int | None, remaining: int | None, reset_s: float | None) -> None:
        """Stop before the limit: with nothing left, nobody calls before the reset."""
        del limit
        if remaining is not None and remaining <= 0 and reset_s is not None and reset_s > 0:
            self.refuse(group, retry_after_s=reset_s)

    def refuse(self, group: str, *, retry_after_s: float) -> None:
        """Block the group for ``retry_after_s`` seconds, a day at most, in all processes; never shorter than before."""
        now = clock.now()
        until = now + timedelta(seconds=min(retry_after_s, LONGEST_WAIT_S))
        if not self._block(group, until):
            return
        key = group[:_LONGEST_GROUP]
        row = {
            "account": self._account,
            "endpoint_group": key,
            "blocked_until": until,
            "learned_at": now,
        }
        try:
            with self._store.small_transaction() as connection:
                insert_new(connection, rate_blocks, [row])
                connection.execute(
                    sa.update(rate_blocks)
                    .where(
                        rate_blocks.c.account == self._account,
                        rate_blocks.c.endpoint_group == key,
                        # What was learnt in the future was learnt before the clock was set back.
                        sa.or_(
                            rate_blocks.c.blocked_until < until,
                            rate_blocks.c.learned_at > now + CLOCK_SLACK,
                        ),
                    )
                    .values(blocked_until=until, learned_at=now)
                )
        except sa.exc.SQLAlchemyError as error:
            log.warning("a refusal of %s was not shared (%s)", self._account, type(error).__name__)

    def _block(self, group: str, until: datetime) -> bool:
        """Remember a block unless a longer one is known; returns whether it was new."""
        now = clock.now()
        learned_at, known = self._known.get(group, (now, None))
        if known is not None and until <= known and now >= learned_at - CLOCK_SLACK:
            return False
        self._known[group] = (now, until)
        self._memory.refuse(group, retry_after_s=(until - now).total_seconds())
        return True

    def _look(self) -> None:
        now = clock.now()
        if self._looked_at is not None and timedelta(0) <= now - self._looked_at < _LOOK_EVERY:
            return
        self._looked_at = now
        query = sa.select(rate_blocks.c.endpoint_group, rate_blocks.c.blocked_until).where(
            rate_blocks.c.account == self._account,
            rate_blocks.c.blocked_until > now,
            rate_blocks.c.learned_at <= now + CLOCK_SLACK,
        )
        try:
            with self._store.reading() as connection:
                rows = list(connection.execute(query))
        except sa.exc.SQLAlchemyError as error:
            log.warning("refusals of %s could not be looked up (%s)", self._account, type(error).__name__)
            return
        for row in rows:
            self._block(row.endpoint_group, row.blocked_until)
