"""The asset of the three-way comparison: channels and books read anew once a day, every account by itself."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import sqlalchemy as sa

from order_pipelines.defs import naming
from order_pipelines.defs.access import ShopDoor
from order_pipelines.defs.columns import schema_of_store_table
from order_pipelines.defs.outcomes import Outcome, failing_clearly, materialized, retry_policy, served_check
from order_pipelines.defs.samples import store_sample
from order_pipelines.operations import tables
from order_pipelines.settings import Settings

ENTITY = "readings"
_SHOWN = ("account", "order_date", "state", "books_state", "orders_not_read", "reason", "read_at")


def readings_key() -> dg.AssetKey:
    """Return ``intake/readings``: it is no system's, for it asks all of them."""
    return dg.AssetKey(["intake", ENTITY])


def readings_asset(settings: Settings, retry_delay_s: float) -> dg.AssetsDefinition:
    """Return ``intake/readings``."""
    key = readings_key()
    check = served_check(key, "read")

    @dg.asset(
        key=key,
        group_name="reconciliation",
        owners=[naming.FINANCE],
        kinds={"python", naming.operations_kind(settings)},
        tags={naming.PII_TAG: "none"},
        description="What channels and books say of the last days, read anew to be compared with what is here; never "
        "taken from our stores. One row: one business day of one account. Source: orders listed at every channel, "
        "sales entries read back from the books.",
        metadata={
            "dagster/column_schema": schema_of_store_table(tables.day_readings),
            "dagster/table_name": "day_readings",
        },
        code_version="1",
        check_specs=[check],
        retry_policy=retry_policy(retry_delay_s),
    )
    def readings(
        context: dg.AssetExecutionContext, shop: dg.ResourceParam[ShopDoor]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        from order_pipelines.services.three_way import problem_of, read_again

        with failing_clearly(context), shop.open() as opened:
            compared = read_again(opened)
            outcomes = [
                Outcome(
                    each.account,
                    {
                        "orders_read": each.orders,
                        "orders_not_read": each.orders_not_read,
                        "entries_read": each.entries,
                    },
                    problem_of(each),
                    is_failed=each.problem is not None,
                    is_retryable=each.is_retryable,
                )
                for each in compared.accounts
            ]
            with opened.store.reading() as connection:
                query = sa.select(sa.func.count()).select_from(tables.day_readings)
                total = int(connection.execute(query).scalar_one())
                accounts = [each.account for each in compared.accounts]
                sample = store_sample(connection, tables.day_readings, _SHOWN, accounts)
        yield materialized(
            context,
            key,
            outcomes,
            check,
            row_count=total,
            extra={
                "sample": dg.MetadataValue.md(sample),
                "days": f"{compared.days.first} to {compared.days.last}",
            },
        )

    return readings
