"""Writing: what may be in a written row, the bulk write that takes all rows or none, and single changes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from order_pipelines.sandbox.shopware.http import Problem, Violation, WriteRefused, not_found
from order_pipelines.sandbox.shopware.schema import ENTITIES
from order_pipelines.sandbox.shopware.shop import Shop
from order_pipelines.sandbox.shopware.store import Row

_BLANK = "c1051bb4-d103-4f74-8988-acbcafc7fdc3"
_WRONG_TYPE = "ba785a8c-82cb-4283-967c-3cf342181b40"
_NEEDED_OF_A_PRODUCT = ("taxId", "price", "productNumber", "stock", "name")
# member: (type in the words of the error, check)
_Check = tuple[str, Callable[[Any], bool]]
_INT: _Check = ("int", lambda value: isinstance(value, int) and not isinstance(value, bool))
_BOOL: _Check = ("bool", lambda value: isinstance(value, bool))
_TEXT: _Check = ("string", lambda value: isinstance(value, str))
_LIST: _Check = ("array", lambda value: isinstance(value, list))
_OBJECT: _Check = ("array", lambda value: isinstance(value, dict | list))
_CHECKS: dict[str, dict[str, _Check]] = {
    "product": {
        "stock": _INT,
        "minPurchase": _INT,
        "active": _BOOL,
        "isCloseout": _BOOL,
        "shippingFree": _BOOL,
        "productNumber": _TEXT,
        "name": _TEXT,
        "ean": _TEXT,
        "taxId": _TEXT,
        "description": _TEXT,
        "price": _LIST,
        "customFields": _OBJECT,
    },
    "order_delivery": {"trackingCodes": _LIST, "customFields": _OBJECT},
    "order": {
        "customerComment": _TEXT,
        "affiliateCode": _TEXT,
        "campaignCode": _TEXT,
        "customFields": _OBJECT,
    },
}
_NEVER_NULL = {"stock", "active", "productNumber", "name", "trackingCodes"}
_READ_ONLY = {
    "product": {"availableStock", "available"},
    "order_delivery": set(),
    "order": {"amountTotal", "stateId"},
}
WRITABLE = tuple(_CHECKS)


@dataclass
class _Planned:
    """One row of a bulk write that was found good; ``row`` is what it changes, ``None`` makes a new one."""

    entity: str
    key: str
    row: Row | None
    changes: Row


class Writer:
    """Writes rows of one shop at one instant. ``is_kept`` false does everything but the deed."""

    def __init__(self, shop: Shop, now: datetime, *, is_kept: bool = True) -> None:
        self._shop = shop
        self._now = now
        self._is_kept = is_kept

    def patch(self, entity: str, key: str, body: dict[str, Any]) -> Row:
        """Change one row.

        Raises:
            Problem: 404 there is none; 400 a member is wrong.
        """
        row = self._shop.store.get(entity, key)
        if row is None:
            raise not_found(entity, key)
        changes, violations = self._check(entity, body, "")
        if violations:
            raise WriteRefused(violations)
        if self._is_kept:
            self._do(_Planned(entity, key, row, changes))
        return row

    def sync(self, body: Any) -> dict[str, Any]:
        """Do all operations of a bulk write, or none of them.

        Raises:
            Problem: 400, an operation or a row is wrong; nothing was written.
        """
        operations = list(body.values()) if isinstance(body, dict) else body
        if not isinstance(operations, list) or not operations:
            raise Problem(
                400, "FRAMEWORK__INVALID_SYNC_OPERATION", "Invalid payload format. Expected an array."
            )
        planned: list[_Planned] = []
        doomed: list[tuple[str, str]] = []
        violations: list[Violation] = []
        for operation in operations:
            entity, action, payload = self._operation(operation)
            for position, given in enumerate(payload):
                if action == "delete":
                    doomed.append((entity, str(given.get("id") if isinstance(given, dict) else given)))
                    continue
                plan = self._plan(entity, given, f"/{position}", violations)
                if plan is not None:
                    planned.append(plan)
        if violations:
            raise WriteRefused(violations)
        written: dict[str, list[str]] = {}
        for plan in planned:
            written.setdefault(plan.entity, []).append(plan.key)
        missing: dict[str, list[str]] = {}
        deleted: dict[str, list[str]] = {}
        for entity, key in doomed:
            there = self._shop.store.get(entity, key) is not None
            (deleted if there else missing).setdefault(entity, []).append(key)
        if self._is_kept:
            for plan in planned:
                self._do(plan)
            for entity, keys in deleted.items():
                for key in keys:
                    self._delete(entity, key)
        # An empty object is an empty list here, as PHP writes it.
        return {"extensions": [], "data": written or [], "notFound": missing or [], "deleted": deleted or []}

    def _operation(self, operation: Any) -> tuple[str, str, list[Any]]:
        if not isinstance(operation, dict):
            raise Problem(400, "FRAMEWORK__INVALID_SYNC_OPERATION", "Invalid sync operation.")
        entity, action = str(operation.get("entity")), operation.get("action")
        if entity not in ENTITIES:
            raise Problem(
                400,
                "FRAMEWORK__DEFINITION_DOES_NOT_EXIST",
                f'Definition for entity "{entity}" does not exist.',
                parameters={"entityName": entity},
            )
        if action not in {"upsert", "delete"} or not isinstance(operation.get("payload"), list):
            raise Problem(
                400,
                "FRAMEWORK__INVALID_SYNC_OPERATION",
                f'Action "{action}" with this payload is not supported.',
            )
        if entity not in WRITABLE or (action == "delete" and entity != "product"):
            raise Problem(
                403,
                "FRAMEWORK__MISSING_PRIVILEGE_ERROR",
                f'{{"message":"Missing privilege","missingPrivileges":["{entity}:update"]}}',
            )
        return entity, str(action), operation["payload"]

    def _plan(self, entity: str, given: Any, pointer: str, violations: list[Violation]) -> _Planned | None:
        if not isinstance(given, dict):
            violations.append(Violation(pointer, _WRONG_TYPE, "This value should be of type array.", given))
            return None
        key = self._key(entity, given.get("id"), pointer, violations)
        if key is None:
            return None
        changes, wrong = self._check(entity, given, pointer)
        row = self._shop.store.get(entity, key)
        if row is None:
            needed = _NEEDED_OF_A_PRODUCT if entity == "product" else ("orderId", "stateId")
            wrong += [
                Violation(f"{pointer}/{name}", _BLANK, "This value should not be blank.")
                for name in needed
                if name not in changes
            ]
        violations += wrong
        return _Planned(entity, key, row, changes)

    def _key(self, entity: str, given: Any, pointer: str, violations: list[Violation]) -> str | None:
        """Return the id that a row is written under; a resolver looks it up by the product's number."""
        if given is None:
            return self._shop.store.new_id()
        if isinstance(given, str):
            if len(given) == 32 and set(given) <= set("0123456789abcdef"):
                return given
            violations.append(
                Violation(
                    f"{pointer}/id", "FRAMEWORK__INVALID_UUID", f"Value is not a valid UUID: {given}", given
                )
            )
            return None
        is_known = (
            isinstance(given, dict) and given.get("resolver") == "product.number" and entity == "product"
        )
        if not is_known or self._shop.version.startswith("6.5"):
            raise Problem(
                400,
                "FRAMEWORK__INVALID_SYNC_OPERATION",
                "Invalid sync operation. The id of a row is neither a UUID nor known to a resolver.",
            )
        for row in self._shop.store.rows("product"):
            if str(row["productNumber"]).casefold() == str(given.get("value")).casefold():
                return str(row["id"])
        violations.append(
            Violation(
                f"{pointer}/id",
                "FRAMEWORK__UNRESOLVED_FK",
                f"Unable to resolve primary key by the resolver product.number: {given.get('value')}",
                given.get("value"),
            )
        )
        return None

    def _check(self, entity: str, given: Row, pointer: str) -> tuple[Row, list[Violation]]:
        """Return the members that count, with what is wrong; a member that the entity does not have is passed over."""
        changes: Row = {}
        violations: list[Violation] = []
        for name, value in given.items():
            place = f"{pointer}/{name}"
            if name in _READ_ONLY[entity]:
                violations.append(
                    Violation(place, "FRAMEWORK__WRITE_PROTECTED", "This field is write-protected.", value)
                )
                continue
            check = _CHECKS[entity].get(name)
            if check is None:
                continue
            if value is None and name in _NEVER_NULL:
                violations.append(Violation(place, _BLANK, "This value should not be blank.", value))
            elif value is not None and not check[1](value):
                violations.append(
                    Violation(place, _WRONG_TYPE, f"This value should be of type {check[0]}.", value)
                )
            elif name == "price" and value is not None and not self._is_price(value):
                violations.append(Violation(f"{place}/0/net", _BLANK, "This value should not be blank."))
            else:
                changes[name] = value
        return changes, violations

    @staticmethod
    def _is_price(prices: list[Any]) -> bool:
        needed = {"currencyId", "gross", "net", "linked"}
        return bool(prices) and all(isinstance(price, dict) and needed <= set(price) for price in prices)

    def _do(self, plan: _Planned) -> None:
        shop = self._shop
        if plan.row is None:
            new = {
                "availableStock": plan.changes["stock"],
                "isCloseout": False,
                "minPurchase": 1,
                "active": True,
            }
            row = shop.store.add(
                plan.entity, {"childCount": 0} | new | plan.changes | {"id": plan.key}, self._now
            )
            shop.stock.written(row)
            shop.announce(plan.entity, row, "insert", list(plan.changes))
        elif plan.entity == "product":
            shop.change_product(plan.row, plan.changes, self._now)
        elif plan.entity == "order_delivery":
            shop.change_delivery(plan.row, plan.changes, self._now)
        else:
            shop.change_order(plan.row, plan.changes, self._now)

    def _delete(self, entity: str, key: str) -> None:
        row = self._shop.store.get(entity, key)
        if row is not None:
            self._shop.delete_product(row)
