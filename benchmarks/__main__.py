"""``python -m benchmarks``: run all or some, print the figures, and keep them in a document when told to."""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import (
    certificate,
    dagster_overhead,
    ingest,
    lane,
    load_10x,
    machine,
    merge_cost,
    order_lookup,
    replay_day,
    single_intake,
    uci_pipeline,
    validation,
    webhook_answers,
)
from benchmarks.result import Result, as_markdown, as_text
from order_pipelines import clock

BENCHMARKS: dict[str, Callable[[bool], Sequence[Result]]] = {
    "order_lookup": order_lookup.run,
    "uci_pipeline": uci_pipeline.run,
    "bol_ingest": ingest.run_bol,
    "mirakl_ingest": ingest.run_mirakl,
    "shopware_ingest": ingest.run_shopware,
    "single_intake": single_intake.run,
    "replay_day": replay_day.run,
    "validation": validation.run,
    "webhook_answers": webhook_answers.run,
    "lane": lane.run,
    "load_10x": load_10x.run,
    "dagster_overhead": dagster_overhead.run,
    "merge_cost": merge_cost.run,
    "stock_certificate": certificate.run,
}

_HEAD = """# Performance

Measured by `make bench BENCH_ARGS='--write docs/performance.md'`, which writes this page and fails when a result is
wrong. Every figure stands beside a yardstick of the same run: seconds depend on the machine, ratios less so.

"""


def main() -> int:
    """Run what the command line asks for; returns 1 when a result was wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--small", action="store_true", help="small amounts, a minute or two in all")
    parser.add_argument(
        "--only", action="append", choices=sorted(BENCHMARKS), help="only this one (may be repeated)"
    )
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="also write the figures into a Markdown document"
    )
    arguments = parser.parse_args()

    where = f"{clock.now():%Y-%m-%d}: {machine.describe()}{', small amounts' if arguments.small else ''}."
    print(f"{where}\n", flush=True)
    results: list[Result] = []
    for name in arguments.only or BENCHMARKS:
        began = time.perf_counter()
        for result in BENCHMARKS[name](arguments.small):
            print(f"{as_text(result)}\n", flush=True)
            results.append(result)
        print(f"  ({name} took {time.perf_counter() - began:.0f} s)\n", flush=True)
    wrong = [one for result in results for one in result.wrong]
    if wrong:
        print(f"{len(wrong)} results are wrong; nothing was written", file=sys.stderr)
        return 1
    if arguments.write is not None:
        sections = "\n\n".join(as_markdown(result) for result in results)
        arguments.write.write_text(f"{_HEAD}{where}\n\n{sections}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    # Who stops a run in CI sends SIGTERM; databases and stand-ins that were started must end with it.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    sys.exit(main())
