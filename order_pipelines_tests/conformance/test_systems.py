"""Asked of every outside system alike: is each answer of its stand-in published, and is each answer asked for?"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from order_pipelines.sandbox.server import Sandbox
from order_pipelines_tests.conformance import asking
from order_pipelines_tests.conformance.conftest import FIGURE
from order_pipelines_tests.conformance.exchanges import Exchange, RecordedSandbox
from order_pipelines_tests.conformance.kit import System
from order_pipelines_tests.conformance.shared_folder import SHARED
from order_pipelines_tests.conformance.systems import SYSTEMS

SPECS = SHARED / "specs"
SAMPLES = SHARED / "samples"

pytestmark = [pytest.mark.xdist_group("systems"), pytest.mark.timeout(420)]


@pytest.fixture(scope="module", params=SYSTEMS, ids=[system.name for system in SYSTEMS])
def system(request: pytest.FixtureRequest) -> System:
    row: System = request.param
    return row


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RecordedSandbox]:
    with RecordedSandbox(control_port=0, relaxed=True) as running:
        yield running


@pytest.fixture(scope="module")
def calls(system: System, sandbox: RecordedSandbox) -> list[Exchange]:
    """Everything that the driver of the system brought about."""
    sandbox.reset()
    sandbox.made.clear()
    return asking.driven(system, sandbox)


def test_every_stand_in_has_a_row() -> None:
    assert sorted(system.name for system in SYSTEMS) == sorted(
        standin.system for standin in Sandbox(0).standins
    )


def test_every_answer_is_published_and_what_is_refused_was_wrong(
    system: System, calls: list[Exchange]
) -> None:
    assert asking.problems(system, SPECS, calls) == []


def test_every_operation_gives_every_answer_that_it_has(system: System, calls: list[Exchange]) -> None:
    told = {operation: sorted(statuses) for operation, statuses in system.answers.items()}
    assert asking.answers(system, SPECS, calls) == told


def test_no_operation_and_no_published_status_is_left_out(system: System, sandbox: RecordedSandbox) -> None:
    """Operations come from the stand-in's own table of calls, statuses from the publication."""
    sandbox.reset()
    assert asking.gaps(system, SPECS, system.operations(sandbox)) == []


@pytest.mark.slow
def test_every_answer_in_the_stand_ins_own_tests_is_published(
    system: System, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Some hundred tests know what the stand-in can be made to say; only those named in the row may deviate."""
    heard = asking.overheard(system, asking.own_tests(system), tmp_path / "overheard")
    record_property(FIGURE, f"{system.name}: {len(heard)} answers in the stand-in's own tests")
    assert len(heard) > 300
    found = asking.own_test_problems(system, SPECS, heard)
    assert {test: wrong for test, wrong in found.items() if test not in system.on_purpose} == {}
    assert sorted(system.on_purpose) == sorted(found)


def test_every_known_error_of_a_document_is_shown_by_a_real_answer(system: System) -> None:
    assert [
        problem
        for document in system.documents
        for problem in asking.evidence_problems(document, SPECS, SAMPLES)
    ] == []


def test_answers_that_no_document_lists_look_as_real_ones_do(system: System) -> None:
    wrong = {
        f"{status} {sample}": problems
        for unlisted in system.unlisted
        for status, sample in unlisted.evidence
        if (problems := unlisted.problems(asking.body_of(SAMPLES, sample)))
    }
    assert wrong == {}


def test_a_published_client_works_at_it_or_the_row_says_why_not(system: System) -> None:
    assert (system.client is None) == bool(system.no_client)
    assert system.client is None or (asking.CLIENTS / system.client.script).is_file()
