"""Rows of order files to canonical orders: all rows of an order together, each problem with its row and heading."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from order_pipelines.connectors.b2b_files.amounts import NumberReader, read_decimal
from order_pipelines.connectors.b2b_files.articles import read_name, read_number_text, read_text
from order_pipelines.connectors.b2b_files.cells import Cell, Flaw, Source, Table
from order_pipelines.connectors.b2b_files.columns import is_total_label
from order_pipelines.connectors.b2b_files.countries import CountryReader
from order_pipelines.connectors.b2b_files.draft import Draft, describe
from order_pipelines.connectors.b2b_files.layout import Block, walk
from order_pipelines.connectors.b2b_files.lines import LineReader
from order_pipelines.connectors.b2b_files.options import FileOptions
from order_pipelines.connectors.b2b_files.survey import LINES_PER_TABLE, OrderNumbers, Survey
from order_pipelines.connectors.b2b_files.times import TimeReader
from order_pipelines.domain.orders import Interpretation, Reject
from order_pipelines.domain.reference import CURRENCIES

BATCH_ORDERS = 500
_CURRENCY_WORDS = {"€": "EUR", "EURO": "EUR", "£": "GBP", "$": "USD"}
_HEAD_TEXTS = ("customer_number", "company", "email", "vat_id", "reference")
_TOLERANCE = Decimal("0.02")
_MAX_CENTS_OFF_PER_LINE = Decimal("0.005")


class OrderFile:
    """One file of orders, read once, in batches of whole orders."""

    def __init__(self, source: Source, tables: Sequence[Table], options: FileOptions, survey: Survey) -> None:
        self._source = source
        self._tables = tables
        self._options = options
        self._survey = survey
        self._names_orders = bool(survey.last_places)
        self._numbers = OrderNumbers(options)
        self._lines = LineReader(options, NumberReader(survey.style), names_orders=self._names_orders)
        self._countries = CountryReader(options.country_names)
        self._drafts: dict[str, Draft] = {}
        self._batch = Interpretation()
        self._has_yielded = False
        self._currency = options.currency
        if len(survey.currencies) == 1:
            self._currency = next(iter(survey.currencies))

    def read(self) -> Iterator[Interpretation]:
        """Yield batches of at most 500 orders; no order is in two batches.

        Raises:
            DataContractError: the file is damaged, or no row is an order line.
        """
        for index, table in enumerate(self._tables):
            times = TimeReader(
                ZoneInfo(self._options.timezone),
                formats=self._options.date_formats,
                has_1904_dates=table.has_1904_dates,
                day_first_is_doubtful=self._survey.has_month_first_dates,
            )
            if self._names_orders:
                yield from self._read_named(index, table, times)
            else:
                self._read_blocks(index, table, times)
        for draft in self._drafts.values():
            self._finish(draft)
            if len(self._batch.orders) >= BATCH_ORDERS:
                yield self._taken()
        if self._batch.rows_read:
            yield self._batch
        elif not self._has_yielded:
            raise self._source.fail("no row below the header has both an article and a number of pieces")

    def _taken(self) -> Interpretation:
        self._source.check_unchanged()
        batch = self._batch
        self._batch = Interpretation()
        self._has_yielded = True
        return batch

    def _read_named(self, index: int, table: Table, times: TimeReader) -> Iterator[Interpretation]:
        """Rows that name their order: an order is finished with the last row that the survey found of it."""
        last_places = self._survey.last_places
        drafts = self._drafts
        block: Block | None = None
        columns: list[tuple[str, int]] = []
        lines = enumerate(walk(table, self._options.headings()), start=index * LINES_PER_TABLE)
        for place, (current, row, cells) in lines:
            if current is not block:
                block = current
                self._lines.use(block, table, times)
                columns = self._head_columns(block)
            order_id = self._numbers.read(current, cells)
            if order_id is None:
                self._without_order(current, row, cells)
                continue
            draft = drafts.get(order_id)
            if draft is None:
                draft = drafts[order_id] = self._new_draft(order_id, current, cells)
                self._read_said(draft, current, times)
            if columns:
                self._read_head(draft, row, cells, columns, current)
            if self._lines.read(draft, row, cells):
                self._batch.rows_read += 1
            if order_id not in last_places:
                raise self._source.fail("changed while it was read; drop it again when it is complete")
            if last_places[order_id] == place:
                del drafts[order_id]
                self._finish(draft)
                if len(self._batch.orders) >= BATCH_ORDERS:
                    yield self._taken()

    def _without_order(self, block: Block, row: int, cells: Sequence[Cell]) -> None:
        texts = [text for cell in cells[:4] if isinstance(text := read_text(cell), str)]
        at = block.columns.at
        article = any(
            (index := at.get(name)) is not None and index < len(cells) and cells[index]
            for name in ("sku", "ean")
        )
        if not article or any(is_total_label(text) for text in texts):
            return
        heading = block.columns.heading("order_id")
        cell = cells[at["order_id"]] if at.get("order_id", len(cells)) < len(cells) else None
        name = read_name(cell)
        flaw = name if isinstance(name, Flaw) else Flaw("missing_field", "")
        self._batch.rejects.append(Reject(describe(flaw.code, heading, row, flaw.text), row=row))
        self._batch.rows_read += 1

    def _read_blocks(self, index: int, table: Table, times: TimeReader) -> None:
        """Rows without an order number: a block is an order, named above or below it, else by file and content."""
        rows: list[tuple[int, Sequence[Cell]]] = []
        block: Block | None = None
        for current, row, cells in walk(table, self._options.headings()):
            if block is not None and current is not block:
                self._read_block(index, table, block, rows, times)
                rows = []
            block = current
            rows.append((row, cells))
        if block is not None:
            self._read_block(index, table, block, rows, times)

    def _read_block(
        self,
        index: int,
        table: Table,
        block: Block,
        rows: Sequence[tuple[int, Sequence[Cell]]],
        times: TimeReader,
    ) -> None:
        number = read_name(block.said.get("order_id"))
        if isinstance(number, str):
            order_id = self._numbers.joined(number, block.said.get("customer_number"))
        else:
            order_id = f"{self._source.stem}-{self._source.digest()[:8]}"
            if index:
                order_id = f"{order_id}-{index + 1}"
            number = order_id
        draft = self._drafts.get(order_id)
        if draft is None:
            draft = self._drafts[order_id] = self._draft(order_id, number)
        self._read_said(draft, block, times)
        self._lines.use(block, table, times)
        columns = self._head_columns(block)
        first = since = len(draft.lines)
        for row, cells in rows:
            if self._lines.read(draft, row, cells):
                self._batch.rows_read += 1
                self._read_head(draft, row, cells, columns, block)
            else:
                self._compare_sum(draft, first, since, row, cells, block)
                since = len(draft.lines)

    def _compare_sum(
        self, draft: Draft, first: int, since: int, row: int, cells: Sequence[Cell], block: Block
    ) -> None:
        """Compare a row of sums with the lines above it: with all of the block, or with those since the last sum."""
        at = block.columns.at.get("line_total")
        texts = [cell for cell in cells if isinstance(cell, str)]
        label = next((text for text in texts if is_total_label(text)), None)
        if at is None or at >= len(cells) or label is None:
            return
        folded = label.lower()
        is_other_base = "incl" in folded and not self._lines.incl_vat
        if is_other_base or folded.startswith(("btw", "vat")):
            return
        cell = cells[at]
        said = read_decimal(cell, self._survey.style) if isinstance(cell, str) else cell
        if isinstance(said, int):
            said = Decimal(said)
        if not isinstance(said, Decimal):
            return
        sums = []
        for start in {first, since}:
            totals = [line.line_total_excl_vat or line.line_total_incl_vat for line in draft.lines[start:]]
            sums.append(sum((total for total in totals if total is not None), Decimal(0)))
        slack = _TOLERANCE + _MAX_CENTS_OFF_PER_LINE * len(draft.lines)
        if all(abs(total - said) > slack for total in sums):
            text = f"the lines add up to {sums[0]}, not {said}"
            draft.problems.append(describe("total_differs", block.columns.heading("line_total"), row, text))

    def _new_draft(self, order_id: str, block: Block, cells: Sequence[Cell]) -> Draft:
        number = read_number_text(cells[block.columns.at["order_id"]])
        return self._draft(order_id, number if isinstance(number, str) else order_id)

    def _draft(self, order_id: str, number: str) -> Draft:
        draft = Draft(order_id, number)
        options = self._options
        draft.is_credit = options.credit_prefix is not None and number.startswith(options.credit_prefix)
        if options.adjustment_prefix is not None and number.startswith(options.adjustment_prefix):
            draft.problems.append(describe("adjustment_entry", None, None, number))
        if self._currency is None and len(self._survey.currencies) > 1:
            text = ", ".join(sorted(self._survey.currencies))
            draft.problems.append(describe("unknown_currency", None, None, text))
        return draft

    def _head_columns(self, block: Block) -> list[tuple[str, int]]:
        names = (*_HEAD_TEXTS, "country", "bill_country", "currency")
        return [(name, block.columns.at[name]) for name in names if name in block.columns.at]

    def _read_head(
        self, draft: Draft, row: int, cells: Sequence[Cell], columns: Sequence[tuple[str, int]], block: Block
    ) -> None:
        for name, index in columns:
            if index < len(cells) and (cell := cells[index]) is not None and cell != "":
                self._take_head(draft, name, cell, block.columns.heading(name), row)

    def _read_said(self, draft: Draft, block: Block, times: TimeReader) -> None:
        for name, cell in block.said.items():
            if name == "ordered_at":
                time = times.read(cell)
                if isinstance(time, Flaw):
                    draft.flaw(time, "ordered_at", None)
                elif time is not None:
                    draft.at(time)
            elif name in _HEAD_TEXTS or name in ("country", "bill_country", "currency"):
                self._take_head(draft, name, cell, name, None)

    def _take_head(self, draft: Draft, name: str, cell: Cell, heading: str, row: int | None) -> None:
        value: str | Flaw | None
        if name in ("country", "bill_country"):
            value = self._countries.read(cell)
        elif name == "currency":
            value = _read_currency(cell)
        else:
            value = read_number_text(cell)
        if isinstance(value, str):
            if draft.head.get(name) != value:
                draft.say(name, value, heading, row)
        elif isinstance(value, Flaw):
            draft.flaw(value, heading, row)

    def _finish(self, draft: Draft) -> None:
        rule = self._options.stock_corrections
        if (
            rule.orders_at_price_zero_without_customer
            and not draft.charges
            and not draft.is_credit
            and "customer_number" not in draft.head
        ):
            draft.turn_into_corrections()
        order = draft.finish(self._currency)
        if order is not None:
            self._batch.orders.append(order)
        self._batch.stock_corrections.extend(draft.corrections)


def _read_currency(cell: Cell) -> str | Flaw | None:
    text = read_text(cell)
    if not isinstance(text, str):
        return text
    code = _CURRENCY_WORDS.get(text.upper(), text.upper())
    return code if code in CURRENCIES else Flaw("unknown_currency", text[:20])
