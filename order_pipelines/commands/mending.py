"""Commands for what an outside system refused for good: seeing it, and trying it again."""

import click

from order_pipelines.commands.common import by_option, count_of, local, opened_shop, opened_store, show_table


@click.group("failed")
def failed_command() -> None:
    """What an outside system refused, and trying it again."""


@failed_command.command("list")
@click.pass_context
def failed_list_command(ctx: click.Context) -> None:
    """List what was refused for good and why."""
    from order_pipelines.services.mending import failed_effects

    with opened_store(ctx) as (store, settings):
        with store.reading() as connection:
            rows = failed_effects(connection)
        show_table(
            None,
            ["key", "account", "planned", "reason"],
            [(row.effect_key, row.account, local(row.planned_at, settings), row.reason) for row in rows],
        )
    click.echo(count_of(len(rows), "effect"))


@failed_command.command("retry")
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@by_option
@click.pass_context
def failed_retry_command(ctx: click.Context, keys: tuple[str, ...], by: str) -> None:
    """Try refused effects again, all or those of KEY, after the cause was mended.

    Sales entries are planned anew from the settings as they are now; nothing is sent that is there already.
    """
    from order_pipelines.services.mending import try_failed_again

    with opened_shop(ctx) as shop:
        mended = try_failed_again(shop, keys, by=by)
    click.echo(
        f"{count_of(mended.planned_again, 'entry', 'entries')} planned anew, "
        f"{mended.sent_again} sent again as they were; 'order-pipelines dispatch' or the next sweep sends them"
    )
