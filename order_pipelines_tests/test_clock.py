"""Business days in Amsterdam, also in the nights that have 23 or 25 hours."""

from datetime import UTC, date, datetime, timedelta

import pytest

from order_pipelines import clock


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2026-11-20T22:59:59", date(2026, 11, 20)),
        ("2026-11-20T23:00:00", date(2026, 11, 21)),
        ("2026-07-20T21:59:59", date(2026, 7, 20)),
        ("2026-07-20T22:00:00", date(2026, 7, 21)),
        ("2026-03-29T00:59:59", date(2026, 3, 29)),
        ("2026-03-29T21:59:59", date(2026, 3, 29)),
        ("2026-03-29T22:00:00", date(2026, 3, 30)),
        ("2026-10-24T22:00:00", date(2026, 10, 25)),
        ("2026-10-25T22:59:59", date(2026, 10, 25)),
        ("9999-12-31T23:59:59", date(9999, 12, 31)),
        ("0001-01-01T00:00:00", date(1, 1, 1)),
    ],
)
def test_an_instant_belongs_to_a_dutch_day(instant: str, day: date) -> None:
    assert clock.order_date(_utc(instant)) == day


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 11, 21), 24)]
)
def test_days_have_their_own_length(day: date, hours: int) -> None:
    first, after = clock.day_bounds(day)
    assert after - first == timedelta(hours=hours)
    assert clock.order_date(first) == day
    assert clock.order_date(after - timedelta(microseconds=1)) == day
    assert clock.order_date(after) == day + timedelta(days=1)


def test_a_frozen_clock_stands_and_goes_on_afterwards() -> None:
    noon = _utc("2026-11-21T12:00:00")
    with clock.frozen(noon):
        assert clock.now() == clock.now() == noon
        with clock.frozen(noon + timedelta(days=1)):
            assert clock.now() == noon + timedelta(days=1)
        assert clock.now() == noon
    assert clock.now() != noon


def test_the_clock_follows_a_sandbox() -> None:
    before = clock.now()
    clock.follow(3600)
    try:
        assert timedelta(minutes=59) < clock.now() - before < timedelta(minutes=61)
    finally:
        clock.follow(0)


def test_instants_are_written_with_z() -> None:
    assert clock.isoformat(_utc("2026-11-21T17:00:00")) == "2026-11-21T17:00:00Z"
    assert clock.isoformat(_utc("2026-11-21T17:00:00.000001")) == "2026-11-21T17:00:00.000001Z"
