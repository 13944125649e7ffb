"""The calls of the Admin API that the stand-in answers, and the table of them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from order_pipelines.sandbox.shopware import documents
from order_pipelines.sandbox.shopware.criteria import Criteria, Reader
from order_pipelines.sandbox.shopware.http import JSON, JSON_API, Answer, Call, Problem, not_found
from order_pipelines.sandbox.shopware.schema import BY_PATH, ENTITIES, LIVE_VERSION
from order_pipelines.sandbox.shopware.shop import Shop
from order_pipelines.sandbox.shopware.spoil import spoil
from order_pipelines.sandbox.shopware.states import MACHINES, shown_state
from order_pipelines.sandbox.shopware.store import Row
from order_pipelines.sandbox.shopware.views import json_api, plain, whole_page
from order_pipelines.sandbox.shopware.writes import WRITABLE, Writer

READABLE = (
    "order", "order_line_item", "order_delivery", "order_transaction", "order_customer", "order_address", "product",
    "customer", "sales_channel", "currency", "country", "shipping_method", "payment_method", "tax", "tag",
    "state_machine_state", "document",
)  # fmt: skip


@dataclass
class Context:
    """One call of one shop at one instant; ``is_kept`` false lets a write do nothing and say that it did."""

    shop: Shop
    call: Call
    now: datetime
    is_kept: bool = True

    def reader(self) -> Reader:
        """Return a reader in the version and the way of reading that the call's headers ask for."""
        headers = self.call.headers
        inherits = headers.get("sw-inheritance", "") in {"1", "true"}
        return Reader(self.shop.store, headers.get("sw-version-id", LIVE_VERSION), inherits=inherits)


Handler = Callable[[Context], Answer]


@dataclass(frozen=True)
class Route:
    """One operation; ``privilege`` is what an integration without rights lacks."""

    method: str
    name: str
    privilege: str
    handler: Handler

    @property
    def is_write(self) -> bool:
        """Whether it changes rows that were there."""
        return self.handler in {sync, patch, transition, create_documents}

    @property
    def pattern(self) -> re.Pattern[str]:
        """What addresses of it look like."""
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.name))


def search(context: Context) -> Answer:
    """POST /api/search/{entity}."""
    entity = _entity(context)
    reader = context.reader()
    criteria = reader.read(entity, context.call.json_object())
    found = reader.find(criteria)
    is_plain = context.call.wants_plain_json
    page = whole_page(criteria, found.rows, found.total, reader, context.call.base_url, is_plain=is_plain)
    page["data"] = [_spoiled(row, shown) for row, shown in zip(found.rows, page["data"], strict=True)]
    return Answer.of_json(200, page, JSON if is_plain else JSON_API)


def read_one(context: Context) -> Answer:
    """GET /api/{entity}/{id}: the row alone, nothing that is associated with it."""
    entity, key = _entity(context), context.call.arguments["id"]
    row = context.shop.store.get(entity.name, key, context.call.headers.get("sw-version-id", LIVE_VERSION))
    if row is None:
        raise not_found(entity.name, key)
    return _detail(context, row)


def patch(context: Context) -> Answer:
    """PATCH /api/{entity}/{id}: 204, with ``_response`` the row as it is now."""
    entity, key = _entity(context), context.call.arguments["id"]
    writer = Writer(context.shop, context.now, is_kept=context.is_kept)
    row = writer.patch(entity.name, key, context.call.json_object())
    if "_response" in context.call.query:
        return _detail(context, row)
    return Answer(204, headers={"Location": f"{context.call.base_url}/api/{entity.path}/{key}"})


def sync(context: Context) -> Answer:
    """POST /api/_action/sync."""
    writer = Writer(context.shop, context.now, is_kept=context.is_kept)
    return Answer.of_json(200, writer.sync(context.call.json()))


def transition(context: Context) -> Answer:
    """POST /api/_action/{machine}/{id}/state/{transition}: the customer gets a mail unless told otherwise."""
    machine, row = _stateful(context)
    sends_mail = context.call.json_object().get("sendMail", True)
    if not context.is_kept:
        name = context.call.arguments["transition"]
        silent = context.shop.machines.reach(machine, row, name, context.now, is_kept=False)
        return Answer.of_json(200, shown_state(silent.state))
    outcome = context.shop.move(
        machine,
        row,
        context.call.arguments["transition"],
        context.now,
        # PHP's idea of no: also the words 0 and an empty text. The header keeps all flows from running.
        sends_mail=sends_mail not in (False, 0, "0", "", None)
        and context.call.headers.get("sw-skip-trigger-flow") not in {"1", "true"},
    )
    return Answer.of_json(200, shown_state(outcome.state))


def transitions(context: Context) -> Answer:
    """GET /api/_action/state-machine/{machine}/{id}/state."""
    machine, row = _stateful(context)
    was = context.shop.machines.name_of(row)
    base = f"{context.call.base_url}/api/_action/state-machine/{machine}/{row['id']}/state"
    listed = [
        {
            "name": target.replace("_", " ").capitalize(),
            "technicalName": target,
            "actionName": name,
            "fromStateName": was,
            "toStateName": target,
            "url": f"{base}/{name}",
        }
        for name, target in context.shop.machines.possible(machine, row).items()
    ]
    return Answer.of_json(200, {"transitions": listed})


def create_documents(context: Context) -> Answer:
    """POST /api/_action/order/document/{kind}/create."""
    kind, wanted = context.call.arguments["kind"], context.call.json()
    return Answer.of_json(200, documents.create_documents(context.shop, kind, wanted, context.now))


def download_document(context: Context) -> Answer:
    """GET /api/_action/document/{id}/{deepLink}."""
    arguments = context.call.arguments
    content = documents.read_document(context.shop, arguments["id"], arguments["deepLink"])
    return Answer(200, content, {"Content-Type": "application/pdf"})


def version(context: Context) -> Answer:
    """GET /api/_info/version."""
    return Answer.of_json(200, {"version": context.shop.version})


def config(context: Context) -> Answer:
    """GET /api/_info/config."""
    shown: dict[str, Any] = {
        "version": context.shop.version,
        "shopId": context.shop.store.id_of("shop")[:16],
        "versionRevision": context.shop.store.id_of("revision"),
        "adminWorker": {"enableAdminWorker": True, "enableNotificationWorker": True, "transports": ["async"]},
        "bundles": {},
        "settings": {
            "enableUrlFeature": True,
            "appUrlReachable": True,
            "appsRequireAppUrl": False,
            "firstMigrationDate": "2025-01-01T12:00:00.000Z",
        },
        "inAppPurchases": [],
    }
    return Answer.of_json(200, shown)


def _entity(context: Context) -> Any:
    return BY_PATH[context.call.arguments["entity"]]


def _detail(context: Context, row: Row) -> Answer:
    entity, reader = _entity(context), context.reader()
    criteria = Criteria(entity)
    if context.call.wants_plain_json:
        shown = _spoiled(row, plain(criteria, row, reader, {}))
        return Answer.of_json(200, {"data": shown})
    shown = json_api(criteria, row, reader, {}, context.call.base_url, {})
    return Answer.of_json(200, {"data": _spoiled(row, shown), "included": []}, JSON_API)


def _spoiled(row: Row, shown: dict[str, Any]) -> dict[str, Any]:
    return spoil(shown, row["_malform"]) if row.get("_malform") else shown


def _stateful(context: Context) -> tuple[str, Row]:
    """Return the machine and the row that a call about states means.

    Raises:
        Problem: 400, there is no such row; 404, there is no such machine.
    """
    machine, key = context.call.arguments["machine"], context.call.arguments["id"]
    if machine not in MACHINES:
        raise Problem(404, "0", f'No route found for "{context.call.method} {context.call.path}"')
    row = context.shop.store.get(machine, key)
    if row is None:
        raise Problem(
            400,
            "SYSTEM__STATE_MACHINE_INVALID_ENTITY_ID",
            f'Unable to read entity "{machine}" with id "{key}".',
            parameters={"entityName": machine, "entityId": key},
        )
    return machine, row


def _routes() -> tuple[Route, ...]:
    table = [
        Route("POST", "/api/_action/sync", "product:update", sync),
        Route(
            "GET", "/api/_action/state-machine/{machine}/{id}/state", "state_machine_state:read", transitions
        ),
        Route("POST", "/api/_action/order/document/{kind}/create", "document:create", create_documents),
        Route("GET", "/api/_action/document/{id}/{deepLink}", "document:read", download_document),
        Route("GET", "/api/_info/version", "", version),
        Route("GET", "/api/_info/config", "", config),
    ]
    table += [
        Route("POST", f"/api/_action/{machine}/{{id}}/state/{{transition}}", f"{machine}:update", transition)
        for machine in MACHINES
    ]
    for name in READABLE:
        path = ENTITIES[name].path
        table.append(Route("POST", f"/api/search/{path}", f"{name}:read", search))
        table.append(Route("GET", f"/api/{path}/{{id}}", f"{name}:read", read_one))
    table += [
        Route("PATCH", f"/api/{ENTITIES[name].path}/{{id}}", f"{name}:update", patch) for name in WRITABLE
    ]
    return tuple(table)


ROUTES = _routes()
_PATTERNS = [(route, route.pattern) for route in ROUTES]


def find_route(call: Call) -> Route:
    """Return the operation of a call and leave the parts of its address in ``call.arguments``.

    Raises:
        Problem: 404, there is no such address; 405, not with this method.
    """
    allowed = set()
    for route, pattern in _PATTERNS:
        found = pattern.fullmatch(call.path)
        if found is None:
            continue
        allowed.add(route.method)
        if route.method == call.method:
            call.arguments = _arguments(route, found.groupdict())
            return route
    if allowed:
        words = ", ".join(sorted(allowed))
        raise Problem(
            405, "0", f'No route found for "{call.method} {call.path}": Method Not Allowed (Allow: {words})'
        )
    raise Problem(404, "0", f'No route found for "{call.method} {call.path}"')


def _arguments(route: Route, found: dict[str, str]) -> dict[str, str]:
    """Add what stands in the address as a word: the entity, or the machine."""
    steps = route.name.split("/")
    if route.handler is transition:
        return found | {"machine": steps[3]}
    if route.handler in {search, read_one, patch}:
        return found | {"entity": steps[3] if route.handler is search else steps[2]}
    return found
