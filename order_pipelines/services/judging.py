"""Judging versions of orders: whose article, which VAT, what is wrong. Reads the product master, writes nothing."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.domain.amounts import current_amounts
from order_pipelines.domain.matching import Article, Catalogue, resolve_line
from order_pipelines.domain.orders import Order, Problem
from order_pipelines.domain.validation import Believable, validate_orders
from order_pipelines.operations.tables import product_eans, products
from order_pipelines.services.order_rows import Arrived, Judged
from order_pipelines.settings import AccountSettings, Settings

_FOLLOWERS = frozenset({"shipping", "discount"})


class CatalogueCache:
    """The product master in memory, read again when it changed."""

    def __init__(self) -> None:
        self._seen: tuple[int, int] | None = None
        self._catalogue = Catalogue(())

    def get(self, connection: Connection) -> Catalogue:
        """Return the present catalogue."""
        newest, count = connection.execute(
            sa.select(sa.func.coalesce(sa.func.max(products.c.change_seq), 0), sa.func.count())
        ).one()
        if self._seen != (newest, count):
            eans: dict[str, list[str]] = {}
            for row in connection.execute(sa.select(product_eans)):
                eans.setdefault(row.sku, []).append(row.ean)
            self._catalogue = Catalogue(
                Article(row.sku, row.vat_class, tuple(eans.get(row.sku, ())))
                for row in connection.execute(sa.select(products.c.sku, products.c.vat_class))
            )
            self._seen = (newest, count)
        return self._catalogue


def believable(settings: Settings) -> Believable:
    """Return the thresholds of the settings as of now."""
    limits = settings.limits
    return Believable(
        now=clock.now(),
        max_line_quantity=limits.max_line_quantity,
        max_future=timedelta(hours=limits.max_future_hours),
        total_tolerance=limits.total_tolerance,
    )


def is_history(account: AccountSettings, ordered_at: datetime | None, settings: Settings) -> bool:
    """Tell whether an order lies before the account's cutover: read and counted, never demand, invoice or mail."""
    if ordered_at is None:
        return False
    return clock.order_date(ordered_at, settings.merchant.zone) < account.effective_from


def judge(
    versions: Sequence[Arrived], catalogue: Catalogue, settings: Settings, limits: Believable
) -> list[Judged]:
    """Return each version with its articles, VAT, amounts and problems."""
    found = validate_orders([arrived.order for arrived in versions], limits)
    return [
        _judge_one(arrived, problems, catalogue, settings)
        for arrived, problems in zip(versions, found, strict=True)
    ]


def _judge_one(arrived: Arrived, found: list[Problem], catalogue: Catalogue, settings: Settings) -> Judged:
    order = arrived.order
    problems: list[Problem] = []
    said = {(problem.code, problem.line_id) for problem in order.problems}
    problems.extend(order.problems)
    problems.extend(problem for problem in found if (problem.code, problem.line_id) not in said)
    skus: list[str | None] = []
    classes: list[str | None] = []
    rates: list[Decimal | None] = []
    for line in order.lines:
        resolved = resolve_line(catalogue, line)
        if isinstance(resolved, Problem):
            problems.append(resolved)
            resolved = None
        article = catalogue.article(resolved) if resolved is not None else None
        vat_class = article.vat_class if article is not None else None
        skus.append(resolved)
        classes.append(vat_class)
        rates.append(_rate(order, line.vat_rate, vat_class, settings))
    _follow_the_goods(order, classes, rates)
    return Judged(
        arrived,
        tuple(skus),
        tuple(classes),
        tuple(rates),
        current_amounts(order, rates, classes),
        tuple(problems),
        is_history(settings.accounts[arrived.account], order.ordered_at, settings),
    )


def _follow_the_goods(order: Order, classes: list[str | None], rates: list[Decimal | None]) -> None:
    """Give shipping and discount lines that say no rate the goods' one, where all goods have the same.

    The Dutch rule: what is charged for bringing goods follows the goods. With goods of several rates it would have to
    be divided, which a line of its own cannot show: its VAT stays unknown and a person decides.
    """
    goods = {
        (vat_class, rate)
        for line, vat_class, rate in zip(order.lines, classes, rates, strict=True)
        if line.line_kind == "goods"
    }
    if len(goods) != 1:
        return
    (vat_class, rate) = next(iter(goods))
    if rate is None:
        return
    for index, line in enumerate(order.lines):
        if line.line_kind in _FOLLOWERS and rates[index] is None:
            classes[index], rates[index] = vat_class, rate


def _rate(order: Order, said: Decimal | None, vat_class: str | None, settings: Settings) -> Decimal | None:
    """The payload's own rate wins; else the master's class in the country the goods go to; else unknown."""
    if said is not None:
        return said
    return settings.vat.rate(order.ship_country or order.bill_country, vat_class)
