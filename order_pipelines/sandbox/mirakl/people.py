"""Invented customers of a marketplace: names and addresses that belong to nobody."""

import random
from typing import Any

_FIRST_NAMES = {
    "Mrs": ("Anouk", "Femke", "Lotte", "Sanne", "Griet"),
    "Mr": ("Bram", "Joris", "Ruben", "Pieter"),
}
_SURNAMES = (
    "van den Akker",
    "Boersma",
    "Hendriks",
    "Kuipers",
    "Özdemir",
    "Peeters",
    "Claes",
    "Terpstra",
    "Zijlstra",
)
_STREETS = ("Dorpsstraat", "Kerkweg", "Molenlaan", "Stationsplein", "Lindelaan", "Waterstraat")
_COMPANIES = ("Ketelhuis Kantoor B.V.", "Praktijk De Brink", "Lunchroom Het Spoor")
_COUNTRIES = {
    "NL": ("NLD", "Nederland", "nl_NL"),
    "BE": ("BEL", "België", "nl_BE"),
    "DE": ("DEU", "Deutschland", "de_DE"),
    "FR": ("FRA", "France", "fr_FR"),
}
_PLACES = {
    "NL": (("Utrecht", "3511 AB"), ("Zwolle", "8011 CD")),
    "BE": (("Gent", "9000"), ("Hasselt", "3500")),
}


def invent_customer(rng: random.Random, country: str, *, business: bool, with_phone: bool) -> dict[str, Any]:
    """Return a customer as an order shows one, both addresses included; ``phone`` is there only now and then."""
    civility = rng.choice(sorted(_FIRST_NAMES))
    first, last = rng.choice(_FIRST_NAMES[civility]), rng.choice(_SURNAMES)
    code, name, locale = _COUNTRIES.get(country, (country, country, "en_GB"))
    city, zip_code = rng.choice(_PLACES.get(country, (("Musterstadt", "10999"),)))
    company = rng.choice(_COMPANIES) if business else None
    street = f"{rng.choice(_STREETS)} {rng.randrange(1, 240)}{rng.choice(('', '', ' A', ' bus 2'))}"
    address: dict[str, Any] = {
        "city": city,
        "civility": civility,
        "company": company,
        "company_2": None,
        "country": name,
        "country_iso_code": code,
        "firstname": first,
        "lastname": last,
        "phone_secondary": None,
        "state": None,
        "street_1": street,
        "street_2": None,
        "zip_code": zip_code,
    }
    if with_phone:
        address["phone"] = f"+31600000{rng.randrange(100, 999)}"
    organization = None
    if company is not None:
        organization = {
            "address": {
                "city": city,
                "country_iso_code": code,
                "state": None,
                "street_1": street,
                "street_2": None,
                "zip_code": zip_code,
            },
            "identification_number": str(rng.randrange(10_000_000, 99_999_999)),
            "name": company,
            "organization_id": f"ORG-{rng.randrange(100, 999)}",
            "tax_identification_number": f"NL{rng.randrange(100_000_000, 999_999_999)}B01",
        }
    return {
        "accounting_contact": None,
        "billing_address": address,
        "civility": civility,
        "customer_id": f"CUST-{rng.randrange(10_000, 99_999)}",
        "delivery_contact": None,
        "firstname": first,
        "lastname": last,
        "locale": locale,
        "organization": organization,
        "shipping_address": {**address, "additional_info": None},
    }
