"""The checkout as the house's tests read it: which files are in it, where it lies. Runs git, changes nothing."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def files() -> tuple[Path, ...]:
    """Return every file that is committed or would be by the next commit, relative to the top of the checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return tuple(sorted(Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()))


def modules(*folders: str) -> list[Path]:
    """Return the Python files under the named top-level folders, relative to the top of the checkout."""
    return [path for path in files() if path.suffix == ".py" and path.parts[0] in folders]


def text(path: Path) -> str:
    """Return the content of a file of the checkout; bytes that are no UTF-8 (archives, pictures) read as ``?``."""
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")
