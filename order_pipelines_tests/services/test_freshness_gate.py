"""Inputs that are too old raise nothing: a place that stops reporting, a supplier's old list, and half a count."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from order_pipelines import clock
from order_pipelines.operations.tables import bundle_parts
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.approvals import approvals
from order_pipelines.services.desired_stock import refresh_desired
from order_pipelines.services.explain_stock import explain_stock
from order_pipelines.services.file_booking import release_files
from order_pipelines.services.freshness import stale_by_account
from order_pipelines.services.house_watch import look_after
from order_pipelines.services.report_brakes import brake_notices
from order_pipelines.services.stock_push import push_account, release_stock
from order_pipelines_tests.services.pushed_stock import offer_row, patches, read_everything
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld, opened_world
from order_pipelines_tests.services.supply_world import FILES, SupplyWorld, account

COUNT = "magazijn;artikel;aantal;geteld op"
SUPPLIER = "leverancier;artikel;voorraad;levertijd;inkoopprijs;stand per"


@pytest.fixture
def world(
    running_sandbox: Sandbox, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ShopWorld]:
    """A shop of kitchen goods; bol_main may promise what suppliers have, files count ``main`` in full."""
    options = account('full_counts = ["main"]')
    changes = {MAIN: "stock.supplier_direct = true"}
    with opened_world(running_sandbox, store_url, tmp_path, monkeypatch, exact=options, **changes) as opened:
        for name in (MAIN, OUTLET):
            offers = opened.sandbox.bol.desk(name).shop.offers
            for offer_id in [key for key, one in offers.items() if not (one.sku or "").startswith("KEU-")]:
                del offers[offer_id]
        read_everything(opened)
        yield opened


def _set_place(world: ShopWorld, name: str, max_age_hours: int) -> None:
    """Let a place serve bol_main and report every so many hours."""
    settings = world.shop.settings
    places = tuple(
        place.model_copy(update={"max_age_hours": max_age_hours}) if place.name == name else place
        for place in settings.locations
    )
    main = settings.accounts[MAIN].model_copy(update={"serves": tuple({"main", name})})
    accounts = {**settings.accounts, MAIN: main}
    world.shop.settings = settings.model_copy(update={"locations": places, "accounts": accounts})


def _stale(world: ShopWorld) -> dict[str, str]:
    with world.shop.store.reading() as connection:
        return stale_by_account(connection, world.shop.settings)


def _alerts(world: ShopWorld) -> set[str]:
    return {concern.key for concern in look_after(world.shop.store, world.shop.settings)}


def _later(world: ShopWorld, hours: float) -> None:
    """Time passes, and the orders are read as always."""
    world.pass_time(hours=hours)
    for name in (MAIN, OUTLET):
        assert world.sweep(name).problem is None


def test_a_place_that_stops_reporting_raises_nothing_that_rests_on_it(world: ShopWorld) -> None:
    """The store counts KEU-1004 only. Two days without a word: that number stays, the others rise as they did."""
    _set_place(world, "store", 24)
    world.count("KEU-1004", 6, "store", ago_h=1)
    push_account(world.shop, MAIN)
    assert world.bol_offer("KEU-1004")["amount"] == 60
    _later(world, 49)
    writes = len(patches(world))
    world.count("KEU-1004", 90, ago_h=0)
    world.count("KEU-1005", 80, ago_h=0)

    push = push_account(world.shop, MAIN)

    assert push.problem == (
        "counted too long ago: store (50 h, at most 24 h); no quantity that rests on it is raised until it reports"
    )
    assert (push.held, push.confirmed) == (1, 1)
    assert [amount for _, amount in patches(world)[writes:]] == [80]
    assert world.bol_offer("KEU-1004")["amount"] == 60
    # Said once, though pushes go on.
    push_account(world.shop, MAIN)
    held = world.rows("channel_stock_events", account=MAIN, sku="KEU-1004", kind="held")
    assert [(row.quantity, row.reason) for row in held] == [(96, push.problem)]
    with world.shop.store.reading() as connection:
        answer = explain_stock(connection, world.shop.settings, MAIN, "KEU-1004")
        notices = [notice.text for notice in brake_notices(connection, world.shop.settings)]
    assert "96 is desired" in answer.verdict
    assert f"not sent: held ({push.problem})" in answer.verdict
    assert answer.notes[0] == push.problem
    assert notices == ["locatie store te lang niet geteld"]
    assert _stale(world) == {MAIN: push.problem}
    assert "stale_input:location store" in {
        concern.key for concern in look_after(world.shop.store, world.shop.settings)
    }

    # A lower number is safe whatever the store says.
    world.count("KEU-1004", 20, ago_h=-0.001)
    push = push_account(world.shop, MAIN)
    assert (push.confirmed, world.bol_offer("KEU-1004")["amount"]) == (1, 26)

    world.count("KEU-1004", 30, ago_h=-0.002)
    assert push_account(world.shop, MAIN).held == 1
    world.count("KEU-1004", 4, "store", ago_h=-0.001)
    writes = len(patches(world))
    push = push_account(world.shop, MAIN)
    assert (push.problem, push.held) == (None, 0)
    assert push_account(world.shop, MAIN).due == 0
    assert [amount for _, amount in patches(world)[writes:]] == [34]
    assert _stale(world) == {}
    assert not [
        concern for concern in look_after(world.shop.store, world.shop.settings) if "input" in concern.key
    ]


def test_what_is_shown_whatever_there_is_waits_for_no_count(world: ShopWorld) -> None:
    _set_place(world, "main", 24)
    _later(world, 30)
    settings = world.shop.settings
    for name in (MAIN, OUTLET):
        stock = settings.accounts[name].stock.model_copy(update={"policy": "always", "shown": 500})
        changed = settings.accounts[name].model_copy(update={"stock": stock})
        settings = settings.model_copy(update={"accounts": {**settings.accounts, name: changed}})
    world.shop.settings = settings
    read_everything(world)
    push = push_account(world.shop, MAIN)
    assert (push.held, push.confirmed) == (0, 11)
    assert world.bol_offer("KEU-1004")["amount"] == 500


def test_an_old_list_of_a_supplier_raises_nothing_that_rests_on_it(world: ShopWorld) -> None:
    files = SupplyWorld(world)
    files.drop("supplier_stock/a.csv", SUPPLIER, f"Jansen;KEU-1001;10;;;{files.moment(-1)}")
    push_account(world.shop, MAIN)
    assert world.bol_offer("KEU-1001")["amount"] == 52
    _later(world, 96)
    world.count("KEU-1001", 70, ago_h=0)
    world.count("KEU-1005", 80, ago_h=0)
    writes = len(patches(world))

    push = push_account(world.shop, MAIN)

    assert push.problem == (
        "lists of suppliers too old: Jansen (97 h, at most 96 h); no quantity that rests on them is raised until new "
        "ones come"
    )
    assert [amount for _, amount in patches(world)[writes:]] == [80]
    # The outlet promises nothing of suppliers: it may rise.
    assert push_account(world.shop, OUTLET).problem is None
    assert world.bol_offer("KEU-1001", OUTLET)["amount"] == 70

    files.drop("supplier_stock/b.csv", SUPPLIER, f"Jansen;KEU-1001;3;;;{files.moment(-1)}")
    assert push_account(world.shop, MAIN).problem is None
    assert push_account(world.shop, MAIN).due == 0
    assert [amount for _, amount in patches(world)[writes:]] == [80, 73]


def _count_lines(world: ShopWorld, skus: list[str]) -> list[str]:
    at = clock.isoformat(clock.now().replace(microsecond=0))
    return [f"main;{sku};{world.position(sku)[0]};{at}" for sku in skus]


def test_exactly_half_a_count_is_booked_and_stopped_at_the_channel(world: ShopWorld) -> None:
    """Half is not more than half: the file counts. What it empties waits at the channel until a person looked."""
    files = SupplyWorld(world)
    push_account(world.shop, MAIN)
    skus = sorted(row.sku for row in world.rows("stock_positions", location="main") if row.on_hand > 0)
    ours = [row.sku for row in world.rows("channel_stock", account=MAIN)]
    missing = set(ours[:10]) | set([sku for sku in skus if sku not in ours][: len(skus) // 2 - 10])
    named = [sku for sku in skus if sku not in missing]
    writes = len(patches(world))

    result = files.drop("stock_counts/half.csv", COUNT, *_count_lines(world, named))

    assert (result.state, result.reason) == ("processed", None)
    assert files.on_hand(ours[0]) == 0
    push = push_account(world.shop, MAIN)
    assert push.problem is not None
    assert "10 of 11 offers would go to zero at once, more than 30 %" in push.problem
    assert (push.held, push.confirmed, len(patches(world))) == (10, 0, writes)
    with world.shop.store.reading() as connection:
        (found,) = approvals(connection, world.shop.settings, [MAIN])
    assert [number.cause for number in found.numbers] == ["file"] * 10

    # The whole file an hour later: everything is as it was, and nobody had to release anything.
    at = files.moment(0.01)
    whole = [f"main;{sku};{amount};{at}" for sku, amount in _opening(world, skus).items()]
    assert files.drop("stock_counts/whole.csv", COUNT, *whole).reason is None
    assert push_account(world.shop, MAIN).problem is None
    assert push_account(world.shop, MAIN).due == 0
    assert min(amount for _, amount in patches(world)) > 0


def _opening(world: ShopWorld, skus: list[str]) -> dict[str, int]:
    stock = {one.sku: one.stock_main for one in world.sandbox.catalogue.products}
    return {sku: stock[sku] for sku in skus}


def test_less_than_half_a_count_is_not_booked_and_goes_once_after_a_release(world: ShopWorld) -> None:
    files = SupplyWorld(world)
    for name in (MAIN, OUTLET):
        push_account(world.shop, name)
    skus = sorted(row.sku for row in world.rows("stock_positions", location="main") if row.on_hand > 0)
    ours = [row.sku for row in world.rows("channel_stock", account=MAIN)]
    missing = {*ours[:10], *[sku for sku in skus if sku not in ours][: len(skus) // 2 - 9]}
    writes = len(patches(world))
    lines = _count_lines(world, [sku for sku in skus if sku not in missing])

    result = files.drop("stock_counts/half.csv", COUNT, *lines)

    assert result.reason is not None
    assert "more than 50 %; nothing of the file was booked" in result.reason
    push = push_account(world.shop, MAIN)
    assert (push.problem, push.due, len(patches(world))) == (None, 0, writes)

    # A person says that it is true: it is booked, and the accounts ask once more before they empty themselves.
    assert release_files(world.shop, FILES) == 1
    assert push_account(world.shop, MAIN).held == 10
    assert len(patches(world)) == writes
    assert release_stock(world.shop, MAIN) == 10
    assert push_account(world.shop, MAIN).confirmed == 10
    assert push_account(world.shop, MAIN).due == 0
    assert [amount for _, amount in patches(world)[writes:]] == [0] * 10
    assert offer_row(world, ours[0]).state == "confirmed"


def test_a_set_whose_last_part_is_sold_waits_for_nobody_and_one_whose_part_is_lost_does(
    world: ShopWorld,
) -> None:
    """KEU-1002 is a set of two KEU-1005. What is sold of the part is sold of the set, in whole sets."""
    stock = world.shop.settings.accounts[MAIN].stock.model_copy(
        update={"min_offers_for_brake": 1, "max_drop_share": Decimal(0), "max_share_to_zero": Decimal(0)}
    )
    main = world.shop.settings.accounts[MAIN].model_copy(update={"stock": stock})
    accounts = {**world.shop.settings.accounts, MAIN: main}
    world.shop.settings = world.shop.settings.model_copy(update={"accounts": accounts})
    with world.shop.store.transaction() as connection:
        row = {"bundle_sku": "KEU-1002", "part_sku": "KEU-1005", "quantity": 2, "updated_at": clock.now()}
        connection.execute(bundle_parts.insert().values(**row))
        refresh_desired(connection, world.shop.settings, ["KEU-1002"])
    push_account(world.shop, MAIN)
    release_stock(world.shop, MAIN)
    push_account(world.shop, MAIN)
    assert (world.bol_offer("KEU-1002")["amount"], world.bol_offer("KEU-1005")["amount"]) == (18, 37)

    world.buy(("KEU-1005", 33), account=OUTLET)
    world.sweep(OUTLET)
    push = push_account(world.shop, MAIN)
    assert (push.problem, push.held) == (None, 0)
    assert (world.bol_offer("KEU-1002")["amount"], world.bol_offer("KEU-1005")["amount"]) == (2, 4)

    world.count("KEU-1005", 33, ago_h=0)
    push = push_account(world.shop, MAIN)
    assert push.held == 2
    assert (world.bol_offer("KEU-1002")["amount"], world.bol_offer("KEU-1005")["amount"]) == (2, 4)
