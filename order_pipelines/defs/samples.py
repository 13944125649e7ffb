"""Small tables and pictures for the metadata of an asset. Never a person's: only columns declared free of them."""

import base64
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
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
_PALETTE = ("#2a78d6", "#1baf7a", "#eda100", "#d64550", "#7a5bd6", "#4a4a4a", "#00a3ad", "#b0643c")


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as a Markdown table, all columns in order of first appearance; ``no rows`` for none."""
    if not rows:
        return "no rows"
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    lines = [f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}"]
    lines.extend(f"| {' | '.join(_cell(row.get(name)) for name in names)} |" for row in rows)
    return "\n".join(lines)


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = clock.isoformat(value) if isinstance(value, datetime) else str(value)
    text = text.replace("|", "\\|").replace("\n", " ")
    return text if len(text) <= _CELL else f"{text[: _CELL - 1]}…"


def warehouse_sample(session: Session, table: Table, row_count: int) -> str:
    """Return a few rows of a warehouse table, the newest where that is cheap, as Markdown."""
    plain = [column.name for column in table.columns if not column.is_personal and column.name not in _HASHES]
    rest = [name for name in plain if name not in table.key]
    names = [*(name for name in table.key if name in plain), *rest][:_SAMPLE_COLUMNS]
    newest = next((name for name in ("change_seq", "movement_seq") if name in plain), table.key[0])
    order = f" order by {newest} desc" if row_count <= _SORTED_UP_TO else ""
    rows = session.query(f"select {', '.join(names)} from {table.full_name}{order} limit {SAMPLE_ROWS}")
    return markdown_table(rows.to_pylist())


def store_sample(
    connection: Connection, table: sa.Table, names: Sequence[str], accounts: Iterable[str]
) -> str:
    """Return a few rows of a table of the operations store that belong to these accounts, as Markdown."""
    query = sa.select(*(table.c[name] for name in names)).where(table.c.account.in_(list(accounts)))
    newest = "change_seq" if "change_seq" in table.c else next(iter(table.primary_key)).name
    rows = connection.execute(query.order_by(table.c[newest].desc()).limit(SAMPLE_ROWS))
    return markdown_table([dict(row) for row in rows.mappings()])


def revenue_plot(points: Sequence[tuple[date, str, Decimal]], currency: str) -> bytes:
    """Return a PNG of revenue per day, stacked by channel.

    Args:
        points: business day, channel, gross revenue; missing days and channels are zero.
        currency: of all amounts, for the axis.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 2.6), dpi=90, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    days = _every_day({day for day, _, _ in points})
    channels = sorted({channel for _, channel, _ in points})
    amounts: dict[tuple[date, str], Decimal] = {}
    for day, channel, amount in points:
        amounts[(day, channel)] = amounts.get((day, channel), Decimal(0)) + amount
    labels = [f"{day:%d-%m}" for day in days]
    bottom = [Decimal(0)] * len(days)
    for number, channel in enumerate(channels):
        heights = [amounts.get((day, channel), Decimal(0)) for day in days]
        axes.bar(
            range(len(days)),
            [float(height) for height in heights],
            bottom=[float(base) for base in bottom],
            label=channel,
            color=_PALETTE[number % len(_PALETTE)],
        )
        bottom = [base + height for base, height in zip(bottom, heights, strict=True)]
    step = max(1, len(days) // 12)
    axes.set_xticks(range(0, len(days), step), labels[::step], fontsize=8)
    axes.tick_params(axis="y", labelsize=8)
    axes.set_ylabel(f"{currency} incl. VAT", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    if channels:
        figure.legend(fontsize=8, frameon=False, loc="outside upper left", ncols=6)
    else:
        axes.set_title("no revenue yet", fontsize=9)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()


def _every_day(days: Collection[date]) -> list[date]:
    """Return all days from the first to the last: a day without revenue is a gap and not left out."""
    if not days:
        return []
    first, last = min(days), max(days)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def picture_in_markdown(png: bytes, alt: str) -> str:
    """Return a PNG as a Markdown image that needs no file."""
    return f"![{alt}](data:image/png;base64,{base64.b64encode(png).decode()})"
