"""Who decided what, in the warehouse: every row once, in its order, and later ones added."""

from order_pipelines.services.warehouse_load import load_core
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines_tests.warehouse.rows import LONG_AGO, Shop


def _log(warehouse: Warehouse) -> list[tuple[object, ...]]:
    with warehouse.read() as session:
        rows = session.query(
            "select audit_seq, account, subject, value_before, value_after, decided_by "
            "from core.audit_log order by audit_seq"
        ).to_pylist()
    return [tuple(row.values()) for row in rows]


def test_decisions_are_loaded_once_and_later_ones_are_added(shop: Shop, warehouse: Warehouse) -> None:
    mode = {"noted_at": LONG_AGO, "kind": "setting", "account": "bol_nl", "subject": "accounts.bol_nl.mode"}
    shop.decision(**mode, value_after="observe", decided_by="settings")
    shop.decision(
        noted_at=LONG_AGO, kind="retry_quarantine", subject="all accounts", decided_by="command: T-1"
    )
    load_core(shop.store, warehouse)
    first = [
        (1, "bol_nl", "accounts.bol_nl.mode", None, "observe", "settings"),
        (2, None, "all accounts", None, None, "command: T-1"),
    ]
    assert _log(warehouse) == first
    load_core(shop.store, warehouse)
    assert _log(warehouse) == first

    shop.decision(**mode, value_before="observe", value_after="live", decided_by="settings")
    load_core(shop.store, warehouse)
    assert _log(warehouse) == [*first, (3, "bol_nl", "accounts.bol_nl.mode", "observe", "live", "settings")]
