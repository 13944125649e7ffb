"""What we send and are answered while the product does its whole work: the demo, and what the demo leaves out."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from order_pipelines import clock
from order_pipelines.connectors.exact_online.client import ExactClient
from order_pipelines.connectors.exact_online.tokens import authorize_url, exchange_code
from order_pipelines.demo import play as demo
from order_pipelines.domain.orders import ShipmentLine
from order_pipelines.services.cancelling import request_cancellation
from order_pipelines.services.consents import keep_consents_alive
from order_pipelines.services.dispatch import dispatch_all
from order_pipelines.services.planning import plan_all
from order_pipelines.services.shipping import match_shipments, note_shipment_lines
from order_pipelines.services.stock_push import push_account, read_back, refresh_offers
from order_pipelines_tests.conformance import asking
from order_pipelines_tests.conformance.bol_system import BOL
from order_pipelines_tests.conformance.conftest import FIGURE
from order_pipelines_tests.conformance.exact_system import EXACT
from order_pipelines_tests.conformance.exchanges import Exchange, RecordedSandbox
from order_pipelines_tests.conformance.kit import System
from order_pipelines_tests.conformance.shared_folder import SHARED
from order_pipelines_tests.conformance.systems import SYSTEMS
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld, opened_world

SPECS = SHARED / "specs"


def operations(system: System, made: Sequence[Exchange]) -> list[str]:
    """Return every operation with the statuses that it was answered with."""
    found = asking.answers(system, SPECS, asking.of_system(system, made))
    return sorted(f"{operation} {status}" for operation, statuses in found.items() for status in statuses)


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_all_that_the_demo_sends_and_is_answered_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    """`make demo` from its first call to its last: four sweeps' work at two bol accounts and in the books."""
    worlds: list[RecordedSandbox] = []

    class Overheard(RecordedSandbox):
        def start(self) -> "Overheard":
            worlds.append(self)
            super().start()
            return self

    monkeypatch.setattr(demo, "Sandbox", Overheard)
    try:
        demo.play(tmp_path / "merchant", lambda line: None)
    finally:
        clock.follow(0)
    (world,) = worlds
    for system in SYSTEMS:
        record_property(
            FIGURE, f"{system.name}: {len(asking.of_system(system, world.made))} calls in the demo"
        )
    # The one order that the script spoils on purpose, which waits in quarantine.
    assert asking.problems(BOL, SPECS, asking.of_system(BOL, world.made)) == [
        "GET /retailer/orders/1043210017 answered 200: $.orderItems[0]: 'quantity' is a required property",
    ]
    assert asking.problems(EXACT, SPECS, asking.of_system(EXACT, world.made)) == []
    assert operations(BOL, world.made) == [
        "GET /retailer/orders 200",
        "GET /retailer/orders/{order-id} 200",
        "GET /retailer/returns 200",
        "GET /shared/process-status/{process-status-id} 200",
        "POST /retailer/shipments 202",
        "POST /token 200",
        "v11 GET /retailer/offers 200",
        "v11 GET /retailer/offers/{offer-id} 200",
        "v11 PATCH /retailer/offers/{offer-id} 204",
    ]
    assert operations(EXACT, world.made) == [
        "GET salesentry/SalesEntries 200",
        "POST /api/oauth2/token 200",
        "POST salesentry/SalesEntries 201",
    ]


@pytest.mark.slow
@pytest.mark.timeout(420)
@pytest.mark.parametrize("system", SYSTEMS, ids=[system.name for system in SYSTEMS])
def test_every_request_in_the_tests_of_our_connector_is_published(
    system: System, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Those tests meet every fault and setting, so what is sent then is asked about too: v10 offers, tokens refused."""
    heard = asking.overheard(system, asking.connector_tests(system), tmp_path / "overheard")
    record_property(FIGURE, f"{system.name}: {len(heard)} requests in the tests of our connector")
    assert asking.request_problems(system, SPECS, heard) == {}
    sent = asking.answers(system, SPECS, [exchange for _, exchange in heard])
    assert sorted(str(operation) for operation in sent) == sorted(system.sends)


@pytest.fixture
def world(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ShopWorld]:
    with (
        RecordedSandbox(control_port=0, relaxed=True) as sandbox,
        opened_world(sandbox, sqlite_url, tmp_path, monkeypatch) as opened,
    ):
        yield opened


def made_in(world: ShopWorld) -> list[Exchange]:
    assert isinstance(world.sandbox, RecordedSandbox)
    return world.sandbox.made


def test_what_we_send_to_bol_beside_the_demo_is_published(world: ShopWorld) -> None:
    """A deep sweep, a parcel in two rows, a cancellation to the end of its process status, and stock read back."""
    shipped, refused = world.buy(("KEU-1001", 2)), world.buy(("KEU-1001", 1))
    for account in (MAIN, OUTLET):
        assert refresh_offers(world.shop, account).problem is None
        assert world.sweep(account, deep=True).problem is None
    for account in (MAIN, OUTLET):
        assert push_account(world.shop, account).problem is None
        read_back(world.shop, account)
    with world.shop.store.transaction() as connection:
        parcel = ShipmentLine(
            shipped, 2, clock.now(), sku="KEU-1001", carrier="PostNL", tracking="3SXYZ1", row=2
        )
        note_shipment_lines(connection, MAIN, "parcels", [parcel], 0)
    assert match_shipments(world.shop).lines == 1
    request_cancellation(world.shop, refused, reason="OUT_OF_STOCK")
    plan_all(world.shop)
    dispatch_all(world.shop)
    world.pass_time(timedelta(minutes=5).total_seconds())
    dispatch_all(world.shop)
    assert world.sweep().problem is None
    assert [item["quantity_shipped"] for item in world.bol_order(shipped)["items"]] == [2]
    assert [item["quantity_cancelled"] for item in world.bol_order(refused)["items"]] == [1]
    assert asking.problems(BOL, SPECS, asking.of_system(BOL, made_in(world))) == []
    assert operations(BOL, made_in(world)) == [
        "GET /retailer/orders 200",
        "GET /retailer/orders/{order-id} 200",
        "GET /shared/process-status/{process-status-id} 200",
        "POST /retailer/shipments 202",
        "POST /token 200",
        "PUT /retailer/orders/cancellation 202",
        "v11 GET /retailer/offers 200",
        "v11 GET /retailer/offers/{offer-id} 200",
        "v11 PATCH /retailer/offers/{offer-id} 204",
    ]


def test_what_we_send_to_exact_beside_the_demo_is_published(world: ShopWorld) -> None:
    """A consent given anew, one kept alive, settings looked up in the books, an entry searched for and posted."""
    world.act(world.buy(("KEU-1001", 2)), "ship")
    assert world.sweep().problem is None
    account, house = world.shop.port_account("exact"), world.shop.house("exact")
    consented = requests.get(authorize_url(account, "state-1"), allow_redirects=False, timeout=10)
    exchange_code(account, house, parse_qs(urlsplit(consented.headers["Location"]).query)["code"][0])
    plan_all(world.shop)
    dispatch_all(world.shop)
    assert len(world.entries()) == 1
    row = next(row for row in world.sandbox.systems() if row["system"] == "exact_online")
    with ExactClient(account, house) as client:
        assert (
            client.check_connection(
                journals=[row["journals"]["sales"]],
                ledger_accounts=list(row["gl_accounts"].values()),
                vat_codes=[row["vat_codes"]["nl_21_excl"]],
                customers=list(row["customers"].values()),
            )
            == []
        )
    world.pass_time(days=8)
    assert keep_consents_alive(world.shop) == {}
    assert asking.problems(EXACT, SPECS, asking.of_system(EXACT, made_in(world))) == []
    assert operations(EXACT, made_in(world)) == [
        "GET /api/oauth2/auth 302",
        "GET crm/Accounts 200",
        "GET financial/GLAccounts 200",
        "GET financial/Journals 200",
        "GET salesentry/SalesEntries 200",
        "GET system/Divisions 200",
        "GET vat/VATCodes 200",
        "POST /api/oauth2/token 200",
        "POST salesentry/SalesEntries 201",
    ]
