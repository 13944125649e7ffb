"""Leases: at most one process does a thing at a time, and a dead one blocks nobody for longer than the lease.

A holder renews its lease while it works, so that a lease can be short although the work is long: what a killed process
held is free again after two minutes, not after the longest sweep there can be.
"""

import logging
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.errors import LeaseLostError
from order_pipelines.operations.store import OperationsStore, insert_new
from order_pipelines.operations.tables import leases

log = logging.getLogger(__name__)

WORK_S = 120.0
"""How long a lease over work of any length lasts without renewal."""
_POLL_S = 0.05
# Not a second ago: a clock that is set back by hours would hold what was given back until it has caught up.
_FREE = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Lease:
    """A held lease. ``fence`` grows with every change of holder."""

    name: str
    holder: str
    fence: int


def try_acquire(store: OperationsStore, name: str, *, ttl_s: float) -> Lease | None:
    """Take the lease when it is free or run out; return ``None`` when another holds it."""
    holder = uuid.uuid4().hex
    now = clock.now()
    with store.small_transaction() as connection:
        insert_new(
            connection,
            leases,
            [{"name": name, "holder": "", "fence": 0, "expires_at": _FREE}],
        )
        fence = connection.execute(
            sa.update(leases)
            .where(leases.c.name == name, leases.c.expires_at <= now)
            .values(holder=holder, fence=leases.c.fence + 1, expires_at=now + timedelta(seconds=ttl_s))
            .returning(leases.c.fence)
        ).scalar()
    return None if fence is None else Lease(name, holder, int(fence))


def release(store: OperationsStore, lease: Lease) -> None:
    """Give the lease back; nothing happens when it was lost."""
    with store.small_transaction() as connection:
        connection.execute(
            sa.update(leases)
            .where(
                leases.c.name == lease.name, leases.c.holder == lease.holder, leases.c.fence == lease.fence
            )
            .values(expires_at=_FREE)
        )


def assert_held(connection: Connection, lease: Lease) -> None:
    """Check inside a writing transaction that nobody took the lease over.

    Raises:
        LeaseLostError: another process holds it now.
    """
    found = connection.execute(
        sa.select(leases.c.fence).where(leases.c.name == lease.name, leases.c.holder == lease.holder)
    ).scalar()
    if found != lease.fence:
        raise LeaseLostError(f"lease {lease.name} was taken over by another process; nothing was written")


def renew(store: OperationsStore, lease: Lease, *, ttl_s: float) -> bool:
    """Hold the lease for ``ttl_s`` seconds from now; ``False`` when another process has taken it over."""
    with store.small_transaction() as connection:
        renewed = connection.execute(
            sa.update(leases)
            .where(
                leases.c.name == lease.name, leases.c.holder == lease.holder, leases.c.fence == lease.fence
            )
            .values(expires_at=clock.now() + timedelta(seconds=ttl_s))
        ).rowcount
    return bool(renewed)


@contextmanager
def holding(
    store: OperationsStore, name: str, *, ttl_s: float = WORK_S, wait_s: float = 0.0, renews: bool = True
) -> Iterator[Lease | None]:
    """Hold a lease for the block; yields ``None`` when it could not be had within ``wait_s`` seconds.

    Args:
        store: where leases live.
        name: what is held.
        ttl_s: how long it lasts when its holder dies.
        wait_s: how long to wait for another holder.
        renews: keep it for as long as the block lasts; else it runs out after ``ttl_s``.
    """
    give_up = time.monotonic() + wait_s
    lease = try_acquire(store, name, ttl_s=ttl_s)
    while lease is None and time.monotonic() < give_up:
        time.sleep(_POLL_S)
        lease = try_acquire(store, name, ttl_s=ttl_s)
    if lease is None:
        yield None
        return
    done = threading.Event()
    keeper = threading.Thread(
        target=_keep, args=(store, lease, ttl_s, done), name=f"lease {name}", daemon=True
    )
    if renews:
        keeper.start()
    try:
        yield lease
    finally:
        done.set()
        if renews:
            keeper.join()
        release(store, lease)


def _keep(store: OperationsStore, lease: Lease, ttl_s: float, done: threading.Event) -> None:
    """Renew until told to stop or the lease is another's; a store that does not answer is asked again."""
    while not done.wait(ttl_s / 3):
        try:
            if not renew(store, lease, ttl_s=ttl_s):
                return
        except sa.exc.SQLAlchemyError as error:
            log.warning("lease %s could not be renewed (%s); tried again", lease.name, type(error).__name__)
