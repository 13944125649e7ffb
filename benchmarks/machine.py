"""What the figures were measured on: a number without its machine says nothing."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil

_LIBRARIES = ("duckdb", "sqlalchemy", "pyarrow", "orjson", "pandera")


def describe() -> str:
    """Return machine, software and how busy it is now, in one line."""
    memory_gb = psutil.virtual_memory().total / 1024**3
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return (
        f"{_processor()}, {os.cpu_count()} processors, {memory_gb:.0f} GB memory; {platform.system()} "
        f"{platform.release().partition('-')[0]}, Python {platform.python_version()}, {libraries}; "
        f"load {os.getloadavg()[0]:.1f} at the start"
    )


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
