"""What other processes do in the tests of outages. Importable, because processes import it before they are forked.

Everything heavy is imported at the top: the server that forks these processes pays for it once.
"""

import os
import resource
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from threading import Barrier
from typing import Any
from unittest import mock

import duckdb
import psutil
import psycopg
from click.testing import CliRunner

from order_pipelines import clock
from order_pipelines.cli import cli
from order_pipelines.connectors.exact_online.tokens import TokenDesk
from order_pipelines.errors import OrderPipelinesError
from order_pipelines.services import tokens
from order_pipelines.services.dispatch import dispatch_all
from order_pipelines.services.intake import sweep_account
from order_pipelines.services.planning import plan_all
from order_pipelines.services.shop import Shop, open_shop
from order_pipelines.services.stock_push import push_account
from order_pipelines.services.warehouse_load import build_marts, load_core
from order_pipelines.warehouse.engine import Warehouse

Answer = dict[str, Any]


def live(
    work: Callable[..., Answer],
    settings_path: str,
    environment: dict[str, str],
    offset_s: float,
    start: Barrier,
    answers: Any,
    arguments: tuple[Any, ...],
) -> None:
    """Do ``work`` in a process with its own shop, at the same moment as the others, and say what came of it."""
    os.environ.clear()
    os.environ.update(environment)
    with open_shop(Path(settings_path)) as shop:
        clock.follow(offset_s)
        start.wait(60)
        try:
            answers.put(work(shop, *arguments))
        except OrderPipelinesError as error:
            answers.put({"error": type(error).__name__, "said": str(error)})


def die() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def sweep(shop: Shop, account: str) -> Answer:
    done = sweep_account(shop, account)
    return {"fetched": done.fetched, "new": done.booked.orders_new, "busy": done.is_busy}


def push(shop: Shop, *accounts: str) -> Answer:
    return {"confirmed": sum(push_account(shop, account).confirmed for account in accounts)}


def plan_and_dispatch(shop: Shop) -> Answer:
    plan_all(shop)
    return {kind: done.confirmed + done.accepted for kind, done in dispatch_all(shop).items()}


def load(shop: Shop, warehouse_url: str, folder: str) -> Answer:
    warehouse = Warehouse(warehouse_url, Path(folder))
    rows = sum(load_core(shop.store, warehouse).rows_read.values())
    build_marts(warehouse)
    return {"rows": rows, "published": warehouse.publish().number}


def publish_slowly(shop: Shop, warehouse_url: str, folder: str) -> Answer:
    """Publish a copy, and take a moment between its last byte and its name."""
    rename = Path.replace

    def renaming(path: Path, target: Path) -> Path:
        time.sleep(0.3)
        return rename(path, target)

    mock.patch.object(Path, "replace", renaming).start()
    return {"number": Warehouse(warehouse_url, Path(folder)).publish().number}


def ask(shop: Shop, account: str, wait_s: float = 60.0) -> Answer:
    """Ask something that needs a token; wait so long for a token that another process renews."""
    shop.tokens = tokens.StoredTokens(shop.store, wait_s=wait_s)
    if account == "exact":
        shop.connect(account, lambda connector: connector.invoice_sink).find_entries("BOL-1")
    else:
        list(shop.connect(account, lambda connector: connector.stock_sink).list_offers())
    return {"asked": account}


def ask_and_die(shop: Shop, account: str, moment: str, chosen: Any) -> Answer:
    """As :func:`ask`, with little patience; the first process that comes to ``moment`` of the renewal dies there."""

    def die_once() -> None:
        with chosen.get_lock():
            if not chosen.value:
                chosen.value = os.getpid()
                die()

    ask_desk, write = TokenDesk.ask, tokens._StoredSlot.write

    def asking(desk: TokenDesk, form: dict[str, str]) -> Any:
        if moment == "before asking":
            die_once()
        return ask_desk(desk, form)

    def writing(slot: tokens._StoredSlot, token: Any) -> None:
        if moment == "before storing":
            die_once()
        write(slot, token)
        if moment == "after storing":
            die_once()

    mock.patch.object(TokenDesk, "ask", asking).start()
    mock.patch.object(tokens._StoredSlot, "write", writing).start()
    return ask(shop, account, wait_s=0.5)


def command(
    settings_path: str,
    environment: dict[str, str],
    offset_s: float,
    largest_file: int | None,
    when_copying: bool,
    answers: Any,
    arguments: tuple[str, ...],
) -> None:
    """Type a command where no file may grow beyond ``largest_file`` bytes; say how it ended and what it printed.

    The same holds for the files of the database server's processes that work for this one. With ``when_copying`` the
    disk is full only from when a file is copied.
    """
    os.environ.clear()
    os.environ.update(environment)
    clock.follow(offset_s)
    if largest_file is not None:
        full = (largest_file, resource.RLIM_INFINITY)
        # Writes then fail with EFBIG instead of ENOSPC, whoever makes them.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        if when_copying:
            copy = shutil.copyfileobj

            def copying(*arguments: Any) -> None:
                resource.setrlimit(resource.RLIMIT_FSIZE, full)
                copy(*arguments)

            mock.patch.object(shutil, "copyfileobj", copying).start()
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, full)
            connect = psycopg.connect

            def connecting(*arguments: Any, **named: Any) -> Any:
                connection = connect(*arguments, **named)
                _limit(connection.info.backend_pid, full)
                return connection

            mock.patch.object(psycopg, "connect", connecting).start()
    result = CliRunner().invoke(cli, ["--settings", settings_path, *arguments])
    is_bare = result.exception is not None and not isinstance(result.exception, SystemExit)
    answers.put(
        {
            "exit": result.exit_code,
            "said": result.stdout,
            "error": result.stderr,
            "bare": repr(result.exception) if is_bare else None,
        }
    )


def _limit(pid: int, full: tuple[int, int]) -> None:
    """Limit the files of another process; the system asks for its owner, who is not always ours."""
    process = psutil.Process(pid)
    user, group = process.uids().real, process.gids().real
    if user == os.getuid():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, full)
        return
    child = os.fork()
    if child == 0:
        try:
            os.setgid(group)
            os.setuid(user)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, full)
        except OSError:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0, "the files of the database server cannot be limited here"


def hold_file(path: str, held: Any, over: Any, parent: int) -> None:
    """Hold a store's file as a writer does until told to stop, or the test is gone."""
    if path.endswith(".duckdb"):
        connection: Any = duckdb.connect(path)
    else:
        connection = sqlite3.connect(path, isolation_level=None, timeout=60)
        connection.execute("begin immediate")
    held.set()
    while not over.wait(0.5) and os.getppid() != 1 and psutil.pid_exists(parent):
        continue
    connection.close()
