"""Pieces sold that were not there: every one is one case, with the cause that the tables prove, and none is made up."""

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from order_pipelines import clock
from order_pipelines.domain.orders import Order
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.store import OperationsStore
from order_pipelines.services.house_watch import look_after
from order_pipelines.services.oversells import find_oversells
from order_pipelines.services.reservations import confirm
from order_pipelines.services.stock_events import StockEvent, note_events
from order_pipelines.settings import Settings
from order_pipelines_tests.operations.moments import at
from order_pipelines_tests.services.booked_shop import line, order, shipped, shop_settings
from order_pipelines_tests.services.cart_shop import BOL, WEB, CartShop, cart_settings

pytestmark = pytest.mark.long_on_postgresql

_unique = count(1)
DESK = "till"


@pytest.fixture
def store(store_url: str) -> Iterator[OperationsStore]:
    opened = open_store(store_url)
    yield opened
    opened.close()


def _shop(store: OperationsStore, pieces: int, settings: Settings | None = None) -> CartShop:
    """A shop that counted so many pieces of A at midnight and told everybody at one o'clock."""
    shop = CartShop(store, settings)
    with clock.frozen(at(1)):
        shop.stock("A", pieces)
    return shop


def _sold(number: str, hour: float, pieces: int = 1, sku: str = "A", **changes: Any) -> Order:
    placed = {"ordered_at": at(hour), "changed_at": at(hour)}
    return order(number, line(sku, pieces), **(placed | changes))


def _book(shop: CartShop, hour: float, *orders: Order, account: str = BOL) -> None:
    with clock.frozen(at(hour)):
        shop.book(*orders, account=account)


def _event(shop: CartShop, hour: float, kind: Any, quantity: int, version: int, **more: Any) -> None:
    account = more.pop("account", BOL)
    event = StockEvent(account, f"{account}-A", "A", kind, quantity, version, more.pop("reason", None))
    with clock.frozen(at(hour)), shop.store.transaction() as connection:
        note_events(connection, [event])


def _found(shop: CartShop, hour: float = 30) -> dict[str, Any]:
    """The cases by order after a look at that hour, those that are none any more left out."""
    with clock.frozen(at(hour)):
        find_oversells(shop.store, shop.settings)
    return {row.order_key.split(":")[1]: row for row in shop.rows("oversell_cases") if row.quantity}


def test_who_came_before_and_was_heard_of_later_is_a_detection_lag(store: OperationsStore) -> None:
    """One piece; the web shop sells it at 9:00 and says so at 9:20. bol sells it again at 9:10."""
    shop = _shop(store, 1)
    _book(shop, 9.25, _sold("second", 9 + 1 / 6))
    _book(shop, 9 + 1 / 3, _sold("first", 9), account=WEB)

    (case,) = _found(shop).values()
    assert (case.order_key, case.cause, case.quantity, case.is_avoidable) == (
        "bol_main:second",
        "detection_lag",
        1,
        False,
    )
    assert (case.accepted_at, case.known_at, case.late_seconds) == (at(9 + 1 / 6), at(9 + 1 / 3), 1200)
    assert case.explanation == (
        "1 of 1 pieces of A were not there when bol_main accepted them 2026-11-16 09:10:00 UTC (0 left): the sale "
        "webshop:first of 2026-11-16 09:00:00 UTC was learnt 2026-11-16 09:20:00 UTC, 1200 s later; until then 1 were "
        "left"
    )


def test_enough_for_everybody_is_no_case_and_the_last_of_many_is_one(store: OperationsStore) -> None:
    shop = _shop(store, 5)
    _book(shop, 10, _sold("a", 8, 2), _sold("b", 8.5, 3))
    assert _found(shop) == {}
    _book(shop, 11, _sold("c", 10.5, 2), _sold("d", 10.6, 1))
    assert {name: row.quantity for name, row in _found(shop).items()} == {"c": 2, "d": 1}


def test_pieces_that_were_cancelled_before_are_there_again(store: OperationsStore) -> None:
    shop = _shop(store, 1)
    first = _sold("first", 8)
    _book(shop, 9, first)
    _book(shop, 10, replace(first, changed_at=at(9.5), order_status="cancelled"))
    _book(shop, 11, _sold("after", 9.75))
    assert _found(shop) == {}
    _book(shop, 12, _sold("before", 9.25))
    assert set(_found(shop)) == {"before", "after"}


def test_a_sale_that_a_file_told_of_is_the_tills(store: OperationsStore) -> None:
    both = {"effective_from": "2026-01-01", "mode": "live", "ships_from": "main", "serves": ["main"]}
    accounts = {
        BOL: {**both, "system": "bol"},
        WEB: {**both, "system": "shopware"},
        DESK: {**both, "system": "b2b_files"},
    }
    shop = _shop(store, 1, shop_settings(accounts=accounts, books={}))
    _book(shop, 9.25, _sold("second", 9.1))
    _book(shop, 17, _sold("counter", 9), account=DESK)
    assert _found(shop)["second"].cause == "till"


def test_a_count_of_before_that_came_after_is_the_counts(store: OperationsStore) -> None:
    shop = _shop(store, 5)
    _book(shop, 9.25, _sold("bought", 9, 2))
    assert _found(shop) == {}
    with clock.frozen(at(12)):
        shop.count("A", 0, at(8.5))
    case = _found(shop)["bought"]
    assert (case.cause, case.quantity, case.late_seconds) == ("count", 2, 12_600)


@pytest.mark.parametrize(
    ("confirmed_at", "sold_at", "is_avoidable", "late"),
    [(9.5, 9.2, True, 1800), (9.5, 9.004, False, 1800), (None, 9.2, True, None)],
    ids=["confirmed too late", "within the usual answer", "never confirmed"],
)
def test_a_lower_number_that_was_known_and_not_confirmed_is_a_late_push(
    store: OperationsStore, confirmed_at: float | None, sold_at: float, is_avoidable: bool, late: int | None
) -> None:
    """The only piece was sold and known at 9:00; bol usually answers within twenty seconds, and not this time."""
    shop = _shop(store, 1)
    for number in range(20):
        _event(shop, 2 + number / 10, "sent", 1, 1)
        _event(shop, 2 + number / 10 + 20 / 3600, "confirmed", 1, 1)
    _book(shop, 9, _sold("first", 9), account=WEB)
    if confirmed_at is not None:
        _event(shop, confirmed_at, "sent", 0, 2)
        _event(shop, confirmed_at, "confirmed", 0, 2)
    _book(shop, 9.6, _sold("second", sold_at))
    case = _found(shop)["second"]
    assert (case.cause, case.is_avoidable, case.late_seconds, case.known_at) == (
        "push_late",
        is_avoidable,
        late,
        at(9),
    )
    assert "0 was to be told (version 2)" in case.explanation
    assert "permitted are 0 s between writes and 20.0 s for the answer" in case.explanation


def test_what_a_channel_does_not_permit_earlier_could_not_be_helped(store: OperationsStore) -> None:
    """A Mirakl operator takes one file in five minutes, by the option of the account."""
    both = {"effective_from": "2026-01-01", "mode": "live", "ships_from": "main", "serves": ["main"]}
    operator = {**both, "system": "mirakl", "options": {"stock_import_interval_s": 300}}
    accounts = {BOL: operator, WEB: {**both, "system": "shopware"}}
    shop = _shop(store, 1, shop_settings(accounts=accounts, books={}))
    _book(shop, 9, _sold("first", 9), account=WEB)
    _book(shop, 10, _sold("within", 9 + 299 / 3600), _sold("after", 9 + 301 / 3600))
    found = _found(shop)
    assert {name: (row.cause, row.is_avoidable) for name, row in found.items()} == {
        "within": ("push_late", False),
        "after": ("push_late", True),
    }


def test_a_refused_number_is_told_apart_from_a_late_one(store: OperationsStore) -> None:
    shop = _shop(store, 1)
    _book(shop, 9, _sold("first", 9), account=WEB)
    _event(shop, 9.01, "sent", 0, 2)
    _event(shop, 9.02, "rejected", 0, 2, reason="unknown offer")
    _book(shop, 10, _sold("second", 9.5))
    case = _found(shop)["second"]
    assert (case.cause, case.is_avoidable, case.late_seconds) == ("push_rejected", True, None)
    assert "rejected 2026-11-16 09:01:12 UTC (unknown offer); never confirmed" in case.explanation


def test_a_channel_that_showed_more_than_it_confirmed_was_changed_by_hand(store: OperationsStore) -> None:
    shop = _shop(store, 3)
    _event(shop, 1.1, "confirmed", 3, 1)
    _event(shop, 8, "read_back", 25, 1)
    _book(shop, 9.1, _sold("much", 9, 10))
    case = _found(shop)["much"]
    assert (case.cause, case.quantity, case.is_avoidable) == ("manual_change", 7, True)
    assert "bol_main confirmed 3 2026-11-16 01:06:00 UTC and showed 25, read 2026-11-16 08:00:00 UTC" in (
        case.explanation
    )


def test_a_sale_after_a_confirmed_zero_could_be_helped_whatever_was_known(store: OperationsStore) -> None:
    """The channel had confirmed that there is none; by the books, wrongly, one piece was left."""
    shop = _shop(store, 1)
    _event(shop, 8, "confirmed", 0, 1)
    _book(shop, 9.25, _sold("second", 9.1))
    _book(shop, 9.5, _sold("first", 9), account=WEB)
    case = _found(shop)["second"]
    assert (case.cause, case.is_avoidable) == ("detection_lag", True)


@pytest.mark.parametrize("is_told", [False, True])
def test_what_was_sold_before_we_knew_anything_says_what_the_channel_had_been_told(
    store: OperationsStore, is_told: bool
) -> None:
    """Three pieces lay there at midnight, which was known at one; five were sold half an hour before."""
    shop = _shop(store, 3)
    if is_told:
        _event(shop, 0.25, "confirmed", 9, 1)
    _book(shop, 8, _sold("early", 0.5, 5))
    told = "9 2026-11-16 00:15:00 UTC" if is_told else "no number of ours"
    case = _found(shop)["early"]
    assert (case.cause, case.quantity, case.is_avoidable) == ("unknown", 2, False)
    assert case.explanation == (
        "2 of 5 pieces of A were not there when bol_main accepted them 2026-11-16 00:30:00 UTC (3 left): we knew of "
        f"none of it by then; bol_main had confirmed {told}"
    )


def test_what_a_policy_or_a_supplier_promises_is_said_so(store: OperationsStore) -> None:
    from order_pipelines.operations.store import upsert
    from order_pipelines.operations.tables import supplier_stock

    both = {"effective_from": "2026-01-01", "mode": "live", "ships_from": "main", "serves": ["main"]}
    shown = {**both, "system": "shopware", "stock": {"policy": "always", "shown": 5}}
    accounts = {WEB: shown, BOL: {**both, "system": "bol"}}
    always = _shop(store, 0, shop_settings(accounts=accounts, books={}))
    _book(always, 9, _sold("waits", 8), account=WEB)
    assert _found(always)["waits"].cause == "policy"

    shop = CartShop(store, cart_settings(supplier_direct=True))
    with clock.frozen(at(1)):
        shop.stock("B", 0)
        with shop.store.transaction() as connection:
            row = {"account": "files", "supplier": "Jansen", "sku": "B", "quantity": 3, "lead_days": None}
            row |= {"unit_cost": None, "stated_at": at(1), "receipt_seq": 1}
            upsert(connection, supplier_stock, [row])
    _book(shop, 9, _sold("sent on", 8, 2, "B"), account=WEB)
    assert _found(shop)["sent on"].cause == "supplier"


def test_what_nobody_had_counted_is_not_called_sold_out(store: OperationsStore) -> None:
    shop = CartShop(store)
    shop.products(("A", "high", ()))
    shop.offer("A")
    _book(shop, 9, _sold("early", 8))
    assert _found(shop) == {}
    with clock.frozen(at(10)):
        shop.count("A", 3, at(9.5))
    assert _found(shop) == {}


def test_a_cart_keeps_its_piece_from_others_and_not_from_its_own_order(store: OperationsStore) -> None:
    shop = _shop(store, 1)
    with clock.frozen(at(8)):
        held = shop.reserve(("A", 1))
    with clock.frozen(at(8.1)):
        confirm(shop.shop, WEB, held.reservation_id, "no-1")
    _book(shop, 9, _sold("own", 8.1, order_number="no-1"), account=WEB)
    assert _found(shop) == {}
    _book(shop, 9.1, _sold("other", 8.05))
    case = _found(shop)["other"]
    # bol was told of the cart as it was filled, and of nothing else before it sold.
    assert (case.cause, case.known_at, case.is_avoidable) == ("push_late", at(8), True)


def test_a_bundle_is_short_of_the_part_that_lacks_most(store: OperationsStore) -> None:
    shop = CartShop(store)
    with clock.frozen(at(1)):
        shop.stock("A", 4)
        shop.stock("B", 9)
        shop.bundle("SET", A=2, B=1)
        shop.products(("SET", "high", ()))
        shop.offer("SET")
    _book(shop, 9, _sold("sets", 8, 5, "SET"))
    case = _found(shop)["sets"]
    assert (case.sku, case.quantity) == ("SET", 3)
    # Days later only the other part is news: it lacks less, and then more.
    with clock.frozen(at(79)):
        shop.count("B", 4, at(7))
    assert _found(shop, 80)["sets"].quantity == 3
    with clock.frozen(at(81)):
        shop.count("B", 1, at(7))
    assert _found(shop, 82)["sets"].quantity == 4


def test_late_news_that_the_piece_was_there_clears_the_case(store: OperationsStore) -> None:
    shop = _shop(store, 0)
    _book(shop, 9, _sold("early", 8))
    assert _found(shop)["early"].quantity == 1
    opened = shop.row("oversell_cases")
    with clock.frozen(at(12)):
        shop.count("A", 6, at(7))
    assert _found(shop) == {}
    cleared = shop.row("oversell_cases")
    assert (cleared.quantity, cleared.opened_at, cleared.change_seq > opened.change_seq) == (
        0,
        opened.opened_at,
        True,
    )


def test_a_look_without_news_writes_nothing(store: OperationsStore) -> None:
    shop = _shop(store, 0)
    _book(shop, 9, _sold("early", 8))
    _found(shop)
    before = shop.rows("oversell_cases"), shop.rows("counters")
    _found(shop, 31)
    _found(shop, 200)
    assert (shop.rows("oversell_cases"), shop.rows("counters")) == before


def test_a_person_is_told_for_a_day_and_louder_when_it_could_be_helped(store: OperationsStore) -> None:
    shop = _shop(store, 1)
    _book(shop, 9.25, _sold("second", 9.1))
    _book(shop, 9.5, _sold("first", 9), account=WEB)
    with clock.frozen(at(10)):
        concerns = {concern.key: concern for concern in look_after(shop.store, shop.settings)}
    told = concerns["oversell:bol_main"]
    assert (told.severity, told.message) == (
        "warning",
        "bol_main: 1 pieces of 1 order lines found in the last 24 h were sold without stock (1 detection_lag; "
        "0 avoidable), the last of A in order bol_main:second; mart.oversell_cases says why",
    )
    _book(shop, 11, _sold("third", 10.5))
    with clock.frozen(at(11)):
        look_after(shop.store, shop.settings)
    assert shop.row("alerts", alert_key="oversell:bol_main").severity == "error"
    with clock.frozen(at(36)):
        look_after(shop.store, shop.settings)
    assert shop.row("alerts", alert_key="oversell:bol_main").resolved_at is not None


@given(
    bought=st.lists(st.tuples(st.integers(2, 40), st.integers(1, 4), st.booleans()), min_size=1, max_size=7),
    pieces=st.integers(0, 8),
    seed=st.integers(0, 2**16),
)
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_cases_do_not_depend_on_the_order_of_news_nor_on_how_often_it_is_looked(
    store: OperationsStore, bought: list[tuple[int, int, bool]], pieces: int, seed: int
) -> None:
    """First come, first served, by when customers ordered: who comes when nothing is left is short of what lacks."""
    shuffle = random.Random(seed)
    shop, sku, prefix = CartShop(store), f"p{next(_unique)}", f"{seed}-{next(_unique)}-"
    with clock.frozen(at(1)):
        shop.stock(sku, pieces)
    told = [
        (_sold(f"{prefix}{number}", hour, quantity, sku), WEB if is_web else BOL)
        for number, (hour, quantity, is_web) in enumerate(bought)
    ]
    expected: dict[str, int] = {}
    left = pieces
    by_time = sorted(told, key=lambda one: (one[0].ordered_at, f"{one[1]}:{one[0].external_order_id}"))
    for sale, _ in by_time:
        (row,) = sale.lines
        assert row.quantity is not None
        if (short := row.quantity - max(0, left)) > 0:
            expected[sale.external_order_id] = short
        left -= row.quantity
    messages = told + [shuffle.choice(told) for _ in range(3)]
    shuffle.shuffle(messages)
    for number, (sale, account) in enumerate(messages):
        _book(shop, 50 + number, sale, account=account)
        if shuffle.random() < 0.5:
            _found(shop, 51 + number)

    def cases() -> dict[str, int]:
        rows = _found(shop, 90)
        return {name: row.quantity for name, row in rows.items() if row.sku == sku}

    assert cases() == expected
    before = [row for row in shop.rows("oversell_cases") if row.sku == sku]
    for sale, account in told:
        _book(shop, 91, sale, account=account)
    assert cases() == expected
    assert [row for row in shop.rows("oversell_cases") if row.sku == sku] == before


def test_what_was_never_confirmed_is_looked_at_again_for_a_day(store: OperationsStore) -> None:
    shop = _shop(store, 1)
    _book(shop, 9, _sold("first", 9), account=WEB)
    _book(shop, 10, _sold("second", 9.5))
    assert _found(shop, 11)["second"].late_seconds is None
    _event(shop, 12, "confirmed", 0, 2)
    assert _found(shop, 13)["second"].late_seconds == 10_800
    assert len(shop.rows("oversell_cases")) == 1


def test_a_sale_by_an_account_that_left_the_settings_is_left_as_it_was_judged(store: OperationsStore) -> None:
    shop = _shop(store, 0)
    _book(shop, 9, _sold("early", 8))
    assert set(_found(shop)) == {"early"}
    accounts = {WEB: shop.settings.accounts[WEB]}
    shop.settings = shop.settings.model_copy(update={"accounts": accounts})
    with clock.frozen(at(12)):
        shop.count("A", 6, at(7))
    assert set(_found(shop)) == {"early"}


def test_a_cart_of_somebody_else_that_becomes_an_order_is_no_news(store: OperationsStore) -> None:
    """Known since eight that nothing is left: the cart's piece is an order's at nine, and never free in between."""
    shop = _shop(store, 1)
    with clock.frozen(at(8)):
        held = shop.reserve(("A", 1))
        confirm(shop.shop, WEB, held.reservation_id, "no-1")
    _book(shop, 9, _sold("own", 8, order_number="no-1"), account=WEB)
    _book(shop, 9.5, _sold("late", 9.25))
    case = _found(shop)["late"]
    assert (case.cause, case.known_at) == ("push_late", at(8))


def test_a_parcel_that_leaves_is_no_news_of_what_is_left(store: OperationsStore) -> None:
    """What is owed no longer and what has left are one booking: nothing was free in between."""
    shop = _shop(store, 1)
    first = _sold("first", 8)
    _book(shop, 8, first, account=WEB)
    _book(shop, 9, shipped(first, at(8.75)), account=WEB)
    _book(shop, 9.5, _sold("late", 9.25))
    assert _found(shop)["late"].known_at == at(8)


def test_an_order_that_had_left_when_it_was_first_read_is_judged_too(store: OperationsStore) -> None:
    """Nothing of it is owed any more: only the parcel moves in the ledger, an hour after the customer ordered."""
    shop = _shop(store, 0)
    assert _found(shop, 2) == {}
    gone = line("A", 1, quantity_shipped=1, changed_at=at(9))
    _book(shop, 10, order("gone", gone, ordered_at=at(8), changed_at=at(9), order_status="completed"))
    assert {name: row.accepted_at for name, row in _found(shop).items()} == {"gone": at(8)}
