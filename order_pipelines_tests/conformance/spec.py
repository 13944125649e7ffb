"""Official OpenAPI specifications: does a recorded call, ours and the stand-in's answer, fit what is published?

Stricter than OpenAPI in one thing: a member that the specification does not name is a mistake. A stand-in must not
promise what the platform never sends, nor we send what it does not know.
"""

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker

from order_pipelines_tests.conformance.exchanges import Exchange

FORMATS = FormatChecker(formats=())
_BAD_REQUEST = 400
_INT32 = range(-(2**31), 2**31)


@dataclass(frozen=True)
class KnownError:
    """A place where a specification is wrong, and what stands there instead.

    Args:
        name: for people.
        reason: what shows that it is wrong.
        place: members from the top of the document to what is replaced.
        value: what the platform really does, as JSON.
        evidence: (method, path, status, sample): a real answer under ``samples`` that the published text refuses.
    """

    name: str
    reason: str
    place: tuple[str, ...]
    value: Any
    evidence: tuple[str, str, int, str] | None = None


@FORMATS.checks("date-time", raises=ValueError)
def _is_instant(value: object) -> bool:
    return not isinstance(value, str) or ("T" in value and datetime.fromisoformat(value).tzinfo is not None)


@FORMATS.checks("date", raises=ValueError)
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or date.fromisoformat(value).isoformat() == value


@FORMATS.checks("uuid", raises=ValueError)
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or str(uuid.UUID(value)) == value.lower()


@FORMATS.checks("uri", raises=ValueError)
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme)


@FORMATS.checks("int32")
def _is_int32(value: object) -> bool:
    return not isinstance(value, int) or value in _INT32


class Specification:
    """One OpenAPI 3.0 document, with its known errors mended.

    Args:
        document: the JSON file.
        known_errors: places that are replaced.

    Raises:
        KeyError: a known error names a place that the document does not have.
    """

    def __init__(self, document: Path, known_errors: Sequence[KnownError] = ()) -> None:
        self.name = document.name
        self._document = json.loads(document.read_text(encoding="utf-8"))
        for error in known_errors:
            _replace(self._document, error.place, error.value)
        self._components = {
            "components": {
                "schemas": {
                    name: _json_schema(schema)
                    for name, schema in self._document["components"]["schemas"].items()
                }
            }
        }
        self._operations = {
            (method.upper(), template): operation
            for template, operations in self._document["paths"].items()
            for method, operation in operations.items()
            if method != "parameters"
        }

    def find(self, method: str, path: str) -> str | None:
        """Return the path template of an operation, ``None`` when the document has none; plain paths win."""
        fitting = [
            template
            for known_method, template in self._operations
            if known_method == method and re.fullmatch(re.sub(r"\{[^/]+\}", "[^/]+", template), path)
        ]
        return min(fitting, key=lambda template: template.count("{"), default=None)

    def problems(self, exchange: Exchange) -> list[str]:
        """Return what the document refuses of a call and its answer; empty when both fit.

        A request that is answered 400 must be wrong; of that call only the answer has to fit.
        """
        template = self.find(exchange.method, exchange.path)
        if template is None:
            return [f"{exchange}: {self.name} has no such operation"]
        operation = self._operations[(exchange.method, template)]
        found = [*self._query_problems(operation, exchange), *self._request_problems(operation, exchange)]
        if exchange.status == _BAD_REQUEST:
            found = [] if found else ["was refused and is a good request"]
        found += self.answer_problems(
            exchange.method, template, exchange.status, exchange.media_type, exchange.json()
        )
        return [f"{exchange}: {problem}" for problem in found]

    def answer_problems(
        self, method: str, template: str, status: int, media_type: str | None, body: Any
    ) -> list[str]:
        """Return what the document refuses of an answer."""
        answers = self._operations[(method, template)]["responses"]
        answer = answers.get(str(status))
        if answer is None:
            return [f"status {status} is not among {', '.join(sorted(answers))}"]
        content = answer.get("content", {})
        if body is None:
            return [f"an empty body where {', '.join(content)} is promised"] if _has_schema(content) else []
        if media_type not in content:
            return [f"{media_type} is not among {', '.join(content) or 'no bodies at all'}"]
        return self._schema_problems(content[media_type].get("schema", {}), body)

    def _request_problems(self, operation: Mapping[str, Any], exchange: Exchange) -> list[str]:
        wanted = operation.get("requestBody")
        if not exchange.sent:
            return ["a request body is required"] if wanted and wanted.get("required") else []
        if wanted is None:
            return ["takes no request body"]
        if exchange.sent_media_type not in wanted["content"]:
            return [f"{exchange.sent_media_type} was sent, {', '.join(wanted['content'])} is known"]
        return self._schema_problems(
            wanted["content"][exchange.sent_media_type]["schema"], exchange.sent_json()
        )

    def _query_problems(self, operation: Mapping[str, Any], exchange: Exchange) -> list[str]:
        known = {one["name"]: one for one in operation.get("parameters", ()) if one["in"] == "query"}
        sent = {name for name, _ in exchange.query}
        problems = [
            f"parameter {name} is required"
            for name, one in known.items()
            if one.get("required") and name not in sent
        ]
        for name, text in exchange.query:
            if name not in known:
                problems.append(f"parameter {name} is not known")
                continue
            schema = known[name]["schema"]
            problems += [
                f"parameter {name}: {problem}"
                for problem in self._schema_problems(schema, _typed(schema, text))
            ]
        return problems

    def _schema_problems(self, schema: Mapping[str, Any], value: Any) -> list[str]:
        validator = Draft202012Validator(
            self._components | {"allOf": [_json_schema(schema)]}, format_checker=FORMATS
        )
        return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]


def _has_schema(content: Mapping[str, Any]) -> bool:
    return any("schema" in one for one in content.values())


def _replace(document: Any, place: Sequence[str], value: Any) -> None:
    *way, last = place
    for member in way:
        document = document[member]
    document[last] = value


def _json_schema(schema: Any) -> Any:
    """Return an OpenAPI 3.0 schema as JSON Schema: ``nullable`` becomes a type, unnamed members are refused."""
    if isinstance(schema, list):
        return [_json_schema(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    converted = {
        name: {member: _json_schema(one) for member, one in value.items()}
        if name == "properties"
        else _json_schema(value)
        for name, value in schema.items()
        if name not in {"nullable", "example"}
    }
    if "properties" in schema and "allOf" not in schema:
        converted.setdefault("additionalProperties", False)
    if schema.get("nullable"):
        return {"anyOf": [converted, {"type": "null"}]}
    return converted


def _typed(schema: Mapping[str, Any], text: str) -> Any:
    """Return the value that the text of a query stands for; the text itself when it does not fit."""
    kind = schema.get("type")
    if kind == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if kind == "boolean" and text in {"true", "false"}:
        return text == "true"
    if kind == "array":
        return [_typed(schema["items"], part) for part in text.split(",")]
    return text
