"""Calls of the Mirakl seller API for one account: bare key, shop, call frequency per operation, errors as reasons.

Knows how to call and what an answer means for the caller's next step; not what orders or offers are.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from zlib import crc32

import orjson
from requests.utils import parse_header_links

from order_pipelines import clock
from order_pipelines.connectors.http import (
    MAX_BODY_BYTES,
    Answer,
    ApiSession,
    is_token,
    retry_after_s,
)
from order_pipelines.connectors.mirakl.options import MiraklOptions, read_options
from order_pipelines.connectors.ports import Account, House, WriteResult
from order_pipelines.errors import (
    ConfigurationError,
    ConnectorError,
    PermanentConnectorError,
    TransientConnectorError,
)

# Mirakl's ids are texts of some forty characters; what is longer than this is none.
LONGEST_ID = 200
# Offset paging: ten by default, a hundred at most (contract digest, section 3).
PAGE_SIZE = 100
MAX_PAGES = 5_000
# Seconds between two calls of an operation, where the published description names a maximum (2026-11).
INTERVALS_S: Mapping[str, float] = {"OR11": 60.0, "STO02": 15.0, "STO03": 60.0, "RT11": 300.0}
# Counted for each import on its own. Budgets are remembered by name, so that imports share this many.
_BUCKETS = 16
# A listing that is refused in its middle waits this long in all and goes on; a longer wait ends it.
LISTING_WAIT_S = 90.0

_TOO_MANY = 429
# Where a 429 comes without Retry-After: the call frequencies are a minute or less.
_BACK_OFF_S = 60.0
# The write itself was judged and not done; other statuses concern the account or the call.
_REFUSED = frozenset({400, 404, 409, 422})

Params = dict[str, str | int]


class MiraklClient:
    """One account at one operator. Errors name method, path and reason; never a body, a key or a person."""

    def __init__(self, account: Account, house: House) -> None:
        self.account = account.name
        self.options: MiraklOptions = read_options(account.options)
        if not account.base_url:
            raise ConfigurationError(
                f"accounts.{account.name}.base_url: expected the operator's address, for example "
                "https://operator.example; every Mirakl marketplace has its own"
            )
        self._key = account.secrets.get("api_key", "")
        if not is_token(self._key):
            raise ConfigurationError(
                f"accounts.{account.name}.secrets.api_key: expected the shop's API key without blanks or signs "
                "outside ASCII"
            )
        self._budget = house.budget
        # People copy the address with or without /api.
        base_url = account.base_url.rstrip("/").removesuffix("/api")
        self._session = ApiSession(
            "mirakl",
            account.name,
            base_url,
            house.budget,
            deadline=house.deadline,
            secrets=account.secrets.values(),
        )

    def get(
        self,
        path: str,
        *,
        operation: str,
        params: Mapping[str, str | int] | None = None,
        accept: str = "application/json",
        max_bytes: int = MAX_BODY_BYTES,
    ) -> Answer:
        """Read.

        Args:
            path: from ``/api`` on, parts quoted.
            operation: Mirakl's code, for example ``OR11``; calls of it are counted together (:func:`of_import`).
            params: query members; the shop is added.
            accept: what is accepted.
            max_bytes: the largest answer that is read.

        Raises:
            TransientConnectorError: 408, 429 (with ``retry_after_s``), 5xx or the network.
            PermanentConnectorError: any other bad status, with the operator's reason.
        """
        return self._call("GET", path, operation, {"Accept": accept}, params, None, max_bytes)

    def write(self, method: str, path: str, payload: object, *, operation: str) -> Answer:
        """Write a JSON body; like :meth:`get`, and ``maybe_acted`` is set where the write may have been done."""
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        body = b"" if payload is None else orjson.dumps(payload)
        return self._call(method, path, operation, headers, None, body)

    def try_write(self, method: str, path: str, payload: object, *, operation: str) -> Answer | WriteResult:
        """Write; a refusal of this very write (400, 404, 409, 422) becomes ``rejected`` with the operator's reason."""
        try:
            return self.write(method, path, payload, operation=operation)
        except PermanentConnectorError as error:
            if error.status not in _REFUSED:
                raise
            return WriteResult("rejected", reason=str(error))

    def heard(self, answer: Answer) -> WriteResult:
        """Return what a 2xx says that holds nothing where Mirakl answers: done, unless something else answered."""
        if not answer.body:
            return WriteResult("confirmed")
        return WriteResult(
            "in_doubt", reason=f"the answer {answer.status} is not the operator's; look at the order"
        )

    def upload(self, path: str, name: str, content: bytes, *, operation: str, interval_s: float) -> Answer:
        """Send one file as ``multipart/form-data``, at once or not at all.

        Raises:
            TransientConnectorError: the operation may not be called yet (nothing was sent, ``retry_after_s`` says
                when), or as for :meth:`write`.
            PermanentConnectorError: the file or the account was refused.
        """
        # A file that waited would hold numbers of a minute ago: the caller comes again with the newest.
        self._budget.wait(self._group(operation), deadline=clock.now())
        boundary = "----order-pipelines-file"
        while boundary.encode() in content:
            boundary += "x"
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: text/csv; charset=utf-8\r\n\r\n"
        )
        body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        headers = {
            "Accept": "application/json",
            "Content-Type": f"multipart/form-data; boundary={boundary}",
        }
        return self._call("POST", path, operation, headers, None, body, interval_s=interval_s)

    def is_allowed_now(self, operation: str) -> bool:
        """Tell whether an operation may be called without waiting."""
        try:
            self._budget.wait(self._group(operation), deadline=clock.now())
        except TransientConnectorError:
            return False
        return True

    def wait_for(self, operation: str) -> None:
        """Wait until an operation may be called.

        Raises:
            TransientConnectorError: that would pass the account's deadline.
        """
        self._budget.wait(self._group(operation), deadline=self._session.deadline)

    def pages(self, path: str, params: Params, *, operation: str, member: str) -> Iterator["Page"]:
        """Yield the pages of an offset listing: by the ``Link`` header, else by offset until ``total_count``.

        One walk counts as one call of the operation; its further pages follow at once.

        Raises:
            PermanentConnectorError: a page is not what Mirakl documents, or the pages do not end.
            TransientConnectorError: a page could not be had now.
        """
        query: Params = {**params, "max": PAGE_SIZE, "offset": 0}
        seen: set[tuple[tuple[str, str], ...]] = set()
        read, had_links = 0, False
        for number in range(MAX_PAGES):
            asked = tuple(sorted((name, str(value)) for name, value in query.items()))
            if asked in seen:
                raise self.broken_contract(path, "a page points to an earlier page; the list does not end")
            seen.add(asked)
            answer = self._page(path, query, operation if number == 0 else f"{operation} pages")
            content = self.read_object(answer, path)
            entries = content.get(member)
            if not isinstance(entries, list):
                raise self.broken_contract(path, f"a page must have a list '{member}'")
            total = content.get("total_count")
            known_total = total if isinstance(total, int) and not isinstance(total, bool) else None
            yield Page(entries, known_total, request_line(path, query))
            read += len(entries)
            if not entries or (known_total is not None and read >= known_total):
                return
            following = next_link(answer)
            if following is not None:
                query, had_links = following, True
                continue
            if known_total is None and had_links:
                return
            # A server that clamps `max` answers with fewer than asked: what came counts, not what was asked.
            query = {**params, "max": PAGE_SIZE, "offset": read}
        raise self.broken_contract(path, f"more than {MAX_PAGES} pages; the list does not end")

    def read_object(self, answer: Answer, path: str) -> dict[str, Any]:
        """Return the answer as a JSON object.

        Raises:
            TransientConnectorError: not JSON, which a gateway's page explains better than a changed contract.
            PermanentConnectorError: JSON, but no object.
        """
        try:
            content = answer.json()
        except ValueError:
            raise self._error(TransientConnectorError, path, "the answer is not JSON") from None
        if not isinstance(content, dict):
            raise self._error(PermanentConnectorError, path, "the answer is not a JSON object")
        return content

    def broken_contract(self, path: str, what: str) -> ConnectorError:
        """Return the error for a read answer that is not what Mirakl documents."""
        return self._error(PermanentConnectorError, path, what)

    def _error(self, kind: type[ConnectorError], path: str, what: str) -> ConnectorError:
        return kind(
            f"mirakl GET {path} for {self.account}: {what}",
            system="mirakl",
            method="GET",
            path=path,
            status=200,
        )

    def _page(self, path: str, query: Params, operation: str) -> Answer:
        """Read a page; a 429 is waited for while the waits are short enough."""
        waited = 0.0
        while True:
            try:
                return self.get(path, operation=operation, params=query)
            except TransientConnectorError as error:
                if error.status != _TOO_MANY or error.retry_after_s is None:
                    raise
                waited += max(1.0, error.retry_after_s)
                if waited > LISTING_WAIT_S or self._is_over_in(error.retry_after_s):
                    raise
                # The budget knows of the refusal: the next call sleeps until its end.

    def _is_over_in(self, seconds: float) -> bool:
        deadline = self._session.deadline
        return deadline is not None and clock.now() + timedelta(seconds=seconds) > deadline

    def _call(
        self,
        method: str,
        path: str,
        operation: str,
        headers: Mapping[str, str],
        params: Mapping[str, str | int] | None,
        body: bytes | None,
        max_bytes: int = MAX_BODY_BYTES,
        *,
        interval_s: float | None = None,
    ) -> Answer:
        query: Params = dict(params or {})
        if self.options.shop_id is not None:
            query["shop_id"] = self.options.shop_id
        if method != "GET" and query:
            path, query = f"{path}?{urlencode(query)}", {}
        answer = self._session.send(
            method,
            path,
            group=self._group(operation),
            # The bare key: Mirakl has no scheme in front of it.
            headers={**headers, "Authorization": self._key},
            params=query,
            body=body,
            max_bytes=max_bytes,
        )
        if answer.status == _TOO_MANY:
            raise self._slow_down(answer, method, path, operation)
        wait_s = interval_s if interval_s is not None else INTERVALS_S.get(operation.partition("/")[0])
        if wait_s is not None:
            self._budget.learn(self._group(operation), limit=1, remaining=0, reset_s=wait_s)
        reason, code = read_problem(answer)
        self._session.check(answer, method, path, problem=reason, vendor_code=code)
        return answer

    def _slow_down(self, answer: Answer, method: str, path: str, operation: str) -> TransientConnectorError:
        wait_s = retry_after_s(answer.headers)
        if wait_s is None:
            wait_s = _BACK_OFF_S
        self._budget.refuse(self._group(operation), retry_after_s=wait_s)
        path = path.partition("?")[0]
        return TransientConnectorError(
            f"mirakl {method} {path} for {self.account} answered 429 (too many calls of {operation}); "
            f"again in {wait_s:.0f} s",
            system="mirakl",
            method=method,
            path=path,
            status=_TOO_MANY,
            vendor_code="Too Many Requests",
            retry_after_s=wait_s,
        )

    def _group(self, operation: str) -> str:
        # Mirakl counts per user and operation: two accounts of one house must not wait for each other.
        return f"{self.account} {operation}"


class Page:
    """One page of a listing: its entries, the total as this page says it, and what was asked."""

    __slots__ = ("entries", "request", "total_count")

    def __init__(self, entries: list[Any], total_count: int | None, request: str) -> None:
        self.entries = entries
        self.total_count = total_count
        self.request = request


def next_link(answer: Answer) -> Params | None:
    """Return the query of the ``Link`` header's next page, ``None`` when there is none.

    Only the query is used: the host in the link may be one that is not reached from here.
    """
    header = answer.headers.get("Link")
    if not header:
        return None
    for link in parse_header_links(header):
        if link.get("rel") == "next":
            query: Params = dict(parse_qsl(urlsplit(link.get("url", "")).query))
            query.pop("shop_id", None)
            return query or None
    return None


def of_import(operation: str, import_id: str) -> str:
    """Return the operation as it is counted for one import: a slow one must not keep the others from being asked."""
    return f"{operation}/{crc32(import_id.encode()) % _BUCKETS}"


def part(text: str) -> str:
    """Return an id as one part of a path."""
    return quote(text, safe="")


def request_line(path: str, params: Mapping[str, str | int]) -> str:
    """Return what is asked, for a receipt."""
    return f"GET {path}?{urlencode(params)}" if params else f"GET {path}"


def read_problem(answer: Answer) -> tuple[str, str | None]:
    """Return (reason for people, code) of an error answer; ``("", None)`` when it is a page or says nothing.

    The published description has no error bodies: ``message`` with ``status`` and now and then ``code`` is what is
    known; a list ``errors`` of the same is understood as well.
    """
    if answer.status < 400:
        return "", None
    try:
        problem = answer.json()
    except ValueError:
        return "", None
    if not isinstance(problem, dict):
        return "", None
    parts = [_text(problem.get("message"))]
    code = _text(problem.get("code"))
    errors = problem.get("errors")
    for entry in errors if isinstance(errors, list) else []:
        if isinstance(entry, dict):
            found = (_text(entry.get("code")), _text(entry.get("message")))
            parts.append(": ".join(text for text in found if text))
            code = code or found[0]
        else:
            parts.append(_text(entry))
    return "; ".join(text for text in parts if text), code or None


def sound_id(value: object) -> str | None:
    """Return an id as a row and a path can hold it: printable, of some size; ``None`` for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and 0 < len(value) <= LONGEST_ID and value.isprintable() and value.strip("."):
        return value
    return None


def objects(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list, nothing for anything else."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
