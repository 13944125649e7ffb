"""dagster.yaml as it stands, opened on SQLite and on PostgreSQL, each with a real run."""

import shutil
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.instance_storage import PG_URL_VARIABLE, in_utc, normalise_postgres_url, sqlite_directory

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def postgres_url(bare_postgres_url: str) -> str:
    """URL of a database without anything in it: nobody else has a table there."""
    return bare_postgres_url


@dg.asset(key=["core", "orders"])
def core_orders() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"dagster/row_count": 3})


@dg.asset_check(asset=core_orders, blocking=True)
def core_orders_schema() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


DEFINITIONS = dg.Definitions(
    assets=[core_orders],
    asset_checks=[core_orders_schema],
    jobs=[dg.define_asset_job("load_orders", selection="*")],
    executor=dg.in_process_executor,
)


@pytest.fixture
def dagster_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Dagster home with the project's dagster.yaml in it."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(ROOT / "dagster.yaml", home)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    return home


def _run_and_read_back() -> tuple[dg.DagsterRunStatus, object, bool]:
    """Run the job on the instance of this environment; answer what a second process would read of it."""
    with dg.DagsterInstance.get() as instance:
        result = DEFINITIONS.resolve_job_def("load_orders").execute_in_process(instance=instance)
        reference = instance.get_ref()
    with dg.DagsterInstance.from_ref(reference) as again:
        run = again.get_run_by_id(result.run_id)
        assert run is not None
        materialization = again.get_latest_materialization_event(core_orders.key)
        assert materialization is not None
        assert materialization.asset_materialization is not None
        rows = materialization.asset_materialization.metadata["dagster/row_count"].value
        checks = again.event_log_storage.get_asset_check_execution_history(
            next(iter(core_orders_schema.check_keys)), limit=5
        )
        return run.status, rows, [record.status.value for record in checks] == ["SUCCEEDED"]


@pytest.mark.parametrize("instance_file", ["dagster.yaml", "deploy/dagster.yaml"])
def test_a_run_is_kept_in_sqlite_under_the_dagster_home(instance_file: str, dagster_home: Path) -> None:
    shutil.copy(ROOT / instance_file, dagster_home)
    assert _run_and_read_back() == (dg.DagsterRunStatus.SUCCESS, 3, True)
    assert (dagster_home / "history" / "runs.db").is_file()
    assert (dagster_home / "schedules" / "schedules.db").is_file()


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "postgresql", "postgres"])
def test_a_run_is_kept_in_the_postgres_database_that_the_variable_names(
    scheme: str, dagster_home: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLAlchemy 2.1 reads the first two as psycopg 3, with which Dagster opens and then fails at every event."""
    monkeypatch.setenv(PG_URL_VARIABLE, postgres_url.replace("postgresql+psycopg", scheme))
    assert _run_and_read_back() == (dg.DagsterRunStatus.SUCCESS, 3, True)
    assert list(dagster_home.rglob("*.db")) == []
    engine = sa.create_engine(postgres_url)
    try:
        with engine.connect() as connection:
            assert connection.execute(sa.text("select status from runs")).scalars().all() == ["SUCCESS"]
    finally:
        engine.dispose()


def test_when_a_run_ended_does_not_depend_on_the_zone_of_the_server(
    dagster_home: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test server is in Los Angeles: there a run had ended eight hours ago, in Amsterdam not for an hour yet."""
    monkeypatch.setenv(PG_URL_VARIABLE, postgres_url)
    began = clock.now()
    with dg.DagsterInstance.get() as instance:
        DEFINITIONS.resolve_job_def("load_orders").execute_in_process(instance=instance)
        (record,) = instance.get_run_records()
        assert began <= record.update_timestamp <= clock.now()
        ended_before_it_began = dg.RunsFilter(updated_before=began)
        assert instance.get_run_records(ended_before_it_began) == []


@pytest.mark.parametrize(
    ("written", "used"),
    [
        ("postgresql+psycopg2://h/d", "postgresql+psycopg2://h/d?options=-c+TimeZone%3DUTC"),
        (
            "postgresql+psycopg2://u:p%40ss@h/d?options=-c%20search_path%3Ddagster",
            "postgresql+psycopg2://u:p%40ss@h/d?options=-c+search_path%3Ddagster+-c+TimeZone%3DUTC",
        ),
    ],
)
def test_options_of_the_url_stay_when_utc_is_added(written: str, used: str) -> None:
    assert in_utc(written) == used


@pytest.mark.parametrize(
    ("written", "used"),
    [
        ("postgres://u:p@h:5432/d", "postgresql+psycopg2://u:p@h:5432/d"),
        ("postgresql://u:p@h/d", "postgresql+psycopg2://u:p@h/d"),
        ("postgresql+psycopg://u@/d?host=/run/pg", "postgresql+psycopg2://u@/d?host=%2Frun%2Fpg"),
        (
            "postgresql+psycopg2://u:p%40ss@h/d?sslmode=require",
            "postgresql+psycopg2://u:p%40ss@h/d?sslmode=require",
        ),
        (" postgresql://h/d\n", "postgresql+psycopg2://h/d"),
    ],
)
def test_a_postgres_url_is_given_the_driver_that_dagster_needs(written: str, used: str) -> None:
    assert normalise_postgres_url(written) == used


@pytest.mark.parametrize(
    "written", ["mysql://u:geheim@h/d", "postgresql://u:geheim@h", "geheim", "sqlite:///d"]
)
def test_another_url_is_refused_without_repeating_the_password(
    written: str, dagster_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Falling back to SQLite would split the history in two without a word."""
    with pytest.raises(
        ValueError, match=f"{PG_URL_VARIABLE} is not the URL of a PostgreSQL database"
    ) as refusal:
        normalise_postgres_url(written)
    assert "geheim" not in str(refusal.value)
    monkeypatch.setenv(PG_URL_VARIABLE, written)
    with pytest.raises(ValueError, match=PG_URL_VARIABLE), dg.DagsterInstance.get():
        pass
    assert list(dagster_home.rglob("*.db")) == []


def test_sqlite_lies_in_the_dagster_home_or_else_beside_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert sqlite_directory({"DAGSTER_HOME": "/var/lib/order-pipelines"}) == Path("/var/lib/order-pipelines")
    assert sqlite_directory({}) == tmp_path / ".dagster_home"
    assert sqlite_directory({"DAGSTER_HOME": " "}) == tmp_path / ".dagster_home"
