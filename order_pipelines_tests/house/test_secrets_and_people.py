"""Everything is run once with marked secrets and marked people, faults included; then every place is looked through."""

import logging
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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
from order_pipelines.operations import inbox
from order_pipelines.operations.store import OperationsStore
from order_pipelines.operations.tables import bodies, order_people, outbox, tokens
from order_pipelines.sandbox.server import Sandbox
from order_pipelines.sandbox.standin import Fault
from order_pipelines.services import interpreting
from order_pipelines.settings import load_settings
from order_pipelines_tests.cli.person import Typing
from order_pipelines_tests.hostile.server import HostileServer, hostile_server
from order_pipelines_tests.house.marked_lane import lane_at_work
from order_pipelines_tests.house.marked_refusals import echo_at_every_write, echo_tokens
from order_pipelines_tests.house.marked_run import (
    FILE_PERSON,
    MARKS,
    Kept,
    file_leaks,
    files_below,
    leaks,
    marked_wish,
    table_leaks,
)

STOPPED_FOR = "prices are being repaired"


@dataclass
class Marked:
    """One merchant, what was said while everything ran, and the secrets that were in use."""

    person: Typing
    bol: HostileServer
    books: HostileServer
    mirakl: HostileServer
    shopware: HostileServer
    home: Path
    store_url: str
    said: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    passed_s: float = 0.0

    def run(self, *arguments: str, typed: str | None = None) -> None:
        # Some of Mirakl's calls are allowed once a minute; nobody waits for it here.
        self.pass_time(61)
        result = self.person.run(*arguments, typed=typed)
        error = "" if result.exception is None else repr(result.exception)
        # The terminal shows what a person types, once; the program must not say it again.
        output = result.output.replace(typed or "\0", "", 1)
        self.said[f"{len(self.said)} {' '.join(arguments)}"] = f"{output}{error}"
        self.note_tokens()

    def pass_time(self, seconds: float) -> None:
        self.passed_s += seconds
        clock.follow(self.passed_s)
        self.person.sandbox.clock.set_offset(self.passed_s)

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


@pytest.fixture(params=["sqlite", "postgresql"])
def marked(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Marked]:
    with Sandbox(0, relaxed=True) as sandbox:
        outside = merchant.Sandbox(sandbox.control_url, sandbox.systems())
        url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
        shop = tmp_path / "shop"
        shop.mkdir()
        settings = merchant.write_merchant(
            shop, outside, in_postgres=url is not None, elsewhere=merchant.ELSEWHERE
        )
        environment = merchant.environment_of(outside, url)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        main, exact = outside.account("bol_main"), outside.account("exact")
        operator, web = outside.account(merchant.BLOKKER), outside.account(merchant.WEBSHOP)
        with (
            hostile_server(main["base_url"]) as bol,
            hostile_server(exact["base_url"]) as books,
            hostile_server(operator["base_url"]) as mirakl,
            hostile_server(web["base_url"]) as shopware,
        ):
            text = settings.read_text(encoding="utf-8")
            before, head, after = text.partition("[accounts.bol_main]")
            section, outlet, after = after.partition("[accounts.bol_outlet]")
            section = section.replace(main["base_url"], bol.url)
            for row, server in ((exact, books), (operator, mirakl), (web, shopware)):
                parts = urlsplit(row["base_url"])
                after = after.replace(f"{parts.scheme}://{parts.netloc}", server.url)
            settings.write_text(f"{before}{head}{section}{outlet}{after}", encoding="utf-8")
            home = tmp_path / "home"
            home.mkdir()
            store_url = url or f"sqlite:///{shop / 'data' / 'operations.sqlite'}"
            person = Typing(settings, environment, sandbox)
            found = Marked(person, bol, books, mirakl, shopware, home, store_url)
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

    def buy(system: str = "bol", **more: Any) -> str:
        wish = {"lines": lines, "force": True, **marked_wish(system), **more}
        if system == "bol":
            return world.bol.place_order("bol_main", wish)
        if system == "mirakl":
            return world.mirakl.place_order(merchant.BLOKKER, wish)
        return world.shopware.place_order(merchant.WEBSHOP, wish)

    good, parcel, bad, crash = buy(), buy(), buy(lines=[{"ean": "8719999770017", "quantity": 1}]), buy()
    world.bol.act("bol_main", good, "ship", {})
    # At the operator one order is there to be accepted, one to be sent, one to be cancelled and one to crash on.
    waiting, sent, unwanted, broken = (buy("mirakl") for _ in range(4))
    for order in (sent, unwanted):
        world.mirakl.act(merchant.BLOKKER, order, "accept", {})
    web_sent, web_unwanted, web_broken = (buy("shopware") for _ in range(3))
    crashing_on = {crash, broken, web_broken}
    _drop_file(marked)
    run = marked.run
    run("check")
    run("migrate")
    run("import-products")
    run("take-in")
    real = connector_of

    def crashing(system: str) -> Any:
        make = real(system).interpreter
        assert make is not None

        def interpreter(options: Any) -> Any:
            interpret = make(options)

            def read(body: bytes, *, kind: str, name: str | None = None) -> Any:
                if name in crashing_on:
                    raise ValueError(f"cannot map {body!r}")
                return interpret(body, kind=kind, name=name)

            return read

        return replace(real(system), interpreter=interpreter)

    with monkeypatch.context() as patch:
        patch.setattr(
            interpreting,
            "connector_of",
            lambda system: real(system) if system == "b2b_files" else crashing(system),
        )
        run("sweep")
    merchant.drop(
        marked.person.settings.parent,
        "shipments/parcels.csv",
        "Ordernummer;Artikelnr;Aantal;Vervoerder;Track & trace;Verzonden op\n"
        + "".join(
            f"{order};KEU-1001;1;PostNL;3SMARKED{place};20-11-2026 10:00\n"
            for place, order in enumerate((parcel, sent, web_sent))
        ),
    )
    run("take-in")
    echo_at_every_write(marked.bol, marked.books, marked.mirakl, marked.shopware)
    run("doctor", "--html", str(marked.person.settings.parent / "doctor.html"))
    run("doctor", "--json")
    run("orders", "cancel", unwanted, "--reason", "34", "--yes")
    run("orders", "cancel", web_unwanted, "--reason", "x", "--yes")
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
        ("release-stock", "bol_main"), ("orders", "show", waiting), ("orders", "show", sent),
        ("orders", "show", web_sent), ("completeness",), ("approvals",), ("approvals", "--json"),
        ("account", "stop", "bol_main", "--reason", STOPPED_FOR, "--what", "all"), ("sweep",), ("push-stock",),
        ("dispatch",), ("account", "list"), ("approvals", "bol_main"), ("alerts", "list"),
        ("account", "go", "bol_main"),
    ):  # fmt: skip
        run(*command)
    lane_at_work(marked.person.settings, world, marked.said, marked.secrets, monkeypatch)
    _observe(marked)
    _dagster(marked)
    marked.pass_time(3 * 3600)
    marked.bol.play("POST", "/token", echo_tokens)
    marked.books.play("POST", "oauth2/token", echo_tokens)
    marked.shopware.play("POST", "/oauth/token", echo_tokens)
    marked.mirakl.play("GET", "/api/", echo_tokens)
    run("doctor", "--html", str(marked.person.settings.parent / "doctor.html"))
    run("sweep")
    run("dispatch")
    run("push-stock")
    run("authorize", "exact", typed="Qxcode-that-was-pasted\n")
    marked.secrets["pasted code"] = "Qxcode-that-was-pasted"
    run("load-warehouse")
    run("report")


def _observe(marked: Marked) -> None:
    """From now on the operator and the shop are only observed, and compared."""
    settings = marked.person.settings
    before, head, after = settings.read_text(encoding="utf-8").partition(f"[accounts.{merchant.BLOKKER}]")
    after = after.replace('mode = "live"', 'mode = "observe"', 2)
    settings.write_text(f"{before}{head}{after}", encoding="utf-8")
    for command in ("sweep", "push-stock", "plan", "dispatch"):
        marked.run(command)
    page = str(settings.parent / "shadow.html")
    marked.run("shadow-report", "--html", page)
    marked.run("shadow-report", "--stored", "--json")
    marked.run("audit", "list")


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


@pytest.mark.endurance
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
        people = [str(row) for row in connection.execute(sa.select(order_people))]
        hashes = connection.execute(sa.select(bodies.c.content_hash)).scalars().all()
        received = " ".join(inbox.body_of(connection, each).decode("utf-8", "replace") for each in hashes)
    store.close()
    # Where nothing was marked, nothing can be found.
    for account in ("bol_main", merchant.BLOKKER, merchant.WEBSHOP):
        known = " ".join(row for row in people if f"'{account}:" in row)
        assert [
            mark for mark in ("Qxsurname", "Qxstreetlane", "Qxcompany", "9876QX") if mark not in known
        ] == []
    assert leaks(received, MARKS) >= {"relay address", "comment", "address of the browser", "person email"}
    refused = {
        "accept": marked.mirakl.asked("PUT", "/accept"),
        "cancel": marked.mirakl.asked("PUT", "/cancel"),
        "parcel": marked.mirakl.asked("POST", "/api/shipments"),
        "stock": marked.mirakl.asked("POST", "/offers/stock/imports"),
        "web parcel": marked.shopware.asked("PATCH", "/api/order-delivery"),
        "web cancel": marked.shopware.asked("POST", "/state/"),
        "web stock": marked.shopware.asked("POST", "/_action/sync"),
    }
    assert [what for what, calls in refused.items() if not calls] == []
    found |= file_leaks(files_below(marked.person.settings.parent, marked.home), both)
    found |= _warehouse_leaks(marked)
    assert not found, "\n".join(sorted(found))
    shown = {what.partition(" ")[2]: text for what, text in marked.said.items()}
    assert STOPPED_FOR in shown["account list"]
    assert "bol_main: goes on (stock, effects, orders)" in shown["account go bol_main"]
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
