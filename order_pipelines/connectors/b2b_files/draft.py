"""An order while its rows are read, and what becomes of it when the last one was."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from order_pipelines.connectors.b2b_files.cells import Flaw
from order_pipelines.domain.orders import Buyer, Order, OrderLine, Problem, StockCorrection

REASONS: Mapping[str, str] = {
    "formula_cell": "the formula was never calculated; open the file in a spreadsheet, save it and drop it again",
    "error_cell": "the cell holds an error of the spreadsheet",
    "ambiguous_number": "the number can be read in two ways; set options.decimal to comma or point",
    "wrong_type": "the cell does not hold what its column needs",
    "ean_digits_lost": "a spreadsheet destroyed the digits of the article number; ask for it as text",
    "unknown_ean": "the check digit does not fit: this is no EAN",
    "unknown_country": "no country has this name; add it to options.country_names",
    "unknown_currency": "no three-letter currency code, or two currencies in one file",
    "fractional_quantity": "a part of a piece cannot be ordered",
    "absurd_quantity": "nobody orders so many pieces",
    "negative_quantity": "negative pieces outside a credit; a return needs a person",
    "truncated": "the file ends in the middle of this row",
    "total_differs": "the total is not what the pieces and prices give",
    "missing_field": "the cell is empty",
    "hidden_row": "the row is hidden in the spreadsheet: ask whether it was ordered",
    "conflicting_values": "rows of one order say different things",
    "adjustment_entry": "a correction in the books, no order",
    "same_location": "goods cannot move from a place to itself",
    "unknown_movement": "no word for goods that came in (ontvangen), came back (retour) or changed places (verplaatst)",
}


def describe(
    code: str, heading: str | None, row: int | None, value: str | None = None, line_id: str | None = None
) -> Problem:
    """Return a problem of a cell with a sentence that names row and heading."""
    where = ", ".join(part for part in (f"row {row}" if row is not None else "", heading or "") if part)
    shown = f" ({value})" if value else ""
    return Problem(
        code,
        f"{where}: {REASONS[code]}{shown}" if where else f"{REASONS[code]}{shown}",
        heading,
        value,
        line_id,
    )


@dataclass(slots=True)
class Draft:
    """One order in the making. Texts of the head are of the first row that says them.

    ``is_credit`` keeps negative pieces and amounts as the file has them; ``charges`` is false while all is free.
    """

    order_id: str
    number: str
    is_credit: bool = False
    lines: list[OrderLine] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    corrections: list[StockCorrection] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)
    ordered_at: datetime | None = None
    changed_at: datetime | None = None
    head: dict[str, str] = field(default_factory=dict)
    line_ids: set[str] = field(default_factory=set)
    charges: bool = False

    def flaw(self, flaw: Flaw, heading: str, row: int | None, line_id: str | None = None) -> None:
        """Take in a cell that cannot be read; what is said of the whole order is said once."""
        if line_id is None and any(
            (problem.code, problem.field, problem.value) == (flaw.code, heading, flaw.text)
            for problem in self.problems
        ):
            return
        self.problems.append(describe(flaw.code, heading, row, flaw.text, line_id))

    def say(self, name: str, value: str, heading: str, row: int | None) -> None:
        """Take in a fact of the whole order; another value than before is a problem, once."""
        before = self.head.setdefault(name, value)
        if before != value and not any(
            problem.code == "conflicting_values" and problem.field == heading for problem in self.problems
        ):
            self.problems.append(describe("conflicting_values", heading, row))

    def at(self, instant: datetime) -> None:
        """Take in the time of one row: an order is as old as its first row and as new as its last."""
        if self.ordered_at is None or instant < self.ordered_at:
            self.ordered_at = instant
        if self.changed_at is None or instant > self.changed_at:
            self.changed_at = instant

    def turn_into_corrections(self) -> None:
        """Make all lines corrections of stock when every one is free and names an article; else do nothing."""
        if self.charges or self.problems or self.ordered_at is None:
            return
        if not all(line.line_kind == "goods" and line.quantity for line in self.lines):
            return
        for line in self.lines:
            assert line.quantity is not None
            self.corrections.append(
                StockCorrection(
                    external_id=f"{self.order_id}:{line.external_line_id}",
                    occurred_at=line.changed_at or self.ordered_at,
                    quantity=line.quantity,
                    sku=line.sku,
                    ean=line.ean,
                    reason=line.title,
                    row=line.row,
                )
            )
        self.lines.clear()

    def finish(self, currency: str | None) -> Order | None:
        """Return the order, ``None`` when all its rows were corrections of stock.

        ``currency`` is that of the file or the settings, for orders whose rows name none.
        """
        if not self.lines and not self.problems:
            return None
        head = self.head
        return Order(
            external_order_id=self.order_id,
            channel="b2b",
            order_number=self.number,
            ordered_at=self.ordered_at,
            changed_at=self.changed_at,
            currency=head.get("currency", currency),
            ship_country=head.get("country"),
            bill_country=head.get("bill_country"),
            buyer=self._buyer(),
            lines=tuple(self.lines),
            payment_status="unpaid",
            order_total_incl_vat=_sum(line.line_total_incl_vat for line in self.lines),
            order_total_excl_vat=_sum(line.line_total_excl_vat for line in self.lines),
            order_status="open",
            fulfilment_status="not_shipped",
            order_kind="credit" if self.is_credit else "sale",
            customer_reference=head.get("reference"),
            customer_number=head.get("customer_number"),
            must_flag=tuple(sorted(self.flags)),
            problems=tuple(self.problems),
        )

    def _buyer(self) -> Buyer | None:
        company, email, vat_id = (self.head.get(name) for name in ("company", "email", "vat_id"))
        if company is None and email is None and vat_id is None:
            return None
        return Buyer(
            company=company, email=email, vat_id=vat_id, is_business=True if company or vat_id else None
        )


def _sum(totals: Iterable[Decimal | None]) -> Decimal | None:
    """Return the sum, ``None`` when a part or all of it is not known."""
    total: Decimal | None = None
    for part in totals:
        if part is None:
            return None
        total = part if total is None else total + part
    return total
