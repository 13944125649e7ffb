"""Bringing a warehouse to the shape of the declarations: numbered files first, then what only adds.

``sql/migrations/warehouse/NNNN_name.sql`` do what cannot be seen from the declarations (renames, new meanings) and run
once, in order; one that begins with ``-- alters SCHEMA.TABLE`` has nothing to do where that table is not there yet, as
in a new warehouse. After them missing tables are made and missing columns added; whoever adds a column that may not be
null to a table with rows writes a numbered file for it.
"""

import re
from pathlib import Path

from order_pipelines import clock
from order_pipelines.errors import ConfigurationError
from order_pipelines.resources import sql_path
from order_pipelines.warehouse.session import Session
from order_pipelines.warehouse.tables import ALL_TABLES, LOAD_STATE, Table

_FOLDER = "migrations/warehouse"
_VERSIONS = "core.schema_versions"


def migrate(session: Session, tables: tuple[Table, ...] = ALL_TABLES) -> list[str]:
    """Bring the warehouse up to date and return what was done, empty when nothing was; keeps every row.

    What was added to a warehouse with rows is filled by the next load, which starts from the beginning again.

    Raises:
        ConfigurationError: the warehouse was made by a newer version of the product, or a column must be added that
            may not be null.
    """
    with session.transaction():
        done = _apply_files(session)
        added = _add_missing(session, tables)
        if added and session.rows(f"select 1 from {LOAD_STATE.full_name} limit 1"):
            session.execute(f"update {LOAD_STATE.full_name} set done_seq = 0")
            added.append("load everything again")
    return done + added


def _apply_files(session: Session) -> list[str]:
    session.execute(
        f"create schema if not exists core; create table if not exists {_VERSIONS} "
        "(version bigint not null, name text not null, applied_at timestamp with time zone not null)"
    )
    applied = {int(version) for (version,) in session.rows(f"select version from {_VERSIONS}")}
    files = {_version(path): path for path in sorted(sql_path(_FOLDER).glob("*.sql"))}
    unknown = applied - files.keys()
    if unknown:
        raise ConfigurationError(
            f"the warehouse is at version {max(unknown)} and this program knows {max(files)}: "
            "it was written by a newer version of order_pipelines; install that one"
        )
    done = []
    for version in sorted(files.keys() - applied):
        path = files[version]
        text = path.read_text(encoding="utf-8")
        altered = re.match(r"-- alters (\w+)\.(\w+)\n", text)
        if altered is None or _is_there(session, *altered.groups()):
            session.execute(text)
        session.execute(f"insert into {_VERSIONS} values ($1, $2, $3)", [version, path.stem, clock.now()])
        done.append(path.stem)
    return done


def _is_there(session: Session, schema: str, name: str) -> bool:
    query = "select 1 from information_schema.tables where table_schema = $1 and table_name = $2"
    return bool(session.rows(query, [schema, name]))


def _version(path: Path) -> int:
    number = re.match(r"(\d{4})_[a-z0-9_]+\.sql$", path.name)
    if number is None:
        raise ConfigurationError(f"{path}: a migration is named NNNN_name.sql")
    return int(number.group(1))


def _add_missing(session: Session, tables: tuple[Table, ...]) -> list[str]:
    found: dict[str, set[str]] = {}
    for schema, name, column in session.rows(
        "select table_schema, table_name, column_name from information_schema.columns "
        "where table_schema in ('core', 'mart')"
    ):
        found.setdefault(f"{schema}.{name}", set()).add(column)
    added = []
    for table in tables:
        if table.full_name not in found:
            for statement in table.ddl(session.engine):
                session.execute(statement)
            added.append(f"create {table.full_name}")
            continue
        for column in table.columns:
            if column.name in found[table.full_name]:
                continue
            if not column.nullable:
                raise ConfigurationError(
                    f"{table.full_name}.{column.name} may not be null and is new: "
                    f"a file in sql/{_FOLDER} has to add and fill it"
                )
            session.execute(f"alter table {table.full_name} add column {column.name} {column.sql_type}")
            added.append(f"add {table.full_name}.{column.name}")
    return added
