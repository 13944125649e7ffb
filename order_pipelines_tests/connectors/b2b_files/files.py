"""Small files made in a test, and one way to read them."""

import io
from collections.abc import Callable, Sequence
from typing import Any

from openpyxl import Workbook

from order_pipelines.connectors.b2b_files import CONNECTOR
from order_pipelines.domain.orders import Interpretation, Order, OrderLine


def sheet(*rows: Sequence[Any], change: Callable[[Workbook], None] | None = None) -> bytes:
    """Return a workbook of one sheet; ``change`` may do more to it before it is saved."""
    workbook = Workbook()
    active = workbook.active
    assert active is not None
    active.title = "Bestelling"
    for row in rows:
        active.append(list(row))
    if change is not None:
        change(workbook)
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()


def table(*lines: str, end: str = "\n") -> bytes:
    """Return a text file of lines in UTF-8."""
    return (end.join(lines) + end).encode()


def read(body: bytes, name: str = "bestelling.csv", *, kind: str = "", **options: Any) -> Interpretation:
    """Return what a body means under some options."""
    assert CONNECTOR.interpreter is not None
    return CONNECTOR.interpreter(options)(body, kind=kind, name=name)


def read_order(body: bytes, name: str = "bestelling.csv", **options: Any) -> Order:
    """Return the one order of a body that holds exactly one and no reject."""
    meaning = read(body, name, **options)
    assert meaning.rejects == []
    (order,) = meaning.orders
    return order


def read_line(body: bytes, name: str = "bestelling.csv", **options: Any) -> OrderLine:
    """Return the one line of the one order of a body, which has no problem."""
    order = read_order(body, name, **options)
    assert order.problems == ()
    (line,) = order.lines
    return line


def codes(order: Order) -> list[str]:
    """Return the codes of an order's problems."""
    return [problem.code for problem in order.problems]


def refusal(body: bytes, name: str = "bestelling.csv", **options: Any) -> str:
    """Return why a body as a whole is refused; nothing else came out of it."""
    meaning = read(body, name, **options)
    assert (meaning.orders, meaning.stock_counts, meaning.shipments) == ([], [], [])
    (reject,) = meaning.rejects
    assert reject.problem.code == "file_unreadable"
    return reject.problem.reason
