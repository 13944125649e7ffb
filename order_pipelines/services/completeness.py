"""Which orders of a channel are not here, and which of ours the channel does not have: by number, after a new reading.

``missing`` should be here: it was at the channel when we last read everything. ``awaited`` is newer than that, or is
written down to be read. ``quarantined`` came and waits for a person. ``extra`` is here and no more at the channel.
``differing`` is on both sides, in another version or with another amount.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import sqlalchemy as sa

from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import day_readings, order_readings, orders, quarantine
from order_pipelines.services.three_way_channels import COUNTED, READ, Days

MISSING, AWAITED, QUARANTINED, EXTRA, DIFFERING = "missing", "awaited", "quarantined", "extra", "differing"


@dataclass(frozen=True, slots=True)
class Gap:
    """One order that only one side has, or that the sides see differently. Amounts are ``None`` when unknown."""

    account: str
    kind: str
    order_number: str
    order_date: date | None
    currency: str | None
    at_channel: Decimal | None
    here: Decimal | None


@dataclass(frozen=True, slots=True)
class Day:
    """How many orders of a business day count on both sides; ``at_channel`` is ``None`` when it was not read."""

    account: str
    order_date: date
    state: str
    at_channel: int | None
    here: int
    reason: str | None


@dataclass
class Completeness:
    """What was found in the newest readings of these days."""

    days: list[Day] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Every order of every day that was read is here; a day that was not read is another matter."""
        return not any(gap.kind == MISSING for gap in self.gaps)


def look(store: OperationsStore, days: Days, accounts: Sequence[str]) -> Completeness:
    """Compare the newest readings of ``days`` with the orders that are here now."""
    found = Completeness()
    with store.reading() as connection:
        read = list(
            connection.execute(
                sa.select(day_readings)
                .where(
                    day_readings.c.account.in_(list(accounts)),
                    day_readings.c.order_date.between(days.first, days.last),
                    day_readings.c.state.in_([READ, COUNTED, "not_read"]),
                )
                .order_by(day_readings.c.account, day_readings.c.order_date)
            )
        )
        theirs = {
            row.order_key: row
            for row in connection.execute(
                sa.select(order_readings).where(
                    order_readings.c.account.in_(list(accounts)),
                    order_readings.c.is_listed,
                    sa.or_(
                        order_readings.c.order_date.between(days.first, days.last),
                        order_readings.c.order_date.is_(None),
                    ),
                )
            )
        }
        ours = {
            row.order_key: row
            for row in connection.execute(
                sa.select(orders).where(
                    orders.c.account.in_(list(accounts)),
                    orders.c.order_date.between(days.first, days.last),
                )
            )
        }
        waiting = set(
            connection.execute(
                sa.select(quarantine.c.entity_key).where(quarantine.c.resolved_at.is_(None))
            ).scalars()
        )
    read_days = {(row.account, row.order_date): row for row in read}
    for key, row in theirs.items():
        if key not in ours and row.order_date is not None:
            kind = QUARANTINED if key in waiting else MISSING if row.is_missing else AWAITED
            found.gaps.append(_gap(kind, row, row.order_total_current_incl_vat, None))
        elif key in ours and row.content_hash is not None:
            mine = ours[key]
            amount = mine.order_total_current_incl_vat
            if not mine.is_quarantined and amount != row.order_total_current_incl_vat:
                found.gaps.append(_gap(DIFFERING, row, row.order_total_current_incl_vat, amount))
    for key, row in ours.items():
        day = read_days.get((row.account, row.order_date))
        if (
            key not in theirs
            and day is not None
            and day.state == READ
            and row.first_received_at < day.read_at
        ):
            found.gaps.append(_gap(EXTRA, row, None, row.order_total_current_incl_vat))
    found.gaps.sort(key=lambda gap: (gap.account, gap.kind, gap.order_date or date.max, gap.order_number))
    for day in read:
        at_channel = [
            row
            for row in theirs.values()
            if (row.account, row.order_date) == (day.account, day.order_date) and row.is_counted
        ]
        here = [
            row
            for row in ours.values()
            if (row.account, row.order_date) == (day.account, day.order_date)
            and row.counts_in_revenue
            and not row.is_test
            and row.order_status != "cancelled"
        ]
        was_read = day.state in {READ, COUNTED}
        found.days.append(
            Day(
                day.account,
                day.order_date,
                day.state,
                len(at_channel) if was_read else None,
                len(here),
                day.reason,
            )
        )
    return found


def _gap(kind: str, row: sa.Row[tuple[object, ...]], at_channel: Decimal | None, here: Decimal | None) -> Gap:
    values = row._mapping
    return Gap(
        values["account"],
        kind,
        values["order_number"] or values["external_order_id"],
        values["order_date"],
        values["currency_code"],
        at_channel,
        here,
    )
