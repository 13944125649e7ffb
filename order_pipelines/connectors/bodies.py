"""What every connector of JSON needs before it knows its system: a body parsed, its members read, a value shown.

Nothing here raises for bad content and nothing here decides what a value means: a value of the right type, or
``None`` and a problem. What one system writes in its own way (ids, amounts, times) its own ``payloads.py`` reads.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import Any, Self

import orjson

from order_pipelines.domain.orders import Interpretation, Problem, Reject

JsonObject = dict[str, Any]

# A page of any system has at most a few hundred orders: more is an attack or a mistake, and each entry would be a
# row in quarantine, written while every sale waits.
MOST_ENTRIES = 1_000
LARGEST_AMOUNT = 1_000_000_000
SHOWN = 60
"""Signs of a value that a sentence shows."""
_LARGEST_INT32 = 2_147_483_647
_LONGEST_ID = 200
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def parse(body: bytes) -> Any | Problem:
    """Return the JSON value of a body, or the problem that keeps it from being read."""
    body = body.removeprefix(_BYTE_ORDER_MARK)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        ends_early = error.pos >= len(body) - 1 or "unexpected end" in error.msg
        if not body.strip():
            return Problem("truncated", "the payload is empty")
        if ends_early and body.lstrip()[:1] in (b"{", b"["):
            return Problem(
                "truncated", f"the JSON breaks off after {len(body)} bytes", f"byte {error.pos + 1}"
            )
        return Problem(
            "not_json",
            f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}",
            f"line {error.lineno}, column {error.colno}",
        )


def interpret_each(
    entries: Sequence[Any], where: str, read: Callable[[Any, str, Interpretation], None]
) -> Interpretation:
    """Return what ``read`` makes of each entry of a list; one that no system would send is not read at all."""
    result = Interpretation(rows_read=len(entries))
    if len(entries) > MOST_ENTRIES:
        problem = Problem(
            "wrong_type",
            f"holds {len(entries)} orders, more than the {MOST_ENTRIES} that are read",
            where or None,
        )
        result.rejects.append(Reject(problem))
        return result
    for index, entry in enumerate(entries):
        read(entry, f"{where}[{index}]", result)
    return result


def describe(payload: object, known: Iterable[tuple[str, str]]) -> str:
    """Return what a payload that is no order seems to be, for the sentence ``it looks like …``.

    ``known``: members that tell the system's other payloads, and what those are, the most telling first.
    """
    if not isinstance(payload, dict):
        return f"a JSON {kind_of(payload)}"
    for member, what in known:
        if member in payload:
            return what
    return f"an object with {names_of(payload)}" if payload else "an empty object"


def names_of(members: Iterable[str]) -> str:
    """Return the first five names, shortened, for a sentence."""
    first = [shown(name) for name in islice(members, 6)]
    return ", ".join(first[:5]) + (", …" if len(first) > 5 else "")


def shown(value: object) -> str:
    """Return a short text of an offending value; of a list or an object only what it is, for people are in those."""
    if isinstance(value, list | dict):
        return f"a {kind_of(value)}"
    # An amount that we added up ourselves is no JSON value.
    text = str(value) if isinstance(value, str | Decimal) else orjson.dumps(value).decode()
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def kind_of(value: object) -> str:
    """Return what JSON calls a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, list) else "object"


def read_instant(value: object) -> datetime | None:
    """Return an instant in UTC; a text without offset is no instant."""
    if type(value) is not str:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def exact(value: int | float) -> Decimal:
    """Return a JSON number with the digits that were meant: a sum of floats ends in ``…0000000004`` where it is sent.

    What is rounded off is less than a millionth of a cent; more than six decimals that mean something are kept.
    """
    meant = round(value, 6)
    return Decimal(repr(meant if math.isclose(meant, value, rel_tol=1e-14, abs_tol=1e-9) else value))


def joined(first: str | None, second: str | None, between: str) -> str | None:
    """Return what is there of two texts."""
    return f"{first}{between}{second}" if first and second else first or second


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

    def at(self, name: str, source: JsonObject) -> Self:
        """Return a reader of something inside this object."""
        return type(self)(source, f"{self.where}{name}.", self.problems, self.line_id)

    def report(self, code: str, name: str, reason: str, value: object = None) -> None:
        """Add a problem of one member; ``value`` must be no personal data."""
        path = f"{self.where}{name}"
        self.problems.append(
            Problem(code, f"{path} {reason}", path, None if value is None else shown(value), self.line_id)
        )

    def missing(self, name: str) -> None:
        """Report a member that must be there."""
        self.report("missing_field", name, "is missing")

    def wrong(self, name: str, expected: str, value: object, *, show: bool = True) -> None:
        """Report a member of the wrong type."""
        found = "null" if value is None else shown(value) if show else f"a {kind_of(value)}"
        self.report("wrong_type", name, f"must be {expected}, not {found}", value if show else None)

    def unknown(self, name: str, word: str, *, what: str = "state") -> None:
        """Report a word that decides something and that nobody knows: the order waits, and nothing is guessed."""
        self.report("unknown_state", name, f"is a {what} that nobody knows: {shown(word)}", word)

    def text(self, name: str, *, required: bool = False, show: bool = True) -> str | None:
        """Return trimmed text, ``None`` when absent, null or empty."""
        value = self.source.get(name)
        if type(value) is str:
            value = value.strip()
            if value:
                return value
        elif value is not None:
            self.wrong(name, "text", value, show=show)
            return None
        if required:
            self.missing(name)
        return None

    def personal(self, name: str) -> str | None:
        """Return trimmed text about a person, whose value no problem may show."""
        return self.text(name, show=False)

    def identifier(self, name: str, *, required: bool = False) -> str | None:
        """Return an id."""
        text = self.text(name, required=required)
        # ".." would lead out of the path in which the id is asked for.
        if text is not None and (len(text) > _LONGEST_ID or not text.isprintable() or not text.strip(".")):
            self.wrong(name, f"an id of at most {_LONGEST_ID} printable characters", text, show=False)
            return None
        return text

    def pieces(self, name: str, *, at_least: int = 0, required: bool = False) -> int | None:
        """Return a number of pieces."""
        sent = self.source.get(name)
        value = int(sent) if type(sent) is float and sent.is_integer() else sent
        if type(value) is int:
            if at_least <= value <= _LARGEST_INT32:
                return value
            code = "negative_quantity" if value < at_least else "absurd_quantity"
            self.report(code, name, f"cannot be {shown(sent)}", sent)
        elif type(value) is float:
            self.report("fractional_quantity", name, f"must be whole pieces, not {value}", value)
        elif value is not None:
            self.wrong(name, "a whole number", value)
        elif required:
            self.missing(name)
        return None

    def flag(self, name: str, *, required: bool = False) -> bool | None:
        """Return true or false, ``None`` when the payload does not say."""
        value = self.source.get(name)
        if type(value) is bool:
            return value
        if value is not None:
            self.wrong(name, "true or false", value)
        elif required:
            self.missing(name)
        return None

    def instant(self, name: str, *, required: bool = False) -> datetime | None:
        """Return an instant in UTC; a text without offset is no instant."""
        value = self.source.get(name)
        moment = read_instant(value)
        if moment is None:
            if value is not None:
                self.wrong(name, "a date and time with offset", value)
            elif required:
                self.missing(name)
        return moment

    def object(self, name: str, *, required: bool = False) -> Self | None:
        """Return a reader of a member that is an object, ``None`` for null."""
        value = self.source.get(name)
        if type(value) is dict:
            return self.at(name, value)
        if value is not None:
            self.wrong(name, "an object", value, show=False)
        elif required:
            self.missing(name)
        return None

    def items(self, name: str, *, required: bool = False) -> list[Any] | None:
        """Return a member that is a list, ``None`` for null."""
        value = self.source.get(name)
        if type(value) is list:
            return value
        if value is not None:
            self.wrong(name, "a list", value, show=False)
        elif required:
            self.missing(name)
        return None

    def objects_of(self, name: str, entries: Iterable[Any]) -> list[Self]:
        """Return readers of the objects among the entries of a list."""
        readers = []
        for index, entry in enumerate(entries):
            path = f"{name}[{index}]"
            if type(entry) is dict:
                readers.append(self.at(path, entry))
            else:
                self.wrong(path, "an object", entry, show=False)
        return readers
