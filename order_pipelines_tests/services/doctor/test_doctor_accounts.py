"""Visits to accounts over real HTTP: what is seen, what is missing, and that one account's trouble stays its own."""

import socket
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from order_pipelines import clock
from order_pipelines.errors import ConfigurationError
from order_pipelines.operations.leases import holding
from order_pipelines.sandbox.standin import Fault
from order_pipelines.services import doctor_accounts
from order_pipelines.services.doctor import examine
from order_pipelines_tests.services.doctor.four_channels import (
    BLOKKER,
    EVERYBODY,
    EXACT,
    NOTHING,
    WEBSHOP,
    change_account,
    examined,
    failures_of,
    findings_of,
    report_of,
    writes_outside,
)
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld


def test_a_visit_sees_every_account_and_writes_nowhere(world: ShopWorld) -> None:
    first = world.buy(("KEU-1001", 1), ago_h=49)
    world.buy(("KEU-1002", 2), ago_h=1)
    world.sandbox.mirakl.place_order(BLOKKER, {"lines": [{"sku": "KEU-1002", "quantity": 1}]})
    world.sandbox.shopware.place_order(WEBSHOP, {"lines": [{"sku": "KEU-1001", "quantity": 2}]})
    found = examined(world)

    assert [one.visit.account for one in found.accounts] == list(EVERYBODY)
    assert {name: failures_of(found, name) for name in EVERYBODY} == {name: set() for name in EVERYBODY}
    assert all(findings_of(found, name)["credentials_work"].severity == "ok" for name in EVERYBODY)
    assert all(findings_of(found, name)["clock_fits"].severity == "ok" for name in EVERYBODY)
    assert all(findings_of(found, name)["rights_unseen"].severity == "unknown" for name in EVERYBODY)
    histories = {name: report_of(found, name).visit.history for name in (MAIN, OUTLET, BLOKKER, WEBSHOP)}
    assert {name: one and one.orders for name, one in histories.items()} == {
        MAIN: 2,
        OUTLET: 0,
        BLOKKER: 1,
        WEBSHOP: 1,
    }
    bol = histories[MAIN]
    assert bol is not None
    assert bol.calls is not None
    assert bol.earliest_at is not None
    placed_at = world.bol_order(first)["placed_at"]
    assert clock.isoformat(bol.earliest_at)[:19] == placed_at[:19]
    # Two open orders on one page and on their two days, the empty page behind each, and nine or ten empty days.
    assert bol.calls["GET /orders/*"] == 2
    assert bol.calls["GET /orders"] in {14, 15}
    assert writes_outside(world) == NOTHING


def test_a_second_visit_asks_for_no_second_token(world: ShopWorld) -> None:
    """A refresh token of Exact works once, and bol blocks who asks for a token per call."""
    assert failures_of(examined(world), EXACT) == set()
    # Orders of a Mirakl operator may be listed once a minute.
    world.pass_time(seconds=61)
    found = examined(world)
    assert failures_of(found, EXACT) == set()
    assert len(world.bol()["token_requests"]) == 1
    assert world.sandbox.exact_online.state(EXACT)["token_requests"] == 1
    assert "stored" in findings_of(found, MAIN)["credentials_work"].message
    world.pass_time(minutes=5)
    assert world.sweep().problem is None


def test_a_wrong_secret_is_named_and_the_other_accounts_are_seen(
    world: ShopWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("BOL_MAIN_SECRET", "WEBSHOP_SECRET", "BLOKKER_KEY", "EXACT_REFRESH_TOKEN"):
        monkeypatch.setenv(name, "wrongly-typed-value")
    found = examined(world)

    assert {name: failures_of(found, name) for name in EVERYBODY} == {
        MAIN: {"credentials_refused"},
        OUTLET: set(),
        EXACT: {"consent_needed"},
        BLOKKER: {"credentials_refused"},
        WEBSHOP: {"credentials_refused"},
    }
    assert found.severity == "fail"
    assert report_of(found, MAIN).visit.history is None
    assert not any("wrongly-typed-value" in finding.message for finding in found.findings())
    assert writes_outside(world) == NOTHING


def test_a_secret_that_is_not_in_the_environment_is_named(
    sqlite_world: ShopWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BLOKKER_KEY")
    found = examined(sqlite_world)
    finding = findings_of(found, BLOKKER)["settings_wrong"]
    assert (finding.severity, "BLOKKER_KEY" in finding.message) == ("fail", True)
    assert failures_of(found, MAIN) == set()


@pytest.mark.parametrize(
    ("account", "path", "right"),
    [
        (MAIN, "/retailer/offers", "read offers (GET /offers)"),
        (MAIN, "/retailer/shipments", "read shipments (GET /shipments)"),
        (BLOKKER, "/api/offers", "read offers (OF21)"),
        (WEBSHOP, "/api/search/order-transaction", "read order-transaction (order_transaction:read)"),
        (EXACT, "financial/Journals", "read journals"),
    ],
)
def test_a_right_that_was_withdrawn_is_named_and_the_rest_is_looked_at(
    sqlite_world: ShopWorld, account: str, path: str, right: str
) -> None:
    world = sqlite_world
    sandbox = world.sandbox
    faults = {
        MAIN: sandbox.bol.faults,
        BLOKKER: sandbox.mirakl.faults,
        WEBSHOP: sandbox.shopware.faults,
        EXACT: sandbox.exact_online.faults,
    }[account]
    faults.add(Fault("403", count=None, rate=1.0, match=path, account="" if account == EXACT else account))
    found = examined(world, account)
    missing = [
        finding.facts["right"]
        for finding in report_of(found, account).visit.findings
        if finding.code == "right_missing"
    ]
    # Where the visit may not read offers, the listing of all of them may not either.
    assert missing in ([right], [right, "list all offers"])
    seen = {finding.facts.get("right") for finding in report_of(found, account).visit.findings}
    assert len(seen - {None, right}) > 1
    assert writes_outside(world) == NOTHING


def test_a_clock_that_is_off_by_an_hour_warns_with_its_difference(sqlite_world: ShopWorld) -> None:
    clock.follow(sqlite_world.sandbox.clock.offset_s + timedelta(hours=1).total_seconds())
    found = examined(sqlite_world)
    for name in EVERYBODY:
        finding = findings_of(found, name)["clock_skew"]
        assert finding.severity == "warn"
        assert -3660 < int(finding.facts["seconds"]) < -3540


def test_the_moved_clock_of_the_sandbox_is_no_difference(sqlite_world: ShopWorld) -> None:
    sqlite_world.pass_time(days=3)
    found = examined(sqlite_world)
    assert all("clock_fits" in findings_of(found, name) for name in EVERYBODY)


def test_an_empty_account_has_no_orders_and_says_so(sqlite_world: ShopWorld) -> None:
    found = examined(sqlite_world)
    for name in (MAIN, BLOKKER, WEBSHOP):
        history = report_of(found, name).visit.history
        assert history is not None
        assert (history.orders, history.earliest_at, history.reason) == (0, None, "there is no order yet")


def test_a_host_that_is_not_there_fails_alone(world: ShopWorld) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{listener.getsockname()[1]}"
    change_account(world, BLOKKER, base_url=closed)
    change_account(world, MAIN, base_url=closed, token_url=f"{closed}/token")
    found = examined(world)
    assert {name: failures_of(found, name) for name in EVERYBODY} == {
        MAIN: {"unreachable"},
        OUTLET: set(),
        EXACT: set(),
        BLOKKER: {"unreachable"},
        WEBSHOP: set(),
    }


def test_a_host_that_hangs_ends_with_its_time_and_fails_alone(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    world.sandbox.mirakl.faults.add(Fault("hang", count=None, rate=1.0, account=BLOKKER))
    found = examined(world, timeout_s=6)
    assert failures_of(found, BLOKKER) == {"unreachable"}
    assert report_of(found, BLOKKER).visit.history is None
    assert [failures_of(found, name) for name in (MAIN, EXACT, WEBSHOP)] == [set(), set(), set()]


def test_a_visit_that_does_not_end_by_itself_is_left(
    sqlite_world: ShopWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process keeps the lock of the token for longer than the visit may take."""
    monkeypatch.setattr(doctor_accounts, "_GRACE_S", 0.1)
    with holding(sqlite_world.shop.store, f"token:exact_online:{EXACT}", ttl_s=90, wait_s=1) as lease:
        assert lease is not None
        found = examined(sqlite_world, EXACT, timeout_s=1)
    finding = findings_of(found, EXACT)["no_answer"]
    assert (finding.severity, finding.message) == ("fail", "the visit was not over after 1 s and was left")
    for thread in threading.enumerate():
        if thread.name == f"doctor-{EXACT}":
            thread.join(30)
    assert len(report_of(found, EXACT).visit.findings) == 1
    assert sqlite_world.sandbox.exact_online.state(EXACT)["writes"] == []


def test_one_account_is_visited_alone_and_an_unknown_one_is_refused(sqlite_world: ShopWorld) -> None:
    found = examined(sqlite_world, BLOKKER)
    assert [one.visit.account for one in found.accounts] == [BLOKKER]
    assert sqlite_world.bol()["calls"] == {}
    with pytest.raises(ConfigurationError, match="no account is called 'blokkers'"):
        examined(sqlite_world, "blokkers")


def test_offline_calls_nobody(sqlite_world: ShopWorld) -> None:
    found = examine(sqlite_world.shop, is_offline=True)
    assert {finding.code for finding in report_of(found, MAIN).visit.findings} == {
        "not_visited",
        "offers_unseen",
    }
    sandbox = sqlite_world.sandbox
    assert sandbox.bol.state(MAIN)["calls"] == {}
    assert sandbox.mirakl.state(BLOKKER)["calls"] == {}
    assert sandbox.exact_online.state(EXACT)["token_requests"] == 0


def test_offers_of_the_old_api_are_not_listed_because_that_orders_a_report(sqlite_world: ShopWorld) -> None:
    change_account(sqlite_world, MAIN, options={"offers_api": "v10", "history_days": 10})
    found = examined(sqlite_world, MAIN)
    assert findings_of(found, MAIN)["offers_unseen"].severity == "unknown"
    assert writes_outside(sqlite_world) == NOTHING


def test_what_the_settings_name_in_the_books_must_exist_there(sqlite_world: ShopWorld) -> None:
    world = sqlite_world
    settings = world.shop.settings
    books = settings.books[EXACT]
    wrong = books.mapping[0].model_copy(update={"vat_code": "99"})
    unknown = "11111111-2222-4333-8444-555555555555"
    changed = books.model_copy(
        update={"mapping": (wrong, *books.mapping[1:]), "shipping_ledger_account": unknown}
    )
    world.shop.settings = settings.model_copy(update={"books": {EXACT: changed}})
    found = examined(world, EXACT)
    said = [
        finding.message
        for finding in report_of(found, EXACT).visit.findings
        if finding.code == "books_name_unknown"
    ]
    assert said == ["VAT code '99' does not exist", f"ledger account {unknown} does not exist"]
    assert writes_outside(world) == NOTHING


def test_documented_limits_are_data_and_what_headers_say_is_shown(sqlite_world: ShopWorld) -> None:
    visit = report_of(examined(sqlite_world, MAIN), MAIN).visit
    documented = {limit.group: (limit.calls, limit.per_s) for limit in visit.limits}
    assert documented["GET /orders"] == (25, 60.0)
    assert documented["GET /orders/*"] == (25, 1.0)
    assert documented["WRITE /offers"] == (50, 1.0)
    seen = {one.group: {name.lower(): value for name, value in one.headers.items()} for one in visit.seen}
    # The sandbox of these tests is relaxed: a thousand times the real ones.
    assert seen["GET /orders"]["x-ratelimit-limit"] == "25000"


def test_no_file_is_left_by_a_visit(sqlite_world: ShopWorld) -> None:
    before = sorted(Path(sqlite_world.path).parent.iterdir())
    examined(sqlite_world, MAIN)
    assert sorted(Path(sqlite_world.path).parent.iterdir()) == before
