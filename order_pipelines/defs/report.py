"""The asset of the HTML report that a person opens in the morning."""

from typing import Any

import dagster as dg

from order_pipelines.defs import naming
from order_pipelines.defs.access import ShopDoor, WarehouseDoor
from order_pipelines.defs.outcomes import failing_clearly
from order_pipelines.settings import Settings
from order_pipelines.warehouse.tables import MART_TABLES

REPORT_FILE = "report.html"


def report_asset(settings: Settings) -> dg.AssetsDefinition:
    """Return ``publish/report``."""

    @dg.asset(
        key=naming.publish_key("report"),
        deps=[naming.table_key(table) for table in MART_TABLES],
        group_name="revenue",
        owners=[naming.FINANCE],
        kinds={"python", "html"},
        tags={naming.PII_TAG: "none"},
        description="The report: orders, units and revenue per channel with charts, stock and quarantine, as one file "
        f"that opens offline ({REPORT_FILE} in the data folder). One row: the report. Source: mart.",
        metadata={
            "dagster/column_schema": dg.TableSchema(
                columns=[
                    dg.TableColumn("path", "text", description="The HTML file; each run writes it anew.")
                ]
            ),
        },
        code_version="1",
        pool=naming.WAREHOUSE_POOL,
    )
    def report(
        context: dg.AssetExecutionContext,
        shop: dg.ResourceParam[ShopDoor],
        warehouse: dg.ResourceParam[WarehouseDoor],
    ) -> dg.MaterializeResult[Any]:
        from order_pipelines.services.report import write_report
        from order_pipelines.services.report_brakes import brake_notices

        path = settings.data_dir / REPORT_FILE
        # The shop is opened for its clock too: in a sandbox today is the sandbox's today.
        with failing_clearly(context), shop.open() as opened:
            with opened.store.reading() as connection:
                notices = brake_notices(connection, settings)
            written = write_report(warehouse.warehouse(), settings, path, first_of_all=notices)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": written.rows,
                "dagster/uri": dg.MetadataValue.path(written.path),
                "order_pipelines/orders": written.orders,
                "order_pipelines/quarantined": written.quarantined,
                "order_pipelines/size_bytes": written.size_bytes,
                "revenue_incl_vat": dg.MetadataValue.json(
                    {currency: str(amount) for currency, amount in written.revenue_incl_vat.items()}
                ),
                "days": f"{written.first_day.isoformat()} to {written.last_day.isoformat()}",
            }
        )

    return report
