"""Returns that customers registered, from both lists of bol: those nobody handled yet, and those that were.

bol names no time of change: what tells a version is when the return was registered and when its items were processed.
The lists hold all we keep of a return; the detail would add the customer. Handled returns are listed newest first, by
registration, and read as far back as a return may still be handled.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import orjson

from order_pipelines import clock
from order_pipelines.connectors.bodies import parse
from order_pipelines.connectors.bol.client import BolClient, request_line
from order_pipelines.connectors.bol.options import read_options
from order_pipelines.connectors.bol.payloads import Reader, describe_other
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

RETURNS_PATH = "/retailer/returns"
MAX_PAGES = 2_000
MOST_PIECES = 2**31
# Shoppers have thirty days to send back, and the retailer some weeks to handle it.
_HANDLED_WITHIN = timedelta(days=60)
# What the retailer may answer (contract digest, section 6); answers may hold other words.
_RESULTS = {
    "RETURN_RECEIVED": RECEIVED,
    "EXCHANGE_PRODUCT": RECEIVED,
    "REPAIR_PRODUCT": RECEIVED,
    "RETURN_DOES_NOT_MEET_CONDITIONS": REJECTED,
    "CUSTOMER_KEEPS_PRODUCT_PAID": CLOSED,
    "STILL_APPROVED": ACCEPTED,
}


class BolReturns:
    """ReturnSource of one account."""

    def __init__(self, account: Account, house: House) -> None:
        self._client = BolClient(account, house)
        self._history = timedelta(days=read_options(account.options).history_days)

    def list_returns(self, since: Since) -> Iterator[Listed]:
        """Yield every return that is open, and those of recent weeks that were handled.

        Open ones first: what is handled while the lists are read stands in the second.

        Raises:
            TransientConnectorError: a page could not be had now; what was yielded before stays true.
            PermanentConnectorError: a page is not what bol documents, or the pages do not end.
        """
        first = since.last_complete_at is None or since.deep
        oldest = clock.now() - (max(self._history, _HANDLED_WITHIN) if first else _HANDLED_WITHIN)
        yield from self._pages(handled=False, oldest=None)
        yield from self._pages(handled=True, oldest=oldest)

    def _pages(self, *, handled: bool, oldest: datetime | None) -> Iterator[Listed]:
        seen: set[bytes] = set()
        for number in range(1, MAX_PAGES + 1):
            params: dict[str, str | int] = {"handled": str(handled).lower(), "page": number}
            answer = self._client.get_page(RETURNS_PATH, group="GET /returns", params=params)
            content = self._client.read_object(answer, RETURNS_PATH)
            entries = content.get("returns", [])
            if not isinstance(entries, list) or content.keys() - {"returns"}:
                raise self._client.broken_contract(
                    RETURNS_PATH, "a page must be an object with a list 'returns'"
                )
            if not entries:
                return
            digest = hashlib.sha256(answer.body).digest()
            if digest in seen:
                raise self._client.broken_contract(
                    RETURNS_PATH, f"page {number} repeats an earlier page; the list does not end"
                )
            seen.add(digest)
            moments = []
            for entry in entries:
                source = entry if isinstance(entry, dict) else {}
                moments.append(Reader(source, "", []).instant("registrationDateTime"))
                yield _read_entry(entry, request_line(RETURNS_PATH, params))
            known = [moment for moment in moments if moment is not None]
            if oldest is not None and known and max(known) < oldest:
                return
        raise self._client.broken_contract(
            RETURNS_PATH, f"more than {MAX_PAGES} pages; the list does not end"
        )


def _read_entry(entry: object, request: str) -> Listed:
    try:
        body = orjson.dumps(entry)
    except TypeError:
        # What can be read may be nested too deeply to be written; the page it came in must not be lost for it.
        body = b'"an entry nested without end"'
    source = entry if isinstance(entry, dict) else {}
    return_id = Reader(source, "", []).identifier("returnId", required=True)
    return Listed(
        return_id or f"unnamed-{hashlib.sha256(body).hexdigest()[:12]}",
        None,
        body,
        is_complete=True,
        request=request,
    )


def interpret_return(body: bytes, *, name: str | None = None) -> ReturnInterpretation:
    """Return what one return of a list, or its detail, means; never raises for bad content."""
    content = parse(body)
    if isinstance(content, Problem):
        return ReturnInterpretation(rejects=[Reject(content, name)])
    source = content if isinstance(content, dict) else {}
    problems: list[Problem] = []
    entry = Reader(source, "", problems)
    return_id = entry.identifier("returnId")
    items = entry.objects_of("returnItems", entry.items("returnItems") or [])
    if return_id is None or not items:
        missing = "returnId" if return_id is None else "returnItems"
        reason = f"no return of bol: it has no {missing}; it looks like {describe_other(content)}"
        return ReturnInterpretation(rejects=[Reject(Problem("unreadable_return", reason, missing), name)])
    registered_at = entry.instant("registrationDateTime")
    # FBB comes back to bol's warehouse; what is not said is taken for the merchant's own.
    own = entry.text("fulfilmentMethod") != "FBB"
    lines, times = [], [registered_at]
    for number, item in enumerate(items, start=1):
        state, said, processed_at = _state(item)
        times += processed_at
        lines.append(_line(item, number, own, state, said))
    changed_at = max((time for time in times if time is not None), default=None)
    return ReturnInterpretation([ChannelReturn(return_id, registered_at, changed_at, tuple(lines))])


def _line(item: Reader, number: int, own: bool, state: str, said: str | None) -> ReturnLine:
    why = item.object("returnReason")
    main, detailed = (why.text("mainReason"), why.text("detailedReason")) if why else (None, None)
    return ReturnLine(
        return_line_id=item.identifier("rmaId") or f"#{number}",
        external_order_id=item.identifier("orderId"),
        ean=item.ean("ean"),
        quantity=item.pieces("expectedQuantity", at_least=-MOST_PIECES),
        state=state,
        state_said=said,
        # customerComments may be anything: it stays in the body.
        reason_label=": ".join(part for part in (main, detailed) if part) or None,
        own_fulfilment=own,
    )


def _state(item: Reader) -> tuple[str, str | None, list[datetime | None]]:
    """Return our word, bol's, and when the item was processed: the newest result tells."""
    results: list[tuple[datetime | None, str | None, str | None]] = [
        (
            each.instant("processingDateTime"),
            each.text("handlingResult"),
            each.text("processingResult"),
        )
        for each in item.objects_of("processingResults", item.items("processingResults") or [])
    ]
    times = [at for at, _, _ in results]
    if item.flag("handled") is not True:
        return ANNOUNCED, None, times
    if not results:
        return CLOSED, None, times
    _, handling, processing = max(results, key=_by_time)
    if processing == "REJECTED":
        return REJECTED, handling or processing, times
    return _RESULTS.get(handling or "", UNKNOWN), handling or processing, times


def _by_time(result: tuple[Any, ...]) -> tuple[bool, float, str]:
    at = result[0]
    return at is not None, 0.0 if at is None else at.timestamp(), str(result[1])
