"""Column types that mean the same on SQLite and PostgreSQL: exact money, UTC instants, JSON as text."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant: ``timestamptz`` on PostgreSQL, sortable ISO text on SQLite (which has no such type)."""

    impl = sa.String(32)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True))
        return dialect.type_descriptor(sa.String(32))

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs its zone")
        if dialect.name == "postgresql":
            return value
        # Not strftime: its %Y writes year 1, other systems' word for 'no date', as one digit, unsorted and unreadable.
        instant = value if value.tzinfo is UTC else value.astimezone(UTC)
        return instant.isoformat(timespec="microseconds")[:26] + "Z"

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.fromisoformat(value)
        instant: datetime = value
        return instant.astimezone(UTC)


class Money(TypeDecorator[Decimal]):
    """An exact decimal: ``numeric(18, scale)`` on PostgreSQL, digits as text on SQLite (whose numbers are floats)."""

    impl = sa.String(32)
    cache_ok = True

    def __init__(self, scale: int = 2) -> None:
        super().__init__()
        self.scale = scale
        self._quantum = Decimal(1).scaleb(-scale)

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.Numeric(18, self.scale))
        return dialect.type_descriptor(sa.String(32))

    def process_bind_param(self, value: Decimal | None, dialect: sa.Dialect) -> Any:
        if value is None:
            return None
        exact = value if value.same_quantum(self._quantum) else value.quantize(self._quantum)
        if exact != value:
            raise ValueError(f"{value} has more than {self.scale} decimals")
        if not exact:
            # A decimal keeps the sign of a zero, and text would: PostgreSQL has one zero.
            exact = exact.copy_abs()
        return exact if dialect.name == "postgresql" else str(exact)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Decimal | None:
        if value is None:
            return None
        return value if isinstance(value, Decimal) else Decimal(value)


class Json(TypeDecorator[Any]):
    """A small JSON value kept as text, keys sorted, so that equal values are equal text on both stores."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        return None if value is None else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        return None if value is None else orjson.loads(value)
