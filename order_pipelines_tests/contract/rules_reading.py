"""What must be true of a connector that lists orders or offers; each rule asserts, and says what it saw."""

import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from order_pipelines.connectors.ports import Fetched, Since
from order_pipelines.errors import ConnectorError
from order_pipelines.operations import inbox
from order_pipelines.operations.inbox import Incoming
from order_pipelines.services.intake import sweep_orders
from order_pipelines.services.interpreting import ORDER, interpret_waiting
from order_pipelines.services.shop import Shop
from order_pipelines_tests.contract.inside import known_lines
from order_pipelines_tests.contract.outside import Heard, Outside, goods, minutes_ago
from order_pipelines_tests.services.shop_world import ShopWorld

RETRY_AFTER_S = 20.0


def bought(outside: Outside, count: int, *, account: str | None = None) -> set[str]:
    """Let shoppers buy, a second apart; return the orders."""
    begin = minutes_ago(outside, 30)
    return {outside.buy(account=account, at=begin + timedelta(seconds=number)) for number in range(count)}


def orders_are_listed_to_the_end(outside: Outside, count: int) -> None:
    placed = bought(outside, count)
    listed = [each.external_id for each in outside.list_orders()]
    assert set(listed) == placed, f"{len(set(listed))} of {count} orders were listed"


def an_account_without_orders_lists_none(outside: Outside) -> None:
    bought(outside, 1, account=outside.other_name)
    assert outside.list_orders() == []
    assert outside.list_orders(Since(minutes_ago(outside, 10))) == []
    assert outside.list_orders(Since(minutes_ago(outside, 10), deep=True)) == []


def offers_are_listed_to_the_end(outside: Outside, count: int) -> None:
    outside.sandbox.begin(goods(count))
    if not count:
        outside.take_offers_away()
    listing = outside.subject.data.listing
    assert listing is not None
    there = [str(each) for each in outside.shown(listing.offers_shown)]
    assert len(there) >= count // 2
    listed = [offer.offer_id for offer in outside.connect(lambda each: each.stock_sink).list_offers()]
    assert sorted(listed) == sorted(there), f"{len(listed)} of {len(there)} offers were listed"


def nothing_is_lost_at_the_edges_of_windows_and_pages(outside: Outside, count: int) -> None:
    moment = minutes_ago(outside, 5)
    placed = {outside.buy(at=moment) for _ in range(count)}
    for since in (Since(None), Since(moment), Since(moment), Since(moment, deep=True)):
        listed = {each.external_id for each in outside.list_orders(since)}
        assert listed == placed, f"{len(listed)} of {count} orders of one moment were listed since {since}"


def versions_of(outside: Outside) -> tuple[str, list[Fetched]]:
    """Let an order go through its steps and read it after each; return it with its versions, oldest first."""
    data = outside.subject.data.versions
    assert data is not None
    order_id = outside.buy(3, at=minutes_ago(outside, 1))
    source = outside.connect(lambda connector: connector.order_source)
    found = [source.fetch_order(order_id)]
    for step in data.steps:
        outside.go_through(order_id, (step,))
        found.append(source.fetch_order(order_id))
    return order_id, found


def versions_end_in_the_newest(
    outside: Outside, world: ShopWorld, order: Sequence[int], *, order_id: str, versions: Sequence[Fetched]
) -> None:
    """Let versions arrive in some order, each twice, each with the time at which it was read."""
    data = outside.subject.data.versions
    assert data is not None
    for number in [*order, *order]:
        version = versions[number]
        incoming = Incoming(
            outside.account_name,
            outside.subject.system,
            ORDER,
            order_id,
            version.body,
            version.read_began_at,
            "poll",
            version.request,
        )
        with world.shop.store.transaction() as connection:
            inbox.receive(connection, [incoming])
        interpret_waiting(world.shop, outside.subject.system)
    key = f"{outside.account_name}:{order_id}"
    row, lines = world.row("orders", order_key=key), known_lines(world, key)
    seen = {
        name: sum(getattr(line, name) or 0 for line in lines)
        if name.startswith("quantity")
        else getattr(row, name)
        for name in data.newest
    }
    assert seen == data.newest, f"arrived as {list(order)}"
    world.assert_ledger_adds_up()


def a_listing_goes_on_with_a_new_token(outside: Outside) -> None:
    """The access ends while the listing is between two pages."""
    listing = outside.subject.data.listing
    assert listing is not None
    placed = bought(outside, 2 * listing.order_page + 1)
    pages = outside.connect(lambda connector: connector.order_source).list_orders(Since(None))
    listed = {next(pages).external_id}
    outside.fault("expire_token", account=outside.account_name)
    listed |= {each.external_id for each in pages}
    assert listed == placed, f"{len(listed)} of {len(placed)} orders were listed"
    refused = [heard for heard in outside.sandbox.heard if heard.status == 401]
    assert len(refused) == 1, "one call must have met the end of the token"


def a_refusal_that_stays_is_said_and_moves_nothing(outside: Outside, world: ShopWorld) -> None:
    account = outside.account_name
    first = bought(outside, 1)
    assert world.sweep(account).problem is None
    before = world.row("cursors", account=account).complete_at, world.rows("orders")
    world.pass_time(minutes=10)
    second = {outside.buy()}
    outside.fault("401", count=None, account=account)

    sweep = world.sweep(account)

    assert sweep.problem is not None, "a sweep whose every call is refused has a problem"
    assert account in sweep.problem
    after = world.row("cursors", account=account)
    assert (after.complete_at, world.rows("orders")) == before, "what is known must stay as it is"
    assert world.rows("quarantine") == []
    outside.clear_faults()
    world.pass_time(minutes=10)
    assert world.sweep(account).problem is None
    assert {row.external_order_id for row in world.rows("orders")} == first | second


def a_listing_obeys_too_many_calls(outside: Outside, kind: str) -> None:
    listing = outside.subject.data.listing
    assert listing is not None
    placed = bought(outside, 2 * listing.order_page + 1)
    source = outside.connect(lambda connector: connector.order_source)

    def listed() -> set[str]:
        pages = source.list_orders(Since(None))
        found = {next(pages).external_id}
        if not outside.sandbox.heard or all(heard.status != 429 for heard in outside.sandbox.heard):
            outside.fault(kind, seconds=RETRY_AFTER_S, account=outside.account_name)
        return found | {each.external_id for each in pages}

    assert outside.patiently(listed) == placed
    assert_obeyed(outside.sandbox.heard, RETRY_AFTER_S if kind == "429" else 1.0)


def assert_obeyed(heard: Sequence[Heard], wait_s: float) -> None:
    """Assert that a refusal was met and no call of the same kind came before its end."""
    refusals = [call for call in heard if call.status == 429]
    assert refusals, "no call met the refusal"
    for refusal in refusals:
        early = [
            call
            for call in heard
            if (call.system, call.method, call.path) == (refusal.system, refusal.method, refusal.path)
            and refusal.at < call.at < refusal.at + timedelta(seconds=wait_s)
        ]
        assert not early, f"{refusal.method} {refusal.path} was called again before {wait_s} s were over"


def a_hanging_account_delays_no_other(
    outside: Outside, world: ShopWorld, release: threading.Event, *, longest_s: float
) -> None:
    """The first account's server never answers. ``release`` ends that; the sweep must be over before.

    ``longest_s`` is far beyond the account's own deadline, and only bounds how long a failing test takes.
    """
    placed = bought(outside, 2, account=outside.other_name)
    found: list[Any] = []
    sweeping = threading.Thread(
        target=lambda: found.extend(sweep_orders(world.shop, outside.subject.system)), daemon=True
    )
    sweeping.start()
    sweeping.join(longest_s)
    is_stuck = sweeping.is_alive()
    release.set()
    sweeping.join(60)
    assert not is_stuck, f"the sweep still waited after {longest_s} s, long after the account's deadline"
    problems = {sweep.account: sweep.problem for sweep in found}
    assert problems[outside.other_name] is None
    assert outside.account_name in (problems[outside.account_name] or "")
    assert {row.external_order_id for row in world.rows("orders")} == placed
    assert world.rows("cursors", account=outside.account_name)[0].complete_at is None


def books_go_on_with_a_new_token(outside: Outside, reference: str) -> None:
    """The access ends between a search and the next."""
    sink = outside.connect(lambda connector: connector.invoice_sink)
    assert sink.find_entries(reference) == []
    outside.fault("expire_token")
    assert sink.find_entries(reference) == []


def books_say_a_refusal_that_stays(outside: Outside, reference: str) -> None:
    outside.fault("401", count=None, match="/api/v1/")
    sink = outside.connect(lambda connector: connector.invoice_sink)
    problem = ""
    try:
        sink.find_entries(reference)
    except ConnectorError as error:
        problem = str(error)
    assert outside.account_name in problem, "a search that was refused must say for whom it was"
    assert outside.state()["entries"] == []


def shop_deadline(shop: Shop, seconds: float) -> None:
    """Let an account take so long at most."""
    cadence = shop.settings.cadence.model_copy(
        update={"account_deadline_s": seconds, "deep_deadline_s": seconds}
    )
    shop.settings = shop.settings.model_copy(update={"cadence": cadence})
