"""When a difference counts and when a day is clean: the rules alone, with typed-in moments."""

from datetime import UTC, date, datetime, timedelta

import pytest

from order_pipelines.services.shadow_rules import (
    ACCEPTANCE,
    CANCELLATION,
    STOCK,
    TRACKING,
    Day,
    Found,
    Standing,
    clean_days,
    counts,
)

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TODAY = date(2026, 11, 20)


def _minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def _stock(ours: int, theirs: int) -> Found:
    return Found("offer-1", str(ours), str(theirs), sku="A", pieces=(ours, theirs))


def _standing(*, first: float, ours: float | None = None, times: int = 2) -> Standing:
    """Return how long it stands, in minutes before noon."""
    return Standing(NOON - _minutes(first), NOON - _minutes(first if ours is None else ours), times)


def test_more_than_we_would_send_counts_after_ten_minutes_with_our_number_unchanged() -> None:
    assert not counts(STOCK, _stock(5, 9), _standing(first=9.9), NOON, None)
    assert counts(STOCK, _stock(5, 9), _standing(first=10), NOON, None)
    assert not counts(STOCK, _stock(5, 9), _standing(first=60, ours=5), NOON, None)


def test_less_than_we_would_send_counts_only_after_the_orders_were_read_since() -> None:
    """What is missing there may be a sale that we have not read yet."""
    less, standing = _stock(9, 5), _standing(first=20)
    assert not counts(STOCK, less, standing, NOON, None)
    assert not counts(STOCK, less, standing, NOON, NOON - _minutes(21))
    assert counts(STOCK, less, standing, NOON, NOON - _minutes(20))


def test_an_article_that_sells_all_day_counts_when_it_was_never_equal_for_a_day() -> None:
    fresh = NOON - _minutes(1)
    day = 24 * 60.0
    busy = _standing(first=day, ours=1, times=6)
    assert counts(STOCK, _stock(9, 5), busy, NOON, fresh)
    assert not counts(STOCK, _stock(9, 5), _standing(first=day, ours=1, times=5), NOON, fresh)
    assert not counts(STOCK, _stock(9, 5), _standing(first=day - 1, ours=1, times=30), NOON, fresh)


@pytest.mark.parametrize(("kind", "late"), [(ACCEPTANCE, 60), (CANCELLATION, 60), (TRACKING, 240)])
def test_a_difference_of_an_order_counts_when_the_deed_is_late(kind: str, late: int) -> None:
    def found(minutes: float) -> Found:
        return Found("bol_main:1", "a", "b", happened_at=NOON - _minutes(minutes))

    assert not counts(kind, found(late - 0.1), _standing(first=30), NOON, None)
    assert counts(kind, found(late), _standing(first=30), NOON, None)
    assert not counts(kind, found(late), _standing(first=9), NOON, None)


def _day(
    kind: str = STOCK, *, comparisons: int = 20, failures: int = 0, compared: int = 5, differing: int = 0
) -> Day:
    return Day(kind, comparisons, failures, compared, differing)


@pytest.mark.parametrize(
    ("day", "is_known", "is_clean"),
    [
        (_day(), True, True),
        (_day(differing=1), True, False),
        (_day(comparisons=0, failures=3), False, False),
        (_day(comparisons=3, failures=3), True, True),
        (_day(comparisons=3, failures=4), False, False),
        (_day(compared=0), False, False),
        (_day(TRACKING, compared=0), True, True),
    ],
)
def test_a_day_is_clean_when_it_is_known_and_nothing_differed(
    day: Day, is_known: bool, is_clean: bool
) -> None:
    assert (day.is_known, day.is_clean) == (is_known, is_clean)


def _week(**changed: Day | None) -> dict[date, dict[str, Day]]:
    """Return eight clean days up to today, some of them changed: ``d19`` is the 19th, ``None`` leaves it out."""
    days = {date(2026, 11, day): {STOCK: _day(), TRACKING: _day(TRACKING)} for day in range(12, 21)}
    for name, other in changed.items():
        day = date(2026, 11, int(name[1:]))
        if other is None:
            del days[day]
        else:
            days[day][other.kind] = other
    return days


@pytest.mark.parametrize(
    ("days", "clean"),
    [
        (_week(), 7),
        (_week(d20=None), 7),
        (_week(d20=_day(differing=1)), 0),
        (_week(d20=_day(comparisons=0, failures=1)), 7),
        (_week(d19=None), 0),
        (_week(d18=None), 1),
        (_week(d17=_day(TRACKING, differing=2)), 2),
        (_week(d14=_day(comparisons=0, failures=9)), 5),
        (_week(d13=_day(differing=1)), 6),
        (_week(d12=_day(differing=1)), 7),
        ({}, 0),
    ],
)
def test_clean_days_are_counted_back_from_yesterday(days: dict[date, dict[str, Day]], clean: int) -> None:
    kinds = (STOCK, TRACKING)
    assert clean_days(days, kinds, today=TODAY, first_whole_day=date(2026, 11, 1)) == clean


def test_a_day_before_the_account_observed_all_of_it_is_not_counted() -> None:
    assert clean_days(_week(), (STOCK,), today=TODAY, first_whole_day=date(2026, 11, 17)) == 3


def test_a_kind_that_was_not_compared_on_a_day_makes_it_unknown() -> None:
    days = _week()
    del days[date(2026, 11, 16)][TRACKING]
    assert clean_days(days, (STOCK, TRACKING), today=TODAY, first_whole_day=date(2026, 11, 1)) == 3
    assert clean_days(days, (STOCK,), today=TODAY, first_whole_day=date(2026, 11, 1)) == 7
