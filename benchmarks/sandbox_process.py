"""The stand-ins in a process of their own, so that what they cost is not taken for ours.

``python -m benchmarks.sandbox_process`` prints the control port's address and runs until its standard input ends.
"""

import sys

from order_pipelines.sandbox.server import Sandbox


def main() -> None:
    """Serve until whoever started this closes our standard input, or is gone."""
    with Sandbox(control_port=0, relaxed=True) as sandbox:
        sys.stdout.write(f"{sandbox.control_url}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
