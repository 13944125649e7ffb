"""What a resource is: its key, its properties and their Edm types, and how a posted object is read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from order_pipelines.sandbox.exact_online.wire import NOT_AN_OBJECT, ApiError, dutch_datetime

Row = dict[str, Any]

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DECIMAL = re.compile(r"-?\d+(\.\d+)?")


@dataclass(frozen=True)
class Field:
    """One property: its Edm type (``Many`` = a link to child rows), and whether a client may send it."""

    type: str
    writable: bool


@dataclass(frozen=True)
class EntityType:
    """One resource: ``path`` below the division, ``name`` in ``__metadata``, its key and all properties."""

    path: str
    name: str
    key: str
    fields: Mapping[str, Field]

    @property
    def links(self) -> list[str]:
        """Names of the properties that are collections of child rows."""
        return [name for name, field in self.fields.items() if field.type == "Many"]

    def field(self, name: str) -> Field:
        """Return the property ``name``; ApiError 400 where the type has none of that name."""
        if name not in self.fields:
            raise ApiError(400, f"No property '{name}' exists in type '{self.name}' at position 0.")
        return self.fields[name]

    def blank(self, **values: Any) -> Row:
        """Return a row with every property, null unless given."""
        row: Row = dict.fromkeys(name for name, field in self.fields.items() if field.type != "Many")
        for name, value in values.items():
            self.field(name)
            row[name] = value
        return row

    def read_input(self, payload: Any) -> Row:
        """Return the writable properties of a posted object as Python values; ApiError 400 for a misfit.

        Properties that exist and are read-only are ignored, as is ``__metadata``.
        """
        if not isinstance(payload, dict):
            raise ApiError(400, NOT_AN_OBJECT)
        row: Row = {}
        for name, value in payload.items():
            if name == "__metadata":
                continue
            if name not in self.fields:
                raise ApiError(
                    400,
                    "Error processing request stream. "
                    f"The property name '{name}' specified for type '{self.name}' is not valid.",
                )
            if self.fields[name].writable:
                row[name] = self._convert(name, self.fields[name].type, value)
        return row

    def _convert(self, name: str, edm_type: str, value: Any) -> Any:
        number = isinstance(value, int | Decimal) and not isinstance(value, bool)
        if value is None:
            return None
        # A client in production since 2015 (exactonline 0.4.0) sends amounts as text, payment conditions as numbers and
        # "Z" behind the time of a date: the vendor takes all three, and takes the time as it stands.
        if edm_type == "String" and (isinstance(value, str) or number):
            return str(value)
        if edm_type == "Double" and isinstance(value, str) and _DECIMAL.fullmatch(value):
            return Decimal(value)
        if edm_type == "Guid" and isinstance(value, str) and GUID.fullmatch(value):
            return value.lower()
        if edm_type == "Double" and number:
            return Decimal(value)
        if edm_type in {"Int", "Int64"} and number and value == int(value):
            return int(value)
        if edm_type == "Boolean" and isinstance(value, bool):
            return value
        if edm_type == "Many" and isinstance(value, list):
            return value
        parsed: datetime | None = None
        if edm_type == "DateTime" and isinstance(value, str):
            parsed = dutch_datetime(value.removesuffix("Z"))
        if parsed is None:
            raise ApiError(
                400,
                "Error processing request stream. Error encountered in converting the value from request "
                f"payload for property '{name}' to type 'Edm.{edm_type}', the property's expected type.",
            )
        return parsed


def fields(**groups: str) -> dict[str, Field]:
    """Read ``Type="Name Name …"`` (writable) and ``Type_ro=…`` (read-only) into properties, sorted by name."""
    found: dict[str, Field] = {}
    for group, names in groups.items():
        edm_type, _, read_only = group.partition("_")
        for name in names.split():
            found[name] = Field(edm_type, not read_only)
    return dict(sorted(found.items()))
