"""Commands that answer questions: an order, the orders, what waits. Nothing of a person without ``--people``."""

from decimal import Decimal, InvalidOperation

import click
import sqlalchemy as sa

from order_pipelines.commands.common import (
    by_option,
    count_of,
    known_account,
    local,
    money,
    opened_shop,
    opened_store,
    show_table,
)
from order_pipelines.operations.tables import orders, quarantine


@click.group("orders")
def orders_command() -> None:
    """Look at orders, accept, cancel or refund one."""


@orders_command.command("list")
@click.option("--account", metavar="NAME", help="Only this account.")
@click.option("--status", metavar="STATUS", help="Only this order status: open, completed, cancelled …")
@click.option("--quarantined", is_flag=True, help="Only orders in quarantine.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="The newest so many."
)
@click.pass_context
def orders_list_command(
    ctx: click.Context, account: str | None, status: str | None, quarantined: bool, limit: int
) -> None:
    """List the newest orders: number, total, status, date."""
    query = (
        sa.select(orders).order_by(orders.c.ordered_at.desc().nulls_last(), orders.c.order_key).limit(limit)
    )
    if account is not None:
        query = query.where(orders.c.account == account)
    if status is not None:
        query = query.where(orders.c.order_status == status)
    if quarantined:
        query = query.where(orders.c.is_quarantined.is_(True))
    with opened_store(ctx) as (store, settings):
        known_account(settings, account)
        with store.reading() as connection:
            rows = connection.execute(query).all()
        show_table(
            None,
            ("order", "account", "ordered", "status", "shipping", "total", "remarks"),
            [
                (
                    row.order_number or row.external_order_id,
                    row.account,
                    local(row.ordered_at, settings),
                    row.order_status,
                    row.fulfilment_status,
                    money(row.order_total_current_incl_vat, row.currency_code),
                    "in quarantine" if row.is_quarantined else ", ".join(row.must_flag),
                )
                for row in rows
            ],
            numbers=(5,),
        )
    click.echo(count_of(len(rows), "order"))


@orders_command.command("show")
@click.argument("number")
@click.option("--account", metavar="NAME", help="When several accounts have that number.")
@click.option("--people", is_flag=True, help="Show the buyer and the addresses too.")
@click.pass_context
def orders_show_command(ctx: click.Context, number: str, account: str | None, people: bool) -> None:
    """Show the order NUMBER: lines, stock, parcels, invoice and what went out."""
    from order_pipelines.commands.order_page import read_page, show_page
    from order_pipelines.services.order_lookup import find_order

    with opened_store(ctx) as (store, settings), store.reading() as connection:
        known_account(settings, account)
        head = find_order(connection, settings, number, account)
        show_page(read_page(connection, head, with_people=people), settings)


@orders_command.command("cancel")
@click.argument("number")
@click.option("--reason", default="OUT_OF_STOCK", show_default=True, help="The channel's reason code.")
@click.option("--line", "lines", multiple=True, metavar="ID", help="Only this line (may be repeated).")
@click.option("--account", metavar="NAME", help="When several accounts have that number.")
@by_option
@click.confirmation_option(prompt="Cancel what is open of this order at its channel?")
@click.pass_context
def orders_cancel_command(
    ctx: click.Context, number: str, reason: str, lines: tuple[str, ...], account: str | None, by: str
) -> None:
    """Cancel at its channel what is still open of the order NUMBER."""
    from order_pipelines.services.cancelling import request_cancellation

    with opened_shop(ctx) as shop:
        planned = request_cancellation(shop, number, reason=reason, line_ids=lines, account=account, by=by)
    click.echo(
        f"{count_of(planned, 'cancellation')} planned; the next dispatch sends it, the channel confirms it"
    )


@orders_command.command("accept")
@click.argument("number")
@click.option("--account", metavar="NAME", help="When several accounts have that number.")
@by_option
@click.confirmation_option(prompt="Accept this order at its channel, whatever stock says?")
@click.pass_context
def orders_accept_command(ctx: click.Context, number: str, account: str | None, by: str) -> None:
    """Accept at its channel the order NUMBER that waits for the seller."""
    from order_pipelines.services.accepting import accept_by_hand

    with opened_shop(ctx) as shop:
        accept_by_hand(shop, number, account, by=by)
    click.echo("acceptance planned; the next dispatch sends it")


@orders_command.command("refund")
@click.argument("number")
@click.option("--line", "line_id", required=True, metavar="ID", help="The channel's id of the order line.")
@click.option("--reason", required=True, metavar="CODE", help="The channel's reason; see 'orders reasons'.")
@click.option(
    "--quantity", type=click.IntRange(1), help="Pieces the money is for (default: all that are left)."
)
@click.option("--amount", metavar="AMOUNT", help="Money including VAT, such as 12.50 (default: their price).")
@click.option("--again", is_flag=True, help="Another refund of a line that had one.")
@click.option("--account", metavar="NAME", help="When several accounts have that number.")
@by_option
@click.confirmation_option(prompt="Give this money back to the customer, through the channel?")
@click.pass_context
def orders_refund_command(
    ctx: click.Context,
    number: str,
    line_id: str,
    reason: str,
    quantity: int | None,
    amount: str | None,
    again: bool,
    account: str | None,
    by: str,
) -> None:
    """Give money back for one line of the order NUMBER, at its channel."""
    from order_pipelines.services.refunding import request_refund

    with opened_shop(ctx) as shop:
        known_account(shop.settings, account)
        planned = request_refund(
            shop,
            number,
            line_id=line_id,
            reason=reason,
            quantity=quantity,
            amount=_exact(amount),
            account=account,
            again=again,
            by=by,
        )
    total = money(planned.amount_incl_vat, planned.currency_code)
    goes = (
        "the account observes: it is written down and never sent"
        if planned.is_observed
        else "the next dispatch sends it, the channel confirms it"
    )
    click.echo(f"refund {planned.number} of line {line_id} planned: {total}, {planned.reason.label}; {goes}")


def _exact(amount: str | None) -> Decimal | None:
    """Return the amount that was typed, with a point or a comma before the cents."""
    if amount is None:
        return None
    try:
        value = Decimal(amount.replace(",", ".")) if amount.count(",") + amount.count(".") < 2 else None
    except InvalidOperation:
        value = None
    if value is None or not value.is_finite():
        raise click.BadParameter("an amount such as 12.50", param_hint="--amount")
    return value


@orders_command.command("reasons")
@click.argument("account")
@click.pass_context
def orders_reasons_command(ctx: click.Context, account: str) -> None:
    """List the reasons that ACCOUNT's channel takes for a refund."""
    from order_pipelines.services.refunding import refund_reasons

    with opened_shop(ctx) as shop:
        known_account(shop.settings, account)
        reasons = refund_reasons(shop, account)
    show_table(None, ("code", "reason"), [(reason.code, reason.label) for reason in reasons])
    click.echo(count_of(len(reasons), "reason"))


@click.group("quarantine")
def quarantine_command() -> None:
    """What waits for a person, and trying it again."""


@quarantine_command.command("list")
@click.option("--account", metavar="NAME", help="Only this account.")
@click.option("--resolved", is_flag=True, help="Those that are over, too.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="The newest so many."
)
@click.pass_context
def quarantine_list_command(ctx: click.Context, account: str | None, resolved: bool, limit: int) -> None:
    """List what is in quarantine and why."""
    query = (
        sa.select(quarantine)
        .order_by(quarantine.c.first_seen_at.desc(), quarantine.c.quarantine_key)
        .limit(limit)
    )
    if not resolved:
        query = query.where(quarantine.c.resolved_at.is_(None))
    if account is not None:
        query = query.where(quarantine.c.account == account)
    with opened_store(ctx) as (store, settings):
        known_account(settings, account)
        with store.reading() as connection:
            rows = connection.execute(query).all()
        headings = ["what", "since", "code", "reason", "field"] + (["resolved"] if resolved else [])
        show_table(
            None,
            headings,
            [
                (
                    f"{row.entity} {row.entity_key}" + (f", row {row.source_row}" if row.source_row else ""),
                    local(row.first_seen_at, settings),
                    row.reason_code,
                    row.reason,
                    row.field,
                    *((local(row.resolved_at, settings),) if resolved else ()),
                )
                for row in rows
            ],
        )
    click.echo(count_of(len(rows), "row"))


@quarantine_command.command("retry")
@click.option("--account", metavar="NAME", help="Only this account.")
@by_option
@click.pass_context
def quarantine_retry_command(ctx: click.Context, account: str | None, by: str) -> None:
    """Judge again what is in quarantine, after the product master or a mapping was mended."""
    from order_pipelines.services.again import retry_quarantine
    from order_pipelines.services.unreadable import read_given_up_again

    query = sa.select(sa.func.count(quarantine.c.entity_key.distinct())).where(
        quarantine.c.resolved_at.is_(None)
    )
    if account is not None:
        query = query.where(quarantine.c.account == account)
    with opened_shop(ctx) as shop:
        known_account(shop.settings, account)
        with shop.store.reading() as connection:
            before = connection.execute(query).scalar_one()
        retry_quarantine(shop, account, by=by)
        again = read_given_up_again(shop, account)
        with shop.store.reading() as connection:
            after = connection.execute(query).scalar_one()
    click.echo(f"{before} judged again: {after} still in quarantine")
    if again:
        click.echo(
            f"{count_of(again, 'order')} that had been given up will be read again with the next sweep"
        )
