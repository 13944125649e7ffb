"""One open connection to the warehouse, the same for DuckDB and PostgreSQL: statements, exact reads, staging.

Values are bound as ``$1``, ``$2`` … on both engines. Tables come out as Arrow, so that decimals stay decimals.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Protocol

import duckdb
import psycopg
import pyarrow as pa
from pyarrow import csv

from order_pipelines.warehouse.columns import Engine, Table

_BATCH_ROWS = 50_000


class Session(Protocol):
    """What may be done with an open warehouse."""

    engine: Engine

    def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run a statement; without parameters also several, separated by semicolons."""

    def change(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Run an insert, update, delete or merge and return how many rows it wrote."""

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a small select as Python values."""

    def query(self, sql: str, params: Sequence[Any] = ()) -> pa.Table:
        """Return the rows of a select as an Arrow table, decimals exact."""

    def batches(
        self, table: Table, where: str | None = None, params: Sequence[Any] = ()
    ) -> Iterator[pa.Table]:
        """Yield a declared table in pieces of bounded size, in its exact Arrow schema."""

    def insert(self, target: str, rows: pa.Table) -> None:
        """Add rows to a table, matching columns by name."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what is done inside, or nothing of it."""
        yield


def select_table(table: Table, where: str | None) -> str:
    """Return the select of a declared table's columns."""
    columns = ", ".join(table.column_names)
    condition = f" where {where}" if where else ""
    return f"select {columns} from {table.full_name}{condition}"


class DuckSession:
    """A session on a DuckDB connection."""

    engine: Engine = "duckdb"

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        # Naming a Python variable in SQL by accident must be an error and not a table.
        connection.execute("set TimeZone = 'UTC'; set python_enable_replacements = false")

    def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run a statement; without parameters also several, separated by semicolons."""
        if params:
            self.connection.execute(sql, list(params))
        else:
            self.connection.execute(sql)

    def change(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Run an insert, update, delete or merge and return how many rows it wrote."""
        ((count,),) = self.connection.execute(sql, list(params)).fetchall()
        return int(count)

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a small select as Python values."""
        return self.connection.execute(sql, list(params)).fetchall()

    def query(self, sql: str, params: Sequence[Any] = ()) -> pa.Table:
        """Return the rows of a select as an Arrow table, decimals exact."""
        return self.connection.sql(sql, params=list(params)).to_arrow_table()

    def batches(
        self, table: Table, where: str | None = None, params: Sequence[Any] = ()
    ) -> Iterator[pa.Table]:
        """Yield a declared table in pieces of bounded size, in its exact Arrow schema."""
        relation = self.connection.sql(select_table(table, where), params=list(params))
        for batch in relation.to_arrow_reader(_BATCH_ROWS):
            yield pa.Table.from_batches([batch]).cast(table.arrow_schema())

    def insert(self, target: str, rows: pa.Table) -> None:
        """Add rows to a table, matching columns by name."""
        names = ", ".join(rows.column_names)
        self.connection.register("arriving", rows)
        try:
            self.connection.execute(f"insert into {target} ({names}) select {names} from arriving")
        finally:
            self.connection.unregister("arriving")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what is done inside, or nothing of it."""
        self.connection.begin()
        try:
            yield
        except BaseException:
            self.connection.rollback()
            raise
        self.connection.commit()


class PostgresSession:
    """A session on a PostgreSQL connection."""

    engine: Engine = "postgresql"

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self.connection = connection
        # Keys are looked up by index: the default price of that is the one of turning disks.
        connection.execute("set time zone 'UTC'; set random_page_cost = 1.1")

    def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run a statement; without parameters also several, separated by semicolons."""
        self.connection.execute(sql.encode(), list(params) or None)

    def change(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Run an insert, update, delete or merge and return how many rows it wrote."""
        return self.connection.execute(sql.encode(), list(params) or None).rowcount

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a small select as Python values."""
        return self.connection.execute(sql.encode(), list(params) or None).fetchall()

    def query(self, sql: str, params: Sequence[Any] = ()) -> pa.Table:
        """Return the rows of a select as an Arrow table, decimals exact."""
        cursor = self.connection.execute(sql.encode(), list(params) or None, binary=True)
        rows = cursor.fetchall()
        described = cursor.description or []
        values = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in described]
        arrays = [
            pa.array(column, _arrow_type(about, column))
            for about, column in zip(described, values, strict=True)
        ]
        return pa.Table.from_arrays(arrays, names=[about.name for about in described])

    def batches(
        self, table: Table, where: str | None = None, params: Sequence[Any] = ()
    ) -> Iterator[pa.Table]:
        """Yield a declared table in pieces of bounded size, in its exact Arrow schema."""
        schema = table.arrow_schema()
        with self.connection.transaction(), self.connection.cursor(binary=True) as cursor:
            # A cursor on the server: the client would otherwise hold all rows at once.
            select = select_table(table, where)
            cursor.execute(f"declare pieces no scroll cursor for {select}".encode(), list(params) or None)
            while rows := cursor.execute(f"fetch {_BATCH_ROWS} from pieces".encode()).fetchall():
                columns = zip(*rows, strict=True)
                yield pa.Table.from_arrays(
                    [
                        pa.array(list(values), field.type)
                        for values, field in zip(columns, schema, strict=True)
                    ],
                    schema=schema,
                )
            cursor.execute("close pieces")

    def insert(self, target: str, rows: pa.Table) -> None:
        """Add rows to a table by COPY, matching columns by name."""
        names = ", ".join(rows.column_names)
        statement = f"copy {target} ({names}) from stdin (format csv)"
        options = csv.WriteOptions(include_header=False)
        with self.connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            for batch in rows.to_batches(max_chunksize=_BATCH_ROWS):
                sink = io.BytesIO()
                csv.write_csv(batch, sink, options)
                copy.write(sink.getbuffer())

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what is done inside, or nothing of it."""
        with self.connection.transaction():
            yield


_POSTGRES_TYPES: dict[int, pa.DataType] = {
    16: pa.bool_(),
    20: pa.int64(),
    21: pa.int64(),
    23: pa.int64(),
    701: pa.float64(),
    1082: pa.date32(),
    1184: pa.timestamp("us", "UTC"),
}
_NUMERIC = 1700
_WIDEST = 38


def _arrow_type(about: psycopg.Column, values: Sequence[Any]) -> pa.DataType:
    """Return the Arrow type of a PostgreSQL column; a sum's scale is not declared and is taken from its values."""
    if about.type_code != _NUMERIC:
        return _POSTGRES_TYPES.get(about.type_code, pa.string())
    scale = about.scale
    if scale is None:
        known = [value for value in values if isinstance(value, Decimal)]
        scale = max((-int(value.as_tuple().exponent) for value in known), default=0)
    return pa.decimal128(_WIDEST, max(scale, 0))
