"""The error report that stock relies on, fed with spoiled copies; orders are spoiled in `fuzz/`, with all channels'."""

import orjson

from order_pipelines.connectors.mirakl.stock import read_error_report
from order_pipelines_tests.fuzz.loop import fuzz
from order_pipelines_tests.fuzz.mutations import spoil_bytes


def test_an_error_report_is_read_or_not_and_never_breaks() -> None:
    seeds = [
        b'"line";"sku";"error-message"\n"2";"SKU-X";"The offer does not exist"\n',
        b'"offer-sku","line-number","errors"\n"SKU-X","2","bad, very"\n',
    ]

    def target(body: bytes) -> None:
        found = read_error_report(body)
        assert found is None or all(reason for reason in found.values())
        orjson.dumps(found)

    fuzz("mirakl error reports", seeds, spoil_bytes, target, executions=400)
