"""What becomes a sales entry, when, and with which VAT: decided from the order as it is, written down once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from order_pipelines import clock
from order_pipelines.operations.migrations import open_store
from order_pipelines.services.planning import Planned, plan_all
from order_pipelines.services.shop import Shop
from order_pipelines.services.tokens import StoredTokens
from order_pipelines.settings import Settings
from order_pipelines_tests.operations.moments import at
from order_pipelines_tests.services.booked_shop import (
    ACCOUNT,
    BookedShop,
    line,
    order,
    shipped,
)

pytestmark = pytest.mark.long_on_postgresql

_unique = count(1)


@pytest.fixture
def shop(store_url: str) -> Iterator[BookedShop]:
    store = open_store(store_url)
    booked = BookedShop(store)
    booked.products(("A", "high", ()), ("B", "low", ()), ("C", None, ()))
    yield booked
    store.close()


def _plan(shop: BookedShop) -> Planned:
    """Plan on Wednesday morning."""
    with clock.frozen(at(9, day=2)):
        return plan_all(Shop(shop.settings, shop.store, StoredTokens(shop.store)))


def _account(shop: BookedShop, **changes: Any) -> Settings:
    account = shop.settings.accounts[ACCOUNT]
    invoicing = account.invoicing.model_copy(
        update={
            name: changes.pop(name) for name in list(changes) if name in type(account.invoicing).model_fields
        }
    )
    changed = account.model_copy(update={"invoicing": invoicing, **changes})
    return shop.settings.model_copy(update={"accounts": {**shop.settings.accounts, ACCOUNT: changed}})


def test_a_shipped_order_becomes_one_entry_with_what_the_customer_paid(shop: BookedShop) -> None:
    shop.book(shipped(order("1", line("A", 2), line("B", 1, price=Decimal("10.90"))), at(15)))

    planned = _plan(shop)

    assert (planned.invoices, planned.orders_invoiced, planned.holds) == (1, 1, {})
    entry = shop.row("invoices")
    assert (entry.reference, entry.books, entry.invoice_date) == ("BOL-1", "exact", date(2026, 11, 16))
    assert (entry.amount_incl_vat, entry.amount_excl_vat, entry.vat_amount) == (
        Decimal("35.10"),
        Decimal("30.00"),
        Decimal("5.10"),
    )
    assert [
        (one["ledger_account"], one["vat_code"], one["amount_excl_vat"], one["vat_amount"])
        for one in entry.lines
    ] == [
        ("8000", "2", "20.00", "4.20"),
        ("8010", "1", "10.00", "0.90"),
    ]
    effect = shop.row("outbox")
    assert (effect.effect_key, effect.account, effect.mode, effect.state) == (
        "sales_entry:exact:BOL-1",
        "exact",
        "live",
        "pending",
    )
    assert effect.payload["entry_date"] == "2026-11-16"
    assert shop.row("orders").invoice_key == "exact:BOL-1"


@pytest.mark.parametrize(
    ("gross", "net", "vat"),
    [("10.00", "8.26", "1.74"), ("14.95", "12.36", "2.59"), ("29.99", "24.79", "5.20")],
)
def test_prices_that_no_net_rounds_back_to_are_booked_to_the_cent(
    shop: BookedShop, gross: str, net: str, vat: str
) -> None:
    """One gross price in six at 21 % has no net whose VAT gives it back."""
    shop.book(shipped(order("1", line("A", 1, price=Decimal(gross))), at(15)))
    _plan(shop)

    (entry_line,) = shop.row("invoices").lines
    assert (entry_line["amount_excl_vat"], entry_line["vat_amount"]) == (net, vat)
    assert shop.row("orders").order_vat_amount == Decimal(vat)


def test_planning_again_and_again_plans_once(shop: BookedShop) -> None:
    whole = order("1", line("A", 2))
    shop.book(shipped(whole, at(15)))
    _plan(shop)
    before = (shop.rows("invoices"), shop.rows("outbox"))
    for _ in range(3):
        shop.book(whole, shipped(whole, at(15)), shipped(whole, at(15)))
        assert _plan(shop).invoices == 0
    assert (shop.rows("invoices"), shop.rows("outbox")) == before


def test_before_the_last_piece_left_there_is_no_entry(shop: BookedShop) -> None:
    whole = order("1", line("A", 2), line("B", 1))
    shop.book(whole)
    assert _plan(shop).invoices == 0
    partly = replace(
        whole, lines=(replace(whole.lines[0], quantity_shipped=2), whole.lines[1]), changed_at=at(10)
    )
    shop.book(partly)
    assert (_plan(shop).invoices, shop.rows("invoices"), shop.rows("outbox")) == (0, [], [])

    cancelled = replace(
        partly, lines=(partly.lines[0], replace(whole.lines[1], quantity_cancelled=1)), changed_at=at(11)
    )
    shop.book(cancelled)
    assert _plan(shop).invoices == 1
    assert shop.row("invoices").amount_incl_vat == Decimal("24.20")


def test_a_parcel_of_the_warehouse_is_a_trigger_too(shop: BookedShop) -> None:
    shop.book(order("1", line("A", 2)))
    shop.parcels(f"{ACCOUNT}:1", "line-A", ("p1", 1, at(12)))
    assert _plan(shop).invoices == 0
    shop.parcels(f"{ACCOUNT}:1", "line-A", ("p2", 1, at(23.5)))
    assert _plan(shop).invoices == 1
    # Half past midnight in Amsterdam.
    assert shop.row("invoices").invoice_date == date(2026, 11, 17)


_NEVER: dict[str, dict[str, Any]] = {
    "cancelled": {"order_status": "cancelled", "counts_in_revenue": False},
    "test": {"is_test": True},
    "history": {"ordered_at": at(8).replace(year=2025)},
    "in quarantine": {"ship_country": "XX"},
    "credit": {"order_kind": "credit"},
    "not revenue": {"counts_in_revenue": False},
}


@pytest.mark.parametrize("name", _NEVER)
@pytest.mark.parametrize("trigger", ["shipped", "ordered"])
def test_some_orders_never_become_an_entry(shop: BookedShop, name: str, trigger: str) -> None:
    shop.settings = _account(shop, trigger=trigger)
    shop.book(shipped(order("1"), at(15), **_NEVER[name]))
    shop.book(shipped(order("2"), at(15)))

    _plan(shop)
    assert [row.order_key for row in shop.rows("invoice_orders")] == [f"{ACCOUNT}:2"]
    assert [row.subject_key for row in shop.rows("outbox")] == ["exact:BOL-2"]


def test_with_the_trigger_ordered_the_channels_decision_is_awaited(shop: BookedShop) -> None:
    shop.settings = _account(shop, trigger="ordered")
    shop.book(order("1", order_status="waiting_acceptance"), order("2"))
    _plan(shop)
    assert [row.order_key for row in shop.rows("invoice_orders")] == [f"{ACCOUNT}:2"]


def test_an_unknown_vat_class_waits_with_its_reason_and_is_booked_after_the_repair(shop: BookedShop) -> None:
    whole = shipped(order("1", line("A", 1), line("C", 1)), at(15))
    shop.book(whole)

    assert _plan(shop).holds == {"unknown_vat": 1}
    hold = shop.row("invoice_holds")
    assert hold.reason == "order 1: VAT class of C is unknown; add it to the product master"
    assert shop.rows("outbox") == []
    assert shop.row("orders").order_vat_amount is None
    assert _plan(shop).holds == {"unknown_vat": 1}
    assert shop.row("invoice_holds").since == hold.since

    shop.products(("C", "low", ()))
    shop.book(whole)
    assert _plan(shop).invoices == 1
    ended = shop.row("invoice_holds")
    assert (ended.reason_code, ended.since, ended.released_at is not None) == (
        "unknown_vat",
        hold.since,
        True,
    )
    assert ended.change_seq > hold.change_seq


def _books(shop: BookedShop, **extra: str) -> Settings:
    """Return the settings with one more block in the mapping of the books."""
    books = shop.settings.books["exact"]
    changed = type(books).model_validate(
        {**books.model_dump(), "mapping": [*(item.model_dump() for item in books.mapping), extra]}
    )
    return shop.settings.model_copy(update={"books": {"exact": changed}})


@pytest.mark.parametrize("grouping", ["order", "day"])
def test_vat_of_another_percentage_than_its_code_is_for_waits_and_never_stops_the_others(
    shop: BookedShop, grouping: str
) -> None:
    """A channel that charges 21 % on books: under the code for 9 % the books refuse it, in an entry a day all of it."""
    shop.settings = _account(shop, grouping=grouping)
    wrong = order("1", line("B", 1, price=Decimal("24.20"), vat_rate=Decimal(21)))
    shop.book(shipped(wrong, at(15)), shipped(order("2"), at(15)))

    planned = _plan(shop)

    assert (planned.orders_invoiced, planned.holds) == (1, {"rate_contradicts": 1})
    assert shop.row("invoice_orders").order_key == f"{ACCOUNT}:2"
    assert shop.row("invoice_holds").reason == (
        "order 1: its channel says 21 % VAT for VAT class 'low', which is 9 % in NL (code 1); correct the channel or "
        "the product master, or give that percentage a block with vat_rate in the mapping of the books"
    )
    assert [(one["ledger_account"], one["vat_code"]) for one in shop.row("invoices").lines] == [("8000", "2")]

    shop.settings = _books(
        shop, country="NL", vat_class="low", vat_rate="21", ledger_account="8010", vat_code="2"
    )
    assert (_plan(shop).invoices, shop.row("invoice_holds").released_at is not None) == (1, True)
    booked = next(row for row in shop.rows("invoices") if row.amount_incl_vat == Decimal("24.20"))
    assert [
        (one["ledger_account"], one["vat_code"], one["amount_excl_vat"], one["vat_amount"])
        for one in booked.lines
    ] == [("8010", "2", "20.00", "4.20")]


def test_a_tax_free_sale_waits_until_the_bookkeeper_says_its_code(shop: BookedShop) -> None:
    shop.book(shipped(order("1", line("A", 1, price=Decimal("20.00"), vat_rate=Decimal(0))), at(15)))
    assert _plan(shop).holds == {"rate_contradicts": 1}
    assert (shop.rows("invoices"), shop.rows("outbox")) == ([], [])

    shop.settings = _books(
        shop, country="NL", vat_class="high", vat_rate="0", ledger_account="8090", vat_code="0"
    )
    assert _plan(shop).invoices == 1
    (booked,) = shop.row("invoices").lines
    assert (booked["ledger_account"], booked["vat_code"]) == ("8090", "0")
    assert (booked["amount_excl_vat"], booked["vat_amount"]) == ("20.00", "0.00")


def test_a_country_without_rates_or_ledger_account_waits(shop: BookedShop) -> None:
    shop.book(
        shipped(order("1", ship_country="DE"), at(15)),
        shipped(order("2", ship_country="BE"), at(15)),
        shipped(order("3", ship_country=None), at(15)),
    )
    _plan(shop)
    assert {row.order_key[-1]: row.reason_code for row in shop.rows("invoice_holds")} == {
        "1": "unknown_vat",
        "2": "no_ledger_account",
        "3": "unknown_country",
    }
    assert shop.rows("invoices") == []


def test_a_day_of_orders_becomes_one_entry_on_the_day_after(shop: BookedShop) -> None:
    shop.settings = _account(shop, grouping="day")
    monday = [order(str(number), line("A", 1)) for number in (1, 2)]
    shop.book(*(shipped(one, at(15)) for one in monday), shipped(order("3"), at(15, day=1)))
    shop.book(shipped(order("4"), at(8, day=2)))

    planned = _plan(shop)

    assert (planned.invoices, planned.orders_invoiced) == (2, 3)
    assert [(row.reference, row.amount_incl_vat, row.invoice_date) for row in shop.rows("invoices")] == [
        ("BOL-20261116-1", Decimal("24.20"), date(2026, 11, 16)),
        ("BOL-20261117-1", Decimal("12.10"), date(2026, 11, 17)),
    ]
    shop.book(shipped(order("5"), at(16)))
    assert _plan(shop).invoices == 1
    assert shop.rows("invoices")[1].reference == "BOL-20261116-2"
    with clock.frozen(at(9, day=3)):
        plan_all(Shop(shop.settings, shop.store, StoredTokens(shop.store)))
    assert len(shop.rows("invoice_orders")) == 5


@pytest.mark.parametrize("observed", [ACCOUNT, "exact"])
def test_what_is_planned_while_account_or_books_only_observe_is_never_sent(
    shop: BookedShop, observed: str
) -> None:
    live = shop.settings
    watched = live.accounts[observed].model_copy(update={"mode": "observe"})
    shop.settings = live.model_copy(update={"accounts": {**live.accounts, observed: watched}})
    shop.book(shipped(order("1"), at(15)))
    _plan(shop)
    assert (shop.row("outbox").state, shop.row("outbox").mode) == ("on_hold", "observe")

    shop.settings = live
    assert _plan(shop).invoices == 0
    assert (shop.row("outbox").state, shop.row("outbox").mode) == ("on_hold", "observe")


def test_two_orders_with_one_number_do_not_stop_the_account(shop: BookedShop) -> None:
    """Numbers of people are not unique everywhere; the second waits for a person instead of an error for ever."""
    shop.book(
        shipped(order("id-1", order_number="2026-001"), at(15)),
        shipped(order("id-2", order_number="2026-001"), at(15)),
        shipped(order("id-3", order_number="2026-002"), at(15)),
    )
    planned = _plan(shop)

    assert (planned.invoices, planned.holds) == (2, {"reference_taken": 1})
    assert {row.reference for row in shop.rows("invoices")} == {"BOL-2026-001", "BOL-2026-002"}
    assert shop.row("invoice_holds").order_key == f"{ACCOUNT}:id-2"
    assert "BOL-2026-001" in shop.row("invoice_holds").reason
    assert _plan(shop).invoices == 0


_cents = st.integers(0, 20_000).map(lambda cents: Decimal(cents).scaleb(-2))


@st.composite
def _priced_orders(draw: st.DrawFn) -> dict[str, Any]:
    rows = []
    for index in range(draw(st.integers(1, 4))):
        quantity = draw(st.integers(1, 4))
        total = draw(_cents)
        cancelled = draw(st.integers(0, quantity)) if index else 0
        rows.append(
            line(
                draw(st.sampled_from(["A", "B"])),
                quantity,
                external_line_id=str(index),
                quantity_cancelled=cancelled,
                unit_price_incl_vat=None,
                line_total_incl_vat=total,
            )
        )
    goods = sum((row.line_total_incl_vat for row in rows if row.line_total_incl_vat), Decimal(0))
    discount = draw(st.one_of(st.none(), st.integers(0, 300).map(lambda cents: Decimal(cents).scaleb(-2))))
    kept = rows[0].line_total_incl_vat or Decimal(0)
    if discount is not None:
        discount = min(discount, kept)
    shipping = draw(
        st.one_of(
            st.none(), st.just(Decimal("0.00")), st.integers(1, 1500).map(lambda c: Decimal(c).scaleb(-2))
        )
    )
    rounding = draw(st.sampled_from([Decimal("-0.01"), Decimal(0), Decimal("0.02")]))
    return {
        "lines": rows,
        "order_discounts": discount,
        "shipping_cost_incl_vat": shipping,
        "order_total_incl_vat": goods + (shipping or 0) - (discount or 0) + rounding,
    }


@given(_priced_orders())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_vat_of_an_entry_is_the_vat_that_reports_show(shop: BookedShop, what: dict[str, Any]) -> None:
    number = f"P{next(_unique)}"
    rows = what.pop("lines")
    shop.book(shipped(order(number, *rows, **what), at(15)))
    _plan(shop)

    head = shop.row("orders", order_key=f"{ACCOUNT}:{number}")
    if head.invoice_key is None:
        assert shop.row("invoice_holds", order_key=head.order_key).reason_code == "nothing_to_book"
        return
    entry = shop.row("invoices", invoice_key=head.invoice_key)
    assert entry.vat_amount == head.order_vat_amount
    assert entry.amount_excl_vat + entry.vat_amount == entry.amount_incl_vat
    assert sum(Decimal(one["vat_amount"]) for one in entry.lines) == entry.vat_amount
    lines = shop.rows("order_lines", order_key=head.order_key)
    assert (
        sum(row.line_current_excl_vat + row.line_vat_amount - row.line_current_incl_vat for row in lines) == 0
    )


def test_a_hold_tells_the_newest_reason_and_waits_anew_after_its_release(shop: BookedShop) -> None:
    """First the article has no VAT class, then the class has no ledger account in that country."""
    shop.book(shipped(order("1", line("C", 1), ship_country="BE"), at(15)))
    _plan(shop)
    first = shop.row("invoice_holds")
    assert first.reason_code == "unknown_vat"

    shop.products(("C", "high", ()))
    shop.book(shipped(order("1", line("C", 1), ship_country="BE"), at(15)))
    _plan(shop)

    second = shop.row("invoice_holds")
    assert (second.reason_code, second.released_at) == ("no_ledger_account", None)
    assert second.change_seq > first.change_seq
    _plan(shop)
    assert shop.row("invoice_holds") == second
