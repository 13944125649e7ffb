"""Commands that stop accounts and let them go on, and that show what waits for a person."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click
import orjson

from order_pipelines.commands.common import (
    by_option,
    count_of,
    known_account,
    local,
    opened_shop,
    opened_store,
    show_table,
)
from order_pipelines.settings import Settings

if TYPE_CHECKING:
    from order_pipelines.services.approvals import Approvals

_WHAT = ("stock", "sending", "orders", "all")


@click.group("account")
def account_command() -> None:
    """Stop an account at once, in every process, and let it go on."""


@account_command.command("stop")
@click.argument("account")
@click.option("--what", type=click.Choice(_WHAT), default="sending", show_default=True,
              help="Numbers of stock; all that is sent; the reading of orders; or everything.")  # fmt: skip
@click.option("--reason", required=True, metavar="TEXT", help="Why, in a sentence; no customer's name.")
@by_option
@click.pass_context
def stop_command(ctx: click.Context, account: str, what: str, reason: str, by: str) -> None:
    """Stop ACCOUNT from the next call on. What is planned stays planned."""
    from order_pipelines.services.account_stops import stop_account

    with opened_shop(ctx) as shop:
        shop.account(account)
        new = stop_account(shop.store, account, what, reason, by=by)
    if new:
        click.echo(f"{account}: stopped ({', '.join(new)}); 'order-pipelines account go {account}' ends it")
    else:
        click.echo(f"{account}: was stopped already, nothing changed")


@account_command.command("go")
@click.argument("account")
@click.option("--what", type=click.Choice(_WHAT), default="all", show_default=True,
              help="Only this part of what was stopped.")  # fmt: skip
@by_option
@click.pass_context
def go_command(ctx: click.Context, account: str, what: str, by: str) -> None:
    """Let ACCOUNT go on: the newest numbers go out, what was planned meanwhile follows."""
    from order_pipelines.services.account_stops import let_account_go

    with opened_shop(ctx) as shop:
        shop.account(account)
        ended = let_account_go(shop.store, account, what, by=by)
    if ended:
        click.echo(f"{account}: goes on ({', '.join(ended)})")
    else:
        click.echo(f"{account}: was not stopped, nothing changed")


@account_command.command("list")
@click.pass_context
def list_command(ctx: click.Context) -> None:
    """List the accounts, and what is stopped of each, since when and why."""
    from order_pipelines.services.account_stops import all_stops

    with opened_store(ctx) as (store, settings), store.reading() as connection:
        stops = all_stops(connection)
    rows: list[Sequence[object]] = []
    for name, account in settings.accounts.items():
        of_account = [stop for stop in stops if stop.account == name]
        mode = account.mode if account.enabled else "off"
        rows += [
            (name, mode, stop.what, local(stop.stopped_at, settings), stop.reason) for stop in of_account
        ] or [(name, mode, "", "", "")]
    show_table(None, ("account", "mode", "stopped", "since", "why"), rows)


@click.command("approvals")
@click.argument("account", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@click.pass_context
def approvals_command(ctx: click.Context, account: str | None, as_json: bool) -> None:
    """List what waits for a person, at ACCOUNT or at all, with what it would change and why."""
    from order_pipelines.services.approvals import approvals

    with opened_store(ctx) as (store, settings), store.reading() as connection:
        known_account(settings, account)
        names = [account] if account is not None else list(settings.accounts)
        found = approvals(connection, settings, names)
    if as_json:
        page = {
            one.account: {
                **{key: value for key, value in asdict(one).items() if key != "account"},
                "numbers": [{**asdict(row), "difference": row.difference} for row in one.numbers],
                "invoices": dict(one.invoices),
                "pieces": one.pieces,
            }
            for one in found
        }
        click.echo(orjson.dumps(page, option=orjson.OPT_INDENT_2))
        return
    if not found:
        click.echo("nothing waits for a person")
    for one in found:
        _show(one, settings)


def _show(one: "Approvals", settings: Settings) -> None:
    if one.numbers:
        show_table(
            f"{one.account}: {count_of(len(one.numbers), 'number')} held, {one.pieces:+d} pieces in all",
            ("article", "offer", "shown", "would be", "difference", "sales leave", "because of", "since"),
            [
                (
                    row.sku,
                    row.offer_id,
                    row.shown,
                    row.would_be,
                    f"{row.difference:+d}",
                    row.sales_leave,
                    row.cause,
                    local(row.since, settings),
                )
                for row in one.numbers
            ],
            numbers=(2, 3, 4, 5),
        )
        for reason in sorted({row.reason for row in one.numbers}):
            click.echo(f"{one.account}: {reason}")
    for held in (*one.files, *([one.listing] if one.listing is not None else [])):
        click.echo(f"{local(held.since, settings)}  {held.reason}")
    if one.orders_to_accept:
        waits = "waits" if one.orders_to_accept == 1 else "wait"
        click.echo(
            f"{one.account}: {count_of(one.orders_to_accept, 'order')} {waits} for acceptance "
            "('order-pipelines orders accept')"
        )
    for code, orders in one.invoices:
        click.echo(f"{one.account}: {count_of(orders, 'order')} not invoiced: {code.replace('_', ' ')}")
