"""Who bought and where it goes: personal data, read without judging it."""

from order_pipelines.connectors.bodies import joined
from order_pipelines.connectors.shopware.payloads import Reader
from order_pipelines.domain.orders import Address, Buyer


def read_address(address: Reader | None) -> Address | None:
    """Return an address. Street and number are one text at Shopware and stay one."""
    if address is None:
        return None
    personal = address.personal
    country = address.entity("country")
    iso = country.text("iso") if country else None
    return Address(
        name=joined(personal("firstName"), personal("lastName"), " "),
        company=joined(personal("company"), personal("department"), ", "),
        street=personal("street"),
        addition=joined(personal("additionalAddressLine1"), personal("additionalAddressLine2"), ", "),
        postcode=personal("zipcode"),
        city=personal("city"),
        country_code=iso.upper() if iso else None,
        phone=personal("phoneNumber"),
    )


def read_buyer(
    customer: Reader | None, billing: Reader | None, shipping: Reader | None
) -> tuple[Buyer | None, str | None]:
    """Return the buyer and the customer number at the shop. Guests have one too; a deleted customer keeps it."""
    if customer is None or not customer.source:
        return None, None
    phones = [each.personal("phoneNumber") for each in (billing, shipping) if each is not None]
    company = customer.personal("company") or (billing.personal("company") if billing else None)
    vat_id = _first_vat_id(customer) or (billing.personal("vatId") if billing else None)
    buyer = Buyer(
        name=joined(customer.personal("firstName"), customer.personal("lastName"), " "),
        email=customer.personal("email"),
        phone=next((phone for phone in phones if phone), None),
        company=company,
        vat_id=vat_id,
        is_business=bool(company or vat_id),
    )
    return buyer, customer.personal("customerNumber")


def _first_vat_id(customer: Reader) -> str | None:
    """Return the first VAT id; none may be null, ``[]`` or ``{}``."""
    value = customer.source.get("vatIds")
    ids = list(value.values()) if isinstance(value, dict) else value
    if isinstance(ids, str):
        ids = [ids]
    if ids is not None and not isinstance(ids, list):
        customer.wrong("vatIds", "a list", value, show=False)
        return None
    return next((each.strip() for each in ids or [] if isinstance(each, str) and each.strip()), None)
