"""Toyshops with one thing wrong each, and books likewise: what the rules of the kit must refuse."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson

from order_pipelines.connectors.exact_online.client import ExactClient
from order_pipelines.connectors.http import Answer, MemoryBudget
from order_pipelines.connectors.ports import (
    Account,
    BookedEntry,
    Connector,
    House,
    Listed,
    ListedOffer,
    SalesEntry,
    ShipmentItem,
    Since,
    StockWrite,
    Token,
    WriteResult,
)
from order_pipelines.domain.orders import Interpretation, Order, Problem, Reject
from order_pipelines.errors import ConnectorError, PermanentConnectorError, TransientConnectorError
from order_pipelines_tests.contract.toyshop import CONNECTOR
from order_pipelines_tests.contract.toyshop.client import (
    PAGE_SIZE,
    ToyshopAcceptance,
    ToyshopClient,
    ToyshopOrders,
    ToyshopParcels,
    ToyshopStock,
)
from order_pipelines_tests.contract.toyshop.mapping import interpret

CONFIRMED = WriteResult("confirmed")
_log = logging.getLogger(__name__)


def with_client(make: type[ToyshopClient]) -> Connector:
    """Return a toyshop whose abilities all call by another client."""

    def of(ability: type[Any]) -> Callable[[Account, House], Any]:
        def connect(account: Account, house: House) -> Any:
            made = ability(account, house)
            made._client = make(account, house)
            return made

        return connect

    return replace(
        CONNECTOR,
        order_source=of(ToyshopOrders),
        stock_sink=of(ToyshopStock),
        order_acceptor=of(ToyshopAcceptance),
        shipment_sink=of(ToyshopParcels),
    )


# ------------------------------------------------------------------------------------------------ reading


class FirstPageOnly(ToyshopOrders):
    """Believes that a page is all there is."""

    def list_orders(self, since: Since) -> Iterator[Listed]:
        for number, listed in enumerate(super().list_orders(since)):
            if number < PAGE_SIZE:
                yield listed


class NeverEmpty(ToyshopOrders):
    """Makes an order of an empty page."""

    def list_orders(self, since: Since) -> Iterator[Listed]:
        listed = list(super().list_orders(since))
        yield from listed or [Listed("None", None, b"null", is_complete=True, request="GET /orders")]


class FirstOffersOnly(ToyshopStock):
    """Believes that a page is all there is."""

    def list_offers(self) -> Iterator[ListedOffer]:
        for number, offer in enumerate(super().list_offers()):
            if number < PAGE_SIZE:
                yield offer


class WithoutTies(ToyshopOrders):
    """Leaves out what changed in the very moment of the last reading."""

    def list_orders(self, since: Since) -> Iterator[Listed]:
        for listed in super().list_orders(since):
            if (
                since.last_complete_at is None
                or (listed.changed_at or since.last_complete_at) > since.last_complete_at
            ):
                yield listed


class QuietClient(ToyshopClient):
    """Takes a refusal for an empty page."""

    def call(self, method: str, path: str, payload: object = None, **params: str | int) -> dict[str, Any]:
        answer = self._send(self._tokens.get(), method, path, None, params)
        return {"orders": [], "next": None} if answer.status == 401 else answer.json()


class HastyClient(ToyshopClient):
    """Tries again at once when it is told to wait."""

    def _send(
        self, token: Token, method: str, path: str, body: bytes | None, params: Mapping[str, str | int]
    ) -> Answer:
        while (answer := super()._send(token, method, path, body, params)).status == 429:
            self._session.budget = MemoryBudget()
        return answer


class PatientClient(ToyshopClient):
    """Knows no deadline."""

    def __init__(self, account: Account, house: House) -> None:
        super().__init__(account, replace(house, deadline=None))


# ------------------------------------------------------------------------------------------------ writing


class TrustingStock(ToyshopStock):
    """Takes a 200 for a yes."""

    def push_stocks(self, writes: Sequence[StockWrite]) -> Mapping[str, WriteResult]:
        super().push_stocks(writes)
        return {write.offer_id: CONFIRMED for write in writes}


class HopefulStock(ToyshopStock):
    """Takes silence for a yes."""

    def push_stocks(self, writes: Sequence[StockWrite]) -> Mapping[str, WriteResult]:
        try:
            return super().push_stocks(writes)
        except TransientConnectorError:
            return {write.offer_id: CONFIRMED for write in writes}


class BlindAcceptance(ToyshopAcceptance):
    """Never sees that an order was accepted."""

    def is_waiting(self, external_order_id: str) -> bool:
        return True


class TrustingAcceptance(ToyshopAcceptance):
    """Takes a refusal for a yes."""

    def accept(self, external_order_id: str, line_ids: Sequence[str]) -> WriteResult:
        super().accept(external_order_id, line_ids)
        return CONFIRMED


class BlindParcels(ToyshopParcels):
    """Never sees that a parcel was announced."""

    def has_shipment(self, external_order_id: str, reference: str) -> bool:
        return False

    def shipped_quantities(self, external_order_id: str) -> Mapping[str, int]:
        return {}


class TrustingParcels(ToyshopParcels):
    """Takes a refusal for a yes, and silence too."""

    def ship(
        self,
        external_order_id: str,
        items: Sequence[ShipmentItem],
        *,
        carrier: str,
        tracking: str | None,
        reference: str,
    ) -> WriteResult:
        super().ship(external_order_id, items, carrier=carrier, tracking=tracking, reference=reference)
        return CONFIRMED

    def cancel_line(self, external_order_id: str, external_line_id: str, *, reason: str) -> WriteResult:
        try:
            super().cancel_line(external_order_id, external_line_id, reason=reason)
        except ConnectorError:
            return CONFIRMED
        return CONFIRMED


class BlindBooks(ExactClient):
    """Finds nothing, whatever is there and whatever it is told."""

    def find_entries(self, reference: str) -> list[BookedEntry]:
        try:
            super().find_entries(reference)
        except ConnectorError:
            return []
        return []


class ForgetfulBooks(ExactClient):
    """Asks for no second token."""

    def find_entries(self, reference: str) -> list[BookedEntry]:
        self._tokens.replace = self._refuse  # type: ignore[method-assign, assignment]
        return super().find_entries(reference)

    def _refuse(self, token: str) -> str:
        raise PermanentConnectorError("this token has ended", system="exact_online", status=401)


class HastyBooks(ExactClient):
    """Tries again at once when it is told to wait."""

    def post_entry(self, entry: SalesEntry) -> BookedEntry:
        try:
            return super().post_entry(entry)
        except TransientConnectorError:
            self._session.budget = MemoryBudget()
            return super().post_entry(entry)


# ------------------------------------------------------------------------------------------------ mapping


def meaning(change: Callable[[Order, dict[str, Any]], Order]) -> Connector:
    """Return a toyshop that changes every order it reads; ``change`` is also given the payload."""

    def changed(body: bytes, *, kind: str, name: str | None = None) -> Interpretation:
        found = interpret(body, kind=kind, name=name)
        payload = orjson.loads(body)
        found.orders = [change(order, payload) for order in found.orders]
        return found

    return replace(CONNECTOR, interpreter=lambda options: changed)


def strict(body: bytes, *, kind: str, name: str | None = None) -> Interpretation:
    """Refuse what has a member that nobody knows."""
    if b"zzStrange" in body:
        return Interpretation(rejects=[Reject(Problem("wrong_type", "a member that nobody knows"))])
    return interpret(body, kind=kind, name=name)


def backwards(order: Order, payload: dict[str, Any]) -> Order:
    """Let older versions look newer."""
    if order.ordered_at is None or order.changed_at is None:
        return order
    return replace(order, changed_at=order.ordered_at - (order.changed_at - order.ordered_at))


def a_euro_more(order: Order, payload: dict[str, Any]) -> Order:
    """Say another total than the payload."""
    return replace(order, order_total_incl_vat=(order.order_total_incl_vat or Decimal(0)) + 1)


def shipped_unless_told(order: Order, payload: dict[str, Any]) -> Order:
    """Take an unknown state for a shipped order."""
    return order if order.order_status else replace(order, order_status="completed", problems=())


def careless_of_words(order: Order, payload: dict[str, Any]) -> Order:
    """Say nothing of an unknown word."""
    return replace(order, problems=())


def dutch_unless_told(order: Order, payload: dict[str, Any]) -> Order:
    """Put the home country and its rate where nothing is said."""
    lines = tuple(replace(line, vat_rate=line.vat_rate or Decimal(21)) for line in order.lines)
    return replace(order, ship_country=order.ship_country or "NL", lines=lines)


def in_floats(order: Order, payload: dict[str, Any]) -> Order:
    """Make money of binary fractions."""
    total = payload.get("total")
    return replace(order, order_total_incl_vat=Decimal(total)) if isinstance(total, float) else order


def in_whole_euros(order: Order, payload: dict[str, Any]) -> Order:
    """Lose the cents of what costs a lot."""
    total = order.order_total_incl_vat
    return replace(order, order_total_incl_vat=round(total, -2) if total and total > 1000 else total)


def talkative(order: Order, payload: dict[str, Any]) -> Order:
    """Say whose order it is."""
    name = order.buyer.name if order.buyer else None
    return replace(order, problems=(*order.problems, Problem("missing_field", f"the order of {name}")))


class TalkativeClient(ToyshopClient):
    """Says what it was answered, word for word."""

    def call(self, method: str, path: str, payload: object = None, **params: str | int) -> dict[str, Any]:
        answer = self._send(self._tokens.get(), method, path, None, params)
        if answer.status >= 400:
            raise PermanentConnectorError(str(answer.body), system="toyshop", status=answer.status)
        return super().call(method, path, payload, **params)


class LoggingClient(ToyshopClient):
    """Logs its token for the developer."""

    def call(self, method: str, path: str, payload: object = None, **params: str | int) -> dict[str, Any]:
        _log.debug("token %s", self._tokens.get().access_token)
        return super().call(method, path, payload, **params)
