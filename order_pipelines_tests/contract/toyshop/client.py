"""Calls of Toyshop's API, and its abilities: orders in; stock, acceptances, parcels and cancellations out."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import orjson

from order_pipelines import clock
from order_pipelines.connectors.bodies import read_instant
from order_pipelines.connectors.http import Answer, ApiSession, retry_after_s
from order_pipelines.connectors.oauth import TokenKeeper, TokenRequest, secret_of
from order_pipelines.connectors.ports import (
    Account,
    Fetched,
    House,
    Listed,
    ListedOffer,
    ShipmentItem,
    Since,
    StockWrite,
    Token,
    WriteResult,
)
from order_pipelines.errors import ConfigurationError, PermanentConnectorError, TransientConnectorError

PAGE_SIZE = 5
MAX_PAGES = 1_000
# Their clock and ours, and what was being written while the last listing ran.
OVERLAP = timedelta(minutes=10)
_NO_WORD_OF_WHEN_S = 30.0
_REFUSED = frozenset({400, 404, 409})


class ToyshopClient:
    """One account: its token, and answers that are JSON objects."""

    def __init__(self, account: Account, house: House) -> None:
        if not account.base_url:
            raise ConfigurationError(f"accounts.{account.name}.base_url: expected the shop's address")
        self.account = account.name
        pair = (secret_of(account, "client_id"), secret_of(account, "client_secret"))
        request = TokenRequest(
            "toyshop",
            account.token_url or f"{account.base_url}/token",
            "application/x-www-form-urlencoded",
            b"grant_type=client_credentials",
            "the shop's settings",
            auth=pair,
        )
        self._budget = house.budget
        self._tokens = TokenKeeper(account, house, request)
        self._session = ApiSession(
            "toyshop",
            account.name,
            account.base_url,
            house.budget,
            deadline=house.deadline,
            secrets=account.secrets.values(),
        )

    def call(self, method: str, path: str, payload: object = None, **params: str | int) -> dict[str, Any]:
        """Return the answer's object, an empty one for none."""
        body = None if payload is None else orjson.dumps(payload)
        token = self._tokens.get()
        answer = self._send(token, method, path, body, params)
        if answer.status == 401:
            answer = self._send(self._tokens.renew(token), method, path, body, params)
        self._session.check(answer, method, path, problem=_reason(answer))
        if not answer.body:
            return {}
        try:
            content = answer.json()
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise TransientConnectorError(
                f"toyshop {method} {path} for {self.account}: the answer is not a JSON object",
                system="toyshop",
                method=method,
                path=path,
                maybe_acted=method != "GET",
            )
        return content

    def try_write(self, path: str, payload: object) -> dict[str, Any] | WriteResult:
        """Write; a refusal of this very write becomes ``rejected``."""
        try:
            return self.call("POST", path, payload)
        except PermanentConnectorError as error:
            if error.status not in _REFUSED:
                raise
            return WriteResult("rejected", reason=str(error))

    def pages(self, path: str, member: str, **params: str) -> Iterator[dict[str, Any]]:
        """Yield the entries of all pages."""
        for number in range(1, MAX_PAGES + 1):
            page = self.call("GET", path, page=number, **params)
            entries = page.get(member)
            if not isinstance(entries, list):
                raise self.broken(path, f"a page must have a list '{member}'")
            yield from (entry for entry in entries if isinstance(entry, dict))
            if page.get("next") is None:
                return
        raise self.broken(path, "the list does not end")

    def broken(self, path: str, what: str) -> PermanentConnectorError:
        """Return the error for an answer that is not what is documented."""
        return PermanentConnectorError(
            f"toyshop GET {path} for {self.account}: {what}", system="toyshop", method="GET", path=path
        )

    def _send(
        self, token: Token, method: str, path: str, body: bytes | None, params: Mapping[str, str | int]
    ) -> Answer:
        group = f"{self.account} {method} {path.split('/')[1]}"
        headers = {"Authorization": f"Bearer {token.access_token}", "Content-Type": "application/json"}
        answer = self._session.send(method, path, group=group, headers=headers, body=body, params=params)
        if answer.status == 429 and retry_after_s(answer.headers) is None:
            self._budget.refuse(group, retry_after_s=_NO_WORD_OF_WHEN_S)
        return answer


class ToyshopOrders:
    """OrderSource: the list holds whole orders."""

    def __init__(self, account: Account, house: House) -> None:
        self._client = ToyshopClient(account, house)

    def list_orders(self, since: Since) -> Iterator[Listed]:
        """Yield every order changed since, whole."""
        params = {}
        if since.last_complete_at is not None:
            params["changed_from"] = clock.isoformat(since.last_complete_at - OVERLAP)
        for entry in self._client.pages("/orders", "orders", **params):
            changed_at = read_instant(entry.get("changed_at"))
            body = orjson.dumps(entry)
            yield Listed(str(entry.get("id")), changed_at, body, is_complete=True, request="GET /orders")

    def fetch_order(self, external_order_id: str) -> Fetched:
        """Read one order."""
        began_at = clock.now()
        path = f"/orders/{quote(external_order_id, safe='')}"
        body = orjson.dumps(self._client.call("GET", path))
        return Fetched("order", external_order_id, body, f"GET {path}", began_at)


class ToyshopStock:
    """StockBatchSink: many articles a call, each with an answer of its own."""

    subtracts_open_orders = False
    lowers_by_itself = False
    max_quantity = 9_999
    max_batch = 50

    def __init__(self, account: Account, house: House) -> None:
        self._client = ToyshopClient(account, house)

    def list_offers(self) -> Iterator[ListedOffer]:
        """Yield every offer."""
        for entry in self._client.pages("/offers", "offers"):
            yield _offer(entry)

    def read_stock(self, offer_id: str) -> ListedOffer:
        """Read one offer back."""
        return _offer(self._client.call("GET", f"/offers/{quote(offer_id, safe='')}"))

    def push_stocks(self, writes: Sequence[StockWrite]) -> Mapping[str, WriteResult]:
        """Send stocks; what the shop says of a row is its fate."""
        rows = [{"sku": write.offer_id, "stock": min(write.quantity, self.max_quantity)} for write in writes]
        answer = self._client.try_write("/stock", {"rows": rows})
        if isinstance(answer, WriteResult):
            return dict.fromkeys((write.offer_id for write in writes), answer)
        results = {}
        for row in answer.get("results", ()):
            is_taken = row.get("taken") is True
            results[str(row.get("sku"))] = (
                WriteResult("confirmed")
                if is_taken
                else WriteResult("rejected", reason="the shop refuses it")
            )
        return results

    def poll_stocks(self, reference: str, offer_ids: Sequence[str]) -> Mapping[str, WriteResult]:
        """Nothing is ever merely accepted."""
        return dict.fromkeys(offer_ids, WriteResult("in_doubt", reference, "nothing is polled"))


class ToyshopAcceptance:
    """OrderAcceptor."""

    def __init__(self, account: Account, house: House) -> None:
        self._client = ToyshopClient(account, house)

    def accept(self, external_order_id: str, line_ids: Sequence[str]) -> WriteResult:
        """Accept an order."""
        path = f"/orders/{quote(external_order_id, safe='')}/accept"
        answer = self._client.try_write(path, {"lines": list(line_ids)})
        return answer if isinstance(answer, WriteResult) else WriteResult("confirmed")

    def is_waiting(self, external_order_id: str) -> bool:
        """Tell whether it still waits."""
        order = self._client.call("GET", f"/orders/{quote(external_order_id, safe='')}")
        return order.get("state") == "waiting"


class ToyshopParcels:
    """ShipmentSink."""

    def __init__(self, account: Account, house: House) -> None:
        self._client = ToyshopClient(account, house)

    def ship(
        self,
        external_order_id: str,
        items: Sequence[ShipmentItem],
        *,
        carrier: str,
        tracking: str | None,
        reference: str,
    ) -> WriteResult:
        """Announce one parcel."""
        lines = [{"id": item.external_line_id, "pieces": item.quantity} for item in items]
        parcel = {"carrier": carrier, "tracking": tracking, "reference": reference, "lines": lines}
        answer = self._client.try_write(f"/orders/{quote(external_order_id, safe='')}/parcels", parcel)
        return answer if isinstance(answer, WriteResult) else WriteResult("confirmed")

    def cancel_line(self, external_order_id: str, external_line_id: str, *, reason: str) -> WriteResult:
        """Cancel what is open of a line; said twice it is cancelled once."""
        path = f"/orders/{quote(external_order_id, safe='')}/cancel"
        answer = self._client.try_write(path, {"line": external_line_id, "reason": reason})
        return answer if isinstance(answer, WriteResult) else WriteResult("confirmed")

    def shipped_quantities(self, external_order_id: str) -> Mapping[str, int]:
        """Return the pieces that left, by line."""
        order = self._client.call("GET", f"/orders/{quote(external_order_id, safe='')}")
        return {line["id"]: line["shipped"] for line in order["lines"]}

    def has_shipment(self, external_order_id: str, reference: str) -> bool:
        """Tell whether a parcel has our reference."""
        order = self._client.call("GET", f"/orders/{quote(external_order_id, safe='')}")
        return reference in order["parcels"]

    def poll_write(self, reference: str) -> WriteResult:
        """Nothing is ever merely accepted."""
        return WriteResult("in_doubt", reference, "nothing is polled")


def _offer(entry: Mapping[str, Any]) -> ListedOffer:
    sku, stock = str(entry.get("sku")), entry.get("stock")
    amount = stock if type(stock) is int else None
    return ListedOffer(sku, None, sku, amount, amount, is_own_fulfilment=True, manages_open_orders=True)


def _reason(answer: Answer) -> str:
    try:
        content = answer.json() if answer.status >= 400 else {}
    except ValueError:
        return ""
    words = content.get("message") if isinstance(content, dict) else None
    return words if isinstance(words, str) else ""
