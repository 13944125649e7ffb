"""Bundles: one line of an order that takes several articles from the stock.

What has left has left: it stays booked on the parts of which the bundle was made as it was booked, whatever the bundle
is made of now. Only what is still owed moves to the new parts.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from order_pipelines.domain.stock import Departure
from order_pipelines.operations.booked_lines import BookedLines
from order_pipelines.operations.movements import LineTarget

_LONGEST_LINE = 200
Recipe = tuple[tuple[str, int], ...]
"""Parts of one bundle by SKU, with the pieces of each; empty where the article was booked as itself."""


def of_parts(target: LineTarget, parts: Mapping[str, int], booked: BookedLines) -> list[LineTarget]:
    """Return what is booked of a line: itself, or one target for each part of the bundle that was ordered.

    A part's line is ``LINE#SKU``; the first part, by SKU, carries how many bundles the customer still waits for.
    Parts of which the bundle was made before are there too as long as departures are booked on them, and owe nothing.

    Args:
        target: the line, in pieces of what was ordered.
        parts: of one bundle, as it is made now; empty for an article.
        booked: what is booked of the order before this.
    """
    if target.sku is None:
        return [target]
    before = _Before(target, parts, booked)
    if not parts and not before.rows:
        return [target]
    now: Recipe = tuple(sorted(parts.items()))
    left: dict[str, list[Departure]] = defaultdict(list)
    for item, recipe in before.recipes(now):
        for sku, each in recipe or ((target.sku, 1),):
            part = replace(item, quantity=item.quantity * each, pieces_each=each)
            left[part_line(target.line_id, sku) if recipe else target.line_id].append(part)
    moved = before.owed_bundles(now)
    skus = {part_line(target.line_id, row.sku): row.sku for row in before.rows}
    skus |= {part_line(target.line_id, sku): sku for sku in parts} | {target.line_id: target.sku}
    own = {part_line(target.line_id, sku): each for sku, each in now} if now else {target.line_id: 1}
    first = next(iter(own))
    return [
        replace(
            target,
            line_id=line_id,
            sku=skus[line_id],
            open_quantity=target.open_quantity * own.get(line_id, 0),
            departures=tuple(left[line_id]),
            bundle_sku=None if line_id == target.line_id else target.sku,
            bundle_quantity=None
            if line_id == target.line_id
            else target.open_quantity
            if line_id == first
            else 0,
            pieces_each=own.get(line_id, 0) if line_id != target.line_id or now else None,
            moved_to=None if moved is None else moved * own.get(line_id, 0),
        )
        for line_id in (*own, *sorted(left.keys() - own.keys()))
    ]


class _Before:
    """What is booked of one line: as itself, or on parts of the bundle that was ordered."""

    def __init__(self, target: LineTarget, parts: Mapping[str, int], booked: BookedLines) -> None:
        self._target = target
        self._parts = parts
        key = target.order_key
        self.rows = [
            row
            for row in booked.parts.get(key, ())
            if row.bundle_sku == target.sku and row.line_id == part_line(target.line_id, row.sku)
        ]
        own = booked.demand.get((key, target.line_id))
        # A line whose article was corrected takes everything with it, what left too.
        self._own = own if own is not None and own.sku == target.sku else None
        self._shipped = {row.line_id: booked.shipped.get((key, row.line_id), {}) for row in self.rows}
        self._shipped_as_itself = booked.shipped.get((key, target.line_id), {}) if self._own else {}

    def recipes(self, now: Recipe) -> list[tuple[Departure, Recipe]]:
        """Return each departure with what its bundles were made of.

        A statement that takes the place of another one, such as a parcel of what a channel had told as a total, is of
        the same pieces: it takes over the parts of those whose statement is gone.
        """
        made_of, pieces = self._booked()
        spare: dict[Recipe, int] = defaultdict(int)
        for evidence, recipe in made_of.items():
            spare[recipe] += pieces[evidence]
        for item in self._target.departures:
            if item.evidence_key in made_of:
                spare[made_of[item.evidence_key]] -= item.quantity
        found = []
        for item in self._target.departures:
            known = made_of.get(item.evidence_key)
            if known is None:
                known = next((recipe for recipe in sorted(spare) if spare[recipe] > 0), now)
                spare[known] -= item.quantity
            found.append((item, known))
        return found

    def _booked(self) -> tuple[dict[str, Recipe], dict[str, int]]:
        """Return recipe and bundles of every departure that is booked, by evidence."""
        left = {item.evidence_key: item.quantity for item in self._target.departures}
        made_of: dict[str, dict[str, int]] = {evidence: {} for evidence in self._shipped_as_itself}
        pieces = {evidence: row.quantity for evidence, row in self._shipped_as_itself.items()}
        for rows in self._shipped.values():
            for evidence, row in rows.items():
                each = row.pieces_each or self._each_of_old(row, left.get(evidence))
                made_of.setdefault(evidence, {})[row.sku] = each
                pieces[evidence] = row.quantity // each
        return {evidence: tuple(sorted(parts.items())) for evidence, parts in made_of.items()}, pieces

    def _each_of_old(self, row: Any, bundles: int | None) -> int:
        """Return the pieces in one bundle of a departure that was booked before this was kept."""
        if bundles and row.quantity % bundles == 0:
            return int(row.quantity // bundles)
        return self._parts.get(row.sku, 1)

    def owed_bundles(self, now: Recipe) -> int | None:
        """Return the bundles that are booked as owed on other parts than now, ``None`` where there are none."""
        if self._own is not None and self._own.open_quantity:
            return int(self._own.open_quantity) if now else None
        owed = sum(row.bundle_quantity or 0 for row in self.rows)
        if not owed:
            return None
        recipe = tuple(sorted((row.sku, row.open_quantity // owed) for row in self.rows if row.open_quantity))
        return None if recipe == now else owed


def part_line(line_id: str, sku: str) -> str:
    """Return the line under which a part is booked; one too long carries a hash of the whole instead."""
    name = f"{line_id}#{sku}"
    if len(name) <= _LONGEST_LINE:
        return name
    return f"{hashlib.sha256(name.encode()).hexdigest()}#part"
