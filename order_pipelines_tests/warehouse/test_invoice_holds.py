"""What waits for its sales entry is in the warehouse with its reason, and stays with the moment of its release."""

from typing import Any

import sqlalchemy as sa

from order_pipelines.operations import tables
from order_pipelines.operations.migrations import migrate
from order_pipelines.operations.store import OperationsStore
from order_pipelines.services.warehouse_load import load_core
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines_tests.warehouse.rows import LONG_AGO, Shop, utc


def _hold(shop: Shop, key: str, **changes: Any) -> None:
    row = {
        "order_key": key,
        "account": "bol_nl",
        "reason_code": "unknown_vat",
        "reason": "order 1: VAT class of C is unknown; add it to the product master",
        "since": LONG_AGO,
    }
    shop.put(tables.invoice_holds, **{**row, **changes})


def test_a_hold_is_loaded_and_its_release_too(shop: Shop, warehouse: Warehouse) -> None:
    _hold(shop, "bol_nl:1")
    _hold(shop, "bol_nl:2", reason_code="no_ledger_account", reason="no ledger account for BE high")
    load_core(shop.store, warehouse)
    query = "select order_key, account, reason_code, reason, released_at from core.invoice_holds order by order_key"
    before = warehouse.query(query).to_pylist()
    assert [(row["order_key"], row["reason_code"], row["released_at"]) for row in before] == [
        ("bol_nl:1", "unknown_vat", None),
        ("bol_nl:2", "no_ledger_account", None),
    ]
    assert before[0]["account"] == "bol_nl"
    assert before[0]["reason"] == "order 1: VAT class of C is unknown; add it to the product master"

    _hold(shop, "bol_nl:1", released_at=utc("2026-03-02T10:00:00"))
    load_core(shop.store, warehouse)

    after = {row["order_key"]: row["released_at"] for row in warehouse.query(query).to_pylist()}
    assert after == {"bol_nl:1": utc("2026-03-02T10:00:00"), "bol_nl:2": None}


def test_holds_of_a_store_that_is_older_than_this_table_are_loaded(
    store_url: str, warehouse: Warehouse
) -> None:
    """The first version of the store did not number its holds; brought to the newest, they arrive all the same."""
    store = OperationsStore(store_url)
    migrate(store, up_to=1)
    with store.transaction() as connection:
        for number in (1, 2):
            connection.exec_driver_sql(
                "insert into invoice_holds (order_key, account, reason_code, reason, since) values "
                f"('bol_nl:{number}', 'bol_nl', 'unknown_vat', 'waits', '2026-03-01T10:00:00.000000Z')"
            )
    migrate(store)
    load_core(store, warehouse)
    with store.reading() as connection:
        counter = sa.select(tables.counters.c.value).where(tables.counters.c.name == "change_seq")
        assert connection.execute(counter).scalar_one() == 1
    store.close()

    held = warehouse.query(
        "select order_key, change_seq, since from core.invoice_holds order by 1"
    ).to_pylist()
    assert held == [
        {"order_key": "bol_nl:1", "change_seq": 1, "since": utc("2026-03-01T10:00:00")},
        {"order_key": "bol_nl:2", "change_seq": 1, "since": utc("2026-03-01T10:00:00")},
    ]
