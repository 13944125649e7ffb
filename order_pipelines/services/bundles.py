"""Bundles: one line of an order that takes several articles from the stock."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from order_pipelines.domain.stock import Departure
from order_pipelines.operations.ledger import LineTarget

_LONGEST_LINE = 200


def of_parts(target: LineTarget, parts: Mapping[str, int] | None) -> list[LineTarget]:
    """Return what is booked of a line: itself, or one target for each part of the bundle that was ordered.

    A part's line is ``LINE#SKU``; the first part, by SKU, carries how many bundles the customer still waits for.
    """
    if not parts or target.sku is None:
        return [target]
    found = []
    for number, (sku, pieces) in enumerate(sorted(parts.items())):
        found.append(
            replace(
                target,
                line_id=part_line(target.line_id, sku),
                sku=sku,
                open_quantity=target.open_quantity * pieces,
                departures=tuple(_times(item, pieces) for item in target.departures),
                bundle_sku=target.sku,
                bundle_quantity=target.open_quantity if number == 0 else 0,
            )
        )
    return found


def part_line(line_id: str, sku: str) -> str:
    """Return the line under which a part is booked; one too long carries a hash of the whole instead."""
    name = f"{line_id}#{sku}"
    if len(name) <= _LONGEST_LINE:
        return name
    return f"{hashlib.sha256(name.encode()).hexdigest()}#part"


def _times(item: Departure, pieces: int) -> Departure:
    return replace(item, quantity=item.quantity * pieces)
