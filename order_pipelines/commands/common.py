"""What commands share: opening the shop, tables on the terminal, and errors that end in one line."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click
import sqlalchemy as sa

from order_pipelines.connectors.ports import Connector
from order_pipelines.errors import ConfigurationError
from order_pipelines.money import format_dutch
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.store import OperationsStore
from order_pipelines.services.shop import Shop, follow_sandbox_clock
from order_pipelines.settings import Settings, load_settings

if TYPE_CHECKING:
    from rich.console import Console

_PIPE_WIDTH = 160


def settings_of(ctx: click.Context) -> Settings:
    """Return the settings that the command line names.

    Raises:
        ConfigurationError: they cannot be read; the message names file, line, key and what is expected.
    """
    path = ctx.obj
    assert isinstance(path, Path)
    return load_settings(path)


by_option = click.option(
    "--by",
    metavar="WORD",
    callback=lambda ctx, option, word: _decided_by(word),
    help="Who decided it, for the audit log: one word such as a ticket or a shift, no person's name.",
)
"""Option of every command that carries out a person's decision."""


def _decided_by(word: str | None) -> str:
    from order_pipelines.services.audit import decided_by

    return decided_by(word)


@contextmanager
def opened_shop(ctx: click.Context) -> Iterator[Shop]:
    """Open the shop of the command line's settings for the block.

    Raises:
        ConfigurationError: the settings are wrong, or the operations store cannot be opened.
    """
    settings = settings_of(ctx)
    with plain_store_errors():
        shop = Shop.open(settings)
        try:
            yield shop
        finally:
            shop.close()


@contextmanager
def opened_store(ctx: click.Context) -> Iterator[tuple[OperationsStore, Settings]]:
    """Open only the operations store for the block: for questions, which need no connector and no sandbox.

    Raises:
        ConfigurationError: the settings are wrong, or the operations store cannot be opened.
    """
    settings = settings_of(ctx)
    if settings.sandbox is not None:
        # What was booked by a sandbox's clock has its age by that clock; where none runs any more, by the machine's.
        with suppress(ConfigurationError):
            follow_sandbox_clock(settings.sandbox.control_url)
    with plain_store_errors():
        store = open_store(settings.operations_url())
        try:
            yield store, settings
        finally:
            store.close()


def known_account(settings: Settings, account: str | None) -> None:
    """Refuse an account that the settings do not have.

    Raises:
        ConfigurationError: there is none of that name; the message names those there are.
    """
    if account is not None and account not in settings.accounts:
        names = ", ".join(sorted(settings.accounts)) or "none"
        raise ConfigurationError(f"no account is called {account!r}; the settings have: {names}")


@contextmanager
def plain_store_errors() -> Iterator[None]:
    """Turn a database that cannot be reached into one line; statements and their values are not shown.

    Raises:
        ConfigurationError: instead of the driver's error.
    """
    try:
        yield
    except sa.exc.OperationalError as error:
        reason = (str(error.orig).strip().splitlines() or ["no reason given"])[0]
        if "disk" in reason or "space" in reason:
            raise ConfigurationError(
                f"the operations store cannot write: {reason}; make room on its disk and try again"
            ) from None
        raise ConfigurationError(f"the operations store does not answer: {reason}") from None
    except sa.exc.DBAPIError as error:
        kind = type(error.orig).__name__
        raise ConfigurationError(
            f"the operations store refused a statement ({kind}); its own log says more"
        ) from None
    except sa.exc.ArgumentError:
        raise ConfigurationError("stores.operations_url: not the URL of a database") from None


def accounts_to_serve(
    shop: Shop, account: str | None, able: Callable[[Connector], object] | None, what: str
) -> list[str]:
    """Return the one account named, or every enabled one that can do it.

    Raises:
        ConfigurationError: the account named does not exist, is not enabled or cannot do ``what``.
    """
    names = [name for name, _ in shop.accounts(able)]
    if account is None:
        return names
    shop.account(account)
    if account not in names:
        raise ConfigurationError(f"account {account} is switched off, or its system has no {what}")
    return [account]


def console() -> "Console":
    """Return where tables go: standard output as it is now, wide enough when it is no terminal."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False, emoji=False)


def show_table(
    title: str | None,
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numbers: Iterable[int] = (),
) -> None:
    """Print a table that has rows; ``numbers`` are the columns that stand right. ``None`` is shown as nothing."""
    cells = [["" if cell is None else harmless(str(cell)) for cell in row] for row in rows]
    if not cells:
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    right = set(numbers)
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index in right else "left", overflow="fold")
    for row in cells:
        # Text and not str: what a channel wrote is no markup.
        table.add_row(*map(Text, row))
    console().print(table)


def harmless(text: str) -> str:
    """Return a text whose control characters are shown as ``?``: what others wrote must not steer a terminal."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "?" for sign in text)


def local(instant: datetime | None, settings: Settings) -> str:
    """Return an instant as people of the merchant read it, to the minute."""
    return "" if instant is None else f"{instant.astimezone(settings.merchant.zone):%Y-%m-%d %H:%M}"


def money(amount: Decimal | None, currency: str | None) -> str:
    """Return an amount as Dutch readers write it, nothing when it is unknown."""
    return "" if amount is None else format_dutch(amount, currency or "")


def count_of(number: int, one: str, many: str | None = None) -> str:
    """Return ``1 order`` or ``3 orders``."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def finish(problems: Sequence[str]) -> None:
    """Print problems, one a line, and end with exit code 1 when there are any."""
    for problem in problems:
        click.echo(f"Error: {problem}", err=True)
    if problems:
        raise click.exceptions.Exit(1)
