"""Articles of the shop, where the shop is the merchant's product master: variants, and products without variants."""

import logging
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from order_pipelines.connectors.aftersales import ListedProduct
from order_pipelines.connectors.ports import Account, House
from order_pipelines.connectors.shopware.client import Criteria, ShopwareClient, is_id
from order_pipelines.connectors.shopware.options import read_options
from order_pipelines.connectors.shopware.payloads import Reader

# Inherited members of a variant come with it: the client asks for inheritance (contract digest, section 1).
_ASKED: Criteria = {"associations": {"tax": {}}}
_GRAMS = Decimal(1000)
_HEAVIEST_GRAMS = 10_000_000

_log = logging.getLogger(__name__)


class ShopwareProducts:
    """ProductSource of one account."""

    def __init__(self, account: Account, house: House) -> None:
        self._client = ShopwareClient(account, house)
        self._page_size = read_options(account.options).page_size

    def list_products(self) -> Iterator[ListedProduct]:
        """Yield every article that can be bought; parents of variants cannot.

        Raises:
            TransientConnectorError: a page could not be had now.
            PermanentConnectorError: a page is not what Shopware documents, or the account may not read products.
        """
        for rows in self._client.walk("product", _ASKED, page_size=self._page_size):
            for row in rows:
                if not is_id(row.get("id")):
                    _log.warning(
                        "shopware %s: a product without id was listed, skipped", self._client.account
                    )
                elif not _is_parent(row):
                    yield _read_product(Reader(row, "", []))


def _is_parent(row: dict[str, Any]) -> bool:
    children = row.get("childCount")
    return type(children) is int and children > 0


def _read_product(product: Reader) -> ListedProduct:
    tax = product.entity("tax")
    translated = product.entity("translated")
    return ListedProduct(
        product_id=str(product.source["id"]),
        sku=product.text("productNumber"),
        name=product.text("name") or (translated.text("name") if translated else None),
        ean=product.text("ean"),
        tax_rate_pct=tax.number("taxRate") if tax else None,
        weight_grams=_grams(product.number("weight")),
    )


def _grams(kilograms: Decimal | None) -> int | None:
    """Return grams; Shopware's weight is in kilograms, and 0 is what nobody filled in."""
    if kilograms is None or kilograms <= 0:
        return None
    grams = (kilograms * _GRAMS).to_integral_value(ROUND_HALF_UP)
    return int(grams) if grams <= _HEAVIEST_GRAMS else None
