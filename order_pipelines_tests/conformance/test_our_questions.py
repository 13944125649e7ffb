"""What is only asked, never written: the doctor's visit, the three-way comparison and the shadow comparison."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from order_pipelines.connectors.exact_online.reading import ExactReader
from order_pipelines.services.dispatch import dispatch_all
from order_pipelines.services.doctor import examine
from order_pipelines.services.planning import plan_all
from order_pipelines.services.shadow import compare_account
from order_pipelines.services.shop import Shop
from order_pipelines.services.stock_push import refresh_offers
from order_pipelines.services.three_way import read_again
from order_pipelines.settings import load_settings
from order_pipelines_tests.conformance import asking
from order_pipelines_tests.conformance.exchanges import Exchange, RecordedSandbox
from order_pipelines_tests.conformance.shared_folder import SHARED
from order_pipelines_tests.conformance.systems import SYSTEMS
from order_pipelines_tests.services.shop_world import ShopWorld, opened_world
from order_pipelines_tests.services.three_way_world import BLOKKER, CHANNELS, WEBSHOP, more_accounts

SPECS = SHARED / "specs"
_PATIENT_S = 120.0
_CHANGED = [
    "POST /api/search/order",
    "POST /api/search/order-delivery",
    "POST /api/search/order-line-item",
    "POST /api/search/order-transaction",
]
VISITED = {
    "bol": ["GET /retailer/orders", "GET /retailer/shipments", "POST /token", "v11 GET /retailer/offers"],
    "exact_online": [
        "GET crm/Accounts",
        "GET financial/GLAccounts",
        "GET financial/Journals",
        "GET salesentry/SalesEntries",
        "GET system/Divisions",
        "GET vat/VATCodes",
    ],
    "mirakl": ["GET /api/account", "GET /api/offers", "GET /api/orders"],
    "shopware": [*_CHANGED, "POST /api/search/product", "POST /api/search/state-machine-state"],
}
REREAD = {
    "bol": ["GET /retailer/orders", "GET /retailer/orders/{order-id}"],
    "exact_online": ["GET salesentry/SalesEntries"],
    "mirakl": ["GET /api/orders"],
    "shopware": _CHANGED,
}
OBSERVED = {
    "bol": ["POST /token", "v11 GET /retailer/offers"],
    "exact_online": [],
    "mirakl": ["GET /api/offers"],
    "shopware": ["POST /api/search/product"],
}


@pytest.fixture
def world(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ShopWorld]:
    with RecordedSandbox(control_port=0, relaxed=True) as sandbox:
        more = more_accounts(sandbox, monkeypatch)
        with opened_world(sandbox, sqlite_url, tmp_path, monkeypatch, more=more) as opened:
            yield opened


def heard_since(world: ShopWorld, start: int) -> dict[str, list[Exchange]]:
    """Return what each system was asked since then; every answer and request of it is published."""
    assert isinstance(world.sandbox, RecordedSandbox)
    made = world.sandbox.made[start:]
    wrong = {
        system.name: asking.problems(system, SPECS, asking.of_system(system, made)) for system in SYSTEMS
    }
    assert {name: problems for name, problems in wrong.items() if problems} == {}
    return {system.name: asking.of_system(system, made) for system in SYSTEMS}


def asked(heard: dict[str, list[Exchange]]) -> dict[str, list[str]]:
    """Return by system the operations."""
    return {
        system.name: sorted(str(operation) for operation in asking.answers(system, SPECS, heard[system.name]))
        for system in SYSTEMS
    }


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_what_the_doctor_and_the_comparisons_ask_is_published(world: ShopWorld) -> None:
    """An order of each channel is booked first, so that there is something to look for in the books by reference."""
    assert isinstance(world.sandbox, RecordedSandbox)
    wish = {"lines": [{"sku": "KEU-1001", "quantity": 1}], "force": True}
    world.act(world.buy(("KEU-1001", 2)), "ship")
    order = world.sandbox.mirakl.place_order(BLOKKER, wish)
    world.sandbox.mirakl.act(BLOKKER, order, "accept", {})
    world.sandbox.shopware.place_order(WEBSHOP, wish)
    world.pass_time(minutes=10)
    for account in CHANNELS:
        assert world.sweep(account).problem is None
        assert refresh_offers(world.shop, account).problem is None
    plan_all(world.shop)
    dispatch_all(world.shop)
    assert len(world.entries()) >= 2

    start = len(world.sandbox.made)
    world.pass_time(minutes=2)
    found = examine(world.shop, timeout_s=_PATIENT_S, stored_listing_minutes=0)
    assert {report.visit.account for report in found.accounts} >= {*CHANNELS, "exact"}
    visited = asked(heard_since(world, start))

    start = len(world.sandbox.made)
    world.pass_time(minutes=2)
    compared = read_again(world.shop)
    assert [(one.problem, one.books_problem) for one in compared.accounts] == [(None, None)] * 4
    # What a day does not show is searched for by its reference, several in a call.
    reader = ExactReader(world.shop.port_account("exact"), world.shop.house("exact"))
    assert list(reader.entries_with(["BOL-NONE", "d'Artagnan & Zn"])) == []
    reread = heard_since(world, start)
    filters = [value for one in reread["exact_online"] for name, value in one.query if name == "$filter"]
    assert any("EntryDate ge datetime'" in each for each in filters)
    assert any("YourRef eq " in each and " or " in each for each in filters)

    start = len(world.sandbox.made)
    world.pass_time(minutes=2)
    text = world.path.read_text(encoding="utf-8")
    world.path.write_text(text.replace('mode = "live"', 'mode = "observe"'), encoding="utf-8")
    world.shop.close()
    world.shop = Shop.open(load_settings(world.path))
    for account in CHANNELS:
        assert not compare_account(world.shop, account).is_busy
    observed = asked(heard_since(world, start))
    assert visited == VISITED
    assert asked(reread) == REREAD
    assert observed == OBSERVED
