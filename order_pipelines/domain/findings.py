"""What an examination before go-live finds: findings, documented limits, and how long a first load takes at least."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Severity = Literal["ok", "warn", "fail", "unknown"]
SEVERITIES: tuple[Severity, ...] = ("fail", "warn", "unknown", "ok")
"""Worst first."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Args:
        code: stable word for it; docs/doctor.md has them all.
        severity: ``fail`` has to be mended before go-live, ``warn`` looked at; ``unknown`` could not be seen.
        message: what was found, a sentence without personal data and secrets.
        advice: what to do; empty when there is nothing to do.
        facts: what the sentence is made of, for the same sentence in another language.
    """

    code: str
    severity: Severity
    message: str
    advice: str = ""
    facts: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallLimit:
    """A documented limit: at most ``calls`` of ``group`` in ``per_s`` seconds; ``source`` says who says so."""

    group: str
    calls: int
    per_s: float
    source: str


@dataclass(frozen=True, slots=True)
class History:
    """What a first load would read. ``None`` is unknown, and ``reason`` says why.

    Args:
        reach: how far back the system shows orders, as a sentence with its source.
        earliest_at: when the earliest order that can be read was placed.
        orders: orders that a first load sees.
        calls: calls that it needs, by endpoint group.
        reason: why something of it is unknown.
        orders_at_least: orders that were counted when the counting had to end.
    """

    reach: str
    earliest_at: datetime | None = None
    orders: int | None = None
    calls: Mapping[str, int] | None = None
    reason: str = ""
    orders_at_least: int = 0


def worst(findings: Iterable[Finding]) -> Severity:
    """Return the worst severity, ``ok`` for nothing at all."""
    found = {finding.severity for finding in findings}
    return next((severity for severity in SEVERITIES if severity in found), "ok")


def projected_seconds(
    calls: Mapping[str, int], latencies_s: Mapping[str, float], limits: Iterable[CallLimit]
) -> float | None:
    """Return the seconds that calls take one after another: by what a call took, or by the limit where that is slower.

    A group that was not measured counts as the slowest one that was; ``None`` when none was.

    Args:
        calls: how many calls of each group.
        latencies_s: seconds of one call, measured, by group.
        limits: documented limits; a group without one is bounded by its calls alone.
    """
    if not latencies_s:
        return None
    slowest = max(latencies_s.values())
    by_group = {limit.group: limit for limit in limits}
    total = 0.0
    for group, number in calls.items():
        by_latency = number * latencies_s.get(group, slowest)
        limit = by_group.get(group)
        by_limit = 0.0 if limit is None else max(0, number - limit.calls) * limit.per_s / limit.calls
        total += max(by_latency, by_limit)
    return total
