"""Assets that serve the accounts of one system: what all of them declare, and how each reports what it did."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import dagster as dg
import sqlalchemy as sa

from order_pipelines.connectors.ports import Connector
from order_pipelines.defs import naming
from order_pipelines.defs.access import ShopDoor
from order_pipelines.defs.columns import schema_of_store_table
from order_pipelines.defs.outcomes import Outcome, failing_clearly, materialized, retry_policy, served_check
from order_pipelines.defs.samples import store_sample
from order_pipelines.operations import tables
from order_pipelines.services.shop import Shop
from order_pipelines.settings import AccountSettings

_EFFECTS_SHOWN = ("effect_key", "account", "state", "planned_at", "confirmed_at")


@dataclass(frozen=True)
class Declared:
    """What an asset of a system says of itself.

    Args:
        key: of the asset.
        system: whose accounts it serves; they share its pool.
        verb: what every account was, for the name of the check: ``read``, ``served``.
        table: of the operations store whose rows it is about.
        description: what it holds, what one row is, where it comes from.
        priority: its place in a run (``naming``).
        kinds: badges in the web UI.
        owner: who answers for it.
        personal_data: what kind of people's data the rows hold.
        deps: what must come before it.
        retry_delay_s: after how long a failed step is tried again; ``None``: with the next run.
        stale_after: when it counts as not fresh; ``None``: never.
    """

    key: dg.AssetKey
    system: str
    verb: str
    table: sa.Table
    description: str
    priority: int
    kinds: frozenset[str] = frozenset({"python"})
    owner: str = naming.INTEGRATIONS
    personal_data: str = "none"
    deps: Sequence[dg.AssetKey] = ()
    retry_delay_s: float | None = None
    stale_after: timedelta | None = None


@dataclass(frozen=True)
class Served:
    """What was done for each account, and how many rows the asset has now; ``extra`` metadata beside."""

    outcomes: list[Outcome]
    row_count: int
    extra: Mapping[str, Any] = field(default_factory=dict)


Work = Callable[[dg.AssetExecutionContext, ShopDoor, Shop], Served]


def account_asset(declared: Declared, work: Work) -> dg.AssetsDefinition:
    """Return the asset that ``work`` makes, with the check that names accounts which could not be served."""
    check = served_check(declared.key, declared.verb)
    again, stale = declared.retry_delay_s, declared.stale_after

    @dg.asset(
        key=declared.key,
        deps=list(declared.deps),
        group_name=declared.system,
        owners=[declared.owner],
        kinds=set(declared.kinds),
        tags={naming.PII_TAG: declared.personal_data},
        description=declared.description,
        metadata={
            "dagster/column_schema": schema_of_store_table(declared.table),
            "dagster/table_name": declared.table.name,
        },
        code_version="1",
        check_specs=[check],
        pool=naming.api_pool(declared.system),
        op_tags=naming.priority(declared.priority),
        retry_policy=None if again is None else retry_policy(again),
        freshness_policy=None if stale is None else dg.FreshnessPolicy.time_window(fail_window=stale),
    )
    def serving(
        context: dg.AssetExecutionContext, shop: dg.ResourceParam[ShopDoor]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with failing_clearly(context), shop.open() as opened:
            served = work(context, shop, opened)
        yield materialized(
            context, declared.key, served.outcomes, check, row_count=served.row_count, extra=served.extra
        )

    return serving


def accounts_of(
    shop: Shop,
    system: str,
    ability: Callable[[Connector], Any],
    wanted: Callable[[AccountSettings], bool] = lambda account: True,
) -> list[str]:
    """Return the enabled accounts of a system that have an ability, and are ``wanted``."""
    return [name for name, account in shop.accounts(ability) if account.system == system and wanted(account)]


def count_rows(shop: Shop, table: sa.Table, accounts: Sequence[str], *of: sa.ColumnElement[bool]) -> int:
    """Return how many rows these accounts have, all or those ``of`` a kind."""
    query = sa.select(sa.func.count()).select_from(table).where(table.c.account.in_(list(accounts)), *of)
    with shop.store.reading() as connection:
        return int(connection.execute(query).scalar_one())


def look(
    shop: Shop, table: sa.Table, shown: Sequence[str], accounts: Sequence[str], *of: sa.ColumnElement[bool]
) -> tuple[int, dict[str, Any]]:
    """Return how many rows these accounts have, all or those ``of`` a kind, and some of them as metadata."""
    with shop.store.reading() as connection:
        sample = store_sample(connection, table, shown, accounts, *of)
    return count_rows(shop, table, accounts, *of), {"sample": dg.MetadataValue.md(sample)}


def look_at_effects(shop: Shop, kind: str, accounts: Sequence[str]) -> tuple[int, dict[str, Any]]:
    """Return how many effects of a kind these accounts have, and some of them as metadata."""
    return look(shop, tables.outbox, _EFFECTS_SHOWN, accounts, tables.outbox.c.kind == kind)
