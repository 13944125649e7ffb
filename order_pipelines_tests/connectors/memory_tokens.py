"""A token store that lives as long as a test, for the threads of one process."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from order_pipelines.connectors.ports import Token


class MemoryTokenSlot:
    """The one place of a token while its lock is held."""

    def __init__(self, store: "MemoryTokenStore", key: str) -> None:
        self._store = store
        self._key = key

    def read(self) -> Token | None:
        return self._store.peek(self._key)

    def write(self, token: Token) -> None:
        self._store.tokens[self._key] = token

    def mark_dead(self, reason: str) -> None:
        self._store.dead[self._key] = reason

    def dead_reason(self) -> str | None:
        return self._store.dead.get(self._key)


class MemoryTokenStore:
    """TokenStore. ``tokens`` and ``dead`` may be looked into."""

    def __init__(self) -> None:
        self.tokens: dict[str, Token] = {}
        self.dead: dict[str, str] = {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def peek(self, key: str) -> Token | None:
        return self.tokens.get(key)

    @contextmanager
    def locked(self, key: str) -> Iterator[MemoryTokenSlot]:
        with self._locks[key]:
            yield MemoryTokenSlot(self, key)
