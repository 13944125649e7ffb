"""An HTTP server on loopback that answers as a test says: for answers that the stand-in never gives."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from order_pipelines.connectors.ports import Account


@dataclass(frozen=True)
class Request:
    """One request as it came in; of repeated query members the first value is kept."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What goes back; ``content`` is sent as JSON unless it is bytes."""

    content: object = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Script = Callable[[Request], Reply]


class ScriptedServer:
    """Keeps every request; ``/token`` gives tokens of ``token_life_s`` seconds unless the script answers it."""

    def __init__(self, script: Script, url: str, token_life_s: object) -> None:
        self.script = script
        self.url = url
        self.token_life_s = token_life_s
        self.requests: list[Request] = []
        self.tokens = 0

    def account(self, name: str = "bol_main", **options: Any) -> Account:
        secrets = {"client_id": "a-client", "client_secret": "a-secret"}
        return Account(name, self.url, f"{self.url}/token", options, secrets)

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    def answer(self, request: Request) -> Reply:
        self.requests.append(request)
        if request.path == "/token":
            self.tokens += 1
            return Reply({"access_token": f"token-{self.tokens}", "expires_in": self.token_life_s})
        return self.script(request)


@contextmanager
def scripted_server(script: Script, *, token_life_s: object = 599) -> Iterator[ScriptedServer]:
    """Serve a script until the end."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65536  # head and body in one packet, else each answer waits 40 ms for an acknowledgement

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            reply = server.answer(Request(self.command, parts.path, query, dict(self.headers), body))
            content = reply.content if isinstance(reply.content, bytes) else orjson.dumps(reply.content)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = _serve  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    server = ScriptedServer(script, f"http://127.0.0.1:{listener.server_address[1]}", token_life_s)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()
