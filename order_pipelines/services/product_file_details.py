"""The columns of a master that orders and stock do without: headings, and how cells of several things are read."""

import re
from collections.abc import Mapping

from order_pipelines.connectors.b2b_files.columns import fold

DETAIL_HEADINGS: Mapping[str, str] = {
    "short_description": "korte omschrijving|korte beschrijving|korte tekst|short description",
    "long_description": "lange omschrijving|lange beschrijving|lange tekst|beschrijving|productbeschrijving"
    "|long description",
    "weight_unit": "gewichtseenheid|eenheid gewicht|weight unit",
    "attributes": "kenmerken|eigenschappen|attributen|specificaties|attributes|specifications",
    "category": "categorie|productgroep|artikelgroep|category|product group",
    "related_skus": "gerelateerd|gerelateerde artikelen|gerelateerde skus|relaties|accessoires|related|related skus"
    "|related products|accessories",
    "photo_urls": "foto|fotos|foto s|foto url|foto urls|afbeelding|afbeeldingen|photo|photos|photo url|photo urls"
    "|image|images|image urls",
    "stock_status": "voorraadstatus|beschikbaarheid|stock status|availability",
    "supplier_email": "e mail leverancier|email leverancier|leverancier e mail|leverancier email|supplier e mail"
    "|supplier email|vendor email",
    "order_multiple": "besteleenheid|bestelveelvoud|bestellen per|inkoopeenheid|aantal per doos|order multiple"
    "|order unit|case pack",
}
LONGEST_DETAILS: Mapping[str, int] = {
    "short_description": 10_000,
    "long_description": 100_000,
    "weight_unit": 10,
    "attributes": 10_000,
    "category": 200,
    "related_skus": 10_000,
    "photo_urls": 20_000,
    "stock_status": 40,
    "supplier_email": 254,
}
GRAMS_OF: Mapping[str, int] = {"g": 1, "kg": 1_000}
_UNITS = {
    **dict.fromkeys(("g", "gr", "gram", "grams", "grammen"), "g"),
    **dict.fromkeys(("kg", "kilo", "kilogram", "kilograms"), "kg"),
}


def read_unit(text: str) -> str | None:
    """Return ``g`` or ``kg``, ``None`` for a unit that is not known here."""
    return _UNITS.get(fold(text))


def read_list(text: str | None, separators: str) -> tuple[str, ...]:
    """Return the parts of a cell, trimmed, each once, in their order."""
    parts = (part.strip() for part in re.split(separators, text or ""))
    return tuple(dict.fromkeys(part for part in parts if part))


def read_attributes(text: str | None) -> tuple[tuple[str, str], ...]:
    """Return ``kleur=rood|maat=42`` as pairs; a part without ``=`` or ``:`` is a name without value."""
    pairs: dict[str, str] = {}
    for part in read_list(text, r"[|\n\r]+"):
        name, _, value = re.sub(r"[:=]", "=", part, count=1).partition("=")
        if name.strip():
            pairs[name.strip().lower()] = value.strip()
    return tuple(pairs.items())
