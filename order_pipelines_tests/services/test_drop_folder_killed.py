"""What a process that was killed leaves in the folders: the next one completes it, or removes it."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from order_pipelines.operations.tables import files
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.drop_folder import take_in
from order_pipelines_tests.services.shop_world import ShopWorld, opened_world

WHOLESALE = """
[accounts.wholesale]
system = "b2b_files"
mode = "live"
effective_from = 2026-01-01
reference_prefix = "B2B"
ships_from = "main"
[accounts.wholesale.options]
folder = "in"
"""


@pytest.fixture
def shop_with_files(
    running_sandbox: Sandbox, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ShopWorld]:
    """Return a shop with a watched folder ``in``."""
    with opened_world(running_sandbox, sqlite_url, tmp_path, monkeypatch, exact=WHOLESALE) as world:
        yield world


def test_a_refused_file_that_a_killed_process_left_lying_gets_its_reason_too(
    shop_with_files: ShopWorld,
) -> None:
    """Killed between the commit of the refusal and the move: the file was moved aside without a word why."""
    world = shop_with_files
    folder = world.path.parent / "in"
    folder.mkdir()
    (folder / "broken.csv").write_text("neither;this\n", encoding="utf-8")
    (first,) = take_in(world.shop, "wholesale", settle=timedelta(0))
    assert first.state == "rejected"
    (moved, reason) = sorted((folder / "rejected").iterdir())
    said = reason.read_text(encoding="utf-8")
    moved.rename(folder / "broken.csv")
    reason.unlink()

    (again,) = take_in(world.shop, "wholesale", settle=timedelta(0))

    assert (again.state, again.is_repeat) == ("rejected", True)
    assert sorted((folder / "rejected").iterdir()) == [moved, reason]
    assert reason.read_text(encoding="utf-8") == said
    assert len(world.rows("quarantine", account="wholesale")) == 1


def test_a_file_that_is_booked_again_after_a_kill_is_counted_as_before(shop_with_files: ShopWorld) -> None:
    """Killed between booking and the note of its counts: the second time its bad order passed for a good one."""
    world = shop_with_files
    folder = world.path.parent / "in"
    folder.mkdir()
    text = (
        "po_number;besteldatum;sku;aantal;prijs;land\n"
        "PO-1;17-11-2026;KEU-1001;6;10,00;NL\n"
        "PO-2;17-11-2026;KEU-9999;1;5,00;NL\n"
    )
    (folder / "orders.csv").write_text(text, encoding="utf-8")
    (first,) = take_in(world.shop, "wholesale", settle=timedelta(0))
    assert first.counts == {"goods_lines": 1, "orders": 1, "orders_quarantined": 1, "quarantined_rows": 1}
    with world.shop.store.transaction() as connection:
        connection.execute(sa.update(files).values(state="taking_in", counts={}, rows_read=0))
    (moved,) = (folder / "processed").iterdir()
    moved.rename(folder / "orders.csv")

    (again,) = take_in(world.shop, "wholesale", settle=timedelta(0))

    assert again.counts == first.counts
    assert world.row("files", account="wholesale").counts == first.counts


def test_torn_copies_are_removed_after_a_day(shop_with_files: ShopWorld) -> None:
    """A copy that a killed process did not finish names customers and is read by nobody."""
    world = shop_with_files
    originals = world.shop.settings.data_dir / "originals"
    originals.mkdir(parents=True)
    torn, fresh = originals / ".4711-orders.csv.part", originals / ".4712-orders.csv.part"
    for path in (torn, fresh):
        path.write_text("half", encoding="utf-8")
    before = torn.stat().st_mtime - timedelta(days=1, minutes=1).total_seconds()
    os.utime(torn, (before, before))

    assert take_in(world.shop, "wholesale", settle=timedelta(0)) == []

    assert list(originals.iterdir()) == [fresh]
