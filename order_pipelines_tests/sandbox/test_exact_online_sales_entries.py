"""Sales entries posted to the stand-in of Exact Online: what is booked, what is computed, what is refused."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from order_pipelines_tests.sandbox.exact_online_server import (
    BOL_MAIN,
    ENTRIES,
    LINES,
    REVENUE_HIGH,
    REVENUE_LOW,
    ExactUser,
    entry,
    line,
    refusal_text,
)


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
