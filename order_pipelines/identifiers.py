"""Names of things: order keys, article numbers and references that fit the outside system."""

import hashlib
import re
from typing import NewType

OrderKey = NewType("OrderKey", str)
Sku = NewType("Sku", str)

_GTIN_LENGTHS = (8, 12, 13, 14)
_REFERENCE_HASH_LENGTH = 8


def make_order_key(account: str, external_order_id: str) -> OrderKey:
    """Return ``account:external_order_id``, unique over all channels and accounts."""
    return OrderKey(f"{account}:{external_order_id}")


def is_valid_gtin(text: str) -> bool:
    """Tell whether ``text`` is 8, 12, 13 or 14 digits with a check digit that fits."""
    if not text.isascii() or not text.isdigit() or len(text) not in _GTIN_LENGTHS:
        return False
    digits = [int(digit) for digit in reversed(text)]
    total = sum(digit * (3 if index % 2 else 1) for index, digit in enumerate(digits))
    return total % 10 == 0


def normalise_ean(text: str | None) -> str | None:
    """Return the article number in the one form used for matching: 13 digits where it is a GTIN, else trimmed text.

    A GTIN-12 gets its leading zero, a GTIN-14 of a single piece (leading 0) loses it; other text stays as it is.
    """
    if text is None:
        return None
    ean = text.strip()
    if not ean:
        return None
    if len(ean) == 12 and is_valid_gtin(ean):
        return f"0{ean}"
    if len(ean) == 14 and ean[0] == "0" and is_valid_gtin(ean):
        return ean[1:]
    return ean


def outside_reference(prefix: str, number: str, *, max_length: int = 40) -> str:
    """Return ``prefix-number``; a too long one keeps its head and ends in a hash of the whole, still unique.

    Characters that outside systems refuse become ``-`` and then always bring the hash with them.
    """
    plain = f"{prefix}-{number}"
    safe = re.sub(r"[^A-Za-z0-9._/-]", "-", plain)
    if safe == plain and len(plain) <= max_length:
        return plain
    digest = hashlib.sha256(plain.encode()).hexdigest()[:_REFERENCE_HASH_LENGTH].upper()
    return f"{safe[: max_length - _REFERENCE_HASH_LENGTH - 1]}-{digest}"
