"""``$filter`` and ``$skiptoken``: from text to a test on rows.

Knows ``eq ne gt ge lt le``, ``and or not``, parentheses, ``substringof startswith endswith tolower toupper trim``
and the literals ``'text'`` (quote doubled), ``guid'…'``, ``datetime'…'``, numbers, ``true false null``. Types must
agree: a guid compared with plain text is refused, as WCF Data Services does.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from order_pipelines.sandbox.exact_online.edm import GUID, EntityType, Row
from order_pipelines.sandbox.exact_online.wire import ApiError, dutch_datetime

_TOKEN = re.compile(
    r"\s*(?:"
    r"(?P<typed>(?:guid|datetime)'[^']*')"
    r"|(?P<text>'(?:[^']|'')*')"
    r"|(?P<number>-?\d+(?:\.\d+)?[MmLlDdFf]?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<mark>[(),])"
    r")"
)
_KINDS = {
    "Guid": "guid",
    "String": "text",
    "Double": "number",
    "Int": "number",
    "Int64": "number",
    "Boolean": "boolean",
    "DateTime": "datetime",
}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_TEXT_TESTS: dict[str, Callable[[str, str], bool]] = {
    # OData 3 has the needle first in substringof and the haystack first in the other two.
    "substringof": lambda needle, text: needle in text,
    "startswith": lambda text, start: text.startswith(start),
    "endswith": lambda text, end: text.endswith(end),
}
_TEXT_CHANGES: dict[str, Callable[[str], str]] = {
    "tolower": str.lower,
    "toupper": str.upper,
    "trim": str.strip,
}


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int


@dataclass(frozen=True)
class _Term:
    """A part of an expression: the kind of its value and how to get it from a row."""

    kind: str
    value: Callable[[Row], Any]


def parse_filter(text: str, entity: EntityType) -> tuple[Callable[[Row], bool], set[str]]:
    """Return the test that ``text`` describes and the properties it uses; ApiError 400 where it is wrong."""
    parser = _Parser(text, entity)
    term = parser.expression()
    parser.expect_end()
    if term.kind != "boolean":
        raise ApiError(400, "The $filter expression must evaluate to a single boolean value.")
    return lambda row: bool(term.value(row)), parser.used


def parse_literals(text: str) -> list[Any]:
    """Return the comma-separated literals of a ``$skiptoken`` or a key; ApiError 400 where it is wrong."""
    tokens = _tokens(text)
    values = []
    for index, token in enumerate(tokens):
        if index % 2:
            if token.text != ",":
                raise _syntax_error(token.position)
            continue
        literal = _literal(token)
        if literal is None:
            raise _syntax_error(token.position)
        values.append(literal.value({}))
    if len(tokens) % 2 == 0:
        raise _syntax_error(len(text))
    return values


def write_literal(value: Any, edm_type: str) -> str:
    """Return a stored value as the literal that :func:`parse_literals` reads back."""
    if value is None:
        return "null"
    if isinstance(value, datetime):
        return f"datetime'{value.isoformat(timespec='milliseconds')}'"
    if isinstance(value, bool):
        return "true" if value else "false"
    if edm_type == "Guid":
        return f"guid'{value}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value)


def _syntax_error(position: int) -> ApiError:
    return ApiError(400, f"Syntax error at position {position}.")


def _tokens(text: str) -> list[_Token]:
    tokens = []
    position = 0
    while text[position:].strip():
        found = _TOKEN.match(text, position)
        if not found or not found.lastgroup:
            raise _syntax_error(position)
        tokens.append(_Token(found.lastgroup, found[found.lastgroup], found.start(found.lastgroup)))
        position = found.end()
    return tokens


def _literal(token: _Token) -> _Term | None:
    """Return the constant that a token stands for, or ``None`` where it is a name or a mark."""
    kind, value = _constant(token)
    return _Term(kind, lambda row: value) if kind else None


def _constant(token: _Token) -> tuple[str, Any]:
    if token.kind == "text":
        return "text", token.text[1:-1].replace("''", "'")
    if token.kind == "number":
        return "number", Decimal(token.text.rstrip("MmLlDdFf"))
    if token.kind == "typed":
        type_name, _, rest = token.text.partition("'")
        content = rest[:-1]
        if type_name == "guid" and GUID.fullmatch(content):
            return "guid", content.lower()
        moment = dutch_datetime(content) if type_name == "datetime" else None
        if moment is None:
            raise ApiError(
                400, f"Unrecognized '{type_name}' literal '{token.text}' at position {token.position}."
            )
        return "datetime", moment
    if token.kind == "name" and token.text in {"true", "false"}:
        return "boolean", token.text == "true"
    if token.kind == "name" and token.text == "null":
        return "null", None
    return "", None


class _Parser:
    def __init__(self, text: str, entity: EntityType) -> None:
        self._tokens = _tokens(text)
        self._length = len(text)
        self._at = 0
        self._entity = entity
        self.used: set[str] = set()

    def expression(self) -> _Term:
        left = self._conjunction()
        while self._accept("or"):
            left = self._joined("or", left, self._conjunction())
        return left

    def expect_end(self) -> None:
        if self._at < len(self._tokens):
            raise _syntax_error(self._tokens[self._at].position)

    def _conjunction(self) -> _Term:
        left = self._negation()
        while self._accept("and"):
            left = self._joined("and", left, self._negation())
        return left

    def _joined(self, word: str, left: _Term, right: _Term) -> _Term:
        if left.kind != "boolean" or right.kind != "boolean":
            raise _incompatible(word, left.kind, right.kind)
        if word == "or":
            return _Term("boolean", lambda row: left.value(row) or right.value(row))
        return _Term("boolean", lambda row: left.value(row) and right.value(row))

    def _negation(self) -> _Term:
        if not self._accept("not"):
            return self._comparison()
        inner = self._negation()
        if inner.kind != "boolean":
            raise _incompatible("not", inner.kind, inner.kind)
        return _Term("boolean", lambda row: not inner.value(row))

    def _comparison(self) -> _Term:
        left = self._operand()
        for word, compare in _COMPARISONS.items():
            if self._accept(word):
                return _compared(word, compare, left, self._operand())
        return left

    def _operand(self) -> _Term:
        token = self._next()
        if token.text == "(":
            inner = self.expression()
            self._expect(")")
            return inner
        literal = _literal(token)
        if literal is not None:
            return literal
        if token.kind != "name":
            raise _syntax_error(token.position)
        if self._accept("("):
            return self._call(token)
        field = self._entity.field(token.text)
        if field.type == "Many":
            raise ApiError(400, f"The property '{token.text}' cannot be used in a $filter expression.")
        self.used.add(token.text)
        return _Term(_KINDS[field.type], operator.itemgetter(token.text))

    def _call(self, name: _Token) -> _Term:
        arguments = [self.expression()]
        while self._accept(","):
            arguments.append(self.expression())
        self._expect(")")
        if any(argument.kind not in {"text", "null"} for argument in arguments):
            raise ApiError(
                400, f"No applicable function found for '{name.text}' at position {name.position}."
            )
        if name.text in _TEXT_CHANGES and len(arguments) == 1:
            change, inner = _TEXT_CHANGES[name.text], arguments[0].value
            return _Term("text", lambda row: None if inner(row) is None else change(inner(row)))
        if name.text in _TEXT_TESTS and len(arguments) == 2:
            test, first, second = _TEXT_TESTS[name.text], arguments[0].value, arguments[1].value
            return _Term(
                "boolean", lambda row: None not in (first(row), second(row)) and test(first(row), second(row))
            )
        raise ApiError(400, f"Unknown function '{name.text}' at position {name.position}.")

    def _next(self) -> _Token:
        if self._at >= len(self._tokens):
            raise _syntax_error(self._length)
        self._at += 1
        return self._tokens[self._at - 1]

    def _accept(self, text: str) -> bool:
        here = self._tokens[self._at] if self._at < len(self._tokens) else None
        if here is None or here.kind not in {"name", "mark"} or here.text != text:
            return False
        self._at += 1
        return True

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            position = self._tokens[self._at].position if self._at < len(self._tokens) else self._length
            raise _syntax_error(position)


def _incompatible(word: str, left: str, right: str) -> ApiError:
    return ApiError(
        400, f"Operator '{word}' incompatible with operand types '{left}' and '{right}' at position 0."
    )


def _compared(word: str, compare: Callable[[Any, Any], bool], left: _Term, right: _Term) -> _Term:
    if left.kind != right.kind and "null" not in (left.kind, right.kind):
        raise _incompatible(word, left.kind, right.kind)

    def value(row: Row) -> bool:
        one, other = left.value(row), right.value(row)
        if (one is None or other is None) and word not in {"eq", "ne"}:
            return False
        return compare(one, other)

    return _Term("boolean", value)
