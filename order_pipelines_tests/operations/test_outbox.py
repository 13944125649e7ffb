"""One row per intention: planned once, never sent from observe, tried again further and further apart."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.errors import OutboxConflictError
from order_pipelines.operations import outbox
from order_pipelines.operations.outbox import Effect
from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import outbox as table
from order_pipelines_tests.operations.moments import at


def _effect(key: str = "sales_entry:1", mode: str = "live", **payload: object) -> Effect:
    return Effect(key, "exact", "sales_entry", "subject", mode, {"reference": "BOL-1", **payload})


def _states(store: OperationsStore) -> dict[str, str]:
    with store.reading() as connection:
        return {row.effect_key: row.state for row in connection.execute(sa.select(table))}


def test_the_same_intention_is_planned_once(store: OperationsStore) -> None:
    with store.transaction() as connection:
        assert outbox.plan(connection, [_effect(), _effect(), _effect("sales_entry:2")]) == 2
    with store.transaction() as connection:
        assert outbox.plan(connection, [_effect()]) == 0
    assert _states(store) == {"sales_entry:1": "pending", "sales_entry:2": "pending"}


def test_the_same_key_with_other_content_is_an_error_and_the_first_stands(store: OperationsStore) -> None:
    with store.transaction() as connection:
        outbox.plan(connection, [_effect(amount="29.99")])
    said = "planned before with other content"
    with pytest.raises(OutboxConflictError, match=said), store.transaction() as connection:
        outbox.plan(connection, [_effect("sales_entry:2"), _effect(amount="30.00")])
    with store.reading() as connection:
        rows = connection.execute(sa.select(table)).all()
    assert [(row.effect_key, row.payload["amount"]) for row in rows] == [("sales_entry:1", "29.99")]


def test_what_was_planned_in_observe_mode_is_never_due(store: OperationsStore) -> None:
    with store.transaction() as connection:
        outbox.plan(connection, [_effect(mode="observe")])
        row = connection.execute(sa.select(table)).one()
        assert (row.state, row.mode) == ("on_hold", "observe")
        assert "never to be sent" in row.reason
        outbox.move(connection, row.effect_key, outbox.PENDING)
        assert outbox.due(connection, "sales_entry") == []


def test_only_open_states_are_due(store: OperationsStore) -> None:
    keys = [f"sales_entry:{number}" for number in range(7)]
    states = ("pending", "sent", "in_doubt", "confirmed", "on_hold", "failed", "aborted")
    with store.transaction() as connection:
        outbox.plan(connection, [_effect(key) for key in keys])
        for key, state in zip(keys, states, strict=True):
            outbox.move(connection, key, state)
        due = [row.state for row in outbox.due(connection, "sales_entry")]
        assert sorted(due) == ["in_doubt", "pending", "sent"]
        assert outbox.due(connection, "channel_shipment") == []


def test_a_postponed_effect_waits_longer_each_time(store: OperationsStore) -> None:
    waits = []
    with clock.frozen(at(9)), store.transaction() as connection:
        outbox.plan(connection, [_effect()])
        for _ in range(6):
            row = connection.execute(sa.select(table)).one()
            outbox.postpone(connection, row, outbox.PENDING, "not now")
            row = connection.execute(sa.select(table)).one()
            waits.append(row.not_before - at(9))
            assert outbox.due(connection, "sales_entry") == []
    assert waits == [timedelta(seconds=s) for s in (5, 30, 120, 600, 3600, 3600)]
    with clock.frozen(at(10.5)), store.reading() as connection:
        assert len(outbox.due(connection, "sales_entry")) == 1


def test_the_other_side_may_ask_for_a_longer_wait(store: OperationsStore) -> None:
    with clock.frozen(at(9)), store.transaction() as connection:
        outbox.plan(connection, [_effect()])
        row = connection.execute(sa.select(table)).one()
        outbox.postpone(connection, row, outbox.PENDING, "429", at_least_s=900)
        row = connection.execute(sa.select(table)).one()
    assert (row.not_before, row.attempts, row.reason) == (at(9.25), 1, "429")


def test_every_change_of_state_gets_a_new_change_number(store: OperationsStore) -> None:
    with store.transaction() as connection:
        outbox.plan(connection, [_effect()])
    with store.transaction() as connection:
        outbox.move(connection, "sales_entry:1", outbox.SENT)
        sent = connection.execute(sa.select(table)).one()
    with store.transaction() as connection:
        outbox.move(connection, "sales_entry:1", outbox.CONFIRMED, external_id="guid")
        confirmed = connection.execute(sa.select(table)).one()
    assert (sent.change_seq, confirmed.change_seq) == (2, 3)
    assert sent.sent_at is not None
    assert (confirmed.external_id, confirmed.reason) == ("guid", None)
    assert confirmed.confirmed_at is not None
