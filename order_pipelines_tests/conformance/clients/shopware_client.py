"""The work of lib-shopware6-api-base at a shop: log in, page through orders, ship with tracking, write stock."""

from typing import Any

from lib_shopware6_api_base import (  # type: ignore[import-not-found]
    ConfShopware6ApiBase,
    Criteria,
    DescFieldSorting,
    EqualsFilter,
    MultiFilter,
    RangeFilter,
    Shopware6AdminAPIClientBase,
    ShopwareAPIError,
)
from outside import given, pass_time, refusal, tell  # type: ignore[import-not-found]

_ASSOCIATIONS = ("lineItems", "deliveries", "transactions", "orderCustomer", "stateMachineState")


def _since(start: str) -> MultiFilter:
    return MultiFilter(
        operator="or",
        queries=[RangeFilter(field=name, parameters={"gte": start}) for name in ("createdAt", "updatedAt")],
    )


def main() -> None:
    """Do what a merchant's own program does with the client, and print what came of it."""
    row = given["row"]
    client = Shopware6AdminAPIClientBase(
        config=ConfShopware6ApiBase(
            shopware_admin_api_url=f"{row['base_url']}/api",
            client_id=row["credentials"]["client_id"],
            client_secret=row["credentials"]["client_secret"],
            grant_type="resource_owner",
        )
    )
    got: dict[str, Any] = {"version": client.request_get("_info/version").model_dump()["version"]}

    criteria = Criteria(limit=2, sort=[DescFieldSorting(field="orderNumber")])
    page = client.request_post("search/order", criteria)
    got["page"] = [page.total, [one["orderNumber"] for one in page.data]]
    everything = client.request_post_paginated(
        "search/order", Criteria(sort=[DescFieldSorting(field="autoIncrement")]), junk_size=2
    )
    got["all pages"] = [one["orderNumber"] for one in everything.data]

    wanted = Criteria(
        filter=[EqualsFilter(field="orderNumber", value="10001"), _since("2026-01-01T00:00:00.000+00:00")],
        associations={name: Criteria() for name in _ASSOCIATIONS},
    )
    (order,) = client.request_post("search/order", wanted).data
    got["order"] = [
        order["stateMachineState"]["technicalName"],
        order["amountTotal"],
        sorted([line["type"], line["quantity"], line["totalPrice"]] for line in order["lineItems"]),
        len(order["transactions"]),
    ]
    got["by id"] = client.request_get(f"order/{order['id']}").data["orderNumber"]
    got["no such order"] = refusal(lambda: client.request_get(f"order/{'0' * 32}"), ShopwareAPIError)
    got["no such field"] = refusal(
        lambda: client.request_post("search/order", Criteria(filter=[EqualsFilter(field="no", value=1)])),
        ShopwareAPIError,
    )

    delivery = order["deliveries"][0]["id"]
    client.request_patch(f"order-delivery/{delivery}", {"trackingCodes": ["3SCLIENT"]})
    moved = client.request_post(f"_action/order_delivery/{delivery}/state/ship", {"sendMail": False})
    got["shipped"] = moved.model_dump()["technicalName"]
    got["not possible"] = refusal(
        lambda: client.request_post(f"_action/order/{order['id']}/state/complete"), ShopwareAPIError
    )

    product = Criteria(filter=[EqualsFilter(field="productNumber", value="KEU-1003")])
    (goods,) = client.request_post("search/product", product).data
    rows = [{"id": goods["id"], "stock": 11}]
    written = client.request_post(
        "_action/sync", {"s": {"entity": "product", "action": "upsert", "payload": rows}}
    )
    got["written"] = [written.data == {"product": [goods["id"]]}, goods["stock"]]
    got["not written"] = refusal(
        lambda: client.request_post(
            "_action/sync",
            {"s": {"entity": "product", "action": "upsert", "payload": [{"id": "0" * 32, "stock": 1}]}},
        ),
        ShopwareAPIError,
    )
    # The client counts on its own clock, and asks for a new token when the shop no longer takes the old one.
    pass_time(700)
    got["after ten minutes"] = client.request_get(f"order/{order['id']}").data["orderNumber"]
    tell(got)


main()
