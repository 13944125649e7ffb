"""The product master under examination: read from its file, or from the store where there is none, and judged."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines.domain.findings import Finding
from order_pipelines.domain.matching import Article, Catalogue
from order_pipelines.domain.product_quality import Quality, judge_master
from order_pipelines.domain.products import Details, MasterConflict, Product, check_master
from order_pipelines.errors import DataContractError
from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import (
    product_conflicts,
    product_details,
    product_eans,
    products,
)
from order_pipelines.services.product_file import read_product_file
from order_pipelines.settings import Settings


@dataclass(frozen=True, slots=True)
class Master:
    """All articles as stated, those that can be used, and what contradicts itself.

    ``source``: ``file``, ``store`` or ``none``; ``problem`` says why a file could not be read.
    """

    source: str
    products: Sequence[Product] = ()
    accepted: Sequence[Product] = ()
    conflicts: Sequence[MasterConflict] = ()
    problem: str = ""

    def catalogue(self) -> Catalogue:
        """Return the articles that can be used, as offers and order lines are matched with them."""
        return Catalogue(Article(one.sku, one.vat_class, one.eans) for one in self.accepted)

    def skus(self) -> set[str]:
        """The SKUs that can be used."""
        return {one.sku for one in self.accepted}


def read_master(store: OperationsStore, settings: Settings) -> Master:
    """Return the master as its file states it now, or as it was stored where there is no file to read."""
    file = settings.products.file
    if file is not None:
        try:
            found = read_product_file(settings.resolve(file))
        except (DataContractError, OSError) as error:
            return Master("none", problem=str(error))
        accepted, contradictions = check_master(found.products, settings.vat.classes())
        first = {product.sku: product for product in reversed(found.products)}
        stated = list(first.values())[::-1]
        return Master("file", stated, accepted, [*found.conflicts, *contradictions])
    with store.reading() as connection:
        stored = stored_products(connection)
        conflicts = [
            MasterConflict(row.reason_code, row.reason, next(iter(row.skus), None))
            for row in connection.execute(sa.select(product_conflicts))
        ]
    return Master("store" if stored else "none", stored, stored, conflicts)


def stored_products(connection: Connection) -> list[Product]:
    """Return the articles of the store with their details."""
    eans: dict[str, list[str]] = defaultdict(list)
    for row in connection.execute(sa.select(product_eans).order_by(product_eans.c.ean)):
        eans[row.sku].append(row.ean)
    details = {
        row.sku: Details(
            row.short_description,
            row.long_description,
            row.weight_unit,
            tuple((name, value) for name, value in row.attributes),
            row.category,
            tuple(row.related_skus),
            tuple(row.photo_urls),
            row.stock_status,
            row.supplier_email,
            row.order_multiple,
        )
        for row in connection.execute(sa.select(product_details))
    }
    return [
        Product(
            row.sku,
            row.name,
            tuple(eans.get(row.sku, ())),
            row.vat_class,
            row.unit,
            row.weight_grams,
            row.cost,
            row.supplier,
            details=details.get(row.sku, Details()),
        )
        for row in connection.execute(sa.select(products).order_by(products.c.sku))
    ]


def judge(master: Master, settings: Settings) -> Quality:
    """Return the scores of the master's fields."""
    return judge_master(master.products, required_attributes=settings.products.required_attributes)


def master_findings(master: Master) -> list[Finding]:
    """Return a finding for each kind of contradiction, by its code in docs/errors.md."""
    if master.problem:
        return [
            Finding("master_unreadable", "fail", master.problem, "Mend the file.", {"said": master.problem})
        ]
    if not master.products:
        advice = "Name the file in [products] file."
        return [Finding("master_empty", "fail", "there is no product master", advice)]
    count = len(master.products)
    findings = [
        Finding("master_read", "ok", f"{count} articles, from the {master.source}", "", {"count": count})
    ]
    kinds = Counter(conflict.code for conflict in master.conflicts)
    for code, number in sorted(kinds.items()):
        examples = "; ".join(each.reason for each in master.conflicts if each.code == code)[:300]
        message = f"{number} times {code}: {examples}"
        advice = "Mend it in the master file; docs/errors.md says what each means."
        facts: dict[str, str | int] = {"code": code, "count": number, "examples": examples}
        findings.append(Finding("master_conflict", "fail", message, advice, facts))
    return findings
