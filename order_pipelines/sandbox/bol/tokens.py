"""Client credentials and the short life of a token; every request for one is counted."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote_plus

import orjson

from order_pipelines.sandbox.bol.model import utc_time

TOKEN_LIFE = timedelta(seconds=299)
_SHORTEST_PAUSE = timedelta(seconds=60)


@dataclass
class Credentials:
    """One credential pair of one account, with the memory of its token requests."""

    account: str
    client_id: str
    client_secret: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    violations: list[dict[str, Any]] = field(default_factory=list)
    last_answered_at: datetime | None = None
    may_ask_again: bool = False


@dataclass(frozen=True)
class Token:
    """An issued token."""

    account: str
    expires_at: datetime


class TokenDesk:
    """Issues and checks tokens for all accounts."""

    def __init__(self, accounts: tuple[str, ...]) -> None:
        self.pairs = {
            account: Credentials(account, f"{account}-client", f"{account}-secret") for account in accounts
        }
        self._tokens: dict[str, Token] = {}
        self._issued = 0

    def find_pair(self, client_id: str | None, client_secret: str | None) -> Credentials | None:
        """Return the pair that these credentials are, or ``None``."""
        for pair in self.pairs.values():
            if (pair.client_id, pair.client_secret) == (client_id, client_secret):
                return pair
        return None

    def issue(self, pair: Credentials, now: datetime) -> dict[str, Any]:
        """Answer one good request for a token; a second one within 60 s while the first is good is a violation."""
        if pair.last_answered_at is not None and not pair.may_ask_again:
            pause = now - pair.last_answered_at
            if timedelta(0) <= pause < _SHORTEST_PAUSE:
                pair.violations.append({"at": utc_time(now), "seconds_since_previous": pause.total_seconds()})
        pair.last_answered_at = now
        pair.may_ask_again = False
        self._issued += 1
        token = self._jwt(pair, now)
        self._tokens[token] = Token(pair.account, now + TOKEN_LIFE)
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(TOKEN_LIFE.total_seconds()),
            "scope": "RETAILER",
        }

    def look_up(self, token: str) -> Token | None:
        """Return what is known of a token, good or expired."""
        return self._tokens.get(token)

    def expire_all(self, account: str, now: datetime) -> None:
        """End every token of an account; its next request for one is no violation."""
        for text, token in self._tokens.items():
            if token.account == account:
                self._tokens[text] = Token(account, min(token.expires_at, now))
        self.pairs[account].may_ask_again = True

    def _jwt(self, pair: Credentials, now: datetime) -> str:
        header = _segment(orjson.dumps({"kid": "sandbox", "typ": "JWT", "alg": "RS256"}))
        claims = {
            "sub": pair.client_id,
            "iat": int(now.timestamp()),
            "exp": int((now + TOKEN_LIFE).timestamp()),
            "jti": self._issued,
        }
        body = f"{header}.{_segment(orjson.dumps(claims))}"
        return f"{body}.{_segment(hashlib.sha256(body.encode()).digest())}"


def read_credentials(
    headers: Mapping[str, str], query: Mapping[str, str], form: Mapping[str, str]
) -> tuple[str | None, str | None]:
    """Return (client id, secret) from Basic, else from the body, else from the query."""
    authorization = headers.get("authorization", "")
    if authorization.lower().startswith("basic "):
        try:
            plain = base64.b64decode(authorization[6:], validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None, None
        client_id, _, secret = plain.partition(":")
        return unquote_plus(client_id), unquote_plus(secret)
    for source in (form, query):
        if source.get("client_id"):
            return source.get("client_id"), source.get("client_secret")
    return None, None


def _segment(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
