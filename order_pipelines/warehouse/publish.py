"""What analysts get: numbered read-only copies of the DuckDB file, or read rights on PostgreSQL.

A copy gets a new name each time: a process that has the old one open keeps it, and whoever opens anew finds the newest
through the file ``latest``. The live file is never for readers, because one reader would keep the next load out.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from order_pipelines.errors import ConfigurationError
from order_pipelines.warehouse.session import DuckSession, PostgresSession

READER_ROLE = "order_pipelines_reader"
_POINTER = "latest"
_KEPT = 3
_COPY_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class Published:
    """What a publication did. ``path`` and ``number`` are of the new copy, ``None`` on PostgreSQL."""

    done: str
    path: Path | None = None
    number: int | None = None


def copy_number(path: Path) -> int:
    """Return ``n`` of ``warehouse-<n>.duckdb``."""
    return int(path.stem.removeprefix("warehouse-"))


def copies(folder: Path) -> list[Path]:
    """Return the published copies, oldest first."""
    return sorted(folder.glob("warehouse-*.duckdb"), key=copy_number)


def latest_copy(folder: Path) -> Path:
    """Return the newest published copy.

    Raises:
        ConfigurationError: nothing was published yet.
    """
    pointer = folder / _POINTER
    if not pointer.exists():
        raise ConfigurationError(f"{folder}: nothing is published yet; run a load first")
    return folder / pointer.read_text(encoding="utf-8").strip()


def publish_copy(session: DuckSession, live: Path, folder: Path) -> Published:
    """Copy the live file, which ``session`` alone has open with no transaction, and point ``latest`` at it.

    The session is closed by this function: closing the copied file would take the lock of the open one with it
    (POSIX gives up all locks of a process on a file when any descriptor of it closes), so the copy is made while both
    are open and ``session`` is closed first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        before = copies(folder)
        number = copy_number(before[-1]) + 1 if before else 1
        target = folder / f"warehouse-{number}.duckdb"
        partial = target.with_suffix(".partial")
        session.execute("checkpoint")
        try:
            with live.open("rb") as source, partial.open("wb") as copy:
                shutil.copyfileobj(source, copy, _COPY_BYTES)
                copy.flush()
                os.fsync(copy.fileno())
                session.connection.close()
        except OSError as error:
            # On a full disk half a copy would only take the room that somebody is looking for.
            partial.unlink(missing_ok=True)
            raise OSError(error.errno, error.strerror, str(partial)) from None
        partial.replace(target)
        pointer = folder / f"{_POINTER}.partial"
        pointer.write_text(f"{target.name}\n", encoding="utf-8")
        pointer.replace(folder / _POINTER)
        for old in copies(folder)[:-_KEPT]:
            old.unlink()
    return Published(done=f"copied to {target.name}", path=target, number=number)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process publish at a time: the live file is free for the next before the copy has its name."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def publish_grants(session: PostgresSession) -> Published:
    """Let the role ``order_pipelines_reader`` read ``core`` and ``mart``, making the role when that is allowed."""
    done = []
    if not session.rows("select 1 from pg_roles where rolname = $1", [READER_ROLE]):
        try:
            session.execute(f"create role {READER_ROLE} nologin")
        except psycopg.errors.InsufficientPrivilege:
            return Published(
                done=f"role {READER_ROLE} does not exist and this login may not create it; "
                f"run 'create role {READER_ROLE} nologin' as an administrator"
            )
        except psycopg.errors.UniqueViolation:
            done.append(f"role {READER_ROLE} was created by someone else meanwhile")
        else:
            done.append(f"created role {READER_ROLE}")
    with session.transaction():
        for schema in ("core", "mart"):
            session.execute(f"grant usage on schema {schema} to {READER_ROLE}")
            session.execute(f"grant select on all tables in schema {schema} to {READER_ROLE}")
    done.append(f"{READER_ROLE} may read core and mart")
    return Published(done="; ".join(done))
