"""Opening, writing, waiting and publishing, on DuckDB and PostgreSQL alike."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import psycopg
import pyarrow as pa
import pytest

from order_pipelines.errors import ConfigurationError
from order_pipelines.services.warehouse_load import build_marts, load_core
from order_pipelines.warehouse.engine import Warehouse, WarehouseBusyError
from order_pipelines.warehouse.session import Session
from order_pipelines.warehouse.tables import LOAD_STATE, ORDERS, PRODUCTS
from order_pipelines_tests.warehouse.rows import LONG_AGO, Shop, money, utc

HOLD_OPEN = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
COUNT_ORDERS = (
    "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True); "
    "print(c.execute('select count(*) from mart.orders').fetchone()[0])"
)


@contextmanager
def held_by_another_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process has the file open for writing until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_OPEN, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        try:
            yield process
        finally:
            process.stdin.close()


def read_in_another_process(path: Path) -> int:
    answer = subprocess.run(
        [sys.executable, "-c", COUNT_ORDERS, str(path)],
        check=True,
        capture_output=True,
        text=True,
        timeout=20,
    )
    return int(answer.stdout)


def test_a_url_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="warehouse_url: mysql is not supported"):
        Warehouse("mysql://localhost/warehouse", tmp_path)


def test_a_frame_has_exact_decimals_and_arrow_strings(shop: Shop, warehouse: Warehouse) -> None:
    shop.order("A", total="0.10")
    load_core(shop.store, warehouse)
    frame = warehouse.read_frame(ORDERS, "order_number = $1", ["A"])
    assert frame["order_total_incl_vat"].dtype == pd.ArrowDtype(pa.decimal128(18, 2))
    assert frame["order_number"].dtype == pd.ArrowDtype(pa.string())
    assert frame["ordered_at"].dtype == pd.ArrowDtype(pa.timestamp("us", "UTC"))
    assert frame["order_total_incl_vat"].sum() == Decimal("0.10")
    assert frame["order_vat_amount"].isna().all()
    assert len(warehouse.read_frame(ORDERS, "order_number = $1", ["B"])) == 0


def test_a_transaction_that_fails_leaves_nothing_behind(warehouse: Warehouse) -> None:
    def write_and_fail(session: Session) -> None:
        with session.transaction():
            session.execute(
                f"insert into {LOAD_STATE.full_name} values ($1, $2, $3)", ["orders", 1, LONG_AGO]
            )
            raise ZeroDivisionError

    with warehouse.write() as session, pytest.raises(ZeroDivisionError):
        write_and_fail(session)
    assert warehouse.read_table(LOAD_STATE).num_rows == 0


def test_text_survives_the_way_in_and_out(warehouse: Warehouse) -> None:
    """Empty text is not null; quotes, commas, line ends and letters of all kinds stay as they are."""
    names = ["", None, 'say "hi", they said\nand left\r\n', "\\N", "Ærø ✓ 日本", "null", " x "]
    rows = pa.Table.from_pylist(
        [
            {
                "sku": str(number),
                "name": name,
                "source": "file",
                "weight_grams": 5,
                "cost": money("1.2345"),
                "change_seq": 1,
                "updated_at": utc("2026-03-29T00:59:59.000001"),
            }
            for number, name in enumerate(names)
        ],
        schema=PRODUCTS.arrow_schema(),
    )
    with warehouse.write() as session:
        session.insert(PRODUCTS.full_name, rows)
    back = warehouse.read_table(PRODUCTS).sort_by("sku")
    assert back.column("name").to_pylist() == names
    assert set(back.column("cost").to_pylist()) == {Decimal("1.2345")}
    assert set(back.column("updated_at").to_pylist()) == {utc("2026-03-29T00:59:59.000001")}
    assert back.schema == PRODUCTS.arrow_schema()


def test_a_writer_waits_for_another_process(duck: Warehouse) -> None:
    duck.migrate()
    assert duck.path is not None
    with held_by_another_process(duck.path) as holder:
        assert holder.stdin is not None
        threading.Timer(0.2, holder.stdin.close).start()
        with duck.write() as session:
            session.execute("delete from core.load_state")
    assert duck.query("select count(*) as n from core.load_state").to_pylist() == [{"n": 0}]


def test_a_file_that_stays_open_elsewhere_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    warehouse = Warehouse(f"duckdb:///{path}", tmp_path, lock_timeout_s=0.2)
    with held_by_another_process(path), pytest.raises(WarehouseBusyError, match="open the published copy"):
        warehouse.migrate()


def test_a_second_writer_on_postgresql_waits_its_turn(postgres_url: str, tmp_path: Path) -> None:
    first = Warehouse(postgres_url, tmp_path)
    second = Warehouse(postgres_url, tmp_path, lock_timeout_s=0.2)
    first.migrate()
    second.migrate()
    with first.write():
        with pytest.raises(WarehouseBusyError, match="being written by others"), second.write():
            pass
        assert second.query("select count(*) as n from core.load_state").to_pylist() == [{"n": 0}]
    with second.write() as session:
        session.execute("delete from core.load_state")


def test_opening_twice_in_one_thread_is_refused_at_once(duck: Warehouse) -> None:
    began = time.monotonic()
    with duck.write(), pytest.raises(RuntimeError, match="already open in this thread"), duck.read():
        pass
    assert time.monotonic() - began < 10


def test_threads_of_one_process_take_turns(duck: Warehouse) -> None:
    duck.migrate()

    def add(number: int) -> None:
        with duck.write() as session:
            session.execute("insert into core.touched_orders values ($1)", [str(number)])
        assert duck.query("select 1 as one").to_pylist() == [{"one": 1}]

    threads = [threading.Thread(target=add, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert duck.query("select count(*) as n from core.touched_orders").to_pylist() == [{"n": 6}]


def test_an_analyst_reads_the_published_copy_while_a_load_runs(shop: Shop, duck: Warehouse) -> None:
    shop.order("A")
    load_core(shop.store, duck)
    build_marts(duck)
    published = duck.publish()
    assert published.number == 1
    assert duck.published_path() == published.path
    with duck.write() as session, session.transaction():
        session.execute("delete from mart.orders")
        assert read_in_another_process(duck.published_path()) == 1
    assert duck.publish().number == 2
    assert duck.published_path().name == "warehouse-2.duckdb"
    assert read_in_another_process(duck.published_path()) == 0


def test_a_reader_keeps_what_it_opened_and_three_copies_are_kept(duck: Warehouse) -> None:
    with pytest.raises(ConfigurationError, match="nothing is published yet"):
        duck.published_path()
    duck.publish()
    with duckdb.connect(str(duck.published_path()), read_only=True) as reader:
        for _ in range(3):
            with duck.write() as session:
                session.execute("insert into core.touched_orders values ('x')")
            duck.publish()
        assert reader.execute("select count(*) from core.touched_orders").fetchall() == [(0,)]
    names = sorted(path.name for path in duck.published_dir.iterdir())
    assert names == ["latest", "warehouse-2.duckdb", "warehouse-3.duckdb", "warehouse-4.duckdb"]


def test_the_live_file_is_free_again_after_publishing(duck: Warehouse) -> None:
    duck.publish()
    assert duck.path is not None
    assert read_in_another_process(duck.path) == 0


def test_publishing_on_postgresql_lets_the_reader_role_read_and_not_write(
    postgres_url: str, tmp_path: Path
) -> None:
    warehouse = Warehouse(postgres_url, tmp_path)
    published = warehouse.publish()
    assert published.path is None
    assert published.done.endswith("order_pipelines_reader may read core and mart")
    assert warehouse.publish().done == "order_pipelines_reader may read core and mart"
    plain = postgres_url.replace("+psycopg", "")
    with psycopg.connect(plain) as connection:
        connection.execute("set role order_pipelines_reader")
        assert connection.execute("select count(*) from mart.orders").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from mart.orders")


def test_a_login_that_may_not_create_the_role_says_so(postgres_url: str, tmp_path: Path) -> None:
    plain = postgres_url.replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        owned = connection.execute(
            "select 1 from pg_roles where rolname = 'order_pipelines_reader'"
        ).fetchone()
        if owned:
            connection.execute("drop owned by order_pipelines_reader; drop role order_pipelines_reader")
        connection.execute("create role plain_login login")
        connection.execute(
            "do $$ begin execute 'grant all on database ' || current_database() || ' to plain_login'; end $$"
        )
    try:
        warehouse = Warehouse(postgres_url.replace("postgres@", "plain_login@"), tmp_path)
        assert (
            "run 'create role order_pipelines_reader nologin' as an administrator" in warehouse.publish().done
        )
    finally:
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute("drop owned by plain_login; drop role plain_login")
