"""The checks before go-live as checks of the product master: they warn, nothing waits for them."""

from collections.abc import Iterator

import dagster as dg

from order_pipelines.defs import naming
from order_pipelines.defs.access import ShopDoor
from order_pipelines.defs.outcomes import failing_clearly
from order_pipelines.defs.samples import markdown_table
from order_pipelines.settings import Settings

# After every intake of a run: what was counted meanwhile is counted.
_LAST = 1


def preflight_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """Return one step with the checks that the settings keep; none when they keep none."""
    from order_pipelines.services.doctor_preflight import CLAIMS

    names = settings.products.checks
    if not names:
        return []
    key = dg.AssetKey(["intake", "products"])

    @dg.multi_asset_check(
        name="check_before_go_live",
        specs=[
            dg.AssetCheckSpec(
                name,
                asset=key,
                description=f"{CLAIMS[name]} What no article has is taken as not kept by this merchant and passes "
                "here; 'order-pipelines doctor' names it all the same.",
            )
            for name in names
        ],
        can_subset=True,
        op_tags=naming.priority(_LAST),
    )
    def check_before_go_live(
        context: dg.AssetCheckExecutionContext, shop: dg.ResourceParam[ShopDoor]
    ) -> Iterator[dg.AssetCheckResult]:
        from order_pipelines.services.doctor_preflight import stored_preflight

        wanted = {one.name for one in context.selected_asset_check_keys}
        with failing_clearly(context), shop.open() as opened:
            found = stored_preflight(opened.store, [name for name in names if name in wanted])
        for check in found:
            yield dg.AssetCheckResult(
                passed=check.offending == 0 or not check.is_kept,
                severity=dg.AssetCheckSeverity.WARN,
                asset_key=key,
                check_name=check.name,
                metadata={
                    "looked_at": check.looked_at,
                    "order_pipelines/offending_rows": check.offending,
                    "is_kept": check.is_kept,
                    "sample": dg.MetadataValue.md(markdown_table([dict(row) for row in check.rows])),
                },
            )

    return [check_before_go_live]
