"""CSV and its relatives: which encoding, which separator, and the records, in bounded memory."""

import codecs
import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

from order_pipelines.connectors.b2b_files.cells import Cell, Flaw, Row, Source
from order_pipelines.connectors.b2b_files.options import FileLimits
from order_pipelines.errors import DataContractError

_CHUNK = 1 << 20
_SAMPLE_CHARACTERS = 64_000
_SAMPLE_RECORDS = 50
# Five hundred columns of a page of text each; a million columns, or a file without line ends, is no table.
_LONGEST_RECORD = 1 << 22
_SEPARATORS = (";", ",", "\t", "|")
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_GZIP_MAGIC = b"\x1f\x8b"


class _Bounded(io.RawIOBase):
    """Decompressed bytes up to a limit: a small file must not become an endless one."""

    def __init__(self, stream: BinaryIO, file: BinaryIO, source: Source, limit: int) -> None:
        self._stream = stream
        self._file = file
        self._source = source
        self._left = limit
        self._limit = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        data = self._stream.read(len(view))
        self._left -= len(data)
        if self._left < 0:
            raise self._source.fail(f"is larger than {self._limit} bytes when unpacked; split it")
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        # A GzipFile leaves the file below it open.
        self._stream.close()
        self._file.close()
        super().close()


class TextTable:
    """The one table of a text file: all cells are text, as written."""

    name: str | None = None
    has_1904_dates = False
    hidden_rows: frozenset[int] = frozenset()

    def __init__(self, source: Source, limits: FileLimits, encoding: str | None = None) -> None:
        """Find encoding and separator.

        Raises:
            DataContractError: the bytes are no text in the encoding, or no text at all.
        """
        self._source = source
        self._limits = limits
        self._taken = 0
        with source.open() as stream:
            self._is_gzip = stream.read(2) == _GZIP_MAGIC
        self.encoding, self._ends_with_newline = self._look_through(encoding)
        self.separator, self._has_separator_line = self._find_separator()

    def _open(self) -> io.BufferedReader:
        stream = self._source.open()
        content: BinaryIO = gzip.GzipFile(fileobj=stream) if self._is_gzip else stream  # type: ignore[assignment]
        limit = self._limits.max_uncompressed_bytes
        return io.BufferedReader(_Bounded(content, stream, self._source, limit), _CHUNK)

    def _look_through(self, wanted: str | None) -> tuple[str, bool]:
        """Read all bytes once: the encoding is only known when the last byte fits it."""
        last = b""
        encoding = wanted
        try:
            with self._open() as stream:
                head = stream.peek(4096)[:4096]
                encoding = encoding or _guess_from_head(head)
                decoder = None if encoding is None else codecs.getincrementaldecoder(encoding)()
                utf8 = codecs.getincrementaldecoder("utf-8")()
                is_utf8 = encoding is None
                while chunk := stream.read(_CHUNK):
                    last = (last + chunk)[-4:]
                    if decoder is not None:
                        if "\0" in decoder.decode(chunk):
                            raise self._source.fail("is no text, CSV or XLSX file (it holds binary data)")
                        continue
                    if b"\0" in chunk:
                        raise self._source.fail("is no text, CSV or XLSX file (it holds binary data)")
                    if is_utf8:
                        is_utf8 = _fits(utf8, chunk)
                if decoder is not None:
                    decoder.decode(b"", final=True)
                elif is_utf8:
                    is_utf8 = _fits(utf8, b"", final=True)
        except UnicodeError as error:
            raise self._source.fail(f"is not {encoding}: {error}; set options.encoding") from error
        except (OSError, EOFError, zlib.error) as error:
            raise self._source.fail(f"is damaged or cut off ({error})") from error
        ends = last.rstrip(b"\0")[-1:] in (b"\n", b"\r", b"")
        return encoding or ("utf-8" if is_utf8 else "cp1252"), ends

    def _text(self) -> io.TextIOWrapper:
        return io.TextIOWrapper(self._open(), encoding=self.encoding, newline="")

    def _find_separator(self) -> tuple[str, bool]:
        try:
            with self._text() as stream:
                sample = stream.read(_SAMPLE_CHARACTERS)
        except (OSError, EOFError, zlib.error, UnicodeError) as error:
            raise self._source.fail(f"is damaged or cut off ({error})") from error
        first = sample.split("\n", 1)[0].strip().strip('"')
        if first.lower().startswith("sep=") and len(first) == 5:
            return first[4], True
        return max(_SEPARATORS, key=lambda separator: _usual_width(sample, separator)), False

    def _lines(self, stream: io.TextIOWrapper) -> Iterator[str]:
        """Yield lines; a record of too many of them, or one without end, is refused before it is held."""
        self._taken = 0
        while line := stream.readline(_LONGEST_RECORD + 1):
            self._taken += len(line)
            if self._taken > _LONGEST_RECORD:
                raise self._source.fail(
                    f"has a row of more than {_LONGEST_RECORD} characters; no order has that, look at the line ends "
                    "and the quotes"
                )
            yield line

    def rows(self) -> Iterator[Row]:
        """Yield (record, cells), counting as a spreadsheet shows them: a ``sep=`` line is no row.

        The last record of a file that ends without a newline and before its last column is cut off: the cells that are
        missing hold a :class:`Flaw`.
        """
        number = 0
        limits = self._limits
        try:
            with self._text() as stream:
                if self._has_separator_line:
                    stream.readline()
                reader = csv.reader(self._lines(stream), delimiter=self.separator, strict=True)
                held: list[Cell] | None = None
                width = 0
                record: list[Cell]
                for record in reader:  # type: ignore[assignment]
                    if held is not None:
                        yield number, held
                    number += 1
                    self._taken = 0
                    held = record
                    if len(record) > width:
                        width = len(record)
                        if width > limits.max_columns:
                            raise self._source.fail(f"has more than {limits.max_columns} columns", row=number)
                    if number > limits.max_rows:
                        raise self._source.fail(f"has more than {limits.max_rows} rows; split it")
                if held is not None:
                    if held and len(held) < width and not self._ends_with_newline:
                        cut = Flaw("truncated", "the file ends in the middle of this row")
                        held = [*held, *([cut] * (width - len(held)))]
                    yield number, held
        except DataContractError:
            raise
        except csv.Error as error:
            raise self._source.fail(
                f"is damaged or cut off ({error}): look at the quotes", row=number + 1
            ) from error
        except (UnicodeError, OSError, EOFError, zlib.error) as error:
            raise self._source.fail(f"is damaged or cut off ({error})", row=number + 1) from error
        self._source.check_unchanged()


def _guess_from_head(head: bytes) -> str | None:
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return encoding
    # Excel's "Unicode text" without its mark: every second byte of Latin text is zero.
    if len(head) >= 8 and head[1::2].count(0) > len(head) // 4 and head[::2].count(0) == 0:
        return "utf-16-le"
    if len(head) >= 8 and head[::2].count(0) > len(head) // 4 and head[1::2].count(0) == 0:
        return "utf-16-be"
    return None


def _fits(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeError:
        return False
    return True


def _usual_width(sample: str, separator: str) -> int:
    """Return how many cells most records have; decimal commas in a ``;`` file stay fewer than its columns."""
    widths: Counter[int] = Counter()
    try:
        for count, record in enumerate(csv.reader(io.StringIO(sample, newline=""), delimiter=separator)):
            if record:
                widths[len(record)] += 1
            if count >= _SAMPLE_RECORDS:
                break
    except csv.Error:
        return 0
    return max(widths, key=lambda width: (widths[width], width), default=0)
