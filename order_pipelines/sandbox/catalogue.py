"""The merchant behind the sandbox: the goods it keeps and the offers it once made at bol, seen from outside.

``data/products.csv`` is the merchant's own product file. What an account offers is derived from it by fixed rules,
so that two starts of the sandbox show the same shop. Nothing here knows how the product reads that file.
"""

import csv
import uuid
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

PRODUCTS_FILE = Path(__file__).parent / "data" / "products.csv"

_OFFER_NAMESPACE = uuid.UUID("5a1f7c3e-8f3b-4f0e-9b5b-0c2a6f5d9e11")

# Goods on offer that the merchant's product file does not know: a leftover of an earlier supplier.
_UNKNOWN_GOODS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "bol_main": (
        ("8719999770017", "Broodtrommel hout met rolluik", "34.95"),
        ("0001299770018", "Waterkan met fruitstaaf", "18.50"),
    ),
    "bol_outlet": (
        ("8719999770024", "Onderzetters kurk set van 8", "6.95"),
        ("0001299770018", "Waterkan met fruitstaaf", "17.95"),
    ),
}
_FULFILLED_BY_BOL: dict[str, frozenset[str]] = {
    "bol_main": frozenset({"THE-2004", "VER-6001", "SPE-8003", "FIE-9003"}),
    "bol_outlet": frozenset({"WOO-7006"}),
}
_NOT_OFFERED_AT_MAIN = frozenset({"KEU-1012", "WOO-7005"})
_NL_ONLY_EVERY = 11


@dataclass(frozen=True)
class Product:
    """One line of the merchant's product file; money in euro, ``eans`` in the order of the file."""

    sku: str
    eans: tuple[str, ...]
    name: str
    vat_class: str
    unit: str
    weight_grams: int
    cost: Decimal
    supplier: str
    price_incl_vat: Decimal
    stock_main: int
    stock_store: int


@dataclass(frozen=True)
class Listing:
    """One offer as an account made it; ``reference`` is the merchant's own text and may be absent."""

    offer_id: str
    ean: str
    sku: str | None
    reference: str | None
    title: str
    unit_price: Decimal
    amount: int
    managed_by_retailer: bool
    fulfilment_method: str
    countries: tuple[str, ...]


class Catalogue:
    """The products of the merchant and the offers that follow from them."""

    def __init__(self, products: tuple[Product, ...]) -> None:
        self.products = products
        self._by_sku = {product.sku: product for product in products}
        self._by_ean = {ean: product for product in products for ean in product.eans}

    @classmethod
    def load(cls, path: Path = PRODUCTS_FILE) -> "Catalogue":
        """Read a product file with the columns of ``data/products.csv``."""
        with path.open(newline="", encoding="utf-8") as file:
            return cls(tuple(_product(row) for row in csv.DictReader(file)))

    def product(self, sku: str) -> Product | None:
        """Return the product with this SKU."""
        return self._by_sku.get(sku)

    def product_of_ean(self, ean: str) -> Product | None:
        """Return the product that carries this EAN."""
        return self._by_ean.get(ean)

    def bol_listings(self, account: str) -> list[Listing]:
        """Return the offers of one bol account, the same at every start."""
        outlet = account == "bol_outlet"
        listings = []
        for position, product in enumerate(self.products):
            if _is_offered(product, position, outlet):
                listings.append(_listing(account, product, position, outlet))
        for ean, title, price in _UNKNOWN_GOODS.get(account, ()):
            listings.append(
                Listing(
                    offer_id=offer_id(account, ean),
                    ean=ean,
                    sku=None,
                    reference=None,
                    title=title,
                    unit_price=Decimal(price),
                    amount=7,
                    managed_by_retailer=not outlet,
                    fulfilment_method="FBR",
                    countries=("NL", "BE"),
                )
            )
        return listings


def offer_id(account: str, ean: str) -> str:
    """Return the offer id of an EAN at an account: different for every account, the same at every start."""
    return str(uuid.uuid5(_OFFER_NAMESPACE, f"{account}:{ean}"))


def _product(row: dict[str, str]) -> Product:
    return Product(
        sku=row["sku"],
        eans=tuple(row["ean"].split("|")),
        name=row["name"],
        vat_class=row["vat_class"],
        unit=row["unit"],
        weight_grams=int(row["weight_grams"]),
        cost=Decimal(row["cost"]),
        supplier=row["supplier"],
        price_incl_vat=Decimal(row["price_incl_vat"]),
        stock_main=int(row["stock_main"]),
        stock_store=int(row["stock_store"]),
    )


def _is_offered(product: Product, position: int, outlet: bool) -> bool:
    if outlet:
        return position % 4 != 3
    return product.sku not in _NOT_OFFERED_AT_MAIN


def _listing(account: str, product: Product, position: int, outlet: bool) -> Listing:
    # The outlet sells the second EAN of an article that has two: one SKU, two EANs, two accounts.
    ean = product.eans[-1] if outlet else product.eans[0]
    return Listing(
        offer_id=offer_id(account, ean),
        ean=ean,
        sku=product.sku,
        reference=_reference(product, position, outlet),
        title=product.name,
        unit_price=product.price_incl_vat - Decimal("1.00") if outlet else product.price_incl_vat,
        amount=product.stock_main // 3 if outlet else product.stock_main,
        managed_by_retailer=not outlet,
        fulfilment_method="FBB" if product.sku in _FULFILLED_BY_BOL.get(account, frozenset()) else "FBR",
        countries=("NL",) if position % _NL_ONLY_EVERY == 10 else ("NL", "BE"),
    )


def _reference(product: Product, position: int, outlet: bool) -> str | None:
    """Merchants fill the reference by hand: mostly the SKU, sometimes nothing, sometimes an old text."""
    if position % (7 if outlet else 9) == 5:
        return None
    if position % 13 == 4:
        return f"oud {product.sku.lower()}"
    return product.sku
