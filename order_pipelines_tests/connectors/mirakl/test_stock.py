"""Stock by file: what is sent, how the report is read, and that only quantities are touched."""

from datetime import timedelta
from typing import Any

import pytest

from order_pipelines import clock
from order_pipelines.connectors.http import MemoryBudget
from order_pipelines.connectors.mirakl.stock import MiraklStock, read_error_report
from order_pipelines.connectors.ports import Account, House, StockBatchSink, StockWrite
from order_pipelines.errors import PermanentConnectorError, TransientConnectorError
from order_pipelines_tests.connectors.bol.scripted_server import Reply, Request, Script, scripted_server
from order_pipelines_tests.connectors.memory_tokens import MemoryTokenStore
from order_pipelines_tests.connectors.mirakl.mirakl_world import SECOND, MiraklWorld

IMPORTS = "/api/offers/stock/imports"
HEADER = '"offer-sku";"quantity";"warehouse-code";"update-delete"\n'


def _sink(url: str, slept: list[float] | None = None, **options: Any) -> MiraklStock:
    kept: list[float] = [] if slept is None else slept
    account = Account("market", url, None, options, {"api_key": "a-shop-key"})
    return MiraklStock(account, House(MemoryTokenStore(), MemoryBudget(sleep=kept.append)))


def _file_of(request: Request) -> str:
    """Return the file inside a multipart body."""
    boundary = request.headers["Content-Type"].partition("boundary=")[2].encode()
    head, _, content = request.body.split(b"--" + boundary)[1].partition(b"\r\n\r\n")
    assert b'name="file"; filename="stock.csv"' in head
    return content.removesuffix(b"\r\n").decode()


def _report(status: str, errors: int = 0, **more: Any) -> Reply:
    return Reply(
        {
            "import_id": "i-1",
            "status": status,
            "lines_in_error": errors,
            "has_error_report": errors > 0,
            **more,
        }
    )


def _reports(report: Reply, errors: Reply | None = None) -> Script:
    def script(request: Request) -> Reply:
        if request.path.endswith("/error_report"):
            assert errors is not None
            return errors
        return report

    return script


def test_it_is_a_batch_sink() -> None:
    sink = _sink("http://127.0.0.1:1")
    assert isinstance(sink, StockBatchSink)
    assert (sink.subtracts_open_orders, sink.max_quantity, sink.max_batch) == (False, 1_000_000, 10_000)


def test_one_file_holds_all_quantities() -> None:
    with scripted_server(lambda _: Reply({"import_id": "2035"}, 201)) as server:
        results = _sink(server.url).push_stocks(
            [
                StockWrite("SKU-RED-M", 7),
                StockWrite('A "b";c', 0),
                StockWrite("X", -3),
                StockWrite("Y", 9_999_999),
            ]
        )
        (request,) = server.requests
    assert (request.method, request.path) == ("POST", IMPORTS)
    assert _file_of(request) == (
        HEADER
        + '"SKU-RED-M";"7";"";""\n'
        + '"A ""b"";c";"0";"";""\n'
        + '"X";"0";"";""\n'
        + '"Y";"1000000";"";""\n'
    )
    assert {(result.state, result.reference) for result in results.values()} == {("accepted", "2035")}
    assert list(results) == ["SKU-RED-M", 'A "b";c', "X", "Y"]


def test_a_warehouse_is_named_where_the_account_has_one() -> None:
    with scripted_server(lambda _: Reply({"import_id": 7}, 201)) as server:
        _sink(server.url, warehouse_code="HOOFD").push_stocks([StockWrite("A", 1)])
        assert _file_of(server.requests[0]) == HEADER + '"A";"1";"HOOFD";""\n'


def test_a_sku_that_cannot_stand_in_a_file_stops_no_other() -> None:
    with scripted_server(lambda _: Reply({"import_id": "1"}, 201)) as server:
        results = _sink(server.url).push_stocks(
            [StockWrite("A\nB", 1), StockWrite(" C", 1), StockWrite("D", 1)]
        )
        assert _file_of(server.requests[0]) == HEADER + '"D";"1";"";""\n'
        assert {sku: result.state for sku, result in results.items()} == {
            "A\nB": "rejected",
            " C": "rejected",
            "D": "accepted",
        }
        assert _sink(server.url).push_stocks([StockWrite("A\nB", 1)])["A\nB"].state == "rejected"
        assert len(server.requests) == 1


def test_a_second_file_within_the_minute_is_not_sent_and_does_not_wait() -> None:
    """A file that waited would hold the numbers of a minute ago."""
    slept: list[float] = []
    with scripted_server(lambda _: Reply({"import_id": "1"}, 201)) as server:
        sink = _sink(server.url, slept, stock_import_interval_s=300)
        sink.push_stocks([StockWrite("A", 1)])
        with pytest.raises(TransientConnectorError) as caught:
            sink.push_stocks([StockWrite("A", 2)])
        assert len(server.requests) == 1
    assert caught.value.maybe_acted is False
    assert caught.value.retry_after_s is not None
    assert 290 < caught.value.retry_after_s <= 300
    assert slept == []


def test_a_file_that_is_refused_as_a_whole_is_divided_until_the_row_stands_alone() -> None:
    def script(request: Request) -> Reply:
        if '"BAD"' in _file_of(request):
            return Reply({"message": "The file is invalid"}, 400)
        return Reply({"import_id": f"i-{_file_of(request).count(chr(10))}"}, 201)

    slept: list[float] = []
    with scripted_server(script) as server:
        results = _sink(server.url, slept).push_stocks([StockWrite(sku, 1) for sku in ("A", "B", "BAD", "C")])
        assert len(server.requests) == 5
    assert {sku: (result.state, result.reference) for sku, result in results.items()} == {
        "A": ("accepted", "i-3"),
        "B": ("accepted", "i-3"),
        "BAD": ("rejected", None),
        "C": ("accepted", "i-2"),
    }
    assert "The file is invalid" in (results["BAD"].reason or "")
    assert [round(seconds) for seconds in slept] == [60, 60, 60, 60]


def test_what_there_is_no_time_to_divide_stays_in_doubt(world: MiraklWorld) -> None:
    with scripted_server(lambda _: Reply({"message": "no"}, 400)) as server:
        account = Account("market", server.url, None, {}, {"api_key": "a-shop-key"})
        house = House(MemoryTokenStore(), world.budget, clock.now() + timedelta(seconds=30))
        results = MiraklStock(account, house).push_stocks([StockWrite("A", 1), StockWrite("B", 1)])
        assert len(server.requests) == 1
    assert {result.state for result in results.values()} == {"in_doubt"}
    assert world.slept_s == []


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_of_the_account_is_an_error(status: int) -> None:
    with scripted_server(lambda _: Reply({"message": "no"}, status)) as server:
        with pytest.raises(PermanentConnectorError):
            _sink(server.url).push_stocks([StockWrite("A", 1), StockWrite("B", 1)])
        assert len(server.requests) == 1


def test_a_server_error_may_have_taken_the_file() -> None:
    with (
        scripted_server(lambda _: Reply(b"", 502)) as server,
        pytest.raises(TransientConnectorError) as caught,
    ):
        _sink(server.url).push_stocks([StockWrite("A", 1)])
    assert caught.value.maybe_acted is True


def test_a_file_taken_without_an_import_is_in_doubt() -> None:
    with scripted_server(lambda _: Reply(b"<html>ok</html>", 201)) as server:
        assert _sink(server.url).push_stocks([StockWrite("A", 1)])["A"].state == "in_doubt"


# ------------------------------------------------------------------------------------------------ reports


@pytest.mark.parametrize(
    ("report", "state"),
    [
        (_report("WAITING"), "accepted"),
        (_report("RUNNING"), "accepted"),
        (_report("COMPLETE"), "confirmed"),
        (_report("FAILED"), "in_doubt"),
        (_report("ARCHIVED"), "in_doubt"),
        (Reply({"message": "not found"}, 404), "in_doubt"),
    ],
)
def test_a_report_is_not_success_before_it_says_so(report: Reply, state: str) -> None:
    with scripted_server(_reports(report)) as server:
        results = _sink(server.url).poll_stocks("i-1", ["A", "B"])
        assert server.requests[0].path == f"{IMPORTS}/i-1/status"
    assert {sku: result.state for sku, result in results.items()} == {"A": state, "B": state}


def test_a_failed_file_of_one_row_condemns_that_row() -> None:
    with scripted_server(_reports(_report("FAILED"))) as server:
        assert _sink(server.url).poll_stocks("i-1", ["A"])["A"].state == "rejected"


def test_rows_in_error_are_found_by_their_sku() -> None:
    errors = Reply(b'"line";"sku";"error-message"\r\n"2";"B";"The offer does not exist"\r\n')
    with scripted_server(_reports(_report("COMPLETE", 1), errors)) as server:
        results = _sink(server.url).poll_stocks("i-1", ["A", "B"])
    assert {sku: result.state for sku, result in results.items()} == {"A": "confirmed", "B": "rejected"}
    assert results["B"].reason == "The offer does not exist"


@pytest.mark.parametrize(
    "errors",
    [
        Reply(b'"line";"sku";"error-message"\n"2";"B";"no"\n'),
        Reply(b'"row";"what"\n"2";"no"\n'),
        Reply(b"\xff\xfe\x00"),
        Reply({"message": "gone"}, 404),
    ],
    ids=["fewer rows than counted", "no column of skus", "no text", "gone"],
)
def test_errors_that_cannot_be_placed_confirm_nothing(errors: Reply) -> None:
    with scripted_server(_reports(_report("COMPLETE", 2), errors)) as server:
        results = _sink(server.url).poll_stocks("i-1", ["A", "B", "C"])
    assert results["A"].state == results["C"].state == "in_doubt"
    assert "confirmed" not in {result.state for result in results.values()}


@pytest.mark.parametrize(
    ("body", "reasons"),
    [
        (b'"offer-sku","line-number","errors"\n"A","2","bad, very"\n', {"A": "bad, very"}),
        (
            b'\xef\xbb\xbf"line";"error-reason";"offer-sku";"quantity"\n"2";"too many";"A";"1"\n',
            {"A": "too many"},
        ),
        (b'"n";"why";"offer-sku"\n"2";"too many";"A"\n', {"A": "too many"}),
        (b'"sku"\n"A"\n', {"A": "the operator gave no reason"}),
        (b'"sku";"error"\n"A";"asked by jan@voorbeeld.example"\n', {"A": "asked by [e-mail]"}),
        (b"", None),
    ],
)
def test_the_columns_of_an_error_report_differ(body: bytes, reasons: dict[str, str] | None) -> None:
    assert read_error_report(body) == reasons


def test_a_report_that_may_not_be_asked_for_is_asked_for_later() -> None:
    with scripted_server(lambda _: Reply(b"", 429, {"Retry-After": "15"})) as server:
        sink = _sink(server.url)
        assert [sink.poll_stocks("i-1", ["A"])["A"].state for _ in range(2)] == ["accepted", "accepted"]
        assert len(server.requests) == 1


def test_a_report_is_asked_for_every_fifteen_seconds_at_most() -> None:
    slept: list[float] = []
    with scripted_server(_reports(_report("RUNNING"))) as server:
        sink = _sink(server.url, slept)
        for _ in range(3):
            assert sink.poll_stocks("i-1", ["A"])["A"].state == "accepted"
        assert len(server.requests) == 1
        # A slow import does not keep another from being asked for.
        assert sink.poll_stocks("i-2", ["B"])["B"].state == "accepted"
        assert [request.path for request in server.requests] == [
            f"{IMPORTS}/i-1/status",
            f"{IMPORTS}/i-2/status",
        ]
    assert slept == []


# ------------------------------------------------------------------------------------------------ the stand-in


def test_stock_arrives_and_nothing_else_is_touched(world: MiraklWorld) -> None:
    before = world.offer("KEU-1001")
    sink = world.stock()
    results = sink.push_stocks(
        [StockWrite("KEU-1001", 7), StockWrite("KEU-1002", 0), StockWrite("NO-SUCH", 5)]
    )
    reference = results["KEU-1001"].reference
    assert reference is not None
    assert {result.state for result in results.values()} == {"accepted"}
    assert sink.poll_stocks(reference, list(results))["KEU-1001"].state == "accepted"
    world.pass_time(120)
    polled = sink.poll_stocks(reference, list(results))
    assert {sku: result.state for sku, result in polled.items()} == {
        "KEU-1001": "confirmed",
        "KEU-1002": "confirmed",
        "NO-SUCH": "rejected",
    }
    assert world.offer("KEU-1001") == {**before, "quantity": 7}
    assert sink.read_stock("KEU-1001").stock_set == 7
    assert sink.read_stock("KEU-1002").stock_shown == 0
    assert world.writes() == [("POST", IMPORTS)]


def test_the_other_operators_error_report_has_other_columns(world: MiraklWorld) -> None:
    sink = world.stock(SECOND)
    results = sink.push_stocks([StockWrite("KEU-1001", 7), StockWrite("NO-SUCH", 5)])
    world.pass_time(120)
    polled = sink.poll_stocks(results["NO-SUCH"].reference or "", list(results))
    assert {sku: result.state for sku, result in polled.items()} == {
        "KEU-1001": "confirmed",
        "NO-SUCH": "rejected",
    }
    assert world.offer("KEU-1001", SECOND)["quantity"] == 7


def test_every_offer_is_listed_with_its_own_sku(world: MiraklWorld) -> None:
    offers = {offer.offer_id: offer for offer in world.stock().list_offers()}
    assert set(offers) == {offer["sku"] for offer in world.state()["offers"]}
    offer = offers["KEU-1001"]
    assert (offer.ean, offer.stock_set, offer.is_own_fulfilment) == ("8720999001018", 42, True)
    assert (offer.manages_open_orders, offer.is_for_sale) == (False, True)


def test_an_offer_that_is_not_there_is_not_found(world: MiraklWorld) -> None:
    with pytest.raises(PermanentConnectorError, match="no offer with SKU NO-SUCH") as caught:
        world.stock().read_stock("NO-SUCH")
    assert caught.value.status == 404


def test_offers_of_a_centre_and_offers_without_a_sku() -> None:
    def script(request: Request) -> Reply:
        offers = [
            {"shop_sku": "A", "quantity": 3, "active": False, "fulfillment": {"center": {"code": "FC1"}}},
            {"offer_id": 9, "quantity": 3},
            {
                "shop_sku": "B",
                "quantity": "3",
                "product_references": [{"reference_type": "UPC", "reference": "1"}],
            },
        ]
        return Reply({"offers": offers, "total_count": 3})

    with scripted_server(script) as server:
        listed = list(_sink(server.url).list_offers())
    assert [(offer.offer_id, offer.is_own_fulfilment, offer.is_for_sale) for offer in listed] == [
        ("A", False, False),
        ("B", True, None),
    ]
    assert [(offer.stock_set, offer.ean) for offer in listed] == [(3, None), (None, None)]
