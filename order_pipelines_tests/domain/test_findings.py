"""The time of a first load, and the worst of many findings."""

from order_pipelines.domain.findings import CallLimit, Finding, projected_seconds, worst

LIMITS = (
    CallLimit("lists", 25, 60.0, "a page"),
    CallLimit("details", 25, 1.0, "a page"),
)


def test_the_slower_of_latency_and_limit_decides_group_by_group() -> None:
    calls = {"lists": 100, "details": 5_000}
    # 75 lists beyond the first 25 wait 60 s for each 25; 5,000 details at 0.1 s are slower than 25 a second.
    assert projected_seconds(calls, {"lists": 0.2, "details": 0.1}, LIMITS) == 180.0 + 500.0


def test_what_fits_into_the_first_window_takes_as_long_as_its_calls() -> None:
    assert projected_seconds({"lists": 25}, {"lists": 0.5}, LIMITS) == 12.5


def test_a_group_that_was_not_measured_counts_as_the_slowest() -> None:
    assert projected_seconds({"pages": 10}, {"lists": 0.5, "details": 2.0}, LIMITS) == 20.0


def test_without_any_measurement_nothing_is_projected() -> None:
    assert projected_seconds({"lists": 10}, {}, LIMITS) is None


def test_a_hundred_thousand_orders_take_over_an_hour_at_bols_limits() -> None:
    found = projected_seconds({"lists": 2_100, "details": 100_000}, {"lists": 0.1, "details": 0.02}, LIMITS)
    assert found == 83 * 60.0 + 3_999.0


def test_the_worst_finding_stands_for_all() -> None:
    made = [Finding("a", "ok", ""), Finding("b", "unknown", ""), Finding("c", "warn", "")]
    assert worst(made) == "warn"
    assert worst([*made, Finding("d", "fail", "")]) == "fail"
    assert worst([]) == "ok"
