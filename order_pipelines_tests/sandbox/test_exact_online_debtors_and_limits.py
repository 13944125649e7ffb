"""Debtors of the stand-in of Exact Online, and the limits on how often it may be called."""

from datetime import UTC, datetime

from order_pipelines.sandbox.exact_online.limits import CallLimits
from order_pipelines_tests.sandbox.exact_online_server import (
    ACCOUNTS,
    BOL_MAIN,
    ENTRIES,
    ExactUser,
    refusal_text,
)

# ---------------------------------------------------------------- debtors


def test_a_posted_debtor_comes_back_nearly_empty_unless_asked_for(exact: ExactUser) -> None:
    posted = {"Name": "Groothandel De Molen", "Status": "C", "Country": "NL", "VATNumber": "NL001234567B01"}

    sparse = exact.post(ACCOUNTS, posted)
    full = exact.post(ACCOUNTS, posted | {"Code": "4711"}, Prefer="return=representation")

    assert (sparse.status_code, full.status_code) == (201, 201)
    kept = {name: value for name, value in sparse.json()["d"].items() if value is not None}
    assert set(kept) == {
        "__metadata",
        "ID",
        "BankAccounts",
        "CostPaid",
        "IgnoreDatevWarningMessage",
        "IsAccountant",
        "IsAgency",
        "IsAnonymised",
        "IsCompetitor",
        "IsMailing",
        "SeparateInvPerProject",
        "SeparateInvPerSubscription",
    }
    row = full.json()["d"]
    assert (row["Name"], row["Code"], row["Country"], row["IsSales"]) == (
        "Groothandel De Molen",
        "              4711",
        "NL ",
        True,
    )
    found = exact.rows(ACCOUNTS, filter="VATNumber eq 'NL001234567B01'", orderby="Code", select="Code")
    assert [one["Code"] for one in found] == ["               200", "              4711"]
    assert exact.rows(ACCOUNTS, filter="Code eq '4711'") == []
    assert len(exact.rows(ACCOUNTS, filter="Code eq '              4711'")) == 1


def test_a_debtor_is_changed_in_part_and_the_answer_is_empty(exact: ExactUser) -> None:
    key = exact.post(ACCOUNTS, {"Name": "De Molen", "Email": "molen@voorbeeld.example"}).json()["d"]["ID"]
    exact.clock.advance(5)

    changed = exact.call("PUT", f"{{division}}/{ACCOUNTS}(guid'{key}')", json={"Name": "De Nieuwe Molen"})

    assert (changed.status_code, changed.content) == (204, b"")
    row = exact.get(f"{ACCOUNTS}(guid'{key}')").json()["d"]
    assert (row["Name"], row["Email"]) == ("De Nieuwe Molen", "molen@voorbeeld.example")
    assert (row["Created"], row["Modified"]) == ("/Date(1784032260220)/", "/Date(1784032265220)/")


def test_a_debtor_without_name_or_with_a_taken_code_is_refused(exact: ExactUser) -> None:
    nameless = exact.post(ACCOUNTS, {"Name": " "})
    taken = exact.post(ACCOUNTS, {"Name": "De Molen", "Code": "100"})
    renamed = exact.call("PUT", f"{{division}}/{ACCOUNTS}(guid'{BOL_MAIN}')", json={"Code": "101"})
    unknown = exact.call(
        "PUT", f"{{division}}/{ACCOUNTS}(guid'0e0a0001-0000-4000-8000-00000000dead')", json={"Name": "x"}
    )

    assert (nameless.status_code, refusal_text(nameless)) == (500, "Naam verplicht")
    assert (taken.status_code, refusal_text(taken)) == (500, "Gegeven bestaat reeds.")
    assert (renamed.status_code, refusal_text(renamed)) == (500, "Gegeven bestaat reeds.")
    assert unknown.status_code == 404
    assert [row["code"] for row in exact.state["customers"]] == ["100", "101", "102", "103", "104"]


def test_a_blocked_debtor_gets_no_entries(exact: ExactUser) -> None:
    exact.call("PUT", f"{{division}}/{ACCOUNTS}(guid'{BOL_MAIN}')", json={"Blocked": True})

    assert refusal_text(exact.post_entry()) == "Geblokkeerd: Klant"
    assert exact.state["entries"] == []


# ---------------------------------------------------------------- limits


def test_the_sixty_first_call_of_a_minute_gets_429_with_the_headers_of_the_minute_only(
    exact: ExactUser,
) -> None:
    answers = [exact.get("cashflow/PaymentConditions", select="Code") for _ in range(61)]
    refused = answers[-1]
    exact.clock.advance(59.78)
    next_minute = exact.get("cashflow/PaymentConditions")

    assert [answer.status_code for answer in answers] == [200] * 60 + [429]
    assert {name: value for name, value in answers[0].headers.items() if name.startswith("x-ratelimit")} == {
        "x-ratelimit-limit": "5000",
        "x-ratelimit-remaining": "4999",
        "x-ratelimit-reset": "1784073600000",
        "x-ratelimit-minutely-limit": "60",
        "x-ratelimit-minutely-remaining": "59",
        "x-ratelimit-minutely-reset": "1784025120000",
    }
    assert {name: value for name, value in refused.headers.items() if name.startswith("x-ratelimit")} == {
        "x-ratelimit-minutely-limit": "60",
        "x-ratelimit-minutely-remaining": "0",
        "x-ratelimit-minutely-reset": "1784025120000",
    }
    assert refused.content == b""
    assert next_minute.status_code == 200
    assert exact.state["calls_per_minute"] == {"2026-07-14T10:31Z": 60, "2026-07-14T10:32Z": 1}
    assert exact.state["calls_refused_per_minute"] == {"2026-07-14T10:31Z": 1}


def test_the_day_has_five_thousand_calls_and_its_429_only_the_headers_of_the_day() -> None:
    limits = CallLimits()
    for minute in range(100):
        for _ in range(50):
            allowed, _ = limits.take(datetime(2026, 7, 14, 8 + minute // 60, minute % 60, tzinfo=UTC))
            assert allowed

    refused = limits.take(datetime(2026, 7, 14, 23, 59, tzinfo=UTC))
    tomorrow, headers = limits.take(datetime(2026, 7, 15, tzinfo=UTC))

    assert refused == (
        False,
        {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1784073600000"},
    )
    assert (tomorrow, headers["X-RateLimit-Remaining"]) == (True, "4999")


def test_relaxed_limits_are_a_thousand_times_as_wide_but_errors_still_count(relaxed: ExactUser) -> None:
    answers = [relaxed.get("cashflow/PaymentConditions") for _ in range(70)]
    wrong = [relaxed.get("vat/VATCodes", filter="Nope eq 1").status_code for _ in range(11)]

    assert {answer.status_code for answer in answers} == {200}
    assert answers[0].headers["x-ratelimit-minutely-limit"] == "60000"
    assert answers[0].headers["x-ratelimit-limit"] == "5000000"
    assert wrong == [400] * 10 + [429]


def test_ten_wrong_calls_block_their_endpoint_for_an_hour_and_longer_the_second_time(
    exact: ExactUser,
) -> None:
    def ten_wrong_calls() -> None:
        for _ in range(10):
            assert exact.get(ENTRIES, filter="Nope eq 1").status_code == 400

    ten_wrong_calls()
    blocked = exact.post_entry()

    assert blocked.status_code == 429
    assert not [name for name in blocked.headers if name.startswith("x-ratelimit")]
    assert exact.state["entries"] == []
    assert list(exact.state["blocked_endpoints"]) == ["3456700/salesentry/SalesEntries"]
    assert exact.get("vat/VATCodes").status_code == 200

    exact.clock.advance(3600)
    exact.log_in()
    assert exact.state["blocked_endpoints"] == {}
    ten_wrong_calls()
    exact.clock.advance(3601)
    exact.log_in()
    assert exact.get(ENTRIES).status_code == 429
    exact.clock.advance(3600)
    exact.log_in()
    assert exact.get(ENTRIES).status_code == 200


def test_nine_wrong_calls_an_hour_and_any_number_of_business_refusals_block_nothing(exact: ExactUser) -> None:
    for _ in range(9):
        assert exact.get(ENTRIES, filter="Nope eq 1").status_code == 400
    for _ in range(20):
        assert exact.post_entry(Journal="77").status_code == 500
    exact.clock.advance(3601)
    exact.log_in()
    for _ in range(9):
        assert exact.get(ENTRIES, filter="Nope eq 1").status_code == 400

    assert exact.get(ENTRIES).status_code == 200


def test_calls_with_an_expired_token_eat_the_error_budget(exact: ExactUser) -> None:
    exact.clock.advance(601)
    answers = [exact.get(ENTRIES).status_code for _ in range(11)]
    exact.log_in()

    assert answers == [401] * 10 + [429]
    assert exact.get(ENTRIES).status_code == 429
