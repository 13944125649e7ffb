"""Commands that do once, by hand, what Dagster's jobs do by the clock: in, planned, out, loaded, reported."""

from datetime import datetime
from pathlib import Path

import click

from order_pipelines.commands.common import (
    accounts_to_serve,
    by_option,
    count_of,
    finish,
    opened_shop,
    show_table,
)
from order_pipelines.connectors.registry import connector_of
from order_pipelines.services.shop import Shop

REPORT_FILE = "report.html"

_account_option = click.option("--account", metavar="NAME", help="Only this account (default: all).")


@click.command("sweep")
@_account_option
@click.option("--deep", is_flag=True, help="Read recent days again, not only what changed.")
@click.pass_context
def sweep_command(ctx: click.Context, account: str | None, deep: bool) -> None:
    """Read the orders that changed at the channels and book them."""
    from order_pipelines.services.intake import sweep_account
    from order_pipelines.services.shipping import match_shipments

    with opened_shop(ctx) as shop:
        names = accounts_to_serve(shop, account, lambda able: able.order_source, "orders that can be listed")
        problems = []
        for name in names:
            sweep = sweep_account(shop, name, deep=deep)
            booked = sweep.booked
            click.echo(
                f"{name}: {sweep.listed} listed, {sweep.fetched} read; {booked.orders_new} new, "
                f"{booked.orders_changed} changed, {booked.orders_quarantined} in quarantine"
            )
            if sweep.failed:
                click.echo(
                    f"{name}: {count_of(sweep.failed, 'order')} could not be read and will be tried again"
                )
            if sweep.problem is not None:
                problems.append(f"{name}: {sweep.problem}")
                continue
            problems += _sweep_the_rest(shop, name, deep=deep)
        match_shipments(shop)
    finish(problems)


def _sweep_the_rest(shop: Shop, name: str, *, deep: bool) -> list[str]:
    """Read an account's returns and customers where it has them and it is time; returns what went wrong."""
    from order_pipelines.services.channel_customers import sweep_customers
    from order_pipelines.services.returns import sweep_returns

    problems = []
    able = connector_of(shop.account(name).system)
    if able.return_source is not None:
        returns = sweep_returns(shop, name, deep=deep)
        if returns.listed:
            click.echo(
                f"{name}: {count_of(returns.listed, 'return')} listed, {returns.changed} new or changed, "
                f"{returns.remarkable} with a remark"
            )
        if returns.problem is not None:
            problems.append(f"{name}, returns: {returns.problem}")
    if able.customer_source is not None and shop.account(name).customers:
        customers = sweep_customers(shop, name, deep=deep)
        if customers.is_read:
            click.echo(
                f"{name}: {count_of(customers.listed, 'customer')} listed, {customers.written} new or changed"
            )
        if customers.problem is not None:
            problems.append(f"{name}, customers: {customers.problem}")
    return problems


@click.command("take-in")
@_account_option
@click.pass_context
def take_in_command(ctx: click.Context, account: str | None) -> None:
    """Read the files that wait in the drop folders."""
    from order_pipelines.services.drop_folder import REJECTED, folder_of, take_in

    problems = []
    with opened_shop(ctx) as shop:
        for name in accounts_to_serve(shop, account, lambda able: able.file_interpreter, "files"):
            results = take_in(shop, name)
            if not results:
                click.echo(f"{name}: no file waits in {folder_of(shop, name)}")
            for result in results:
                counts = ", ".join(
                    f"{number} {what.replace('_', ' ')}" for what, number in result.counts.items()
                )
                click.echo(
                    f"{name}: {result.name} {result.state}, {count_of(result.rows_read, 'row')} read: {counts}"
                )
                if result.reason is not None:
                    click.echo(f"  {result.reason}", err=result.state == REJECTED)
                if result.state == REJECTED and not result.is_repeat:
                    problems.append(f"{name}: {result.name} was rejected")
    finish(problems)


@click.command("import-products")
@click.pass_context
def import_products_command(ctx: click.Context) -> None:
    """Read the product master and judge again what waited for it."""
    import sqlalchemy as sa

    from order_pipelines.operations.tables import product_conflicts
    from order_pipelines.services.product_master import import_products

    with opened_shop(ctx) as shop:
        if shop.settings.products.file is None and shop.settings.products.from_account is None:
            click.echo("the settings name no product file (products.file)")
            return
        imported = import_products(shop)
        click.echo(
            f"{count_of(imported.products, 'product')}: {imported.changed} new or changed, {imported.removed} removed; "
            f"{count_of(imported.orders_judged_again, 'order')} judged again"
        )
        with shop.store.reading() as connection:
            conflicts = connection.execute(
                sa.select(product_conflicts).order_by(product_conflicts.c.source_row)
            ).all()
    if conflicts:
        show_table("Conflicts", ("row", "sku", "reason"), [(row.source_row, ", ".join(row.skus), row.reason)
                                                           for row in conflicts], numbers=(0,))  # fmt: skip


@click.command("push-stock")
@_account_option
@click.pass_context
def push_stock_command(ctx: click.Context, account: str | None) -> None:
    """Send each channel the stock it should show, and read back what it shows."""
    from order_pipelines.services.stock_push import push_account, read_back, refresh_offers

    problems = []
    with opened_shop(ctx) as shop:
        for name in accounts_to_serve(shop, account, lambda able: able.stock_sink, "stock to send"):
            if not shop.account(name).stock.push:
                click.echo(f"{name}: stock.push is false, nothing is sent")
                continue
            listed = refresh_offers(shop, name)
            if listed.problem is not None:
                # The offers that are known get their stock all the same.
                problems.append(f"{name}: {listed.problem}")
            push = push_account(shop, name)
            click.echo(
                f"{name}: {count_of(listed.offers, 'offer')}, {listed.unmatched} without a product; {push.due} due: "
                f"{push.confirmed} confirmed, {push.accepted} accepted, {push.rejected} rejected, "
                f"{push.in_doubt} in doubt, {push.held} held back"
            )
            if push.observed:
                click.echo(f"{name}: observes only, {push.observed} would have been sent")
            if push.problem is not None:
                problems.append(f"{name}: {push.problem}")
            elif shop.account(name).mode == "live" and (differing := read_back(shop, name)):
                click.echo(
                    f"{name}: {count_of(differing, 'offer')} read back otherwise and will be sent again"
                )
    finish(problems)


@click.command("release-stock")
@click.argument("account")
@click.option(
    "--sku", "skus", metavar="SKU", multiple=True, help="Only this article; may be given several times."
)
@by_option
@click.pass_context
def release_stock_command(ctx: click.Context, account: str, skus: tuple[str, ...], by: str) -> None:
    """Let held stock of ACCOUNT go out, and held files of it in, after you looked at them."""
    from order_pipelines.services.file_booking import release_files
    from order_pipelines.services.stock_push import release_stock

    with opened_shop(ctx) as shop:
        shop.account(account)
        released = release_stock(shop, account, skus=skus or None, by=by)
        files = 0 if skus else release_files(shop, account)
    click.echo(
        f"{account}: {count_of(released, 'quantity', 'quantities')} released; the next push sends them"
    )
    if files:
        click.echo(f"{account}: {count_of(files, 'held file')} booked")


@click.command("plan")
@click.pass_context
def plan_command(ctx: click.Context) -> None:
    """Write down which acceptances, sales entries and shipments must exist outside; sends nothing."""
    from order_pipelines.services.planning import plan_all

    with opened_shop(ctx) as shop:
        planned = plan_all(shop)
    click.echo(
        f"{count_of(planned.invoices, 'sales entry', 'sales entries')} of {count_of(planned.orders_invoiced, 'order')} "
        f"and {count_of(planned.shipments, 'shipment')} planned"
    )
    if planned.acceptances:
        click.echo(f"{count_of(planned.acceptances, 'acceptance')} planned")
    for code, orders in sorted(planned.holds.items()):
        click.echo(f"  {count_of(orders, 'order')} held back: {code.replace('_', ' ')}")


@click.command("dispatch")
@click.pass_context
def dispatch_command(ctx: click.Context) -> None:
    """Send what is planned and due: looked for first, sent once, confirmed."""
    from order_pipelines.services.dispatch import dispatch_all

    problems = []
    with opened_shop(ctx) as shop:
        for kind, done in dispatch_all(shop).items():
            click.echo(
                f"{kind.replace('_', ' ')}: {done.confirmed} confirmed, {done.accepted} accepted, {done.found} were "
                f"there already, {done.in_doubt} in doubt, {done.failed} failed, {done.left} left"
            )
            problems += [f"{account}: {problem}" for account, problem in done.problems.items()]
    finish(problems)


@click.command("load-warehouse")
@click.pass_context
def load_warehouse_command(ctx: click.Context) -> None:
    """Bring the warehouse up to the operations store, rebuild what changed in the marts, publish a copy."""
    from order_pipelines.services.oversells import find_oversells
    from order_pipelines.services.serving import note_serving
    from order_pipelines.services.warehouse_load import build_marts, load_core
    from order_pipelines.warehouse.engine import Warehouse

    with opened_shop(ctx) as shop:
        note_serving(shop.store, shop.settings)
        find_oversells(shop.store, shop.settings)
        warehouse = Warehouse(shop.settings.warehouse_url(), shop.settings.data_dir)
        loaded = load_core(shop.store, warehouse)
        for name, stream in loaded.streams.items():
            if stream.rows:
                click.echo(f"{name}: {count_of(stream.rows, 'change')} loaded")
        if not loaded.has_changes:
            click.echo("nothing changed since the last load")
        built = build_marts(warehouse)
        click.echo(f"marts: {count_of(len(built.days), 'business day')} rebuilt")
        click.echo(warehouse.publish().done)


@click.command("report")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to (default: report.html in the data folder).",
)
@click.option(
    "--days", type=click.IntRange(1, 400), default=35, show_default=True, help="How many days it shows."
)
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Its last day (default: today); for a past period, or data of another year.",
)
@click.pass_context
def report_command(ctx: click.Context, output: Path | None, days: int, until: datetime | None) -> None:
    """Write the HTML report from the warehouse; it opens offline."""
    from order_pipelines.services.report import write_report
    from order_pipelines.services.report_brakes import brake_notices
    from order_pipelines.warehouse.engine import Warehouse

    with opened_shop(ctx) as shop:
        path = output or shop.settings.data_dir / REPORT_FILE
        warehouse = Warehouse(shop.settings.warehouse_url(), shop.settings.data_dir)
        last = None if until is None else until.date()
        with shop.store.reading() as connection:
            notices = brake_notices(connection, shop.settings)
        write_report(warehouse, shop.settings, path, days=days, until=last, first_of_all=notices)
    click.echo(f"wrote {path}")
