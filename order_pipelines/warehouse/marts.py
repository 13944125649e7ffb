"""Building the marts from their select files: touched rows only where a mart grows with history, else all of it.

``mart.orders`` and ``mart.invoices`` are rebuilt for touched keys, revenue per day for touched days, weeks and months
for the periods around those days. Stock, stock per channel, per location and channel, and open quarantine hold one row
per thing that exists now, oversell cases are few: they are rebuilt as a whole, which needs no bookkeeping.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from order_pipelines.resources import read_sql
from order_pipelines.warehouse.session import Session
from order_pipelines.warehouse.tables import (
    INVOICE_LIST,
    OPEN_QUARANTINE,
    OPEN_RETURNS,
    ORDER_LIST,
    OVERSELL_LIST,
    REVENUE_PER_CHANNEL_DAY,
    REVENUE_PER_CHANNEL_MONTH,
    REVENUE_PER_CHANNEL_WEEK,
    STOCK,
    STOCK_PER_CHANNEL,
    STOCK_PER_LOCATION_AND_CHANNEL,
    THREE_WAY_PER_DAY,
    THREE_WAY_TERMS,
    TOUCHED_DAYS,
    TOUCHED_INVOICES,
    TOUCHED_ORDERS,
    Table,
)


@dataclass(frozen=True, slots=True)
class MartResult:
    """What a build did. Both mappings go by full table name; ``days`` are the business days that were rebuilt."""

    rows_written: dict[str, int] = field(default_factory=dict)
    rows_total: dict[str, int] = field(default_factory=dict)
    days: tuple[date, ...] = ()
    orders_touched: int = 0


def _in_period(column: str, unit: str) -> str:
    period = f"cast(date_trunc('{unit}', cast(order_date as timestamp)) as date)"
    return f"{column} in (select {period} from {TOUCHED_DAYS.full_name})"


# In the order of building: days are made from orders, weeks and months from days.
_STALE: tuple[tuple[Table, str | None], ...] = (
    (ORDER_LIST, f"order_key in (select order_key from {TOUCHED_ORDERS.full_name})"),
    (REVENUE_PER_CHANNEL_DAY, f"order_date in (select order_date from {TOUCHED_DAYS.full_name})"),
    (REVENUE_PER_CHANNEL_WEEK, _in_period("week_start", "week")),
    (REVENUE_PER_CHANNEL_MONTH, _in_period("month_start", "month")),
    (INVOICE_LIST, f"invoice_key in (select invoice_key from {TOUCHED_INVOICES.full_name})"),
    (STOCK, None),
    (STOCK_PER_CHANNEL, None),
    (STOCK_PER_LOCATION_AND_CHANNEL, None),
    (OVERSELL_LIST, None),
    (OPEN_QUARANTINE, None),
    (OPEN_RETURNS, None),
    (THREE_WAY_TERMS, None),
    (THREE_WAY_PER_DAY, None),
)


def build(session: Session, days: Iterable[date] = ()) -> MartResult:
    """Rebuild what the loads since the last build touched, and ``days`` besides; all of it or nothing.

    The lists of touched things are emptied in the same transaction, so that a crash loses and repeats nothing.
    """
    result = MartResult()
    with session.transaction():
        for day in days:
            _touch_day(session, day)
        if session.engine == "postgresql":
            for touched in (TOUCHED_DAYS, TOUCHED_ORDERS, TOUCHED_INVOICES):
                session.execute(f"analyze {touched.full_name}")
        rebuilt = [
            day for (day,) in session.rows(f"select order_date from {TOUCHED_DAYS.full_name} order by 1")
        ]
        ((orders,),) = session.rows(f"select count(*) from {TOUCHED_ORDERS.full_name}")
        for table, stale in _STALE:
            result.rows_written[table.full_name] = _rebuild(session, table, stale)
        for touched in (TOUCHED_DAYS, TOUCHED_ORDERS, TOUCHED_INVOICES):
            session.execute(f"delete from {touched.full_name}")
        for table, _ in _STALE:
            ((count,),) = session.rows(f"select count(*) from {table.full_name}")
            result.rows_total[table.full_name] = int(count)
    return MartResult(
        rows_written=result.rows_written,
        rows_total=result.rows_total,
        days=tuple(rebuilt),
        orders_touched=int(orders),
    )


def _touch_day(session: Session, day: date) -> None:
    session.execute(f"delete from {TOUCHED_DAYS.full_name} where order_date = $1", [day])
    session.execute(f"insert into {TOUCHED_DAYS.full_name} (order_date) values ($1)", [day])


def _rebuild(session: Session, table: Table, stale: str | None) -> int:
    condition = "" if stale is None else f" where {stale}"
    session.execute(f"delete from {table.full_name}{condition}")
    names = ", ".join(table.column_names)
    select = read_sql(f"{table.schema}/{table.name}.sql")
    return session.change(
        f"insert into {table.full_name} ({names})\nselect {names} from (\n{select}\n) as fresh"
    )
