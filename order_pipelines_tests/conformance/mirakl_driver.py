"""Calls the Mirakl stand-in so that it gives every answer that it has: each operation well, badly, with each fault."""

from dataclasses import dataclass, field
from typing import Any

from order_pipelines_tests.conformance.exchanges import RecordedSandbox
from order_pipelines_tests.sandbox.mirakl_caller import BLOKKER, SECOND, MiraklCaller

FAULTS = (
    "401", "403", "404", "429", "429_without_retry_after", "500", "502", "503", "504", "html_error",
)  # fmt: skip
_NOBODY = "4dd549d5-3b5b-4237-a77c-a084359f93fc"
_OFFER = {
    "shop_sku": "KEU-1001",
    "product_id": "8720999001018",
    "product_id_type": "EAN",
    "state_code": "11",
    "price": 39.95,
    "quantity": 4,
    "update_delete": "update",
}
_FILE = {"file": ("import.csv", b"offer-sku;quantity;price\nKEU-1001;5;30.00\nNOPE;1;1.00\n", "text/csv")}
_OFFER_FILE = {
    "file": (
        "offers.csv",
        b"sku;product-id;product-id-type;state;price;quantity;update-delete\nNEW-1;0;EAN;11;1.00;1;update\n",
        "text/csv",
    )
}
_BARGAIN = {
    "sku": "KEU-1005",
    "discounts": [{"title": "-1 euro", "amount": "1.00"}],
    "measurement": {"ordered_measurement": 1.5, "measurement_unit": "KILOGRAM"},
}
_PARTS: dict[str, Any] = {"taxes": [{"code": "VAT", "amount": 1}], "shipping_amount": 0, "quantity": 1}


@dataclass(frozen=True)
class Call:
    """One call as its caller means it."""

    method: str
    path: str
    body: Any = None
    files: Any = None
    query: dict[str, str] = field(default_factory=dict)


class _Seller:
    """A seller with an order to decide, one to ship, some under way, a parcel, a return and three finished imports."""

    def __init__(self, sandbox: RecordedSandbox) -> None:
        self.sandbox = sandbox
        self.caller = caller = MiraklCaller(sandbox, BLOKKER)
        options: dict[str, Any] = {"business": True, "phone": True, "additional_fields": True}
        self.new = caller.buy(("KEU-1002", 1), ("KEU-1001", 2), **options)
        self.to_cancel, self.to_cancel_part = (
            caller.paid_order(("KEU-1001", 1)),
            caller.paid_order(("KEU-1001", 3)),
        )
        self.to_ship, self.to_pack = caller.paid_order(("KEU-1001", 1)), caller.paid_order(("KEU-1001", 3))
        self.sent = caller.shipped_order(("KEU-1001", 2))
        self.return_id = caller.act(self.sent, "return")["return_id"]
        caller.act(self.sent, "refund", amount="1.00")
        caller.act(caller.buy(("KEU-1004", 1), pudo_id="PUDO-1", staging=True), "cancel")
        caller.buy(("KEU-1004", 1), placed_at="2026-01-05T10:00:00+00:00")
        caller.control("POST", "/orders", {"account": BLOKKER, "lines": [_BARGAIN]})
        self.shipment_id = self._shipment()
        self.stock_id = caller.upload("/offers/stock/imports", "offer-sku;quantity\nNOPE;1\n").json()[
            "import_id"
        ]
        self.price_id = caller.upload("/offers/pricing/imports", "offer-sku;price\nNOPE;1\n").json()[
            "import_id"
        ]
        self.offers_id = caller.call("POST", "/offers", json={"offers": [{**_OFFER, "shop_sku": ""}]}).json()[
            "import_id"
        ]
        self.offer_id = caller.offer("KEU-1002")["offer_id"]
        caller.wait(60)

    def _shipment(self) -> str:
        reply = self.caller.call("POST", "/shipments", json={"shipments": [self._parcel()]})
        return str(reply.json()["shipment_success"][0]["id"])

    def _parcel(self) -> dict[str, Any]:
        return {
            "order_id": self.to_pack,
            "shipment_lines": [
                {"order_line_id": f"{self.to_pack}-1", "quantity": 1, "package_reference": "P1"}
            ],
            "tracking": {"carrier_code": "postnl", "tracking_number": "3SMIR1"},
            "shipping_from": {"warehouse": {"code": "HOOFD"}},
            "invoice_reference": "F-1",
            "shipped": False,
        }

    def say(self, call: Call, **headers: str | None) -> None:
        """Make a call; headers that are ``None`` are left out."""
        more: dict[str, Any] = {} if call.body is None else {"json": call.body}
        if call.files is not None:
            more["files"] = call.files
        self.caller.call(call.method, call.path, params=call.query, headers=headers, **more)

    def good_calls(self) -> list[Call]:
        """One call of each operation that is answered with success the first time."""
        decisions = [{"id": f"{self.new}-{number}", "accepted": True} for number in (1, 2)]
        cancelation = {
            "order_line_id": f"{self.to_cancel_part}-1", "reason_code": "35", "amount": 5, **_PARTS,
        }  # fmt: skip
        refund = {"order_line_id": f"{self.sent}-1", "reason_code": "17", "amount": 2.5, **_PARTS}
        shipment = {"id": self.shipment_id}
        imports = "/offers/{}imports/{}"
        return [
            Call("GET", "/account", query={"shop_id": "2041"}),
            Call("GET", "/platform/configuration"),
            Call("GET", "/shipping/carriers"),
            Call("GET", "/reasons"),
            Call("GET", "/reasons/REFUND"),
            Call("GET", "/orders/taxes"),
            Call(
                "GET",
                "/orders",
                query={"max": "3", "offset": "2", "start_update_date": "2026-11-01T00:00:00Z"},
            ),
            Call("PUT", f"/orders/{self.new}/accept", {"order_lines": decisions}),
            Call("GET", f"/orders/{self.sent}"),
            Call("PUT", f"/orders/{self.to_ship}/tracking", {"carrier_code": "dpd", "tracking_number": "05"}),
            Call("PUT", f"/orders/{self.to_ship}/ship"),
            Call("PUT", f"/orders/{self.to_cancel}/cancel"),
            Call("PUT", "/orders/refund", {"refunds": [refund]}),
            Call("PUT", "/orders/cancel", {"cancelations": [cancelation]}),
            Call(
                "POST",
                "/shipments",
                {"shipments": [self._parcel(), {**self._parcel(), "order_id": self.sent}]},
            ),
            Call("GET", "/shipments", query={"order_id": self.to_pack, "limit": "1"}),
            Call(
                "POST",
                "/shipments/tracking",
                {"shipments": [{**shipment, "tracking": {"carrier_name": "Fiets"}}]},
            ),
            Call("PUT", "/shipments/ship", {"shipments": [shipment, {"id": _NOBODY}]}),
            Call("GET", "/returns", query={"return_state": "IN_PROGRESS", "limit": "5"}),
            Call("PUT", "/returns/receive", {"returns": [{"id": self.return_id}, {"id": _NOBODY}]}),
            Call("POST", "/offers/stock/imports", files=_FILE),
            Call("GET", imports.format("stock/", f"{self.stock_id}/status")),
            Call("GET", imports.format("stock/", f"{self.stock_id}/error_report")),
            Call("POST", "/offers/pricing/imports", files=_FILE),
            Call("GET", "/offers/pricing/imports", query={"import_id": self.price_id}),
            Call("GET", imports.format("pricing/", f"{self.price_id}/error_report")),
            Call("POST", "/offers/imports", files=_OFFER_FILE),
            Call("POST", "/offers", {"offers": [_OFFER]}),
            Call("GET", imports.format("", self.offers_id)),
            Call("GET", imports.format("", f"{self.offers_id}/error_report")),
            Call("GET", "/offers", query={"max": "100", "sku": "KEU-1001"}),
            Call("GET", f"/offers/{self.offer_id}"),
            Call("GET", "/sellerpayment/transactions_logs", query={"limit": "2000", "order_id": self.sent}),
        ]

    def calls_for_nothing(self) -> list[Call]:
        """Calls for what is not there."""
        return [
            Call("GET", "/nothing"),
            Call("DELETE", "/orders"),
            Call("GET", "/orders", query={"offset": "5000"}),
            Call("GET", "/returns", query={"return_id": _NOBODY}),
        ]

    def bad_calls(self) -> list[Call]:
        """Calls that are refused for what they say, or for when they say it."""
        line = {"order_line_id": f"{self.sent}-1", "reason_code": "17", **_PARTS}
        return [
            Call("GET", "/reasons/NOTHING"),
            Call("GET", "/orders", query={"start_date": "yesterday"}),
            Call(
                "PUT",
                f"/orders/{self.new}/accept",
                {"order_lines": [{"id": f"{self.new}-1", "accepted": True}]},
            ),
            Call("PUT", f"/orders/{self.new}/tracking", {"carrier_code": "dpd"}),
            Call("PUT", f"/orders/{self.new}/ship"),
            Call("PUT", f"/orders/{self.sent}/cancel"),
            Call("PUT", "/orders/refund", {"refunds": [{**line, "amount": 99_999}]}),
            Call("PUT", "/orders/cancel", {"cancelations": [{**line, "amount": 1}]}),
            Call("POST", "/shipments", {"shipments": []}),
            Call("GET", "/shipments", query={"page_token": "b2xk"}),
            Call("POST", "/shipments/tracking", {"shipments": []}),
            Call("PUT", "/shipments/ship", {"shipments": []}),
            Call("GET", "/returns", query={"page_token": "b2xk"}),
            Call("PUT", "/returns/receive", {"returns": []}),
            Call("POST", "/offers/stock/imports", files={"other": ("a.csv", b"x", "text/csv")}),
            Call("POST", "/offers/pricing/imports", files={"other": ("a.csv", b"x", "text/csv")}),
            Call("GET", "/offers/pricing/imports", query={"page_token": "b2xk"}),
            Call("POST", "/offers/imports", files={"other": ("a.csv", b"x", "text/csv")}),
            Call("POST", "/offers", {"offers": []}),
            Call("GET", "/offers", query={"max": "many"}),
            Call("GET", "/offers/many"),
            Call("GET", "/sellerpayment/transactions_logs", query={"limit": "many"}),
        ]


def drive_mirakl(sandbox: RecordedSandbox) -> None:
    """Every operation: as it should be, for nothing, wrong, in a wrong form, without a good key, with each fault."""
    seller = _Seller(sandbox)
    good = seller.good_calls()
    for call in [*seller.bad_calls(), *seller.calls_for_nothing(), *good]:
        seller.say(call)
    for call in good:
        if call.body is not None or call.files is not None:
            seller.caller.call(call.method, call.path, data="x", headers={"Content-Type": "text/plain"})
        seller.say(call, Authorization=None)
        seller.say(call, Authorization=f"Bearer {seller.caller.key}")
        for fault in FAULTS:
            seller.caller.fault(fault, match=call.path, method=call.method)
            seller.say(call)
    _visit_the_second(sandbox)


def _visit_the_second(sandbox: RecordedSandbox) -> None:
    """The other operator: other taxes, and features that it has not."""
    second = MiraklCaller(sandbox, SECOND)
    order_id = second.buy(("KEU-1001", 2), ship_country="BE")
    second.act(order_id, "accept")
    second.act(order_id, "ship")
    for path in (
        "/account", "/platform/configuration", "/shipping/carriers", "/reasons", "/orders/taxes", "/orders", "/offers",
        "/shipments", "/returns", f"/orders/{order_id}", "/sellerpayment/transactions_logs",
    ):  # fmt: skip
        second.get(path)
