"""Assets of the warehouse: all of ``core`` in one load, all of ``mart`` in one build, from the table declarations."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from order_pipelines.defs import naming
from order_pipelines.defs.access import ShopDoor, WarehouseDoor
from order_pipelines.defs.columns import schema_of
from order_pipelines.defs.outcomes import failing_clearly, retry_policy
from order_pipelines.defs.samples import picture_in_markdown, warehouse_sample
from order_pipelines.settings import Settings
from order_pipelines.warehouse.columns import Table
from order_pipelines.warehouse.engine import Warehouse
from order_pipelines.warehouse.tables import CORE_TABLES, MART_TABLES, REVENUE_PER_CHANNEL_DAY

if TYPE_CHECKING:
    from order_pipelines.services.warehouse_load import StreamLoad

_PLOTTED_DAYS = 35
_ALL_NAMES = frozenset(table.full_name for table in (*CORE_TABLES, *MART_TABLES))


def _spec(settings: Settings, table: Table, deps: Iterable[dg.AssetKey]) -> dg.AssetSpec:
    return dg.AssetSpec(
        naming.table_key(table),
        deps=sorted(set(deps)),
        group_name=naming.group_of(table),
        owners=[naming.owner_of(table)],
        kinds={"sql" if table.schema == "mart" else "python", naming.warehouse_kind(settings)},
        tags={naming.PII_TAG: "customer" if any(column.is_personal for column in table.columns) else "none"},
        description=table.describe(),
        metadata={"dagster/column_schema": schema_of(table), "dagster/table_name": table.full_name},
        code_version=naming.version_of(table),
    )


def _core_upstream(table: Table, intake: Sequence[dg.AssetKey]) -> list[dg.AssetKey]:
    """Return the intakes behind a table: of its own domain, and orders behind everything but products."""
    group = naming.group_of(table)
    if group == "products":
        return [key for key in intake if key.path[-1].endswith("products")]
    wanted = {
        "orders": ("orders",),
        "stock": ("orders", "stock_counts", "shipments", "offers", "goods_movements", "bundles"),
        "reconciliation": ("readings",),
        "returns": ("returns",),
    }.get(group, ("orders",))
    return [key for key in intake if key.path[-1].split("__")[-1] in wanted]


def core_assets(
    settings: Settings, intake: Sequence[dg.AssetKey], retry_delay_s: float
) -> dg.AssetsDefinition:
    """Return ``core/*``: one step, because one consistent view of the operations store serves the whole load."""

    @dg.multi_asset(
        name="load_core",
        specs=[_spec(settings, table, _core_upstream(table, intake)) for table in CORE_TABLES],
        can_subset=False,
        pool=naming.WAREHOUSE_POOL,
        op_tags=naming.priority(naming.THEN_LOAD),
        retry_policy=retry_policy(retry_delay_s),
    )
    def load_core_step(
        context: dg.AssetExecutionContext,
        shop: dg.ResourceParam[ShopDoor],
        warehouse: dg.ResourceParam[WarehouseDoor],
    ) -> Iterator[dg.MaterializeResult[Any]]:
        from order_pipelines.services.oversells import find_oversells
        from order_pipelines.services.serving import note_serving
        from order_pipelines.services.warehouse_load import load_core
        from order_pipelines.services.warehouse_streams import STREAMS

        with failing_clearly(context), shop.open() as opened, warehouse.writing(opened.store) as target:
            note_serving(opened.store, opened.settings)
            find_oversells(opened.store, opened.settings)
            result = load_core(opened.store, target)
            with target.read() as session:
                samples = {
                    table.full_name: warehouse_sample(
                        session, table, result.rows_total.get(table.full_name, 0)
                    )
                    for table in CORE_TABLES
                }
        stream_of = {table.full_name: stream.name for stream in STREAMS for table in stream.targets}
        context.log.info("core loaded: %d rows read", sum(result.rows_read.values()))
        for table in CORE_TABLES:
            name = table.full_name
            yield dg.MaterializeResult(
                asset_key=naming.table_key(table),
                metadata={
                    "dagster/row_count": result.rows_total.get(name, 0),
                    "order_pipelines/row_count_is_estimated": name in result.rows_estimated,
                    "order_pipelines/rows_written": result.rows_read.get(name, 0),
                    **_reach(result.streams.get(stream_of.get(name, ""))),
                    "order_pipelines/loaded_at": dg.MetadataValue.timestamp(result.loaded_at),
                    "sample": dg.MetadataValue.md(samples[name]),
                },
            )

    return load_core_step


def _reach(stream: "StreamLoad | None") -> dict[str, Any]:
    if stream is None:
        return {}
    return {
        "order_pipelines/watermark_from": stream.since_seq,
        "order_pipelines/watermark_to": stream.done_seq,
    }


def mart_assets(settings: Settings, retry_delay_s: float) -> dg.AssetsDefinition:
    """Return ``mart/*``: one step; upstream is what each table's SQL reads."""

    @dg.multi_asset(
        name="build_marts",
        specs=[
            _spec(
                settings,
                table,
                (
                    naming.full_name_key(name)
                    for name in naming.tables_read_by(f"mart/{table.name}.sql")
                    if name in _ALL_NAMES and name != table.full_name
                ),
            )
            for table in MART_TABLES
        ],
        can_subset=False,
        pool=naming.WAREHOUSE_POOL,
        retry_policy=retry_policy(retry_delay_s),
    )
    def build_marts_step(
        context: dg.AssetExecutionContext,
        shop: dg.ResourceParam[ShopDoor],
        warehouse: dg.ResourceParam[WarehouseDoor],
    ) -> Iterator[dg.MaterializeResult[Any]]:
        from order_pipelines.services.warehouse_load import build_marts

        with failing_clearly(context), shop.open() as opened, warehouse.writing(opened.store) as target:
            result = build_marts(target)
            with target.read() as session:
                samples = {
                    table.full_name: warehouse_sample(
                        session, table, result.rows_total.get(table.full_name, 0)
                    )
                    for table in MART_TABLES
                }
            plot = _plot(target)
        context.log.info("marts built: %d days, %d orders touched", len(result.days), result.orders_touched)
        for table in MART_TABLES:
            name = table.full_name
            metadata: dict[str, Any] = {
                "dagster/row_count": result.rows_total.get(name, 0),
                "order_pipelines/rows_written": result.rows_written.get(name, 0),
                "sample": dg.MetadataValue.md(samples[name]),
            }
            if table is REVENUE_PER_CHANNEL_DAY:
                metadata["order_pipelines/days_rebuilt"] = len(result.days)
                metadata["revenue_per_day"] = dg.MetadataValue.md(plot)
            yield dg.MaterializeResult(asset_key=naming.table_key(table), metadata=metadata)

    return build_marts_step


def _plot(warehouse: Warehouse) -> str:
    """Return the last days' revenue as the report draws it."""
    from order_pipelines.services.charts import revenue_per_channel_png

    name = REVENUE_PER_CHANNEL_DAY.full_name
    recent = f"order_date > (select max(order_date) from {name}) - {_PLOTTED_DAYS}"
    png = revenue_per_channel_png(warehouse.read_frame(REVENUE_PER_CHANNEL_DAY, recent))
    return picture_in_markdown(png, "gross revenue per day and channel")
