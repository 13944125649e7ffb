"""Feeding a target with spoiled inputs, those first that reached lines of the product that no input reached before.

A target runs a fixed number of times by default, in seconds. ``ORDER_PIPELINES_FUZZ_SECONDS=600`` lets each run that
long instead (with ``-o timeout=0 --log-cli-level=INFO``, which shows how many inputs that were);
``ORDER_PIPELINES_FUZZ_SEED`` repeats a run, whose seed stands in the message of its failure.
"""

import logging
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Generic, TypeVar

import order_pipelines

T = TypeVar("T")

# Read at import: while a test runs, the environment is nobody's.
SECONDS = float(os.environ.get("ORDER_PIPELINES_FUZZ_SECONDS", "0"))
SEED = os.environ.get("ORDER_PIPELINES_FUZZ_SEED")
SLOWEST_S = 20.0
"""No single input may take longer, counted in seconds of its own processor time and traced."""

_log = logging.getLogger(__name__)
_PRODUCT = str(Path(order_pipelines.__file__).parent)


class _Lines:
    """Notes which lines of the product run."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, int]] = set()
        self._ours: dict[str, bool] = {}

    def begin(self, frame: FrameType, event: str, arg: Any) -> Any:
        del event, arg
        name = frame.f_code.co_filename
        ours = self._ours.get(name)
        if ours is None:
            ours = self._ours[name] = name.startswith(_PRODUCT)
        return self._line if ours else None

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        del arg
        if event == "line":
            self.seen.add((frame.f_code.co_filename, frame.f_lineno))
        return self._line


@dataclass
class Run(Generic[T]):
    """What a loop did."""

    executions: int = 0
    lines: int = 0
    corpus: list[T] = field(default_factory=list)
    slowest_s: float = 0.0


def fuzz(
    name: str,
    seeds: Sequence[T],
    spoil: Callable[[T, random.Random, int], T],
    target: Callable[[T], None],
    *,
    executions: int,
    is_guided: bool = True,
) -> Run[T]:
    """Run ``target`` on the seeds and on spoiled copies of what was interesting.

    Without ``is_guided`` the product's lines are not watched, for targets that spend their time in stores.
    Whatever it raises fails the test with the input, the seed and the number of the execution.
    """
    seed = int(SEED) if SEED is not None else random.SystemRandom().randrange(2**32)
    if SEED is None and "CI" in os.environ:
        seed = 1
    chance = random.Random(f"{name}{seed}")
    run: Run[T] = Run(corpus=list(seeds))
    lines = _Lines()
    ends_at = time.monotonic() + SECONDS
    waiting = list(seeds)
    while waiting or (time.monotonic() < ends_at if SECONDS else run.executions < executions):
        one = (
            waiting.pop()
            if waiting
            else spoil(_chosen(run.corpus, chance), chance, chance.choice((1, 1, 2, 4)))
        )
        known = len(lines.seen)
        began = time.process_time()
        before = sys.gettrace()
        if is_guided:
            sys.settrace(lines.begin)
        try:
            target(one)
        except BaseException as error:
            raise AssertionError(
                f"{name}: {type(error).__name__} at execution {run.executions} of seed {seed}: {one!r:.3000}"
            ) from error
        finally:
            sys.settrace(before)
        took = time.process_time() - began
        assert took < SLOWEST_S, (
            f"{name}: {took:.1f} s at execution {run.executions} of seed {seed}: {one!r:.3000}"
        )
        run.slowest_s = max(run.slowest_s, took)
        run.executions += 1
        if len(lines.seen) > known and len(repr(one)) < 100_000:
            run.corpus.append(one)
    run.lines = len(lines.seen)
    _log.info(
        "%s: %d inputs, %d lines of the product, %d inputs kept, the slowest took %.2f s (seed %d)",
        name,
        run.executions,
        run.lines,
        len(run.corpus),
        run.slowest_s,
        seed,
    )
    return run


def _chosen(corpus: Sequence[T], chance: random.Random) -> T:
    """The newest are tried more often."""
    return corpus[max(chance.randrange(len(corpus)), chance.randrange(len(corpus)))]
