"""``order-pipelines inspect`` over the real and documented payloads: what it says of each is typed in here."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from order_pipelines_tests.conformance.shared_folder import SHARED
from order_pipelines_tests.house.checkout import ROOT

BOL_ORDERS: dict[str, list[dict[str, Any]]] = {
    "order_1042823870_fbb_multiline_b2b.json": [
        {
            "external_order_id": "1042823870",
            "ordered_at": "2019-04-30T14:47:32Z",
            "ship_country": "NL",
            "order_total_incl_vat": "52.97",
            "commission_total": "8.59",
            "order_status": "completed",
            "fulfilment_status": "channel_fulfilled",
            "own_fulfilment": False,
            "stock_effect": {},
            "lines": [
                ("6107771545", "MijnOffer0021", "8785056370398", 1, 0, 1, "19.99", None, "19.99", "2.21"),
                ("6107771546", "MijnOffer1121", "8717418510749", 1, 0, 1, "32.98", None, "32.98", "6.38"),
            ],
        }
    ],
    "order_1043946570_fbr.json": [
        {
            "external_order_id": "1043946570",
            "ordered_at": "2019-04-29T16:18:21Z",
            "ship_country": "NL",
            "order_total_incl_vat": "33.00",
            "commission_total": "2.22",
            "order_status": "completed",
            "fulfilment_status": "shipped",
            "own_fulfilment": True,
            "stock_effect": {"MijnOffer6627": -3},
            "lines": [
                ("6042823871", "MijnOffer6627", "8717418510749", 3, 0, 3, "11.00", None, "33.00", "2.22")
            ],
        }
    ],
    "order_A4K8290LP0_fbr.json": [
        {
            "external_order_id": "A4K8290LP0",
            "ordered_at": "2019-12-06T12:04:34Z",
            "ship_country": "NL",
            "order_total_incl_vat": "34.99",
            "commission_total": "2.22",
            "order_status": "completed",
            "fulfilment_status": "shipped",
            "own_fulfilment": True,
            "stock_effect": {"MijnOffer0021": -1},
            "lines": [
                ("2070906705", "MijnOffer0021", "8718846038683", 1, 0, 1, "34.99", None, "34.99", "2.22")
            ],
        }
    ],
    "order_with_discount_v10.22.json": [
        {
            "external_order_id": "A2K8290LP8",
            "ordered_at": "2026-03-09T11:39:48Z",
            "ship_country": "NL",
            "order_total_incl_vat": "118.91",
            "commission_total": "5.18",
            "order_status": "open",
            "fulfilment_status": "not_shipped",
            "own_fulfilment": True,
            "stock_effect": {"BOLCOM00123": -10},
            "lines": [
                ("2012345678", "BOLCOM00123", "0000007740404", 10, 0, 0, "12.99", "10.99", "118.91", "5.18")
            ],
        }
    ],
    "orders_list_fbb_page1.json": [
        {
            "external_order_id": "1043965710",
            "ordered_at": "2019-04-30T19:56:39Z",
            "ship_country": None,
            "order_total_incl_vat": None,
            "commission_total": None,
            "order_status": "completed",
            "fulfilment_status": "channel_fulfilled",
            "own_fulfilment": False,
            "stock_effect": {},
            "lines": [("6107989317", None, "8717418510749", 2, 1, 1, None, None, None, None)],
        },
        {
            "external_order_id": "1042823870",
            "ordered_at": "2019-04-30T14:47:32Z",
            "ship_country": None,
            "order_total_incl_vat": None,
            "commission_total": None,
            "order_status": "completed",
            "fulfilment_status": "channel_fulfilled",
            "own_fulfilment": False,
            "stock_effect": {},
            "lines": [
                ("6107771545", None, "8785056370398", 1, 0, 1, None, None, None, None),
                ("6107771546", None, "8785073140359", 1, 0, 1, None, None, None, None),
            ],
        },
    ],
    "orders_list_fbr_page1.json": [
        {
            "external_order_id": "1043946570",
            "ordered_at": "2019-04-29T16:18:21Z",
            "ship_country": None,
            "order_total_incl_vat": None,
            "commission_total": None,
            "order_status": "completed",
            "fulfilment_status": "shipped",
            "own_fulfilment": True,
            "stock_effect": {"ean:8717418510749": -3},
            "lines": [("6042823871", None, "8717418510749", 3, 0, 3, None, None, None, None)],
        },
        {
            "external_order_id": "1042831430",
            "ordered_at": "2019-04-20T10:58:39Z",
            "ship_country": None,
            "order_total_incl_vat": None,
            "commission_total": None,
            "order_status": "completed",
            "fulfilment_status": "shipped",
            "own_fulfilment": True,
            "stock_effect": {"ean:8712626055143": -1, "ean:8804269223123": -1},
            "lines": [
                ("6107331382", None, "8712626055143", 1, 0, 1, None, None, None, None),
                ("6107331383", None, "8804269223123", 1, 0, 1, None, None, None, None),
            ],
        },
        {
            "external_order_id": "A4K8290LP0",
            "ordered_at": "2019-12-06T12:04:34Z",
            "ship_country": None,
            "order_total_incl_vat": None,
            "commission_total": None,
            "order_status": "completed",
            "fulfilment_status": "shipped",
            "own_fulfilment": True,
            "stock_effect": {"ean:8718846038683": -1},
            "lines": [("2070906705", None, "8718846038683", 1, 0, 1, None, None, None, None)],
        },
        {
            "external_order_id": "B3K8290LP0",
            "ordered_at": "2020-01-01T12:04:34Z",
            "ship_country": None,
            "order_total_incl_vat": None,
            "commission_total": None,
            "order_status": "completed",
            "fulfilment_status": "shipped",
            "own_fulfilment": True,
            "stock_effect": {"ean:8718846038683": -1},
            "lines": [("2070906706", None, "8718846038683", 1, 0, 1, None, None, None, None)],
        },
    ],
}
LINE_FACTS = (
    "external_line_id",
    "sku",
    "ean",
    "quantity",
    "quantity_cancelled",
    "quantity_shipped",
    "unit_price_incl_vat",
    "line_discount_incl_vat",
    "line_total_incl_vat",
    "commission",
)

NO_BOL_ORDERS = {
    "cancel_order_item_request.json": "a request about order items",
    "cancel_order_item_response_202.json": "a process status",
    "commission_get.json": "a commission",
    "create_shipment_request.json": "a request about order items",
    "create_shipment_response_202.json": "a process status",
    "error_400_invalid_reason_code.json": "a problem report",
    "error_401_expired_jwt.json": "a problem report",
    "error_401_invalid_client.json": "an error of the token service",
    "error_404_order.json": "a problem report",
    "error_429.json": "a problem report",
    "handle_return_request.json": "an object with handlingResult, quantityReturned",
    "invoice_specification.json": "an invoice specification",
    "invoices_list.json": "a list of invoices",
    "offer_v10_stock_put_request.json": "an object with amount, managedByRetailer",
    "offer_v10_stock_put_response_202.json": "a process status",
    "offer_v11_list_page.json": "a list of offers",
    "offer_v11_not_for_sale_reasons.json": "an offer",
    "offer_v11_patch_stock_request.json": "the stock of an offer",
    "process_status_pending.json": "a process status",
    "return_15892026.json": "a return",
    "returns_unhandled.json": "a list of returns",
    "shipment_914587795.json": "a shipment",
    "shipments_list_fbr.json": "a list of shipments",
    "token_200.json": "an answer of the token service",
    "webhook_order_type_unverified.json": "an event of a subscription",
    "webhook_process_status.json": "an event of a subscription",
    "webhook_shipment.json": "an event of a subscription",
}

B2B_LINES = [
    ("JAS-001-M", "8712345000011", 6, "40.00", "240.00"),
    ("SJAAL-RD", "8712345000042", 12, "8.50", "102.00"),
]


def inspect(system: str, file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "order_pipelines.cli", "inspect", system, str(file)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def orders_in(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert (done.returncode, done.stderr) == (0, "")
    facts = json.loads(done.stdout)
    return facts if isinstance(facts, list) else [facts]


def facts_of(order: dict[str, Any], names: set[str]) -> dict[str, Any]:
    lines = [tuple(line[name] for name in LINE_FACTS) for line in order["lines"]]
    return {name: order[name] for name in names} | {"lines": lines}


def test_every_bol_sample_is_expected_here() -> None:
    """A payload added to the folder must be judged too."""
    payloads = {path.name for path in (SHARED / "samples" / "bol").glob("*.json")}
    assert payloads == BOL_ORDERS.keys() | NO_BOL_ORDERS.keys()
    assert {path.suffix for path in (SHARED / "samples" / "bol").iterdir()} == {".json", ".csv", ".md"}


@pytest.mark.parametrize("name", BOL_ORDERS)
def test_an_order_payload_of_bol_is_read(name: str, shared: Path) -> None:
    expected = BOL_ORDERS[name]
    found = orders_in(inspect("bol", shared / "samples" / "bol" / name))
    assert [facts_of(order, set(expected[0])) for order in found] == expected
    always = {
        "channel": "bol",
        "currency": "EUR",
        "payment_status": "paid_to_platform",
        "counts_in_revenue": True,
    }
    assert [{key: order[key] for key in always} for order in found] == [always] * len(expected)
    # bol says neither what shipping cost nor which VAT is in a price.
    assert {order["shipping_cost_incl_vat"] for order in found} == {None}
    assert {line["vat_rate"] for order in found for line in order["lines"]} == {None}


@pytest.mark.parametrize("name", NO_BOL_ORDERS)
def test_another_payload_of_bol_is_refused_by_what_it_is(name: str, shared: Path) -> None:
    done = inspect("bol", shared / "samples" / "bol" / name)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{name}: orderId is missing; " in done.stderr
    assert f"this looks like {NO_BOL_ORDERS[name]} (missing_field)" in done.stderr


def test_an_export_of_offers_is_no_order_of_bol(shared: Path) -> None:
    done = inspect("bol", shared / "samples" / "bol" / "offers_export_v10.csv")
    assert (done.returncode, done.stdout) == (1, "")
    assert "offers_export_v10.csv: not JSON: " in done.stderr
    assert "line 1, column 1 (not_json)" in done.stderr


@pytest.mark.parametrize(
    ("name", "number", "ordered_at", "first_row"),
    [
        ("order_simple.csv", "PO-2026-0902", None, 2),
        # Midnight of 2 November on the Dutch wall clock.
        ("order_simple.xlsx", "PO-2026-0901", "2026-11-01T23:00:00Z", 6),
        # It names no order: the file's name and content do.
        ("order_simple_nl.csv", "order_simple_nl-3f5ed66c", None, 2),
    ],
)
def test_a_wholesale_file_is_read_without_settings(
    name: str, number: str, ordered_at: str | None, first_row: int, shared: Path
) -> None:
    (order,) = orders_in(inspect("b2b_files", shared / "samples" / "b2b" / name))
    assert (order["external_order_id"], order["ordered_at"], order["channel"]) == (number, ordered_at, "b2b")
    facts = ("sku", "ean", "quantity", "unit_price_excl_vat", "line_total_excl_vat")
    assert [tuple(line[fact] for fact in facts) for line in order["lines"]] == B2B_LINES
    assert [line["row"] for line in order["lines"]] == [first_row, first_row + 1]
    # Prices without VAT and no rate: nothing incl. VAT is known.
    assert {line["line_total_incl_vat"] for line in order["lines"]} == {None}
    assert order["order_total_incl_vat"] is None
    assert order["stock_effect"] == {"JAS-001-M": -6, "SJAAL-RD": -12}
