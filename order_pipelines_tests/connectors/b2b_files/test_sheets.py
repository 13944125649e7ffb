"""Workbooks as people make them: each thing that really occurs, in a file of a few cells."""

import io
import zipfile
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from order_pipelines_tests.connectors.b2b_files.files import (
    codes,
    read,
    read_line,
    read_order,
    refusal,
    sheet,
)

HEADER = ("Artikelnr", "EAN", "Omschrijving", "Aantal", "Prijs", "Totaal")
NAME = "bestelling.xlsx"


def _active(workbook: Workbook):  # type: ignore[no-untyped-def]
    return workbook.active


def test_the_header_is_found_below_logo_rows_and_the_rows_above_say_what_they_say() -> None:
    body = sheet(
        ("MODEHUIS DE LINDE B.V.",),
        ("Kerkstraat 1", None, "Utrecht"),
        (),
        ("Bestelling", "PO-77", None, "Datum:", datetime(2026, 11, 2)),  # noqa: DTZ001 - cells have no zone
        ("Klantnummer: DEB-1",),
        ("Uw referentie", "voorjaar"),
        (),
        HEADER,
        ("JAS-1", "8712345000011", "Jas", 6, 40, 240),
    )
    order = read_order(body, NAME)
    assert (order.external_order_id, order.order_number) == ("PO-77", "PO-77")
    assert order.ordered_at == datetime(2026, 11, 1, 23, 0, tzinfo=UTC)
    assert (order.customer_number, order.customer_reference) == ("DEB-1", "voorjaar")
    assert [(line.row, line.sku, line.quantity) for line in order.lines] == [(9, "JAS-1", 6)]
    assert order.order_total_excl_vat == Decimal("240.00")
    assert order.problems == ()


def test_two_header_rows_with_merged_cells_are_one_header() -> None:
    body = sheet(
        ("Artikel", None, "Aantal", "Prijs", None),
        ("code", "ean", None, "per stuk", "totaal"),
        ("JAS-1", "8712345000011", 6, 40, 240),
        change=lambda workbook: _active(workbook).merge_cells("A1:B1"),
    )
    line = read_line(body, NAME)
    assert (line.sku, line.ean, line.quantity) == ("JAS-1", "8712345000011", 6)
    assert (line.unit_price_excl_vat, line.line_total_excl_vat) == (Decimal(40), Decimal(240))


def test_totals_blank_rows_and_sentences_are_no_lines() -> None:
    body = sheet(
        HEADER,
        ("JAS-1", None, "Jas", 6, 40, 240),
        (),
        ("JAS-2", None, "Sjaal", 2, 5, 10),
        ("Subtotaal", None, None, 8, None, 250),
        (None, None, None, 8, None, None),
        (None, None, "Totaal excl. btw", None, None, 250),
        (None, None, "BTW 21%", None, None, 52.5),
        (None, None, "Totaal incl. btw", None, None, 302.5),
        ("Graag leveren voor vrijdag, aantal in overleg",),
    )
    meaning = read(body, NAME)
    (order,) = meaning.orders
    assert [line.sku for line in order.lines] == ["JAS-1", "JAS-2"]
    assert (meaning.rows_read, meaning.rejects, order.problems) == (2, [], ())


def test_a_total_that_differs_from_its_lines_is_a_problem() -> None:
    order = read_order(
        sheet(HEADER, ("JAS-1", None, "Jas", 6, 40, 240), ("Totaal", None, None, 6, None, 260)), NAME
    )
    assert codes(order) == ["total_differs"]
    assert "the lines add up to 240.00, not 260" in order.problems[0].reason


def test_a_line_total_that_differs_from_pieces_times_price_is_a_problem_of_the_line() -> None:
    order = read_order(sheet(HEADER, ("JAS-1", None, "Jas", 6, 40, 250)), NAME)
    assert [(problem.code, problem.field, problem.line_id) for problem in order.problems] == [
        ("total_differs", "Totaal", "1")
    ]
    assert order.lines[0].line_total_excl_vat == Decimal(250)


def test_an_ean_as_number_keeps_all_digits_also_where_others_are_empty() -> None:
    body = sheet(HEADER, ("JAS-1", 8712345000011, "Jas", 6, 40, 240), ("JAS-2", None, "Sjaal", 1, 5, 5))
    assert [line.ean for line in read_order(body, NAME).lines] == ["8712345000011", None]


def test_a_number_that_lost_its_leading_zeros_gets_them_back_when_the_check_digit_fits() -> None:
    body = sheet(HEADER, ("A", 12345678905, None, 1, 1, 1), ("B", 36000291452, None, 1, 1, 1))
    assert [line.ean for line in read_order(body, NAME).lines] == ["0012345678905", "0036000291452"]


def test_a_number_format_of_zeros_pads_the_sku() -> None:
    def pad(workbook: Workbook) -> None:
        _active(workbook)["A2"].number_format = "00000"

    assert read_line(sheet(("sku", "aantal"), (71, 2), change=pad), NAME).sku == "00071"
    assert read_line(sheet(("sku", "aantal"), (71, 2)), NAME).sku == "71"


def test_digits_that_a_spreadsheet_destroyed_are_never_expanded() -> None:
    with_sku = read_order(sheet(HEADER, ("JAS-1", "8.71E+12", "Jas", 6, 40, 240)), NAME)
    assert (with_sku.lines[0].sku, with_sku.lines[0].ean) == ("JAS-1", None)
    assert (with_sku.must_flag, with_sku.problems) == (("ean_digits_lost",), ())
    without = read_order(sheet(HEADER, (None, "8,71E+12", "Jas", 6, 40, 240)), NAME)
    assert (without.lines[0].ean, codes(without)) == (None, ["ean_digits_lost"])


def test_a_wrong_check_digit_is_flagged_beside_a_sku_and_a_problem_without() -> None:
    with_sku = read_order(sheet(HEADER, ("JAS-1", "8712345000012", "Jas", 6, 40, 240)), NAME)
    assert (with_sku.lines[0].ean, with_sku.must_flag, with_sku.problems) == (None, ("ean_check_digit",), ())
    without = read_order(sheet(HEADER, (None, "8712345000012", "Jas", 6, 40, 240)), NAME)
    assert codes(without) == ["unknown_ean"]


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("87123457", None),
        ("12345670", "12345670"),
        ("036000291452", "0036000291452"),
        ("08712345000011", "8712345000011"),
    ],
)
def test_a_gtin_has_8_12_13_or_14_digits_and_a_fitting_check_digit(written: str, read_as: str | None) -> None:
    order = read_order(sheet(HEADER, ("JAS-1", written, "Jas", 6, 40, 240)), NAME)
    assert order.lines[0].ean == read_as


def test_a_formula_that_was_never_calculated_is_no_zero() -> None:
    order = read_order(
        sheet(HEADER, ("JAS-1", None, "Jas", "=3+3", 40, "=D2*E2"), ("B", None, "B", 1, 2, "=D3*E3")), NAME
    )
    assert [(problem.code, problem.field, problem.line_id) for problem in order.problems] == [
        ("formula_cell", "Aantal", "1"),
        ("formula_cell", "Totaal", "1"),
        ("formula_cell", "Totaal", "2"),
    ]
    assert order.lines[0].quantity is None
    assert order.lines[1].line_total_excl_vat == Decimal("2.00")


def test_a_formula_with_its_calculated_value_is_that_value() -> None:
    body = sheet(HEADER, ("JAS-1", None, "Jas", "=3+3", 40, 240))
    parts = {}
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["xl/worksheets/sheet1.xml"] = (
        parts["xl/worksheets/sheet1.xml"]
        .replace(b"<f>3+3</f><v></v>", b"<f>3+3</f><v>6</v>")
        .replace(b"<f>3+3</f><v/>", b"<f>3+3</f><v>6</v>")
        .replace(b"<f>3+3</f><v />", b"<f>3+3</f><v>6</v>")
    )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert read_line(stream.getvalue(), NAME).quantity == 6


def test_an_error_cell_puts_its_line_in_question() -> None:
    order = read_order(
        sheet(HEADER, ("JAS-1", None, "Jas", 6, "#N/A", None), ("B", None, "B", 1, 2, 2)), NAME
    )
    assert [(problem.code, problem.value, problem.line_id) for problem in order.problems] == [
        ("error_cell", "#N/A", "1")
    ]
    assert [line.quantity for line in order.lines] == [6, 1]


def test_a_hidden_sheet_is_not_read() -> None:
    def hide(workbook: Workbook) -> None:
        other = workbook.create_sheet("Oud")
        other.append(["sku", "aantal"])
        other.append(["OUD-1", 99])
        other.sheet_state = "hidden"

    order = read_order(sheet(("sku", "aantal"), ("JAS-1", 2), change=hide), NAME)
    assert [line.sku for line in order.lines] == ["JAS-1"]


def test_a_hidden_row_with_pieces_is_asked_about() -> None:
    def hide(workbook: Workbook) -> None:
        _active(workbook).row_dimensions[3].hidden = True

    order = read_order(sheet(("sku", "aantal"), ("JAS-1", 2), ("JAS-2", 5), change=hide), NAME)
    assert [(problem.code, problem.line_id) for problem in order.problems] == [("hidden_row", "2")]


@pytest.mark.parametrize("is_1904", [False, True])
def test_days_count_from_1904_in_old_mac_files(is_1904: bool) -> None:
    def date_system(workbook: Workbook) -> None:
        if is_1904:
            workbook.epoch = CALENDAR_MAC_1904

    body = sheet(
        ("Datum", 46335 - (1462 if is_1904 else 0)), ("sku", "aantal"), ("JAS-1", 2), change=date_system
    )
    assert read_order(body, NAME).ordered_at == datetime(2026, 11, 8, 23, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["9-11-2026", "09/11/2026", "9.11.2026", "2026-11-09", "2026-11-09 00:00", "46335"]
)
def test_dates_are_day_first(text: str) -> None:
    order = read_order(sheet(("Datum", text), ("sku", "aantal"), ("JAS-1", 2)), NAME)
    assert order.ordered_at == datetime(2026, 11, 8, 23, 0, tzinfo=UTC)


def test_a_month_first_date_makes_the_short_dates_of_its_file_doubtful() -> None:
    body = sheet(
        ("order number", "order date", "sku", "qty"), ("A", "12/25/2026", "X", 1), ("B", "01/02/2026", "X", 1)
    )
    first, second = read(body, NAME).orders
    assert (codes(first), codes(second)) == (["wrong_type"], ["wrong_type"])
    first, second = read(body, NAME, date_formats=["%m/%d/%Y"]).orders
    assert second.ordered_at == datetime(2026, 1, 1, 23, 0, tzinfo=UTC)
    assert (codes(first), codes(second)) == ([], [])


def test_two_orders_on_two_sheets_are_two_orders() -> None:
    def second(workbook: Workbook) -> None:
        other = workbook.create_sheet("Twee")
        for row in (("Bestelling", "PO-2"), ("sku", "aantal"), ("JAS-2", 7)):
            other.append(row)

    meaning = read(sheet(("Bestelling", "PO-1"), ("sku", "aantal"), ("JAS-1", 2), change=second), NAME)
    assert [(order.external_order_id, order.lines[0].sku) for order in meaning.orders] == [
        ("PO-1", "JAS-1"),
        ("PO-2", "JAS-2"),
    ]


def test_two_orders_below_each_other_are_two_orders() -> None:
    body = sheet(
        ("Bestelling", "PO-1"),
        HEADER,
        ("JAS-1", None, "Jas", 2, 40, 80),
        (),
        ("Bestelling", "PO-2"),
        HEADER,
        ("JAS-2", None, "Sjaal", 7, 5, 35),
    )
    assert [
        (order.external_order_id, [line.sku for line in order.lines]) for order in read(body, NAME).orders
    ] == [
        ("PO-1", ["JAS-1"]),
        ("PO-2", ["JAS-2"]),
    ]


def test_what_stands_below_the_table_belongs_to_it() -> None:
    order = read_order(
        sheet(("sku", "aantal", "prijs"), ("JAS-1", 2, 3), ("Uw referentie:", "voorjaar")), NAME
    )
    assert order.customer_reference == "voorjaar"


def test_sizes_as_columns_are_lines_when_the_settings_say_how_skus_are_made() -> None:
    body = sheet(
        ("Artikel", "Kleur", "S", "M", "L", "Prijs"),
        ("JAS-1", "rood", 2, None, 3, 40),
        (None, "blauw", 1, None, None, 40),
        ("Artikel", "Kleur", 36, 38, None, "Prijs"),
        ("BROEK", "zwart", 4, 5, None, 20),
    )
    assert (
        refusal(body, NAME)
        == 'bestelling.xlsx: has sizes as columns; set options.size_sku, for example "{sku}-{size}"'
    )
    order = read_order(body, NAME, size_sku="{sku}-{size}")
    assert [(line.row, line.sku, line.quantity, line.line_total_excl_vat) for line in order.lines] == [
        (2, "JAS-1-S", 2, Decimal("80.00")),
        (2, "JAS-1-L", 3, Decimal("120.00")),
        (3, "JAS-1-S", 1, Decimal("40.00")),
        (5, "BROEK-36", 4, Decimal("80.00")),
        (5, "BROEK-38", 5, Decimal("100.00")),
    ]


def test_a_size_matrix_with_order_numbers_stays_whole() -> None:
    body = sheet(("PO", "Artikel", "S", "M"), ("PO-1", "JAS", 2, 3), ("PO-2", "JAS", 1, 4))
    orders = read(body, NAME, size_sku="{sku}-{size}").orders
    assert [(order.external_order_id, [line.quantity for line in order.lines]) for order in orders] == [
        ("PO-1", [2, 3]),
        ("PO-2", [1, 4]),
    ]


def test_percentages_and_discounts_are_taken_once() -> None:
    def percent(workbook: Workbook) -> None:
        _active(workbook)["D2"].number_format = "0%"

    body = sheet(("sku", "aantal", "prijs", "korting", "totaal"), ("JAS-1", 10, 4, 0.15, 34), change=percent)
    line = read_line(body, NAME)
    assert (line.unit_price_excl_vat, line.line_total_excl_vat) == (Decimal(4), Decimal(34))


def test_prices_whose_heading_says_so_include_vat() -> None:
    order = read_order(sheet(("sku", "aantal", "Prijs incl. btw", "korting"), ("JAS-1", 10, 4, 10)), NAME)
    (line,) = order.lines
    assert (line.unit_price_incl_vat, line.line_discount_incl_vat, line.line_total_incl_vat) == (
        Decimal(4),
        Decimal("4.00"),
        Decimal("36.00"),
    )
    assert (line.unit_price_excl_vat, line.line_total_excl_vat) == (None, None)
    assert (order.order_total_incl_vat, order.order_total_excl_vat) == (Decimal("36.00"), None)


def test_a_damaged_workbook_is_refused_with_its_sheet() -> None:
    body = sheet(HEADER, ("JAS-1", None, "Jas", 6, 40, 240))
    assert refusal(body[: len(body) // 2], NAME).startswith(
        "bestelling.xlsx: is a damaged or cut off workbook (BadZipFile"
    )
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as archive, zipfile.ZipFile(stream, "w") as changed:
        for name in archive.namelist():
            content = archive.read(name)
            changed.writestr(name, content[:-40] if name.endswith("sheet1.xml") else content)
    assert refusal(stream.getvalue(), NAME).startswith("bestelling.xlsx, row ")
    assert "sheet 'Bestelling' is damaged" in refusal(stream.getvalue(), NAME)


def test_an_archive_that_is_no_workbook_is_refused() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("order.csv", "sku;aantal\nJAS-1;2\n")
    assert refusal(stream.getvalue(), NAME) == (
        "bestelling.xlsx: is an archive but no XLSX workbook; save the order as .xlsx or .csv"
    )


def test_a_zip_bomb_and_xml_entities_are_refused_before_they_are_unpacked() -> None:
    body = sheet(HEADER, *((f"JAS-{number}", None, "Jas" * 50, 6, 40, 240) for number in range(500)))
    reason = refusal(body, NAME, limits={"max_workbook_bytes": 50_000})
    assert reason == "bestelling.xlsx: is larger than 50000 bytes when unpacked; split it"
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as archive, zipfile.ZipFile(stream, "w") as changed:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "xl/workbook.xml":
                content = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + content
            changed.writestr(name, content)
    assert refusal(stream.getvalue(), NAME) == (
        "bestelling.xlsx: declares XML entities; no spreadsheet program writes that"
    )


def test_limits_of_rows_and_columns_hold_for_sheets() -> None:
    body = sheet(("sku", "aantal"), ("A", 1), ("B", 1), (*[None] * 40, "far"))
    assert refusal(body, NAME, limits={"max_rows": 2}) == "bestelling.xlsx: has more than 2 rows; split it"
    reason = refusal(body, NAME, limits={"max_columns": 20})
    assert reason == "bestelling.xlsx, row 4: sheet 'Bestelling' has more than 20 columns"


def test_na_in_a_sheet_is_an_article() -> None:
    assert read_line(sheet(("sku", "aantal"), ("NA", 3)), NAME).sku == "NA"


def test_the_same_cells_come_out_as_openpyxl_reads_them() -> None:
    body = sheet(HEADER, ("JAS-1", 8712345000011, "Jas", 5, 40.25, 201.25))
    active = load_workbook(io.BytesIO(body)).active
    assert active is not None
    line = read_line(body, NAME)
    assert [str(cell.value) for cell in active[2]] == [
        line.sku,
        line.ean,
        line.title,
        str(line.quantity),
        str(line.unit_price_excl_vat),
        str(line.line_total_excl_vat),
    ]
