"""XLSX sheets: values as the spreadsheet last calculated them, and a flaw where it never did. Macros are never run."""

import math
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice
from typing import Any

from defusedxml import ElementTree
from openpyxl import load_workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from order_pipelines.connectors.b2b_files.cells import Cell, Flaw, Row, Source
from order_pipelines.connectors.b2b_files.options import FileLimits
from order_pipelines.connectors.b2b_files.workbook_limits import check_directory, check_parts
from order_pipelines.errors import DataContractError

_ROWS_AT_A_TIME = 500
_SCAN_BYTES = 1 << 18
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATIONS = "{http://schemas.openxmlformats.org/package/2006/relationships}"
_RELATION_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_ROW_TAG = re.compile(rb"<(?:\w+:)?row\b([^>]*)>")
_FORMULA_TAG = re.compile(rb"<(?:\w+:)?f[\s>/]")
_ROW_NUMBER = re.compile(rb'\br="(\d{1,7})"')
_ZEROS = re.compile(r'"?(0{2,})"?')


@dataclass(frozen=True, slots=True)
class _Scan:
    """What openpyxl's streaming reader does not tell of a sheet."""

    has_formulas: bool
    hidden_rows: frozenset[int]


class SheetTable:
    """One visible sheet. ``rows`` reads it anew each time, a few hundred rows at once."""

    def __init__(self, source: Source, limits: FileLimits, name: str, part: str, is_1904: bool) -> None:
        self.name: str | None = name
        self.has_1904_dates = is_1904
        self._source = source
        self._limits = limits
        scan = _scan_part(source, part)
        self.hidden_rows = scan.hidden_rows
        self._has_formulas = scan.has_formulas

    def rows(self) -> Iterator[Row]:
        """Yield (row as the spreadsheet numbers it, cells); rows without any value are left out."""
        number = 0
        try:
            with ExitStack() as stack:
                rows = _in_parts(stack.enter_context(_workbook(self._source, data_only=True))[self.name])
                beside = None
                if self._has_formulas:
                    formulas = stack.enter_context(_workbook(self._source, data_only=False))
                    beside = _in_parts(formulas[self.name])
                for cells in rows:
                    number += 1
                    if number > self._limits.max_rows:
                        raise self._source.fail(f"has more than {self._limits.max_rows} rows; split it")
                    written = () if beside is None else next(beside, ())
                    row = [_value(cell) for cell in cells]
                    for index, cell in enumerate(written):
                        if cell.data_type == "f" and index < len(row) and row[index] is None:
                            row[index] = Flaw("formula_cell", str(cell.value)[:60])
                    while row and row[-1] is None:
                        row.pop()
                    if len(row) > self._limits.max_columns:
                        raise self._source.fail(
                            f"sheet {self.name!r} has more than {self._limits.max_columns} columns",
                            row=number,
                        )
                    if row:
                        yield number, row
        except DataContractError:
            raise
        # A hostile or damaged workbook makes openpyxl raise nearly anything, from KeyError to zlib.error.
        except Exception as error:
            raise self._source.fail(
                f"sheet {self.name!r} is damaged ({type(error).__name__}: {str(error)[:200]})", row=number + 1
            ) from error
        self._source.check_unchanged()


def read_workbook(source: Source, limits: FileLimits) -> list[SheetTable]:
    """Return the visible sheets, in order.

    Raises:
        DataContractError: damaged, protected, no workbook, or more than ``limits`` allow.
    """
    try:
        with source.open() as stream:
            check_directory(source, stream)
        with source.open() as stream, zipfile.ZipFile(stream) as archive:
            check_parts(source, archive, limits)
            sheets = _visible_sheets(archive)
        with _workbook(source, data_only=True) as workbook:
            is_1904 = workbook.epoch == CALENDAR_MAC_1904
        tables = [SheetTable(source, limits, name, part, is_1904) for name, part in sheets]
    except DataContractError:
        raise
    # See SheetTable.rows: there is no smaller class for what a damaged workbook raises.
    except Exception as error:
        raise source.fail(
            f"is a damaged or cut off workbook ({type(error).__name__}: {str(error)[:200]})"
        ) from error
    if not tables:
        raise source.fail("has no visible sheet")
    return tables


def _visible_sheets(archive: zipfile.ZipFile) -> list[tuple[str, str]]:
    relations = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    targets = {
        relation.get("Id"): relation.get("Target", "")
        for relation in relations.iter(f"{_RELATIONS}Relationship")
        if relation.get("Type", "").endswith("/worksheet")
    }
    book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    found = []
    for sheet in book.iter(f"{_MAIN}sheet"):
        target = targets.get(sheet.get(_RELATION_ID))
        if target is None or sheet.get("state", "visible") != "visible":
            continue
        found.append(
            (sheet.get("name", ""), target.lstrip("/") if target.startswith("/") else f"xl/{target}")
        )
    return found


def _scan_part(source: Source, part: str) -> _Scan:
    has_formulas = False
    hidden: set[int] = set()
    with source.open() as stream, zipfile.ZipFile(stream) as archive, archive.open(part) as content:
        rest = b""
        while chunk := content.read(_SCAN_BYTES):
            block = rest + chunk
            end = block.rfind(b">") + 1
            # A tag is short: what is left of a part without any tag is not kept.
            block, rest = block[:end], block[end:][-_SCAN_BYTES:]
            has_formulas = has_formulas or _FORMULA_TAG.search(block) is not None
            if b"hidden=" in block:
                for tag in _ROW_TAG.finditer(block):
                    if b'hidden="1"' in tag[1] or b'hidden="true"' in tag[1]:
                        number = _ROW_NUMBER.search(tag[1])
                        if number:
                            hidden.add(int(number[1]))
    return _Scan(has_formulas, frozenset(hidden))


@contextmanager
def _workbook(source: Source, *, data_only: bool) -> Iterator[Any]:
    with source.open() as stream:
        with warnings.catch_warnings():
            # openpyxl warns of styles and extensions that it leaves out; none of them holds a value.
            warnings.simplefilter("ignore")
            workbook = load_workbook(stream, read_only=True, data_only=data_only, keep_links=False)
        try:
            yield workbook
        finally:
            workbook.close()


def _in_parts(sheet: Any) -> Iterator[tuple[Any, ...]]:
    sheet.reset_dimensions()
    rows = sheet.iter_rows()
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            part = list(islice(rows, _ROWS_AT_A_TIME))
        if not part:
            return
        yield from part


def _value(cell: Any) -> Cell:
    value = cell.value
    if value is None:
        return None
    if isinstance(value, str):
        return Flaw("error_cell", value) if cell.data_type == "e" else value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float) and "%" in str(cell.number_format):
        # A cell that shows 10% holds 0.1; percentages are numbers of percent everywhere here.
        value = float(value) * 100
    if isinstance(value, float):
        if not math.isfinite(value):
            return Flaw("error_cell", str(value))
        if not value.is_integer():
            return Decimal(f"{value:.15g}")
        value = int(value)
    if isinstance(value, int):
        zeros = _ZEROS.fullmatch(str(cell.number_format))
        return str(value).zfill(len(zeros[1])) if zeros and value >= 0 else value
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time.min)
    return str(value)
