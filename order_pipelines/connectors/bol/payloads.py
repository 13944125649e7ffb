"""The shape of what bol sends, read member by member: a value of the right type, or ``None`` and a problem.

Nothing here raises for bad content and nothing here decides what a value means. Amounts become ``Decimal`` through
the shortest text of the JSON number, which is exact up to fifteen digits.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from order_pipelines.connectors.bodies import SHOWN, JsonObject, kind_of, shown
from order_pipelines.domain.orders import Problem
from order_pipelines.money import ZERO

_LARGEST_INT32 = 2_147_483_647
_LARGEST_AMOUNT = 1_000_000_000
_LONGEST_ID = 200

# Everything that v10 documents in an order, list and detail: what is not in here may be a renamed member.
_KNOWN_MEMBERS = frozenset(
    {
        "orderId", "orderPlacedDateTime", "pickupPoint", "shipmentDetails", "billingDetails", "orderItems",
        "orderItemId", "cancellationRequest", "fulfilment", "offer", "product", "quantity", "quantityShipped",
        "quantityCancelled", "unitPrice", "totalPrice", "discounts", "commission", "additionalServices",
        "latestChangedDateTime", "fulfilmentMethod", "fulfilmentStatus", "ean", "title", "offerId", "reference",
        "amount", "method", "distributionParty", "latestDeliveryDate", "exactDeliveryDate", "expiryDate",
        "timeFrameType", "salutation", "firstName", "surname", "streetName", "houseNumber", "houseNumberExtension",
        "extraAddressInformation", "zipCode", "city", "countryCode", "email", "company", "deliveryPhoneNumber",
        "language", "pickupPointName", "vatNumber", "kvkNumber", "orderReference",
    }
)  # fmt: skip

# What bol's other payloads are recognised by, so that a person who offers one here is told what it is.
_OTHER_PAYLOADS = (
    ("shipments", "a list of shipments"),
    ("shipmentId", "a shipment"),
    ("returns", "a list of returns"),
    ("returnId", "a return"),
    ("rmaId", "a return item"),
    ("offers", "a list of offers"),
    ("offerId", "an offer"),
    ("stock", "the stock of an offer"),
    ("processStatusId", "a process status"),
    ("invoiceListItems", "a list of invoices"),
    ("invoiceSpecification", "an invoice specification"),
    ("percentage", "a commission"),
    ("event", "an event of a subscription"),
    ("access_token", "an answer of the token service"),
    ("error", "an error of the token service"),
    ("status", "a problem report"),
    ("orderItems", "a request about order items"),
)


def describe_other(payload: object) -> str:
    """Return what a payload that is no order seems to be, for the sentence ``it looks like …``."""
    if isinstance(payload, dict):
        for member, what in _OTHER_PAYLOADS:
            if member in payload:
                return what
        return "an object with " + _names(payload) if payload else "an empty object"
    return f"a JSON {kind_of(payload)}"


def _names(names: Iterable[str]) -> str:
    """Return the first five names, shortened, for a sentence."""
    first = [name if len(name) <= SHOWN else name[: SHOWN - 1] + "…" for name in islice(names, 6)]
    return ", ".join(first[:5]) + (", …" if len(first) > 5 else "")


class Reader:
    """Reads the members of one object and collects what is wrong with them.

    Args:
        source: the object.
        where: its path in the payload with a final dot, ``""`` for the payload itself.
        problems: takes the problems; shared by all readers of one order.
        line_id: the line that this object belongs to.
    """

    __slots__ = ("line_id", "problems", "source", "where")

    def __init__(
        self, source: JsonObject, where: str, problems: list[Problem], line_id: str | None = None
    ) -> None:
        self.source = source
        self.where = where
        self.problems = problems
        self.line_id = line_id

    def report(self, code: str, name: str, reason: str, value: object = None) -> None:
        """Add a problem of one member; ``value`` must be no personal data."""
        path = f"{self.where}{name}"
        self.problems.append(
            Problem(code, f"{path} {reason}", path, None if value is None else shown(value), self.line_id)
        )

    def missing(self, name: str) -> None:
        """Report a member that must be there; names those that nobody knows, which shows a renaming."""
        unknown = _names(member for member in self.source if member not in _KNOWN_MEMBERS)
        self.report("missing_field", name, f"is missing; not known: {unknown}" if unknown else "is missing")

    def wrong(self, name: str, expected: str, value: object, *, show: bool = True) -> None:
        """Report a member of the wrong type."""
        found = "null" if value is None else f"a {kind_of(value)}" if not show else shown(value)
        self.report("wrong_type", name, f"must be {expected}, not {found}", value if show else None)

    def text(self, name: str, *, required: bool = False) -> str | None:
        """Return trimmed text, ``None`` when absent, null or empty."""
        value = self.source.get(name)
        if type(value) is str:
            value = value.strip()
            if value:
                return value
        elif value is not None:
            self.wrong(name, "text", value)
            return None
        if required:
            self.missing(name)
        return None

    def personal(self, name: str) -> str | None:
        """Return trimmed text about a person, whose value no problem may show."""
        value = self.source.get(name)
        if type(value) is str:
            return value.strip() or None
        if value is not None:
            self.wrong(name, "text", value, show=False)
        return None

    def identifier(self, name: str) -> str | None:
        """Return an id; a whole number is read as its digits and reported, because bol sends ids as text."""
        value = self.source.get(name)
        if type(value) is int:
            self.wrong(name, "text", value)
            return str(value)
        text = self.text(name, required=True)
        # ".." would lead out of the path in which the id is asked for.
        if text is not None and (len(text) > _LONGEST_ID or not text.isprintable() or not text.strip(".")):
            self.wrong(name, f"an id of at most {_LONGEST_ID} printable characters", text, show=False)
            return None
        return text

    def ean(self, name: str) -> str | None:
        """Return an article number as sent; one that came as a number may have lost its leading zeros."""
        value = self.source.get(name)
        if type(value) is int:
            digits = str(value)
            if len(digits) == 13:
                self.wrong(name, "text", value)
                return digits
            self.report("ean_digits_lost", name, "came as a number, its leading zeros may be lost", value)
            return None
        return self.text(name, required=True)

    def money(self, name: str, *, required: bool = False, may_be_negative: bool = False) -> Decimal | None:
        """Return an amount with exactly the decimals that were sent."""
        value = self.source.get(name)
        if (type(value) is float or type(value) is int) and abs(value) < _LARGEST_AMOUNT:
            if value > 0:
                return Decimal(repr(value))
            if value == 0:
                return ZERO
            if may_be_negative:
                return Decimal(repr(value))
            self.wrong(name, "an amount of at least 0", value)
            return None
        if value is not None:
            self.wrong(name, "an amount below a thousand million, as a number", value)
        elif required:
            self.missing(name)
        return None

    def pieces(self, name: str, *, at_least: int = 0) -> int | None:
        """Return a number of pieces."""
        sent = self.source.get(name)
        value = int(sent) if type(sent) is float and sent.is_integer() else sent
        if type(value) is int:
            if at_least <= value <= _LARGEST_INT32:
                return value
            if value < 0:
                self.report("negative_quantity", name, f"is negative: {shown(sent)}", sent)
            else:
                self.report("absurd_quantity", name, f"cannot be {shown(sent)}", sent)
        elif type(value) is float:
            self.report("fractional_quantity", name, f"must be whole pieces, not {value}", value)
        elif value is not None:
            self.wrong(name, "a whole number", value)
        else:
            self.missing(name)
        return None

    def flag(self, name: str) -> bool | None:
        """Return true or false."""
        value = self.source.get(name)
        if type(value) is bool:
            return value
        if value is None:
            self.missing(name)
        else:
            self.wrong(name, "true or false", value)
        return None

    def instant(self, name: str) -> datetime | None:
        """Return an instant in UTC; a text without offset is no instant."""
        value = self.source.get(name)
        if type(value) is str:
            try:
                moment = datetime.fromisoformat(value)
                if moment.tzinfo is not None:
                    return moment.astimezone(UTC)
            except (ValueError, OverflowError):
                pass
        if value is None:
            self.missing(name)
        else:
            self.wrong(name, "a date and time with offset", value)
        return None

    def object(self, name: str, *, required: bool = False) -> "Reader | None":
        """Return a reader of a member that is an object."""
        value = self.source.get(name)
        if type(value) is dict:
            return Reader(value, f"{self.where}{name}.", self.problems, self.line_id)
        if value is not None:
            self.wrong(name, "an object", value, show=False)
        elif required:
            self.missing(name)
        return None

    def items(self, name: str, *, required: bool = False) -> list[Any] | None:
        """Return a member that is a list."""
        value = self.source.get(name)
        if type(value) is list:
            return value
        if value is not None:
            self.wrong(name, "a list", value, show=False)
        elif required:
            self.missing(name)
        return None
