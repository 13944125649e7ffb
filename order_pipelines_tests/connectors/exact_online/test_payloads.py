"""The text of an entry as it goes over the wire, and the options of an account."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_pipelines.connectors.exact_online import CONNECTOR
from order_pipelines.connectors.exact_online.options import endpoint_of, secret_of
from order_pipelines.connectors.exact_online.payloads import sales_entry_body
from order_pipelines.connectors.ports import Account, EntryLine, SalesEntry
from order_pipelines.errors import ConfigurationError, PermanentConnectorError

LEDGER = "0e0a0001-0000-4000-8000-000000008000"
CUSTOMER = "0e0a0001-0000-4000-8000-000000000100"


def entry(net: Decimal = Decimal("24.79"), vat: Decimal = Decimal("5.20"), **changes: Any) -> SalesEntry:
    planned = SalesEntry(
        reference="BOL-A2K8290LP8",
        entry_date=date(2026, 11, 20),
        customer=CUSTOMER,
        journal="70",
        currency="EUR",
        description="Order A2K8290LP8",
        lines=(EntryLine(LEDGER, net, vat, "2", "NL high 21 %"),),
    )
    return replace(planned, **changes)


def test_an_entry_is_this_text() -> None:
    assert sales_entry_body(entry(payment_condition="00")).decode() == (
        '{"Customer": "0e0a0001-0000-4000-8000-000000000100", "Journal": "70", "EntryDate": "2026-11-20", '
        '"Currency": "EUR", "YourRef": "BOL-A2K8290LP8", "Description": "Order A2K8290LP8", "SalesEntryLines": '
        '[{"GLAccount": "0e0a0001-0000-4000-8000-000000008000", "AmountFC": 24.79, "VATAmountFC": 5.2, '
        '"Description": "NL high 21 %", "VATCode": "2"}], "PaymentCondition": "00"}'
    )


def test_a_line_without_vat_code_still_states_its_vat() -> None:
    line = EntryLine(LEDGER, Decimal("-0.01"), Decimal("0.00"), "", "Rounding of order totals")
    text = sales_entry_body(entry(lines=(line,))).decode()
    assert '"AmountFC": -0.01, "VATAmountFC": 0, "Description"' in text
    assert "VATCode" not in text


@given(st.integers(-(10**14) + 1, 10**14 - 1))
def test_every_cent_amount_prints_as_it_is(cents: int) -> None:
    amount = Decimal(cents).scaleb(-2)
    text = sales_entry_body(entry(net=amount)).decode()
    printed = text.split('"AmountFC": ', 1)[1].split(",", 1)[0]
    assert "e" not in printed
    assert Decimal(printed) == amount


@pytest.mark.parametrize(
    ("net", "reason"), [("10.005", "more than two decimals"), ("1000000000000.00", "no believable amount")]
)
def test_an_amount_that_cannot_be_booked_is_refused(net: str, reason: str) -> None:
    with pytest.raises(PermanentConnectorError, match=reason):
        sales_entry_body(entry(net=Decimal(net)))


def test_a_ledger_account_by_code_is_refused() -> None:
    line = EntryLine("8000", Decimal("24.79"), Decimal("5.20"), "2", "NL high 21 %")
    with pytest.raises(
        PermanentConnectorError, match=r"ledger account '8000' must be its id \(guid\) in Exact"
    ):
        sales_entry_body(entry(lines=(line,)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "options.division: expected the number of the administration"),
        ({"division": "1234567"}, "options.division: expected the number"),
        ({"division": True}, "options.division: expected the number"),
        ({"division": 0}, "options.division: expected the number"),
        (
            {"division": 1, "redirect_uri": "shop.example"},
            "options.redirect_uri: expected the redirect address",
        ),
        ({"division": 1, "country": "uk"}, "options.country: expected one of nl, be, de"),
        (
            {"division": 1, "host": "x"},
            "options.host: Exact Online knows only division, redirect_uri, country",
        ),
    ],
)
def test_a_wrong_option_is_named_with_what_is_expected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        CONNECTOR.check_options(options)


def test_the_host_is_the_tenants_country_unless_told_otherwise() -> None:
    here = endpoint_of(Account("exact", options={"division": 1234567, "country": "be"}))
    assert here.base_url == "https://start.exactonline.be"
    assert here.token_url == "https://start.exactonline.be/api/oauth2/token"
    there = endpoint_of(Account("exact", base_url="http://127.0.0.1:8702/", options={"division": 1234567}))
    assert there.token_url == "http://127.0.0.1:8702/api/oauth2/token"


def test_a_missing_secret_is_named_and_needs_no_call() -> None:
    with pytest.raises(ConfigurationError, match=r"accounts\.exact\.secrets\.client_secret"):
        secret_of(Account("exact", secrets={"client_id": "app"}), "client_secret")
