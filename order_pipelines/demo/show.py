"""The tables that the demo ends with."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from order_pipelines.demo.outcome import Outcome, Waiting
from order_pipelines.money import format_dutch
from order_pipelines.services.stock_table import DIFFERS, cells_of


def show_outcome(console: Console, outcome: Outcome, settings: Path) -> None:
    """Print what was sold, booked, shown and quarantined, and where to look next."""
    _show_revenue(console, outcome)
    _show_books(console, outcome)
    _show_traced(console, outcome)
    _show_compared(console, outcome)
    _show_waiting(
        console, "In quarantine: takes stock, is neither counted, invoiced nor shipped", outcome.quarantined
    )
    _show_waiting(console, "Shipped, and waiting for the books", outcome.held_invoices)
    _show_waiting(console, "Alerts: somebody should look", outcome.alerts)
    _show_stock(console, outcome)
    if outcome.report is not None:
        console.print(f"Report:    {outcome.report}", soft_wrap=True)
    console.print(f"Look:      order-pipelines --settings {settings} orders show 1043210014", soft_wrap=True)
    console.print(f"Stock:     order-pipelines --settings {settings} stock show", soft_wrap=True)
    console.print("Next:      make up        then open http://127.0.0.1:3000", soft_wrap=True)


def _table(title: str, headings: Sequence[str], numbers: Iterable[int] = ()) -> Table:
    right = set(numbers)
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index in right else "left", overflow="fold")
    return table


def _show_revenue(console: Console, outcome: Outcome) -> None:
    table = _table(
        "Sold, per channel and account (mart.revenue_per_channel_day; without quarantine)",
        ("channel", "account", "orders", "units", "revenue incl. VAT", "net", "VAT"),
        range(2, 7),
    )
    for row in outcome.revenue:
        table.add_row(
            row.channel,
            row.account,
            str(row.orders),
            str(row.units),
            *map(format_dutch, (row.gross, row.net, row.vat)),
        )
    table.add_section()
    table.add_row(
        "all",
        "",
        str(sum(row.orders for row in outcome.revenue)),
        str(sum(row.units for row in outcome.revenue)),
        *(
            format_dutch(sum(amounts, Decimal(0)))
            for amounts in zip(*((row.gross, row.net, row.vat) for row in outcome.revenue), strict=True)
        ),
    )
    console.print(table)


def _show_books(console: Console, outcome: Outcome) -> None:
    table = _table(
        "Invoiced in Exact Online, read back from there",
        ("debtor", "entries", "total", "VAT in it"),
        range(1, 4),
    )
    for row in outcome.booked:
        table.add_row(row.account, str(row.entries), format_dutch(row.total), format_dutch(row.vat))
    table.add_section()
    table.add_row(
        "all",
        str(sum(row.entries for row in outcome.booked)),
        format_dutch(sum((row.total for row in outcome.booked), Decimal(0))),
        format_dutch(sum((row.vat for row in outcome.booked), Decimal(0))),
    )
    console.print(table)
    console.print(
        f"entries that are there twice: {outcome.double_entries}; parcels announced: "
        + ", ".join(f"{account} {count}" for account, count in outcome.parcels_announced.items())
        + "\n"
    )


def _show_stock(console: Console, outcome: Outcome) -> None:
    cells = cells_of(outcome.stock, outcome.settings)
    table = _table(
        "Stock of every article: on hand per location, reserved, open (sold and not sent); per account "
        f"desired/confirmed/\nheld by the channel, asked there just now; {DIFFERS} where they differ",
        cells.headings,
        cells.numbers,
    )
    for row in cells.rows:
        table.add_row(*map(Text, row))
    console.print(table)
    offers = [offer for line in outcome.stock for offer in line.offers]
    for account in outcome.traced.before:
        agreed = [offer.is_agreed for offer in offers if offer.account == account]
        console.print(
            f"{account}: {sum(agreed)} of {len(agreed)} offers hold what we sent and the channel confirmed"
        )
    console.print()


def _show_traced(console: Console, outcome: Outcome) -> None:
    traced = outcome.traced
    table = _table(
        f"A sale at one shows at all others: {traced.sku}, of which {traced.sold} was sold at {traced.sold_at}",
        ("for sale at", *traced.before),
        range(1, len(traced.before) + 1),
    )
    table.add_row("before", *(str(pieces) for pieces in traced.before.values()))
    table.add_row("after a run", *(str(pieces) for pieces in traced.after.values()))
    console.print(table)


def _show_compared(console: Console, outcome: Outcome) -> None:
    table = _table(
        "Channel = warehouse = Exact, read anew (mart.three_way_per_day)",
        (
            "account",
            "channel",
            "warehouse",
            "Exact",
            "channel - warehouse",
            "warehouse - Exact",
            "unexplained",
        ),
        (1, 2, 3, 6),
    )
    for row in outcome.compared:
        table.add_row(
            row.account,
            _side(row.channel, row.has_source),
            format_dutch(row.warehouse),
            _side(row.books, row.has_books),
            _named(row.channel_terms),
            _named(row.books_terms),
            format_dutch(row.unexplained),
        )
    console.print(table)


def _named(terms: Mapping[str, Decimal]) -> str:
    named = (f"{name.replace('_', ' ')} {format_dutch(amount)}" for name, amount in terms.items())
    return ", ".join(named) or "nothing"


def _side(amount: Decimal | None, is_there: bool) -> str:
    if not is_there:
        return "none"
    return "not read" if amount is None else format_dutch(amount)


def _show_waiting(console: Console, title: str, rows: Sequence[Waiting]) -> None:
    table = _table(title, ("what", "why"))
    for row in rows:
        table.add_row(Text(row.what), Text(row.reason))
    console.print(table)
