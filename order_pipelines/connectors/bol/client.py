"""Calls of the bol Retailer API for one account: token, media types, rate budget, problems as reasons.

Knows how to call and what an answer means for the caller's next step; not what orders or offers are.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from order_pipelines import clock
from order_pipelines.connectors.http import (
    MAX_BODY_BYTES,
    Answer,
    ApiSession,
    header_number,
    reset_seconds,
    retry_after_s,
)
from order_pipelines.connectors.oauth import TokenKeeper, TokenRequest, secret_of
from order_pipelines.connectors.plain import plain_words
from order_pipelines.connectors.ports import Account, House, Token, WriteResult
from order_pipelines.errors import ConnectorError, PermanentConnectorError, TransientConnectorError

API_URL = "https://api.bol.com"
TOKEN_URL = "https://login.bol.com/token"  # noqa: S105
# The media type is pinned per resource: only offers have a v11 (contract digest, section 1, 2026-11-21).
V10_JSON = "application/vnd.retailer.v10+json"
V10_CSV = "application/vnd.retailer.v10+csv"
V11_JSON = "application/vnd.retailer.v11+json"

# bol's ids are at most 36 characters; what is longer than this is none.
LONGEST_ID = 200

_UNAUTHORISED = 401
_TOO_MANY = 429
# Where a 429 comes without Retry-After (contract digest, section 11).
_BACK_OFF_S = (5.0, 15.0, 60.0)
# A listing that is refused in its middle waits this long in all and goes on; a longer wait ends it.
LISTING_WAIT_S = 60.0
_LISTING_WAITS = 3
# The write itself was judged and not done; other statuses concern the account or the call.
_REFUSED = frozenset({400, 404, 409, 422})


class BolClient:
    """One account at bol. Errors name method, path and bol's reason; never a body, a token or a person."""

    def __init__(self, account: Account, house: House) -> None:
        self.account = account.name
        self._budget = house.budget
        self._tokens = TokenKeeper(account, house, _token_request(account))
        self._session = ApiSession(
            "bol",
            account.name,
            account.base_url or API_URL,
            house.budget,
            deadline=house.deadline,
            secrets=account.secrets.values(),
        )
        self._refusals: dict[str, int] = {}

    def get(
        self,
        path: str,
        *,
        group: str,
        params: Mapping[str, str | int] | None = None,
        media_type: str = V10_JSON,
        max_bytes: int = MAX_BODY_BYTES,
    ) -> Answer:
        """Read.

        Args:
            path: from ``/retailer`` or ``/shared`` on, parts quoted.
            group: the endpoint group whose limit counts, for example ``GET /orders/*``.
            params: query members.
            media_type: what is accepted.
            max_bytes: the largest answer that is read.

        Raises:
            TransientConnectorError: 408, 429 (with ``retry_after_s``), 5xx or the network.
            PermanentConnectorError: any other bad status, with bol's reason.
        """
        return self._call("GET", path, group, {"Accept": media_type}, params, None, max_bytes)

    def get_page(
        self,
        path: str,
        *,
        group: str,
        params: Mapping[str, str | int] | None = None,
        media_type: str = V10_JSON,
    ) -> Answer:
        """Read a page of a listing, like :meth:`get`; a 429 is waited for while the waits are short enough."""
        waited = 0.0
        for _ in range(_LISTING_WAITS):
            try:
                return self.get(path, group=group, params=params, media_type=media_type)
            except TransientConnectorError as error:
                if error.status != _TOO_MANY or error.retry_after_s is None:
                    raise
                waited += error.retry_after_s
                if waited > LISTING_WAIT_S or self._is_over_in(error.retry_after_s):
                    raise
                # The budget knows of the refusal: the next call sleeps until its end.
        return self.get(path, group=group, params=params, media_type=media_type)

    def _is_over_in(self, seconds: float) -> bool:
        deadline = self._session.deadline
        return deadline is not None and clock.now() + timedelta(seconds=seconds) > deadline

    def write(
        self, method: str, path: str, payload: object, *, group: str, media_type: str = V10_JSON
    ) -> Answer:
        """Write a JSON body; like :meth:`get`, and ``maybe_acted`` is set where the write may have been done."""
        headers = {"Accept": media_type, "Content-Type": media_type}
        return self._call(method, path, group, headers, None, orjson.dumps(payload))

    def try_write(
        self, method: str, path: str, payload: object, *, group: str, media_type: str = V10_JSON
    ) -> Answer | WriteResult:
        """Write; a refusal of this very write (400, 404, 409, 422) becomes ``rejected`` with bol's reason."""
        try:
            return self.write(method, path, payload, group=group, media_type=media_type)
        except PermanentConnectorError as error:
            if error.status not in _REFUSED:
                raise
            return WriteResult("rejected", reason=str(error))

    def read_object(self, answer: Answer, path: str) -> dict[str, Any]:
        """Return the answer as a JSON object.

        Raises:
            TransientConnectorError: not JSON, which a gateway's page explains better than a changed contract.
            PermanentConnectorError: JSON, but no object.
        """
        try:
            content = answer.json()
        except ValueError:
            raise self._error(TransientConnectorError, path, "the answer is not JSON") from None
        if not isinstance(content, dict):
            raise self._error(PermanentConnectorError, path, "the answer is not a JSON object")
        return content

    def broken_contract(self, path: str, what: str) -> ConnectorError:
        """Return the error for a read answer that is not what bol documents."""
        return self._error(PermanentConnectorError, path, what)

    def _error(self, kind: type[ConnectorError], path: str, what: str) -> ConnectorError:
        return kind(
            f"bol GET {path} for {self.account}: {what}", system="bol", method="GET", path=path, status=200
        )

    def _call(
        self,
        method: str,
        path: str,
        group: str,
        headers: Mapping[str, str],
        params: Mapping[str, str | int] | None,
        body: bytes | None,
        max_bytes: int = MAX_BODY_BYTES,
    ) -> Answer:
        token = self._tokens.get()
        answer = self._send(token, method, path, group, headers, params, body, max_bytes)
        if answer.status == _UNAUTHORISED:
            # Expired or withdrawn early: nothing was done, so the same call is repeated, once.
            token = self._tokens.renew(token)
            answer = self._send(token, method, path, group, headers, params, body, max_bytes)
        if answer.status == _TOO_MANY:
            raise self._slow_down(answer, method, path, group)
        self._refusals.pop(group, None)
        reason, title = read_problem(answer)
        self._session.check(answer, method, path, problem=reason, vendor_code=title)
        return answer

    def _send(
        self,
        token: Token,
        method: str,
        path: str,
        group: str,
        headers: Mapping[str, str],
        params: Mapping[str, str | int] | None,
        body: bytes | None,
        max_bytes: int,
    ) -> Answer:
        answer = self._session.send(
            method,
            path,
            group=self._budget_group(group),
            headers={**headers, "Authorization": f"Bearer {token.access_token}"},
            params=params,
            body=body,
            max_bytes=max_bytes,
        )
        limit, remaining = (
            header_number(answer.headers.get(f"X-RateLimit-{name}")) for name in ("Limit", "Remaining")
        )
        if answer.status != _TOO_MANY and (limit is not None or remaining is not None):
            reset_s = reset_seconds(answer.headers.get("X-RateLimit-Reset"))
            self._budget.learn(self._budget_group(group), limit=limit, remaining=remaining, reset_s=reset_s)
        return answer

    def _slow_down(self, answer: Answer, method: str, path: str, group: str) -> TransientConnectorError:
        wait_s = retry_after_s(answer.headers)
        if wait_s is None:
            refusals = self._refusals.get(group, 0)
            self._refusals[group] = refusals + 1
            wait_s = _BACK_OFF_S[min(refusals, len(_BACK_OFF_S) - 1)]
            self._budget.refuse(self._budget_group(group), retry_after_s=wait_s)
        return TransientConnectorError(
            f"bol {method} {path} for {self.account} answered 429 (too many calls of {group}); "
            f"again in {wait_s:.0f} s",
            system="bol",
            method=method,
            path=path,
            status=_TOO_MANY,
            vendor_code="Too Many Requests",
            retry_after_s=wait_s,
        )

    def _budget_group(self, group: str) -> str:
        # bol counts per client: two accounts of one house must not wait for each other.
        return f"{self.account} {group}"


def part(text: str) -> str:
    """Return an id as one part of a path."""
    return quote(text, safe="")


def request_line(path: str, params: Mapping[str, str | int]) -> str:
    """Return what is asked, for a receipt."""
    return f"GET {path}?{urlencode(params)}" if params else f"GET {path}"


def read_problem(answer: Answer) -> tuple[str, str | None]:
    """Return (reason for people, title) of bol's Problem JSON; ``("", None)`` when there is none.

    Required members may be missing (real 404s have no ``violations``), a violation may lack its ``name``.
    """
    if answer.status < 400:
        return "", None
    try:
        problem = answer.json()
    except ValueError:
        return "", None
    if not isinstance(problem, dict):
        return "", None
    title = problem.get("title")
    parts = [_text(problem.get("detail")) or _text(title)]
    violations = problem.get("violations")
    for violation in violations if isinstance(violations, list) else []:
        if isinstance(violation, dict):
            found = (_text(violation.get("name")), _text(violation.get("reason")))
            parts.append(": ".join(text for text in found if text))
    reason = "; ".join(text for text in parts if text)
    return without_people(reason), title if isinstance(title, str) else None


def without_people(text: str) -> str:
    """Return a vendor's sentence without what names a person by its form, and no longer than a line or two."""
    return plain_words(text)


def sound_id(value: object) -> str | None:
    """Return an id as a row and a path can hold it: printable, of some size; ``None`` for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and 0 < len(value) <= LONGEST_ID and value.isprintable() and value.strip("."):
        return value
    return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _token_request(account: Account) -> TokenRequest:
    return TokenRequest(
        "bol",
        account.token_url or TOKEN_URL,
        "application/x-www-form-urlencoded",
        b"grant_type=client_credentials",
        "both in bol's seller settings",
        auth=(secret_of(account, "client_id"), secret_of(account, "client_secret")),
    )
