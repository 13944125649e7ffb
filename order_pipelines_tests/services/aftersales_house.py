"""A shop that sells at bol, at an operator of Mirakl and in its own web shop, for what comes after the sale."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from order_pipelines.operations.tables import metadata
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.sandbox.standin import Fault
from order_pipelines.services.dispatch import dispatch_kind
from order_pipelines.services.intake import sweep_account
from order_pipelines.services.refunding import CHANNEL_REFUND
from order_pipelines.services.returns import ReturnSweep, sweep_returns
from order_pipelines_tests.services.shop_world import MAIN, ShopWorld, opened_world

MARKET, WEB = "blokker", "webshop"
# What no return and no refund may touch.
GOODS_AND_MONEY = (
    "stock_movements",
    "stock_positions",
    "line_demand",
    "outbox",
    "invoices",
    "orders",
    "order_lines",
)


class House:
    """A shop world with an operator and a web shop in it."""

    def __init__(self, world: ShopWorld) -> None:
        self.world = world
        self.shop = world.shop

    def buy_at_market(self, *goods: tuple[str, int], ships: bool = True) -> str:
        """Let a shopper buy at the operator; the order is accepted, paid, shipped and read."""
        mirakl = self.world.sandbox.mirakl
        lines = [{"sku": sku, "quantity": pieces} for sku, pieces in (goods or (("KEU-1001", 2),))]
        order_id = mirakl.place_order(MARKET, {"lines": lines, "force": True})
        if ships:
            mirakl.act(MARKET, order_id, "accept", {})
            self.world.pass_time(60)
            mirakl.act(MARKET, order_id, "ship", {})
        self.read_market()
        return order_id

    def read_market(self) -> None:
        """Let the operator's minute pass and read what changed."""
        self.world.pass_time(61)
        assert sweep_account(self.shop, MARKET).problem is None

    def at_market(self) -> dict[str, Any]:
        return self.world.sandbox.mirakl.state(MARKET)

    def fault(self, kind: str, **detail: Any) -> None:
        self.world.sandbox.mirakl.faults.add(Fault(kind, **detail))

    def refunds_there(self) -> list[Decimal]:
        """Amounts of all refunds that the operator holds."""
        return [Decimal(str(refund["amount"])) for refund in self.at_market()["refunds"]]

    def refund_writes(self) -> int:
        """How many calls of the refund reached the operator, whatever became of them."""
        return sum(write["path"].endswith("/refund") for write in self.at_market()["writes"])

    def dispatch(self) -> None:
        """Send the refunds that are due; the operator lets an order be read once a minute."""
        self.world.pass_time(61)
        dispatch_kind(self.shop, CHANNEL_REFUND)

    def effects(self) -> list[tuple[str, int, str]]:
        """(state, number, amount) of every refund that was planned, in the order of their keys."""
        return [
            (row.state, row.payload["number"], row.payload["amount_incl_vat"])
            for row in self.world.rows("outbox", kind=CHANNEL_REFUND)
        ]

    def read_returns(self, account: str = MAIN, *, deep: bool = False) -> ReturnSweep:
        """Let an hour pass and read the returns of an account."""
        self.world.pass_time(minutes=56)
        return sweep_returns(self.shop, account, deep=deep)

    def lines(self) -> dict[str, tuple[Any, ...]]:
        """By line of a return: order, line, SKU, pieces, state and remarks."""
        return {
            row.return_line_id: (
                row.order_key,
                row.line_id,
                row.sku,
                row.quantity,
                row.state,
                tuple(row.remarks),
            )
            for row in self.world.rows("channel_return_lines")
        }

    def goods_and_money(self) -> dict[str, str]:
        """Everything that a return must leave alone."""
        return {name: repr(self.world.rows(name)) for name in GOODS_AND_MONEY}

    def all_texts(self, *tables: str) -> str:
        """Everything that stands in these tables, as text."""
        return "".join(repr(self.world.rows(name)) for name in tables or metadata.tables)


def _settings(sandbox: Sandbox, patch: pytest.MonkeyPatch, mode: str, web: str) -> str:
    rows = {row["account"]: row for row in sandbox.systems()}
    patch.setenv("BLOKKER_KEY", rows[MARKET]["credentials"]["api_key"])
    for key, value in rows[WEB]["credentials"].items():
        patch.setenv(f"WEBSHOP_{key.upper()}", value)
    return f"""
[accounts.{MARKET}]
system = "mirakl"
mode = "{mode}"
effective_from = 2026-01-01
reference_prefix = "BLO"
base_url = "{rows[MARKET]["base_url"]}"
ships_from = "main"
serves = ["main"]
[accounts.{MARKET}.options]
multi_shipment = true
[accounts.{MARKET}.secrets]
api_key = "BLOKKER_KEY"
[accounts.{WEB}]
system = "shopware"
mode = "{mode}"
effective_from = 2026-01-01
base_url = "{rows[WEB]["base_url"]}"
ships_from = "main"
serves = ["main"]
{web}
[accounts.{WEB}.secrets]
client_id = "WEBSHOP_CLIENT_ID"
client_secret = "WEBSHOP_CLIENT_SECRET"
"""


@contextmanager
def aftersales_house(
    sandbox: Sandbox,
    store_url: str,
    folder: Path,
    patch: pytest.MonkeyPatch,
    *,
    mode: str = "live",
    web: str = "",
    more: str = "",
) -> Iterator[House]:
    """Open the house in a new world."""
    added = _settings(sandbox, patch, mode, web) + more
    with opened_world(sandbox, store_url, folder, patch, more=added) as world:
        try:
            yield House(world)
        finally:
            sandbox.mirakl.faults.clear()
            sandbox.shopware.faults.clear()
            world.clear_faults()


def bol_return(number: int, order: str, article: str, **item: Any) -> bytes:
    """Return a body as bol lists it, shaped after the example of the published description of returns."""
    return orjson.dumps(
        {
            "returnId": str(15_800_000 + number),
            "registrationDateTime": "2026-11-18T10:48:34+01:00",
            "fulfilmentMethod": "FBR",
            "returnItems": [
                {
                    "rmaId": str(60_200_000 + number),
                    "orderId": order,
                    "ean": article,
                    "expectedQuantity": 1,
                    "returnReason": {
                        "mainReason": "Verkeerd besteld",
                        "customerComments": "Groeten van Joke Testers",
                    },
                    "handled": False,
                    "processingResults": [],
                    **item,
                }
            ],
        }
    )
