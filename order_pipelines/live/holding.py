"""Which accounts this instance serves: a lease each, so that a second instance idles and takes over from a dead one."""

import logging
import threading
import time

import sqlalchemy as sa

from order_pipelines.live.worker import Worker
from order_pipelines.operations.leases import Lease, release, renew, try_acquire
from order_pipelines.operations.store import OperationsStore

log = logging.getLogger(__name__)

_ROUNDS_A_LEASE = 4


def lease_name(account: str) -> str:
    """Return the name of the lease over serving an account."""
    return f"live:{account}"


class Holder(Worker):
    """Takes the leases that are free and keeps those it has.

    A lease counts for as long after its last renewal as it lasts, by a clock that nobody sets: who cannot reach the
    store stops serving by itself before another begins.
    """

    def __init__(
        self, store: OperationsStore, accounts: list[str], ttl_s: float, stopping: threading.Event
    ) -> None:
        super().__init__("leases", stopping)
        self._store = store
        self._ttl_s = ttl_s
        self._held: dict[str, Lease | None] = dict.fromkeys(accounts)
        self._until: dict[str, float] = dict.fromkeys(accounts, 0.0)

    def holds(self, account: str) -> bool:
        """Whether this instance serves the account now."""
        return time.monotonic() < self._until[account]

    def round(self) -> float:
        began = time.monotonic()
        for account in self._held:
            if self.stopping.is_set():
                break
            lease, asked_at = self._held[account], time.monotonic()
            if lease is not None and not renew(self._store, lease, ttl_s=self._ttl_s):
                log.warning("%s is served by another instance now", account)
                lease, self._until[account] = None, 0.0
            if lease is None:
                lease = try_acquire(self._store, lease_name(account), ttl_s=self._ttl_s)
            self._held[account] = lease
            if lease is not None:
                self._until[account] = asked_at + self._ttl_s
        return max(0.05, self._ttl_s / _ROUNDS_A_LEASE - (time.monotonic() - began))

    def give_back(self) -> None:
        """Release everything, so that another instance goes on at once. Call it when the thread has ended."""
        for account, lease in self._held.items():
            self._until[account] = 0.0
            if lease is None:
                continue
            try:
                release(self._store, lease)
            except sa.exc.SQLAlchemyError as error:
                log.warning("the lease of %s runs out by itself (%s)", account, type(error).__name__)
