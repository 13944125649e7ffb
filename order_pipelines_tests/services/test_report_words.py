"""How the report writes amounts, days and statuses, and how it adds up."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_pipelines import clock
from order_pipelines.services import report
from order_pipelines.services.report_facts import AMOUNTS, COUNTS, add_up
from order_pipelines_tests.warehouse.rows import utc


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (report.format_money(Decimal("1234.5"), "EUR"), "€ 1.234,50"),
        (report.format_money(Decimal("-0.05"), "GBP"), "-GBP 0,05"),
        (report.format_money(Decimal("1"), None), "? 1,00"),
        (report.format_money(None, "EUR"), "onbekend"),
        (report.format_day(date(2026, 3, 29)), "29-03-2026"),
        (report.format_moment(utc("2026-03-29T01:00:00"), clock.BUSINESS_ZONE), "29-03-2026 03:00"),
        (report.format_number(1234567), "1.234.567"),
        (report.format_percent(Decimal("12.25")), "12,3 %"),
        (report.format_percent(Decimal("-12.25"), signed=True), "-12,3 %"),
        (report.format_percent(Decimal("1234.5"), signed=True), "+1.234,5 %"),
        (report.format_age(47), "47 uur"),
        (report.format_age(48), "2 dagen"),
        (report.format_week(date(2026, 12, 28)), "Week 53 · 28-12-2026 t/m 03-01-2027"),
    ],
)
def test_formats_are_dutch(shown: str, expected: str) -> None:
    assert shown == expected


@pytest.mark.parametrize(
    ("order", "status"),
    [
        ({"is_quarantined": True}, ("In quarantaine", "bad")),
        ({"is_test": True}, ("Test", "off")),
        ({"order_kind": "credit"}, ("Credit", "off")),
        ({"order_status": "cancelled"}, ("Geannuleerd", "off")),
        ({"fulfilment_status": "partially_shipped"}, ("Deels verzonden", "busy")),
        ({"fulfilment_status": "shipped"}, ("Verzonden", "good")),
        ({"fulfilment_status": "channel_fulfilled"}, ("Verzonden door kanaal", "good")),
        ({"order_status": "completed"}, ("Afgerond", "good")),
        ({"order_status": "waiting_acceptance"}, ("Wacht op acceptatie", "busy")),
        ({"order_status": None}, ("Onbekend", "busy")),
    ],
)
def test_an_order_has_one_status_for_people(order: dict[str, object], status: tuple[str, str]) -> None:
    plain = {
        "is_quarantined": False,
        "is_test": False,
        "order_kind": "sale",
        "order_status": "open",
        "fulfilment_status": "not_shipped",
    }
    assert report.order_status({**plain, **order}) == status


amounts = st.one_of(st.none(), st.integers(-(10**12), 10**12).map(lambda cents: Decimal(cents).scaleb(-2)))
revenue_rows = st.fixed_dictionaries(
    {
        "currency_code": st.sampled_from(["EUR", "GBP", None]),
        **{name: st.integers(0, 1000) for name in COUNTS if name != "orders_without_gross"},
        "orders_without_gross": st.just(0),
        **dict.fromkeys(AMOUNTS, amounts),
    }
)


@given(st.lists(revenue_rows, max_size=12))
def test_parts_add_up_within_a_currency_and_never_across(rows: list[dict[str, object]]) -> None:
    totals = add_up(rows, "EUR")
    assert [total["currency_code"] for total in totals] == [
        code for code in ("EUR", "GBP", None) if code in {row["currency_code"] for row in rows}
    ] or (not rows and [total["currency_code"] for total in totals] == ["EUR"])
    for total in totals:
        own = [row for row in rows if row["currency_code"] == total["currency_code"]]
        for name in AMOUNTS:
            known = [row[name] for row in own if row[name] is not None]
            cents = sum(int(Decimal(str(amount)) * 100) for amount in known)
            assert total[name] == (Decimal(cents).scaleb(-2) if known or not own else None)
        for name in COUNTS:
            assert total[name] == sum(int(str(row[name])) for row in own)
