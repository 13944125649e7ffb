"""Accepting orders that wait for the seller: promised goods must be there, and a person can decide otherwise."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.connectors.registry import connector_of
from order_pipelines.errors import DomainRuleError
from order_pipelines.operations import outbox
from order_pipelines.operations.outbox import Effect
from order_pipelines.operations.store import chunks
from order_pipelines.operations.tables import order_lines, orders
from order_pipelines.operations.tables import outbox as outbox_table
from order_pipelines.services.audit import ACCEPT_ORDER, COMMAND, record
from order_pipelines.services.availability import read_stockroom
from order_pipelines.services.order_lookup import find_order
from order_pipelines.services.shop import Shop
from order_pipelines.settings import Settings

CHANNEL_ACCEPTANCE = "channel_acceptance"
WAITING = "waiting_acceptance"
_AFTER_OBSERVING = ":live"


def plan_acceptances(shop: Shop) -> int:
    """Plan the acceptance of every waiting order whose goods are all there; returns how many are new.

    The orders' demand is booked when they arrive, before anyone accepts them: an order may be accepted when what is on
    hand covers all demand of its articles, its own included. What is not covered, never counted, not known or in
    quarantine waits for a person; ``alerts`` names it.
    """
    planned = 0
    for name, account in shop.accounts(lambda connector: connector.order_acceptor):
        if account.acceptance != "automatic":
            continue
        with shop.store.transaction() as connection:
            heads = waiting_orders(connection, name, account.mode)
            lines = _goods(connection, heads)
            short = short_skus(connection, shop.settings, name, lines)
            observed = _observed(connection, heads)
            effects = [
                _effect(name, account.mode, head, lines[head.order_key], observed)
                for head in heads
                if not head.is_quarantined and is_coverable(lines.get(head.order_key, ()), short)
            ]
            planned += outbox.plan(connection, effects)
    return planned


def waiting_orders(connection: Connection, account: str, mode: str) -> list[Any]:
    """Return the orders of an account that wait for a decision nobody planned yet, oldest first.

    What was planned while observing decides nothing once the account is live: it is never sent, and an order that still
    waits then would run out at its channel.
    """
    key = sa.literal(f"{CHANNEL_ACCEPTANCE}:") + orders.c.order_key
    decided = sa.select(sa.literal(1)).where(
        outbox_table.c.effect_key.in_((key, key + _AFTER_OBSERVING)),
        outbox_table.c.mode.in_(("live", mode)),
    )
    query = sa.select(orders).where(
        orders.c.account == account,
        orders.c.order_status == WAITING,
        orders.c.is_history.is_(False),
        orders.c.is_test.is_(False),
        ~decided.exists(),
    )
    return list(connection.execute(query.order_by(orders.c.ordered_at, orders.c.order_key)))


def _goods(connection: Connection, heads: Sequence[Any]) -> dict[str, list[Any]]:
    lines: dict[str, list[Any]] = {head.order_key: [] for head in heads}
    for part in chunks(list(lines)):
        query = sa.select(order_lines).where(
            order_lines.c.order_key.in_(part), order_lines.c.line_kind == "goods"
        )
        for row in connection.execute(query.order_by(order_lines.c.order_key, order_lines.c.line_number)):
            lines[row.order_key].append(row)
    return lines


def short_skus(
    connection: Connection, settings: Settings, account: str, lines: dict[str, list[Any]]
) -> dict[str, int | None]:
    """Return how many pieces are missing per SKU where what is there does not cover demand; ``None``: never counted."""
    skus = sorted({row.sku for rows in lines.values() for row in rows if row.sku is not None})
    room = read_stockroom(connection, settings, skus)
    return {sku: missing for sku in skus if (missing := room.shortage(account, sku)) != 0}


def is_coverable(rows: Iterable[Any], short: dict[str, int | None]) -> bool:
    """Tell whether every goods line of an order is known and none of its articles is short."""
    found = list(rows)
    return bool(found) and all(
        row.is_known and (not row.own_fulfilment or row.sku not in short) for row in found
    )


def _observed(connection: Connection, heads: Sequence[Any]) -> set[str]:
    """Return those of the orders whose acceptance was planned while their account observed."""
    found: set[str] = set()
    for part in chunks([f"{CHANNEL_ACCEPTANCE}:{head.order_key}" for head in heads]):
        query = sa.select(outbox_table.c.subject_key).where(
            outbox_table.c.effect_key.in_(part), outbox_table.c.mode != "live"
        )
        found |= set(connection.execute(query).scalars())
    return found


def _effect(account: str, mode: str, head: Any, rows: Sequence[Any], observed: set[str]) -> Effect:
    """The acceptance of an order; whoever was quicker is found there, for the order is read before it is accepted."""
    again = _AFTER_OBSERVING if mode == "live" and head.order_key in observed else ""
    return Effect(
        f"{CHANNEL_ACCEPTANCE}:{head.order_key}{again}",
        account,
        CHANNEL_ACCEPTANCE,
        head.order_key,
        mode,
        {"external_order_id": head.external_order_id, "line_ids": sorted(row.line_id for row in rows)},
    )


def accept_by_hand(shop: Shop, order_number: str, account: str | None = None, *, by: str = COMMAND) -> None:
    """Plan the acceptance of one order because a person says so, whatever stock says; ``by`` is for the audit log.

    Raises:
        DomainRuleError: no single order of that number waits, its channel asks for no decision, or one was planned.
    """
    with shop.store.transaction() as connection:
        head = find_order(connection, shop.settings, order_number, account, status=WAITING)
        settings = shop.account(head.account)
        if connector_of(settings.system).order_acceptor is None:
            raise DomainRuleError(f"{settings.system} asks no seller to accept orders; nothing was planned")
        rows = _goods(connection, [head])[head.order_key]
        effect = _effect(head.account, settings.mode, head, rows, _observed(connection, [head]))
        if not outbox.plan(connection, [effect]):
            raise DomainRuleError(f"the acceptance of order {order_number} was planned before")
        record(connection, ACCEPT_ORDER, head.account, head.order_key, after="accepted", by=by)
