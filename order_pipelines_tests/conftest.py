"""What every test may use: fresh stores, an environment without the developer's settings, one Hypothesis profile."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from order_pipelines_tests.postgres import TestPostgres, running_postgres

# Other processes share the machine, so slowness is no failure. In CI the same examples run each time: a change is
# judged by what it changes and not by luck; on a developer's machine they vary and find more.
hypothesis.settings.register_profile("house", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("house")


def pytest_configure() -> None:
    """Listen to signals as at a terminal: who starts us in the background lets us, and all we start, ignore them.

    Dagster gives SIGTERM whatever SIGINT has; ignored there, no process that a test started could be asked to end.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Begin with the slow tests: one that starts last keeps one process busy while the others have nothing left.

    What is long and tried on SQLite in `make test` is tried on PostgreSQL in `make endurance`.
    """
    for item in items:
        if item.get_closest_marker("long_on_postgresql") and "postgresql" in item.name:
            item.add_marker(pytest.mark.endurance)
    yield
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True)
def _environment_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the developer's own settings, secrets and Dagster home from every test."""
    for name in os.environ:
        if name.startswith("ORDER_PIPELINES_"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[TestPostgres]:
    """One real PostgreSQL server per test process, stopped at the end."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: TestPostgres) -> Iterator[str]:
    """URL (``postgresql+psycopg://…``) of a PostgreSQL database with an empty operations store, of this test alone.

    Copied, for a tenth of the time that migrating takes; tests of migrations and of single tables begin without it.
    """
    url = postgres_server.create_store()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def bare_postgres_url(postgres_server: TestPostgres) -> Iterator[str]:
    """URL of a PostgreSQL database without anything in it, of this test alone."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """URL (``sqlite:///…``) of an SQLite file that does not exist yet and that only this test uses."""
    return f"sqlite:///{tmp_path / 'operations.sqlite'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """URL of a fresh store; the test runs once on SQLite and once on PostgreSQL."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    url: str = request.getfixturevalue(name)
    return url
