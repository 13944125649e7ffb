"""Exact Online as the conformance kit knows it: published entities, the token endpoint, errors, and every answer."""

from collections.abc import Iterator
from pathlib import Path

from order_pipelines.sandbox.exact_online.schema import RESOURCES
from order_pipelines.sandbox.server import Sandbox
from order_pipelines_tests.conformance.exact_driver import drive_exact, writes_of
from order_pipelines_tests.conformance.exact_entities import ExactEntities, NewMember
from order_pipelines_tests.conformance.exchanges import Exchange
from order_pipelines_tests.conformance.kit import Client, Document, OpenApi, System, Unlisted

_TEXT = {"type": "string", "minLength": 1}


def _object(**members: object) -> dict[str, object]:
    return {
        "type": "object",
        "required": list(members),
        "properties": members,
        "additionalProperties": False,
    }


_JSON_TOKEN = {
    "schema": _object(
        access_token=_TEXT,
        token_type={"const": "bearer"},
        # A string, as clients of long standing expect it.
        expires_in={"const": "600"},
        refresh_token=_TEXT,
    )
}
_REFUSED_LOGIN = _object(error=_TEXT, error_description=_TEXT)
_REFUSAL = {"content": {"application/json": {"schema": _REFUSED_LOGIN}}}
# The login is described in words only; token_too_early in samples/exact/errors_basic.json is a real refusal.
LOGIN = Document(
    {
        "openapi": "3.1.0",
        "paths": {
            "/api/oauth2/auth": {
                "get": {
                    "parameters": [
                        {"in": "query", "name": name, "required": True, "schema": _TEXT}
                        for name in ("client_id", "redirect_uri")
                    ]
                    + [
                        {
                            "in": "query",
                            "name": "response_type",
                            "required": True,
                            "schema": {"const": "code"},
                        },
                        {"in": "query", "name": "state", "schema": _TEXT},
                        {"in": "query", "name": "force_login", "schema": {"enum": ["0", "1"]}},
                    ],
                    "responses": {"302": {}, "400": {"content": {"text/html": {"schema": _TEXT}}}},
                }
            },
            "/api/oauth2/token": {
                "post": {
                    "requestBody": {
                        "required": True,
                        "content": {
                            "application/x-www-form-urlencoded": {
                                "schema": {
                                    "oneOf": [
                                        _object(
                                            grant_type={"const": "refresh_token"},
                                            refresh_token=_TEXT,
                                            client_id=_TEXT,
                                            client_secret=_TEXT,
                                        ),
                                        _object(
                                            grant_type={"const": "authorization_code"},
                                            code=_TEXT,
                                            redirect_uri=_TEXT,
                                            client_id=_TEXT,
                                            client_secret=_TEXT,
                                        ),
                                    ]
                                }
                            }
                        },
                    },
                    "responses": {
                        "200": {"content": {"application/json": _JSON_TOKEN}},
                        "400": _REFUSAL,
                        "401": _REFUSAL,
                    },
                }
            },
        },
    }
)

_ERROR = _object(error=_object(code={"const": ""}, message=_object(lang={"const": ""}, value=_TEXT)))
_PAGE = {"type": "string", "pattern": "^<html>"}
UNLISTED = (
    Unlisted(
        (400, 401, 403, 404, 405, 406, 415),
        "every error of the data endpoints has this shape; the entities are published without errors",
        _ERROR,
        (
            (401, "exact/errors_basic.json#access_token_expired"),
            (400, "exact/errors_basic.json#mandatory_filter"),
        ),
    ),
    Unlisted(
        (429,),
        "the limits answer without a body, a blocked endpoint with an error, the login as it refuses",
        {"anyOf": [{"type": "null"}, _ERROR, _REFUSED_LOGIN]},
        ((429, "exact/errors_basic.json#min_429"),),
    ),
    Unlisted(
        (500, 503),
        "refusals of the books come as 500 with the error's shape, failures of the server as a page for people",
        {"anyOf": [_ERROR, _PAGE]},
    ),
)
_SUCCESS = {"GET": 200, "POST": 201, "PUT": 204}

NEWER = (
    NewMember("crm/Accounts", "ClientGroup", "Edm.Guid", "exact/account_create.json"),
    NewMember("crm/Accounts", "ClientGroupDescription", "Edm.String", "exact/account_create.json"),
    NewMember("crm/Accounts", "AddressSource", "Edm.Int32", "exact/account_create.json"),
    NewMember("crm/Accounts", "Source", "Edm.Int32", "exact/account_create.json"),
)


class ExactPublished:
    """The entities for data, and the login."""

    def __init__(self, specs: Path) -> None:
        self._entities = ExactEntities(specs / "exact" / "exact-entities.json", NEWER)
        self._login = OpenApi(specs, (LOGIN,), UNLISTED)
        self._errors = {status: one for one in UNLISTED for status in one.statuses}

    def operation_of(self, exchange: Exchange) -> str | None:
        return self._login.operation_of(exchange) or self._entities.operation_of(exchange)

    def statuses(self, operation: str) -> set[int]:
        return (
            self._login.statuses(operation)
            if "/oauth2/" in operation
            else {_SUCCESS[operation.partition(" ")[0]]}
        )

    def request_problems(self, exchange: Exchange) -> list[str]:
        if self._login.operation_of(exchange) is not None:
            return self._login.request_problems(exchange)
        return self._entities.request_problems(exchange)

    def answer_problems(self, exchange: Exchange) -> list[str]:
        if self._login.operation_of(exchange) is not None:
            return self._login.answer_problems(exchange)
        body = exchange.json()
        if exchange.status in self._errors:
            return self._errors[exchange.status].problems(body)
        if exchange.status != _SUCCESS.get(exchange.method):
            return [f"status {exchange.status} is not how {exchange.method} succeeds"]
        if exchange.method == "PUT":
            return [] if body is None else ["a body where none is known"]
        return self._entities.rows_problems(exchange)


_ALWAYS = (400, 401, 403, 404, 406, 429, 500, 503)


def _operations(sandbox: Sandbox) -> Iterator[str]:
    sandbox.reset()
    for path, entity in RESOURCES.items():
        yield f"GET {path}"
        if path != "current/Me":
            yield f"GET {path}({{}})"
            yield from (f"{method} {path}{key}" for method, key in writes_of(sandbox, path))
        yield from (f"GET {path}({{}})/{link}" for link in entity.links if link == "SalesEntryLines")
    yield "GET /api/oauth2/auth"
    yield "POST /api/oauth2/token"


EXACT = System(
    name="exact_online",
    published=ExactPublished,
    operations=_operations,
    drive=drive_exact,
    answers={
        None: (404, 405),
        **{
            f"GET {resource}{key}": (200, *_ALWAYS)
            for resource, key in (
                ("current/Me", ""),
                ("system/Divisions", ""),
                ("system/Divisions", "({key})"),
                ("hrm/Divisions", ""),
                ("hrm/Divisions", "({key})"),
                ("financial/Journals", ""),
                ("financial/Journals", "({key})"),
                ("financial/GLAccounts", ""),
                ("financial/GLAccounts", "({key})"),
                ("vat/VATCodes", ""),
                ("vat/VATCodes", "({key})"),
                ("cashflow/PaymentConditions", ""),
                ("cashflow/PaymentConditions", "({key})"),
                ("crm/Accounts", ""),
                ("crm/Accounts", "({key})"),
                ("salesentry/SalesEntries", ""),
                ("salesentry/SalesEntries", "({key})"),
                ("salesentry/SalesEntries", "({key})/SalesEntryLines"),
                ("salesentry/SalesEntryLines", ""),
                ("salesentry/SalesEntryLines", "({key})"),
            )
        },
        "POST crm/Accounts": (201, 415, *_ALWAYS),
        "PUT crm/Accounts({key})": (204, 415, *_ALWAYS),
        "POST salesentry/SalesEntries": (201, 415, *_ALWAYS),
        "GET /api/oauth2/auth": (302, 400),
        "POST /api/oauth2/token": (200, 400, 401, 429, 500, 503),
    },
    stricter={
        "GET crm/Accounts": "some tenants must filter, which only a 400 says (samples/exact/errors_basic.json)"
    },
    sends=(
        "GET /api/oauth2/auth",
        "GET crm/Accounts",
        "GET financial/GLAccounts",
        "GET financial/Journals",
        "GET salesentry/SalesEntries",
        "GET system/Divisions",
        "GET vat/VATCodes",
        "POST /api/oauth2/token",
        "POST salesentry/SalesEntries",
    ),
    own_tests=("test_exact_online_*.py",),
    on_purpose={
        "test_a_truncated_body_is_broken_json_of_a_call_that_was_carried_out": "a fault of the wire",
        "test_a_maintenance_page_is_200_without_json_and_without_effect": "a fault of the wire",
        "test_what_does_not_exist_is_404_and_what_may_not_be_done_405": "writes to what the stand-in only reads",
    },
    unlisted=UNLISTED,
    client=Client(
        "exact_client",
        "exact_client.py",
        (
            "the three addresses are settings of the client",
            "it is allowed http, which it refuses otherwise (opt_secure.protocols)",
            "the time of Exact is moved on the sandbox's control port, and the expiry that the client noted with it",
        ),
        "bank accounts, contacts, quotations and receivables",
    ),
)
