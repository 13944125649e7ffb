"""Spoiling an answer on purpose: members that are missing, renamed or replaced."""

from typing import Any

from order_pipelines.sandbox.standin import OrderRefused

_WORDS = frozenset({"missing", "renamed", "replaced", "list_replaced"})


def check_malform(malform: dict[str, Any]) -> None:
    """Refuse a malform nobody would act on.

    Raises:
        OrderRefused: a word is unknown.
    """
    if unknown := sorted(set(malform) - _WORDS):
        raise OrderRefused(
            f"unknown member(s) of malform: {', '.join(unknown)}; known: {', '.join(sorted(_WORDS))}"
        )


def spoil(shape: dict[str, Any], malform: dict[str, Any]) -> dict[str, Any]:
    """Spoil ``shape`` in place and return it.

    Args:
        shape: a JSON object made for this one answer.
        malform: ``missing`` [path], ``renamed`` {path: new name}, ``replaced`` {path: value}. A path is member names
            and list positions joined by dots: ``orderItems.0.product.ean``. A path that leads nowhere changes nothing.
    """
    for path in malform.get("missing", ()):
        holder, last = _find(shape, path)
        if isinstance(holder, dict):
            holder.pop(last, None)
        elif isinstance(holder, list) and last.isdigit() and int(last) < len(holder):
            del holder[int(last)]
    for path, name in malform.get("renamed", {}).items():
        holder, last = _find(shape, path)
        if isinstance(holder, dict) and last in holder:
            holder[str(name)] = holder.pop(last)
    for path, value in malform.get("replaced", {}).items():
        holder, last = _find(shape, path)
        if isinstance(holder, dict):
            holder[last] = value
        elif isinstance(holder, list) and last.isdigit() and int(last) < len(holder):
            holder[int(last)] = value
    return shape


def _find(shape: Any, path: str) -> tuple[Any, str]:
    """Return (the object or list that holds the last step, the last step); copies what it walks through."""
    *steps, last = path.split(".")
    here = shape
    for step in steps:
        if isinstance(here, dict) and isinstance(here.get(step), dict | list):
            # Addresses are shared between answers: a copy keeps the order itself whole.
            here[step] = here[step].copy()
            here = here[step]
        elif isinstance(here, list) and step.isdigit() and int(step) < len(here):
            here[int(step)] = (
                here[int(step)].copy() if isinstance(here[int(step)], dict | list) else here[int(step)]
            )
            here = here[int(step)]
        else:
            return None, last
    return here, last
