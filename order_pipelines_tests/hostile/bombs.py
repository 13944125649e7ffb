"""Files that are small to send and large to open, written in pieces so that making them costs no memory either."""

import gzip
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
HEADER = b"po_number;sku;aantal;prijs\n"
SHEET_BEGIN = f'<worksheet xmlns="{MAIN}"><sheetData>'.encode()
SHEET_END = b"</sheetData></worksheet>"
EMPTY_SHEET = SHEET_BEGIN + SHEET_END
EMPTY_STRINGS = f'<sst xmlns="{MAIN}"/>'.encode()
EMPTY_STYLES = f'<styleSheet xmlns="{MAIN}"/>'.encode()


def repeated(before: bytes, one: bytes, times: int, after: bytes) -> Iterator[bytes]:
    """Yield ``one`` so many times in blocks, with something before and after."""
    yield before
    at_once = max(1, 1_000_000 // len(one))
    for _ in range(times // at_once):
        yield one * at_once
    yield one * (times % at_once)
    yield after


def packed(path: Path, parts: Iterable[bytes]) -> Path:
    """Write a ``.csv.gz``."""
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for part in parts:
            stream.write(part)
    return path


def sparse(path: Path, begin: bytes, size: int) -> Path:
    """Write a file of a size that takes no room on the disk: the rest is zero bytes."""
    with path.open("wb") as stream:
        stream.write(begin)
        stream.truncate(size)
    return path


def workbook(
    path: Path,
    sheet: Iterable[bytes] = (EMPTY_SHEET,),
    *,
    strings: Iterable[bytes] = (EMPTY_STRINGS,),
    styles: Iterable[bytes] = (EMPTY_STYLES,),
    sheets: int = 1,
    method: int = zipfile.ZIP_DEFLATED,
    more: Iterable[tuple[str, bytes]] = (),
    types: str = "",
) -> Path:
    """Write a workbook by hand; the first sheet holds ``sheet``, all others nothing."""
    numbers = range(1, sheets + 1)
    kinds = "".join(
        f'<Override PartName="/xl/{name}" ContentType="{_TYPE}.{kind}+xml"/>'
        for name, kind in (
            ("workbook.xml", "sheet.main"),
            ("styles.xml", "styles"),
            ("sharedStrings.xml", "sharedStrings"),
            *((f"worksheets/sheet{number}.xml", "worksheet") for number in numbers),
        )
    )
    names = "".join(f'<sheet name="S{number}" sheetId="{number}" r:id="r{number}"/>' for number in numbers)
    links = "".join(
        f'<Relationship Id="r{number}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{number}.xml"/>'
        for number in numbers
    )
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
            f"{kinds}{types}</Types>",
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{MAIN}" xmlns:r="{_OFFICE}"><sheets>{names}</sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{_PACKAGE}/relationships">{links}</Relationships>',
        )
        for name, content in (("styles", styles), ("sharedStrings", strings), ("worksheets/sheet1", sheet)):
            with archive.open(f"xl/{name}.xml", "w") as stream:
                for part in content:
                    stream.write(part)
        for number in numbers[1:]:
            archive.writestr(f"xl/worksheets/sheet{number}.xml", EMPTY_SHEET)
        for member, data in more:
            archive.writestr(member, data)
    return path


def sheet_of(rows: Iterable[Iterable[str]]) -> bytes:
    """Return a sheet whose cells are the XML given."""
    inner = "".join(f"<row>{''.join(row)}</row>" for row in rows)
    return SHEET_BEGIN + inner.encode() + SHEET_END


def text_cell(text: str) -> str:
    return f'<c t="inlineStr"><is><t>{text}</t></is></c>'
