"""The two ways in: a file on disk in batches, and a small body in memory. Both read the same rows."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from order_pipelines.connectors.b2b_files.cells import Source, Table
from order_pipelines.connectors.b2b_files.columns import name_of
from order_pipelines.connectors.b2b_files.layout import find_header
from order_pipelines.connectors.b2b_files.matrix import MatrixTable, find_sizes
from order_pipelines.connectors.b2b_files.options import KINDS, FileOptions, read_options
from order_pipelines.connectors.b2b_files.orders import OrderFile
from order_pipelines.connectors.b2b_files.reader import read_tables
from order_pipelines.connectors.b2b_files.records import RecordFile
from order_pipelines.connectors.b2b_files.survey import Survey, look_through
from order_pipelines.connectors.ports import FileInterpreter, Interpreter
from order_pipelines.domain.orders import Interpretation, Problem, Reject
from order_pipelines.errors import DataContractError

_SHOWN_HEADINGS = 12
_OF_ORDERS = {"customer_number", "company", "email", "vat_id", "country", "bill_country"}


def file_interpreter(options: Mapping[str, Any]) -> FileInterpreter:
    """Return what reads the files of an account.

    Raises:
        ConfigurationError: the options do not fit.
    """
    return _FileReader(read_options(options))


def interpreter(options: Mapping[str, Any]) -> Interpreter:
    """Return what reads a small file held in memory; it never raises for what the file holds.

    Raises:
        ConfigurationError: the options do not fit.
    """
    return _BodyReader(read_options(options))


class _FileReader:
    def __init__(self, options: FileOptions) -> None:
        self._options = options

    def __call__(
        self, path: Path, *, kind: str | None = None, name: str | None = None
    ) -> Iterator[Interpretation]:
        """Yield the file's batches. ``name`` is what the sender called it, where ``path`` is a copy.

        Raises:
            DataContractError: the file as a whole cannot be read. What was yielded before belongs to that file too and
                must not be kept.
        """
        return _read(Source(path, name), self._options, kind or self._options.kind_of(name or str(path)))


class _BodyReader:
    def __init__(self, options: FileOptions) -> None:
        self._options = options

    def __call__(self, body: bytes, *, kind: str, name: str | None = None) -> Interpretation:
        """Return all that the body means; a body that cannot be read is one reject. ``kind`` ``""`` sniffs."""
        whole = Interpretation()
        wanted = kind if kind in KINDS else self._options.kind_of(name)
        try:
            for batch in _read(Source(body, name), self._options, wanted):
                whole.add(batch)
        except DataContractError as error:
            return Interpretation(rejects=[Reject(Problem("file_unreadable", str(error)))], rows_read=1)
        return whole


def _read(source: Source, options: FileOptions, kind: str | None) -> Iterator[Interpretation]:
    tables = read_tables(source, options.limits, encoding=options.encoding)
    if options.size_sku is not None:
        tables = [MatrixTable(table, options.size_sku) for table in tables]
    survey = look_through(tables, options)
    if not survey.column_names:
        raise source.fail(_why_no_rows(tables, options))
    kind = kind or _sniff_kind(survey)
    if kind == "orders":
        yield from OrderFile(source, tables, options, survey).read()
    else:
        yield from RecordFile(source, tables, options, survey).read(kind)


def _sniff_kind(survey: Survey) -> str:
    """Tell what a file is by its columns, when neither folder nor name says it.

    What could be an order of a customer is one: taken for a purchase order of our own it would be forgotten.
    """
    names = survey.column_names
    if "order_id" in names and names & {"carrier", "tracking", "shipped_at"}:
        return "shipments"
    if "bundle" in names and not names & (_OF_ORDERS | {"order_id"}):
        return "bundles"
    if "order_id" not in names and (
        names & {"movement", "moved_at"}
        or {"from_location", "to_location"} <= names
        or {"document", "quantity_received"} <= names
    ):
        return "goods_movements"
    if "order_id" in names and "quantity_received" in names and not names & _OF_ORDERS:
        return "purchase_orders"
    if "order_id" not in names and (
        "lead_days" in names or ("supplier" in names and not names & {"location", "taken_at"})
    ):
        return "supplier_stock"
    if "taken_at" in names or ("location" in names and not names & {"unit_price", "line_total", "order_id"}):
        return "stock_counts"
    return "orders"


def _why_no_rows(tables: Sequence[Table], options: FileOptions) -> str:
    named = options.headings()
    widest: list[str] = []
    for table in tables:
        head = list(islice(table.rows(), 60))
        if find_header(head, named) is not None:
            return "has a header but no row below it"
        if any(find_sizes(cells) is not None for _, cells in head):
            return 'has sizes as columns; set options.size_sku, for example "{sku}-{size}"'
        for _, cells in head:
            texts = [cell.strip() for cell in cells if isinstance(cell, str) and cell.strip()]
            if (
                sum(name_of(text)[1] for text in texts) > sum(name_of(text)[1] for text in widest)
                or not widest
            ):
                widest = texts
    wanted = [f"{name} = {' or '.join(headings)}" for name, headings in named.items()]
    # A row without one known heading is somebody's data, perhaps a name and an address.
    is_heading = any(name_of(text)[1] for text in widest)
    shown = (
        ", ".join(text[:30] for text in widest[:_SHOWN_HEADINGS]) if is_heading else "nothing that is known"
    )
    hint = f" (options.columns names {'; '.join(wanted)})" if wanted else ""
    return (
        "has no header with an article (artikelnr, sku, ean) and a quantity (aantal, qty)"
        f"{hint}; the likeliest row reads: {shown}"
    )
