"""Dutch words for the page of the examination: codes of ours on the left, what a merchant reads on the right."""

from order_pipelines.domain.findings import Finding

SEVERITIES = {"ok": "in orde", "warn": "let op", "fail": "niet in orde", "unknown": "onbekend"}

FINDINGS: dict[str, tuple[str, str]] = {
    "settings_wrong": ("Instelling klopt niet: {said}", "Herstel de instellingen."),
    "credentials_work": ("Inloggegevens werken, met {how}", ""),
    "credentials_refused": (
        "Inloggegevens worden geweigerd: {said}",
        "Controleer de sleutels bij de uitgever en in de omgevingsvariabelen.",
    ),
    "consent_needed": ("Er is geen geldige toestemming: {said}", "Voer order-pipelines authorize uit."),
    "right_seen": ("Recht aanwezig: {right}", ""),
    "right_missing": ("Recht ontbreekt: {right}. {said}", "Geef de sleutel of integratie dit recht."),
    "rights_unseen": (
        "Of er geschreven mag worden is zonder schrijven niet te zien",
        "Controleer de rol van de sleutel.",
    ),
    "unreachable": (
        "Het systeem antwoordt niet: {said}",
        "Controleer adres en netwerk, en of het systeem werkt.",
    ),
    "no_answer": (
        "Geen antwoord op tijd op: {right}. {said}",
        "Voer doctor opnieuw uit, zo nodig met meer tijd.",
    ),
    "budget_used_up": (
        "Niet gevraagd, de limiet is bereikt: {right}. {said}",
        "Voer doctor later opnieuw uit.",
    ),
    "call_refused": ("Geweigerd: {right}. {said}", "Lees wat het systeem zegt."),
    "clock_fits": ("Klokken verschillen {seconds} s", ""),
    "clock_skew": (
        "Klokken verschillen {seconds} s; hoogstens 60 is goed",
        "Zet de klok van deze machine gelijk (NTP).",
    ),
    "clock_unseen": ("Klokken zijn niet te vergelijken: het systeem noemt geen tijd", ""),
    "shop_seen": ("De sleutel hoort bij winkel {shop}", ""),
    "other_shop": (
        "De sleutel hoort bij winkel {shop}, ingesteld is {asked}",
        "Stel options.shop_id goed in.",
    ),
    "shop_closed": ("De winkel staat op {state}", "Vraag de marktplaats de winkel te openen."),
    "division_wrong": ("Administratie klopt niet: {said}", "Stel options.division goed in."),
    "books_names_exist": ("Alle {count} ingestelde {what} bestaan in Exact", ""),
    "books_name_unknown": (
        "In Exact niet bruikbaar: {said}",
        "Herstel de instelling, of maak het aan in Exact.",
    ),
    "no_system": ("Er is geen extern systeem om te bezoeken", ""),
    "not_visited": ("Niet bezocht (--offline)", "Voer doctor uit zonder --offline."),
    "offers_unseen": ("Aanbiedingen zijn nog nooit gelezen", "Voer doctor uit zonder --offline."),
    "offers_without_product": (
        "{count} aanbiedingen zonder artikel in de stam: {examples}",
        "Neem ze op in de stam.",
    ),
    "products_without_offer": (
        "{count} artikelen zonder aanbieding hier: {examples}",
        "Bied ze aan of laat ze bewust weg.",
    ),
    "ean_on_several_offers": ("{count} EAN's met meer aanbiedingen: {examples}", "Sluit wat dubbel is."),
    "ean_on_several_skus": (
        "{count} EAN's onder meer SKU's: {examples}",
        "Beslis bij welke SKU de EAN hoort.",
    ),
    "skus_spelled_alike": (
        "{count} SKU's verschillen alleen in hoofdletters of spaties: {examples}",
        "Kies één schrijfwijze.",
    ),
    "master_read": ("{count} artikelen gelezen", ""),
    "master_empty": ("Er is geen artikelstam", "Noem het bestand in [products] file."),
    "master_unreadable": ("De artikelstam is niet te lezen: {said}", "Herstel het bestand."),
    "master_conflict": ("{count} keer {code}: {examples}", "Herstel het in de artikelstam."),
    "products_without_vat_class": (
        "{count} artikelen zonder btw-klasse: {examples}",
        "Geef elk artikel zijn klasse.",
    ),
    "vat_rate_missing": ("{count} landen en klassen zonder tarief: {examples}", "Vul [vat.rates.LAND] aan."),
    "country_unknown": (
        "{count} orders noemen geen land; hun btw is niet bekend",
        "Herstel ze zo nodig met de hand.",
    ),
    "mapping_missing": (
        "{account}: geen grootboekrekening in {books} voor {missing}",
        "Vul [[books.{books}.mapping]] aan.",
    ),
    "rate_contradicts": (
        "{account}: verkocht met een ander btw-tarief dan dat van de klasse: {missing}",
        "Verbeter het kanaal of de artikelstam, of geef dat tarief een blok met vat_rate in [[books.{books}.mapping]].",
    ),
    "mapping_complete": ("{account}: alles wat verkocht is heeft een grootboekrekening in {books}", ""),
}

FIELDS = {
    "name": "Naam",
    "short_description": "Korte omschrijving",
    "long_description": "Lange omschrijving",
    "photos": "Foto's (minstens 2)",
    "attributes": "Kenmerken",
    "category": "Categorie",
    "relations": "Gerelateerde artikelen",
    "ean": "EAN",
    "weight": "Gewicht en eenheid",
    "vat_class": "Btw-klasse",
    "stock_status": "Voorraadstatus",
    "supplier": "Leverancier",
    "supplier_email": "E-mail van leverancier",
    "order_multiple": "Besteleenheid",
}

REASONS = {
    "empty": "leeg",
    "name_is_sku": "naam is de SKU",
    "name_is_ean": "naam is de EAN",
    "name_too_short": "naam korter dan 5 tekens",
    "name_too_long": "naam langer dan 255 tekens",
    "name_like_code": "naam lijkt een code",
    "name_without_word": "naam zonder leesbaar woord",
    "text_is_name": "tekst is gelijk aan de naam",
    "text_too_short": "tekst te kort",
    "text_shorter_than_short": "niet langer dan de korte omschrijving",
    "weight_zero": "gewicht is nul",
    "weight_implausible": "gewicht ongeloofwaardig",
    "weight_unit_unknown": "eenheid niet genoemd",
    "attribute_without_value": "kenmerk zonder waarde",
    "attribute_missing": "verplicht kenmerk ontbreekt",
    "related_to_itself": "verwijst naar zichzelf",
    "related_unknown": "verwijst naar onbekende SKU",
    "photo_address_wrong": "geen webadres",
    "photos_too_few": "te weinig foto's",
    "stock_status_unknown": "status onbekend",
    "ean_wrong": "controlecijfer klopt niet",
    "ean_shared": "EAN van meer artikelen",
    "email_wrong": "geen e-mailadres",
    "multiple_zero": "veelvoud is nul",
}

CHECKS = {
    "every_product_has_a_supplier": "Elk artikel heeft een leverancier",
    "every_supplier_has_an_email": "Elke leverancier heeft een e-mailadres",
    "stock_is_correct": "De voorraad klopt",
    "every_product_has_an_order_multiple": "Elk artikel heeft een besteleenheid",
}

BLOCKED = {
    "stock": "voorraad",
    "listing": "lijst van aanbiedingen",
    "invoice": "factuur",
    "order": "order",
    "effect": "bericht naar buiten",
}

COLUMNS = {
    "sku": "SKU",
    "name": "naam",
    "supplier": "leverancier",
    "products": "artikelen",
    "order_multiple": "besteleenheid",
    "location": "locatie",
    "on_hand": "voorraad",
    "why": "waarom",
}


def in_dutch(finding: Finding) -> tuple[str, str]:
    """Return sentence and advice of a finding in Dutch; what an outside system said stays in its own words."""
    sentence, advice = FINDINGS[finding.code]
    facts = {name: str(value) for name, value in finding.facts.items()}
    return sentence.format_map(facts).removesuffix(": "), advice.format_map(facts)
