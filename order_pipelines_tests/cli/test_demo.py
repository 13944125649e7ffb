"""``order-pipelines demo`` as a process: the numbers it ends with, typed in from the scripts by hand.

Sold (sandbox/demo.py, demo_elsewhere.py, demo/script.py; without the four orders in quarantine, after the cancelled
olive oil): bol_main 23 orders, bol_outlet 14, wholesale GH-2041 (141.30 net, 23.63 VAT) and GH-2042 (236.00 net, 36.12
VAT); Blokker 44.90 + 49.95 + 46.97 + 654.95 and the jug of 8.49 + 4.95 that is sold in between; the webshop 44.90 +
36.85 + 96.01 (79.35 net) + 29.94 + 21.94, of which the last was paid back.
Invoiced is what was shipped: 17 and 12 at bol, GH-2041, 44.90 + 49.95 at Blokker, all of the webshop; not the bonbons
to Belgium (29.90), for which the accountant has no code. VAT is taken from each gross: 21 % is x 21/121, 9 % x 9/109,
the bonbons' 6 % x 6/106.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from order_pipelines.cli import cli
from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import (
    channel_stock,
    invoices,
    line_demand,
    orders,
    outbox,
    stock_positions,
)
from order_pipelines.sandbox.server import Sandbox

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.endurance, pytest.mark.slow, pytest.mark.timeout(240)]


@dataclass(frozen=True)
class Played:
    """A finished demo: what it printed, a line per line with single spaces, and its folder."""

    lines: list[str]
    text: str
    folder: Path

    @property
    def store(self) -> OperationsStore:
        return OperationsStore(f"sqlite:///{self.folder / 'data' / 'operations.sqlite'}")


def run_demo(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "order_pipelines.cli", "demo", "--keep", str(folder), *options],
        cwd=folder.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        encoding="utf-8",
    )


def lines_of(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    folder = tmp_path_factory.mktemp("demo") / "merchant"
    finished = run_demo(folder)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert finished.stderr == ""
    return Played(lines_of(finished.stdout), finished.stdout, folder)


def test_revenue_per_channel_and_account(played: Played) -> None:
    assert "bol bol_main 23 42 € 676,28 € 574,31 € 101,97" in played.lines
    assert "bol bol_outlet 14 20 € 445,92 € 375,33 € 70,59" in played.lines
    assert "b2b wholesale 2 72 € 437,05 € 377,30 € 59,75" in played.lines
    assert "mirakl blokker 5 27 € 810,21 € 669,60 € 140,61" in played.lines
    assert "shopware webshop 5 9 € 229,64 € 193,14 € 36,50" in played.lines
    assert "all 49 170 € 2.599,10 € 2.189,68 € 409,42" in played.lines


def test_what_exact_holds(played: Played) -> None:
    assert "bol_main 17 € 521,50 € 78,61" in played.lines
    assert "bol_outlet 12 € 374,98 € 58,27" in played.lines
    assert "b2b 1 € 164,93 € 23,63" in played.lines
    assert "blokker 2 € 94,85 € 16,46" in played.lines
    assert "webshop 5 € 229,64 € 36,50" in played.lines
    assert "all 37 € 1.385,90 € 213,47" in played.lines
    # The wholesale parcel has no channel to tell.
    announced = "parcels announced: bol_main 16, bol_outlet 10, blokker 2, webshop 5"
    assert f"entries that are there twice: 0; {announced}" in played.lines


def test_what_each_account_shows(played: Played) -> None:
    """56 of the main account's 62 offers and 46 of the outlet's 49 are own goods that the master knows.

    Blokker has 41 beside one of its own centre and one nobody knows, the webshop 62 beside one nobody knows.
    """
    assert "bol_main: 56 of 56 offers hold what we sent and the channel confirmed" in played.lines
    assert "bol_outlet: 46 of 46 offers hold what we sent and the channel confirmed" in played.lines
    assert "blokker: 41 of 41 offers hold what we sent and the channel confirmed" in played.lines
    assert "webshop: 62 of 62 offers hold what we sent and the channel confirmed" in played.lines
    # Of 16 baskets 20 are sold at Blokker: nobody else may buy one. The outlet does not offer them.
    assert "TUI-5007 16 2 0 20 0/0/0 0/0/0 0/0/0" in played.lines
    # 95 of the tea are there, 20 are sold to Theehuis Bij de Sluis and not sent.
    assert "VOE-3003 95 14 0 20 75/75/75 75/75/75 75/75/75" in played.lines
    # One lamp is sold at the outlet, where bol subtracts open orders itself: there it must be told one more.
    assert "VER-6002 24 3 0 1 23/23/23 24/24/24 23/23/23" in played.lines


def test_it_ends_with_the_stock_of_every_article_on_a_page_of_110_characters(played: Played) -> None:
    """Of 62 articles in two places; the store at the corner serves no channel."""
    began = played.lines.index("sku main store reserved open bol_main bol_outlet blokker webshop")
    table = [line for line in played.lines[began:] if re.match(r"[A-Z]{3}-\d{4} ", line)]
    assert len(table) == 62
    assert table[0] == "BOE-4001 32 6 0 0 32/32/32 32/32/32 32/32/32 32/32/32"
    assert [line for line in played.lines if "≠" in line and "where they differ" not in line] == []
    shown = played.text[played.text.index("Stock of every article") : played.text.index("Report:")]
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= 110


def test_the_stock_can_be_asked_for_afterwards(played: Played) -> None:
    settings = str(played.folder / "settings.toml")
    asked = CliRunner().invoke(cli, ["--settings", settings, "stock", "show", "--sku", "VER-6002"])
    assert asked.exit_code == 0, asked.output
    assert lines_of(asked.output)[-2:] == ["", "1 article, 3 offers, of which 0 differ (≠)"]
    assert "VER-6002 24 3 0 1 23/23/23 24/24/24 23/23/23" in lines_of(asked.output)


def test_a_sale_at_one_shows_at_all_others(played: Played) -> None:
    assert "for sale at bol_main bol_outlet blokker webshop" in played.lines
    assert "before 77 77 77 77" in played.lines
    assert "after a run 76 76 76 76" in played.lines


def test_channel_warehouse_and_books_differ_by_what_has_a_name(played: Played) -> None:
    """In quarantine: 42.90 and 13.95 at the main account, 13.90 at the outlet."""
    assert "blokker € 810,21 € 810,21 € 94,85 nothing not due € 715,36 € 0,00" in played.lines
    assert (
        "bol_main € 733,13 € 676,28 € 521,50 quarantined € 56,85 on hold € 29,90, not due € 124,88 € 0,00"
        in played.lines
    )
    assert "bol_outlet € 459,82 € 445,92 € 374,98 quarantined € 13,90 not due € 70,94 € 0,00" in played.lines
    assert "webshop € 229,64 € 229,64 € 229,64 nothing nothing € 0,00" in played.lines
    assert "wholesale none € 437,05 € 164,93 nothing not due € 272,12 € 0,00" in played.lines


def test_what_waits_and_why(played: Played) -> None:
    waiting = "is in no product; add it to the product master and retry the quarantine"
    assert f"order bol_main:1043210015 EAN 8719999770017 {waiting}" in played.lines
    assert "order bol_main:1043210017 orderItems[0].quantity is missing" in played.lines
    assert f"order bol_outlet:1087650008 EAN 8719999770024 {waiting}" in played.lines
    assert f"order wholesale:GH-2043 SKU KEU-9999 {waiting}" in played.lines
    (held,) = [line for line in played.lines if line.startswith("order bol_main:1043210005")]
    assert "no ledger account is set for country BE and VAT class 'low'" in held
    assert (
        "backlog:blokker blokker: 1 order waits for acceptance (order-pipelines orders accept)"
        in played.lines
    )


def test_where_to_look_next(played: Played) -> None:
    assert f"Report: {played.folder / 'data' / 'report.html'}" in played.lines
    report = (played.folder / "data" / "report.html").read_text(encoding="utf-8")
    assert "€ 676,28" in report
    assert "Next: make up then open http://127.0.0.1:3000" in played.lines
    runs = [
        line
        for line in played.lines
        if re.search(r" (sweep_shop|take_in_files|compare_three_ways|write_report): ", line)
    ]
    assert len(runs) == 5
    assert "Kanaal = magazijn (data) = boekhouding" in report
    assert not any("not passed" in line for line in played.lines)


def test_no_secret_is_printed_or_written(played: Played) -> None:
    with Sandbox(0) as same_seed:
        secrets = [value for row in same_seed.systems() for value in row["credentials"].values()]
    written = "".join(
        path.read_text(encoding="utf-8")
        for path in played.folder.rglob("*")
        if path.suffix in {".toml", ".csv"}
    )
    assert len(secrets) == 13
    assert [secret for secret in secrets if secret in played.text or secret in written] == []


def test_the_store_agrees_with_what_was_said(played: Played) -> None:
    store = played.store
    with store.reading() as connection:
        counted = connection.execute(sa.select(sa.func.count()).select_from(orders)).scalar_one()
        states = connection.execute(
            sa.select(outbox.c.kind, outbox.c.state, sa.func.count())
            .group_by(outbox.c.kind, outbox.c.state)
            .order_by(outbox.c.kind)
        ).all()
        invoiced = {row.invoice_key for row in connection.execute(sa.select(invoices))}
        pan = connection.execute(
            sa.select(stock_positions).where(
                stock_positions.c.sku == "KEU-1001", stock_positions.c.location == "main"
            )
        ).one()
        quarantined = connection.execute(
            sa.select(line_demand.c.sku, line_demand.c.open_quantity).where(
                line_demand.c.order_key == "bol_main:1043210015"
            )
        ).all()
        open_pushes = connection.execute(
            sa.select(sa.func.count())
            .select_from(channel_stock)
            .where(channel_stock.c.confirmed_version != channel_stock.c.desired_version)
        ).scalar_one()
    store.close()
    # Forty, three, eleven, and the one that was sold in between.
    assert counted == 55
    assert states == [
        ("channel_acceptance", "confirmed", 4),
        ("channel_shipment", "confirmed", 33),
        ("sales_entry", "confirmed", 37),
    ]
    assert not invoiced & {"exact:BOL-1043210015", "exact:BOL-D9R3307WB5", "exact:BOL-1043210024"}
    # 42 counted, one left from each channel, one is sold and waits.
    assert (pan.on_hand, pan.open_demand) == (38, 1)
    # The known line of an order in quarantine takes stock.
    assert quarantined == [("KEU-1006", 1)]
    assert open_pushes == 0


def test_orders_of_the_demo_can_be_asked_for_afterwards(played: Played) -> None:
    """The sandbox is gone by then; a question needs the store only."""
    settings = played.folder / "settings.toml"
    asked = CliRunner().invoke(cli, ["--settings", str(settings), "orders", "show", "1043210014"])
    assert asked.exit_code == 0, asked.output
    assert "Invoice BOL-1043210014 in exact: € 44,94, VAT € 5,98, booked" in " ".join(asked.output.split())


def test_a_second_start_begins_anew_and_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep", encoding="utf-8")
    finished = run_demo(tmp_path / "mine")
    assert finished.returncode == 1
    assert "holds something that no demo wrote; name another folder" in finished.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_the_same_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    finished = run_demo(tmp_path / "merchant", "--store", postgres_url)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    lines = lines_of(finished.stdout)
    assert "all 49 170 € 2.599,10 € 2.189,68 € 409,42" in lines
    assert "all 37 € 1.385,90 € 213,47" in lines
    assert "bol_outlet: 46 of 46 offers hold what we sent and the channel confirmed" in lines
    assert "after a run 76 76 76 76" in lines
    assert "webshop € 229,64 € 229,64 € 229,64 nothing nothing € 0,00" in lines
    assert list((tmp_path / "merchant" / "data").glob("*.sqlite")) == []
    again = run_demo(tmp_path / "merchant", "--store", postgres_url)
    assert again.returncode == 1
    assert "the database holds a merchant already; the demo needs an empty one" in again.stderr
