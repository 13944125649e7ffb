"""Returns in the warehouse: their newest version, what of it is open, and lines that a newer version leaves out."""

from typing import Any

from order_pipelines.services.warehouse_load import build_marts, load_core
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines_tests.warehouse.rows import Shop, line


def _load(shop: Shop, warehouse: Warehouse) -> None:
    load_core(shop.store, warehouse)
    build_marts(warehouse)


def _open(warehouse: Warehouse) -> list[dict[str, Any]]:
    query = (
        "select return_key, return_line_id, order_number, state, quantity, remarks from mart.open_returns "
        "order by return_key, return_line_id"
    )
    rows: list[dict[str, Any]] = warehouse.query(query).to_pylist()
    return rows


def test_what_may_still_come_back_is_open_and_so_is_what_has_a_remark(
    shop: Shop, warehouse: Warehouse
) -> None:
    key = shop.order("A", total="10.00", lines=[line("1", "10.00", 3)])
    shop.returned("bol_nl:1", key, "1")
    shop.returned("bol_nl:2", key, "1", state="received")
    shop.returned("bol_nl:3", None, "1", state="closed", remarks=["unknown_order"], external_order_id="4711")
    shop.returned("bol_nl:4", key, "1", state="unknown", remarks=["unknown_state"])
    _load(shop, warehouse)
    assert _open(warehouse) == [
        _row("bol_nl:1", "A", "announced", "[]"),
        _row("bol_nl:3", "4711", "closed", '["unknown_order"]'),
        _row("bol_nl:4", "A", "unknown", '["unknown_state"]'),
    ]
    ages = warehouse.query("select min(age_days) as youngest from mart.open_returns").to_pylist()
    assert ages[0]["youngest"] > 0


def _row(key: str, order: str, state: str, remarks: str) -> dict[str, Any]:
    return {
        "return_key": key,
        "return_line_id": "1",
        "order_number": order,
        "state": state,
        "quantity": 1,
        "remarks": remarks,
    }


def test_a_newer_version_replaces_the_lines_of_its_return_and_of_no_other(
    shop: Shop, warehouse: Warehouse
) -> None:
    key = shop.order("A", total="10.00", lines=[line("1", "5.00"), line("2", "5.00")])
    shop.returned("bol_nl:1", key, "1", "2")
    shop.returned("bol_nl:2", key, "1")
    _load(shop, warehouse)
    shop.returned("bol_nl:1", key, "2", state="accepted")
    _load(shop, warehouse)
    query = "select return_key, return_line_id, state from core.channel_return_lines order by 1, 2"
    assert [tuple(row.values()) for row in warehouse.query(query).to_pylist()] == [
        ("bol_nl:1", "2", "accepted"),
        ("bol_nl:2", "1", "announced"),
    ]
    shop.returned("bol_nl:1", key, "2", state="received")
    _load(shop, warehouse)
    assert [row["return_key"] for row in _open(warehouse)] == ["bol_nl:2"]
