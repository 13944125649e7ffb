"""A hostile Mirakl operator and a hostile Shopware shop: nothing false is booked, nothing goes out twice."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from order_pipelines import clock
from order_pipelines.domain.orders import ShipmentLine
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.accepting import CHANNEL_ACCEPTANCE
from order_pipelines.services.dispatch import dispatch_kind
from order_pipelines.services.parcels import CHANNEL_SHIPMENT
from order_pipelines.services.planning import plan_all
from order_pipelines.services.shipping import match_shipments, note_shipment_lines
from order_pipelines.services.stock_push import push_account, refresh_offers
from order_pipelines.settings import load_settings
from order_pipelines_tests.hostile.server import Call, HostileServer, Line, hostile_server
from order_pipelines_tests.hostile.tricks import MEGABYTE, NO_ANSWERS, SLOW, TELLING
from order_pipelines_tests.operations.memory_folder import memory_folder
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld, impatient, opened_world

pytestmark = pytest.mark.endurance

NAMES = {"mirakl": "blokker", "shopware": "webshop"}
FALSE_ANSWERS = ("html_login_page", "broken_off", "nested_deeply", "numbers_beyond_all")
LISTING = {"mirakl": ("GET", "/api/orders"), "shopware": ("POST", "/api/search/order")}
ACCEPTANCE = {"mirakl": ("PUT", "/accept"), "shopware": ("POST", "/state/process")}
PARCEL = {"mirakl": ("POST", "/api/shipments"), "shopware": ("POST", "/api/_action/order_delivery")}
STOCK = {"mirakl": ("POST", "/api/offers/stock/imports"), "shopware": ("POST", "/api/_action/sync")}


@dataclass
class Siege:
    """The shop, and the hostile server in front of one of its accounts."""

    world: ShopWorld
    system: str
    server: HostileServer

    @property
    def account(self) -> str:
        return NAMES[self.system]

    @property
    def standin(self) -> Any:
        return self.world.sandbox.mirakl if self.system == "mirakl" else self.world.sandbox.shopware

    def calm(self) -> None:
        self.server.behave()
        self.world.shop._budgets.clear()

    def patience(self, seconds: float) -> None:
        self.world.shop.settings = impatient(load_settings(self.world.path), seconds)

    def buy(self) -> str:
        """Sell two pieces; at the operator the order is accepted as well."""
        order_id: str = self.standin.place_order(
            self.account, {"lines": [{"sku": "KEU-1001", "quantity": 2}], "force": True}
        )
        if self.system == "mirakl":
            self.standin.act(self.account, order_id, "accept", {})
        return order_id

    def answer_falsely(self, where: dict[str, tuple[str, str]], name: str, *, acts: bool) -> None:
        def answer(line: Line, call: Call) -> None:
            if acts:
                self.server.pass_on(Line(_Nowhere(), line.stopped), call)  # type: ignore[arg-type]
            NO_ANSWERS[name](line, call)

        self.server.play(*where[self.system], answer)


class _Nowhere:
    """A connection whose other end is not interested."""

    def sendall(self, data: bytes) -> None:
        del data


@pytest.fixture(params=sorted(NAMES))
def siege(
    request: pytest.FixtureRequest, hostile_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Siege]:
    system, name = request.param, NAMES[request.param]
    row = next(row for row in hostile_sandbox.systems() if row["account"] == name)
    secrets = []
    for secret, value in row["credentials"].items():
        monkeypatch.setenv(f"SIEGE_{secret.upper()}", value)
        secrets.append(f'{secret} = "SIEGE_{secret.upper()}"')
    with (
        hostile_server(row["base_url"]) as server,
        memory_folder() as folder,
    ):
        more = f"""
[accounts.{name}]
system = "{system}"
mode = "live"
effective_from = 2026-01-01
base_url = "{server.url}"
ships_from = "main"
serves = ["main"]
[accounts.{name}.options]
history_days = 10
{"multi_shipment = true" if system == "mirakl" else ""}
[accounts.{name}.secrets]
{chr(10).join(secrets)}
"""
        url = f"sqlite:///{folder / 'operations.sqlite'}"
        with opened_world(hostile_sandbox, url, folder, monkeypatch, more=more) as world:
            found = Siege(world, system, server)
            found.patience(60)
            yield found


@pytest.mark.parametrize("name", TELLING)
def test_a_listing_that_is_none_ends_the_sweep_of_that_account_only(siege: Siege, name: str) -> None:
    world, order = siege.world, siege.buy()
    siege.patience(0.6 if name in SLOW else 60)
    siege.server.play(*LISTING[siege.system], NO_ANSWERS[name])

    swept = world.sweep(siege.account)

    assert swept.problem is not None
    assert f"for {siege.account}" in swept.problem
    assert len(swept.problem) < 600
    assert world.rows("orders") == []
    assert world.rows("fetch_backlog") == []
    assert max(siege.server.sent, default=0) < 16 * MEGABYTE
    siege.patience(60)
    elsewhere = world.buy(account=OUTLET)
    assert world.sweep(OUTLET).problem is None
    siege.calm()
    world.pass_time(61)
    assert world.sweep(siege.account).problem is None
    assert {row.order_key for row in world.rows("orders")} == {
        f"{OUTLET}:{elsewhere}",
        f"{siege.account}:{order}",
    }


@pytest.mark.parametrize("acts", [True, False])
@pytest.mark.parametrize("name", FALSE_ANSWERS)
def test_a_false_answer_to_a_parcel_leaves_one_parcel(siege: Siege, name: str, acts: bool) -> None:
    world, order = siege.world, siege.buy()
    world.pass_time(61)
    assert world.sweep(siege.account).problem is None
    parcel = ShipmentLine(
        order, 2, clock.now(), sku="KEU-1001", carrier="PostNL", tracking="3SAAA1", account=siege.account
    )
    with world.shop.store.transaction() as connection:
        note_shipment_lines(connection, MAIN, "parcel", [parcel], 0)
    assert match_shipments(world.shop).lines == 1
    plan_all(world.shop)
    siege.answer_falsely(PARCEL, name, acts=acts)

    done = dispatch_kind(world.shop, CHANNEL_SHIPMENT)

    (row,) = world.rows("outbox", kind=CHANNEL_SHIPMENT)
    # Whoever acted and cannot say so may be asked at once: the order there shows the parcel.
    assert (done.confirmed, row.state) in ([(0, "in_doubt"), (1, "confirmed")] if acts else [(0, "in_doubt")])
    siege.calm()
    for _ in range(3):
        world.pass_time(hours=2)
        dispatch_kind(world.shop, CHANNEL_SHIPMENT)
    assert world.row("outbox", kind=CHANNEL_SHIPMENT).state == "confirmed"
    assert _told(siege, order) == ["3SAAA1"]


def _told(siege: Siege, order_id: str) -> list[str]:
    """The tracking of everything that left of an order, as the channel has it."""
    held = siege.standin.state(siege.account)
    if siege.system == "mirakl":
        assert [one["status"] for one in held["shipments"]] == ["SHIPPED"]
        return [one["tracking"]["tracking_number"] for one in held["shipments"]]
    (order,) = [order for order in held["orders"] if order_id in order.values()]
    (delivery,) = order["deliveries"]
    assert delivery["state"] == "shipped"
    found: list[str] = delivery["tracking_codes"]
    return found


@pytest.mark.parametrize("acts", [True, False])
@pytest.mark.parametrize("name", FALSE_ANSWERS)
def test_a_false_answer_to_an_acceptance_leaves_the_order_accepted_once(
    siege: Siege, name: str, acts: bool
) -> None:
    if siege.system == "shopware":
        siege.world.path.write_text(
            siege.world.path.read_text("utf-8").replace(
                "[accounts.webshop.options]", "[accounts.webshop.options]\nin_progress_after_import = true"
            ),
            "utf-8",
        )
        siege.patience(60)
    world = siege.world
    wish = {"lines": [{"sku": "KEU-1001", "quantity": 2}], "force": True}
    order = siege.standin.place_order(siege.account, wish)
    assert world.sweep(siege.account).problem is None
    plan_all(world.shop)
    siege.answer_falsely(ACCEPTANCE, name, acts=acts)

    assert dispatch_kind(world.shop, CHANNEL_ACCEPTANCE).confirmed == 0

    assert world.row("outbox", kind=CHANNEL_ACCEPTANCE).state == "in_doubt"
    siege.calm()
    for _ in range(3):
        world.pass_time(hours=2)
        dispatch_kind(world.shop, CHANNEL_ACCEPTANCE)
    assert world.row("outbox", kind=CHANNEL_ACCEPTANCE).state == "confirmed"
    held = siege.standin.state(siege.account)
    (found,) = [one for one in held["orders"] if order in one.values()]
    assert found["state"] in ("SHIPPING", "WAITING_DEBIT", "WAITING_DEBIT_PAYMENT", "in_progress")
    taken = [write for write in held["writes"] if ACCEPTANCE[siege.system][1] in write["path"]]
    assert len(taken) == 1


@pytest.mark.parametrize("acts", [True, False])
@pytest.mark.parametrize("name", FALSE_ANSWERS)
def test_a_false_answer_to_stock_is_no_confirmation(siege: Siege, name: str, acts: bool) -> None:
    world = siege.world
    for account in (MAIN, OUTLET, siege.account):
        assert world.sweep(account).problem is None
    assert refresh_offers(world.shop, siege.account).problem is None
    siege.answer_falsely(STOCK, name, acts=acts)

    push = push_account(world.shop, siege.account)

    assert (push.confirmed, push.due > 10) == (0, True)
    assert world.rows("channel_stock", account=siege.account, state="confirmed") == []
    siege.calm()
    for _ in range(3):
        world.pass_time(hours=1)
        for account in (MAIN, OUTLET, siege.account):
            assert world.sweep(account).problem is None
        push_account(world.shop, siege.account)
    states = {row.state for row in world.rows("channel_stock", account=siege.account)}
    assert states == {"confirmed"}
    shown = {row["sku"]: row["quantity"] for row in siege.standin.state(siege.account)["offers"]}
    assert shown["KEU-1001"] == 42
