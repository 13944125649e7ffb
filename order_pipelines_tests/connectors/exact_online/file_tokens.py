"""A token store in one folder, for threads and processes alike: a file for the token, a file for the lock."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from order_pipelines.connectors.ports import Token


class FileTokenSlot:
    """The token of one key while its lock is held."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Token | None:
        content = self._content()
        if "access_token" not in content:
            return None
        return Token(
            content["access_token"],
            datetime.fromisoformat(content["obtained_at"]),
            datetime.fromisoformat(content["expires_at"]),
            content["refresh_token"],
        )

    def write(self, token: Token) -> None:
        content = {
            "access_token": token.access_token,
            "obtained_at": token.obtained_at.isoformat(),
            "expires_at": token.expires_at.isoformat(),
            "refresh_token": token.refresh_token or "",
        }
        self._replace(content)

    def mark_dead(self, reason: str) -> None:
        self._replace(self._content() | {"dead": reason})

    def dead_reason(self) -> str | None:
        return self._content().get("dead")

    def _content(self) -> dict[str, str]:
        if not self._path.exists():
            return {}
        content: dict[str, str] = json.loads(self._path.read_text())
        return content

    def _replace(self, content: dict[str, str]) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(content))
        fresh.replace(self._path)


class FileTokenStore:
    """Tokens in ``folder``; the lock is the kernel's, so that it also holds between processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def peek(self, key: str) -> Token | None:
        return self.slot(key).read()

    @contextmanager
    def locked(self, key: str) -> Iterator[FileTokenSlot]:
        with self._path(key).with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self.slot(key)

    def slot(self, key: str) -> FileTokenSlot:
        """Return the slot without taking the lock, as nobody should."""
        return FileTokenSlot(self._path(key))

    def _path(self, key: str) -> Path:
        return self.folder / f"{key.replace(':', '-')}.json"
