"""The shape of what Mirakl sends, read member by member: a value of the right type, or ``None`` and a problem.

Nothing here raises for bad content and nothing here decides what a value means. Any member may be null, whatever the
published description says: its own example has fifteen such nulls.
"""

from decimal import Decimal

from order_pipelines.connectors import bodies
from order_pipelines.connectors.bodies import LARGEST_AMOUNT, exact
from order_pipelines.money import ZERO

# What Mirakl's other payloads are recognised by, so that a person who offers one here is told what it is.
_OTHER_PAYLOADS = (
    ("offers", "a list of offers"),
    ("shipments", "a list of shipments"),
    ("shipment_success", "the answer to a shipment"),
    ("refunds", "a refund"),
    ("cancelations", "a cancellation"),
    ("reasons", "a list of reasons"),
    ("carriers", "a list of carriers"),
    ("returns", "a list of returns"),
    ("invoices", "a list of invoices"),
    ("data", "a page of returns, shipments or transactions"),
    ("import_id", "an import"),
    ("shop_id", "an account"),
    ("carrier_code", "a tracking number"),
    ("order_lines", "a decision about order lines"),
    ("message", "an error answer"),
)


def describe_other(payload: object) -> str:
    """Return what a payload that is no order seems to be, for the sentence ``it looks like …``."""
    return bodies.describe(payload, _OTHER_PAYLOADS)


class Reader(bodies.Reader):
    """Reads the members of one object of Mirakl."""

    __slots__ = ()

    def identifier(self, name: str, *, required: bool = False) -> str | None:
        """Return an id; a whole number is read as its digits, because Mirakl writes some ids either way."""
        value = self.source.get(name)
        return str(value) if type(value) is int else super().identifier(name, required=required)

    def money(self, name: str, *, required: bool = False) -> Decimal | None:
        """Return an amount with exactly the decimals that were sent; taxes come as numbers in text as well."""
        value = self.source.get(name)
        if value is None:
            if required:
                self.missing(name)
            return None
        amount = read_amount(value)
        if amount is None:
            self.wrong(name, "an amount below a thousand million", value)
        return amount

    def objects(self, name: str) -> "list[Reader]":
        """Return readers of a member that is a list of objects; null and absent are an empty list."""
        return self.objects_of(name, self.items(name) or [])


def read_amount(value: object) -> Decimal | None:
    """Return an amount given as a JSON number or as its text; ``None`` for anything else."""
    if isinstance(value, str) and len(value) <= 20:
        text = value.strip()
        digits = text.removeprefix("-").replace(".", "", 1)
        if digits.isascii() and digits.isdecimal():
            amount = Decimal(text)
            return amount if abs(amount) < LARGEST_AMOUNT else None
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # "not <" and not ">=": NaN is neither.
    if not abs(value) < LARGEST_AMOUNT:
        return None
    return exact(value) if value else ZERO
