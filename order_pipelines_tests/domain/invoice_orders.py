"""Orders as invoicing sees them, the agreement with a bookkeeper, and plans in a form that reads well in a test."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from order_pipelines.domain.invoicing import (
    CollectivePlan,
    Hold,
    InvoiceLine,
    InvoiceOrder,
    LedgerMap,
    LedgerTarget,
    PlannedEntry,
    plan_collective_entry,
    plan_entry,
)
from order_pipelines.identifiers import make_order_key

LIVE_SINCE = date(2026, 11, 1)
DAY = date(2026, 11, 20)
RATES = {"high": Decimal(21), "low": Decimal(9)}
LEDGERS = LedgerMap(
    targets={
        ("NL", "high"): LedgerTarget("8000", "2"),
        ("NL", "low"): LedgerTarget("8010", "1"),
        ("BE", "high"): LedgerTarget("8050", "OBE"),
    },
    rounding_ledger_account="8900",
)


def line(
    gross: str | None, vat_class: str | None = "high", *, quantity: int | None = 1, **changes: Any
) -> InvoiceLine:
    planned = InvoiceLine(
        line_id="L1",
        kind="goods",
        name="THE-2001",
        quantity=quantity,
        quantity_cancelled=0,
        quantity_shipped=quantity or 0,
        gross=None if gross is None else Decimal(gross),
        vat_class=vat_class,
        vat_rate_pct=None if vat_class is None else RATES[vat_class],
    )
    return replace(planned, **changes)


def order(
    *lines: InvoiceLine, number: str = "A2K8290LP8", total: str | None = None, **changes: Any
) -> InvoiceOrder:
    planned = InvoiceOrder(
        order_key=make_order_key("bol_main", number),
        order_number=number,
        ordered_at=datetime(2026, 11, 19, 20, 0, tzinfo=UTC),
        currency="EUR",
        ship_country="NL",
        lines=lines or (line("29.99"),),
        order_total=None if total is None else Decimal(total),
        order_status="open",
    )
    return replace(planned, **changes)


def plan(one: InvoiceOrder, ledgers: LedgerMap = LEDGERS) -> PlannedEntry | Hold:
    return plan_entry(
        one, reference="BOL-A2K8290LP8", entry_date=DAY, ledgers=ledgers, rounding_tolerance=Decimal("0.02")
    )


def entry_of(one: InvoiceOrder, ledgers: LedgerMap = LEDGERS) -> PlannedEntry:
    entry = plan(one, ledgers)
    assert isinstance(entry, PlannedEntry)
    return entry


def hold_of(one: InvoiceOrder, ledgers: LedgerMap = LEDGERS) -> Hold:
    hold = plan(one, ledgers)
    assert isinstance(hold, Hold)
    return hold


def plan_day(orders: Sequence[InvoiceOrder]) -> CollectivePlan:
    return plan_collective_entry(
        orders,
        reference="BOL-D-20261120",
        entry_date=DAY,
        title="bol_main 2026-11-20",
        ledgers=LEDGERS,
        rounding_tolerance=Decimal("0.02"),
    )


def booked(entry: PlannedEntry) -> list[tuple[str, str | None, str, str]]:
    return [(one.ledger_account, one.vat_code, str(one.net), str(one.vat)) for one in entry.lines]
