"""Places in JSON values: walked, looked up by an expression, changed and taken out in a copy."""

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

Path = tuple[str | int, ...]


def walk(value: Any, at: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield every place below ``value`` with what stands there, outer ones first."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        yield (*at, key), inner
        yield from walk(inner, (*at, key))


def name_of(path: Path) -> str:
    """Return a place without its numbers: ``orders[].order_lines[].price``."""
    text = ""
    for key in path:
        text += "[]" if isinstance(key, int) else f".{key}" if text else key
    return text


def fits(path: Path, pattern: str) -> bool:
    """Tell whether a place is meant by a pattern, which is the end of its name."""
    name = name_of(path)
    return name == pattern or name.endswith(f".{pattern}")


def replaced(value: Any, path: Path, new: Any) -> Any:
    """Return a copy with something else at one place."""
    copy = deepcopy(value)
    _holder(copy, path)[path[-1]] = new
    return copy


def without(value: Any, path: Path) -> Any:
    """Return a copy without one place."""
    copy = deepcopy(value)
    del _holder(copy, path)[path[-1]]
    return copy


def _holder(value: Any, path: Path) -> Any:
    for key in path[:-1]:
        value = value[key]
    return value


def values_at(value: Any, expression: str) -> list[Any]:
    """Return what stands at an expression such as ``orders[order_id=7].items[].quantity``.

    ``[]`` is every element, ``[name=text]`` those whose member reads so.
    """
    found: list[Any] = [value]
    for part in re.findall(r"[^.\[\]]+(?:\[[^\]]*\])*", expression):
        name, *choices = re.split(r"\[|\]\[?", part.rstrip("]"))
        found = [each[name] for each in found if isinstance(each, dict) and each.get(name) is not None]
        for choice in choices:
            found = [inner for each in found if isinstance(each, list) for inner in each]
            if choice:
                member, _, text = choice.partition("=")
                found = [each for each in found if str(each.get(member)) == text]
    return found


def texts(value: Any) -> Iterator[str]:
    """Yield every text below a value, names of members too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from texts(inner)
    elif isinstance(value, Sequence) and not isinstance(value, bytes):
        for inner in value:
            yield from texts(inner)
