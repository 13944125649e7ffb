"""The shape of what bol sends, read member by member: a value of the right type, or ``None`` and a problem.

Nothing here raises for bad content and nothing here decides what a value means. Amounts become ``Decimal`` through
the shortest text of the JSON number, which is exact up to fifteen digits.
"""

from decimal import Decimal

from order_pipelines.connectors import bodies
from order_pipelines.connectors.bodies import LARGEST_AMOUNT, exact
from order_pipelines.money import ZERO

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
    return bodies.describe(payload, _OTHER_PAYLOADS)


class Reader(bodies.Reader):
    """Reads the members of one object of bol."""

    __slots__ = ()

    def missing(self, name: str) -> None:
        """Report a member that must be there; names those that nobody knows, which shows a renaming."""
        unknown = bodies.names_of(member for member in self.source if member not in _KNOWN_MEMBERS)
        self.report("missing_field", name, f"is missing; not known: {unknown}" if unknown else "is missing")

    def identifier(self, name: str, *, required: bool = False) -> str | None:
        """Return an id; a whole number is read as its digits and reported, because bol sends ids as text."""
        value = self.source.get(name)
        if type(value) is int:
            self.wrong(name, "text", value)
            return str(value)
        return super().identifier(name, required=required)

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
        """Return an amount with the decimals that were meant."""
        value = self.source.get(name)
        if (type(value) is float or type(value) is int) and abs(value) < LARGEST_AMOUNT:
            if value > 0:
                return exact(value)
            if value == 0:
                return ZERO
            if may_be_negative:
                return exact(value)
            self.wrong(name, "an amount of at least 0", value)
            return None
        if value is not None:
            self.wrong(name, "an amount below a thousand million, as a number", value)
        elif required:
            self.missing(name)
        return None
