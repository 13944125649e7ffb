"""Faults that a test orders from the stand-in of Exact Online: what the client sees and what was done all the same."""

import pytest
import requests

from order_pipelines.sandbox.exact_online import ExactStandIn
from order_pipelines.sandbox.standin import Fault
from order_pipelines_tests.sandbox.exact_online_server import (
    ENTRIES,
    LINES,
    ExactUser,
    StandingClock,
    entry,
    logged_in,
    refusal_text,
    serving,
)


@pytest.mark.parametrize(
    ("kind", "status"), [("401", 401), ("403", 403), ("404", 404), ("406", 406), ("500", 500), ("503", 503)]
)
def test_a_status_fault_strikes_before_anything_is_done(exact: ExactUser, kind: str, status: int) -> None:
    exact.stand_in.faults.add(Fault(kind, match="SalesEntries"))

    struck, spared = exact.post_entry(), exact.post_entry()

    assert (struck.status_code, spared.status_code) == (status, 201)
    assert len(exact.state["entries"]) == 1
    assert [(write["status"], write["fault"]) for write in exact.state["writes"]] == [
        (status, kind),
        (201, None),
    ]
    assert struck.headers["content-type"].startswith("text/html" if status >= 500 else "application/json")


def test_a_business_refusal_can_be_ordered_with_its_text(exact: ExactUser) -> None:
    exact.stand_in.faults.add(Fault("500_json", detail={"text": "Reeds verwerkt"}))

    answer = exact.post_entry()

    assert (answer.status_code, refusal_text(answer)) == (500, "Reeds verwerkt")
    assert exact.state["entries"] == []


@pytest.mark.parametrize(
    ("fault", "headers"),
    [
        (
            Fault("429"),
            {
                "x-ratelimit-minutely-limit": "60",
                "x-ratelimit-minutely-remaining": "0",
                "x-ratelimit-minutely-reset": "1784025120000",
            },
        ),
        (
            Fault("429", detail={"limit": "day"}),
            {
                "x-ratelimit-limit": "5000",
                "x-ratelimit-remaining": "0",
                "x-ratelimit-reset": "1784073600000",
            },
        ),
        (Fault("429_without_retry_after"), {}),
    ],
)
def test_an_ordered_429_names_the_limit_that_was_hit(
    exact: ExactUser, fault: Fault, headers: dict[str, str]
) -> None:
    exact.stand_in.faults.add(fault)

    answer = exact.get(ENTRIES)

    assert answer.status_code == 429
    assert {
        name: value for name, value in answer.headers.items() if name.startswith("x-ratelimit")
    } == headers


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_a_dropped_reply_leaves_the_entry_booked_and_the_client_without_an_answer(http: str) -> None:
    stand_in = ExactStandIn(clock := StandingClock())
    with serving(stand_in.app, http) as base_url, logged_in(stand_in, clock, base_url) as exact:
        exact.stand_in.faults.add(Fault("drop_reply_after_acting", method="POST"))

        with pytest.raises(requests.ConnectionError):
            exact.post_entry()

        assert [row["your_ref"] for row in exact.state["entries"]] == ["BOL-A2K8290LP8"]
        assert [(write["status"], write["fault"]) for write in exact.state["writes"]] == [
            (201, "drop_reply_after_acting")
        ]
        assert len(exact.rows(ENTRIES, filter="YourRef eq 'BOL-A2K8290LP8'")) == 1


def test_a_dropped_token_reply_burns_the_refresh_token(exact: ExactUser) -> None:
    """The answer that nobody received held the only token that would still have worked."""
    token = exact.stand_in.consent("exact")
    exact.stand_in.faults.add(Fault("drop_reply_after_acting", match="/oauth2/token"))

    with pytest.raises(requests.ConnectionError):
        exact.refresh(token)

    assert exact.refresh(token).json()["error_description"] == "Old refresh token used."


def test_a_truncated_body_is_broken_json_of_a_call_that_was_carried_out(exact: ExactUser) -> None:
    exact.stand_in.faults.add(Fault("truncate_body", method="POST"))

    answer = exact.post_entry()

    assert answer.status_code == 201
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert len(exact.state["entries"]) == 1


def test_a_maintenance_page_is_200_without_json_and_without_effect(exact: ExactUser) -> None:
    exact.stand_in.faults.add(Fault("not_json"))

    answer = exact.post_entry()

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert exact.state["entries"] == []


def test_a_hang_gives_no_answer_and_does_nothing(exact: ExactUser) -> None:
    exact.stand_in.faults.add(Fault("hang"))

    with pytest.raises(requests.ReadTimeout):
        exact.call("POST", f"{{division}}/{ENTRIES}", json=entry(), timeout=0.2)

    assert exact.post_entry(YourRef="BOL-2").status_code == 201
    assert [row["your_ref"] for row in exact.state["entries"]] == ["BOL-2"]
    assert [(write["status"], write["fault"]) for write in exact.state["writes"]] == [
        (None, "hang"),
        (201, None),
    ]


def test_latency_delays_and_then_answers(exact: ExactUser) -> None:
    exact.stand_in.faults.add(Fault("latency", seconds=0.15))

    answer = exact.get("cashflow/PaymentConditions")

    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() >= 0.15


def test_an_expired_token_answers_401_and_may_be_refreshed_at_once(exact: ExactUser) -> None:
    refresh_token = exact.log_in()
    exact.stand_in.faults.add(Fault("expire_token"))

    refused = exact.get(ENTRIES)
    renewed = exact.refresh(refresh_token)
    exact.access_token = renewed.json()["access_token"]

    assert (refused.status_code, renewed.status_code) == (401, 200)
    assert exact.get(ENTRIES).status_code == 200


def test_a_posted_entry_can_stay_invisible_to_searches_for_a_while(exact: ExactUser) -> None:
    exact.stand_in.faults.add(Fault("search_lag", detail={"seconds": 90}))
    entry_id = exact.post_entry().json()["d"]["EntryID"]
    search = "YourRef eq 'BOL-A2K8290LP8'"

    hidden = exact.rows(ENTRIES, filter=search)
    by_key = exact.get(f"{ENTRIES}(guid'{entry_id}')")
    exact.clock.advance(89)
    still_hidden = exact.rows(ENTRIES, filter=search) + exact.rows(
        LINES, filter=f"EntryID eq guid'{entry_id}'"
    )
    exact.clock.advance(1)

    assert (hidden, still_hidden, by_key.status_code) == ([], [], 200)
    assert [row["EntryID"] for row in exact.rows(ENTRIES, filter=search)] == [entry_id]
    assert exact.stand_in.faults.pending() == []
