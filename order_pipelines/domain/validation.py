"""What an order must satisfy to be counted, invoiced and shipped: Pandera schemas for a batch or for a single order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from order_pipelines.domain.orders import Order, Problem
from order_pipelines.domain.reference import COUNTRIES, CURRENCIES

# Any difference this large is one; frames hold integers of 64 bits.
_FAR_OFF = 10**15

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


def order_schema(limits: Believable) -> pa.DataFrameSchema:
    """Return the schema of order frames: one row an order, money in cents, instants in epoch seconds."""
    latest = (limits.now + limits.max_future).timestamp()
    tolerance = int(limits.total_tolerance * 100)
    return pa.DataFrameSchema(
        {
            "currency": pa.Column(
                nullable=True,
                checks=pa.Check(lambda s: s.isin(CURRENCIES), name="unknown_currency", ignore_na=False),
            ),
            "ship_country": pa.Column(
                nullable=True, checks=pa.Check(lambda s: s.isna() | s.isin(COUNTRIES), name="unknown_country")
            ),
            "ordered_at": pa.Column(
                nullable=True,
                checks=[
                    pa.Check(lambda s: s.notna(), name="missing_field", ignore_na=False),
                    pa.Check(lambda s: ~(s > latest), name="future_order"),
                ],
            ),
            "line_count": pa.Column(checks=pa.Check(lambda s: s > 0, name="no_lines")),
            "total_difference": pa.Column(
                nullable=True, checks=pa.Check(lambda s: s.abs() <= tolerance, name="total_differs")
            ),
        },
        strict=True,
    )


def line_schema(limits: Believable) -> pa.DataFrameSchema:
    """Return the schema of line frames of sales: one row a line, money in cents (prices in hundredths of a cent)."""
    tolerance = int(limits.total_tolerance * 100)
    return pa.DataFrameSchema(
        {
            "quantity": pa.Column(
                nullable=True,
                checks=[
                    pa.Check(lambda s: s.notna(), name="missing_quantity", ignore_na=False),
                    pa.Check(lambda s: s > 0, name="negative_quantity"),
                    pa.Check(lambda s: s <= limits.max_line_quantity, name="absurd_quantity"),
                ],
            ),
            "unit_price": pa.Column(nullable=True, checks=pa.Check(lambda s: s >= 0, name="negative_price")),
            "cancelled_excess": pa.Column(
                nullable=True, checks=pa.Check(lambda s: s <= 0, name="impossible_quantity")
            ),
            "total_difference": pa.Column(
                nullable=True, checks=pa.Check(lambda s: s.abs() <= tolerance, name="line_total_differs")
            ),
            "is_duplicate": pa.Column(checks=pa.Check(lambda s: ~s, name="duplicate_line")),
        },
        strict=True,
    )


def validate_orders(orders: Sequence[Order], limits: Believable) -> list[list[Problem]]:
    """Return, for each order, what is wrong with it; an empty list for a good one."""
    problems: list[list[Problem]] = [[] for _ in orders]
    if not orders:
        return problems
    frame = _order_frame(orders)
    for index, check in _failures(order_schema(limits), frame):
        problems[index].append(_problem(check, None))
    lines, owners = _line_frame(orders)
    if len(lines):
        for index, check in _failures(line_schema(limits), lines):
            order_index, line_id = owners[index]
            problems[order_index].append(_problem(check, line_id))
    return problems


def _problem(check: str, line_id: str | None) -> Problem:
    return Problem(_CODES.get(check, check), _REASONS[check], field=_FIELDS[check], line_id=line_id)


def _failures(schema: pa.DataFrameSchema, frame: pd.DataFrame) -> list[tuple[int, str]]:
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
        found = {
            (int(index), str(check)) for index, check in zip(cases["index"], cases["check"], strict=True)
        }
        return sorted(found)
    return []


def _cents(amount: Decimal) -> int:
    return max(-_FAR_OFF, min(_FAR_OFF, int((amount * 100).to_integral_value())))


def _order_frame(orders: Sequence[Order]) -> pd.DataFrame:
    differences: list[int | None] = []
    for order in orders:
        totals = [line.line_total_incl_vat for line in order.lines]
        known = [total for total in totals if total is not None]
        if order.order_total_incl_vat is None or len(known) != len(totals):
            differences.append(None)
            continue
        expected = sum(known, Decimal(0)) + (order.shipping_cost_incl_vat or 0) - (order.order_discounts or 0)
        differences.append(_cents(order.order_total_incl_vat - expected))
    return pd.DataFrame(
        {
            "currency": pd.array([order.currency for order in orders], dtype="string[pyarrow]"),
            "ship_country": pd.array([order.ship_country for order in orders], dtype="string[pyarrow]"),
            "ordered_at": pd.array(
                [None if order.ordered_at is None else order.ordered_at.timestamp() for order in orders],
                dtype="Float64",
            ),
            "line_count": [len(order.lines) for order in orders],
            "total_difference": pd.array(differences, dtype="Int64"),
        }
    )


def _line_frame(orders: Sequence[Order]) -> tuple[pd.DataFrame, list[tuple[int, str]]]:
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
    frame = pd.DataFrame(
        {
            "quantity": pd.array(quantity, dtype="Int64"),
            "unit_price": pd.array(price, dtype="Int64"),
            "cancelled_excess": pd.array(excess, dtype="Int64"),
            "total_difference": pd.array(difference, dtype="Int64"),
            "is_duplicate": duplicate,
        }
    )
    return frame, owners
