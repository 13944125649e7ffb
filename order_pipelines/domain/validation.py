"""What an order must satisfy to be counted, invoiced and shipped: rules, as Pandera schemas for batches and for one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from order_pipelines.domain.orders import Order, Problem
from order_pipelines.domain.reference import COUNTRIES, CURRENCIES

# Any difference this large is one; frames hold integers of 64 bits.
_FAR_OFF = 10**15
_FEW = 20
_TYPES = {
    "currency": "string[pyarrow]",
    "ship_country": "string[pyarrow]",
    "ordered_at": "Float64",
    "line_count": "Int64",
    "total_difference": "Int64",
    "quantity": "Int64",
    "unit_price": "Int64",
    "cancelled_excess": "Int64",
    "is_duplicate": "boolean",
    "order_said": "string[pyarrow]",
    "return_state": "string[pyarrow]",
    "registered_at": "Float64",
    "returned_excess": "Int64",
    "is_order_known": "boolean",
    "is_line_known": "boolean",
}

_REASONS = {
    "unknown_currency": "the currency is missing or no ISO 4217 code",
    "unknown_country": "the country is no ISO 3166 code",
    "future_order": "the order is dated in the future; the channel's clock or the file's date format is wrong",
    "missing_field": "the moment of ordering is missing or unreadable",
    "no_lines": "the order has no lines",
    "total_differs": "the order's total differs from the sum of its lines by more than the tolerance",
    "line_total_differs": "the line's total differs from quantity times price less discount by more than the tolerance",
    "negative_quantity": "the quantity is 0 or negative",
    "absurd_quantity": "the quantity is higher than any believable order (limits.max_line_quantity)",
    "missing_quantity": "the quantity is missing or unreadable",
    "negative_price": "the price is negative",
    "impossible_quantity": "more pieces are cancelled than were ordered",
    "duplicate_line": "two lines have the same id",
}
_CODES = {
    "no_lines": "missing_field",
    "line_total_differs": "total_differs",
    "missing_quantity": "missing_field",
    "negative_price": "wrong_type",
    "impossible_quantity": "wrong_type",
}
_FIELDS = {
    "unknown_currency": "currency",
    "unknown_country": "ship_country",
    "future_order": "ordered_at",
    "missing_field": "ordered_at",
    "no_lines": "lines",
    "total_differs": "order_total_incl_vat",
    "line_total_differs": "line_total",
    "negative_quantity": "quantity",
    "absurd_quantity": "quantity",
    "missing_quantity": "quantity",
    "negative_price": "unit_price",
    "impossible_quantity": "quantity_cancelled",
    "duplicate_line": "external_line_id",
}


@dataclass(frozen=True, slots=True)
class Believable:
    """What is believable now: thresholds from the settings and the moment of judging."""

    now: datetime
    max_line_quantity: int = 10_000
    max_future: timedelta = timedelta(hours=1)
    total_tolerance: Decimal = Decimal("0.02")


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that a column must satisfy; ``holds`` takes a whole column as well as one value that is not null.

    Args:
        name: of the check; see the tables above.
        column: of the frame.
        holds: whether values are right; ``None`` asks only that there is one.
        is_required: a missing value breaks the rule; else it is none of its business.
    """

    name: str
    column: str
    holds: Callable[[Any], Any] | None = None
    is_required: bool = False

    def is_broken_by(self, value: Any) -> bool:
        """Judge one value."""
        if value is None:
            return self.is_required
        return self.holds is not None and not self.holds(value)

    def check(self) -> pa.Check:
        """Return the rule for columns."""
        holds = self.holds
        if holds is None:
            return pa.Check(lambda column: column.notna(), name=self.name, ignore_na=False)
        if self.is_required:
            return pa.Check(lambda column: column.notna() & holds(column), name=self.name, ignore_na=False)
        return pa.Check(holds, name=self.name)


def _one_of(values: frozenset[str]) -> Callable[[Any], Any]:
    return lambda found: found.isin(values) if isinstance(found, pd.Series) else found in values


def order_rules(limits: Believable) -> tuple[Rule, ...]:
    """Return what order frames must satisfy: one row an order, money in cents, instants in epoch seconds."""
    latest = (limits.now + limits.max_future).timestamp()
    tolerance = int(limits.total_tolerance * 100)
    return (
        Rule("unknown_currency", "currency", _one_of(CURRENCIES), is_required=True),
        Rule("unknown_country", "ship_country", _one_of(COUNTRIES)),
        Rule("missing_field", "ordered_at", is_required=True),
        Rule("future_order", "ordered_at", lambda at: at <= latest),
        Rule("no_lines", "line_count", lambda count: count > 0),
        Rule("total_differs", "total_difference", lambda cents: abs(cents) <= tolerance),
    )


def line_rules(limits: Believable) -> tuple[Rule, ...]:
    """Return what line frames of sales must satisfy: one row a line, money in cents, prices in hundredths of one."""
    tolerance = int(limits.total_tolerance * 100)
    return (
        Rule("missing_quantity", "quantity", is_required=True),
        Rule("negative_quantity", "quantity", lambda pieces: pieces > 0),
        Rule("absurd_quantity", "quantity", lambda pieces: pieces <= limits.max_line_quantity),
        Rule("negative_price", "unit_price", lambda price: price >= 0),
        Rule("impossible_quantity", "cancelled_excess", lambda pieces: pieces <= 0),
        Rule("line_total_differs", "total_difference", lambda cents: abs(cents) <= tolerance),
        Rule("duplicate_line", "is_duplicate", lambda is_duplicate: is_duplicate == 0),
    )


def schema_of(rules: Sequence[Rule]) -> pa.DataFrameSchema:
    """Return the Pandera schema of rules; a column is there, may be empty, and satisfies its rules."""
    columns = list(dict.fromkeys(rule.column for rule in rules))
    return pa.DataFrameSchema(
        {
            name: pa.Column(nullable=True, checks=[rule.check() for rule in rules if rule.column == name])
            for name in columns
        },
        strict=True,
    )


def validate_orders(orders: Sequence[Order], limits: Believable) -> list[list[Problem]]:
    """Return, for each order, what is wrong with it; an empty list for a good one."""
    problems: list[list[Problem]] = [[] for _ in orders]
    if not orders:
        return problems
    for index, check in failures(order_rules(limits), _order_columns(orders)):
        problems[index].append(_problem(check, None))
    lines, owners = _line_columns(orders)
    for index, check in failures(line_rules(limits), lines):
        order_index, line_id = owners[index]
        problems[order_index].append(_problem(check, line_id))
    return problems


def _problem(check: str, line_id: str | None) -> Problem:
    return Problem(_CODES.get(check, check), _REASONS[check], field=_FIELDS[check], line_id=line_id)


def failures(
    rules: Sequence[Rule], columns: Mapping[str, Sequence[Any]], *, few: int = _FEW
) -> list[tuple[int, str]]:
    """Return (row, name of the rule) of everything that is broken, sorted.

    A batch is judged by Pandera over frames. That costs ten milliseconds before it begins, most of what an order that
    comes alone would take: up to ``few`` rows the same rules are asked value by value.
    """
    rows = len(next(iter(columns.values())))
    if rows <= few:
        return sorted(
            (index, rule.name)
            for rule in rules
            for index, value in enumerate(columns[rule.column])
            if rule.is_broken_by(value)
        )
    frame = pd.DataFrame(
        {name: pd.Series(list(values), dtype=_TYPES[name]) for name, values in columns.items()}
    )
    try:
        schema_of(rules).validate(frame, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
        found = {
            (int(index), str(check)) for index, check in zip(cases["index"], cases["check"], strict=True)
        }
        return sorted(found)
    return []


def _cents(amount: Decimal) -> int:
    return max(-_FAR_OFF, min(_FAR_OFF, int((amount * 100).to_integral_value())))


def _order_columns(orders: Sequence[Order]) -> dict[str, list[Any]]:
    differences: list[int | None] = []
    for order in orders:
        totals = [line.line_total_incl_vat for line in order.lines]
        known = [total for total in totals if total is not None]
        if order.order_total_incl_vat is None or len(known) != len(totals):
            differences.append(None)
            continue
        expected = sum(known, Decimal(0)) + (order.shipping_cost_incl_vat or 0) - (order.order_discounts or 0)
        differences.append(_cents(order.order_total_incl_vat - expected))
    return {
        "currency": [order.currency for order in orders],
        "ship_country": [order.ship_country for order in orders],
        "ordered_at": [
            None if order.ordered_at is None else order.ordered_at.timestamp() for order in orders
        ],
        "line_count": [len(order.lines) for order in orders],
        "total_difference": differences,
    }


def _line_columns(orders: Sequence[Order]) -> tuple[dict[str, list[Any]], list[tuple[int, str]]]:
    owners: list[tuple[int, str]] = []
    quantity: list[int | None] = []
    price: list[int | None] = []
    excess: list[int | None] = []
    difference: list[int | None] = []
    duplicate: list[bool] = []
    for order_index, order in enumerate(orders):
        if order.order_kind != "sale":
            continue
        seen: set[str] = set()
        for line in order.lines:
            if line.line_kind != "goods":
                continue
            owners.append((order_index, line.external_line_id))
            duplicate.append(line.external_line_id in seen)
            seen.add(line.external_line_id)
            quantity.append(line.quantity)
            unit = line.unit_price_incl_vat
            total = line.line_total_incl_vat
            discount = line.line_discount_incl_vat or Decimal(0)
            if unit is None:
                unit, total, discount = line.unit_price_excl_vat, line.line_total_excl_vat, Decimal(0)
            price.append(None if unit is None else _cents(unit * 100))
            is_said = line.quantity is not None and line.quantity_cancelled is not None
            excess.append((line.quantity_cancelled or 0) - (line.quantity or 0) if is_said else None)
            if unit is None or total is None or line.quantity is None:
                difference.append(None)
            else:
                difference.append(_cents(total - (unit * line.quantity - discount)))
    columns: dict[str, list[Any]] = {
        "quantity": quantity,
        "unit_price": price,
        "cancelled_excess": excess,
        "total_difference": difference,
        "is_duplicate": duplicate,
    }
    return columns, owners
