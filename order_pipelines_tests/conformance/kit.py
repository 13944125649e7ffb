"""What conformance asks of a system: a row with its publication, its stand-in's calls, a driver and a published client.

`systems.py` has the rows, `test_systems.py` asks the same of each. CONTRIBUTING.md tells how a row is added.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from jsonschema import Draft202012Validator

from order_pipelines.sandbox.server import Sandbox
from order_pipelines_tests.conformance.exchanges import Exchange, RecordedSandbox
from order_pipelines_tests.conformance.json_schemas import FORMATS
from order_pipelines_tests.conformance.spec import KnownError, Specification

NOT_FOUND = 404
REFUSALS_OF_A_REQUEST = frozenset({400, 405, 406, 415})
"""Who answers one of these must have been asked something wrong; what is wrong has to be visible in the publication."""


class Published(Protocol):
    """What a system's maker has published of its calls, mended where it is known to be wrong."""

    def operation_of(self, exchange: Exchange) -> str | None:
        """Return the published operation of a call (``GET /orders/{id}``), ``None`` for one that is not published."""

    def statuses(self, operation: str) -> set[int]:
        """Return the statuses that are published for an operation; empty where none are."""

    def request_problems(self, exchange: Exchange) -> list[str]:
        """Return what the publication refuses of a request."""

    def answer_problems(self, exchange: Exchange) -> list[str]:
        """Return what the publication refuses of an answer."""


@dataclass(frozen=True)
class Unlisted:
    """Answers that the documents leave out for all operations alike, and what they look like instead.

    Args:
        statuses: of the answers.
        reason: why they exist all the same.
        schema: JSON Schema of the body, which is null where there is none.
        evidence: (status, sample): real answers under ``samples`` that have this shape.
    """

    statuses: tuple[int, ...]
    reason: str
    schema: Mapping[str, Any]
    evidence: tuple[tuple[int, str], ...] = ()

    def problems(self, body: Any) -> list[str]:
        """Return what this shape refuses of a body."""
        found = Draft202012Validator(self.schema, format_checker=FORMATS).iter_errors(body)
        return sorted(f"{error.json_path}: {error.message[:200]}" for error in found)


@dataclass(frozen=True)
class Document:
    """One of a system's documents.

    Args:
        source: the file below ``specs``; or the content, where nothing official exists and samples show the shape.
        known_errors: where it is wrong.
        label: stands before the names of its operations, where two documents of a system have the same ones.
        base_path: what stands before every path, where it is not what the document says.
        nulls_are_absent: a member may be null wherever it may stand, whatever the document says: it marks none.
    """

    source: str | Mapping[str, Any]
    known_errors: tuple[KnownError, ...] = ()
    label: str = ""
    base_path: str | None = None
    nulls_are_absent: bool = False

    def read(self, specs: Path, known_errors: Sequence[KnownError] | None = None) -> Specification:
        """Return the document, with its known errors mended or, for their proof, only some of them."""
        errors = self.known_errors if known_errors is None else known_errors
        source = specs / self.source if isinstance(self.source, str) else self.source
        return Specification(
            source,
            errors,
            base_path=self.base_path,
            name=self.label,
            nulls_are_absent=self.nulls_are_absent,
        )


class OpenApi:
    """A system published as OpenAPI or Swagger documents.

    Where two documents have the operation of a call, the media types tell which is meant.
    """

    def __init__(self, specs: Path, documents: Iterable[Document], unlisted: Iterable[Unlisted] = ()) -> None:
        self._documents = [(document.label, document.read(specs)) for document in documents]
        self._unlisted = {status: one for one in unlisted for status in one.statuses}

    def operation_of(self, exchange: Exchange) -> str | None:
        found = self._find(exchange)
        return None if found is None else f"{found[0]} {found[2]}".strip()

    def statuses(self, operation: str) -> set[int]:
        for label, document in self._documents:
            if operation in {f"{label} {name}".strip() for name in document.operations}:
                return document.statuses(operation.removeprefix(label).strip())
        raise KeyError(operation)

    def request_problems(self, exchange: Exchange) -> list[str]:
        found = self._find(exchange)
        return (
            ["no such operation is published"]
            if found is None
            else found[1].request_problems(found[2], exchange)
        )

    def answer_problems(self, exchange: Exchange) -> list[str]:
        found = self._find(exchange)
        body = exchange.json()
        if found is not None and found[1].lists(found[2], exchange.status):
            return found[1].answer_problems(found[2], exchange.status, exchange.media_type, body)
        unlisted = self._unlisted.get(exchange.status)
        if unlisted is None:
            return [f"status {exchange.status} is neither published nor known"]
        return unlisted.problems(body)

    def _find(self, exchange: Exchange) -> tuple[str, Specification, str] | None:
        spoken = {exchange.media_type, exchange.sent_media_type, *exchange.accepted}
        fitting = [
            (label, document, operation)
            for label, document in self._documents
            if (operation := document.operation_of(exchange)) is not None
        ]
        return max(fitting, key=lambda one: bool(spoken & one[1].media_types(one[2])), default=None)


@dataclass(frozen=True)
class Client:
    """A client that somebody else published: it knows nothing of ours, so that both sides cannot err alike.

    Args:
        environment: where it is installed, a name for ``environments.python_of`` or ``node_modules_of``.
        script: below ``clients``; does the client's work and prints what it got as one JSON object.
        pointed: every way in which the client is bent for being on loopback, in words.
        left_out: what the client can do and the stand-in does not offer, in words.
    """

    environment: str
    script: str
    pointed: tuple[str, ...]
    left_out: str


@dataclass(frozen=True)
class System:
    """One row: all that conformance has to know of an outside system.

    Args:
        name: as the stand-in calls itself.
        published: reads the publication from the folder of specifications.
        operations: every operation that the stand-in offers, read from its own table of calls and not from here.
        drive: calls the stand-in so that it gives every answer that it has.
        answers: what ``drive`` must bring about, typed in: statuses by operation. The operation ``None`` stands for
            calls that are not published at all.
        never: published statuses that the stand-in never answers, with the reason, by operation.
        stricter: refusals that the publication cannot express, with the reason, by operation.
        sends: every operation that our connector uses, typed in.
        own_tests: patterns of the test files under ``order_pipelines_tests/sandbox`` that are this stand-in's.
        on_purpose: tests among these in which it is told to send what the real system never would, with the reason.
        documents: of the publication, for the proof of their known errors; empty where it is no OpenAPI.
        unlisted: see ``Unlisted``.
        client: a published client; ``None`` where there is none, for which ``no_client`` has the reason.
    """

    name: str
    published: Callable[[Path], Published]
    operations: Callable[[Sandbox], Iterable[str]]
    drive: Callable[[RecordedSandbox], None]
    answers: Mapping[str | None, Sequence[int]]
    sends: tuple[str, ...]
    own_tests: tuple[str, ...]
    never: Mapping[tuple[str, int], str] = field(default_factory=dict)
    stricter: Mapping[str, str] = field(default_factory=dict)
    on_purpose: Mapping[str, str] = field(default_factory=dict)
    documents: tuple[Document, ...] = ()
    unlisted: tuple[Unlisted, ...] = ()
    client: Client | None = None
    no_client: str = ""

    def problems(self, published: Published, exchange: Exchange) -> list[str]:
        """Return what is wrong with a call or its answer.

        A request that is refused as wrong must be wrong; of that call only the answer has to fit.
        """
        wrong = published.request_problems(exchange)
        operation = published.operation_of(exchange)
        if exchange.status in REFUSALS_OF_A_REQUEST or (operation is None and exchange.status == NOT_FOUND):
            is_known = operation is not None and operation in self.stricter
            wrong = [] if wrong or is_known else ["was refused and is a good request"]
        found = [*wrong, *published.answer_problems(exchange)]
        return [f"{exchange}: {problem}" for problem in found]
