"""A server that stands between us and a stand-in: it passes calls on, or answers them with bytes of its own.

Written on bare sockets, because what it sends is no HTTP that a library would let it send.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Call:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Line:
    """The open connection. ``sent`` counts what the other side let through before it hung up."""

    connection: socket.socket
    stopped: threading.Event
    sent: int = 0

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)
        self.sent += len(data)

    def answer(self, body: bytes, *headers: str, status: str = "200 OK") -> None:
        """Send a plain answer with its right length."""
        head = "\r\n".join(
            (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", "")
        )
        self.send(head.encode("latin-1") + body)

    def drip(self, data: bytes, every_s: float = 0.05) -> None:
        """Send byte by byte until the other side hangs up or the test ends."""
        for byte in data:
            self.send(bytes([byte]))
            if self.stopped.wait(every_s):
                return

    def repeat(self, data: bytes) -> None:
        """Send the same again and again until the other side hangs up or the test ends."""
        while not self.stopped.is_set():
            self.send(data)


Trick = Callable[[Line, Call], None]


@dataclass
class HostileServer:
    """Passes everything on to ``behind`` but what a trick is set for; remembers every call and what it sent."""

    url: str
    behind: str
    calls: list[Call] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    tricks: list[tuple[str, str, Trick]] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def play(self, method: str, path: str, trick: Trick) -> None:
        """From now on answer calls of ``method`` whose path contains ``path`` with the trick."""
        self.tricks.insert(0, (method, path, trick))

    def behave(self) -> None:
        """Pass everything on again and forget what was asked."""
        self.tricks.clear()
        self.calls.clear()
        self.sent.clear()

    def asked(self, method: str, path: str) -> list[Call]:
        return [call for call in self.calls if call.method == method and path in call.path]

    def serve(self, connection: socket.socket) -> None:
        """Answer one call and close the connection."""
        line = Line(connection, self.stopped)
        try:
            call = _read_call(connection)
            if call is None:
                return
            self.calls.append(call)
            for method, path, trick in self.tricks:
                if call.method == method and path in call.path:
                    trick(line, call)
                    return
            self.pass_on(line, call)
        except OSError:
            pass  # hung up on us: what this server is for
        finally:
            self.sent.append(line.sent)
            connection.close()

    def pass_on(self, line: Line, call: Call, *more_headers: str) -> None:
        """Ask the stand-in behind and hand its answer on, with headers of ours in place of its own."""
        parts = urlsplit(self.behind)
        assert parts.hostname is not None
        asking = HTTPConnection(parts.hostname, parts.port, timeout=30)
        headers = {name: value for name, value in call.headers.items() if name.lower() != "accept-encoding"}
        asking.request(call.method, call.path, call.body or None, headers)
        answer = asking.getresponse()
        body = answer.read()
        asking.close()
        ours = {header.partition(":")[0].lower() for header in more_headers}
        kept = [
            f"{name}: {value}"
            for name, value in answer.getheaders()
            if name.lower() not in {"content-length", "transfer-encoding", "connection", *ours}
        ]
        line.answer(body, *kept, *more_headers, status=f"{answer.status} {answer.reason}")


def _read_call(connection: socket.socket) -> Call | None:
    stream = connection.makefile("rb")
    words = stream.readline().decode("latin-1").split()
    if len(words) != 3:
        return None
    headers: dict[str, str] = {}
    while (text := stream.readline().decode("latin-1").strip()) != "":
        name, _, value = text.partition(":")
        headers[name] = value.strip()
    length = next((int(value) for name, value in headers.items() if name.lower() == "content-length"), 0)
    return Call(words[0], words[1], headers, stream.read(length))


@contextmanager
def hostile_server(behind: str = "") -> Iterator[HostileServer]:
    """Serve on loopback until the end."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=32)
    server = HostileServer(f"http://127.0.0.1:{listener.getsockname()[1]}", behind)
    threads: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=server.serve, args=(connection,), daemon=True)
            threads.append(thread)
            thread.start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield server
    finally:
        server.stopped.set()
        # close() alone does not wake a thread that waits in accept().
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()
        for thread in threads:
            thread.join(timeout=5)
