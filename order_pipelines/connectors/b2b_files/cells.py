"""What a cell can hold once a file is opened, and the file itself as something that can be opened again."""

import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from order_pipelines.errors import DataContractError


@dataclass(frozen=True, slots=True)
class Flaw:
    """A cell that holds no value anybody can trust. ``code`` is a problem code, ``text`` what stands there."""

    code: str
    text: str


Cell = str | int | Decimal | datetime | Flaw | None
Row = tuple[int, Sequence[Cell]]


class Table(Protocol):
    """One sheet, or the one table of a text file. ``rows`` may be called again and starts at the top.

    ``has_1904_dates``: day numbers count from 1904. ``hidden_rows``: 1-based rows that a person does not see.
    """

    name: str | None
    has_1904_dates: bool
    hidden_rows: frozenset[int]

    def rows(self) -> Iterator[Row]:
        """Yield (1-based row, cells); blank rows may be left out.

        Raises:
            DataContractError: the file is damaged, changes while it is read, or passes a limit.
        """


class Source:
    """A file on disk or a body in memory. Its name is only ever shown and matched, never opened as a path."""

    def __init__(self, content: Path | bytes, name: str | None = None) -> None:
        self._content = content
        self.label = name if name is not None else (content.name if isinstance(content, Path) else "the file")
        self._seen: tuple[int, int, int] | None = None
        self._digest: str | None = None

    @property
    def stem(self) -> str:
        """The name without folders and extensions, safe to show: letters, digits, ``.``, ``_`` and ``-``."""
        last = re.split(r"[/\\]", self.label)[-1]
        without = re.sub(r"(\.(csv|tsv|txt|gz|xlsx|xlsm))+$", "", last, flags=re.IGNORECASE)
        return re.sub(r"[^\w.-]+", "-", without).strip("-.")[:60] or "file"

    def fail(self, what: str, *, row: int | None = None) -> DataContractError:
        """Return the error that says what is wrong in this file, and where."""
        where = f", row {row}" if row is not None else ""
        # What a cell or a name holds is shown, never obeyed: no line of its own, no command to a terminal.
        text = f"{self.label}{where}: {what}"
        return DataContractError("".join(sign if sign.isprintable() else "?" for sign in text))

    def open(self) -> io.BufferedReader | io.BytesIO:
        """Open the content from its first byte.

        Raises:
            DataContractError: it cannot be opened, or is not the file that was opened before.
        """
        if isinstance(self._content, bytes):
            return io.BytesIO(self._content)
        self.check_unchanged()
        try:
            return self._content.open("rb")
        except OSError as error:
            raise self.fail(f"cannot be opened ({error.strerror})") from error

    def check_unchanged(self) -> None:
        """Refuse a file that another program writes while we read.

        Raises:
            DataContractError: size, time or identity differ from the first look.
        """
        if isinstance(self._content, bytes):
            return
        try:
            state = self._content.stat()
        except OSError as error:
            raise self.fail(f"cannot be opened ({error.strerror})") from error
        seen = (state.st_ino, state.st_size, state.st_mtime_ns)
        if self._seen is None:
            self._seen = seen
        elif self._seen != seen:
            raise self.fail("changed while it was read; drop it again when it is complete")

    def size(self) -> int:
        """Return the number of bytes as received."""
        if isinstance(self._content, bytes):
            return len(self._content)
        self.check_unchanged()
        assert self._seen is not None
        return self._seen[1]

    def digest(self) -> str:
        """Return the SHA-256 of the bytes as received, in hex."""
        if self._digest is None:
            with self.open() as stream:
                self._digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return self._digest
