"""A system of two operations, with all that adding one takes: a stand-in, a row, a driver and a document.

It proves that the kit asks the same of a system that it has never seen, and shows the next author what to write.
"""

import json
from collections.abc import Iterator
from typing import Any

import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from order_pipelines.sandbox.server import Sandbox
from order_pipelines.sandbox.standin import FaultBook
from order_pipelines_tests.conformance.exchanges import RecordedSandbox
from order_pipelines_tests.conformance.kit import Document, OpenApi, System, Unlisted
from order_pipelines_tests.conformance.spec import KnownError

# Swagger 2, with parts that are referred to, parts built on parts, and a base path.
DOCUMENT: dict[str, Any] = {
    "swagger": "2.0",
    "basePath": "/toys/v1",
    "consumes": ["application/json"],
    "produces": ["application/json"],
    "parameters": {"page": {"in": "query", "name": "page", "type": "integer", "minimum": 1}},
    "responses": {"refused": {"schema": {"$ref": "#/definitions/Refusal"}}},
    "definitions": {
        "Refusal": {"type": "object", "required": ["message"], "properties": {"message": {"type": "string"}}},
        "Named": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        "Toy": {
            "allOf": [
                {"$ref": "#/definitions/Named"},
                {
                    "type": "object",
                    "required": ["price"],
                    "properties": {
                        "price": {"type": "number", "minimum": 0, "exclusiveMinimum": True},
                        "maker": {"$ref": "#/definitions/Named", "x-nullable": True},
                    },
                },
            ]
        },
    },
    "paths": {
        "/toys": {
            "parameters": [{"$ref": "#/parameters/page"}],
            "get": {
                "responses": {
                    "200": {
                        "schema": {
                            "type": "object",
                            "required": ["toys", "total"],
                            "properties": {
                                "toys": {"type": "array", "items": {"$ref": "#/definitions/Toy"}},
                                "total": {"type": "string"},
                            },
                        }
                    },
                    "400": {"$ref": "#/responses/refused"},
                }
            },
        },
        "/toys/{name}": {
            "put": {
                "parameters": [
                    {"in": "body", "name": "toy", "required": True, "schema": {"$ref": "#/definitions/Toy"}}
                ],
                "responses": {
                    "204": {},
                    "400": {"$ref": "#/responses/refused"},
                    "404": {"$ref": "#/responses/refused"},
                },
            }
        },
    },
}


class ToyStandIn:
    """Sells one top. ``extra`` is a member that it puts into each toy, of which the document knows nothing."""

    system = "toys"

    def __init__(self, extra: dict[str, Any] | None = None) -> None:
        self.faults = FaultBook()
        self.writes: list[dict[str, Any]] = []
        self._extra = extra or {}
        self.routes = [
            Route("/toys/v1/toys", self._list, methods=["GET"]),
            Route("/toys/v1/toys/{name}", self._write, methods=["PUT"]),
        ]
        self._app = Starlette(routes=self.routes)

    @property
    def app(self) -> ASGIApp:
        return self._app

    def accounts(self) -> list[str]:
        return ["toyshop"]

    def describe(self, base_url: str) -> list[dict[str, Any]]:
        return [{"system": "toys", "account": "toyshop", "base_url": base_url, "credentials": {}}]

    def state(self, account: str) -> dict[str, Any]:
        return {"writes": self.writes}

    async def _list(self, request: Request) -> Response:
        if not request.query_params.get("page", "1").isdigit():
            return JSONResponse({"message": "page is a number"}, 400)
        toy = {"name": "top", "price": 2.5, "maker": None, **self._extra}
        return JSONResponse({"toys": [toy], "total": 1})

    async def _write(self, request: Request) -> Response:
        toy = json.loads(await request.body())
        if "price" not in toy:
            return JSONResponse({"message": "a toy has a price"}, 400)
        if request.path_params["name"] != "top":
            return JSONResponse({"message": "no such toy"}, 404)
        self.writes.append(toy)
        return Response(status_code=204)


class ToySandbox(RecordedSandbox):
    """A sandbox with one system more."""

    def __init__(self, extra: dict[str, Any] | None = None) -> None:
        self._extra = extra
        super().__init__(control_port=0, relaxed=True)

    def _found_a_world(self) -> None:
        super()._found_a_world()
        self.toys = ToyStandIn(self._extra)
        self.standins.append(self.toys)


def drive_toys(sandbox: RecordedSandbox) -> None:
    """Every operation well, badly and for nothing."""
    address = next(row["base_url"] for row in sandbox.systems() if row["system"] == "toys") + "/toys/v1/toys"
    requests.get(address, params={"page": 1}, timeout=5)
    requests.get(address, params={"page": "one"}, timeout=5)
    requests.put(f"{address}/top", json={"name": "top", "price": 3}, timeout=5)
    requests.put(f"{address}/top", json={"name": "top"}, timeout=5)
    requests.put(f"{address}/kite", json={"name": "kite", "price": 9.5}, timeout=5)
    requests.get(f"{address}s", timeout=5)


def _operations(sandbox: Sandbox) -> Iterator[str]:
    assert isinstance(sandbox, ToySandbox)
    for route in sandbox.toys.routes:
        yield from (f"{method} {route.path}" for method in (route.methods or ()) if method != "HEAD")


_DOCUMENTS = (
    Document(
        DOCUMENT,
        (
            KnownError(
                "the number of toys",
                "it comes as a number, and is typed as text",
                ("paths", "/toys", "get", "responses", "200", "schema", "properties", "total", "type"),
                "integer",
                ("GET /toys/v1/toys", 200, "toys/page.json"),
            ),
        ),
    ),
)
_UNLISTED = (
    Unlisted((404,), "the web server's own word for an address that is not there", {"const": "Not Found"}),
)

TOYS = System(
    name="toys",
    published=lambda specs: OpenApi(specs, _DOCUMENTS, _UNLISTED),
    operations=_operations,
    drive=drive_toys,
    answers={
        None: (404,),
        "GET /toys/v1/toys": (200, 400),
        "PUT /toys/v1/toys/{name}": (204, 400, 404),
    },
    sends=(),
    own_tests=(),
    documents=_DOCUMENTS,
    unlisted=_UNLISTED,
    no_client="nobody has published one",
)
