"""Reading what a caller sends: never more than so many bytes, never for longer than so many seconds."""

import asyncio

from starlette.requests import ClientDisconnect, Request

_PATIENCE_S = 10.0


class BodyRefusedError(Exception):
    """The body is not taken; ``status`` says why."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


async def read_body(request: Request, largest: int) -> bytes:
    """Return the body as sent.

    Raises:
        BodyRefusedError: it is larger (413), does not come (408) or broke off (400).
    """
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdecimal() and (len(announced) > 20 or int(announced) > largest):
        raise BodyRefusedError(413, "too_large")
    try:
        async with asyncio.timeout(_PATIENCE_S):
            body = bytearray()
            async for part in request.stream():
                body += part
                if len(body) > largest:
                    raise BodyRefusedError(413, "too_large")
    except TimeoutError as error:
        raise BodyRefusedError(408, "too_slow") from error
    except ClientDisconnect as error:
        raise BodyRefusedError(400, "broken_off") from error
    return bytes(body)
