"""Commands that keep the house in order: settings checked, stores migrated, consents, old runs, alerts."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import click
import sqlalchemy as sa

from order_pipelines.commands.common import (
    count_of,
    finish,
    local,
    opened_shop,
    opened_store,
    plain_store_errors,
    settings_of,
    show_table,
)
from order_pipelines.errors import ConfigurationError, OrderPipelinesError
from order_pipelines.settings import Settings


@click.command("check")
@click.pass_context
def check_command(ctx: click.Context) -> None:
    """Check settings, secrets, stores and files; changes nothing outside, calls no outside system."""
    settings = settings_of(ctx)
    click.echo(f"settings: {settings.path}, merchant {settings.merchant.name}")
    problems = [*_account_problems(settings), *_file_problems(settings), *_store_problems(settings)]
    if not problems:
        enabled = sum(account.enabled for account in settings.accounts.values())
        click.echo(f"{count_of(enabled, 'account')} ready, both stores answer: nothing is wrong")
    finish(problems)


def _account_problems(settings: Settings) -> Iterator[str]:
    from order_pipelines.connectors.registry import connector_of

    for name, account in settings.accounts.items():
        if not account.enabled:
            click.echo(f"account {name}: switched off")
            continue
        found: list[str] = []
        try:
            connector = connector_of(account.system)
            connector.check_options(account.options)
            missing = [key for key in connector.secrets if key not in account.secrets]
            found += [
                f"accounts.{name}.secrets.{key}: expected the name of an environment variable"
                for key in missing
            ]
            if account.customers and connector.customer_source is None:
                found.append(f"accounts.{name}.customers: {account.system} has no customers that can be read")
        except ConfigurationError as error:
            found.append(f"accounts.{name}: {error}")
        try:
            settings.secrets_of(name)
        except ConfigurationError as error:
            found.append(str(error))
        if not found:
            click.echo(f"account {name}: {account.system}, {account.mode}, from {account.effective_from}")
        yield from found


def _file_problems(settings: Settings) -> Iterator[str]:
    from order_pipelines.connectors.registry import connector_of

    file = settings.products.file
    if file is not None and not settings.resolve(file).is_file():
        yield f"products.file: {settings.resolve(file)} does not exist"
    leading = settings.products.from_account
    if leading is not None:
        system = settings.accounts[leading].system
        try:
            if connector_of(system).product_source is None:
                yield f"products.from_account: {system} has no articles that can be read"
        except ConfigurationError:
            # Named with its account already.
            return


def _store_problems(settings: Settings) -> Iterator[str]:
    from order_pipelines.operations.migrations import open_store
    from order_pipelines.warehouse.engine import Warehouse

    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        with plain_store_errors():
            store = open_store(settings.operations_url())
            click.echo(f"operations store: {store.dialect} answers")
            store.close()
    except OrderPipelinesError as error:
        yield str(error)
    except OSError as error:
        yield f"stores.data_dir: {settings.data_dir} cannot be made ({error.strerror})"
        return
    try:
        warehouse = Warehouse(settings.warehouse_url(), settings.data_dir)
        warehouse.migrate()
        click.echo(f"warehouse: {warehouse.engine} answers")
    except OrderPipelinesError as error:
        yield str(error)
    except Exception as error:  # noqa: BLE001  # drivers raise their own kinds; a check names it and goes on
        yield f"the warehouse does not answer ({type(error).__name__}); check stores.warehouse_url"


@click.command("migrate")
@click.pass_context
def migrate_command(ctx: click.Context) -> None:
    """Bring both stores to the form this program needs; keeps every row."""
    from order_pipelines.operations.migrations import migrate
    from order_pipelines.operations.store import OperationsStore
    from order_pipelines.warehouse.engine import Warehouse

    settings = settings_of(ctx)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with plain_store_errors():
        store = OperationsStore(settings.operations_url())
        try:
            versions = migrate(store)
        finally:
            store.close()
    click.echo(
        f"operations store: {', '.join(f'version {number}' for number in versions) or 'is up to date'}"
    )
    done = Warehouse(settings.warehouse_url(), settings.data_dir).migrate()
    click.echo(f"warehouse: {', '.join(done) or 'is up to date'}")


@click.command("authorize")
@click.argument("account")
@click.pass_context
def authorize_command(ctx: click.Context, account: str) -> None:
    """Give ACCOUNT (Exact Online) the consent of a person.

    Prints an address to open in a browser. After you have logged in and agreed, the browser goes to your redirect
    address: paste that address, or the code in it, here. Needed once, and again when the consent was lost.
    """
    from order_pipelines.connectors.exact_online.options import SYSTEM
    from order_pipelines.connectors.exact_online.tokens import authorize_url, exchange_code

    with opened_shop(ctx) as shop:
        if shop.account(account).system != SYSTEM:
            raise ConfigurationError(
                f"account {account} is of {shop.account(account).system}, which needs no consent"
            )
        known = shop.port_account(account)
        state = secrets.token_urlsafe(16)
        click.echo("Open this address, log in and agree:\n")
        click.echo(f"  {authorize_url(known, state)}\n")
        pasted = click.prompt("The address the browser went to, or the code in it", type=str)
        exchange_code(known, shop.house(account), code_in(pasted, state))
    click.echo(f"{account}: consent stored; the next calls use it")


def code_in(pasted: str, state: str) -> str:
    """Return the code of a redirect address, or what was pasted when it is the code itself.

    Raises:
        ConfigurationError: the address belongs to another attempt, or holds a refusal.
    """
    text = pasted.strip()
    if "://" not in text:
        return text
    answer = {name: values[0] for name, values in parse_qs(urlsplit(text).query).items()}
    if "error" in answer:
        raise ConfigurationError(f"no consent was given ({answer['error']}); run the command again")
    if "code" not in answer:
        raise ConfigurationError("the address holds no code; paste the whole address of the browser")
    if answer.get("state") != state:
        raise ConfigurationError("the address belongs to another attempt; open the address printed above")
    return answer["code"]


@click.group("alerts")
def alerts_command() -> None:
    """What somebody should look at."""


@alerts_command.command("list")
@click.option("--resolved", is_flag=True, help="Those that are over, too.")
@click.pass_context
def alerts_list_command(ctx: click.Context, resolved: bool) -> None:
    """Look for what is amiss and list alerts, the newest first."""
    from order_pipelines.operations.tables import alerts
    from order_pipelines.services.house_watch import look_after

    query = sa.select(alerts).order_by(alerts.c.last_seen_at.desc())
    if not resolved:
        query = query.where(alerts.c.resolved_at.is_(None))
    with opened_store(ctx) as (store, settings):
        look_after(store, settings)
        with store.reading() as connection:
            rows = connection.execute(query).all()
        show_table(
            None,
            ("severity", "message", "first seen", "last seen", "times", "over since"),
            [
                (
                    row.severity,
                    row.message,
                    local(row.first_seen_at, settings),
                    local(row.last_seen_at, settings),
                    row.times,
                    local(row.resolved_at, settings),
                )
                for row in rows
            ],
            numbers=(4,),
        )
    click.echo(count_of(len(rows), "alert"))


_home_option = click.option(
    "--dagster-home",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    envvar="DAGSTER_HOME",
    show_envvar=True,
    required=True,
    help="Dagster's folder, the one with dagster.yaml.",
)


@click.command("purge")
@_home_option
@click.option(
    "--older-than-days", type=click.IntRange(1), default=14, show_default=True, help="Age of what goes."
)
@click.pass_context
def purge_command(ctx: click.Context, dagster_home: Path, older_than_days: int) -> None:
    """Remove old runs from Dagster's history, which keeps them for ever; orders and money are not touched.

    Runs that hold the newest state of an asset stay; minutes of the fast lane go at the same age. Of a merchant's
    store, what became of numbers longer ago than limits.stock_event_days goes too.
    """
    import dagster as dg

    from order_pipelines.defs.upkeep import purge

    with dg.DagsterInstance.from_config(str(dagster_home.absolute())) as instance:
        result = purge(instance, older_than_days=older_than_days, dagster_home=dagster_home.absolute())
    click.echo(
        f"{count_of(result.runs_deleted, 'run')} removed, {result.runs_kept} kept as the newest of an asset; "
        f"{count_of(result.minutes_deleted, 'minute')} of the lane removed; "
        f"{result.bytes_freed / 1_000_000:.1f} MB freed"
    )
    if ctx.obj.is_file():
        from order_pipelines.services.stock_events import purge_events

        with opened_store(ctx) as (store, settings):
            events = purge_events(store, older_than_days=settings.limits.stock_event_days)
        click.echo(f"{count_of(events, 'event')} of offers removed; the warehouse keeps them")


@click.command("reap")
@_home_option
def reap_command(dagster_home: Path) -> None:
    """End runs that a power cut left as started. Only while no Dagster daemon is running on this folder."""
    import dagster as dg

    from order_pipelines.defs.upkeep import reap

    with dg.DagsterInstance.from_config(str(dagster_home.absolute())) as instance:
        ended = reap(instance)
    click.echo(f"{count_of(len(ended), 'run')} ended")
    for run_id in ended:
        click.echo(f"  {run_id}")
