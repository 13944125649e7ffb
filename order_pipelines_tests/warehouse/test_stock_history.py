"""Events of numbers, oversells, and stock per place and channel, in the warehouse."""

from datetime import timedelta

from order_pipelines import clock
from order_pipelines.operations import tables
from order_pipelines.services.serving import note_serving
from order_pipelines.services.stock_events import StockEvent, note_events, purge_events
from order_pipelines.services.warehouse_load import build_marts, load_core
from order_pipelines.settings import Settings
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines_tests.warehouse.rows import LONG_AGO, Shop, utc


def _settings(**accounts: list[str]) -> Settings:
    return Settings.model_validate(
        {
            "merchant": {"name": "De Vries Wonen"},
            "locations": [{"name": "main"}, {"name": "store"}, {"name": "attic"}],
            "accounts": {
                name: {
                    "system": "bol",
                    "effective_from": "2026-01-01",
                    "ships_from": "main",
                    "serves": serves,
                }
                for name, serves in accounts.items()
            },
        }
    )


def _note(shop: Shop, *kinds: str) -> None:
    with shop.store.transaction() as connection:
        events = [StockEvent("bol_nl", "offer-1", "MUG-1", kind, 5, 1) for kind in kinds]  # type: ignore[arg-type]
        note_events(connection, events)


def test_events_are_loaded_once_each_and_outlive_the_purge(shop: Shop, warehouse: Warehouse) -> None:
    with clock.frozen(LONG_AGO):
        _note(shop, "desired", "sent", "sent")
    assert load_core(shop.store, warehouse).rows_read["core.channel_stock_events"] == 3
    with clock.frozen(LONG_AGO + timedelta(days=500)):
        assert purge_events(shop.store, older_than_days=400) == 1
        _note(shop, "confirmed")
    loaded = load_core(shop.store, warehouse)

    assert loaded.rows_read["core.channel_stock_events"] == 1
    rows = warehouse.query(
        "select event_seq, kind from core.channel_stock_events order by event_seq"
    ).to_pylist()
    assert [(row["event_seq"], row["kind"]) for row in rows] == [
        (1, "desired"),
        (2, "sent"),
        (3, "sent"),
        (4, "confirmed"),
    ]
    assert load_core(shop.store, warehouse).rows_read.get("core.channel_stock_events", 0) == 0


def test_stock_stands_per_article_place_and_account_that_the_place_serves(
    shop: Shop, warehouse: Warehouse
) -> None:
    """One row for each place that serves an account with an offer of the article, and for nothing else."""
    assert note_serving(shop.store, _settings(bol_nl=["main", "store"], bol_be=["main"])) == 3
    shop.position("MUG-1", "main", 7, 3)
    shop.position("MUG-1", "store", 2, 0)
    shop.position("MUG-1", "attic", 9, 0)
    shop.position("PLATE", "main", 1, 0)
    shop.offer("MUG-1", available_quantity=6)
    shop.offer("MUG-1", offer_id="second", desired_quantity=4, desired_version=2, confirmed_quantity=9)
    shop.offer("MUG-1", account="bol_be", confirmed_quantity=None, confirmed_version=0)
    load_core(shop.store, warehouse)
    build_marts(warehouse)

    rows = warehouse.query(
        "select sku, location, account, offers, on_hand, open_demand, available_here, available_quantity, "
        "desired_quantity, confirmed_quantity, is_confirmed from mart.stock_per_location_and_channel "
        "order by account, location"
    ).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("MUG-1", "main", "bol_be", 1, 7, 3, 4, 5, 5, None, False),
        ("MUG-1", "main", "bol_nl", 2, 7, 3, 4, 6, 5, 9, False),
        ("MUG-1", "store", "bol_nl", 2, 2, 0, 2, 6, 5, 9, False),
    ]

    # A place that is taken out of the settings serves nobody after the next load.
    assert note_serving(shop.store, _settings(bol_nl=["store"], bol_be=["main"])) == 1
    assert note_serving(shop.store, _settings(bol_nl=["store"], bol_be=["main"])) == 0
    load_core(shop.store, warehouse)
    build_marts(warehouse)
    kept = warehouse.query("select location, account from mart.stock_per_location_and_channel order by 2, 1")
    assert [tuple(row.values()) for row in kept.to_pylist()] == [("main", "bol_be"), ("store", "bol_nl")]


def test_oversells_are_listed_in_minutes_and_cleared_ones_are_not(shop: Shop, warehouse: Warehouse) -> None:
    def case(key: str, quantity: int, late: int | None) -> None:
        shop.put(
            tables.oversell_cases,
            case_key=key,
            account="bol_nl",
            order_key=f"bol_nl:{key}",
            line_id="1",
            sku="MUG-1",
            quantity=quantity,
            cause="detection_lag",
            is_avoidable=False,
            late_seconds=late,
            accepted_at=utc("2026-03-02T10:00:00"),
            known_at=utc("2026-03-02T10:01:01"),
            explanation="sold twice",
            opened_at=utc("2026-03-02T10:02:00"),
        )

    case("a", 1, 61)
    case("b", 2, None)
    case("cleared", 0, 5)
    case("c", 3, 60)
    load_core(shop.store, warehouse)
    build_marts(warehouse)
    query = "select case_key, quantity, late_seconds, late_minutes from mart.oversell_cases order by case_key"
    assert [tuple(row.values()) for row in warehouse.query(query).to_pylist()] == [
        ("a", 1, 61, 2),
        ("b", 2, None, None),
        ("c", 3, 60, 1),
    ]
    assert warehouse.query("select count(*) as n from core.oversell_cases").to_pylist() == [{"n": 4}]

    case("a", 0, 61)
    load_core(shop.store, warehouse)
    build_marts(warehouse)
    assert warehouse.query("select count(*) as n from mart.oversell_cases").to_pylist() == [{"n": 2}]
