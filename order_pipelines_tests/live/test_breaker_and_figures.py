"""The small parts: a breaker, a pace, budgets that come back, lags from events."""

import threading
from datetime import timedelta

import pytest

from order_pipelines import clock
from order_pipelines.connectors.http import MemoryBudget
from order_pipelines.domain.stock import EventKind
from order_pipelines.errors import TransientConnectorError
from order_pipelines.live.breaker import Breaker, Pace
from order_pipelines.live.budgets import ImpatientBudget, waiting_until
from order_pipelines.live.figures import Lags, percentile
from order_pipelines.operations.leases import holding, try_acquire
from order_pipelines.operations.migrations import open_store
from order_pipelines.services.stock_events import StockEvent, note_events
from order_pipelines_tests.operations.moments import at


class Seconds:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _state(breaker: Breaker) -> str:
    return breaker.state


def test_a_breaker_opens_lets_one_try_and_closes() -> None:
    seconds = Seconds()
    breaker = Breaker(3, monotonic=seconds)
    for _ in range(2):
        breaker.failed()
    assert (_state(breaker), breaker.wait_s()) == ("closed", 0.0)
    breaker.failed()
    assert (_state(breaker), breaker.wait_s()) == ("open", 5.0)
    seconds.now += 5
    assert _state(breaker) == "half_open"
    assert (breaker.wait_s(), breaker.wait_s()) == (0.0, 1.0)
    breaker.failed()
    assert (_state(breaker), breaker.wait_s()) == ("open", 10.0)
    seconds.now += 10
    assert breaker.wait_s() == 0.0
    breaker.left_open()
    assert breaker.wait_s() == 0.0
    breaker.succeeded()
    assert _state(breaker) == "closed"
    for _ in range(3):
        breaker.failed()
    assert breaker.wait_s() == 5.0


def test_a_breaker_stays_open_five_minutes_at_most() -> None:
    seconds = Seconds()
    breaker = Breaker(1, monotonic=seconds)
    for _ in range(12):
        breaker.failed()
    assert breaker.wait_s() == 300.0


def test_a_refusal_halves_the_pace_and_it_comes_back_step_by_step() -> None:
    pace = Pace(60, 15)
    assert pace.next_s(is_fast=False, is_refused=False, retry_after_s=None) == 60
    assert pace.next_s(is_fast=True, is_refused=False, retry_after_s=None) == 15
    assert pace.next_s(is_fast=True, is_refused=True, retry_after_s=3) == 30
    assert pace.next_s(is_fast=True, is_refused=True, retry_after_s=200) == 200
    # No call was permitted yet: neither a refusal nor a success.
    assert pace.next_s(is_fast=True, is_refused=False, retry_after_s=10) == 60
    assert pace.next_s(is_fast=True, is_refused=False, retry_after_s=None) == 30
    assert pace.next_s(is_fast=True, is_refused=False, retry_after_s=None) == 15
    asked = [pace.next_s(is_fast=True, is_refused=True, retry_after_s=None) for _ in range(9)]
    assert asked[-1] == 120


def test_a_pusher_comes_back_instead_of_waiting_and_a_poller_waits() -> None:
    slept: list[float] = []
    shared = MemoryBudget(sleep=slept.append)
    with clock.frozen(at(9)):
        shared.refuse("offers", retry_after_s=30)
        with pytest.raises(TransientConnectorError) as refused:
            ImpatientBudget(shared).wait("offers", deadline=at(10))
        assert refused.value.retry_after_s == 30
        assert slept == []
        ImpatientBudget(shared).wait("orders", deadline=at(10))
        shared.wait("offers", deadline=at(10))
    assert slept == [30]


def test_a_wait_for_a_budget_ends_with_the_lane() -> None:
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(TransientConnectorError, match="the lane stops"):
        waiting_until(stopping)(3600)


def test_a_block_that_two_threads_see_ending_is_no_error_for_either() -> None:
    """Poller and pusher of an account share its budget."""

    class Racing(dict):  # type: ignore[type-arg]
        def get(self, key: object, default: object = None) -> object:
            found = super().get(key, default)
            self.pop(key, None)
            return found

    budget = MemoryBudget()
    budget._blocks = Racing({"orders": (at(7), at(8))})
    with clock.frozen(at(9)):
        budget.wait("orders")


def test_a_lease_given_back_is_free_though_the_clock_is_set_back(store_url: str) -> None:
    store = open_store(store_url)
    with clock.frozen(at(12)), holding(store, "x", renews=False) as lease:
        assert lease is not None
    with clock.frozen(at(9)):
        assert try_acquire(store, "x", ttl_s=5) is not None
    store.close()


def test_percentiles_are_of_the_nearest_rank_and_unknown_of_nothing() -> None:
    assert percentile([], 95) is None
    assert percentile([7.4], 50) == 7
    assert [percentile([*range(1, 21)], percent) for percent in (50, 95, 100)] == [10, 19, 20]


def test_lags_run_from_the_first_number_not_told_to_its_call_and_its_answer(store_url: str) -> None:
    store = open_store(store_url)
    lags = Lags(store)

    def note(second: float, kind: EventKind, version: int = 1) -> None:
        event = StockEvent("bol_main", "offer", "A", kind, 5, version)
        with clock.frozen(at(9) + timedelta(seconds=second)), store.transaction() as connection:
            note_events(connection, [event])

    note(0.0, "desired")
    note(0.5, "desired", 2)
    # It was not time for a call: the number stays untold.
    note(1.0, "sent", 2)
    note(1.0, "postponed", 2)
    note(3.0, "sent", 2)
    lags.follow()
    note(3.25, "accepted", 2)
    note(9.0, "confirmed", 2)
    lags.follow()
    figures = lags.take_minute("bol_main").figures()
    assert figures == {
        "sent": 1,
        "accepted": 1,
        "confirmed": 1,
        "rejected": 0,
        "in_doubt": 0,
        "known_to_sent_p50_ms": 3000,
        "known_to_sent_p95_ms": 3000,
        "sent_to_answered_p50_ms": 250,
        "sent_to_answered_p95_ms": 250,
    }
    assert lags.take_minute("bol_main").figures()["known_to_sent_p50_ms"] is None
    store.close()
