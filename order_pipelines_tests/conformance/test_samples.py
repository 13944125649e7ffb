"""Real answers, kept before any of this was written: do they fit the publications as we read them?

What does not fit is named here with the reason, so that a mended publication stays as near to the truth as it can.
"""

import json
from pathlib import Path

import pytest

from order_pipelines_tests.conformance.bol_system import BOL
from order_pipelines_tests.conformance.exact_entities import ExactEntities
from order_pipelines_tests.conformance.exact_system import EXACT, NEWER
from order_pipelines_tests.conformance.exchanges import Exchange
from order_pipelines_tests.conformance.shared_folder import SHARED
from order_pipelines_tests.sandbox.bol_caller import V10, V11

SPECS = SHARED / "specs"
SAMPLES = SHARED / "samples"

# From before v10.22, and from v5: kept for their content, and long out of date in their form.
_BEFORE_10_22 = [
    "$.orderItems[{0}]: 'discounts' is a required property",
    "$.orderItems[{0}]: 'totalPrice' is a required property",
]
BOL_SAMPLES: dict[tuple[str, str, int, str], list[str]] = {
    ("GET", "/retailer/orders", 200, "orders_list_fbr_page1"): [],
    ("GET", "/retailer/orders", 200, "orders_list_fbb_page1"): [],
    ("GET", "/retailer/orders/1", 200, "order_1043946570_fbr"): [one.format(0) for one in _BEFORE_10_22],
    ("GET", "/retailer/orders/1", 200, "order_A4K8290LP0_fbr"): [one.format(0) for one in _BEFORE_10_22],
    ("GET", "/retailer/orders/1", 200, "order_1042823870_fbb_multiline_b2b"): [
        one.format(number) for number in range(2) for one in _BEFORE_10_22
    ],
    ("GET", "/retailer/orders/1", 200, "order_with_discount_v10.22"): [],
    ("GET", "/retailer/orders/1", 404, "error_404_order"): [],
    ("PUT", "/retailer/orders/cancellation", 202, "cancel_order_item_response_202"): [],
    ("PUT", "/retailer/orders/cancellation", 400, "error_400_invalid_reason_code"): [],
    ("POST", "/retailer/shipments", 202, "create_shipment_response_202"): [],
    ("GET", "/retailer/returns", 200, "returns_unhandled"): [
        "$.returns[0].returnItems[0]: 'processingResults' is a required property"
    ],
    ("GET", "/retailer/returns/1", 200, "return_15892026"): [
        "$.returnItems[0].customerDetails: 'salutation' is a required property",
        "$.returnItems[0].returnReason: 'customerComments' is a required property",
    ],
    ("PUT", "/retailer/offers/1/stock", 202, "offer_v10_stock_put_response_202"): [],
    ("GET", "/shared/process-status/1", 200, "process_status_pending"): [],
    ("GET", "/retailer/offers", 200, "offer_v11_list_page"): [],
    ("GET", "/retailer/offers/1/not-for-sale-reasons", 200, "offer_v11_not_for_sale_reasons"): [],
    ("POST", "/token", 200, "token_200"): [],
    ("POST", "/token", 401, "error_401_invalid_client"): [],
}


@pytest.mark.parametrize("call", BOL_SAMPLES, ids=[sample for *_, sample in BOL_SAMPLES])
def test_a_real_answer_of_bol_fits(call: tuple[str, str, int, str]) -> None:
    method, path, status, sample = call
    body = (SAMPLES / "bol" / f"{sample}.json").read_bytes()
    media_type = "application/json" if path == "/token" else V11 if "offer_v11" in sample else V10
    exchange = Exchange("bol", method, path, (), (media_type,), None, b"", status, media_type, body)
    assert BOL.published(SPECS).answer_problems(exchange) == BOL_SAMPLES[call]


def recordings(name: str) -> list[Exchange]:
    """Return the recorded calls of a file of Exact's samples."""
    made = []
    for one in json.loads((SAMPLES / "exact" / f"{name}.json").read_text(encoding="utf-8")):
        asked, told = one["request"], one["response"]
        made.append(
            Exchange(
                "exact_online",
                asked["method"],
                asked["path"],
                tuple(asked["query"].items()),
                ("application/json",),
                "application/json" if asked["body"] else None,
                json.dumps(asked["body"]).encode() if asked["body"] else b"",
                told["status"],
                (told["content_type"] or "").partition(";")[0] or None,
                json.dumps(told["body"]).encode() if told["body"] else b"",
            )
        )
    return made


@pytest.mark.parametrize(
    "sample",
    [
        "me",
        "divisions",
        "journals",
        "glaccounts_two_pages",
        "vatcodes",
        "accounts_sync_filter",
        "account_update",
    ],
)
def test_a_recorded_reading_of_exact_fits(sample: str) -> None:
    """Recorded in June 2026, four years after the published file was copied."""
    published = EXACT.published(SPECS)
    found = [
        problem
        for call in recordings(sample)
        if call.method == "GET"
        for problem in (*published.request_problems(call), *published.answer_problems(call))
    ]
    assert found == []


def test_every_newer_member_is_in_a_real_answer_and_not_in_the_published_file() -> None:
    published = ExactEntities(SPECS / "exact" / "exact-entities.json")
    for one in NEWER:
        calls = recordings(Path(one.sample).stem)
        refused = {
            problem for call in calls if call.method == "GET" for problem in published.rows_problems(call)
        }
        assert f"{one.resource} has no {one.member}" in refused
