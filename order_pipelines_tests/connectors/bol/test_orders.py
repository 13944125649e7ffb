"""Listing and reading orders, against bol's stand-in and, where that never misbehaves so, a scripted server."""

from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest

from order_pipelines import clock
from order_pipelines.connectors.bol import orders as bol_orders
from order_pipelines.connectors.bol.mapping import interpret
from order_pipelines.connectors.bol.orders import BolOrders, three_months_before
from order_pipelines.connectors.http import MemoryBudget
from order_pipelines.connectors.ports import House, Listed, Since
from order_pipelines.errors import PermanentConnectorError, TransientConnectorError
from order_pipelines_tests.connectors.bol.bol_world import MAIN, OUTLET, BolWorld
from order_pipelines_tests.connectors.bol.scripted_server import (
    Reply,
    Request,
    ScriptedServer,
    scripted_server,
)
from order_pipelines_tests.connectors.memory_tokens import MemoryTokenStore

EVERYTHING = Since(None)


def _ago(**delta: float) -> Since:
    return Since(clock.now() - timedelta(**delta))


def _ids(listed: list[Listed]) -> set[str]:
    return {entry.external_id for entry in listed}


def _queries(listed: list[Listed]) -> set[tuple[str, str]]:
    """Return (status, interval or day) of every listing that named an order."""
    found = set()
    for entry in listed:
        query = {name: values[0] for name, values in parse_qs(entry.request.partition("?")[2]).items()}
        window = query.get("change-interval-minute") or query.get("latest-change-date") or ""
        found.add((query["status"], window))
    return found


def _own(server: ScriptedServer, **options: Any) -> BolOrders:
    return BolOrders(server.account(**options), House(MemoryTokenStore(), MemoryBudget()))


# ------------------------------------------------------------------------------------------------ which list


def test_a_short_gap_asks_what_changed_in_the_last_hour(world: BolWorld) -> None:
    recent = world.buy(ago=timedelta(minutes=30))
    world.buy(ago=timedelta(hours=2))
    listed = list(world.orders().list_orders(_ago(minutes=5)))
    assert _ids(listed) == {recent}
    assert _queries(listed) == {("ALL", "60")}
    assert world.state()["calls"] == {"GET /retailer/orders": 2}


def test_an_order_handled_between_two_polls_is_listed(world: BolWorld) -> None:
    """Pitfall: who polls OPEN only never sees it."""
    order_id = world.buy(ago=timedelta(minutes=20))
    world.act(order_id, "ship")
    assert _ids(list(world.orders().list_orders(_ago(minutes=30)))) == {order_id}


def test_an_outage_longer_than_an_hour_loses_no_order(world: BolWorld) -> None:
    """The interval filter alone would show neither: both are older than an hour, one is handled and gone from OPEN."""
    shipped = world.buy(ago=timedelta(hours=60))
    world.act(shipped, "ship", at=(clock.now() - timedelta(hours=50)).isoformat())
    still_open = world.buy(ago=timedelta(hours=40))
    listed = list(world.orders().list_orders(_ago(hours=72)))
    assert _ids(listed) == {shipped, still_open}
    assert any(status == "OPEN" for status, _ in _queries(listed))


def test_an_open_order_is_listed_however_old_its_last_change_is(world: BolWorld) -> None:
    order_id = world.buy(ago=timedelta(days=3))
    listed = list(world.orders().list_orders(_ago(hours=2)))
    assert _ids(listed) == {order_id}
    assert _queries(listed) == {("OPEN", "")}


def test_a_deep_listing_repeats_today_and_yesterday_and_everything_open(world: BolWorld) -> None:
    now = clock.now()
    yesterday = world.buy(ago=timedelta(hours=24))
    world.act(yesterday, "ship", at=(now - timedelta(hours=24)).isoformat())
    still_open = world.buy(ago=timedelta(days=3))
    listed = list(world.orders().list_orders(Since(now - timedelta(minutes=1), deep=True)))
    assert _ids(listed) == {yesterday, still_open}
    assert _queries(listed) == {
        ("OPEN", ""),
        ("ALL", (clock.order_date(now) - timedelta(days=1)).isoformat()),
    }


def test_the_first_listing_walks_three_months_back(world: BolWorld) -> None:
    old = world.buy(ago=timedelta(days=80))  # cancelled by bol at its expiry date, so no longer open
    new = world.buy()
    listed = list(world.orders().list_orders(EVERYTHING))
    assert _ids(listed) == {old, new}
    today = clock.order_date(clock.now())
    # Every day once, plus the open list; a list that has orders is asked for its empty last page too.
    lists = (today - three_months_before(today)).days + 2
    assert world.state()["calls"]["GET /retailer/orders"] == lists + len(_queries(listed))


def test_the_first_listing_can_be_kept_short(world: BolWorld) -> None:
    world.buy(ago=timedelta(days=20))
    assert list(world.orders(history_days=7).list_orders(EVERYTHING)) == []
    assert world.state()["calls"] == {"GET /retailer/orders": 9}


@pytest.mark.parametrize(
    ("now", "last", "deep", "days"),
    [
        # 23:30 UTC on 28 March is 00:30 on 29 March in Amsterdam, the night that clocks go forward.
        ("2026-03-28T23:30:00", "2026-03-28T20:00:00", False, ["2026-03-29", "2026-03-28"]),
        # 00:30 local; two hours earlier minus an hour of overlap is still the day before.
        ("2026-10-24T22:30:00", "2026-10-24T21:10:00", False, ["2026-10-25", "2026-10-24"]),
        ("2026-10-25T12:00:00", "2026-10-25T10:00:00", False, ["2026-10-25"]),
        ("2026-10-25T12:00:00", "2026-10-25T11:59:00", True, ["2026-10-25", "2026-10-24"]),
        # A last complete reading in the future says nothing about the gap.
        ("2026-10-25T12:00:00", "2026-10-25T18:00:00", False, ["2026-10-25"]),
        ("2026-03-02T12:00:00", "2026-02-27T12:00:00", False,
         ["2026-03-02", "2026-03-01", "2026-02-28", "2026-02-27"]),
    ],
)  # fmt: skip
def test_days_are_dutch_days(now: str, last: str, deep: bool, days: list[str]) -> None:
    with scripted_server(lambda request: Reply({})) as server:
        since = Since(datetime.fromisoformat(last).replace(tzinfo=UTC), deep)
        with clock.frozen(datetime.fromisoformat(now).replace(tzinfo=UTC)):
            assert list(_own(server).list_orders(since)) == []
        queries = [request.query for request in server.asked("/retailer/orders")]
    assert [query.get("latest-change-date", query["status"]) for query in queries] == ["OPEN", *days]
    assert {query["fulfilment-method"] for query in queries} == {"ALL"}


def test_after_a_gap_of_months_only_what_bol_still_tells_is_asked() -> None:
    with scripted_server(lambda request: Reply({})) as server:
        with clock.frozen(datetime(2026, 5, 31, 12, tzinfo=UTC)):
            list(_own(server).list_orders(Since(datetime(2025, 5, 1, tzinfo=UTC))))
        last = server.requests[-1]
    assert last.query["latest-change-date"] == "2026-02-28"


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 5, 31), date(2026, 2, 28)),
        (date(2024, 5, 31), date(2024, 2, 29)),
        (date(2026, 2, 15), date(2025, 11, 15)),
        (date(2026, 3, 31), date(2025, 12, 31)),
    ],
)
def test_three_months_are_calendar_months(day: date, expected: date) -> None:
    assert three_months_before(day) == expected


def test_orders_shipped_by_bol_are_read_unless_the_account_says_otherwise(world: BolWorld) -> None:
    own = world.buy(("KEU-1001", 1))
    by_bol = world.buy(("THE-2004", 1), fulfilment_method="FBB")
    assert _ids(list(world.orders().list_orders(_ago(minutes=1)))) == {own, by_bol}
    assert _ids(list(world.orders(fulfilment="FBR").list_orders(_ago(minutes=1)))) == {own}
    assert _ids(list(world.orders(fulfilment="FBB").list_orders(_ago(hours=2)))) == {by_bol}


# ------------------------------------------------------------------------------------------------ pages


def test_all_pages_are_read_to_the_empty_one(world: BolWorld) -> None:
    placed = {world.buy() for _ in range(120)}
    listed = list(world.orders().list_orders(_ago(minutes=1)))
    assert len(listed) == 120
    assert _ids(listed) == placed
    assert world.state()["calls"] == {"GET /retailer/orders": 4}


def test_the_newest_change_of_all_items_counts(world: BolWorld) -> None:
    order_id = world.buy(("KEU-1001", 1), ("KEU-1004", 1), ago=timedelta(minutes=50))
    world.act(order_id, "cancel", sku="KEU-1004")
    changed = datetime.fromisoformat(world.order(order_id)["items"][1]["changed_at"])
    (entry,) = world.orders().list_orders(_ago(minutes=1))
    assert entry.changed_at == changed.replace(microsecond=0)
    assert entry.is_complete is False
    assert orjson.loads(entry.body)["orderId"] == order_id


def _page(*numbers: int) -> dict[str, object]:
    item = {"orderItemId": "1", "latestChangedDateTime": "2026-11-21T10:00:00+01:00"}
    return {"orders": [{"orderId": f"A{number}", "orderItems": [item]} for number in numbers]}


def test_a_page_that_repeats_for_ever_ends_in_an_error() -> None:
    """Magento does this past the last page; bol never did, but a list without end must not hold a run."""
    with scripted_server(lambda request: Reply(_page(1, 2))) as server:
        listing = _own(server).list_orders(_ago(minutes=1))
        assert [next(listing).external_id, next(listing).external_id] == ["A1", "A2"]
        with pytest.raises(PermanentConnectorError, match="page 2 repeats an earlier page"):
            next(listing)
        assert len(server.asked("/retailer/orders")) == 2


def test_pages_without_end_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bol_orders, "MAX_PAGES", 3)
    numbers = count()
    with scripted_server(lambda request: Reply(_page(next(numbers)))) as server:
        with pytest.raises(PermanentConnectorError, match="more than 3 pages"):
            list(_own(server).list_orders(_ago(minutes=1)))
        assert len(server.asked("/retailer/orders")) == 3


@pytest.mark.parametrize("page", [{}, {"orders": []}, {"orders": None}])
def test_every_form_of_the_empty_page_ends_the_list(page: object) -> None:
    def script(request: Request) -> Reply:
        return Reply(_page(1) if request.query["page"] == "1" else page)

    with scripted_server(script) as server:
        assert _ids(list(_own(server).list_orders(_ago(minutes=1)))) == {"A1"}


@pytest.mark.parametrize("page", [{"items": [1]}, {"orders": {"A1": {}}}, {"orders": "none", "page": 1}])
def test_a_renamed_list_is_no_empty_page(page: object) -> None:
    with (
        scripted_server(lambda request: Reply(page)) as server,
        pytest.raises(PermanentConnectorError, match="must be an object with a list 'orders'"),
    ):
        list(_own(server).list_orders(_ago(minutes=1)))


def test_an_entry_that_cannot_be_named_is_handed_on_for_quarantine() -> None:
    page = _page(1)
    page["orders"] = [{"orderNumber": "A9"}, *page["orders"]]  # type: ignore[misc]

    def script(request: Request) -> Reply:
        return Reply(page if request.query["page"] == "1" else {})

    with scripted_server(script) as server:
        unnamed, named = _own(server).list_orders(_ago(minutes=1))
    assert named.external_id == "A1"
    assert unnamed.is_complete is True
    assert unnamed.external_id.startswith("unnamed-")
    (reject,) = interpret(unnamed.body, kind="order").rejects
    assert (reject.problem.code, reject.problem.field) == ("missing_field", "orderId")


def test_an_entry_whose_time_cannot_be_read_is_always_fetched() -> None:
    page = {"orders": [{"orderId": "A1", "orderItems": [{"orderItemId": "1", "changedAt": "2026-11-21"}]}]}

    def script(request: Request) -> Reply:
        return Reply(page if request.query["page"] == "1" else {})

    with scripted_server(script) as server:
        (entry,) = _own(server).list_orders(_ago(minutes=1))
    assert (entry.external_id, entry.changed_at, entry.is_complete) == ("A1", None, False)


# ------------------------------------------------------------------------------------------------ one order


def test_an_order_is_read_in_full(world: BolWorld) -> None:
    order_id = world.buy(("KEU-1001", 2), ("KEU-1004", 1), order_id="C2M5531RV8")
    before = clock.now()
    fetched = world.orders().fetch_order(order_id)
    assert (fetched.kind, fetched.external_id) == ("order", "C2M5531RV8")
    assert fetched.request == "GET /retailer/orders/C2M5531RV8"
    assert before <= fetched.read_began_at <= clock.now()
    (order,) = interpret(fetched.body, kind=fetched.kind).orders
    assert order.problems == ()
    assert [(line.sku, line.quantity, str(line.line_total_incl_vat)) for line in order.lines] == [
        ("KEU-1001", 2, "79.90"),
        ("KEU-1004", 1, "22.50"),
    ]


def test_an_order_of_another_account_does_not_exist_here(world: BolWorld) -> None:
    order_id = world.buy(account=OUTLET)
    assert world.orders(OUTLET).fetch_order(order_id).external_id == order_id
    with pytest.raises(PermanentConnectorError) as caught:
        world.orders(MAIN).fetch_order(order_id)
    assert caught.value.status == 404
    assert caught.value.vendor_code == "Not Found"
    assert str(caught.value) == (
        f"bol GET /retailer/orders/{order_id} for bol_main answered 404 (Order for order id {order_id} not found.)"
    )
    assert list(world.orders(MAIN).list_orders(_ago(hours=2))) == []


def test_an_id_is_one_part_of_the_path() -> None:
    with (
        scripted_server(lambda request: Reply({}, 404)) as server,
        pytest.raises(PermanentConnectorError),
    ):
        _own(server).fetch_order("../offers?x=1")
    assert server.requests[-1].path == "/retailer/orders/..%2Foffers%3Fx%3D1"


def test_a_detail_that_is_no_json_is_handed_on_as_received(world: BolWorld) -> None:
    order_id = world.buy()
    world.fault("not_json", match=f"/orders/{order_id}")
    fetched = world.orders().fetch_order(order_id)
    (reject,) = interpret(fetched.body, kind=fetched.kind).rejects
    assert reject.problem.code == "not_json"


# ------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize("status", ["500", "503", "408"])
def test_an_answer_that_may_pass_is_transient(world: BolWorld, status: str) -> None:
    order_id = world.buy()
    world.fault(status, match="/retailer/orders")
    source = world.orders()
    with pytest.raises(TransientConnectorError) as caught:
        list(source.list_orders(_ago(minutes=1)))
    assert caught.value.status == int(status)
    assert caught.value.maybe_acted is False
    assert _ids(list(source.list_orders(_ago(minutes=1)))) == {order_id}


@pytest.mark.parametrize(("status", "title"), [("403", "Forbidden"), ("406", "Not Acceptable")])
def test_an_answer_that_will_not_pass_is_permanent(world: BolWorld, status: str, title: str) -> None:
    world.fault(status, match="/retailer/orders")
    with pytest.raises(PermanentConnectorError) as caught:
        list(world.orders().list_orders(_ago(minutes=1)))
    assert (caught.value.status, caught.value.vendor_code) == (int(status), title)
    assert caught.value.retryable is False


def test_too_many_calls_say_when_to_come_back(world: BolWorld) -> None:
    world.fault("429", match="/retailer/orders/", seconds=4)
    source = world.orders()
    with pytest.raises(TransientConnectorError) as caught:
        source.fetch_order("1")
    assert (caught.value.status, caught.value.retry_after_s) == (429, 4.0)
    with pytest.raises(PermanentConnectorError):
        source.fetch_order("1")
    assert [round(seconds) for seconds in world.slept_s] == [4]


@pytest.mark.parametrize(
    ("waits_s", "slept_s", "goes_on"),
    [([4], [4], True), ([30, 30], [30, 30], True), ([30, 31], [30], False), ([61], [], False)],
)
def test_a_listing_waits_a_minute_in_all_and_no_more(
    world: BolWorld, waits_s: list[int], slept_s: list[int], goes_on: bool
) -> None:
    for seconds in waits_s:
        world.fault("429", match="/retailer/orders?", seconds=seconds)
    source = world.orders()
    if goes_on:
        assert list(source.list_orders(_ago(minutes=1))) == []
    else:
        with pytest.raises(TransientConnectorError) as caught:
            list(source.list_orders(_ago(minutes=1)))
        assert caught.value.status == 429
    assert [round(seconds) for seconds in world.slept_s] == slept_s


def test_without_retry_after_the_waits_grow(world: BolWorld) -> None:
    source = world.orders()
    waits = []
    for _ in range(4):
        world.fault("429_without_retry_after", match="/retailer/orders/")
        with pytest.raises(TransientConnectorError) as caught:
            source.fetch_order("1")
        waits.append(caught.value.retry_after_s)
    assert waits == [5.0, 15.0, 60.0, 60.0]
    with pytest.raises(PermanentConnectorError):
        source.fetch_order("1")
    assert [round(seconds) for seconds in world.slept_s] == [5, 15, 60, 60]


def test_the_headers_keep_a_long_walk_below_the_limit(strict_world: BolWorld) -> None:
    """25 lists a minute: a walk of 41 lists waits instead of being refused."""
    assert list(strict_world.orders(history_days=39).list_orders(EVERYTHING)) == []
    state = strict_world.state()
    assert state["calls"] == {"GET /retailer/orders": 41}
    assert state["refused_by_limit"] == {}
    assert len(strict_world.slept_s) == 1


def test_no_call_waits_past_the_deadline(strict_world: BolWorld) -> None:
    source = strict_world.orders(deadline=clock.now() + timedelta(seconds=20))
    with pytest.raises(TransientConnectorError) as caught:
        list(source.list_orders(EVERYTHING))
    assert caught.value.retry_after_s is not None
    assert 20 < caught.value.retry_after_s <= 60
    assert strict_world.state()["calls"] == {"GET /retailer/orders": 25}
    assert strict_world.slept_s == []


def test_one_accounts_limit_does_not_hold_the_other(strict_world: BolWorld) -> None:
    list(strict_world.orders(MAIN, history_days=24).list_orders(EVERYTHING))
    strict_world.slept_s.clear()
    list(strict_world.orders(OUTLET).list_orders(_ago(minutes=1)))
    assert strict_world.slept_s == []


def test_a_page_that_is_no_json_may_pass(world: BolWorld) -> None:
    world.buy()
    world.fault("not_json", match="/retailer/orders")
    with pytest.raises(TransientConnectorError, match="not JSON"):
        list(world.orders().list_orders(_ago(minutes=1)))


def test_a_page_that_breaks_off_may_pass(world: BolWorld) -> None:
    world.buy()
    world.fault("truncate_body", match="/retailer/orders")
    with pytest.raises(TransientConnectorError):
        list(world.orders().list_orders(_ago(minutes=1)))


def test_a_hang_ends_with_the_deadline(world: BolWorld) -> None:
    source = world.orders(deadline=clock.now() + timedelta(seconds=0.4))
    world.fault("hang", match="/retailer/orders")
    with pytest.raises(TransientConnectorError) as caught:
        list(source.list_orders(_ago(minutes=1)))
    assert caught.value.status is None


def test_a_reason_holds_no_address() -> None:
    problem = {
        "title": "Error validating request body.",
        "status": 400,
        "detail": "Bad request",
        "violations": [
            {"name": "email", "reason": "joost@verhaar.example is unknown"},
            {"reason": "no name"},
            "x",
        ],
    }
    with (
        scripted_server(lambda request: Reply(problem, 400)) as server,
        pytest.raises(PermanentConnectorError) as caught,
    ):
        _own(server).fetch_order("A1")
    assert str(caught.value).endswith("answered 400 (Bad request; email: [e-mail] is unknown; no name)")
