"""A plugin for pytest: writes down what stand-ins are asked and answer during tests, with the name of the test.

Loaded by name in a process of its own (``-p``), never by this test suite itself.
"""

import os
from pathlib import Path

import pytest

from order_pipelines.sandbox.server import Sandbox
from order_pipelines_tests.conformance.exchanges import Exchange, recorded


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that says where to."""
    parser.addoption("--overheard", type=Path, required=True, help="file that the answers are written to")


def pytest_configure(config: pytest.Config) -> None:
    """Put an ear at the door of every stand-in, in a sandbox or alone."""
    file = config.getoption("--overheard").open("wb")
    config.add_cleanup(file.close)

    def note(exchange: Exchange) -> None:
        test = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" (")[0]
        file.write(test.encode() + b"\t" + exchange.as_line())

    def overheard(app: property) -> property:
        return property(lambda standin: recorded(app.__get__(standin), standin.system, note))

    replaced = pytest.MonkeyPatch()
    for kind in {type(standin) for standin in Sandbox(0).standins}:
        replaced.setattr(kind, "app", overheard(kind.__dict__["app"]))
    config.add_cleanup(replaced.undo)
