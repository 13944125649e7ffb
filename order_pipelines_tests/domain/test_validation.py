"""What an order must satisfy, alone and in a batch."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_pipelines.domain.orders import Order, OrderLine
from order_pipelines.domain.validation import (
    Believable,
    Rule,
    failures,
    line_rules,
    order_rules,
    validate_orders,
)

_NOW = datetime(2026, 11, 16, 12, tzinfo=UTC)
_LIMITS = Believable(now=_NOW)
_LINE = OrderLine(
    "1", sku="A", quantity=2, unit_price_incl_vat=Decimal("12.10"), line_total_incl_vat=Decimal("24.20")
)
_ORDER = Order(
    "1",
    "bol",
    ordered_at=_NOW - timedelta(hours=1),
    currency="EUR",
    ship_country="NL",
    lines=(_LINE,),
    order_total_incl_vat=Decimal("24.20"),
)


def _codes(order: Order) -> list[tuple[str, str | None, str | None]]:
    (problems,) = validate_orders([order], _LIMITS)
    return [(problem.code, problem.field, problem.line_id) for problem in problems]


def test_a_good_order_has_no_problems() -> None:
    assert _codes(_ORDER) == []
    assert validate_orders([], _LIMITS) == []


_OF_ORDER: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "currency": ({"currency": "EUX"}, ("unknown_currency", "currency")),
    "no currency": ({"currency": None}, ("unknown_currency", "currency")),
    "country": ({"ship_country": "XX"}, ("unknown_country", "ship_country")),
    "country in words": ({"ship_country": "Nederland"}, ("unknown_country", "ship_country")),
    "tomorrow": ({"ordered_at": _NOW + timedelta(days=1)}, ("future_order", "ordered_at")),
    "no moment": ({"ordered_at": None}, ("missing_field", "ordered_at")),
    "no lines": ({"lines": (), "order_total_incl_vat": None}, ("missing_field", "lines")),
    "total": ({"order_total_incl_vat": Decimal("24.23")}, ("total_differs", "order_total_incl_vat")),
    "total with shipping": (
        {"shipping_cost_incl_vat": Decimal("4.95")},
        ("total_differs", "order_total_incl_vat"),
    ),
}


@pytest.mark.parametrize("name", _OF_ORDER)
def test_what_is_wrong_with_an_order(name: str) -> None:
    changes, (code, field) = _OF_ORDER[name]
    assert _codes(replace(_ORDER, **changes)) == [(code, field, None)]


_OF_LINE: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "zero": ({"quantity": 0, "line_total_incl_vat": Decimal(0)}, ("negative_quantity", "quantity")),
    "negative": (
        {"quantity": -2, "line_total_incl_vat": Decimal("-24.20")},
        ("negative_quantity", "quantity"),
    ),
    "absurd": (
        {"quantity": 10_001, "line_total_incl_vat": Decimal("121012.10")},
        ("absurd_quantity", "quantity"),
    ),
    "unknown": ({"quantity": None}, ("missing_field", "quantity")),
    "price": (
        {"unit_price_incl_vat": Decimal("-1"), "line_total_incl_vat": Decimal("-2")},
        ("wrong_type", "unit_price"),
    ),
    "cancelled": ({"quantity_cancelled": 3}, ("wrong_type", "quantity_cancelled")),
    "total": ({"line_total_incl_vat": Decimal("24.23")}, ("total_differs", "line_total")),
    "discount": ({"line_discount_incl_vat": Decimal(1)}, ("total_differs", "line_total")),
}


@pytest.mark.parametrize("name", _OF_LINE)
def test_what_is_wrong_with_a_line(name: str) -> None:
    changes, (code, field) = _OF_LINE[name]
    line = replace(_LINE, **changes)
    order = replace(_ORDER, lines=(line,), order_total_incl_vat=line.line_total_incl_vat)
    assert _codes(order) == [(code, field, "1")]


@pytest.mark.parametrize(
    "changes",
    [
        {"order_total_incl_vat": Decimal("24.18")},
        {"order_total_incl_vat": Decimal("24.22")},
        {"order_total_incl_vat": None},
        {"shipping_cost_incl_vat": Decimal("4.95"), "order_total_incl_vat": Decimal("29.15")},
        {"order_discounts": Decimal("2.20"), "order_total_incl_vat": Decimal("22.00")},
        {"ordered_at": _NOW + timedelta(minutes=59)},
        {"ship_country": None},
        {"currency": "GBP"},
    ],
)
def test_what_is_unusual_and_right(changes: dict[str, Any]) -> None:
    assert _codes(replace(_ORDER, **changes)) == []


def test_two_lines_with_one_id_are_named_once() -> None:
    order = replace(_ORDER, lines=(_LINE, _LINE), order_total_incl_vat=Decimal("48.40"))
    assert _codes(order) == [("duplicate_line", "external_line_id", "1")]


def test_lines_that_are_no_goods_and_credits_have_rules_of_their_own() -> None:
    postage = OrderLine("2", quantity=None, line_total_incl_vat=Decimal("4.95"), line_kind="shipping")
    order = replace(_ORDER, lines=(_LINE, postage), order_total_incl_vat=Decimal("29.15"))
    assert _codes(order) == []
    back = replace(_LINE, quantity=-2, line_total_incl_vat=Decimal("-24.20"))
    credit = replace(_ORDER, lines=(back,), order_total_incl_vat=Decimal("-24.20"), order_kind="credit")
    assert _codes(credit) == []


def test_in_a_batch_each_order_keeps_its_own_problems() -> None:
    bad = replace(_ORDER, currency=None, lines=(replace(_LINE, quantity=None), _LINE))
    found = validate_orders([_ORDER, bad, _ORDER], _LIMITS)
    assert [sorted(problem.code for problem in problems) for problems in found] == [
        [],
        ["duplicate_line", "missing_field", "total_differs", "unknown_currency"],
        [],
    ]


def test_net_prices_are_checked_where_there_are_no_gross_ones() -> None:
    line = OrderLine(
        "1", sku="A", quantity=3, unit_price_excl_vat=Decimal("0.1234"), line_total_excl_vat=Decimal("0.37")
    )
    order = replace(_ORDER, lines=(line,), order_total_incl_vat=None)
    assert _codes(order) == []
    assert _codes(replace(order, lines=(replace(line, line_total_excl_vat=Decimal("0.40")),))) == [
        ("total_differs", "line_total", "1")
    ]


def test_numbers_beyond_all_measure_are_problems_and_not_errors() -> None:
    line = replace(_LINE, quantity=2**31 - 1, unit_price_incl_vat=Decimal(999_999_999))
    assert ("absurd_quantity", "quantity", "1") in _codes(replace(_ORDER, lines=(line,)))


def test_the_merchant_sets_what_is_believable() -> None:
    limits = Believable(
        now=_NOW, max_line_quantity=1, max_future=timedelta(days=2), total_tolerance=Decimal("5.00")
    )
    order = replace(_ORDER, ordered_at=_NOW + timedelta(days=1), order_total_incl_vat=Decimal("29.15"))
    (problems,) = validate_orders([order], limits)
    assert [problem.code for problem in problems] == ["absurd_quantity"]


_NUMBERS = st.none() | st.integers(-(10**15), 10**15) | st.integers(-3, 3)
_COLUMNS: dict[str, st.SearchStrategy[Any]] = {
    "currency": st.none() | st.sampled_from(["EUR", "SEK", "EUX", "", "€"]),
    "ship_country": st.none() | st.sampled_from(["NL", "BE", "XX", "", "Nederland"]),
    "ordered_at": st.none() | st.sampled_from([_NOW.timestamp() + hours * 3600 for hours in (-1, 0, 1, 2)]),
    "line_count": st.integers(0, 2),
    "total_difference": _NUMBERS,
    "quantity": _NUMBERS | st.sampled_from([10_000, 10_001]),
    "unit_price": _NUMBERS,
    "cancelled_excess": _NUMBERS,
    "is_duplicate": st.booleans(),
}


@pytest.mark.parametrize("rules", [order_rules(_LIMITS), line_rules(_LIMITS)], ids=["orders", "lines"])
@given(data=st.data())
def test_a_batch_is_judged_as_each_of_its_rows_is_alone(rules: tuple[Rule, ...], data: st.DataObject) -> None:
    """Few rows are judged value by value, many by Pandera: nothing may depend on how many came at once."""
    names = list(dict.fromkeys(rule.column for rule in rules))
    rows = data.draw(st.lists(st.tuples(*(_COLUMNS[name] for name in names)), min_size=1, max_size=6))
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    alone = [
        (index, check)
        for index in range(len(rows))
        for _, check in failures(rules, {name: [values[index]] for name, values in columns.items()})
    ]
    assert failures(rules, columns, few=0) == alone
    assert failures(rules, columns) == alone
