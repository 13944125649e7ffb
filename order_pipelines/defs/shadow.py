"""Assets of accounts that observe: what they would have sent against what their channel shows, about once an hour."""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from order_pipelines.connectors.ports import Connector
from order_pipelines.defs import naming
from order_pipelines.defs.access import ShopDoor
from order_pipelines.defs.columns import schema_of_store_table
from order_pipelines.defs.outcomes import Outcome, failing_clearly, materialized, served_check
from order_pipelines.defs.samples import store_sample
from order_pipelines.defs.side_by_side import serve
from order_pipelines.operations import tables
from order_pipelines.services.shop import Shop
from order_pipelines.settings import Settings

_SHOWN = ("account", "business_day", "kind", "compared", "equal", "unsettled", "differing", "problem")


def shadow_asset(
    settings: Settings, connector: Connector, upstream: Sequence[dg.AssetKey]
) -> dg.AssetsDefinition:
    """Return ``publish/<system>__shadow``; ``upstream`` is what brings the system's orders and offers."""
    system = connector.system
    key = naming.publish_key(f"{system}__shadow")
    check = served_check(key, "compared")

    @dg.asset(
        key=key,
        deps=list(upstream),
        group_name=system,
        owners=[naming.INTEGRATIONS],
        kinds={"python", naming.operations_kind(settings)},
        tags={naming.PII_TAG: "none"},
        description=f"What accounts of {connector.title} that observe would have sent, compared with what the channel "
        "shows; nothing is sent. One row: one kind on one business day of one account. Source: the channel, read, and "
        "the operations store; at most once an hour.",
        metadata={
            "dagster/column_schema": schema_of_store_table(tables.shadow_days),
            "dagster/table_name": "shadow_days",
        },
        code_version="1",
        check_specs=[check],
        pool=naming.api_pool(system),
        op_tags=naming.priority(naming.THEN_COMPARE),
    )
    def shadow(
        context: dg.AssetExecutionContext, shop: dg.ResourceParam[ShopDoor]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        from order_pipelines.services.shadow import observing

        with failing_clearly(context), shop.open() as opened:
            accounts = [name for name in observing(opened) if opened.account(name).system == system]
            outcomes = serve(shop, accounts, _compare)
            with opened.store.reading() as connection:
                sample = store_sample(connection, tables.shadow_days, _SHOWN, accounts)
        yield materialized(
            context,
            key,
            outcomes,
            check,
            row_count=sum(each.counts.get("compared", 0) for each in outcomes),
            extra={"sample": dg.MetadataValue.md(sample)},
        )

    return shadow


def _compare(shop: Shop, account: str) -> Outcome:
    from order_pipelines.services.shadow import compare_account, is_due

    counts = dict.fromkeys(("compared", "equal", "left_to_another_process"), 0)
    with shop.store.reading() as connection:
        if not is_due(connection, account):
            return Outcome(account, counts)
    comparison = compare_account(shop, account)
    counts["left_to_another_process"] = int(comparison.is_busy)
    for result in comparison.results:
        counts["compared"] += result.compared
        counts["equal"] += result.compared - len(result.found)
    # What could not be read is unknown and no failure: nothing that goes out waits for it.
    return Outcome(account, counts, "; ".join(comparison.problems) or None)
