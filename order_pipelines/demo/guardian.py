"""Ends process groups whose starter was killed and could not end them. A program of its own, run by its path.

It reads what it guards from its standard input, one ``+number`` or ``-number`` a line. Only the starter holds the
other end, so the input ends when the starter does, however it ended: also by SIGKILL, or with its terminal. (A death
signal of Linux would reach the first process of each group only, and has to be asked for between fork and exec, where
a process with threads must not run Python.) Standard library only and nothing of the package: it is there in 20 ms.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable

_PATIENCE_S = 10.0
_POLL_S = 0.1


def main(lines: Iterable[str]) -> None:
    """Take in what is guarded until the input ends, then end what is left of it."""
    guarded: list[int] = []
    for line in lines:
        number = int(line[1:])
        if line.startswith("+"):
            guarded.append(number)
        elif number in guarded:
            guarded.remove(number)
    end(guarded)


def end(groups: Iterable[int]) -> None:
    """Ask the groups to end, the newest first, wait, and kill what is left."""
    left = [group for group in reversed(list(groups)) if _signalled(group, signal.SIGTERM)]
    deadline = time.monotonic() + _PATIENCE_S
    while left and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        left = [group for group in left if _signalled(group, 0)]
    for group in left:
        _signalled(group, signal.SIGKILL)


def _signalled(group: int, number: int) -> bool:
    """Send a signal to a group; whether the group is still there."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    main(sys.stdin)
