"""Tokens of Exact Online: a refresh token works once, between second 570 and 600 or after a 401, for one worker.

Whoever refreshes holds the token's lock, reads the store again, and has the answer stored before anybody uses it.
A refresh token used twice ends the consent for good, and only a person can give a new one.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import unquote, urlencode, urlsplit

from order_pipelines import clock
from order_pipelines.connectors.exact_online.options import SYSTEM, Endpoint, endpoint_of, secret_of
from order_pipelines.connectors.http import Answer, ApiSession, is_token, retry_after_s
from order_pipelines.connectors.ports import Account, House, Token, TokenSlot
from order_pipelines.errors import (
    ConfigurationError,
    ConsentNeededError,
    PermanentConnectorError,
    TransientConnectorError,
)

# An earlier refresh answers 400 "access_token not expired" (picqer/exact-php-client issues 549, 606, 640).
REFRESH_FROM = timedelta(seconds=570)
ACCESS_LIFE = timedelta(seconds=600)
IDLE_AFTER = timedelta(days=7)
_TOO_EARLY_PAUSE = timedelta(seconds=10)
# Shorter than any lock is held for us: a refresh token sent after the lock was lost may be used already.
_LONGEST_ASK = timedelta(seconds=30)
_BUDGET_GROUP = "token"


def token_key(account: Account) -> str:
    """Return the key under which the token store keeps the consent of ``account``."""
    return f"{SYSTEM}:{account.name}"


class _Refused(Exception):
    """The token endpoint said no; ``kind`` is ``too_early``, ``used``, ``gone`` or ``other``."""

    def __init__(self, kind: str, error: PermanentConnectorError) -> None:
        super().__init__(str(error))
        self.kind = kind
        self.error = error


class TokenDesk:
    """The one way to the token endpoint: sends a form, reads tokens or the kind of refusal."""

    def __init__(self, account: Account, house: House, endpoint: Endpoint) -> None:
        self._account = account
        self._path = urlsplit(endpoint.token_url).path
        host = endpoint.token_url.removesuffix(self._path)
        self._deadline = house.deadline
        self._session = ApiSession(SYSTEM, account.name, host, house.budget, secrets=account.secrets.values())

    def close(self) -> None:
        """Free the connections."""
        self._session.close()

    def ask(self, form: dict[str, str]) -> Token:
        """Return the tokens given for ``form``.

        Raises:
            TransientConnectorError: no useful answer; a refresh token may be used up by it all the same.
            _Refused: with the kind of refusal.
        """
        latest = clock.now() + _LONGEST_ASK
        self._session.deadline = latest if self._deadline is None else min(latest, self._deadline)
        secrets = {name: secret_of(self._account, name) for name in ("client_id", "client_secret")}
        self._session.hide(form.get(name, "") for name in ("refresh_token", "code"))
        try:
            answer = self._session.send(
                "POST",
                self._path,
                group=_BUDGET_GROUP,
                headers={"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"},
                body=urlencode(form | secrets).encode(),
            )
        except TransientConnectorError as error:
            # A lost token answer is no entry in doubt: whoever wanted to write has not been called yet.
            raise self._transient(str(error), None, error.retry_after_s) from None
        token = _read_token(answer)
        # One report (picqer issue 559) has new tokens in a refusal: whatever holds tokens is kept, or they are lost.
        if token is not None:
            return token
        if answer.status >= 500 or answer.status in {408, 429} or answer.status < 400:
            text = (
                f"{SYSTEM} POST {self._path} for {self._account.name} answered {answer.status} without tokens"
            )
            raise self._transient(text, answer.status, retry_after_s(answer.headers))
        raise self._refusal(answer)

    def _transient(self, text: str, status: int | None, wait_s: float | None) -> TransientConnectorError:
        return TransientConnectorError(
            text, system=SYSTEM, method="POST", path=self._path, status=status, retry_after_s=wait_s
        )

    def _refusal(self, answer: Answer) -> _Refused:
        error, description = (self._session.plain(text) for text in _read_refusal(answer))
        words = description.lower()
        kind = "other"
        if "not expired" in words or answer.headers.get("Reason", "").startswith("TooEarly"):
            kind = "too_early"
        elif "old refresh token" in words:
            kind = "used"
        elif "refresh token expired" in words or error == "invalid_grant":
            kind = "gone"
        return _Refused(
            kind,
            PermanentConnectorError(
                f"{SYSTEM} POST {self._path} for {self._account.name} answered {answer.status} "
                f"({error or 'no reason'}: {description or 'no words'}); check client_id and client_secret",
                system=SYSTEM,
                method="POST",
                path=self._path,
                status=answer.status,
                vendor_code=error or None,
            ),
        )


class TokenKeeper:
    """Hands out the access token of one account and renews it when, and only when, the vendor allows it."""

    def __init__(self, account: Account, house: House, endpoint: Endpoint) -> None:
        self._account = account
        self._tokens = house.tokens
        self._desk = TokenDesk(account, house, endpoint)
        self._key = token_key(account)
        self._token: Token | None = None
        self._not_before: datetime | None = None

    def close(self) -> None:
        """Free the connections."""
        self._desk.close()

    def access_token(self) -> str:
        """Return a token that should be good now, renewed first when it is in its last 30 seconds or over.

        Raises:
            ConsentNeededError: only a person can help; nothing was sent.
            TransientConnectorError: the token endpoint did not answer.
            LeaseLostError: another worker took the lock meanwhile.
        """
        token = self._token
        if token is None or self._is_due(token):
            token = self._stored_or_new(self._is_due)
        return token.access_token

    def replace(self, rejected: str) -> str:
        """Return another token than ``rejected``, which was answered with 401.

        Raises:
            ConsentNeededError, TransientConnectorError, LeaseLostError: as :meth:`access_token`; transient also when
                the vendor says that the rejected token has not expired.
        """
        token = self._stored_or_new(lambda stored: stored.access_token == rejected)
        if token.access_token == rejected:
            left = token.obtained_at + REFRESH_FROM - clock.now()
            raise TransientConnectorError(
                f"{SYSTEM} refused the token of {self._account.name} and gives no other before the old one is "
                f"{REFRESH_FROM.total_seconds():.0f} s old; try again then",
                system=SYSTEM,
                status=401,
                retry_after_s=max(_TOO_EARLY_PAUSE, left).total_seconds(),
            )
        return token.access_token

    def refresh_if_idle(self, idle_after: timedelta) -> bool:
        """Renew when the last renewal is at least ``idle_after`` ago; tell whether that happened."""
        before = self._tokens.peek(self._key)
        token = self._stored_or_new(lambda stored: clock.now() - stored.obtained_at >= idle_after)
        return before is None or token.access_token != before.access_token

    def _is_due(self, token: Token) -> bool:
        now = clock.now()
        if self._not_before is not None and now < self._not_before:
            return False
        return now - token.obtained_at >= REFRESH_FROM or now >= token.expires_at

    def _stored_or_new(self, must_renew: Callable[[Token], bool]) -> Token:
        """Return the stored token, or a new one when there is none or ``must_renew`` says so of the stored one."""
        with self._tokens.locked(self._key) as slot:
            dead = slot.dead_reason()
            if dead is not None:
                raise self._consent_needed(dead)
            stored = slot.read()
            if stored is None or must_renew(stored):
                stored = self._renew(slot, stored)
            self._token = stored
            return stored

    def _renew(self, slot: TokenSlot, stored: Token | None) -> Token:
        refresh_token = self._account.secrets.get("refresh_token") if stored is None else stored.refresh_token
        if not refresh_token:
            raise self._consent_needed("nobody has given consent yet")
        try:
            token = self._desk.ask({"grant_type": "refresh_token", "refresh_token": refresh_token})
        except _Refused as refusal:
            return self._after_refusal(slot, stored, refresh_token, refusal)
        # Stored before first use: from here on the old refresh token is worthless.
        slot.write(token)
        self._not_before = None
        return token

    def _after_refusal(
        self, slot: TokenSlot, stored: Token | None, refresh_token: str, refusal: _Refused
    ) -> Token:
        if refusal.kind == "too_early":
            self._not_before = clock.now() + _TOO_EARLY_PAUSE
            if stored is not None:
                return stored
            raise TransientConnectorError(
                f"{SYSTEM}: the consent of {self._account.name} is in use elsewhere or too fresh; its first token "
                f"comes within {ACCESS_LIFE.total_seconds():.0f} s",
                system=SYSTEM,
                status=refusal.error.status,
                retry_after_s=ACCESS_LIFE.total_seconds() / 10,
            )
        if refusal.kind == "used":
            # Only when somebody wrote without the lock, or lost it, does the store hold a newer one.
            again = slot.read()
            if again is not None and again.refresh_token != refresh_token:
                return again
        if refusal.kind == "other":
            raise refusal.error from None
        reason = (
            "the refresh token was used before" if refusal.kind == "used" else "the refresh token has expired"
        )
        slot.mark_dead(f"{reason} ({clock.isoformat(clock.now())})")
        raise self._consent_needed(reason) from None

    def _consent_needed(self, reason: str) -> ConsentNeededError:
        return ConsentNeededError(
            f"{SYSTEM}: CONSENT NEEDED for {self._account.name}: {reason}; nothing is sent until a person has run "
            f"'order-pipelines authorize {self._account.name}'",
            system=SYSTEM,
            vendor_code="consent_needed",
        )


def authorize_url(account: Account, state: str) -> str:
    """Return the address at which a person gives consent; ``state`` comes back with the code.

    Raises:
        ConfigurationError: ``redirect_uri`` or ``client_id`` is missing.
    """
    endpoint = endpoint_of(account)
    asked = {
        "client_id": secret_of(account, "client_id"),
        "redirect_uri": _redirect_uri(account, endpoint),
        "response_type": "code",
        "state": state,
        "force_login": "0",
    }
    return f"{endpoint.base_url}/api/oauth2/auth?{urlencode(asked)}"


def exchange_code(account: Account, house: House, code: str) -> None:
    """Turn the code of a fresh consent into tokens and store them, over whatever was there before, dead or alive.

    ``code`` is taken as it stands in the redirected address, percent-encoded or not.

    Raises:
        ConfigurationError: ``redirect_uri`` or a secret is missing.
        PermanentConnectorError: the code was refused: it works once and for a few minutes.
        TransientConnectorError: the token endpoint did not answer; ask for a new code.
    """
    endpoint = endpoint_of(account)
    form = {
        "grant_type": "authorization_code",
        "code": unquote(code.strip()),
        "redirect_uri": _redirect_uri(account, endpoint),
    }
    desk = TokenDesk(account, house, endpoint)
    try:
        with house.tokens.locked(token_key(account)) as slot:
            slot.write(desk.ask(form))
    except _Refused as refusal:
        raise refusal.error from None
    finally:
        desk.close()


def keep_alive(account: Account, house: House, *, idle_after: timedelta = IDLE_AFTER) -> bool:
    """Renew the tokens of a tenant that had no call for ``idle_after``, because 30 idle days end the consent.

    Returns whether tokens were renewed.

    Raises:
        ConsentNeededError, TransientConnectorError, LeaseLostError: as :meth:`TokenKeeper.access_token`.
    """
    keeper = TokenKeeper(account, house, endpoint_of(account))
    try:
        return keeper.refresh_if_idle(idle_after)
    finally:
        keeper.close()


def _redirect_uri(account: Account, endpoint: Endpoint) -> str:
    if endpoint.redirect_uri is None:
        raise ConfigurationError(
            f"accounts.{account.name}.options.redirect_uri: expected the redirect address registered with the app"
        )
    return endpoint.redirect_uri


def _read_token(answer: Answer) -> Token | None:
    content = _read_object(answer)
    access_token, refresh_token = content.get("access_token"), content.get("refresh_token")
    if not isinstance(access_token, str) or not isinstance(refresh_token, str):
        return None
    if not is_token(access_token) or not is_token(refresh_token):
        return None
    # "600", a string. What is no life of a token must not cost the refresh token that came with it.
    seconds = str(content.get("expires_in"))
    is_life = len(seconds) <= 5 and seconds.isdecimal() and int(seconds) > 0
    life = timedelta(seconds=int(seconds)) if is_life else ACCESS_LIFE
    # Its age counts from when we had it, so that we are never earlier than the vendor; its end from when we asked.
    return Token(access_token, clock.now(), answer.sent_at + life, refresh_token)


def _read_refusal(answer: Answer) -> tuple[str, str]:
    content = _read_object(answer)
    error, description = content.get("error"), content.get("error_description")
    return error if isinstance(error, str) else "", description if isinstance(description, str) else ""


def _read_object(answer: Answer) -> dict[str, object]:
    # Not orjson: it refuses a whole answer for one number beyond floats, and with it the only refresh token there is.
    try:
        content = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
