"""Tokens of one app registration and user: consents, single-use refresh tokens, access tokens of 600 s.

A chain is one consent of a person and everything that followed from it. Presenting a refresh token a second time
kills its chain for good; only a new consent helps.
"""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

ACCESS_LIFE = timedelta(seconds=600)
REFRESH_FROM = timedelta(seconds=570)
UNUSED_LIFE = timedelta(days=30)
CALLS_PER_DAY = 200


@dataclass(frozen=True)
class TokenAnswer:
    """What the token endpoint answers: status, JSON body, extra headers."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Chain:
    """One consent: its present refresh token, the access tokens given out, and whether it still lives."""

    number: int
    refresh_token: str
    refreshed_at: datetime
    access_expiry: dict[str, datetime] = field(default_factory=dict)
    access_issued_at: datetime | None = None
    refreshes: int = 0
    is_dead: bool = False


class TokenDesk:
    """Gives and checks tokens. ``factor`` multiplies the daily number of token calls."""

    def __init__(
        self, client_id: str, client_secret: str, randomness: random.Random, factor: int = 1
    ) -> None:
        self.client_id = client_id
        self.client_secret = client_secret
        self.calls_per_day = CALLS_PER_DAY * factor
        self.requests = 0
        self.refusals: list[dict[str, Any]] = []
        self.chains: list[Chain] = []
        self._random = randomness
        self._by_refresh: dict[str, Chain] = {}
        self._by_access: dict[str, Chain] = {}
        self._codes: dict[str, str] = {}
        self._calls: Counter[str] = Counter()

    def consent(self, now: datetime) -> str:
        """Let a person consent; return the refresh token of the new chain, usable at once."""
        return self._open_chain(now).refresh_token

    def unused_refresh_token(self, now: datetime) -> str:
        """Return the newest consent's refresh token if nobody has used it, else that of a new consent."""
        if self.chains and not self.chains[-1].refreshes and self.chains[-1].access_issued_at is None:
            return self.chains[-1].refresh_token
        return self.consent(now)

    def authorize(self, redirect_uri: str) -> str:
        """Return a code that can be exchanged once for tokens at the same ``redirect_uri``."""
        code = self._secret("code")
        self._codes[code] = redirect_uri
        return code

    def answer(self, form: dict[str, str], now: datetime) -> TokenAnswer:
        """Handle one call of the token endpoint by this client."""
        self.requests += 1
        day = now.date().isoformat()
        if self._calls[day] >= self.calls_per_day:
            return self._refuse(now, 429, "access_denied", "Rate limit exceeded: token calls per day")
        self._calls[day] += 1
        if form.get("client_secret") != self.client_secret:
            return self._refuse(now, 400, "invalid_client", "The client secret was incorrect.")
        if form.get("grant_type") == "authorization_code":
            return self._exchange_code(form, now)
        if form.get("grant_type") == "refresh_token":
            return self._refresh(form.get("refresh_token", ""), now)
        return self._refuse(now, 400, "unsupported_grant_type", "The grant type is not supported.")

    def is_valid(self, access_token: str, now: datetime) -> bool:
        """Say whether ``access_token`` opens the data endpoints at ``now``."""
        chain = self._by_access.get(access_token)
        return chain is not None and now < chain.access_expiry[access_token]

    def knows(self, access_token: str) -> bool:
        """Say whether this desk gave out ``access_token``, however long ago."""
        return access_token in self._by_access

    def expire(self, access_token: str, now: datetime) -> None:
        """End the access tokens of this token's chain early; the chain may then refresh at once."""
        chain = self._by_access.get(access_token)
        if chain is not None:
            chain.access_expiry = dict.fromkeys(chain.access_expiry, now)
            chain.access_issued_at = None

    def state(self, now: datetime) -> dict[str, Any]:
        """Return chains and refusals as JSON-ready values, without any token."""
        return {
            "token_requests": self.requests,
            "token_refusals": list(self.refusals),
            "consent_needed": all(
                chain.is_dead or now > chain.refreshed_at + UNUSED_LIFE for chain in self.chains
            ),
            "chains": [
                {
                    "number": chain.number,
                    "is_dead": chain.is_dead,
                    "refreshes": chain.refreshes,
                    "refreshed_at": chain.refreshed_at.isoformat(),
                    "access_valid": any(now < expiry for expiry in chain.access_expiry.values()),
                }
                for chain in self.chains
            ],
        }

    def _exchange_code(self, form: dict[str, str], now: datetime) -> TokenAnswer:
        redirect_uri = self._codes.pop(form.get("code", ""), None)
        if redirect_uri is None or redirect_uri != form.get("redirect_uri"):
            return self._refuse(now, 400, "invalid_grant", "The authorization code is invalid or used.")
        return self._issue(self._open_chain(now), now)

    def _refresh(self, refresh_token: str, now: datetime) -> TokenAnswer:
        chain = self._by_refresh.get(refresh_token)
        if chain is None:
            return self._refuse(now, 400, "invalid_grant", "The refresh token is unknown.")
        if chain.is_dead or refresh_token != chain.refresh_token:
            chain.is_dead = True
            return self._refuse(now, 401, "unauthorized_client", "Old refresh token used.")
        expiry = chain.refreshed_at + UNUSED_LIFE
        if now > expiry:
            layout = "%d-%m-%Y %H:%M:%S"
            text = f"The refresh token expired at {expiry:{layout}} and it is now {now:{layout}}"
            return self._refuse(now, 400, "invalid_request", text)
        if chain.access_issued_at is not None and now < chain.access_issued_at + REFRESH_FROM:
            text = "Rate limit exceeded: access_token not expired"
            refusal = self._refuse(now, 400, "access_denied", text)
            return TokenAnswer(400, refusal.body, {"Reason": f"TooEarlyToRefreshTokens: {text}"})
        chain.refreshes += 1
        return self._issue(chain, now)

    def _issue(self, chain: Chain, now: datetime) -> TokenAnswer:
        access_token = self._secret("access")
        chain.access_issued_at = now
        chain.access_expiry[access_token] = now + ACCESS_LIFE
        self._by_access[access_token] = chain
        chain.refresh_token = self._secret("refresh")
        chain.refreshed_at = now
        self._by_refresh[chain.refresh_token] = chain
        return TokenAnswer(
            200,
            {
                "access_token": access_token,
                "token_type": "bearer",
                # A string, as in the vendor's answers.
                "expires_in": "600",
                "refresh_token": chain.refresh_token,
            },
        )

    def _open_chain(self, now: datetime) -> Chain:
        chain = Chain(number=len(self.chains) + 1, refresh_token=self._secret("refresh"), refreshed_at=now)
        self.chains.append(chain)
        self._by_refresh[chain.refresh_token] = chain
        return chain

    def _refuse(self, now: datetime, status: int, error: str, text: str) -> TokenAnswer:
        self.refusals.append({"at": now.isoformat(), "status": status, "error": error, "description": text})
        return TokenAnswer(status, {"error": error, "error_description": text})

    def _secret(self, purpose: str) -> str:
        # "+" is here on purpose: a client that does not encode its form presents another token than it got.
        return f"stampNL001.{purpose}!{self._random.getrandbits(192):048x}+{self._random.getrandbits(32):08x}"
