"""The stand-in of Exact Online does what the vendor is known to do: over real HTTP, its clock standing still."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from order_pipelines.sandbox.exact_online import ExactStandIn
from order_pipelines.sandbox.exact_online.limits import CallLimits
from order_pipelines.sandbox.standin import Fault, StandIn
from order_pipelines_tests.sandbox.exact_online_server import (
    BOL_MAIN,
    REVENUE_HIGH,
    REVENUE_LOW,
    ExactUser,
    StandingClock,
    Switchboard,
    entry,
    line,
    logged_in,
    serving,
)

ENTRIES = "salesentry/SalesEntries"
LINES = "salesentry/SalesEntryLines"
ACCOUNTS = "crm/Accounts"


@pytest.fixture(scope="module")
def switchboard() -> Iterator[tuple[Switchboard, str]]:
    """One server for all tests of this module: starting one takes longer than most of them."""
    board = Switchboard()
    with serving(board) as base_url:
        yield board, base_url


@pytest.fixture
def exact(switchboard: tuple[Switchboard, str]) -> Iterator[ExactUser]:
    """A user of a fresh and strict stand-in, logged in at 12:31:00 Dutch time."""
    yield from _user(switchboard, ExactStandIn(clock := StandingClock()), clock)


@pytest.fixture
def relaxed(switchboard: tuple[Switchboard, str]) -> Iterator[ExactUser]:
    """A user of a stand-in whose limits are a thousand times as wide."""
    yield from _user(switchboard, ExactStandIn(clock := StandingClock(), relaxed=True), clock)


def _user(
    switchboard: tuple[Switchboard, str], stand_in: ExactStandIn, clock: StandingClock
) -> Iterator[ExactUser]:
    board, base_url = switchboard
    board.app = stand_in.app
    with logged_in(stand_in, clock, base_url) as user:
        yield user


def refusal_text(response: requests.Response) -> str:
    """Return the text of an error, having checked the shape of its body."""
    body = response.json()
    assert set(body) == {"error"}
    assert body["error"]["code"] == ""
    assert body["error"]["message"]["lang"] == ""
    text: str = body["error"]["message"]["value"]
    return text


# ---------------------------------------------------------------- what the control port sees


def test_it_is_a_stand_in_whose_description_tells_a_client_everything() -> None:
    stand_in: StandIn = ExactStandIn(StandingClock(), accounts=("exact", "exact_be"))

    first, second = stand_in.describe("http://127.0.0.1:8703/")

    assert stand_in.accounts() == ["exact", "exact_be"]
    assert {
        name: first[name] for name in ("system", "account", "base_url", "auth_url", "token_url", "division")
    } == {
        "system": "exact_online",
        "account": "exact",
        "base_url": "http://127.0.0.1:8703",
        "auth_url": "http://127.0.0.1:8703/api/oauth2/auth",
        "token_url": "http://127.0.0.1:8703/api/oauth2/token",
        "division": 3456700,
    }
    assert first["customers"] == {
        "bol_main": "0e0a0001-0000-4000-8000-000000000100",
        "bol_outlet": "0e0a0001-0000-4000-8000-000000000101",
        "b2b": "0e0a0001-0000-4000-8000-000000000102",
    }
    assert first["gl_accounts"]["revenue_high"] == "0e0a0001-0000-4000-8000-000000008000"
    assert first["gl_accounts"]["rounding"] == "0e0a0001-0000-4000-8000-000000008900"
    assert first["journals"]["sales"] == "70"
    assert [first["vat_codes"][name] for name in ("nl_21_excl", "nl_9_excl", "nl_21_incl", "nl_9_incl")] == [
        "2",
        "1",
        "4",
        "3",
    ]
    assert (second["account"], second["division"]) == ("exact_be", 3456710)
    assert second["customers"]["b2b"] == "0e0a0002-0000-4000-8000-000000000102"
    assert first["credentials"]["client_id"] != second["credentials"]["client_id"]
    assert json.loads(json.dumps(stand_in.state("exact"))) == stand_in.state("exact")


def test_describing_twice_gives_the_same_unused_refresh_token_and_a_new_one_after_use(
    exact: ExactUser,
) -> None:
    unused = exact.described["credentials"]["refresh_token"]

    assert exact.described["credentials"]["refresh_token"] == unused
    assert exact.refresh(unused).status_code == 200
    assert exact.described["credentials"]["refresh_token"] != unused


def test_two_accounts_on_one_host_do_not_see_each_other(switchboard: tuple[Switchboard, str]) -> None:
    stand_in = ExactStandIn(clock := StandingClock(), accounts=("exact", "exact_be"))
    for user in _user(switchboard, stand_in, clock):
        assert user.post_entry().status_code == 201
        assert user.call("GET", "3456710/salesentry/SalesEntries").status_code == 403
    assert len(stand_in.state("exact")["entries"]) == 1
    assert stand_in.state("exact_be")["entries"] == []


def test_an_account_that_does_not_live_here_is_named_in_the_error() -> None:
    with pytest.raises(ValueError, match="exact_online has no account 'exact_de'; it has exact"):
        ExactStandIn(StandingClock()).state("exact_de")


def test_the_same_seed_gives_the_same_secrets_and_another_seed_others() -> None:
    first, same, other = (
        ExactStandIn(StandingClock(), seed=seed).describe("http://127.0.0.1:1")[0]["credentials"]
        for seed in (7, 7, 8)
    )

    assert first == same
    assert first["refresh_token"] != other["refresh_token"]


# ---------------------------------------------------------------- tokens


def test_a_refresh_answers_with_a_string_lifetime_and_a_new_refresh_token(exact: ExactUser) -> None:
    old = exact.stand_in.consent("exact")

    answer = exact.refresh(old)

    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (body["token_type"], body["expires_in"]) == ("bearer", "600")
    assert body["refresh_token"] != old


def test_a_refresh_before_second_570_is_refused_and_costs_nothing(exact: ExactUser) -> None:
    token = exact.refresh(exact.stand_in.consent("exact")).json()["refresh_token"]

    exact.clock.advance(569.9)
    early = exact.refresh(token)
    exact.clock.advance(0.1)
    in_time = exact.refresh(token)

    assert early.status_code == 400
    assert early.headers["Reason"] == "TooEarlyToRefreshTokens: Rate limit exceeded: access_token not expired"
    assert early.json() == {
        "error": "access_denied",
        "error_description": "Rate limit exceeded: access_token not expired",
    }
    assert in_time.status_code == 200


def test_a_used_refresh_token_kills_its_chain_until_a_person_consents_again(exact: ExactUser) -> None:
    first = exact.stand_in.consent("exact")
    second = exact.refresh(first).json()["refresh_token"]
    exact.clock.advance(580)

    again = exact.refresh(first)
    heir = exact.refresh(second)

    assert (again.status_code, again.json()) == (
        401,
        {"error": "unauthorized_client", "error_description": "Old refresh token used."},
    )
    assert (heir.status_code, heir.json()["error"]) == (401, "unauthorized_client")
    assert exact.refresh(exact.stand_in.consent("exact")).status_code == 200
    assert [chain["is_dead"] for chain in exact.state["chains"]] == [False, True, False]
    assert exact.state["consent_needed"] is False
    assert [refusal["status"] for refusal in exact.state["token_refusals"]] == [401, 401]


def test_of_four_refreshes_at_once_exactly_one_wins(exact: ExactUser) -> None:
    token = exact.stand_in.consent("exact")
    form = exact.client | {"grant_type": "refresh_token", "refresh_token": token}

    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(
                lambda _: (
                    requests.post(f"{exact.base_url}/api/oauth2/token", data=form, timeout=5).status_code
                ),
                range(4),
            )
        )

    assert sorted(answers) == [200, 401, 401, 401]


def test_a_refresh_token_unused_for_thirty_days_is_gone(exact: ExactUser) -> None:
    token = exact.stand_in.consent("exact")
    exact.clock.advance(1, days=30)

    answer = exact.refresh(token)

    assert answer.status_code == 400
    assert answer.json() == {
        "error": "invalid_request",
        "error_description": "The refresh token expired at 13-08-2026 10:31:00 and it is now 13-08-2026 10:31:01",
    }
    assert exact.state["consent_needed"] is True


def test_the_two_hundred_and_first_token_call_of_a_day_is_refused(exact: ExactUser) -> None:
    for _ in range(199):
        assert exact.refresh("stampNL001.nobody").status_code == 400

    token = exact.stand_in.consent("exact")
    refused = exact.refresh(token)
    exact.clock.advance(days=1)

    assert refused.status_code == 429
    assert exact.state["token_requests"] == 201
    assert exact.refresh(token).status_code == 200


def test_a_wrong_client_or_secret_or_an_unencoded_form_gets_no_token(exact: ExactUser) -> None:
    token = exact.stand_in.consent("exact")

    stranger = exact.token_call(grant_type="refresh_token", refresh_token=token, client_id="somebody")
    guess = exact.token_call(grant_type="refresh_token", refresh_token=token, client_secret="guess")
    raw = exact.session.post(
        f"{exact.base_url}/api/oauth2/token",
        data=f"grant_type=refresh_token&refresh_token={token}&client_id={exact.client['client_id']}"
        f"&client_secret={exact.client['client_secret']}",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        timeout=5,
    )
    as_json = exact.session.post(
        f"{exact.base_url}/api/oauth2/token", json={"refresh_token": token}, timeout=5
    )

    assert (stranger.status_code, stranger.json()["error"]) == (400, "invalid_client")
    assert (guess.status_code, guess.json()["error"]) == (400, "invalid_client")
    assert (raw.status_code, raw.json()["error"]) == (400, "invalid_grant")
    assert (as_json.status_code, as_json.json()["error"]) == (400, "invalid_request")
    assert exact.refresh(token).status_code == 200


def test_a_consent_in_the_browser_gives_a_code_that_works_once_at_its_own_address(exact: ExactUser) -> None:
    def consent() -> str:
        page = exact.session.get(
            f"{exact.base_url}/api/oauth2/auth",
            params={
                "client_id": exact.client["client_id"],
                "redirect_uri": "http://127.0.0.1:9/back?shop=1",
                "response_type": "code",
                "state": "x/y",
                "force_login": "0",
            },
            allow_redirects=False,
            timeout=5,
        )
        assert page.status_code == 302
        target = urlsplit(page.headers["location"])
        answer = parse_qs(target.query)
        assert (target.netloc, answer["state"], answer["shop"]) == ("127.0.0.1:9", ["x/y"], ["1"])
        return answer["code"][0]

    def exchange(code: str, redirect_uri: str) -> requests.Response:
        return exact.token_call(grant_type="authorization_code", code=code, redirect_uri=redirect_uri)

    code = consent()
    tokens = exchange(code, "http://127.0.0.1:9/back?shop=1")
    again = exchange(code, "http://127.0.0.1:9/back?shop=1")
    elsewhere = exchange(consent(), "http://127.0.0.1:9/other")

    assert (tokens.status_code, tokens.json()["expires_in"]) == (200, "600")
    # This consent came with an access token, so the 570 seconds count from here.
    assert exact.refresh(tokens.json()["refresh_token"]).status_code == 400
    assert (again.status_code, elsewhere.status_code) == (400, 400)


def test_an_access_token_lives_600_seconds_also_beside_its_successor(exact: ExactUser) -> None:
    first = exact.refresh(exact.stand_in.consent("exact")).json()
    exact.clock.advance(575)
    assert exact.refresh(first["refresh_token"]).status_code == 200
    exact.access_token = first["access_token"]

    exact.clock.advance(24.9)
    alive = exact.get("vat/VATCodes")
    exact.clock.advance(0.1)
    gone = exact.get("vat/VATCodes")

    assert alive.status_code == 200
    assert (gone.status_code, refusal_text(gone)) == (401, "Unauthorized")


# ---------------------------------------------------------------- reading


def test_me_tells_the_division_last_opened_in_the_browser_and_dutch_time(exact: ExactUser) -> None:
    def me() -> dict[str, Any]:
        row: dict[str, Any] = exact.call("GET", "current/Me").json()["d"]["results"][0]
        return row

    before = me()
    exact.stand_in.open_in_browser("exact", 3456701)
    after = me()

    assert (before["CurrentDivision"], after["CurrentDivision"]) == (3456700, 3456701)
    assert (before["ServerTime"], before["ServerUtcOffset"]) == ("2026-07-14T12:31:00", 7200)
    assert before["__metadata"]["type"] == "Exact.Web.Api.Models.System.Me"


def test_divisions_are_listed_and_the_one_without_right_answers_403(exact: ExactUser) -> None:
    own = exact.rows("system/Divisions")
    everything = exact.rows("hrm/Divisions", select="Code,Description")
    refused = exact.call("GET", "3456701/vat/VATCodes")

    assert [row["Code"] for row in own] == [3456700]
    assert [(row["Code"], row["Description"]) for row in everything] == [
        (3456700, "Voorbeeld Handel"),
        (3456701, "Voorbeeld Holding"),
    ]
    assert (refused.status_code, refused.headers["Reason"]) == (403, "NoDivisionAccess")


def test_vat_codes_are_padded_and_their_percentage_is_a_fraction(exact: ExactUser) -> None:
    rows = {row["Code"]: row for row in exact.rows("vat/VATCodes")}

    assert [
        (rows[code]["Percentage"], rows[code]["Type"]) for code in ("2  ", "1  ", "4  ", "3  ", "7  ")
    ] == [
        (0.21, "E"),
        (0.09, "E"),
        (0.21, "I"),
        (0.09, "I"),
        (0, "B"),
    ]
    assert rows["OBE"]["OssCountry"] == "BE "
    assert rows["2  "]["Created"] == "/Date(1721639700180)/"
    assert rows["2  "]["VATPercentages"] == {
        "__deferred": {"uri": rows["2  "]["__metadata"]["uri"] + "/VATPercentages"}
    }


def test_other_master_data_can_be_read(exact: ExactUser) -> None:
    journals = exact.rows("financial/Journals", filter="Type eq 20")
    ledger = exact.rows("financial/GLAccounts", filter="Code eq '8000'")
    conditions = exact.rows("cashflow/PaymentConditions", orderby="Code")

    assert [(row["Code"], row["Currency"]) for row in journals] == [("70", "EUR")]
    assert [row["ID"] for row in ledger] == [REVENUE_HIGH]
    assert [(row["Code"], row["PaymentDays"]) for row in conditions] == [("00", 0), ("30", 30)]


def test_a_top_of_sixty_or_less_comes_as_a_bare_list_and_anything_else_as_results(exact: ExactUser) -> None:
    assert isinstance(exact.get("vat/VATCodes", top="60").json()["d"], list)
    assert isinstance(exact.get("vat/VATCodes", top="61").json()["d"]["results"], list)
    assert set(exact.get("vat/VATCodes").json()["d"]) == {"results"}
    assert exact.get("vat/VATCodes", filter="Code eq 'zz'").json() == {"d": {"results": []}}
    assert exact.get("vat/VATCodes", top="5", inlinecount="allpages").json()["d"]["__count"] == "10"


def test_a_page_has_sixty_rows_and_the_next_address_a_smaller_top(exact: ExactUser) -> None:
    first = exact.get(
        "financial/GLAccounts", select="ID,Code,Modified", orderby="Modified asc", top="100"
    ).json()["d"]
    second = exact.call("GET", first["__next"]).json()["d"]

    assert first["__next"] == (
        f"{exact.base_url}/api/v1/3456700/financial/GLAccounts?$select=ID,Code,Modified&$orderby=Modified%20asc&$top=40"
        "&$skiptoken=datetime'2024-07-22T09%3A15%3A00.180',guid'0e0a0001-0000-4000-8000-000000004058'"
    )
    assert (len(first["results"]), len(second["results"])) == (60, 40)
    assert "__next" not in second
    assert not {row["ID"] for row in first["results"]} & {row["ID"] for row in second["results"]}


def test_following_next_without_a_top_gives_every_row_once(exact: ExactUser) -> None:
    sizes, codes, address = [], [], "financial/GLAccounts?$orderby=Code desc"
    page = exact.get(address).json()["d"]
    while True:
        sizes.append(len(page["results"]))
        codes += [row["Code"] for row in page["results"]]
        if "__next" not in page:
            break
        page = exact.call("GET", page["__next"]).json()["d"]

    assert sizes == [60, 60, 17]
    assert codes == sorted(codes, reverse=True)
    assert len(set(codes)) == 137
    assert (
        exact.rows("financial/GLAccounts", skip="131", top="60", orderby="Code", select="Code")[0]["Code"]
        == "8000"
    )


@pytest.mark.parametrize(
    ("test", "found"),
    [
        ("YourRef eq 'BOL-1'", ["BOL-1"]),
        ("YourRef eq 'O''Neill-2'", ["O'Neill-2"]),
        ("YourRef eq 'BOL-1' or YourRef eq 'WEB-3' and AmountFC gt 100", ["BOL-1"]),
        ("(YourRef eq 'BOL-1' or YourRef eq 'WEB-3') and AmountFC gt 30", ["WEB-3"]),
        ("EntryNumber eq 26700002", ["O'Neill-2"]),
        ("AmountFC ge 30.00 and AmountFC lt 60.5M", ["BOL-1", "O'Neill-2"]),
        ("startswith(YourRef,'BOL')", ["BOL-1"]),
        ("substringof('neill', tolower(YourRef)) eq true", ["O'Neill-2"]),
        ("not (Journal ne '70') and not startswith(YourRef,'BOL')", ["O'Neill-2", "WEB-3"]),
        ("Modified gt datetime'2026-07-14T12:31:00.220'", ["O'Neill-2", "WEB-3"]),
        ("Modified gt datetime'2026-07-14T12:32:10'", ["WEB-3"]),
        ("EntryDate ge datetime'2026-07-13'", ["BOL-1", "O'Neill-2", "WEB-3"]),
        ("Document eq null", ["BOL-1", "O'Neill-2", "WEB-3"]),
        ("PaymentReference ne null", []),
    ],
)
def test_a_filter_finds_what_it_says(exact: ExactUser, test: str, found: list[str]) -> None:
    for minute, (reference, lines) in enumerate([("BOL-1", 1), ("O'Neill-2", 2), ("WEB-3", 3)]):
        assert exact.post_entry(YourRef=reference, SalesEntryLines=[line()] * lines).status_code == 201
        exact.clock.advance(60 if minute == 0 else 30)

    assert [row["YourRef"] for row in exact.rows(ENTRIES, filter=test, orderby="EntryNumber")] == found


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"filter": "YourReference eq 'x'"}, "No property 'YourReference' exists in type"),
        ({"filter": "YourRef eq"}, "Syntax error at position 10."),
        ({"filter": "YourRef eq 'x"}, "Syntax error at position 10."),
        ({"filter": "(YourRef eq 'x'"}, "Syntax error at position 15."),
        ({"filter": "YourRef"}, "The $filter expression must evaluate to a single boolean value."),
        ({"filter": "EntryID eq '0e0a0001-0000-4000-8000-000000008000'"}, "Operator 'eq' incompatible"),
        ({"filter": "Modified gt '2026-07-14'"}, "Operator 'gt' incompatible"),
        ({"filter": "Modified gt datetime'2026-07-14T12:31:00Z'"}, "Unrecognized 'datetime' literal"),
        ({"filter": "length(YourRef) eq 3"}, "Unknown function 'length'"),
        ({"select": "YourRef,Reference"}, "No property 'Reference' exists in type"),
        ({"orderby": "YourRef up"}, "Syntax error in $orderby"),
        ({"expand": "Customer"}, "The property 'Customer' is no link"),
        ({"top": "-1"}, "Incorrect format for $top"),
        ({"count": "true"}, "The query parameter '$count' is not supported"),
        ({"skiptoken": "12"}, "The $skiptoken does not fit"),
        ({"inlinecount": "some"}, "Unknown $inlinecount option"),
    ],
)
def test_a_wrong_query_is_answered_400(exact: ExactUser, options: dict[str, str], text: str) -> None:
    exact.post_entry()

    answer = exact.get(ENTRIES, **options)

    assert answer.status_code == 400
    assert refusal_text(answer).startswith(text)


def test_what_does_not_exist_is_404_and_what_may_not_be_done_405(exact: ExactUser) -> None:
    assert exact.get("salesentry/SalesEntrys").status_code == 404
    assert exact.get("salesentry").status_code == 404
    assert exact.get(f"{ENTRIES}(guid'0e0a0001-0000-4000-8000-00000000dead')").status_code == 404
    assert exact.get(f"{ENTRIES}('0e0a0001-0000-4000-8000-00000000dead')").status_code == 400
    assert exact.post("vat/VATCodes", {}).status_code == 405
    assert exact.call("PATCH", f"{{division}}/{ACCOUNTS}(guid'{BOL_MAIN}')", json={}).status_code == 405


@pytest.mark.parametrize("accept", ["*/*", "application/atom+xml"])
def test_without_json_in_accept_the_answer_is_406(exact: ExactUser, accept: str) -> None:
    answer = exact.call("GET", "{division}/vat/VATCodes", headers={"Accept": accept})

    assert answer.status_code == 406


def test_the_mandatory_filter_can_be_switched_on(exact: ExactUser) -> None:
    assert exact.get(ACCOUNTS).status_code == 200
    exact.stand_in.demand_filters()

    refused = exact.get(ACCOUNTS, filter="Name eq 'x'")

    assert refused.status_code == 400
    assert refusal_text(refused) == (
        "This endpoint has mandatory filtering applied. A GET request for this endpoint must have a $filter parameter "
        "with one of the following fields in the url: ID,Code,Modified."
    )
    assert len(exact.rows(ACCOUNTS, filter="trim(Code) eq '100'")) == 1


# ---------------------------------------------------------------- sales entries


def test_a_posted_entry_answers_with_a_filled_header_and_deferred_lines(exact: ExactUser) -> None:
    answer = exact.post_entry()

    assert answer.status_code == 201
    row = answer.json()["d"]
    entry_id = row["EntryID"]
    uri = f"{exact.base_url}/api/v1/3456700/salesentry/SalesEntries(guid'{entry_id}')"
    assert row["__metadata"] == {"uri": uri, "type": "Exact.Web.Api.Models.SalesEntry"}
    assert answer.headers["location"] == uri
    assert row["SalesEntryLines"] == {"__deferred": {"uri": f"{uri}/SalesEntryLines"}}
    assert (row["EntryNumber"], row["InvoiceNumber"], row["AmountFC"], row["VATAmountFC"]) == (
        26700001,
        26700001,
        30,
        None,
    )
    assert (row["Created"], row["EntryDate"], row["DueDate"]) == (
        "/Date(1784032260220)/",
        "/Date(1783900800000)/",
        "/Date(1783900800000)/",
    )
    assert (row["Status"], row["Type"], row["Currency"], row["PaymentCondition"]) == (20, 20, "EUR", "00")


def test_a_created_time_is_dutch_wall_time_posing_as_utc(exact: ExactUser) -> None:
    """1784032260220 ms reads 12:31:00 while it is 10:31:00 GMT."""
    row = exact.post_entry().json()["d"]

    assert datetime.fromtimestamp(int(row["Created"][6:-2]) // 1000, UTC) == datetime(
        2026, 7, 14, 12, 31, tzinfo=UTC
    )


def test_an_entry_and_its_lines_can_be_read_back_in_every_way(exact: ExactUser) -> None:
    low = line(GLAccount=REVENUE_LOW, AmountFC=10, VATCode="1  ", VATAmountFC=0.9, Description="thee")
    entry_id = exact.post_entry(SalesEntryLines=[line(), low]).json()["d"]["EntryID"]

    by_key = exact.get(f"{ENTRIES}(guid'{entry_id}')").json()["d"]
    by_filter = exact.rows(
        ENTRIES, filter=f"EntryID eq guid'{entry_id.upper()}'", select="EntryID,AmountFC,VATAmountFC"
    )
    expanded = exact.rows(
        ENTRIES, expand="SalesEntryLines", select="YourRef,SalesEntryLines/LineNumber,SalesEntryLines/VATCode"
    )
    lines = exact.rows(LINES, filter=f"EntryID eq guid'{entry_id}'", orderby="LineNumber")
    behind_link = exact.get(f"{ENTRIES}(guid'{entry_id}')/SalesEntryLines", orderby="LineNumber").json()["d"][
        "results"
    ]

    assert (by_key["AmountFC"], by_key["VATAmountFC"]) == (40.9, 6.11)
    assert [(row["AmountFC"], row["VATAmountFC"]) for row in by_filter] == [(40.9, 6.11)]
    assert set(by_filter[0]) == {"__metadata", "EntryID", "AmountFC", "VATAmountFC"}
    assert [
        (row["YourRef"], [(one["LineNumber"], one["VATCode"]) for one in row["SalesEntryLines"]["results"]])
        for row in expanded
    ] == [("BOL-A2K8290LP8", [(1, "2  "), (2, "1  ")])]
    assert [
        (row["AmountFC"], row["VATAmountFC"], row["VATPercentage"], row["Description"]) for row in lines
    ] == [
        (24.79, 5.21, 0.21, None),
        (10, 0.9, 0.09, "thee"),
    ]
    assert behind_link == lines


def test_two_entries_with_one_reference_are_both_booked_and_reported_as_a_double(exact: ExactUser) -> None:
    """The vendor knows no idempotency key: whoever does not search first books the sale twice."""
    first, second = (exact.post_entry().json()["d"] for _ in range(2))

    assert (first["EntryNumber"], second["EntryNumber"]) == (26700001, 26700002)
    assert exact.state["duplicates_by_your_ref"] == {"BOL-A2K8290LP8": [first["EntryID"], second["EntryID"]]}
    assert len(exact.rows(ENTRIES, filter="YourRef eq 'BOL-A2K8290LP8'")) == 2


def test_the_state_shows_entries_with_exact_amounts(exact: ExactUser) -> None:
    entry_id = exact.post_entry().json()["d"]["EntryID"]

    assert exact.state["entries"] == [
        {
            "entry_id": entry_id,
            "entry_number": 26700001,
            "your_ref": "BOL-A2K8290LP8",
            "amount_fc": "30.00",
            "vat_amount_fc": "5.21",
            "currency": "EUR",
            "entry_date": "2026-07-13",
            "journal": "70",
            "customer": BOL_MAIN,
            "description": "bol A2K8290LP8",
            "payment_reference": None,
            "type": 20,
            "lines": [
                {
                    "gl_account": REVENUE_HIGH,
                    "amount_fc": "24.79",
                    "vat_code": "2",
                    "vat_amount_fc": "5.21",
                    "description": None,
                }
            ],
        }
    ]
    assert exact.state["duplicates_by_your_ref"] == {}


@pytest.mark.parametrize(
    ("sent", "net", "vat"),
    [
        # 14.95 gross has no net of two places at 21 %: the computed VAT misses it by a cent, the given one does not.
        ({"AmountFC": 12.36}, "12.36", "2.60"),
        ({"AmountFC": 12.36, "VATAmountFC": 2.59}, "12.36", "2.59"),
        ({"AmountFC": 12.36, "VATAmountFC": 3.60}, "12.36", "3.60"),
        ({"AmountFC": 12.36, "VATAmountFC": 1.60}, "12.36", "1.60"),
        ({"AmountFC": -12.36}, "-12.36", "-2.60"),
        ({"AmountFC": 14.95, "VATCode": "4"}, "12.36", "2.59"),
        ({"AmountFC": 14.95, "VATCode": "4  ", "VATAmountFC": 2.60}, "12.35", "2.60"),
        ({"AmountFC": 10.90, "VATCode": "3"}, "10.00", "0.90"),
        ({"AmountFC": 10, "VATCode": "1"}, "10.00", "0.90"),
        ({"AmountFC": 10, "VATCode": "6"}, "10.00", "0.00"),
        ({"AmountFC": 10, "VATCode": "OBE"}, "10.00", "2.10"),
        ({"AmountFC": 10.005, "VATCode": "6"}, "10.01", "0.00"),
        # No code: no VAT and no complaint, which is how revenue ends up untaxed.
        ({"AmountFC": 10, "VATCode": None}, "10.00", "0.00"),
    ],
)
def test_vat_is_computed_unless_a_near_amount_is_given(
    exact: ExactUser, sent: dict[str, Any], net: str, vat: str
) -> None:
    posted = line(**{"VATAmountFC": None} | sent)

    assert exact.post_entry(SalesEntryLines=[posted]).status_code == 201

    (booked,) = exact.state["entries"][0]["lines"]
    assert (booked["amount_fc"], booked["vat_amount_fc"]) == (net, vat)


def test_negative_lines_make_a_credit_note_and_a_sent_type_or_total_is_ignored(exact: ExactUser) -> None:
    """A positive post with Type 21 is a second sale, not a credit."""
    exact.post_entry(SalesEntryLines=[line(AmountFC=-24.79, VATAmountFC=-5.21)])
    exact.post_entry(Type=21, AmountFC=1)

    assert [(row["type"], row["amount_fc"]) for row in exact.state["entries"]] == [
        (21, "-30.00"),
        (20, "30.00"),
    ]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"Customer": None}, "Klant verplicht"),
        ({"Customer": REVENUE_HIGH}, "Niet gevonden: Klant"),
        ({"Journal": ""}, "Dagboek verplicht"),
        ({"Journal": "77"}, "Niet gevonden: Dagboek"),
        ({"Journal": "90"}, "Ongeldig: Dagboek"),
        ({"SalesEntryLines": []}, "Boekingsregels verplicht"),
        ({"SalesEntryLines": None}, "Boekingsregels verplicht"),
        ({"SalesEntryLines": [line(GLAccount=None)]}, "Grootboekrekening verplicht"),
        ({"SalesEntryLines": [line(GLAccount=BOL_MAIN)]}, "Niet gevonden: Grootboekrekening"),
        ({"SalesEntryLines": [line(AmountFC=None)]}, "Bedrag verplicht"),
        ({"SalesEntryLines": [line(), line(VATCode="99")]}, "Niet gevonden: BTW-code"),
        ({"SalesEntryLines": [line(VATCode="VH")]}, "Ongeldig: BTW-code"),
        (
            {"SalesEntryLines": [line(VATAmountFC=6.22)]},
            "BTW-bedrag wijkt te veel af van het berekende bedrag",
        ),
        (
            {"SalesEntryLines": [line(VATAmountFC=-5.21)]},
            "BTW-bedrag wijkt te veel af van het berekende bedrag",
        ),
        (
            {"SalesEntryLines": [line(VATCode="6", VATAmountFC=0.01)]},
            "BTW-bedrag wijkt te veel af van het berekende bedrag",
        ),
        ({"SalesEntryLines": [line(VATBaseAmountFC=25)]}, "De boeking is niet in balans"),
        ({"VATAmountFC": 5.2}, "De boeking is niet in balans"),
        ({"EntryDate": "2024-12-31"}, "Periode is gesloten"),
        ({"ReportingYear": 2026, "ReportingPeriod": 13}, "Boekjaar of periode bestaat niet"),
        ({"EntryDate": "2028-01-01"}, "Boekjaar of periode bestaat niet"),
        ({"Currency": "XXX"}, "Niet gevonden: Valuta"),
        ({"Currency": "GBP"}, "Wisselkoers verplicht"),
        ({"PaymentCondition": "99"}, "Niet gevonden: Betalingsconditie"),
        ({"Document": BOL_MAIN}, "Niet gevonden: Document"),
        ({"YourRef": "x" * 41}, "Uw ref.: maximaal 40 tekens"),
        ({"Description": "x" * 61}, "Omschrijving: maximaal 60 tekens"),
        ({"PaymentReference": "x" * 26}, "Betalingskenmerk: maximaal 25 tekens"),
    ],
)
def test_a_rule_of_the_books_is_refused_with_500_and_dutch_text(
    exact: ExactUser, changes: dict[str, Any], text: str
) -> None:
    answer = exact.post_entry(**changes)

    assert (answer.status_code, refusal_text(answer)) == (500, text)
    assert answer.headers["content-type"].startswith("application/json")
    assert exact.state["entries"] == []
    assert exact.rows(LINES) == []


def test_an_entry_number_or_id_that_exists_is_refused(exact: ExactUser) -> None:
    own = "5d0c1f5e-6a43-4f0e-9b1c-2f7b8f6f0a01"
    assert exact.post_entry(EntryNumber=4711, EntryID=own).status_code == 201

    same_number = exact.post_entry(EntryNumber=4711)
    same_id = exact.post_entry(EntryID=own)

    assert (same_number.status_code, refusal_text(same_number)) == (500, "Gegeven bestaat reeds.")
    assert (same_id.status_code, refusal_text(same_id)) == (500, "Gegeven bestaat reeds.")
    assert [row["entry_number"] for row in exact.state["entries"]] == [4711]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (entry(Reference="x"), "The property name 'Reference' specified for type"),
        (entry(SalesEntryLines=[line(Account=BOL_MAIN)]), "The property name 'Account' specified for type"),
        (entry(SalesEntryLines=[line(AmountFC="24,79")]), "for property 'AmountFC' to type 'Edm.Double'"),
        (entry(Customer="bol"), "for property 'Customer' to type 'Edm.Guid'"),
        (entry(EntryDate="13-07-2026"), "for property 'EntryDate' to type 'Edm.DateTime'"),
        (entry(EntryDate="2026-07-13T23:30:00+02:00"), "for property 'EntryDate' to type 'Edm.DateTime'"),
        (entry(EntryDate="2026-02-30"), "for property 'EntryDate' to type 'Edm.DateTime'"),
        (entry(EntryNumber=1.5), "for property 'EntryNumber' to type 'Edm.Int'"),
        (entry(Reversal="yes"), "for property 'Reversal' to type 'Edm.Boolean'"),
        ([entry()], "The request should be a valid JSON object."),
    ],
)
def test_what_is_no_sales_entry_is_answered_400(exact: ExactUser, content: Any, text: str) -> None:
    answer = exact.post(ENTRIES, content)

    assert answer.status_code == 400
    assert text in refusal_text(answer)
    assert exact.state["entries"] == []


def test_amounts_as_text_and_a_z_behind_the_time_are_taken_as_they_stand(exact: ExactUser) -> None:
    """The client exactonline 0.4.0 sends both, and sends read-only amounts along."""
    sent = line(AmountFC="24.79", AmountDC="24.79", VATAmountFC=None)
    exact.post_entry(
        EntryDate="2026-07-13T00:00:00Z", AmountFC="30.00", VATAmountFC="5.21", SalesEntryLines=[sent]
    )

    assert [(row["entry_date"], row["amount_fc"]) for row in exact.state["entries"]] == [
        ("2026-07-13", "30.00")
    ]


def test_a_body_that_is_not_json_is_refused(exact: ExactUser) -> None:
    path, as_json = f"{{division}}/{ENTRIES}", {"Content-Type": "application/json"}

    assert exact.call("POST", path, data=b'{"Customer": ', headers=as_json).status_code == 400
    assert exact.call("POST", path, data=b'{"Rate": NaN}', headers=as_json).status_code == 400
    assert exact.call("POST", path, data={"Customer": BOL_MAIN}).status_code == 415
    assert [(write["body"], write["status"]) for write in exact.state["writes"]] == [
        ('{"Customer": ', 400),
        ('{"Rate": NaN}', 400),
        (f"Customer={BOL_MAIN}", 415),
    ]


def test_closed_months_take_no_entries(exact: ExactUser) -> None:
    exact.stand_in.close_books("exact", date(2026, 7, 1))

    assert refusal_text(exact.post_entry(EntryDate="2026-06-30")) == "Periode is gesloten"
    assert exact.post_entry(EntryDate="2026-07-01").status_code == 201
    assert [row["entry_date"] for row in exact.state["entries"]] == ["2026-07-01"]


def test_an_entry_without_a_date_gets_the_dutch_day_and_a_term_of_payment(exact: ExactUser) -> None:
    """At 22:30 UTC in July it is the next day in Amsterdam."""
    exact.clock.advance(12 * 3600)
    exact.log_in()

    row = exact.post_entry(EntryDate=None, PaymentCondition="30").json()["d"]

    assert (row["EntryDate"], row["DueDate"]) == ("/Date(1784073600000)/", "/Date(1786665600000)/")
    assert exact.state["entries"][0]["entry_date"] == "2026-07-15"


def test_a_foreign_entry_keeps_both_currencies(exact: ExactUser) -> None:
    row = exact.post_entry(Currency="GBP", Rate=1.15).json()["d"]

    assert (row["AmountFC"], row["AmountDC"], row["Currency"]) == (30, 34.5, "GBP")


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
    assert [row["code"] for row in exact.state["customers"]] == ["100", "101", "102"]


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


# ---------------------------------------------------------------- faults


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
