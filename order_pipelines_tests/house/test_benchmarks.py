"""The benchmarks' own tools: what they make adds up, wrong results are told, nothing wrong is written down."""

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import orjson
import pytest

from benchmarks import __main__ as command
from benchmarks import big_warehouse, bol_payloads, mirakl_payloads, order_payloads, shopware_payloads
from benchmarks.processes import WorkerFailedError, last_object, run_module
from benchmarks.result import Result
from order_pipelines.operations.migrations import open_store
from order_pipelines.services.warehouse_load import load_core
from order_pipelines.warehouse.engine import Warehouse


def test_made_orders_add_up_to_what_the_generator_says() -> None:
    made = bol_payloads.make(200, bol_payloads.articles(50))
    items = [item for body in made.bodies.values() for item in orjson.loads(body)["orderItems"]]
    assert len(made.bodies) == made.orders == 200
    assert made.lines == len(items)
    assert made.units == sum(item["quantity"] for item in items)
    assert made.total == sum((Decimal(str(item["totalPrice"])) for item in items), Decimal(0))
    assert sum(orders for orders, _, _ in made.months.values()) == 200
    assert sum((total for _, _, total in made.months.values()), Decimal(0)) == made.total


def test_files_hold_the_orders_that_are_made_in_memory(tmp_path: Path) -> None:
    goods = bol_payloads.articles(50)
    sums = bol_payloads.write_files(tmp_path, 1_500, goods)
    made = bol_payloads.make(1_500, goods)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["orders-00000.jsonl", "orders-00001.jsonl"]
    lines = [line for path in sorted(tmp_path.iterdir()) for line in path.read_bytes().splitlines()]
    assert lines == list(made.bodies.values())
    assert (sums.orders, sums.lines, sums.months) == (made.orders, made.lines, made.months)


def test_made_orders_of_an_operator_add_up_to_what_the_generator_says() -> None:
    sums = bol_payloads.Sums()
    made = [orjson.loads(body) for _, body in mirakl_payloads.make_each(200, bol_payloads.articles(50), sums)]
    lines = [line for order in made for line in order["order_lines"]]
    assert (sums.orders, sums.lines) == (len(made), len(lines)) == (200, len(lines))
    assert sums.units == sum(line["quantity"] for line in lines)
    assert sums.total == _sum(line["price"] for line in lines)
    assert sums.total + sums.beside == _sum(order["total_price"] for order in made)
    assert all(
        order["total_price"] == pytest.approx(order["price"] + order["shipping_price"]) for order in made
    )


def test_made_orders_of_a_shop_add_up_to_what_the_generator_says() -> None:
    """A promotion is a position that takes off; shipping stands beside the positions."""
    sums = bol_payloads.Sums()
    made = [
        orjson.loads(body) for _, body in shopware_payloads.make_each(200, bol_payloads.articles(50), sums)
    ]
    items = [item for order in made for item in order["lineItems"]]
    products = [item for item in items if item["type"] == "product"]
    assert 0 < len(items) - len(products) < 60
    assert (sums.orders, sums.lines) == (200, len(products))
    assert sums.total == _sum(item["totalPrice"] for item in products)
    assert sums.total + sums.beside == _sum(order["amountTotal"] for order in made)
    assert _sum(order["amountTotal"] for order in made) == _sum(
        [*(item["totalPrice"] for item in items), *(order["shippingTotal"] for order in made)]
    )


def _sum(amounts: Iterable[float]) -> Decimal:
    return sum((Decimal(str(amount)) for amount in amounts), Decimal(0))


@pytest.mark.endurance
@pytest.mark.parametrize("system", ["mirakl", "shopware"])
@pytest.mark.parametrize(
    ("module", "arguments"), [("benchmarks.ingest_ours", ("live",)), ("benchmarks.ingest_duckdb", ())]
)
def test_contenders_end_with_what_was_made_of_other_systems(
    module: str, arguments: tuple[str, ...], system: str, tmp_path: Path
) -> None:
    sums = order_payloads.write_files(system, tmp_path, 30, bol_payloads.articles(500))
    assert sum(lines for _, lines, _ in sums.months.values()) == sums.lines
    finished = run_module(module, system, tmp_path, *arguments)
    assert finished.told["months"] == {
        month: [orders, lines, str(total)] for month, (orders, lines, total) in sums.months.items()
    }


def _order(order_id: str, placed_at: str, prices: list[float]) -> bytes:
    """Write an order as the generator does, with prices of our choice."""
    made = bol_payloads.make(1, bol_payloads.articles(5))
    order = orjson.loads(next(iter(made.bodies.values())))
    item = order["orderItems"][0]
    order |= {"orderId": order_id, "orderPlacedDateTime": placed_at}
    order["orderItems"] = [
        item
        | {
            "orderItemId": f"{order_id}-{number}",
            "quantity": 1,
            "discounts": [],
            "unitPrice": price,
            "totalPrice": price,
            "latestChangedDateTime": placed_at,
        }
        for number, price in enumerate(prices)
    ]
    return orjson.dumps(order)


@pytest.mark.parametrize(
    ("module", "arguments"),
    [("benchmarks.ingest_ours", ("live",)), ("benchmarks.ingest_duckdb", ())],
)
def test_contenders_end_with_the_same_sums_to_the_cent(
    module: str, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    """Half past one at night on 1 October in Amsterdam is still September in UTC, by which months go here."""
    (tmp_path / "orders.jsonl").write_bytes(
        _order("A1", "2026-09-30T23:30:00+02:00", [19.99, 0.1])
        + b"\n"
        + _order("A2", "2026-10-01T02:30:00+02:00", [0.2])
        + b"\n"
        + _order("A3", "2026-10-01T01:30:00+02:00", [1000.05])
        + b"\n"
    )
    finished = run_module(module, "bol", tmp_path, *arguments)
    assert finished.told["months"] == {"2026-09": [2, 3, "1020.14"], "2026-10": [1, 1, "0.20"]}
    assert finished.told["seconds"] > 0
    assert 20 < finished.peak_mb < 2_000


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(WorkerFailedError, match="No files found that match"):
        run_module("benchmarks.ingest_duckdb", "bol", tmp_path / "empty")


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ('a word before\n{"seconds": 1.5}\n\n', {"seconds": 1.5}),
        ("no object\n", None),
        ("[1, 2]\n", None),
        ("", None),
    ],
)
def test_a_process_tells_in_its_last_line(output: str, told: object) -> None:
    assert last_object(output) == told


def test_changed_orders_replace_those_that_were_filled_in(tmp_path: Path) -> None:
    warehouse = Warehouse(f"duckdb:///{tmp_path / 'warehouse.duckdb'}", tmp_path)
    warehouse.migrate()
    with warehouse.write() as session:
        big_warehouse.fill(session, 40)
    store = open_store(f"sqlite:///{tmp_path / 'operations.sqlite'}")
    try:
        assert big_warehouse.change(store, [7, 40], 1, 40) == 42
        load_core(store, warehouse)
        assert big_warehouse.change(store, [40], 2, 42) == 43
        load_core(store, warehouse)
    finally:
        store.close()
    (found,) = warehouse.query(
        "select (select count(*) from core.orders) as orders_count, "
        "(select count(*) from core.order_versions) as versions_count, "
        "(select count(*) from core.order_lines) as lines_count, "
        "(select sum(line_total_incl_vat) from core.order_lines) as total"
    ).to_pylist()
    # 38 orders of two lines at 19.95, one at 19.96 and one at 19.97.
    assert found == {
        "orders_count": 40,
        "versions_count": 43,
        "lines_count": 80,
        "total": Decimal("1596.06"),
    }


def _wrong(small: bool) -> list[Result]:
    result = Result("Two", "Counted.", ("what", "seconds"), [("all", "1.0")])
    result.expect("orders", 1, 2)
    return [result]


def _right(small: bool) -> list[Result]:
    result = Result("One", "Counted." if small else "All counted.", ("what", "seconds"), [("all", "1.0")])
    result.target("within a second", is_met=False)
    return [result]


def test_a_wrong_result_fails_and_is_not_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "performance.md"
    monkeypatch.setattr(command, "BENCHMARKS", {"right": _right, "wrong": _wrong})
    monkeypatch.setattr("sys.argv", ["benchmarks", "--write", str(page)])
    assert command.main() == 1
    assert not page.exists()
    said = capsys.readouterr()
    assert "WRONG: orders: 1 instead of 2" in said.out
    assert "1 results are wrong; nothing was written" in said.err


def test_a_missed_target_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "performance.md"
    monkeypatch.setattr(command, "BENCHMARKS", {"right": _right, "wrong": _wrong})
    monkeypatch.setattr("sys.argv", ["benchmarks", "--small", "--only", "right", "--write", str(page)])
    assert command.main() == 0
    assert "right took" in capsys.readouterr().out
    assert "## One\n\nCounted.\n" in page.read_text(encoding="utf-8")
    assert "- Target MISSED: within a second." in page.read_text(encoding="utf-8")
