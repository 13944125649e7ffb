"""Real processes for the tests of outages, forked from a server that has imported the product: one costs little."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from typing import Any

from order_pipelines_tests.reliability import outage_worker
from order_pipelines_tests.services.shop_world import ShopWorld

KILLED = -9
_LONGEST_S = 300.0

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "order_pipelines_tests.reliability.outage_worker",
    ]
)


def at_once(
    world: ShopWorld, work: Callable[..., outage_worker.Answer], count: int, *arguments: Any
) -> list[outage_worker.Answer]:
    """Do ``work`` in ``count`` processes at the same moment; return what each that was not killed answered.

    One that ended otherwise fails the test.
    """
    start, answers = FORKS.Barrier(count), FORKS.SimpleQueue()
    common = (str(world.path), dict(os.environ), world.sandbox.clock.offset_s, start, answers, arguments)
    processes = [FORKS.Process(target=outage_worker.live, args=(work, *common)) for _ in range(count)]
    for process in processes:
        process.start()
    codes = wait_for(processes)
    assert set(codes) <= {0, KILLED}, codes
    return [answers.get() for _ in range(codes.count(0))]


def wait_for(processes: Sequence[Any]) -> list[int | None]:
    """Wait for processes and return their exit codes; one that hangs is killed and has the code of that."""
    for process in processes:
        process.join(_LONGEST_S)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise AssertionError(f"process {process.pid} did not end in {_LONGEST_S:.0f} s")
    return [process.exitcode for process in processes]


def command(
    world: ShopWorld, *arguments: str, largest_file: int | None = None, when_copying: bool = False
) -> outage_worker.Answer:
    """Type a command in a process of its own, on a disk that is full at ``largest_file`` bytes of any file."""
    answers = FORKS.SimpleQueue()
    common = (
        str(world.path),
        dict(os.environ),
        world.sandbox.clock.offset_s,
        largest_file,
        when_copying,
        answers,
    )
    process = FORKS.Process(target=outage_worker.command, args=(*common, arguments))
    process.start()
    assert wait_for([process]) == [0]
    answer: outage_worker.Answer = answers.get()
    return answer
