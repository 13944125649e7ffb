"""What is written down of who decided what: the words of the log that is only ever added to."""

from typing import Literal, get_args

Decision = Literal[
    "setting",
    "release_stock",
    "cancel_order",
    "accept_order",
    "refund_order",
    "retry_quarantine",
    "retry_failed",
    "stop_account",
    "go_account",
]
"""A setting that gates writing outside, as it changed, or which command: the kind of a row of ``audit_log``."""
DECISIONS: tuple[str, ...] = get_args(Decision)
