"""Money, instants and JSON come out of both databases exactly as they went in."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.types import Instant, Json, Money

_values = sa.Table(
    "type_values",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("amount", Money()),
    sa.Column("price", Money(4)),
    sa.Column("at", Instant),
    sa.Column("content", Json),
)


@pytest.fixture
def values(store: OperationsStore) -> OperationsStore:
    _values.metadata.create_all(store.engine)
    return store


def _through(store: OperationsStore, **row: Any) -> Any:
    with store.transaction() as connection:
        connection.execute(sa.delete(_values))
        connection.execute(_values.insert().values(id=1, **row))
        return connection.execute(sa.select(_values)).one()


def test_a_negative_zero_is_the_zero_of_both_databases(values: OperationsStore) -> None:
    """A price of '-0' in a file."""
    row = _through(values, amount=Decimal("-0"), price=Decimal("-0.0000"))

    assert (str(row.amount), str(row.price)) == ("0.00", "0.0000")


def test_money_is_a_decimal_with_its_scale(values: OperationsStore) -> None:
    row = _through(values, amount=Decimal("29.9"), price=Decimal("0.1234"))

    assert (type(row.amount), str(row.amount)) == (Decimal, "29.90")
    assert (type(row.price), str(row.price)) == (Decimal, "0.1234")


@pytest.mark.parametrize("amount", ["9999999999999999.99", "-0.01", "0.00", "14.95", "29.99"])
def test_amounts_that_floats_get_wrong_stay_exact(values: OperationsStore, amount: str) -> None:
    assert str(_through(values, amount=Decimal(amount)).amount) == amount


@given(st.lists(st.decimals(min_value=-(10**9), max_value=10**9, places=2), min_size=1, max_size=6))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_sum_of_stored_money_is_the_sum(values: OperationsStore, amounts: list[Decimal]) -> None:
    with values.transaction() as connection:
        connection.execute(sa.delete(_values))
        connection.execute(
            _values.insert(), [{"id": number, "amount": amount} for number, amount in enumerate(amounts)]
        )
        stored = connection.execute(sa.select(_values.c.amount)).scalars().all()
    assert sum(stored, Decimal(0)) == sum(amounts, Decimal(0))


@pytest.mark.parametrize("amount", [Decimal("1.005"), Decimal("NaN")])
def test_what_is_no_amount_of_cents_is_refused(values: OperationsStore, amount: Decimal) -> None:
    with pytest.raises((sa.exc.StatementError, ValueError)):
        _through(values, amount=amount)


def test_an_instant_comes_back_in_utc_whatever_zone_it_had(values: OperationsStore) -> None:
    amsterdam = timezone(timedelta(hours=1))
    row = _through(values, at=datetime(2026, 11, 21, 18, 0, 0, 123456, tzinfo=amsterdam))

    assert row.at == datetime(2026, 11, 21, 17, 0, 0, 123456, tzinfo=UTC)
    assert row.at.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "instant",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(999, 6, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    ],
)
def test_the_empty_dates_of_other_systems_do_not_break_the_store(
    values: OperationsStore, instant: datetime
) -> None:
    """``0001-01-01`` and ``9999-12-31`` are what .NET and SAP send for 'no date'."""
    assert _through(values, at=instant).at == instant


def test_instants_are_ordered_by_time_also_where_they_are_text(values: OperationsStore) -> None:
    moments = [
        datetime(2026, 11, 21, 9, tzinfo=UTC),
        datetime(2026, 11, 21, 9, 0, 0, 1, tzinfo=UTC),
        datetime(999, 11, 21, tzinfo=UTC),
    ]
    with values.transaction() as connection:
        connection.execute(_values.insert(), [{"id": n, "at": at} for n, at in enumerate(moments)])
        found = connection.execute(sa.select(_values.c.id).order_by(_values.c.at)).scalars().all()
    assert found == [2, 0, 1]


def test_an_instant_without_zone_is_refused(values: OperationsStore) -> None:
    with pytest.raises(sa.exc.StatementError, match="an instant needs its zone"):
        _through(values, at=datetime(2026, 11, 21, 18, 0))  # noqa: DTZ001


def test_equal_json_is_equal_in_the_database(values: OperationsStore) -> None:
    with values.transaction() as connection:
        connection.execute(
            _values.insert(),
            [
                {"id": 1, "content": {"b": [1, None], "a": "é\u0000"}},
                {"id": 2, "content": {"a": "é\u0000", "b": [1, None]}},
                {"id": 3, "content": []},
            ],
        )
        same = sa.select(_values.c.id).where(_values.c.content == {"a": "é\u0000", "b": [1, None]})
        assert sorted(connection.execute(same).scalars()) == [1, 2]
        assert connection.execute(sa.select(_values.c.content).where(_values.c.id == 3)).scalar() == []


def test_unknown_stays_null(values: OperationsStore) -> None:
    row = _through(values, amount=None, price=None, at=None, content=None)
    assert (row.amount, row.price, row.at, row.content) == (None, None, None, None)
