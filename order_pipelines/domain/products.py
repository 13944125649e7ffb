"""The product master: what an article is, and which statements about articles contradict each other."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from order_pipelines.identifiers import is_valid_gtin, normalise_ean


@dataclass(frozen=True, slots=True)
class Details:
    """What shoppers and buyers want to know of an article and orders do not; ``None`` and ``()`` where nothing is said.

    Args:
        weight_unit: ``g`` or ``kg`` where heading or cell says so; ``None`` where grams had to be supposed.
        attributes: names in small letters with their values; a value may be empty as written.
        related_skus: articles that go with it, by SKU.
        photo_urls: as written, nothing fetched.
        stock_status: as written.
        supplier_email: may name a person: never in the warehouse, a log or a message.
        order_multiple: pieces that the supplier delivers at a time.
    """

    short_description: str | None = None
    long_description: str | None = None
    weight_unit: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    category: str | None = None
    related_skus: tuple[str, ...] = ()
    photo_urls: tuple[str, ...] = ()
    stock_status: str | None = None
    supplier_email: str | None = None
    order_multiple: int | None = None

    def __repr__(self) -> str:
        return f"Details(category={self.category!r})"


NO_DETAILS = Details()


@dataclass(frozen=True, slots=True)
class Product:
    """One article as the master states it; ``None`` where it says nothing.

    Args:
        sku: the merchant's own number, kept as written; ``A1`` and ``a1`` are two articles.
        name: what people call it.
        eans: all GTINs it is sold under, in the form of ``identifiers.normalise_ean``.
        vat_class: name of a class in the settings' VAT table.
        unit: what one piece is (``stuk``, ``paar``).
        weight_grams: of one piece.
        cost: purchase price of one piece without VAT, in the merchant's currency.
        supplier: who delivers it.
        row: 1-based row of the file it comes from.
        details: the rest; two rows that differ in nothing else are the same article, and the first one's are kept.
    """

    sku: str
    name: str | None = None
    eans: tuple[str, ...] = ()
    vat_class: str | None = None
    unit: str | None = None
    weight_grams: int | None = None
    cost: Decimal | None = None
    supplier: str | None = None
    row: int | None = None
    details: Details = field(default=NO_DETAILS, compare=False)


@dataclass(frozen=True, slots=True)
class MasterConflict:
    """Something in the master that cannot be true, or cannot be used.

    ``code``: ``ambiguous_ean``, ``unknown_ean``, ``unknown_vat``, ``duplicate_sku``, ``missing_field``, or that of an
    unreadable cell. ``is_left_out``: no row of the SKU was accepted; else only the part in doubt was left out.
    """

    code: str
    reason: str
    sku: str | None = None
    ean: str | None = None
    rows: tuple[int, ...] = ()
    is_left_out: bool = False


def check_master(
    products: Sequence[Product], vat_classes: Collection[str]
) -> tuple[list[Product], list[MasterConflict]]:
    """Return the articles that can be used and everything that is wrong with the others.

    An EAN of two SKUs belongs to neither, an EAN whose check digit does not fit is dropped, and a VAT class that the
    settings do not know is unknown: those articles stay, so that their stock stays right. Rows that give one SKU
    different contents are all left out; a row that repeats another changes nothing.

    Args:
        products: rows of the master, in file order.
        vat_classes: names of the settings' VAT classes.
    """
    conflicts: list[MasterConflict] = []
    accepted: list[Product] = []
    for product in _without_duplicates(products, conflicts):
        checked = _with_good_eans(product, conflicts)
        if checked.name is None:
            conflicts.append(_conflict("missing_field", f"{checked.sku} has no name", checked))
        if checked.vat_class is not None and checked.vat_class not in vat_classes:
            known = ", ".join(sorted(vat_classes)) or "none"
            reason = (
                f"{checked.sku}: VAT class {checked.vat_class!r} is not in the settings; known are {known}"
            )
            conflicts.append(_conflict("unknown_vat", reason, checked))
            checked = replace(checked, vat_class=None)
        accepted.append(checked)
    return _without_shared_eans(accepted, conflicts), conflicts


def _conflict(code: str, reason: str, product: Product, ean: str | None = None) -> MasterConflict:
    return MasterConflict(code, reason, product.sku, ean, () if product.row is None else (product.row,))


def _without_duplicates(products: Sequence[Product], conflicts: list[MasterConflict]) -> list[Product]:
    by_sku: dict[str, list[Product]] = defaultdict(list)
    for product in products:
        by_sku[product.sku].append(product)
    single = []
    for sku, same in by_sku.items():
        if len({replace(product, row=None) for product in same}) == 1:
            single.append(same[0])
            continue
        rows = tuple(product.row for product in same if product.row is not None)
        reason = f"{sku} stands in the master {len(same)} times with different contents; keep one"
        conflicts.append(MasterConflict("duplicate_sku", reason, sku, rows=rows, is_left_out=True))
    return single


def _with_good_eans(product: Product, conflicts: list[MasterConflict]) -> Product:
    good: list[str] = []
    for text in product.eans:
        ean = normalise_ean(text)
        if ean is None or not is_valid_gtin(ean):
            reason = f"{product.sku}: {text!r} is no EAN, its check digit does not fit"
            conflicts.append(_conflict("unknown_ean", reason, product, text))
        elif ean not in good:
            good.append(ean)
    return product if tuple(good) == product.eans else replace(product, eans=tuple(good))


def _without_shared_eans(products: Sequence[Product], conflicts: list[MasterConflict]) -> list[Product]:
    owners: dict[str, list[Product]] = defaultdict(list)
    for product in products:
        for ean in product.eans:
            owners[ean].append(product)
    shared = {ean: of for ean, of in owners.items() if len(of) > 1}
    for ean, of in shared.items():
        names = ", ".join(product.sku for product in of)
        rows = tuple(product.row for product in of if product.row is not None)
        reason = f"EAN {ean} is on {names}; until one keeps it, orders that name only this EAN wait"
        conflicts.append(MasterConflict("ambiguous_ean", reason, None, ean, rows))
    if not shared:
        return list(products)
    return [
        replace(product, eans=tuple(ean for ean in product.eans if ean not in shared)) for product in products
    ]
