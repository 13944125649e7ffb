"""Bodies once, receipts each time, nothing interpreted twice unasked."""

import pytest
import sqlalchemy as sa

from order_pipelines.errors import DataContractError
from order_pipelines.operations import inbox
from order_pipelines.operations.inbox import Incoming
from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import bodies, receipts
from order_pipelines_tests.operations.moments import at


def _incoming(external_id: str, body: bytes, account: str = "bol_main") -> Incoming:
    return Incoming(account, "bol", "order", external_id, body, at(9), "poll", "GET /retailer/orders/1")


def test_a_body_is_kept_once_and_every_receipt_of_it(store: OperationsStore) -> None:
    body = b'{"orderId": "1"}'
    with store.transaction() as connection:
        assert inbox.receive(connection, [_incoming("1", body), _incoming("1", body, "bol_outlet")]) == [1, 2]
    with store.transaction() as connection:
        assert inbox.receive(connection, [_incoming("1", body)]) == [3]
        assert inbox.receive(connection, []) == []

    with store.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(bodies)).scalar() == 1
        rows = connection.execute(sa.select(receipts).order_by(receipts.c.receipt_seq)).all()
    assert [(row.account, row.state, row.read_began_at) for row in rows] == [
        ("bol_main", "received", at(9)),
        ("bol_outlet", "received", at(9)),
        ("bol_main", "received", at(9)),
    ]


@pytest.mark.parametrize("body", [b"", b"short", b"{}" * 5_000, bytes(range(256)) * 10])
def test_a_body_comes_back_byte_for_byte(store: OperationsStore, body: bytes) -> None:
    with store.transaction() as connection:
        inbox.receive(connection, [_incoming("1", body)])
    with store.reading() as connection:
        assert inbox.body_of(connection, inbox.content_hash(body)) == body
        assert inbox.by_number(connection, [1])[0].body == body


def test_a_long_body_takes_less_room_than_it_is_long(store: OperationsStore) -> None:
    body = b'{"orderId": "A2K8290LP8"}' * 100
    with store.transaction() as connection:
        inbox.receive(connection, [_incoming("1", body)])
        row = connection.execute(sa.select(bodies)).one()
    assert row.encoding == "zlib"
    assert row.size_bytes == 2_500
    assert len(row.content) < 100


def test_a_body_that_is_not_there_is_named(store: OperationsStore) -> None:
    with (
        store.reading() as connection,
        pytest.raises(DataContractError, match="body abc is not in the inbox"),
    ):
        inbox.body_of(connection, "abc")


def test_waiting_receipts_come_oldest_first_and_only_until_they_are_marked(store: OperationsStore) -> None:
    with store.transaction() as connection:
        inbox.receive(connection, [_incoming(str(number), b"%d" % number) for number in range(1, 6)])
        inbox.mark(connection, [2], inbox.INTERPRETED)
        inbox.mark(connection, [3], inbox.REJECTED, "see quarantine")

    with store.reading() as connection:
        first = inbox.waiting(connection, system="bol", kind="order", limit=2)
        rest = inbox.waiting(connection, system="bol", kind="order", limit=2, above=first[-1].receipt_seq)
        assert inbox.waiting(connection, system="b2b_files", kind="order", limit=9) == []
        states = connection.execute(
            sa.select(receipts.c.receipt_seq, receipts.c.state, receipts.c.reason).order_by(
                receipts.c.receipt_seq
            )
        ).all()
    assert [item.external_id for item in (*first, *rest)] == ["1", "4", "5"]
    assert states[1:3] == [(2, "interpreted", None), (3, "rejected", "see quarantine")]
