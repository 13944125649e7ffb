"""Returns that customers announced (RT11), where the operator has the module. No port asks for them yet.

A return is a wish and then a parcel: it moves neither money nor stock. Money goes back by a refund (OR28).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from order_pipelines.connectors.bodies import read_instant
from order_pipelines.connectors.mirakl.client import MiraklClient, Params, objects, sound_id
from order_pipelines.connectors.mirakl.seeking import seek
from order_pipelines.connectors.ports import Account, House

RETURNS_PATH = "/api/returns"
STATES = frozenset(
    {"WAITING_ACCEPTANCE", "IN_PROGRESS", "REFUSED", "RECEIVED", "NO_RECEPTION", "CLOSED", "CANCELED"}
)


@dataclass(frozen=True, slots=True)
class ReturnLine:
    """Pieces of one order line that shall come back."""

    external_line_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class AnnouncedReturn:
    """A return as the operator shows it; ``is_known_state`` is ``False`` for a state that nobody knows."""

    return_id: str
    external_order_id: str | None
    state: str | None
    is_known_state: bool
    reason_code: str | None
    rma: str | None
    changed_at: datetime | None
    lines: tuple[ReturnLine, ...]


class MiraklReturns:
    """Returns of one account."""

    def __init__(self, account: Account, house: House) -> None:
        self._client = MiraklClient(account, house)

    def list_returns(self, changed_since: datetime | None = None) -> Iterator[AnnouncedReturn]:
        """Yield every return, or those changed since; possibly more than once. At most every five minutes.

        Raises:
            PermanentConnectorError: the operator has no returns (403, 404), or a page is not what Mirakl documents.
            TransientConnectorError: not now.
        """
        params: Params = {}
        if changed_since is not None:
            params["return_last_updated_from"] = changed_since.strftime("%Y-%m-%dT%H:%M:%SZ")
        for entry in seek(self._client, RETURNS_PATH, params, operation="RT11"):
            found = _read_return(entry)
            if found is None:
                raise self._client.broken_contract(RETURNS_PATH, "a return has no id")
            yield found


def _read_return(entry: Mapping[str, Any]) -> AnnouncedReturn | None:
    return_id = sound_id(entry.get("id"))
    if return_id is None:
        return None
    state = _text(entry.get("state"))
    lines = []
    for line in objects(entry.get("return_lines")):
        line_id, quantity = sound_id(line.get("order_line_id")), line.get("quantity")
        if line_id is not None and isinstance(quantity, int) and not isinstance(quantity, bool):
            lines.append(ReturnLine(line_id, quantity))
    return AnnouncedReturn(
        return_id,
        sound_id(entry.get("order_id")),
        state,
        state in STATES,
        _text(entry.get("reason_code")),
        _text(entry.get("rma")),
        read_instant(entry.get("last_updated")),
        tuple(lines),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
