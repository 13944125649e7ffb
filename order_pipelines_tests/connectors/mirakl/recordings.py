"""Recorded order payloads of Mirakl, and copies of them that differ in one place."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import orjson

from order_pipelines.connectors.mirakl.mapping import interpret
from order_pipelines.domain.orders import Interpretation, Order

FOLDER = Path(__file__).parents[2] / "recorded" / "mirakl" / "orders"
INCLUDED = "or11_tax_included_be.json"
EXCLUDED = "or11_tax_excluded_center.json"
OLD = "or12_old_version.json"

Json = dict[str, Any]


def load(name: str) -> Json:
    content: Json = orjson.loads((FOLDER / name).read_bytes())
    return content


def read(payload: object) -> Interpretation:
    return interpret(orjson.dumps(payload), kind="order")


def read_one(payload: object) -> Order:
    result = read(payload)
    assert result.rejects == []
    assert len(result.orders) == 1
    return result.orders[0]


def order_of(name: str = INCLUDED) -> Json:
    order: Json = deepcopy(load(name)["orders"][0])
    return order


def with_order(name: str = INCLUDED, /, **members: Any) -> Json:
    """Return a recorded order with other members; ``...`` removes one."""
    order = order_of(name)
    change(order, members)
    return order


def with_line(name: str = INCLUDED, /, **members: Any) -> Json:
    """Return a recorded order with other members in its line; ``...`` removes one."""
    order = order_of(name)
    change(order["order_lines"][0], members)
    return order


def change(target: Json, members: Json) -> None:
    for member, value in members.items():
        if value is ...:
            del target[member]
        else:
            target[member] = value


def codes(order: Order) -> list[tuple[str, str | None]]:
    return [(problem.code, problem.field) for problem in order.problems]
