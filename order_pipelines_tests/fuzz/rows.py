"""From what a mapping returns to the rows that would be written: nothing of it may be unfit for a store."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

from order_pipelines import clock
from order_pipelines.domain.matching import Article, Catalogue
from order_pipelines.domain.orders import Interpretation, Order, Problem, order_facts
from order_pipelines.domain.validation import validate_orders
from order_pipelines.operations.inbox import Receipt
from order_pipelines.operations.tables import (
    bundle_parts,
    incoming_stock,
    order_lines,
    order_people,
    orders,
    quarantine,
    shipment_evidence,
    stock_movements,
    supplier_stock,
)
from order_pipelines.services.booking import evidence_row
from order_pipelines.services.judging import _judge_one, believable
from order_pipelines.services.order_rows import (
    Arrived,
    fitted,
    line_rows,
    order_row,
    people_row,
    quarantine_row,
)
from order_pipelines.services.supply_files import _purchase_row
from order_pipelines.settings import Settings
from order_pipelines_tests.fuzz.storable import misfits

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
CATALOGUE = Catalogue(
    (
        Article("KOP", "high", ("8710000000017",)),
        Article("JAS-1", "low", ("8712345000011",)),
        Article("1", None),
    )
)
_ACCOUNT = {"system": "bol", "effective_from": "2026-01-01", "ships_from": "main", "serves": ["main"]}
SETTINGS = Settings.model_validate(
    {
        "merchant": {"name": "De Vries Wonen"},
        "locations": [{"name": "main"}],
        "vat": {"rates": {"NL": {"high": 21, "low": 9}}},
        "accounts": {"bol_main": _ACCOUNT, "wholesale": {**_ACCOUNT, "system": "b2b_files"}},
    }
)


def assert_storable(meaning: Interpretation, account: str = "bol_main") -> None:
    """Judge everything as intake does and compare each row with its table; also what ``inspect`` would print."""
    with clock.frozen(NOW):
        for order in meaning.orders:
            orjson.dumps(order_facts(order))
            _assert_order(order, account)
        for reject in meaning.rejects:
            _assert_quarantine(account, reject.external_id or "name", reject.problem, reject.row)
        for rows in (
            meaning.stock_counts,
            meaning.stock_corrections,
            meaning.shipments,
            meaning.goods_movements,
            meaning.purchase_lines,
            meaning.supplier_offers,
            meaning.bundle_parts,
        ):
            for row in rows:
                orjson.dumps(asdict(row), default=_plain)
        _assert_supplies(meaning, account)


def _assert_supplies(meaning: Interpretation, account: str) -> None:
    """Every article is known under the name it has: what else a row holds must fit its table."""
    receipt = Receipt(1, account, "b2b_files", "file", "bestand.csv", "0" * 64, NOW, NOW, b"")
    for line in meaning.purchase_lines:
        row = _purchase_row(line, line.line_id or "KOP#1", "KOP", "main", receipt)
        assert misfits(incoming_stock, row) == []
    for offer in meaning.supplier_offers:
        row = {
            "account": account,
            "supplier": offer.supplier,
            "sku": "KOP",
            "quantity": offer.quantity,
            "lead_days": offer.lead_days,
            "unit_cost": offer.unit_cost,
            "stated_at": offer.stated_at or NOW,
            "receipt_seq": 1,
        }
        assert misfits(supplier_stock, row) == []
    for part in meaning.bundle_parts:
        row = {"bundle_sku": part.bundle_sku, "part_sku": "KOP", "quantity": part.quantity, "updated_at": NOW}
        assert misfits(bundle_parts, row) == []
    for moved in meaning.goods_movements:
        row = {"movement_seq": 1, "sku": "KOP", "location": moved.location, "kind": moved.kind}
        row |= {"physical_quantity": moved.quantity, "on_hand_delta": 0, "open_demand_delta": 0, "cause": "x"}
        row |= {"occurred_at": moved.occurred_at, "booked_at": NOW, "reserved_delta": 0}
        assert misfits(stock_movements, row) == []


def assert_can_be_validated(found: Sequence[Order]) -> None:
    """Validate orders in one frame, as intake does: one by one would cost two hundredths of a second each."""
    with clock.frozen(NOW):
        try:
            problems = validate_orders(found, believable(SETTINGS))
        except Exception:
            for order in found:
                validate_orders([order], believable(SETTINGS))
            raise
    assert len(problems) == len(found)


def _plain(value: Any) -> str:
    assert isinstance(value, date | Decimal), value
    return str(value)


def _assert_order(order: Order, account: str) -> None:
    system = SETTINGS.accounts[account].system
    arrived = Arrived(account, system, order, 1, "0" * 64, NOW, NOW - timedelta(minutes=1))
    judged = _judge_one(arrived, [], CATALOGUE, SETTINGS)
    row = fitted(orders, order_row(judged, NOW, 1, SETTINGS.merchant.zone))
    found = misfits(orders, row)
    rows = line_rows(judged)
    for values in rows:
        found += misfits(order_lines, fitted(order_lines, values))
    assert len({values["line_id"] for values in rows}) == len(rows), "two lines under one id"
    person = people_row(judged)
    if person is not None:
        found += misfits(order_people, person)
    for line in order.lines:
        if line.quantity_shipped:
            key = (arrived.key, line.external_line_id, f"channel:{line.quantity_shipped}")
            evidence = evidence_row(
                key, line.quantity_shipped, line.changed_at or arrived.version[0], is_cumulative=True
            )
            found += misfits(shipment_evidence, evidence)
    assert found == []
    for problem in judged.problems:
        _assert_quarantine(account, order.external_order_id, problem, None)
    _assert_amounts(row.get(name) for name in ("order_total_current_incl_vat", "order_vat_amount"))


def _assert_amounts(amounts: Iterable[Any]) -> None:
    assert all(amount is None or amount.is_finite() for amount in amounts)


def _assert_quarantine(account: str, external_id: str, problem: Problem, row: int | None) -> None:
    values = quarantine_row(account, "order", f"{account}:{external_id}", problem, 1, row=row)
    assert misfits(quarantine, {**fitted(quarantine, values), "change_seq": 1}) == []
    assert problem.code, problem
    assert problem.reason, problem
