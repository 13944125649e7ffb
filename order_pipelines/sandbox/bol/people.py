"""Invented shoppers: names, addresses and relay addresses that belong to nobody."""

import random
from typing import Any

_FIRST_NAMES = {
    "FEMALE": ("Anouk", "Femke", "Lotte", "Marieke", "Sanne", "Yara", "Elif", "Griet"),
    "MALE": ("Bram", "Daan", "Joris", "Mees", "Ruben", "Youssef", "Pieter", "Wout"),
    "UNKNOWN": ("Robin", "Sam", "Noa", "Charlie"),
}
_SURNAMES = (
    "van den Akker", "Boersma", "de Groot", "Hendriks", "Jansen", "Kuipers", "van der Meulen", "Özdemir",
    "Peeters", "Claes", "Smit", "Terpstra", "Verhoeven", "Willems", "Zijlstra", "El Idrissi",
)  # fmt: skip
_NL_PLACES = (("Utrecht", "35"), ("Zwolle", "80"), ("Assen", "94"), ("Eindhoven", "56"), ("Leerdam", "41"),
              ("Haarlem", "20"), ("Sneek", "86"), ("Breda", "48"))  # fmt: skip
_BE_PLACES = (("Gent", "9000"), ("Hasselt", "3500"), ("Namur", "5000"), ("Brugge", "8000"))
_STREETS = ("Dorpsstraat", "Kerkweg", "Molenlaan", "Stationsplein", "Havenkade", "Lindelaan", "Waterstraat")
_COMPANIES = ("Ketelhuis Kantoor B.V.", "Praktijk De Brink", "Lunchroom Het Spoor", "Bouwbureau Veenman")
_RELAY_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


def invent_buyer(
    rng: random.Random, country: str, *, business: bool, pickup_point: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (shipmentDetails, billingDetails) of one invented shopper, without members that are unknown."""
    salutation = rng.choice(("FEMALE", "MALE", "FEMALE", "MALE", "UNKNOWN"))
    person: dict[str, Any] = {
        "salutation": salutation,
        "firstName": rng.choice(_FIRST_NAMES[salutation]),
        "surname": rng.choice(_SURNAMES),
        **_address(rng, country),
        "email": _relay_address(rng),
    }
    shipment = dict(person)
    billing = dict(person)
    if pickup_point:
        shipment = {"pickupPointName": f"Buurtpunt {person['city']}", **shipment}
    if business:
        shipment["company"] = billing["company"] = rng.choice(_COMPANIES)
        billing.update(_business_numbers(rng, country))
        billing["orderReference"] = f"INK-{rng.randrange(1000, 9999)}"
    shipment["language"] = _language(country, person["city"])
    return shipment, billing


def _address(rng: random.Random, country: str) -> dict[str, Any]:
    address: dict[str, Any] = {"streetName": rng.choice(_STREETS), "houseNumber": str(rng.randrange(1, 240))}
    if rng.random() < 0.2:
        address["houseNumberExtension"] = rng.choice(("A", "B", "bis", "2"))
    if country == "BE":
        city, zip_code = rng.choice(_BE_PLACES)
    else:
        city, region = rng.choice(_NL_PLACES)
        zip_code = f"{region}{rng.randrange(10, 99)}{rng.choice('ABCDEGHJ')}{rng.choice('KLMNPRST')}"
    return {**address, "zipCode": zip_code, "city": city, "countryCode": country}


def _business_numbers(rng: random.Random, country: str) -> dict[str, str]:
    if country == "BE":
        return {"kvkNumber": f"0{rng.randrange(100_000_000, 999_999_999)}"}
    return {
        "vatNumber": f"NL{rng.randrange(100_000_000, 999_999_999)}B{rng.randrange(1, 99):02d}",
        "kvkNumber": str(rng.randrange(10_000_000, 99_999_999)),
    }


def _language(country: str, city: str) -> str:
    if country == "BE":
        return "fr-BE" if city == "Namur" else "nl-BE"
    return "nl"


def _relay_address(rng: random.Random) -> str:
    return "2" + "".join(rng.choices(_RELAY_LETTERS, k=29)) + "@verkopen.bol.example"
