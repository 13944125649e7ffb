"""Where Dagster keeps its own history: SQLite by default, PostgreSQL where an environment variable names a database.

``dagster.yaml`` takes exactly one kind of storage and cannot switch it by a variable; ``storage: custom`` with the
class in here can. The merchant's data (operations store, warehouse) is settings' business, not this module's.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagster._config.config_schema import UserConfigSchema
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

PG_URL_VARIABLE = "ORDER_PIPELINES_DAGSTER_PG_URL"
"""Names the environment variable with the URL of Dagster's PostgreSQL database; unset or empty means SQLite."""

DRIVER = "postgresql+psycopg2"


def normalise_postgres_url(url: str) -> str:
    """Return ``url`` with the one driver that Dagster's event log works with, psycopg2, named in it.

    SQLAlchemy 2.1 reads a bare ``postgresql://`` as psycopg 3, with which dagster-postgres opens and then fails at
    each event it writes (``NOTIFY run_events, $1``: dagster-postgres 0.29.27, seen 2026-11-20).

    Raises:
        ValueError: ``url`` is no PostgreSQL URL. The message holds neither user nor password.
    """
    try:
        parsed = make_url(url.strip())
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() not in {"postgres", "postgresql"} or not parsed.database:
        raise ValueError(
            f"{PG_URL_VARIABLE} is not the URL of a PostgreSQL database; "
            "write postgresql://user:password@host:5432/database, or unset it to use SQLite"
        )
    return parsed.set(drivername=DRIVER).render_as_string(hide_password=False)


def in_utc(url: str) -> str:
    """Return ``url`` (normalised) with sessions in UTC, whatever the server's or the user's own zone is.

    Dagster writes the ends of runs as aware times into columns without a zone and compares them as UTC (1.13.27, seen
    2026-11-21). On a server in Amsterdam, which is what Debian makes of a machine there, a killed run's slot would come
    free an hour late. Options that the URL has already stay.
    """
    parsed = make_url(url)
    options = parsed.query.get("options", "")
    given = options if isinstance(options, str) else " ".join(options)
    return parsed.update_query_dict({"options": f"{given} -c TimeZone=UTC".strip()}).render_as_string(
        hide_password=False
    )


def sqlite_directory(environment: Mapping[str, str]) -> Path:
    """Return the absolute folder of Dagster's SQLite files: ``$DAGSTER_HOME``, else ``.dagster_home`` under the cwd.

    Without the second form `dagster dev` keeps its history in a folder that it deletes when it ends.
    """
    home = environment.get("DAGSTER_HOME", "").strip()
    return Path(home).expanduser().resolve() if home else Path.cwd() / ".dagster_home"


class OrderPipelinesStorage(DagsterStorage[Any], ConfigurableClass):
    """What ``dagster.yaml`` names under ``storage: custom``; never instantiated, it only chooses.

    The base classes are internal to Dagster, hence the narrow pin in ``pyproject.toml`` and tests that run a job on
    both kinds of storage.
    """

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Return the options under ``config:``; there are none."""
        return {}

    @classmethod
    def from_config_value(  # type: ignore[override]  # Dagster's own storages narrow the result in the same way
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> DagsterStorage[Any]:
        """Return the storage that the environment asks for.

        Raises:
            ValueError: ``ORDER_PIPELINES_DAGSTER_PG_URL`` is set to something else than a PostgreSQL URL.
        """
        url = os.environ.get(PG_URL_VARIABLE, "").strip()
        if url:
            return DagsterPostgresStorage(in_utc(normalise_postgres_url(url)), inst_data=inst_data)
        directory = sqlite_directory(os.environ)
        directory.mkdir(parents=True, exist_ok=True)
        return DagsterSqliteStorage(str(directory), inst_data=inst_data)
