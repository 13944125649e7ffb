"""Files that are bombs: refused in our own words, before they are opened as what they claim to be."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from order_pipelines.connectors.b2b_files import CONNECTOR
from order_pipelines.errors import DataContractError
from order_pipelines.services import product_file
from order_pipelines.services.product_file import read_product_file
from order_pipelines_tests.hostile import bombs
from order_pipelines_tests.hostile.bombs import EMPTY_STYLES, HEADER, MAIN, SHEET_BEGIN, SHEET_END, repeated

MOST_KILOBYTES = 200_000
"""What inspecting any of these may take: 55 MB are the program itself."""
LONG_ROW = "has a row of more than 4194304 characters"
WIDE_SHEET = "has a row of more than 100000 cells"
TOO_LARGE_PART = "too large for an order file"


def _bombs(folder: Path) -> list[tuple[str, Path, str]]:
    """(system, file, what must be said of it)."""
    styles = [f'<styleSheet xmlns="{MAIN}"><cellXfs>'.encode(), b"</cellXfs></styleSheet>"]
    strings = [f'<sst xmlns="{MAIN}">'.encode(), b"</sst>"]
    row = [SHEET_BEGIN + b"<row>", b"</row>" + SHEET_END]
    long_text = SHEET_BEGIN + b'<row><c t="inlineStr"><is><t>'
    return [
        ("bol", bombs.sparse(folder / "200mb.json", b"[", 200_000_000), "is larger than 8388608 bytes"),
        ("b2b_files", bombs.sparse(folder / "500mb.csv", HEADER, 500_000_000), "is larger than 200000000 bytes"),
        ("b2b_files", bombs.packed(folder / "columns.csv.gz", repeated(b"sku", b";c", 10**6, b"\n")),
         "has more than 500 columns"),
        ("b2b_files", bombs.packed(folder / "line.csv.gz", repeated(HEADER, b"x", 100_000_000, b"")), LONG_ROW),
        ("b2b_files", bombs.packed(folder / "cells.csv.gz", repeated(HEADER, b";", 100_000_000, b"")), LONG_ROW),
        ("b2b_files", bombs.packed(folder / "quoted.csv.gz", repeated(HEADER, b'"a\n";', 10_000_000, b"")), LONG_ROW),
        ("b2b_files", bombs.packed(folder / "open.csv.gz", repeated(HEADER + b'"', b"a;b\n", 10**6, b"")),
         "look at the quotes"),
        ("b2b_files", bombs.workbook(folder / "row.xlsx", repeated(row[0], b"<c><v>1</v></c>", 2_000_000, row[1])),
         WIDE_SHEET),
        ("b2b_files", bombs.workbook(folder / "junk.xlsx", repeated(SHEET_BEGIN, b"<x/>", 5_000_000, SHEET_END)),
         WIDE_SHEET),
        ("b2b_files", bombs.workbook(folder / "rows.xlsx", repeated(SHEET_BEGIN, b"<row/>", 2_100_000, SHEET_END)),
         "has more than 2000000 rows"),
        ("b2b_files", bombs.workbook(folder / "text.xlsx", repeated(long_text, b"a", 20_000_000, SHEET_END)),
         WIDE_SHEET),
        ("b2b_files", bombs.workbook(
            folder / "strings.xlsx", strings=repeated(strings[0], b"<si/>", 2_100_000, strings[1])),
         "has more than 2000000 rows"),
        ("b2b_files", bombs.workbook(
            folder / "styles.xlsx", styles=repeated(styles[0], b"<xf/>", 5_000_000, styles[1])), TOO_LARGE_PART),
        ("b2b_files", bombs.workbook(folder / "sheets.xlsx", sheets=300), "has 300 sheets"),
        ("b2b_files", bombs.workbook(
            folder / "unpacked.xlsx", repeated(SHEET_BEGIN, b"<row/>\n" + b" " * 1000, 250_000, SHEET_END)),
         "is larger than 200000000 bytes when unpacked"),
    ]  # fmt: skip


def test_no_bomb_takes_more_memory_than_a_small_order(tmp_path: Path) -> None:
    """One process looks at all of them, so the most it ever had is the most any of them took."""
    table = _bombs(tmp_path)
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "order_pipelines_tests.hostile.inspecting",
            *(f"{system}={path}" for system, path, _ in table),
        ],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    answers = json.loads(run.stdout)
    found = {path.name: answer for (_, path, _), answer in zip(table, answers, strict=True)}
    for _, path, wanted in table:
        assert found[path.name]["code"] == 1, path.name
        assert wanted in found[path.name]["said"], (path.name, found[path.name]["said"])
        assert "Traceback" not in found[path.name]["said"]
    peaks = {name: answer["peak"] for name, answer in found.items()}
    assert max(peaks.values()) < MOST_KILOBYTES, peaks


def refused(path: Path) -> str:
    assert CONNECTOR.file_interpreter is not None
    with pytest.raises(DataContractError) as caught:
        list(CONNECTOR.file_interpreter({})(path))
    return str(caught.value)


def test_a_size_that_the_directory_lies_about_is_not_unpacked_beyond_it(tmp_path: Path) -> None:
    path = bombs.workbook(tmp_path / "lie.xlsx", repeated(SHEET_BEGIN, b"<row/>", 100_000, SHEET_END))
    with zipfile.ZipFile(path) as archive:
        true_size = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    content = path.read_bytes()
    assert content.count(true_size.to_bytes(4, "little")) == 2
    path.write_bytes(content.replace(true_size.to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    assert "damaged or cut off workbook" in refused(path)


def test_a_directory_of_a_million_parts_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "directory.xlsx"
    end = (
        b"PK\x05\x06"
        + b"\0" * 4
        + b"\xff\xff\xff\xff"
        + (100_000_000).to_bytes(4, "little")
        + b"\0" * 4
        + b"\0\0"
    )
    path.write_bytes(b"PK\x03\x04" + b"\0" * 1000 + end)
    assert "has a list of parts that is too long for an order file" in refused(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_packing_that_no_spreadsheet_program_uses_is_not_unpacked(tmp_path: Path, method: int) -> None:
    assert "is packed in a way that no spreadsheet program uses" in refused(
        bombs.workbook(tmp_path / "other.xlsx", method=method)
    )


@pytest.mark.parametrize("padding", [0, 5_000, 300_000])
def test_entities_are_refused_wherever_they_are_declared(tmp_path: Path, padding: int) -> None:
    """A declaration behind a long comment was not seen, and openpyxl would have expanded it."""
    laughs = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
    bomb = b"<!--" + b" " * padding + b"--><!DOCTYPE a [<!ENTITY l0 'ha'>" + laughs + b"]><a>&l9;</a>"
    for part in ("sheet", "strings", "styles"):
        path = bombs.workbook(tmp_path / f"{part}.xlsx", **{part: (bomb,)})  # type: ignore[arg-type]
        assert "declares XML entities" in refused(path)


@pytest.mark.parametrize("encoding", ["utf-16", "cp037", "iso-8859-1"])
def test_a_part_in_another_encoding_hides_nothing(tmp_path: Path, encoding: str) -> None:
    text = f"<?xml version='1.0' encoding='{encoding}'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"
    body = text.encode(encoding) if encoding == "utf-16" else text.encode()
    assert "is not UTF-8" in refused(bombs.workbook(tmp_path / "other.xlsx", styles=(body,)))


def test_a_part_that_calls_itself_something_else_has_the_limits_of_what_it_is_read_as(tmp_path: Path) -> None:
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"
    path = bombs.workbook(
        tmp_path / "two.xlsx",
        strings=repeated(b"<sst>", b"<si/>", 150_000, b"</sst>"),
        types=f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/>',
    )
    assert TOO_LARGE_PART in refused(path)


def test_archives_in_archives_and_names_that_lead_out_are_only_ballast(tmp_path: Path) -> None:
    """Nothing is ever unpacked to a disk, and a part that no sheet names is not looked at."""
    inner = bombs.workbook(tmp_path / "inner.xlsx").read_bytes()
    path = bombs.workbook(
        tmp_path / "outer.xlsx",
        (bombs.sheet_of([[bombs.text_cell(text) for text in ("po_number", "sku", "aantal")],
                         [bombs.text_cell(text) for text in ("P1", "KEU-1001", "2")]]),),
        more=[("nested.zip", inner), ("../../escaped.txt", b"x"), ("/etc/escaped.txt", b"x"), ("C:\\escaped", b"x")],
    )  # fmt: skip
    assert CONNECTOR.file_interpreter is not None
    (batch,) = CONNECTOR.file_interpreter({})(path)
    assert [order.order_number for order in batch.orders] == ["P1"]
    assert sorted(item.name for item in tmp_path.rglob("*")) == ["inner.xlsx", "outer.xlsx"]


@pytest.mark.parametrize("row", [b"A;x\n", b";x\n"])
def test_a_master_of_too_many_products_is_refused_and_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: bytes
) -> None:
    """Rows that cannot be read are held as conflicts, so they count too."""
    assert product_file._MOST_PRODUCTS == 500_000
    monkeypatch.setattr(product_file, "_MOST_PRODUCTS", 1000)
    path = bombs.packed(tmp_path / "master.csv.gz", repeated(b"sku;naam\n", row, 1001, b""))
    with pytest.raises(DataContractError, match="has more than 1000 products; split it"):
        read_product_file(path)


@pytest.mark.parametrize("name", ["line", "columns", "styles"])
def test_a_master_that_is_a_bomb_is_refused_too(tmp_path: Path, name: str) -> None:
    styles = repeated(EMPTY_STYLES[:-2] + b">", b"<xf/>", 200_000, b"</styleSheet>")
    path = {
        "line": lambda: bombs.packed(tmp_path / "a.csv.gz", repeated(b"sku;naam\n", b"x", 5_000_000, b"")),
        "columns": lambda: bombs.packed(tmp_path / "a.csv.gz", repeated(b"sku", b";c", 10**6, b"\n")),
        "styles": lambda: bombs.workbook(tmp_path / "a.xlsx", styles=styles),
    }[name]()
    wanted = {"line": LONG_ROW, "columns": "has more than 500 columns", "styles": TOO_LARGE_PART}[name]
    with pytest.raises(DataContractError, match=wanted):
        read_product_file(path)
