"""Pictures of the revenue marts: a frame in, the bytes of an SVG or PNG out. Pure, and the same bytes every time.

Amounts become floats in here and nowhere else: a pixel is coarser than a cent. Currencies are never added up: each one
gets a panel with an axis of its own.
"""

import io
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING

from order_pipelines.money import format_dutch

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AMOUNT = "gross_revenue_incl_vat"
_PERIODS = ("order_date", "week_start", "month_start")
# Okabe and Ito's colours, told apart with every kind of colour blindness; its yellow is too light for a white page.
_PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
_REST_COLOUR = "#8A8F98"
_REST = "overige"
# Stand-ins for colours that the page decides, so that one SVG reads well on a light and on a dark page.
_TEXT, _GRID = "#475569", "#E2E8F0"
_MOST_DATES = 12
_WIDTH_IN, _PANEL_IN, _HEAD_IN = 11.0, 3.1, 0.2
_SMALLER_PANEL = 0.6
_PNG_DPI = 80
_SAID = "Omzet incl. btw per periode, gestapeld per kanaal en account"
_NOTHING = "Nog geen omzet in deze periode"
# matplotlib's SVG options are global settings: changed for the length of one drawing, by one thread at a time.
_drawing = threading.Lock()


@dataclass(slots=True)
class _Panel:
    """One currency: amounts per series and period, in the order of ``periods``."""

    currency: str
    periods: list[date]
    series: dict[str, list[Decimal]] = field(default_factory=dict)


def revenue_per_channel_svg(
    frame: "pd.DataFrame", *, first: date | None = None, last: date | None = None
) -> bytes:
    """Draw gross revenue per period, stacked by channel and account, one panel per currency.

    Args:
        frame: rows of ``mart.revenue_per_channel_day``, ``_week`` or ``_month``; unknown amounts are left out.
        first: first day shown; by default the first in the frame.
        last: last day shown; by default the last in the frame.

    Returns:
        One ``<svg>`` element, UTF-8, to be used as a file or inside a page. It names no time and no address; bars carry
        their day, series and amount as ``<title>``. Colours of text and lines follow ``--chart-text`` and
        ``--chart-grid`` of the page.

    Raises:
        ValueError: the frame has no period column.
    """
    labels: dict[str, str] = {}
    drawn = _draw(
        lambda: _figure(_panels(frame, first, last), labels),
        lambda figure, sink: figure.savefig(
            sink,
            format="svg",
            metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")),
            transparent=True,
        ),
    )
    return _inline(drawn.decode(), labels).encode()


def revenue_per_channel_png(
    frame: "pd.DataFrame", *, first: date | None = None, last: date | None = None
) -> bytes:
    """Draw the same as :func:`revenue_per_channel_svg` as a PNG of 880 pixels wide, for pages that take no SVG.

    Raises:
        ValueError: the frame has no period column.
    """
    return _draw(
        lambda: _figure(_panels(frame, first, last), {}),
        lambda figure, sink: figure.savefig(
            sink, format="png", dpi=_PNG_DPI, metadata={"Software": None}, facecolor="white"
        ),
    )


def _draw(make: "Callable[[], Figure]", save: "Callable[[Figure, io.BytesIO], None]") -> bytes:
    import matplotlib as mpl

    sink = io.BytesIO()
    with (
        _drawing,
        mpl.rc_context(
            {
                "font.family": "DejaVu Sans",
                "font.size": 9,
                "svg.fonttype": "none",
                "text.parse_math": False,
                "svg.hashsalt": "order_pipelines",
            }
        ),
    ):
        save(make(), sink)
    return sink.getvalue()


def _panels(frame: "pd.DataFrame", first: date | None, last: date | None) -> list[_Panel]:
    import pyarrow as pa

    column = next((name for name in _PERIODS if name in frame.columns), None)
    if column is None:
        raise ValueError(f"the frame has none of the columns {', '.join(_PERIODS)}")
    wanted = frame[[column, "channel", "account", "currency_code", AMOUNT]]
    rows = [
        row
        for row in pa.Table.from_pandas(wanted, preserve_index=False).to_pylist()
        if row[AMOUNT] is not None
        and (first is None or row[column] >= first)
        and (last is None or row[column] <= last)
    ]
    if not rows:
        return []
    begin = first or min(row[column] for row in rows)
    end = last or max(row[column] for row in rows)
    periods = list(_periods(column, begin, end))
    place = {day: number for number, day in enumerate(periods)}
    found: dict[str, _Panel] = {}
    for row in rows:
        currency = row["currency_code"] or "?"
        panel = found.setdefault(currency, _Panel(currency, periods))
        name = f"{row['channel']} · {row['account']}"
        amounts = panel.series.setdefault(name, [Decimal(0)] * len(periods))
        amounts[place[row[column]]] += Decimal(row[AMOUNT])
    panels = sorted(found.values(), key=lambda panel: (panel.currency != "EUR", panel.currency))
    for panel in panels:
        panel.series = _largest(panel.series)
    return panels


def _periods(column: str, first: date, last: date) -> Iterator[date]:
    """Yield every day, Monday or first of the month that begins from ``first`` to ``last``."""
    if column == "week_start":
        day, step = first + timedelta(days=-first.weekday() % 7), timedelta(days=7)
    elif column == "month_start":
        day, step = first.replace(day=1), timedelta(days=31)
        if day < first:
            day = (day + step).replace(day=1)
    else:
        day, step = first, timedelta(days=1)
    while day <= last:
        yield day
        day += step
        if column == "month_start":
            day = day.replace(day=1)


def _largest(series: dict[str, list[Decimal]]) -> dict[str, list[Decimal]]:
    """Keep as many series as there are colours, by name, and add up the smaller ones as "overige"."""
    by_size = sorted(series, key=lambda name: (-sum(series[name]), name))
    if len(by_size) <= len(_PALETTE):
        return {name: series[name] for name in sorted(series)}
    kept = sorted(by_size[: len(_PALETTE) - 1])
    rest = [series[name] for name in by_size if name not in kept]
    return {
        **{name: series[name] for name in kept},
        _REST: [sum(at, Decimal(0)) for at in zip(*rest, strict=True)],
    }


def _figure(panels: Sequence[_Panel], labels: dict[str, str]) -> "Figure":
    """Draw the panels; ``labels`` takes the text of every bar by its id."""
    from matplotlib.figure import Figure

    # The first panel is of the currency that matters most; the others are there to be complete.
    shares = [1.0, *[_SMALLER_PANEL] * (len(panels) - 1)]
    figure = Figure(figsize=(_WIDTH_IN, _HEAD_IN + _PANEL_IN * sum(shares)), layout="constrained")
    if not panels:
        figure.text(0.5, 0.5, _NOTHING, ha="center", va="center", color=_TEXT, fontsize=12)
        return figure
    shared = list(dict.fromkeys(name for panel in panels for name in panel.series))
    grid = figure.add_gridspec(len(panels), 1, height_ratios=shares)
    for number, panel in enumerate(panels):
        axes = figure.add_subplot(grid[number, 0])
        colours = _colours(panel, shared)
        _bars(axes, panel, colours, f"bar-{number}", labels)
        _axes(axes, panel, colours)
    return figure


def _colours(panel: _Panel, shared: Sequence[str]) -> dict[str, str]:
    """Give a series one colour in all panels, as long as the colours last; within a panel they always do."""
    names = [name for name in (shared if len(shared) <= len(_PALETTE) else panel.series) if name != _REST]
    return {**dict(zip(names, _PALETTE, strict=False)), _REST: _REST_COLOUR}


def _bars(axes: "Axes", panel: _Panel, colours: dict[str, str], prefix: str, labels: dict[str, str]) -> None:
    tops, bottoms = [0.0] * len(panel.periods), [0.0] * len(panel.periods)
    for index, (name, amounts) in enumerate(panel.series.items()):
        for at, amount in enumerate(amounts):
            if not amount:
                continue
            stack = tops if amount > 0 else bottoms
            (bar,) = axes.bar(at, float(amount), 0.8, bottom=stack[at], color=colours[name], linewidth=0)
            stack[at] += float(amount)
            identity = f"{prefix}-{index}-{at}"
            bar.set_gid(identity)
            labels[identity] = (
                f"{panel.periods[at]:%d-%m-%Y} · {name} · {format_dutch(amount, panel.currency)}"
            )


def _axes(axes: "Axes", panel: _Panel, colours: dict[str, str]) -> None:
    from matplotlib.patches import Patch
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    count = len(panel.periods)
    step = -(-count // _MOST_DATES)
    # Counted back from the newest, which is the one people look for.
    places = list(range(count - 1, -1, -step))[::-1]
    year = "-%Y" if panel.periods[0].year != panel.periods[-1].year else ""
    axes.set_xticks(places, [f"{panel.periods[at]:%d-%m{year}}" for at in places])
    axes.set_xlim(-0.6, count - 0.4)
    locator = MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10])
    axes.yaxis.set_major_locator(locator)
    # From a line to a line: the highest bar then never stands above the last amount.
    steps = locator.tick_values(*axes.get_ylim())
    low, high = float(steps[0]), float(steps[-1])
    axes.set_ylim(low, high)
    axes.yaxis.set_major_formatter(FuncFormatter(_tick_text(panel.currency, has_cents=high - low < 10)))
    axes.tick_params(length=0, colors=_TEXT, pad=6)
    axes.grid(axis="y", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_GRID)
    axes.legend(
        handles=[Patch(color=colours[name], label=name, linewidth=0) for name in panel.series],
        loc="lower left",
        bbox_to_anchor=(0, 1.01),
        ncols=4,
        frameon=False,
        labelcolor=_TEXT,
        handlelength=0.9,
        handleheight=0.9,
        borderaxespad=0,
        columnspacing=1.6,
    )


def _tick_text(currency: str, *, has_cents: bool) -> "Callable[[float, int | None], str]":
    def text(value: float, _: int | None) -> str:
        amount = format_dutch(Decimal(repr(float(value))), currency)
        return amount if has_cents else amount.removesuffix(",00")

    return text


def _inline(svg: str, labels: dict[str, str]) -> str:
    """Make matplotlib's file an element for a page: no prolog, no metadata, no size, no ids but those referred to."""
    svg = svg[svg.index("<svg") :]
    # Its style element speaks of every element, which on a page would mean the page.
    svg = re.sub(r"\s*<defs>\s*<style.*?</style>\s*</defs>", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(
        r'(<svg[^>]*?) width="[^"]*"', rf'\1 role="img" class="chart" aria-label="{_SAID}"', svg, count=1
    )
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    for identity, text in labels.items():
        svg = svg.replace(f'<g id="{identity}">', f"<g><title>{escape(text)}</title>", 1)
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', svg))
    svg = re.sub(r' id="([^"]+)"', lambda found: found.group(0) if found.group(1) in used else "", svg)
    svg = re.sub(_TEXT, f"var(--chart-text, {_TEXT})", svg, flags=re.IGNORECASE)
    return re.sub(_GRID, f"var(--chart-grid, {_GRID})", svg, flags=re.IGNORECASE)
