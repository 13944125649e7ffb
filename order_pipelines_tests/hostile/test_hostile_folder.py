"""What others leave in the drop folder: bad files are set aside with a reason, and the good one beside them counts."""

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from order_pipelines.errors import ConfigurationError
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.services.drop_folder import FileResult, take_in
from order_pipelines_tests.hostile import bombs
from order_pipelines_tests.services.shop_world import ShopWorld, opened_world
from order_pipelines_tests.services.test_drop_folder import ORDER, WHOLESALE

GOOD = "zz-good.csv"


@pytest.fixture
def world(
    hostile_sandbox: Sandbox, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ShopWorld]:
    with opened_world(hostile_sandbox, store_url, tmp_path, monkeypatch, exact=WHOLESALE) as opened:
        (tmp_path / "in" / "orders").mkdir(parents=True)
        (tmp_path / "in" / "orders" / GOOD).write_text(ORDER, encoding="utf-8")
        yield opened


def folder(world: ShopWorld) -> Path:
    return world.path.parent / "in" / "orders"


def taken(world: ShopWorld) -> dict[str, FileResult]:
    return {result.name: result for result in take_in(world.shop, "wholesale", settle=timedelta(0))}


def assert_the_good_one_counts(world: ShopWorld, results: dict[str, FileResult]) -> None:
    assert results[f"orders/{GOOD}"].state == "processed"
    assert [row.order_number for row in world.rows("orders", account="wholesale")] == ["PO-1"]
    assert world.position("KEU-1001")[1] == 6


BAD = {
    "nul.csv": (b"po_number;sku;aantal\nP1;A\0B;1\n", "holds binary data"),
    "utf16nul.csv": ("po_number;sku;aantal\nP1;A\0B;1\n".encode("utf-16"), "holds binary data"),
    "utf16cut.csv": ("po_number;sku;aantal\nP1;AB;1\n".encode("utf-16")[:-1], "is not utf-16"),
    "open.csv": (b'po_number;sku;aantal\nP1;"A;1\nP2;B;1\n', "look at the quotes"),
    "old.xls": (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "is an old .xls file"),
    "paper.pdf": (b"%PDF-1.7 ...", "is a PDF"),
    "no.xlsx": (b"PK\x03\x04 this is none", "damaged or cut off workbook"),
    "empty.csv": (b"", "is empty"),
    "cut.csv.gz": (b"\x1f\x8b\x08\0\0\0\0\0\0\0", "is damaged or cut off"),
    "noise.csv": (bytes(range(1, 256)) * 40, "orders/noise.csv"),
    "escape.csv": (b"\x1b]0;owned\x07;\x1b[2J;x\n", "orders/escape.csv"),
}


def test_bad_files_are_set_aside_with_a_reason_and_the_good_one_counts(world: ShopWorld) -> None:
    for name, (content, _) in BAD.items():
        (folder(world) / name).write_bytes(content)

    results = taken(world)

    assert_the_good_one_counts(world, results)
    rejected = world.path.parent / "in" / "rejected"
    for name, (content, wanted) in BAD.items():
        result = results[f"orders/{name}"]
        assert result.state == "rejected", name
        assert wanted in (result.reason or ""), (name, result.reason)
        assert (result.reason or "").isprintable()
        (moved,) = rejected.glob(f"*_{name}")
        assert moved.read_bytes() == content
        assert (
            moved.with_name(f"{moved.name}.reason.txt").read_text(encoding="utf-8").strip() == result.reason
        )
    assert list(folder(world).iterdir()) == []
    waiting = {row.reason_code for row in world.rows("quarantine", entity="file") if row.resolved_at is None}
    assert waiting == {"file_unreadable"}
    assert taken(world) == {}


def test_names_are_decoration_and_never_a_path(world: ShopWorld) -> None:
    """Slashes cannot be in a name; everything else can: control characters, bytes that are no text, 255 of them."""
    names = [
        b"%2e%2e%2fpasswd.csv", b"a\nb.csv", b"\x1b[2J.csv", b"\xff\xfe\x80.csv", b"x" * 251 + b".csv",
        "é" .encode() * 120 + b".csv", b"$(touch owned).csv", b"=HYPERLINK(1).csv", b"a.csv\n", b" .csv",
    ]  # fmt: skip
    for number, name in enumerate(names):
        path = os.path.join(os.fsencode(folder(world)), name)  # noqa: PTH118 - bytes, which Path does not take
        Path(os.fsdecode(path)).write_text(ORDER.replace("PO-1", f"N-{number}"), encoding="utf-8")

    results = taken(world)

    assert {result.state for result in results.values()} == {"processed"}
    assert len(results) == len(names) + 1
    assert all(name.isprintable() for name in results)
    numbers = {row.order_number for row in world.rows("orders", account="wholesale")}
    assert numbers == {"PO-1", *(f"N-{number}" for number in range(len(names)))}
    assert all(row.name.isprintable() for row in world.rows("files"))
    inside = {
        path.parent.name for path in world.path.parent.rglob("*") if path.is_file() and "N-" in _text(path)
    }
    assert inside == {"processed", "originals"}
    assert all(path.name.isascii() for path in (world.path.parent / "in" / "processed").iterdir())


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace") if "sqlite" not in path.name else ""


def test_links_pipes_folders_and_hidden_files_are_left_alone(world: ShopWorld) -> None:
    outside = world.path.parent / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_text(ORDER.replace("PO-1", "LINKED"), encoding="utf-8")
    (folder(world) / "link.csv").symlink_to(outside / "secret.csv")
    (folder(world) / "dangling.csv").symlink_to(outside / "nothing.csv")
    (world.path.parent / "in" / "linked").symlink_to(outside, target_is_directory=True)
    (folder(world) / "folder.csv").mkdir()
    os.mkfifo(folder(world) / "pipe.csv")
    (folder(world) / ".hidden.csv").write_text(ORDER.replace("PO-1", "HIDDEN"), encoding="utf-8")

    results = taken(world)

    assert list(results) == [f"orders/{GOOD}"]
    assert_the_good_one_counts(world, results)
    assert (outside / "secret.csv").exists()
    assert (folder(world) / "link.csv").is_symlink()


@pytest.mark.parametrize("place", ["processed", "rejected"])
@pytest.mark.parametrize("kind", ["link", "file"])
def test_files_are_moved_nowhere_but_into_folders_of_their_own(
    world: ShopWorld, place: str, kind: str
) -> None:
    outside = world.path.parent / "outside"
    outside.mkdir()
    target = world.path.parent / "in" / place
    if kind == "link":
        target.symlink_to(outside, target_is_directory=True)
    else:
        target.write_text("x", encoding="utf-8")

    with pytest.raises(ConfigurationError, match="must be a folder of its own"):
        taken(world)

    assert list(outside.iterdir()) == []
    assert world.rows("orders", account="wholesale") == []
    target.unlink()
    assert_the_good_one_counts(world, taken(world))


_TAKE_IN = """
import sys
from pathlib import Path
from order_pipelines.services.drop_folder import take_in
from order_pipelines.services.shop import open_shop
from datetime import timedelta
with open_shop(Path(sys.argv[1])) as shop:
    for result in take_in(shop, "wholesale", settle=timedelta(0)):
        print(result.name, result.state, result.reason)
"""


def _without_special_rights() -> None:
    """Let even root meet a closed file: give up the right to pass over permissions, for good."""
    for right in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        if os.geteuid() == 0 and ctypes.CDLL(None, use_errno=True).prctl(24, right, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "this test needs a process that can give up its rights")


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_a_file_that_nobody_may_read_waits_and_keeps_no_other_waiting(world: ShopWorld) -> None:
    closed = folder(world) / "closed.csv"
    closed.write_text(ORDER.replace("PO-1", "CLOSED"), encoding="utf-8")
    closed.chmod(0)
    run = subprocess.run(
        [sys.executable, "-c", _TAKE_IN, str(world.path)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=_without_special_rights,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert run.returncode == 0, run.stderr
    assert (
        "orders/closed.csv waiting cannot be read (Permission denied); it is read when it can be"
        in run.stdout
    )
    assert f"orders/{GOOD} processed None" in run.stdout
    assert closed.exists()
    closed.chmod(0o600)
    assert taken(world)["orders/closed.csv"].state == "processed"


def test_a_formula_is_never_calculated(world: ShopWorld) -> None:
    """Without a value that a spreadsheet program stored the cell is a flaw; in a text file a formula is text."""
    cells = [bombs.text_cell(text) for text in ("po_number", "sku", "aantal", "prijs")]
    row = [
        bombs.text_cell("F-1"),
        bombs.text_cell("KEU-1001"),
        '<c r="C2"><f>1+1</f></c>',
        bombs.text_cell("10,00"),
    ]
    bombs.workbook(folder(world) / "formula.xlsx", (bombs.sheet_of([cells, row]),))
    (folder(world) / "formula.csv").write_text(
        "po_number;sku;aantal;prijs;omschrijving\n"
        "T-1;=HYPERLINK(\"http://evil.example\");1;10,00;x\nT-2;@SUM(1+1);1;10,00;+cmd|' /C calc'!A0\n"
        "T-3;KEU-1001;=1+1;10,00;x\nT-4;-1+1|cmd;1;10,00;x\n",
        encoding="utf-8",
    )

    results = taken(world)

    rows = {row.order_number: row for row in world.rows("orders", account="wholesale")}
    assert all(rows[number].is_quarantined for number in ("F-1", "T-1", "T-2", "T-3", "T-4"))
    assert "formula_cell" in rows["F-1"].quarantine_reasons
    assert rows["PO-1"].is_quarantined is False
    skus = {line.order_key: line.sku for line in world.rows("order_lines") if "wholesale:T" in line.order_key}
    assert skus["wholesale:T-3"] == "KEU-1001"
    assert world.demand("KEU-1001") == 6
    assert results["orders/formula.xlsx"].state == results["orders/formula.csv"].state == "processed"
