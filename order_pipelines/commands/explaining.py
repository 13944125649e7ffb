"""Commands that answer why a number is what it is, and whether the books of stock agree with themselves."""

from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal

import click
import orjson

from order_pipelines import clock
from order_pipelines.commands.common import count_of, known_account, opened_store, show_table
from order_pipelines.errors import ConfigurationError
from order_pipelines.services.explain_stock import EVENTS, Answer, explain_stock
from order_pipelines.services.stock_history import Happened
from order_pipelines.services.told_numbers import Number
from order_pipelines.settings import Settings


@click.command("explain-stock")
@click.option("--account", required=True, metavar="NAME", help="Whose customers see the number.")
@click.option("--sku", required=True, metavar="SKU", help="The article or bundle.")
@click.option("--at", "moment", metavar="TIME", help="A past second, such as 2026-11-20T14:03:05 (merchant's zone, or "
              "with Z or an offset): what was known then.")  # fmt: skip
@click.option("--as-happened", is_flag=True, help="What is known now about then: late news is in it.")
@click.option(
    "--events", type=click.IntRange(0, 10_000), default=EVENTS, show_default=True, help="The newest so many."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@click.pass_context
def explain_stock_command(
    ctx: click.Context,
    account: str,
    sku: str,
    moment: str | None,
    as_happened: bool,
    events: int,
    as_json: bool,
) -> None:
    """Tell how the number of an article at an account comes about, and the first place that disagrees."""
    with opened_store(ctx) as (store, settings), store.reading() as connection:
        known_account(settings, account)
        at = None if moment is None else _instant(moment, settings)
        if as_happened and at is None:
            at = clock.now()
        answer = explain_stock(
            connection, settings, account, sku, at=at, as_happened=as_happened, events=events
        )
    if as_json:
        click.echo(orjson.dumps(asdict(answer), default=_plain, option=orjson.OPT_INDENT_2))
    else:
        _show(answer, settings)


def _plain(value: object) -> str:
    if isinstance(value, Decimal | date):
        return str(value)
    raise TypeError(type(value).__name__)


def _instant(text: str, settings: Settings) -> datetime:
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ConfigurationError(
            f"--at {text!r} is no moment; write it as 2026-11-20T14:03:05, in the merchant's time zone, or with Z"
        ) from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=settings.merchant.zone)
    if found > clock.now():
        raise ConfigurationError(f"--at {text} is in the future")
    return found


def _show(answer: Answer, settings: Settings) -> None:
    when = "now"
    if answer.at is not None:
        known = "as is known now" if answer.as_happened else "as was known then"
        when = f"at {_second(answer.at, settings)} ({known})"
    click.echo(f"{answer.sku} at {answer.account}, {when}")
    click.echo(f"  {answer.verdict}")
    click.echo()
    show_table(
        "In the places",
        ("article", "location", "on hand", "reserved", "owed", "left", "counted", "serves the account"),
        [
            (
                place.sku,
                place.location + (" (external)" if place.is_external else ""),
                place.on_hand,
                place.reserved,
                place.open_demand,
                place.on_hand - place.reserved - place.open_demand,
                _second(place.counted_at, settings) or "never",
                "yes" if place.is_serving else "no",
            )
            for place in answer.places
        ],
        numbers=(2, 3, 4, 5),
    )
    show_table(
        "May be promised",
        ("article", "each", "on hand", "external", "supplier", "incoming", "reserved", "owed", "buffer", "available"),
        [
            (
                part.sku,
                part.pieces_each,
                part.on_hand,
                part.external,
                part.supplier,
                part.incoming,
                -part.reserved,
                -part.open_demand,
                -part.buffer,
                part.available if part.is_counted else "never counted",
            )
            for part in answer.parts
        ],
        numbers=range(1, 10),
    )  # fmt: skip
    click.echo(f"available {answer.available}, shown {answer.policy}")
    click.echo()
    show_table(
        "Told to the channel",
        (
            "offer",
            "promised",
            "own orders",
            "own carts",
            "to tell",
            "desired",
            "sent",
            "confirmed",
            "read back",
        ),
        [
            (
                offer.offer_id,
                offer.promised,
                offer.own_open,
                offer.own_reserved,
                offer.told,
                _number(offer.offer.desired, settings),
                _number(offer.offer.sent, settings),
                _number(offer.offer.confirmed, settings),
                _number(offer.offer.read_back, settings),
            )
            for offer in answer.offers
        ],
        numbers=(1, 2, 3, 4),
    )
    if answer.differences:
        show_table(
            "Known then, and now about then (on hand / reserved / owed)",
            ("article", "location", "known then", "as it happened"),
            [
                (
                    each.sku,
                    each.location,
                    f"{each.known.on_hand} / {each.known.reserved} / {each.known.open_demand}",
                    f"{each.happened.on_hand} / {each.happened.reserved} / {each.happened.open_demand}",
                )
                for each in answer.differences
            ],
        )
    show_table("Learnt later", *_movements(answer.late, settings))
    show_table("What made it, newest first", *_movements(answer.history, settings))
    for note in answer.notes:
        click.echo(f"note: {note}")


def _number(number: Number | None, settings: Settings) -> str:
    if number is None:
        return ""
    quantity = "unreadable" if number.quantity is None else str(number.quantity)
    return quantity if number.at is None else f"{quantity} ({_second(number.at, settings)})"


def _movements(
    rows: tuple[Happened, ...], settings: Settings
) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    headings = (
        "happened",
        "known",
        "what",
        "article",
        "where",
        "on hand",
        "reserved",
        "owed",
        "number",
        "why",
    )
    return headings, [
        (
            _second(row.at, settings),
            _second(row.known_at, settings),
            row.kind,
            row.sku,
            row.where,
            _signed(row.on_hand),
            _signed(row.reserved),
            _signed(row.open_demand),
            row.quantity,
            row.why,
        )
        for row in rows
    ]


def _signed(change: int | None) -> str:
    return "" if not change else f"{change:+d}"


def _second(instant: datetime | None, settings: Settings) -> str:
    return "" if instant is None else f"{instant.astimezone(settings.merchant.zone):%Y-%m-%d %H:%M:%S}"


@click.group("stock")
def stock_command() -> None:
    """What there is of every article, and whether the books of stock agree with themselves."""


@stock_command.command("show")
@click.option("--sku", "skus", multiple=True, metavar="SKU", help="Only this article (may be repeated).")
@click.option("--account", metavar="NAME", help="Only what this account offers, and its numbers.")
@click.option("--differing", is_flag=True, help="Only articles of which an offer shows another number.")
@click.option("--json", "as_json", is_flag=True, help="One JSON list, for programs.")
@click.pass_context
def stock_show_command(
    ctx: click.Context, skus: tuple[str, ...], account: str | None, differing: bool, as_json: bool
) -> None:
    """Show every article: on hand per location, reserved, open, and desired / confirmed / shown per account."""
    from order_pipelines.services.stock_table import DIFFERS, cells_of, read_stock_table

    with opened_store(ctx) as (store, settings):
        known_account(settings, account)
        with store.reading() as connection:
            lines = read_stock_table(connection, skus=skus, account=account)
    if differing:
        lines = [line for line in lines if not line.is_agreed]
    if as_json:
        answer = [
            {
                **asdict(line),
                "offers": [{**asdict(offer), "is_agreed": offer.is_agreed} for offer in line.offers],
            }
            for line in lines
        ]
        click.echo(orjson.dumps(answer, default=_plain, option=orjson.OPT_INDENT_2))
        return
    cells = cells_of(lines, settings)
    show_table(None, cells.headings, cells.rows, numbers=cells.numbers)
    waiting = sum(not offer.is_agreed for line in lines for offer in line.offers)
    offers = count_of(sum(len(line.offers) for line in lines), "offer")
    click.echo(f"{count_of(len(lines), 'article')}, {offers}, of which {waiting} differ ({DIFFERS})")


@stock_command.command("check")
@click.option("--rows", "shown", type=click.IntRange(1, 10_000), default=20, show_default=True,
              help="At most so many rows of each.")  # fmt: skip
@click.pass_context
def stock_check_command(ctx: click.Context, shown: int) -> None:
    """List what disagrees in the books of stock; exit code 1 when anything does."""
    from order_pipelines.services.conservation import check_conservation
    from order_pipelines.services.freshness import brakes_on

    with opened_store(ctx) as (store, settings):
        results = check_conservation(store, settings)
        with store.reading() as connection:
            brakes = brakes_on(connection, settings)
    broken = 0
    for result in results:
        if not result.rows:
            click.echo(f"holds: {result.claim}")
            continue
        broken += result.is_failure
        click.echo(
            f"{'BROKEN' if result.is_failure else 'look at'}: {result.claim} {count_of(len(result.rows), 'row')}"
        )
        rows = [list(row.values()) for row in result.rows[:shown]]
        show_table(None, list(result.rows[0]), rows)
    for said in brakes:
        click.echo(f"look at: {said}")
    if broken:
        click.echo(f"Error: {count_of(broken, 'law')} of the books of stock broken", err=True)
        raise click.exceptions.Exit(1)
