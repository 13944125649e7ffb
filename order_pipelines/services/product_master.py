"""The product master from its file or the leading shop: accepted articles replace the former, conflicts stay out."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from order_pipelines import clock
from order_pipelines.domain.products import MasterConflict, Product, check_master
from order_pipelines.identifiers import normalise_ean
from order_pipelines.operations.store import CHANGE, chunks, next_values, upsert
from order_pipelines.operations.tables import (
    channel_offers,
    order_lines,
    orders,
    product_conflicts,
    product_details,
    product_eans,
    products,
)
from order_pipelines.services.again import read_again, retry_quarantine
from order_pipelines.services.channel_products import ACCOUNT, is_due, note_read, read_account_products
from order_pipelines.services.desired_stock import refresh_desired
from order_pipelines.services.judging import CatalogueCache
from order_pipelines.services.product_file import ProductFile, read_product_file
from order_pipelines.services.shop import Shop

FILE = "file"


@dataclass
class Imported:
    """What an import of the master changed."""

    products: int = 0
    changed: int = 0
    removed: int = 0
    conflicts: int = 0
    is_read: bool = True
    orders_judged_again: int = 0
    reasons: dict[str, int] = field(default_factory=dict)


def import_products(shop: Shop, *, always: bool = True) -> Imported:
    """Read the master and bring the products to it; orders that waited for it are judged again.

    A SKU that left the master is no article any more; orders that named it keep the SKU they were booked with until
    they are judged again. A file is read each time; a shop once a day, unless ``always``.

    Raises:
        DataContractError: the master cannot be read or believed; the products stay as they were.
        ConnectorError: the shop cannot be read now; likewise.
    """
    imported = Imported()
    file, account = shop.settings.products.file, shop.settings.products.from_account
    started = clock.now()
    if file is not None:
        found, source = read_product_file(shop.settings.resolve(file)), FILE
    elif account is not None and (always or is_due(shop, account)):
        found, source = read_account_products(shop, account), ACCOUNT
    else:
        imported.is_read = False
        return imported
    _bring_to(shop, found, source, imported)
    if source == ACCOUNT and account is not None:
        note_read(shop, account, started)
    return imported


def _bring_to(shop: Shop, found: ProductFile, source: str, imported: Imported) -> None:
    accepted, contradictions = check_master(found.products, shop.settings.vat.classes())
    conflicts = [*found.conflicts, *contradictions]
    imported.products = len(accepted)
    imported.conflicts = len(conflicts)
    for conflict in conflicts:
        imported.reasons[conflict.code] = imported.reasons.get(conflict.code, 0) + 1
    with shop.store.transaction() as connection:
        changed, appeared = _write(connection, accepted, source, imported)
        _write_details(connection, accepted)
        connection.execute(sa.delete(product_conflicts))
        upsert(connection, product_conflicts, [_conflict_row(conflict) for conflict in conflicts])
        if changed:
            _match_offers(connection)
            refresh_desired(connection, shop.settings, changed)
    if changed:
        imported.orders_judged_again = _judge_again(shop, changed, appeared)


def _conflict_row(conflict: MasterConflict) -> dict[str, Any]:
    parts = "\x1f".join((conflict.code, conflict.reason, *map(str, conflict.rows)))
    return {
        "conflict_key": hashlib.sha256(parts.encode()).hexdigest(),
        "reason_code": conflict.code,
        "reason": conflict.reason,
        "skus": [] if conflict.sku is None else [conflict.sku],
        "source_row": conflict.rows[0] if conflict.rows else None,
        "seen_at": clock.now(),
    }


def _values(product: Product, source: str) -> dict[str, Any]:
    return {
        "sku": product.sku,
        "name": product.name,
        "vat_class": product.vat_class,
        "unit": product.unit,
        "weight_grams": product.weight_grams,
        "cost": product.cost,
        "supplier": product.supplier,
        "source": source,
    }


def _write(
    connection: Connection, accepted: list[Product], source: str, imported: Imported
) -> tuple[set[str], set[str]]:
    """Write the products; returns the SKUs that changed or went, and the SKUs and EANs that name an article newly."""
    before = {row.sku: row for row in connection.execute(sa.select(products))}
    eans_before: dict[str, set[str]] = {}
    for row in connection.execute(sa.select(product_eans)):
        eans_before.setdefault(row.sku, set()).add(row.ean)
    wanted = {product.sku: product for product in accepted}
    eans = {sku: {ean for ean in map(normalise_ean, product.eans) if ean} for sku, product in wanted.items()}
    changed = {
        sku
        for sku, product in wanted.items()
        if sku not in before
        or any(getattr(before[sku], name) != value for name, value in _values(product, source).items())
        or eans_before.get(sku, set()) != eans[sku]
    }
    gone = {sku for sku, row in before.items() if row.source in (FILE, ACCOUNT) and sku not in wanted}
    touched = sorted(changed | gone)
    for part in chunks(touched):
        connection.execute(sa.delete(product_eans).where(product_eans.c.sku.in_(part)))
    moved = [ean for sku in changed for ean in eans[sku]]
    for part in chunks(moved):
        connection.execute(sa.delete(product_eans).where(product_eans.c.ean.in_(part)))
    for part in chunks(sorted(gone)):
        connection.execute(sa.delete(products).where(products.c.sku.in_(part)))
    if changed:
        first = next_values(connection, CHANGE, len(changed))
        now = clock.now()
        rows = [
            {**_values(wanted[sku], source), "updated_at": now, "change_seq": number}
            for number, sku in enumerate(sorted(changed), start=first)
        ]
        for part in chunks(rows):
            upsert(connection, products, list(part))
        upsert(
            connection,
            product_eans,
            [{"ean": ean, "sku": sku} for sku in sorted(changed) for ean in sorted(eans[sku])],
        )
    imported.changed = len(changed)
    imported.removed = len(gone)
    appeared = set(wanted) - set(before)
    for sku in changed:
        appeared |= eans[sku] - eans_before.get(sku, set())
    return changed | gone, appeared


def _write_details(connection: Connection, accepted: list[Product]) -> None:
    """Bring the details to the master; nothing that was booked depends on them, so no order is judged again."""
    names = [column.name for column in product_details.columns if column.name != "updated_at"]
    before = {row.sku: row for row in connection.execute(sa.select(product_details))}
    rows = [
        row
        for row in map(_details_row, accepted)
        if row["sku"] not in before or any(getattr(before[row["sku"]], name) != row[name] for name in names)
    ]
    now = clock.now()
    for part in chunks([{**row, "updated_at": now} for row in rows]):
        upsert(connection, product_details, list(part))
    for gone in chunks(sorted(before.keys() - {product.sku for product in accepted})):
        connection.execute(sa.delete(product_details).where(product_details.c.sku.in_(gone)))


def _details_row(product: Product) -> dict[str, Any]:
    details = product.details
    return {
        "sku": product.sku,
        "short_description": details.short_description,
        "long_description": details.long_description,
        "weight_unit": details.weight_unit,
        # As JSON holds it, so that what was read back compares.
        "attributes": [list(pair) for pair in details.attributes],
        "category": details.category,
        "related_skus": list(details.related_skus),
        "photo_urls": list(details.photo_urls),
        "stock_status": details.stock_status,
        "supplier_email": details.supplier_email,
        "order_multiple": details.order_multiple,
    }


def _match_offers(connection: Connection) -> None:
    catalogue = CatalogueCache().get(connection)
    for row in list(connection.execute(sa.select(channel_offers))):
        found = catalogue.find(row.reference, row.ean)
        sku = found if isinstance(found, str) else None
        if sku != row.sku:
            connection.execute(
                sa.update(channel_offers)
                .where(channel_offers.c.account == row.account, channel_offers.c.offer_id == row.offer_id)
                .values(sku=sku)
            )


def _judge_again(shop: Shop, changed: set[str], appeared: set[str]) -> int:
    """Judge again what waited in quarantine, and every order not invoiced yet of which a line may be another article.

    That is a line of a changed article, and one that says a name which ``appeared``: it was found by its other name,
    and the two may now be two articles. Names are compared without leading zeros, as matching forgives them.
    """
    line = order_lines.c
    bare = sorted({name.lstrip("0") for name in appeared})
    conditions = [line.sku.in_(part) for part in chunks(sorted(changed))]
    for part in chunks(bare):
        conditions += [sa.func.ltrim(said, "0").in_(part) for said in (line.sku_said, line.ean_said)]
    numbers: set[int] = set()
    with shop.store.reading() as connection:
        for condition in conditions:
            query = (
                sa.select(orders.c.receipt_seq)
                .join(order_lines, line.order_key == orders.c.order_key)
                .where(
                    condition,
                    orders.c.invoice_key.is_(None),
                    orders.c.is_history.is_(False),
                )
            )
            numbers |= set(connection.execute(query).scalars())
    again = read_again(shop, numbers)
    waited = retry_quarantine(shop)
    return again.orders_unchanged + again.orders_changed + waited.orders_unchanged + waited.orders_changed
