"""The sandbox as one process: every stand-in and the control port on loopback, each on a port of its own."""

import signal
import socket
import sys
import threading
from email.utils import format_datetime
from types import FrameType
from typing import Any, Self

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from order_pipelines.sandbox.bol import BolStandIn
from order_pipelines.sandbox.catalogue import Catalogue
from order_pipelines.sandbox.control import control_app
from order_pipelines.sandbox.exact_online import ExactStandIn
from order_pipelines.sandbox.mirakl import MiraklStandIn
from order_pipelines.sandbox.shopware import ShopwareStandIn
from order_pipelines.sandbox.standin import StandIn, VirtualClock
from order_pipelines.sandbox.world import World

_LOOPBACK = "127.0.0.1"
_START_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 5.0


class SandboxStartError(Exception):
    """The sandbox could not start; the text names the port and what to do."""


class Sandbox:
    """All stand-ins, their clock and the shoppers.

    Args:
        control_port: port of the control API; the systems follow on the next ones. 0 = any free port for each.
        relaxed: rate limits a thousand times wider and quick asynchronous writes, for demos.
        seed: the same seed and the same calls give the same world.
        clock: a clock of the caller's own, else the machine's with an offset.
        process_delay_s: how long, in the world's time, bol's accepted writes stay PENDING (0.5, relaxed 0.05).
    """

    def __init__(
        self,
        control_port: int = 8700,
        *,
        relaxed: bool = False,
        seed: int = 1,
        process_delay_s: float | None = None,
        clock: VirtualClock | None = None,
    ) -> None:
        self.clock = clock if clock is not None else VirtualClock()
        self.relaxed = relaxed
        self.catalogue = Catalogue.load()
        self._seed = seed
        self._process_delay_s = process_delay_s
        self._wanted_port = control_port
        self._control: _Listener | None = None
        self._listeners: list[tuple[str, _Listener]] = []
        self._found_a_world()

    def _found_a_world(self) -> None:
        self.bol = BolStandIn(
            self.clock,
            catalogue=self.catalogue,
            relaxed=self.relaxed,
            seed=self._seed,
            process_delay_s=self._process_delay_s,
        )
        self.exact_online = ExactStandIn(self.clock, relaxed=self.relaxed, seed=self._seed)
        self.mirakl = MiraklStandIn(
            self.clock, catalogue=self.catalogue, relaxed=self.relaxed, seed=self._seed
        )
        self.shopware = ShopwareStandIn(
            self.clock, catalogue=self.catalogue, relaxed=self.relaxed, seed=self._seed
        )
        # Ports follow this order: a new system comes last, so that the others keep theirs.
        self.standins: list[StandIn] = [self.bol, self.exact_online, self.mirakl, self.shopware]
        self.world = World(self.clock, self.bol, self._seed, mirakl=self.mirakl, shopware=self.shopware)

    def _end_the_world(self) -> None:
        self.world.stop()
        self.bol.close()
        self.shopware.close()

    def reset(self) -> None:
        """Begin a new world on the same ports: no orders, no faults, opening stock, the machine's time."""
        self._end_the_world()
        self.clock.set_offset(0.0)
        self._found_a_world()

    @property
    def control_url(self) -> str:
        """Address of the control API.

        Raises:
            SandboxStartError: the sandbox is not running.
        """
        if self._control is None:
            raise SandboxStartError("the sandbox is not running: call start() first")
        return self._control.url

    def systems(self) -> list[dict[str, Any]]:
        """One row an account: system, account, base URL, credentials and what else a client must be told.

        Raises:
            SandboxStartError: the sandbox is not running.
        """
        if not self._listeners:
            raise SandboxStartError("the sandbox is not running: call start() first")
        urls = {system: listener.url for system, listener in self._listeners}
        return [row for standin in self.standins for row in standin.describe(urls[standin.system])]

    def start(self) -> Self:
        """Open all ports; returns when every one answers.

        Raises:
            SandboxStartError: a port is taken or a server does not come up.
        """
        port = self._wanted_port
        try:
            self._control = _Listener("control", control_app(self), port)
            for step, standin in enumerate(self.standins, start=1):
                app = self._app_of(standin.system)
                self._listeners.append(
                    (standin.system, _Listener(standin.system, app, port + step if port else 0))
                )
            for listener in self._all():
                listener.start()
            for listener in self._all():
                listener.wait_until_ready()
        except SandboxStartError:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Send the shoppers home and close all ports; may be called twice."""
        self._end_the_world()
        listeners = self._all()
        for listener in listeners:
            listener.ask_to_stop()
        for listener in listeners:
            listener.join()
        self._control, self._listeners = None, []

    def _app_of(self, system: str) -> ASGIApp:
        """Return an application that is always the present stand-in of ``system``, also after ``reset``."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            standin = next(standin for standin in self.standins if standin.system == system)
            await standin.app(scope, receive, _Dated(send, self.clock))

        return serve

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *details: object) -> None:
        self.stop()

    def _all(self) -> list["_Listener"]:
        control = [self._control] if self._control is not None else []
        return control + [listener for _, listener in self._listeners]


class _Dated:
    """Sends answers with the world's time in their ``Date``, as a system there would; else like what it stands for."""

    def __init__(self, send: Send, clock: VirtualClock) -> None:
        self._send = send
        self._clock = clock
        # A stand-in that hangs up reaches the connection through the object whose method ``send`` is.
        self.__self__ = getattr(send, "__self__", None)

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            date = format_datetime(self._clock.now(), usegmt=True).encode()
            message = {**message, "headers": [*message.get("headers", ()), (b"date", date)]}
        await self._send(message)


class _Listener:
    """One port with one application, served by a thread of its own."""

    def __init__(self, name: str, app: ASGIApp, port: int) -> None:
        self._socket = _bind(name, port)
        self.url = f"http://{_LOOPBACK}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="critical",
            access_log=False,
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=1,
            timeout_keep_alive=60,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name=f"sandbox-{name}", daemon=True)
        self._name = name

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])

    def start(self) -> None:
        self._thread.start()

    def wait_until_ready(self) -> None:
        # The server's own flag: asking over HTTP would count as traffic of the API.
        waited_s = 0.0
        while not self._server.started:
            if waited_s > _START_TIMEOUT_S or not self._thread.is_alive():
                raise SandboxStartError(f"the {self._name} server did not come up on {self.url}")
            threading.Event().wait(0.005)
            waited_s += 0.005

    def ask_to_stop(self) -> None:
        self._server.should_exit = True

    def join(self) -> None:
        if self._thread.is_alive():
            self._thread.join(_STOP_TIMEOUT_S)
        self._socket.close()


def _bind(name: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_LOOPBACK, port))
    except OSError as error:
        listener.close()
        raise SandboxStartError(
            f"port {port} for {name} cannot be opened ({error.strerror}): stop what uses it or choose another --port"
        ) from error
    listener.listen(256)
    return listener


def serve_forever(control_port: int = 8700, *, relaxed: bool = False, seed: int = 1) -> None:
    """Run the sandbox until SIGINT or SIGTERM; prints system, base URL and credentials.

    Raises:
        SandboxStartError: a port is taken.
    """
    finished = threading.Event()

    def finish(signal_number: int, frame: FrameType | None) -> None:
        finished.set()

    previous = {number: signal.signal(number, finish) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with Sandbox(control_port, relaxed=relaxed, seed=seed) as sandbox:
            _say(*greeting(sandbox))
            finished.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    _say("sandbox stopped")


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def greeting(sandbox: Sandbox) -> list[str]:
    """Return the lines that tell where everything is."""
    lines = [f"sandbox control   {sandbox.control_url}"]
    if sandbox.relaxed:
        lines.append("RELAXED: rate limits are 1000 times the real ones, asynchronous writes finish at once")
    for row in sandbox.systems():
        credentials = "  ".join(f"{name}={value}" for name, value in row["credentials"].items())
        lines.append(f"{row['system']:<14} {row['account']:<12} {row['base_url']}  {credentials}")
    return lines
