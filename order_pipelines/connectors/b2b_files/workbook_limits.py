"""What a workbook may hold before a library opens it: a small archive can unpack into more than a machine has.

Everything is counted while it streams by. openpyxl builds a tree of each part; of sheets and shared strings it clears
row by row, of all others it keeps every element.
"""

import re
import zipfile
from typing import BinaryIO

from defusedxml import ElementTree

from order_pipelines.connectors.b2b_files.cells import Source
from order_pipelines.connectors.b2b_files.options import FileLimits

_MAX_PARTS = 5_000
_MAX_SHEETS = 200
_LARGEST_DIRECTORY = 2 << 20
_CHUNK = 1 << 18
_OVERLAP = 64
# Excel's widest row has 16,384 cells of two elements; its longest cell text 32,767 characters.
_MOST_ELEMENTS = 100_000
_LONGEST_STRETCH = 16 << 20
_SHARED_STRINGS = "xl/sharedstrings.xml"
_END_OF_DIRECTORY = b"PK\x05\x06"
_END_SIZE = 22
_ENCODING = re.compile(rb"""^\s*<\?xml[^>]*\bencoding\s*=\s*["']([^"']*)""")
_REPEATED = re.compile(rb"<(?:\w+:)?(?:row|si)[\s>/]")
_ELEMENT = re.compile(rb"<[^/?!]")


def check_directory(source: Source, stream: BinaryIO) -> None:
    """Refuse an archive whose list of parts is itself too large to be read.

    Raises:
        DataContractError: it is.
    """
    stream.seek(0, 2)
    size = stream.tell()
    stream.seek(max(0, size - _END_SIZE - 65_535))
    tail = stream.read()
    stream.seek(0)
    at = tail.rfind(_END_OF_DIRECTORY)
    if at >= 0 and int.from_bytes(tail[at + 12 : at + 16], "little") > _LARGEST_DIRECTORY:
        raise source.fail("has a list of parts that is too long for an order file")


def check_parts(source: Source, archive: zipfile.ZipFile, limits: FileLimits) -> None:
    """Refuse a workbook that would take more memory or time than a file of orders can need.

    Raises:
        DataContractError: says what there is too much of.
    """
    parts = archive.infolist()
    if len(parts) > _MAX_PARTS:
        raise source.fail(f"has {len(parts)} parts; that is no order file")
    # zipfile never unpacks more of a part than this size, whatever the part holds.
    if sum(part.file_size for part in parts) > limits.max_workbook_bytes:
        raise source.fail(f"is larger than {limits.max_workbook_bytes} bytes when unpacked; split it")
    if any(part.flag_bits & 1 for part in parts):
        raise source.fail("is protected by a password; save it without one")
    if "xl/workbook.xml" not in archive.namelist():
        raise source.fail("is an archive but no XLSX workbook; save the order as .xlsx or .csv")
    if any(part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for part in parts):
        raise source.fail("is packed in a way that no spreadsheet program uses; save it as .xlsx")
    long_parts = _long_parts(source, archive, limits)
    sheets = 0
    shared_bytes = 0
    for part in parts:
        if part.filename.lower().endswith((".xml", ".rels")) and part.filename != "[Content_Types].xml":
            is_long = part.filename in long_parts
            _look_through(source, archive, part, limits, is_long=is_long)
            sheets += is_long and part.filename.lower() != _SHARED_STRINGS
            shared_bytes += 0 if is_long and part.filename.lower() != _SHARED_STRINGS else part.file_size
    # Every sheet is opened by itself, and with it all that they share.
    if sheets > _MAX_SHEETS or sheets * shared_bytes > 2 * limits.max_workbook_bytes:
        raise source.fail(f"has {sheets} sheets; save the sheet with the order as a file of its own")


def _long_parts(source: Source, archive: zipfile.ZipFile, limits: FileLimits) -> set[str]:
    """Return the parts that may be long, because they are read row by row: sheets and shared strings, by their type."""
    if "[Content_Types].xml" not in archive.namelist():
        raise source.fail("is an archive but no XLSX workbook; save the order as .xlsx or .csv")
    part = archive.getinfo("[Content_Types].xml")
    _look_through(source, archive, part, limits, is_long=False)
    types: dict[str, set[str]] = {}
    for element in ElementTree.fromstring(archive.read(part)):
        name = element.get("PartName", "").lstrip("/")
        types.setdefault(name, set()).add(element.get("ContentType", "").rpartition(".")[2])
    return {
        name
        for name, said in types.items()
        if said == {"worksheet+xml"} or (said == {"sharedStrings+xml"} and name.lower() == _SHARED_STRINGS)
    }


def _look_through(
    source: Source, archive: zipfile.ZipFile, part: zipfile.ZipInfo, limits: FileLimits, *, is_long: bool
) -> None:
    """Read one part as bytes and count its elements from row to row, or over all of a part that has no rows."""
    elements = length = repeated = 0
    rest = b""
    is_first = True
    with archive.open(part) as content:
        while chunk := content.read(_CHUNK):
            if is_first:
                said = _ENCODING.match(chunk.removeprefix(b"\xef\xbb\xbf")[:1024])
                if said is not None and said[1].lower() not in (b"utf-8", b"us-ascii", b"ascii"):
                    raise source.fail("holds a part that is not UTF-8; save it as .xlsx")
                is_first = False
            block = rest + chunk
            if b"\0" in chunk:
                raise source.fail("holds a part that is not UTF-8; save it as .xlsx")
            if b"<!DOCTYPE" in block or b"<!ENTITY" in block:
                raise source.fail("declares XML entities; no spreadsheet program writes that")
            end = max(block.rfind(b"<"), len(block) - _OVERLAP) if b"<" in block else len(block)
            block, rest = block[:end], block[end:]
            starts = [found.start() for found in _REPEATED.finditer(block)] if is_long else []
            repeated += len(starts)
            if repeated > limits.max_rows:
                raise source.fail(f"has more than {limits.max_rows} rows; split it")
            begin = 0
            for stop in (*starts, len(block)):
                elements += len(_ELEMENT.findall(block, begin, stop))
                length += stop - begin
                if elements > _MOST_ELEMENTS or length > _LONGEST_STRETCH:
                    raise source.fail(_too_much(part.filename, is_long=is_long))
                if stop < len(block):
                    elements = length = 0
                begin = stop


def _too_much(name: str, *, is_long: bool) -> str:
    if is_long:
        return (
            f"has a row of more than {_MOST_ELEMENTS} cells or {_LONGEST_STRETCH} characters; save only the columns "
            "of the order"
        )
    return (
        f"holds a part ({name[:60]!r}) that is too large for an order file; save the values in a new workbook"
    )
