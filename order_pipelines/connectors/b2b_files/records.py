"""Rows of stock counts and shipments to canonical rows. A row that lacks what it needs is a reject with its reason."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from order_pipelines.connectors.b2b_files.amounts import NumberReader
from order_pipelines.connectors.b2b_files.articles import read_ean, read_number_text, read_sku, read_text
from order_pipelines.connectors.b2b_files.cells import Cell, Flaw, Source, Table
from order_pipelines.connectors.b2b_files.columns import is_total_label
from order_pipelines.connectors.b2b_files.draft import describe
from order_pipelines.connectors.b2b_files.layout import Block, walk
from order_pipelines.connectors.b2b_files.options import FileOptions
from order_pipelines.connectors.b2b_files.survey import Survey
from order_pipelines.connectors.b2b_files.times import TimeReader
from order_pipelines.domain.orders import Interpretation, Problem, Reject, ShipmentLine, StockCount

_BATCH_ROWS = 5_000
# What the store holds of these; cut short they would name something else.
_LONGEST = {"order_id": 200, "line_id": 200, "carrier": 60, "tracking": 200, "account": 40, "location": 40}


class _BadRowError(Exception):
    """A row that becomes a reject; never leaves this module."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.reason)
        self.problem = problem


class _RowReader:
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

    def bad(self, code: str, name: str, value: str | None = None) -> _BadRowError:
        return _BadRowError(describe(code, self._block.columns.heading(name), self.row, value))

    def text(self, name: str) -> str | None:
        value = read_number_text(self.cell(name)) if name == "order_id" else read_text(self.cell(name))
        if isinstance(value, Flaw):
            raise self.bad(value.code, name, value.text)
        if value is not None and len(value) > _LONGEST.get(name, len(value)):
            raise self.bad("wrong_type", name, value[:40])
        return value

    def needed_text(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise self.bad("missing_field", name)
        return value

    def time(self, name: str) -> datetime | None:
        value = self._times.read(self.cell(name))
        if isinstance(value, Flaw):
            raise self.bad(value.code, name, value.text)
        return value

    def pieces(self) -> int:
        value = self._numbers.read(self.cell("quantity"))
        if value is None:
            raise self.bad("missing_field", "quantity")
        if isinstance(value, Flaw):
            raise self.bad(value.code, "quantity", value.text)
        if value != value.to_integral_value():
            raise self.bad("fractional_quantity", "quantity", f"{value:f}"[:40])
        if value < 0:
            raise self.bad("negative_quantity", "quantity", f"{value:f}"[:40])
        if value > 10**9:
            raise self.bad("absurd_quantity", "quantity", f"{value:f}"[:40])
        return int(value)

    def article(self) -> tuple[str | None, str | None]:
        """SKU and EAN; a broken one beside a good one is left out."""
        sku, ean = read_sku(self.cell("sku")), read_ean(self.cell("ean"))
        if isinstance(ean, Flaw) and not isinstance(sku, str):
            raise self.bad(ean.code, "ean", ean.text)
        if isinstance(sku, Flaw) and not isinstance(ean, str):
            raise self.bad(sku.code, "sku", sku.text)
        return (None if isinstance(sku, Flaw) else sku), (None if isinstance(ean, Flaw) else ean)


class RecordFile:
    """One file of stock counts or of shipments."""

    def __init__(self, source: Source, tables: Sequence[Table], options: FileOptions, survey: Survey) -> None:
        self._source = source
        self._tables = tables
        self._options = options
        self._survey = survey

    def read(self, kind: str) -> Iterator[Interpretation]:
        """Yield batches of rows; ``kind`` is ``stock_counts`` or ``shipments``.

        Raises:
            DataContractError: nowhere does the file say when it was counted, or when it was shipped.
        """
        time_name = "taken_at" if kind == "stock_counts" else "shipped_at"
        batch = Interpretation()
        has_yielded = False
        for table in self._tables:
            times = TimeReader(
                ZoneInfo(self._options.timezone),
                formats=self._options.date_formats,
                has_1904_dates=table.has_1904_dates,
                day_first_is_doubtful=self._survey.has_month_first_dates,
            )
            numbers = NumberReader(self._survey.style)
            for block, row, cells in walk(table, self._options.headings()):
                reader = _RowReader(block, row, cells, numbers, times)
                if time_name not in block.columns.at and time_name not in block.said:
                    self._accept_date(block, time_name)
                if _is_no_record(reader):
                    continue
                batch.rows_read += 1
                try:
                    if kind == "stock_counts":
                        batch.stock_counts.append(_stock_count(reader))
                    else:
                        batch.shipments.append(_shipment(reader))
                except _BadRowError as error:
                    batch.rejects.append(Reject(error.problem, row=row))
                if batch.rows_read >= _BATCH_ROWS:
                    yield batch
                    has_yielded = True
                    batch = Interpretation()
        if batch.rows_read:
            yield batch
        elif not has_yielded:
            raise self._source.fail("no row below the header names an article")

    def _accept_date(self, block: Block, time_name: str) -> None:
        """A plain ``Datum`` above or beside the rows is the time meant; without any the file cannot be used."""
        if "ordered_at" in block.said:
            block.said[time_name] = block.said["ordered_at"]
        elif "ordered_at" not in block.columns.at:
            what = (
                "when it was counted (geteld op, taken_at)"
                if time_name == "taken_at"
                else "when it was shipped (verzonden op, shipped_at)"
            )
            raise self._source.fail(f"does not say {what}; add a column or a row above the table")


def _is_no_record(reader: _RowReader) -> bool:
    sku, ean = reader.cell("sku"), reader.cell("ean")
    label = ean if sku is None else sku if ean is None else None
    if isinstance(label, str) and is_total_label(label):
        return True
    return sku is None and ean is None and reader.cell("order_id") is None


def _stock_count(reader: _RowReader) -> StockCount:
    sku, ean = reader.article()
    if sku is None and ean is None:
        raise reader.bad("missing_field", "sku")
    taken_at = reader.time("taken_at") or reader.time("ordered_at")
    if taken_at is None:
        raise reader.bad("missing_field", "taken_at")
    return StockCount(reader.needed_text("location"), taken_at, reader.pieces(), sku, ean, reader.row)


def _shipment(reader: _RowReader) -> ShipmentLine:
    sku, ean = reader.article()
    shipped_at = reader.time("shipped_at") or reader.time("ordered_at")
    if shipped_at is None:
        raise reader.bad("missing_field", "shipped_at")
    order_number = reader.needed_text("order_id")
    pieces = reader.pieces()
    if pieces == 0:
        raise reader.bad("missing_field", "quantity")
    return ShipmentLine(
        order_number=order_number,
        quantity=pieces,
        shipped_at=shipped_at,
        line_id=reader.text("line_id"),
        sku=sku,
        ean=ean,
        carrier=reader.text("carrier"),
        tracking=reader.text("tracking"),
        account=reader.text("account"),
        location=reader.text("location"),
        row=reader.row,
    )
