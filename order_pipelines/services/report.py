"""The report of a merchant: one HTML file that opens without a network; in Dutch, as its reader is a Dutch merchant.

Words, days (dd-mm-yyyy) and amounts (€ 1.234,50) are Dutch; everything behind it stays English and ISO. The figures
come from ``report_facts.py``, the pictures from ``charts.py``, the words for codes from ``report_labels.py``; what the
page looks like is ``report.html``. It asks for nothing outside itself, and a content security policy in it says so.
"""

import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import jinja2

from order_pipelines import clock
from order_pipelines.money import format_dutch
from order_pipelines.services import report_labels as labels
from order_pipelines.services.charts import revenue_per_channel_svg
from order_pipelines.services.report_facts import Facts, Row, read_facts
from order_pipelines.services.report_queries import LATEST_ORDERS, LISTED_OFFERS
from order_pipelines.settings import Settings
from order_pipelines.warehouse.engine import Warehouse

_TEMPLATE = Path(__file__).with_name("report.html")
_UNKNOWN = "onbekend"


@dataclass(frozen=True, slots=True)
class ReportResult:
    """What was written.

    Args:
        path: the file, absolute.
        first_day: first business day of the period.
        last_day: last business day of the period.
        rows: rows of ``mart.revenue_per_channel_day`` in the period.
        orders: counted orders in the period.
        revenue_incl_vat: gross revenue of the period by currency; currencies without a known amount are not in it.
        quarantined: things that wait for a person now.
        load_number: newest change of the operations store in the warehouse; ``None`` before the first load.
        size_bytes: size of the file.
    """

    path: Path
    first_day: date
    last_day: date
    rows: int
    orders: int
    revenue_incl_vat: Mapping[str, Decimal]
    quarantined: int
    load_number: int | None
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should look at, and where on the page it stands."""

    text: str
    anchor: str


def write_report(
    warehouse: Warehouse,
    settings: Settings,
    path: Path,
    *,
    days: int = 35,
    until: date | None = None,
    first_of_all: Sequence[Notice] = (),
) -> ReportResult:
    """Write the report of the last ``days`` business days to ``path``; a reader sees the old file or the new one.

    Args:
        warehouse: whose marts are shown, read as they are; an empty one gives a page that says so.
        settings: merchant, time zone, own currency, and what is agreed per account.
        path: the HTML file; its folder is made when missing.
        days: length of the period, today included; at least 1.
        until: last day of the period, by default today in the merchant's zone.
        first_of_all: what needs a person and no mart knows.

    Raises:
        ValueError: ``days`` is below 1.
        WarehouseBusyError: others kept the warehouse for longer than its lock timeout.
        OSError: the file cannot be written; a former one is kept.
    """
    if days < 1:
        raise ValueError(f"days: {days} is below 1")
    made_at = clock.now()
    last = until or clock.order_date(made_at, settings.merchant.zone)
    first = last - timedelta(days=days - 1)
    with warehouse.read() as session:
        facts = read_facts(session, settings, first, last)
    page = render(facts, settings, made_at, first_of_all).encode()
    target = path.absolute()
    replace_file(target, page)
    return ReportResult(
        path=target,
        first_day=first,
        last_day=last,
        rows=len(facts.day_rows),
        orders=_total(facts, "orders"),
        revenue_incl_vat={
            total["currency_code"]: total["gross_revenue_incl_vat"]
            for total in facts.totals
            if total["currency_code"] is not None and total["gross_revenue_incl_vat"] is not None
        },
        quarantined=_quarantined(facts),
        load_number=facts.load_number,
        size_bytes=len(page),
    )


def render(facts: Facts, settings: Settings, made_at: datetime, first_of_all: Sequence[Notice] = ()) -> str:
    """Return the page. Everything that comes from outside is escaped."""
    zone = settings.merchant.zone
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "money": format_money,
        "day": format_day,
        "moment": lambda value: format_moment(value, zone),
        "number": format_number,
        "percent": format_percent,
        "change": lambda value: format_percent(value, signed=True),
        "age": format_age,
        "week": format_week,
        "month": lambda start: f"{labels.MONTHS[start.month - 1].capitalize()} {start.year}",
        "channel": lambda code: labels.CHANNELS.get(code, code),
        "country": lambda code: _UNKNOWN if code is None else labels.COUNTRIES.get(code, code),
        "entity": lambda code: labels.ENTITIES.get(code, code),
        "reason": lambda code: labels.REASONS.get(code, code),
        "invoice_state": lambda code: labels.INVOICE_STATES.get(code, code),
        "stock_state": lambda code: labels.STOCK_STATES.get(code, code),
        "term": lambda code: labels.THREE_WAY_TERMS.get(code, code),
        "payment": lambda code: _UNKNOWN if code is None else labels.PAYMENT_STATUSES.get(code, code),
        "status": order_status,
    }
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        facts=facts,
        merchant=settings.merchant,
        made_at=made_at,
        chart=revenue_per_channel_svg(facts.chart_frame()).decode(),
        chart_is_weekly="week_start" in facts.chart.column_names,
        notices=[*first_of_all, *_notices(facts)],
        quarantined=_quarantined(facts),
        latest_orders=LATEST_ORDERS,
        listed_offers=LISTED_OFFERS,
    )


def format_money(amount: Decimal | None, currency: str | None) -> str:
    """Return ``€ 1.234,50``, ``onbekend`` for an unknown amount, ``? 1,00`` when only the currency is unknown."""
    return _UNKNOWN if amount is None else format_dutch(amount, currency or "?")


def format_day(day: date | None) -> str:
    """Return ``31-12-2026``."""
    return _UNKNOWN if day is None else f"{day:%d-%m-%Y}"


def format_moment(instant: datetime | None, zone: ZoneInfo) -> str:
    """Return ``31-12-2026 23:59`` in the merchant's zone."""
    return _UNKNOWN if instant is None else f"{instant.astimezone(zone):%d-%m-%Y %H:%M}"


def format_number(number: int | None) -> str:
    """Return ``1.234``."""
    return _UNKNOWN if number is None else f"{number:,}".replace(",", ".")


def format_percent(share: Decimal, *, signed: bool = False) -> str:
    """Return ``12,5 %``, or ``+12,5 %``."""
    rounded = share.quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)
    sign = "+" if signed and rounded > 0 else ""
    return f"{sign}{rounded:,}".replace(",", "_").replace(".", ",").replace("_", ".") + " %"


def format_age(hours: int) -> str:
    """Return ``5 uur``, and from two days on ``3 dagen``."""
    return f"{hours} uur" if hours < 48 else f"{format_number(hours // 24)} dagen"


def format_week(start: date) -> str:
    """Return ``Week 47 · 16-11-2026 t/m 22-11-2026`` for a Monday."""
    return (
        f"Week {start.isocalendar().week} · {format_day(start)} t/m {format_day(start + timedelta(days=6))}"
    )


def order_status(order: Row) -> tuple[str, str]:
    """Return the one status people see, and its kind for the colour: ``good``, ``busy``, ``bad`` or ``off``."""
    if order["is_quarantined"]:
        return "In quarantaine", "bad"
    if order["is_test"]:
        return "Test", "off"
    if order["order_kind"] == "credit":
        return "Credit", "off"
    if "cancelled" in {order["order_status"], order["fulfilment_status"]}:
        return "Geannuleerd", "off"
    if order["fulfilment_status"] in {"shipped", "channel_fulfilled", "partially_shipped"}:
        kind = "busy" if order["fulfilment_status"] == "partially_shipped" else "good"
        return labels.FULFILMENT_STATUSES[order["fulfilment_status"]], kind
    state: str | None = order["order_status"]
    if state is None:
        return "Onbekend", "busy"
    return labels.ORDER_STATUSES.get(state, state), "good" if state == "completed" else "busy"


def _quarantined(facts: Facts) -> int:
    return sum(row["things"] for row in facts.quarantined_money)


def _notices(facts: Facts) -> list[Notice]:
    """Say what needs a person, most urgent first; accounts that only observe have nothing to be repaired."""
    live = [row for row in facts.stock if row["mode"] == "live"]
    problems = sum(row["entries"] for row in facts.invoices if row["state"] in {"failed", "in_doubt"})
    suspects = sum(len(row.suspects) for row in facts.three_way)
    counted = (
        (
            suspects,
            "verschil dat een mens moet bekijken",
            "verschillen die een mens moet bekijken",
            "aansluiting",
        ),
        (_quarantined(facts), "in quarantaine", "in quarantaine", "quarantaine"),
        (problems, "factuur mislukt of onzeker", "facturen mislukt of onzeker", "facturen"),
        (
            sum(row["differing"] for row in live),
            "aanbieding toont andere voorraad dan gewenst",
            "aanbiedingen tonen andere voorraad dan gewenst",
            "voorraad",
        ),
        (
            sum(row["on_hold"] for row in live),
            "aanbieding wacht op vrijgave",
            "aanbiedingen wachten op vrijgave",
            "voorraad",
        ),
        (_total(facts, "orders_without_gross"), "order zonder bedrag", "orders zonder bedrag", "kanalen"),
        (_total(facts, "orders_without_vat"), "order zonder btw", "orders zonder btw", "kanalen"),
    )
    return [
        Notice(f"{format_number(count)} {one if count == 1 else several}", anchor)
        for count, one, several, anchor in counted
        if count
    ]


def _total(facts: Facts, count: str) -> int:
    return sum(total[count] for total in facts.totals)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old one or the new one, never a part; its folder is made when missing.

    Raises:
        OSError: it cannot be written; a former one is kept.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        partial.unlink(missing_ok=True)
