"""Returns held against orders: whose line comes back, and whether that can be. Found anew whenever either changed."""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.domain.return_rules import MatchedLine, remarks_on
from order_pipelines.domain.returns import COMING_STATES, OPEN_STATES
from order_pipelines.identifiers import make_order_key
from order_pipelines.operations.store import CHANGE, chunks, next_values
from order_pipelines.operations.tables import channel_return_lines, channel_returns, order_lines, orders
from order_pipelines.services.judging import believable
from order_pipelines.settings import Settings

_FOUND = ("order_key", "line_id", "sku", "remarks")


def match_returns(
    connection: Connection, settings: Settings, account: str, order_ids: Collection[str] = ()
) -> int:
    """Find order, line and article of the returns of an account, and what is remarkable; returns how many changed.

    Looked at are all that are open or have a remark (the order may have come since), and all of ``order_ids``.
    What comes of it depends on what is stored and not on the order in which it came.
    """
    rows = _to_judge(connection, account, order_ids)
    if not rows:
        return 0
    known = _orders_of(connection, account, {row.external_order_id for row in rows} - {None})
    sold = _goods_of(connection, known.values())
    found = [_match(account, row, known, sold) for row in rows]
    coming: dict[tuple[str, str], int] = {}
    for row, (order_key, line, _) in zip(rows, found, strict=True):
        if order_key is not None and line is not None and row.state in COMING_STATES:
            place = (order_key, line.line_id)
            coming[place] = coming.get(place, 0) + max(0, row.quantity or 0)
    remarks = remarks_on(
        [
            MatchedLine(
                row.external_order_id,
                is_order_known=order_key is not None,
                is_line_known=line is not None,
                quantity=row.quantity,
                excess=_excess(row, order_key, line, pieces, coming),
                state=row.state,
                registered_at=row.registered_at,
            )
            for row, (order_key, line, pieces) in zip(rows, found, strict=True)
        ],
        believable(settings),
    )
    changed: dict[str, list[dict[str, Any]]] = {}
    for row, (order_key, line, _), words in zip(rows, found, remarks, strict=True):
        values = {
            "order_key": order_key,
            "line_id": None if line is None else line.line_id,
            "sku": None if line is None else line.sku,
            "remarks": list(words),
        }
        if any(getattr(row, name) != values[name] for name in _FOUND):
            changed.setdefault(row.return_key, []).append({**values, "return_line_id": row.return_line_id})
    _write(connection, changed)
    return sum(len(lines) for lines in changed.values())


def _to_judge(connection: Connection, account: str, order_ids: Collection[str]) -> list[Any]:
    """Return the lines to look at, and all others of the same orders: pieces are added up over them."""
    lines, heads = channel_return_lines, channel_returns
    own = sa.select(lines, heads.c.registered_at).join(heads, heads.c.return_key == lines.c.return_key)
    own = own.where(heads.c.account == account)
    query = own.where(
        sa.or_(lines.c.state.in_(OPEN_STATES), lines.c.remarks != sa.literal([], lines.c.remarks.type))
    )
    found = {(row.return_key, row.return_line_id): row for row in connection.execute(query)}
    wanted = {row.external_order_id for row in found.values()} | set(order_ids)
    for part in chunks(sorted(each for each in wanted if each is not None)):
        for row in connection.execute(own.where(lines.c.external_order_id.in_(part))):
            found[(row.return_key, row.return_line_id)] = row
    return [found[key] for key in sorted(found)]


def _orders_of(connection: Connection, account: str, ids: Collection[str]) -> dict[str, str]:
    """Return the keys of the orders of an account by their external id."""
    wanted = {make_order_key(account, each): each for each in ids}
    known: dict[str, str] = {}
    for part in chunks(sorted(wanted)):
        for key in connection.execute(
            sa.select(orders.c.order_key).where(orders.c.order_key.in_(part))
        ).scalars():
            known[wanted[key]] = key
    return known


def _goods_of(connection: Connection, keys: Collection[str]) -> dict[str, list[Any]]:
    lines: dict[str, list[Any]] = {}
    for part in chunks(sorted(keys)):
        query = sa.select(order_lines).where(
            order_lines.c.order_key.in_(part), order_lines.c.line_kind == "goods"
        )
        for row in connection.execute(query.order_by(order_lines.c.order_key, order_lines.c.line_number)):
            lines.setdefault(row.order_key, []).append(row)
    return lines


def _match(
    account: str, row: Any, known: dict[str, str], sold: dict[str, list[Any]]
) -> tuple[str | None, Any, int | None]:
    """Return order, line and the pieces that could come back of it: sold and not cancelled."""
    order_key = known.get(row.external_order_id)
    if order_key is None:
        return None, None, None
    lines = sold.get(order_key, [])
    if row.external_line_id is not None:
        same = [line for line in lines if line.line_id == row.external_line_id]
    else:
        # A channel that names an article and no line may have sold it on several; they count together.
        same = [line for line in lines if row.ean_said is not None and line.ean_said == row.ean_said]
    if not same:
        return order_key, None, None
    return order_key, same[0], _left(same)


def _left(lines: Sequence[Any]) -> int | None:
    if any(line.quantity is None for line in lines):
        return None
    return sum(int(line.quantity) - (line.quantity_cancelled or 0) for line in lines)


def _excess(
    row: Any, order_key: str | None, line: Any, pieces: int | None, coming: dict[tuple[str, str], int]
) -> int | None:
    if order_key is None or line is None or pieces is None or row.state not in COMING_STATES:
        return None
    return coming[(order_key, line.line_id)] - pieces


def _write(connection: Connection, changed: dict[str, list[dict[str, Any]]]) -> None:
    if not changed:
        return
    first = next_values(connection, CHANGE, len(changed))
    for number, key in enumerate(sorted(changed), start=first):
        for values in changed[key]:
            line_id = values.pop("return_line_id")
            connection.execute(
                sa.update(channel_return_lines)
                .where(
                    channel_return_lines.c.return_key == key,
                    channel_return_lines.c.return_line_id == line_id,
                )
                .values(**values)
            )
        connection.execute(
            sa.update(channel_returns).where(channel_returns.c.return_key == key).values(change_seq=number)
        )
