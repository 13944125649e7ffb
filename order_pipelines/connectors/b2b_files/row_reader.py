"""One row of a file that is no order, and what stands around its table: cells to values, or the reason why not."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from order_pipelines.connectors.b2b_files.amounts import NumberReader
from order_pipelines.connectors.b2b_files.articles import read_ean, read_number_text, read_sku, read_text
from order_pipelines.connectors.b2b_files.cells import Cell, Flaw
from order_pipelines.connectors.b2b_files.draft import describe
from order_pipelines.connectors.b2b_files.layout import Block
from order_pipelines.connectors.b2b_files.times import TimeReader
from order_pipelines.domain.orders import Problem

# What the store holds of these; cut short they would name something else.
_LONGEST = {
    "order_id": 200,
    "line_id": 200,
    "carrier": 60,
    "tracking": 200,
    "account": 40,
    "location": 40,
    "from_location": 40,
    "to_location": 40,
    "document": 100,
    "supplier": 200,
}
_NUMBERED = {"order_id", "document", "line_id"}
_LARGEST = Decimal(10**9)
_COST = Decimal("0.0001")


class BadRowError(Exception):
    """A row that becomes a reject; never leaves the reading of its file. ``named``: what the row belongs to."""

    def __init__(self, problem: Problem, named: str | None = None) -> None:
        super().__init__(problem.reason)
        self.problem = problem
        self.named = named


class RowReader:
    """One row and what stands around its table."""

    def __init__(
        self, block: Block, row: int, cells: Sequence[Cell], numbers: NumberReader, times: TimeReader
    ) -> None:
        self._block = block
        self._numbers = numbers
        self._times = times
        self.row = row
        self._cells = cells

    def cell(self, name: str) -> Cell:
        """The cell of a column, else what a key/value row says."""
        index = self._block.columns.at.get(name)
        cell = self._cells[index] if index is not None and index < len(self._cells) else None
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            return self._block.said.get(name)
        return cell

    def has(self, name: str) -> bool:
        """Whether the table has the column, or a row beside it says it."""
        return name in self._block.columns.at or name in self._block.said

    def bad(self, code: str, name: str, value: str | None = None) -> BadRowError:
        return BadRowError(describe(code, self._block.columns.heading(name), self.row, value))

    def text(self, name: str, *, longest: int | None = None) -> str | None:
        value = read_number_text(self.cell(name)) if name in _NUMBERED else read_text(self.cell(name))
        if isinstance(value, Flaw):
            raise self.bad(value.code, name, value.text)
        if value is not None and len(value) > (longest or _LONGEST.get(name, len(value))):
            raise self.bad("wrong_type", name, value[:40])
        return value

    def needed_text(self, name: str, *, longest: int | None = None) -> str:
        value = self.text(name, longest=longest)
        if value is None:
            raise self.bad("missing_field", name)
        return value

    def time(self, name: str) -> datetime | None:
        value = self._times.read(self.cell(name))
        if isinstance(value, Flaw):
            raise self.bad(value.code, name, value.text)
        return value

    def local_day(self, instant: datetime) -> date:
        """The day of an instant where the file was made: a date without a time is that day."""
        return instant.astimezone(self._times.zone).date()

    def pieces(self, name: str = "quantity") -> int:
        value = self.whole(name)
        if value is None:
            raise self.bad("missing_field", name)
        return value

    def some_pieces(self) -> int:
        """At least one."""
        value = self.pieces()
        if value == 0:
            raise self.bad("negative_quantity", "quantity", "0")
        return value

    def whole(self, name: str) -> int | None:
        """A whole number of at least 0, ``None`` when the cell is empty."""
        value = self._number(name)
        if value is None:
            return None
        if value != value.to_integral_value():
            raise self.bad("fractional_quantity", name, f"{value:f}"[:40])
        if value > _LARGEST:
            raise self.bad("absurd_quantity", name, f"{value:f}"[:40])
        return int(value)

    def cost(self, *names: str) -> Decimal | None:
        """The first amount of these columns, in four decimals."""
        for name in names:
            value = self._number(name)
            if value is not None:
                if value > _LARGEST:
                    raise self.bad("wrong_type", name, f"{value:f}"[:40])
                return value.quantize(_COST)
        return None

    def _number(self, name: str) -> Decimal | None:
        value = self._numbers.read(self.cell(name))
        if isinstance(value, Flaw):
            raise self.bad(value.code, name, value.text)
        if value is not None and value < 0:
            raise self.bad("negative_quantity", name, f"{value:f}"[:40])
        return value

    def article(self) -> tuple[str | None, str | None]:
        """SKU and EAN; a broken one beside a good one is left out."""
        sku, ean = read_sku(self.cell("sku")), read_ean(self.cell("ean"))
        if isinstance(ean, Flaw) and not isinstance(sku, str):
            raise self.bad(ean.code, "ean", ean.text)
        if isinstance(sku, Flaw) and not isinstance(ean, str):
            raise self.bad(sku.code, "sku", sku.text)
        return (None if isinstance(sku, Flaw) else sku), (None if isinstance(ean, Flaw) else ean)

    def needed_article(self) -> tuple[str | None, str | None]:
        """SKU and EAN of a row that names one of them at least."""
        found = self.article()
        if found == (None, None):
            raise self.bad("missing_field", "sku")
        return found
