"""One port for the HTTP door, served by a thread of its own."""

import socket
import threading
import time

import uvicorn
from starlette.applications import Starlette

from order_pipelines.errors import ConfigurationError, OrderPipelinesError

_READY_S = 10.0
_STOP_S = 3
_MOST_AT_ONCE = 500


class ServerStartError(OrderPipelinesError):
    """The HTTP door did not open."""


class Server:
    """Listens from :meth:`start` to :meth:`stop`.

    Raises:
        ConfigurationError: the port cannot be opened.
    """

    def __init__(self, app: Starlette, host: str, port: int) -> None:
        self._socket = _bind(host, port)
        found = self._socket.getsockname()
        self.url = f"http://{f'[{found[0]}]' if ':' in found[0] else found[0]}:{found[1]}"
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                log_level="critical",
                # Paths hold reservation numbers, headers keys: what happened is told by the lane itself.
                access_log=False,
                lifespan="off",
                proxy_headers=False,
                server_header=False,
                ws="none",
                limit_concurrency=_MOST_AT_ONCE,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=_STOP_S,
            )
        )
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    @property
    def is_alive(self) -> bool:
        """Whether it is at work."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Return when it listens.

        Raises:
            ServerStartError: it does not come up.
        """
        self._thread.start()
        give_up = time.monotonic() + _READY_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > give_up:
                raise ServerStartError(f"nothing listens at {self.url}")
            time.sleep(0.005)

    def stop(self) -> None:
        """Accept nothing more and let the answers under way end."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(_STOP_S + 1)
        self._socket.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"live.port: {port} of {host} cannot be opened ({error.strerror}); stop what uses it or choose another"
        ) from error
    listener.listen(512)
    return listener
