"""Orders read over HTTP: paging in both forms, the window, frequencies, and answers that are no page."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from order_pipelines import clock
from order_pipelines.connectors.http import MemoryBudget
from order_pipelines.connectors.mirakl.orders import MiraklOrders, read_entry
from order_pipelines.connectors.ports import Account, House, Since
from order_pipelines.errors import (
    ConfigurationError,
    ConnectorError,
    PermanentConnectorError,
    TransientConnectorError,
)
from order_pipelines_tests.connectors.bol.scripted_server import Reply, Request, scripted_server
from order_pipelines_tests.connectors.memory_tokens import MemoryTokenStore
from order_pipelines_tests.connectors.mirakl.mirakl_world import FIRST, SECOND, MiraklWorld
from order_pipelines_tests.connectors.mirakl.recordings import codes, read_one

KEY = "a-shop-key"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def _source(url: str, slept: list[float] | None = None, **options: Any) -> MiraklOrders:
    kept: list[float] = [] if slept is None else slept
    account = Account("market", url, None, options, {"api_key": KEY})
    return MiraklOrders(account, House(MemoryTokenStore(), MemoryBudget(sleep=kept.append)))


def _order(number: int, **members: Any) -> dict[str, Any]:
    return {"order_id": f"O{number}-A", "last_updated_date": "2026-11-20T08:00:00Z", **members}


def _paged(count: int, at_most: int, *, link: bool) -> Callable[[Request], Reply]:
    """Answer with ``count`` orders, ``at_most`` a page whatever is asked."""

    def script(request: Request) -> Reply:
        offset = int(request.query["offset"])
        orders = [_order(number) for number in range(offset, min(offset + at_most, count))]
        headers = {}
        if link and offset + at_most < count:
            query = f"max={at_most}&offset={offset + at_most}&order_state_codes=SHIPPING"
            headers["Link"] = f'<https://operator.example/api/orders?{query}>; rel="next"'
        return Reply({"orders": orders, "total_count": count}, headers=headers)

    return script


@pytest.mark.parametrize(("link", "offsets"), [(True, ["0", "10", "20"]), (False, ["0", "10", "20"])])
def test_both_forms_of_paging_reach_the_end(link: bool, offsets: list[str]) -> None:
    """The server gives ten a page although a hundred are asked for; the link's host is not called."""
    with scripted_server(_paged(23, 10, link=link)) as server:
        listed = list(_source(server.url).list_orders(Since(None)))
        asked = server.asked("/api/orders")
    assert [entry.external_id for entry in listed] == [f"O{number}-A" for number in range(23)]
    assert [request.query["offset"] for request in asked] == offsets
    assert asked[0].query["max"] == "100"
    assert [request.query.get("order_state_codes") for request in asked][1:] == (
        ["SHIPPING", "SHIPPING"] if link else [None, None]
    )
    assert all(entry.is_complete for entry in listed)
    assert {request.headers["Authorization"] for request in asked} == {KEY}


def test_a_list_whose_total_changed_meanwhile_is_read_again() -> None:
    totals = iter([3, 4, 4, 4])

    def script(request: Request) -> Reply:
        total = next(totals)
        offset = int(request.query["offset"])
        return Reply(
            {"orders": [_order(number) for number in range(offset, offset + 2)], "total_count": total}
        )

    with scripted_server(script) as server:
        listed = [entry.external_id for entry in _source(server.url).list_orders(Since(None))]
        offsets = [request.query["offset"] for request in server.asked("/api/orders")]
    assert offsets == ["0", "2", "0", "2"]
    assert listed == ["O0-A", "O1-A", "O2-A", "O3-A"] * 2


def test_a_list_that_never_stands_still_ends_after_three_readings() -> None:
    total = iter(range(3, 100))

    def script(request: Request) -> Reply:
        offset = int(request.query["offset"])
        entries = [_order(offset), _order(offset + 1)] if offset < 2 else []
        return Reply({"orders": entries, "total_count": next(total)})

    with scripted_server(script) as server:
        list(_source(server.url).list_orders(Since(None)))
        assert len(server.requests) == 6


def test_the_window_reaches_back_further_than_the_last_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    with scripted_server(_paged(0, 10, link=False)) as server:
        for since, starts in (
            (Since(None), "2026-08-20T12:00:00Z"),
            (Since(NOW - timedelta(minutes=5)), "2026-11-20T11:40:00Z"),
            (Since(NOW - timedelta(minutes=5), deep=True), "2026-11-18T12:00:00Z"),
            (Since(NOW + timedelta(hours=3)), "2026-11-20T11:45:00Z"),
            (Since(NOW - timedelta(days=200)), "2026-05-04T11:45:00Z"),
        ):
            list(_source(server.url).list_orders(since))
            assert server.requests[-1].query["start_update_date"] == starts
        list(_source(server.url, history_days=1, shop_id=7).list_orders(Since(None)))
    assert server.requests[-1].query["start_update_date"] == "2026-11-19T12:00:00Z"
    assert [request.query.get("shop_id") for request in server.requests] == [None] * 5 + ["7"]


def test_a_listing_is_asked_for_once_a_minute_and_its_pages_at_once() -> None:
    slept: list[float] = []
    with scripted_server(_paged(23, 10, link=True)) as server:
        source = _source(server.url, slept)
        list(source.list_orders(Since(None)))
        assert slept == []
        list(source.list_orders(Since(None)))
    assert [round(seconds) for seconds in slept] == [60]


def test_a_listing_waits_no_longer_than_its_account_may_take(world: MiraklWorld) -> None:
    list(world.orders().list_orders(Since(None)))
    source = world.orders(deadline=clock.now() + timedelta(seconds=30))
    with pytest.raises(TransientConnectorError, match=r"rate budget of blokker OR11 is used up"):
        list(source.list_orders(Since(None)))
    assert world.slept_s == []


@pytest.mark.parametrize(
    ("reply", "error", "says"),
    [
        (Reply(b"<html>Maintenance</html>", 503), TransientConnectorError, "answered 503"),
        (Reply(b"<html>Login</html>", 200), TransientConnectorError, "the answer is not JSON"),
        (Reply([]), PermanentConnectorError, "not a JSON object"),
        (Reply({"order_lines": []}), PermanentConnectorError, "must have a list 'orders'"),
        (
            Reply({"message": "Unauthorized", "status": 401}, 401),
            PermanentConnectorError,
            r"401 \(Unauthorized\)",
        ),
        (Reply({"message": "Shop is suspended"}, 403), PermanentConnectorError, r"403 \(Shop is suspended\)"),
        (Reply(b"<html>gone</html>", 404), PermanentConnectorError, "answered 404"),
        (Reply({"message": "old"}, 410), PermanentConnectorError, "answered 410"),
        (
            Reply({"errors": [{"code": "X_Y", "message": "bad date"}]}, 400),
            PermanentConnectorError,
            "X_Y: bad date",
        ),
    ],
)
def test_an_answer_that_is_no_page_is_an_error_and_not_an_end(
    reply: Reply, error: type[ConnectorError], says: str
) -> None:
    with scripted_server(lambda _: reply) as server:
        with pytest.raises(error, match=says) as caught:
            list(_source(server.url).list_orders(Since(None)))
        assert len(server.requests) == 1
    assert "start_update_date" not in str(caught.value)


def test_a_429_says_when_to_come_again_and_the_budget_keeps_to_it() -> None:
    slept: list[float] = []
    replies = iter(
        [Reply({"message": "Too Many Requests"}, 429, {"Retry-After": "37"}), Reply({"orders": []})]
    )
    with scripted_server(lambda _: next(replies)) as server:
        assert list(_source(server.url, slept).list_orders(Since(None))) == []
    assert [round(seconds) for seconds in slept] == [37]


def test_a_429_that_asks_for_too_much_patience_ends_the_listing() -> None:
    with scripted_server(lambda _: Reply(b"", 429, {"Retry-After": "3600"})) as server:
        with pytest.raises(TransientConnectorError, match="too many calls of OR11") as caught:
            list(_source(server.url).list_orders(Since(None)))
        assert len(server.requests) == 1
    assert (caught.value.status, caught.value.retry_after_s) == (429, 3600.0)


def test_a_message_repeats_neither_the_key_nor_a_person() -> None:
    said = {"message": f"{KEY} of jan@voorbeeld.example, 1234 AB, is not valid"}
    with (
        scripted_server(lambda _: Reply(said, 401)) as server,
        pytest.raises(PermanentConnectorError) as caught,
    ):
        list(_source(server.url).list_orders(Since(None)))
    for secret in (KEY, "jan@", "1234 AB"):
        assert secret not in str(caught.value)


def test_a_page_that_points_back_is_no_endless_list() -> None:
    def script(request: Request) -> Reply:
        link = '<https://operator.example/api/orders?max=100&offset=5>; rel="next"'
        return Reply({"orders": [_order(1)], "total_count": 99}, headers={"Link": link})

    with scripted_server(script) as server:
        with pytest.raises(PermanentConnectorError, match="the list does not end"):
            list(_source(server.url).list_orders(Since(None)))
        assert len(server.requests) == 2


def test_an_entry_without_an_id_is_kept_for_quarantine() -> None:
    listed = read_entry({"order_state": "SHIPPING"}, "GET /api/orders")
    assert listed.external_id.startswith("unnamed-")
    assert (listed.changed_at, listed.is_complete) == (None, True)
    assert orjson.loads(listed.body) == {"order_state": "SHIPPING"}
    assert read_entry(7, "x").external_id.startswith("unnamed-")


def test_the_newest_time_of_an_order_and_its_lines_decides() -> None:
    line = {"last_updated_date": "2026-11-20T10:00:00+02:00"}
    entry = _order(1, order_lines=[line, {"last_updated_date": None}])
    assert read_entry(entry, "x").changed_at == datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
    assert read_entry(_order(1, last_updated_date=None, order_lines=[line]), "x").changed_at is None


@pytest.mark.parametrize(
    ("account", "says"),
    [
        (
            Account("m", None, None, {}, {"api_key": KEY}),
            r"accounts\.m\.base_url: expected the operator's address",
        ),
        (Account("m", "http://127.0.0.1:1", None, {}, {}), r"accounts\.m\.secrets\.api_key"),
        (
            Account("m", "http://127.0.0.1:1", None, {}, {"api_key": "Bearer x"}),
            r"accounts\.m\.secrets\.api_key",
        ),
    ],
)
def test_an_account_needs_its_operators_address_and_a_key(account: Account, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        MiraklOrders(account, House(MemoryTokenStore(), MemoryBudget()))


def test_the_address_may_end_in_api() -> None:
    with scripted_server(_paged(1, 10, link=False)) as server:
        assert len(list(_source(f"{server.url}/api/").list_orders(Since(None)))) == 1


# ------------------------------------------------------------------------------------------------ the stand-in


def test_every_order_of_an_operator_is_listed_in_full(world: MiraklWorld) -> None:
    bought = [world.buy((f"KEU-10{number:02}", 1)) for number in (1, 2, 4)] * 1
    bought += [world.buy() for _ in range(110)]
    other = world.buy(account=SECOND)
    listed = list(world.orders().list_orders(Since(None)))
    assert sorted(entry.external_id for entry in listed) == sorted(bought)
    assert [entry.external_id for entry in world.orders(SECOND).list_orders(Since(None))] == [other]
    order = read_one(orjson.loads(listed[0].body))
    assert (order.order_status, order.shipping_address) == ("waiting_acceptance", None)


def test_an_order_that_came_between_two_pages_is_not_lost(world: MiraklWorld) -> None:
    for _ in range(101):
        world.buy()
    world.fault("new_order_between_pages", count=1)
    listed = {entry.external_id for entry in world.orders().list_orders(Since(None))}
    world.pass_time(61)
    again = {entry.external_id for entry in world.orders().list_orders(Since(clock.now()))}
    assert listed | again == {order["order_id"] for order in world.state()["orders"]}
    assert len(listed | again) == 102


def test_a_single_order_is_read_in_full_with_its_tax_mode(world: MiraklWorld) -> None:
    """OR12 says neither tax mode nor taxes: 66.04 net would be booked as 66.04 gross."""
    order_id = world.ready(("KEU-1001", 2), account=SECOND)
    fetched = world.orders(SECOND).fetch_order(order_id)
    order = read_one(orjson.loads(fetched.body))
    assert fetched.external_id == order_id
    assert str(order.lines[0].line_total_excl_vat) == "66.04"
    assert str(order.lines[0].line_total_incl_vat) == "79.91"
    assert str(order.order_total_incl_vat) == "84.69"
    assert codes(order) == []


def test_an_order_that_the_operator_does_not_know_is_not_found(world: MiraklWorld) -> None:
    for unknown in ("NOPE-A", "A,B"):
        with pytest.raises(PermanentConnectorError, match=f"shows no order {unknown}") as caught:
            world.orders().fetch_order(unknown)
        assert caught.value.status == 404
        world.pass_time(61)


@pytest.mark.parametrize("kind", ["429", "429_without_retry_after"])
def test_the_stand_ins_429_is_waited_for(world: MiraklWorld, kind: str) -> None:
    order_id = world.buy()
    world.fault(kind, count=1, seconds=20.0)
    assert [entry.external_id for entry in world.orders().list_orders(Since(None))] == [order_id]
    assert len(world.slept_s) == 1


@pytest.mark.parametrize(
    ("kind", "error"), [("401", PermanentConnectorError), ("html_error", TransientConnectorError)]
)
def test_the_stand_ins_refusals_are_our_errors(
    world: MiraklWorld, kind: str, error: type[ConnectorError]
) -> None:
    world.fault(kind, count=1)
    with pytest.raises(error):
        list(world.orders().list_orders(Since(None)))


def test_unknown_members_and_states_of_a_newer_version_are_survived(world: MiraklWorld) -> None:
    world.buy()
    world.fault("unknown_field", count=1)
    (listed,) = world.orders().list_orders(Since(None))
    assert codes(read_one(orjson.loads(listed.body))) == []
    world.pass_time(61)
    world.fault("unknown_enum", count=1)
    (listed,) = world.orders().list_orders(Since(None))
    assert {code for code, _ in codes(read_one(orjson.loads(listed.body)))} == {"unknown_state"}


def test_an_order_of_each_state_is_understood(world: MiraklWorld) -> None:
    staged = world.buy(staging=True)
    waiting = world.buy()
    shipping = world.ready()
    refused = world.buy()
    world.act(refused, "refuse")
    world.pass_time(61)
    # STAGING ends by itself after a minute of screening; it is read before that.
    fresh = world.buy(staging=True)
    found = {
        entry.external_id: read_one(orjson.loads(entry.body))
        for entry in world.orders().list_orders(Since(None))
    }
    assert {name: found[name].order_status for name in (waiting, shipping, refused, fresh)} == {
        waiting: "waiting_acceptance",
        shipping: "open",
        refused: "cancelled",
        fresh: "pending",
    }
    assert found[fresh].stock_effect() == {}
    assert found[fresh].counts_in_revenue is False
    assert found[staged].order_status == "waiting_acceptance"
    assert found[shipping].payment_status == "paid_to_platform"
    assert found[shipping].ship_country == "NL"
    assert found[refused].counts_in_revenue is False


def test_two_operators_are_two_accounts(world: MiraklWorld) -> None:
    source = MiraklOrders(world.account(FIRST, key="of-another-shop"), world.house())
    with pytest.raises(PermanentConnectorError, match="answered 401"):
        list(source.list_orders(Since(None)))
