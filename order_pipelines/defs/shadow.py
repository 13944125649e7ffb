"""Assets of accounts that observe: what they would have sent against what their channel shows, about once an hour."""

from collections.abc import Sequence

import dagster as dg

from order_pipelines.connectors.ports import Connector
from order_pipelines.defs import naming
from order_pipelines.defs.access import ShopDoor
from order_pipelines.defs.account_assets import Declared, Served, account_asset, look
from order_pipelines.defs.outcomes import Outcome
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
    declared = Declared(
        naming.publish_key(f"{system}__shadow"),
        system,
        "compared",
        tables.shadow_days,
        f"What accounts of {connector.title} that observe would have sent, compared with what the channel shows; "
        "nothing is sent. One row: one kind on one business day of one account. Source: the channel, read, and the "
        "operations store; at most once an hour.",
        naming.THEN_COMPARE,
        kinds=frozenset({"python", naming.operations_kind(settings)}),
        deps=upstream,
    )

    def work(context: dg.AssetExecutionContext, shop: ShopDoor, opened: Shop) -> Served:
        from order_pipelines.services.shadow import observing

        accounts = [name for name in observing(opened) if opened.account(name).system == system]
        outcomes = serve(shop, accounts, _compare)
        _, sample = look(opened, tables.shadow_days, _SHOWN, accounts)
        return Served(outcomes, sum(each.counts.get("compared", 0) for each in outcomes), sample)

    return account_asset(declared, work)


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
