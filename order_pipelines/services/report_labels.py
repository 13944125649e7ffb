"""Dutch words for the report: codes of ours on the left, what a merchant reads on the right. No rules in here."""

CHANNELS = {
    "b2b": "Zakelijk (B2B)",
    "bol": "bol",
    "mirakl": "Mirakl",
    "shopware": "Shopware",
    "magento": "Magento",
    "shopify": "Shopify",
    "shopify_pos": "Shopify POS",
    "instagram": "Instagram",
    "facebook": "Facebook",
    "meta_unspecified": "Meta (onbepaald)",
    "lightspeed": "Lightspeed",
    "amazon": "Amazon",
    "zalando": "Zalando",
}

COUNTRIES = {
    "AT": "Oostenrijk",
    "BE": "België",
    "BG": "Bulgarije",
    "CH": "Zwitserland",
    "CY": "Cyprus",
    "CZ": "Tsjechië",
    "DE": "Duitsland",
    "DK": "Denemarken",
    "EE": "Estland",
    "ES": "Spanje",
    "FI": "Finland",
    "FR": "Frankrijk",
    "GB": "Verenigd Koninkrijk",
    "GR": "Griekenland",
    "HR": "Kroatië",
    "HU": "Hongarije",
    "IE": "Ierland",
    "IT": "Italië",
    "LT": "Litouwen",
    "LU": "Luxemburg",
    "LV": "Letland",
    "MT": "Malta",
    "NL": "Nederland",
    "NO": "Noorwegen",
    "PL": "Polen",
    "PT": "Portugal",
    "RO": "Roemenië",
    "SE": "Zweden",
    "SI": "Slovenië",
    "SK": "Slowakije",
    "US": "Verenigde Staten",
}

MONTHS = (
    "januari",
    "februari",
    "maart",
    "april",
    "mei",
    "juni",
    "juli",
    "augustus",
    "september",
    "oktober",
    "november",
    "december",
)

ORDER_STATUSES = {
    "open": "Open",
    "pending": "In behandeling",
    "waiting_acceptance": "Wacht op acceptatie",
    "on_hold": "Vastgehouden",
    "completed": "Afgerond",
    "cancelled": "Geannuleerd",
}

FULFILMENT_STATUSES = {
    "not_shipped": "Niet verzonden",
    "partially_shipped": "Deels verzonden",
    "shipped": "Verzonden",
    "channel_fulfilled": "Verzonden door kanaal",
    "cancelled": "Geannuleerd",
}

PAYMENT_STATUSES = {
    "unpaid": "Niet betaald",
    "authorized": "Geautoriseerd",
    "paid": "Betaald",
    "paid_to_platform": "Betaald aan het platform",
    "partially_paid": "Deels betaald",
    "partially_refunded": "Deels terugbetaald",
    "refunded": "Terugbetaald",
    "voided": "Vervallen",
}

ENTITIES = {
    "orders": "Orders",
    "stock_counts": "Voorraadtellingen",
    "shipments": "Verzendingen",
    "products": "Artikelen",
}

REASONS = {
    "absurd_quantity": "Aantal is ongeloofwaardig hoog",
    "ambiguous_ean": "EAN hoort bij meer dan één artikel",
    "ambiguous_number": "Getal is op twee manieren te lezen",
    "duplicate_line": "Dezelfde regel staat er twee keer",
    "ean_digits_lost": "EAN mist cijfers (als getal bewaard)",
    "error_cell": "Cel bevat een fout",
    "file_changed": "Bestand veranderde tijdens het lezen",
    "file_unreadable": "Bestand is niet te lezen",
    "formula_cell": "Cel bevat een formule zonder waarde",
    "fractional_quantity": "Aantal is geen heel getal",
    "future_order": "Orderdatum ligt in de toekomst",
    "missing_field": "Verplicht gegeven ontbreekt",
    "negative_quantity": "Aantal is negatief of nul",
    "not_json": "Bericht is geen geldige JSON",
    "total_differs": "Totaal wijkt af van de regels",
    "truncated": "Bericht of bestand is afgebroken",
    "unknown_country": "Land is onbekend",
    "unknown_currency": "Valuta is onbekend",
    "unknown_ean": "EAN staat niet in de artikellijst",
    "unknown_order": "Order is onbekend",
    "unknown_sku": "Artikelnummer staat niet in de artikellijst",
    "unknown_vat": "Btw-tarief is onbekend",
    "order_given_up": "Order staat in de lijst, was een dag lang niet op te halen en wordt niet meer opgehaald",
    "unusable_id": "Ordernummer van het kanaal is geen bruikbaar nummer",
    "unreadable_order": "Order staat in de lijst maar is niet op te halen",
    "wrong_type": "Gegeven heeft een onverwachte vorm",
}

INVOICE_STATES = {
    "planned": "Gepland",
    "sent": "Verzonden, wacht op bevestiging",
    "booked": "Geboekt",
    "in_doubt": "Onzeker: wordt opgezocht in de boeken",
    "failed": "Mislukt",
    "observe": "Alleen waargenomen, wordt nooit verzonden",
}

STOCK_STATES = {
    "pending": "Te versturen",
    "sent": "Verstuurd, wacht op bevestiging",
    "confirmed": "Bevestigd",
    "rejected": "Geweigerd door kanaal",
    "in_doubt": "Onzeker, wordt herhaald",
    "on_hold": "Wacht op een mens",
}

THREE_WAY_TERMS = {
    "missing": "Ontbreekt hier",
    "not_taken_in": "Nog niet opgehaald",
    "quarantined": "In quarantaine",
    "changed_between": "Tussen de metingen gewijzigd",
    "not_at_channel": "Niet meer bij het kanaal",
    "before_effective": "Van voor de ingangsdatum",
    "invoicing_off": "Wordt niet geboekt",
    "on_hold": "Vastgehouden voor de boeken",
    "not_due": "Nog niet aan de beurt",
    "due_not_planned": "Aan de beurt, nog niet gepland",
    "observed": "Alleen waargenomen",
    "planned": "Gepland of onzeker",
    "failed": "Geweigerd door de boeken",
    "booked_after_reading": "Geboekt na de meting",
    "changed_after_booking": "Na boeking gewijzigd of geannuleerd",
    "rounding": "Afronding",
    "other_day": "Op een andere dag geboekt",
    "missing_in_books": "Uit de boeken verdwenen",
    "changed_in_books": "In de boeken gewijzigd",
    "booked_twice": "Dubbel in de boeken",
}
