"""One sales entry for an account and business day."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from order_pipelines.domain.invoicing import MAX_LINE_DRIFT, CollectivePlan, InvoiceOrder, PlannedEntry
from order_pipelines_tests.domain.invoice_orders import (
    booked,
    entry_of,
    line,
    order,
    plan,
    plan_day,
)


def test_a_days_entry_adds_what_each_order_would_have_had() -> None:
    """Three orders of 10.00 hold 1.74 each: 5.22, while 30.00 at once would hold 5.21."""
    orders = [order(line("10.00"), number=str(index)) for index in range(3)]
    plan = plan_day([*orders, order(line("14.95", "low"), number="3", total="14.96")])
    assert plan.held == ()
    assert plan.entry is not None
    assert booked(plan.entry) == [
        ("8000", "2", "24.78", "5.22"),
        ("8010", "1", "13.72", "1.23"),
        ("8900", None, "0.01", "0.00"),
    ]
    assert plan.entry.gross == Decimal("44.96")
    assert plan.entry.description == "bol_main 2026-11-20, 4 orders"
    assert [(one.order_key, one.gross, one.vat) for one in plan.entry.orders] == [
        ("bol_main:0", Decimal("10.00"), Decimal("1.74")),
        ("bol_main:1", Decimal("10.00"), Decimal("1.74")),
        ("bol_main:2", Decimal("10.00"), Decimal("1.74")),
        ("bol_main:3", Decimal("14.96"), Decimal("1.23")),
    ]


def test_countries_of_a_day_are_lines_of_their_own() -> None:
    entry = plan_day(
        [order(line("10.00"), number="1"), order(line("10.00"), number="2", ship_country="BE")]
    ).entry
    assert entry is not None
    assert booked(entry) == [("8000", "2", "8.26", "1.74"), ("8050", "OBE", "8.26", "1.74")]


def test_an_order_that_must_wait_does_not_hold_the_others() -> None:
    plan = plan_day([order(line("10.00"), number="1"), order(line("10.00", None), number="2")])
    assert plan.entry is not None
    assert booked(plan.entry) == [("8000", "2", "8.26", "1.74")]
    assert plan.entry.description == "bol_main 2026-11-20, 1 order"
    assert [(hold.order_key, hold.code) for hold in plan.held] == [("bol_main:2", "unknown_vat")]


def test_an_order_in_another_currency_has_no_place_in_the_days_entry() -> None:
    plan = plan_day([order(number="1"), order(number="2", currency="GBP")])
    assert plan.entry is not None
    assert plan.entry.gross == Decimal("29.99")
    assert [(hold.order_key, hold.code) for hold in plan.held] == [("bol_main:2", "mixed_currency")]


def test_a_day_without_a_bookable_order_has_no_entry() -> None:
    plan = plan_day([order(line("10.00", None), number="1")])
    assert plan.entry is None
    assert len(plan.held) == 1
    assert plan_day([]) == CollectivePlan(None, ())


def test_a_long_day_is_booked_in_lines_that_books_still_accept() -> None:
    """A thousand orders of 10.00 hold 1,740.00 of VAT; from one net of 8,260.00 books compute 1,734.60."""
    entry = plan_day([order(line("10.00"), number=str(index)) for index in range(1000)]).entry
    assert entry is not None
    assert (entry.gross, entry.vat) == (Decimal("10000.00"), Decimal("1740.00"))
    assert len(entry.lines) == 11
    assert all(abs(one.vat - one.net * Decimal("0.21")) <= MAX_LINE_DRIFT for one in entry.lines)


cents = st.integers(1, 200_000).map(lambda amount: Decimal(amount).scaleb(-2))


@st.composite
def orders_of_a_day(draw: st.DrawFn) -> list[InvoiceOrder]:
    orders = []
    for index in range(draw(st.integers(1, 8))):
        lines = []
        for _ in range(draw(st.integers(1, 4))):
            quantity = draw(st.integers(1, 5))
            cancelled = draw(st.integers(0, quantity - 1))
            lines.append(
                line(
                    str(draw(cents)),
                    draw(st.sampled_from(["high", "low"])),
                    quantity=quantity,
                    quantity_cancelled=cancelled,
                    quantity_shipped=quantity - cancelled,
                )
            )
        shipping = draw(st.one_of(st.none(), cents))
        off_by = Decimal(draw(st.integers(-2, 2))).scaleb(-2)
        total = sum((one.gross or 0 for one in lines), shipping or Decimal(0)) + off_by
        orders.append(order(*lines, number=str(index), total=str(total), shipping_gross=shipping))
    return orders


@given(orders_of_a_day())
def test_a_days_entry_is_the_sum_of_the_orders_entries(orders: list[InvoiceOrder]) -> None:
    singles = [plan(one) for one in orders]
    day = plan_day(orders)
    entries = [single for single in singles if isinstance(single, PlannedEntry)]
    assert len(entries) + len(day.held) == len(orders)
    assert sum((entry.gross for entry in entries), Decimal(0)) == (day.entry.gross if day.entry else 0)
    assert sum((entry.vat for entry in entries), Decimal(0)) == (day.entry.vat if day.entry else 0)
    if day.entry:
        assert sum((one.gross for one in day.entry.orders), Decimal(0)) == day.entry.gross
        assert [one for entry in entries for one in entry.orders] == list(day.entry.orders)


@given(orders_of_a_day())
def test_an_entry_without_cancellations_is_what_the_customer_paid(orders: list[InvoiceOrder]) -> None:
    for one in orders:
        whole = replace(one, lines=tuple(replace(part, quantity_cancelled=0) for part in one.lines))
        entry = entry_of(whole)
        assert entry.gross == whole.order_total
        assert sum((part.net + part.vat for part in entry.lines), Decimal(0)) == whole.order_total
