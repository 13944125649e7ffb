"""Environments of their own: pinned by hash, made once, made anew when the pins change, and safe to ask for at once.

What is installed here is a package of one line, made by the test; nothing is fetched.
"""

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from order_pipelines_tests import environments
from order_pipelines_tests.environments import PINS, EnvironmentNotMadeError, python_of
from order_pipelines_tests.house.checkout import ROOT

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder from which alone packages come."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for tool in ("UV", "PIP"):
        monkeypatch.setenv(f"{tool}_NO_INDEX", "1")
        monkeypatch.setenv(f"{tool}_FIND_LINKS", str(folder))
    return folder


def put_on(shelf: Path, version: str) -> str:
    """Put the package ``toy`` on the shelf; return the line that pins it."""
    wheel = shelf / f"toy-{version}-py3-none-any.whl"
    about = f"toy-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("toy.py", f"VERSION = {version!r}\n")
        file.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: toy\nVersion: {version}\n")
        file.writestr(
            f"{about}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        file.writestr(f"{about}/RECORD", f"toy.py,,\n{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n")
    return f"toy=={version} \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def pinned(folder: Path, pin: str) -> Path:
    """Write the pins of the environment ``toys``; return their folder."""
    pins = folder / "pins"
    pins.mkdir(exist_ok=True)
    (pins / "toys.txt").write_text(pin, encoding="utf-8")
    return pins


def version_in(interpreter: Path) -> str:
    """Return the version of the toy that an interpreter finds."""
    done = subprocess.run(
        [interpreter, "-c", "import toy; print(toy.VERSION)"], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_it_is_made_once_and_anew_when_the_pins_change(shelf: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    pins = pinned(tmp_path, put_on(shelf, "1.0"))
    interpreter = python_of("toys", pins=pins, environments=made)
    assert interpreter == made / "toys" / "bin" / "python"
    assert version_in(interpreter) == "1.0"
    left = made / "toys" / "left here"
    left.touch()
    python_of("toys", pins=pins, environments=made)
    assert left.exists()
    pinned(tmp_path, put_on(shelf, "2.0"))
    python_of("toys", pins=pins, environments=made)
    assert version_in(interpreter) == "2.0"
    assert not left.exists()


def test_it_shares_nothing_with_ours(shelf: Path, tmp_path: Path) -> None:
    interpreter = python_of(
        "toys", pins=pinned(tmp_path, put_on(shelf, "1.0")), environments=tmp_path / "made"
    )
    done = subprocess.run([interpreter, "-c", "import dagster"], check=False, capture_output=True, text=True)
    assert "No module named 'dagster'" in done.stderr


def test_a_package_with_another_hash_is_refused_and_nothing_is_taken_for_made(
    shelf: Path, tmp_path: Path
) -> None:
    pin = put_on(shelf, "1.0")
    digest = pin.strip()[-64:]
    pins, made = pinned(tmp_path, pin.replace(digest, "0" * 64)), tmp_path / "made"
    for _ in range(2):
        with pytest.raises(
            EnvironmentNotMadeError, match=r"the environment toys could not be made: uv ended with 1"
        ) as told:
            python_of("toys", pins=pins, environments=made)
        assert "python ended with 1" in str(told.value)
    assert list(made.rglob("toy.py")) == []
    pinned(tmp_path, pin)
    assert version_in(python_of("toys", pins=pins, environments=made)) == "1.0"


def test_pip_makes_it_where_there_is_no_uv(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "_uv", lambda: None)
    pins = pinned(tmp_path, put_on(shelf, "1.0"))
    assert version_in(python_of("toys", pins=pins, environments=tmp_path / "made")) == "1.0"


def test_of_three_that_ask_at_once_one_makes_it(shelf: Path, tmp_path: Path) -> None:
    pins, made = pinned(tmp_path, put_on(shelf, "1.0")), tmp_path / "made"
    ask = (
        "import sys; from pathlib import Path; from order_pipelines_tests.environments import python_of\n"
        "found = python_of('toys', pins=Path(sys.argv[1]), environments=Path(sys.argv[2]))\n"
        "print((found.parents[1] / 'made-from').stat().st_mtime_ns)"
    )
    asking = [
        subprocess.Popen([sys.executable, "-c", ask, pins, made], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    answers = {process.communicate()[0] for process in asking}
    assert [process.returncode for process in asking] == [0, 0, 0]
    assert len(answers) == 1
    assert version_in(made / "toys" / "bin" / "python") == "1.0"


def test_an_unknown_name_is_told_what_there_is(tmp_path: Path) -> None:
    pins = pinned(tmp_path, "")
    with pytest.raises(EnvironmentNotMadeError, match=r"dolls\.txt, which is not there; known: toys"):
        python_of("dolls", pins=pins, environments=tmp_path / "made")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("wanted", sorted(PINS.glob("*.in")), ids=lambda path: path.stem)
def test_the_pins_hold_names_versions_and_hashes_of_what_is_wanted(wanted: Path) -> None:
    """No address, no option, nothing without a hash. After a change: `make lock`."""
    pins = wanted.with_suffix(".txt").read_text(encoding="utf-8")
    pin = re.compile(r"[a-z0-9-]+(\[[a-z0-9, -]+\])?==[0-9][0-9a-z.+]*( ; [^\\]+)? \\")
    digest = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
    assert [line for line in pins.splitlines() if not (pin.fullmatch(line) or digest.fullmatch(line))] == []
    assert re.findall(r"^[a-z].*\\\n(?!    --hash=sha256:)", pins, flags=re.MULTILINE) == []
    locked = {
        canonicalize_name(name): version
        for name, version in re.findall(r"^([a-z0-9-]+)[^=\n]*==(\S+)", pins, re.MULTILINE)
    }
    for line in wanted.read_text(encoding="utf-8").splitlines():
        requirement = Requirement(line)
        assert locked[canonicalize_name(requirement.name)] in requirement.specifier
