"""Whatever carts, orders, counts, parcels and clocks do: the books of stock balance and nothing is promised twice."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from order_pipelines import clock
from order_pipelines.domain.orders import Order
from order_pipelines.operations.ledger import Ledger
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.store import CHANGE, OperationsStore, next_values
from order_pipelines.services.desired_stock import refresh_desired
from order_pipelines.services.reservations import (
    ReservationRefusedError,
    cancel,
    confirm,
    expire_reservations,
    prolong,
)
from order_pipelines_tests.operations.moments import at
from order_pipelines_tests.services.booked_shop import line, order
from order_pipelines_tests.services.cart_shop import BOL, WEB, CartShop

_number = count(1)
_GOODS = ("A", "B", "SET")
_PARTS = {"A": {"A": 1}, "B": {"B": 1}, "SET": {"A": 2, "B": 1}}
_START = at(0)


@pytest.fixture
def store(store_url: str) -> Iterator[OperationsStore]:
    opened = open_store(store_url)
    yield opened
    opened.close()


class StockMachine(RuleBasedStateMachine):
    """A model in plain numbers beside the real store. Every example has articles of its own."""

    store: OperationsStore

    def __init__(self) -> None:
        super().__init__()
        self.prefix = f"x{next(_number)}-"
        self.minutes = 0.0
        self.carts: dict[str, list[Any]] = {}
        self.orders: dict[str, tuple[str, Order]] = {}
        self.hour = 1.0
        clock.follow(0)

    def teardown(self) -> None:
        for held in self.carts.values():
            if held[0] in {"live", "confirmed"}:
                cancel(self.shop.shop, WEB, held[3])
        clock.follow(0)

    @initialize(a=st.integers(0, 12), b=st.integers(0, 12))
    def opens(self, a: int, b: int) -> None:
        self.shop = CartShop(self.store)
        self.shop.stock(self.sku("A"), a)
        self.shop.stock(self.sku("B"), b)
        self.shop.products((self.sku("SET"), "high", ()))
        self._bundle()
        self.shop.offer(self.sku("SET"))
        self.on_hand = {"A": a, "B": b}

    def _bundle(self) -> None:
        self.shop.bundle(
            self.sku("SET"), **{self.sku(part): pieces for part, pieces in _PARTS["SET"].items()}
        )

    def sku(self, name: str) -> str:
        return self.prefix + name

    # --- the model ---

    def _sum(self, of: dict[str, int], goods: str, pieces: int) -> None:
        for part, each in _PARTS[goods].items():
            of[part] = of.get(part, 0) + each * pieces

    def reserved(self) -> dict[str, int]:
        found = {"A": 0, "B": 0}
        for state, goods, pieces, _, ends in self.carts.values():
            if state in {"live", "confirmed"} and ends > self.minutes:
                self._sum(found, goods, pieces)
        return found

    def demand(self) -> dict[str, int]:
        found = {"A": 0, "B": 0}
        for _, bought in self.orders.values():
            if bought.order_status != "cancelled":
                (row,) = bought.lines
                owed = (row.quantity or 0) - (row.quantity_cancelled or 0) - (row.quantity_shipped or 0)
                self._sum(found, (row.sku or "")[len(self.prefix) :], max(0, owed))
        return found

    def free(self, goods: str) -> int:
        reserved, demand = self.reserved(), self.demand()
        return min(
            max(0, max(0, self.on_hand[part]) - reserved[part] - demand[part]) // each
            for part, each in _PARTS[goods].items()
        )

    # --- what happens ---

    @rule(goods=st.sampled_from(_GOODS), pieces=st.integers(1, 4), known=st.booleans())
    def puts_in_a_cart(self, goods: str, pieces: int, known: bool) -> None:
        free = self.free(goods)
        key = f"{self.prefix}cart-{next(_number)}"
        shopper = key if known else None
        if pieces > free:
            with pytest.raises(ReservationRefusedError, check=lambda error: error.code == "not_available"):
                self.shop.reserve((self.sku(goods), pieces), key=key, shopper=shopper)
            return
        held = self.shop.reserve((self.sku(goods), pieces), key=key, shopper=shopper)
        again = self.shop.reserve((self.sku(goods), pieces), key=key, shopper=shopper)
        assert again.reservation_id == held.reservation_id
        self.carts[key] = ["live", goods, pieces, held.reservation_id, self.minutes + 30]

    def _cart(self, data: st.DataObject, *states: str) -> str | None:
        found = sorted(
            key for key, held in self.carts.items() if held[0] in states and held[4] > self.minutes
        )
        return data.draw(st.sampled_from(found)) if found else None

    @precondition(lambda self: self.carts)
    @rule(data=st.data())
    def gives_back(self, data: st.DataObject) -> None:
        if key := self._cart(data, "live", "confirmed"):
            cancel(self.shop.shop, WEB, self.carts[key][3])
            self.carts[key][0] = "voided"

    @precondition(lambda self: self.carts)
    @rule(data=st.data())
    def stays_longer(self, data: st.DataObject) -> None:
        if key := self._cart(data, "live"):
            with suppress(ReservationRefusedError):
                prolong(self.shop.shop, WEB, self.carts[key][3])
            row = self.shop.row("reservations", request_key=key)
            begun = (row.created_at - self._zero()).total_seconds() / 60
            self.carts[key][4] = min(self.minutes + 30, round(begun) + 120)

    def _zero(self) -> Any:
        return clock.now() - timedelta(minutes=self.minutes)

    @precondition(lambda self: self.carts)
    @rule(data=st.data(), first=st.booleans())
    def checks_out(self, data: st.DataObject, first: bool) -> None:
        key = self._cart(data, "live")
        if key is None:
            return
        _, goods, pieces, reservation_id, _ = self.carts[key]
        number = f"{self.prefix}{next(_number)}"
        bought = order(
            number, line(self.sku(goods), pieces), order_number=f"no-{number}", changed_at=self._next()
        )
        if first:
            confirm(self.shop.shop, WEB, reservation_id, f"no-{number}")
            assert self.shop.row("reservations", request_key=key).state == "confirmed"
        self.shop.book(bought, account=WEB)
        if not first:
            confirm(self.shop.shop, WEB, reservation_id, number)
        assert self.shop.row("reservations", request_key=key).state == "posted"
        self.carts[key][0] = "posted"
        self.orders[number] = (WEB, bought)

    def _next(self) -> Any:
        self.hour += 0.01
        return _START + timedelta(hours=self.hour)

    @rule(goods=st.sampled_from(_GOODS), pieces=st.integers(1, 4), account=st.sampled_from([WEB, BOL]))
    def sells(self, goods: str, pieces: int, account: str) -> None:
        number = f"{self.prefix}{next(_number)}"
        bought = order(number, line(self.sku(goods), pieces), changed_at=self._next())
        self.shop.book(bought, account=account)
        self.orders[number] = (account, bought)

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), again=st.booleans())
    def ships_or_cancels(self, data: st.DataObject, again: bool) -> None:
        number = data.draw(st.sampled_from(sorted(self.orders)))
        account, bought = self.orders[number]
        (row,) = bought.lines
        owed = (row.quantity or 0) - (row.quantity_shipped or 0)
        if bought.order_status != "open" or not owed:
            return
        moment = self._next()
        if data.draw(st.booleans()):
            newer = replace(bought, changed_at=moment, order_status="cancelled")
        else:
            pieces = data.draw(st.integers(1, owed))
            gone = replace(row, quantity_shipped=(row.quantity_shipped or 0) + pieces, changed_at=moment)
            newer = replace(bought, changed_at=moment, lines=(gone,))
            self._sum(self.on_hand, (row.sku or "")[len(self.prefix) :], -pieces)
        self.shop.book(newer, account=account)
        if again:
            self.shop.book(bought, account=account)
            self.shop.book(newer, account=account)
        self.orders[number] = (account, newer)

    @rule(part=st.sampled_from(["A", "B"]), pieces=st.integers(1, 5), again=st.booleans())
    def receives(self, part: str, pieces: int, again: bool) -> None:
        key, moment = f"{self.prefix}receipt-{next(_number)}", self._next()
        for _ in range(1 + again):
            with self.store.transaction() as connection:
                ledger = Ledger(connection)
                ledger.post(
                    (self.sku(part), "main"),
                    pieces,
                    "received",
                    moment,
                    source="dock",
                    key=key,
                    cause="delivery",
                )
                skus = ledger.flush(next_values(connection, CHANGE))
                refresh_desired(connection, self.shop.settings, skus)
        self.on_hand[part] += pieces

    @rule(part=st.sampled_from(["A", "B"]), pieces=st.integers(0, 12))
    def counts(self, part: str, pieces: int) -> None:
        self.shop.count(self.sku(part), pieces, self._next())
        self.on_hand[part] = pieces

    @rule(minutes=st.sampled_from([1, 10, 31]), sweeps=st.booleans())
    def time_passes(self, minutes: int, sweeps: bool) -> None:
        self.minutes += minutes
        clock.follow(self.minutes * 60)
        if sweeps:
            expire_reservations(self.shop.shop)
            expire_reservations(self.shop.shop)

    # --- what always holds ---

    @invariant()
    def books_balance_and_nothing_is_promised_twice(self) -> None:
        if not hasattr(self, "shop"):
            return
        self.shop.assert_books_balance()
        expire_reservations(self.shop.shop)
        reserved, demand = self.reserved(), self.demand()
        for part in ("A", "B"):
            row = self.shop.row("stock_positions", sku=self.sku(part))
            assert (row.on_hand, row.reserved, row.open_demand) == (
                self.on_hand[part],
                reserved[part],
                demand[part],
            )
        for goods in _GOODS:
            shown = {
                row.account: row.desired_quantity
                for row in self.shop.rows("channel_stock", sku=self.sku(goods))
            }
            assert shown[BOL] == self.free(goods)

    @invariant()
    def nothing_is_let_go_twice(self) -> None:
        if not hasattr(self, "shop"):
            return
        for key, held in self.carts.items():
            row = self.shop.row("reservations", request_key=key)
            moves = [
                move.reserved_delta
                for move in self.shop.rows("stock_movements", cause=f"reservation {row.reservation_id}")
            ]
            pieces = sum(_PARTS[held[1]].values()) * held[2]
            assert sum(moves) == (pieces if row.state in {"live", "confirmed"} else 0)
            assert sum(move for move in moves if move > 0) == pieces


def test_the_books_of_stock_balance_whatever_happens(store: OperationsStore) -> None:
    machine = type("Machine", (StockMachine,), {"store": store})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
