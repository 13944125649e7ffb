"""The stand-ins in a process of their own, so that what they cost is not taken for ours.

``python -m benchmarks.sandbox_process`` prints the control port's address and runs until its standard input ends.
Limits are a thousand times wider unless ``--real`` is given; ``--seed`` decides when faults of a rate strike.
"""

import argparse
import sys

from order_pipelines.sandbox.server import Sandbox


def main() -> None:
    """Serve until whoever started this closes our standard input, or is gone."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sandbox_process", description=__doc__)
    parser.add_argument("--real", action="store_true", help="limits as the systems publish them")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with Sandbox(control_port=0, relaxed=not arguments.real, seed=arguments.seed) as sandbox:
        sys.stdout.write(f"{sandbox.control_url}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
