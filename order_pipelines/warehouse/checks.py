"""Checks of the warehouse: contracts of tables (Pandera, over what was written) and the claims of ``sql/checks``.

A check file is a select of the offending rows; its first line is ``-- core.table: the claim.``, the table being the one
whose asset the check guards. No row means that the claim holds. A file with a parameter says so in its next lines,
``-- $1 = 0.02: what it is (setting).``, with the value that holds when none is given.
"""

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa

from order_pipelines.resources import read_sql, sql_path
from order_pipelines.warehouse.columns import Table
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines.warehouse.session import Session

_KEYS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Failure:
    """One rule of a table that rows break. ``keys`` shows some of them; no other value is shown."""

    table: str
    rule: str
    rows: int
    keys: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.table}: {self.rule} fails for {self.rows} rows, such as {', '.join(self.keys)}"


@dataclass(frozen=True, slots=True)
class Check:
    """One file of ``sql/checks``.

    Args:
        name: of the file.
        table: full name of the table it guards.
        claim: the sentence that no offending row means.
        reads: full names of all tables it reads.
        parameters: values of ``$1`` … when none are given.
    """

    name: str
    table: str
    claim: str
    reads: tuple[str, ...]
    parameters: tuple[Decimal, ...]


def checks() -> list[Check]:
    """Return all checks, by name."""
    return [_check(path.stem) for path in sorted(sql_path("checks").glob("*.sql"))]


def _check(name: str) -> Check:
    text = read_sql(f"checks/{name}.sql")
    first = re.match(r"-- ((?:core|mart)\.[a-z_]+): (.+)", text)
    if first is None:
        raise ValueError(f"sql/checks/{name}.sql: the first line is '-- schema.table: the claim.'")
    reads = sorted(set(re.findall(r"(?:from|join) ((?:core|mart)\.[a-z_]+)", text)))
    parameters = re.findall(r"^-- \$\d+ = ([0-9.]+): ", text, flags=re.MULTILINE)
    return Check(
        name=name,
        table=first.group(1),
        claim=first.group(2).strip(),
        reads=tuple(reads),
        parameters=tuple(Decimal(value) for value in parameters),
    )


def reading(where: Warehouse | Session) -> AbstractContextManager[Session]:
    """Return a session to read with: the one that is open, or one of its own."""
    return where.read() if isinstance(where, Warehouse) else nullcontext(where)


def run_check(warehouse: Warehouse | Session, name: str, parameters: Sequence[Any] | None = None) -> pa.Table:
    """Return the rows that offend against the claim of ``sql/checks/<name>.sql``; none when it holds.

    Args:
        warehouse: where to look; an open session when there are many checks, for opening costs more than most of them.
        name: of the check.
        parameters: values of ``$1`` …; ``None`` takes those the file names.

    Raises:
        FileNotFoundError: there is no such check.
    """
    values = _check(name).parameters if parameters is None else parameters
    with reading(warehouse) as session:
        return session.query(read_sql(f"checks/{name}.sql"), values)


def validate_table(
    warehouse: Warehouse | Session, table: Table, where: str | None = None, params: Sequence[Any] = ()
) -> list[Failure]:
    """Read a written table back and return what breaks its declaration: types, nulls, closed lists, unique key.

    Args:
        warehouse: where the table is; an open session when there are many tables.
        table: its declaration.
        where: a condition that keeps the rows to look at; the key is checked over the whole table all the same.
        params: values for ``$1`` … in ``where``.
    """
    found: dict[str, Failure] = {}
    with reading(warehouse) as session:
        for piece in session.batches(table, where, params):
            for failure in contract_failures(table, piece):
                before = found.get(failure.rule)
                found[failure.rule] = failure if before is None else _together(before, failure)
        names = ", ".join(table.key)
        doubled = session.rows(
            f"select {names} from {table.full_name} group by {names} having count(*) > 1 order by {names}"
        )
    if doubled:
        keys = tuple(_key_text(row) for row in doubled[:_KEYS_SHOWN])
        found["unique key"] = Failure(table.full_name, "unique key", len(doubled), keys)
    return list(found.values())


def contract_failures(table: Table, rows: pa.Table) -> list[Failure]:
    """Return the rules of the table's Pandera schema that ``rows`` break; empty when they fit."""
    import pandas as pd
    from pandera.errors import SchemaErrors

    frame: pd.DataFrame = rows.to_pandas(types_mapper=pd.ArrowDtype)
    try:
        table.pandera_schema().validate(frame, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
    else:
        return []
    failures = []
    for (column, rule), group in cases.groupby(["column", "check"], dropna=False, sort=True):
        indexes = [int(index) for index in group["index"].dropna().unique()]
        keys = tuple(
            _key_text([frame[name].iloc[index] for name in table.key]) for index in indexes[:_KEYS_SHOWN]
        )
        failures.append(Failure(table.full_name, f"{column} {rule}", max(len(indexes), 1), keys or ("all",)))
    return failures


def _together(one: Failure, other: Failure) -> Failure:
    return Failure(one.table, one.rule, one.rows + other.rows, (*one.keys, *other.keys)[:_KEYS_SHOWN])


def _key_text(values: Sequence[Any]) -> str:
    return " / ".join(str(value) for value in values)
