"""What one worker process of the token race does; in a module of its own so that a fresh process can import it."""

from dataclasses import dataclass
from datetime import datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path

from order_pipelines import clock
from order_pipelines.connectors.exact_online.client import ExactClient
from order_pipelines.connectors.http import MemoryBudget
from order_pipelines.connectors.ports import Account, House
from order_pipelines_tests.connectors.exact_online.file_tokens import FileTokenStore

_start: list[Barrier] = []


@dataclass(frozen=True)
class Task:
    """An account, where its tokens are, and how far the world's clock is ahead."""

    base_url: str
    options: dict[str, object]
    secrets: dict[str, str]
    folder: Path
    offset_s: float


def prepare(barrier: Barrier) -> None:
    """Keep the starting line of the race."""
    _start.append(barrier)


def search_once(task: Task) -> tuple[int, datetime]:
    """Wait for all others, then search once; return the rows found and when the used token was obtained."""
    clock.follow(task.offset_s)
    tokens = FileTokenStore(task.folder)
    account = Account(name="exact", base_url=task.base_url, options=task.options, secrets=task.secrets)
    with ExactClient(account, House(tokens, MemoryBudget())) as client:
        _start[0].wait(timeout=60)
        found = len(client.find_entries("BOL-RACE"))
    stored = tokens.peek("exact_online:exact")
    assert stored is not None
    return found, stored.obtained_at
