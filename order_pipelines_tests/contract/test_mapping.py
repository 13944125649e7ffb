"""Every connector says what its recordings mean, exactly, and nothing that they do not say."""

import hypothesis
import pytest
from hypothesis import strategies as st

from order_pipelines_tests.contract import rules_mapping as rules
from order_pipelines_tests.contract.recordings import Recording, recordings_of
from order_pipelines_tests.contract.subject import Subject, able, subject_of

INTERPRETING = able(lambda connector: connector.interpreter)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask for each recording of each system that interprets; ``changeable`` are those that can be written again."""
    for name in ("recorded", "changeable"):
        if name in metafunc.fixturenames:
            cases = [
                pytest.param((subject_of(system), each), id=f"{system}-{each.path.stem}")
                for system in INTERPRETING
                for each in recordings_of(subject_of(system))
                if name == "recorded" or each.can_be_changed
            ]
            metafunc.parametrize(name, cases)


Case = tuple[Subject, Recording]


def test_a_recording_means_what_is_stated(recorded: Case) -> None:
    rules.recording_means_what_is_stated(*recorded)


def test_members_that_nobody_knows_change_nothing(changeable: Case) -> None:
    rules.unknown_members_change_nothing(*changeable)


def test_words_that_nobody_knows_are_seen_and_claim_nothing(changeable: Case) -> None:
    rules.unknown_words_are_seen_and_claim_nothing(*changeable)


def test_what_is_not_there_stays_unknown(changeable: Case) -> None:
    rules.what_is_not_there_stays_unknown(*changeable)


def test_amounts_are_exact_and_add_up(recorded: Case) -> None:
    rules.amounts_are_exact(*recorded)


@hypothesis.settings(max_examples=15)
@hypothesis.given(times=st.integers(min_value=1, max_value=5_000))
def test_amounts_so_many_times_as_large_are_so_many_times_as_large(changeable: Case, times: int) -> None:
    rules.amounts_scale(*changeable, times)


def test_the_noise_of_floats_stays_outside(changeable: Case) -> None:
    rules.noise_of_floats_stays_outside(*changeable)
