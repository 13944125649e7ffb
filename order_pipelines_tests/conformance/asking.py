"""The questions themselves, asked of a system's row: each returns what is wrong, in words."""

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from order_pipelines_tests.conformance.exchanges import Exchange, RecordedSandbox, exchange_of
from order_pipelines_tests.conformance.kit import Document, System
from order_pipelines_tests.environments import python_of
from order_pipelines_tests.house.checkout import ROOT

CLIENTS = Path(__file__).parent / "clients"
_CLIENT_TIMEOUT_S = 300
_TESTS_TIMEOUT_S = 400


def driven(system: System, sandbox: RecordedSandbox) -> list[Exchange]:
    """Return what the stand-in answered while its driver called it."""
    system.drive(sandbox)
    return of_system(system, sandbox.made)


def of_system(system: System, made: Iterable[Exchange]) -> list[Exchange]:
    """Return the calls at one system's stand-in."""
    return [exchange for exchange in made if exchange.system == system.name]


def problems(system: System, specs: Path, calls: Sequence[Exchange]) -> list[str]:
    """Return what the publication refuses of calls and their answers."""
    published = system.published(specs)
    return sorted({problem for call in calls for problem in system.problems(published, call)})


def answer_problems(system: System, specs: Path, calls: Sequence[Exchange]) -> list[str]:
    """Return what the publication refuses of the answers alone, for callers that are not ours to judge."""
    published = system.published(specs)
    return sorted({f"{call}: {problem}" for call in calls for problem in published.answer_problems(call)})


def answers(system: System, specs: Path, calls: Sequence[Exchange]) -> dict[str | None, list[int]]:
    """Return the statuses that were answered, by operation."""
    published = system.published(specs)
    found: defaultdict[str | None, set[int]] = defaultdict(set)
    for call in calls:
        found[published.operation_of(call)].add(call.status)
    return {operation: sorted(statuses) for operation, statuses in found.items()}


def gaps(system: System, specs: Path, operations: Iterable[str]) -> list[str]:
    """Return what a row leaves out, operations of the stand-in and published statuses, and what it says in vain."""
    published = system.published(specs)
    offered = {_nameless(operation) for operation in operations}
    told = {operation for operation in system.answers if operation is not None}
    missing = [
        f"{one}: offered and not driven" for one in offered - {_nameless(operation) for operation in told}
    ]
    idle = [f"{one}: driven and not offered" for one in told if _nameless(one) not in offered]
    silent = {
        (operation, status)
        for operation in told
        for status in published.statuses(operation) - set(system.answers[operation])
    }
    unsaid = [
        f"{operation} {status}: published and never answered"
        for operation, status in silent - set(system.never)
    ]
    in_vain = [
        f"{operation} {status}: excused and not needed" for operation, status in set(system.never) - silent
    ]
    return sorted([*missing, *idle, *unsaid, *in_vain])


def _nameless(operation: str) -> str:
    """Return an operation without the names of its placeholders, which are nobody's business but the document's."""
    return re.sub(r"\{[^}]*\}", "{}", operation)


def own_tests(system: System) -> list[Path]:
    """Return the test files of a system's stand-in."""
    folder = ROOT / "order_pipelines_tests" / "sandbox"
    return [path for pattern in system.own_tests for path in sorted(folder.glob(pattern))]


def connector_tests(system: System) -> list[Path]:
    """Return the folder with the tests of our connector to a system."""
    return [ROOT / "order_pipelines_tests" / "connectors" / system.name]


def overheard(system: System, tests: Sequence[Path], file: Path) -> list[tuple[str, Exchange]]:
    """Run tests in a process of their own; return each call at the system's stand-in with the name of its test.

    Raises:
        AssertionError: a test failed, which its own run explains better.
    """
    plugin = "order_pipelines_tests.conformance.overhearing"
    options = [
        "-q",
        "-n",
        "0",
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
        "-p",
        plugin,
        "--overheard",
        str(file),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=_TESTS_TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    heard = [line.split(b"\t", 1) for line in file.read_bytes().splitlines(keepends=True)]
    made = [(test.decode().rpartition("::")[2].partition("[")[0], exchange_of(line)) for test, line in heard]
    return [(test, exchange) for test, exchange in made if exchange.system == system.name]


def own_test_problems(
    system: System, specs: Path, heard: Sequence[tuple[str, Exchange]]
) -> dict[str, list[str]]:
    """Return by test what the publication refuses of the answers in a stand-in's own tests, or the row does not know.

    The requests of those tests are bad on purpose and are not asked about.
    """
    published = system.published(specs)
    found: defaultdict[str, set[str]] = defaultdict(set)
    for test, exchange in heard:
        if exchange.is_broken:
            found[test].add(f"{exchange}: the body is no JSON")
            continue
        found[test].update(f"{exchange}: {problem}" for problem in published.answer_problems(exchange))
        operation = published.operation_of(exchange)
        if exchange.status not in system.answers.get(operation, ()):
            found[test].add(f"{operation} {exchange.status}: not among the answers of the row")
    return {test: sorted(wrong) for test, wrong in found.items() if wrong}


def request_problems(
    system: System, specs: Path, heard: Sequence[tuple[str, Exchange]]
) -> dict[str, list[str]]:
    """Return by test what the publication refuses of our requests, whatever they were answered."""
    published = system.published(specs)
    found: defaultdict[str, set[str]] = defaultdict(set)
    for test, exchange in heard:
        found[test].update(f"{exchange}: {problem}" for problem in published.request_problems(exchange))
    return {test: sorted(wrong) for test, wrong in found.items() if wrong}


def body_of(samples: Path, sample: str) -> Any:
    """Return a sample: JSON, one named answer of a list (``file.json#name``), or text."""
    name, _, part = sample.partition("#")
    text = (samples / name).read_text(encoding="utf-8")
    if not name.endswith(".json"):
        return text
    content = json.loads(text)
    return next(one["body"] for one in content if one["name"] == part) or None if part else content


def evidence_problems(document: Document, specs: Path, samples: Path) -> list[str]:
    """Return which known errors of a document their real answers do not show.

    Each answer must be refused by the text as published, other errors mended, and fit the mended one.
    """
    wrong = []
    for error in document.known_errors:
        if error.evidence is None:
            continue
        operation, status, sample = error.evidence
        mended = document.read(specs)
        body, media_type = body_of(samples, sample), mended.media_type_of(operation, status)
        others = [one for one in document.known_errors if one is not error]
        if not document.read(specs, others).answer_problems(operation, status, media_type, body):
            wrong.append(f"{error.name}: {sample} fits what is published")
        wrong += [
            f"{error.name}: {sample}: {problem}"
            for problem in mended.answer_problems(operation, status, media_type, body)
        ]
    return wrong


def run_client(system: System, given: dict[str, Any]) -> Any:
    """Let a published client do its work in its own environment; return what its script printed.

    Raises:
        AssertionError: the script failed, or there is no client.
    """
    assert system.client is not None, system.no_client
    done = subprocess.run(
        [python_of(system.client.environment), CLIENTS / system.client.script],
        input=json.dumps(given),
        check=False,
        capture_output=True,
        text=True,
        timeout=_CLIENT_TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
