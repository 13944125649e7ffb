"""A shop of ours that knows one system only: settings from what its stand-in says, effects planned by services."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.domain.orders import ShipmentLine
from order_pipelines.operations import outbox
from order_pipelines.operations.outbox import Effect
from order_pipelines.operations.tables import invoices, order_lines
from order_pipelines.services.accepting import CHANNEL_ACCEPTANCE, accept_by_hand
from order_pipelines.services.cancelling import CHANNEL_CANCELLATION, request_cancellation
from order_pipelines.services.planning import CHANNEL_SHIPMENT, SALES_ENTRY, Planned, plan_shipments
from order_pipelines.services.shipping import match_shipments, note_shipment_lines
from order_pipelines.services.shop import Shop
from order_pipelines.settings import load_settings
from order_pipelines_tests.contract.outside import Outside
from order_pipelines_tests.services.shop_world import ShopWorld

SHELF = 500


def toml(value: Any) -> str:
    """Return a plain value as settings write it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(toml(each) for each in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name} = {toml(each)}" for name, each in value.items()) + "}"
    return f'"{value}"' if isinstance(value, str) else str(value)


def account_text(
    outside: Outside,
    name: str,
    patch: pytest.MonkeyPatch,
    *,
    options: Mapping[str, Any] | None = None,
    base_url: str | None = None,
) -> str:
    """Return the settings of one account and put its secrets into the environment.

    Args:
        outside: where it stands.
        name: the account.
        patch: takes the secrets back at the end.
        options: options beside those of the data.
        base_url: another address than the stand-in's, for tokens too.
    """
    row = outside.described(name)
    text = f'[accounts.{name}]\nsystem = "{outside.subject.system}"\nmode = "live"\neffective_from = 2026-01-01\n'
    text += f'base_url = "{base_url or row["base_url"]}"\n'
    if row.get("token_url"):
        text += f'token_url = "{row["token_url"].replace(row["base_url"], base_url or row["base_url"])}"\n'
    if outside.connector.order_source is not None:
        prefix = name.upper().replace("_", "-")[:15].strip("-")
        text += f'reference_prefix = "{prefix}"\nships_from = "main"\nserves = ["main"]\n'
    text += f"[accounts.{name}.options]\n"
    text += "".join(f"{key} = {toml(value)}\n" for key, value in outside.options(name, options).items())
    text += f"[accounts.{name}.secrets]\n"
    for key, value in row["credentials"].items():
        variable = f"{name}_{key}".upper()
        patch.setenv(variable, value)
        text += f'{key} = "{variable}"\n'
    return text


@contextmanager
def opened_house(
    outside: Outside,
    store_url: str,
    folder: Path,
    patch: pytest.MonkeyPatch,
    *,
    accounts: tuple[str, ...] | None = None,
    options: Mapping[str, Any] | None = None,
    base_urls: Mapping[str, str] | None = None,
) -> Iterator[ShopWorld]:
    """Open a shop with accounts of this system and nothing else; the article is on the shelf."""
    text = f'[merchant]\nname = "Zogenaamd"\n[stores]\noperations_url = "{store_url}"\n'
    text += '[[locations]]\nname = "main"\n[vat.rates.NL]\nhigh = 21\n'
    for name in accounts or (outside.account_name,):
        base_url = (base_urls or {}).get(name)
        text += account_text(outside, name, patch, options=options, base_url=base_url)
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    shop = Shop.open(load_settings(path))
    world = ShopWorld(outside.sandbox, shop, path)
    try:
        if outside.subject.data.stand_in is not None and outside.connector.order_source is not None:
            product = outside.sandbox.catalogue.product(outside.article)
            assert product is not None
            world.add_products([(product.sku, "high", product.eans)])
            world.count(product.sku, SHELF)
        for name in accounts or (outside.account_name,):
            # Waits of the house move the clock of the world.
            shop._budgets[name] = outside.budget
        yield world
    finally:
        shop.close()


def known_lines(world: ShopWorld, order_key: str) -> list[Any]:
    """Return the goods lines of an order as booked."""
    query = sa.select(order_lines).where(
        order_lines.c.order_key == order_key, order_lines.c.line_kind == "goods"
    )
    with world.shop.store.reading() as connection:
        return list(connection.execute(query))


def plan_write(
    world: ShopWorld, write: str, account: str, order_id: str, *, tracking: str, reason: str
) -> str:
    """Plan an acceptance, a parcel of all pieces, or a cancellation of a booked order; return the effect's key."""
    before = {row.effect_key for row in world.rows("outbox")}
    if write == "acceptance":
        accept_by_hand(world.shop, order_id, account)
    elif write == "cancellation":
        request_cancellation(world.shop, order_id, reason=reason, account=account)
    else:
        lines = [
            ShipmentLine(
                order_id,
                line.quantity,
                clock.now(),
                line_id=line.line_id,
                carrier="PostNL",
                tracking=tracking,
                row=2,
            )
            for line in known_lines(world, f"{account}:{order_id}")
        ]
        with world.shop.store.transaction() as connection:
            note_shipment_lines(connection, account, f"parcel {tracking}", lines, 0)
        assert match_shipments(world.shop).lines == len(lines)
        plan_shipments(world.shop, Planned())
    (key,) = {row.effect_key for row in world.rows("outbox")} - before
    return str(key)


def plan_entry(world: ShopWorld, account: str, payload: dict[str, Any]) -> str:
    """Plan a sales entry, with the invoice that it belongs to."""
    reference = payload["reference"]
    row = {
        "invoice_key": f"{account}:{reference}",
        "account": account,
        "books": account,
        "reference": reference,
        "grouping": "order",
        "invoice_date": clock.order_date(clock.now()),
        "currency_code": "EUR",
        "amount_incl_vat": Decimal("121.00"),
        "amount_excl_vat": Decimal("100.00"),
        "vat_amount": Decimal("21.00"),
        "lines": payload["lines"],
        "state": "planned",
        "planned_at": clock.now(),
        "change_seq": 1,
    }
    with world.shop.store.transaction() as connection:
        connection.execute(invoices.insert(), [row])
        key = f"{SALES_ENTRY}:{account}:{reference}"
        planned = Effect(key, account, SALES_ENTRY, f"{account}:{reference}", "live", payload)
        outbox.plan(connection, [planned])
    return key


KINDS = {
    "acceptance": CHANNEL_ACCEPTANCE,
    "shipment": CHANNEL_SHIPMENT,
    "cancellation": CHANNEL_CANCELLATION,
    "entry": SALES_ENTRY,
}


def effect(world: ShopWorld, key: str) -> Any:
    """Return an effect as the outbox has it."""
    return world.row("outbox", effect_key=key)
