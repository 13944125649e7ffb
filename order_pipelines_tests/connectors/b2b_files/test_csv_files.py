"""Text files: encodings, separators, and what happens to those that are damaged."""

import gzip
import zlib
from decimal import Decimal

import pytest

from order_pipelines_tests.connectors.b2b_files.files import (
    codes,
    read,
    read_line,
    read_order,
    refusal,
    table,
)

NL = "Artikelnr;Omschrijving;Aantal;Prijs"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_euro_sign_and_an_accent_survive_every_encoding(encoding: str) -> None:
    line = read_line(f"{NL}\nJAS-1;Crème jas;6;€ 40,50\n".encode(encoding))
    assert (line.sku, line.title, line.quantity) == ("JAS-1", "Crème jas", 6)
    assert (line.unit_price_excl_vat, line.line_total_excl_vat) == (Decimal("40.50"), Decimal("243.00"))


def test_a_euro_sign_in_a_price_tells_the_currency() -> None:
    assert read_order(f"{NL}\nJAS-1;Jas;6;€ 40,50\n".encode()).currency == "EUR"
    assert read_order(f"{NL}\nJAS-1;Jas;6;40,50\n".encode()).currency is None
    assert read_order(f"{NL}\nJAS-1;Jas;6;40,50\n".encode(), currency="EUR").currency == "EUR"


def test_two_currencies_in_one_file_are_a_problem() -> None:
    order = read_order(table(NL, "JAS-1;Jas;6;€ 40,50", "JAS-2;Jas;1;£ 40,50"))
    assert (order.currency, codes(order)) == (None, ["unknown_currency"])


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_the_separator_is_found(separator: str) -> None:
    body = table(NL.replace(";", separator), separator.join(["JAS-1", "Jas, regen", "6", "40,50"]))
    assert read_line(body).unit_price_excl_vat == Decimal("40.50")


def test_commas_separate_where_points_are_decimal() -> None:
    line = read_line(table("sku,qty,price", "JAS-1,6,40.50"))
    assert (line.quantity, line.unit_price_excl_vat) == (6, Decimal("40.50"))


def test_a_sep_line_decides_and_is_no_row() -> None:
    line = read_line(table("sep=,", "sku,qty,price", "JAS-1,6,40.50"))
    assert (line.row, line.quantity) == (2, 6)


def test_a_newline_inside_quotes_does_not_end_the_row() -> None:
    order = read_order(table(NL, 'JAS-1;"Jas\nmet capuchon";6;40,50', "JAS-2;Jas;1;10,00"))
    assert [(line.row, line.title) for line in order.lines] == [(2, "Jas\nmet capuchon"), (3, "Jas")]


def test_windows_line_ends_and_blank_lines_change_nothing() -> None:
    order = read_order(table(NL, "JAS-1;Jas;6;40,50", ";;;", "", "JAS-2;Jas;1;10,00", end="\r\n"))
    assert [(line.external_line_id, line.sku, line.row) for line in order.lines] == [
        ("1", "JAS-1", 2),
        ("2", "JAS-2", 5),
    ]


def test_a_compressed_file_is_read_like_the_plain_one() -> None:
    body = table(NL, "JAS-1;Jas;6;40,50")
    assert read_line(gzip.compress(body), "order.csv.gz").line_total_excl_vat == Decimal("243.00")


def test_a_heading_in_the_settings_wins_over_a_synonym() -> None:
    body = table("Code;Onze code;Aantal;Prijs", "LEV-9;JAS-1;6;40,50")
    assert read_line(body).sku == "LEV-9"
    assert read_line(body, columns={"sku": "Onze code"}).sku == "JAS-1"
    assert read_line(body, columns={"sku": ["Andere", "onze CODE"]}).sku == "JAS-1"


def test_a_renamed_column_is_named_in_the_refusal() -> None:
    reason = refusal(table("Artikelnr;Hoeveel;Prijs", "JAS-1;6;40,50"))
    assert reason == (
        "bestelling.csv: has no header with an article (artikelnr, sku, ean) and a quantity (aantal, qty); "
        "the likeliest row reads: Artikelnr, Hoeveel, Prijs"
    )
    reason = refusal(table("Artikelnr;Aantal", "JAS-1;6"), columns={"quantity": "Stuks besteld"})
    assert "options.columns names quantity = Stuks besteld" in reason


def test_a_file_without_a_header_is_refused_without_repeating_what_stands_in_it() -> None:
    """Its likeliest row is data: a reason goes to Dagster's log, where nobody's name and address belong."""
    reason = refusal(
        table("GH-9;Jan de Vries;Dorpsstraat 1;JAS-1;6", "GH-10;An Peeters;Kerkstraat 2;JAS-2;1")
    )
    assert reason == (
        "bestelling.csv: has no header with an article (artikelnr, sku, ean) and a quantity (aantal, qty); "
        "the likeliest row reads: nothing that is known"
    )


def test_na_is_an_article_and_no_missing_value() -> None:
    line = read_line(table("sku;aantal;omschrijving", "NA;2;null"))
    assert (line.sku, line.title) == ("NA", "null")


def test_a_formula_in_a_text_file_is_only_text() -> None:
    line = read_line(table("sku;aantal;omschrijving", "=1+1;2;=HYPERLINK(1)"))
    assert (line.sku, line.title) == ("=1+1", "=HYPERLINK(1)")


def test_a_last_row_without_its_end_is_truncated() -> None:
    order = read_order(b"po_number,sku,quantity,price\nPO-1,JAS-1,6,40.00\nPO-1,JAS-2,1")
    assert codes(order) == ["truncated"]
    assert (
        order.problems[0].reason
        == "row 3, price: the file ends in the middle of this row (the file ends in the middle of this row)"
    )
    assert [line.quantity for line in order.lines] == [6, 1]


def test_a_complete_last_row_without_newline_is_no_problem() -> None:
    assert codes(read_order(b"sku,quantity,price\nJAS-1,6,40.00")) == []


def test_a_quote_that_never_ends_refuses_the_file() -> None:
    reason = refusal(table(NL, "JAS-1;Jas;6;40,50", 'JAS-2;"Jas;1;10,00'))
    assert reason.startswith("bestelling.csv, row 3: is damaged or cut off (unexpected end of data)")


def test_a_cut_off_archive_refuses_the_file() -> None:
    body = gzip.compress(table(NL, *(f"JAS-{number};Jas;6;40,50" for number in range(2000))))
    assert refusal(body[: len(body) // 2], "a.csv.gz").startswith("a.csv.gz: is damaged or cut off")
    broken = bytearray(body)
    broken[len(body) // 2] ^= 0xFF
    with pytest.raises((zlib.error, OSError, EOFError)):
        gzip.decompress(bytes(broken))
    assert refusal(bytes(broken), "a.csv.gz").startswith("a.csv.gz: is damaged or cut off")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "is empty"),
        (b"\x00\x01\x02binary\x00", "is no text, CSV or XLSX file (it holds binary data)"),
        (b"%PDF-1.7 order", "is a PDF; ask for the order as .xlsx or .csv"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            "is an old .xls file or a workbook with a password; save it as .xlsx without one",
        ),
    ],
)
def test_what_is_no_order_file_is_refused_by_its_content(body: bytes, reason: str) -> None:
    assert refusal(body, "order.csv") == f"order.csv: {reason}"


def test_a_small_archive_of_a_huge_file_is_refused() -> None:
    body = gzip.compress(table(NL) + b"JAS-1;Jas;6;40,50\n" * 200_000)
    assert len(body) < 20_000
    reason = refusal(body, "bomb.csv.gz", limits={"max_uncompressed_bytes": 1_000_000})
    assert reason == "bomb.csv.gz: is larger than 1000000 bytes when unpacked; split it"


def test_limits_of_size_rows_and_columns_refuse_the_file() -> None:
    body = table(NL, "JAS-1;Jas;6;40,50", "JAS-2;Jas;6;40,50")
    assert refusal(body, limits={"max_rows": 2}) == "bestelling.csv: has more than 2 rows; split it"
    assert refusal(body, limits={"max_columns": 3}) == "bestelling.csv, row 1: has more than 3 columns"
    assert refusal(body, limits={"max_file_bytes": 10}) == "bestelling.csv: is larger than 10 bytes; split it"


def test_a_named_encoding_that_does_not_fit_is_said() -> None:
    reason = refusal(f"{NL}\nJAS-1;Crème;6;40,50\n".encode("cp1252"), encoding="utf-8")
    assert reason.startswith("bestelling.csv: is not utf-8:")
    assert reason.endswith("set options.encoding")


def test_a_name_is_shown_and_never_followed() -> None:
    meaning = read(table("sku;aantal", "JAS-1;2"), "../../etc/pass wd;rm.csv")
    assert [order.external_order_id for order in meaning.orders] == ["pass-wd-rm-3813d33f"]
