"""Names and labels in Dagster: keys, groups, owners, kinds, pools, and who goes first inside a run."""

import hashlib
import re
from collections.abc import Callable

import dagster as dg

from order_pipelines.errors import ConfigurationError
from order_pipelines.resources import read_sql
from order_pipelines.settings import Settings
from order_pipelines.warehouse.columns import Table

INTEGRATIONS, DATA, FINANCE = "team:integrations", "team:data", "team:finance"
WAREHOUSE_POOL = "warehouse_writer"
DEEP_TAG = "order_pipelines/deep"
PII_TAG = "order_pipelines/pii"

PRIORITY_TAG = "dagster/priority"
# Order inside a run where nothing forces it. Only that: an asset whose upstream failed or is blocked does not run, and
# stock must go out (and the books be served) whatever happened to one intake. All of them work from tables, so that
# another order costs time and nothing else.
FIRST_PRODUCTS, THEN_ORDERS, THEN_OFFERS, THEN_STOCK = 60, 50, 40, 30
# Operators refuse for the seller what he does not accept in time.
THEN_ACCEPT, THEN_PUBLISH, THEN_COMPARE, THEN_LOAD = 25, 20, 15, 10

_GROUPS = (
    ("three_way", "reconciliation"),
    ("day_readings", "reconciliation"),
    ("order_readings", "reconciliation"),
    ("entry_readings", "reconciliation"),
    ("order", "orders"),
    ("quarantine", "orders"),
    ("open_quarantine", "orders"),
    ("channel_return", "returns"),
    ("open_returns", "returns"),
    ("product", "products"),
    ("stock", "stock"),
    ("channel_", "stock"),
    ("oversell", "stock"),
    ("invoice", "invoicing"),
    ("revenue", "revenue"),
)
_REFERENCE = re.compile(r"(?:from|join) ((?:core|mart)\.[a-z_]+)")


def intake_key(system: str, entity: str) -> dg.AssetKey:
    """Return the key of what comes in from a system."""
    return dg.AssetKey(["intake", f"{system}__{entity}"])


def publish_key(name: str) -> dg.AssetKey:
    """Return the key of what goes out."""
    return dg.AssetKey(["publish", name])


def table_key(table: Table) -> dg.AssetKey:
    """Return the key of a warehouse table: asset, table and SQL file have one name."""
    return dg.AssetKey([table.schema, table.name])


def full_name_key(full_name: str) -> dg.AssetKey:
    """Return the key of ``schema.table``."""
    return dg.AssetKey(full_name.split("."))


def group_of(table: Table) -> str:
    """Return the domain a warehouse table belongs to; a new table of a known domain needs no entry here."""
    for prefix, group in _GROUPS:
        if table.name.startswith(prefix):
            return group
    return "house"


def owner_of(table: Table) -> str:
    """Return who answers for a warehouse table."""
    return FINANCE if group_of(table) in {"invoicing", "revenue", "reconciliation"} else DATA


def priority(level: int) -> dict[str, str]:
    """Return the tag of a step that says who goes first."""
    return {PRIORITY_TAG: str(level)}


def api_pool(system: str) -> str:
    """Return the pool of a system's API: one step at a time talks to it."""
    return f"api_{system}"


def operations_kind(settings: Settings) -> str:
    """Return the technology of the operations store without needing its secrets."""
    return _kind(settings.stores.operations_url_env, settings.operations_url, "sqlite")


def warehouse_kind(settings: Settings) -> str:
    """Return the technology of the warehouse without needing its secrets."""
    return _kind(settings.stores.warehouse_url_env, settings.warehouse_url, "duckdb")


def _kind(variable: str | None, url: Callable[[], str], embedded: str) -> str:
    if variable is not None:
        # A URL is hidden in a variable because of its password, which only the server has.
        return "postgres"
    try:
        return "postgres" if url().startswith("postgresql") else embedded
    except ConfigurationError:
        return embedded


def tables_read_by(relative: str) -> tuple[str, ...]:
    """Return the full names of the tables that an SQL file reads, sorted."""
    return tuple(sorted(set(_REFERENCE.findall(read_sql(relative)))))


def version_of(table: Table) -> str:
    """Return a version that changes with the table's declaration or its SQL, so that the UI shows what is outdated."""
    text = repr(table.column_list())
    if table.schema == "mart":
        text += read_sql(f"mart/{table.name}.sql")
    return hashlib.sha256(text.encode()).hexdigest()[:10]
