"""A shop with one account, of bol unless said otherwise, that nobody calls: bodies are handed in, without HTTP."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.bol_payloads import Article
from order_pipelines import clock
from order_pipelines.operations import inbox
from order_pipelines.operations.inbox import Incoming
from order_pipelines.operations.store import CHANGE, next_values, upsert
from order_pipelines.operations.tables import product_eans, products
from order_pipelines.services.intake import ORDER
from order_pipelines.services.shop import Shop, open_shop

ARTICLES = 500
# After the last of the payloads: an order of the future goes into quarantine.
NOW = datetime(2026, 12, 31, tzinfo=UTC)
LIVE, HISTORY = "2026-01-01", "2026-12-30"
"""``effective_from`` before all payloads, and after them."""


def _account(system: str) -> str:
    return f"{system}_main"


def _settings(store_url: str | None, effective_from: str, system: str) -> str:
    stores = f'[stores]\noperations_url = "{store_url}"\n' if store_url is not None else ""
    return f"""
[merchant]
name = "Grootboek & Zn"
{stores}[[locations]]
name = "main"
[vat.rates.NL]
high = 21
low = 9
[accounts.{_account(system)}]
system = "{system}"
effective_from = {effective_from}
ships_from = "main"
serves = ["main"]
base_url = "http://127.0.0.1:9"
"""


@contextmanager
def opened(
    folder: Path,
    goods: Sequence[Article],
    *,
    store_url: str | None = None,
    effective_from: str = LIVE,
    system: str = "bol",
) -> Iterator[Shop]:
    """Open a new shop in ``folder`` with its product master, on the day after all payloads."""
    path = folder / "settings.toml"
    path.write_text(_settings(store_url, effective_from, system), encoding="utf-8")
    with clock.frozen(NOW), open_shop(path) as shop:
        add_products(shop, goods)
        yield shop


def add_products(shop: Shop, goods: Sequence[Article], *, vat_class: str = "high") -> None:
    """Put articles into the product master, or change their VAT class."""
    with shop.store.transaction() as connection:
        first = next_values(connection, CHANGE, len(goods))
        rows: list[dict[str, Any]] = [
            {
                "sku": one.sku,
                "vat_class": vat_class,
                "source": "file",
                "updated_at": clock.now(),
                "change_seq": number,
            }
            for number, one in enumerate(goods, start=first)
        ]
        upsert(connection, products, rows)
        upsert(connection, product_eans, [{"ean": one.ean, "sku": one.sku} for one in goods])


def receive(
    shop: Shop, bodies: Iterable[tuple[str, bytes]], at_once: int, *, system: str = "bol"
) -> list[int]:
    """Store orders in the inbox, ``at_once`` a transaction; returns the receipt numbers."""
    waiting = iter(bodies)
    numbers: list[int] = []
    while part := list(islice(waiting, at_once)):
        now = clock.now()
        incoming = [
            Incoming(_account(system), system, ORDER, order_id, body, now, "poll") for order_id, body in part
        ]
        with shop.store.transaction() as connection:
            numbers += inbox.receive(connection, incoming)
    return numbers
