"""A merchant on the sandbox as a folder: settings, product master, opening stock, and the files people drop.

Used by ``demo`` and by ``up``. Secrets stand in no file: :func:`environment_of` gives them by variable name.
"""

import csv
import io
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from order_pipelines import clock
from order_pipelines.demo.script import WHOLESALE, Parcel, WholesaleOrder
from order_pipelines.errors import ConfigurationError
from order_pipelines.sandbox.catalogue import Catalogue

OPERATIONS_VARIABLE = "ORDER_PIPELINES_DEMO_OPERATIONS_URL"
WAREHOUSE_VARIABLE = "ORDER_PIPELINES_DEMO_WAREHOUSE_URL"
BOOKS = "exact"
BLOKKER, WEBSHOP = "blokker", "webshop"
ELSEWHERE = (BLOKKER, WEBSHOP)
_PREFIXES = {"bol_main": "BOL", "bol_outlet": "BOLO", WHOLESALE: "B2B", BLOKKER: "BLOK", WEBSHOP: "WEB"}
# As the merchant once set its offers there: bol subtracts all open orders of the outlet from what it is told.
_CHANNEL_SUBTRACTS = frozenset({"bol_outlet"})
_MARKER = ".order_pipelines_demo"
_COUNTED_BEFORE = timedelta(days=5)
_HISTORY = timedelta(days=30)
# A file is read once nobody has touched it for a moment: ours are complete when they get their name.
_TOUCHED_BEFORE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Where the stand-ins are: the control port and the rows of ``GET /systems``."""

    control_url: str
    systems: Sequence[Mapping[str, Any]]

    def account(self, name: str) -> Mapping[str, Any]:
        """Return the row of one account."""
        return next(row for row in self.systems if row["account"] == name)


def make_anew(folder: Path) -> None:
    """Empty the folder of an earlier demo, or make it.

    Raises:
        ConfigurationError: it holds something else; nothing was removed.
    """
    if folder.exists():
        if not folder.is_dir() or (any(folder.iterdir()) and not (folder / _MARKER).is_file()):
            raise ConfigurationError(f"{folder} holds something that no demo wrote; name another folder")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / _MARKER).write_text(
        "Written by order-pipelines and removed by its next start.\n", encoding="utf-8"
    )


def environment_of(sandbox: Sandbox, store_url: str | None = None) -> dict[str, str]:
    """Return the environment variables that the settings name: credentials, and the stores' URL when there is one."""
    values = {
        f"{row['account']}_{name}".upper(): str(value)
        for row in sandbox.systems
        for name, value in row["credentials"].items()
    }
    if store_url is not None:
        values |= {OPERATIONS_VARIABLE: store_url, WAREHOUSE_VARIABLE: store_url}
    return values


def write_merchant(
    folder: Path,
    sandbox: Sandbox,
    *,
    in_postgres: bool = False,
    cadence: str = "",
    elsewhere: Sequence[str] = (),
) -> Path:
    """Write settings, product master and the opening stock count; return the settings file.

    Args:
        folder: of the merchant; must exist.
        sandbox: the outside world.
        in_postgres: both stores are where :func:`environment_of` says; else files in the folder.
        cadence: more lines of TOML, for example a ``[cadence]`` section.
        elsewhere: accounts beside bol and wholesale, of :data:`ELSEWHERE`.
    """
    settings = folder / "settings.toml"
    settings.write_text(_settings(sandbox, in_postgres, cadence, elsewhere), encoding="utf-8")
    products = Catalogue.load().products
    _write_csv(
        folder / "products.csv",
        ("sku", "ean", "name", "vat_class", "unit", "weight_grams", "cost", "supplier"),
        (
            (
                product.sku,
                "|".join(product.eans),
                product.name,
                product.vat_class,
                product.unit,
                product.weight_grams,
                product.cost,
                product.supplier,
            )
            for product in products
        ),
    )
    counted_at = _wall_time(clock.now() - _COUNTED_BEFORE)
    drop(
        folder,
        "stock_counts/opening.csv",
        _csv_text(
            ("Artikelnr", "Omschrijving", "Geteld", "Locatie", "Geteld op"),
            (
                (product.sku, product.name, pieces, location, counted_at)
                for product in products
                for location, pieces in (("main", product.stock_main), ("store", product.stock_store))
            ),
        ),
    )
    return settings


def drop(folder: Path, name: str, content: str | bytes) -> Path:
    """Put a finished file into the merchant's drop folder, under its name at once."""
    target = folder / "inbox" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.part")
    partial.write_bytes(content.encode() if isinstance(content, str) else content)
    touched = (clock.now() - _TOUCHED_BEFORE).timestamp()
    os.utime(partial, (touched, touched))
    partial.replace(target)
    return target


def drop_orders(folder: Path, name: str, orders: Iterable[WholesaleOrder]) -> Path:
    """Drop a CSV as Dutch purchasing systems write it: semicolons, decimal commas, days before months."""
    rows = (
        (
            order.number,
            f"{clock.order_date(clock.now() - timedelta(days=order.days_ago)):%d-%m-%Y}",
            order.customer_number,
            order.company,
            order.country,
            line.sku,
            line.title,
            line.quantity,
            str(line.unit_price).replace(".", ","),
        )
        for order in orders
        for line in order.lines
    )
    heading = ("Bestelnummer", "Besteldatum", "Klantnr", "Klant", "Land", "Artikelnr", "Omschrijving", "Aantal",
               "Prijs excl. btw")  # fmt: skip
    return drop(folder, f"orders/{name}", _csv_text(heading, rows))


def drop_workbook(folder: Path, name: str, order: WholesaleOrder) -> Path:
    """Drop an XLSX as a customer mails it: who and when above the table, a total below it."""
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    day = clock.order_date(clock.now() - timedelta(days=order.days_ago))
    sheet.append(["Bestelling", order.number])
    sheet.append(["Klant", order.company])
    sheet.append(["Klantnr", order.customer_number])
    sheet.append(["Datum", day])
    sheet.append(["Land", order.country])
    sheet.append([])
    sheet.append(["Artikelnr", "Omschrijving", "Aantal", "Prijs excl. btw", "Totaal"])
    for line in order.lines:
        sheet.append([line.sku, line.title, line.quantity, line.unit_price, line.quantity * line.unit_price])
    total = sum(line.quantity * line.unit_price for line in order.lines)
    sheet.append(["Totaal", None, None, None, total])
    body = io.BytesIO()
    book.save(body)
    return drop(folder, f"orders/{name}", body.getvalue())


def drop_shipments(folder: Path, name: str, parcels: Iterable[Parcel], *, first_number: int = 1) -> Path:
    """Drop the warehouse's list of parcels; tracking numbers count on from ``first_number``."""
    now = clock.now()
    rows = (
        (
            parcel.order_number,
            sku,
            quantity,
            parcel.carrier,
            f"3SDEMO{number:07d}",
            _wall_time(now - timedelta(hours=parcel.hours_ago)),
        )
        for number, parcel in enumerate(parcels, start=first_number)
        for sku, quantity in parcel.contents
    )
    heading = ("Ordernummer", "Artikelnr", "Aantal", "Vervoerder", "Track & trace", "Verzonden op")
    return drop(folder, f"shipments/{name}", _csv_text(heading, rows))


def _wall_time(instant: datetime) -> str:
    return f"{instant.astimezone(clock.BUSINESS_ZONE):%d-%m-%Y %H:%M}"


def _csv_text(heading: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";")
    writer.writerow(heading)
    writer.writerows(rows)
    return text.getvalue()


def _write_csv(path: Path, heading: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(heading)
        writer.writerows(rows)


# ------------------------------------------------------------------------------------------------ settings

_HEAD = """\
# The merchant of the sandbox, written by order-pipelines; written anew at each start.
# 'order-pipelines init' writes settings for a real one.

[merchant]
name = "Voorbeeld Handel"

[[locations]]
name = "main"
title = "Warehouse"

[[locations]]
name = "store"
title = "Store"

[products]
file = "products.csv"

[vat.rates.NL]
high = 21
low = 9

[vat.rates.BE]
high = 21
low = 6

# Four of the demo's 43 orders are bad on purpose: nine percent of the orders, and a shop should not stop for them here.
[limits]
max_quarantine_share = 25
"""

_IN_POSTGRES = f"""
[stores]
operations_url_env = "{OPERATIONS_VARIABLE}"
warehouse_url_env = "{WAREHOUSE_VARIABLE}"
"""


def _settings(sandbox: Sandbox, in_postgres: bool, cadence: str, elsewhere: Sequence[str]) -> str:
    since = clock.order_date(clock.now() - _HISTORY).isoformat()
    books = sandbox.account(BOOKS)
    parts = [_HEAD]
    if in_postgres:
        parts.append(_IN_POSTGRES)
    parts += [_bol_account(row, books, since) for row in sandbox.systems if row["system"] == "bol"]
    parts += [_channel_account(sandbox.account(name), books, since) for name in elsewhere]
    parts.append(_wholesale_account(books, since))
    parts.append(_books_account(books, since))
    if cadence:
        parts.append(f"\n{cadence}")
    parts.append(f'\n[sandbox]\ncontrol_url = "{sandbox.control_url}"\n')
    return "".join(parts)


def _bol_account(row: Mapping[str, Any], books: Mapping[str, Any], since: str) -> str:
    name = row["account"]
    return f"""
[accounts.{name}]
system = "bol"
mode = "live"
effective_from = {since}
reference_prefix = "{_PREFIXES[name]}"
ships_from = "main"
serves = ["main"]
base_url = "{row["base_url"]}"
token_url = "{row["token_url"]}"
{_invoicing(name, books["customers"][name], books)}
[accounts.{name}.secrets]
client_id = "{name.upper()}_CLIENT_ID"
client_secret = "{name.upper()}_CLIENT_SECRET"

[accounts.{name}.options]
managed_by_retailer = {str(name not in _CHANNEL_SUBTRACTS).lower()}
"""


_OPTIONS = {BLOKKER: "multi_shipment = true", WEBSHOP: "history_days = 30"}


def _channel_account(row: Mapping[str, Any], books: Mapping[str, Any], since: str) -> str:
    name = row["account"]
    secrets = "\n".join(f'{secret} = "{f"{name}_{secret}".upper()}"' for secret in row["credentials"])
    return f"""
[accounts.{name}]
system = "{row["system"]}"
mode = "live"
effective_from = {since}
reference_prefix = "{_PREFIXES[name]}"
ships_from = "main"
serves = ["main"]
base_url = "{row["base_url"]}"
{_invoicing(name, books["customers"][name], books)}
[accounts.{name}.secrets]
{secrets}

[accounts.{name}.options]
{_OPTIONS[name]}
"""


def _wholesale_account(books: Mapping[str, Any], since: str) -> str:
    return f"""
[accounts.{WHOLESALE}]
system = "b2b_files"
mode = "live"
effective_from = {since}
reference_prefix = "{_PREFIXES[WHOLESALE]}"
ships_from = "main"
serves = ["main"]
{_invoicing(WHOLESALE, books["customers"]["b2b"], books)}
[accounts.{WHOLESALE}.options]
folder = "inbox"
currency = "EUR"
prices = "excl_vat"
"""


def _invoicing(name: str, customer: str, books: Mapping[str, Any]) -> str:
    return f"""
[accounts.{name}.invoicing]
trigger = "shipped"
books = "{BOOKS}"
customer = "{customer}"
journal = "{books["journals"]["sales"]}"
"""


def _books_account(books: Mapping[str, Any], since: str) -> str:
    ledger, codes = books["gl_accounts"], books["vat_codes"]
    mapped = (
        ("NL", "high", ledger["revenue_high"], codes["nl_21_excl"]),
        ("NL", "low", ledger["revenue_low"], codes["nl_9_excl"]),
        ("BE", "high", ledger["revenue_high"], codes["oss_be"]),
    )
    mapping = "".join(
        f"""
[[books.{BOOKS}.mapping]]
country = "{country}"
vat_class = "{vat_class}"
ledger_account = "{account}"
vat_code = "{code}"
"""
        for country, vat_class, account, code in mapped
    )
    return f"""
[accounts.{BOOKS}]
system = "exact_online"
mode = "live"
effective_from = {since}
base_url = "{books["base_url"]}"
token_url = "{books["token_url"]}"

[accounts.{BOOKS}.secrets]
client_id = "{BOOKS.upper()}_CLIENT_ID"
client_secret = "{BOOKS.upper()}_CLIENT_SECRET"
refresh_token = "{BOOKS.upper()}_REFRESH_TOKEN"

[accounts.{BOOKS}.options]
division = {books["division"]}
redirect_uri = "http://127.0.0.1/exact"

# The accountant has made no code for the low rate of Belgium yet: such an order waits, and says so.
[books.{BOOKS}]
shipping_ledger_account = "{ledger["shipping"]}"
rounding_ledger_account = "{ledger["rounding"]}"
{mapping}"""
