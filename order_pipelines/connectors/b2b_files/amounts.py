"""Numbers as people write them: decimal commas and points, and when nobody can tell which of the two."""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

from order_pipelines.connectors.b2b_files.cells import Cell, Flaw

Style = Literal["comma", "point"]
STYLES: tuple[Style, ...] = ("comma", "point")

_CURRENCIES = {"€": "EUR", "EUR": "EUR", "EURO": "EUR", "£": "GBP", "GBP": "GBP", "$": "USD", "USD": "USD"}
_CURRENCY = re.compile(r"€|£|\$|\b(?:EURO?|GBP|USD)\b", re.IGNORECASE)
_UNIT = re.compile(r"(?<=[\d.,-])\s*(?:st|stk|stuks?|pcs|pieces?|x|%|per cent|procent)\.?$", re.IGNORECASE)
_NUMBER = re.compile(r"-?(?:\d[\d.,]*|[.,]\d+)")
_SPACED_THOUSANDS = re.compile(r"(?<=\d)[ '\u2019](?=\d{3}(?!\d))")
_MAX_CHARACTERS = 40


def read_decimal(text: str, style: Style | None) -> Decimal | Flaw:
    """Return the number that ``text`` says.

    ``style`` tells the decimal sign of the file and settles ``1.250``; texts with one meaning need none. Currency
    signs, ``st`` and ``%`` are left out; ``5-`` and ``(5)`` are negative; ``40,-`` is 40.

    Returns:
        The exact number, or a flaw ``ambiguous_number`` or ``wrong_type``.
    """
    plain = _plain(text)
    if plain is None:
        return Flaw("wrong_type", text[:_MAX_CHARACTERS])
    shape = _shape(plain)
    if shape is None:
        return Flaw("wrong_type", text[:_MAX_CHARACTERS])
    if shape == "ambiguous":
        if style is None:
            return Flaw("ambiguous_number", text[:_MAX_CHARACTERS])
        shape = style
    return Decimal(plain.replace(".", "").replace(",", ".") if shape == "comma" else plain.replace(",", ""))


def currency_in(text: str) -> str | None:
    """Return the one currency that a text names (``€ 40,00``, ``Prijs EUR``), else ``None``."""
    found = {_CURRENCIES[match.upper()] for match in _CURRENCY.findall(text)}
    return found.pop() if len(found) == 1 else None


def style_of(texts: Iterable[str]) -> Style | None:
    """Return the decimal sign that the unambiguous texts of a file prove; ``None`` if none does, or both."""
    shapes = set()
    for text in texts:
        plain = _plain(text)
        shape = None if plain is None else _shape(plain)
        if shape in ("comma", "point"):
            shapes.add(shape)
    if shapes == {"comma"}:
        return "comma"
    return "point" if shapes == {"point"} else None


def is_ambiguous(cell: Cell) -> bool:
    """Tell whether a cell is a text like ``1.250``, which two countries read differently."""
    return isinstance(cell, str) and _shape(_plain(cell) or "") == "ambiguous"


def _plain(text: str) -> str | None:
    """Digits, one sign and separators; ``None`` when there is more than that."""
    if len(text) > _MAX_CHARACTERS:
        return None
    plain = text.replace("\u00a0", " ").replace("\u202f", " ").replace("\u2212", "-").strip()
    plain = _CURRENCY.sub("", plain).strip()
    plain = _UNIT.sub("", plain).strip()
    if plain.startswith("(") and plain.endswith(")"):
        plain = f"-{plain[1:-1].strip()}"
    plain = re.sub(r"[.,]-{1,2}$", "", plain)
    if plain.endswith("-"):
        plain = f"-{plain[:-1].strip()}"
    plain = _SPACED_THOUSANDS.sub("", plain)
    plain = re.sub(r"^([-+])\s+", r"\1", plain).removeprefix("+")
    return plain if plain.isascii() and _NUMBER.fullmatch(plain) else None


def _shape(plain: str) -> Literal["plain", "comma", "point", "ambiguous"] | None:
    """Return which sign is the decimal one, by the text alone; ``None`` when no reading makes sense."""
    digits = plain.removeprefix("-")
    commas, points = digits.count(","), digits.count(".")
    if not commas and not points:
        return "plain" if digits else None
    if commas and points:
        decimal, group = (",", ".") if digits.rfind(",") > digits.rfind(".") else (".", ",")
        whole, _, fraction = digits.rpartition(decimal)
        if decimal in whole or not fraction or not _is_grouped(whole.split(group)):
            return None
        return "comma" if decimal == "," else "point"
    sign = "," if commas else "."
    parts = digits.split(sign)
    if len(parts) > 2:
        if not _is_grouped(parts):
            return None
        return "point" if sign == "," else "comma"
    whole, fraction = parts
    if len(fraction) == 3 and 1 <= len(whole) <= 3 and not whole.startswith("0"):
        return "ambiguous"
    return "comma" if sign == "," else "point"


def _is_grouped(parts: list[str]) -> bool:
    first, *others = parts
    return 1 <= len(first) <= 3 and bool(others) and all(len(part) == 3 for part in others)


class NumberReader:
    """Reads the numbers of one file in its style, each distinct text once."""

    def __init__(self, style: Style | None) -> None:
        self.style: Style | None = style
        self._known: dict[str, Decimal | Flaw] = {}

    def read(self, cell: Cell) -> Decimal | Flaw | None:
        """Return the number of a cell, a flaw, or ``None`` for an empty cell."""
        if isinstance(cell, str):
            known = self._known.get(cell)
            if known is None:
                if not cell.strip():
                    return None
                known = read_decimal(cell, self.style)
                self._known[cell] = known
            return known
        if cell is None or isinstance(cell, Flaw):
            return cell
        if isinstance(cell, int):
            return Decimal(cell)
        if isinstance(cell, Decimal):
            return cell
        return Flaw("wrong_type", cell.isoformat())
