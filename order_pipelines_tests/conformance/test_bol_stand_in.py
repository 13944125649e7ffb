"""The bol stand-in, and what we send it, against bol's own specifications, while the main job runs."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from order_pipelines import clock
from order_pipelines.domain.orders import ShipmentLine
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.cancelling import request_cancellation
from order_pipelines.services.dispatch import dispatch_all
from order_pipelines.services.planning import plan_all
from order_pipelines.services.shipping import match_shipments, note_shipment_lines
from order_pipelines.services.stock_push import push_account, read_back, refresh_offers
from order_pipelines_tests.conformance.bol_specifications import (
    OFFER_ERRORS,
    RETAILER_ERRORS,
    SHARED_ERRORS,
    BolSpecifications,
)
from order_pipelines_tests.conformance.exchanges import Exchange, recording
from order_pipelines_tests.conformance.spec import Specification
from order_pipelines_tests.sandbox.bol_caller import V10, V11, BolCaller
from order_pipelines_tests.services.shop_world import MAIN, OUTLET, ShopWorld, opened_world


@pytest.fixture(scope="module")
def specifications(shared: Path) -> BolSpecifications:
    return BolSpecifications(shared / "specs")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(control_port=0, relaxed=True) as running:
        yield running


@pytest.fixture
def world(
    sandbox: Sandbox, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ShopWorld]:
    with opened_world(sandbox, sqlite_url, tmp_path, monkeypatch) as opened:
        yield opened


def bol_calls(sandbox: Sandbox, made: list[Exchange]) -> list[Exchange]:
    """The calls at bol's own paths: not those at its login, which is no part of the specifications."""
    address = next(row["base_url"] for row in sandbox.systems() if row["system"] == "bol")
    return [
        one for one in made if one.base_url == address and one.path.startswith(("/retailer/", "/shared/"))
    ]


def all_problems(specifications: BolSpecifications, calls: list[Exchange]) -> list[str]:
    return [problem for call in calls for problem in specifications.problems(call)]


def run_main_job(world: ShopWorld) -> None:
    """Orders of every kind, offers and stock, a parcel and a cancellation to the end of their process status."""
    for row in world.sandbox.world.demo_script():
        # One order of the script is malformed on purpose: what bol never sends is no matter of its specification.
        world.act(row.order_id, "repair", row.account)
    shipped = world.buy(("KEU-1001", 2))
    refused = world.buy(("KEU-1001", 1))
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
    order = world.bol_order(shipped)
    assert [item["quantity_shipped"] for item in order["items"]] == [2]
    assert [item["quantity_cancelled"] for item in world.bol_order(refused)["items"]] == [1]


def test_the_main_job_and_its_answers_are_what_bol_publishes(
    world: ShopWorld, specifications: BolSpecifications
) -> None:
    with recording() as made:
        run_main_job(world)
    calls = bol_calls(world.sandbox, made)
    assert all_problems(specifications, calls) == []
    assert {specifications.name_of(call) for call in calls} == {
        "GET /retailer/orders 200",
        "GET /retailer/orders/{order-id} 200",
        "GET /retailer/offers 200",
        "GET /retailer/offers/{offer-id} 200",
        "PATCH /retailer/offers/{offer-id} 204",
        "POST /retailer/shipments 202",
        "PUT /retailer/orders/cancellation 202",
        "GET /shared/process-status/{process-status-id} 200",
    }


def test_the_other_answers_of_the_stand_in_are_what_bol_publishes(
    sandbox: Sandbox, specifications: BolSpecifications
) -> None:
    """What other clients ask for: parcels, returns, statuses in bulk, offers of v10, nothing there, nothing left."""
    sandbox.reset()
    caller = BolCaller(sandbox, MAIN)
    order_id = caller.buy(("KEU-1001", 2), ("KEU-1003", 1), business=True)
    gone, here = caller.item_id(order_id), caller.item_id(order_id, 1)
    offer_id = caller.offer_of("KEU-1001")["offer_id"]
    with recording() as made:
        caller.get("/retailer/orders", page=9)
        caller.get("/retailer/orders/NOTHING000")
        status_id = caller.ship((gone, 2)).json()["processStatusId"]
        caller.ship(("1", 1))
        caller.cancel(here, "NO_SUCH_REASON")
        sandbox.clock.set_offset(60)
        caller.get(f"/shared/process-status/{status_id}")
        caller.get("/shared/process-status/0")
        caller.get("/shared/process-status", entity_id=gone, event_type="CREATE_SHIPMENT")
        caller.get("/shared/process-status", event_type="CREATE_SHIPMENT")
        caller.call(
            "POST", "/shared/process-status", json={"processStatusQueries": [{"processStatusId": status_id}]}
        )
        caller.get("/retailer/shipments", order_id=order_id)
        caller.get("/retailer/shipments", page=9)
        shipment_id = caller.get("/retailer/shipments").json()["shipments"][0]["shipmentId"]
        caller.get(f"/retailer/shipments/{shipment_id}")
        caller.get("/retailer/shipments/0")
        caller.act(order_id, "return", quantity=1, sku="KEU-1001", reason="Verkeerd besteld")
        return_id = caller.get("/retailer/returns").json()["returns"][0]["returnId"]
        caller.get(f"/retailer/returns/{return_id}")
        caller.get("/retailer/returns/0")
        caller.get("/retailer/returns", page=9)
        caller.get("/retailer/offers", V11, page_size=25, for_sale="true")
        caller.get(f"/retailer/offers/{offer_id}", V11)
        caller.patch_stock(offer_id, 0, managed=True)
        caller.get(f"/retailer/offers/{offer_id}/not-for-sale-reasons", V11)
        caller.get(f"/retailer/offers/{offer_id}", V10)
        caller.get("/retailer/offers/6ff736b5-cdd0-4150-8c67-78269ee986f5", V10)
        caller.put_stock(offer_id, 5, managed=True)
        caller.put_stock(offer_id, 1000, managed=True)
    calls = bol_calls(sandbox, made)
    assert all_problems(specifications, calls) == []
    assert {specifications.name_of(call) for call in calls} == {
        "GET /retailer/offers 200",
        "GET /retailer/offers/{offer-id} 200",
        "GET /retailer/offers/{offer-id} 404",
        "GET /retailer/offers/{offer-id}/not-for-sale-reasons 200",
        "GET /retailer/orders 200",
        "GET /retailer/orders/{order-id} 404",
        "GET /retailer/returns 200",
        "GET /retailer/returns/{return-id} 200",
        "GET /retailer/returns/{return-id} 404",
        "GET /retailer/shipments 200",
        "GET /retailer/shipments/{shipment-id} 200",
        "GET /retailer/shipments/{shipment-id} 404",
        "GET /shared/process-status 200",
        "GET /shared/process-status 400",
        "GET /shared/process-status/{process-status-id} 200",
        "GET /shared/process-status/{process-status-id} 404",
        "PATCH /retailer/offers/{offer-id} 204",
        "POST /retailer/shipments 202",
        "POST /shared/process-status 200",
        "PUT /retailer/offers/{offer-id}/stock 202",
        "PUT /retailer/offers/{offer-id}/stock 400",
        "PUT /retailer/orders/cancellation 400",
    }


def test_a_member_that_bol_does_not_publish_is_found(specifications: BolSpecifications) -> None:
    """The kit itself: an unknown member, a missing one, a wrong type, a time without zone, an unknown status."""
    row = {
        "orderId": 7,
        "orderPlacedDateTime": "2026-11-18T10:30:15",
        "orderItems": [],
        "priority": True,
    }
    listed = {"orders": [row, {"orderId": "1", "orderItems": []}]}
    found = specifications.retailer.answer_problems("GET", "/retailer/orders", 200, V10, listed)
    assert sorted(found) == [
        "$.orders[0].orderId: 7 is not of type 'string'",
        "$.orders[0].orderPlacedDateTime: '2026-11-18T10:30:15' is not a 'date-time'",
        "$.orders[0]: Additional properties are not allowed ('priority' was unexpected)",
        "$.orders[1]: 'orderPlacedDateTime' is a required property",
    ]
    assert specifications.retailer.answer_problems("GET", "/retailer/orders", 418, V10, {}) == [
        "status 418 is not among 200"
    ]
    assert specifications.retailer.answer_problems("GET", "/retailer/orders", 200, V11, {}) == [
        f"{V11} is not among {V10}"
    ]


def test_every_known_error_with_evidence_is_shown_by_a_real_answer(shared: Path) -> None:
    """The answer is refused by the published text and fits the mended one; the others stand in bol's documentation."""
    documents = {
        "retailer-v10.json": RETAILER_ERRORS,
        "shared-v10.json": SHARED_ERRORS,
        "offers-v11.json": OFFER_ERRORS,
    }
    shown = []
    for name, errors in documents.items():
        path = shared / "specs" / "bol" / name
        for error in errors:
            if error.evidence is None:
                continue
            method, template, status, sample = error.evidence
            body = json.loads((shared / "samples" / sample).read_text(encoding="utf-8"))
            others = [one for one in errors if one is not error]
            is_refused = bool(
                Specification(path, others).answer_problems(method, template, status, V10, body)
            )
            mended = Specification(path, errors).answer_problems(method, template, status, V10, body)
            shown.append((name, error.name, is_refused, mended))
    assert shown == [
        ("retailer-v10.json", "violations of a problem", True, []),
        ("retailer-v10.json", "the method of a link", True, []),
        ("shared-v10.json", "the method of a link", True, []),
    ]
