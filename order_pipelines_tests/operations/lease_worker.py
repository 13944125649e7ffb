"""What another process does in the tests of leases. Importable, because processes are spawned and not forked."""

from threading import Barrier

from order_pipelines.operations.leases import try_acquire
from order_pipelines.operations.store import OperationsStore


def race(url: str, name: str, barrier: Barrier) -> bool:
    """Try to take a lease at the same moment as the others; tell whether it was had."""
    store = OperationsStore(url)
    barrier.wait(30)
    lease = try_acquire(store, name, ttl_s=60)
    store.close()
    return lease is not None


def take_and_die(url: str, name: str, ttl_s: float) -> None:
    """Take a lease and end without giving it back."""
    store = OperationsStore(url)
    assert try_acquire(store, name, ttl_s=ttl_s) is not None
    store.close()
