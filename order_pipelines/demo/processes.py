"""Processes of ours that live as long as ``up``: each in a group of its own, so that its children end with it.

Dagster's code server, daemon and runs start processes themselves; killing only the first of them leaves the others at
work. Nothing here ends a process that was not started here. Who is killed cannot end anything: a guardian does it then.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_POLL_S = 0.1
_GUARDIAN = Path(__file__).with_name("guardian.py")


@dataclass(frozen=True, slots=True)
class Started:
    """One process with its own group and the file its output goes to."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def last_lines(self, count: int = 15) -> str:
        """Return the end of what it wrote."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])


@dataclass
class Processes:
    """Starts processes and ends all of them, the newest first."""

    logs: Path
    environment: Mapping[str, str]
    folder: Path
    _started: list[Started] = field(default_factory=list)
    _guardian: subprocess.Popen[bytes] | None = None

    def start(self, name: str, command: Sequence[str]) -> Started:
        """Start ``command`` in a process group of its own.

        The caller must handle SIGINT and SIGTERM itself: what is handled here is at its default in the new process,
        but what is ignored stays ignored, and a Dagster process that ignores SIGINT ignores SIGTERM as well.
        """
        self._guard()
        log = self.logs / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603  # commands are ours, with no shell between
                command,
                cwd=self.folder,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started = Started(name, process, log)
        self._started.append(started)
        self._tell(f"+{process.pid}")
        return started

    def ended(self) -> Started | None:
        """Return a process that is over although nobody stopped it, if there is one."""
        return next((each for each in self._started if each.process.poll() is not None), None)

    def stop(self, *, patience_s: float = 10.0) -> None:
        """Ask all groups to end, wait, and kill what is left of them; may be called twice."""
        for each in reversed(self._started):
            _signal(each, signal.SIGTERM)
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and any(_is_alive(each) for each in self._started):
            time.sleep(_POLL_S)
        for each in reversed(self._started):
            _signal(each, signal.SIGKILL)
            each.process.wait()
            self._tell(f"-{each.process.pid}")
        self._started.clear()
        if self._guardian is not None:
            self._guardian.communicate()
            self._guardian = None

    def _guard(self) -> None:
        """Start the guardian, out of reach of a terminal's Ctrl-C and of what the started processes are sent."""
        if self._guardian is None:
            self._guardian = subprocess.Popen(  # noqa: S603  # our own program, with no shell between
                [sys.executable, "-I", "-S", str(_GUARDIAN)], stdin=subprocess.PIPE, start_new_session=True
            )

    def _tell(self, line: str) -> None:
        guardian = self._guardian
        if guardian is None or guardian.stdin is None:
            return
        try:
            guardian.stdin.write(f"{line}\n".encode())
            guardian.stdin.flush()
        except BrokenPipeError:
            # Somebody ended the guardian; what was started here is ended here all the same.
            return


def _signal(started: Started, number: signal.Signals) -> None:
    # The group's number is the first process's; it is not given anew while any member lives.
    try:
        os.killpg(started.process.pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _is_alive(started: Started) -> bool:
    # An ended child stays in the process table until it is waited for, and would count as a member of its group.
    started.process.poll()
    try:
        os.killpg(started.process.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # macOS answers so for a group of which only ended members are left.
        return False
    return True
