"""What a process used: memory at most, and processor time. Only the standard library: foreign environments run this."""

import os
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_KB_PER_MB = 1024


def own_peak_mb() -> int:
    """Return the most memory this process held since its program began."""
    if _STATUS.is_file():
        # Not the resource usage: its figure counts what the process that started us held.
        for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // _KB_PER_MB
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used // (_KB_PER_MB**2 if sys.platform == "darwin" else _KB_PER_MB)


def cpu_s() -> float:
    """Return the seconds that processors worked for this process and its ended children, all threads together."""
    return sum(os.times()[:4])
