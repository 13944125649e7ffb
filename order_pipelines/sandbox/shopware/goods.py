"""What a shop starts with: its settings, and the merchant's goods as products, some of them variants of a parent."""

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from order_pipelines.sandbox.catalogue import Catalogue, Product
from order_pipelines.sandbox.shopware.store import Row, Store

RATES = {"high": Decimal(21), "low": Decimal(9)}
COUNTRIES = {
    "NL": ("Nederland", "NLD", True),
    "BE": ("België", "BEL", True),
    "DE": ("Duitsland", "DEU", True),
    "GB": ("Verenigd Koninkrijk", "GBR", False),
    "US": ("Verenigde Staten", "USA", False),
}
CURRENCIES = {"EUR": ("Euro", "€", 1.0), "GBP": ("Pound sterling", "£", 0.85)}
CHANNELS = ("Storefront", "B2B", "Kassa")
PAYMENT_METHODS = ("ideal", "invoice", "creditcard")
DOCUMENT_TYPES = ("invoice", "delivery_note", "credit_note", "storno")
# Colour and size of one article: the parent is no article of the merchant's and has no stock that means anything.
_FAMILIES = {"KEU-PANNEN": ("KEU-1001", "KEU-1002")}
_WITHOUT_EAN = 9
_NOT_CLOSEOUT = 5
_CENT = Decimal("0.01")
_ROUNDING = {"decimals": 2, "interval": 0.01, "roundForNet": True, "extensions": []}


def rounding() -> dict[str, Any]:
    """Return how sums are rounded."""
    return dict(_ROUNDING)


def found_settings(store: Store, at: datetime) -> None:
    """Make what every shop has before it has goods."""
    locale = store.add("locale", {"id": store.id_of("locale"), "code": "nl-NL", "name": "Nederlands"}, at)
    store.add(
        "language",
        {
            "id": store.id_of("language"),
            "name": "Nederlands",
            "localeId": locale["id"],
            "translationCodeId": locale["id"],
        },
        at,
    )
    for iso, (name, symbol, factor) in CURRENCIES.items():
        store.add(
            "currency",
            {
                "id": store.id_of("currency", iso),
                "isoCode": iso,
                "shortName": iso,
                "name": name,
                "symbol": symbol,
                "factor": factor,
                "isSystemDefault": iso == "EUR",
                "itemRounding": rounding(),
                "totalRounding": rounding(),
            },
            at,
        )
    for iso, (name, iso3, is_eu) in COUNTRIES.items():
        store.add(
            "country",
            {"id": store.id_of("country", iso), "name": name, "iso": iso, "iso3": iso3, "isEu": is_eu},
            at,
        )
    for name in CHANNELS:
        store.add(
            "sales_channel",
            {
                "id": store.id_of("channel", name),
                "typeId": store.id_of("channel-type"),
                "name": name,
                "languageId": store.id_of("language"),
                "currencyId": store.id_of("currency", "EUR"),
                "countryId": store.id_of("country", "NL"),
                "accessKey": f"SWSC{store.id_of('access', name)[:22].upper()}",
                "active": True,
            },
            at,
        )
    for name in PAYMENT_METHODS:
        store.add(
            "payment_method",
            {"id": store.id_of("payment", name), "name": name.title(), "technicalName": f"payment_{name}"},
            at,
        )
    store.add(
        "shipping_method",
        {
            "id": store.id_of("shipping"),
            "name": "Standaard",
            "technicalName": "shipping_standard",
            "trackingUrl": "https://track.example/%s",
            "active": True,
        },
        at,
    )
    for name in DOCUMENT_TYPES:
        row = {"id": store.id_of("document-type", name), "name": name.title(), "technicalName": name}
        store.add("document_type", row, at)
    for rate in (*RATES.values(), Decimal(0)):
        tax: Row = {"id": store.id_of("tax", str(rate)), "name": f"{rate} %", "taxRate": float(rate)}
        store.add("tax", tax, at)


def found_products(store: Store, catalogue: Catalogue, share: int, at: datetime) -> None:
    """Put the merchant's goods on sale, ``share`` being what part of the warehouse's stock the shop shows."""
    parents = {sku: number for number, skus in _FAMILIES.items() for sku in skus}
    for number, skus in _FAMILIES.items():
        first = catalogue.product(skus[0])
        assert first is not None, f"the catalogue has no {skus[0]}"
        row = _shape(store, first, 0) | {
            "id": store.id_of("product", number),
            "productNumber": number,
            "name": "Koekenpan",
            "ean": None,
            "stock": 0,
            "childCount": len(skus),
        }
        store.add("product", row, at)
    for position, product in enumerate(catalogue.products):
        row = _shape(store, product, product.stock_main // share)
        row["isCloseout"] = position % _NOT_CLOSEOUT != _NOT_CLOSEOUT - 1
        if position % _WITHOUT_EAN == _WITHOUT_EAN - 1:
            row["ean"] = None
        if product.sku in parents:
            row |= {
                "parentId": store.id_of("product", parents[product.sku]),
                "name": None,
                "price": None if product.sku == _FAMILIES[parents[product.sku]][0] else row["price"],
                "taxId": None,
                "optionIds": [store.id_of("option", product.sku)],
            }
        store.add("product", row, at)
    # A leftover of an earlier supplier, which the merchant's product file does not know.
    leftover = _shape(store, catalogue.products[0], 7) | {
        "id": store.id_of("product", "OUD-0001"),
        "productNumber": "OUD-0001",
        "ean": "8719999770031",
        "name": "Onderzetter leisteen",
    }
    store.add("product", leftover, at)


def price_of(gross: Decimal, rate: Decimal, currency_id: str) -> list[dict[str, Any]]:
    """Return a product's price: gross and net in the shop's currency."""
    net = (gross / (1 + rate / 100)).quantize(_CENT, ROUND_HALF_UP)
    return [
        {
            "currencyId": currency_id,
            "net": float(net),
            "gross": float(gross),
            "linked": True,
            "extensions": [],
            "apiAlias": "price",
        }
    ]


def _shape(store: Store, product: Product, stock: int) -> Row:
    rate = RATES[product.vat_class]
    return {
        "id": store.id_of("product", product.sku),
        "productNumber": product.sku,
        "ean": product.eans[0],
        "name": product.name,
        "taxId": store.id_of("tax", str(rate)),
        "price": price_of(product.price_incl_vat, rate, store.id_of("currency", "EUR")),
        "stock": stock,
        "availableStock": stock,
        "active": True,
        "available": True,
        "isCloseout": True,
        "minPurchase": 1,
        "purchaseSteps": 1,
        "shippingFree": False,
        "weight": product.weight_grams / 1000,
        "childCount": 0,
        "states": ["is-physical"],
        "sales": 0,
    }
