"""The token store that connectors are lent: rows of the operations store, changed only under a lease."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from order_pipelines.connectors.ports import Token
from order_pipelines.errors import LeaseLostError, TransientConnectorError
from order_pipelines.operations.leases import Lease, assert_held, holding
from order_pipelines.operations.store import OperationsStore, insert_new
from order_pipelines.operations.tables import tokens

_LEASE_S = 90.0
_WAIT_S = 60.0


class StoredTokens:
    """``ports.TokenStore`` over the operations store; the lock works between threads and processes alike."""

    def __init__(self, store: OperationsStore, *, wait_s: float = _WAIT_S) -> None:
        self._store = store
        self._wait_s = wait_s

    def peek(self, key: str) -> Token | None:
        """Return the stored token without a lock."""
        return _StoredSlot(self._store, key, None).read()

    @contextmanager
    def locked(self, key: str) -> Iterator["_StoredSlot"]:
        """Hold the token's lease.

        Raises:
            TransientConnectorError: another process kept it for longer than a refresh can take.
        """
        started = time.monotonic()
        with holding(self._store, f"token:{key}", ttl_s=_LEASE_S, wait_s=self._wait_s) as lease:
            if lease is None:
                raise TransientConnectorError(
                    f"the token {key} is being refreshed by another process for {time.monotonic() - started:.0f} s; "
                    "tried again later",
                    system=key.split(":", 1)[0],
                )
            yield _StoredSlot(self._store, key, lease)


class _StoredSlot:
    def __init__(self, store: OperationsStore, key: str, lease: Lease | None) -> None:
        self._store = store
        self._key = key
        self._lease = lease

    def read(self) -> Token | None:
        with self._store.reading() as connection:
            row = connection.execute(sa.select(tokens).where(tokens.c.token_key == self._key)).first()
        if row is None or row.access_token is None:
            return None
        return Token(row.access_token, row.obtained_at, row.expires_at, row.refresh_token)

    def write(self, token: Token) -> None:
        """Persist ``token``; the newest refresh token is stored even when the lease was lost meanwhile."""
        with self._store.small_transaction() as connection:
            insert_new(connection, tokens, [{"token_key": self._key, "version": 0}])
            newer = connection.execute(
                sa.update(tokens)
                .where(
                    tokens.c.token_key == self._key,
                    sa.or_(tokens.c.obtained_at.is_(None), tokens.c.obtained_at <= token.obtained_at),
                )
                .values(
                    access_token=token.access_token,
                    refresh_token=token.refresh_token,
                    obtained_at=token.obtained_at,
                    expires_at=token.expires_at,
                    dead_reason=None,
                    version=tokens.c.version + 1,
                )
            ).rowcount
        if not newer:
            raise LeaseLostError(f"a newer token {self._key} is stored already; this one is not used")
        if self._lease is not None:
            with self._store.small_transaction() as connection:
                assert_held(connection, self._lease)

    def mark_dead(self, reason: str) -> None:
        with self._store.small_transaction() as connection:
            insert_new(connection, tokens, [{"token_key": self._key, "version": 0}])
            connection.execute(
                sa.update(tokens)
                .where(tokens.c.token_key == self._key)
                .values(dead_reason=reason, version=tokens.c.version + 1)
            )

    def dead_reason(self) -> str | None:
        with self._store.reading() as connection:
            reason = connection.execute(
                sa.select(tokens.c.dead_reason).where(tokens.c.token_key == self._key)
            ).scalar()
        return str(reason) if reason is not None else None
