"""The figures of the report, read from the marts in one consistent view. Exact decimals; nothing is formatted here.

Revenue rows keep the column names of ``mart.revenue_per_channel_day``; sums of them (:func:`add_up`) have the same
names, so that a row and a total are shown by the same lines of the template. Currencies are never added up.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from order_pipelines.money import ZERO, round_to_cents
from order_pipelines.services import report_queries as queries
from order_pipelines.services.planning import SALES_ENTRY
from order_pipelines.services.three_way_report import Sides, read_three_way
from order_pipelines.settings import Settings
from order_pipelines.warehouse.session import Session
from order_pipelines.warehouse.tables import (
    REVENUE_PER_CHANNEL_DAY,
    REVENUE_PER_CHANNEL_MONTH,
    REVENUE_PER_CHANNEL_WEEK,
    Table,
)

if TYPE_CHECKING:
    import pandas as pd

# A page must stay below 1 MB: older periods are left to the marts, and the page says so.
PERIOD_ROWS = 150
_MONTHS_BACK = 12
_DAILY_CHART_DAYS = 92

Row = dict[str, Any]

COUNTS = (
    "orders",
    "orders_cancelled",
    "credits",
    "orders_without_gross",
    "orders_without_net",
    "orders_without_vat",
    "orders_without_shipping",
    "orders_without_commission",
    "credits_without_gross",
    "credits_without_net",
    "units",
    "units_returned",
)
AMOUNTS = (
    "gross_revenue_incl_vat",
    "net_revenue_excl_vat",
    "vat_amount",
    "shipping_incl_vat",
    "discounts_incl_vat",
    "refunds_incl_vat",
    "credits_incl_vat",
    "credits_excl_vat",
    "revenue_after_refunds_incl_vat",
    "commission",
)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of days with one sum per currency. ``change_pct`` compares gross with an equally long one before."""

    title: str
    first: date
    last: date
    totals: list[Row]
    change_pct: Mapping[str | None, Decimal]
    compared_with: str | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """One week or month: its mart rows and one sum per currency. ``left_out`` rows are in the sums only."""

    start: date
    totals: list[Row]
    rows: list[Row]
    left_out: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the report says. Rows are mappings by column name; amounts are decimals or ``None`` (unknown)."""

    first: date
    last: date
    loaded_at: datetime | None
    load_number: int | None
    orders_known: int
    last_order_date: date | None
    chart: pa.Table
    day_rows: list[Row]
    totals: list[Row]
    spans: list[Span]
    accounts: list[Row]
    weeks: list[Period]
    months: list[Period]
    has_older_weeks: bool
    has_older_months: bool
    quarantine: list[Row]
    quarantined_money: list[Row]
    invoices: list[Row]
    without_invoice: list[Row]
    stock: list[Row]
    offers: list[Row]
    orders: list[Row]
    three_way: list[Sides]

    def chart_frame(self) -> "pd.DataFrame":
        """Return the rows of the chart with Arrow-backed columns."""
        import pandas as pd

        frame: pd.DataFrame = self.chart.to_pandas(types_mapper=pd.ArrowDtype)
        return frame


def read_facts(session: Session, settings: Settings, first: date, last: date) -> Facts:
    """Read all figures of the days ``first`` to ``last``, both included.

    Args:
        session: an open warehouse; all reads are of its one view.
        settings: the merchant's own currency is shown first; trigger and mode of the accounts are explained.
        first: first business day of the period.
        last: last business day of the period, "today" of the key figures.
    """
    own = settings.merchant.currency
    (load,) = _rows(session, queries.LOAD)
    (reach,) = _rows(session, queries.REACH, [last])
    earliest = min(first, last.replace(day=1), last - timedelta(days=13))
    day_table = _table(session, REVENUE_PER_CHANNEL_DAY, "order_date between $1 and $2", [earliest, last])
    every_day = day_table.to_pylist()
    day_rows = [row for row in every_day if row["order_date"] >= first]
    week_table = _table(
        session,
        REVENUE_PER_CHANNEL_WEEK,
        "week_start between $1 and $2",
        [first - timedelta(days=first.weekday()), last],
    )
    months = _table(
        session,
        REVENUE_PER_CHANNEL_MONTH,
        "month_start between $1 and $2",
        [min(first, _months_before(last, _MONTHS_BACK)).replace(day=1), last],
    ).to_pylist()
    shown_weeks, has_older_weeks = _by_period(week_table.to_pylist(), "week_start", own)
    shown_months, has_older_months = _by_period(months, "month_start", own)
    is_daily = (last - first).days < _DAILY_CHART_DAYS
    return Facts(
        first=first,
        last=last,
        loaded_at=load["loaded_at"],
        load_number=load["load_number"],
        orders_known=reach["orders"],
        last_order_date=reach["last_order_date"],
        chart=pa.Table.from_pylist(day_rows, schema=day_table.schema) if is_daily else week_table,
        day_rows=day_rows,
        totals=add_up(day_rows, own),
        spans=_spans(every_day, last, own),
        accounts=_per_account(day_rows, own),
        weeks=shown_weeks,
        months=shown_months,
        has_older_weeks=has_older_weeks,
        has_older_months=has_older_months,
        quarantine=_rows(session, queries.QUARANTINE),
        quarantined_money=_rows(session, queries.QUARANTINED_MONEY),
        invoices=_rows(session, queries.INVOICES, [first, last, SALES_ENTRY]),
        without_invoice=[row for row in _rows(session, queries.WITHOUT_INVOICE) if _is_due(row, settings)],
        stock=[{**row, "mode": _mode(settings, row["account"])} for row in _rows(session, queries.STOCK)],
        offers=_rows(session, queries.OFFERS),
        orders=_rows(session, queries.ORDERS, [first, last]),
        three_way=read_three_way(session, first, last),
    )


def add_up(rows: Iterable[Mapping[str, Any]], own_currency: str) -> list[Row]:
    """Return one sum per currency of revenue rows, the merchant's own currency first; never empty.

    An amount is the sum of what is known, ``None`` when of no row anything is known; no orders at all are 0.00.
    """
    groups: dict[str | None, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["currency_code"], []).append(row)
    if not groups:
        groups[own_currency] = []
    ordered = sorted(groups, key=lambda code: (code != own_currency, code is None, code or ""))
    return [_sum(code, groups[code]) for code in ordered]


def _sum(currency: str | None, rows: Sequence[Mapping[str, Any]]) -> Row:
    total: Row = {"currency_code": currency}
    for name in COUNTS:
        total[name] = sum(row[name] for row in rows)
    for name in AMOUNTS:
        known = [row[name] for row in rows if row[name] is not None]
        total[name] = sum(known, ZERO) if known or not rows else None
    gross, counted = total["gross_revenue_incl_vat"], total["orders"] - total["orders_without_gross"]
    total["average_order_value_incl_vat"] = (
        round_to_cents(gross / counted) if gross is not None and counted else None
    )
    return total


def _spans(rows: Sequence[Row], last: date, own: str) -> list[Span]:
    yesterday, month = last - timedelta(days=1), last.replace(day=1)
    week = last - timedelta(days=6)
    return [
        _span("Vandaag", rows, last, last, own),
        _span("Gisteren", rows, yesterday, yesterday, own, 7, "dezelfde dag een week eerder"),
        _span("Laatste 7 dagen", rows, week, last, own, 7, "de 7 dagen ervoor"),
        _span("Deze maand", rows, month, last, own),
    ]


def _span(
    title: str,
    rows: Sequence[Row],
    first: date,
    last: date,
    own: str,
    days_back: int = 0,
    compared_with: str | None = None,
) -> Span:
    totals = _within(rows, first, last, own)
    change: dict[str | None, Decimal] = {}
    if days_back:
        back = timedelta(days=days_back)
        for total in _within(rows, first - back, last - back, own):
            now = next((each for each in totals if each["currency_code"] == total["currency_code"]), None)
            before = total["gross_revenue_incl_vat"]
            gross = None if now is None else now["gross_revenue_incl_vat"]
            if before and before > 0 and gross is not None:
                change[total["currency_code"]] = (gross - before) * 100 / before
    return Span(title, first, last, totals, change, compared_with)


def _within(rows: Sequence[Row], first: date, last: date, own: str) -> list[Row]:
    return add_up((row for row in rows if first <= row["order_date"] <= last), own)


def _per_account(rows: Sequence[Row], own: str) -> list[Row]:
    """Sum per channel, account and currency, largest first, with its share of the currency's gross in percent."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["channel"], row["account"]), []).append(row)
    sums = [
        {"channel": channel, "account": account, **total}
        for (channel, account), group in groups.items()
        for total in add_up(group, own)
    ]
    whole = {total["currency_code"]: total["gross_revenue_incl_vat"] for total in add_up(rows, own)}
    for row in sums:
        gross, all_of_it = row["gross_revenue_incl_vat"], whole[row["currency_code"]]
        has_share = gross is not None and gross >= 0 and all_of_it is not None and all_of_it > 0
        row["share_pct"] = gross * 100 / all_of_it if has_share else None
    return sorted(
        sums,
        key=lambda row: (
            row["currency_code"] != own,
            row["currency_code"] or "",
            -(row["gross_revenue_incl_vat"] or ZERO),
            row["account"],
        ),
    )


def _by_period(rows: Sequence[Row], column: str, own: str) -> tuple[list[Period], bool]:
    """Return periods, newest first, as many as fit :data:`PERIOD_ROWS`, and whether older ones were left out."""
    groups: dict[date, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[column], []).append(row)
    periods: list[Period] = []
    room = PERIOD_ROWS
    for start in sorted(groups, reverse=True):
        if periods and len(groups[start]) > room:
            return periods, True
        inside = sorted(groups[start], key=_row_order)
        shown = inside[:PERIOD_ROWS]
        periods.append(Period(start, add_up(inside, own), shown, len(inside) - len(shown)))
        room -= len(shown)
    return periods, False


def _row_order(row: Row) -> tuple[str, str, bool, Decimal, str]:
    gross = row["gross_revenue_incl_vat"]
    return (row["channel"], row["account"], gross is None, -(gross or ZERO), row["ship_country"] or "")


def _is_due(row: Row, settings: Settings) -> bool:
    account = settings.accounts.get(row["account"])
    if account is None or account.invoicing.trigger == "off":
        return False
    return account.invoicing.trigger == "ordered" or bool(row["is_completed"])


def _mode(settings: Settings, account: str) -> str | None:
    known = settings.accounts.get(account)
    return None if known is None else known.mode


def _months_before(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


def _rows(session: Session, sql: str, params: Sequence[Any] = ()) -> list[Row]:
    rows: list[Row] = session.query(sql, params).to_pylist()
    return rows


def _table(session: Session, table: Table, where: str, params: Sequence[Any]) -> pa.Table:
    pieces = list(session.batches(table, where, params))
    return pa.concat_tables(pieces) if pieces else table.arrow_schema().empty_table()
