"""What a connector can do, by ability, and what it may ask of the house. A connector implements what its system offers.

Services call these protocols and never a vendor's client; stores reach a connector only as the protocols below.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from order_pipelines.connectors.aftersales import (
    CustomerSource,
    ProductSource,
    RefundSink,
    ReturnInterpreter,
    ReturnSource,
)
from order_pipelines.connectors.visiting import BooksWanted, Visit
from order_pipelines.domain.findings import CallLimit
from order_pipelines.domain.orders import Interpretation

WriteState = Literal["confirmed", "accepted", "rejected", "in_doubt"]


@dataclass(frozen=True, slots=True)
class Listed:
    """One entity as a listing names it.

    Args:
        external_id: the channel's id of the order.
        changed_at: newest channel time of the order and its lines; ``None`` when the channel gives none.
        body: this entity's own part of the listing page, as JSON bytes.
        is_complete: the listing already holds everything; no detail call follows.
        request: what was asked, for the receipt; holds no secret.
    """

    external_id: str
    changed_at: datetime | None
    body: bytes
    is_complete: bool
    request: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """One body as received. ``read_began_at`` is just before the call, ``external_id`` what was asked for."""

    kind: str
    external_id: str
    body: bytes
    request: str
    read_began_at: datetime


@dataclass(frozen=True, slots=True)
class Since:
    """From where to list changes: ``None`` means everything the channel still shows. ``deep`` repeats recent days."""

    last_complete_at: datetime | None
    deep: bool = False


class OrderSource(Protocol):
    """A channel whose orders can be listed by change and read one by one."""

    def list_orders(self, since: Since) -> Iterator[Listed]:
        """Yield every order changed since, oldest or newest first, possibly more than once; each page as it comes."""

    def fetch_order(self, external_order_id: str) -> Fetched:
        """Read one order in full."""


class Interpreter(Protocol):
    """Payload to canonical rows; pure, never raises for bad content: it returns problems and rejects."""

    def __call__(self, body: bytes, *, kind: str, name: str | None = None) -> Interpretation: ...


@dataclass(frozen=True, slots=True)
class ListedOffer:
    """One offer as the channel shows it: ``stock_shown`` is what shoppers can buy, ``stock_set`` what it was told."""

    offer_id: str
    ean: str | None
    reference: str | None
    stock_set: int | None
    stock_shown: int | None
    is_own_fulfilment: bool
    manages_open_orders: bool
    is_for_sale: bool | None = None


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What is known of one write. ``reference`` finds it again (process status id); ``reason`` is for people."""

    state: WriteState
    reference: str | None = None
    reason: str | None = None


class StockSink(Protocol):
    """A channel that takes absolute stock per offer."""

    subtracts_open_orders: bool
    """The channel itself subtracts all its open orders from what we send: send available plus those."""
    lowers_by_itself: bool
    """What the channel holds falls with its own orders: less than we said is no error before those are read."""
    max_quantity: int

    def list_offers(self) -> Iterator[ListedOffer]:
        """Yield every offer of the account."""

    def push_stock(self, offer_id: str, quantity: int) -> WriteResult:
        """Tell the channel the stock of one offer."""

    def read_stock(self, offer_id: str) -> ListedOffer:
        """Read one offer back."""

    def poll_write(self, reference: str) -> WriteResult:
        """Ask what became of an accepted write."""


@dataclass(frozen=True, slots=True)
class StockWrite:
    """What one offer should show."""

    offer_id: str
    quantity: int


@runtime_checkable
class StockBatchSink(Protocol):
    """A channel that takes the stock of many offers in one call, and often no sooner than so many seconds later.

    What the channel says of one offer never decides about another: a batch that is refused as a whole because of one
    row is divided until the row stands alone.
    """

    subtracts_open_orders: bool
    lowers_by_itself: bool
    max_quantity: int
    max_batch: int

    def list_offers(self) -> Iterator[ListedOffer]:
        """Yield every offer of the account."""

    def push_stocks(self, writes: Sequence[StockWrite]) -> Mapping[str, WriteResult]:
        """Tell the channel the stock of at most ``max_batch`` offers; one result for each, by offer id.

        Raises:
            TransientConnectorError: nothing is known of any of them; ``maybe_acted`` when they may hold.
        """

    def poll_stocks(self, reference: str, offer_ids: Sequence[str]) -> Mapping[str, WriteResult]:
        """Ask what became of an accepted batch; ``accepted`` for each while the channel still works on it."""

    def read_stock(self, offer_id: str) -> ListedOffer:
        """Read one offer back."""


class OrderAcceptor(Protocol):
    """A channel whose orders wait until the seller accepts them."""

    def accept(self, external_order_id: str, line_ids: Sequence[str]) -> WriteResult:
        """Accept every line of an order; an order that is past this state counts as confirmed.

        Raises:
            TransientConnectorError: with ``maybe_acted`` when the order may be accepted nevertheless.
        """

    def is_waiting(self, external_order_id: str) -> bool:
        """Tell whether the order still waits for the decision: looked at before a decision in doubt is repeated."""


@dataclass(frozen=True, slots=True)
class ShipmentItem:
    """Pieces of one order line in a shipment."""

    external_line_id: str
    quantity: int


class ShipmentSink(Protocol):
    """A channel that wants to know what left and what will not."""

    def ship(
        self,
        external_order_id: str,
        items: Sequence[ShipmentItem],
        *,
        carrier: str,
        tracking: str | None,
        reference: str,
    ) -> WriteResult:
        """Announce one parcel; ``reference`` is ours, at most 90 characters."""

    def cancel_line(self, external_order_id: str, external_line_id: str, *, reason: str) -> WriteResult:
        """Cancel the open remainder of one line of an order."""

    def shipped_quantities(self, external_order_id: str) -> Mapping[str, int]:
        """Read what the channel holds as shipped, by line: looked at before a shipment in doubt is repeated."""

    def has_shipment(self, external_order_id: str, reference: str) -> bool:
        """Tell whether a shipment with our reference exists."""

    def poll_write(self, reference: str) -> WriteResult:
        """Ask what became of an accepted write."""


@dataclass(frozen=True, slots=True)
class EntryLine:
    """One line of a sales entry: net amount, VAT as taken from the gross, both in the entry's currency."""

    ledger_account: str
    amount_excl_vat: Decimal
    vat_amount: Decimal
    vat_code: str
    description: str


@dataclass(frozen=True, slots=True)
class SalesEntry:
    """A sales entry as planned. ``reference`` is unique and decides whether it exists already."""

    reference: str
    entry_date: date
    customer: str
    journal: str
    currency: str
    description: str
    lines: tuple[EntryLine, ...]
    payment_condition: str | None = None


@dataclass(frozen=True, slots=True)
class BookedEntry:
    """A sales entry as the books hold it: ``amount_incl_vat`` in its currency, ``entry_date`` when it was asked."""

    entry_id: str
    entry_number: str | None
    reference: str
    amount_incl_vat: Decimal | None
    entry_date: date | None = None


class InvoiceSink(Protocol):
    """Books that take sales entries."""

    def find_entries(self, reference: str) -> list[BookedEntry]:
        """Return all entries with exactly this reference."""

    def post_entry(self, entry: SalesEntry) -> BookedEntry:
        """Book one entry.

        Raises:
            TransientConnectorError: with ``maybe_acted`` when the entry may exist nevertheless.
            PermanentConnectorError: refused, with the books' own words.
        """


class BooksReader(Protocol):
    """Books whose sales entries can be read back, to be compared with what we think is in them."""

    def entries_of_day(self, day: date) -> Iterator[BookedEntry]:
        """Yield every sales entry of that date that has a reference, whoever booked it."""

    def entries_with(self, references: Sequence[str]) -> Iterator[BookedEntry]:
        """Yield every entry with one of exactly these references, whatever its date."""


@dataclass(frozen=True, slots=True)
class Token:
    """Credentials of one grant. ``refresh_token`` is ``None`` for client-credentials systems."""

    access_token: str
    obtained_at: datetime
    expires_at: datetime
    refresh_token: str | None = None

    def __repr__(self) -> str:
        return f"Token(expires_at={self.expires_at.isoformat()})"


class TokenSlot(Protocol):
    """The one place of a token, held under a lock that no other process has at the same time."""

    def read(self) -> Token | None:
        """Return the newest stored token, read now."""

    def write(self, token: Token) -> None:
        """Persist ``token`` durably before returning.

        Raises:
            LeaseLostError: the lock was lost meanwhile; the token was kept apart and must not be used.
        """

    def mark_dead(self, reason: str) -> None:
        """Record that only a person's consent can bring the grant back."""

    def dead_reason(self) -> str | None:
        """Return why the grant is dead, or ``None``."""


class TokenStore(Protocol):
    """Where tokens live, across processes."""

    def peek(self, key: str) -> Token | None:
        """Return the stored token without a lock."""

    def locked(self, key: str) -> AbstractContextManager[TokenSlot]:
        """Hold the token's lock; waits for another holder."""


class RateBudget(Protocol):
    """How many calls an account may still make, shared by everything that calls it."""

    def wait(self, group: str, *, deadline: datetime | None = None) -> None:
        """Return when a call of ``group`` may be made.

        Raises:
            TransientConnectorError: the wait would pass ``deadline``.
        """

    def learn(self, group: str, *, limit: int | None, remaining: int | None, reset_s: float | None) -> None:
        """Take in what the answer's headers said of ``group``."""

    def refuse(self, group: str, *, retry_after_s: float) -> None:
        """Take in a 429: no call of ``group`` before then."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a connector is told of its account: no store, no policy. ``secrets`` holds values, never shown."""

    name: str
    base_url: str | None = None
    token_url: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class House:
    """What the house lends a connector."""

    tokens: TokenStore
    budget: RateBudget
    deadline: datetime | None = None


class FileInterpreter(Protocol):
    """A file to canonical rows, in batches of whole orders, so that memory stays bounded."""

    def __call__(
        self, path: Path, *, kind: str | None = None, name: str | None = None
    ) -> Iterator[Interpretation]:
        """Yield what the file means. ``kind`` is ``orders``, ``stock_counts`` or ``shipments``; ``None`` sniffs.

        ``name`` is what the sender called the file, where ``path`` is a copy under another name.

        Raises:
            DataContractError: the file as a whole cannot be read; the message says what and where.
        """


class AccountProbe(Protocol):
    """One read-only visit to an account: what it may do and what a first load would meet."""

    lists_offers_by_reading: bool
    """Listing offers orders nothing at the system; where it does, an examination leaves it."""

    def visit(self, visit: Visit, wanted: BooksWanted) -> None:
        """Ask what can be asked without writing, and note what was found; never raises for what the system does."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a verified push asks to be read again: ``key`` is the same for every delivery of the same news.

    ``external_id`` is the order to read, ``None`` when the system does not name it: then changes must be listed.
    """

    key: str
    topic: str
    external_id: str | None


class WebhookDoor(Protocol):
    """A system that pushes news to us. What it pushes is never believed, only what is read afterwards."""

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
        """Tell whether a raw body was signed by the system and is not stale. Compares in constant time.

        ``headers`` have names in small letters. Nothing of the body is parsed before its signature was found right.
        """

    def notices(self, headers: Mapping[str, str], body: bytes) -> Sequence[Notice]:
        """Return what a verified body asks to be read; empty for news of other things, and for what is no message."""


@dataclass(frozen=True, slots=True)
class Connector:
    """One line of the registry: what a system can do and how to make it do so.

    Factories take the account and what the house lends; ``None`` means the system cannot do that.
    ``webhook_door`` gives ``None`` for an account to which nobody may push.
    ``write_interval_s`` is how long an account, by its options, must wait between two writes of stock; ``None``:
    it may write at any time.
    ``keep_alive`` renews a consent that would end when nobody calls for long; it tells whether it did.
    ``entities`` are what intake assets are made of: ``orders`` gives ``intake/<system>__orders``. Customers are read
    only of accounts that ask for it, and articles of the one account that is the merchant's master.
    ``ships_whole_orders`` tells by an account's options whether one announcement ships all of an order; ``None``: no.
    ``waits_for_seller`` tells by an account's options whether its orders wait to be accepted; ``None``: they always do
    where there is an ``order_acceptor``.
    """

    system: str
    title: str
    entities: tuple[str, ...]
    check_options: Callable[[Mapping[str, Any]], None]
    interpreter: Callable[[Mapping[str, Any]], Interpreter] | None = None
    file_interpreter: Callable[[Mapping[str, Any]], FileInterpreter] | None = None
    order_source: Callable[[Account, House], OrderSource] | None = None
    stock_sink: Callable[[Account, House], StockSink | StockBatchSink] | None = None
    order_acceptor: Callable[[Account, House], OrderAcceptor] | None = None
    waits_for_seller: Callable[[Mapping[str, Any]], bool] | None = None
    shipment_sink: Callable[[Account, House], ShipmentSink] | None = None
    ships_whole_orders: Callable[[Mapping[str, Any]], bool] | None = None
    invoice_sink: Callable[[Account, House], InvoiceSink] | None = None
    books_reader: Callable[[Account, House], BooksReader] | None = None
    return_source: Callable[[Account, House], ReturnSource] | None = None
    return_interpreter: ReturnInterpreter | None = None
    refund_sink: Callable[[Account, House], RefundSink] | None = None
    product_source: Callable[[Account, House], ProductSource] | None = None
    customer_source: Callable[[Account, House], CustomerSource] | None = None
    keep_alive: Callable[[Account, House], bool] | None = None
    account_probe: Callable[[Account, House], AccountProbe] | None = None
    limits: tuple[CallLimit, ...] = ()
    webhook_door: Callable[[Account], WebhookDoor | None] | None = None
    write_interval_s: Callable[[Mapping[str, Any]], int] | None = None
    secrets: tuple[str, ...] = ()

    def asks_seller(self, options: Mapping[str, Any]) -> bool:
        """Tell whether orders of an account with these options wait for the seller's word."""
        waits = self.waits_for_seller
        return self.order_acceptor is not None and (waits is None or waits(options))
