"""One row of an order file to one line: article, pieces, price and total, each cell read once per distinct text."""

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from order_pipelines.connectors.b2b_files.amounts import NumberReader
from order_pipelines.connectors.b2b_files.articles import LONGEST_NAME, read_ean, read_sku, read_text
from order_pipelines.connectors.b2b_files.cells import Cell, Flaw, Table
from order_pipelines.connectors.b2b_files.columns import is_total_label
from order_pipelines.connectors.b2b_files.draft import Draft, describe
from order_pipelines.connectors.b2b_files.layout import Block
from order_pipelines.connectors.b2b_files.options import FileOptions
from order_pipelines.connectors.b2b_files.times import TimeReader
from order_pipelines.domain.orders import OrderLine, StockCorrection
from order_pipelines.money import ZERO, round_to_cents

_TOLERANCE = Decimal("0.02")
_PRICE_STEP = Decimal("0.0001")
_MOST_PIECES = 10**9
_MOST_MONEY = Decimal(10) ** 12
_CENTS = -2
_ABSENT = -1


class LineReader:
    """Reads the rows of one block after the other. ``names_orders``: each row says which order it belongs to."""

    def __init__(self, options: FileOptions, numbers: NumberReader, *, names_orders: bool) -> None:
        self._options = options
        self._numbers = numbers
        self._names_orders = names_orders
        self._kinds = [(re.compile(rule.pattern), rule.kind) for rule in options.line_kinds]
        self._skus: dict[Cell, tuple[str | Flaw | None, str]] = {}
        self._eans: dict[Cell, str | Flaw | None] = {}
        self._pieces: dict[Cell, int | Flaw | None] = {}
        self._prices: dict[Cell, Decimal | Flaw | None] = {}
        self._totals: dict[tuple[int, Decimal], Decimal] = {}
        self._texts: dict[Cell, str | None] = {}

    def use(self, block: Block, table: Table, times: TimeReader) -> None:
        """Read the rows of ``block`` from now on."""
        at = block.columns.at
        self._block = block
        self._hidden = table.hidden_rows
        self._times = times
        self._sku_at = at.get("sku", _ABSENT)
        self._ean_at = at.get("ean", _ABSENT)
        self._quantity_at = at["quantity"]
        self._price_at = at.get("unit_price", _ABSENT)
        self._discount_at = at.get("discount_pct", _ABSENT)
        self._total_at = at.get("line_total", _ABSENT)
        self._title_at = at.get("title", _ABSENT)
        self._line_at = at.get("line_id", _ABSENT)
        self._time_at = at.get("ordered_at", _ABSENT)
        self._width = max(at.values()) + 1
        self.incl_vat = self._has_prices_incl_vat()

    def _has_prices_incl_vat(self) -> bool:
        if self._options.prices is not None:
            return self._options.prices == "incl_vat"
        headings = (self._block.columns.heading(name) for name in ("unit_price", "line_total"))
        return any(re.search(r"\bincl", heading, re.IGNORECASE) for heading in headings)

    def read(self, draft: Draft, row: int, cells: Sequence[Cell]) -> bool:
        """Add what a row says to ``draft``; return whether it was a line or a correction of stock."""
        if len(cells) < self._width:
            cells = [*cells, *([None] * (self._width - len(cells)))]
        sku, kind = self._sku(cells[self._sku_at] if self._sku_at >= 0 else None)
        ean = self._ean(cells[self._ean_at]) if self._ean_at >= 0 else None
        if isinstance(ean, Flaw) and is_total_label(ean.text):
            ean = None
        pieces = self._quantity(cells[self._quantity_at])
        if (sku is None and ean is None) or pieces is None or pieces == 0:
            if not self._is_line(sku, ean, pieces, cells):
                return False
        elif type(sku) is str and ean is None and is_total_label(sku):
            return False
        line_id = self._line_id(draft, cells)
        if row in self._hidden:
            draft.problems.append(describe("hidden_row", None, row, None, line_id))
        sku, ean = self._article(draft, sku, ean, row, line_id)
        time = self._time(draft, row, cells)
        if type(pieces) is not int:
            self._not_pieces(draft, pieces, row, line_id)
            pieces = None
        price, discount, total = self._money(draft, pieces, cells, row, line_id)
        if pieces is not None and pieces < 0 and not draft.is_credit:
            if (
                self._options.stock_corrections.negative_at_price_zero
                and price == 0
                and kind == "goods"
                and time is not None
                and not draft.problems
            ):
                draft.corrections.append(
                    StockCorrection(
                        f"{draft.order_id}:{line_id}", time, pieces, None, sku, ean, self._title(cells), row
                    )
                )
                return True
            heading = self._block.columns.heading("quantity")
            draft.problems.append(describe("negative_quantity", heading, row, str(pieces), line_id))
            pieces = None
        if price is None or price != 0 or total is None or total != 0:
            draft.charges = True
        draft.lines.append(
            self._line(line_id, sku, ean, pieces, (price, discount, total), kind, time, row, cells)
        )
        return True

    def _line(
        self,
        line_id: str,
        sku: str | None,
        ean: str | None,
        pieces: int | None,
        money: tuple[Decimal | None, Decimal | None, Decimal | None],
        kind: str,
        time: datetime | None,
        row: int,
        cells: Sequence[Cell],
    ) -> OrderLine:
        price, discount, total = money
        if price is not None and price.as_tuple().exponent < -4:  # type: ignore[operator]
            price = price.quantize(_PRICE_STEP)
        if self.incl_vat:
            taken = None
            if discount is not None and pieces is not None and price is not None and total is not None:
                taken = round_to_cents(pieces * price) - total
            return OrderLine(
                external_line_id=line_id,
                sku=sku,
                ean=ean,
                title=self._title(cells),
                quantity=pieces,
                unit_price_incl_vat=price,
                line_discount_incl_vat=taken,
                line_total_incl_vat=total,
                line_kind=kind,
                changed_at=time,
                row=row,
            )
        return OrderLine(
            external_line_id=line_id,
            sku=sku,
            ean=ean,
            title=self._title(cells),
            quantity=pieces,
            unit_price_excl_vat=price,
            line_total_excl_vat=total,
            line_kind=kind,
            changed_at=time,
            row=row,
        )

    def _is_line(
        self,
        sku: str | Flaw | None,
        ean: str | Flaw | None,
        pieces: int | Flaw | None,
        cells: Sequence[Cell],
    ) -> bool:
        """Decide about a row that lacks its article or its pieces: is something missing, or is it no line at all?"""
        has_article = sku is not None or ean is not None
        if not has_article and any(isinstance(cell, str) and is_total_label(cell) for cell in cells):
            return False
        if self._names_orders:
            return has_article or pieces is not None
        if pieces == 0 or pieces is None:
            # Order lists name the whole range: no number means not ordered.
            return False
        if not has_article:
            # Sums stand there without a word or a price, and words may reach the column of pieces.
            texts = (read_text(self._at(cells, index)) for index in (self._title_at, self._price_at))
            return type(pieces) is int and any(isinstance(text, str) for text in texts)
        return True

    @staticmethod
    def _at(cells: Sequence[Cell], index: int) -> Cell:
        return cells[index] if index >= 0 else None

    def _sku(self, cell: Cell) -> tuple[str | Flaw | None, str]:
        known = self._skus.get(cell)
        if known is None:
            sku = read_sku(cell)
            kind = "goods"
            if isinstance(sku, str):
                kind = next((kind for pattern, kind in self._kinds if pattern.fullmatch(sku)), "goods")
            known = self._skus[cell] = (sku, kind)
        return known

    def _ean(self, cell: Cell) -> str | Flaw | None:
        if cell not in self._eans:
            self._eans[cell] = read_ean(cell)
        return self._eans[cell]

    def _quantity(self, cell: Cell) -> int | Flaw | None:
        if cell in self._pieces:
            return self._pieces[cell]
        number = self._numbers.read(cell)
        pieces: int | Flaw | None
        if isinstance(number, Decimal):
            if number != number.to_integral_value():
                pieces = Flaw("fractional_quantity", str(cell))
            else:
                pieces = int(number) if abs(number) <= _MOST_PIECES else Flaw("absurd_quantity", str(cell))
        else:
            pieces = number
        self._pieces[cell] = pieces
        return pieces

    def _price(self, cell: Cell) -> Decimal | Flaw | None:
        if cell in self._prices:
            return self._prices[cell]
        number = self._numbers.read(cell)
        if isinstance(number, Decimal) and abs(number) >= _MOST_MONEY:
            number = Flaw("wrong_type", str(cell)[:40])
        self._prices[cell] = number
        return number

    def _title(self, cells: Sequence[Cell]) -> str | None:
        if self._title_at < 0:
            return None
        cell = cells[self._title_at]
        if cell not in self._texts:
            text = read_text(cell)
            self._texts[cell] = text if isinstance(text, str) else None
        return self._texts[cell]

    def _line_id(self, draft: Draft, cells: Sequence[Cell]) -> str:
        """The file's own number of a line, else its place in the order: rows above the table may come and go."""
        text = read_text(cells[self._line_at]) if self._line_at >= 0 else None
        # Too long for a key: the place in the order names it.
        text = None if isinstance(text, str) and len(text) > LONGEST_NAME else text
        line_id = text if isinstance(text, str) else str(len(draft.lines) + len(draft.corrections) + 1)
        if line_id in draft.line_ids:
            line_id = f"{line_id}-{len(draft.line_ids) + 1}"
        draft.line_ids.add(line_id)
        return line_id

    def _time(self, draft: Draft, row: int, cells: Sequence[Cell]) -> datetime | None:
        if self._time_at < 0:
            return draft.ordered_at
        time = self._times.read(cells[self._time_at])
        if isinstance(time, Flaw):
            draft.flaw(time, self._block.columns.heading("ordered_at"), row)
            return None
        if time is not None:
            draft.at(time)
        return time

    def _article(
        self, draft: Draft, sku: str | Flaw | None, ean: str | Flaw | None, row: int, line_id: str
    ) -> tuple[str | None, str | None]:
        """Return what names the article; a broken EAN beside a good SKU is only flagged, and the other way round."""
        columns = self._block.columns
        if type(sku) is str and (ean is None or type(ean) is str):
            return sku, ean
        if isinstance(ean, Flaw):
            if isinstance(sku, str) and ean.code in ("ean_digits_lost", "unknown_ean"):
                draft.flags.add("ean_digits_lost" if ean.code == "ean_digits_lost" else "ean_check_digit")
            else:
                draft.flaw(ean, columns.heading("ean"), row, line_id)
            ean = None
        if isinstance(sku, Flaw):
            if isinstance(ean, str) and sku.code == "ean_digits_lost":
                draft.flags.add("sku_digits_lost")
            else:
                draft.flaw(sku, columns.heading("sku"), row, line_id)
            return None, ean
        if sku is None and ean is None and not any(problem.line_id == line_id for problem in draft.problems):
            heading = columns.heading("sku" if "sku" in columns.at else "ean")
            draft.problems.append(describe("missing_field", heading, row, None, line_id))
        return sku, ean

    def _not_pieces(self, draft: Draft, pieces: int | Flaw | None, row: int, line_id: str) -> None:
        heading = self._block.columns.heading("quantity")
        if isinstance(pieces, Flaw):
            draft.flaw(pieces, heading, row, line_id)
        else:
            draft.problems.append(describe("missing_field", heading, row, None, line_id))

    def _money(
        self, draft: Draft, pieces: int | None, cells: Sequence[Cell], row: int, line_id: str
    ) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
        """Return unit price, discount percentage and line total; what the file does not total is multiplied here."""
        price = self._price(cells[self._price_at]) if self._price_at >= 0 else None
        said = self._price(cells[self._total_at]) if self._total_at >= 0 else None
        discount = self._price(cells[self._discount_at]) if self._discount_at >= 0 else None
        columns = self._block.columns
        if isinstance(price, Flaw):
            draft.flaw(price, columns.heading("unit_price"), row, line_id)
            price = None
        if isinstance(discount, Decimal) and not 0 <= discount <= 100:
            discount = Flaw("wrong_type", str(discount)[:40])
        if isinstance(discount, Flaw):
            draft.flaw(discount, columns.heading("discount_pct"), row, line_id)
            return price, None, None if isinstance(said, Flaw) else said
        if isinstance(said, Flaw):
            draft.flaw(said, columns.heading("line_total"), row, line_id)
            said = None
        total = said
        if pieces is not None and price is not None:
            if discount is None:
                computed = self._totals.get((pieces, price))
                if computed is None:
                    computed = self._totals[(pieces, price)] = round_to_cents(pieces * price) + ZERO
            else:
                computed = round_to_cents(pieces * price * (100 - discount) / 100)
            if total is None:
                total = computed
            elif abs(total - computed) > _TOLERANCE:
                text = f"{pieces} x {price} is {computed}, not {total}"
                draft.problems.append(
                    describe("total_differs", columns.heading("line_total"), row, text, line_id)
                )
        if total is not None and total.as_tuple().exponent != _CENTS:
            total = round_to_cents(total)
        return price, discount, total
