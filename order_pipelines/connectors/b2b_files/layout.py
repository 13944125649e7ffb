"""Where in a table the rows of orders, counts or shipments stand: headers, blocks and what is written around them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from order_pipelines.connectors.b2b_files.cells import Cell, Row, Table
from order_pipelines.connectors.b2b_files.columns import Columns, find_columns, find_key_values, join_headers

_HEAD_ROWS = 60
_PIECES = re.compile(r"\s*[-+(]?\d[\d.,]*\s*[^\W\d]{0,6}\.?\)?\s*")
_Named = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Block:
    """One header and the rows below it, up to the next. ``said`` holds key/value rows, all at the block's end."""

    number: int
    columns: Columns
    said: dict[str, Cell]


BlockRow = tuple[Block, int, Sequence[Cell]]


def walk(table: Table, named: _Named) -> Iterator[BlockRow]:
    """Yield (block, row, cells) for each row below a header that is not blank, a header or a key/value row.

    A second header, or another order number written between rows, starts a new block. A table without a header yields
    nothing: that is for the caller to report.
    """
    rows = table.rows()
    head = list(islice(rows, _HEAD_ROWS))
    found = find_header(head, named)
    if found is None:
        return
    columns, begin, end = found
    said: dict[str, Cell] = {}
    for _, cells in head[:begin]:
        said.update(find_key_values(cells))
    block = Block(1, columns, said)
    pending: dict[str, Cell] = {}
    quantity_at, sku_at, ean_at = _places(columns)
    row: Row
    for row in chain(head[end:], rows):
        number, cells = row
        is_line = False
        if len(cells) > quantity_at:
            quantity = cells[quantity_at]
            # The way of nearly all rows: pieces of something, and more in the row than a label and its value.
            is_line = (
                type(quantity) is int
                or (type(quantity) is str and (quantity.isdigit() or _PIECES.fullmatch(quantity) is not None))
            ) and bool((sku_at < len(cells) and cells[sku_at]) or (ean_at < len(cells) and cells[ean_at]))
            if is_line and len(cells) == 2:
                is_line = not find_key_values(cells, block.columns)
        if not is_line:
            if all(cell is None or cell == "" for cell in cells):
                continue
            other = find_columns(cells, named)
            if other is not None:
                if pending or other != block.columns:
                    block = Block(block.number + 1, other, pending or dict(block.said))
                    pending = {}
                    quantity_at, sku_at, ean_at = _places(other)
                continue
            if sum(1 for cell in cells if cell is not None and cell != "") <= 4 and (
                written := find_key_values(cells, block.columns)
            ):
                if "order_id" in written or pending:
                    pending.update(written)
                else:
                    _complete(block.said, written)
                continue
        if pending:
            block = Block(block.number + 1, block.columns, pending)
            pending = {}
        yield block, number, cells
    _complete(block.said, pending)


def _complete(said: dict[str, Cell], written: Mapping[str, Cell]) -> None:
    for name, cell in written.items():
        said.setdefault(name, cell)


def _places(columns: Columns) -> tuple[int, int, int]:
    nowhere = len(columns.texts) + 1_000_000
    at = columns.at
    return at["quantity"], at.get("sku", nowhere), at.get("ean", nowhere)


def find_header(head: Sequence[Row], named: _Named) -> tuple[Columns, int, int] | None:
    """Return the first header with the indexes of its first row and of the row after it."""
    for index, (_, cells) in enumerate(head):
        columns = find_columns(cells, named)
        below = head[index + 1][1] if index + 1 < len(head) else None
        joined = None
        if below is not None and _is_all_words(below) and find_columns(below, named) is None:
            joined = find_columns(join_headers(cells, below), named)
        if joined is not None and (columns is None or len(joined.at) > len(columns.at)):
            return joined, index, index + 2
        if columns is not None:
            return columns, index, index + 1
    return None


def _is_all_words(cells: Sequence[Cell]) -> bool:
    words = [cell for cell in cells if cell is not None and cell != ""]
    return bool(words) and all(
        isinstance(cell, str) and not re.search(r"\d{3}|^\W*\d+\W*$", cell) for cell in words
    )
