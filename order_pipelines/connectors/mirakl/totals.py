"""What the lines of a Mirakl order add up to: total, total as it stands, commission."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from order_pipelines.connectors.mirakl import states
from order_pipelines.connectors.mirakl.amounts import EXCLUDED, LineMoney, Taking, sum_known
from order_pipelines.connectors.mirakl.payloads import Reader
from order_pipelines.domain.orders import OrderLine
from order_pipelines.money import ZERO, round_to_cents


@dataclass(slots=True)
class ReadLine:
    """A line as read, with what of it concerns the order.

    ``is_never``: refused or cancelled as a whole. ``says_…``: the payload has the list at all, empty or not.
    """

    line: OrderLine
    money: LineMoney
    cancelled: list[Taking]
    refunded: list[Taking]
    is_never: bool
    says_cancelled: bool = True
    says_refunds: bool = True


@dataclass(slots=True)
class ReadLines:
    """What the lines of an order say together."""

    lines: list[ReadLine] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)
    changes: list[datetime] = field(default_factory=list)


def read_totals(
    reader: Reader, read: ReadLines, mode: str | None, state: str | None, *, is_readable: bool
) -> tuple[Decimal | None, Decimal | None]:
    """Return (total, total after cancellations), both including tax."""
    said = reader.money("total_price")
    if not is_readable:
        total = _add_order_taxes(reader, read, said) if mode == EXCLUDED else None
        return total, ZERO if total is not None and state in states.NEVER else None
    lines_total = sum_known([entry.money.total_incl for entry in read.lines]) if read.lines else None
    total = said
    if said is not None and mode == EXCLUDED:
        taxes = sum_known([entry.money.taxes for entry in read.lines])
        total = None if taxes is None else said + taxes
    total = lines_total if total is None else round_to_cents(total)
    if total is None or lines_total is None:
        return total, None
    kept = sum_known([entry.money.total_incl for entry in read.lines if not entry.is_never])
    if kept == total:
        # Refused lines were never charged; where the order's total leaves them out, they count as ordered all the same.
        total = lines_total
    if state in states.NEVER:
        return total, ZERO
    lost = sum_known([_lost(entry) for entry in read.lines])
    return total, None if lost is None else total - lost


def _add_order_taxes(reader: Reader, read: ReadLines, said: Decimal | None) -> Decimal | None:
    """Return the total with the taxes that the order names as a whole, because its lines have none."""
    read.flags.add("order_level_taxes")
    taxes = sum_known([tax.money("total_amount", required=True) for tax in reader.objects("order_taxes")])
    return None if said is None or taxes is None else round_to_cents(said + taxes)


def _lost(entry: ReadLine) -> Decimal | None:
    """Return what cancellations took off a line with its shipping."""
    if entry.is_never:
        return entry.money.total_incl
    return sum_known([taking.total_incl for taking in entry.cancelled]) if entry.says_cancelled else None


def read_total_excl(reader: Reader, mode: str | None) -> Decimal | None:
    """Return the total without tax, where amounts are without."""
    total = reader.money("total_price") if mode == EXCLUDED else None
    return None if total is None else round_to_cents(total)


def read_order_discounts(reader: Reader) -> Decimal | None:
    """Promotions are inside the prices; beside them nothing is taken off an order as a whole."""
    return ZERO if isinstance(reader.source.get("promotions"), dict) else None


def read_total_commission(reader: Reader, lines: Sequence[OrderLine]) -> Decimal | None:
    """Return the commission with its taxes, as the order says it, else as its lines do."""
    total = reader.money("total_commission")
    if total is None:
        total = sum_known([line.commission for line in lines]) if lines else None
    return None if total is None else round_to_cents(total)
