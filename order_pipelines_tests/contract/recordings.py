"""Recorded payloads of a system with the facts that are stated of them, and ways to write them again after a change."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from order_pipelines.domain.orders import Interpretation, Order, order_facts
from order_pipelines_tests.contract.data import MissingData
from order_pipelines_tests.contract.subject import Subject

FACTS = "facts"
"""``recorded/bol/facts/X.json`` states what ``recorded/bol/orders/X.json`` means."""

BY_CONTENT = "by content"
"""In place of the name of an order that its file does not name."""


@dataclass(frozen=True)
class Recording:
    """One recording. ``payload`` is what may be changed: the JSON, or ``{"rows": […]}`` of a text table."""

    path: Path
    payload: Any

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def can_be_changed(self) -> bool:
        return self.payload is not None

    def dump(self, payload: Any) -> bytes:
        """Return a changed payload as the system would send it."""
        if self.path.suffix == ".json":
            return orjson.dumps(payload)
        rows = payload["rows"]
        text = io.StringIO(newline="")
        names = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(text, names, delimiter=_separator(self.path.read_bytes()), restval="")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode("utf-8-sig")


def recordings_of(subject: Subject, kind: str = "orders") -> list[Recording]:
    """Return every recording of a kind.

    Raises:
        MissingData: there is none.
    """
    folder = subject.folder / kind
    paths = sorted(path for path in folder.glob("*") if path.suffix in (".json", ".csv", ".xlsx"))
    if not paths:
        raise MissingData(
            f"{subject.system} has no recording: put one into recorded/{subject.system}/{kind}/"
        )
    return [Recording(path, _payload_of(path)) for path in paths]


def _payload_of(path: Path) -> Any:
    if path.suffix == ".json":
        return orjson.loads(path.read_bytes())
    if path.suffix == ".csv":
        body = path.read_bytes()
        rows = csv.DictReader(io.StringIO(body.decode("utf-8-sig")), delimiter=_separator(body))
        return {"rows": list(rows)}
    return None


def _separator(body: bytes) -> str:
    first = body.splitlines()[0].decode("utf-8-sig")
    return max(";,\t", key=first.count)


def read(subject: Subject, recording: Recording, body: bytes | None = None) -> Interpretation:
    """Return what the connector makes of a recording, or of another body in its place."""
    make = subject.connector.interpreter
    assert make is not None
    options = {
        name: value
        for name, value in subject.data.options.items()
        if not (isinstance(value, str) and value.startswith("{"))
    }
    content = recording.path.read_bytes() if body is None else body
    return make(options)(content, kind="order", name=recording.name)


def stated_facts(recording: Recording) -> list[dict[str, Any]]:
    """Return the facts that somebody typed of a recording.

    Raises:
        MissingData: nobody has.
    """
    path = recording.path.parent.parent / FACTS / f"{recording.path.stem}.json"
    if not path.is_file():
        raise MissingData(
            f"nobody has stated what {recording.name} means: write {'/'.join(path.parts[-4:])}, typed from the "
            "system's documentation and not from what the connector says"
        )
    facts: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["orders"]
    return facts


def all_facts(subject: Subject, recording: Recording, meaning: Interpretation) -> dict[str, Any]:
    """Return the facts of all orders of a payload by their place: ``10001/lines[7].quantity``."""
    facts: dict[str, Any] = {}
    for order in meaning.orders:
        facts |= {f"{name_of_order(subject, recording, order)}/{name}": each for name, each in _flat(order)}
    if recording.name in subject.data.mapping.named_by_content:
        facts = {
            name: each for name, each in facts.items() if not name.endswith(("order_id", "order_number"))
        }
    return facts


def name_of_order(subject: Subject, recording: Recording, order: Order) -> str:
    """Return what tells an order from the others of its payload."""
    is_by_content = recording.name in subject.data.mapping.named_by_content
    return BY_CONTENT if is_by_content else order.external_order_id


def _flat(order: Order) -> Iterator[tuple[str, Any]]:
    for name, value in order_facts(order).items():
        if name == "lines":
            for line in value:
                yield from ((f"lines[{line['external_line_id']}].{key}", each) for key, each in line.items())
        elif name == "buyer":
            yield from ((f"buyer.{key}", each) for key, each in value.items())
        else:
            yield name, value
