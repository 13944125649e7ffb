"""Column schemas for Dagster's catalogue, from the warehouse's declarations and from the store's tables."""

import dagster as dg
import sqlalchemy as sa

from order_pipelines.operations.types import Instant, Json, Money
from order_pipelines.warehouse.columns import Column, Table


def schema_of(table: Table) -> dg.TableSchema:
    """Return the columns of a warehouse table with meaning, unit and constraints."""
    return dg.TableSchema(columns=[_column(table, column) for column in table.columns])


def _column(table: Table, column: Column) -> dg.TableColumn:
    rules = []
    if column.name in table.key and len(table.key) > 1:
        rules.append(f"part of the key ({', '.join(table.key)})")
    if column.allowed is not None:
        rules.append(f"one of: {', '.join(column.allowed)}")
    if column.minimum is not None:
        rules.append(f"at least {column.minimum}")
    return dg.TableColumn(
        column.name,
        column.sql_type,
        description=column.meaning,
        constraints=dg.TableColumnConstraints(
            nullable=column.nullable, unique=table.key == (column.name,), other=rules
        ),
        tags={"order_pipelines/pii": "customer"} if column.is_personal else None,
    )


def schema_of_store_table(table: sa.Table) -> dg.TableSchema:
    """Return the columns of a table of the operations store."""
    key = [column.name for column in table.primary_key]
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                _store_type(column.type),
                constraints=dg.TableColumnConstraints(
                    nullable=bool(column.nullable),
                    unique=key == [column.name],
                    other=[f"part of the key ({', '.join(key)})"]
                    if column.name in key and len(key) > 1
                    else None,
                ),
            )
            for column in table.columns
        ]
    )


def _store_type(kind: "sa.types.TypeEngine[object]") -> str:
    if isinstance(kind, Instant):
        return "timestamp with time zone"
    if isinstance(kind, Money):
        return f"decimal(18, {kind.scale})"
    if isinstance(kind, Json):
        return "json"
    return str(kind.compile()).lower()
