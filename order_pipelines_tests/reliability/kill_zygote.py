"""A process that has imported the package and forks a fresh child for each request: seconds of import are paid once.

A rehearsal runs in this process itself, so that the children inherit what libraries prepare at first use.

Started as ``python -m order_pipelines_tests.reliability.kill_zygote``; reads requests from standard input and answers
on standard output, one JSON object a line. It opens no store and starts no thread, so that a fork is a clean start.
"""

import gc
import json
import os
import pkgutil
import signal
import sys
import time
import traceback
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pandas as pd
import pandera.pandas as pa
import sqlalchemy as sa

import order_pipelines
from order_pipelines.cli import cli
from order_pipelines_tests.reliability.kill_points import Points

_LONGEST_S = 300.0
_PACKAGES = ("commands", "connectors", "operations", "services", "warehouse")


def load_everything() -> None:
    """Import what the commands import when they run, and what libraries import at their first use."""
    for found in pkgutil.walk_packages(order_pipelines.__path__, "order_pipelines."):
        if found.name.split(".")[1] in _PACKAGES:
            import_module(found.name)
    pa.DataFrameSchema({"nothing": pa.Column(int, checks=pa.Check.ge(0))}).validate(
        pd.DataFrame({"nothing": [1]})
    )
    for driver in ("sqlite://", "postgresql+psycopg://"):
        sa.create_engine(driver)


def serve() -> None:
    """Fork a child for each request until standard input ends; its exit status is the answer."""
    load_everything()
    _share_compiled_statements()
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        if request["is_rehearsal"]:
            with Path(request["said"]).open("w") as said, redirect_stdout(said), redirect_stderr(said):
                _work(request)
            sys.stdout.write(json.dumps({"status": 0}) + "\n")
            sys.stdout.flush()
            gc.collect()
            gc.freeze()
            continue
        threads = sum(1 for _ in Path("/proc/self/task").iterdir())
        if threads != 1:
            raise RuntimeError(f"{threads} threads: a fork of this process would be none of a fresh one")
        child = os.fork()
        if child == 0:
            _be_the_child(request)
        sys.stdout.write(json.dumps({"status": _wait(child)}) + "\n")
        sys.stdout.flush()


def _wait(child: int) -> int | None:
    """Return the exit status (negative: the signal that ended it), ``None`` for one that had to be ended."""
    deadline = time.monotonic() + _LONGEST_S
    while time.monotonic() < deadline:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _be_the_child(request: dict[str, Any]) -> None:
    status = 1
    try:
        typed, write = os.pipe()
        os.write(write, request["typed"].encode())
        os.close(write)
        said = os.open(request["said"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for number, stream in enumerate((typed, said, said)):
            os.dup2(stream, number)
        target = request["kill_at"]
        Points(Path(request["log"]), tuple(target) if target else None, request["ignored"]).lay()
        _work(request)
        status = 0
    except BaseException:  # noqa: BLE001 - told, and the process ends with 1
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _work(request: dict[str, Any]) -> None:
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    for command in request["commands"]:
        _run(command)


def _share_compiled_statements() -> None:
    """Let all engines share what they compiled: each command opens a store of its own, compiling is half the work."""
    create, compiled = sa.create_engine, dict[Any, Any]()

    def create_engine(*arguments: Any, **options: Any) -> sa.Engine:
        return create(*arguments, **options, execution_options={"compiled_cache": compiled})

    sa.create_engine = create_engine


def _run(command: list[str]) -> None:
    """Do what a line of a crontab does: run one command; its failure keeps no other from running."""
    try:
        cli(args=command, prog_name="order-pipelines", standalone_mode=False)
    except click.ClickException as error:
        click.echo(f"Error: {error.format_message()}", err=True)
    except click.exceptions.Exit:
        pass


if __name__ == "__main__":
    serve()
    # DuckDB counts at an orderly end what it thinks was leaked, at length.
    os._exit(0)
