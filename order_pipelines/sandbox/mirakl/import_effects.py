"""What an import does once its turn has come: each row of it is taken, or is a line of the error report."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from itertools import groupby
from typing import Any

from order_pipelines.sandbox.mirakl.model import DEFAULT_CENTER, Import, Offer
from order_pipelines.sandbox.mirakl.shop import Shop

MOST_PRICES = 50


class _RowError(Exception):
    """A row that is not taken; the text stands in the error report."""


def apply_import(shop: Shop, one: Import) -> None:
    """Take the rows of an import; ``is_silent`` counts them as taken and takes none."""
    if one.is_silent:
        one.in_success = len(one.rows)
        return
    numbered = list(enumerate(one.rows, start=2))
    if one.kind == "STOCK":
        _apply_stock(shop, one, numbered)
    elif one.kind == "PRICE":
        _apply_prices(shop, one, numbered)
    else:
        _apply_offers(shop, one, numbered)


def _refuse(one: Import, line: int, sku: str, error: _RowError) -> None:
    one.in_error += 1
    one.errors.append((line, sku, str(error)))


def _sku(row: dict[str, Any]) -> str:
    return str(row.get("offer-sku") or "")


def _offer(shop: Shop, sku: str) -> Offer:
    if sku not in shop.offers:
        raise _RowError(f"Offer with SKU '{sku}' does not exist")
    return shop.offers[sku]


# --- stock: nothing but the quantity ---


def _apply_stock(shop: Shop, one: Import, rows: list[tuple[int, dict[str, Any]]]) -> None:
    seen: set[str] = set()
    for sku, group in groupby(rows, key=lambda numbered: _sku(numbered[1])):
        is_apart = sku in seen
        seen.add(sku)
        for line, row in group:
            try:
                if is_apart:
                    raise _RowError("The lines of one offer must follow each other")
                _set_stock(shop, _offer(shop, sku), row)
                one.in_success += 1
            except _RowError as error:
                _refuse(one, line, sku, error)


def _set_stock(shop: Shop, offer: Offer, row: dict[str, Any]) -> None:
    text, warehouse = str(row.get("quantity") or ""), str(row.get("warehouse-code") or "")
    is_deleted = row.get("update-delete") == "delete"
    if not is_deleted and not (text.isascii() and text.isdigit()):
        raise _RowError(f"'{text}' is not a valid quantity")
    if offer.center != DEFAULT_CENTER:
        raise _RowError("The offer is fulfilled by the operator")
    quantity = 0 if is_deleted else int(text)
    if not warehouse:
        offer.quantity, offer.warehouse_quantities = quantity, {}
        return
    if warehouse not in shop.operator.warehouses:
        raise _RowError(f"Warehouse '{warehouse}' does not exist")
    offer.warehouse_quantities[warehouse] = quantity
    if is_deleted:
        del offer.warehouse_quantities[warehouse]
    offer.quantity = sum(offer.warehouse_quantities.values())


# --- prices: all of an offer's prices are replaced ---


def _apply_prices(shop: Shop, one: Import, rows: list[tuple[int, dict[str, Any]]]) -> None:
    for sku, group in groupby(rows, key=lambda numbered: _sku(numbered[1])):
        numbered = list(group)
        try:
            _replace_prices(_offer(shop, sku), [row for _, row in numbered])
            one.in_success += len(numbered)
            one.updated += 1
        except _RowError as error:
            for line, _ in numbered:
                _refuse(one, line, sku, error)


def _replace_prices(offer: Offer, rows: list[dict[str, Any]]) -> None:
    if len(rows) > MOST_PRICES:
        raise _RowError(f"An offer has no more than {MOST_PRICES} prices")
    base = [row for row in rows if not row.get("channels")]
    if len(base) != 1:
        raise _RowError("An offer needs one default price")
    price, discount = _amount(base[0].get("price")), _discount(base[0], "discount-price", "discount-{}-date")
    channels = {
        code: _amount(row.get("price"))
        for row in rows
        if row.get("channels")
        for code in str(row["channels"]).split("|")
    }
    offer.price, offer.discount, offer.channel_prices = price, discount, channels


def _discount(row: dict[str, Any], price: str, dates: str) -> tuple[Decimal, str | None, str | None] | None:
    if not row.get(price):
        return None
    return _amount(row[price]), row.get(dates.format("start")) or None, row.get(dates.format("end")) or None


def _amount(value: object) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise _RowError(f"'{value}' is not a valid price") from error
    if amount <= 0:
        raise _RowError("The price must be above 0")
    return amount


# --- offers: what is not sent is reset ---


def _apply_offers(shop: Shop, one: Import, rows: list[tuple[int, dict[str, Any]]]) -> None:
    kept = set()
    for line, row in rows:
        sku = str(row.get("shop_sku") or "")
        kept.add(sku)
        try:
            _apply_offer(shop, one, sku, row)
            one.in_success += 1
        except _RowError as error:
            _refuse(one, line, sku, error)
    if one.mode == "REPLACE":
        for sku in sorted(set(shop.offers) - kept):
            del shop.offers[sku]
            one.deleted += 1


def _apply_offer(shop: Shop, one: Import, sku: str, row: dict[str, Any]) -> None:
    if not sku:
        raise _RowError("The offer SKU is required")
    if row.get("update_delete") == "delete":
        if sku not in shop.offers:
            raise _RowError(f"Offer with SKU '{sku}' does not exist")
        del shop.offers[sku]
        one.deleted += 1
        return
    if not row.get("state_code"):
        raise _RowError("The offer state is required")
    price, before = _amount(row.get("price")), shop.offers.get(sku)
    product_id, ean, title = _product(shop, row)
    quantity = str(row.get("quantity") or "0")
    if not quantity.isdigit():
        raise _RowError(f"'{quantity}' is not a valid quantity")
    shop.offers[sku] = Offer(
        offer_id=before.offer_id if before else shop.operator.shop_id * 1000 + 500 + len(shop.offers),
        sku=sku,
        product_id=product_id,
        ean=ean,
        title=title,
        price=price,
        quantity=int(quantity),
        center=before.center if before else DEFAULT_CENTER,
        description=row.get("description") or None,
        leadtime_to_ship=_whole(row.get("leadtime_to_ship")),
        min_quantity_alert=_whole(row.get("min_quantity_alert")),
        discount=_discount(row.get("discount") or {}, "price", "{}_date"),
        channel_prices=dict(_channel_prices(row)),
        state_code=str(row["state_code"]),
        reduced_tax_rate=before.reduced_tax_rate if before else None,
    )
    if before:
        one.updated += 1
        # Orders point to the offer: it stays the same one.
        vars(before).update(vars(shop.offers[sku]))
        shop.offers[sku] = before
    else:
        one.inserted += 1


def _channel_prices(row: dict[str, Any]) -> Iterator[tuple[str, Decimal]]:
    for price in row.get("all_prices") or ():
        if price.get("channel_code"):
            yield price["channel_code"], _amount(price.get("unit_origin_price"))


def _whole(value: object) -> int | None:
    return int(str(value)) if value not in {None, ""} else None


def _product(shop: Shop, row: dict[str, Any]) -> tuple[str, str, str]:
    """Return (operator's id, EAN, title) of the article that an offer is made on."""
    wanted, kind = str(row.get("product_id") or ""), row.get("product_id_type")
    for offer in shop.offers.values():
        if wanted and wanted == {"SKU": offer.product_id, "EAN": offer.ean, "SHOP_SKU": offer.sku}.get(
            str(kind)
        ):
            return offer.product_id, offer.ean, offer.title
    goods = shop.catalogue.product_of_ean(wanted) if kind == "EAN" else None
    if goods is None:
        raise _RowError("The product does not exist")
    return f"MKP{wanted[-12:]}", wanted, goods.name
