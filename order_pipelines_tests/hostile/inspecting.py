"""A process of its own that inspects files one after the other and tells the most memory that it ever had."""

import contextlib
import io
import json
import sys
from pathlib import Path

from order_pipelines.cli import main


def peak_kilobytes() -> int:
    """The largest resident size of this process; ru_maxrss would count the one it was started from."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def inspect(system: str, path: str) -> dict[str, object]:
    said = io.StringIO()
    code: object = 0
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            main(["inspect", system, path])
        except SystemExit as end:
            code = end.code
    return {"code": code, "said": said.getvalue(), "peak": peak_kilobytes()}


if __name__ == "__main__":
    answers = [inspect(*argument.split("=", 1)) for argument in sys.argv[1:]]
    json.dump(answers, sys.stdout)
