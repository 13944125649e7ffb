"""The shape of what Mirakl sends, read member by member: a value of the right type, or ``None`` and a problem.

Nothing here raises for bad content and nothing here decides what a value means. Any member may be null, whatever the
published description says: its own example has fifteen such nulls.
"""

from datetime import UTC, datetime
from decimal import Decimal

from order_pipelines.connectors.bodies import JsonObject, kind_of, shown
from order_pipelines.domain.orders import Problem
from order_pipelines.money import ZERO

_LARGEST_INT32 = 2_147_483_647
_LARGEST_AMOUNT = 1_000_000_000
_LONGEST_ID = 200

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
    if not isinstance(payload, dict):
        return f"a JSON {kind_of(payload)}"
    for member, what in _OTHER_PAYLOADS:
        if member in payload:
            return what
    names = ", ".join(shown(name) for name in sorted(payload)[:5])
    return f"an object with {names}" if payload else "an empty object"


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

    def wrong(self, name: str, expected: str, value: object, *, show: bool = True) -> None:
        """Report a member of the wrong type."""
        found = shown(value) if show else f"a {kind_of(value)}"
        self.report("wrong_type", name, f"must be {expected}, not {found}", value if show else None)

    def text(self, name: str, *, required: bool = False) -> str | None:
        """Return trimmed text, ``None`` when absent, null or empty."""
        value = self.source.get(name)
        if isinstance(value, str):
            value = value.strip()
            if value:
                return value
        elif value is not None:
            self.wrong(name, "text", value)
            return None
        if required:
            self.report("missing_field", name, "is missing")
        return None

    def personal(self, name: str) -> str | None:
        """Return trimmed text about a person, whose value no problem may show."""
        value = self.source.get(name)
        if isinstance(value, str):
            return value.strip() or None
        if value is not None:
            self.wrong(name, "text", value, show=False)
        return None

    def identifier(self, name: str) -> str | None:
        """Return an id; a whole number is read as its digits, because Mirakl writes some ids either way."""
        value = self.source.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        text = self.text(name, required=True)
        # ".." would lead out of the path in which the id is asked for.
        if text is not None and (len(text) > _LONGEST_ID or not text.isprintable() or not text.strip(".")):
            self.wrong(name, f"an id of at most {_LONGEST_ID} printable characters", text, show=False)
            return None
        return text

    def money(self, name: str, *, required: bool = False) -> Decimal | None:
        """Return an amount with exactly the decimals that were sent; taxes come as numbers in text as well."""
        value = self.source.get(name)
        if value is None:
            if required:
                self.report("missing_field", name, "is missing")
            return None
        amount = read_amount(value)
        if amount is None:
            self.wrong(name, "an amount below a thousand million", value)
        return amount

    def pieces(self, name: str, *, required: bool = False) -> int | None:
        """Return a number of pieces, 0 included."""
        sent = self.source.get(name)
        value = int(sent) if isinstance(sent, float) and sent.is_integer() else sent
        if isinstance(value, int) and not isinstance(value, bool):
            if 0 <= value <= _LARGEST_INT32:
                return value
            code = "negative_quantity" if value < 0 else "absurd_quantity"
            self.report(code, name, f"cannot be {shown(sent)}", sent)
        elif isinstance(value, float):
            self.report("fractional_quantity", name, f"must be whole pieces, not {value}", value)
        elif value is not None:
            self.wrong(name, "a whole number", value)
        elif required:
            self.report("missing_field", name, "is missing")
        return None

    def flag(self, name: str) -> bool | None:
        """Return true or false, ``None`` when the payload does not say."""
        value = self.source.get(name)
        if isinstance(value, bool):
            return value
        if value is not None:
            self.wrong(name, "true or false", value)
        return None

    def instant(self, name: str, *, required: bool = False) -> datetime | None:
        """Return an instant in UTC; a text without offset is no instant."""
        value = self.source.get(name)
        if value is None:
            if required:
                self.report("missing_field", name, "is missing")
            return None
        moment = read_instant(value)
        if moment is None:
            self.wrong(name, "a date and time with offset", value)
        return moment

    def object(self, name: str) -> "Reader | None":
        """Return a reader of a member that is an object, ``None`` for null."""
        value = self.source.get(name)
        if isinstance(value, dict):
            return Reader(value, f"{self.where}{name}.", self.problems, self.line_id)
        if value is not None:
            self.wrong(name, "an object", value, show=False)
        return None

    def objects(self, name: str) -> "list[Reader]":
        """Return readers of a member that is a list of objects; null and absent are an empty list."""
        value = self.source.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.wrong(name, "a list", value, show=False)
            return []
        readers = []
        for index, entry in enumerate(value):
            path = f"{name}[{index}]"
            if isinstance(entry, dict):
                readers.append(Reader(entry, f"{self.where}{path}.", self.problems, self.line_id))
            else:
                self.wrong(path, "an object", entry, show=False)
        return readers


def read_amount(value: object) -> Decimal | None:
    """Return an amount given as a JSON number or as its text; ``None`` for anything else."""
    if isinstance(value, str) and len(value) <= 20:
        text = value.strip()
        digits = text.removeprefix("-").replace(".", "", 1)
        if digits.isascii() and digits.isdecimal():
            amount = Decimal(text)
            return amount if abs(amount) < _LARGEST_AMOUNT else None
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # "not <" and not ">=": NaN is neither.
    if not abs(value) < _LARGEST_AMOUNT:
        return None
    return Decimal(repr(value)) if value else ZERO


def read_instant(value: object) -> datetime | None:
    """Return an instant in UTC; a text without offset is no instant."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
