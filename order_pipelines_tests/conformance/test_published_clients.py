"""Clients that other people published do their work against the stand-ins, each in an environment of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from order_pipelines_tests.conformance import asking
from order_pipelines_tests.conformance.bol_system import BOL
from order_pipelines_tests.conformance.exact_system import EXACT
from order_pipelines_tests.conformance.exchanges import RecordedSandbox
from order_pipelines_tests.conformance.kit import System
from order_pipelines_tests.conformance.mirakl_system import MIRAKL
from order_pipelines_tests.conformance.shared_folder import SHARED
from order_pipelines_tests.services.shop_world import MAIN

SPECS = SHARED / "specs"

# The first run makes the environments.
pytestmark = [pytest.mark.xdist_group("clients"), pytest.mark.timeout(600)]


@pytest.fixture
def sandbox() -> Iterator[RecordedSandbox]:
    with RecordedSandbox(control_port=0, relaxed=True) as running:
        yield running


def given_to(system: System, sandbox: RecordedSandbox, **more: Any) -> dict[str, Any]:
    """Return what every script is told: an account's addresses and credentials, and the control port."""
    row = next(row for row in sandbox.systems() if row["system"] == system.name)
    return {"row": row, "control": sandbox.control_url, **more}


def operations(system: System, sandbox: RecordedSandbox) -> list[str]:
    """Return what the client asked for and was given, by operation and status."""
    found = asking.answers(system, SPECS, asking.of_system(system, sandbox.made))
    return sorted(f"{operation} {status}" for operation, statuses in found.items() for status in statuses)


def test_python_bol_api_latest_does_its_work_at_bol(sandbox: RecordedSandbox) -> None:
    wish = {"lines": [{"sku": "KEU-1001", "quantity": 2}, {"sku": "KEU-1003", "quantity": 1}], "force": True}
    order_id = sandbox.bol.place_order(MAIN, wish)
    before = sandbox.bol.state(MAIN)
    first, second = (item["order_item_id"] for item in before["orders"][0]["items"])
    offer_id = next(offer["offer_id"] for offer in before["offers"] if offer["sku"] == "KEU-1001")
    got = asking.run_client(BOL, given_to(BOL, sandbox, order_id=order_id, offer_id=offer_id))
    assert got == {
        "token": ["Bearer", "RETAILER", 299],
        "orders": [[order_id, [first, second]]],
        "page after the last": 0,
        "order": [
            order_id,
            "NL",
            True,
            [["8720999001018", 2, "39.95", "79.9"], ["8720999001032", 1, "49.95", "49.95"]],
        ],
        "no such order": "HTTPError 404",
        "accepted": [["CREATE_SHIPMENT", first, "PENDING"], ["CANCEL_ORDER", second, "PENDING"]],
        "wrong reason": "HTTPError 400",
        "done": ["SUCCESS", True],
        "done together": ["SUCCESS", "SUCCESS"],
        "done to the item": ["CREATE_SHIPMENT"],
        "transport": "HTTPError 404",
        "shipment": [order_id, "TNT", "3SBOL1"],
        "offer": [offer_id, "8720999001018", 42],
        "stock": ["SUCCESS", 17],
        "export": [62, [[offer_id, "8720999001018", "17"]]],
        "return": [[order_id, 1, "Verkeerd besteld"]],
        "expired": "HTTPError 401",
        "logged in again": order_id,
    }
    after = sandbox.bol.state(MAIN)
    items = after["orders"][0]["items"]
    assert [(item["quantity_shipped"], item["quantity_cancelled"]) for item in items] == [(1, 0), (0, 1)]
    assert [(one["reference"], one["track_and_trace"]) for one in after["shipments"]] == [
        ("parcel 1", "3SBOL1")
    ]
    assert next(offer["amount"] for offer in after["offers"] if offer["offer_id"] == offer_id) == 17
    assert [(write["method"], write["path"], write["status"]) for write in after["writes"]] == [
        ("POST", "/retailer/shipments", 202),
        ("PUT", "/retailer/orders/cancellation", 202),
        ("PUT", "/retailer/orders/cancellation", 400),
        # The client's own mistake: see its script.
        ("PUT", f"/retailer/{after['shipments'][0]['transport_id']}", 404),
        ("PUT", f"/retailer/offers/{offer_id}/stock", 202),
        ("POST", "/retailer/offers/export", 202),
    ]
    assert (len(after["token_requests"]), after["token_violations"]) == (2, [])
    assert asking.answer_problems(BOL, SPECS, asking.of_system(BOL, sandbox.made)) == []
    assert operations(BOL, sandbox) == [
        "GET /retailer/offers/export/{report-id} 200",
        "GET /retailer/offers/{offer-id} 200",
        "GET /retailer/orders 200",
        "GET /retailer/orders 401",
        "GET /retailer/orders/{order-id} 200",
        "GET /retailer/orders/{order-id} 404",
        "GET /retailer/returns 200",
        "GET /retailer/returns/{return-id} 200",
        "GET /retailer/shipments 200",
        "GET /retailer/shipments/{shipment-id} 200",
        "GET /shared/process-status 200",
        "GET /shared/process-status/{process-status-id} 200",
        "None 404",
        "POST /retailer/offers/export 202",
        "POST /retailer/shipments 202",
        "POST /shared/process-status 200",
        "POST /token 200",
        "PUT /retailer/offers/{offer-id}/stock 202",
        "PUT /retailer/orders/cancellation 202",
        "PUT /retailer/orders/cancellation 400",
    ]


def test_exactonline_does_its_work_at_exact_online(sandbox: RecordedSandbox, tmp_path: Path) -> None:
    today = sandbox.clock.now().date().isoformat()
    got = asking.run_client(EXACT, given_to(EXACT, sandbox, today=today, ini=str(tmp_path / "exact.ini")))
    assert got == {
        "divisions": [[3456700, 3456701], 3456700],
        # Seven of the shop and 130 of its costs: three pages.
        "ledger": 137,
        "ledger by code": ["8000", "8010"],
        "journals": ["20", "60", "70", "71", "90"],
        "vat codes": 10,
        "vat": [["2  ", 0.21]],
        "debtor": ["Verzameldebiteur bol.com hoofdaccount"],
        "no debtor": "ObjectDoesNotExist",
        "created": ["CLIENT-1", "70", 121],
        "customer": ["Theehuis Bij de Sluis", "Deventer"],
        "lines": [["Thee", 100, 21]],
        "numbers": ["CLIENT-1", "CLIENT-2"],
        "by period": 1,
        "paging": 131,
        "refused": "HTTPError 500",
        "after a new token": 10,
        "after a 401": 10,
        "tokens are new": 6,
        "kept": True,
    }
    state = sandbox.exact_online.state("exact")
    assert [entry["your_ref"] for entry in state["entries"]] == [
        f"CLIENT-{number}" for number in range(1, 132)
    ]
    assert {
        (entry["amount_fc"], entry["vat_amount_fc"], entry["journal"], entry["entry_date"])
        for entry in state["entries"]
    } == {("121.00", "21.00", "70", today)}
    assert state["duplicates_by_your_ref"] == {}
    assert [one["name"] for one in state["customers"] if one["code"] == "4711"] == ["Theehuis Bij de Sluis"]
    # The consent, the exchange in good time and the one after the 401, all of one chain, and none was refused.
    assert [(one["refreshes"], one["is_dead"]) for one in state["chains"] if one["access_valid"]] == [
        (2, False)
    ]
    assert state["token_refusals"] == []
    assert asking.answer_problems(EXACT, SPECS, asking.of_system(EXACT, sandbox.made)) == []
    assert operations(EXACT, sandbox) == [
        "GET /api/oauth2/auth 302",
        "GET crm/Accounts 200",
        "GET current/Me 200",
        "GET financial/GLAccounts 200",
        "GET financial/Journals 200",
        "GET hrm/Divisions 200",
        "GET salesentry/SalesEntries 200",
        "GET salesentry/SalesEntries({key})/SalesEntryLines 200",
        "GET vat/VATCodes 200",
        "GET vat/VATCodes 401",
        "POST /api/oauth2/token 200",
        "POST crm/Accounts 201",
        "POST salesentry/SalesEntries 201",
        "POST salesentry/SalesEntries 500",
        "PUT crm/Accounts({key}) 204",
    ]


def test_mirakl_lib_and_mirakl_api_client_do_their_work_at_mirakl(sandbox: RecordedSandbox) -> None:
    wish = {"lines": [{"sku": "KEU-1001", "quantity": 2}], "phone": True}
    ids = [sandbox.mirakl.place_order("blokker", wish) for _ in range(3)]
    got = asking.run_client(MIRAKL, given_to(MIRAKL, sandbox, order_ids=ids))
    assert got == {
        "pages": [ids[:2], ids[2:]],
        "order": ["WAITING_ACCEPTANCE", "KEU-1001", 2, 79.9, 84.85],
        "address": None,
        "accepted twice": "HTTPError 400",
        "wrong key": "HTTPError 401",
        "paid": "ValidationError",
        "shop": 2041,
        "carriers": ["postnl", "dhl-nl", "dpd"],
        "reasons": ["17", "18", "19", "14"],
        "taxes": ["VAT"],
        "done": [204, 204, 400, 200, 400],
        "shown": ["SHIPPED", "3SCLIENT", 5],
        "account": [
            ["ORDER_AMOUNT", 79.9],
            ["ORDER_SHIPPING_AMOUNT", 4.95],
            ["COMMISSION_FEE", -10.18],
            ["COMMISSION_VAT", -2.14],
            ["REFUND_ORDER_AMOUNT", -5],
            ["REFUND_COMMISSION_FEE", 0.6],
            ["REFUND_COMMISSION_VAT", 0.13],
        ],
        "offers": [43, 404],
        "import": "COMPLETE",
        "error report": 404,
    }
    after = sandbox.mirakl.state("blokker")
    assert [order["state"] for order in after["orders"]] == [
        "SHIPPED",
        "WAITING_ACCEPTANCE",
        "WAITING_ACCEPTANCE",
    ]
    assert [(one["amount"], one["quantity"]) for one in after["refunds"]] == [("5", 0)]
    offer = next(offer for offer in after["offers"] if offer["sku"] == "KEU-1001")
    assert (offer["price"], offer["quantity"], offer["description"]) == ("19.95", 3, None)
    assert asking.answer_problems(MIRAKL, SPECS, asking.of_system(MIRAKL, sandbox.made)) == []
    assert operations(MIRAKL, sandbox) == [
        "GET /api/account 200",
        "GET /api/offers 200",
        "GET /api/offers/imports/{import} 200",
        "GET /api/offers/imports/{import}/error_report 404",
        "GET /api/offers/{offer} 404",
        "GET /api/orders 200",
        "GET /api/orders 401",
        "GET /api/orders/taxes 200",
        "GET /api/reasons/{reason_type} 200",
        "GET /api/sellerpayment/transactions_logs 200",
        "GET /api/shipping/carriers 200",
        "POST /api/offers/imports 201",
        "PUT /api/orders/refund 200",
        "PUT /api/orders/{order_id}/accept 204",
        "PUT /api/orders/{order_id}/accept 400",
        "PUT /api/orders/{order_id}/cancel 400",
        "PUT /api/orders/{order_id}/ship 204",
        "PUT /api/orders/{order_id}/ship 400",
        "PUT /api/orders/{order_id}/tracking 204",
    ]
