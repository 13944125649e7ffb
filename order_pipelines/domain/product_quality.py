"""How good the product master is in the eyes of a shopper: each field filled, good or bad, with a score and examples.

A field of a product is good, bad or empty; only good ones score. Nothing is looked up outside: a photo's address is
judged by its form.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from urllib.parse import urlsplit

from order_pipelines.domain.products import Product
from order_pipelines.identifiers import is_valid_gtin, normalise_ean

MOST_EXAMPLES = 5
SHORTEST_NAME, LONGEST_NAME = 5, 255
SHORTEST_SHORT_TEXT, SHORTEST_LONG_TEXT = 20, 80
HEAVIEST_GRAMS = 200_000
FEWEST_PHOTOS = 2
_VOWELS = frozenset("aeiouyàáâäèéêëìíîïòóôöùúûü")
_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>.]{2,}")
_STOCK_STATUSES = frozenset(
    ("op voorraad", "in stock", "leverbaar", "beschikbaar", "available", "niet op voorraad", "out of stock",
     "backorder", "uitverkocht", "sold out", "nabestelling", "nalevering", "pre order", "preorder",
     "binnenkort leverbaar",
     "uit assortiment", "vervallen", "discontinued", "niet leverbaar", "unavailable", "in_stock", "out_of_stock")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Example:
    """One product whose field is not good. ``why`` is a stable word, ``detail`` what it is about, if anything."""

    sku: str
    why: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class FieldScore:
    """One field over all products; ``score`` is the share of good ones in percent, ``None`` without products."""

    name: str
    weight: int
    products: int
    filled: int
    good: int
    examples: tuple[Example, ...] = ()

    @property
    def bad(self) -> int:
        """Products whose field is filled and not good."""
        return self.filled - self.good

    @property
    def score(self) -> Decimal | None:
        """Percent of products whose field is good."""
        return None if not self.products else _tenth(Decimal(self.good * 100) / self.products)


@dataclass(frozen=True, slots=True)
class Quality:
    """The whole master. ``score`` is the mean of the fields' scores by their weights."""

    products: int
    fields: tuple[FieldScore, ...]

    @property
    def score(self) -> Decimal | None:
        """Percent, ``None`` without products."""
        if not self.products:
            return None
        total = sum((Decimal(one.good * 100 * one.weight) / self.products for one in self.fields), Decimal(0))
        return _tenth(total / sum(one.weight for one in self.fields))


@dataclass(frozen=True, slots=True)
class Around:
    """What a product is judged against: all SKUs, EANs that several have, and attributes required by category."""

    skus: Collection[str] = ()
    shared_eans: Collection[str] = ()
    required: Mapping[str, Sequence[str]] = field(default_factory=dict)


Verdict = tuple[str, str] | None
"""``("", "")`` for good, ``(why, detail)`` for bad, ``None`` for empty."""
_GOOD: Verdict = ("", "")


def judge_master(
    products: Sequence[Product], *, required_attributes: Mapping[str, Sequence[str]] | None = None
) -> Quality:
    """Judge every field of every product.

    Args:
        products: the master as the file states it; an EAN that several articles have counts against each of them.
        required_attributes: by category, without regard to capitals, the attributes its articles need.
    """
    owners: dict[str, set[str]] = defaultdict(set)
    for product in products:
        for ean in map(normalise_ean, product.eans):
            if ean is not None:
                owners[ean].add(product.sku)
    around = Around(
        skus={product.sku for product in products},
        shared_eans={ean for ean, skus in owners.items() if len(skus) > 1},
        required={
            category.casefold(): tuple(name.lower() for name in names)
            for category, names in (required_attributes or {}).items()
        },
    )
    fields = tuple(_judge_field(name, weight, rule, products, around) for name, weight, rule in RULES)
    return Quality(len(products), fields)


def _judge_field(
    name: str,
    weight: int,
    rule: Callable[[Product, Around], Verdict],
    products: Sequence[Product],
    around: Around,
) -> FieldScore:
    filled = good = 0
    bad: list[Example] = []
    empty: list[Example] = []
    for product in products:
        verdict = rule(product, around)
        if verdict is None:
            if len(empty) < MOST_EXAMPLES:
                empty.append(Example(product.sku, "empty"))
            continue
        filled += 1
        if verdict == _GOOD:
            good += 1
        elif len(bad) < MOST_EXAMPLES:
            bad.append(Example(product.sku, *verdict))
    examples = tuple((bad + empty)[:MOST_EXAMPLES])
    return FieldScore(name, weight, len(products), filled, good, examples)


def _name(product: Product, around: Around) -> Verdict:
    del around
    name = (product.name or "").strip()
    if not name:
        return None
    if _bare(name) == _bare(product.sku):
        return "name_is_sku", name[:40]
    if is_valid_gtin(name.replace(" ", "")) or normalise_ean(name) in product.eans:
        return "name_is_ean", name[:40]
    if len(name) < SHORTEST_NAME:
        return "name_too_short", name
    if len(name) > LONGEST_NAME:
        return "name_too_long", str(len(name))
    if name.upper() == name and any(sign.isdigit() for sign in name):
        return "name_like_code", name[:40]
    words = re.findall(r"[^\W\d_]{3,}", name.lower())
    if not any(_VOWELS & set(word) for word in words):
        return "name_without_word", name[:40]
    return _GOOD


def _short_description(product: Product, around: Around) -> Verdict:
    del around
    text = product.details.short_description
    if not text:
        return None
    if _same(text, product.name):
        return "text_is_name", ""
    return _GOOD if len(text) >= SHORTEST_SHORT_TEXT else ("text_too_short", str(len(text)))


def _long_description(product: Product, around: Around) -> Verdict:
    del around
    text, short = product.details.long_description, product.details.short_description
    if not text:
        return None
    if _same(text, product.name):
        return "text_is_name", ""
    if len(text) < SHORTEST_LONG_TEXT:
        return "text_too_short", str(len(text))
    return ("text_shorter_than_short", "") if short and len(text) <= len(short) else _GOOD


def _weight(product: Product, around: Around) -> Verdict:
    del around
    grams = product.weight_grams
    if grams is None:
        return None
    if grams <= 0:
        return "weight_zero", ""
    if grams > HEAVIEST_GRAMS:
        return "weight_implausible", str(grams)
    return _GOOD if product.details.weight_unit is not None else ("weight_unit_unknown", str(grams))


def _attributes(product: Product, around: Around) -> Verdict:
    details = product.details
    if not details.attributes:
        return None
    valueless = [name for name, value in details.attributes if not value]
    if valueless:
        return "attribute_without_value", ", ".join(valueless)[:80]
    have = {name for name, _ in details.attributes}
    wanted = around.required.get((details.category or "").casefold(), ())
    missing = [name for name in wanted if name not in have]
    return ("attribute_missing", ", ".join(missing)[:80]) if missing else _GOOD


def _relations(product: Product, around: Around) -> Verdict:
    related = product.details.related_skus
    if not related:
        return None
    if product.sku in related:
        return "related_to_itself", ""
    unknown = [sku for sku in related if sku not in around.skus]
    return ("related_unknown", ", ".join(unknown)[:80]) if unknown else _GOOD


def _photos(product: Product, around: Around) -> Verdict:
    del around
    urls = product.details.photo_urls
    if not urls:
        return None
    wrong = [url for url in urls if not _is_web_address(url)]
    if wrong:
        return "photo_address_wrong", wrong[0][:80]
    return _GOOD if len(urls) >= FEWEST_PHOTOS else ("photos_too_few", str(len(urls)))


def _stock_status(product: Product, around: Around) -> Verdict:
    del around
    status = product.details.stock_status
    if not status:
        return None
    known = " ".join(status.casefold().replace("-", " ").split()) in _STOCK_STATUSES
    return _GOOD if known else ("stock_status_unknown", status[:40])


def _ean(product: Product, around: Around) -> Verdict:
    eans = [normalise_ean(ean) or "" for ean in product.eans]
    if not eans:
        return None
    wrong = [ean for ean in eans if not is_valid_gtin(ean)]
    if wrong:
        return "ean_wrong", wrong[0][:40]
    shared = [ean for ean in eans if ean in around.shared_eans]
    return ("ean_shared", shared[0]) if shared else _GOOD


def _supplier_email(product: Product, around: Around) -> Verdict:
    del around
    email = product.details.supplier_email
    if not email:
        return None
    # The address stays out of the example: it may name a person.
    return _GOOD if is_email(email) else ("email_wrong", "")


def _order_multiple(product: Product, around: Around) -> Verdict:
    del around
    multiple = product.details.order_multiple
    if multiple is None:
        return None
    return _GOOD if multiple >= 1 else ("multiple_zero", "")


def _plain(value: str | None) -> Verdict:
    return _GOOD if value else None


RULES: tuple[tuple[str, int, Callable[[Product, Around], Verdict]], ...] = (
    ("name", 15, _name),
    ("short_description", 8, _short_description),
    ("long_description", 8, _long_description),
    ("photos", 8, _photos),
    ("attributes", 8, _attributes),
    ("category", 4, lambda product, around: _plain(product.details.category)),
    ("relations", 2, _relations),
    ("ean", 12, _ean),
    ("weight", 8, _weight),
    ("vat_class", 12, lambda product, around: _plain(product.vat_class)),
    ("stock_status", 3, _stock_status),
    ("supplier", 5, lambda product, around: _plain(product.supplier)),
    ("supplier_email", 4, _supplier_email),
    ("order_multiple", 3, _order_multiple),
)
"""Field, weight in the whole score (their sum is 100), rule."""


def is_email(text: str) -> bool:
    """Tell whether a text has the form of one e-mail address."""
    return _EMAIL.fullmatch(text.strip()) is not None


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and "." in (parts.hostname or "")
    except ValueError:
        return False


def _bare(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def _same(text: str, other: str | None) -> bool:
    return other is not None and " ".join(text.casefold().split()) == " ".join(other.casefold().split())


def _tenth(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.1"), ROUND_HALF_UP)
