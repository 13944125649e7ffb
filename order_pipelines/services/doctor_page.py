"""The examination as one HTML file to hand over: Dutch, self-contained, everything from outside escaped."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import jinja2

from order_pipelines.domain.findings import Finding
from order_pipelines.services import doctor_labels as labels
from order_pipelines.services.doctor import Diagnosis
from order_pipelines.services.report import format_moment, format_number, replace_file
from order_pipelines.settings import Settings

_TEMPLATE = Path(__file__).with_name("doctor.html")
_UNKNOWN = "onbekend"


def write_page(found: Diagnosis, settings: Settings, path: Path) -> Path:
    """Write the page to ``path``; a reader sees the old file or the new one. Returns it, absolute.

    Raises:
        OSError: the file cannot be written; a former one is kept.
    """
    target = path.absolute()
    replace_file(target, render_page(found, settings).encode())
    return target


def render_page(found: Diagnosis, settings: Settings) -> str:
    """Return the page."""
    zone = settings.merchant.zone
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "moment": lambda value: format_moment(value, zone),
        "day": lambda value: _day(value, zone),
        "number": format_number,
        "percent": format_share,
        "duration": format_duration,
        "severity": lambda code: labels.SEVERITIES[code],
        "sentence": lambda finding: labels.in_dutch(finding)[0],
        "advice": lambda finding: labels.in_dutch(finding)[1],
        "field": lambda code: labels.FIELDS[code],
        "why": lambda code: labels.REASONS[code],
        "check": lambda code: labels.CHECKS[code],
        "blocked": lambda code: labels.BLOCKED[code],
        "column": lambda code: labels.COLUMNS.get(code, code),
    }
    counts = {
        severity: sum(finding.severity == severity for finding in found.findings())
        for severity in labels.SEVERITIES
    }
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        found=found, counts=counts, first_worst=_first_worst
    )


def _first_worst(findings: list[Finding]) -> list[Finding]:
    order = ("fail", "warn", "unknown", "ok")
    return sorted(findings, key=lambda finding: order.index(finding.severity))


def _day(instant: datetime | None, zone: object) -> str:
    return _UNKNOWN if instant is None else format_moment(instant, zone)[:10]  # type: ignore[arg-type]


def format_share(share: Decimal | None) -> str:
    """Return ``87,5 %``."""
    return _UNKNOWN if share is None else f"{share:.1f} %".replace(".", ",")


def format_duration(seconds: float | None) -> str:
    """Return ``40 s``, ``12 min`` or ``3,5 uur``: an estimate has no more digits."""
    if seconds is None:
        return _UNKNOWN
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} uur".replace(".", ",")
