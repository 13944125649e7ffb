"""One writer at a time, numbers in order, readers with a steady view."""

import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from order_pipelines.operations.store import (
    CHANGE,
    OperationsStore,
    chunks,
    insert_new,
    next_values,
    upsert,
)
from order_pipelines.operations.tables import counters, warehouse_loads
from order_pipelines_tests.operations.moments import at


def _in_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_numbers_are_handed_out_without_gap_or_double(store: OperationsStore) -> None:
    with store.transaction() as connection:
        assert next_values(connection, CHANGE) == 1
        assert next_values(connection, CHANGE, 10) == 2
        assert next_values(connection, CHANGE) == 12


def test_a_rolled_back_transaction_gives_its_numbers_back(store: OperationsStore) -> None:
    def fail_inside() -> None:
        with store.transaction() as connection:
            next_values(connection, CHANGE, 5)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_inside()
    with store.transaction() as connection:
        assert next_values(connection, CHANGE) == 1


def test_two_writers_never_overlap_so_a_reader_of_numbers_misses_nothing(store: OperationsStore) -> None:
    """A number is only handed out after every lower one is visible."""
    first_inside, may_end = threading.Event(), threading.Event()
    order: list[str] = []

    def first() -> None:
        with store.transaction() as connection:
            next_values(connection, CHANGE)
            first_inside.set()
            assert may_end.wait(10)
            order.append("first")

    def second() -> None:
        assert first_inside.wait(10)
        with store.transaction() as connection:
            order.append("second")
            next_values(connection, CHANGE)

    threads = [_in_thread(first), _in_thread(second)]
    assert first_inside.wait(10)
    threads[1].join(0.2)
    assert order == []
    may_end.set()
    for thread in threads:
        thread.join(10)
    assert order == ["first", "second"]


def test_a_reader_sees_one_moment_while_others_write(store: OperationsStore) -> None:
    value = sa.select(counters.c.value).where(counters.c.name == CHANGE)
    with store.reading() as reader:
        before = reader.execute(value).scalar()
        with store.transaction() as connection:
            next_values(connection, CHANGE, 7)
        assert reader.execute(value).scalar() == before == 0
    with store.reading() as reader:
        assert reader.execute(value).scalar() == 7


def test_upsert_overwrites_and_insert_new_does_not(store: OperationsStore) -> None:
    row = {"stream": "orders", "done_seq": 1, "loaded_at": at(9)}
    with store.transaction() as connection:
        upsert(connection, warehouse_loads, [row])
        insert_new(connection, warehouse_loads, [{**row, "done_seq": 2}])
        assert connection.execute(sa.select(warehouse_loads.c.done_seq)).scalar() == 1
        upsert(connection, warehouse_loads, [{**row, "done_seq": 3}])
        assert connection.execute(sa.select(warehouse_loads.c.done_seq)).scalar() == 3
        upsert(connection, warehouse_loads, [])
        insert_new(connection, warehouse_loads, [])
        assert connection.execute(sa.select(sa.func.count()).select_from(warehouse_loads)).scalar() == 1


def test_chunks_keep_everything_in_order() -> None:
    assert [list(part) for part in chunks([1, 2, 3, 4, 5], 2)] == [[1, 2], [3, 4], [5]]
    assert list(chunks([], 2)) == []
