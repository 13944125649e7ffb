"""Integrations and the ten minutes of a token; every request for one is kept."""

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from order_pipelines.sandbox.shopware.http import JSON, Call, Problem
from order_pipelines.sandbox.shopware.store import wire_time
from order_pipelines.sandbox.standin import SlidingLimit, VirtualClock

LOGIN_PATH = "/api/oauth/token"
TOKEN_LIFE = timedelta(seconds=600)
# Of Shopware's cloud. A self-hosted shop only slows down whoever has failed ten times.
_TOKENS = 10
_WITHIN_S = 60.0
_RELAXED_FACTOR = 1000


@dataclass
class Integration:
    """One integration in the administration of one shop, with the memory of its token requests."""

    account: str
    access_key: str
    secret: str
    limit: SlidingLimit
    requests: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class _Token:
    account: str
    expires_at: datetime


class TokenDesk:
    """Issues and checks the tokens of all shops."""

    def __init__(self, accounts: tuple[str, ...], clock: VirtualClock, *, relaxed: bool) -> None:
        places = _TOKENS * (_RELAXED_FACTOR if relaxed else 1)
        self.integrations = {
            account: Integration(
                account,
                f"SWIA{hashlib.sha256(account.encode()).hexdigest()[:22].upper()}",
                f"{account}-secret",
                SlidingLimit(clock, places, _WITHIN_S),
            )
            for account in accounts
        }
        self._tokens: dict[str, _Token] = {}
        self._issued = 0

    def whose(self, call: Call) -> str:
        """Return whose request for a token this is by its access key, else an empty text."""
        key = _told(call)[1]
        return next((one.account for one in self.integrations.values() if one.access_key == key), "")

    def issue(self, call: Call, now: datetime) -> dict[str, Any]:
        """Answer a request for a token.

        Raises:
            Problem: 400 the grant is unknown; 401 nobody has these credentials; 429 too many were asked for.
        """
        account = self.whose(call)
        if account:
            allowed, _, wait_s = self.integrations[account].limit.take()
            if not allowed:
                raise too_many(wait_s)
        grant, _, secret = _told(call)
        if grant != "client_credentials":
            raise Problem(
                400,
                "2",
                "Check that all required parameters have been provided",
                title="The authorization grant type is not supported by the authorization server.",
            )
        if not account or self.integrations[account].secret != secret:
            raise Problem(401, "4", "Client authentication failed", title="Client authentication failed")
        self._issued += 1
        text = self._text(account, now)
        self._tokens[text] = _Token(account, now + TOKEN_LIFE)
        return {
            "token_type": "Bearer",
            "expires_in": int(TOKEN_LIFE.total_seconds()),
            "access_token": text,
        }

    def note(self, account: str, now: datetime, status: int) -> None:
        """Remember an answer to a request for a token."""
        if account:
            self.integrations[account].requests.append({"at": wire_time(now), "status": status})

    def account_of(self, call: Call) -> str:
        """Return whose token a call carries, good or expired; else an empty text."""
        token = self._tokens.get(_bearer(call))
        return "" if token is None else token.account

    def check(self, call: Call, now: datetime) -> str:
        """Return whose call this is.

        Raises:
            Problem: 401, the token is unknown or its time is over.
        """
        token = self._tokens.get(_bearer(call))
        if token is None or now >= token.expires_at:
            raise no_access()
        return token.account

    def expire_all(self, account: str, now: datetime) -> None:
        """End every token of an account."""
        for text, token in self._tokens.items():
            if token.account == account:
                self._tokens[text] = _Token(account, min(token.expires_at, now))

    def _text(self, account: str, now: datetime) -> str:
        words = f"{account}:{self._issued}:{now.timestamp()}".encode()
        parts = (b'{"typ":"JWT","alg":"HS256"}', words, hashlib.sha256(words).digest())
        return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def no_access() -> Problem:
    """A 401 for a token that is not good."""
    return Problem(
        401,
        "9",
        "Access token could not be verified",
        title="The resource owner or authorization server denied the request.",
    )


def too_many(wait_s: float, *, tells_when: bool = True) -> Problem:
    """A 429 of the login or of a hoster."""
    seconds = max(1, -int(-wait_s // 1))
    return Problem(
        429,
        "FRAMEWORK__RATE_LIMIT_EXCEEDED",
        f"Too many requests, try again in {seconds} seconds.",
        parameters={"seconds": seconds},
        headers={"Retry-After": str(seconds)} if tells_when else {},
    )


def _bearer(call: Call) -> str:
    return call.headers.get("authorization", "").removeprefix("Bearer ")


def _told(call: Call) -> tuple[str, str, str]:
    """Return (grant, access key, secret) from the body, JSON or a form; a Basic header wins."""
    if call.headers.get("content-type", "").partition(";")[0].strip() == JSON:
        try:
            body = call.json()
        except Problem:
            body = {}
    else:
        body = dict(parse_qsl(call.body.decode("utf-8", "replace")))
    told = body if isinstance(body, dict) else {}
    key, secret = str(told.get("client_id", "")), str(told.get("client_secret", ""))
    authorization = call.headers.get("authorization", "")
    if authorization.lower().startswith("basic "):
        try:
            key, _, secret = base64.b64decode(authorization[6:], validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return str(told.get("grant_type", "")), "", ""
    return str(told.get("grant_type", "")), key, secret
