"""The access token of one bol account: kept for its whole life, asked for by one process at a time."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from order_pipelines import clock
from order_pipelines.connectors.http import Answer, ApiSession, is_token
from order_pipelines.connectors.ports import Account, House, Token
from order_pipelines.errors import (
    ConfigurationError,
    ConnectorError,
    PermanentConnectorError,
    TransientConnectorError,
)

TOKEN_URL = "https://login.bol.com/token"  # noqa: S105
_MARGIN = timedelta(seconds=30)
_PAUSE_AFTER_USELESS_RENEWAL = timedelta(seconds=60)
_REFUSED = frozenset({400, 401, 403})


class TokenKeeper:
    """Gives a token that is good for at least the next call.

    bol blocks the address of clients that ask a token per call (authentication page of the v10 documentation, in a
    digest of 2026-03), so a token is shared through the house's store and asked for only when none is left.
    """

    def __init__(self, account: Account, house: House) -> None:
        self._account = account.name
        self._key = f"bol:{account.name}"
        self._credentials = (_secret(account, "client_id"), _secret(account, "client_secret"))
        self._store = house.tokens
        base_url, _, self._last_part = (account.token_url or TOKEN_URL).rpartition("/")
        self._session = ApiSession(
            "bol",
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
        """Return a good token from memory, the store or bol.

        Raises:
            PermanentConnectorError: bol does not accept client id and secret.
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
        """Return another token than the one that bol just rejected.

        Raises:
            PermanentConnectorError: bol does not accept client id and secret.
            TransientConnectorError: bol rejects new tokens too; asking on and on would get the address blocked.
        """
        if self._renewed is not None and rejected.access_token == self._renewed.access_token:
            wait = _PAUSE_AFTER_USELESS_RENEWAL - (clock.now() - self._renewed.obtained_at)
            if wait > timedelta(0):
                raise TransientConnectorError(
                    f"bol rejects the new token of {self._account} too; no other one is asked for now",
                    system="bol",
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
        path = f"/{self._last_part}"
        try:
            answer = self._session.send(
                "POST",
                path,
                group=f"{self._account} POST /token",
                headers={
                    "Accept": "application/json",
                    "Content-Type": "application/x-www-form-urlencoded",
                },
                body=b"grant_type=client_credentials",
                auth=self._credentials,
            )
            if answer.status in _REFUSED:
                raise self._error(
                    PermanentConnectorError,
                    path,
                    answer,
                    "client id or secret is wrong or withdrawn; check both in bol's seller settings",
                    vendor_code=_vendor_code(answer),
                )
            self._session.check(answer, "POST", path)
        except ConnectorError as error:
            # A request for a token changes nothing at bol, and the call that needed it was not made.
            error.maybe_acted = False
            raise
        return self._read(answer, path)

    def _read(self, answer: Answer, path: str) -> Token:
        try:
            content = answer.json()
        except ValueError:
            raise self._error(TransientConnectorError, path, answer, "the answer is not JSON") from None
        text = content.get("access_token") if isinstance(content, dict) else None
        life_s = content.get("expires_in") if isinstance(content, dict) else None
        if isinstance(life_s, str) and len(life_s) <= 9 and life_s.isdecimal():
            life_s = int(life_s)
        if not isinstance(text, str) or not is_token(text) or not isinstance(life_s, int) or life_s <= 0:
            raise self._error(
                PermanentConnectorError, path, answer, "the answer has no access_token with expires_in"
            )
        return Token(text, answer.sent_at, _after(answer.sent_at, life_s))

    def _error(
        self,
        kind: type[ConnectorError],
        path: str,
        answer: Answer,
        what: str,
        *,
        vendor_code: str | None = None,
    ) -> ConnectorError:
        return kind(
            f"bol POST {path} for {self._account} answered {answer.status}: {what}",
            system="bol",
            method="POST",
            path=path,
            status=answer.status,
            vendor_code=None if vendor_code is None else self._session.plain(vendor_code),
        )


def _is_good(token: Token) -> bool:
    life = token.expires_at - token.obtained_at
    return clock.now() < token.expires_at - min(_MARGIN, life / 2)


def _after(start: datetime, life_s: int) -> datetime:
    return start + timedelta(seconds=min(life_s, 24 * 3600))


def _vendor_code(answer: Answer) -> str | None:
    try:
        content = answer.json()
    except ValueError:
        return None
    code = content.get("error") if isinstance(content, Mapping) else None
    return code if isinstance(code, str) else None


def _secret(account: Account, name: str) -> str:
    value = account.secrets.get(name)
    if not value:
        raise ConfigurationError(
            f"accounts.{account.name}.secrets.{name}: the name of the environment variable that holds it"
        )
    return value
