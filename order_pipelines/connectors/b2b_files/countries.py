"""Country names as Dutch and English files write them, to ISO 3166-1 alpha-2."""

import re
import unicodedata
from collections.abc import Mapping

from order_pipelines.connectors.b2b_files.cells import Cell, Flaw
from order_pipelines.domain.reference import COUNTRIES

_NAMES = """
NL nederland holland netherlands the_netherlands|BE belgie belgium belgique|DE duitsland germany deutschland
FR frankrijk france|LU luxemburg luxembourg|GB verenigd_koninkrijk united_kingdom great_britain
GB groot_brittannie uk engeland england
IE ierland ireland|ES spanje spain|PT portugal|IT italie italy|AT oostenrijk austria|CH zwitserland switzerland
DK denemarken denmark|SE zweden sweden|NO noorwegen norway|FI finland|IS ijsland iceland|PL polen poland
CZ tsjechie czech_republic czechia|SK slowakije slovakia|HU hongarije hungary|SI slovenie slovenia|HR kroatie croatia
RO roemenie romania|BG bulgarije bulgaria|GR griekenland greece el|CY cyprus|MT malta|EE estland estonia
LV letland latvia|LT litouwen lithuania|US verenigde_staten united_states united_states_of_america|CA canada
AU australie australia
JP japan|CN china|HK hong_kong hongkong|SG singapore|IL israel|LB libanon lebanon|BH bahrein bahrain
AE verenigde_arabische_emiraten united_arab_emirates|SA saoedi_arabie saudi_arabia|BR brazilie brazil
ZA zuid_afrika south_africa|TR turkije turkey|UA oekraine ukraine|NZ nieuw_zeeland new_zealand
"""
_KNOWN = {
    name.replace("_", " "): code
    for entry in _NAMES.replace("\n", "|").split("|")
    if entry.strip()
    for code, *names in [entry.split()]
    for name in names
}


class CountryReader:
    """Reads country cells; ``names`` of the settings come first, ``""`` there means: known to be no country."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = {_fold(name): code for name, code in names.items()}
        self._known: dict[str, str | Flaw | None] = {}

    def read(self, cell: Cell) -> str | Flaw | None:
        """Return two capital letters, ``None`` when the cell names no country, or a flaw ``unknown_country``."""
        if cell is None or isinstance(cell, Flaw):
            return cell
        text = str(cell)
        if text not in self._known:
            self._known[text] = self._look_up(text)
        return self._known[text]

    def _look_up(self, text: str) -> str | Flaw | None:
        folded = _fold(text)
        if not folded:
            return None
        if folded in self._names:
            return self._names[folded] or None
        if folded in _KNOWN:
            return _KNOWN[folded]
        code = text.strip().upper()
        return code if code in COUNTRIES else Flaw("unknown_country", text.strip()[:40])


def _fold(text: str) -> str:
    bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return " ".join(re.sub(r"[^a-z]+", " ", bare.lower()).split())
