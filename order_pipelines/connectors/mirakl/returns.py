"""Returns that customers announced (RT11), where the operator has the module.

A return is a wish and then a parcel: it moves neither money nor stock. Money goes back by a refund (OR28).
"""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import orjson

from order_pipelines.connectors.bodies import parse, read_instant
from order_pipelines.connectors.mirakl.client import MiraklClient, Params, objects, request_line, sound_id
from order_pipelines.connectors.mirakl.payloads import describe_other
from order_pipelines.connectors.mirakl.seeking import seek
from order_pipelines.connectors.ports import Account, House, Listed, Since
from order_pipelines.domain.orders import Problem, Reject
from order_pipelines.domain.returns import (
    ACCEPTED,
    ANNOUNCED,
    CLOSED,
    RECEIVED,
    REJECTED,
    UNKNOWN,
    ChannelReturn,
    ReturnInterpretation,
    ReturnLine,
)
from order_pipelines.errors import NotOfferedError, PermanentConnectorError

RETURNS_PATH = "/api/returns"
_STATES: Mapping[str, str] = {
    "WAITING_ACCEPTANCE": ANNOUNCED,
    "IN_PROGRESS": ACCEPTED,
    "REFUSED": REJECTED,
    "RECEIVED": RECEIVED,
    "NO_RECEPTION": CLOSED,
    "CLOSED": CLOSED,
    "CANCELED": CLOSED,
}
_OVERLAP = timedelta(minutes=15)
_DEEP = timedelta(days=2)
_NO_MODULE = frozenset({403, 404})


class MiraklReturns:
    """ReturnSource of one account."""

    def __init__(self, account: Account, house: House) -> None:
        self._client = MiraklClient(account, house)

    def list_returns(self, since: Since) -> Iterator[Listed]:
        """Yield every return, or those changed since; possibly more than once. At most every five minutes.

        One of which not even the id can be read is yielded too, so that it ends in quarantine.

        Raises:
            NotOfferedError: the operator has no returns (403, 404), or the key may not read them.
            PermanentConnectorError: a page is not what Mirakl documents.
            TransientConnectorError: not now.
        """
        params: Params = {}
        if since.last_complete_at is not None:
            start = since.last_complete_at - (_DEEP if since.deep else _OVERLAP)
            params["return_last_updated_from"] = start.strftime("%Y-%m-%dT%H:%M:%SZ")
        has_begun = False
        try:
            for entry in seek(self._client, RETURNS_PATH, params, operation="RT11"):
                has_begun = True
                yield _read_entry(entry, request_line(RETURNS_PATH, params))
        except PermanentConnectorError as error:
            if has_begun or error.status not in _NO_MODULE:
                raise
            raise NotOfferedError(
                str(error), system="mirakl", path=RETURNS_PATH, status=error.status
            ) from None


def _read_entry(entry: Mapping[str, Any], request: str) -> Listed:
    try:
        body = orjson.dumps(entry)
    except TypeError:
        # What can be read may be nested too deeply to be written; the page it came in must not be lost for it.
        body = b'"an entry nested without end"'
    return_id = sound_id(entry.get("id")) or f"unnamed-{hashlib.sha256(body).hexdigest()[:12]}"
    return Listed(return_id, read_instant(entry.get("last_updated")), body, is_complete=True, request=request)


def interpret_return(body: bytes, *, name: str | None = None) -> ReturnInterpretation:
    """Return what one return of a listing means; never raises for bad content."""
    content = parse(body)
    if isinstance(content, Problem):
        return ReturnInterpretation(rejects=[Reject(content, name)])
    if not isinstance(content, dict) or (return_id := sound_id(content.get("id"))) is None:
        what = f"no return of Mirakl: it has no id; it looks like {describe_other(content)}"
        return ReturnInterpretation(rejects=[Reject(Problem("unreadable_return", what, "id"), name)])
    said = _text(content.get("state"))
    state = _STATES.get(said or "", UNKNOWN)
    reason = _text(content.get("reason_code"))
    order_id = sound_id(content.get("order_id"))
    lines = [
        ReturnLine(
            return_line_id=sound_id(line.get("order_line_id")) or f"#{number}",
            external_order_id=order_id,
            external_line_id=sound_id(line.get("order_line_id")),
            quantity=_whole(line.get("quantity")),
            state=state,
            state_said=said,
            reason_code=_text(line.get("reason_code")) or reason,
        )
        for number, line in enumerate(objects(content.get("return_lines")), start=1)
    ]
    if not lines:
        # Kept with what is known: somebody sends something back.
        lines = [ReturnLine("#1", order_id, state=state, state_said=said, reason_code=reason)]
    times = (read_instant(content.get("date_created")), read_instant(content.get("last_updated")))
    changed_at = max((time for time in times if time is not None), default=None)
    return ReturnInterpretation([ChannelReturn(return_id, times[0], changed_at, tuple(lines))])


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
