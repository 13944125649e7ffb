"""What a table declaration is made of, and what is made from it: DDL, Arrow schema, Pandera schema, column list.

Declarations themselves are in ``core_tables.py`` and ``mart_tables.py``. Nothing here opens a warehouse.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

if TYPE_CHECKING:
    import pandera.pandas as pandera

LogicalType = Literal["text", "integer", "boolean", "date", "instant", "money", "price", "percentage"]
Engine = Literal["duckdb", "postgresql"]

# Every name reads the same on both engines.
_SQL_TYPES: dict[LogicalType, str] = {
    "text": "text",
    "integer": "bigint",
    "boolean": "boolean",
    "date": "date",
    "instant": "timestamp with time zone",
    "money": "decimal(18, 2)",
    "price": "decimal(18, 4)",
    "percentage": "decimal(5, 2)",
}
_ARROW_TYPES: dict[LogicalType, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "instant": pa.timestamp("us", "UTC"),
    "money": pa.decimal128(18, 2),
    "price": pa.decimal128(18, 4),
    "percentage": pa.decimal128(5, 2),
}
_UNITS: dict[LogicalType, str] = {
    "money": "currency of the row",
    "price": "currency of the row, per piece",
    "percentage": "percent (21 = 21 %)",
    "instant": "UTC",
    "date": "calendar day, Europe/Amsterdam",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Args:
        name: same meaning and unit, same name everywhere.
        type: logical type; ``money`` is decimal(18, 2), ``price`` decimal(18, 4), ``instant`` UTC.
        description: what it means; what ``null`` means when that is not "unknown".
        nullable: ``null`` is allowed and means unknown unless the description says otherwise.
        unit: ``pieces``, ``g`` …; money, instants, days and percentages bring their own.
        source: where the value comes from, when it is not the column of the same name in the table's source.
        is_personal: holds data about a person; no table has such a column yet, and a test says so.
        allowed: the closed list of values.
        minimum: smallest value of an integer.
    """

    name: str
    type: LogicalType
    description: str
    nullable: bool = True
    unit: str | None = None
    source: str | None = None
    is_personal: bool = False
    allowed: tuple[str, ...] | None = None
    minimum: int | None = None

    @property
    def sql_type(self) -> str:
        """The type in DDL, valid on both engines."""
        return _SQL_TYPES[self.type]

    @property
    def arrow_type(self) -> pa.DataType:
        """The exact Arrow type."""
        return _ARROW_TYPES[self.type]

    @property
    def meaning(self) -> str:
        """Description with the unit, for people."""
        unit = self.unit or _UNITS.get(self.type)
        return f"{self.description} [{unit}]" if unit else self.description


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the warehouse.

    Args:
        schema: ``core`` or ``mart``.
        name: plural noun; ``schema.name`` is also the asset key, the SQL file and the docs page.
        description: what it holds, in one or two sentences.
        grain: what one row is.
        key: columns that name a row; a key may hold ``null`` only in marts.
        source: what it is made from.
        columns: ids, text, numbers, booleans, times.
        indexes: further indexes on PostgreSQL; DuckDB has its zone maps.
    """

    schema: Literal["core", "mart"]
    name: str
    description: str
    grain: str
    key: tuple[str, ...]
    source: str
    columns: tuple[Column, ...]
    indexes: tuple[tuple[str, ...], ...] = ()

    @property
    def full_name(self) -> str:
        """``schema.name``, as SQL and people write it."""
        return f"{self.schema}.{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Column names in the order of the table."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """Return a column by name; ``KeyError`` when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.full_name} has no column {name}")

    def describe(self) -> str:
        """Return description, grain, key and source as one paragraph."""
        return f"{self.description} One row: {self.grain}. Key: {', '.join(self.key)}. Source: {self.source}."

    def ddl(self, engine: Engine) -> list[str]:
        """Return the statements that create the table when it is missing.

        DuckDB gets no key: files are 6.5 times smaller and loads twice as fast without, and a check proves uniqueness.
        """
        lines = [
            f"    {column.name} {column.sql_type}{'' if column.nullable else ' not null'}"
            for column in self.columns
        ]
        statements = []
        if engine == "postgresql":
            key = ", ".join(self.key)
            nullable_key = any(self.column(name).nullable for name in self.key)
            lines.append(
                f"    unique nulls not distinct ({key})" if nullable_key else f"    primary key ({key})"
            )
            statements = [
                f"create index if not exists {self.name}_by_{'_'.join(names)} "
                f"on {self.full_name} ({', '.join(names)})"
                for names in self.indexes
            ]
        body = ",\n".join(lines)
        return [f"create table if not exists {self.full_name} (\n{body}\n)", *statements]

    def arrow_schema(self) -> pa.Schema:
        """Return the exact Arrow schema: decimal128, microseconds UTC, strings."""
        return pa.schema([pa.field(column.name, column.arrow_type) for column in self.columns])

    def pandera_schema(self) -> "pandera.DataFrameSchema":
        """Return the schema of frames with Arrow-backed columns, as ``Warehouse.read_frame`` gives them.

        Uniqueness of the key is not in it: it holds over the whole table and not over a batch (see ``checks.py``).
        """
        return _pandera_schema(self)

    def column_list(self) -> list[tuple[str, str, str, bool]]:
        """Return ``(name, type, meaning, nullable)`` for every column, for catalogues."""
        return [(column.name, column.sql_type, column.meaning, column.nullable) for column in self.columns]


@cache
def _pandera_schema(table: Table) -> "pandera.DataFrameSchema":
    import pandas as pd
    import pandera.pandas as pandera

    def checks(column: Column) -> list[pandera.Check]:
        found = []
        if column.allowed is not None:
            found.append(pandera.Check.isin(column.allowed))
        if column.minimum is not None:
            found.append(pandera.Check.ge(column.minimum))
        return found

    return pandera.DataFrameSchema(
        {
            column.name: pandera.Column(
                pd.ArrowDtype(column.arrow_type), checks(column), nullable=column.nullable
            )
            for column in table.columns
        },
        name=table.full_name,
        strict=True,
    )


def key(name: str, description: str, *, nullable: bool = False, source: str | None = None) -> Column:
    """Return a text column that names something and is always there."""
    return Column(name, "text", description, nullable=nullable, source=source)


def text(
    name: str,
    description: str,
    *,
    nullable: bool = True,
    allowed: Iterable[str] | None = None,
    source: str | None = None,
) -> Column:
    """Return a text column."""
    return Column(
        name,
        "text",
        description,
        nullable=nullable,
        allowed=None if allowed is None else tuple(allowed),
        source=source,
    )


def integer(
    name: str,
    description: str,
    *,
    nullable: bool = True,
    unit: str | None = None,
    minimum: int | None = None,
    source: str | None = None,
) -> Column:
    """Return a whole-number column."""
    return Column(name, "integer", description, nullable=nullable, unit=unit, minimum=minimum, source=source)


def pieces(
    name: str,
    description: str,
    *,
    nullable: bool = True,
    minimum: int | None = None,
    source: str | None = None,
) -> Column:
    """Return a whole-number column counted in pieces."""
    return integer(name, description, nullable=nullable, unit="pieces", minimum=minimum, source=source)


def money(name: str, description: str, *, nullable: bool = True, source: str | None = None) -> Column:
    """Return an amount with two decimals."""
    return Column(name, "money", description, nullable=nullable, source=source)


def price(name: str, description: str) -> Column:
    """Return a price per piece with four decimals."""
    return Column(name, "price", description)


def boolean(name: str, description: str, *, nullable: bool = False, source: str | None = None) -> Column:
    """Return a yes or no."""
    return Column(name, "boolean", description, nullable=nullable, source=source)


def instant(name: str, description: str, *, nullable: bool = True, source: str | None = None) -> Column:
    """Return a moment."""
    return Column(name, "instant", description, nullable=nullable, source=source)


def day(name: str, description: str, *, nullable: bool = True, source: str | None = None) -> Column:
    """Return a calendar day."""
    return Column(name, "date", description, nullable=nullable, source=source)
