"""Which column holds what: headings of the settings first, then Dutch and English synonyms."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from order_pipelines.connectors.b2b_files.cells import Cell

_SYNONYMS: dict[str, str] = {
    "order_id": "order|order no|order nr|order number|ordernummer|ordernr|order id|po|po no|po nr|po number|po nummer"
    "|bestelling|bestelnummer|bestelnr|bestelling nr|bestelbon|bestelbonnummer|inkooporder|inkoopordernummer"
    "|purchase order|purchase order number|invoice|invoice no|invoice number|factuurnummer|factuurnr|uw ordernummer",
    "line_id": "regel|regelnr|regelnummer|orderregel|line|line no|line nr|line number|line id|positie|pos|order line",
    "ordered_at": "datum|orderdatum|besteldatum|date|order date|invoice date|factuurdatum|ordered at|datum bestelling",
    "customer_number": "klantnummer|klantnr|customer no|customer nr|customer number|customer id|debiteur"
    "|debiteurnummer|debiteurnr|deb nr|relatienummer",
    "company": "klant|klantnaam|customer|customer name|bedrijf|bedrijfsnaam|company|company name|firma|besteller",
    "email": "e mail|email|mail|e mailadres|email address|emailadres",
    "vat_id": "btw nummer|btw nr|btwnummer|vat number|vat id|vat no|vat nr",
    "reference": "referentie|uw referentie|reference|your reference|kenmerk|uw kenmerk|ref",
    "country": "land|country|country code|landcode|afleverland|ship country|ship to country|delivery country",
    "bill_country": "factuurland|bill country|bill to country|billing country",
    "currency": "valuta|currency|munt|currency code|valutacode",
    "sku": "artikel|artikelnr|artikelnummer|artikel nr|artikel nummer|artikelcode|art nr|artnr|art no|art code|sku|code"
    "|stock code|stockcode|product code|productcode|product id|item|item no|item nr|item number|item code|article"
    "|article no|article nr|article number|article code|bestelcode|onderdeel|onderdeelnr|onderdeelnummer|component"
    "|component sku|part|part sku|part no|part number",
    "ean": "ean|ean code|eancode|ean nummer|ean13|ean 13|eans|ean codes|barcode|barcodes|gtin|streepjescode|upc",
    "title": "omschrijving|description|artikelomschrijving|productomschrijving|product name|productnaam|naam artikel"
    "|title|titel|benaming|product|naam|name|artikelnaam",
    "quantity": "aantal|aantallen|qty|quantity|stuks|st|pcs|pieces|besteld|te bestellen|ordered|bestelaantal"
    "|hoeveelheid|aantal stuks|geteld|counted|verzonden|shipped|voorraad|stock|on hand|aantal besteld|qty ordered"
    "|quantity ordered|ordered quantity",
    "unit_price": "prijs|price|netto|nettoprijs|netto prijs|net price|unit price|stukprijs|prijs per stuk|verkoopprijs"
    "|stuksprijs|price each|price per piece|eenheidsprijs",
    "discount_pct": "korting|kortingspercentage|korting pct|korting percentage|discount|discount pct"
    "|discount percentage",
    "line_total": "totaal|total|bedrag|amount|regeltotaal|regelbedrag|line total|line amount|totaalbedrag|netto bedrag"
    "|prijs totaal|totaalprijs|total price",
    "location": "locatie|location|magazijn|warehouse|filiaal|winkel|vestiging|store",
    "taken_at": "geteld op|taken at|counted at|teldatum|datum telling|telling|tijdstip|count date|time taken",
    "carrier": "vervoerder|carrier|transporteur|verzendmethode|shipped with|pakketdienst",
    "tracking": "track trace|track en trace|track and trace|tracking|tracking number|tracking code|trackingnummer"
    "|trackingcode|zendingnummer|zendingsnummer|barcode zending|tracking no|tracking nr|t t",
    "shipped_at": "verzonden op|verzenddatum|shipped at|ship date|shipping date|datum verzonden|dispatch date",
    "account": "account|kanaal|channel|verkoopkanaal",
    "document": "document|document no|document nr|document number|documentnr|documentnummer|pakbon|pakbonnr"
    "|pakbonnummer|bon|bonnr|bonnummer|delivery note|delivery note number|receipt no|receipt number|mutatienummer"
    "|mutatienr|transfer no|transfer number|retournummer|return no|return number|rma",
    "movement": "mutatie|soort mutatie|mutatiesoort|mutatietype|beweging|soort beweging|movement|movement type"
    "|movement kind|kind of movement",
    "moved_at": "ontvangen op|ontvangstdatum|received at|received on|receipt date|date received|mutatiedatum"
    "|datum mutatie|movement date|moved at|moved on|verplaatst op|retour op|retourdatum|returned at|returned on"
    "|geboekt op|datum ontvangst",
    "from_location": "van|van locatie|van magazijn|from|from location|from warehouse|herkomst",
    "to_location": "naar|naar locatie|naar magazijn|to|to location|to warehouse|bestemming",
    "quantity_received": "ontvangen|aantal ontvangen|reeds ontvangen|received|qty received|quantity received"
    "|received qty|received quantity|geleverd|aantal geleverd|delivered|qty delivered|quantity delivered",
    "expected_on": "verwacht|verwacht op|verwachte datum|verwachte levering|verwachte leverdatum|expected|expected on"
    "|expected at|expected date|expected delivery|expected delivery date|eta",
    "supplier": "leverancier|leveranciersnaam|naam leverancier|supplier|supplier name|vendor|vendor name",
    "lead_days": "levertijd|levertijd dagen|levertijd in dagen|lead time|lead time days|lead days",
    "unit_cost": "inkoopprijs|kostprijs|cost|unit cost|inkoop per stuk|inkoopprijs per stuk",
    "stated_at": "stand per|stand op|per datum|bijgewerkt op|bijgewerkt|as of|stock date|updated at|updated on"
    "|last updated|voorraaddatum",
    "bundle": "bundel|bundelnr|bundelnummer|bundelartikel|bundel sku|bundle|bundle sku|bundle no|bundle article|set sku"
    "|setartikel|pakketartikel|kit|kit sku|hoofdartikel|samengesteld artikel",
}
_HINTS = (
    # In this order: "EAN artikel" is an EAN, "Totaal aantal" a quantity, "Prijs per artikel" a price.
    ("ean", re.compile(r"\b(ean|gtin|barcode)\b")),
    ("quantity", re.compile(r"\b(aantal|qty|quantity|stuks)\b")),
    ("line_total", re.compile(r"\b(totaal|total|bedrag|amount)\b")),
    ("unit_price", re.compile(r"\b(prijs|price|nettoprijs)\b")),
    ("title", re.compile(r"\b(omschrijving|description)\b")),
    ("sku", re.compile(r"\b(artikel|sku|art|article|stockcode)\b")),
)
_NOISE = re.compile(
    r"\b(excl|ex|exclusief|excluding|incl|inclusief|including|btw|vat|tax|in|eur|euro|gbp|usd|nett?o?)\b"
)
KEY_VALUES = frozenset(
    {
        "order_id",
        "ordered_at",
        "customer_number",
        "company",
        "email",
        "vat_id",
        "reference",
        "country",
        "bill_country",
        "currency",
        "location",
        "taken_at",
        "shipped_at",
        "carrier",
        "tracking",
        "account",
        "document",
        "movement",
        "moved_at",
        "from_location",
        "to_location",
        "supplier",
        "stated_at",
    }
)
_EXACT, _BARE, _HINT = 3, 2, 1


_TOTAL_LABEL = re.compile(
    r"(sub\s*-?)?(totaal|totalen|total|totals|totaalbedrag|eindtotaal|grand total|te betalen|btw|vat)\b.{0,30}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Columns:
    """A header row: ``at`` gives the index of each column of ours, ``texts`` the headings as written."""

    at: Mapping[str, int]
    texts: tuple[str, ...]

    def heading(self, name: str) -> str:
        """Return the heading of one of our columns as the file writes it, or our name."""
        index = self.at.get(name)
        return name if index is None else self.texts[index] or name


def fold(text: str) -> str:
    """Return a heading in lower case without accents, signs and camel case: ``StockCode`` is ``stock code``."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    bare = unicodedata.normalize("NFKD", spaced).encode("ascii", "ignore").decode().lower()
    bare = bare.replace("%", " pct ")
    return " ".join(re.sub(r"[^a-z0-9]+", " ", bare).split())


_BY_TEXT = {fold(word): name for name, words in _SYNONYMS.items() for word in words.split("|")}


def name_of(text: str) -> tuple[str | None, int]:
    """Return our column for a heading and how sure that is (0 = not at all)."""
    folded = fold(text)
    if not folded or len(folded) > 60:
        return None, 0
    if folded in _BY_TEXT:
        return _BY_TEXT[folded], _EXACT
    bare = " ".join(_NOISE.sub(" ", folded).split())
    if bare in _BY_TEXT:
        return _BY_TEXT[bare], _BARE
    if len(folded) <= 40:
        for name, pattern in _HINTS:
            if pattern.search(folded):
                return name, _HINT
    return None, 0


@lru_cache(maxsize=50_000)
def is_total_label(text: str) -> bool:
    """Tell whether a cell starts a row of sums: ``Totaal``, ``Subtotaal excl. btw``, ``BTW 21%``."""
    return _TOTAL_LABEL.fullmatch(text.strip()) is not None


def find_columns(cells: Sequence[Cell], named: Mapping[str, tuple[str, ...]]) -> Columns | None:
    """Return the columns when this row is a header: a quantity and an article, or all that the settings name.

    A shipment names an order and how it went; of an order with a single line that is enough without an article.

    Args:
        cells: one row.
        named: headings of the settings by column of ours; a column that is named is found by that name only.
    """
    texts = tuple(cell.strip() if isinstance(cell, str) else "" for cell in cells)
    if sum(1 for text in texts if text) < 2:
        return None
    wanted = {fold(heading): name for name, headings in named.items() for heading in headings}
    best: dict[str, tuple[int, int]] = {}
    for index, text in enumerate(texts):
        if not text:
            continue
        if (name := wanted.get(fold(text))) is not None:
            found: tuple[str | None, int] = (name, _EXACT + 1)
        else:
            found = name_of(text)
            if found[0] in named:
                continue
        if found[0] is not None and found[1] > best.get(found[0], (0, 0))[0]:
            best[found[0]] = (found[1], index)
    at = {name: index for name, (_, index) in best.items()}
    if "quantity" not in at and "quantity_received" in at and "order_id" not in at:
        # A list of what came in has no other pieces.
        at["quantity"] = at["quantity_received"]
    names_article = "sku" in at or "ean" in at
    names_parcel = "order_id" in at and at.keys() & {"carrier", "tracking", "shipped_at"}
    if "quantity" not in at or not (names_article or names_parcel):
        return None
    # A sentence that holds the word "aantal" beside one with "artikel" is no header.
    if all(certainty == _HINT for certainty, _ in best.values()):
        return None
    return Columns(at, texts)


def join_headers(upper: Sequence[Cell], lower: Sequence[Cell]) -> list[Cell]:
    """Return two header rows as one: a merged cell above several headings belongs to each of them."""
    joined: list[Cell] = []
    carried = ""
    for index in range(max(len(upper), len(lower))):
        above = upper[index] if index < len(upper) else None
        below = lower[index] if index < len(lower) else None
        carried = above.strip() if isinstance(above, str) and above.strip() else carried
        text = below.strip() if isinstance(below, str) else ""
        if not text:
            joined.append(above)
        elif name_of(text)[1] >= _BARE:
            joined.append(text)
        else:
            joined.append(f"{carried} {text}".strip())
    return joined


def find_key_values(cells: Sequence[Cell], columns: Columns | None = None) -> dict[str, Cell]:
    """Return what a row outside the table says of all of it: ``Bestelling | PO-1``, ``Datum: 2-11-2026``.

    ``columns`` are those of the table around it: in its column of locations ``magazijn`` is a place and no label.
    """
    found: dict[str, Cell] = {}
    label: str | None = None
    for index, cell in enumerate(cells):
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            continue
        if label is not None:
            found.setdefault(label, cell)
            label = None
            continue
        if not isinstance(cell, str):
            continue
        key, colon, value = cell.partition(":")
        name, certainty = name_of(key)
        if name not in KEY_VALUES or certainty < _EXACT:
            continue
        if columns is not None and columns.at.get(name) == index:
            continue
        if colon and value.strip():
            found.setdefault(name, value.strip())
        else:
            label = name
    return found
