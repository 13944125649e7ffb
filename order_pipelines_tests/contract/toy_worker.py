"""A merchant's day with a channel of somebody else's package, in a process of its own: prints what came of it."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

from order_pipelines.definitions import build_definitions
from order_pipelines.services.shop import Shop
from order_pipelines.settings import Settings, load_settings
from order_pipelines_tests.contract.inside import SHELF
from order_pipelines_tests.contract.outside import Outside, running_sandbox
from order_pipelines_tests.contract.subject import subject_of
from order_pipelines_tests.services.shop_world import ShopWorld

SYSTEM = sys.argv[1]


def settings_of(outside: Outside, folder: Path) -> Settings:
    """Write a merchant with one account of the channel."""
    row = outside.described(outside.account_name)
    for name, value in row["credentials"].items():
        os.environ[f"TOY_{name.upper()}"] = value
    (folder / "products.csv").write_text(
        f"sku;ean;naam;btw\n{outside.article};8720999001018;Koekenpan;high\n", encoding="utf-8"
    )
    path = folder / "settings.toml"
    path.write_text(
        f"""
[merchant]
name = "Zogenaamd"
[products]
file = "products.csv"
[[locations]]
name = "main"
[vat.rates.NL]
high = 21
[accounts.{outside.account_name}]
system = "{SYSTEM}"
mode = "live"
effective_from = 2026-01-01
reference_prefix = "TOY"
base_url = "{row["base_url"]}"
token_url = "{row["token_url"]}"
ships_from = "main"
serves = ["main"]
[accounts.{outside.account_name}.secrets]
client_id = "TOY_CLIENT_ID"
client_secret = "TOY_CLIENT_SECRET"
""",
        encoding="utf-8",
    )
    return load_settings(path)


def day_of(outside: Outside, folder: Path) -> dict[str, Any]:
    """Let an order be bought and the main job run; return what stands where."""
    settings = settings_of(outside, folder)
    definitions = build_definitions(settings, retry_delay_s=0.0)
    dg.Definitions.validate_loadable(definitions)
    order_id = outside.buy(2)
    with dg.DagsterInstance.ephemeral() as instance:
        job = definitions.resolve_job_def("sweep_shop")
        runs = [job.execute_in_process(instance=instance, raise_on_error=False)]
        shop = Shop.open(settings)
        ShopWorld(outside.sandbox, shop, folder / "settings.toml").count(outside.article, SHELF, ago_h=1)
        shop.close()
        # Counted, it can be accepted; accepted, it is read once more.
        for _ in range(2):
            outside.pass_time(600)
            runs.append(job.execute_in_process(instance=instance, raise_on_error=False))
    state = outside.state()
    published = max(folder.rglob("warehouse-*.duckdb"))
    with duckdb.connect(str(published), read_only=True) as warehouse:
        orders = warehouse.execute(
            "select order_key, channel, order_status, order_total_incl_vat from core.orders"
        ).fetchall()
    return {
        "order_id": order_id,
        "assets": sorted(spec.key.to_user_string() for spec in definitions.resolve_all_asset_specs()),
        "checks": sorted(key.to_user_string() for key in definitions.resolve_asset_graph().asset_check_keys),
        "schedules": sorted(each.name for each in definitions.schedules or ()),
        "sensors": sorted(each.name for each in definitions.sensors or ()),
        "failed": [
            event.step_key
            for run in runs
            for event in run.all_events
            if event.event_type_value == "STEP_FAILURE"
        ],
        "core_orders": [[str(value) for value in row] for row in orders],
        "stock_there": next(row["stock"] for row in state["offers"] if row["sku"] == outside.article),
        "order_there": state["orders"][0]["state"],
    }


def main() -> None:
    """Print the day."""
    subject = subject_of(SYSTEM)
    with running_sandbox(subject) as sandbox:
        print(json.dumps(day_of(Outside(sandbox, subject), Path(sys.argv[2]))))  # noqa: T201


if __name__ == "__main__":
    main()
