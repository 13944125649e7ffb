"""The four checks before go-live: suppliers, their e-mail addresses, stock, order multiples. Run by doctor and Dagster.

An address never leaves the store: what is shown names supplier and article.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.domain.product_quality import is_email
from order_pipelines.domain.products import Product
from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import product_details, products, stock_movements, stock_positions
from order_pipelines.settings import PreflightName

SAMPLE_ROWS = 20
CLAIMS: Mapping[PreflightName, str] = {
    "every_product_has_a_supplier": "Every product has a supplier.",
    "every_supplier_has_an_email": "Every supplier has an e-mail address.",
    "stock_is_correct": "Every product was counted, no position is below zero, and each is the sum of its movements.",
    "every_product_has_an_order_multiple": "Every product has an order multiple of at least 1.",
}


@dataclass(frozen=True, slots=True)
class PreflightCheck:
    """One check: how many were looked at, how many offend, and the first rows of those.

    ``is_kept``: at least one of those looked at has it; what nobody has is not kept at all, which is another matter
    than a gap.
    """

    name: PreflightName
    looked_at: int
    offending: int
    rows: tuple[Mapping[str, Any], ...] = ()

    @property
    def claim(self) -> str:
        """What should be true."""
        return CLAIMS[self.name]

    @property
    def is_kept(self) -> bool:
        """At least one has it."""
        return self.offending < self.looked_at

    @property
    def has_passed(self) -> bool:
        """Something was looked at and nothing offends."""
        return self.looked_at > 0 and self.offending == 0


@dataclass(frozen=True, slots=True)
class Bought:
    """What buying needs of an article."""

    sku: str
    name: str | None
    supplier: str | None
    has_email: bool
    order_multiple: int | None


@dataclass(frozen=True, slots=True)
class Position:
    """Stock of one article at one place; ``moved`` is the sum of its movements, ``None`` when not added up."""

    sku: str
    location: str
    on_hand: int
    moved: int | None
    counted_at: datetime | None


def as_bought(articles: Iterable[Product]) -> list[Bought]:
    """Return what buying needs of articles."""
    return [
        Bought(
            one.sku,
            one.name,
            one.supplier,
            is_email(one.details.supplier_email or ""),
            one.details.order_multiple,
        )
        for one in articles
    ]


def stored_positions(connection: Connection, *, with_movements: bool = True) -> list[Position]:
    """Return every position; with the sum of its movements, which reads all of them."""
    position = stock_positions.c
    query = sa.select(position.sku, position.location, position.on_hand, position.counted_at)
    moved: dict[tuple[str, str], int] = {}
    if with_movements:
        added_up = sa.select(
            stock_movements.c.sku, stock_movements.c.location, sa.func.sum(stock_movements.c.on_hand_delta)
        ).group_by(stock_movements.c.sku, stock_movements.c.location)
        moved = {(row[0], row[1]): int(row[2]) for row in connection.execute(added_up)}
    return [
        Position(
            row.sku,
            row.location,
            int(row.on_hand),
            moved.get((row.sku, row.location), 0) if with_movements else None,
            row.counted_at,
        )
        for row in connection.execute(query.order_by(position.sku, position.location))
    ]


def preflight(
    articles: Sequence[Bought], positions: Sequence[Position], names: Sequence[PreflightName]
) -> list[PreflightCheck]:
    """Run the checks of these names, in their order."""
    by_supplier: dict[str, list[Bought]] = defaultdict(list)
    for one in articles:
        if one.supplier:
            by_supplier[one.supplier].append(one)
    found: dict[PreflightName, tuple[int, list[dict[str, Any]]]] = {
        "every_product_has_a_supplier": (
            len(articles),
            [{"sku": one.sku, "name": one.name} for one in articles if not one.supplier],
        ),
        "every_supplier_has_an_email": (
            len(by_supplier),
            [
                {"supplier": supplier, "products": len(theirs), "sku": theirs[0].sku}
                for supplier, theirs in sorted(by_supplier.items())
                if not any(one.has_email for one in theirs)
            ],
        ),
        "stock_is_correct": (len(articles), _wrong_stock(articles, positions)),
        "every_product_has_an_order_multiple": (
            len(articles),
            [
                {"sku": one.sku, "name": one.name, "order_multiple": one.order_multiple}
                for one in articles
                if (one.order_multiple or 0) < 1
            ],
        ),
    }
    return [
        PreflightCheck(name, looked_at, len(rows), tuple(rows[:SAMPLE_ROWS]))
        for name, (looked_at, rows) in ((name, found[name]) for name in names)
    ]


def _wrong_stock(articles: Sequence[Bought], positions: Sequence[Position]) -> list[dict[str, Any]]:
    """One row for each article, whatever is wrong with it at how many places."""
    counted = {one.sku for one in positions if one.counted_at is not None}
    rows: dict[str, dict[str, Any]] = {}
    for one in positions:
        is_other = one.moved is not None and one.on_hand != one.moved
        why = "below_zero" if one.on_hand < 0 else "movements_differ" if is_other else None
        if why is not None:
            rows.setdefault(
                one.sku, {"sku": one.sku, "location": one.location, "on_hand": one.on_hand, "why": why}
            )
    for article in articles:
        if article.sku not in counted:
            rows.setdefault(
                article.sku,
                {"sku": article.sku, "location": None, "on_hand": None, "why": "never_counted"},
            )
    return [rows[sku] for sku in sorted(rows)]


def stored_preflight(store: OperationsStore, names: Sequence[PreflightName]) -> list[PreflightCheck]:
    """Run the checks over what is stored; movements are added up by a check of the warehouse."""
    query = (
        sa.select(
            products.c.sku,
            products.c.name,
            products.c.supplier,
            product_details.c.supplier_email,
            product_details.c.order_multiple,
        )
        .outerjoin(product_details, product_details.c.sku == products.c.sku)
        .order_by(products.c.sku)
    )
    with store.reading() as connection:
        articles = [
            Bought(
                row.sku,
                row.name,
                row.supplier,
                is_email(row.supplier_email or ""),
                row.order_multiple,
            )
            for row in connection.execute(query)
        ]
        return preflight(articles, stored_positions(connection, with_movements=False), names)
