"""Brings an operations store to the present form, one numbered SQL file at a time; each runs once, in a transaction."""

import hashlib
import re
from pathlib import Path

import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.errors import ConfigurationError
from order_pipelines.operations.store import OperationsStore
from order_pipelines.resources import sql_path

_TYPES = {
    "sqlite": {"instant": "varchar(32)", "money2": "varchar(32)", "money4": "varchar(32)", "bytes": "blob"},
    "postgresql": {
        "instant": "timestamp with time zone",
        "money2": "numeric(18, 2)",
        "money4": "numeric(18, 4)",
        "bytes": "bytea",
    },
}
_LOCK_KEY = 7_305_118_001

_applied = sa.Table(
    "schema_migrations",
    sa.MetaData(),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("checksum", sa.String(64), nullable=False),
    sa.Column("applied_at", sa.String(32), nullable=False),
)


def migration_files() -> list[tuple[int, Path]]:
    """Return (version, file) of every migration, in order."""
    files = sorted(sql_path("migrations/operations").glob("[0-9]*.sql"))
    return [(int(file.name.split("_", 1)[0]), file) for file in files]


def migrate(store: OperationsStore, *, up_to: int | None = None) -> list[int]:
    """Apply what is missing and return the versions applied now.

    Raises:
        ConfigurationError: the store is newer than this program, or an applied file was changed since.
    """
    files = migration_files()
    done: list[int] = []
    with store.engine.begin() as connection:
        if store.dialect == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK_KEY)))
        _applied.create(connection, checkfirst=True)
        applied = {row.version: row.checksum for row in connection.execute(sa.select(_applied))}
        newest = files[-1][0]
        if applied and max(applied) > newest:
            raise ConfigurationError(
                f"the operations store is at version {max(applied)}, this program knows {newest}; "
                "install the newer program or restore the older store"
            )
        for version, file in files:
            text = file.read_text(encoding="utf-8")
            checksum = hashlib.sha256(text.encode()).hexdigest()
            if version in applied:
                if applied[version] != checksum:
                    raise ConfigurationError(
                        f"{file.name} was changed after it had been applied; undo that and write the next migration"
                    )
                continue
            if up_to is not None and version > up_to:
                break
            for statement in statements(text, store.dialect):
                connection.exec_driver_sql(statement)
            connection.execute(
                _applied.insert().values(
                    version=version,
                    name=file.stem,
                    checksum=checksum,
                    applied_at=clock.isoformat(clock.now()),
                )
            )
            done.append(version)
    return done


def statements(text: str, dialect: str) -> list[str]:
    """Return the statements of a migration in a store's own types."""
    for name, own in _TYPES[dialect].items():
        text = text.replace(f"${name}$", own)
    without_comments = re.sub(r"--[^\n]*", "", text)
    return [part.strip() for part in without_comments.split(";") if part.strip()]


def open_store(url: str) -> OperationsStore:
    """Open the operations store at ``url`` and bring it to the present form."""
    store = OperationsStore(url)
    migrate(store)
    return store
