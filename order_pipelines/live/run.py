"""``order-pipelines live`` from its start to SIGTERM: the door opens last and closes first."""

import logging
import threading
from collections.abc import Callable

from order_pipelines.errors import OrderPipelinesError
from order_pipelines.live.app import Door
from order_pipelines.live.carts import Carts, Keys
from order_pipelines.live.lane import Lane
from order_pipelines.live.server import Server
from order_pipelines.live.signals import until_signal
from order_pipelines.operations.store import OperationsStore
from order_pipelines.services.shop import Shop
from order_pipelines.services.tokens import StoredTokens
from order_pipelines.settings import Settings

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.2
Say = Callable[[str], None]


class LaneEndedError(OrderPipelinesError):
    """A part of the lane that must not end has ended."""


def run_live(settings: Settings, host: str, port: int, say: Say) -> list[str]:
    """Serve until SIGINT or SIGTERM; returns which workers hang in a call and were left behind.

    Raises:
        ConfigurationError: the settings are wrong, a secret is missing or the port is taken.
        LaneEndedError: the HTTP door closed by itself.
    """
    finished = threading.Event()
    with until_signal(finished):
        shop = Shop.open(settings)
        # Connections of their own: a hundred carts that wait for the writer keep no pusher from its connection.
        carts_store = OperationsStore(settings.operations_url())
        try:
            lane = Lane(shop)
            carts = Carts(Shop(settings, carts_store, StoredTokens(carts_store)), lane.nudge)
            door = Door(lane, carts, Keys(shop), largest_body=settings.live.max_body_kib * 1024)
            server = Server(door.app, host, port)
            lane.start()
            try:
                server.start()
                say(
                    f"live             {server.url}   (/health, /webhooks/ACCOUNT, /reservations, /openapi.json)"
                )
                say(f"instance         {lane.instance}   serves {', '.join(lane.lanes) or 'no account'}")
                while not finished.wait(_LOOK_EVERY_S):
                    if not server.is_alive:
                        raise LaneEndedError("the HTTP door closed by itself")
            finally:
                say("stopping …")
                server.stop()
                is_done = door.close()
                hanging = lane.stop()
                if not is_done:
                    hanging.append("http")
                lane.box.close()
        finally:
            carts_store.close()
            shop.close()
    say("stopped")
    return hanging
