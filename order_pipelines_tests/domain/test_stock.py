"""What a line demands, what has left, what a channel may be told."""

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given

from order_pipelines.domain.stock import (
    Departure,
    Evidence,
    departures,
    open_quantity,
)

_MONDAY = datetime(2026, 11, 16, tzinfo=UTC)


def _at(hour: int) -> datetime:
    return _MONDAY + timedelta(hours=hour)


def _parcel(name: str, quantity: int, hour: int, location: str | None = None) -> Evidence:
    return Evidence(f"parcel:{name}", False, quantity, _at(hour), location)


def _total(quantity: int, hour: int) -> Evidence:
    return Evidence(f"channel:{quantity}", True, quantity, _at(hour))


def test_parcels_leave_as_they_are() -> None:
    assert departures([_parcel("b", 1, 12), _parcel("a", 2, 9, "store")]) == [
        Departure("parcel:a", 2, _at(9), "store"),
        Departure("parcel:b", 1, _at(12), None),
    ]


def test_a_channels_totals_leave_step_by_step() -> None:
    assert departures([_total(3, 15), _total(1, 9)]) == [
        Departure("channel:1", 1, _at(9), None),
        Departure("channel:3", 2, _at(15), None),
    ]


def test_what_a_parcel_accounts_for_does_not_leave_again() -> None:
    assert departures([_parcel("a", 2, 9), _total(2, 10)]) == [Departure("parcel:a", 2, _at(9), None)]
    assert departures([_parcel("a", 2, 9), _total(3, 10)])[1] == Departure("channel:3", 1, _at(10), None)


def test_a_total_that_falls_brings_nothing_back() -> None:
    assert sum(item.quantity for item in departures([_total(3, 9), _total(1, 15)])) == 3


def test_nothing_and_less_than_nothing_do_not_leave() -> None:
    assert departures([_total(0, 9), _parcel("a", 0, 9), _parcel("b", -2, 9)]) == []


_evidence = st.lists(
    st.one_of(
        st.builds(_parcel, st.sampled_from("abc"), st.integers(0, 4), st.integers(0, 20)),
        st.builds(_total, st.integers(0, 8), st.integers(0, 20)),
    ),
    max_size=6,
    unique_by=lambda item: item.key,
)


@given(_evidence, st.randoms(use_true_random=False))
def test_the_order_of_statements_does_not_matter(evidence: list[Evidence], chance: object) -> None:
    shuffled = list(evidence)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert departures(shuffled) == departures(evidence)


@given(_evidence)
def test_as_many_leave_as_the_parcels_or_the_channel_say_whichever_is_more(evidence: list[Evidence]) -> None:
    parcels = sum(item.quantity for item in evidence if not item.is_cumulative and item.quantity > 0)
    totals = max((item.quantity for item in evidence if item.is_cumulative), default=0)
    assert sum(item.quantity for item in departures(evidence)) == max(parcels, totals)


@pytest.mark.parametrize(
    ("ordered", "cancelled", "shipped", "owed"),
    [(3, 0, 0, 3), (3, 1, 1, 1), (3, 3, 0, 0), (3, 2, 2, 0), (0, 0, 0, 0)],
)
def test_open_is_what_is_neither_cancelled_nor_shipped(
    ordered: int, cancelled: int, shipped: int, owed: int
) -> None:
    assert open_quantity(ordered, cancelled, shipped) == owed
