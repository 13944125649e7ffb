"""Booking versions of orders: state, quarantine, demand, ledger and desired channel stock in one transaction."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.connectors.registry import connector_of
from order_pipelines.domain.stock import Departure, Evidence, departures, open_quantity
from order_pipelines.operations.booked_lines import read_booked_lines
from order_pipelines.operations.ledger import Ledger
from order_pipelines.operations.movements import LineTarget
from order_pipelines.operations.store import CHANGE, chunks, next_values, upsert
from order_pipelines.operations.tables import (
    order_lines,
    order_people,
    orders,
    products,
    shipment_evidence,
)
from order_pipelines.services.availability import read_bundles
from order_pipelines.services.bundles import of_parts
from order_pipelines.services.cancelled_pieces import note_cancellations
from order_pipelines.services.desired_stock import refresh_desired
from order_pipelines.services.judging import CatalogueCache, believable, judge
from order_pipelines.services.order_rows import (
    Arrived,
    Judged,
    fitted,
    line_rows,
    newest,
    order_row,
    people_row,
    quarantine_row,
)
from order_pipelines.services.posting_reservations import post_reservations
from order_pipelines.services.quarantining import resolve_quarantine, settle_quarantine
from order_pipelines.services.unchanged import note_unchanged
from order_pipelines.settings import Settings

__all__ = [
    "Booked",
    "book_orders",
    "evidence_row",
    "resolve_quarantine",
    "settle_orders",
    "settle_quarantine",
]


@dataclass
class Booked:
    """What one batch changed."""

    orders_new: int = 0
    orders_changed: int = 0
    orders_unchanged: int = 0
    orders_stale: int = 0
    orders_quarantined: int = 0
    lines: int = 0
    skus: set[str] = field(default_factory=set)
    quarantined: set[str] = field(default_factory=set)

    def add(self, other: "Booked") -> None:
        """Add another batch's counts."""
        self.orders_new += other.orders_new
        self.orders_changed += other.orders_changed
        self.orders_unchanged += other.orders_unchanged
        self.orders_stale += other.orders_stale
        self.orders_quarantined += other.orders_quarantined
        self.lines += other.lines
        self.skus |= other.skus
        self.quarantined |= other.quarantined


def book_orders(
    connection: Connection, settings: Settings, cache: CatalogueCache, versions: Sequence[Arrived]
) -> Booked:
    """Book versions of orders, in whatever order and however often they come.

    Everything happens in the caller's transaction; the newest version of each order stands afterwards.
    """
    booked = Booked()
    if not versions:
        return booked
    candidates = newest(versions)
    known = _known_versions(connection, list(candidates))
    winners = []
    for key, arrived in candidates.items():
        row = known.get(key)
        if row is not None and arrived.version < (row.changed_at, row.read_began_at, row.content_hash):
            booked.orders_stale += 1
            continue
        winners.append(arrived)
    if settings.products.from_orders:
        _make_products(connection, winners, cache)
    judged = judge(winners, cache.get(connection), settings, believable(settings))
    _write_orders(connection, settings, judged, known, booked)
    _write_evidence(connection, versions)
    note_cancellations(connection, versions)
    settle: list[str] = [
        item.arrived.key for item in judged if not item.is_history or item.arrived.key in known
    ]
    settle += [key for key in candidates if key in known and key not in settle]
    booked.skus |= settle_orders(connection, settings, settle)
    return booked


def _known_versions(connection: Connection, keys: Sequence[str]) -> dict[str, Any]:
    known: dict[str, Any] = {}
    columns = (
        orders.c.order_key,
        orders.c.changed_at,
        orders.c.read_began_at,
        orders.c.content_hash,
        orders.c.first_received_at,
        orders.c.is_quarantined,
        orders.c.completed_at,
        orders.c.change_seq,
    )
    for part in chunks(keys):
        for row in connection.execute(sa.select(*columns).where(orders.c.order_key.in_(part))):
            known[row.order_key] = row
    return known


def _make_products(connection: Connection, winners: Sequence[Arrived], cache: CatalogueCache) -> None:
    catalogue = cache.get(connection)
    rows: dict[str, dict[str, Any]] = {}
    now = clock.now()
    for arrived in winners:
        for line in arrived.order.lines:
            if line.line_kind == "goods" and line.sku is not None and catalogue.article(line.sku) is None:
                rows.setdefault(
                    line.sku, {"sku": line.sku, "name": line.title, "source": "orders", "updated_at": now}
                )
    if rows:
        first = next_values(connection, CHANGE, len(rows))
        for number, row in enumerate(rows.values(), start=first):
            row["change_seq"] = number
        upsert(connection, products, list(rows.values()))


def _write_orders(
    connection: Connection,
    settings: Settings,
    judged: Sequence[Judged],
    known: dict[str, Any],
    booked: Booked,
) -> None:
    unchanged = note_unchanged(connection, settings, judged, known)
    booked.orders_unchanged += len(unchanged)
    booked.quarantined |= {
        item.arrived.key for item in judged if item.problems and item.arrived.key in unchanged
    }
    # Also of those: a body that could not be read came between, and now the order was read well again.
    _write_quarantine(connection, judged)
    judged = [item for item in judged if item.arrived.key not in unchanged]
    if not judged:
        return
    first = next_values(connection, CHANGE, len(judged))
    order_values: list[dict[str, Any]] = []
    line_values: list[dict[str, Any]] = []
    people_values: list[dict[str, Any]] = []
    nameless: list[str] = []
    for number, item in enumerate(judged, start=first):
        row = known.get(item.arrived.key)
        if row is None:
            booked.orders_new += 1
        else:
            booked.orders_changed += 1
        if item.problems:
            booked.orders_quarantined += 1
            booked.quarantined.add(item.arrived.key)
        received = (
            item.arrived.received_at if row is None else min(row.first_received_at, item.arrived.received_at)
        )
        order_values.append(fitted(orders, order_row(item, received, number, settings.merchant.zone)))
        line_values.extend(fitted(order_lines, row) for row in line_rows(item))
        person = people_row(item)
        if person is not None:
            people_values.append(person)
        elif row is not None:
            nameless.append(item.arrived.key)
    booked.lines += len(line_values)
    existing = [item.arrived.key for item in judged if item.arrived.key in known]
    for part in chunks(existing):
        connection.execute(sa.delete(order_lines).where(order_lines.c.order_key.in_(part)))
    upsert(connection, orders, order_values)
    if line_values:
        connection.execute(order_lines.insert(), line_values)
    upsert(connection, order_people, people_values)
    for keys in chunks(nameless):
        connection.execute(sa.delete(order_people).where(order_people.c.order_key.in_(keys)))


def _write_quarantine(connection: Connection, judged: Sequence[Judged]) -> None:
    rows = [
        quarantine_row(item.arrived.account, "order", item.arrived.key, problem, item.arrived.receipt_seq)
        for item in judged
        for problem in item.problems
    ]
    settle_quarantine(connection, rows, [item.arrived.key for item in judged])


def _write_evidence(connection: Connection, versions: Sequence[Arrived]) -> None:
    """Keep what every version says of departed pieces, stale ones too: the earliest moment of each total counts."""
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for arrived in versions:
        for line in arrived.order.lines:
            if line.line_kind != "goods" or not line.own_fulfilment or not line.quantity_shipped:
                continue
            key = (arrived.key, line.external_line_id, f"channel:{line.quantity_shipped}")
            occurred_at = line.changed_at or arrived.version[0]
            row = rows.get(key)
            if row is None or occurred_at < row["occurred_at"]:
                rows[key] = evidence_row(key, line.quantity_shipped, occurred_at, is_cumulative=True)
    if not rows:
        return
    stored: dict[tuple[str, str, str], datetime] = {}
    for part in chunks(sorted({key[0] for key in rows})):
        for found in connection.execute(
            sa.select(shipment_evidence).where(shipment_evidence.c.order_key.in_(part))
        ):
            stored[(found.order_key, found.line_id, found.evidence_key)] = found.occurred_at
    upsert(
        connection,
        shipment_evidence,
        [row for key, row in rows.items() if key not in stored or row["occurred_at"] < stored[key]],
    )


def evidence_row(
    key: tuple[str, str, str],
    quantity: int,
    occurred_at: datetime,
    *,
    is_cumulative: bool,
    location: str | None = None,
) -> dict[str, Any]:
    """Return a row of ``shipment_evidence``."""
    return {
        "order_key": key[0],
        "line_id": key[1],
        "evidence_key": key[2],
        "is_cumulative": is_cumulative,
        "quantity": quantity,
        "location": location,
        "occurred_at": occurred_at,
    }


# What settling asks of an order and its lines: no money, whose exact types cost more than all the rest.
_HEADS = sa.select(
    orders.c.order_key,
    orders.c.external_order_id,
    orders.c.order_number,
    orders.c.account,
    orders.c.system,
    orders.c.order_kind,
    orders.c.order_status,
    orders.c.fulfilment_status,
    orders.c.is_history,
    orders.c.is_test,
    orders.c.ordered_at,
    orders.c.first_received_at,
    orders.c.changed_at,
    orders.c.completed_at,
)
_LINES = sa.select(
    order_lines.c.order_key,
    order_lines.c.line_id,
    order_lines.c.line_kind,
    order_lines.c.sku,
    order_lines.c.quantity,
    order_lines.c.quantity_cancelled,
    order_lines.c.quantity_shipped,
    order_lines.c.quantity_departed,
    order_lines.c.own_fulfilment,
    order_lines.c.is_known,
    order_lines.c.changed_at,
)


def settle_orders(connection: Connection, settings: Settings, keys: Iterable[str]) -> set[str]:
    """Bring ledger, departures and completion of orders to what is known of them now; returns the SKUs that moved."""
    wanted = sorted(set(keys))
    if not wanted:
        return set()
    heads: dict[str, Any] = {}
    lines: dict[str, list[Any]] = defaultdict(list)
    evidence: dict[tuple[str, str], list[Evidence]] = defaultdict(list)
    for part in chunks(wanted):
        for row in connection.execute(_HEADS.where(orders.c.order_key.in_(part))):
            heads[row.order_key] = row
        for row in connection.execute(_LINES.where(order_lines.c.order_key.in_(part))):
            lines[row.order_key].append(row)
        for row in connection.execute(
            sa.select(shipment_evidence).where(shipment_evidence.c.order_key.in_(part))
        ):
            evidence[(row.order_key, row.line_id)].append(
                Evidence(row.evidence_key, row.is_cumulative, row.quantity, row.occurred_at, row.location)
            )
    bundles = read_bundles(connection, {row.sku for rows in lines.values() for row in rows if row.sku})
    booked = read_booked_lines(connection, wanted)
    targets: dict[tuple[str, str], LineTarget] = {}
    changed: list[tuple[str, dict[str, Any]]] = []
    for key, head in heads.items():
        left = {row.line_id: departures(evidence.get((key, row.line_id), ())) for row in lines[key]}
        for row in lines[key]:
            target = _target(settings, head, row, left[row.line_id])
            if target is not None:
                of_line = of_parts(target, bundles.get(row.sku, {}), booked)
                targets |= {(key, part.line_id): part for part in of_line}
        has_departed = _write_departed(connection, lines[key], left)
        state = _state(head, lines[key], left)
        if has_departed or any(getattr(head, name) != value for name, value in state.items()):
            changed.append((key, state))
    if changed:
        first = next_values(connection, CHANGE, len(changed))
        for number, (key, state) in enumerate(changed, start=first):
            connection.execute(
                sa.update(orders).where(orders.c.order_key == key).values(**state, change_seq=number)
            )
    ledger = Ledger(connection)
    ledger.settle_lines(targets, wanted, booked)
    # A cart that became an order: its pieces are demand now, and held no longer, in one transaction.
    post_reservations(connection, settings, ledger, heads.values())
    if not ledger.has_changes:
        return set()
    skus = ledger.flush(next_values(connection, CHANGE))
    refresh_desired(connection, settings, skus)
    return skus


def _target(settings: Settings, head: Any, row: Any, left: Sequence[Departure]) -> LineTarget | None:
    account = settings.accounts.get(head.account)
    if account is None or account.ships_from is None:
        return None
    takes_stock = (
        not head.is_history
        and not head.is_test
        and head.order_kind == "sale"
        and row.line_kind == "goods"
        and row.own_fulfilment
        and row.is_known
    )
    if not takes_stock:
        return None
    shipped = sum(item.quantity for item in left)
    owed = open_quantity(row.quantity, row.quantity_cancelled or 0, shipped)
    if head.order_status == "cancelled":
        owed = 0
    return LineTarget(
        head.order_key,
        row.line_id,
        head.account,
        row.sku,
        account.ships_from,
        owed,
        head.ordered_at or head.first_received_at,
        tuple(left),
        changed_at=row.changed_at or head.changed_at,
    )


def _write_departed(connection: Connection, rows: Sequence[Any], left: dict[str, list[Departure]]) -> bool:
    """Note how many pieces of each line left; returns whether that is news of the order."""
    is_news = False
    for row in rows:
        pieces = sum(item.quantity for item in left[row.line_id]) or None
        if pieces != row.quantity_departed:
            connection.execute(
                sa.update(order_lines)
                .where(order_lines.c.order_key == row.order_key, order_lines.c.line_id == row.line_id)
                .values(quantity_departed=pieces)
            )
            is_news = True
    return is_news


def _state(head: Any, rows: Sequence[Any], left: dict[str, list[Departure]]) -> dict[str, Any]:
    """Return what departures say of an order; its status too where no channel will ever tell it (files)."""
    completed_at = _completed_at(head, rows, left)
    state: dict[str, Any] = {"completed_at": completed_at}
    if connector_of(head.system).order_source is None and head.order_status != "cancelled":
        has_left = any(left[row.line_id] for row in rows)
        state["order_status"] = "completed" if completed_at is not None else head.order_status
        if completed_at is not None or has_left:
            state["fulfilment_status"] = "shipped" if completed_at is not None else "partially_shipped"
    return state


def _completed_at(head: Any, rows: Sequence[Any], left: dict[str, list[Departure]]) -> datetime | None:
    """The moment of the last departure once every goods piece left or was cancelled, ``None`` before."""
    moments: list[datetime] = []
    shipped_any = False
    for row in rows:
        if row.line_kind != "goods":
            continue
        if row.quantity is None:
            return None
        gone = sum(item.quantity for item in left[row.line_id])
        shipped = max(gone, row.quantity_shipped or 0)
        if shipped + (row.quantity_cancelled or 0) < row.quantity:
            return None
        shipped_any = shipped_any or shipped > 0
        if gone >= shipped and left[row.line_id]:
            moments.append(max(item.occurred_at for item in left[row.line_id]))
        elif shipped:
            moments.append(row.changed_at or head.changed_at)
    return max(moments) if shipped_any and moments else None
