"""Product master files as merchants keep them."""

import io
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import Workbook

from order_pipelines.domain.products import MasterConflict, Product
from order_pipelines.errors import DataContractError
from order_pipelines.services.product_file import ProductFile, read_product_file


def _read(tmp_path: Path, *lines: str) -> ProductFile:
    path = tmp_path / "artikelen.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_product_file(path)


def test_a_dutch_master_is_read_with_its_row_numbers(tmp_path: Path) -> None:
    found = _read(
        tmp_path,
        "Artikelnummer;EAN;Omschrijving;BTW klasse;Eenheid;Gewicht (kg);Kostprijs;Leverancier",
        "JAS-1;8712345000011|8712345000028;Jas;high;stuk;0,9;17,50;De Linde",
        "",
        "SJAAL-1;;Sjaal;;;;;",
    )
    assert found.products == [
        Product(
            "JAS-1",
            "Jas",
            ("8712345000011", "8712345000028"),
            "high",
            "stuk",
            900,
            Decimal("17.50"),
            "De Linde",
            2,
        ),
        Product("SJAAL-1", "Sjaal", row=4),
    ]
    assert found.conflicts == []


def test_an_english_master_is_read(tmp_path: Path) -> None:
    found = _read(
        tmp_path,
        "sku,eans,name,vat_class,unit,weight_grams,cost,supplier",
        'JAS-1,"8712345000011,8712345000028",Jas,high,piece,900,17.50,De Linde',
    )
    assert found.products == [
        Product(
            "JAS-1",
            "Jas",
            ("8712345000011", "8712345000028"),
            "high",
            "piece",
            900,
            Decimal("17.50"),
            "De Linde",
            2,
        )
    ]


def test_a_sheet_keeps_its_eans_and_zeros(tmp_path: Path) -> None:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    for row in (
        ("Artikelen voorjaar",),
        ("sku", "naam", "ean", "gewicht", "kostprijs"),
        (71, "Jas", 8712345000011, 900.4, 17.5),
        ("B", "Sjaal", "8712345000042\n8712345000059", None, None),
    ):
        sheet.append(row)
    sheet["A3"].number_format = "00000"
    stream = io.BytesIO()
    workbook.save(stream)
    path = tmp_path / "artikelen.xlsx"
    path.write_bytes(stream.getvalue())
    assert read_product_file(path).products == [
        Product("00071", "Jas", ("8712345000011",), weight_grams=900, cost=Decimal("17.5"), row=3),
        Product("B", "Sjaal", ("8712345000042", "8712345000059"), row=4),
    ]


def test_cells_that_cannot_be_read_are_listed_and_left_out(tmp_path: Path) -> None:
    found = _read(
        tmp_path,
        "sku;naam;ean;gewicht;kostprijs",
        "A;a;8,71E+12;zwaar;1.250",
        ";zonder nummer;;;",
        "C;c;8712345000012;;-2",
    )
    assert found.products == [Product("A", "a", row=2), Product("C", "c", row=4)]
    assert [
        (conflict.code, conflict.sku, conflict.rows, conflict.is_left_out) for conflict in found.conflicts
    ] == [
        ("ean_digits_lost", "A", (2,), False),
        ("wrong_type", "A", (2,), False),
        ("ambiguous_number", "A", (2,), False),
        ("missing_field", None, (3,), True),
        ("unknown_ean", "C", (4,), False),
        ("wrong_type", "C", (4,), False),
    ]
    assert found.conflicts[3] == MasterConflict(
        "missing_field", "row 3, the article number: the cell is empty", None, None, (3,), is_left_out=True
    )


def test_a_file_that_is_no_master_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataContractError, match=r"artikelen\.csv: has no header of a product master: it needs"
    ):
        _read(tmp_path, "datum;bedrag", "9-11-2026;4,00")
    with pytest.raises(DataContractError, match="cannot be opened"):
        read_product_file(tmp_path / "gone.csv")
