"""Reading from the stand-in of Exact Online: master data, pages, filters, and the answers to wrong queries."""

from typing import Any

import pytest

from order_pipelines_tests.sandbox.exact_online_server import (
    ACCOUNTS,
    BOL_MAIN,
    ENTRIES,
    REVENUE_HIGH,
    ExactUser,
    line,
    refusal_text,
)


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
