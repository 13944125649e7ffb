"""A run of Dagster in a process of its own, as 'dagster job execute' makes it, and its death at a chosen moment.

Everything heavy is imported at the top: the server that forks these processes pays for it once.
"""

import os
import signal
from typing import Any
from unittest import mock

import dagster
import requests
from click.testing import CliRunner
from dagster._cli.job import job_cli

import order_pipelines.defs.checks
import order_pipelines.defs.intake
import order_pipelines.defs.publish
import order_pipelines.defs.warehouse
import order_pipelines.instance_storage
import order_pipelines.services.charts
import order_pipelines.services.dispatch
import order_pipelines.services.intake
import order_pipelines.services.planning
import order_pipelines.services.stock_push
import order_pipelines.services.warehouse_load
from order_pipelines.warehouse import session

__all__ = ["dagster", "order_pipelines"]


def run_job(
    job: str, environment: dict[str, str], folder: str, dies_at: tuple[str, str] | None, answers: Any
) -> None:
    """Run a job of the code location to its end, or until this process is killed at ``dies_at``.

    That is a method and a part of an address: right after the answer to such a call; or ``LOAD`` and a part of a
    statement: right before the warehouse runs it.
    """
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    if dies_at is not None:
        _die_at(*dies_at)
    result = CliRunner().invoke(job_cli, ["execute", "-m", "order_pipelines.definitions", "-j", job])
    told = "" if result.exception is None else f"{result.exception!r}\n{result.output}"
    answers.put({"exit": result.exit_code, "told": told[-4000:]})


def _die_at(method: str, part: str) -> None:
    send = requests.adapters.HTTPAdapter.send

    def sending(adapter: Any, request: Any, *details: Any, **named: Any) -> Any:
        answer = send(adapter, request, *details, **named)
        if request.method == method and part in (request.url or ""):
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    mock.patch.object(requests.adapters.HTTPAdapter, "send", sending).start()
    for kind in (session.DuckSession, session.PostgresSession):
        _die_before(kind, part if method == "LOAD" else None)


def _die_before(kind: Any, part: str | None) -> None:
    execute = kind.execute

    def executing(opened: Any, sql: str, params: Any = ()) -> None:
        if part is not None and part in sql:
            os.kill(os.getpid(), signal.SIGKILL)
        execute(opened, sql, params)

    mock.patch.object(kind, "execute", executing).start()
