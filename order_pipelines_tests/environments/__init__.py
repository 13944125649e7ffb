"""Environments of their own: for published clients of other people, and for tools we measure ourselves against.

A client that is checked against a stand-in brings its own versions of what we pin too, so each lives in a virtual
environment of its own under ``.environments``, made when first asked for from a hash-pinned file beside this module:
``<name>.txt``, which `make lock` writes from ``<name>.in``. For clients of npm it is a folder ``<name>`` with
``package.json`` and ``package-lock.json``. It is made anew when that file or Python changes. Nothing here names an
address: where packages come from is the machine's matter, as with requirements.lock.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PINS = Path(__file__).resolve().parent
ENVIRONMENTS = PINS.parents[1] / ".environments"
_INSTALL_TIMEOUT_S = 600
_STAMP = "made-from"


class EnvironmentNotMadeError(Exception):
    """An environment could not be made; the text says what was tried, what happened and what to do."""


def python_of(name: str, *, pins: Path = PINS, environments: Path = ENVIRONMENTS) -> Path:
    """Return the interpreter of the virtual environment ``name``, which is made if need be.

    Any number of processes may ask at once: one makes it and the others wait.

    Args:
        name: of ``<name>.txt`` among the pins.
        pins: the folder of the pinned files.
        environments: the folder under which environments are made.

    Raises:
        EnvironmentNotMadeError: there is no such file, or neither uv nor pip could install it.
    """
    wanted = _pinned(name, pins / f"{name}.txt", pins)
    made_from = _digest(sys.version.encode(), sys.base_prefix.encode(), wanted.read_bytes())

    def make(folder: Path) -> None:
        _run(name, [sys.executable, "-m", "venv", "--without-pip", folder])
        interpreter = _interpreter(folder)
        uv = _uv()
        pinned: list[str | Path] = ["--quiet", "--require-hashes", "-r", wanted]
        ways = [[sys.executable, "-m", "pip", "--python", interpreter, "install", "--no-input", *pinned]]
        if uv is not None:
            ways.insert(0, [uv, "pip", "install", "--python", interpreter, "--compile-bytecode", *pinned])
        _run(name, *ways)

    return _interpreter(_made(environments, name, made_from, make))


def node_modules_of(name: str, *, pins: Path = PINS, environments: Path = ENVIRONMENTS) -> Path:
    """Return the folder ``node_modules`` of the npm environment ``name``, which is made if need be.

    No script of a package is run. Arguments and waiting are those of ``python_of``.

    Raises:
        EnvironmentNotMadeError: npm or the pins are missing, or npm could not install them.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise EnvironmentNotMadeError(
            f"the environment {name} needs npm, and there is none in PATH: install Node.js"
        )
    wanted = [_pinned(name, pins / name / file, pins) for file in ("package.json", "package-lock.json")]

    def make(folder: Path) -> None:
        folder.mkdir()
        shutil.copytree(pins / name, folder, dirs_exist_ok=True)
        _run(name, [npm, "ci", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund", "--silent"])

    made_from = _digest(npm.encode(), *(file.read_bytes() for file in wanted))
    return _made(environments, name, made_from, make) / "node_modules"


def _pinned(name: str, path: Path, pins: Path) -> Path:
    if path.is_file():
        return path
    known = sorted(
        {file.stem for file in pins.glob("*.txt")}
        | {file.parent.name for file in pins.glob("*/package.json")}
    )
    raise EnvironmentNotMadeError(
        f"the environment {name} is made from {path}, which is not there; known: {', '.join(known) or 'none'}. "
        "Write its .in and run make lock"
    )


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _interpreter(folder: Path) -> Path:
    return folder / "bin" / "python"


def _uv() -> Path | None:
    """Return the uv beside our own interpreter, which the lock names; ``None`` where it is not installed."""
    path = Path(sys.executable).parent / "uv"
    return path if path.is_file() else None


def _made(environments: Path, name: str, made_from: str, make: Callable[[Path], None]) -> Path:
    """Return the finished folder of an environment; what is half made or made from something else is made anew."""
    folder = environments / name
    stamp = folder / _STAMP
    with _alone(environments, name):
        if not (stamp.is_file() and stamp.read_text(encoding="ascii") == made_from):
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            stamp.write_text(made_from, encoding="ascii")
    return folder


@contextmanager
def _alone(environments: Path, name: str) -> Iterator[None]:
    """Keep other processes out of one environment; the lock goes with the process that holds it."""
    environments.mkdir(parents=True, exist_ok=True)
    with (environments / f"{name}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _run(name: str, *ways: Sequence[str | Path]) -> None:
    """Run the first command that succeeds.

    Raises:
        EnvironmentNotMadeError: none did; the text has the last lines of each.
    """
    failures = []
    for command in ways:
        try:
            done = subprocess.run(
                command,
                check=False,
                capture_output=True,
                text=True,
                timeout=_INSTALL_TIMEOUT_S,
                env=os.environ | {"UV_LINK_MODE": "copy"},
            )
        except subprocess.TimeoutExpired:
            failures.append(f"{command[0]} was not ready after {_INSTALL_TIMEOUT_S} s")
            continue
        if done.returncode == 0:
            return
        said = " / ".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        failures.append(f"{Path(command[0]).name} ended with {done.returncode}: {said or 'no word'}")
    raise EnvironmentNotMadeError(
        f"the environment {name} could not be made: {'; '.join(failures)}. "
        "It needs the package index that make install used; after a change of pins run make lock"
    )
