"""Size matrices: one row per style with sizes as columns, read as one row per style and size."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from order_pipelines.connectors.b2b_files.cells import Cell, Row, Table
from order_pipelines.connectors.b2b_files.columns import name_of

_SIZE = re.compile(r"(?:[2-6]?X{0,3}[SL]|M|\d{2}(?:[,.]5|/\d{2,3})?|\d{2,3}|one ?size|os)", re.IGNORECASE)
_FEWEST_SIZES = 2


@dataclass(frozen=True, slots=True)
class _Header:
    article_at: int
    sizes: tuple[tuple[int, str], ...]


class MatrixTable:
    """A table whose matrices are unfolded; other rows pass unchanged.

    An empty article cell repeats the article above it. Several rows of the result carry the same row number.
    """

    def __init__(self, table: Table, template: str) -> None:
        """``template`` makes the SKU of an article and a size: ``{sku}-{size}``."""
        self._table = table
        self._template = template
        self.name = table.name
        self.has_1904_dates = table.has_1904_dates
        self.hidden_rows = table.hidden_rows

    def rows(self) -> Iterator[Row]:
        """Yield rows with a column ``aantal`` where a matrix had sizes."""
        header: _Header | None = None
        above: Cell = None
        for number, cells in self._table.rows():
            found = find_sizes(cells)
            if found is not None:
                header, above = found, None
                blank = {index for index, _ in found.sizes}
                headings: list[Cell] = [None if index in blank else cell for index, cell in enumerate(cells)]
                yield number, [*headings, "aantal"]
            elif header is None or _is_header_of_pieces(cells):
                header = None
                yield number, cells
            else:
                article = cells[header.article_at] if header.article_at < len(cells) else None
                pieces = [
                    (size, cells[index])
                    for index, size in header.sizes
                    if index < len(cells) and cells[index] is not None and cells[index] != ""
                ]
                if not pieces:
                    yield number, cells
                    continue
                above = article if article is not None and article != "" else above
                for size, cell in pieces:
                    yield number, self._unfolded(cells, header, above, size, cell)

    def _unfolded(
        self, cells: Sequence[Cell], header: _Header, article: Cell, size: str, pieces: Cell
    ) -> list[Cell]:
        blank = {index for index, _ in header.sizes}
        width = max(len(cells), header.article_at + 1, max(blank) + 1)
        row: list[Cell] = [
            None if index in blank or index >= len(cells) else cells[index] for index in range(width)
        ]
        if isinstance(article, str | int):
            row[header.article_at] = self._template.replace("{sku}", str(article).strip()).replace(
                "{size}", size
            )
        else:
            row[header.article_at] = article
        return [*row, pieces]


def find_sizes(cells: Sequence[Cell]) -> _Header | None:
    """Return where a header row has its article and its sizes; ``None`` when it has a column of pieces or too few."""
    article_at: int | None = None
    sizes: list[tuple[int, str]] = []
    for index, cell in enumerate(cells):
        text = str(cell).strip() if isinstance(cell, str | int) else ""
        name = name_of(text)[0] if isinstance(cell, str) else None
        if name == "quantity":
            return None
        if name == "sku" and article_at is None:
            article_at = index
        elif name is None and _SIZE.fullmatch(text):
            sizes.append((index, text))
    if article_at is None or len(sizes) < _FEWEST_SIZES:
        return None
    return _Header(article_at, tuple(sizes))


def _is_header_of_pieces(cells: Sequence[Cell]) -> bool:
    names = {name_of(cell)[0] for cell in cells if isinstance(cell, str)}
    return "quantity" in names and "sku" in names
