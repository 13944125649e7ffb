"""A process that runs until it is told to stop."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def until_signal(finished: threading.Event) -> Iterator[None]:
    """Set ``finished`` at SIGINT and SIGTERM for the block; in children both are at their default then."""

    def finish(number: int, frame: FrameType | None) -> None:
        finished.set()

    before = {number: signal.signal(number, finish) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
