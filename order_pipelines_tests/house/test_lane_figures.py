"""What the benchmark of the lane makes of events: from known to answered, what was skipped, what a file carried."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from benchmarks.lane_figures import percentile, spread, told
from order_pipelines_tests.operations.moments import at


@dataclass
class Row:
    """One row of ``channel_stock_events``."""

    account: str
    offer_id: str
    sku: str
    kind: str
    version: int
    happened_at: datetime


def _after(seconds: float) -> datetime:
    return at(8) + timedelta(seconds=seconds)


def _row(seconds: float, kind: str, version: int, account: str = "shop", offer: str = "o1") -> Row:
    return Row(account, offer, "A", kind, version, _after(seconds))


SPELL = (at(8), _after(60))


def test_a_number_that_was_skipped_is_accepted_with_the_newer_one() -> None:
    rows = [
        _row(0, "desired", 5),
        _row(0.1, "sent", 5),
        _row(0.2, "desired", 6),
        _row(0.3, "desired", 7),
        _row(0.4, "confirmed", 5),
        _row(0.5, "sent", 7),
        _row(0.9, "confirmed", 7),
    ]
    found = told(rows, ["shop"], *SPELL)
    assert [round(one) for one in found.accepted] == [400, 700, 600]
    assert (found.updates, found.coalesced, found.sent, found.never, found.outdated) == (3, 1, 2, 0, 0)
    assert [round(one) for one in found.ages] == [100, 300]


def test_accepted_and_confirmed_are_two_things() -> None:
    rows = [_row(0, "desired", 1), _row(1, "sent", 1), _row(2, "accepted", 1), _row(30, "confirmed", 1)]
    found = told(rows, ["shop"], *SPELL)
    assert (found.accepted, found.confirmed) == ([2000.0], [30_000.0])


def test_a_call_that_was_not_permitted_told_nobody_anything() -> None:
    """The file a minute later carries what was known since the beginning, in its newest version."""
    rows = [
        _row(0, "desired", 1),
        _row(1, "sent", 1),
        _row(1, "postponed", 1),
        _row(20, "desired", 2),
        _row(50, "sent", 2),
        _row(51, "accepted", 2),
    ]
    found = told(rows, ["shop"], *SPELL)
    assert (found.sent, found.coalesced, found.ages) == (1, 1, [50_000.0])
    assert found.accepted == [51_000.0, 31_000.0]


def test_a_number_that_goes_out_although_a_newer_one_is_known_is_outdated() -> None:
    rows = [_row(0, "desired", 1), _row(1, "desired", 2), _row(2, "sent", 1), _row(3, "confirmed", 1)]
    found = told(rows, ["shop"], *SPELL)
    assert (found.outdated, found.never) == (1, 1)


def test_other_accounts_and_other_times_do_not_count() -> None:
    rows = [
        _row(-5, "desired", 1),
        _row(1, "confirmed", 1),
        _row(2, "desired", 9, account="other"),
        _row(61, "desired", 2),
        _row(62, "confirmed", 2),
    ]
    assert told(rows, ["shop"], *SPELL).updates == 0


@pytest.mark.parametrize(("percent", "value"), [(50, 2.0), (95, 4.0), (25, 1.0)])
def test_percentiles_are_values_that_occurred(percent: float, value: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], percent) == value


def test_nothing_has_no_percentile_and_a_lag_is_compared_by_thirds() -> None:
    assert math.isnan(percentile([], 95))
    assert spread([10.0, 11.0, 50.0, 50.0, 20.0, 22.0]) == (11.0, 22.0)
