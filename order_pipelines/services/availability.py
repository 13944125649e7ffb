"""What may be promised of articles, read from the operations store at once: positions, bundles, carts, suppliers."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.domain.availability import (
    Explained,
    Incoming,
    LocationStock,
    Policy,
    Terms,
    buildable,
    explain,
)
from order_pipelines.operations.store import chunks
from order_pipelines.operations.tables import (
    bundle_parts,
    incoming_stock,
    line_demand,
    reservation_lines,
    reservations,
    stock_buffers,
    stock_positions,
    supplier_stock,
)
from order_pipelines.settings import AccountSettings, Settings
from order_pipelines.settings_stock import StockRule

HELD = ("live", "confirmed")
"""States of a reservation in which it holds stock."""


@dataclass
class Stockroom:
    """Everything the availability of some articles is made of. Make it with :func:`read_stockroom`."""

    settings: Settings
    today: date
    places: dict[str, list[LocationStock]] = field(default_factory=dict)
    bundles: dict[str, dict[str, int]] = field(default_factory=dict)
    own_open: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    own_reserved: dict[tuple[str, str], int] = field(default_factory=dict)
    suppliers: dict[str, int] = field(default_factory=dict)
    incoming: dict[str, list[tuple[str, Incoming]]] = field(default_factory=dict)
    buffers: dict[tuple[str, str], int] = field(default_factory=dict)

    def terms(self, name: str, sku: str) -> Terms:
        """Return the terms of an article that is no bundle, for an account."""
        account = self.settings.accounts[name]
        until = None
        if account.stock.incoming_days is not None:
            until = self.today + timedelta(days=account.stock.incoming_days)
        return Terms(
            tuple(place for place in self.places.get(sku, ()) if place.location in account.serves),
            frozenset(place.name for place in self.settings.locations if place.external),
            self._buffer(name, account, sku),
            max(0, self.suppliers.get(sku, 0)),
            tuple(item for place, item in self.incoming.get(sku, ()) if place in account.serves),
            account.stock.supplier_direct,
            until,
        )

    def is_known(self, name: str, sku: str) -> bool:
        """Tell whether the article, or every part of the bundle, was counted where it serves the account."""
        parts = self.bundles.get(sku)
        if parts is None:
            return self.terms(name, sku).is_known
        return all(self.terms(name, part).is_known for part in parts)

    def available(self, name: str, sku: str) -> int:
        """Return the pieces that may be promised for an account, never below zero."""
        parts = self.bundles.get(sku)
        if parts is None:
            return self.terms(name, sku).available
        return buildable(parts, {part: self.terms(name, part).available for part in parts})

    def shortage(self, name: str, sku: str) -> int | None:
        """Return how many pieces are owed or reserved and not there, buffers aside; ``None``: never counted."""
        if not self.is_known(name, sku):
            return None
        parts = self.bundles.get(sku) or {sku: 1}
        missing = 0
        for part in parts:
            terms = self.terms(name, part)
            missing = max(missing, -(terms.balance + terms.buffer))
        return max(0, missing)

    def explained(self, name: str, sku: str, *, subtracts_open_orders: bool, max_quantity: int) -> Explained:
        """Return how the number comes about that the account is told of an offer."""
        account = self.settings.accounts[name]
        parts = self.bundles.get(sku)
        owed = self.own_open.get((name, sku), {})
        # Only what was taken off may be put back on: pieces that leave from elsewhere are no stock of these.
        own_open = sum(pieces for place, pieces in owed.items() if place in account.serves)
        made_of = {
            part: explain(self.terms(name, part), Policy(), own_open=0, max_quantity=max_quantity)
            for part in parts or ()
        }
        free = {part: found.available for part, found in made_of.items()}
        return explain(
            self.terms(name, sku) if parts is None else Terms(),
            policy_of(account, sku),
            own_open=own_open if subtracts_open_orders else 0,
            own_reserved=self.own_reserved.get((name, sku), 0),
            max_quantity=max_quantity,
            available=None if parts is None else buildable(parts, free),
            parts=made_of,
        )

    def open_at(self, name: str, sku: str) -> int:
        """Return the pieces of an article that the account's own customers still wait for, where it is served."""
        owed = self.own_open.get((name, sku), {})
        return sum(pieces for place, pieces in owed.items() if place in self.settings.accounts[name].serves)

    def _buffer(self, name: str, account: AccountSettings, sku: str) -> int:
        rule = _rule(account, sku)
        if rule is not None and rule.buffer is not None:
            return rule.buffer
        if account.stock.measured_buffer:
            return max(account.stock.buffer, self.buffers.get((name, sku), 0))
        return account.stock.buffer


def policy_of(account: AccountSettings, sku: str) -> Policy:
    """Return how an account shows an article."""
    shown = _rule(account, sku) or account.stock
    return Policy(shown.policy, shown.cap, shown.shown)


def _rule(account: AccountSettings, sku: str) -> StockRule | None:
    return next((rule for rule in account.stock.rules if sku in rule.skus), None)


def bundles_of(connection: Connection, skus: Collection[str]) -> set[str]:
    """Return the bundles that one of these articles is a part of."""
    found: set[str] = set()
    for part in chunks(sorted(skus)):
        query = sa.select(bundle_parts.c.bundle_sku).where(bundle_parts.c.part_sku.in_(part))
        found |= set(connection.execute(query).scalars())
    return found


def read_bundles(connection: Connection, skus: Iterable[str]) -> dict[str, dict[str, int]]:
    """Return the parts of those of the SKUs that are bundles: pieces by SKU of the part."""
    found: dict[str, dict[str, int]] = {}
    for part in chunks(sorted(set(skus))):
        for row in connection.execute(sa.select(bundle_parts).where(bundle_parts.c.bundle_sku.in_(part))):
            found.setdefault(row.bundle_sku, {})[row.part_sku] = row.quantity
    return found


def read_stockroom(connection: Connection, settings: Settings, skus: Iterable[str]) -> Stockroom:
    """Read what the availability of these articles is made of, and of the parts of those that are bundles."""
    wanted = set(skus)
    room = Stockroom(settings, clock.now().astimezone(settings.merchant.zone).date())
    room.bundles = read_bundles(connection, wanted)
    goods = wanted.union(*room.bundles.values()) if room.bundles else wanted
    for part in chunks(sorted(goods), 300):
        _read_places(connection, room, part)
        _read_own_open(connection, room, part)
        read_sources(connection, room, part)
    _read_own_reserved(connection, room, goods)
    return room


def _read_places(connection: Connection, room: Stockroom, skus: Collection[str]) -> None:
    query = sa.select(stock_positions).where(stock_positions.c.sku.in_(skus))
    for row in connection.execute(query.order_by(stock_positions.c.location)):
        place = LocationStock(
            row.location, row.on_hand, row.reserved, row.open_demand, row.counted_at is not None
        )
        room.places.setdefault(row.sku, []).append(place)


def _read_own_open(connection: Connection, room: Stockroom, skus: Collection[str]) -> None:
    """What each account's customers wait for, by what they ordered: a part of a bundle is no order of that part."""
    ordered = sa.func.coalesce(line_demand.c.bundle_sku, line_demand.c.sku)
    pieces = sa.case(
        (line_demand.c.bundle_sku.is_(None), line_demand.c.open_quantity),
        else_=sa.func.coalesce(line_demand.c.bundle_quantity, 0),
    )
    query = (
        sa.select(
            line_demand.c.account, ordered.label("ordered"), line_demand.c.location, sa.func.sum(pieces)
        )
        .where(line_demand.c.sku.in_(skus))
        .group_by(line_demand.c.account, ordered, line_demand.c.location)
    )
    for account, sku, location, total in connection.execute(query):
        owed = room.own_open.setdefault((account, sku), {})
        owed[location] = owed.get(location, 0) + int(total)


def read_sources(connection: Connection, room: Stockroom, skus: Collection[str]) -> None:
    """What suppliers and purchase orders would bring, and measured buffers: read where an account counts on it."""
    policies = [account.stock for account in room.settings.accounts.values()]
    if any(policy.supplier_direct for policy in policies):
        query = sa.select(supplier_stock.c.sku, sa.func.sum(supplier_stock.c.quantity)).where(
            supplier_stock.c.sku.in_(skus), supplier_stock.c.quantity > 0
        )
        for sku, total in connection.execute(query.group_by(supplier_stock.c.sku)):
            room.suppliers[sku] = int(total)
    if any(policy.incoming_days is not None for policy in policies):
        for row in connection.execute(sa.select(incoming_stock).where(incoming_stock.c.sku.in_(skus))):
            left = row.quantity_ordered - row.quantity_received
            if left > 0:
                day = None if row.expected_on is None else date.fromisoformat(row.expected_on)
                room.incoming.setdefault(row.sku, []).append((row.location, Incoming(left, day)))
    if any(policy.measured_buffer for policy in policies):
        for row in connection.execute(sa.select(stock_buffers).where(stock_buffers.c.sku.in_(skus))):
            room.buffers[(row.account, row.sku)] = row.buffer


def _read_own_reserved(connection: Connection, room: Stockroom, goods: Collection[str]) -> None:
    """What lies in carts of each shop, by what was put in: an article or a bundle, each cart's pieces once."""
    if not any(account.reservations.enabled for account in room.settings.accounts.values()):
        return
    carts: dict[tuple[str, str, str], int] = {}
    for part in chunks(sorted(goods)):
        query = (
            sa.select(
                reservations.c.account,
                reservation_lines.c.reservation_id,
                reservation_lines.c.sku,
                reservation_lines.c.asked_quantity,
            )
            .join(reservations, reservations.c.reservation_id == reservation_lines.c.reservation_id)
            .where(reservations.c.state.in_(HELD), reservation_lines.c.part_sku.in_(part))
        )
        for row in connection.execute(query):
            carts[(row.account, row.reservation_id, row.sku)] = row.asked_quantity
    for (account, _, sku), pieces in carts.items():
        room.own_reserved[(account, sku)] = room.own_reserved.get((account, sku), 0) + pieces
