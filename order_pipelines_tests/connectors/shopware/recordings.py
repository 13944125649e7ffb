"""The recorded orders by name, and ways to change them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from order_pipelines.connectors.shopware.mapping import interpret
from order_pipelines.domain.orders import Order

RECORDED = Path(__file__).parents[2] / "recorded" / "shopware" / "orders"


def recorded(name: str) -> bytes:
    """Return a recording as received."""
    return (RECORDED / f"{name}.json").read_bytes()


def changed(name: str, change: Callable[[dict[str, Any]], object]) -> bytes:
    """Return a recorded order after ``change`` was done to it."""
    order = orjson.loads(recorded(name))
    change(order)
    return orjson.dumps(order)


def read(body: bytes) -> Order:
    """Return the one order of a body."""
    (order,) = interpret(body, kind="order").orders
    return order
