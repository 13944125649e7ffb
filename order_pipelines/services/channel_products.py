"""The product master from the leading shop: its articles as products, its tax rates as VAT classes of the settings.

The same rules hold as for a file; a rate that the settings do not name is a conflict and never a guess.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.connectors.aftersales import ListedProduct
from order_pipelines.domain.products import MasterConflict, Product
from order_pipelines.errors import DataContractError
from order_pipelines.operations.tables import products
from order_pipelines.services.product_file import ProductFile
from order_pipelines.services.shop import Shop
from order_pipelines.services.streams import complete_at, finish_reading

ACCOUNT = "account"
STREAM = "products"
# An hour less than a day: a nightly run must not find the last one too young.
_READ_EVERY = timedelta(hours=23)
_LONGEST_SKU = 200
_LONGEST_EAN = 40


def is_due(shop: Shop, account: str) -> bool:
    """Tell whether the shop's articles were last read completely longer ago than a day, or never."""
    with shop.store.reading() as connection:
        last = complete_at(connection, account, STREAM)
    return last is None or not timedelta(0) <= clock.now() - last < _READ_EVERY


def read_account_products(shop: Shop, account: str) -> ProductFile:
    """Return what the leading shop states about its articles now.

    Raises:
        ConfigurationError: the account's system has no articles to read.
        ConnectorError: not all articles could be had; the products stay as they were.
        DataContractError: far fewer articles than are known: the listing is not believed.
    """
    deadline = clock.now() + timedelta(seconds=shop.settings.cadence.deep_deadline_s)
    source = shop.connect(account, lambda connector: connector.product_source, deadline)
    classes = {Decimal(rate): name for rate, name in shop.settings.products.tax_classes.items()}
    found = ProductFile()
    for listed in source.list_products():
        _take(listed, classes, found)
    _refuse_a_shrunken_list(shop, account, {product.sku for product in found.products})
    return found


def note_read(shop: Shop, account: str, started: datetime) -> None:
    """Write down that the articles were read and stored completely."""
    finish_reading(shop.store, account, STREAM, started, None)


def _take(listed: ListedProduct, classes: Mapping[Decimal, str], found: ProductFile) -> None:
    sku = listed.sku
    if sku is None or len(sku) > _LONGEST_SKU or not sku.isprintable():
        reason = f"article {listed.product_id} of the shop has no usable number; it stays out"
        found.conflicts.append(MasterConflict("missing_field", reason, is_left_out=True))
        return
    rate = listed.tax_rate_pct
    vat_class = None if rate is None else classes.get(rate)
    if vat_class is None:
        said = "no tax rate" if rate is None else f"{rate.normalize():f} % tax, not in [products.tax_classes]"
        reason = f"{sku}: the shop states {said}; its VAT class is unknown"
        found.conflicts.append(MasterConflict("unknown_vat", reason, sku))
    ean = listed.ean
    if ean is not None and (len(ean) > _LONGEST_EAN or not ean.isprintable()):
        found.conflicts.append(MasterConflict("unknown_ean", f"{sku}: its EAN is none; it is left out", sku))
        ean = None
    found.products.append(
        Product(
            sku=sku,
            name=None if listed.name is None else listed.name.replace("\x00", ""),
            eans=() if ean is None else (ean,),
            vat_class=vat_class,
            weight_grams=listed.weight_grams,
        )
    )


def _refuse_a_shrunken_list(shop: Shop, account: str, listed: set[str]) -> None:
    """An empty or halved list is the shop's bad moment sooner than the end of the assortment."""
    policy = shop.account(account).stock
    with shop.store.reading() as connection:
        known = set(
            connection.execute(sa.select(products.c.sku).where(products.c.source == ACCOUNT)).scalars()
        )
    gone = len(known - listed)
    is_shrunk = gone >= policy.min_offers_for_brake and gone * 100 > policy.max_share_to_vanish * len(known)
    if is_shrunk or (known and not listed):
        raise DataContractError(
            f"{account} lists {len(listed)} articles and lacks {gone} of the {len(known)} that are known; that is not "
            "believed and the products stay as they were; "
            f"accounts.{account}.stock.max_share_to_vanish lets it through",
            rows=len(listed),
        )
