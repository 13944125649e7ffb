"""Invented shoppers: nobody of them exists."""

import random
from dataclasses import dataclass

_NAMES = (
    ("Femke", "Voorbeeld"), ("Daan", "Verzonnen"), ("Noor", "van der Test"), ("Bram", "Proefman"),
    ("Lotte", "Fictief"), ("Sem", "Denkbeeld"), ("Eva", "Schijn"), ("Ruben", "Modelman"),
)  # fmt: skip
_STREETS = ("Dorpsstraat", "Kerkweg", "Molenlaan", "Stationsplein", "Havenkade", "Lindelaan")
_PLACES = {
    "NL": (("Utrecht", "3511 AB"), ("Zwolle", "8011 CD"), ("Breda", "4811 EF"), ("Assen", "9401 GH")),
    "BE": (("Gent", "9000"), ("Brugge", "8000"), ("Namur", "5000")),
    "DE": (("Köln", "50667"), ("Münster", "48143")),
    "GB": (("Leeds", "LS1 4AP"), ("Bath", "BA1 1SX")),
    "US": (("Portland", "97201"),),
}
_COMPANIES = ("Ketelhuis Kantoor B.V.", "Praktijk De Brink", "Lunchroom Het Spoor")


@dataclass(frozen=True)
class Shopper:
    """One shopper; a business has a company and VAT numbers."""

    first_name: str
    last_name: str
    email: str
    street: str
    zip_code: str
    city: str
    country: str
    phone: str | None
    company: str | None
    vat_id: str | None


def invent_shopper(rng: random.Random, country: str, *, business: bool) -> Shopper:
    """Return a shopper who lives in a country."""
    first, last = rng.choice(_NAMES)
    city, zip_code = rng.choice(_PLACES.get(country, (("Testdorp", "0000"),)))
    number = rng.randrange(1, 240)
    return Shopper(
        first_name=first,
        last_name=last,
        email=f"{first}.{last}.{rng.randrange(100, 999)}@shopper.example".replace(" ", "").lower(),
        street=f"{rng.choice(_STREETS)} {number}{rng.choice(('', '', '', ' bis', 'A'))}",
        zip_code=zip_code,
        city=city,
        country=country,
        phone=f"+3161234{rng.randrange(1000, 9999)}" if rng.random() < 0.6 else None,
        company=rng.choice(_COMPANIES) if business else None,
        vat_id=f"{country}{rng.randrange(100_000_000, 999_999_999)}B01" if business else None,
    )
