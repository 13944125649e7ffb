"""Whether a row fits its table on PostgreSQL, told by the table alone: SQLite takes nearly anything."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson
import sqlalchemy as sa

from order_pipelines.operations.types import Instant, Json, Money


def misfits(table: sa.Table, row: Mapping[str, Any]) -> list[str]:
    """Return what of a row PostgreSQL would refuse."""
    found = []
    for name, value in row.items():
        column = table.c[name]
        if value is None:
            if not column.nullable:
                found.append(f"{table.name}.{name} is null")
        elif (why := _why_not(column.type, value)) is not None:
            found.append(f"{table.name}.{name} {why}: {value!r:.80}")
    return found


def _why_not(kind: Any, value: Any) -> str | None:
    if isinstance(kind, Instant):
        return None if isinstance(value, datetime) and value.tzinfo is not None else "is no instant"
    if isinstance(kind, Money):
        return _why_no_money(kind, value)
    if isinstance(kind, Json):
        text = orjson.dumps(value).decode()
        return "holds NUL" if "\x00" in text else None
    if isinstance(kind, sa.BigInteger):
        return None if type(value) is int and abs(value) < 2**63 else "is no 64-bit number"
    if isinstance(kind, sa.Integer):
        return None if type(value) is int and abs(value) < 2**31 else "is no 32-bit number"
    if isinstance(kind, sa.Boolean):
        return None if type(value) is bool else "is no boolean"
    if isinstance(kind, sa.Date):
        return None if type(value) is date else "is no day"
    assert isinstance(kind, sa.String), kind
    return _why_no_text(kind, value)


def _why_no_text(kind: sa.String, value: Any) -> str | None:
    if not isinstance(value, str):
        return "is no text"
    if "\x00" in value:
        return "holds NUL"
    if kind.length is not None and len(value) > kind.length:
        return f"has {len(value)} characters of {kind.length}"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "holds half a character"
    return None


def _why_no_money(kind: Money, value: Any) -> str | None:
    if not isinstance(value, Decimal) or not value.is_finite():
        return "is no amount"
    if abs(value) >= Decimal(10) ** (18 - kind.scale):
        return "has too many digits"
    return "has too many decimals" if value != round(value, kind.scale) else None
