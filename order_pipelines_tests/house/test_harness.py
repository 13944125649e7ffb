"""The harness itself: databases are fresh and real, and the developer's own settings stay out."""

import os
import socket

import psycopg
import pytest
import sqlalchemy as sa
from pytest_socket import SocketConnectBlockedError

from order_pipelines_tests.postgres import TestPostgres


@pytest.fixture
def postgres_url(bare_postgres_url: str) -> str:
    """URL of a database without anything in it: nobody else has a table there."""
    return bare_postgres_url


def test_a_store_is_empty_and_writable(store_url: str) -> None:
    engine = sa.create_engine(store_url)
    try:
        assert sa.inspect(engine).get_table_names() == []
        with engine.begin() as connection:
            connection.execute(sa.text("create table orders (order_key text)"))
            connection.execute(sa.text("insert into orders values ('bol_main:1')"))
        with engine.connect() as connection:
            assert connection.execute(sa.text("select order_key from orders")).scalar_one() == "bol_main:1"
    finally:
        engine.dispose()


def test_two_postgres_databases_do_not_see_each_other(postgres_server: TestPostgres) -> None:
    first, second = postgres_server.create_database(), postgres_server.create_database()
    engines = [sa.create_engine(url) for url in (first, second)]
    try:
        with engines[0].begin() as connection:
            connection.execute(sa.text("create table orders (order_key text)"))
        assert sa.inspect(engines[0]).get_table_names() == ["orders"]
        assert sa.inspect(engines[1]).get_table_names() == []
    finally:
        for engine in engines:
            engine.dispose()
        for url in (first, second):
            postgres_server.drop_database(url)


def test_a_database_with_an_open_connection_is_dropped_all_the_same(postgres_server: TestPostgres) -> None:
    """A test that fails leaves its connections open; the next test must not hang on them."""
    url = postgres_server.create_database()
    forgotten = psycopg.connect(url.replace("+psycopg", ""))
    try:
        postgres_server.drop_database(url)
        postgres_server.finish_drops()
        assert forgotten.closed or not _answers(forgotten)
    finally:
        forgotten.close()


def test_text_sorts_by_code_point_on_both_stores(store_url: str) -> None:
    """A server's collation follows the locale of the machine; what a test expects must not."""
    engine = sa.create_engine(store_url)
    try:
        with engine.connect() as connection:
            rows = connection.execute(
                sa.text("select word from (values ('b'), ('B'), ('a'), ('_')) as words (word) order by 1")
                if engine.dialect.name == "postgresql"
                else sa.text(
                    "select 'b' as word union all select 'B' union all select 'a' union all select '_' order by 1"
                )
            )
            assert [row.word for row in rows] == ["B", "_", "a", "b"]
    finally:
        engine.dispose()


def test_the_developers_own_settings_are_hidden() -> None:
    assert "DAGSTER_HOME" not in os.environ
    assert [name for name in os.environ if name.startswith("ORDER_PIPELINES_")] == []


def _answers(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    try:
        connection.execute("select 1")
    except psycopg.OperationalError:
        return False
    return True


def test_no_test_reaches_another_machine() -> None:
    """192.0.2.1 is kept free for documentation; the connection is refused here and never tried."""
    with pytest.warns(UserWarning, match="192.0.2.1"), pytest.raises(SocketConnectBlockedError):
        socket.create_connection(("192.0.2.1", 80), timeout=0.1)
