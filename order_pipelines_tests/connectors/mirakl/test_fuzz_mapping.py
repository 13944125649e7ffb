"""The mapping and the answers that stock relies on, fed with spoiled copies of recorded payloads."""

import orjson

from order_pipelines.connectors.mirakl.mapping import interpret
from order_pipelines.connectors.mirakl.orders import read_entry
from order_pipelines.connectors.mirakl.stock import read_error_report
from order_pipelines.domain.orders import Order
from order_pipelines.operations.tables import fetch_backlog
from order_pipelines_tests.connectors.mirakl.recordings import EXCLUDED, FOLDER, INCLUDED, OLD, load
from order_pipelines_tests.fuzz.loop import fuzz
from order_pipelines_tests.fuzz.mutations import spoil_bytes, spoil_json, write_json
from order_pipelines_tests.fuzz.rows import NOW, assert_can_be_validated, assert_storable
from order_pipelines_tests.fuzz.storable import misfits

RECORDED = (INCLUDED, EXCLUDED, OLD)


def test_orders_become_rows_rejects_or_problems() -> None:
    orders: list[Order] = []

    def target(payload: object) -> None:
        meaning = interpret(write_json(payload), kind="order")
        assert_storable(meaning)
        orders.extend(meaning.orders)

    fuzz("mirakl orders", [load(name) for name in RECORDED], spoil_json, target, executions=400)
    assert_can_be_validated(orders)


def test_bytes_that_were_an_order_become_rows_rejects_or_problems() -> None:
    seeds = [(FOLDER / name).read_bytes() for name in RECORDED]
    fuzz(
        "mirakl bytes",
        seeds,
        spoil_bytes,
        lambda body: assert_storable(interpret(body, kind="order")),
        executions=200,
    )


def test_entries_of_a_listing_can_be_kept_whatever_they_are() -> None:
    def target(entry: object) -> None:
        listed = read_entry(entry, "GET /api/orders")
        assert listed.is_complete is True
        row = {
            "account": "market",
            "external_id": listed.external_id,
            "changed_at": listed.changed_at,
            "listed_at": NOW,
            "attempts": 0,
        }
        assert misfits(fetch_backlog, row) == []

    fuzz("mirakl entries", [load(INCLUDED)["orders"][0], load(OLD)], spoil_json, target, executions=300)


def test_an_error_report_is_read_or_not_and_never_breaks() -> None:
    seeds = [
        b'"line";"sku";"error-message"\n"2";"SKU-X";"The offer does not exist"\n',
        b'"offer-sku","line-number","errors"\n"SKU-X","2","bad, very"\n',
    ]

    def target(body: bytes) -> None:
        found = read_error_report(body)
        assert found is None or all(reason for reason in found.values())
        orjson.dumps(found)

    fuzz("mirakl error reports", seeds, spoil_bytes, target, executions=400)
