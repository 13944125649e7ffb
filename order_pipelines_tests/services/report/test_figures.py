"""The figures and periods of the report: typed in, read back from the page that a browser would get."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from order_pipelines import clock
from order_pipelines.services.report import write_report
from order_pipelines.settings import Settings
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines_tests.services.report.written_report import load, sell, written
from order_pipelines_tests.warehouse.rows import Shop, utc


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


def test_a_long_period_is_drawn_by_week(shop: Shop, duck: Warehouse, settings: Settings) -> None:
    sell(shop)
    load(shop, duck)
    _, page = written(duck, settings, days=93)
    assert page.said("verloop").startswith("Omzet per week, per kanaal en account (incl. btw)")
    assert "16-11-2026 · bol · bol_main · € 155,95" in page.text
    _, shorter = written(duck, settings, days=92)
    assert "19-11-2026 · bol · bol_main · € 34,95" in shorter.text


def test_a_period_of_no_days_is_refused(duck: Warehouse, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="days: 0 is below 1"):
        write_report(duck, settings, tmp_path / "report.html", days=0)
    assert not (tmp_path / "report.html").exists()
