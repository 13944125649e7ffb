"""Declarations of ``core`` for who decided what."""

from order_pipelines.domain.decisions import DECISIONS
from order_pipelines.warehouse.columns import Table, instant, integer, text

AUDIT_LOG = Table(
    schema="core",
    name="audit_log",
    description="Who decided what: settings that gate writing outside, as they changed, and decisions by command. Rows "
    "are only ever added.",
    grain="one decision",
    key=("audit_seq",),
    source="operations store, audit_log, by audit_seq",
    columns=(
        text("kind", "What was decided: a setting, or which command.", nullable=False, allowed=DECISIONS),
        text("account", "Account it concerns; null for all of them."),
        text("subject", "Path of the setting, order, effect or account.", nullable=False),
        text("value_before", "Value before; null when there was none."),
        text("value_after", "Value after, or what the command did; null for an account that is gone."),
        text(
            "decided_by",
            "settings, or command with the word that was given with --by; no person.",
            nullable=False,
        ),
        integer("audit_seq", "Number of the decision; higher is later.", nullable=False),
        instant("noted_at", "When it was carried out, or first noticed.", nullable=False),
    ),
)
