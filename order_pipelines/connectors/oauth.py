"""The access token of an account that has client id and secret: kept for its life, asked for by one process at a time.

What a system's token end point wants to hear is its own: see :class:`TokenRequest`, and the client of each system.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from order_pipelines import clock
from order_pipelines.connectors.http import Answer, ApiSession, is_token
from order_pipelines.connectors.ports import Account, House, Token
from order_pipelines.errors import (
    ConfigurationError,
    ConnectorError,
    PermanentConnectorError,
    TransientConnectorError,
)

_MARGIN = timedelta(seconds=30)
_LONGEST_LIFE_S = 24 * 3600
_PAUSE_AFTER_USELESS_RENEWAL = timedelta(seconds=60)
_REFUSED = frozenset({400, 401, 403})


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """How one account asks for a token.

    Args:
        system: registry name, used in errors and in the key of the token's store.
        url: of the token end point.
        content_type: of the body.
        body: holds the secret where ``auth`` does not.
        where_to_look: where a person finds what is wrong with the credentials, as the end of a sentence.
        auth: client id and secret, where they are asked for in a header.
    """

    system: str
    url: str
    content_type: str
    body: bytes = field(repr=False)
    where_to_look: str
    auth: tuple[str, str] | None = field(default=None, repr=False)


class TokenKeeper:
    """Gives a token that is good for at least the next call.

    Both bol and Shopware block or throttle the address of a client that asks a token per call, so a token is shared
    through the house's store and asked for only when none is left. There is no refresh token.
    """

    def __init__(self, account: Account, house: House, request: TokenRequest) -> None:
        self._account = account.name
        self._request = request
        self._system = request.system
        self._key = f"{request.system}:{account.name}"
        self._store = house.tokens
        self._path = urlsplit(request.url).path
        self._session = ApiSession(
            request.system,
            account.name,
            request.url.removesuffix(self._path),
            house.budget,
            deadline=house.deadline,
            secrets=account.secrets.values(),
        )
        self._token: Token | None = None
        self._refusal: PermanentConnectorError | None = None
        self._renewed: Token | None = None

    def get(self) -> Token:
        """Return a good token from memory, the store or the token end point.

        Raises:
            PermanentConnectorError: client id and secret are not accepted.
            TransientConnectorError: no token could be had now; nothing was sent to the API.
        """
        token = self._token
        if token is None or not _is_good(token):
            token = self._store.peek(self._key)
            if token is None or not _is_good(token):
                token = self._refresh(None)
            self._token = token
        return token

    def renew(self, rejected: Token) -> Token:
        """Return another token than the one that was just rejected.

        Raises:
            PermanentConnectorError: client id and secret are not accepted.
            TransientConnectorError: new tokens are rejected too; asking on and on would get the address blocked.
        """
        if self._renewed is not None and rejected.access_token == self._renewed.access_token:
            wait = _PAUSE_AFTER_USELESS_RENEWAL - (clock.now() - self._renewed.obtained_at)
            if wait > timedelta(0):
                raise TransientConnectorError(
                    f"{self._system} rejects the new token of {self._account} too; no other one is asked for now",
                    system=self._system,
                    status=401,
                    retry_after_s=wait.total_seconds(),
                )
        self._token = self._renewed = self._refresh(rejected)
        return self._token

    def _refresh(self, rejected: Token | None) -> Token:
        if self._refusal is not None:
            raise self._refusal
        with self._store.locked(self._key) as slot:
            # Another process may have asked while this one waited for the lock.
            token = slot.read()
            is_another = rejected is None or token is None or token.access_token != rejected.access_token
            if token is not None and _is_good(token) and is_another:
                return token
            try:
                token = self._ask()
            except PermanentConnectorError as error:
                self._refusal = error
                raise
            slot.write(token)
            return token

    def _ask(self) -> Token:
        try:
            answer = self._session.send(
                "POST",
                self._path,
                group=f"{self._account} POST {self._path}",
                headers={"Accept": "application/json", "Content-Type": self._request.content_type},
                body=self._request.body,
                auth=self._request.auth,
            )
            if answer.status in _REFUSED:
                raise self._error(
                    PermanentConnectorError,
                    answer,
                    f"client id or secret is wrong or withdrawn; check {self._request.where_to_look}",
                    vendor_code=_vendor_code(answer),
                )
            self._session.check(answer, "POST", self._path)
        except ConnectorError as error:
            # A request for a token changes nothing, and the call that needed it was not made.
            error.maybe_acted = False
            raise
        return self._read(answer)

    def _read(self, answer: Answer) -> Token:
        try:
            content = answer.json()
        except ValueError:
            raise self._error(TransientConnectorError, answer, "the answer is not JSON") from None
        text = content.get("access_token") if isinstance(content, dict) else None
        life_s = content.get("expires_in") if isinstance(content, dict) else None
        if isinstance(life_s, str) and len(life_s) <= 9 and life_s.isdecimal():
            life_s = int(life_s)
        if not isinstance(text, str) or not is_token(text) or type(life_s) is not int or life_s <= 0:
            raise self._error(
                PermanentConnectorError, answer, "the answer has no access_token with expires_in"
            )
        self._session.hide([text])
        lives_until = answer.sent_at + timedelta(seconds=min(life_s, _LONGEST_LIFE_S))
        return Token(text, answer.sent_at, lives_until)

    def _error(
        self, kind: type[ConnectorError], answer: Answer, what: str, *, vendor_code: str | None = None
    ) -> ConnectorError:
        return kind(
            f"{self._system} POST {self._path} for {self._account} answered {answer.status}: {what}",
            system=self._system,
            method="POST",
            path=self._path,
            status=answer.status,
            vendor_code=None if vendor_code is None else self._session.plain(vendor_code),
        )


def secret_of(account: Account, name: str) -> str:
    """Return a secret of an account.

    Raises:
        ConfigurationError: it has none of that name.
    """
    value = account.secrets.get(name)
    if not value:
        raise ConfigurationError(
            f"accounts.{account.name}.secrets.{name}: the name of the environment variable that holds it"
        )
    return value


def _is_good(token: Token) -> bool:
    life = token.expires_at - token.obtained_at
    return clock.now() < token.expires_at - min(_MARGIN, life / 2)


def _vendor_code(answer: Answer) -> str | None:
    try:
        content = answer.json()
    except ValueError:
        return None
    code = content.get("error") if isinstance(content, Mapping) else None
    return code if isinstance(code, str) else None
