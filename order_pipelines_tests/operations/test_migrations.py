"""The migrations make what the declared tables say, keep what is there, and refuse what they cannot be sure of."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from order_pipelines.errors import ConfigurationError
from order_pipelines.operations import migrations
from order_pipelines.operations.migrations import migrate, migration_files, open_store, statements
from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import counters, metadata

_HOUSEKEEPING = {"schema_migrations"}


def _shape(store: OperationsStore) -> dict[str, dict[str, Any]]:
    """What a database really has, in words both sides of a comparison share."""
    inspector = sa.inspect(store.engine)
    shape: dict[str, dict[str, Any]] = {}
    for name in inspector.get_table_names():
        if name in _HOUSEKEEPING:
            continue
        shape[name] = {
            "columns": {
                column["name"]: (_type(column["type"]), column["nullable"])
                for column in inspector.get_columns(name)
            },
            "key": inspector.get_pk_constraint(name)["constrained_columns"],
            "indexes": {
                index["name"]: (tuple(index["column_names"]), bool(index["unique"]))
                for index in inspector.get_indexes(name)
            },
        }
    return shape


def _type(column_type: Any) -> str:
    return str(column_type.compile()).lower()


def test_the_migrations_make_exactly_the_declared_tables(
    store: OperationsStore, store_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if store.dialect == "sqlite":
        declared_url = f"sqlite:///{tmp_path / 'declared.sqlite'}"
    else:
        declared_url = request.getfixturevalue("postgres_server").create_database()
    declared = OperationsStore(declared_url)
    metadata.create_all(declared.engine)

    assert _shape(store) == _shape(declared)
    assert len(_shape(store)) == len(metadata.tables)
    declared.close()
    assert store_url != declared_url


def test_a_second_start_changes_nothing_and_keeps_the_data(store: OperationsStore, store_url: str) -> None:
    with store.transaction() as connection:
        connection.execute(counters.update().values(value=41))

    assert migrate(store) == []
    again = open_store(store_url)
    with again.reading() as connection:
        values = {row.name: row.value for row in connection.execute(sa.select(counters))}
    again.close()
    assert {"change_seq", "movement_seq", "receipt_seq"} <= values.keys()
    assert set(values.values()) == {41}


def test_a_store_of_the_first_version_with_an_order_in_it_is_brought_to_the_newest(store_url: str) -> None:
    store = OperationsStore(store_url)
    assert migrate(store, up_to=1) == [1]
    with store.transaction() as connection:
        connection.exec_driver_sql(
            "insert into orders (order_key, account, system, channel, external_order_id, order_kind, must_flag, "
            "quarantine_reasons, order_total_incl_vat, counts_in_revenue, own_fulfilment, is_history, is_test, "
            "is_quarantined, changed_at, read_began_at, content_hash, receipt_seq, first_received_at, change_seq) "
            "values ('bol_main:1', 'bol_main', 'bol', 'bol', '1', 'sale', '[]', '[]', '29.99', true, true, false, "
            "false, false, '2026-11-20T10:00:00.000000Z', '2026-11-20T10:00:00.000000Z', 'abc', 1, "
            "'2026-11-20T10:00:00.000000Z', 1)"
        )

    newest = migration_files()[-1][0]
    assert migrate(store) == list(range(2, newest + 1))
    with store.reading() as connection:
        row = connection.execute(sa.select(metadata.tables["orders"])).one()
    store.close()
    assert str(row.order_total_incl_vat) == "29.99"
    assert row.changed_at.isoformat() == "2026-11-20T10:00:00+00:00"


def test_movements_of_older_versions_are_told_in_the_words_of_today(store_url: str) -> None:
    """Three lines: one that left, one that was cancelled, one that moved to another article; and a count."""
    store = OperationsStore(store_url)
    migrate(store, up_to=7)
    rows = [
        # kind, article, owed, line, booked at
        ("counted", "A", 0, None, "2026-11-20T07:00:00.000000Z"),
        ("demanded", "A", 2, "1", "2026-11-20T08:00:00.000000Z"),
        ("demanded", "A", 1, "2", "2026-11-20T08:00:00.000000Z"),
        ("demanded", "A", 1, "3", "2026-11-20T08:00:00.000000Z"),
        ("demand_released", "A", -2, "1", "2026-11-20T09:00:00.000000Z"),
        ("shipped", "A", 0, "1", "2026-11-20T09:00:00.000000Z"),
        ("demand_released", "A", -1, "2", "2026-11-20T09:00:00.000000Z"),
        ("demand_released", "A", -1, "3", "2026-11-20T10:00:00.000000Z"),
        ("demanded", "B", 1, "3", "2026-11-20T10:00:00.000000Z"),
    ]
    with store.transaction() as connection:
        for number, (kind, sku, owed, line, booked_at) in enumerate(rows, start=1):
            order = "null" if line is None else "'bol_main:1'"
            named = "null" if line is None else f"'{line}'"
            connection.exec_driver_sql(
                "insert into stock_movements (movement_seq, sku, location, kind, physical_quantity, on_hand_delta, "
                "open_demand_delta, cause, order_key, line_id, occurred_at, booked_at, reserved_delta) "
                f"values ({number}, '{sku}', 'main', '{kind}', 0, 0, {owed}, 'c', {order}, {named}, "
                f"'{booked_at}', '{booked_at}', 0)"
            )
    assert migrate(store)[0] == 8
    moves = metadata.tables["stock_movements"].c
    with store.reading() as connection:
        found = connection.execute(sa.select(moves.kind, moves.line_id).order_by(moves.movement_seq)).all()
    store.close()
    assert [tuple(row) for row in found] == [
        ("counted", None),
        ("sold", "1"),
        ("sold", "2"),
        ("sold", "3"),
        ("fulfilled", "1"),
        ("shipped", "1"),
        ("cancelled", "2"),
        ("sold", "3"),
        ("sold", "3"),
    ]


def test_an_applied_file_that_was_changed_is_refused(
    store: OperationsStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "migrations" / "operations"
    shutil.copytree(migration_files()[0][1].parent, folder)
    first = next(folder.glob("0001_*.sql"))
    first.write_text(first.read_text(encoding="utf-8") + "\n-- one more line\n", encoding="utf-8")
    monkeypatch.setattr(migrations, "sql_path", lambda name: tmp_path / name)

    with pytest.raises(ConfigurationError, match=r"0001_initial\.sql was changed after it had been applied"):
        migrate(store)


def test_a_store_that_a_newer_program_made_is_refused_and_left_alone(store: OperationsStore) -> None:
    with store.transaction() as connection:
        connection.exec_driver_sql(
            "insert into schema_migrations (version, name, checksum, applied_at) "
            "values (9000, '9000_future', 'abc', '2027-01-01T00:00:00Z')"
        )

    with pytest.raises(ConfigurationError, match="is at version 9000, this program knows"):
        migrate(store)


def test_a_migration_that_fails_half_way_leaves_nothing_behind(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "migrations" / "operations"
    folder.mkdir(parents=True)
    (folder / "0001_broken.sql").write_text(
        "create table good (id integer not null, primary key (id));\ncreate table good (id integer);\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(migrations, "sql_path", lambda name: tmp_path / name)
    store = OperationsStore(store_url)

    with pytest.raises(sa.exc.DBAPIError):
        migrate(store)
    assert "good" not in sa.inspect(store.engine).get_table_names()
    store.close()


def test_a_migration_is_written_once_for_both_databases() -> None:
    text = "create table t (at $instant$, amount $money2$); -- words; with a semicolon\n"

    assert statements(text, "sqlite") == ["create table t (at varchar(32), amount varchar(32))"]
    assert statements(text, "postgresql") == [
        "create table t (at timestamp with time zone, amount numeric(18, 2))"
    ]


def test_another_database_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="mysql is not supported; use sqlite:///… or postgresql://…"):
        OperationsStore("mysql+pymysql://nobody@127.0.0.1/shop")
