"""A merchant whose secrets and customers carry marks that occur nowhere else, and where the marks may be found."""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import metadata

PERSON: Mapping[str, str] = {
    "firstName": "Qxfirst",
    "surname": "Qxsurname",
    "streetName": "Qxstreetlane",
    "houseNumberExtension": "Qxext",
    "extraAddressInformation": "Qxextrainfo",
    "city": "Qxcitytown",
    "zipCode": "9876QX",
    "email": "qxmail.buyer@qxmail.example",
    "company": "Qxcompany Holding",
    "deliveryPhoneNumber": "+31687654321",
}
BILLING: Mapping[str, str] = {"vatNumber": "NL987654321B01", "kvkNumber": "98761234"}
FILE_PERSON: Mapping[str, str] = {
    "company": "Qxwholesale Boutique",
    "email": "qxinkoop@qxshop.example",
    "vat_id": "NL123498765B02",
    "remark": "Qxremark please ring Qxneighbour",
}
# What only one system has a place for.
RELAY, COMMENT, CLIENT_IP = "qxrelay.buyer@notification.example", "Qxcomment ring Qxdoorbell", "203.0.113.77"
MARKS: Mapping[str, str] = {
    **{f"person {name}": value for name, value in PERSON.items()},
    **{f"billing {name}": value for name, value in BILLING.items()},
    **{f"file {name}": value for name, value in FILE_PERSON.items()},
    "relay address": RELAY,
    "comment": COMMENT,
    "address of the browser": CLIENT_IP,
}

MAY_NAME_PEOPLE: Mapping[str, str] = {
    "order_people": "the table of persons: what a parcel and an invoice need",
    "bodies": "payloads as received, to be read again after a rule was mended",
}
"""Tables of the operations store, with the reason."""
MAY_HOLD_SECRETS: Mapping[str, str] = {
    "tokens": "the one place of access and refresh tokens, read under a lock"
}
MAY_NAME_PEOPLE_ON_DISK: Mapping[str, str] = {
    "operations.sqlite": "the operations store itself; its tables are looked through one by one",
    "originals": "files as received, by hash",
    "processed": "the merchant's own files, moved aside",
    "rejected": "the merchant's own files, moved aside; the reason beside them names nobody",
}


class Kept(logging.Handler):
    """Every record of every logger, as a handler with a traceback would write it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def marked_wish(system: str) -> dict[str, Any]:
    """Return the members of a wish that mark an order's buyer at a channel."""
    if system == "bol":
        replaced: dict[str, Any] = {f"shipmentDetails.{name}": value for name, value in PERSON.items()}
        billing = {**PERSON, **BILLING, "countryCode": "NL", "houseNumber": "1", "salutation": "UNKNOWN"}
        return {"malform": {"replaced": {**replaced, "billingDetails": billing}}}
    if system == "mirakl":
        names = {"firstname": "firstName", "lastname": "surname"}
        street = {"street_1": "streetName", "street_2": "extraAddressInformation", "zip_code": "zipCode"}
        address = {**names, **street, "city": "city", "company": "company", "phone": "deliveryPhoneNumber"}
        replaced = {f"customer.{name}": PERSON[mark] for name, mark in names.items()}
        for part in ("shipping_address", "billing_address"):
            replaced |= {f"customer.{part}.{name}": PERSON[mark] for name, mark in address.items()}
        replaced |= {
            "customer.organization.name": PERSON["company"],
            "customer.organization.tax_identification_number": BILLING["vatNumber"],
            "customer.organization.identification_number": BILLING["kvkNumber"],
            "customer_notification_email": RELAY,
        }
        return {"malform": {"replaced": replaced}, "business": True, "phone": True}
    assert system == "shopware", system
    names = {"firstName": "firstName", "lastName": "surname", "company": "company"}
    address = {
        **names,
        "street": "streetName",
        "additionalAddressLine1": "extraAddressInformation",
        "zipcode": "zipCode",
        "city": "city",
        "phoneNumber": "deliveryPhoneNumber",
    }
    replaced = {f"orderCustomer.{name}": PERSON[mark] for name, mark in names.items()}
    for part in ("deliveries.0.shippingOrderAddress", "billingAddress"):
        replaced |= {f"{part}.{name}": PERSON[mark] for name, mark in address.items()}
    replaced |= {
        "orderCustomer.email": PERSON["email"],
        "orderCustomer.vatIds": [BILLING["vatNumber"]],
        "orderCustomer.remoteAddress": CLIENT_IP,
        "billingAddress.vatId": BILLING["vatNumber"],
        "customerComment": COMMENT,
    }
    return {"malform": {"replaced": replaced}, "business": True}


def leaks(text: str, marks: Mapping[str, str]) -> set[str]:
    """Return the names of the marks that a text holds, however it is written: as JSON, in a URL, in capitals."""
    low = text.lower()
    return {name for name, mark in marks.items() if mark.lower() in low or _as_json(mark) in low}


def _as_json(mark: str) -> str:
    return json.dumps(mark)[1:-1].lower()


def table_leaks(store: OperationsStore, people: Mapping[str, str], secrets: Mapping[str, str]) -> set[str]:
    """Return ``table.column: mark`` for every mark in a table that may not hold it."""
    found: set[str] = set()
    with store.reading() as connection:
        for table in metadata.sorted_tables:
            marks = {
                **({} if table.name in MAY_NAME_PEOPLE else people),
                **({} if table.name in MAY_HOLD_SECRETS else secrets),
            }
            for row in connection.execute(sa.select(table)).mappings():
                for column, value in row.items():
                    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                    found |= {f"{table.name}.{column}: {name}" for name in leaks(text, marks)}
    return found


def files_below(*folders: Path) -> Iterator[Path]:
    """Yield every file, but for those that may name people."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            parts = path.relative_to(folder).parts
            if path.is_file() and not any(
                part == name or part.startswith(f"{name}-")
                for part in parts
                for name in MAY_NAME_PEOPLE_ON_DISK
            ):
                yield path


def file_leaks(paths: Iterable[Path], marks: Mapping[str, str]) -> set[str]:
    """Return ``file: mark`` for every mark in the bytes or the name of a file."""
    found: set[str] = set()
    for path in paths:
        text = path.read_bytes().decode("latin-1")
        found |= {f"{path.name}: {name}" for name in leaks(f"{path} {text}", marks)}
    return found
