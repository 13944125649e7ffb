"""Article cells: SKUs kept as written, EANs saved from what spreadsheets do to long numbers."""

import re
from datetime import datetime
from decimal import Decimal

from order_pipelines.connectors.b2b_files.cells import Cell, Flaw
from order_pipelines.identifiers import is_valid_gtin, normalise_ean

_LOST_DIGITS = re.compile(r"\d(?:[.,]\d+)?E\+?\d{1,2}", re.IGNORECASE)
_LOST_SKU = re.compile(r"\d[.,]\d+E\+\d{2}", re.IGNORECASE)
_FLOAT_TEXT = re.compile(r"(\d+)\.0+")
_SHORTEST_EAN_13 = 9
"""A 13-digit number lost at most four leading zeros; shorter ones are other codes."""
LONGEST_NAME, LONGEST_SKU = 99, 200
"""What the keys of the store hold; a name of an order may be joined with that of a customer."""


def read_text(cell: Cell) -> str | Flaw | None:
    """Return a cell as trimmed text, ``None`` when empty; a number as its digits (``17850``)."""
    if isinstance(cell, str):
        return cell.strip() or None
    if cell is None or isinstance(cell, Flaw):
        return cell
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    return cell.date().isoformat() if isinstance(cell, datetime) else str(cell)


def read_number_text(cell: Cell) -> str | Flaw | None:
    """Like :func:`read_text`, for numbers of things: ``17850.0``, as exports of frames write it, is ``17850``."""
    text = read_text(cell)
    if isinstance(text, str) and (match := _FLOAT_TEXT.fullmatch(text)):
        return match[1]
    return text


def read_name(cell: Cell) -> str | Flaw | None:
    """Like :func:`read_number_text`, for what becomes part of a key: one too long for it names nothing."""
    text = read_number_text(cell)
    return Flaw("wrong_type", text[:40]) if isinstance(text, str) and len(text) > LONGEST_NAME else text


def read_sku(cell: Cell) -> str | Flaw | None:
    """Return the SKU as written, or a flaw when a spreadsheet turned it into ``1.23E+11``."""
    text = read_text(cell)
    if isinstance(text, str) and _LOST_SKU.fullmatch(text):
        return Flaw("ean_digits_lost", text[:40])
    if isinstance(text, str) and len(text) > LONGEST_SKU:
        return Flaw("wrong_type", text[:40])
    return text


def read_ean(cell: Cell) -> str | Flaw | None:
    """Return the GTIN of a cell with its check digit proven, ``None`` when empty.

    A number, or a text that lost its leading zeros, is padded to 13 digits when the check digit fits then.

    Returns:
        Digits, or a flaw: ``ean_digits_lost`` (``8.71E+12`` as text: never expanded) or ``unknown_ean``.
    """
    text = read_number_text(cell)
    if not isinstance(text, str):
        return text
    plain = text.replace(" ", "").lstrip("'")
    if _LOST_DIGITS.fullmatch(plain):
        return Flaw("ean_digits_lost", text[:40])
    if plain.isascii() and plain.isdigit():
        padded = plain.zfill(13) if _SHORTEST_EAN_13 <= len(plain) < 13 else plain
        for candidate in (plain, padded):
            if is_valid_gtin(candidate):
                return normalise_ean(candidate)
    return Flaw("unknown_ean", text[:40])
