"""No connector says in a message, a log line or a result what nobody may see."""

import pytest

from order_pipelines_tests.contract import rules_discretion as rules
from order_pipelines_tests.contract.conftest import MakeOutside
from order_pipelines_tests.contract.recordings import recordings_of
from order_pipelines_tests.contract.subject import able, subject_of
from order_pipelines_tests.hostile.server import hostile_server

INTERPRETING = able(lambda connector: connector.interpreter)
CALLING = able(lambda connector: connector.order_source or connector.invoice_sink)


@pytest.mark.parametrize("system", INTERPRETING)
def test_what_is_said_of_a_payload_names_nobody(system: str) -> None:
    subject = subject_of(system)
    for recording in recordings_of(subject):
        if recording.can_be_changed:
            rules.what_is_said_of_a_payload_names_nobody(subject, recording)


@pytest.mark.parametrize("system", CALLING)
def test_no_message_shows_a_secret(outside: MakeOutside, system: str) -> None:
    world_outside = outside(system)
    base_url = world_outside.account().base_url
    assert base_url is not None
    with hostile_server(base_url) as server:
        rules.no_message_shows_a_secret(world_outside, server)
