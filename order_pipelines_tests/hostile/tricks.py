"""What a server can send instead of an answer. Each trick fits any call; what must come of it is in the tests."""

import gzip
import zlib
from functools import cache

from order_pipelines_tests.hostile.server import Call, Line, Trick

LOGIN_PAGE = b"<!DOCTYPE html><html><body><form action='/login'>Please log in</form></body></html>"
MEGABYTE = 1024 * 1024


def html_login_page(line: Line, call: Call) -> None:
    line.answer(LOGIN_PAGE, "Content-Type: text/html")


def html_called_json(line: Line, call: Call) -> None:
    line.answer(LOGIN_PAGE, "Content-Type: application/json")


def no_content(line: Line, call: Call) -> None:
    line.send(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")


def empty_body(line: Line, call: Call) -> None:
    line.answer(b"")


def truncated_json(line: Line, call: Call) -> None:
    line.answer(b'{"orders": [{"orderId": "1043')


def broken_off(line: Line, call: Call) -> None:
    line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{")


def hangs_up(line: Line, call: Call) -> None:
    """Say nothing at all."""


def slow_bytes(line: Line, call: Call) -> None:
    line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    line.drip(b"{" * 100_000)


def slow_bytes_without_length(line: Line, call: Call) -> None:
    line.send(b"HTTP/1.1 200 OK\r\n\r\n")
    line.drip(b" " * 100_000)


def slow_head(line: Line, call: Call) -> None:
    line.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    line.drip(b"x" * 100_000)


def continue_for_ever(line: Line, call: Call) -> None:
    line.repeat(b"HTTP/1.1 100 Continue\r\n\r\n")


def body_without_end(line: Line, call: Call) -> None:
    line.send(b"HTTP/1.1 200 OK\r\n\r\n")
    line.repeat(b" " * 65_536)


def chunks_without_end(line: Line, call: Call) -> None:
    line.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    line.repeat(b"10000\r\n" + b" " * 65_536 + b"\r\n")


def chunk_line_without_end(line: Line, call: Call) -> None:
    line.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;")
    line.repeat(b"x" * 65_536)


def trailers_without_end(line: Line, call: Call) -> None:
    line.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
    line.repeat(b"X-Trailer: " + b"x" * 60_000 + b"\r\n")


def chunked_nonsense(line: Line, call: Call) -> None:
    line.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n-5\r\n")


def header_without_end(line: Line, call: Call) -> None:
    line.send(b"HTTP/1.1 200 OK\r\nX-Long: ")
    line.repeat(b"x" * 65_536)


def header_of_a_megabyte(line: Line, call: Call) -> None:
    line.answer(b"{}", "X-Long: " + "x" * MEGABYTE)


def a_thousand_headers(line: Line, call: Call) -> None:
    line.answer(b"{}", *(f"X-Number-{number}: 1" for number in range(1000)))


def length_of_a_gigabyte(line: Line, call: Call) -> None:
    line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
    line.repeat(b" " * 65_536)


def length_that_is_no_number(line: Line, call: Call) -> None:
    line.send("HTTP/1.1 200 OK\r\nContent-Length: \u00b2\r\n\r\n{".encode("latin-1"))


def length_of_five_thousand_digits(line: Line, call: Call) -> None:
    line.send(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n{")


@cache
def _zeros_packed(times: int) -> bytes:
    """64 megabytes of blanks, packed; packed again for every further time."""
    packer = zlib.compressobj(9, wbits=31)
    packed = b"".join(packer.compress(b" " * MEGABYTE) for _ in range(64)) + packer.flush()
    for _ in range(times - 1):
        packed = gzip.compress(packed, 9)
    return packed


def gzip_bomb(line: Line, call: Call) -> None:
    line.answer(_zeros_packed(1), "Content-Encoding: gzip")


def gzip_bomb_in_a_gzip(line: Line, call: Call) -> None:
    line.answer(_zeros_packed(2), "Content-Encoding: gzip, gzip")


def gzip_that_is_none(line: Line, call: Call) -> None:
    line.answer(b"this is no gzip", "Content-Encoding: gzip")


def no_http_at_all(line: Line, call: Call) -> None:
    line.send(b"220 smtp.example ESMTP ready\r\n")


def status_that_is_none(line: Line, call: Call) -> None:
    line.send(b"HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\n{}")


def nested_without_end(line: Line, call: Call) -> None:
    line.answer(b'{"d":' + b"[" * 200_000 + b"]" * 200_000 + b"}")


def nested_deeply(line: Line, call: Call) -> None:
    """Deep enough for a parser that calls itself, not deep enough for one that counts."""
    line.answer(b'{"d":' + b"[" * 990 + b"]" * 990 + b', "orders": 1, "offers": 1}')


def a_million_elements(line: Line, call: Call) -> None:
    line.answer(b"[" + b",".join([b"{}"] * 1_000_000) + b"]")


def a_hundred_thousand_lines(line: Line, call: Call) -> None:
    line.answer(b'{"orderId": "1", "orderItems": [' + b",".join([b"{}"] * 100_000) + b"]}")


def numbers_beyond_all(line: Line, call: Call) -> None:
    line.answer(b'{"d": 1e999999999, "orders": ' + b"9" * 5000 + b', "offers": NaN, "expires_in": 1e400}')


NO_ANSWERS: dict[str, Trick] = {
    trick.__name__: trick
    for trick in (
        html_login_page, html_called_json, no_content, empty_body, truncated_json, broken_off, hangs_up, slow_bytes,
        slow_bytes_without_length, slow_head, continue_for_ever, body_without_end, chunks_without_end,
        chunk_line_without_end, trailers_without_end, chunked_nonsense, header_without_end, header_of_a_megabyte,
        a_thousand_headers, length_of_a_gigabyte, length_that_is_no_number, length_of_five_thousand_digits, gzip_bomb,
        gzip_bomb_in_a_gzip, gzip_that_is_none, no_http_at_all, status_that_is_none, nested_without_end, nested_deeply,
        a_million_elements, a_hundred_thousand_lines, numbers_beyond_all,
    )
}  # fmt: skip
"""Answers that hold nothing anybody may use."""

TELLING = sorted(
    {
        "html_login_page", "no_content", "truncated_json", "broken_off", "hangs_up", "slow_bytes", "body_without_end",
        "chunk_line_without_end", "gzip_bomb", "length_of_a_gigabyte", "nested_deeply", "a_million_elements",
        "a_hundred_thousand_lines", "numbers_beyond_all",
    }
)  # fmt: skip
"""One of each sort, for calls whose answers are read in the same way as those that were given all of them."""
SLOW = frozenset({"slow_bytes", "slow_bytes_without_length", "slow_head", "continue_for_ever"})


def redirect(to: str, status: str = "302 Found", body: bytes = b"") -> Trick:
    def answer(line: Line, call: Call) -> None:
        line.answer(body, f"Location: {to}", status=status)

    return answer


def redirect_with_a_body_without_end(to: str) -> Trick:
    def answer(line: Line, call: Call) -> None:
        line.send(f"HTTP/1.1 302 Found\r\nLocation: {to}\r\n\r\n".encode())
        line.repeat(b" " * 65_536)

    return answer


def says(body: bytes, *headers: str, status: str = "200 OK") -> Trick:
    def answer(line: Line, call: Call) -> None:
        line.answer(body, *headers, status=status)

    return answer
