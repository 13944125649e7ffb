"""What the fast lane did, as events of the assets it works on: one an asset and minute, told by a sensor afterwards.

The lane itself never waits for Dagster: it writes a row a minute, and this reads what was not told yet.
"""

from datetime import datetime
from typing import Any

import dagster as dg

from order_pipelines import clock
from order_pipelines.defs.access import ShopDoor
from order_pipelines.services.lane_reports import LaneMinute, take_minutes

LIVE_TAG = "order_pipelines/lane"
_EVERY_S = 30


def lane_sensor(*, is_automatic: bool) -> dg.SensorDefinition:
    """Return the sensor that turns minutes of ``order-pipelines live`` into events of intake and publish assets."""

    @dg.sensor(
        name="fast_lane",
        minimum_interval_seconds=_EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING if is_automatic else dg.DefaultSensorStatus.STOPPED,
        description="Shows what 'order-pipelines live' did: one event an asset and minute, with counts, lags and what "
        "waits. Quiet minutes are told every tenth. Starts no run.",
    )
    def fast_lane(context: dg.SensorEvaluationContext, shop: dg.ResourceParam[ShopDoor]) -> dg.SensorResult:
        last = datetime.fromisoformat(context.cursor) if context.cursor else None
        with shop.store() as store:
            minutes, stamp = take_minutes(store, last)
        told = [event_of(minute) for minute in minutes if minute.is_worth_telling]
        # The cursor is kept only when the tick ends well, with its events; otherwise these minutes come again.
        return dg.SensorResult(
            skip_reason=None if told else "nothing to tell", asset_events=told, cursor=stamp.isoformat()
        )

    return fast_lane


def event_of(minute: LaneMinute) -> dg.AssetMaterialization:
    """Return the event of one asset's minute. Figures only; nothing of an order or a person."""
    metadata: dict[str, Any] = {
        "order_pipelines/minute": dg.MetadataValue.timestamp(minute.minute),
        "order_pipelines/accounts": len(minute.accounts),
        "by_account": dg.MetadataValue.md(_table(minute)),
    }
    for name, value in minute.totals.items():
        if value is not None:
            metadata[f"order_pipelines/{name}"] = value
    return dg.AssetMaterialization(
        asset_key=dg.AssetKey(minute.asset.split("/")),
        description=f"order-pipelines live, the minute of {clock.isoformat(minute.minute)}",
        metadata=metadata,
        tags={LIVE_TAG: "live"},
    )


def _table(minute: LaneMinute) -> str:
    names = list(minute.totals)
    lines = [
        f"| account | {' | '.join(name.replace('_', ' ') for name in names)} |",
        "|---" * (len(names) + 1) + "|",
    ]
    for account, figures in sorted(minute.accounts.items()):
        values = ("" if figures.get(name) is None else str(figures[name]) for name in names)
        lines.append(f"| {account} | {' | '.join(values)} |")
    return "\n".join(lines)
