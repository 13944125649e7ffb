"""A read-only visit to an account: what every connector's probe asks alike, and errors as findings."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from order_pipelines.domain.findings import Finding, History, Severity
from order_pipelines.errors import (
    ConfigurationError,
    ConnectorError,
    ConsentNeededError,
    TransientConnectorError,
)

T = TypeVar("T")

_TOO_MANY = 429
_UNAUTHORISED = 401
_FORBIDDEN = 403
_REFUSED_TOKENS = frozenset({400, 401, 403})


@dataclass(slots=True)
class Visit:
    """What a visit found so far; it stays when the visit breaks off.

    ``is_over``: the system cannot be reached or does not know us, so nothing more is asked.
    """

    findings: list[Finding] = field(default_factory=list)
    history: History | None = None
    is_over: bool = False

    def note(self, code: str, severity: Severity, message: str, advice: str = "", **facts: str | int) -> None:
        """Add a finding."""
        self.findings.append(Finding(code, severity, message, advice, facts))

    def ask(self, right: str, call: Callable[[], T]) -> T | None:
        """Return what ``call`` answers, or ``None`` with a finding that says why not.

        ``right`` names what the account needs for it, for people: ``read orders (GET /orders)``.
        """
        if self.is_over:
            return None
        try:
            answer = call()
        except ConfigurationError as error:
            self.is_over = True
            self.note("settings_wrong", "fail", str(error), "Mend the settings.", said=str(error))
        except ConnectorError as error:
            self._note_error(right, error)
        else:
            if not any(finding.facts.get("right") == right for finding in self.findings):
                self.note("right_seen", "ok", f"{right}: allowed", right=right)
            return answer
        return None

    def _note_error(self, right: str, error: ConnectorError) -> None:
        said = str(error)
        is_token = "token" in (error.path or "")
        if isinstance(error, ConsentNeededError):
            self.is_over = True
            self.note("consent_needed", "fail", said, "Run 'order-pipelines authorize'.", said=said)
        elif error.status == _UNAUTHORISED or (is_token and error.status in _REFUSED_TOKENS):
            self.is_over = True
            advice = "Check the secrets where they were given out, and the environment variables."
            self.note("credentials_refused", "fail", said, advice, said=said)
        elif error.status == _FORBIDDEN:
            advice = "Give the key or integration this right, then run doctor again."
            self.note("right_missing", "fail", f"{right}: refused. {said}", advice, right=right, said=said)
        elif error.status is None and isinstance(error, TransientConnectorError):
            self._note_silence(right, said, error)
        elif error.retryable:
            what = "budget_used_up" if error.status == _TOO_MANY else "no_answer"
            message = f"{right}: could not be seen now. {said}"
            self.note(what, "unknown", message, "Run doctor again later.", right=right, said=said)
        else:
            message = f"{right}: refused. {said}"
            self.note("call_refused", "fail", message, "Read what the system says.", right=right, said=said)

    def _note_silence(self, right: str, said: str, error: ConnectorError) -> None:
        if error.retry_after_s is not None:
            message = f"{right}: not asked, the budget is used up. {said}"
            advice = "Run doctor again later, or with a larger --timeout."
            self.note("budget_used_up", "unknown", message, advice, right=right, said=said)
            return
        is_late = any(finding.code == "right_seen" for finding in self.findings)
        self.is_over = True
        if is_late:
            advice = "Run doctor again, with a larger --timeout."
            self.note(
                "no_answer", "unknown", f"{right}: no answer in time. {said}", advice, right=right, said=said
            )
        else:
            advice = "Check base_url and token_url, the network, and whether the system is up."
            self.note("unreachable", "fail", f"the system does not answer. {said}", advice, said=said)


@dataclass(frozen=True, slots=True)
class BooksWanted:
    """Master data that the settings name in the books: codes of journals and VAT, ids of accounts and customers."""

    journals: frozenset[str] = frozenset()
    ledger_accounts: frozenset[str] = frozenset()
    vat_codes: frozenset[str] = frozenset()
    customers: frozenset[str] = frozenset()
