"""Who decided what: settings that gate writing, as they change, and what people decide by command. Only ever added to.

A row says who as the word that was given with ``--by`` (a ticket, a shift), never as a person: the log is kept for ever
and goes to the warehouse. The one place where settings are noticed is the opening of a shop, which every process that
could write outside goes through.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.connectors.registry import connector_of
from order_pipelines.domain.decisions import Decision
from order_pipelines.errors import ConfigurationError
from order_pipelines.operations.store import AUDIT, OperationsStore, next_values
from order_pipelines.operations.tables import audit_log
from order_pipelines.settings import Settings, load_settings

SETTING: Final = "setting"
RELEASE_STOCK: Final = "release_stock"
CANCEL_ORDER: Final = "cancel_order"
ACCEPT_ORDER: Final = "accept_order"
REFUND_ORDER: Final = "refund_order"
RETRY_QUARANTINE: Final = "retry_quarantine"
RETRY_FAILED: Final = "retry_failed"
STOP_ACCOUNT: Final = "stop_account"
GO_ACCOUNT: Final = "go_account"
COMMAND, SETTINGS = "command", "settings"
MODE = "mode"

# No room for a name or an address: those would stay for ever.
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/#-]{0,39}")


def decided_by(word: str | None) -> str:
    """Return what stands in the log for who typed a command.

    Raises:
        ConfigurationError: the word could be a name or an address: it has a space, an @ or more than 40 characters.
    """
    if word is None:
        return COMMAND
    if _WORD.fullmatch(word) is None:
        raise ConfigurationError(
            "--by: one word of at most 40 letters, digits and . _ / # - is expected, such as a ticket or a shift; "
            "the log is kept for ever and names no person"
        )
    return f"{COMMAND}: {word}"


def record(
    connection: Connection,
    kind: Decision,
    account: str | None,
    subject: str,
    *,
    before: str | None = None,
    after: str | None = None,
    by: str = COMMAND,
) -> None:
    """Write down one decision, in the transaction that carries it out."""
    connection.execute(
        audit_log.insert().values(
            audit_seq=next_values(connection, AUDIT),
            noted_at=clock.now(),
            kind=kind,
            account=account,
            subject=subject[:250],
            value_before=before,
            value_after=after,
            decided_by=by,
        )
    )


def note_settings(store: OperationsStore, settings: Settings) -> int:
    """Write down every gating setting that differs from its last row; returns how many.

    A process that was started with older settings than the file now holds (Dagster's code server before its restart)
    notes nothing: it would write the old value again, and the next process the new one, without end.
    """
    with store.reading() as connection:
        if not _news(_recorded(connection), settings):
            return 0
    if _is_outdated(settings):
        return 0
    with store.transaction() as connection:
        news = _news(_recorded(connection), settings)
        for account, name, before, after in news:
            record(
                connection, SETTING, account, _subject(account, name), before=before, after=after, by=SETTINGS
            )
    return len(news)


def gates(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Yield account, name and value of every setting that decides whether something is written outside."""
    for name, account in settings.accounts.items():
        connector = connector_of(account.system)
        yield name, MODE, account.mode
        yield name, "enabled", str(account.enabled).lower()
        if connector.order_acceptor is not None:
            yield name, "acceptance", account.acceptance
        if connector.stock_sink is not None:
            yield name, "stock.push", str(account.stock.push).lower()
        if connector.invoice_sink is None:
            yield name, "invoicing.trigger", account.invoicing.trigger


def _subject(account: str, name: str) -> str:
    return f"accounts.{account}.{name}"


def _recorded(connection: Connection) -> dict[str, tuple[str, str | None]]:
    """Return account and value of each setting as last recorded, by its path."""
    newest = (
        sa.select(sa.func.max(audit_log.c.audit_seq))
        .where(audit_log.c.kind == SETTING)
        .group_by(audit_log.c.subject)
    )
    rows = connection.execute(sa.select(audit_log).where(audit_log.c.audit_seq.in_(newest)))
    return {row.subject: (row.account, row.value_after) for row in rows}


def _news(
    recorded: dict[str, tuple[str, str | None]], settings: Settings
) -> list[tuple[str, str, str | None, str | None]]:
    """Return account, name, value before and value after of what differs; an account that is gone has no mode."""
    news: list[tuple[str, str, str | None, str | None]] = []
    for account, name, value in gates(settings):
        _, before = recorded.get(_subject(account, name), (account, None))
        if before != value:
            news.append((account, name, before, value))
    for subject, (account, before) in sorted(recorded.items()):
        if account not in settings.accounts and subject == _subject(account, MODE) and before is not None:
            news.append((account, MODE, before, None))
    return news


def _is_outdated(settings: Settings) -> bool:
    """Whether the settings file says something else by now; one that cannot be read says nothing."""
    if settings.path is None:
        return False
    try:
        on_disk = load_settings(settings.path)
    except ConfigurationError:
        return False
    try:
        return set(gates(on_disk)) != set(gates(settings))
    except ConfigurationError:
        return False


def mode_since(connection: Connection, account: str) -> tuple[str | None, datetime | None]:
    """Return the last recorded mode of an account and since when it has it; ``(None, None)`` when it never had one."""
    row = _last_mode(connection, account)
    return (None, None) if row is None else (row.value_after, row.noted_at)


def went_live_at(connection: Connection, account: str) -> datetime | None:
    """Return when an account went from observing to live; ``None`` when it observes, or was live from the first."""
    row = _last_mode(connection, account)
    if row is None or (row.value_before, row.value_after) != ("observe", "live"):
        return None
    noted_at: datetime = row.noted_at
    return noted_at


def _last_mode(connection: Connection, account: str) -> Any:
    return connection.execute(
        sa.select(audit_log)
        .where(
            audit_log.c.kind == SETTING,
            audit_log.c.account == account,
            audit_log.c.subject == _subject(account, MODE),
        )
        .order_by(audit_log.c.audit_seq.desc())
        .limit(1)
    ).first()


def entries(
    connection: Connection, *, account: str | None = None, since: datetime | None = None
) -> list[Any]:
    """Return rows of the log, oldest first."""
    query = sa.select(audit_log).order_by(audit_log.c.audit_seq)
    if account is not None:
        query = query.where(audit_log.c.account == account)
    if since is not None:
        query = query.where(audit_log.c.noted_at >= since)
    return list(connection.execute(query))
