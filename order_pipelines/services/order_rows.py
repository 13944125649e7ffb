"""Canonical orders as rows of the operations store. Pure: no store is read or written here."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.domain.amounts import OrderAmounts
from order_pipelines.domain.orders import Address, Buyer, Order, Problem
from order_pipelines.identifiers import OrderKey, make_order_key
from order_pipelines.money import round_to_cents

_PRICE = Decimal("0.0001")
_COUNTRY_LENGTH, _CURRENCY_LENGTH = 2, 3
_CLOCK_SKEW = timedelta(hours=1)
# What decimal(18, 2) and decimal(18, 4) hold; an order beyond is in quarantine for its quantity.
_LARGEST_AMOUNT, _LARGEST_PRICE = Decimal(10) ** 15, Decimal(10) ** 13


@dataclass(frozen=True, slots=True)
class Arrived:
    """One version of an order, with where it came from."""

    account: str
    system: str
    order: Order
    receipt_seq: int
    content_hash: str
    received_at: datetime
    read_began_at: datetime

    @property
    def key(self) -> OrderKey:
        """The order's key over all accounts."""
        return make_order_key(self.account, self.order.external_order_id)

    @property
    def version(self) -> tuple[datetime, datetime, str]:
        """What makes one version newer than another: the channel's time, when reading began, content.

        A change later than its own reading is a wrong clock; believed, it would shut out every later version.
        """
        changed_at = self.order.changed_at or self.read_began_at
        return (min(changed_at, self.read_began_at + _CLOCK_SKEW), self.read_began_at, self.content_hash)


@dataclass(frozen=True, slots=True)
class Judged:
    """A version with everything that was found out about it."""

    arrived: Arrived
    skus: tuple[str | None, ...]
    vat_classes: tuple[str | None, ...]
    rates: tuple[Decimal | None, ...]
    amounts: OrderAmounts
    problems: tuple[Problem, ...]
    is_history: bool


def _cents(amount: Decimal | None) -> Decimal | None:
    return None if amount is None or abs(amount) >= _LARGEST_AMOUNT else round_to_cents(amount)


def _price(amount: Decimal | None) -> Decimal | None:
    return None if amount is None or abs(amount) >= _LARGEST_PRICE else amount.quantize(_PRICE)


def _code(text: str | None, length: int) -> str | None:
    """Only what can be an ISO code is kept as one: half of a wrong one would be another country's."""
    return text if text is not None and len(text) == length and text.isalpha() else None


def fitted(table: sa.Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row with texts as the database can hold them: no NUL, and not longer than their column.

    Key columns are left alone: two names cut to the same text would be one thing.
    """
    result = dict(row)
    for name, length in _text_limits(table):
        value = result.get(name)
        if isinstance(value, str) and ("\x00" in value or (length is not None and len(value) > length)):
            result[name] = value.replace("\x00", "")[:length]
    return result


@cache
def _text_limits(table: sa.Table) -> tuple[tuple[str, int | None], ...]:
    """Return how long the texts of a table's columns may be, keys aside; ``None`` is any length."""
    return tuple(
        (column.name, column.type.length)
        for column in table.c
        if isinstance(column.type, sa.String) and not column.primary_key
    )


def order_row(judged: Judged, first_received_at: datetime, change_seq: int, zone: ZoneInfo) -> dict[str, Any]:
    """Return the row of ``orders``."""
    arrived, order = judged.arrived, judged.arrived.order
    return {
        "order_key": arrived.key,
        "account": arrived.account,
        "system": arrived.system,
        "channel": order.channel,
        "external_order_id": order.external_order_id,
        "order_number": order.order_number or order.external_order_id,
        "order_kind": order.order_kind,
        "customer_reference": order.customer_reference,
        "customer_number": order.customer_number,
        "currency_code": _code(order.currency, _CURRENCY_LENGTH),
        "ship_country": _code(order.ship_country, _COUNTRY_LENGTH),
        "bill_country": _code(order.bill_country, _COUNTRY_LENGTH),
        "order_status": order.order_status,
        "payment_status": order.payment_status,
        "fulfilment_status": order.fulfilment_status,
        "must_flag": sorted(order.must_flag),
        "quarantine_reasons": sorted({problem.code for problem in judged.problems}),
        "shipping_cost_incl_vat": _cents(order.shipping_cost_incl_vat),
        "order_discounts": _cents(order.order_discounts),
        "order_total_incl_vat": _cents(order.order_total_incl_vat),
        "order_total_current_incl_vat": _cents(judged.amounts.incl_vat),
        "order_total_excl_vat": _cents(order.order_total_excl_vat),
        "order_total_current_excl_vat": _cents(judged.amounts.excl_vat),
        "order_vat_amount": _cents(judged.amounts.vat),
        "refunded_total_incl_vat": _cents(order.refunded_total_incl_vat),
        "commission_total": _cents(order.commission_total),
        "is_business": order.buyer.is_business if order.buyer is not None else None,
        "counts_in_revenue": order.counts_in_revenue,
        "own_fulfilment": order.own_fulfilment,
        "is_history": judged.is_history,
        "is_test": order.is_test,
        "is_quarantined": bool(judged.problems),
        "ordered_at": order.ordered_at,
        "order_date": None if order.ordered_at is None else clock.order_date(order.ordered_at, zone),
        "completed_at": None,
        "changed_at": arrived.version[0],
        "read_began_at": arrived.read_began_at,
        "content_hash": arrived.content_hash,
        "receipt_seq": arrived.receipt_seq,
        "first_received_at": first_received_at,
        "change_seq": change_seq,
    }


def line_rows(judged: Judged) -> list[dict[str, Any]]:
    """Return the rows of ``order_lines``. A line with a problem of its own takes no stock."""
    order_key = judged.arrived.key
    broken = {problem.line_id for problem in judged.problems if problem.line_id is not None}
    rows = []
    seen: set[str] = set()
    for number, line in enumerate(judged.arrived.order.lines, start=1):
        line_id = line.external_line_id
        if line_id in seen:
            line_id = f"{line_id}#{number}"
        seen.add(line_id)
        amounts = judged.amounts.lines[number - 1]
        sku = judged.skus[number - 1]
        rows.append(
            {
                "order_key": order_key,
                "line_id": line_id,
                "line_number": number,
                "line_kind": line.line_kind,
                "sku_said": line.sku,
                "ean_said": line.ean,
                "sku": sku,
                "title": line.title,
                "offer_id": line.offer_id,
                "vat_class": judged.vat_classes[number - 1],
                "quantity": line.quantity,
                "quantity_cancelled": line.quantity_cancelled,
                "quantity_shipped": line.quantity_shipped,
                "quantity_refunded": line.quantity_refunded,
                "quantity_departed": None,
                "unit_price_incl_vat": _price(line.unit_price_incl_vat),
                "unit_price_excl_vat": _price(line.unit_price_excl_vat),
                "line_discount_incl_vat": _cents(line.line_discount_incl_vat),
                "line_total_incl_vat": _cents(line.line_total_incl_vat),
                "line_total_excl_vat": _cents(line.line_total_excl_vat),
                "line_current_incl_vat": _cents(amounts.incl_vat),
                "line_current_excl_vat": _cents(amounts.excl_vat),
                "line_vat_amount": _cents(amounts.vat),
                "commission": _cents(line.commission),
                "vat_rate_pct": _cents(judged.rates[number - 1]),
                "own_fulfilment": line.own_fulfilment,
                "is_known": sku is not None and line.external_line_id not in broken,
                "changed_at": line.changed_at,
                "source_row": line.row,
            }
        )
    return rows


def people_row(judged: Judged) -> dict[str, Any] | None:
    """Return the row of ``order_people``, or ``None`` when the payload names nobody."""
    order = judged.arrived.order
    if order.buyer is None and order.shipping_address is None and order.billing_address is None:
        return None
    return {
        "order_key": judged.arrived.key,
        "buyer": _members(order.buyer or Buyer()),
        "shipping_address": None if order.shipping_address is None else _members(order.shipping_address),
        "billing_address": None if order.billing_address is None else _members(order.billing_address),
    }


# The members of the flat dataclasses of persons: `asdict` copies deeply, a ninth of all time that booking took.
_MEMBERS = {kind: tuple(member.name for member in fields(kind)) for kind in (Address, Buyer)}


def _members(person: Buyer | Address) -> dict[str, Any]:
    return {name: getattr(person, name) for name in _MEMBERS[type(person)]}


def quarantine_key(entity: str, entity_key: str, problem: Problem, row: int | None) -> str:
    """Return a key that the same problem of the same thing has every time it is seen."""
    parts = (entity, entity_key, problem.code, problem.field or "", problem.line_id or "", str(row or ""))
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def quarantine_row(
    account: str,
    entity: str,
    entity_key: str,
    problem: Problem,
    receipt_seq: int,
    *,
    row: int | None = None,
) -> dict[str, Any]:
    """Return an open row of ``quarantine`` without its change number."""
    return {
        "quarantine_key": quarantine_key(entity, entity_key, problem, row),
        "account": account,
        "entity": entity,
        "entity_key": entity_key,
        "receipt_seq": receipt_seq,
        "reason_code": problem.code,
        "reason": problem.reason,
        "field": problem.field,
        "value": None if problem.value is None else problem.value[:200],
        "line_id": problem.line_id,
        "source_row": row,
        "first_seen_at": clock.now(),
        "resolved_at": None,
    }


def newest(versions: Sequence[Arrived]) -> Mapping[str, Arrived]:
    """Return the newest version of each order among ``versions``."""
    result: dict[str, Arrived] = {}
    for arrived in versions:
        known = result.get(arrived.key)
        if known is None or arrived.version > known.version:
            result[arrived.key] = arrived
    return result
