"""The report as one file: safe against what comes from outside, complete in itself, bounded, whole and repeatable."""

import threading
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from order_pipelines.operations import tables
from order_pipelines.services.report import write_report
from order_pipelines.settings import Settings
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines.warehouse.tables import (
    ORDER_LIST,
    REVENUE_PER_CHANNEL_DAY,
    REVENUE_PER_CHANNEL_MONTH,
    REVENUE_PER_CHANNEL_WEEK,
    Table,
)
from order_pipelines_tests.services.report.written_report import NOW, load, sell, written
from order_pipelines_tests.warehouse.rows import Shop


def rows_of(table: Table, rows: list[dict[str, object]]) -> pa.Table:
    """Return rows of a table; columns that are not named are empty, 0 or false."""
    empty = {"integer": 0, "boolean": False, "money": Decimal(0), "instant": NOW, "text": ""}
    blank = {column.name: None if column.nullable else empty.get(column.type) for column in table.columns}
    return pa.Table.from_pylist([{**blank, **row} for row in rows], schema=table.arrow_schema())


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
