"""Rows of files that hold no orders to canonical rows. A row that lacks what it needs is a reject with its reason."""

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from order_pipelines.connectors.b2b_files.amounts import NumberReader
from order_pipelines.connectors.b2b_files.cells import Source, Table
from order_pipelines.connectors.b2b_files.columns import is_total_label
from order_pipelines.connectors.b2b_files.layout import Block, walk
from order_pipelines.connectors.b2b_files.options import FileOptions
from order_pipelines.connectors.b2b_files.row_reader import BadRowError, RowReader
from order_pipelines.connectors.b2b_files.supplies import (
    read_bundle_part,
    read_goods_movement,
    read_purchase_line,
    read_supplier_offer,
)
from order_pipelines.connectors.b2b_files.survey import Survey
from order_pipelines.connectors.b2b_files.times import TimeReader
from order_pipelines.domain.orders import Interpretation, Reject, ShipmentLine, StockCount

_BATCH_ROWS = 5_000

_TIMES = {"stock_counts": "taken_at", "shipments": "shipped_at", "goods_movements": "moved_at"}
"""What a row cannot do without; a plain ``Datum`` is that time too."""
_WHEN = {
    "taken_at": "when it was counted (geteld op, taken_at)",
    "shipped_at": "when it was shipped (verzonden op, shipped_at)",
    "moved_at": "when the goods moved (ontvangen op, mutatiedatum, moved_at)",
}


class RecordFile:
    """One file of anything but orders."""

    def __init__(self, source: Source, tables: Sequence[Table], options: FileOptions, survey: Survey) -> None:
        self._source = source
        self._tables = tables
        self._options = options
        self._survey = survey

    def read(self, kind: str) -> Iterator[Interpretation]:
        """Yield batches of rows of a ``kind`` of the options.

        Raises:
            DataContractError: nowhere does the file say when it was counted, when it was shipped or when goods moved.
        """
        time_name = _TIMES.get(kind)
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
                reader = RowReader(block, row, cells, numbers, times)
                if time_name is not None and not (time_name in block.columns.at or time_name in block.said):
                    self._accept_date(block, time_name)
                if _is_no_record(reader):
                    continue
                batch.rows_read += 1
                try:
                    self._read_row(kind, reader, batch)
                except BadRowError as error:
                    batch.rejects.append(Reject(error.problem, error.named, row))
                if batch.rows_read >= _BATCH_ROWS:
                    yield batch
                    has_yielded = True
                    batch = Interpretation()
        if batch.rows_read:
            yield batch
        elif not has_yielded:
            raise self._source.fail("no row below the header names an article")

    def _read_row(self, kind: str, reader: RowReader, batch: Interpretation) -> None:
        if kind == "stock_counts":
            batch.stock_counts.append(_stock_count(reader))
        elif kind == "shipments":
            batch.shipments.append(_shipment(reader))
        elif kind == "goods_movements":
            batch.goods_movements.append(read_goods_movement(reader))
        elif kind == "purchase_orders":
            batch.purchase_lines.append(read_purchase_line(reader))
        elif kind == "supplier_stock":
            batch.supplier_offers.append(read_supplier_offer(reader, self._options.supplier))
        else:
            batch.bundle_parts.append(read_bundle_part(reader, self._source))

    def _accept_date(self, block: Block, time_name: str) -> None:
        """A plain ``Datum`` above or beside the rows is the time meant; without any the file cannot be used."""
        if "ordered_at" in block.said:
            block.said[time_name] = block.said["ordered_at"]
        elif "ordered_at" not in block.columns.at:
            raise self._source.fail(f"does not say {_WHEN[time_name]}; add a column or a row above the table")


def _is_no_record(reader: RowReader) -> bool:
    sku, ean = reader.cell("sku"), reader.cell("ean")
    label = ean if sku is None else sku if ean is None else None
    if isinstance(label, str) and is_total_label(label):
        return True
    return sku is None and ean is None and reader.cell("order_id") is None and reader.cell("bundle") is None


def _stock_count(reader: RowReader) -> StockCount:
    sku, ean = reader.needed_article()
    taken_at = reader.time("taken_at") or reader.time("ordered_at")
    if taken_at is None:
        raise reader.bad("missing_field", "taken_at")
    return StockCount(reader.needed_text("location"), taken_at, reader.pieces(), sku, ean, reader.row)


def _shipment(reader: RowReader) -> ShipmentLine:
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
