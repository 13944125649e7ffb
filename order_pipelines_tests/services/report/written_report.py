"""What the tests of the report share: a merchant's settings, a day of sales, and the written page read back."""

from datetime import date

from order_pipelines.services.report import ReportResult, write_report
from order_pipelines.services.warehouse_load import build_marts, load_core
from order_pipelines.settings import Settings
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines_tests.services.html_page import Page
from order_pipelines_tests.warehouse.rows import Shop, line, money, utc

NOW = utc("2026-11-20T14:40:00")  # a Friday, 15:40 in Amsterdam
SETTINGS = """
[merchant]
name = "Van Dalen Huis & Tuin"

[accounts.bol_main]
system = "bol"
mode = "live"
effective_from = 2026-01-01
reference_prefix = "BOL"
[accounts.bol_main.invoicing]
trigger = "shipped"
books = "exact"

[accounts.wholesale]
system = "b2b_files"
mode = "observe"
effective_from = 2026-01-01

[accounts.exact]
system = "exact_online"
effective_from = 2026-01-01
"""


def load(shop: Shop, warehouse: Warehouse) -> None:
    load_core(shop.store, warehouse)
    build_marts(warehouse)


def written(warehouse: Warehouse, settings: Settings, **period: int | date) -> tuple[ReportResult, Page]:
    path = settings.data_dir / "reports" / "report.html"
    result = write_report(warehouse, settings, path, **period)  # type: ignore[arg-type]
    return result, Page(path.read_text(encoding="utf-8"))


def sell(shop: Shop) -> None:
    """Write six sales, a credit, and three orders that must not count."""
    shop.order(
        "A1",
        account="bol_main",
        at=utc("2026-11-20T09:00:00"),
        total="121.00",
        net="100.00",
        vat="21.00",
        lines=[line("1", "121.00", 2)],
        commission_total=money("12.34"),
    )
    shop.order(
        "A2",
        account="bol_main",
        at=utc("2026-11-19T09:00:00"),
        total="24.95",
        net="20.62",
        vat="4.33",
        commission_total=money("3.10"),
        refunded_total_incl_vat=money("24.95"),
    )
    shop.order("A3", account="bol_main", at=utc("2026-11-19T10:00:00"), total="10.00", ship_country="BE")
    shop.order(
        "A4", account="bol_main", at=utc("2026-11-12T09:00:00"), total="20.00", net="16.53", vat="3.47"
    )
    shop.order(
        "A5",
        account="bol_main",
        at=utc("2026-10-31T09:00:00"),
        total="1234.50",
        net="1020.25",
        vat="214.25",
        lines=[line("1", "1234.50", 5)],
    )
    shop.order(
        "A6", account="bol_main", at=utc("2026-11-20T09:10:00"), total="99.00", order_status="cancelled"
    )
    shop.order("A7", account="bol_main", at=utc("2026-11-20T09:20:00"), total="50.00", is_quarantined=True)
    shop.order("A8", account="bol_main", at=utc("2026-11-20T09:30:00"), total="60.00", is_test=True)
    abroad = {
        "account": "wholesale",
        "channel": "b2b",
        "system": "b2b_files",
        "ship_country": "GB",
        "currency_code": "GBP",
        "at": utc("2026-11-18T09:00:00"),
    }
    shop.order(
        "W1",
        total="200.00",
        net="200.00",
        vat="0.00",
        lines=[line("1", "195.00", 12)],
        order_discounts=money("10.00"),
        shipping_cost_incl_vat=money("15.00"),
        **abroad,  # type: ignore[arg-type]
    )
    shop.order(
        "W2",
        order_kind="credit",
        total="40.00",
        lines=[line("1", "40.00", 2)],
        **abroad,  # type: ignore[arg-type]
    )
