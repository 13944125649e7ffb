"""What the conformance tests share: the folder of specifications and data, and figures that are printed at the end."""

from pathlib import Path

import pytest

from order_pipelines_tests.conformance.shared_folder import SHARED, missing

FIGURE = "figure"


def pytest_configure() -> None:
    """Refuse to begin without the folder: a test that is left out silently proves nothing."""
    problem = missing()
    if problem is not None:
        raise pytest.UsageError(problem)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests noted with ``record_property(FIGURE, …)``, also when they passed in another process."""
    figures = [
        str(value)
        for report in terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", [])
        for name, value in report.user_properties
        if name == FIGURE
    ]
    if figures:
        terminalreporter.section("figures")
        for figure in figures:
            terminalreporter.write_line(figure)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of specifications, samples and data."""
    return SHARED
