"""The same week told in any order, any number of times, whole or in part: one end state on both stores.

A week is bol orders in several versions (placed, cut short, shipped, with wrong lines), wholesale files, parcels, stock
counts and product masters. It is told once straight and once in any other way: permuted, repeated, in other batches,
with versions missing that were no one's only witness, with earlier bodies read again, with retries of the quarantine,
loads of the warehouse and rounds of planning in between. ``ORDER_PIPELINES_TEST_EXAMPLES`` multiplies the examples.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from order_pipelines_tests.operations.memory_folder import memory_folder
from order_pipelines_tests.postgres import TestPostgres
from order_pipelines_tests.reliability.any_order_delivery import Place, deliveries, place, straight, tell
from order_pipelines_tests.reliability.any_order_state import (
    PLANNED_EARLIER,
    differences,
    end_state,
    positions_that_do_not_add_up,
    warehouse_state,
)
from order_pipelines_tests.reliability.any_order_world import worlds

# Twenty seconds of work, which a machine that is busy with other tests stretches.
pytestmark = [pytest.mark.endurance, pytest.mark.slow, pytest.mark.timeout(900)]

# Read at import: while a test runs, the environment is nobody's.
_TIMES = int(os.environ.get("ORDER_PIPELINES_TEST_EXAMPLES", "1"))


def _examples(number: int) -> settings:
    # A week takes half a second: what fails is shown as found when there is no time to make it smaller.
    return settings(
        max_examples=number * _TIMES,
        phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with memory_folder() as found:
        yield found


@pytest.fixture(scope="module")
def reference(folder: Path) -> Iterator[Place]:
    """Where every week is told straight: on SQLite, also for weeks that are told otherwise on PostgreSQL."""
    urls = (f"sqlite:///{folder / 'straight.sqlite'}", f"duckdb:///{folder / 'straight.duckdb'}")
    with place(folder / "straight", *urls) as found:
        yield found


@pytest.fixture(scope="module")
def on_sqlite(folder: Path) -> Iterator[Place]:
    with place(folder / "sqlite", f"sqlite:///{folder / 'shuffled.sqlite'}") as found:
        yield found


@pytest.fixture(scope="module")
def on_sqlite_and_duckdb(folder: Path) -> Iterator[Place]:
    urls = (f"sqlite:///{folder / 'loaded.sqlite'}", f"duckdb:///{folder / 'loaded.duckdb'}")
    with place(folder / "duckdb", *urls) as found:
        yield found


@pytest.fixture(scope="module")
def on_postgresql(folder: Path, postgres_server: TestPostgres) -> Iterator[Place]:
    """Both stores on PostgreSQL."""
    store, warehouse = postgres_server.create_database(), postgres_server.create_database()
    with place(folder / "postgresql", store, warehouse) as found:
        yield found
    for url in (store, warehouse):
        postgres_server.drop_database(url)


def _ends_the_same(data: st.DataObject, reference: Place, other: Place) -> None:
    world = data.draw(worlds())
    steps = data.draw(deliveries(world))
    tell(reference, world, straight(world), loads=other.warehouse is not None)
    tell(other, world, steps)
    assert differences(end_state(other.store), end_state(reference.store)) == {}
    assert positions_that_do_not_add_up(other.store) == []
    if other.warehouse is not None and reference.warehouse is not None:
        told, wanted = (
            warehouse_state(one, where.store)
            for one, where in ((other.warehouse, other), (reference.warehouse, reference))
        )
        assert differences(told, wanted) == {}


@given(data=st.data())
@_examples(20)
def test_a_week_told_in_any_order_ends_in_one_state(
    data: st.DataObject, reference: Place, on_sqlite: Place
) -> None:
    _ends_the_same(data, reference, on_sqlite)


@given(data=st.data())
@_examples(4)
def test_the_warehouse_ends_in_one_state_whenever_it_was_loaded(
    data: st.DataObject, reference: Place, on_sqlite_and_duckdb: Place
) -> None:
    _ends_the_same(data, reference, on_sqlite_and_duckdb)


@given(data=st.data())
@_examples(6)
def test_a_week_told_in_any_order_on_postgresql_ends_as_told_straight_on_sqlite(
    data: st.DataObject, reference: Place, on_postgresql: Place
) -> None:
    _ends_the_same(data, reference, on_postgresql)


@given(data=st.data())
@_examples(8)
def test_invoices_and_parcels_are_the_same_whenever_they_were_planned(
    data: st.DataObject, reference: Place, on_sqlite: Place
) -> None:
    """Only the day of an entry may differ: it is that of the last departure known when it was planned.

    What was planned stays when a later version cannot be read, so the last one of each order can.
    """
    world = data.draw(worlds(has_complete_master=True, ends_well=True))
    steps = data.draw(deliveries(world, plans=True))
    tell(reference, world, straight(world), loads=False)
    tell(on_sqlite, world, steps)
    without = PLANNED_EARLIER
    told, wanted = (end_state(one.store, without=without) for one in (on_sqlite, reference))
    assert differences(told, wanted) == {}
