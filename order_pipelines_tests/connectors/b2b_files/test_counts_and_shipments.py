"""Stock counts and shipments: what they must say, and what becomes of rows that do not."""

from datetime import UTC, datetime

import pytest

from order_pipelines.domain.orders import ShipmentLine, StockCount
from order_pipelines_tests.connectors.b2b_files.files import read, refusal, sheet, table


def test_a_count_has_a_time_per_row() -> None:
    meaning = read(
        table(
            "Locatie;Artikelnr;EAN;Geteld;Geteld op",
            "magazijn;JAS-1;8712345000011;12;9-11-2026 17:30",
            "winkel;JAS-2;;0;2026-11-09T16:45:00Z",
        ),
        kind="stock_counts",
    )
    assert meaning.stock_counts == [
        StockCount("magazijn", datetime(2026, 11, 9, 16, 30, tzinfo=UTC), 12, "JAS-1", "8712345000011", 2),
        StockCount("winkel", datetime(2026, 11, 9, 16, 45, tzinfo=UTC), 0, "JAS-2", None, 3),
    ]
    assert (meaning.rows_read, meaning.rejects) == (2, [])


def test_location_and_time_may_stand_above_the_table() -> None:
    body = sheet(
        ("Telling magazijn Utrecht",),
        ("Locatie", "utrecht"),
        ("Datum", datetime(2026, 11, 9, 18, 0)),  # noqa: DTZ001 - cells have no zone
        (),
        ("EAN", "Aantal"),
        (8712345000011, 4),
        ("Totaal", 4),
    )
    meaning = read(body, "telling.xlsx", kind="stock_counts")
    assert meaning.stock_counts == [
        StockCount("utrecht", datetime(2026, 11, 9, 17, 0, tzinfo=UTC), 4, None, "8712345000011", 6)
    ]
    assert (meaning.rows_read, meaning.rejects) == (1, [])


def test_a_count_without_any_time_is_refused() -> None:
    reason = refusal(table("locatie;sku;aantal", "magazijn;JAS-1;12"), kind="stock_counts")
    assert reason == (
        "bestelling.csv: does not say when it was counted (geteld op, taken_at); add a column or a row above the table"
    )


@pytest.mark.parametrize(
    ("row", "code", "field"),
    [
        (";JAS-1;12;9-11-2026", "missing_field", "locatie"),
        ("magazijn;JAS-1;;9-11-2026", "missing_field", "aantal"),
        ("magazijn;JAS-1;-3;9-11-2026", "negative_quantity", "aantal"),
        ("magazijn;JAS-1;1,5;9-11-2026", "fractional_quantity", "aantal"),
        ("magazijn;JAS-1;veel;9-11-2026", "wrong_type", "aantal"),
        ("magazijn;JAS-1;12;", "missing_field", "geteld op"),
        ("magazijn;JAS-1;12;gisteren", "wrong_type", "geteld op"),
        ("magazijn;8,71E+12;12;9-11-2026", "ean_digits_lost", "sku"),
    ],
)
def test_a_bad_count_is_rejected_and_the_others_count(row: str, code: str, field: str) -> None:
    meaning = read(
        table("locatie;sku;aantal;geteld op", row, "magazijn;JAS-2;7;9-11-2026"), kind="stock_counts"
    )
    assert [(count.sku, count.quantity) for count in meaning.stock_counts] == [("JAS-2", 7)]
    assert [(reject.row, reject.problem.code, reject.problem.field) for reject in meaning.rejects] == [
        (2, code, field)
    ]
    assert meaning.rows_read == 2


def test_a_shipment_names_order_line_pieces_and_parcel() -> None:
    meaning = read(
        table(
            "Ordernummer;Regel;SKU;EAN;Verzonden;Vervoerder;Track & Trace;Verzonden op;Account;Locatie",
            "1043946570;6042823871;;8712345000011;1;TNT;3SBOL0987654321;9-11-2026 15:00;bol_main;magazijn",
            "PO-77;;JAS-1;;6;;;9-11-2026 15:00;;",
        ),
        kind="shipments",
    )
    at = datetime(2026, 11, 9, 14, 0, tzinfo=UTC)
    assert meaning.shipments == [
        ShipmentLine(
            "1043946570",
            1,
            at,
            "6042823871",
            None,
            "8712345000011",
            "TNT",
            "3SBOL0987654321",
            "bol_main",
            "magazijn",
            2,
        ),
        ShipmentLine("PO-77", 6, at, None, "JAS-1", None, None, None, None, None, 3),
    ]
    assert (meaning.rows_read, meaning.rejects) == (2, [])


def test_a_shipment_of_a_whole_order_needs_no_article() -> None:
    body = table("order;sku;aantal;carrier;shipped at", "PO-77;;6;DHL;2026-11-09")
    meaning = read(body, kind="shipments")
    assert [(line.order_number, line.sku, line.quantity) for line in meaning.shipments] == [
        ("PO-77", None, 6)
    ]


def test_a_shipment_of_nothing_or_of_no_order_is_rejected() -> None:
    meaning = read(
        table(
            "order;sku;aantal;carrier;shipped at", ";JAS-1;6;DHL;2026-11-09", "PO-7;JAS-1;0;DHL;2026-11-09"
        ),
        kind="shipments",
    )
    assert meaning.shipments == []
    assert [(reject.row, reject.problem.field) for reject in meaning.rejects] == [(2, "order"), (3, "aantal")]


def test_a_shipment_file_without_any_time_is_refused() -> None:
    reason = refusal(table("order;sku;aantal;carrier", "PO-1;JAS-1;6;DHL"), kind="shipments")
    assert reason.startswith("bestelling.csv: does not say when it was shipped")


def test_what_a_file_is_shows_in_its_columns_when_nothing_else_says_it() -> None:
    assert len(read(table("order;sku;aantal;tracking;verzonden op", "PO-1;A;1;3S1;9-11-2026")).shipments) == 1
    assert len(read(table("locatie;sku;aantal;geteld op", "m;A;1;9-11-2026")).stock_counts) == 1
    assert len(read(table("order;sku;aantal", "PO-1;A;1")).orders) == 1


def test_what_a_file_is_shows_in_its_folder_or_name() -> None:
    body = table("locatie;sku;aantal;datum", "m;A;1;9-11-2026")
    assert len(read(body, "/drop/stock_counts/a.csv").stock_counts) == 1
    assert len(read(body, "telling-nov.csv", kinds={"stock_counts": "telling*"}).stock_counts) == 1
    assert len(read(body, "/drop/orders/a.csv").orders) == 1
