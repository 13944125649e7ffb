"""At most one holder at a time, across processes, and a dead one blocks nobody for longer than its lease."""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor

import pytest

from order_pipelines import clock
from order_pipelines.errors import LeaseLostError
from order_pipelines.operations.leases import assert_held, holding, release, renew, try_acquire
from order_pipelines.operations.store import OperationsStore
from order_pipelines_tests.operations.lease_worker import race, take_and_die
from order_pipelines_tests.operations.moments import at

_SPAWN = multiprocessing.get_context("spawn")


def test_of_two_racing_processes_one_gets_the_lease(store: OperationsStore, store_url: str) -> None:
    with _SPAWN.Manager() as manager, ProcessPoolExecutor(2, mp_context=_SPAWN) as pool:
        barrier = manager.Barrier(2)
        won = [pool.submit(race, store_url, "intake:bol_main", barrier) for _ in range(2)]
        assert sorted(future.result(60) for future in won) == [False, True]


def test_the_lease_of_a_dead_process_runs_out(store: OperationsStore, store_url: str) -> None:
    process = _SPAWN.Process(target=take_and_die, args=(store_url, "intake:bol_main", 30.0))
    process.start()
    process.join(60)
    assert process.exitcode == 0

    assert try_acquire(store, "intake:bol_main", ttl_s=30) is None
    clock.follow(31)
    try:
        assert try_acquire(store, "intake:bol_main", ttl_s=30) is not None
    finally:
        clock.follow(0)


def test_another_name_is_another_lease(store: OperationsStore) -> None:
    assert try_acquire(store, "intake:bol_main", ttl_s=30) is not None
    assert try_acquire(store, "intake:bol_outlet", ttl_s=30) is not None


def test_a_released_lease_is_free_at_once_and_the_fence_grows(store: OperationsStore) -> None:
    first = try_acquire(store, "stock:bol_main", ttl_s=30)
    assert first is not None
    release(store, first)
    second = try_acquire(store, "stock:bol_main", ttl_s=30)
    assert second is not None
    assert second.fence == first.fence + 1


def test_what_was_given_back_is_free_also_when_the_clock_is_set_back(store: OperationsStore) -> None:
    """The clock was three hours ahead for a while: whatever ran then must not keep others out for three hours."""
    with clock.frozen(at(12)):
        ahead = try_acquire(store, "stock:bol_main", ttl_s=30)
        assert ahead is not None
        release(store, ahead)
    with clock.frozen(at(9)):
        assert try_acquire(store, "stock:bol_main", ttl_s=30) is not None


def test_a_holder_whose_lease_was_taken_over_may_not_write(store: OperationsStore) -> None:
    with clock.frozen(at(9)):
        late = try_acquire(store, "stock:bol_main", ttl_s=30)
    with clock.frozen(at(10)):
        assert late is not None
        taken = try_acquire(store, "stock:bol_main", ttl_s=30)
        assert taken is not None
        with store.transaction() as connection:
            assert_held(connection, taken)
            with pytest.raises(LeaseLostError, match="stock:bol_main was taken over"):
                assert_held(connection, late)
        release(store, late)
        assert try_acquire(store, "stock:bol_main", ttl_s=30) is None


def test_holding_gives_the_lease_back_also_after_an_error(store: OperationsStore) -> None:
    def fail_while_holding() -> None:
        with holding(store, "x", ttl_s=30) as lease:
            assert lease is not None
            with holding(store, "x", ttl_s=30) as second:
                assert second is None
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_while_holding()
    with holding(store, "x", ttl_s=30) as lease:
        assert lease is not None


def test_work_that_takes_longer_than_the_lease_keeps_it(store: OperationsStore) -> None:
    """A first sweep walks three months of days; a lease as long would lock the account when its process is killed."""
    with holding(store, "x", ttl_s=0.3) as lease:
        assert lease is not None
        time.sleep(0.5)
        assert try_acquire(store, "x", ttl_s=1) is None
        time.sleep(0.4)
        assert try_acquire(store, "x", ttl_s=1) is None
    assert try_acquire(store, "x", ttl_s=1) is not None


def test_a_lease_that_is_not_renewed_runs_out(store: OperationsStore) -> None:
    with holding(store, "x", ttl_s=0.2, renews=False):
        time.sleep(0.3)
        assert try_acquire(store, "x", ttl_s=1) is not None


def test_a_lease_that_was_taken_over_is_not_renewed(store: OperationsStore) -> None:
    first = try_acquire(store, "x", ttl_s=0.01)
    assert first is not None
    time.sleep(0.05)
    second = try_acquire(store, "x", ttl_s=30)
    assert second is not None

    assert renew(store, first, ttl_s=60) is False
    assert renew(store, second, ttl_s=60) is True
