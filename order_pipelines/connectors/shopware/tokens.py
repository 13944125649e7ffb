"""The access token of one integration: kept for its whole life, asked for by one process at a time."""

from datetime import datetime, timedelta

import orjson

from order_pipelines import clock
from order_pipelines.connectors.http import Answer, ApiSession, is_token
from order_pipelines.connectors.ports import Account, House, Token
from order_pipelines.errors import (
    ConfigurationError,
    ConnectorError,
    PermanentConnectorError,
    TransientConnectorError,
)

TOKEN_PATH = "/api/oauth/token"  # noqa: S105
# 600 seconds of life, 570 of use (contract digest, section 1).
_MARGIN = timedelta(seconds=30)
_PAUSE_AFTER_USELESS_RENEWAL = timedelta(seconds=60)
_REFUSED = frozenset({400, 401, 403})


class TokenKeeper:
    """Gives a token that is good for at least the next call.

    The end point is throttled per address (10 requests in 10 s, then longer and longer; contract digest, section 1),
    so a token is shared through the house's store. An integration has no refresh token.
    """

    def __init__(self, account: Account, house: House) -> None:
        self._account = account.name
        self._key = f"shopware:{account.name}"
        self._client_id = _secret(account, "client_id")
        self._client_secret = _secret(account, "client_secret")
        self._store = house.tokens
        url = account.token_url or f"{shop_url(account)}{TOKEN_PATH}"
        base_url, _, last_part = url.rpartition("/")
        self._path = f"/{last_part}"
        self._session = ApiSession(
            "shopware",
            account.name,
            base_url,
            house.budget,
            deadline=house.deadline,
            secrets=account.secrets.values(),
        )
        self._token: Token | None = None
        self._refusal: PermanentConnectorError | None = None
        self._renewed: Token | None = None

    def get(self) -> Token:
        """Return a good token from memory, the store or the shop.

        Raises:
            PermanentConnectorError: the shop does not accept client id and secret.
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
        """Return another token than the one that the shop just rejected.

        Raises:
            PermanentConnectorError: the shop does not accept client id and secret.
            TransientConnectorError: it rejects new tokens too; asking on and on would run into its throttle.
        """
        if self._renewed is not None and rejected.access_token == self._renewed.access_token:
            wait = _PAUSE_AFTER_USELESS_RENEWAL - (clock.now() - self._renewed.obtained_at)
            if wait > timedelta(0):
                raise TransientConnectorError(
                    f"shopware rejects the new token of {self._account} too; no other one is asked for now",
                    system="shopware",
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
        body = orjson.dumps(
            {
                "grant_type": "client_credentials",
                "client_id": self._client_id,
                "client_secret": self._client_secret,
            }
        )
        try:
            answer = self._session.send(
                "POST",
                self._path,
                group=f"{self._account} POST /oauth/token",
                headers={"Accept": "application/json", "Content-Type": "application/json"},
                body=body,
            )
            if answer.status in _REFUSED:
                raise self._error(
                    PermanentConnectorError,
                    answer,
                    "client id or secret is wrong or withdrawn; check the integration in the shop's administration",
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
        if not isinstance(text, str) or not is_token(text) or type(life_s) is not int or life_s <= 0:
            raise self._error(
                PermanentConnectorError, answer, "the answer has no access_token with expires_in"
            )
        self._session.hide([text])
        return Token(text, answer.sent_at, _after(answer.sent_at, life_s))

    def _error(self, kind: type[ConnectorError], answer: Answer, what: str) -> ConnectorError:
        return kind(
            f"shopware POST {TOKEN_PATH} for {self._account} answered {answer.status}: {what}",
            system="shopware",
            method="POST",
            path=TOKEN_PATH,
            status=answer.status,
        )


def shop_url(account: Account) -> str:
    """Return the shop's address without ``/api`` and without a slash at its end.

    Raises:
        ConfigurationError: the account has none; there is no address that all shops share.
    """
    if not account.base_url:
        raise ConfigurationError(
            f"accounts.{account.name}.base_url: the address of the shop, for example https://shop.example"
        )
    return account.base_url.rstrip("/").removesuffix("/api").rstrip("/")


def _is_good(token: Token) -> bool:
    life = token.expires_at - token.obtained_at
    return clock.now() < token.expires_at - min(_MARGIN, life / 2)


def _after(start: datetime, life_s: int) -> datetime:
    return start + timedelta(seconds=min(life_s, 24 * 3600))


def _secret(account: Account, name: str) -> str:
    value = account.secrets.get(name)
    if not value:
        raise ConfigurationError(
            f"accounts.{account.name}.secrets.{name}: the name of the environment variable that holds it"
        )
    return value
