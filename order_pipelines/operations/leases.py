"""Leases: at most one process does a thing at a time, and a dead one blocks nobody for longer than the lease."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.errors import LeaseLostError
from order_pipelines.operations.store import OperationsStore, insert_new
from order_pipelines.operations.tables import leases

_POLL_S = 0.05


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
            [{"name": name, "holder": "", "fence": 0, "expires_at": now - timedelta(seconds=1)}],
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
            .values(expires_at=clock.now() - timedelta(seconds=1))
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


@contextmanager
def holding(
    store: OperationsStore, name: str, *, ttl_s: float, wait_s: float = 0.0
) -> Iterator[Lease | None]:
    """Hold a lease for the block; yields ``None`` when it could not be had within ``wait_s`` seconds."""
    give_up = time.monotonic() + wait_s
    lease = try_acquire(store, name, ttl_s=ttl_s)
    while lease is None and time.monotonic() < give_up:
        time.sleep(_POLL_S)
        lease = try_acquire(store, name, ttl_s=ttl_s)
    try:
        yield lease
    finally:
        if lease is not None:
            release(store, lease)
