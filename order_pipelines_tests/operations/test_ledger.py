"""Movements add up to positions, whatever comes when."""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from order_pipelines.domain.stock import Departure
from order_pipelines.operations.ledger import Ledger, LineTarget
from order_pipelines.operations.store import CHANGE, OperationsStore, next_values
from order_pipelines.operations.tables import line_demand, line_shipped, stock_movements, stock_positions
from order_pipelines_tests.operations.moments import at

_unique = count(1)


@dataclass
class Booker:
    """Books into the ledger and reads it back."""

    store: OperationsStore
    calls: int = field(default=0)

    def settle(self, *targets: LineTarget, orders: tuple[str, ...] = ()) -> None:
        with self.store.transaction() as connection:
            ledger = Ledger(connection)
            keys = orders or tuple(target.order_key for target in targets)
            ledger.settle_lines({(target.order_key, target.line_id): target for target in targets}, keys)
            ledger.flush(next_values(connection, CHANGE))

    def count(self, sku: str, quantity: int, taken_at: datetime, location: str = "main") -> bool:
        with self.store.transaction() as connection:
            ledger = Ledger(connection)
            newest = ledger.count((sku, location), quantity, taken_at, cause="count")
            ledger.flush(next_values(connection, CHANGE))
            return newest

    def correct(self, sku: str, quantity: int, occurred_at: datetime) -> None:
        with self.store.transaction() as connection:
            ledger = Ledger(connection)
            ledger.correct((sku, "main"), quantity, occurred_at, cause="breakage")
            ledger.flush(next_values(connection, CHANGE))

    def position(self, sku: str, location: str = "main") -> tuple[int, int]:
        with self.store.reading() as connection:
            row = connection.execute(
                sa.select(stock_positions).where(
                    stock_positions.c.sku == sku, stock_positions.c.location == location
                )
            ).one()
        return row.on_hand, row.open_demand

    def added_up(self, sku: str, location: str = "main") -> tuple[int, int]:
        with self.store.reading() as connection:
            row = connection.execute(
                sa.select(
                    sa.func.sum(stock_movements.c.on_hand_delta),
                    sa.func.sum(stock_movements.c.open_demand_delta),
                ).where(stock_movements.c.sku == sku, stock_movements.c.location == location)
            ).one()
        return int(row[0]), int(row[1])

    def kinds(self, sku: str) -> list[tuple[str, int, int, int]]:
        with self.store.reading() as connection:
            return [
                (row.kind, row.physical_quantity, row.on_hand_delta, row.open_demand_delta)
                for row in connection.execute(
                    sa.select(stock_movements)
                    .where(stock_movements.c.sku == sku)
                    .order_by(stock_movements.c.movement_seq)
                )
            ]


@pytest.fixture
def booker(store: OperationsStore) -> Booker:
    return Booker(store)


def _target(
    sku: str | None = "A",
    open_quantity: int = 2,
    *departures: Departure,
    order: str = "bol_main:1",
    line: str = "1",
) -> LineTarget:
    return LineTarget(order, line, "bol_main", sku, "main", open_quantity, at(8), tuple(departures))


def _left(quantity: int, when: datetime, key: str = "parcel:1", location: str | None = None) -> Departure:
    return Departure(key, quantity, when, location)


def test_an_order_demands_a_shipment_turns_demand_into_movement(booker: Booker) -> None:
    booker.count("A", 10, at(7))
    booker.settle(_target("A", 2))
    assert booker.position("A") == (10, 2)

    booker.settle(_target("A", 0, _left(2, at(9))))
    assert booker.position("A") == (8, 0)
    assert booker.kinds("A") == [
        ("counted", 0, 10, 0),
        ("sold", 0, 0, 2),
        ("fulfilled", 0, 0, -2),
        ("shipped", -2, -2, 0),
    ]


def _demand(booker: Booker, sku: str) -> list[tuple[str, int]]:
    return [(kind, owed) for kind, _, _, owed in booker.kinds(sku) if owed]


def test_pieces_that_are_owed_no_more_left_or_were_cancelled(booker: Booker) -> None:
    """Of five two left in two parcels, of one place and another; then two are cancelled and the last one leaves."""
    booker.settle(_target("A", 5))
    booker.settle(_target("A", 3, _left(1, at(9)), _left(1, at(9), "parcel:2", "store")))
    booker.settle(
        _target("A", 0, _left(1, at(9)), _left(1, at(9), "parcel:2", "store"), _left(1, at(10), "parcel:3"))
    )
    assert _demand(booker, "A") == [("sold", 5), ("fulfilled", -2), ("fulfilled", -1), ("cancelled", -2)]
    assert booker.position("A") == (-2, 0)
    assert booker.position("A", "store") == (-1, 0)


def test_a_cancellation_or_a_parcel_that_is_taken_back_is_booked_with_the_other_sign(booker: Booker) -> None:
    booker.settle(_target("A", 3))
    booker.settle(_target("A", 2))
    booker.settle(_target("A", 3))
    assert _demand(booker, "A") == [("sold", 3), ("cancelled", -1), ("sold", 1)]
    booker.settle(_target("A", 1, _left(2, at(9))))
    booker.settle(_target("A", 2, _left(1, at(9))))
    assert _demand(booker, "A")[3:] == [("fulfilled", -2), ("fulfilled", 1)]
    assert booker.position("A") == (-1, 2)


def test_pieces_that_left_before_they_were_ever_owed_are_shipped_and_nothing_else(booker: Booker) -> None:
    booker.settle(_target("A", 0, _left(2, at(9))))
    assert booker.kinds("A") == [("shipped", -2, -2, 0)]


def test_what_was_booked_on_another_article_is_a_sale_taken_back(booker: Booker) -> None:
    booker.settle(_target("A", 2))
    booker.settle(_target("B", 1, _left(1, at(9))))
    assert _demand(booker, "A") == [("sold", 2), ("sold", -2)]
    assert _demand(booker, "B") == [("sold", 1)]
    booker.settle(orders=("bol_main:1",))
    assert _demand(booker, "B") == [("sold", 1), ("sold", -1)]


def test_saying_the_same_again_books_nothing(booker: Booker) -> None:
    booker.count("A", 10, at(7))
    for _ in range(3):
        booker.settle(_target("A", 1, _left(1, at(9))))
    assert len(booker.kinds("A")) == 3
    assert booker.position("A") == (9, 1)


def test_a_count_settles_what_was_shipped_before_it(booker: Booker) -> None:
    """The shelf was counted at noon; a parcel of nine o'clock that we hear of later was not on it."""
    booker.count("A", 10, at(7))
    booker.count("A", 6, at(12))
    booker.settle(_target("A", 0, _left(2, at(9))))
    assert booker.position("A") == (6, 0)
    assert booker.kinds("A")[-1] == ("shipped", -2, 0, 0)


def test_a_count_that_arrives_late_still_leaves_what_was_shipped_after_it(booker: Booker) -> None:
    booker.settle(_target("A", 0, _left(2, at(13))))
    booker.count("A", 6, at(12))
    assert booker.position("A") == (4, 0)


def test_what_leaves_at_the_very_moment_of_the_count_is_in_the_count(booker: Booker) -> None:
    booker.settle(_target("A", 0, _left(2, at(12))))
    booker.count("A", 6, at(12))
    assert booker.position("A") == (6, 0)


def test_an_older_count_changes_nothing(booker: Booker) -> None:
    assert booker.count("A", 6, at(12))
    assert not booker.count("A", 99, at(11))
    assert booker.position("A") == (6, 0)


def test_of_two_counts_of_one_moment_the_lower_stands(booker: Booker) -> None:
    assert booker.count("A", 6, at(12))
    assert not booker.count("A", 7, at(12))
    assert booker.position("A") == (6, 0)
    assert booker.count("A", 5, at(12))
    assert booker.position("A") == (5, 0)
    assert booker.count("A", 5, at(12))
    assert booker.position("A") == (5, 0)


def test_a_correction_after_the_count_counts_and_one_before_does_not(booker: Booker) -> None:
    booker.count("A", 6, at(12))
    booker.correct("A", -1, at(13))
    booker.correct("A", -4, at(11))
    assert booker.position("A") == (5, 0)


def test_another_article_on_a_line_gives_the_old_one_its_demand_back(booker: Booker) -> None:
    booker.settle(_target("A", 1, _left(1, at(9))))
    booker.settle(_target("B", 1, _left(1, at(9))))
    assert booker.position("A") == (0, 0)
    assert booker.position("B") == (-1, 1)


def test_a_line_that_vanished_or_became_unknown_loses_what_was_booked(booker: Booker) -> None:
    booker.settle(_target("A", 2), _target("B", 1, line="2"))
    booker.settle(_target(None, 2), orders=("bol_main:1",))
    assert booker.position("A") == (0, 0)
    assert booker.position("B") == (0, 0)
    with booker.store.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(line_demand)).scalar() == 0


def test_pieces_leave_from_the_place_they_left_from(booker: Booker) -> None:
    booker.settle(_target("A", 0, _left(2, at(9), location="store")))
    assert booker.position("A", "store") == (-2, 0)
    with booker.store.reading() as connection:
        assert connection.execute(sa.select(line_shipped.c.location)).scalar() == "store"


def test_other_orders_keep_their_bookings(booker: Booker) -> None:
    booker.settle(_target("A", 2), _target("A", 3, order="bol_main:2"))
    booker.settle(orders=("bol_main:1",))
    assert booker.position("A") == (0, 3)


_hours = st.integers(min_value=0, max_value=30)
_events = st.lists(
    st.one_of(
        st.tuples(st.just("count"), _hours, st.integers(0, 50), st.just(0)),
        st.tuples(st.just("correct"), _hours, st.integers(-5, 5), st.just(0)),
        st.tuples(st.just("line"), _hours, st.integers(0, 5), st.integers(0, 5)),
    ),
    min_size=1,
    max_size=9,
)


@given(_events)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_movements_add_up_to_the_position_and_a_count_is_the_last_word(
    booker: Booker, events: list[tuple[str, int, int, int]]
) -> None:
    """On hand = the newest count + every physical movement after it; events may be told in any order."""
    number = next(_unique)
    sku = f"SKU-{number}"
    counts: list[tuple[int, int]] = []
    moved: list[tuple[int, int]] = []
    demand = 0
    for index, (kind, hour, amount, shipped) in enumerate(events):
        if kind == "count":
            booker.count(sku, amount, at(hour))
            counts.append((hour, -amount))
        elif kind == "correct":
            booker.correct(sku, amount, at(hour))
            moved.append((hour, amount))
        else:
            parcels = (_left(shipped, at(hour)),) if shipped else ()
            booker.settle(_target(sku, amount, *parcels, order=f"bol_main:{number}-{index}"))
            moved.append((hour, -shipped))
            demand += amount

    counted_at, quantity = (max(counts)[0], -max(counts)[1]) if counts else (-1, 0)
    expected = quantity + sum(pieces for hour, pieces in moved if hour > counted_at)
    if any(kind != "line" or amount or shipped for kind, _, amount, shipped in events):
        assert booker.position(sku) == (expected, demand)
        assert booker.added_up(sku) == (expected, demand)


def test_a_thousand_positions_are_loaded_in_one_settlement(booker: Booker) -> None:
    booker.settle(*(_target(f"S{number}", 1, order=f"bol_main:{number}") for number in range(1000)))
    assert booker.position("S999") == (0, 1)
