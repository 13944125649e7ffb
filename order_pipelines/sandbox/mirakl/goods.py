"""The offers that the merchant once made at an operator: a part of the goods, the same at every start."""

from decimal import Decimal

from order_pipelines.sandbox.catalogue import Catalogue
from order_pipelines.sandbox.mirakl.model import Offer, cents
from order_pipelines.sandbox.mirakl.operators import Operator

# Books and food in the Netherlands, in per cent.
_LOW_RATE = Decimal(9)
_OPERATORS_CENTER = "FC-OOST"
_FULFILLED_BY_OPERATOR = frozenset({"THE-2004"})
# Goods on offer that the merchant's product file does not know.
_UNKNOWN = ("OUD-0001", "8719999770031", "Vouwkrat met deksel", "9.95")


def opening_offers(operator: Operator, catalogue: Catalogue) -> dict[str, Offer]:
    """Return the offers by the seller's own SKU; prices in the operator's tax mode."""
    offers: dict[str, Offer] = {}
    first_id = operator.shop_id * 1000

    def add(
        sku: str, ean: str, title: str, incl_vat: Decimal, quantity: int, reduced: Decimal | None = None
    ) -> None:
        is_theirs = sku in _FULFILLED_BY_OPERATOR and operator.has_multi_shipment
        number = len(offers) + 1
        offers[sku] = Offer(
            offer_id=first_id + number,
            sku=sku,
            product_id=f"MKP{first_id + number:012d}",
            ean=ean,
            title=title,
            price=_in_tax_mode(operator, incl_vat, reduced),
            reduced_tax_rate=reduced,
            quantity=quantity,
            center=_OPERATORS_CENTER if is_theirs else "DEFAULT",
            description=f"{title}, nieuw",
            leadtime_to_ship=2,
        )

    for position, product in enumerate(catalogue.products):
        if position % operator.leaves_out_every != operator.leaves_out_every - 1:
            reduced = _LOW_RATE if product.vat_class == "low" else None
            add(
                product.sku,
                product.eans[0],
                product.name,
                product.price_incl_vat,
                product.stock_main,
                reduced,
            )
    sku, ean, title, price = _UNKNOWN
    add(sku, ean, title, Decimal(price), 5)
    return offers


def _in_tax_mode(operator: Operator, incl_vat: Decimal, reduced: Decimal | None) -> Decimal:
    if operator.tax_mode == "TAX_INCLUDED":
        return incl_vat
    return cents(incl_vat * 100 / (100 + (operator.tax_rate if reduced is None else reduced)))
