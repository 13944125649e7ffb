"""``buffers``: what is held back because news of sales elsewhere comes late, and what that costs."""

from decimal import Decimal

import click
import sqlalchemy as sa

from order_pipelines.commands.common import accounts_to_serve, count_of, local, money, opened_shop, show_table


@click.command("buffers")
@click.option("--account", metavar="NAME", help="Only this account (default: all that take stock).")
@click.option("--measure", is_flag=True, help="Measure again first, as the deep sweep does every night.")
@click.pass_context
def buffers_command(ctx: click.Context, account: str | None, measure: bool) -> None:
    """Show the measured buffers: how late sales elsewhere are known, how many there are, and the cost.

    They are held back only where accounts.NAME.stock.measured_buffer is true.
    """
    from order_pipelines.operations.tables import stock_buffers
    from order_pipelines.services.buffers import measure_buffers

    with opened_shop(ctx) as shop:
        names = accounts_to_serve(shop, account, lambda able: able.stock_sink, "stock to send")
        if measure:
            measure_buffers(shop, names)
        for name in names:
            with shop.store.reading() as connection:
                rows = connection.execute(
                    sa.select(stock_buffers)
                    .where(stock_buffers.c.account == name)
                    .order_by(stock_buffers.c.buffer.desc(), stock_buffers.c.sku)
                ).all()
            used = "held back" if shop.account(name).stock.measured_buffer else "not used (measured_buffer)"
            currency = shop.settings.merchant.currency
            show_table(
                f"{name}: {used}, measured {local(rows[0].computed_at, shop.settings)}" if rows else None,
                ("sku", "known after", "sold elsewhere a day", "buffer", "lost a day"),
                [
                    (
                        row.sku,
                        _span(row.lag_seconds),
                        f"{Decimal(row.demand_milli_per_day) / 1000:.2f}",
                        row.buffer,
                        money(row.lost_per_day, currency),
                    )
                    for row in rows
                ],
                numbers=(1, 2, 3, 4),
            )
            click.echo(f"{name}: {count_of(len(rows), 'buffer')} measured")


def _span(seconds: int) -> str:
    return f"{seconds} s" if seconds < 600 else f"{seconds // 60} min"
