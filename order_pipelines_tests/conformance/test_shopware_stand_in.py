"""Shopware's rules of the publication, each shown by a real answer, and two published clients at their work."""

import dataclasses
import json
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from order_pipelines_tests.conformance import asking
from order_pipelines_tests.conformance.exchanges import Exchange, RecordedSandbox
from order_pipelines_tests.conformance.shared_folder import SHARED
from order_pipelines_tests.conformance.shopware_document import RULES, AdminApi, Rule
from order_pipelines_tests.conformance.shopware_system import SHOPWARE
from order_pipelines_tests.environments import node_modules_of
from order_pipelines_tests.sandbox.shopware_caller import ShopwareCaller

SPECS = SHARED / "specs"
SAMPLES = SHARED / "samples"
_CLIENT_TIMEOUT_S = 300

pytestmark = [pytest.mark.xdist_group("shopware"), pytest.mark.timeout(600)]


@pytest.fixture
def shop() -> Iterator[ShopwareCaller]:
    with RecordedSandbox(control_port=0, relaxed=True) as running:
        yield ShopwareCaller(running, "webshop")


@pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
def test_without_a_rule_a_real_answer_does_not_fit(rule: Rule) -> None:
    (document,) = SHOPWARE.documents
    assert isinstance(document, AdminApi)
    operation, status, sample = rule.evidence
    body = asking.body_of(SAMPLES, sample)
    media_type = "application/vnd.api+json" if "jsonapi" in sample else "application/json"
    without = dataclasses.replace(document, rules=tuple(one for one in RULES if one is not rule))
    assert document.read(SPECS).answer_problems(operation, status, media_type, body) == []
    assert without.read(SPECS).answer_problems(operation, status, media_type, body) != []


# A real answer, and the status and operation that it belongs to.
ANSWERS = (
    ("POST", "/api/oauth/token", 200, "token_200"),
    ("POST", "/api/search/order", 200, "search_order_gross_paid"),
    ("POST", "/api/search/order", 200, "search_order_jsonapi_default_accept"),
    ("POST", "/api/search/order", 400, "error_400_limit"),
    ("POST", "/api/search/order", 401, "error_401"),
    ("GET", "/api/order/9dd4e461268c8034f5c8564e155c67a6", 404, "error_404"),
    ("PATCH", "/api/product/9dd4e461268c8034f5c8564e155c67a6", 400, "error_400_write"),
    (
        "POST",
        "/api/_action/order/9dd4e461268c8034f5c8564e155c67a6/state/complete",
        400,
        "error_400_illegal_transition",
    ),
    (
        "POST",
        "/api/_action/order_delivery/9dd4e461268c8034f5c8564e155c67a6/state/ship",
        200,
        "transition_ship_response",
    ),
    ("POST", "/api/_action/sync", 200, "sync_response"),
)
REQUESTS = (
    ("POST", "/api/oauth/token", "token_request"),
    ("POST", "/api/search/order", "search_order_request"),
    ("POST", "/api/_action/sync", "sync_stock_request"),
    ("POST", "/api/_action/sync", "sync_stock_resolver_request"),
    ("PATCH", "/api/order-delivery/9dd4e461268c8034f5c8564e155c67a6", "delivery_patch_tracking_request"),
)


@pytest.mark.parametrize("answer", ANSWERS, ids=[sample for *_, sample in ANSWERS])
def test_a_kept_answer_fits(answer: tuple[str, str, int, str]) -> None:
    method, path, status, sample = answer
    media_type = "application/vnd.api+json" if "jsonapi" in sample else "application/json"
    body = (SAMPLES / "shopware" / f"{sample}.json").read_bytes()
    exchange = Exchange("shopware", method, path, (), (media_type,), None, b"", status, media_type, body)
    assert SHOPWARE.published(SPECS).answer_problems(exchange) == []


@pytest.mark.parametrize("request_kept", REQUESTS, ids=[sample for *_, sample in REQUESTS])
def test_a_kept_request_fits_and_the_stand_in_takes_it(
    shop: ShopwareCaller, request_kept: tuple[str, str, str]
) -> None:
    """Its ids belong to a shop that is not here: what comes back is a login, orders, or a refusal of those ids."""
    method, path, sample = request_kept
    body = (SAMPLES / "shopware" / f"{sample}.json").read_bytes()
    media_type = "application/json"
    exchange = Exchange("shopware", method, path, (), (media_type,), media_type, body, 200, media_type, b"")
    assert SHOPWARE.published(SPECS).request_problems(exchange) == []
    reply = shop.call(method, path, data=body, headers={"Content-Type": media_type})
    assert reply.status_code == {"token_request": 401, "search_order_request": 200}.get(
        sample, 404 if method == "PATCH" else 400
    )


def test_lib_shopware6_api_base_does_its_work(shop: ShopwareCaller) -> None:
    order_id = shop.buy(("KEU-1001", 2), {"type": "credit", "unit_price": "5"}, payments=["failed", "paid"])
    for _ in range(4):
        shop.buy(("KEU-1006", 1))
    shop.sandbox.made.clear()  # type: ignore[attr-defined]
    got = asking.run_client(SHOPWARE, {"row": shop.row, "control": shop.sandbox.control_url})
    assert got == {
        "version": "6.6.10.2",
        "page": [2, ["10005", "10004"]],
        "all pages": ["10005", "10004", "10003", "10002", "10001"],
        "order": ["open", 79.85, [["credit", 1, -5.0], ["product", 2, 79.9]], 2],
        "by id": "10001",
        "no such order": "ShopwareAPIError",
        "no such field": "ShopwareAPIError",
        "shipped": "shipped",
        "not possible": "ShopwareAPIError",
        "written": [True, 18],
        "not written": "ShopwareAPIError",
        "after ten minutes": "10001",
    }
    after = shop.state()
    delivery = next(row for row in after["orders"] if row["order_id"] == order_id)["deliveries"][0]
    assert (delivery["state"], delivery["tracking_codes"], after["mails"]) == ("shipped", ["3SCLIENT"], [])
    assert shop.stock("KEU-1003") == (11, 11)
    # Whatever is refused the client says once more, with a new token.
    assert [(write["path"].rpartition("/")[2], write["status"]) for write in after["writes"]] == [
        (delivery["delivery_id"], 204),
        ("ship", 200),
        ("complete", 400),
        ("complete", 400),
        ("sync", 200),
        ("sync", 400),
        ("sync", 400),
    ]
    # The first, one after each of four refusals, and one after ten minutes.
    assert len(after["token_requests"]) == 6
    assert_published(shop)


def test_shopware_api_client_does_its_work(shop: ShopwareCaller) -> None:
    shop.buy(("KEU-1004", 2))
    shop.buy(("KEU-1006", 1))
    shop.sandbox.made.clear()  # type: ignore[attr-defined]
    node = shutil.which("node")
    assert node is not None, "the client needs Node.js in PATH"
    modules = node_modules_of("shopware_npm_client")
    done = subprocess.run(
        [node, asking.CLIENTS / "shopware_npm_client.mjs", modules],
        input=json.dumps({"row": shop.row}),
        check=False,
        capture_output=True,
        text=True,
        timeout=_CLIENT_TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "found": [200, 2, "10001", "KEU-1004"],
        "session": "",
        "one": "10001",
        "no such order": "ApiClientError 404 FRAMEWORK__RESOURCE_NOT_FOUND",
        "shipped": [204, "shipped"],
        "written": [200, 1],
        "not written": "ApiClientError 400 ba785a8c-82cb-4283-967c-3cf342181b40",
    }
    assert shop.stock("KEU-1004") == (12, 12)
    delivery = shop.state()["orders"][0]["deliveries"][0]
    assert (delivery["state"], delivery["tracking_codes"]) == ("shipped", ["3SNODE"])
    assert_published(shop)


def assert_published(shop: ShopwareCaller) -> None:
    """Every answer that a client got is published."""
    assert isinstance(shop.sandbox, RecordedSandbox)
    calls = asking.of_system(SHOPWARE, shop.sandbox.made)
    assert len(calls) > 5
    assert asking.answer_problems(SHOPWARE, SPECS, calls) == []
