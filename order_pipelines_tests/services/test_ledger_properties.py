"""Whatever comes, in whatever order, however often and in whatever batches: the same orders, stock and demand."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from order_pipelines.domain.orders import Order
from order_pipelines.operations.migrations import open_store
from order_pipelines_tests.operations.moments import at
from order_pipelines_tests.services.booked_shop import ACCOUNT, BookedShop, line, order

_unique = count(1)
_SKUS = ("A", "B")


@pytest.fixture
def shop(store_url: str) -> Iterator[BookedShop]:
    store = open_store(store_url)
    yield BookedShop(store)
    store.close()


@dataclass(frozen=True)
class Told:
    """Something that is told to the shop once or several times: a version of an order, parcels, a count."""

    kind: str
    content: Any


@dataclass(frozen=True)
class History:
    """What happened at the channel and in the warehouse; names are without the example's prefix."""

    orders: tuple[tuple[Order, ...], ...]
    parcels: tuple[tuple[str, str, str, int, int], ...]
    counts: tuple[tuple[str, int, int], ...]


@st.composite
def _histories(draw: st.DrawFn) -> History:
    histories = []
    parcels = []
    for number in range(draw(st.integers(1, 3))):
        quantities = draw(st.lists(st.integers(1, 5), min_size=1, max_size=2))
        skus = [draw(st.sampled_from(_SKUS)) for _ in quantities]
        hour = draw(st.integers(8, 12))
        left = [[0, 0] for _ in quantities]
        versions = []
        for _ in range(draw(st.integers(1, 4))):
            rows = tuple(
                line(
                    sku,
                    quantity,
                    external_line_id=f"{number}.{index}",
                    quantity_cancelled=left[index][0],
                    quantity_shipped=left[index][1],
                    changed_at=at(hour),
                )
                for index, (sku, quantity) in enumerate(zip(skus, quantities, strict=True))
            )
            versions.append(order(f"O{number}", *rows, changed_at=at(hour), ordered_at=at(8)))
            hour += draw(st.integers(1, 8))
            for index, quantity in enumerate(quantities):
                room = quantity - sum(left[index])
                for which in (0, 1):
                    step = draw(st.integers(0, room))
                    left[index][which] += step
                    room -= step
        histories.append(tuple(versions))
        for index, quantity in enumerate(quantities):
            for name in range(draw(st.integers(0, 2))):
                pieces = draw(st.integers(1, quantity))
                parcels.append(
                    (f"O{number}", f"{number}.{index}", f"p{name}", pieces, draw(st.integers(8, 40)))
                )
    counts = draw(
        st.lists(st.tuples(st.sampled_from(_SKUS), st.integers(0, 30), st.integers(6, 40)), max_size=4)
    )
    return History(tuple(histories), tuple(parcels), tuple(counts))


def _told(history: History) -> list[Told]:
    """Everything there is to tell, in the order in which it happened."""
    versions = [Told("order", version) for versions in history.orders for version in versions]
    versions.sort(key=lambda one: one.content.changed_at)
    return [
        *versions,
        *(Told("parcel", parcel) for parcel in history.parcels),
        *(Told("count", taken) for taken in history.counts),
    ]


def _renamed(version: Order, prefix: str) -> Order:
    rows = tuple(replace(row, sku=f"{prefix}{row.sku}") for row in version.lines)
    return replace(version, external_order_id=f"{prefix}{version.external_order_id}", lines=rows)


def _tell(shop: BookedShop, prefix: str, batches: list[list[Told]]) -> None:
    for batch in batches:
        versions = [one.content for one in batch if one.kind == "order"]
        shop.book(*(_renamed(version, prefix) for version in versions))
        for one in batch:
            if one.kind == "parcel":
                number, line_id, name, pieces, hour = one.content
                shop.parcels(f"{ACCOUNT}:{prefix}{number}", line_id, (name, pieces, at(hour)))
            elif one.kind == "count":
                sku, quantity, hour = one.content
                shop.count(f"{prefix}{sku}", quantity, at(hour))


def _state(shop: BookedShop, prefix: str) -> dict[str, Any]:
    """Everything that must not depend on how it was told, without the prefix of the example."""
    left_out = {
        "read_began_at",
        "receipt_seq",
        "change_seq",
        "content_hash",
        "first_received_at",
        "updated_at",
        "movement_seq",
        "booked_at",
    }

    def of(table: str, key: str) -> list[Any]:
        return [
            {
                name: value.replace(prefix, "") if isinstance(value, str) else value
                for name, value in row._mapping.items()
                if name not in left_out
            }
            for row in shop.rows(table)
            if prefix in getattr(row, key)
        ]

    # A row of demand that nothing is left of says the same as none.
    return {
        "orders": of("orders", "order_key"),
        "lines": of("order_lines", "order_key"),
        "demand": of("line_demand", "order_key"),
        "shipped": of("line_shipped", "order_key"),
        "evidence": of("shipment_evidence", "order_key"),
        "positions": [row for row in of("stock_positions", "sku") if row["on_hand"] or row["counted_at"]],
        "owed": {
            row["sku"]: row["open_demand"] for row in of("stock_positions", "sku") if row["open_demand"]
        },
    }


def _expected(history: History, sku: str) -> tuple[int, int]:
    """On hand and open demand, told from the history alone: every piece once, a count is the last word."""
    counts = [(hour, -quantity) for name, quantity, hour in history.counts if name == sku]
    counted_at, quantity = (max(counts)[0], -max(counts)[1]) if counts else (-1, 0)
    on_hand, owed = quantity, 0
    for versions in history.orders:
        for index, row in enumerate(versions[-1].lines):
            if row.sku != sku:
                continue
            parcels = [
                (hour, pieces)
                for number, line_id, _, pieces, hour in _last_parcels(history)
                if (number, line_id) == (versions[-1].external_order_id, row.external_line_id)
            ]
            left = sum(pieces for _, pieces in parcels)
            leaving = list(parcels)
            for version in versions:
                total = version.lines[index].quantity_shipped or 0
                if total > left:
                    hour = int((version.changed_at - at(0)).total_seconds() // 3600)  # type: ignore[operator]
                    leaving.append((hour, total - left))
                    left = total
            on_hand -= sum(pieces for hour, pieces in leaving if hour > counted_at)
            owed += max(0, (row.quantity or 0) - (row.quantity_cancelled or 0) - left)
    return on_hand, owed


def _last_parcels(history: History) -> list[tuple[str, str, str, int, int]]:
    return list({parcel[:3]: parcel for parcel in history.parcels}.values())


def _assert_adds_up(shop: BookedShop, prefix: str) -> None:
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for row in shop.rows("stock_movements"):
        if prefix in row.sku:
            before = sums.get((row.sku, row.location), (0, 0))
            sums[(row.sku, row.location)] = (
                before[0] + row.on_hand_delta,
                before[1] + row.open_demand_delta,
            )
    positions = {
        (row.sku, row.location): (row.on_hand, row.open_demand)
        for row in shop.rows("stock_positions")
        if prefix in row.sku
    }
    assert sums == positions
    assert all(demand >= 0 for _, demand in positions.values())


def _batched(told: list[Told], chance: random.Random) -> list[list[Told]]:
    batches: list[list[Told]] = [[]]
    for one in told:
        if batches[-1] and chance.random() < 0.5:
            batches.append([])
        batches[-1].append(one)
    return batches


@given(history=_histories(), seed=st.integers(0, 2**32))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_late_repeated_and_shuffled_messages_end_in_the_same_shop(
    shop: BookedShop, history: History, seed: int
) -> None:
    number = next(_unique)
    straight, shuffled = f"x{number}-", f"y{number}-"
    shop.products(*((f"{prefix}{sku}", "high", ()) for prefix in (straight, shuffled) for sku in _SKUS))
    chance = random.Random(seed)
    told = _told(history)
    _tell(shop, straight, [[one] for one in told])

    mixed = told + chance.sample(told, chance.randint(0, len(told)))
    chance.shuffle(mixed)
    _tell(shop, shuffled, _batched(mixed, chance))

    assert _state(shop, shuffled) == _state(shop, straight)
    for sku in _SKUS:
        assert shop.position(f"{straight}{sku}") == _expected(history, sku)
    for prefix in (straight, shuffled):
        _assert_adds_up(shop, prefix)
    before = len(shop.rows("stock_movements"))
    _tell(shop, shuffled, [mixed])
    assert len(shop.rows("stock_movements")) == before


@given(history=_histories(), seed=st.integers(0, 2**32))
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_mended_mapping_ends_where_the_right_one_would_have(
    shop: BookedShop, history: History, seed: int
) -> None:
    """EAN ``B`` belonged to the wrong product; after the repair its orders are read again."""
    number = next(_unique)
    wrong, right = f"x{number}-", f"y{number}-"

    def by_ean(version: Order) -> Order:
        return replace(version, lines=tuple(replace(row, sku=None, ean=row.sku) for row in version.lines))

    def versions(prefix: str) -> list[Order]:
        return [by_ean(_renamed(one.content, prefix)) for one in _told(history) if one.kind == "order"]

    shop.products((f"{wrong}A", "high", [f"{wrong}A", f"{wrong}B"]), (f"{wrong}B", "high", ()))
    shop.products((f"{right}A", "high", [f"{right}A"]), (f"{right}B", "high", [f"{right}B"]))
    for prefix in (wrong, right):
        for version in random.Random(seed).sample(versions(prefix), len(versions(prefix))):
            shop.book(version)
        _tell(shop, prefix, [[one for one in _told(history) if one.kind != "order"]])

    shop.products((f"{wrong}A", "high", ()), (f"{wrong}B", "high", [f"{wrong}B"]))
    shop.book(*versions(wrong))

    assert _state(shop, wrong) == _state(shop, right)
    _assert_adds_up(shop, wrong)
