"""How much a first load would read and how long it takes: counted, projected, or unknown with the reason."""

from typing import Any

import pytest

from order_pipelines.connectors.bol import probe
from order_pipelines_tests.connectors.bol.scripted_server import Reply, Request, scripted_server
from order_pipelines_tests.services.doctor.four_channels import (
    BLOKKER,
    WEBSHOP,
    change_account,
    examined,
    failures_of,
    findings_of,
    report_of,
)
from order_pipelines_tests.services.shop_world import MAIN, ShopWorld


def test_a_hundred_thousand_orders_are_counted_in_one_call_and_projected(sqlite_world: ShopWorld) -> None:
    def operator(request: Request) -> Reply:
        if request.path == "/api/orders":
            assert request.query["max"] == "100"
            first = {"order_id": "A-1", "created_date": "2026-10-01T08:00:00Z"}
            return Reply({"orders": [first], "total_count": 100_000})
        if request.path == "/api/offers":
            return Reply({"offers": [], "total_count": 0})
        return Reply({"shop_id": 2001, "shop_state": "OPEN"})

    with scripted_server(operator) as server:
        change_account(sqlite_world, BLOKKER, base_url=server.url)
        visit = report_of(examined(sqlite_world, BLOKKER), BLOKKER).visit
        assert len(server.asked("/api/orders")) == 1
        assert {request.method for request in server.requests} == {"GET"}
    assert visit.history is not None
    assert visit.history.orders == 100_000
    assert visit.history.calls == {"OR11": 1, "OR11 pages": 999}
    assert str(visit.history.earliest_at) == "2026-10-01 08:00:00+00:00"
    assert visit.projected_s is not None
    # One call a minute bounds a walk, not its pages: they follow at the speed that was measured.
    slowest = max(visit.seconds_a_call.values())
    assert visit.projected_s == pytest.approx(visit.seconds_a_call["OR11"] + 999 * slowest)


def test_a_hundred_thousand_orders_of_a_shop_are_counted_too(sqlite_world: ShopWorld) -> None:
    def shop(request: Request) -> Reply:
        if request.path == "/api/oauth/token":
            return Reply({"access_token": "token-1", "expires_in": 600, "token_type": "Bearer"})
        is_orders = request.path == "/api/search/order"
        content: dict[str, Any] = {"data": [], "total": 100_000 if is_orders else 0}
        return Reply(content)

    with scripted_server(shop) as server:
        change_account(sqlite_world, WEBSHOP, base_url=server.url)
        visit = report_of(examined(sqlite_world, WEBSHOP), WEBSHOP).visit
        searched = {request.path for request in server.requests if request.method != "GET"}
        assert all(path.startswith(("/api/search/", "/api/oauth/token")) for path in searched)
    assert visit.history is not None
    assert (visit.history.orders, visit.history.calls) == (100_000, {"/api": 1_000})


def test_a_total_that_is_not_given_is_unknown_and_not_guessed(sqlite_world: ShopWorld) -> None:
    def operator(request: Request) -> Reply:
        return Reply({"orders": [], "offers": [], "shop_id": 2001, "shop_state": "SUSPENDED"})

    with scripted_server(operator) as server:
        change_account(sqlite_world, BLOKKER, base_url=server.url)
        found = examined(sqlite_world, BLOKKER)
    history = report_of(found, BLOKKER).visit.history
    assert history is not None
    assert (history.orders, history.calls) == (None, None)
    assert history.reason == "the operator gives no total_count"
    assert report_of(found, BLOKKER).visit.projected_s is None
    assert findings_of(found, BLOKKER)["shop_closed"].severity == "warn"


def test_a_key_of_another_shop_fails(sqlite_world: ShopWorld) -> None:
    change_account(sqlite_world, BLOKKER, options={"shop_id": 999_999})
    found = examined(sqlite_world, BLOKKER)
    assert failures_of(found, BLOKKER) == {"right_missing"}

    def operator(request: Request) -> Reply:
        return Reply({"orders": [], "offers": [], "total_count": 0, "shop_id": 2001})

    with scripted_server(operator) as server:
        change_account(sqlite_world, BLOKKER, base_url=server.url)
        sqlite_world.pass_time(seconds=61)
        finding = findings_of(examined(sqlite_world, BLOKKER), BLOKKER)["other_shop"]
    assert finding.message == "the key answers for shop 2001, the settings say shop_id 999999"


def test_bol_that_is_not_read_to_its_edge_says_at_least(
    sqlite_world: ShopWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bol gives no count: its lists are walked, and a walk has an end."""
    monkeypatch.setattr(probe, "MOST_PAGES", 3)
    for _ in range(4):
        sqlite_world.buy()
    history = report_of(examined(sqlite_world, MAIN), MAIN).visit.history
    assert history is not None
    assert (history.orders, history.calls, history.orders_at_least) == (None, None, 4)
    assert history.reason == "counting stopped after 3 pages"


def test_a_right_to_orders_that_is_missing_leaves_the_history_unknown(sqlite_world: ShopWorld) -> None:
    def operator(request: Request) -> Reply:
        if request.path == "/api/orders":
            return Reply({"message": "forbidden", "status": 403}, status=403)
        return Reply({"offers": [], "total_count": 0, "shop_id": 2001})

    with scripted_server(operator) as server:
        change_account(sqlite_world, BLOKKER, base_url=server.url)
        found = examined(sqlite_world, BLOKKER)
    assert failures_of(found, BLOKKER) == {"right_missing"}
    assert report_of(found, BLOKKER).visit.history is None
