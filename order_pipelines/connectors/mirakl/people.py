"""Who bought and where it goes, as far as Mirakl says: nothing before acceptance, and never a real e-mail address."""

from order_pipelines.connectors.bodies import joined
from order_pipelines.connectors.mirakl.countries import alpha_2
from order_pipelines.connectors.mirakl.payloads import Reader
from order_pipelines.domain.orders import Address, Buyer


def read_address(customer: Reader | None, name: str) -> Address | None:
    """Return an address, ``None`` while Mirakl keeps it back. There is no field for a house number."""
    details = customer.object(name) if customer else None
    if details is None:
        return None
    personal = details.personal
    return Address(
        name=joined(personal("firstname"), personal("lastname"), " "),
        company=joined(personal("company"), personal("company_2"), ", "),
        street=personal("street_1"),
        addition=joined(personal("street_2"), personal("additional_info"), ", "),
        postcode=personal("zip_code"),
        city=personal("city"),
        country_code=_read_country(details),
        phone=personal("phone") or personal("phone_secondary"),
    )


def read_buyer(customer: Reader | None, bill_to: Address | None, ship_to: Address | None) -> Buyer | None:
    """Return who pays; an organisation is a business. The relay address for notifications is no e-mail address."""
    if customer is None:
        return None
    organization = customer.object("organization")
    company = (organization.personal("name") if organization else None) or (
        bill_to.company if bill_to else None
    )
    name = joined(customer.personal("firstname"), customer.personal("lastname"), " ")
    is_business: bool | None = True
    if organization is None and company is None:
        # A missing organisation says nothing while the whole customer is kept back.
        is_business = False if bill_to is not None else None
    return Buyer(
        name=name or (bill_to.name if bill_to else None),
        phone=(bill_to.phone if bill_to else None) or (ship_to.phone if ship_to else None),
        company=company,
        vat_id=organization.personal("tax_identification_number") if organization else None,
        is_business=is_business,
    )


def _read_country(details: Reader) -> str | None:
    """Return the code; the free text beside it is in the customer's language and decides nothing."""
    code = details.text("country_iso_code")
    if code is None:
        return None
    country = alpha_2(code)
    if country is None:
        details.report("unknown_country", "country_iso_code", f"is no ISO 3166 code: {code}", code)
    return country
