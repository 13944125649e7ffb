"""Spoiling an answer on purpose: members that are missing, renamed or replaced."""

import copy
from typing import Any

from order_pipelines.sandbox.standin import OrderRefused

_WORDS = frozenset({"missing", "renamed", "replaced"})


def check_malform(malform: object) -> None:
    """Refuse a malform nobody would act on.

    Raises:
        OrderRefused: it is no object, or a word is unknown.
    """
    if not isinstance(malform, dict):
        raise OrderRefused(
            "malform is an object: {missing: [path], renamed: {path: name}, replaced: {path: value}}"
        )
    if unknown := sorted(set(malform) - _WORDS):
        raise OrderRefused(
            f"unknown member(s) of malform: {', '.join(unknown)}; known: {', '.join(sorted(_WORDS))}"
        )


def spoil(shape: dict[str, Any], malform: dict[str, Any]) -> dict[str, Any]:
    """Return ``shape`` spoiled; a path is member names and list positions joined by dots (``lineItems.0.price``)."""
    spoiled = copy.deepcopy(shape)
    for path in malform.get("missing", ()):
        _change(spoiled, path, lambda holder, last: holder.pop(last))
    for path, name in malform.get("renamed", {}).items():
        _change(spoiled, path, lambda holder, last, name=name: holder.update({name: holder.pop(last)}))
    for path, value in malform.get("replaced", {}).items():
        _change(spoiled, path, lambda holder, last, value=value: holder.update({last: value}))
    return spoiled


def _change(shape: Any, path: str, deed: Any) -> None:
    """Do something to the object that has the last member of a path; a path that leads nowhere changes nothing."""
    *steps, last = path.split(".")
    here = shape
    for step in steps:
        if isinstance(here, dict):
            here = here.get(step)
        elif isinstance(here, list) and step.isdigit() and int(step) < len(here):
            here = here[int(step)]
        else:
            return
    if isinstance(here, dict) and last in here:
        deed(here, last)
