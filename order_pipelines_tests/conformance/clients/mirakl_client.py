"""The work of mirakl-lib and mirakl-api-client at an operator: orders page by page, accepted, shipped, refunded."""

import sys
from contextlib import redirect_stdout
from typing import Any

from mirakl_api_client.client import MirakleClient  # type: ignore[import-not-found]
from mirakl_lib.client import MiraklClient  # type: ignore[import-not-found]
from outside import given, pass_time, refusal, tell  # type: ignore[import-not-found]
from pydantic import ValidationError
from requests import HTTPError

_OFFERS = "sku;product-id;product-id-type;state;price;quantity\nKEU-1001;8720999001018;EAN;11;19.95;3\n"


def main() -> None:
    """Do what the clients can of what the stand-in offers, and print what came of it."""
    row = given["row"]
    key = row["credentials"]["api_key"]
    got = _sort_waiting_orders(row["base_url"], key)
    got |= _ship_and_refund(_on_loopback(row["base_url"], key), given["order_ids"][0])
    tell(got)


def _sort_waiting_orders(base_url: str, key: str) -> dict[str, Any]:
    """What mirakl-lib is for: orders that wait, a page at a time, each accepted."""
    client = MiraklClient("blokker", base_url=base_url, api_key=key)
    got: dict[str, Any] = {"pages": []}
    offset, has_more = 0, True
    while has_more:
        page = client.get_orders(offset, 2, status="WAITING_ACCEPTANCE")
        got["pages"].append([one.order_id for one in page.orders])
        offset, has_more = page.next_order_start_offset, page.has_more
    (first,) = client.get_bulk_order_ids([given["order_ids"][0]]).orders
    (line,) = first.order_lines
    got["order"] = [first.order_state, line.offer_sku, line.quantity, line.price, line.total_price]
    got["address"] = first.customer.shipping_address
    client.accept_order(first.order_id, [line.order_line_id])
    got["accepted twice"] = refusal(
        lambda: client.accept_order(first.order_id, [line.order_line_id]), HTTPError
    )
    stranger = MiraklClient("blokker", base_url=base_url, api_key=f"Bearer {key}")
    got["wrong key"] = refusal(lambda: stranger.get_orders(0, 10), HTTPError)
    pass_time(60)
    # It demands a state of every address, which no Dutch one has.
    got["paid"] = refusal(lambda: client.get_bulk_order_ids([first.order_id]), (ValidationError, KeyError))
    return got


def _on_loopback(base_url: str, key: str) -> Any:
    client = MirakleClient("stand-in.example", key)
    for pool in client.resources.values():
        pool._endpoint = pool.get_url().replace("https://stand-in.example", base_url)
    return client


def _ship_and_refund(client: Any, order_id: str) -> dict[str, Any]:
    """The rest through mirakl-api-client, which hands every answer on as it is."""
    orders, line_id = client.orders, f"{order_id}-1"
    got: dict[str, Any] = {
        "shop": client.accounts.fetch_list().json()["shop_id"],
        "carriers": [one["code"] for one in client.shipping.carriers.fetch_list().json()["carriers"]],
        "reasons": [one["code"] for one in client.settings.reasons.fetch_item("REFUND").json()["reasons"]],
        "taxes": [one["code"] for one in orders.taxes.fetch_list().json()["taxes"]],
    }
    tracking = {"carrier_code": "postnl", "tracking_number": "3SCLIENT"}
    refund = {
        "order_line_id": line_id,
        "amount": 5,
        "shipping_amount": 0,
        "quantity": 0,
        "reason_code": "17",
        "taxes": [{"code": "VAT", "amount": "0.87"}],
    }
    done = [
        orders.tracking(order_id).update_create_item(tracking),
        orders.ship(order_id).update_create_item({}),
        orders.ship(order_id).update_create_item({}),
        orders.refund.update_create_item({"refunds": [refund]}),
        orders.cancel(order_id).update_create_item({}),
    ]
    got["done"] = [one.status_code for one in done]
    (shown,) = orders.fetch_list({"order_ids": order_id}).json()["orders"]
    got["shown"] = [
        shown["order_state"],
        shown["shipping_tracking"],
        shown["order_lines"][0]["refunds"][0]["amount"],
    ]
    log = client.transactions_logs.fetch_list({"order_id": order_id, "limit": 50}).json()["data"]
    got["account"] = [[one["type"], one["amount"]] for one in log]
    got["offers"] = [
        len(client.offers.fetch_list({"max": 100}).json()["offers"]),
        client.offers.fetch_item("1").status_code,
    ]
    # It prints its headers, key and all, when it sends a file.
    with redirect_stdout(sys.stderr):
        sent = client.offers.imports.create_item(
            {"import_mode": "NORMAL"}, {"file": ("offers.csv", _OFFERS, "text/csv")}
        )
    pass_time(60)
    import_id = sent.json()["import_id"]
    got["import"] = client.offers.imports.fetch_item(import_id).json()["status"]
    got["error report"] = client.offers.imports.error_report(import_id).fetch_list().status_code
    return got


main()
