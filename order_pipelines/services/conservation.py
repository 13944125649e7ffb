"""The laws of conservation of stock, held against the tables themselves: nothing appears, vanishes or is let go twice.

Each law is a select of the offending rows in ``sql/conservation``, run on the operations store in one consistent view.
They recompute from orders, evidence and carts, not by the code that books.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.operations.store import OperationsStore
from order_pipelines.resources import read_sql
from order_pipelines.settings import Settings

LAWS = (
    "ledger_is_positions",
    "positions_are_booked_demand",
    "demand_is_open_lines",
    "reserved_is_held_by_carts",
    "nothing_is_released_twice",
    "nothing_owed_is_negative",
)
"""What may never be broken, by the name of the file."""
FLAGS = ("places_are_not_below_zero",)
"""What may happen and should be looked at."""


@dataclass(frozen=True, slots=True)
class Held:
    """One law against the store: ``rows`` offend against it, none means that it holds."""

    name: str
    claim: str
    is_failure: bool
    rows: tuple[dict[str, Any], ...]


def claim_of(name: str) -> str:
    """Return the sentence that no offending row means: the first line of the law's file."""
    return read_sql(f"conservation/{name}.sql").splitlines()[0].removeprefix("-- ")


def check_conservation(store: OperationsStore, settings: Settings) -> list[Held]:
    """Hold every law against the store, flags last."""
    with store.reading() as connection:
        return hold_laws(connection, settings)


def hold_laws(connection: Connection, settings: Settings) -> list[Held]:
    """Hold every law against what a connection sees, flags last."""
    return [_held(connection, settings, name) for name in (*LAWS, *FLAGS)]


def _held(connection: Connection, settings: Settings, name: str) -> Held:
    rows = _offending(connection, read_sql(f"conservation/{name}.sql"), _shipping_accounts(settings))
    return Held(name, claim_of(name), bool(rows) and name in LAWS, tuple(rows))


def _shipping_accounts(settings: Settings) -> list[str]:
    """Accounts whose orders take stock as the settings are now; what others had booked stays as it was booked."""
    return sorted(name for name, account in settings.accounts.items() if account.ships_from is not None)


def _offending(connection: Connection, text: str, accounts: Sequence[str]) -> list[dict[str, Any]]:
    without_comments = re.sub(r"--[^\n]*", "", text)
    statement = sa.text(without_comments.replace("(:accounts)", ":accounts"))
    if ":accounts" in without_comments:
        # A list without members is no SQL; no account is called by an empty name.
        names = list(accounts) or [""]
        statement = statement.bindparams(sa.bindparam("accounts", names, expanding=True))
    return [dict(row) for row in connection.execute(statement).mappings()]
