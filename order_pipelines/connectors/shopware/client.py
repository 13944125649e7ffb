"""Calls of the Admin API of one shop: token, searches page by page, errors as reasons.

Knows how to call and what an answer means for the caller's next step; not what orders or products are.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from order_pipelines.connectors.http import MAX_BODY_BYTES, Answer, ApiSession, retry_after_s
from order_pipelines.connectors.oauth import TokenKeeper, TokenRequest, secret_of
from order_pipelines.connectors.plain import plain_words
from order_pipelines.connectors.ports import Account, House, Token, WriteResult
from order_pipelines.connectors.shopware.options import shop_url
from order_pipelines.connectors.shopware.payloads import plain_entity
from order_pipelines.errors import ConnectorError, PermanentConnectorError, TransientConnectorError

TOKEN_PATH = "/api/oauth/token"  # noqa: S105
MAX_PAGES = 10_000
LIVE_VERSION = "0fa91ce3e96a4bc2be4bd9ce752c3425"

_ID = re.compile("[0-9a-f]{32}")
_PRIVILEGE = re.compile(r"[a-z_]+:(?:read|create|update|delete)\b|api_[a-z_]+")
_LIMIT_EXCEEDED = "FRAMEWORK__QUERY_LIMIT_EXCEEDED"
_UNAUTHORISED = 401
_FORBIDDEN = 403
_TOO_MANY = 429
_BACK_OFF_S = (5.0, 15.0, 60.0)
# Heavy searches end so; a smaller page may not (contract digest, section 9).
_TOO_HEAVY = frozenset({500, 502, 504})
_SMALLEST_PAGE = 5
# The write itself was judged and not done; other statuses concern the account or the call.
_REFUSED = frozenset({400, 404, 409, 412, 413, 422})

Criteria = dict[str, Any]
JsonObject = dict[str, Any]


class ShopwareClient:
    """One shop. Errors name method, path and the shop's reason; never a body, a token or a person."""

    def __init__(self, account: Account, house: House) -> None:
        self.account = account.name
        self._budget = house.budget
        self._tokens = TokenKeeper(account, house, _token_request(account))
        self._session = ApiSession(
            "shopware",
            account.name,
            shop_url(account),
            house.budget,
            deadline=house.deadline,
            secrets=account.secrets.values(),
        )
        self._refusals = 0
        self._max_limit: int | None = None

    # ------------------------------------------------------------------------------------------ reading

    def search(self, entity: str, criteria: Criteria, *, max_bytes: int = MAX_BODY_BYTES) -> JsonObject:
        """Return one answer of ``POST /api/search/{entity}``, rows under ``data``.

        Raises:
            TransientConnectorError: 408, 429 (with ``retry_after_s``), 5xx or the network; never ``maybe_acted``.
            PermanentConnectorError: any other bad status, with the shop's reason; or the answer is no search answer.
        """
        path = search_path(entity)
        try:
            answer = self._call("POST", path, criteria, {"sw-inheritance": "1"}, max_bytes)
        except ConnectorError as error:
            # A search changes nothing although it is a POST.
            error.maybe_acted = False
            raise
        content = self._read_object(answer, "POST", path)
        if not isinstance(content.get("data"), list):
            raise self.broken_contract("POST", path, "a search answer must have a list 'data'")
        return content

    def walk(self, entity: str, criteria: Criteria, *, page_size: int) -> Iterator[list[JsonObject]]:
        """Yield the rows of a search, page by page, each page behind the last ``autoIncrement`` of the one before.

        Numbered pages shift when a row is deleted meanwhile; a number that never changes does not. A page that is too
        heavy for the shop, or larger than its ``max_limit``, is asked for again with fewer rows.

        Raises:
            TransientConnectorError: a page could not be had now; what was yielded before stays true.
            PermanentConnectorError: a page is not what Shopware documents, or the pages do not end.
        """
        limit = page_size
        last: int | None = None
        fixed = list(criteria.get("filter", ()))
        for _ in range(MAX_PAGES):
            after = [] if last is None else [range_filter("autoIncrement", gt=last)]
            page = {
                **criteria,
                "filter": [*fixed, *after],
                "sort": [{"field": "autoIncrement", "order": "ASC"}],
                "page": 1,
            }
            content, limit = self._page(entity, page, limit)
            rows = [plain_entity(row, content) for row in content["data"]]
            if rows:
                numbers = [row.get("autoIncrement") for row in rows]
                newest = max((each for each in numbers if type(each) is int), default=None)
                if newest is None or (last is not None and newest <= last):
                    raise self.broken_contract(
                        "POST",
                        search_path(entity),
                        "a page names no autoIncrement beyond the last; it does not end",
                    )
                last = newest
                yield rows
            if is_last_page(content, len(rows), limit):
                return
        raise self.broken_contract(
            "POST", search_path(entity), f"more than {MAX_PAGES} pages; the list does not end"
        )

    def walk_pages(self, entity: str, criteria: Criteria, *, page_size: int) -> Iterator[list[JsonObject]]:
        """Yield the rows of a search by numbered pages, for entities without a running number, sorted by id.

        Raises:
            TransientConnectorError: a page could not be had now.
            PermanentConnectorError: a page is not what Shopware documents, or the pages do not end.
        """
        seen: set[str] = set()
        limit = page_size
        for number in range(1, MAX_PAGES + 1):
            page = {
                **criteria,
                "sort": [{"field": "createdAt", "order": "ASC"}, {"field": "id", "order": "ASC"}],
            }
            content, found = self._page(entity, {**page, "page": number}, limit)
            if found != limit and number > 1:
                raise TransientConnectorError(
                    f"shopware POST {search_path(entity)} for {self.account}: the shop allows {found} rows a page "
                    f"since page {number}; begun anew next time",
                    system="shopware",
                    method="POST",
                    path=search_path(entity),
                )
            limit = found
            rows = [plain_entity(row, content) for row in content["data"]]
            ids = {str(row.get("id")) for row in rows}
            if rows and ids <= seen:
                raise self.broken_contract(
                    "POST", search_path(entity), f"page {number} repeats earlier rows; the list does not end"
                )
            seen |= ids
            if rows:
                yield rows
            if is_last_page(content, (number - 1) * limit + len(rows), limit, on_page=len(rows)):
                return
        raise self.broken_contract(
            "POST", search_path(entity), f"more than {MAX_PAGES} pages; the list does not end"
        )

    def by_ids(self, entity: str, ids: Sequence[str], criteria: Criteria) -> list[JsonObject]:
        """Return the rows with these ids; one that the shop does not have is not among them.

        Raises:
            TransientConnectorError: not now.
            PermanentConnectorError: the answer is not what Shopware documents.
        """
        content = self.search(entity, {**criteria, "ids": list(ids), "limit": len(ids)})
        return [plain_entity(row, content) for row in content["data"]]

    def _page(self, entity: str, page: Criteria, limit: int) -> tuple[JsonObject, int]:
        """Return one page and the number of rows that it could have had."""
        while True:
            try:
                return self.search(entity, {**page, "limit": limit, "total-count-mode": 1}), limit
            except PermanentConnectorError as error:
                allowed = self._max_limit
                if error.vendor_code != _LIMIT_EXCEEDED or allowed is None or not 0 < allowed < limit:
                    raise
                limit = allowed
            except TransientConnectorError as error:
                share = _heaviness(error)
                if share is None or limit <= _SMALLEST_PAGE or page["page"] > 1:
                    raise
                limit = max(_SMALLEST_PAGE, limit // share)

    # ------------------------------------------------------------------------------------------ writing

    def write(
        self, method: str, path: str, payload: object, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Write a JSON body; ``maybe_acted`` is set where the write may have been done."""
        return self._call(method, path, payload, headers or {}, MAX_BODY_BYTES)

    def try_write(
        self, method: str, path: str, payload: object, *, headers: Mapping[str, str] | None = None
    ) -> Answer | WriteResult:
        """Write; a refusal of this very write (400, 404, 409, 412, 413, 422) becomes ``rejected`` with the reason."""
        try:
            return self.write(method, path, payload, headers=headers)
        except PermanentConnectorError as error:
            if error.status not in _REFUSED:
                raise
            return WriteResult("rejected", reason=str(error))

    def broken_contract(self, method: str, path: str, what: str) -> ConnectorError:
        """Return the error for an answer that is not what Shopware documents."""
        return self._error(PermanentConnectorError, method, path, what)

    def _read_object(self, answer: Answer, method: str, path: str) -> JsonObject:
        try:
            content = answer.json()
        except ValueError:
            # A page of a gateway or of the shop's maintenance mode explains it better than a changed contract.
            raise self._error(TransientConnectorError, method, path, "the answer is not JSON") from None
        if not isinstance(content, dict):
            raise self._error(PermanentConnectorError, method, path, "the answer is not a JSON object")
        return content

    def _error(self, kind: type[ConnectorError], method: str, path: str, what: str) -> ConnectorError:
        return kind(
            f"shopware {method} {path} for {self.account}: {what}",
            system="shopware",
            method=method,
            path=path,
            status=200,
        )

    def _call(
        self, method: str, path: str, payload: object, headers: Mapping[str, str], max_bytes: int
    ) -> Answer:
        body = orjson.dumps(payload)
        token = self._tokens.get()
        answer = self._send(token, method, path, headers, body, max_bytes)
        if answer.status == _UNAUTHORISED:
            # Expired or withdrawn early: nothing was done, so the same call is repeated, once.
            token = self._tokens.renew(token)
            answer = self._send(token, method, path, headers, body, max_bytes)
        if answer.status == _TOO_MANY:
            raise self._slow_down(answer, method, path)
        self._refusals = 0
        reason, code = read_problem(answer)
        self._max_limit = _max_limit(answer)
        self._session.check(answer, method, path, problem=reason, vendor_code=code)
        return answer

    def _send(
        self,
        token: Token,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        max_bytes: int,
    ) -> Answer:
        # Without this Accept the same end point answers in another shape (contract digest, section 1).
        return self._session.send(
            method,
            path,
            group=self._group,
            headers={
                "Accept": "application/json",
                "Content-Type": "application/json",
                **headers,
                "Authorization": f"Bearer {token.access_token}",
            },
            body=body,
            max_bytes=max_bytes,
        )

    def _slow_down(self, answer: Answer, method: str, path: str) -> TransientConnectorError:
        wait_s = retry_after_s(answer.headers)
        if wait_s is None:
            wait_s = _BACK_OFF_S[min(self._refusals, len(_BACK_OFF_S) - 1)]
            self._refusals += 1
            self._budget.refuse(self._group, retry_after_s=wait_s)
        return TransientConnectorError(
            f"shopware {method} {path} for {self.account} answered 429 (too many calls); again in {wait_s:.0f} s",
            system="shopware",
            method=method,
            path=path,
            status=_TOO_MANY,
            vendor_code="Too Many Requests",
            retry_after_s=wait_s,
        )

    @property
    def _group(self) -> str:
        # The core knows no limits beyond its login; a hoster counts all calls of an address alike.
        return f"{self.account} /api"


def search_path(entity: str) -> str:
    """Return the path of a search: entities are spelled with hyphens there."""
    return f"/api/search/{entity}"


def range_filter(field: str, **bounds: object) -> Criteria:
    """Return a range filter, for example ``range_filter("updatedAt", gte="2026-11-20T08:00:00.000+00:00")``."""
    return {"type": "range", "field": field, "parameters": dict(bounds)}


def any_of(*filters: Criteria) -> Criteria:
    """Return a filter that one of ``filters`` is enough for."""
    return {"type": "multi", "operator": "or", "queries": list(filters)}


def is_last_page(content: Mapping[str, Any], rows: int, limit: int, *, on_page: int | None = None) -> bool:
    """Tell whether nothing follows. ``rows`` were read of what ``total`` counts.

    A full page is never the last: ``total`` may count only what is on the page (mode 0, whatever was asked). A short
    one is, unless an exact total says that the shop gave fewer rows than it was asked for.
    """
    found = rows if on_page is None else on_page
    if found == 0:
        return True
    total = content.get("total")
    return found < limit and not (type(total) is int and total > rows)


def is_id(value: object) -> bool:
    """Tell whether a value is an id of Shopware: 32 hexadecimal digits in small letters."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def read_problem(answer: Answer) -> tuple[str, str | None]:
    """Return (reason for people, first code) of ``{"errors": […]}``; ``("", None)`` when there is none.

    A missing right is named. Values that the shop repeats in ``meta`` are left out: they may be a customer's.
    """
    errors = _errors(answer)
    parts: list[str] = []
    for error in errors[:5]:
        detail, title = _text(error.get("detail")), _text(error.get("title"))
        code, source = _text(error.get("code")), error.get("source")
        missing = sorted(set(_PRIVILEGE.findall(detail))) if answer.status == _FORBIDDEN else []
        pointer = _text(source.get("pointer")) if isinstance(source, dict) else ""
        what = f"missing privilege {', '.join(missing)}" if missing else detail or title
        named = " ".join(part for part in (code if code.isupper() else "", pointer) if part)
        parts.append(f"{what} [{named}]" if named else what)
    reason = plain_words("; ".join(part for part in parts if part))
    code = _text(errors[0].get("code")) if errors else ""
    return reason, code or None


def _errors(answer: Answer) -> list[JsonObject]:
    if answer.status < 400:
        return []
    try:
        content = answer.json()
    except ValueError:
        return []
    errors = content.get("errors") if isinstance(content, dict) else None
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def _heaviness(error: TransientConnectorError) -> int | None:
    """Return by what the rows of a page should be divided, ``None`` where fewer rows would not help."""
    if error.status in _TOO_HEAVY:
        return 2
    if error.status is not None:
        return None
    # A slow answer costs its whole time, so that one is not approached in small steps.
    return 2 if "answer larger than" in str(error) else 4 if "answer too slow" in str(error) else None


def _max_limit(answer: Answer) -> int | None:
    for error in _errors(answer):
        meta = error.get("meta")
        parameters = meta.get("parameters") if isinstance(meta, dict) else None
        allowed = parameters.get("maxLimit") if isinstance(parameters, dict) else None
        if type(allowed) is int:
            return allowed
    return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _token_request(account: Account) -> TokenRequest:
    return TokenRequest(
        "shopware",
        account.token_url or f"{shop_url(account)}{TOKEN_PATH}",
        "application/json",
        orjson.dumps(
            {
                "grant_type": "client_credentials",
                "client_id": secret_of(account, "client_id"),
                "client_secret": secret_of(account, "client_secret"),
            }
        ),
        "the integration in the shop's administration",
    )
