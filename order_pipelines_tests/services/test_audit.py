"""Who decided what: settings as they change, decisions by command, and that nothing in the log is ever changed."""

import ast
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

import order_pipelines
from order_pipelines import clock
from order_pipelines.errors import ConfigurationError, DomainRuleError
from order_pipelines.operations import outbox
from order_pipelines.operations.tables import audit_log
from order_pipelines.services import audit
from order_pipelines.services.accepting import accept_by_hand
from order_pipelines.services.again import retry_quarantine
from order_pipelines.services.cancelling import request_cancellation
from order_pipelines.services.mending import try_failed_again
from order_pipelines.services.shop import Shop
from order_pipelines.services.stock_push import release_stock
from order_pipelines.settings import load_settings
from order_pipelines_tests.services.observed_shop import BLOKKER, ObservedShop
from order_pipelines_tests.services.shop_world import MAIN, OUTLET

_Row = tuple[str, str | None, str, str | None, str | None, str]


def _log(world: ObservedShop) -> list[_Row]:
    """Kind, account, subject, before, after and by whom of every row."""
    return [
        (row.kind, row.account, row.subject, row.value_before, row.value_after, row.decided_by)
        for row in world.rows("audit_log")
    ]


def _news(world: ObservedShop, known: int) -> list[_Row]:
    return _log(world)[known:]


def test_the_first_opening_notes_what_gates_writing_of_every_account(observed: ObservedShop) -> None:
    first = [row[2:] for row in _log(observed)][:15]
    assert first == [
        ("accounts.bol_main.mode", None, "live", "settings"),
        ("accounts.bol_main.enabled", None, "true", "settings"),
        ("accounts.bol_main.stock.push", None, "true", "settings"),
        ("accounts.bol_main.invoicing.trigger", None, "shipped", "settings"),
        ("accounts.bol_outlet.mode", None, "live", "settings"),
        ("accounts.bol_outlet.enabled", None, "true", "settings"),
        ("accounts.bol_outlet.stock.push", None, "true", "settings"),
        ("accounts.bol_outlet.invoicing.trigger", None, "shipped", "settings"),
        ("accounts.exact.mode", None, "live", "settings"),
        ("accounts.exact.enabled", None, "true", "settings"),
        ("accounts.blokker.mode", None, "live", "settings"),
        ("accounts.blokker.enabled", None, "true", "settings"),
        ("accounts.blokker.acceptance", None, "automatic", "settings"),
        ("accounts.blokker.stock.push", None, "true", "settings"),
        ("accounts.blokker.invoicing.trigger", None, "off", "settings"),
    ]
    assert [row[2:5] for row in _log(observed)][15:] == [
        (f"accounts.{name}.mode", "live", "observe") for name in (MAIN, OUTLET, "exact", BLOKKER)
    ]


def test_a_change_is_noted_once_however_often_the_shop_is_opened(observed: ObservedShop) -> None:
    world = observed
    known = len(_log(world))
    world.restart()
    world.restart()
    assert _news(world, known) == []
    world.go_live(MAIN)
    world.restart()
    subject = "accounts.bol_main.mode"
    assert _news(world, known) == [("setting", MAIN, subject, "observe", "live", "settings")]


@pytest.mark.parametrize(
    ("old", "new", "name", "before", "after"),
    [
        (
            'serves = ["main"]',
            'serves = ["main"]\nacceptance = "by_hand"',
            "acceptance",
            "automatic",
            "by_hand",
        ),
        ('serves = ["main"]', 'serves = ["main"]\nenabled = false', "enabled", "true", "false"),
    ],
)
def test_every_setting_that_gates_writing_is_noted(
    sqlite_observed: ObservedShop, old: str, new: str, name: str, before: str, after: str
) -> None:
    world = sqlite_observed
    known = len(_log(world))
    world.change_settings(old, new, BLOKKER)
    assert _news(world, known) == [
        ("setting", BLOKKER, f"accounts.blokker.{name}", before, after, "settings")
    ]


def test_stock_and_invoices_that_are_switched_off_are_noted(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed
    known = len(_log(world))
    world.change_settings('trigger = "shipped"', 'trigger = "off"', r"bol_main\.invoicing")
    text = world.path.read_text(encoding="utf-8")
    world.path.write_text(text + "\n[accounts.bol_main.stock]\npush = false\n", encoding="utf-8")
    world.restart()
    assert [row[2:5] for row in _news(world, known)] == [
        ("accounts.bol_main.invoicing.trigger", "shipped", "off"),
        ("accounts.bol_main.stock.push", "true", "false"),
    ]


def test_an_account_that_goes_and_comes_back_is_noted_both_times(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed
    known = len(_log(world))
    text = world.path.read_text(encoding="utf-8")
    world.remove_account(BLOKKER)
    world.restart()
    world.path.write_text(text, encoding="utf-8")
    world.restart()
    assert [row[2:5] for row in _news(world, known)] == [
        ("accounts.blokker.mode", "observe", None),
        ("accounts.blokker.mode", None, "observe"),
    ]


def test_a_process_with_older_settings_does_not_write_the_old_value_again(observed: ObservedShop) -> None:
    """Dagster's code server keeps its settings until it is restarted, while commands read the file each time."""
    world = observed
    older = load_settings(world.path)
    world.go_live(MAIN)
    known = len(_log(world))
    for _ in range(3):
        Shop.open(older).close()
        world.restart()
    assert _news(world, known) == []


def test_two_processes_that_notice_the_same_change_note_it_once(observed: ObservedShop) -> None:
    world = observed
    known = len(_log(world))
    text = world.path.read_text(encoding="utf-8")
    world.path.write_text(text.replace('mode = "observe"', 'mode = "live"'), encoding="utf-8")
    settings = load_settings(world.path)
    threads = [
        threading.Thread(target=audit.note_settings, args=(world.shop.store, settings)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [row[2:5] for row in _news(world, known)] == [
        (f"accounts.{name}.mode", "observe", "live") for name in (MAIN, OUTLET, "exact", BLOKKER)
    ]


def test_since_when_an_account_has_its_mode(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed
    with world.shop.store.reading() as connection:
        mode, since = audit.mode_since(connection, MAIN)
        assert mode == "observe"
        assert since == world.rows("audit_log", subject="accounts.bol_main.mode")[-1].noted_at
        assert audit.went_live_at(connection, MAIN) is None
        assert audit.mode_since(connection, "nobody") == (None, None)
    world.pass_time(minutes=5)
    world.go_live(MAIN)
    with world.shop.store.reading() as connection:
        live_at = audit.went_live_at(connection, MAIN)
    assert live_at is not None
    assert since is not None
    assert 295 < (live_at - since).total_seconds() < 900


# --- decisions ---


def test_stock_that_a_person_releases_is_in_the_log(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed
    known = len(_log(world))
    assert release_stock(world.shop, MAIN, by=audit.decided_by("TICKET-42")) == 0
    assert _news(world, known) == [("release_stock", MAIN, MAIN, None, "0 quantities", "command: TICKET-42")]


def test_a_cancellation_is_in_the_log_and_one_that_is_refused_is_not(observed: ObservedShop) -> None:
    world = observed
    order_id = world.sells(MAIN, "KEU-1001")
    world.round()
    known = len(_log(world))
    with pytest.raises(DomainRuleError):
        request_cancellation(world.shop, "nowhere", reason="OUT_OF_STOCK")
    assert _news(world, known) == []
    request_cancellation(world.shop, order_id, reason="OUT_OF_STOCK", by=audit.COMMAND)
    assert _news(world, known) == [
        (
            "cancel_order",
            MAIN,
            f"{MAIN}:{order_id}",
            None,
            "1 of 1 lines planned, reason OUT_OF_STOCK",
            "command",
        )
    ]


def test_an_acceptance_by_hand_is_in_the_log_and_a_second_one_is_not(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed
    world.count("KEU-1002", 0, ago_h=1)
    order_id = world.sells(BLOKKER, "KEU-1002")
    world.round()
    known = len(_log(world))
    accept_by_hand(world.shop, order_id)
    with pytest.raises(DomainRuleError, match="was planned before"):
        accept_by_hand(world.shop, order_id)
    assert _news(world, known) == [
        ("accept_order", BLOKKER, f"{BLOKKER}:{order_id}", None, "accepted", "command")
    ]


def test_quarantine_that_a_person_retries_is_in_the_log_and_the_masters_own_retry_is_not(
    sqlite_observed: ObservedShop,
) -> None:
    world = sqlite_observed
    world.sandbox.mirakl.place_order(BLOKKER, {"lines": [{"sku": "OUD-0001", "quantity": 1}], "force": True})
    world.round()
    known = len(_log(world))
    retry_quarantine(world.shop)
    assert _news(world, known) == []
    retry_quarantine(world.shop, by=audit.COMMAND)
    retry_quarantine(world.shop, BLOKKER, by=audit.COMMAND)
    judged = "1 bodies and files judged again"
    assert _news(world, known) == [
        ("retry_quarantine", None, "all accounts", None, judged, "command"),
        ("retry_quarantine", BLOKKER, BLOKKER, None, judged, "command"),
    ]


def test_every_effect_that_is_tried_again_is_in_the_log(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed
    world.go_live(MAIN)
    order_id = world.sells(MAIN, "KEU-1001")
    world.round()
    request_cancellation(world.shop, order_id, reason="OUT_OF_STOCK")
    (effect,) = world.rows("outbox", account=MAIN)
    with world.shop.store.transaction() as connection:
        outbox.move(connection, effect.effect_key, outbox.FAILED, reason="no")
    known = len(_log(world))
    with pytest.raises(DomainRuleError):
        try_failed_again(world.shop, ["nothing"])
    assert try_failed_again(world.shop).sent_again == 1
    assert _news(world, known) == [
        ("retry_failed", MAIN, effect.effect_key, "failed", "sent again as it was", "command")
    ]


@pytest.mark.parametrize("word", ["TICKET-42", "night-shift", "4711", "a/b#3_c."])
def test_one_word_is_taken_for_who_decided(word: str) -> None:
    assert audit.decided_by(word) == f"command: {word}"


@pytest.mark.parametrize("word", ["Jan Jansen", "jan@example.nl", "", "-x", "a" * 41, "x\ny"])
def test_what_could_be_a_person_is_refused(word: str) -> None:
    with pytest.raises(ConfigurationError, match="names no person"):
        audit.decided_by(word)


def test_entries_are_found_by_account_and_day(sqlite_observed: ObservedShop) -> None:
    world = sqlite_observed
    world.pass_time(hours=1)
    begin = clock.now()
    release_stock(world.shop, MAIN)
    with world.shop.store.reading() as connection:
        assert [row.kind for row in audit.entries(connection, since=begin)] == ["release_stock"]
        kinds = {row.account for row in audit.entries(connection, account=BLOKKER)}
    assert kinds == {BLOKKER}


# --- append-only ---


def _statements_on_the_log() -> set[tuple[str, str]]:
    """Return (function or method, file) of every call that is made on the table or is given it."""
    found = set()
    for path in Path(order_pipelines.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            owner = node.func.value if isinstance(node.func, ast.Attribute) else None
            parts = [*node.args, *([owner] if owner is not None else [])]
            if any(isinstance(each, ast.Name) and each.id == "audit_log" for each in parts):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
                found.add((name, path.name))
    return found


def test_no_code_changes_or_deletes_a_row_of_the_log() -> None:
    assert _statements_on_the_log() == {("insert", "audit.py"), ("select", "audit.py")}
    texts = [path.read_text(encoding="utf-8") for path in Path("sql").rglob("*.sql")]
    for text in texts:
        assert "update audit_log" not in text
        assert "delete from audit_log" not in text
    assert len(texts) > 20


def _decide_and_fail(connection: sa.Connection) -> None:
    audit.record(connection, audit.CANCEL_ORDER, MAIN, "x", after="y")
    connection.execute(audit_log.insert().values(audit_seq=1, noted_at=clock.now(), kind="x", subject="x"))


def test_a_decision_that_is_rolled_back_leaves_no_row_and_no_gap(observed: ObservedShop) -> None:
    world = observed
    known = len(_log(world))
    with pytest.raises(sa.exc.IntegrityError), world.shop.store.transaction() as connection:
        _decide_and_fail(connection)
    assert len(_log(world)) == known
    with world.shop.store.transaction() as connection:
        audit.record(connection, audit.CANCEL_ORDER, MAIN, "x" * 300, after="y")
    with world.shop.store.reading() as connection:
        rows = list(connection.execute(sa.select(audit_log.c.audit_seq).order_by(audit_log.c.audit_seq)))
    assert [row.audit_seq for row in rows] == list(range(1, known + 2))
