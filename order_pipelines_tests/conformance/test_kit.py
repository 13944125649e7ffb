"""The kit itself: what it finds in calls that are wrong, and that a system is added with a row and a driver."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from order_pipelines_tests.conformance import asking
from order_pipelines_tests.conformance.bol_system import BOL
from order_pipelines_tests.conformance.exact_system import EXACT
from order_pipelines_tests.conformance.exchanges import Exchange
from order_pipelines_tests.conformance.kit import Document, System
from order_pipelines_tests.conformance.shared_folder import SHARED
from order_pipelines_tests.conformance.spec import Specification
from order_pipelines_tests.conformance.toy_system import DOCUMENT, TOYS, ToySandbox
from order_pipelines_tests.sandbox.bol_caller import V10, V11

SPECS = SHARED / "specs"
NOWHERE = Path("/nonexistent")


def exchange(system: str, method: str, path: str, **more: Any) -> Exchange:
    """Return a call as it would have been overheard; bodies are given as values."""
    told = {
        "query": (),
        "accepted": (V10,),
        "sent_media_type": None,
        "sent": b"",
        "status": 200,
        "media_type": V10,
        "body": {},
    } | more
    for member in ("sent", "body"):
        if not isinstance(told[member], bytes):
            told[member] = json.dumps(told[member]).encode()
    return Exchange(system, method, path, **told)


def wrong_with(system: System, call: Exchange) -> list[str]:
    """Return what is wrong with one call, without the call's own name."""
    return [problem.removeprefix(f"{call}: ") for problem in asking.problems(system, SPECS, [call])]


def test_a_member_that_bol_does_not_publish_is_found() -> None:
    """An unknown member, a missing one, a wrong type, a time without zone."""
    row = {"orderId": 7, "orderPlacedDateTime": "2026-11-18T10:30:15", "orderItems": [], "priority": True}
    listed = {"orders": [row, {"orderId": "1", "orderItems": []}]}
    assert wrong_with(BOL, exchange("bol", "GET", "/retailer/orders", body=listed)) == [
        "$.orders[0].orderId: 7 is not of type 'string'",
        "$.orders[0].orderPlacedDateTime: '2026-11-18T10:30:15' is not a 'date-time'",
        "$.orders[0]: Additional properties are not allowed ('priority' was unexpected)",
        "$.orders[1]: 'orderPlacedDateTime' is a required property",
    ]


def test_statuses_media_types_and_parameters_that_bol_does_not_publish_are_found() -> None:
    orders = "/retailer/orders"
    assert wrong_with(BOL, exchange("bol", "GET", orders, status=418)) == [
        "status 418 is neither published nor known"
    ]
    assert wrong_with(BOL, exchange("bol", "GET", orders, media_type=V11)) == [f"{V11} is not among {V10}"]
    assert wrong_with(BOL, exchange("bol", "GET", orders, accepted=("text/csv",))) == [
        f"text/csv is accepted, {V10} is given"
    ]
    query = (("status", "SOLD"), ("colour", "red"))
    assert wrong_with(BOL, exchange("bol", "GET", orders, query=query)) == [
        "parameter colour is not known",
        "parameter status: $: 'SOLD' is not one of ['OPEN', 'SHIPPED', 'ALL']",
    ]
    assert wrong_with(BOL, exchange("bol", "GET", "/retailer/nothing")) == [
        "no such operation is published",
        "status 200 is neither published nor known",
    ]


def test_a_request_that_is_refused_and_is_good_is_found() -> None:
    """A stand-in that refuses what it should take would hide that we send it rightly."""
    problem = json.loads(
        (SHARED / "samples/bol/error_400_invalid_reason_code.json").read_text(encoding="utf-8")
    )
    cancellation = {"orderItems": [{"orderItemId": "1", "reasonCode": "OUT_OF_STOCK"}]}
    call = exchange(
        "bol",
        "PUT",
        "/retailer/orders/cancellation",
        sent_media_type=V10,
        sent=cancellation,
        status=400,
        body=problem,
    )
    assert wrong_with(BOL, call) == ["was refused and is a good request"]
    cancellation["orderItems"][0]["reasonCode"] = "Unknown"
    assert wrong_with(BOL, replace(call, sent=json.dumps(cancellation).encode())) == []


def test_what_exact_does_not_publish_is_found() -> None:
    """An unknown member, one that cannot be written, wrong types, a member of a line, a parameter, a status."""
    written = {"YourRef": "BOL-1", "Status": 20, "SalesEntryLines": [{"VATPercent": 21}]}
    row = {"EntryID": 7, "Status": "20", "Colour": "red", "SalesEntryLines": {"results": [{"Weight": 1}]}}
    call = exchange(
        "exact_online",
        "POST",
        "/api/v1/1/salesentry/SalesEntries",
        query=(("$select", "EntryID,Size"), ("fields", "all")),
        accepted=("application/json",),
        sent_media_type="application/json",
        sent=written,
        status=201,
        media_type="application/json",
        body={"d": row},
    )
    assert wrong_with(EXACT, call) == [
        "$select: salesentry/SalesEntries has no Size",
        "parameter fields is not known",
        "salesentry/SalesEntries has no Colour",
        "salesentry/SalesEntries.EntryID: 7 is no Edm.Guid",
        "salesentry/SalesEntries.Status cannot be written",
        "salesentry/SalesEntries.Status: '20' is no Edm.Int16",
        "salesentry/SalesEntryLines has no VATPercent",
        "salesentry/SalesEntryLines has no Weight",
    ]
    assert wrong_with(EXACT, replace(call, status=200, query=(), sent=b"{}")) == [
        "status 200 is not how POST succeeds"
    ]
    refused = {"error": {"code": "17", "message": {"lang": "", "value": "Naam verplicht"}}}
    assert wrong_with(
        EXACT, replace(call, status=500, query=(), sent=b"{}", body=json.dumps(refused).encode())
    ) == [
        "$: {'error': {'code': '17', 'message': {'lang': '', 'value': 'Naam verplicht'}}} is not valid under any of "
        "the given schemas"
    ]


def test_a_system_is_added_with_a_row_and_a_driver(tmp_path: Path) -> None:
    """Everything that `test_systems.py` asks, asked of one that is in no list."""
    with ToySandbox() as sandbox:
        calls = asking.driven(TOYS, sandbox)
        operations = list(TOYS.operations(sandbox))
    assert sandbox.toys.writes == [{"name": "top", "price": 3}]
    assert asking.problems(TOYS, NOWHERE, calls) == []
    assert asking.answers(TOYS, NOWHERE, calls) == {
        "GET /toys/v1/toys": [200, 400],
        "PUT /toys/v1/toys/{name}": [204, 400, 404],
        None: [404],
    }
    assert asking.gaps(TOYS, NOWHERE, operations) == []
    (tmp_path / "toys").mkdir()
    (tmp_path / "toys" / "page.json").write_text('{"toys": [], "total": 0}', encoding="utf-8")
    assert asking.evidence_problems(TOYS.documents[0], NOWHERE, tmp_path) == []


def test_what_is_wrong_with_a_new_stand_in_is_found() -> None:
    """It sends a member of its own, and the row forgets an operation and a status and excuses what is not missing."""
    with ToySandbox(extra={"colour": "red"}) as sandbox:
        calls = asking.driven(TOYS, sandbox)
        operations = list(TOYS.operations(sandbox))
    assert asking.problems(TOYS, NOWHERE, calls) == [
        "GET /toys/v1/toys answered 200: $.toys[0]: Unevaluated properties are not allowed ('colour' was unexpected)"
    ]
    forgetful = replace(
        TOYS,
        answers={None: (404,), "GET /toys/v1/toys": (200,), "GET /toys/v1/kites": (200,)},
        never={("GET /toys/v1/toys", 500): "it never fails"},
    )
    with pytest.raises(KeyError, match="kites"):
        asking.gaps(forgetful, NOWHERE, operations)
    forgetful = replace(forgetful, answers={None: (404,), "GET /toys/v1/toys": (200,)})
    assert asking.gaps(forgetful, NOWHERE, operations) == [
        "GET /toys/v1/toys 400: published and never answered",
        "GET /toys/v1/toys 500: excused and not needed",
        "PUT /toys/v1/toys/{}: offered and not driven",
    ]


def test_an_error_that_no_real_answer_shows_is_found(tmp_path: Path) -> None:
    """An answer that fits what is published proves nothing, nor does one that fits neither text."""
    (tmp_path / "toys").mkdir()
    page = tmp_path / "toys" / "page.json"
    page.write_text('{"toys": [], "total": "none"}', encoding="utf-8")
    assert asking.evidence_problems(TOYS.documents[0], NOWHERE, tmp_path) == [
        "the number of toys: toys/page.json fits what is published",
        "the number of toys: toys/page.json: $.total: 'none' is not of type 'integer'",
    ]


def test_a_known_error_must_have_its_place() -> None:
    misplaced = replace(TOYS.documents[0].known_errors[0], place=("paths", "/kites", "get"))
    with pytest.raises(KeyError, match="kites"):
        Document(DOCUMENT, (misplaced,)).read(NOWHERE)


def test_the_same_toys_in_openapi_3_1_are_read_alike() -> None:
    """Null as a type, bounds as numbers, a path on the server, a body of its own name."""
    toy = {
        "allOf": [
            {"$ref": "#/components/schemas/Named"},
            {
                "required": ["price"],
                "properties": {
                    "price": {"type": "number", "exclusiveMinimum": 0},
                    "maker": {"anyOf": [{"$ref": "#/components/schemas/Named"}, {"type": "null"}]},
                },
            },
        ]
    }
    named = DOCUMENT["definitions"]["Named"]
    body = {
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Toy"}}},
        "required": True,
    }
    document = Specification(
        {
            "openapi": "3.1.0",
            "servers": [{"url": "https://toys.example/toys/v1"}],
            "components": {"schemas": {"Named": named, "Toy": toy}, "requestBodies": {"toy": body}},
            "paths": {
                "/toys/{name}": {
                    "put": {
                        "requestBody": {"$ref": "#/components/requestBodies/toy"},
                        "responses": {"204": {}},
                    }
                }
            },
        }
    )
    call = exchange("toys", "PUT", "/toys/v1/toys/top", sent_media_type="application/json", accepted=("*/*",))
    operation = document.operation_of(call)
    assert operation == "PUT /toys/v1/toys/{name}"
    for sent, expected in (
        ({"name": "top", "price": 1, "maker": None}, []),
        ({"name": "top", "price": 0}, ["$.price: 0 is less than or equal to the minimum of 0"]),
        ({"price": 1}, ["$: 'name' is a required property"]),
        ({}, ["$: 'name' is a required property", "$: 'price' is a required property"]),
    ):
        assert document.request_problems(operation, replace(call, sent=json.dumps(sent).encode())) == expected


@pytest.mark.parametrize(
    ("file", "operations", "operation"),
    [
        ("mirakl/mirakl-mmp-seller-openapi.json", 122, "GET /api/orders"),
        ("shopware/adminapi.json", 1059, "POST /api/search/order"),
        ("amazon/models/ordersV0.json", 10, "GET /orders/v0/orders"),
        ("zalando/orders_1.1.1.condensed.openapi.yaml", 6, "GET /merchants/{merchant_id}/orders"),
    ],
)
def test_the_documents_of_the_next_systems_can_be_read(file: str, operations: int, operation: str) -> None:
    """OpenAPI 3.1 and 3.0, Swagger 2, JSON and YAML: nothing in them is beyond the kit."""
    document = Specification(SPECS / file)
    assert len(document.operations) == operations
    assert operation in document.operations
