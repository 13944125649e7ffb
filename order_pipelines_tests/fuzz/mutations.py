"""Spoiling payloads: JSON by its structure, tables by their cells, and anything by its bytes."""

import copy
import json
import random
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Raw:
    """A piece of JSON that no Python value writes: ``1e400``, ``NaN``, a number of a thousand digits."""

    text: str


class Doubled(dict[str, Any]):
    """An object of which one member is written twice, the second time with another value."""

    member: str = ""
    second: Any = None


NASTY_TEXTS = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",
    "x\udfffy",
    "\u202eEvil",
    "\u200b",
    "\ufeff1",
    "\x1b[31m",
    "\u2028",
    "é" * 300,
    "9" * 250,
    "\U0001f600" * 120,
    "x" * 10_000,
    "..",
    "../../etc",
    "null",
    "NaN",
    "-1",
    "1e999",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-12:00",
    "2023-02-29T10:00:00Z",
    "2024-02-29T10:00:00+01:00",
    "2026-03-29T02:30:00",
    "2026-10-25T02:30:00+05:45",
    "2026-03-02T10:00:00+23:59:59",
    "2026-03-02",
    "2026-W10-1T10:00:00Z",
    "20260302T100000Z",
    "31-12-9999",
    "29-2-2023",
    "8710000000017",
    "08710000000017",
    "=1+1",
    "12,5",
    "1.250",
    "1,234,567.89",
    "-0",
    "1E+5",
    "٣",
    "①",
    "0.000000000000000000000000000001",
    "99999999999999999999.99",
    "(5)",
    "5-",
    "inf",
)

NASTY_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31 - 1,
    2**31,
    2**63,
    -(2**63) - 1,
    10**30,
    0.1,
    -0.0,
    1e15,
    999_999_999.99,
    999_999_999_999_999.9,
    1e-30,
    1.7976931348623157e308,
    Raw("1e400"),
    Raw("-1e400"),
    Raw("NaN"),
    Raw("Infinity"),
    Raw("1E+2"),
    Raw("0.123456789012345678901234567890"),
    Raw("12345678901234567.123456789012345678901234567890"),
    Raw("9" * 400),
    Raw("1e-400"),
    Raw("00012"),
    Raw('"\\ud800"'),
    Raw('"\\u0000"'),
    Raw('"\\udc00\\ud800"'),
    [],
    {},
    [None],
    [[]],
    [{}],
    {"": {}},
    {"amount": -1},
)


def nested(depth: int) -> Any:
    """Return lists in lists."""
    return Raw("[" * depth + "]" * depth)


# ------------------------------------------------------------------------------------------------ JSON


def _places(value: Any, found: list[tuple[Any, Any]]) -> None:
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, child in items:
        found.append((value, key))
        _places(child, found)


def spoil_json(payload: Any, chance: random.Random, times: int) -> Any:
    """Return a copy of a JSON value that differs in up to ``times`` places."""
    whole = [copy.deepcopy(payload)]
    for _ in range(times):
        places: list[tuple[Any, Any]] = []
        _places(whole, places)
        _spoil_one(*chance.choice(places), places, chance)
    return whole[0]


def _spoil_one(holder: Any, key: Any, places: list[tuple[Any, Any]], chance: random.Random) -> None:
    value = holder[key]
    what = chance.randrange(13)
    if what <= 3:
        holder[key] = copy.deepcopy(chance.choice(NASTY_VALUES))
    elif what <= 5:
        holder[key] = chance.choice(NASTY_TEXTS)
    elif what == 6 and isinstance(holder, dict):
        del holder[key]
    elif what == 7 and isinstance(holder, list):
        holder.extend(copy.deepcopy([value] * chance.choice((1, 2, 50))))
    elif what == 8 and isinstance(holder, dict):
        holder[chance.choice((key.upper(), f"{key}s", f" {key}", key[:-1], "\u202e", "x" * 300))] = (
            holder.pop(key)
        )
    elif what == 9:
        holder[key] = chance.choice(
            ([value], {"value": value}, json.dumps(value, default=str), [[value]] * 3)
        )
    elif what == 10:
        other, name = chance.choice(places)
        holder[key] = copy.deepcopy(other[name])
    elif what == 11:
        holder[key] = nested(chance.choice((3, 60, 900, 30_000)))
    elif isinstance(value, str):
        cut = chance.randrange(len(value) + 1)
        holder[key] = value[:cut] + chance.choice((*NASTY_TEXTS, value)) + value[cut:]
    elif isinstance(value, dict) and value:
        doubled = Doubled(value)
        doubled.member = chance.choice(list(value))
        doubled.second = copy.deepcopy(chance.choice(NASTY_VALUES))
        holder[key] = doubled
    elif isinstance(value, int | float):
        holder[key] = chance.choice((-value, value * 1000 + 1, str(value), value + 0.005, value / 3))


def write_json(value: Any) -> bytes:
    """Return the bytes of a spoiled JSON value; what JSON cannot say is written as it stands."""
    return _write(value).encode("utf-8", "surrogatepass")


def _write(value: Any) -> str:
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, Doubled):
        members = [f"{json.dumps(key)}:{_write(child)}" for key, child in value.items()]
        return "{" + ",".join([*members, f"{json.dumps(value.member)}:{_write(value.second)}"]) + "}"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{_write(child)}" for key, child in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_write(child) for child in value) + "]"
    return json.dumps(value)


# ------------------------------------------------------------------------------------------------ tables and bytes


def spoil_cells(rows: list[list[Any]], chance: random.Random, times: int) -> list[list[Any]]:
    """Return a copy of a table that differs in up to ``times`` places: cells, rows, headings, columns."""
    table = [list(row) for row in rows]
    for _ in range(times):
        row = chance.choice(table)
        what = chance.randrange(10)
        if what <= 4 and row:
            row[chance.randrange(len(row))] = chance.choice(NASTY_TEXTS)
        elif what == 5 and len(row) > 1:
            del row[chance.randrange(len(row))]
        elif what == 6:
            row.insert(chance.randrange(len(row) + 1), chance.choice(NASTY_TEXTS))
        elif what == 7:
            table.insert(chance.randrange(len(table) + 1), list(row))
        elif what == 8 and len(table) > 1:
            table.remove(row)
        elif row:
            value = chance.choice(NASTY_VALUES)
            row[chance.randrange(len(row))] = value.text if isinstance(value, Raw) else str(value)
        if not table:
            table = [[""]]
    return table


def spoil_bytes(body: bytes, chance: random.Random, times: int) -> bytes:
    """Return the bytes with some cut out, put in, doubled or flipped."""
    spoiled = bytearray(body)
    for _ in range(times):
        at = chance.randrange(len(spoiled) + 1)
        what = chance.randrange(5)
        if what == 0:
            del spoiled[at : at + chance.choice((1, 2, 30))]
        elif what == 1:
            spoiled[at:at] = chance.choice(
                (b"\x00", b"\xff", b"\xef\xbb\xbf", b'"', b"\r", b"\n", b";", b"\x80")
            )
        elif what == 2:
            spoiled[at:at] = spoiled[at : at + chance.choice((1, 20, 200))]
        elif what == 3 and at < len(spoiled):
            spoiled[at] ^= 1 << chance.randrange(8)
        else:
            del spoiled[at:]
    return bytes(spoiled)
