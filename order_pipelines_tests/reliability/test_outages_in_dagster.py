"""What Dagster's event log is told when a disk is full or a database is away: what to do, and no row of anybody."""

import errno
from types import SimpleNamespace
from typing import Any

import dagster as dg
import duckdb
import psycopg
import pytest

from order_pipelines.defs.outcomes import failing_clearly
from order_pipelines.warehouse.engine import WarehouseUnavailableError

ROW = "Key (email)=(j.jansen@example.nl) already exists"


class Tagged:
    """The part of an instance that a failure touches."""

    def __init__(self) -> None:
        self.tags: dict[str, str] = {}

    def add_run_tags(self, run_id: str, tags: dict[str, str]) -> None:
        self.tags |= tags


@pytest.mark.parametrize(
    ("error", "told", "is_retried"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/data/inbox/jansen.csv"),
            "a file could not be read or written: No space left on device; tried again",
            True,
        ),
        (
            WarehouseUnavailableError("the warehouse cannot be used now: File too large"),
            "the warehouse cannot be used now: File too large",
            True,
        ),
        (
            duckdb.ConstraintException(ROW),
            "the warehouse refused a statement (ConstraintException); its own log says more",
            False,
        ),
        (
            psycopg.errors.UniqueViolation(ROW),
            "the warehouse refused a statement (UniqueViolation); its own log says more",
            False,
        ),
    ],
)
def test_a_failure_of_disk_or_database_is_told_without_rows_and_names(
    error: Exception, told: str, is_retried: bool
) -> None:
    instance = Tagged()
    context: Any = SimpleNamespace(instance=instance, run=SimpleNamespace(run_id="run"))
    with pytest.raises(dg.Failure) as failure, failing_clearly(context):
        raise error
    assert (failure.value.description, failure.value.allow_retries) == (told, is_retried)
    assert failure.value.__cause__ is None
    assert ("dagster/max_retries" in instance.tags) is not is_retried
