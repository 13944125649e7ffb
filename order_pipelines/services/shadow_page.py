"""What an observing account came to, as JSON for programs and as one HTML page for people. No rules in here."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

import jinja2

from order_pipelines import clock
from order_pipelines.services.report import format_day, format_moment, format_number, replace_file
from order_pipelines.services.shadow_facts import (
    LIVE,
    NOT_READY,
    NOTHING,
    READY,
    Difference,
    Facts,
    Reason,
)
from order_pipelines.services.shadow_orders import (
    IN_QUARANTINE,
    LACKING,
    NEVER_COUNTED,
    OTHER_LINES,
    REFUSED,
    SHORT,
    UNKNOWN_ARTICLE,
    UNTOLD,
)
from order_pipelines.services.shadow_rules import (
    ACCEPTANCE,
    CANCELLATION,
    CLEAN_DAYS_WANTED,
    STOCK,
    TRACKING,
    Day,
)
from order_pipelines.settings import Settings

_TEMPLATE = Path(__file__).with_name("shadow_report.html")
MOST_DIFFERENCES = 200

_VERDICTS = {
    READY: ("Klaar om over te stappen", "good"),
    NOT_READY: ("Nog niet klaar", "bad"),
    LIVE: ("Live", ""),
    NOTHING: ("Niets te vergelijken", ""),
}
_MODES = {"observe": "Neemt alleen waar", "live": "Live"}
_KINDS = {
    STOCK: "Voorraad",
    ACCEPTANCE: "Acceptatie",
    TRACKING: "Verzending",
    CANCELLATION: "Annulering",
}
_APART = {
    "offers_without_product": "aanbiedingen zonder artikel",
    "offers_without_number": "aanbiedingen van artikelen die nooit geteld zijn",
    "products_without_offer": "artikelen op voorraad zonder aanbieding",
}
_WORDS = {
    "accepted": "geaccepteerd",
    "waits": "wacht nog",
    "cancelled": "geannuleerd",
    "not cancelled": "niet geannuleerd",
    "held back": "vastgehouden",
}


_CAUSES = {
    IN_QUARANTINE: "hier in quarantaine",
    UNKNOWN_ARTICLE: "noemt een artikel dat hier onbekend is",
    REFUSED: "daar geweigerd, of door de koper ingetrokken",
    LACKING: "het kanaal kent de verzending niet die hier vertrok",
    UNTOLD: "het kanaal kent een verzending waarvan hier niets bekend is",
    OTHER_LINES: "daar vertrokken andere regels dan hier",
}


def as_json(facts: Sequence[Facts], made_at: datetime) -> dict[str, Any]:
    """Return everything, JSON-ready; instants in UTC, days as ``2026-11-30``."""
    return {
        "made_at": clock.isoformat(made_at),
        "clean_days_wanted": CLEAN_DAYS_WANTED,
        "accounts": [
            _plain(
                {
                    **asdict(each),
                    "days": _days_as_json(each),
                    "reasons": [{**asdict(reason), "sentence": reason.sentence} for reason in each.reasons],
                }
            )
            for each in facts
        ],
    }


def _days_as_json(facts: Facts) -> list[dict[str, Any]]:
    return [
        {"day": day, "kinds": [{**asdict(each), "is_clean": each.is_clean} for each in kinds.values()]}
        for day, kinds in sorted((facts.days or {}).items())
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return clock.isoformat(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def write_page(facts: Sequence[Facts], settings: Settings, path: Path) -> Path:
    """Write the page to ``path``; a reader sees the old file or the new one. Returns the absolute path.

    Raises:
        OSError: the file cannot be written; a former one is kept.
    """
    target = path.absolute()
    replace_file(target, render(facts, settings, clock.now()).encode())
    return target


def render(facts: Sequence[Facts], settings: Settings, made_at: datetime) -> str:
    """Return the page. Everything that comes from outside is escaped."""
    zone = settings.merchant.zone
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "day": format_day,
        "moment": lambda value: format_moment(value, zone),
        "number": format_number,
    }
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        merchant=settings.merchant,
        made_at=made_at,
        wanted=CLEAN_DAYS_WANTED,
        accounts=[_for_people(each) for each in facts],
    )


def _for_people(facts: Facts) -> dict[str, Any]:
    verdict, tone = _VERDICTS[facts.verdict]
    shown = facts.differences[:MOST_DIFFERENCES]
    return {
        "account": facts.account,
        "system": facts.system,
        "mode": _MODES[facts.mode],
        "is_observing": facts.verdict in {READY, NOT_READY},
        "since": facts.since,
        "verdict": verdict,
        "tone": tone,
        "clean": facts.clean,
        "reasons": [_reason(each) for each in facts.reasons],
        "days": [_day(day, kinds.values()) for day, kinds in sorted((facts.days or {}).items())],
        "kinds": [{**asdict(each), "word": _KINDS[each.kind]} for each in facts.kinds],
        "differences": [_difference(each) for each in shown],
        "left_out": len(facts.differences) - len(shown),
        "apart": [
            {"count": each.count, "word": _APART[each.what], "names": ", ".join(each.names)}
            for each in facts.apart
            if each.count
        ],
    }


def _day(day: date, kinds: Any) -> dict[str, Any]:
    known: list[Day] = list(kinds)
    differing = sum(each.differing for each in known)
    if differing:
        word, tone = f"{format_number(differing)} verschillen" if differing > 1 else "1 verschil", "bad"
    elif all(each.is_clean for each in known):
        word, tone = "schoon", "good"
    else:
        word, tone = "onbekend", "busy"
    return {"day": day, "word": word, "tone": tone}


def _difference(row: Difference) -> dict[str, Any]:
    subject = f"{row.sku} (aanbieding {row.subject})" if row.sku else row.subject
    return {
        "word": _KINDS[row.kind],
        "subject": subject,
        "ours": _WORDS.get(row.ours, row.ours),
        "theirs": _WORDS.get(row.theirs, row.theirs),
        "since": row.since,
        "is_counted": row.is_counted,
        "reason": _cause(row.reason or ""),
    }


def _cause(text: str) -> str:
    if text.startswith(SHORT):
        missing = text.removeprefix(SHORT).replace(NEVER_COUNTED, "(nooit geteld)")
        return f"stuks te kort: {missing}"
    return _CAUSES.get(text, text)


def _reason(reason: Reason) -> str:
    kind = _KINDS.get(reason.kind, reason.kind)
    offers = "1 aanbieding toont" if reason.count == 1 else f"{reason.count} aanbiedingen tonen"
    return {
        "offers_differ": f"{offers} een andere voorraad dan wij zouden sturen",
        "never_compared": f"{kind} is de laatste dagen niet vergeleken",
        "not_readable": f"{kind} was niet te vergelijken: {reason.detail}",
        "no_numbers": "Geen enkele aanbieding heeft hier een aantal: tel de voorraad en kijk de artikellijst na",
        "mode_not_noted": "Niet bekend sinds wanneer het account waarneemt: herstart wat met oude instellingen draait",
        "too_few_days": f"{reason.count} van {CLEAN_DAYS_WANTED} schone dagen",
    }[reason.code]
