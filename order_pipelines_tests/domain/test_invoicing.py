"""When an order becomes a sales entry, what the entry says to the cent, and what keeps it waiting."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from order_pipelines.domain.invoicing import InvoiceOrder, Trigger, why_not_due
from order_pipelines_tests.domain.invoice_orders import (
    DAY,
    LEDGERS,
    LIVE_SINCE,
    booked,
    entry_of,
    hold_of,
    line,
    order,
)

# ---------------------------------------------------------------- when


def reason(trigger: Trigger, one: InvoiceOrder) -> str | None:
    return why_not_due(trigger, one, effective_from=LIVE_SINCE)


def test_a_shipped_order_is_due() -> None:
    assert reason("shipped", order(line("29.99", quantity=3, quantity_shipped=3))) is None


def test_pieces_cancelled_count_as_done_when_others_were_shipped() -> None:
    assert (
        reason("shipped", order(line("29.99", quantity=3, quantity_cancelled=1, quantity_shipped=2))) is None
    )
    both = order(
        line("29.99", quantity_shipped=1),
        line("10.00", line_id="L2", quantity_cancelled=1, quantity_shipped=0),
    )
    assert reason("shipped", both) is None


@pytest.mark.parametrize(
    ("quantity", "cancelled", "shipped", "why"),
    [
        (3, 0, 2, "line L1: 2 shipped and 0 cancelled of 3"),
        (3, 0, 0, "line L1: 0 shipped and 0 cancelled of 3"),
        (3, 1, 1, "line L1: 1 shipped and 1 cancelled of 3"),
        (3, 1, 3, "line L1: 3 shipped and 1 cancelled of 3"),
        (None, 0, 1, "line L1: 1 shipped and 0 cancelled of an unknown number"),
        (3, 3, 0, "it is cancelled"),
    ],
)
def test_an_order_that_is_not_wholly_shipped_is_not_due(
    quantity: int | None, cancelled: int, shipped: int, why: str
) -> None:
    one = line("29.99", quantity=quantity, quantity_cancelled=cancelled, quantity_shipped=shipped)
    assert reason("shipped", order(one)) == why


def test_one_open_line_holds_the_order_back() -> None:
    assert reason("shipped", order(line("29.99"), line("10.00", line_id="L2", quantity_shipped=0))) == (
        "line L2: 0 shipped and 0 cancelled of 1"
    )


def test_lines_that_are_no_goods_need_not_be_shipped() -> None:
    shipping = line("4.95", None, line_id="S", kind="shipping", quantity_shipped=0)
    assert reason("shipped", order(line("29.99"), shipping)) is None
    assert reason("shipped", order(shipping)) == "it has no goods"


def test_an_order_invoiced_at_ordering_is_due_at_once() -> None:
    assert reason("ordered", order(line("29.99", quantity_shipped=0))) is None


@pytest.mark.parametrize("status", ["pending", "waiting_acceptance", "on_hold"])
def test_an_order_that_the_channel_has_not_decided_is_not_due_at_ordering(status: str) -> None:
    assert reason("ordered", order(line("29.99"), order_status=status)) == f"the channel has it as {status}"


@pytest.mark.parametrize("trigger", ["shipped", "ordered"])
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"is_quarantined": True}, "the order is in quarantine"),
        ({"is_test": True}, "it is a test order"),
        ({"order_kind": "credit"}, "it is a credit, not a sale"),
        ({"counts_in_revenue": False}, "it does not count as revenue"),
        ({"order_status": "cancelled"}, "it is cancelled"),
        ({"ordered_at": None}, "nobody knows when it was ordered"),
        (
            {"ordered_at": datetime(2026, 10, 31, 22, 59, tzinfo=UTC)},
            "it was ordered before 2026-11-01, when this account went live",
        ),
    ],
)
def test_some_orders_are_never_due(trigger: Trigger, changes: Mapping[str, Any], why: str) -> None:
    assert reason(trigger, order(line("29.99"), **changes)) == why


def test_history_ends_at_midnight_of_the_merchant() -> None:
    first = datetime(2026, 10, 31, 23, 0, tzinfo=UTC)
    assert reason("shipped", order(ordered_at=first)) is None


def test_invoicing_that_is_off_makes_nothing_due() -> None:
    assert reason("off", order()) == "invoicing is off for this account"


# ---------------------------------------------------------------- what


@pytest.mark.parametrize(
    ("gross", "vat_class", "ledger", "code", "net", "vat"),
    [
        ("10.00", "high", "8000", "2", "8.26", "1.74"),
        ("14.95", "high", "8000", "2", "12.36", "2.59"),
        ("29.99", "high", "8000", "2", "24.79", "5.20"),
        ("10.00", "low", "8010", "1", "9.17", "0.83"),
        ("14.95", "low", "8010", "1", "13.72", "1.23"),
        ("29.99", "low", "8010", "1", "27.51", "2.48"),
    ],
)
def test_one_line_is_booked_to_the_cent(
    gross: str, vat_class: str, ledger: str, code: str, net: str, vat: str
) -> None:
    entry = entry_of(order(line(gross, vat_class), total=gross))
    assert booked(entry) == [(ledger, code, net, vat)]
    assert (entry.gross, entry.vat) == (Decimal(gross), Decimal(vat))


def test_a_mixed_order_is_one_entry_with_a_line_a_rate() -> None:
    entry = entry_of(order(line("29.99"), line("14.95", "low"), line("10.00"), total="54.94"))
    assert booked(entry) == [("8000", "2", "33.05", "6.94"), ("8010", "1", "13.72", "1.23")]
    assert [one.description for one in entry.lines] == ["NL high 21 %", "NL low 9 %"]
    assert (entry.reference, entry.entry_date, entry.currency) == ("BOL-A2K8290LP8", DAY, "EUR")
    assert entry.description == "Order A2K8290LP8"
    assert [(one.order_key, one.gross, one.vat) for one in entry.orders] == [
        ("bol_main:A2K8290LP8", Decimal("54.94"), Decimal("8.17"))
    ]


def test_cancelled_pieces_are_not_booked() -> None:
    """Three at 9.99 of which one was cancelled, and a second line cancelled altogether."""
    lines = (
        line("29.97", quantity=3, quantity_cancelled=1, quantity_shipped=2),
        line("14.95", None, line_id="L2", quantity_cancelled=1, quantity_shipped=0),
    )
    entry = entry_of(order(*lines, total="44.92"))
    assert booked(entry) == [("8000", "2", "16.51", "3.47")]
    assert entry.gross == Decimal("19.98")


def test_the_channels_total_is_the_truth_and_the_difference_a_line_of_its_own() -> None:
    entry = entry_of(order(line("29.99"), line("14.95", "low"), total="44.95"))
    assert booked(entry) == [
        ("8000", "2", "24.79", "5.20"),
        ("8010", "1", "13.72", "1.23"),
        ("8900", None, "0.01", "0.00"),
    ]
    assert entry.lines[2].description == "Rounding of order totals"
    assert entry.gross == Decimal("44.95")


def test_known_shipping_follows_the_goods_to_its_own_account() -> None:
    """4.95 over 29.99 at 21 % and 14.95 at 9 %: 3.30 and 1.65.

    33.29 at 21 % holds 5.78, of 5.2049 in the goods and 0.5727 in the shipping: the cent goes to the goods.
    16.60 at 9 % holds 1.37, of 1.2344 and 0.1362: the cent goes to the shipping.
    """
    one = order(line("29.99"), line("14.95", "low"), shipping_gross=Decimal("4.95"), total="49.89")
    assert booked(entry_of(one)) == [
        ("8000", "2", "24.78", "5.21"),
        ("8010", "1", "13.72", "1.23"),
        ("8000", "2", "2.73", "0.57"),
        ("8010", "1", "1.51", "0.14"),
    ]
    own = replace(LEDGERS, shipping_ledger_account="8100")
    entry = entry_of(one, own)
    assert [one.ledger_account for one in entry.lines] == ["8000", "8010", "8100", "8100"]
    assert entry.lines[2].description == "NL shipping, high 21 %"
    assert entry.gross == Decimal("49.89")


@pytest.mark.parametrize("shipping", [None, Decimal("0.00")])
def test_unknown_or_free_shipping_is_no_line(shipping: Decimal | None) -> None:
    assert booked(entry_of(order(line("29.99"), shipping_gross=shipping))) == [("8000", "2", "24.79", "5.20")]


def test_a_discount_on_the_order_lowers_each_rate_by_its_share() -> None:
    discount = line("-10.00", None, line_id="D", kind="discount", name="discount")
    entry = entry_of(order(line("30.00"), line("10.00", "low"), discount, total="30.00"))
    assert booked(entry) == [("8000", "2", "18.60", "3.90"), ("8010", "1", "6.88", "0.62")]


def test_another_country_is_booked_by_its_own_mapping() -> None:
    entry = entry_of(order(line("10.00"), ship_country="BE"))
    assert booked(entry) == [("8050", "OBE", "8.26", "1.74")]


@pytest.mark.parametrize(
    ("one", "code", "why"),
    [
        (
            order(line("29.99", None)),
            "unknown_vat",
            "order A2K8290LP8: VAT class of THE-2001 is unknown; add it to the product master",
        ),
        (
            order(line("29.99", vat_rate_pct=None)),
            "unknown_vat",
            "order A2K8290LP8: no VAT rate is set for country NL and class 'high' of THE-2001; add it to the VAT rates "
            "of the settings",
        ),
        (
            order(line("29.99"), line("2.50", None, kind="fee", name="gift wrap")),
            "unknown_vat",
            "order A2K8290LP8: VAT class of gift wrap is unknown; add it to the product master",
        ),
        (
            order(ship_country=None),
            "unknown_country",
            "order A2K8290LP8: the country it goes to is unknown, so its VAT is too",
        ),
        (order(currency=None), "unknown_currency", "order A2K8290LP8: its currency is unknown"),
        (order(line(None)), "unknown_amount", "order A2K8290LP8: quantity or amount of THE-2001 is unknown"),
        (
            order(line("29.99", quantity=None)),
            "unknown_amount",
            "order A2K8290LP8: quantity or amount of THE-2001 is unknown",
        ),
        (
            order(line("10.00", "low"), ship_country="BE"),
            "no_ledger_account",
            "order A2K8290LP8: no ledger account is set for country BE and VAT class 'low'; add it to the mapping of "
            "the books",
        ),
        (
            order(line("29.99"), total="30.02"),
            "amounts_contradict",
            "order A2K8290LP8: the order's total 30.02 differs by 0.03 from its lines; only 0.02 is rounding",
        ),
        (
            order(line("29.995")),
            "amounts_contradict",
            "order A2K8290LP8: 29.995 has more than two decimals",
        ),
        (
            order(line("29.99", quantity=1, quantity_cancelled=2)),
            "amounts_contradict",
            "order A2K8290LP8: 2 of 1 pieces cannot have been cancelled",
        ),
        (order(line("0.00")), "nothing_to_book", "order A2K8290LP8: its total is 0.00"),
    ],
)
def test_what_is_not_known_holds_the_order_with_a_reason(one: InvoiceOrder, code: str, why: str) -> None:
    hold = hold_of(one)
    assert (hold.order_key, hold.code, hold.reason) == ("bol_main:A2K8290LP8", code, why)


def test_a_rounding_difference_needs_its_account() -> None:
    hold = hold_of(order(line("29.99"), total="30.00"), replace(LEDGERS, rounding_ledger_account=None))
    assert hold.code == "no_ledger_account"
    assert "set rounding_ledger_account of the books" in hold.reason
