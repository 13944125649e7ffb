"""Accounts that a person stopped: what each may not do until a person lets it go on.

A stop is a row of the operations store, so that it holds from the next call on for every process, without a restart,
and outlives all of them. Whoever sends asks here in the transaction that writes down what is sent.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.domain.decisions import Decision
from order_pipelines.errors import AccountStoppedError, ConfigurationError
from order_pipelines.operations.store import OperationsStore, insert_new
from order_pipelines.operations.tables import account_stops
from order_pipelines.services.audit import COMMAND, GO_ACCOUNT, STOP_ACCOUNT, record

STOCK, EFFECTS, ORDERS = "stock", "effects", "orders"
WORDS: dict[str, tuple[str, ...]] = {
    "stock": (STOCK,),
    "sending": (STOCK, EFFECTS),
    "orders": (ORDERS,),
    "all": (STOCK, EFFECTS, ORDERS),
}
"""What a person may stop: numbers of stock; everything that is sent; the reading of orders; all of it."""
_MEANING = {STOCK: "stock is not sent", EFFECTS: "nothing else is sent", ORDERS: "orders are not read"}
_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Stop:
    """One thing that an account may not do. ``reason`` is for people at a terminal, not for logs kept for ever."""

    account: str
    what: str
    stopped_at: datetime
    reason: str

    @property
    def words(self) -> str:
        """The stop in a sentence, without the reason."""
        return self._sentence("")

    @property
    def words_for_people(self) -> str:
        """The same with what the person gave as the reason; free text, so for a terminal only."""
        return self._sentence(f" ({self.reason})")

    def _sentence(self, why: str) -> str:
        return (
            f"{self.account} was stopped by a person at {self.stopped_at:%Y-%m-%d %H:%M:%S} UTC{why}: "
            f"{_MEANING.get(self.what, self.what)} until 'order-pipelines account go {self.account}'"
        )


def stop_of(connection: Connection, account: str, what: str) -> Stop | None:
    """Return the stop that keeps an account from something, ``None`` when it may."""
    row = connection.execute(
        sa.select(account_stops).where(account_stops.c.account == account, account_stops.c.what == what)
    ).first()
    return None if row is None else Stop(row.account, row.what, row.stopped_at, row.reason)


def all_stops(connection: Connection, account: str | None = None) -> list[Stop]:
    """Return every stop, or those of one account, in order."""
    query = sa.select(account_stops).order_by(account_stops.c.account, account_stops.c.what)
    if account is not None:
        query = query.where(account_stops.c.account == account)
    return [Stop(row.account, row.what, row.stopped_at, row.reason) for row in connection.execute(query)]


def assert_not_stopped(connection: Connection, account: str, what: str) -> None:
    """Check before something is sent that nobody stopped it.

    Raises:
        AccountStoppedError: a person did.
    """
    if (stop := stop_of(connection, account, what)) is not None:
        raise AccountStoppedError(stop.words)


class CallGate:
    """Asked before every call of an account: raises once a person stopped it. Counts what it let through."""

    def __init__(self, store: OperationsStore, account: str, what: str) -> None:
        self._store, self._account, self._what = store, account, what
        self.let_through = 0

    def __call__(self) -> None:
        """Let a call go out.

        Raises:
            AccountStoppedError: it may not.
        """
        with self._store.reading() as connection:
            assert_not_stopped(connection, self._account, self._what)
        self.let_through += 1


def stop_account(
    store: OperationsStore, account: str, word: str, reason: str, *, by: str = COMMAND
) -> list[str]:
    """Stop an account; returns what was not stopped before. A second stop keeps the time and reason of the first.

    Raises:
        ConfigurationError: no reason is given, or it is longer than a sentence.
    """
    said = " ".join(reason.split())
    if not said or len(said) > _LONGEST_REASON or not said.isprintable():
        raise ConfigurationError(f"--reason: a sentence of at most {_LONGEST_REASON} characters is expected")
    now = clock.now()
    with store.transaction() as connection:
        before = {stop.what for stop in all_stops(connection, account)}
        new = [what for what in WORDS[word] if what not in before]
        insert_new(
            connection,
            account_stops,
            [{"account": account, "what": what, "stopped_at": now, "reason": said} for what in new],
        )
        if new:
            # The reason stays out: the log is kept for ever, and people write names.
            _record(connection, STOP_ACCOUNT, account, before, before.union(new), by)
    return new


def let_account_go(store: OperationsStore, account: str, word: str, *, by: str = COMMAND) -> list[str]:
    """Let an account go on; returns what had been stopped of it."""
    with store.transaction() as connection:
        before = {stop.what for stop in all_stops(connection, account)}
        ended = [what for what in WORDS[word] if what in before]
        connection.execute(
            sa.delete(account_stops).where(
                account_stops.c.account == account, account_stops.c.what.in_(ended)
            )
        )
        if ended:
            _record(connection, GO_ACCOUNT, account, before, before.difference(ended), by)
    return ended


def _record(
    connection: Connection, kind: Decision, account: str, before: set[str], after: Iterable[str], by: str
) -> None:
    record(connection, kind, account, account, before=_listed(before), after=_listed(after), by=by)


def _listed(what: Iterable[str]) -> str | None:
    return ", ".join(sorted(what)) or None
