"""Recorded order payloads, and copies of them that differ in one place."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import orjson

from order_pipelines.connectors.bol.mapping import interpret
from order_pipelines.domain.orders import Interpretation, Order

FOLDER = Path(__file__).parents[2] / "recorded" / "bol" / "orders"
FBR = "order_fbr_pickup_business.json"
FBB = "order_fbb_two_lines_business.json"
LETTERS = "order_fbr_id_with_letters.json"
DISCOUNT = "order_discount_whole_line.json"
LIST_FBR = "orders_list_fbr.json"
LIST_FBB = "orders_list_fbb.json"

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


def with_item(name: str = DISCOUNT, index: int = 0, **members: Any) -> Json:
    """Return a recording with other members in one line; ``...`` removes a member."""
    payload = deepcopy(load(name))
    change(payload["orderItems"][index], members)
    return payload


def change(target: Json, members: Json) -> None:
    for member, value in members.items():
        if value is ...:
            del target[member]
        else:
            target[member] = value


def codes(order: Order) -> list[tuple[str, str | None]]:
    return [(problem.code, problem.field) for problem in order.problems]
