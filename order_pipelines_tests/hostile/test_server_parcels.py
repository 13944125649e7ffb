"""A hostile bol and hostile books while parcels and sales entries go out: each is sent once, or looked for first."""

import pytest

from order_pipelines import clock
from order_pipelines.domain.orders import ShipmentLine
from order_pipelines.services.dispatch import Dispatched, dispatch_all
from order_pipelines.services.planning import plan_all
from order_pipelines.services.shipping import match_shipments, note_shipment_lines
from order_pipelines_tests.hostile.conftest import Besieged
from order_pipelines_tests.hostile.server import Call, Line
from order_pipelines_tests.hostile.tricks import MEGABYTE, NO_ANSWERS, SLOW, TELLING, redirect, says
from order_pipelines_tests.services.shop_world import MAIN, OUTLET

pytestmark = pytest.mark.endurance

ENTRIES = "salesentry/SalesEntries"


def sold(besieged: Besieged, account: str = MAIN) -> str:
    """Let an order come in, leave and be planned."""
    world = besieged.world
    order = world.buy(account=account)
    world.act(order, "ship", account)
    assert world.sweep(account).problem is None
    plan_all(world.shop)
    besieged.calm()
    return order


def send(besieged: Besieged) -> Dispatched:
    return dispatch_all(besieged.world.shop)["sales_entry"]


def assert_booked_once_at_last(besieged: Besieged, order: str) -> None:
    besieged.patience(60)
    besieged.calm()
    for _ in range(3):
        besieged.world.pass_time(hours=2)
        send(besieged)
    assert [entry["your_ref"] for entry in besieged.world.entries()] == [f"BOL-{order}"]
    assert {row.state for row in besieged.world.rows("outbox")} == {"confirmed"}


@pytest.mark.parametrize("name", sorted(NO_ANSWERS))
def test_a_search_that_found_nothing_readable_books_nothing(besieged: Besieged, name: str) -> None:
    """ "Not found" and "cannot be read" are different things: only after the first may an entry be posted."""
    order = sold(besieged)
    besieged.patience(0.6 if name in SLOW else 60)
    besieged.books.play("GET", ENTRIES, NO_ANSWERS[name])

    done = send(besieged)

    assert (done.confirmed, done.failed) == (0, 0)
    assert besieged.books.asked("POST", ENTRIES) == []
    assert besieged.world.entries() == []
    (row,) = besieged.world.rows("outbox")
    assert row.state == "pending"
    assert max(besieged.books.sent, default=0) < 16 * MEGABYTE
    assert_booked_once_at_last(besieged, order)


@pytest.mark.parametrize(
    ("name", "acted"),
    [*((name, True) for name in TELLING), ("html_login_page", False), ("broken_off", False)],
)
def test_a_lost_or_false_answer_to_an_entry_leaves_one_entry(
    besieged: Besieged, name: str, acted: bool
) -> None:
    order = sold(besieged)

    def post(line: Line, call: Call) -> None:
        if acted:
            besieged.books.pass_on(Line(_Nowhere(), line.stopped), call)  # type: ignore[arg-type]
        NO_ANSWERS[name](line, call)

    besieged.patience(1.2 if name in SLOW else 60)
    besieged.books.play("POST", ENTRIES, post)

    done = send(besieged)

    assert (done.confirmed, done.failed) == (0, 0)
    assert len(besieged.books.asked("POST", ENTRIES)) == 1
    assert len(besieged.world.entries()) == (1 if acted else 0)
    (row,) = besieged.world.rows("outbox")
    assert row.state == "in_doubt"
    assert_booked_once_at_last(besieged, order)


class _Nowhere:
    """A connection whose other end is not interested."""

    def sendall(self, data: bytes) -> None:
        del data


@pytest.mark.parametrize(
    "row",
    [
        b'{"EntryID": "x", "AmountFC": 1e400, "YourRef": "%s"}',
        b'{"EntryID": "x", "AmountFC": 1e999999999, "YourRef": "%s"}',
        b'{"EntryID": {"a": 1}, "AmountFC": 1, "YourRef": "%s"}',
        b'{"EntryID": "' + b"e" * 5000 + b'", "AmountFC": 1, "YourRef": "%s"}',
        b'{"EntryID": "a\\u0000b", "AmountFC": 1, "YourRef": "%s"}',
        b'{"EntryID": "\\ud800", "AmountFC": 1, "YourRef": "%s"}',
    ],
)
def test_an_entry_that_cannot_be_one_is_neither_taken_nor_posted_again(
    besieged: Besieged, row: bytes
) -> None:
    order = sold(besieged)
    found = b'{"d": {"results": [' + row.replace(b"%s", f"BOL-{order}".encode()) + b"]}}"
    besieged.books.play("GET", ENTRIES, says(found))

    done = send(besieged)

    assert (done.confirmed, done.failed) == (0, 0)
    assert besieged.books.asked("POST", ENTRIES) == []
    assert_booked_once_at_last(besieged, order)


@pytest.mark.parametrize(
    "following",
    ["{books}/api/v1/1/salesentry/SalesEntries?again", "{elsewhere}/api/v1", "//{host}/x", "@{host}/x",
     "file:///etc/passwd", "http://user:secret@{host}/", "HTTP://{host}/x", "http://[", "\\\\{host}\\x"],
)  # fmt: skip
def test_next_pages_that_loop_or_lead_elsewhere_get_no_token(besieged: Besieged, following: str) -> None:
    order = sold(besieged)
    host = besieged.elsewhere.url.removeprefix("http://")
    url = following.format(books=besieged.books.url, elsewhere=besieged.elsewhere.url, host=host)
    page = b'{"d": {"results": [], "__next": "%s"}}' % url.replace("\\", "\\\\").encode()
    besieged.books.play("GET", "/", says(page))

    done = send(besieged)

    assert (done.confirmed, done.failed) == (0, 0) or done.failed == 1
    assert besieged.elsewhere.calls == []
    assert besieged.books.asked("POST", ENTRIES) == []
    assert len(besieged.books.asked("GET", "/")) <= 3
    assert besieged.world.entries() == []
    assert all("secret" not in str(row.reason) for row in besieged.world.rows("outbox"))
    assert order


@pytest.mark.parametrize(
    "expires_in",
    [
        "-5",
        "0",
        '"-600"',
        "1e400",
        "9" * 30,
        '"' + "9" * 5000 + '"',
        "null",
        '"\\u00b2"',
        "[]",
        "true",
        '"soon"',
    ],
)
def test_a_life_that_is_none_does_not_cost_the_refresh_token(besieged: Besieged, expires_in: str) -> None:
    """The old refresh token is worthless once it was sent: what came with a foolish number must be kept and used."""
    order = sold(besieged)

    def token(line: Line, call: Call) -> None:
        held: list[bytes] = []
        besieged.books.pass_on(Line(_Held(held), line.stopped), call)  # type: ignore[arg-type]
        body = b"".join(held).partition(b"\r\n\r\n")[2]
        before, _, after = body.partition(b'"expires_in":')
        rest = after[min(index for index in (after.find(b","), after.find(b"}")) if index >= 0) :]
        line.answer(before + b'"expires_in":' + expires_in.encode() + rest)

    besieged.books.play("POST", "oauth2/token", token)

    done = send(besieged)

    assert done.confirmed == 1
    assert len(besieged.books.asked("POST", "oauth2/token")) == 1
    assert [entry["your_ref"] for entry in besieged.world.entries()] == [f"BOL-{order}"]


class _Held:
    def __init__(self, held: list[bytes]) -> None:
        self._held = held

    def sendall(self, data: bytes) -> None:
        self._held.append(data)


def test_a_redirected_consent_sends_the_refresh_token_nowhere_else(besieged: Besieged) -> None:
    sold(besieged)
    besieged.books.play("POST", "oauth2/token", redirect(besieged.elsewhere.url, "307 Temporary Redirect"))
    done = send(besieged)
    assert done.confirmed == 0
    assert besieged.elsewhere.calls == []


@pytest.mark.parametrize(
    "name", ["html_login_page", "no_content", "hangs_up", "slow_bytes", "gzip_bomb", "numbers_beyond_all"]
)
def test_a_parcel_whose_answer_is_none_is_announced_once(besieged: Besieged, name: str) -> None:
    """bol took it and something else answered: it is in doubt, looked for, found, and never announced again."""
    world = besieged.world
    order = world.buy(("KEU-1001", 3))
    assert world.sweep(MAIN).problem is None
    parcel(besieged, order)
    besieged.calm()

    def post(line: Line, call: Call) -> None:
        besieged.bol.pass_on(Line(_Nowhere(), line.stopped), call)  # type: ignore[arg-type]
        NO_ANSWERS[name](line, call)

    besieged.patience(1.2 if name in SLOW else 60)
    besieged.bol.play("POST", "/retailer/shipments", post)
    done = dispatch_all(world.shop)["channel_shipment"]
    assert (done.confirmed, done.failed) == (0, 0)
    assert len(besieged.bol.asked("POST", "/retailer/shipments")) == 1
    besieged.patience(60)
    besieged.calm()
    for _ in range(3):
        world.pass_time(hours=2)
        dispatch_all(world.shop)
    (row,) = world.rows("outbox", kind="channel_shipment")
    assert row.state == "confirmed"
    announced = [write for write in world.writes(MAIN) if write["path"].endswith("/shipments")]
    assert len(announced) == 1


def parcel(besieged: Besieged, order: str) -> None:
    """Write down that one of the order's three pieces left, and plan its announcement."""
    world = besieged.world
    left = ShipmentLine(order, 1, clock.now(), sku="KEU-1001", carrier="PostNL", tracking="3SPARCEL", row=2)
    with world.shop.store.transaction() as connection:
        note_shipment_lines(connection, MAIN, "parcels", [left], 0)
    assert match_shipments(world.shop).lines == 1
    plan_all(world.shop)


@pytest.mark.parametrize(
    "name", ["html_login_page", "slow_bytes", "gzip_bomb", "numbers_beyond_all", "hangs_up"]
)
def test_hostile_books_do_not_stop_the_parcels(besieged: Besieged, name: str) -> None:
    order = sold(besieged, OUTLET)
    besieged.patience(0.6 if name in SLOW else 60)
    besieged.books.play("GET", "/", NO_ANSWERS[name])
    besieged.books.play("POST", "/", NO_ANSWERS[name])
    done = dispatch_all(besieged.world.shop)
    assert set(done) == {"channel_shipment", "channel_cancellation", "sales_entry"}
    assert set(done["sales_entry"].problems) <= {"exact"}
    assert besieged.world.entries() == []
    assert order
