"""Buffers against tables of the Poisson distribution, and what must hold for any lag and demand."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_pipelines.domain.buffers import (
    Elsewhere,
    buffer_of,
    lost_per_day,
    percentile,
    poisson_quantile,
    withheld_per_day,
)
from order_pipelines.errors import DomainRuleError

HOUR = 3600.0
lags = st.floats(0, 200_000)
demands = st.floats(0, 5_000)
levels = st.floats(0.5, 0.9999)


@pytest.mark.parametrize(
    ("mean", "level", "number"),
    [
        # Cumulative Poisson probabilities as printed tables give them: P(X <= 2 | 0.5) = 0.9856, P(X <= 3) = 0.9982.
        (0.1, 0.95, 1),
        (0.1, 0.99, 1),
        (0.1, 0.90, 0),
        (0.5, 0.98, 2),
        (0.5, 0.99, 3),
        (1.0, 0.95, 3),
        (1.0, 0.99, 4),
        (2.0, 0.95, 5),
        (2.0, 0.99, 6),
        (5.0, 0.95, 9),
        (5.0, 0.99, 11),
        (10.0, 0.95, 15),
        (10.0, 0.99, 18),
        (100.0, 0.99, 124),
        (0.0, 0.99, 0),
    ],
)
def test_quantiles_are_those_of_the_tables(mean: float, level: float, number: int) -> None:
    assert poisson_quantile(mean, level) == number


@pytest.mark.parametrize(
    ("mean", "level"), [(-1, 0.9), (1, 1), (1, -0.1), (float("nan"), 0.9), (float("inf"), 0.9)]
)
def test_what_has_no_quantile_is_refused(mean: float, level: float) -> None:
    with pytest.raises(DomainRuleError):
        poisson_quantile(mean, level)


def test_a_large_mean_neither_overflows_nor_takes_long() -> None:
    # Mean plus 2.326 standard deviations, by the normal approximation: 1,002,326.
    assert abs(poisson_quantile(1_000_000, 0.99) - 1_002_327) <= 2


def test_pieces_that_are_sold_before_we_know_are_held_back() -> None:
    """Twelve a day at an account that is read every two hours: one piece on average, four in 99 of 100 cases."""
    assert buffer_of([Elsewhere(2 * HOUR, 12)], level=0.99, real_time_s=120) == 4
    assert buffer_of([Elsewhere(HOUR, 12), Elsewhere(2 * HOUR, 6)], level=0.99, real_time_s=120) == 4
    assert buffer_of([Elsewhere(119, 5_000)], level=0.99, real_time_s=120) == 0
    assert buffer_of([Elsewhere(24 * HOUR, 0)], level=0.99, real_time_s=120) == 0
    assert buffer_of([], level=0.99, real_time_s=120) == 0


@given(lag=lags, more=lags, demand=demands, level=levels)
def test_more_lag_never_lowers_the_buffer(lag: float, more: float, demand: float, level: float) -> None:
    low = buffer_of([Elsewhere(lag, demand)], level=level, real_time_s=120)
    assert buffer_of([Elsewhere(lag + more, demand)], level=level, real_time_s=120) >= low


@given(lag=lags, demand=demands, more=demands, level=levels)
def test_more_demand_never_lowers_the_buffer(lag: float, demand: float, more: float, level: float) -> None:
    low = buffer_of([Elsewhere(lag, demand)], level=level, real_time_s=120)
    assert buffer_of([Elsewhere(lag, demand + more)], level=level, real_time_s=120) >= low


@given(lag=lags, level=levels)
def test_without_demand_nothing_is_held_back(lag: float, level: float) -> None:
    assert buffer_of([Elsewhere(lag, 0)], level=level, real_time_s=0) == 0


@pytest.mark.parametrize(
    ("own", "free", "buffer", "units"),
    [
        # P(X >= 1 | 1) = 0.6321, P(X >= 2 | 1) = 0.2642.
        (1, 1, 1, 0.632121),
        (1, 2, 1, 0.264241),
        (1, 2, 2, 0.896362),
        (1, 2, 9, 0.896362),
        (1, 100, 1, 0.0),
        (0, 5, 1, 0.0),
        (1, 5, 0, 0.0),
        (1, 0, 3, 0.0),
        # So many are asked for that every piece held back is wanted.
        (10_000, 20, 5, 5.0),
    ],
)
def test_what_is_held_back_counts_by_how_likely_it_is_wanted(
    own: float, free: int, buffer: int, units: float
) -> None:
    assert withheld_per_day(own, free, buffer) == pytest.approx(units, abs=1e-6)


def test_held_back_pieces_are_priced() -> None:
    assert lost_per_day(1, 2, 2, Decimal("12.10")) == Decimal("10.8460")
    assert lost_per_day(1, 2, 2, None) is None
    assert lost_per_day(0, 2, 2, Decimal("12.10")) == Decimal("0.0000")


@given(own=st.floats(0, 500), free=st.integers(0, 300), buffer=st.integers(0, 50))
def test_no_more_is_lost_than_is_held_back_or_wanted(own: float, free: int, buffer: int) -> None:
    units = withheld_per_day(own, free, buffer)
    assert -1e-9 <= units <= min(buffer, free) + 1e-9
    assert units <= own + 1e-6


def test_the_nearest_rank() -> None:
    assert percentile([], 0.95) is None
    assert percentile([7.0], 0.95) == 7.0
    assert percentile([float(n) for n in range(1, 21)], 0.95) == 19.0
    assert percentile([float(n) for n in range(1, 101)], 0.95) == 95.0
