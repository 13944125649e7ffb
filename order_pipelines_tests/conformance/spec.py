"""One OpenAPI or Swagger document: which operation a call belongs to, and what the document refuses of it.

Reads OpenAPI 3.0 and 3.1 and Swagger 2.0, in JSON and YAML; ``json_schemas`` makes JSON Schema of their schemas.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from jsonschema import Draft202012Validator, ValidationError
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from order_pipelines_tests.conformance import json_schemas
from order_pipelines_tests.conformance.exchanges import Exchange

_METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


@dataclass(frozen=True)
class KnownError:
    """A place where a specification is wrong, and what stands there instead.

    Args:
        name: for people.
        reason: what shows that it is wrong.
        place: members from the top of the document to what is replaced.
        value: what the platform really does, as JSON.
        evidence: (operation, status, sample): a real answer under ``samples`` that the published text refuses.
    """

    name: str
    reason: str
    place: tuple[str, ...]
    value: Any
    evidence: tuple[str, int, str] | None = None


class Specification:
    """One document, with its known errors mended.

    Args:
        document: the JSON or YAML file, or its content.
        known_errors: places that are replaced.
        base_path: what stands before every path, where it is not what the document itself says.
        name: for messages; the file's name where it is a file.
        nulls_are_absent: every member may be null, required ones too; they have to be there all the same.

    Raises:
        KeyError: a known error names a place that the document does not have.
    """

    def __init__(
        self,
        document: Path | Mapping[str, Any],
        known_errors: Sequence[KnownError] = (),
        *,
        base_path: str | None = None,
        name: str = "",
        nulls_are_absent: bool = False,
    ) -> None:
        self.name = name or (document.name if isinstance(document, Path) else "")
        self._document = _read(document)
        self._is_swagger = "swagger" in self._document
        for error in known_errors:
            _replace(self._document, error.place, error.value)
        if nulls_are_absent:
            _allow_nulls(self._document)
        self._base_path = self._told_base_path() if base_path is None else base_path.rstrip("/")
        schemas = self._document.get("definitions") or self._document.get("components", {}).get("schemas", {})
        self._registry = Registry().with_resource(
            json_schemas.ADDRESS, DRAFT202012.create_resource(json_schemas.definitions(schemas))
        )
        self._operations = {
            f"{method.upper()} {self._base_path}{template}": (operations, operation)
            for template, operations in self._document["paths"].items()
            for method, operation in operations.items()
            if method in _METHODS
        }
        self._patterns = [
            (name, re.compile(re.sub(r"\\\{[^/]+?\\\}", "[^/]+", re.escape(name))))
            for name in self._operations
        ]

    @property
    def operations(self) -> list[str]:
        """Every operation as method and path template."""
        return list(self._operations)

    def operation_of(self, exchange: Exchange) -> str | None:
        """Return the operation of a call as method and path template; plain paths win over placeholders."""
        said = f"{exchange.method} {exchange.path}"
        fitting = [name for name, pattern in self._patterns if pattern.fullmatch(said)]
        return min(fitting, key=lambda name: name.count("{"), default=None)

    def lists(self, operation: str, status: int) -> bool:
        """Say whether the document has an answer of this status, under its own number or one that covers it."""
        return self._answer(operation, status) is not None

    def statuses(self, operation: str) -> set[int]:
        """Return the statuses that the document names for an operation."""
        return {int(status) for status in self._operations[operation][1]["responses"] if status.isdigit()}

    def media_types(self, operation: str) -> set[str]:
        """Return every media type that an operation takes or gives."""
        answers = [self._resolved(answer) for answer in self._operations[operation][1]["responses"].values()]
        return {
            *self._body_content(operation),
            *(name for one in answers for name in self._content(operation, one)),
        }

    def media_type_of(self, operation: str, status: int) -> str | None:
        """Return the first media type of an answer."""
        answer = self._resolved(self._operations[operation][1]["responses"][str(status)])
        return next(iter(self._content(operation, answer)), None)

    def request_problems(self, operation: str, exchange: Exchange) -> list[str]:
        """Return what the document refuses of a request."""
        return [
            *self._query_problems(operation, exchange),
            *self._body_problems(operation, exchange),
            *self._accept_problems(operation, exchange),
        ]

    def answer_problems(self, operation: str, status: int, media_type: str | None, body: Any) -> list[str]:
        """Return what the document refuses of an answer; ``body`` is JSON or text, ``None`` when there is none."""
        answer = self._answer(operation, status)
        if answer is None:
            known = ", ".join(sorted(self._operations[operation][1]["responses"]))
            return [f"status {status} is not among {known}"]
        content = self._content(operation, answer)
        if body is None:
            return [f"an empty body where {', '.join(content)} is promised"] if _has_schema(content) else []
        fitting = next((name for name in content if _is_covered(media_type or "", name)), None)
        if fitting is None:
            return [f"{media_type} is not among {', '.join(content) or 'no bodies at all'}"]
        return self._schema_problems(content[fitting].get("schema", {}), body)

    def _answer(self, operation: str, status: int) -> Mapping[str, Any] | None:
        answers = self._operations[operation][1]["responses"]
        answer = answers.get(str(status), answers.get(f"{status // 100}XX", answers.get("default")))
        return None if answer is None else self._resolved(answer)

    def _told_base_path(self) -> str:
        if self._is_swagger:
            return str(self._document.get("basePath", "")).rstrip("/")
        servers = self._document.get("servers") or [{"url": ""}]
        address: str = servers[0]["url"]
        return urlsplit(address).path.rstrip("/")

    def _resolved(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what a node stands for: parameters, bodies and answers may be written once and referred to."""
        while "$ref" in node:
            found: Any = self._document
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            node = found
        return node

    def _parameters(self, operation: str) -> list[Mapping[str, Any]]:
        operations, own = self._operations[operation]
        told = [
            self._resolved(one) for one in (*operations.get("parameters", ()), *own.get("parameters", ()))
        ]
        return list({(one["in"], one["name"]): one for one in told}.values())

    def _content(self, operation: str, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return an answer's media types with their schemas."""
        if not self._is_swagger:
            content: Mapping[str, Any] = answer.get("content", {})
            return content
        if "schema" not in answer:
            return {}
        gives = self._operations[operation][1].get(
            "produces", self._document.get("produces", ["application/json"])
        )
        return {media_type: {"schema": answer["schema"]} for media_type in gives}

    def _body_content(self, operation: str) -> Mapping[str, Any]:
        wanted = self._wanted_body(operation)
        return {} if wanted is None else wanted["content"]

    def _wanted_body(self, operation: str) -> Mapping[str, Any] | None:
        """Return what an operation takes as its body, in the words of OpenAPI 3; ``None`` when it takes none."""
        own = self._operations[operation][1]
        if not self._is_swagger:
            return self._resolved(own["requestBody"]) if "requestBody" in own else None
        body = next((one for one in self._parameters(operation) if one["in"] == "body"), None)
        if body is None:
            return None
        takes = own.get("consumes", self._document.get("consumes", ["application/json"]))
        return {
            "required": body.get("required", False),
            "content": {media_type: {"schema": body["schema"]} for media_type in takes},
        }

    def _body_problems(self, operation: str, exchange: Exchange) -> list[str]:
        wanted = self._wanted_body(operation)
        if not exchange.sent:
            return ["a request body is required"] if wanted and wanted.get("required") else []
        if wanted is None:
            return ["takes no request body"]
        sent = exchange.sent_media_type or ""
        fitting = next((name for name in wanted["content"] if _is_covered(sent, name)), None)
        if fitting is None:
            return [f"{exchange.sent_media_type} was sent, {', '.join(wanted['content'])} is known"]
        schema = wanted["content"][fitting].get("schema", {})
        if sent == "application/x-www-form-urlencoded":
            return self._schema_problems(schema, exchange.sent_form())
        if not sent.endswith("json"):
            return []
        try:
            return self._schema_problems(schema, exchange.sent_json())
        except ValueError:
            return ["the body is no JSON"]

    def _accept_problems(self, operation: str, exchange: Exchange) -> list[str]:
        answers = [self._resolved(answer) for answer in self._operations[operation][1]["responses"].values()]
        given = {name for answer in answers for name in self._content(operation, answer)}
        if not given or any(_is_covered(name, wanted) for name in given for wanted in exchange.accepted):
            return []
        return [f"{', '.join(exchange.accepted)} is accepted, {', '.join(sorted(given))} is given"]

    def _query_problems(self, operation: str, exchange: Exchange) -> list[str]:
        known = {one["name"]: one for one in self._parameters(operation) if one["in"] == "query"}
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
            # In Swagger 2 a parameter is its own schema.
            schema = known[name].get("schema") or {
                member: value
                for member, value in known[name].items()
                if member not in {"name", "in", "required", "description"}
            }
            problems += [
                f"parameter {name}: {problem}"
                for problem in self._schema_problems(schema, _typed(self._resolved(schema), text))
            ]
        return problems

    def _schema_problems(self, schema: Mapping[str, Any], value: Any) -> list[str]:
        validator = Draft202012Validator(
            json_schemas.converted(schema), format_checker=json_schemas.FORMATS, registry=self._registry
        )
        found = [cause for error in validator.iter_errors(value) for cause in _causes(error)]
        told = [error for error in found if error.validator != "unevaluatedProperties"]
        # A member whose value is wrong counts as not looked at: whole objects are judged once their parts are right.
        told += [
            error
            for error in found
            if error.validator == "unevaluatedProperties"
            and not any(_place(other).startswith(_place(error)) for other in told)
        ]
        return sorted(f"{_place(error)}: {error.message[:200]}" for error in told)


def _read(document: Path | Mapping[str, Any]) -> Any:
    if not isinstance(document, Path):
        return json.loads(json.dumps(document))
    text = document.read_text(encoding="utf-8")
    return yaml.safe_load(text) if document.suffix in {".yaml", ".yml"} else json.loads(text)


def _replace(document: Any, place: Sequence[str], value: Any) -> None:
    *way, last = place
    for member in way:
        document = document[int(member)] if isinstance(document, list) else document[member]
    document[last] = value


def _causes(error: ValidationError) -> Iterator[ValidationError]:
    """Yield what is wrong inside a value that may be null and is not, instead of that it fits neither."""
    offered: Any = error.validator_value
    may_be_null = error.validator == "anyOf" and offered[-1] == {"type": "null"}
    inner = [one for one in error.context or () if one.schema_path[0] == 0] if may_be_null else []
    for one in inner:
        yield from _causes(one)
    if not inner:
        yield error


def _place(error: ValidationError) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
    return f"${''.join(steps)}"


def _allow_nulls(node: Any) -> None:
    """Mark every member of every object as one that may be null."""
    for one in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _allow_nulls(one)
    members = node.get("properties") if isinstance(node, dict) else None
    for member in members.values() if isinstance(members, dict) else ():
        if isinstance(member, dict):
            member["nullable"] = True


def _has_schema(content: Mapping[str, Any]) -> bool:
    return any("schema" in one for one in content.values())


def _is_covered(media_type: str, wanted: str) -> bool:
    """Say whether a media type is ``wanted``, which may have stars; parameters do not count."""
    kind, _, subtype = wanted.partition(";")[0].strip().partition("/")
    given = media_type.partition(";")[0].strip()
    return (
        wanted == "*/*" or given == f"{kind}/{subtype}" or (subtype == "*" and given.startswith(f"{kind}/"))
    )


def _typed(schema: Mapping[str, Any], text: str) -> Any:
    """Return the value that the text of a query stands for; the text itself when it does not fit."""
    kind = schema.get("type")
    if kind == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if kind == "number" and re.fullmatch(r"-?\d+(\.\d+)?", text):
        return float(text)
    if kind == "boolean" and text in {"true", "false"}:
        return text == "true"
    if kind == "array":
        return [_typed(schema["items"], part) for part in text.split(",")]
    return text
