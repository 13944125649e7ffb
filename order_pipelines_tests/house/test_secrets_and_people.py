"""Everything is run once with marked secrets and marked people, faults included; then every place is looked through."""

import json
import logging
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import psycopg
import pytest
import sqlalchemy as sa

from order_pipelines import clock
from order_pipelines.connectors.plain import plain_words
from order_pipelines.connectors.registry import connector_of
from order_pipelines.definitions import build_definitions
from order_pipelines.demo import merchant
from order_pipelines.errors import TransientConnectorError
from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import outbox, tokens
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.sandbox.standin import Fault
from order_pipelines.services import interpreting
from order_pipelines.settings import load_settings
from order_pipelines_tests.cli.person import Typing
from order_pipelines_tests.hostile.server import Call, HostileServer, Line, hostile_server
from order_pipelines_tests.house.marked_run import (
    FILE_PERSON,
    MARKS,
    PERSON,
    file_leaks,
    files_below,
    leaks,
    malform,
    table_leaks,
)

# Stored as one with the number of the house, and alone it is nobody's.
ECHO = " ".join(value for name, value in PERSON.items() if name != "houseNumberExtension")


class Kept(logging.Handler):
    """Every record of every logger, as a handler with a traceback would write it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@dataclass
class Marked:
    """One merchant, what was said while everything ran, and the secrets that were in use."""

    person: Typing
    bol: HostileServer
    books: HostileServer
    home: Path
    store_url: str
    said: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, typed: str | None = None) -> None:
        result = self.person.run(*arguments, typed=typed)
        error = "" if result.exception is None else repr(result.exception)
        # The terminal shows what a person types, once; the program must not say it again.
        output = result.output.replace(typed or "\0", "", 1)
        self.said[f"{len(self.said)} {' '.join(arguments)}"] = f"{output}{error}"
        self.note_tokens()

    def open(self) -> OperationsStore:
        return OperationsStore(self.store_url)

    def note_tokens(self) -> None:
        store = self.open()
        with store.reading() as connection:
            for row in connection.execute(sa.select(tokens)):
                for name in ("access_token", "refresh_token"):
                    value = getattr(row, name)
                    if value:
                        self.secrets[f"{row.token_key} {name} {value[-6:]}"] = value
        store.close()


def _echoes(marked: Marked) -> None:
    """From now on refusals repeat what they were asked with, and whom it is about."""

    def refuse(line: Line, call: Call) -> None:
        secret = call.headers.get("Authorization", "").partition(" ")[2]
        body = {
            "title": f"Bad Request for {ECHO}",
            "detail": f"Shipment to {ECHO} refused, token {secret}",
            "violations": [{"name": "address", "reason": f"rejected value {ECHO}"}],
        }
        line.answer(json.dumps(body).encode(), status="400 Bad Request")

    def refuse_stock(line: Line, call: Call) -> None:
        """A stock call names nobody, so nobody can be repeated; the token can."""
        said = {"title": "Bad Request", "detail": f"refused {call.headers.get('Authorization', '')}"}
        line.answer(json.dumps(said).encode(), status="400 Bad Request")

    def refuse_entry(line: Line, call: Call) -> None:
        secret = call.headers.get("Authorization", "").partition(" ")[2]
        said = {"error": {"code": "", "message": {"lang": "nl", "value": f"Fout: {ECHO} {secret}"}}}
        line.answer(json.dumps(said).encode(), status="400 Bad Request")

    marked.bol.play("POST", "/retailer/shipments", refuse)
    marked.bol.play("PATCH", "/retailer/offers", refuse_stock)
    marked.books.play("POST", "salesentry/SalesEntries", refuse_entry)


def _echo_tokens(line: Line, call: Call) -> None:
    sent = call.body.decode()
    basic = call.headers.get("Authorization", "")
    said = {"error": f"invalid_client {basic}", "error_description": f"bad request {sent} {basic}"}
    line.answer(json.dumps(said).encode(), status="401 Unauthorized")


@pytest.fixture(params=["sqlite", "postgresql"])
def marked(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Marked]:
    with Sandbox(0, relaxed=True) as sandbox:
        outside = merchant.Sandbox(sandbox.control_url, sandbox.systems())
        url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
        shop = tmp_path / "shop"
        shop.mkdir()
        settings = merchant.write_merchant(shop, outside, in_postgres=url is not None)
        environment = merchant.environment_of(outside, url)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        main, exact = outside.account("bol_main"), outside.account("exact")
        with hostile_server(main["base_url"]) as bol, hostile_server(exact["base_url"]) as books:
            text = settings.read_text(encoding="utf-8")
            before, head, after = text.partition("[accounts.bol_main]")
            section, outlet, after = after.partition("[accounts.bol_outlet]")
            section = section.replace(main["base_url"], bol.url)
            after = after.replace(exact["base_url"], books.url)
            settings.write_text(f"{before}{head}{section}{outlet}{after}", encoding="utf-8")
            home = tmp_path / "home"
            home.mkdir()
            store_url = url or f"sqlite:///{shop / 'data' / 'operations.sqlite'}"
            found = Marked(Typing(settings, environment, sandbox), bol, books, home, store_url)
            found.secrets = {
                f"{row['account']} {name}": str(value)
                for row in outside.systems
                for name, value in row["credentials"].items()
                # A client id is public by design: it stands in the address that a person opens to consent.
                if name != "client_id"
            }
            yield found
    clock.follow(0)


def _drop_file(marked: Marked) -> None:
    folder = marked.person.settings.parent
    head = "Bestelnummer;Klant;E-mail;BTW-nummer;Opmerking;Land;Artikelnr;Aantal;Prijs excl. btw"
    who = ";".join(FILE_PERSON[name] for name in ("company", "email", "vat_id", "remark"))
    merchant.drop(
        folder,
        "orders/inkoop.csv",
        f"{head}\nINK-1;{who};NL;KEU-1001;2;10,00\nINK-2;{who};Atlantis;KEU-1001;two;x\nINK-3;{who};NL;;1;1,00\n",
    )
    merchant.drop(
        folder, "orders/nobody.csv", f"{FILE_PERSON['company']};{FILE_PERSON['email']};Qxstreetlane 5\n" * 3
    )


def _everything(marked: Marked, monkeypatch: pytest.MonkeyPatch) -> None:
    world = marked.person.sandbox
    lines = [{"sku": "KEU-1001", "quantity": 1}]

    def buy(**more: Any) -> str:
        wish = {"lines": lines, "force": True, "malform": malform(), **more}
        return world.bol.place_order("bol_main", wish)

    good, parcel, bad, crash = buy(), buy(), buy(lines=[{"ean": "8719999770017", "quantity": 1}]), buy()
    world.bol.act("bol_main", good, "ship", {})
    _drop_file(marked)
    run = marked.run
    run("check")
    run("migrate")
    run("import-products")
    run("take-in")
    real = connector_of

    def crashing(body: bytes, *, kind: str, name: str | None = None) -> Any:
        if name == crash:
            raise ValueError(f"cannot map {body!r}")
        make = real("bol").interpreter
        assert make is not None
        return make({})(body, kind=kind, name=name)

    class Crashing:
        interpreter = staticmethod(lambda options: crashing)

    with monkeypatch.context() as patch:
        patch.setattr(
            interpreting, "connector_of", lambda system: Crashing if system == "bol" else real(system)
        )
        run("sweep")
    merchant.drop(
        marked.person.settings.parent,
        "shipments/parcels.csv",
        f"Ordernummer;Artikelnr;Aantal;Vervoerder;Track & trace;Verzonden op\n"
        f"{parcel};KEU-1001;1;PostNL;3SMARKED;20-11-2026 10:00\n",
    )
    run("take-in")
    _echoes(marked)
    run("push-stock")
    run("plan")
    run("dispatch")
    world.bol.faults.add(Fault("500", count=2))
    run("sweep")
    world.bol.faults.clear()
    run("load-warehouse")
    run("report")
    for command in (
        ("quarantine", "list"), ("quarantine", "retry"), ("failed", "list"), ("failed", "retry"), ("orders", "list"),
        ("orders", "show", good), ("orders", "show", parcel), ("orders", "show", bad), ("alerts", "list"),
        ("release-stock", "bol_main"),
    ):  # fmt: skip
        run(*command)
    _dagster(marked)
    clock.follow(3 * 3600)
    world.clock.set_offset(3 * 3600)
    marked.bol.play("POST", "/token", _echo_tokens)
    marked.books.play("POST", "oauth2/token", _echo_tokens)
    run("sweep")
    run("dispatch")
    run("push-stock")
    run("authorize", "exact", typed="Qxcode-that-was-pasted\n")
    marked.secrets["pasted code"] = "Qxcode-that-was-pasted"
    run("load-warehouse")
    run("report")


def _dagster(marked: Marked) -> None:
    """Run the jobs on a real instance; its history, logs and metadata stay in the home folder."""
    overrides = {"telemetry": {"enabled": False}}
    definitions = build_definitions(load_settings(marked.person.settings), retry_delay_s=0.0)
    with dg.DagsterInstance.local_temp(str(marked.home), overrides=overrides) as instance:
        for job in ("sweep_shop", "write_report"):
            result = definitions.resolve_job_def(job).execute_in_process(
                instance=instance, raise_on_error=False
            )
            text = "\n".join(f"{event.message} {event.event_specific_data!r}" for event in result.all_events)
            run = instance.get_run_by_id(result.run_id)
            marked.said[f"dagster {job} {len(marked.said)}"] = f"{text} {run!r}"
    marked.note_tokens()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_secret_and_no_person_is_found_where_none_may_stand(
    marked: Marked, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept()
    root = logging.getLogger()
    level = root.level
    root.addHandler(kept)
    root.setLevel(logging.DEBUG)
    try:
        _everything(marked, monkeypatch)
    finally:
        root.removeHandler(kept)
        root.setLevel(level)
    both = {**MARKS, **marked.secrets}
    found = {f"{what}: {name}" for what, text in marked.said.items() for name in leaks(text, both)}
    found |= {f"log {line.split(' ', 1)[0]}: {name}" for line in kept.lines for name in leaks(line, both)}
    store = marked.open()
    found |= table_leaks(store, MARKS, marked.secrets)
    with store.reading() as connection:
        reasons = " ".join(str(row.reason) for row in connection.execute(sa.select(outbox)))
        assert "answered 400" in reasons
        people = connection.execute(sa.text("select count(*) from order_people")).scalar_one()
    store.close()
    assert people >= 4
    found |= file_leaks(files_below(marked.person.settings.parent, marked.home), both)
    found |= _warehouse_leaks(marked)
    assert sorted(found) == []
    assert len(marked.secrets) >= 6
    assert len(kept.lines) > 100


def _warehouse_leaks(marked: Marked) -> set[str]:
    both = {**MARKS, **marked.secrets}
    found: set[str] = set()
    query = "select table_schema, table_name from information_schema.tables where table_schema in ('core', 'mart')"
    if marked.store_url.startswith("sqlite"):
        published = list((marked.person.settings.parent / "data" / "published").glob("*.duckdb"))
        assert published
        for path in [*published, marked.person.settings.parent / "data" / "warehouse.duckdb"]:
            with duckdb.connect(str(path), read_only=True) as duck:
                for schema, table in duck.execute(query).fetchall():
                    text = str(duck.execute(f'select * from "{schema}"."{table}"').fetchall())
                    found |= {f"{path.name} {schema}.{table}: {name}" for name in leaks(text, both)}
        return found
    with psycopg.connect(marked.store_url.replace("postgresql+psycopg://", "postgresql://")) as connection:
        tables = connection.execute(query).fetchall()
        assert tables
        for schema, table in tables:
            text = str(connection.execute(f'select * from "{schema}"."{table}"').fetchall())
            found |= {f"{schema}.{table}: {name}" for name in leaks(text, both)}
    return found


def test_an_error_carries_nothing_that_its_message_does_not_say() -> None:
    error = TransientConnectorError("bol GET /x for bol_main: broke off", system="bol", path="/x")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == "bol GET /x for bol_main: broke off"
    assert set(vars(again)) == {
        "system", "method", "path", "status", "vendor_code", "retry_after_s", "maybe_acted",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("mail jan@voorbeeld.example now", "mail [e-mail] now"),
        ("bel 0612345678 of +31 6 12345678", "bel [phone] of [phone]"),
        ("Kerkweg 1, 1234 AB Utrecht", "Kerkweg 1, [postcode] Utrecht"),
        ("client s3cr3t-value is wrong", "client [secret] is wrong"),
        ("client s3cr3t%2Fvalue", "client s3cr3t%2Fvalue"),
        ("EAN 8719999770017 of order 1043210015", "EAN 8719999770017 of order 1043210015"),
        ("guid 01234567-89ab-cdef-0123-456789abcdef", "guid 01234567-89ab-cdef-0123-456789abcdef"),
        ("token " + "a1" * 30, "token […]"),
        ("two\nlines\x00 and \x1b[2J", "two lines and [2J"),
    ],
)
def test_words_of_others_are_one_line_without_secrets(said: str, shown: str) -> None:
    assert plain_words(said, secrets=["s3cr3t-value"]) == shown
