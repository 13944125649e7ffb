"""The OpenAPI document: well formed, complete, and of the routes that there are."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from order_pipelines.live.carts import MOST_PIECES, STATUS
from order_pipelines.live.openapi import document
from order_pipelines.services.reservation_rules import Refusal
from order_pipelines_tests.live.cart_door import CartDoor

DOCUMENT = document()
METHODS = ("get", "post", "delete")


def _operations() -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item, item[method]


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(reference := value.get("$ref"), str):
            yield reference
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


def test_it_is_openapi_3_1_and_every_reference_leads_somewhere() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    schemas = DOCUMENT["components"]["schemas"]
    for reference in _references(DOCUMENT):
        assert reference.removeprefix("#/components/schemas/") in schemas, reference
    named = {reference.rsplit("/", 1)[1] for reference in _references(DOCUMENT)}
    assert named == set(schemas)


@pytest.mark.parametrize("name", sorted(DOCUMENT["components"]["schemas"]))
def test_every_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(DOCUMENT["components"]["schemas"][name])


def test_every_operation_has_a_name_an_owner_and_answers() -> None:
    names = [operation["operationId"] for _, _, _, operation in _operations()]
    assert len(names) == len(set(names)) == 8
    for path, _, item, operation in _operations():
        declared = {one["name"] for one in item.get("parameters", []) if one["in"] == "path"}
        assert set(re.findall(r"{(\w+)}", path)) == declared
        assert all(one["required"] for one in item.get("parameters", []))
        assert "security" in operation
        for status, answer in operation["responses"].items():
            assert re.fullmatch(r"[2-5]\d\d", status)
            assert answer["description"]
        if path.startswith("/reservations"):
            assert operation["security"] == [{"reservationKey": []}]
            assert {"401", "403", "503"} <= operation["responses"].keys()


def test_every_refusal_of_a_cart_has_a_status_and_is_described() -> None:
    codes = set(get_args(Refusal))
    assert set(STATUS) == codes
    assert codes <= set(DOCUMENT["components"]["schemas"]["Refusal"]["properties"]["error"]["enum"])
    assert DOCUMENT["components"]["schemas"]["Item"]["properties"]["quantity"]["maximum"] == MOST_PIECES


def test_it_describes_every_route_and_no_other(carts: CartDoor) -> None:
    from order_pipelines.live.app import Door
    from order_pipelines.live.carts import Carts, Keys

    door = Door(carts.lane, Carts(carts.shop.shop, carts.lane.nudge), Keys(carts.shop.shop), largest_body=1)
    routes = {
        (getattr(route, "path", ""), method.lower())
        for route in door.app.routes
        for method in getattr(route, "methods", None) or ()
        if method != "HEAD"
    }
    door.close()
    assert routes == {(path, method) for path, method, _, _ in _operations()}
    assert carts.document == DOCUMENT
