"""The first look through a file of orders: what only the whole file can tell."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from order_pipelines.connectors.b2b_files.amounts import (
    STYLES,
    NumberReader,
    Style,
    currency_in,
    is_ambiguous,
    style_of,
)
from order_pipelines.connectors.b2b_files.articles import read_name
from order_pipelines.connectors.b2b_files.cells import Cell, Table
from order_pipelines.connectors.b2b_files.columns import is_total_label
from order_pipelines.connectors.b2b_files.layout import Block, walk
from order_pipelines.connectors.b2b_files.options import FileOptions
from order_pipelines.connectors.b2b_files.times import is_month_first

_MONEY = ("unit_price", "line_total", "discount_pct")
_STYLED = (*_MONEY, "unit_cost")
_TIMES = ("ordered_at", "taken_at", "shipped_at", "moved_at", "expected_on", "stated_at")
_CENT = Decimal("0.01")
_MAX_TEXTS = 200_000
LINES_PER_TABLE = 10**12
"""Places in a file count its lines, each table from ``index * LINES_PER_TABLE``: more than any table may have."""


@dataclass(slots=True)
class Survey:
    """What a file tells as a whole.

    Args:
        last_places: where the last row of each order number stands; empty when no row names an order.
        style: the decimal sign, ``None`` when nothing proves one.
        currencies: those that price texts and headings name.
        has_month_first_dates: a date such as 12/25/2026 was seen.
        column_names: our names of all columns found; empty when no table has a header with rows below it.
    """

    last_places: dict[str, int] = field(default_factory=dict)
    style: Style | None = None
    currencies: set[str] = field(default_factory=set)
    has_month_first_dates: bool = False
    column_names: set[str] = field(default_factory=set)


class OrderNumbers:
    """Reads which order a row belongs to, by the settings' idea of what is unique."""

    def __init__(self, options: FileOptions) -> None:
        self._with_customer = options.order_numbers_unique_per == "customer"
        self._known: dict[Cell, str | None] = {}

    def read(self, block: Block, cells: Sequence[Cell]) -> str | None:
        """Return the order's id, ``None`` when the row names none."""
        index = block.columns.at.get("order_id")
        if index is None or index >= len(cells):
            return None
        cell = cells[index]
        number = self._known.get(cell)
        if number is None:
            text = read_name(cell)
            if not isinstance(text, str) or is_total_label(text):
                return None
            number = text
            self._known[cell] = number
        if not self._with_customer:
            return number
        at = block.columns.at.get("customer_number")
        customer = cells[at] if at is not None and at < len(cells) else block.said.get("customer_number")
        return self.joined(number, customer)

    def joined(self, number: str, customer: Cell) -> str:
        """Return the id of an order number of a customer."""
        if not self._with_customer:
            return number
        text = read_name(customer)
        return f"{text}/{number}" if isinstance(text, str) else number


def look_through(tables: Sequence[Table], options: FileOptions) -> Survey:
    """Read all tables once.

    Raises:
        DataContractError: the file is damaged.
    """
    survey = Survey()
    numbers = OrderNumbers(options)
    texts: dict[str, bool] = {}
    doubtful: list[tuple[Cell, ...]] = []
    for table_index, table in enumerate(tables):
        base = table_index * LINES_PER_TABLE
        block: Block | None = None
        money: tuple[int, ...] = ()
        times: tuple[int, ...] = ()
        names_orders = False
        for place, (current, _, cells) in enumerate(walk(table, options.headings()), start=base):
            if current is not block:
                block = current
                at = block.columns.at
                survey.column_names.update(at)
                money = tuple(at[name] for name in _STYLED if name in at)
                times = tuple(at[name] for name in _TIMES if name in at)
                names_orders = "order_id" in at
                survey.currencies |= _currencies_of_headings(block)
            if names_orders and (key := numbers.read(current, cells)) is not None:
                survey.last_places[key] = place
            width = len(cells)
            for index in money:
                cell = cells[index] if index < width else None
                if type(cell) is str:
                    doubt = texts.get(cell)
                    if doubt is None and len(texts) < _MAX_TEXTS:
                        doubt = texts[cell] = is_ambiguous(cell)
                    if doubt and len(doubtful) < _MAX_TEXTS:
                        doubtful.append(tuple(_cell(current, cells, name) for name in ("quantity", *_MONEY)))
            for index in times:
                cell = cells[index] if index < width else None
                if type(cell) is str and "/" in cell and is_month_first(cell.strip()):
                    survey.has_month_first_dates = True
    survey.currencies |= {currency for text in texts if (currency := currency_in(text))}
    survey.style = (
        options.decimal if options.decimal != "auto" else style_of(texts) or _style_by_proof(doubtful)
    )
    return survey


def _cell(block: Block, cells: Sequence[Cell], name: str) -> Cell:
    index = block.columns.at.get(name)
    return cells[index] if index is not None and index < len(cells) else None


def _currencies_of_headings(block: Block) -> set[str]:
    named = (
        currency_in(block.columns.heading(name))
        for name in ("unit_price", "line_total")
        if name in block.columns.at
    )
    return {currency for currency in named if currency is not None}


def _style_by_proof(rows: Sequence[tuple[Cell, ...]]) -> Style | None:
    """Return the one style in which pieces times price is the total, by the rows where only one style does that."""
    votes = {style for row in rows if (style := _proven(row)) is not None}
    return votes.pop() if len(votes) == 1 else None


def _proven(row: tuple[Cell, ...]) -> Style | None:
    fitting: list[Style] = []
    for style in STYLES:
        reader = NumberReader(style)
        quantity, price, total, discount = (reader.read(cell) for cell in row)
        if not (isinstance(quantity, Decimal) and isinstance(price, Decimal) and isinstance(total, Decimal)):
            return None
        share = 1 - discount / 100 if isinstance(discount, Decimal) else Decimal(1)
        if abs(quantity * price * share - total) <= _CENT:
            fitting.append(style)
    return fitting[0] if len(fitting) == 1 else None
