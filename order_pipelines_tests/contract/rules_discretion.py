"""What no message may hold: secrets of an account, and what names a person by its form or stands in a payload."""

import io
import logging
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson

from order_pipelines.connectors.ports import (
    Account,
    EntryLine,
    House,
    SalesEntry,
    ShipmentItem,
    Since,
    StockWrite,
    WriteResult,
)
from order_pipelines.domain.orders import Interpretation, Problem
from order_pipelines.errors import OrderPipelinesError
from order_pipelines_tests.contract.outside import Outside
from order_pipelines_tests.contract.places import fits, name_of, replaced, walk
from order_pipelines_tests.contract.recordings import Recording, read
from order_pipelines_tests.contract.rules_writing import entry_payload, push
from order_pipelines_tests.contract.subject import Subject
from order_pipelines_tests.hostile.server import Call, HostileServer, Line

MARK = "Xqzvmark"
PERSON = ("xqzv.person@geheim.example", "+31 6 12345678", "1234 XQ", "NL123456789B01")
REFUSALS = (
    "400 Bad Request",
    "401 Unauthorized",
    "403 Forbidden",
    "404 Not Found",
    "500 Internal Server Error",
)


# ------------------------------------------------------------------------------------------------ payloads


def what_is_said_of_a_payload_names_nobody(subject: Subject, recording: Recording) -> None:
    """Members that name people get a mark, in every type that a payload could give them."""
    marked = recording.payload
    places = [
        path
        for path, value in walk(recording.payload)
        if isinstance(value, str) and any(fits(path, name) for name in subject.data.mapping.personal)
    ]
    for number, path in enumerate(places):
        marked = replaced(marked, path, f"{MARK}{number}")
    with overheard() as heard:
        _assert_unmarked(read(subject, recording, recording.dump(marked)), "the recording with marks")
        for path in places:
            # Names of members are no persons: a problem shows those that nobody knows.
            for spoiled in ([MARK], {"value": MARK}, MARK * 3000, f"{MARK}\u0000"):
                body = recording.dump(replaced(marked, path, spoiled))
                _assert_unmarked(read(subject, recording, body), name_of(path))
        for holder in {path[:-1] for path in places if len(path) > 1}:
            for instead in (MARK, [MARK], {"value": {"value": MARK}}):
                body = recording.dump(replaced(marked, holder, instead))
                _assert_unmarked(read(subject, recording, body), name_of(holder))
    assert MARK not in heard.getvalue(), "a log line names a person"


def _assert_unmarked(meaning: Interpretation, where: str) -> None:
    problems: list[Problem] = [problem for order in meaning.orders for problem in order.problems]
    problems += [reject.problem for reject in meaning.rejects]
    for problem in problems:
        for text in (problem.code, problem.reason, problem.field, problem.value, repr(problem)):
            assert MARK not in (text or ""), f"a problem of {where} shows a person: {problem.code}"
    assert not any(MARK in flag for order in meaning.orders for flag in order.must_flag)


# ------------------------------------------------------------------------------------------------ the wire


@contextmanager
def overheard() -> Iterator[io.StringIO]:
    """Listen to all loggers at their most talkative."""
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield heard
    finally:
        root.setLevel(before)
        root.removeHandler(handler)


def echo(status: str, *, is_nested: bool) -> Callable[[Line, Call], None]:
    """Return a trick that repeats what it was sent, and names a person, wherever systems put their words."""

    def answer(line: Line, call: Call) -> None:
        sent = call.body.decode("utf-8", "replace")[:500]
        access = next((value for name, value in call.headers.items() if name.lower() == "authorization"), "")
        words = f"{access} {' '.join(PERSON)} {sent}"
        error: Any = {"code": words, "message": {"lang": "", "value": words}} if is_nested else words
        content = {
            "title": words,
            "detail": words,
            "message": words,
            "code": words,
            "error": error,
            "error_description": words,
            "errors": [{"code": words, "status": status[:3], "title": words, "detail": words}],
            "violations": [{"name": words, "reason": words}],
        }
        line.answer(orjson.dumps(content), "Content-Type: application/json", status=status)

    return answer


def calls_of(outside: Outside, account: Account) -> dict[str, Callable[[], Any]]:
    """Return one call of everything that a connector can do, for an account at some address."""
    connector, house = outside.connector, House(outside.tokens, outside.budget)
    calls: dict[str, Callable[[], Any]] = {}
    if (source := connector.order_source) is not None:
        calls["list_orders"] = lambda: list(source(account, house).list_orders(Since(None)))
        calls["fetch_order"] = lambda: source(account, house).fetch_order("0" * 32)
    if (stock := connector.stock_sink) is not None:
        calls["list_offers"] = lambda: list(stock(account, house).list_offers())
        calls["push"] = lambda: list(push(stock(account, house), [StockWrite("0" * 32, 1)]).values())
        calls["read_stock"] = lambda: stock(account, house).read_stock("0" * 32)
    if (acceptor := connector.order_acceptor) is not None:
        calls["accept"] = lambda: acceptor(account, house).accept("0" * 32, ["1"])
    if (parcels := connector.shipment_sink) is not None:
        items = [ShipmentItem("1", 1)]
        calls["ship"] = lambda: parcels(account, house).ship(
            "0" * 32, items, carrier="PostNL", tracking="3S1", reference="r"
        )
        calls["cancel_line"] = lambda: parcels(account, house).cancel_line("0" * 32, "1", reason="OTHER")
        calls["has_shipment"] = lambda: parcels(account, house).has_shipment("0" * 32, "r")
    if (books := connector.invoice_sink) is not None:
        calls["find_entries"] = lambda: books(account, house).find_entries("r")
        calls["post_entry"] = lambda: books(account, house).post_entry(_entry(outside))
    return calls


def _entry(outside: Outside) -> SalesEntry:
    payload = entry_payload(outside, "KIT-1")
    (line,) = payload.pop("lines")
    amounts = {name: Decimal(line[name]) for name in ("amount_excl_vat", "vat_amount")}
    lines = (EntryLine(**{**line, **amounts}),)
    return SalesEntry(**{**payload, "lines": lines, "entry_date": outside.sandbox.clock.now().date()})


def no_message_shows_a_secret(outside: Outside, server: HostileServer) -> None:
    """Every call is refused with an answer that repeats what it was sent; then the call for a token is."""
    account = outside.account()
    assert account.base_url is not None
    moved = replace(
        account,
        base_url=server.url,
        token_url=account.token_url and account.token_url.replace(account.base_url, server.url),
    )
    token_path = (moved.token_url or "\n").removeprefix(server.url)
    said: list[str] = []
    with overheard() as heard:
        for status in REFUSALS:
            for is_nested in (False, True):
                _refuse(server, echo(status, is_nested=is_nested), but=token_path)
                said += _say_all(outside, moved)
        if moved.token_url is not None:
            for status in REFUSALS:
                _refuse(server, echo(status, is_nested=False), but="\n")
                outside.pass_time(3600)
                said += _say_all(outside, moved)
    assert len(said) >= len(REFUSALS), "no call was refused"
    said.append(heard.getvalue())
    assert_nothing_shown("\n".join(said), marks_of(outside))


def _refuse(server: HostileServer, trick: Callable[[Line, Call], None], *, but: str) -> None:
    def answer(line: Line, call: Call) -> None:
        if call.path.startswith(but):
            server.pass_on(line, call)
        else:
            trick(line, call)

    server.behave()
    for method in ("GET", "POST", "PUT", "PATCH"):
        server.play(method, "", answer)


def _say_all(outside: Outside, account: Account) -> list[str]:
    """Return everything that is said of calls that are refused: errors in all their forms, reasons of results."""
    said: list[str] = []
    for name, call in calls_of(outside, account).items():
        try:
            found = call()
        except OrderPipelinesError as error:
            said += [str(error), repr(error), repr(vars(error)), "".join(traceback.format_exception(error))]
        else:
            results = found if isinstance(found, list) else [found]
            assert all(isinstance(each, WriteResult) for each in results), (
                f"{name} was refused and says {found}"
            )
            said += [repr(each) for each in results]
    return said


def marks_of(outside: Outside) -> list[str]:
    """Return what nobody may see: secrets, tokens, both as they are sent, and the person."""
    secrets = list(outside.account().secrets.values())
    tokens = [token.access_token for token in outside.tokens.tokens.values()]
    tokens += [token.refresh_token for token in outside.tokens.tokens.values() if token.refresh_token]
    known = outside.account().secrets
    pair = f"{known.get('client_id')}:{known.get('client_secret')}"
    # An id of a client is no secret: people compare it with what the system shows.
    return [
        *(secret for secret in secrets if secret != known.get("client_id")),
        *tokens,
        b64encode(pair.encode()).decode(),
        *PERSON,
    ]


def assert_nothing_shown(text: str, marks: list[str]) -> None:
    for mark in marks:
        at = text.find(mark)
        assert at < 0, f"a message shows what it may not: …{text[max(0, at - 120) : at]}[here]"
