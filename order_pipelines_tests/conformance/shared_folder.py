"""Where the official specifications, real payloads and real data lie, which are no part of the checkout."""

import os
from pathlib import Path

from order_pipelines_tests.house.checkout import ROOT

SHARED_VARIABLE = "ORDER_PIPELINES_SHARED"
# Read when tests are collected: during a test the developer's own variables are hidden.
SHARED = Path(os.environ.get(SHARED_VARIABLE) or ROOT.parent / "shared").absolute()


def missing() -> str | None:
    """Return one sentence for people when the folder is not there, ``None`` when it is."""
    lacking = [name for name in ("data", "samples", "specs") if not (SHARED / name).is_dir()]
    if not lacking:
        return None
    return (
        f"make conformance needs the folder shared beside the checkout, with {', '.join(lacking)} in it: there is none "
        f"at {SHARED}; put it there, or name its place in {SHARED_VARIABLE}"
    )
