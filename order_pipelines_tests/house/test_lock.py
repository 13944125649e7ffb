"""requirements.lock: everything pinned and hashed, and what pyproject.toml asks for."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from order_pipelines_tests.house.checkout import text

_PROJECT = tomllib.loads(text(Path("pyproject.toml")))["project"]
_LOCK = text(Path("requirements.lock"))


def test_the_lock_holds_nothing_but_pins_and_hashes() -> None:
    pin = re.compile(r"[a-z0-9-]+(\[[a-z0-9,-]+\])?==[0-9][0-9a-z.+]*( ; [^\\]+)? \\")
    digest = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
    assert [line for line in _LOCK.splitlines() if not (pin.fullmatch(line) or digest.fullmatch(line))] == []


def test_every_pin_is_followed_by_a_hash() -> None:
    assert len(_LOCK.splitlines()) > 500
    assert re.findall(r"^[a-z].*\\\n(?!    --hash=sha256:)", _LOCK, flags=re.MULTILINE) == []


def test_the_lock_has_what_pyproject_asks_for() -> None:
    """After a change in pyproject.toml: `make lock`."""
    locked: dict[str, list[Version]] = {}
    for name, version in re.findall(r"^([a-z0-9-]+)(?:\[[^\]]+\])?==([^ ]+)", _LOCK, flags=re.MULTILINE):
        locked.setdefault(canonicalize_name(name), []).append(Version(version))
    wanted = [
        Requirement(line) for line in [*_PROJECT["dependencies"], *_PROJECT["optional-dependencies"]["dev"]]
    ]
    unmet = [
        str(requirement)
        for requirement in wanted
        if not (versions := locked.get(canonicalize_name(requirement.name)))
        or not all(version in requirement.specifier for version in versions)
    ]
    assert unmet == []
