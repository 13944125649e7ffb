"""Pictures of the revenue: what they say, in the same bytes every time."""

import xml.etree.ElementTree as ET
from datetime import date, timedelta
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

from order_pipelines.services.charts import revenue_per_channel_png, revenue_per_channel_svg

_SVG = "{http://www.w3.org/2000/svg}"


def frame(*rows: tuple[date, str, str | None, str], period: str = "order_date") -> pd.DataFrame:
    """Return revenue rows (day, account, gross, currency) with Arrow-backed columns, as the warehouse gives them."""
    schema = pa.schema(
        [
            (period, pa.date32()),
            ("channel", pa.string()),
            ("account", pa.string()),
            ("currency_code", pa.string()),
            ("gross_revenue_incl_vat", pa.decimal128(18, 2)),
        ]
    )
    table = pa.Table.from_pylist(
        [
            {
                period: day,
                "channel": "bol",
                "account": account,
                "currency_code": currency,
                "gross_revenue_incl_vat": None if gross is None else Decimal(gross),
            }
            for day, account, gross, currency in rows
        ],
        schema=schema,
    )
    drawn: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return drawn


def said(svg: bytes, tag: str = "text") -> list[str]:
    return ["".join(element.itertext()) for element in ET.fromstring(svg).iter(f"{_SVG}{tag}")]


def many(accounts: int, days: int = 35) -> pd.DataFrame:
    return frame(
        *(
            (
                date(2026, 10, 17) + timedelta(days=day),
                f"shop_{account:02d}",
                f"{100 + account * 7 + day}.95",
                "EUR",
            )
            for day in range(days)
            for account in range(accounts)
        )
    )


def test_every_bar_says_its_day_series_and_amount() -> None:
    svg = revenue_per_channel_svg(
        frame(
            (date(2026, 11, 19), "main", "1234.50", "EUR"),
            (date(2026, 11, 20), "outlet", "0.05", "EUR"),
            (date(2026, 11, 20), "main", "-20.00", "EUR"),
            (date(2026, 11, 20), "unknown", None, "EUR"),
            (date(2026, 11, 20), "free", "0.00", "EUR"),
        )
    )
    assert said(svg, "title") == [
        "19-11-2026 · bol · main · € 1.234,50",
        "20-11-2026 · bol · main · -€ 20,00",
        "20-11-2026 · bol · outlet · € 0,05",
    ]


def test_countries_of_one_account_and_day_are_one_bar() -> None:
    day = date(2026, 11, 20)
    svg = revenue_per_channel_svg(frame((day, "main", "0.10", "EUR"), (day, "main", "0.20", "EUR")))
    assert said(svg, "title") == ["20-11-2026 · bol · main · € 0,30"]


def test_axes_are_dutch() -> None:
    svg = revenue_per_channel_svg(
        frame((date(2026, 11, 19), "main", "1900.00", "EUR"), (date(2026, 11, 20), "main", "1.00", "EUR"))
    )
    assert said(svg) == ["19-11", "20-11", "€ 0", "€ 500", "€ 1.000", "€ 1.500", "€ 2.000", "bol · main"]


def test_currencies_get_a_panel_each_and_are_not_added_up() -> None:
    day = date(2026, 11, 20)
    svg = revenue_per_channel_svg(frame((day, "uk", "3.00", "GBP"), (day, "main", "4.00", "EUR")))
    texts = said(svg)
    assert texts.index("€ 4,00") < texts.index("GBP 3,00")
    assert said(svg, "title") == ["20-11-2026 · bol · main · € 4,00", "20-11-2026 · bol · uk · GBP 3,00"]


def test_days_without_revenue_keep_their_place() -> None:
    svg = revenue_per_channel_svg(
        frame((date(2026, 11, 18), "main", "5000.00", "EUR")),
        first=date(2026, 11, 16),
        last=date(2026, 11, 20),
    )
    assert said(svg)[:5] == ["16-11", "17-11", "18-11", "19-11", "20-11"]


@pytest.mark.parametrize(
    ("period", "days", "expected"),
    [
        ("week_start", (date(2026, 10, 26), date(2026, 11, 9)), ["26-10", "02-11", "09-11"]),
        (
            "month_start",
            (date(2026, 11, 1), date(2027, 2, 1)),
            ["01-11-2026", "01-12-2026", "01-01-2027", "01-02-2027"],
        ),
    ],
)
def test_weeks_and_months_are_drawn_too(period: str, days: tuple[date, date], expected: list[str]) -> None:
    drawn = frame(*((day, "main", "10.00", "EUR") for day in days), period=period)
    assert said(revenue_per_channel_svg(drawn))[: len(expected)] == expected


def test_more_series_than_colours_become_the_rest() -> None:
    """The smallest of eight are added up; the sum of the last day shows that nothing is lost."""
    day = date(2026, 11, 20)
    svg = revenue_per_channel_svg(frame(*((day, f"shop_{n}", f"{n}.50", "EUR") for n in range(1, 9))))
    assert said(svg)[-6:] == [
        "bol · shop_4",
        "bol · shop_5",
        "bol · shop_6",
        "bol · shop_7",
        "bol · shop_8",
        "overige",
    ]
    assert said(svg, "title")[-1] == "20-11-2026 · overige · € 7,50"


def test_nothing_sold_is_said_and_not_drawn() -> None:
    svg = revenue_per_channel_svg(frame())
    assert said(svg) == ["Nog geen omzet in deze periode"]
    assert revenue_per_channel_png(frame()).startswith(b"\x89PNG\r\n")


def test_the_same_frame_gives_the_same_bytes() -> None:
    assert revenue_per_channel_svg(many(3)) == revenue_per_channel_svg(many(3))
    assert revenue_per_channel_png(many(3)) == revenue_per_channel_png(many(3))


def test_a_full_picture_stays_small() -> None:
    assert len(revenue_per_channel_png(many(12, days=92))) < 60_000
    assert len(revenue_per_channel_svg(many(12, days=92))) < 300_000


def test_an_svg_is_one_element_that_follows_the_page_and_touches_nothing_else() -> None:
    svg = revenue_per_channel_svg(many(2))
    assert svg.startswith(b"<svg ")
    assert b"var(--chart-text, #475569)" in svg
    for foreign in (b"<style", b"<metadata", b"matplotlib", b"<?xml", b"<!DOCTYPE", b' id="figure_1"'):
        assert foreign not in svg


def test_names_are_text_and_never_markup() -> None:
    name = "<b>$x^2$</b>"
    svg = revenue_per_channel_svg(frame((date(2026, 11, 20), name, "1.00", "EUR")))
    assert said(svg)[-1] == f"bol · {name}"
    assert said(svg, "title") == [f"20-11-2026 · bol · {name} · € 1,00"]


def test_a_frame_without_a_period_is_refused() -> None:
    with pytest.raises(ValueError, match="none of the columns order_date, week_start, month_start"):
        revenue_per_channel_svg(many(1).drop(columns="order_date"))
