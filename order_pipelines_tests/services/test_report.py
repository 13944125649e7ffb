"""The HTML report: figures typed in, read back from the page that a browser would get."""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from order_pipelines import clock
from order_pipelines.operations import tables
from order_pipelines.operations.migrations import open_store
from order_pipelines.services.report import ReportResult, write_report
from order_pipelines.services.warehouse_load import build_marts, load_core
from order_pipelines.settings import Settings, load_settings
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines.warehouse.tables import (
    ORDER_LIST,
    REVENUE_PER_CHANNEL_DAY,
    REVENUE_PER_CHANNEL_MONTH,
    REVENUE_PER_CHANNEL_WEEK,
    Table,
)
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


@pytest.fixture(autouse=True)
def _on_a_friday_afternoon() -> Iterator[None]:
    with clock.frozen(NOW):
        yield


@pytest.fixture(params=["duckdb", "postgresql"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    if request.param == "duckdb":
        return Warehouse(f"duckdb:///{tmp_path / 'warehouse.duckdb'}", tmp_path)
    return Warehouse(request.getfixturevalue("postgres_url"), tmp_path)


@pytest.fixture
def duck(tmp_path: Path) -> Warehouse:
    return Warehouse(f"duckdb:///{tmp_path / 'warehouse.duckdb'}", tmp_path)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    path = tmp_path / "settings.toml"
    path.write_text(SETTINGS, encoding="utf-8")
    return load_settings(path)


@pytest.fixture
def shop(sqlite_url: str) -> Iterator[Shop]:
    store = open_store(sqlite_url)
    yield Shop(store)
    store.close()


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


def test_the_key_figures_are_right_to_the_cent(shop: Shop, warehouse: Warehouse, settings: Settings) -> None:
    sell(shop)
    load(shop, warehouse)
    result, page = written(warehouse, settings)
    assert [page.said(f"card {number}") for number in range(4)] == [
        "Vandaag 20-11-2026 € 121,00 omzet incl. btw Orders 1 Netto € 100,00 Stuks 2 Btw € 21,00",
        "Gisteren 19-11-2026 € 34,95 +74,8 % t.o.v. dezelfde dag een week eerder "
        "Orders 2 Netto € 20,62 1 onbekend Stuks 2 Btw € 4,33 1 onbekend",
        "Laatste 7 dagen vanaf 14-11-2026 € 155,95 +679,8 % t.o.v. de 7 dagen ervoor "
        "Orders 3 Netto € 120,62 1 onbekend Stuks 4 Btw € 25,33 1 onbekend "
        "GBP 200,00 omzet incl. btw Orders 1 Netto GBP 200,00 Stuks 12 Btw GBP 0,00",
        "Deze maand vanaf 01-11-2026 € 175,95 omzet incl. btw "
        "Orders 4 Netto € 137,15 1 onbekend Stuks 5 Btw € 28,80 1 onbekend "
        "GBP 200,00 omzet incl. btw Orders 1 Netto GBP 200,00 Stuks 12 Btw GBP 0,00",
    ]
    assert result.revenue_incl_vat == {"EUR": Decimal("1410.45"), "GBP": Decimal("200.00")}
    assert (result.orders, result.rows) == (6, 6)
    assert (result.first_day, result.last_day) == (date(2026, 10, 17), date(2026, 11, 20))


def test_a_week_shows_its_mart_rows_and_one_sum_per_currency(
    shop: Shop, warehouse: Warehouse, settings: Settings
) -> None:
    sell(shop)
    load(shop, warehouse)
    _, page = written(warehouse, settings)
    rows = page.sections["weken"].rows
    assert rows[0][5:] == [
        "Omzet",
        "Netto",
        "Btw",
        "Korting",
        "Verzend\u00adkosten",
        "Commissie",
        "Terug\u00adbetaald",
        "Credits",
        "Na retouren",
        "Gemiddelde order",
    ]
    assert [" | ".join(row) for row in rows[1:6]] == [
        "Week 47 · 16-11-2026 t/m 22-11-2026 | 3 | 4 | € 155,95 | € 120,62 1 onbekend | € 25,33 1 onbekend"
        " | € 0,00 | onbekend | € 15,44 1 onbekend | € 24,95 | € 0,00 | € 131,00 | € 51,98",
        "in GBP | 1 | 12 | GBP 200,00 | GBP 200,00 | GBP 0,00"
        " | GBP 10,00 | GBP 15,00 | onbekend | GBP 0,00 | GBP 40,00 | GBP 160,00 | GBP 200,00",
        "Zakelijk (B2B) | wholesale | Verenigd Koninkrijk | 1 | 12 | GBP 200,00 | GBP 200,00 | GBP 0,00"
        " | GBP 10,00 | GBP 15,00 | onbekend | GBP 0,00 | GBP 40,00 | GBP 160,00 | GBP 200,00",
        "bol | bol_main | Nederland | 2 | 3 | € 145,95 | € 120,62 | € 25,33"
        " | € 0,00 | onbekend | € 15,44 | € 24,95 | € 0,00 | € 121,00 | € 72,98",
        "bol | bol_main | België | 1 | 1 | € 10,00 | onbekend | onbekend"
        " | € 0,00 | onbekend | onbekend | € 0,00 | € 0,00 | € 10,00 | € 10,00",
    ]
    assert [row[0] for row in page.sections["maanden"].rows if len(row) == 13] == [
        "November 2026",
        "in GBP",
        "Oktober 2026",
    ]
    assert page.sections["kanalen"].rows[1][:6] == ["bol", "bol_main", "100,0 %", "5", "10", "€ 1.410,45"]


def test_an_empty_warehouse_gives_a_page_that_says_so(warehouse: Warehouse, settings: Settings) -> None:
    result, page = written(warehouse, settings)
    assert "Er zijn nog geen orders" in page.text
    assert "table" not in {tag for tag, _ in page.elements}
    assert (result.rows, result.orders, result.quarantined, result.load_number) == (0, 0, 0, None)
    assert result.revenue_incl_vat == {"EUR": Decimal("0.00")}


def test_a_period_without_orders_names_the_day_of_the_last_one(
    shop: Shop, duck: Warehouse, settings: Settings
) -> None:
    shop.order("A1", account="bol_main", at=utc("2026-03-02T10:00:00"), total="10.00")
    load(shop, duck)
    _, page = written(duck, settings)
    assert "Geen orders in deze periode. De laatste order ervoor is van 02-03-2026." in page.said("verloop")
    _, then = written(duck, settings, days=7, until=date(2026, 3, 4))
    assert "26-02-2026 t/m 04-03-2026" in then.text
    assert then.said("card 2").startswith("Laatste 7 dagen vanaf 26-02-2026 € 10,00")


def test_today_is_the_merchants_day_after_the_clocks_went_back(
    shop: Shop, duck: Warehouse, settings: Settings
) -> None:
    """Half past midnight on 26 October in Amsterdam is still the 25th in UTC."""
    shop.order("A1", account="bol_main", at=utc("2026-10-25T23:10:00"), total="10.00")
    shop.order("A2", account="bol_main", at=utc("2026-10-25T22:50:00"), total="20.00")
    load(shop, duck)
    with clock.frozen(datetime(2026, 10, 25, 23, 30, tzinfo=UTC)):
        _, page = written(duck, settings)
    assert page.said("card 0").startswith("Vandaag 26-10-2026 € 10,00")
    assert page.said("card 1").startswith("Gisteren 25-10-2026 € 20,00")
    assert "Gemaakt op 26-10-2026 00:30" in page.text
    assert [row[5] for row in page.sections["orders"].rows[1:]] == ["26-10-2026 00:10", "25-10-2026 23:50"]


def test_what_comes_from_outside_is_text_and_never_markup(
    shop: Shop, warehouse: Warehouse, settings: Settings
) -> None:
    evil = "<script>alert('1')</script><img src=x onerror=a>\"'&"
    key = shop.order(evil, account="bol_main", at=NOW, total="10.00", is_quarantined=True)
    shop.quarantine(key, f"EAN {evil} is unknown")
    shop.put(tables.products, sku=evil, name=evil, source=evil, updated_at=NOW)
    shop.offer(evil, account="bol_main", state=evil[:20], desired_version=2)
    shop.invoice(evil[:40], [key], "10.00", "1.74", account=evil[:30], state=evil[:20])
    load(shop, warehouse)
    odd = settings.model_copy(update={"merchant": settings.merchant.model_copy(update={"name": evil})})
    _, page = written(warehouse, odd)
    assert {"script", "img"}.isdisjoint(tag for tag, _ in page.elements)
    assert not [name for _, found in page.elements for name in found if name.startswith("on")]
    # In the title and the heading, twice as number and once in the reason of the order, as SKU and name of the offer.
    assert page.text.count(evil) == 7
    assert page.sections["orders"].rows[1][0] == evil


def test_the_page_asks_for_nothing_outside_itself(shop: Shop, duck: Warehouse, settings: Settings) -> None:
    sell(shop)
    load(shop, duck)
    result, page = written(duck, settings)
    html = result.path.read_text(encoding="utf-8")
    links = [
        value
        for _, found in page.elements
        for name, value in found.items()
        if name in {"src", "href", "xlink:href", "data", "srcset", "action"}
    ]
    assert links
    assert all(value is not None and value.startswith("#") for value in links)
    assert {"script", "link", "iframe", "img", "object"}.isdisjoint(tag for tag, _ in page.elements)
    assert "@import" not in html
    assert "url(" not in html.replace("url(#", "")
    assert html.count("http") == html.count("http://www.w3.org/") + html.count("http-equiv")
    policy = next(found["content"] for tag, found in page.elements if found.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_every_id_is_there_once_and_every_link_has_its_target(
    shop: Shop, duck: Warehouse, settings: Settings
) -> None:
    sell(shop)
    load(shop, duck)
    _, page = written(duck, settings)
    ids = [found["id"] for _, found in page.elements if "id" in found]
    links = [str(found["href"])[1:] for tag, found in page.elements if tag == "a"]
    labels = [found["aria-labelledby"] for _, found in page.elements if "aria-labelledby" in found]
    assert len(ids) == len(set(ids))
    assert set(links) <= set(ids)
    assert set(labels) <= set(ids)
    assert page.elements[0] == ("html", {"lang": "nl"})


def test_quarantine_is_counted_by_reason_with_age_and_money(
    shop: Shop, warehouse: Warehouse, settings: Settings
) -> None:
    """Two reasons of one order are one order, and its money waits once."""
    for number, total in (("A1", "12.50"), ("A2", "7.50"), ("A3", None)):
        shop.order(number, account="bol_main", at=NOW, total=total, is_quarantined=True)
    for number, code, hours in (
        ("A1", "unknown_ean", 80),
        ("A1", "total_differs", 5),
        ("A2", "unknown_ean", 30),
        ("A3", "unknown_ean", 1),
    ):
        shop.put(
            tables.quarantine,
            quarantine_key=f"{number}/{code}",
            account="bol_main",
            entity="orders",
            entity_key=f"bol_main:{number}",
            receipt_seq=1,
            reason_code=code,
            reason="a reason",
            first_seen_at=NOW - timedelta(hours=hours),
        )
    load(shop, warehouse)
    result, page = written(warehouse, settings)
    assert page.sections["quarantaine"].rows[1:] == [
        ["bol_main", "Orders", "EAN staat niet in de artikellijst unknown_ean", "3", "3 dagen"],
        ["bol_main", "Orders", "Totaal wijkt af van de regels total_differs", "1", "5 uur"],
    ]
    assert "Samen 3, waarvan € 20,00; van 1 is geen bedrag bekend." in page.said("quarantaine")
    assert result.quarantined == 3
    assert "3 in quarantaine" in page.text


def test_invoices_are_shown_by_state_and_what_is_due_without_one(
    shop: Shop, warehouse: Warehouse, settings: Settings
) -> None:
    shipped = {"account": "bol_main", "at": utc("2026-11-19T09:00:00"), "completed_at": NOW}
    booked = shop.order("A1", total="121.00", **shipped)  # type: ignore[arg-type]
    planned = shop.order("A2", total="10.00", **shipped)  # type: ignore[arg-type]
    failed = shop.order("A3", total="20.00", **shipped)  # type: ignore[arg-type]
    shop.order("A4", total="30.00", **shipped)  # type: ignore[arg-type]
    shop.order("A5", total="40.00", account="bol_main", at=NOW)  # not shipped: not due
    shop.order("A6", total="50.00", account="wholesale", at=NOW, completed_at=NOW)  # never invoiced
    shop.order("A7", total="60.00", order_status="cancelled", **shipped)  # type: ignore[arg-type]
    for reference, key, gross, vat, state in (
        ("BOL-A1", booked, "121.00", "21.00", "booked"),
        ("BOL-A2", planned, "10.00", "1.74", "planned"),
        ("BOL-A3", failed, "20.00", "3.47", "failed"),
    ):
        shop.invoice(
            reference, [key], gross, vat, account="bol_main", state=state, invoice_date=date(2026, 11, 20)
        )
    shop.invoice("OLD", [], "99.00", "0.00", account="bol_main", invoice_date=date(2026, 10, 16))
    shop.invoice("SEEN", [], "5.00", "0.87", account="bol_main", state="planned")
    shop.put(
        tables.outbox,
        effect_key="sales_entry:exact:SEEN",
        account="exact",
        kind="sales_entry",
        subject_key="exact:SEEN",
        mode="observe",
        payload={},
        payload_hash="0" * 64,
        state="on_hold",
        attempts=0,
        planned_at=NOW,
    )
    load(shop, warehouse)
    _, page = written(warehouse, settings)
    rows = page.sections["facturen"].rows
    assert rows[1:5] == [
        ["bol_main", "exact", "Geboekt", "1", "1", "€ 121,00", "€ 100,00", "€ 21,00"],
        ["bol_main", "exact", "Mislukt", "1", "1", "€ 20,00", "€ 16,53", "€ 3,47"],
        [
            "bol_main",
            "exact",
            "Alleen waargenomen, wordt nooit verzonden",
            "1",
            "0",
            "€ 5,00",
            "€ 4,13",
            "€ 0,87",
        ],
        ["bol_main", "exact", "Gepland", "1", "1", "€ 10,00", "€ 8,26", "€ 1,74"],
    ]
    assert rows[6:] == [["bol_main", "1", "€ 30,00", "19-11-2026"]]
    assert "1 factuur mislukt of onzeker" in page.text


def test_stock_agrees_only_when_desired_confirmed_and_read_back_are_one(
    shop: Shop, warehouse: Warehouse, settings: Settings
) -> None:
    shop.order("A1", account="bol_main", at=NOW)
    later = utc("2026-11-20T10:00:00")
    shop.offer("OK-1", account="bol_main")
    shop.offer("OK-2", account="bol_main", desired_quantity=0, confirmed_quantity=0, read_back_quantity=0)
    shop.offer("UNREAD", account="bol_main", read_back_quantity=None, read_back_at=None)
    shop.offer("STALE", account="bol_main", confirmed_at=later)
    shop.offer("OTHER", account="bol_main", read_back_quantity=9)
    shop.offer("DUE", account="bol_main", state="pending", desired_quantity=0, desired_version=2)
    shop.offer("HELD", account="bol_main", state="on_hold", desired_quantity=0, desired_version=2)
    shop.offer("SEEN", account="wholesale", state="pending", desired_version=2, sent_quantity=None)
    load(shop, warehouse)
    _, page = written(warehouse, settings)
    rows = page.sections["voorraad"].rows
    assert rows[1:3] == [
        ["bol_main", "Aandacht nodig", "7", "2", "2", "2 1 wacht op een mens", "1"],
        ["wholesale", "Alleen waarnemen", "1", "0", "0", "1", "0"],
    ]
    assert rows[4:] == [
        ["bol_main", "DUE", "-", "Te versturen", "0", "5", "5", "5"],
        ["bol_main", "HELD", "-", "Wacht op een mens", "0", "5", "5", "5"],
        ["bol_main", "OTHER", "-", "Bevestigd", "5", "5", "5", "9"],
        ["wholesale", "SEEN", "-", "Te versturen", "5", "-", "5", "5"],
    ]
    assert "1 aanbieding toont andere voorraad dan gewenst" in page.text
    assert "1 aanbieding wacht op vrijgave" in page.text


def test_the_latest_fifty_orders_are_listed_newest_first_without_the_buyer(
    shop: Shop, duck: Warehouse, settings: Settings
) -> None:
    for number in range(51):
        shop.order(
            f"A{number:02d}",
            account="bol_main",
            at=NOW - timedelta(minutes=number),
            customer_reference="Mevrouw Jansen",
        )
    shop.order("TOMORROW", account="bol_main", at=NOW + timedelta(days=1), is_quarantined=True)
    load(shop, duck)
    result, page = written(duck, settings)
    rows = page.sections["orders"].rows
    assert rows[0] == ["Order", "Account", "Aantal", "Totaal", "Status", "Besteldatum", "Acties"]
    assert rows[1][:6] == ["A00", "bol_main", "1", "€ 10,00", "Open", "20-11-2026 15:40"]
    assert rows[1][6].startswith("Details Kanaal bol, land Nederland")
    assert [row[0] for row in rows[1:]] == [f"A{number:02d}" for number in range(50)]
    assert "Jansen" not in result.path.read_text(encoding="utf-8")


def test_a_page_of_many_countries_stays_below_a_megabyte_and_says_what_it_leaves_out(
    duck: Warehouse, settings: Settings
) -> None:
    """Twenty accounts that sell to thirty countries, every month of a year."""
    with duck.write() as session:
        session.insert(
            "mart.orders", rows_of(ORDER_LIST, [{"order_key": "k", "order_date": date(2026, 11, 1)}])
        )
        for table, column, periods in (
            (REVENUE_PER_CHANNEL_DAY, "order_date", [date(2026, 11, day) for day in range(1, 21)]),
            (REVENUE_PER_CHANNEL_WEEK, "week_start", [date(2026, 11, 16), date(2026, 11, 9)]),
            (REVENUE_PER_CHANNEL_MONTH, "month_start", [date(2026, month, 1) for month in range(1, 12)]),
        ):
            rows = [
                {
                    column: period,
                    "channel": "bol",
                    "account": f"account_{account:02d}",
                    "ship_country": f"{chr(65 + country // 26)}{chr(65 + country % 26)}",
                    "currency_code": "EUR",
                    "orders": 2,
                    "gross_revenue_incl_vat": Decimal("1234.56"),
                }
                for period in periods
                for account in range(20)
                for country in range(30)
            ]
            session.insert(table.full_name, rows_of(table, rows))
    result, page = written(duck, settings)
    assert result.size_bytes < 1_000_000
    assert result.path.stat().st_size == result.size_bytes
    shown = page.sections["maanden"].rows
    assert len(shown) == 153  # heading, sum, 150 rows, what is left out
    assert shown[1][:4] == ["November 2026", "1.200", "0", "€ 740.736,00"]
    assert shown[-1] == [
        "En nog 450 regels, wel in het totaal; alle regels staan in mart.revenue_per_channel_month."
    ]
    assert "Oudere periodes staan in mart.revenue_per_channel_month." in page.said("maanden")


def rows_of(table: Table, rows: list[dict[str, object]]) -> pa.Table:
    """Return rows of a table; columns that are not named are empty, 0 or false."""
    empty = {"integer": 0, "boolean": False, "money": Decimal(0), "instant": NOW, "text": ""}
    blank = {column.name: None if column.nullable else empty.get(column.type) for column in table.columns}
    return pa.Table.from_pylist([{**blank, **row} for row in rows], schema=table.arrow_schema())


def test_a_long_period_is_drawn_by_week(shop: Shop, duck: Warehouse, settings: Settings) -> None:
    sell(shop)
    load(shop, duck)
    _, page = written(duck, settings, days=93)
    assert page.said("verloop").startswith("Omzet per week, per kanaal en account (incl. btw)")
    assert "16-11-2026 · bol · bol_main · € 155,95" in page.text
    _, shorter = written(duck, settings, days=92)
    assert "19-11-2026 · bol · bol_main · € 34,95" in shorter.text


def test_the_same_data_gives_the_same_bytes(shop: Shop, duck: Warehouse, settings: Settings) -> None:
    sell(shop)
    load(shop, duck)
    first = written(duck, settings)[0].path.read_bytes()
    assert written(duck, settings)[0].path.read_bytes() == first


def test_a_report_that_cannot_be_written_leaves_nothing_behind(
    shop: Shop, duck: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    shop.order("A1", account="bol_main", at=NOW)
    load(shop, duck)
    folder = tmp_path / "reports"
    (folder / "report.html" / "in_the_way").mkdir(parents=True)
    with pytest.raises(OSError, match=r"report\.html"):
        write_report(duck, settings, folder / "report.html")
    assert [path.name for path in folder.iterdir()] == ["report.html"]
    assert (folder / "report.html" / "in_the_way").is_dir()


def test_a_period_of_no_days_is_refused(duck: Warehouse, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="days: 0 is below 1"):
        write_report(duck, settings, tmp_path / "report.html", days=0)
    assert not (tmp_path / "report.html").exists()


def test_reports_written_by_several_threads_are_whole(
    shop: Shop, duck: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    sell(shop)
    load(shop, duck)
    path = tmp_path / "report.html"
    threads = [threading.Thread(target=write_report, args=(duck, settings, path)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert sorted(each.name for each in tmp_path.glob("*.partial")) == []
