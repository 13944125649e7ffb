"""Parcels from shipment files: matched to order lines, they close demand and become a shipment at the channel.

A line whose order is not here yet waits and is matched again after every sweep; nothing is dropped.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.domain.matching import Catalogue
from order_pipelines.domain.orders import Problem, ShipmentLine
from order_pipelines.operations.store import chunks, upsert
from order_pipelines.operations.tables import (
    order_lines,
    orders,
    pending_shipment_lines,
    shipment_evidence,
    shipments,
)
from order_pipelines.services.booking import evidence_row, settle_orders, settle_quarantine
from order_pipelines.services.judging import CatalogueCache
from order_pipelines.services.order_rows import quarantine_row
from order_pipelines.services.shop import Shop

ENTITY = "shipment_line"


@dataclass
class Matched:
    """What one round of matching did; ``waiting`` lines have no order here yet."""

    shipments: int = 0
    lines: int = 0
    waiting: int = 0


def note_shipment_lines(
    connection: Connection, account: str, source: str, lines: Sequence[ShipmentLine], receipt_seq: int
) -> None:
    """Write down shipment lines of a file; matching is a step of its own. ``source`` is unique per file content."""
    rows = []
    for index, line in enumerate(lines):
        stated = asdict(line)
        stated["shipped_at"] = clock.isoformat(line.shipped_at)
        rows.append(
            {
                "pending_key": f"{source}:{line.row if line.row is not None else f'i{index}'}",
                "account": account,
                "order_number": line.order_number,
                "line": stated,
                "reason": "not matched yet",
                "receipt_seq": receipt_seq,
                "since": clock.now(),
            }
        )
    for part in chunks(rows):
        upsert(connection, pending_shipment_lines, list(part))


def match_shipments(shop: Shop) -> Matched:
    """Match every waiting shipment line to its order line and book the departure."""
    matched = Matched()
    with shop.store.transaction() as connection:
        waiting = list(
            connection.execute(
                sa.select(pending_shipment_lines).order_by(pending_shipment_lines.c.pending_key)
            )
        )
        if not waiting:
            return matched
        catalogue = CatalogueCache().get(connection)
        candidates = _candidates(connection, [row.order_number for row in waiting])
        parcels: dict[str, dict[str, Any]] = {}
        evidence: dict[tuple[str, str, str], dict[str, Any]] = {}
        problems: list[dict[str, Any]] = []
        done: list[str] = []
        touched: set[str] = set()
        for row in waiting:
            found = _match(connection, catalogue, row, candidates)
            if isinstance(found, Problem):
                matched.waiting += 1
                problems.append(
                    quarantine_row(
                        row.account,
                        ENTITY,
                        f"{row.account}:{row.pending_key}",
                        found,
                        row.receipt_seq,
                        row=row.line["row"],
                    )
                )
                continue
            head, line = found
            done.append(row.pending_key)
            touched.add(head.order_key)
            matched.lines += 1
            _add(parcels, evidence, row, head, line)
        settle_quarantine(connection, problems, [f"{row.account}:{row.pending_key}" for row in waiting])
        statements = [
            {name: value for name, value in item.items() if name != "_source"} for item in evidence.values()
        ]
        upsert(connection, shipment_evidence, statements)
        upsert(connection, shipments, _merge_known(connection, parcels))
        for part in chunks(done):
            connection.execute(
                sa.delete(pending_shipment_lines).where(pending_shipment_lines.c.pending_key.in_(part))
            )
        matched.shipments = len(parcels)
        settle_orders(connection, shop.settings, touched)
    return matched


def _candidates(connection: Connection, numbers: Sequence[str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for part in chunks(sorted(set(numbers))):
        query = sa.select(orders).where(
            sa.or_(orders.c.order_number.in_(part), orders.c.external_order_id.in_(part)),
            orders.c.order_kind == "sale",
        )
        for row in connection.execute(query):
            for number in {row.order_number, row.external_order_id}:
                found.setdefault(number, []).append(row)
    return found


def _match(
    connection: Connection, catalogue: Catalogue, row: Any, candidates: dict[str, list[Any]]
) -> tuple[Any, Any] | Problem:
    line = row.line
    heads = candidates.get(row.order_number, [])
    if line["account"] is not None:
        heads = [head for head in heads if head.account == line["account"]]
    if not heads:
        return Problem(
            "unknown_order", f"order {row.order_number} is not here (yet); it is matched when it arrives"
        )
    if len(heads) > 1:
        accounts = ", ".join(sorted(head.account for head in heads))
        return Problem(
            "unknown_order",
            f"order {row.order_number} exists in several accounts ({accounts}); name the account",
        )
    head = heads[0]
    rows = [
        item
        for item in connection.execute(
            sa.select(order_lines).where(order_lines.c.order_key == head.order_key)
        )
        if item.line_kind == "goods"
    ]
    found = _line_of(catalogue, line, rows)
    if found is None:
        return Problem(
            "unknown_order",
            f"no single line of order {row.order_number} fits; name the line, the SKU or the EAN",
            value=line["line_id"] or line["sku"] or line["ean"],
        )
    owed = (found.quantity or 0) - (found.quantity_cancelled or 0)
    if line["quantity"] <= 0:
        return Problem(
            "negative_quantity", "a shipped quantity must be 1 or more", value=str(line["quantity"])
        )
    if line["quantity"] > owed:
        return Problem(
            "absurd_quantity",
            f"{line['quantity']} pieces shipped where {owed} were ordered in line {found.line_id}",
            value=str(line["quantity"]),
        )
    return head, found


def _line_of(catalogue: Catalogue, line: dict[str, Any], rows: Sequence[Any]) -> Any | None:
    if line["line_id"] is not None:
        fitting = [row for row in rows if row.line_id == line["line_id"]]
    elif line["sku"] is not None or line["ean"] is not None:
        sku = catalogue.find(line["sku"], line["ean"])
        fitting = [
            row
            for row in rows
            if (isinstance(sku, str) and row.sku == sku)
            or (line["sku"] is not None and row.sku_said == line["sku"])
            or (line["ean"] is not None and row.ean_said == line["ean"])
        ]
    else:
        fitting = list(rows)
    return fitting[0] if len(fitting) == 1 else None


def _add(
    parcels: dict[str, dict[str, Any]],
    evidence: dict[tuple[str, str, str], dict[str, Any]],
    row: Any,
    head: Any,
    line: Any,
) -> None:
    """The same tracking number is the same parcel, in whatever file it comes again; else each row is one."""
    stated = row.line
    shipped_at = datetime.fromisoformat(stated["shipped_at"])
    parcel = stated["tracking"] or row.pending_key
    digest = hashlib.sha256(f"{head.order_key}\x1f{parcel}".encode()).hexdigest()[:16]
    shipment_key = f"{head.order_key}:{digest}"
    source = row.pending_key.rsplit(":", 1)[0]
    key = (head.order_key, line.line_id, f"parcel:{digest}")
    known = evidence.get(key)
    # Rows of one file add up; the same parcel told again by another file is the same pieces.
    quantity = stated["quantity"] + (
        known["quantity"] if known is not None and known["_source"] == source else 0
    )
    evidence[key] = {
        **evidence_row(key, quantity, shipped_at, is_cumulative=False, location=stated["location"]),
        "_source": source,
    }
    parcel_row = parcels.setdefault(
        shipment_key,
        {
            "shipment_key": shipment_key,
            "account": head.account,
            "order_key": head.order_key,
            "carrier": stated["carrier"],
            "tracking": stated["tracking"],
            "location": stated["location"],
            "shipped_at": shipped_at,
            "lines": [],
            "receipt_seq": row.receipt_seq,
        },
    )
    others = [item for item in parcel_row["lines"] if item["line_id"] != line.line_id]
    parcel_row["lines"] = sorted(
        [*others, {"line_id": line.line_id, "quantity": quantity}], key=lambda item: item["line_id"]
    )


def _merge_known(connection: Connection, parcels: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """A parcel that is known already stays as it was announced."""
    known: set[str] = set()
    for part in chunks(list(parcels)):
        known |= set(
            connection.execute(
                sa.select(shipments.c.shipment_key).where(shipments.c.shipment_key.in_(part))
            ).scalars()
        )
    return [row for key, row in parcels.items() if key not in known]
