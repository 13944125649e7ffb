"""``completeness``: reads channels and books anew and says what is on one side only."""

from datetime import datetime

import click

from order_pipelines.commands.common import count_of, finish, money, opened_shop, show_table


@click.command("completeness")
@click.option("--account", metavar="NAME", help="Only this account (default: all).")
@click.option("--date", "last", type=click.DateTime(["%Y-%m-%d"]), help="The last day (default: today).")
@click.option(
    "--days", type=click.IntRange(1, 62), help="How many days (default: 8, with --date that day alone)."
)
@click.pass_context
def completeness_command(
    ctx: click.Context, account: str | None, last: datetime | None, days: int | None
) -> None:
    """Read channels and books anew and list orders that are missing here, or not at the channel any more."""
    from order_pipelines.services.completeness import EXTRA, MISSING, look
    from order_pipelines.services.three_way import DEFAULT_DAYS, problems_of, read_again

    with opened_shop(ctx) as shop:
        compared = read_again(
            shop,
            last=None if last is None else last.date(),
            days=days or (DEFAULT_DAYS if last is None else 1),
            account=account,
        )
        found = look(shop.store, compared.days, [each.account for each in compared.accounts])
    show_table(
        None,
        ("account", "day", "at the channel", "here", ""),
        [
            (
                day.account,
                day.order_date.isoformat(),
                "not read" if day.at_channel is None else day.at_channel,
                day.here,
                day.reason,
            )
            for day in found.days
            if day.at_channel is None or day.at_channel or day.here
        ],
        numbers=(2, 3),
    )
    show_table(
        "Not the same on both sides",
        ("account", "what", "order", "day", "at the channel", "here"),
        [
            (
                gap.account,
                gap.kind,
                gap.order_number,
                gap.order_date,
                money(gap.at_channel, gap.currency),
                money(gap.here, gap.currency),
            )
            for gap in found.gaps
        ],
        numbers=(4, 5),
    )
    missing = sum(gap.kind == MISSING for gap in found.gaps)
    extra = sum(gap.kind == EXTRA for gap in found.gaps)
    click.echo(
        f"{compared.days.first} to {compared.days.last}: {count_of(missing, 'order')} missing here, "
        f"{count_of(extra, 'order')} not at the channel any more"
    )
    problems = list(problems_of(compared))
    if missing:
        problems.append(f"{count_of(missing, 'order')} of the channels not here; run a sweep --deep")
    finish(problems)
