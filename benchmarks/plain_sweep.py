"""One sweep as plain calls in a process of its own: ``python -m benchmarks.plain_sweep SETTINGS``."""

import json
import sys
from pathlib import Path

from benchmarks import bench_world
from benchmarks.usage import own_peak_mb
from order_pipelines.settings import load_settings

if __name__ == "__main__":
    bench_world.sweep(load_settings(Path(sys.argv[1])))
    sys.stdout.write(f"{json.dumps({'peak_mb': own_peak_mb()})}\n")
