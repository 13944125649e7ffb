"""Small tables and pictures for the metadata of an asset. Never a person's: only columns declared free of them."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.warehouse.columns import Table
from order_pipelines.warehouse.session import Session

SAMPLE_ROWS = 5
_SAMPLE_COLUMNS = 10
_CELL = 60
_HASHES = ("content_hash", "payload_hash", "quarantine_reasons", "must_flag")
# Above this a sample takes whatever rows come first: sorting millions of rows for a picture is not worth it.
_SORTED_UP_TO = 200_000


def markdown_table(rows: Sequence[Mapping[str, Any]], *, widest: int = _CELL) -> str:
    """Return rows as a Markdown table, all columns in order of first appearance; ``no rows`` for none.

    A text longer than ``widest`` is cut.
    """
    if not rows:
        return "no rows"
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    lines = [f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}"]
    lines.extend(f"| {' | '.join(_cell(row.get(name), widest) for name in names)} |" for row in rows)
    return "\n".join(lines)


def _cell(value: object, widest: int) -> str:
    if value is None:
        return ""
    text = clock.isoformat(value) if isinstance(value, datetime) else str(value)
    text = text.replace("|", "\\|").replace("\n", " ")
    return text if len(text) <= widest else f"{text[: widest - 1]}…"


def warehouse_sample(session: Session, table: Table, row_count: int) -> str:
    """Return a few rows of a warehouse table, the newest where that is cheap, as Markdown."""
    plain = [column.name for column in table.columns if not column.is_personal and column.name not in _HASHES]
    rest = [name for name in plain if name not in table.key]
    names = [*(name for name in table.key if name in plain), *rest][:_SAMPLE_COLUMNS]
    newest = next((name for name in ("change_seq", "movement_seq") if name in plain), table.key[0])
    order = f" order by {newest} desc" if row_count <= _SORTED_UP_TO else ""
    rows = session.query(f"select {', '.join(names)} from {table.full_name}{order} limit {SAMPLE_ROWS}")
    return markdown_table(rows.to_pylist())


def owner_of(table: sa.Table) -> sa.Column[Any] | None:
    """Return the column that names the account of a row, ``None`` where rows are the merchant's as a whole."""
    return next((table.c[name] for name in ("account", "source") if name in table.c), None)


def store_sample(
    connection: Connection,
    table: sa.Table,
    names: Sequence[str],
    accounts: Iterable[str],
    *of: sa.ColumnElement[bool],
) -> str:
    """Return a few rows of a table of the operations store that belong to these accounts, or to none, as Markdown."""
    query = sa.select(*(table.c[name] for name in names)).where(*of)
    owner = owner_of(table)
    if owner is not None:
        query = query.where(owner.in_(list(accounts)))
    newest = "change_seq" if "change_seq" in table.c else next(iter(table.primary_key)).name
    rows = connection.execute(query.order_by(table.c[newest].desc()).limit(SAMPLE_ROWS))
    return markdown_table([dict(row) for row in rows.mappings()])


def picture_in_markdown(png: bytes, alt: str) -> str:
    """Return a PNG as a Markdown image that needs no file."""
    return f"![{alt}](data:image/png;base64,{base64.b64encode(png).decode()})"
