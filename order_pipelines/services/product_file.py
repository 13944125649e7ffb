"""The product master as a file, CSV or XLSX: headings in Dutch or English, rows to products with their row numbers."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from itertools import islice
from pathlib import Path

from order_pipelines.connectors.b2b_files.amounts import NumberReader, style_of
from order_pipelines.connectors.b2b_files.articles import read_ean, read_sku, read_text
from order_pipelines.connectors.b2b_files.cells import Cell, Flaw, Row, Source, Table
from order_pipelines.connectors.b2b_files.columns import fold
from order_pipelines.connectors.b2b_files.draft import REASONS
from order_pipelines.connectors.b2b_files.options import FileLimits
from order_pipelines.connectors.b2b_files.reader import read_tables
from order_pipelines.domain.products import Details, MasterConflict, Product
from order_pipelines.services.product_file_details import (
    DETAIL_HEADINGS,
    GRAMS_OF,
    LONGEST_DETAILS,
    read_attributes,
    read_list,
    read_unit,
)

_HEADINGS: Mapping[str, str] = {
    "sku": "sku|artikel|artikelnr|artikelnummer|artikelcode|art nr|artnr|code|stock code|product code|productcode"
    "|item|item no|item number|item code|article|article no|article number",
    "eans": "ean|eans|ean code|ean codes|eancode|ean nummer|ean13|ean 13|barcode|barcodes|gtin|streepjescode",
    "name": "naam|name|omschrijving|description|artikelnaam|artikelomschrijving|product|productnaam|product name|titel"
    "|title|benaming",
    "vat_class": "btw|btw klasse|btw tarief|btw groep|btw code|btwklasse|btwtarief|vat|vat class|vat rate|vat group"
    "|vat code|tax class",
    "unit": "eenheid|unit|verpakking|verpakkingseenheid|unit of measure",
    "weight": "gewicht|weight",
    "weight_grams": "gewicht g|gewicht gram|gewicht in gram|gewicht grammen|weight g|weight grams|weight gram"
    "|weight in grams|gram",
    "weight_kilograms": "gewicht kg|gewicht in kg|weight kg|weight in kg|kg",
    "cost": "kostprijs|inkoopprijs|inkoop|cost|cost price|purchase price|kostprijs excl btw|inkoopprijs excl btw",
    "supplier": "leverancier|supplier|vendor|leveranciersnaam",
    **DETAIL_HEADINGS,
}
_BY_TEXT = {fold(word): name for name, words in _HEADINGS.items() for word in words.split("|")}
_HEAD_ROWS = 60
_NUMBERS = ("cost", "weight", "weight_grams", "weight_kilograms", "order_multiple")
_HEAVIEST_GRAMS = 10_000_000
_LARGEST_MULTIPLE = 1_000_000
# What the table of products holds; a text cut short would be another one.
_LONGEST = {"sku": 200, "supplier": 200, "unit": 40, "vat_class": 40, **LONGEST_DETAILS}
# A cell of these may name a person: what cannot be read of it is not shown.
_PERSONAL = frozenset({"supplier_email"})
_DEAREST, _COST_STEP = Decimal(10) ** 13, Decimal("0.0001")
# A product takes about half a kilobyte of memory while the master is compared with the former one.
_MOST_PRODUCTS = 500_000


def _fits(name: str, text: str) -> bool:
    """Tell whether the store can hold a text: not too long for its column, and without NUL."""
    return len(text) <= _LONGEST.get(name, len(text)) and "\x00" not in text


@dataclass(slots=True)
class ProductFile:
    """The rows of a master file; ``conflicts`` are cells and rows that could not be read."""

    products: list[Product] = field(default_factory=list)
    conflicts: list[MasterConflict] = field(default_factory=list)


def read_product_file(path: Path) -> ProductFile:
    """Return what a master file states, every product with the row it stands in.

    Several EANs in one cell are separated by ``|``, ``,``, ``;`` or a new line. A weight is in grams unless its heading
    says kg. A cell that cannot be read is left out and listed; a row without SKU is left out and listed.

    Raises:
        DataContractError: the file cannot be read, or no row is a header with at least an article number and one more
            column of a master.
    """
    source = Source(path)
    found = ProductFile()
    has_header = False
    for table in read_tables(source, FileLimits()):
        header = _find_header(table)
        if header is None:
            continue
        has_header = True
        _read_table(source, table, *header, found)
    if not has_header:
        raise source.fail(
            "has no header of a product master: it needs a column artikelnummer (sku) and one of ean, naam (name), "
            "btw (vat_class), eenheid (unit), gewicht (weight_grams), kostprijs (cost), leverancier (supplier)"
        )
    return found


def _find_header(table: Table) -> tuple[int, dict[str, int]] | None:
    for number, cells in islice(table.rows(), _HEAD_ROWS):
        at: dict[str, int] = {}
        for index, cell in enumerate(cells):
            name = _BY_TEXT.get(fold(cell)) if isinstance(cell, str) else None
            if name is not None:
                at.setdefault(name, index)
        if "sku" in at and len(at) > 1:
            return number, at
    return None


def _read_table(
    source: Source, table: Table, header_row: int, at: Mapping[str, int], found: ProductFile
) -> None:
    # Twice through the file and never all of it at once: the cells of a large master do not fit into memory.
    texts = {
        cell
        for _, cells in _rows_below(table, header_row)
        for name in _NUMBERS
        if name in at and at[name] < len(cells) and isinstance(cell := cells[at[name]], str)
    }
    numbers = NumberReader(style_of(texts))
    for number, cells in _rows_below(table, header_row):
        if any(cell is not None and cell != "" for cell in cells):
            _RowReader(number, cells, at, numbers, found).read()
            if len(found.products) + len(found.conflicts) > _MOST_PRODUCTS:
                raise source.fail(f"has more than {_MOST_PRODUCTS} products; split it")


def _rows_below(table: Table, header_row: int) -> Iterator[Row]:
    return ((number, cells) for number, cells in table.rows() if number > header_row)


class _RowReader:
    def __init__(
        self,
        row: int,
        cells: Sequence[Cell],
        at: Mapping[str, int],
        numbers: NumberReader,
        found: ProductFile,
    ) -> None:
        self._row = row
        self._cells = cells
        self._at = at
        self._numbers = numbers
        self._found = found
        self._sku: str | None = None

    def read(self) -> None:
        sku = read_sku(self._cell("sku"))
        if isinstance(sku, str) and not _fits("sku", sku):
            sku = Flaw("wrong_type", sku[:40])
        if not isinstance(sku, str):
            code = "missing_field" if sku is None else sku.code
            self._note(code, "the article number", is_left_out=True)
            return
        self._sku = sku
        # What cannot be read is listed from left to right.
        name, eans = self._text("name"), self._eans()
        weight_unit, grams = self._weight()
        self._found.products.append(
            Product(
                sku=sku,
                name=name,
                eans=eans,
                vat_class=self._text("vat_class"),
                unit=self._text("unit"),
                weight_grams=grams,
                cost=self._cost(),
                supplier=self._text("supplier"),
                row=self._row,
                details=self._details(weight_unit),
            )
        )

    def _details(self, weight_unit: str | None) -> Details:
        return Details(
            short_description=self._text("short_description"),
            long_description=self._text("long_description"),
            weight_unit=weight_unit,
            attributes=read_attributes(self._text("attributes")),
            category=self._text("category"),
            related_skus=read_list(self._text("related_skus"), r"[|,;\n\r]+"),
            photo_urls=read_list(self._text("photo_urls"), r"[|\s]+|[,;](?=\s*https?:)"),
            stock_status=self._text("stock_status"),
            supplier_email=self._text("supplier_email"),
            order_multiple=self._multiple(),
        )

    def _multiple(self) -> int | None:
        number = self._number("order_multiple")
        if number is None:
            return None
        if number != number.to_integral_value() or number > _LARGEST_MULTIPLE:
            self._note("wrong_type", "order_multiple", str(number)[:40])
            return None
        return int(number)

    def _cell(self, name: str) -> Cell:
        index = self._at.get(name)
        return self._cells[index] if index is not None and index < len(self._cells) else None

    def _note(self, code: str, what: str, value: str | None = None, *, is_left_out: bool = False) -> None:
        shown = f" ({value})" if value else ""
        reason = f"row {self._row}, {what}: {REASONS[code]}{shown}"
        ean = value if what == "eans" else None
        self._found.conflicts.append(MasterConflict(code, reason, self._sku, ean, (self._row,), is_left_out))

    def _text(self, name: str) -> str | None:
        value = read_text(self._cell(name))
        if isinstance(value, str) and not _fits(name, value):
            value = Flaw("wrong_type", value[:40])
        if isinstance(value, Flaw):
            self._note(value.code, name, None if name in _PERSONAL else value.text)
            return None
        return value

    def _eans(self) -> tuple[str, ...]:
        cell = self._cell("eans")
        parts: list[Cell] = [cell]
        whole = read_ean(cell)
        # "8,71E+12" has a comma but is one number that lost its digits.
        if isinstance(cell, str) and not (isinstance(whole, Flaw) and whole.code == "ean_digits_lost"):
            parts = [part for part in re.split(r"[|,;\n\r]+", cell) if part.strip()]
        eans: list[str] = []
        for part in parts:
            ean = read_ean(part)
            if isinstance(ean, Flaw):
                self._note(ean.code, "eans", ean.text)
            elif ean is not None and ean not in eans:
                eans.append(ean)
        return tuple(eans)

    def _number(self, name: str) -> Decimal | None:
        value = self._numbers.read(self._cell(name))
        if isinstance(value, Decimal) and value < 0:
            value = Flaw("wrong_type", str(value))
        if isinstance(value, Flaw):
            self._note(value.code, name, value.text)
            return None
        return value

    def _cost(self) -> Decimal | None:
        cost = self._number("cost")
        if cost is not None and cost >= _DEAREST:
            self._note("wrong_type", "cost", str(cost)[:40])
            return None
        return None if cost is None else cost.quantize(_COST_STEP, ROUND_HALF_UP)

    def _weight(self) -> tuple[str | None, int | None]:
        """Return the unit as stated, and grams; a heading without unit means grams, which nobody stated."""
        in_grams, in_kilograms = self._number("weight_grams"), self._number("weight_kilograms")
        unit = "g" if in_grams is not None else "kg" if in_kilograms is not None else None
        number = in_grams if in_grams is not None else in_kilograms
        if number is None:
            number = self._number("weight")
            written = self._text("weight_unit")
            if number is None:
                return None, None
            unit = None if written is None else read_unit(written)
            if written is not None and unit is None:
                self._note("wrong_type", "weight_unit", written)
                return None, None
        grams = number * GRAMS_OF[unit or "g"]
        if grams > _HEAVIEST_GRAMS:
            self._note("wrong_type", "weight_grams", str(grams)[:40])
            return unit, None
        return unit, int(grams.to_integral_value(ROUND_HALF_UP))
