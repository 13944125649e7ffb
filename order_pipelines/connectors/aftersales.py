"""What else a connector can do: returns in, refunds out, the shop's own articles and customers. See ``ports.py``."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from order_pipelines.domain.orders import Address, Buyer
from order_pipelines.domain.returns import ReturnInterpretation

if TYPE_CHECKING:
    from order_pipelines.connectors.ports import Listed, Since, WriteResult


class ReturnSource(Protocol):
    """A channel that lists what customers announced to send back."""

    def list_returns(self, since: "Since") -> "Iterator[Listed]":
        """Yield every return changed since, possibly more than once; each is complete.

        Raises:
            NotOfferedError: the account has no returns there, and that is no mistake.
        """


class ReturnInterpreter(Protocol):
    """Body to returns; pure, never raises for bad content. ``name`` is the id that the listing gave."""

    def __call__(self, body: bytes, *, name: str | None = None) -> ReturnInterpretation: ...


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason that a channel takes."""

    code: str
    label: str


@dataclass(frozen=True, slots=True)
class LineMoney:
    """What one order line still holds at its channel: ``amount_left`` of the goods including VAT, after refunds.

    ``refund_ids`` are those that are there, whoever made them. ``refusal`` says why nothing can be refunded now.
    """

    amount_left: Decimal
    pieces_left: int
    unit_price_incl_vat: Decimal | None
    currency_code: str | None
    refund_ids: tuple[str, ...]
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class RefundWish:
    """Money back for a line, including VAT; ``quantity`` is informative, 0 for money without goods.

    ``known_refunds`` are the line's refunds that are others than this one: stored with the intention, so that a
    refund whose answer was lost is found.
    """

    external_order_id: str
    external_line_id: str
    amount_incl_vat: Decimal
    quantity: int
    reason: str
    known_refunds: frozenset[str]


class RefundSink(Protocol):
    """A channel that gives the customer's money back on the seller's word."""

    def reasons(self) -> Sequence[Reason]:
        """Return the reasons that the channel takes for a refund."""

    def look(self, external_order_id: str, external_line_id: str) -> LineMoney:
        """Read what is left of a line, before a refund is planned."""

    def refund(self, wish: RefundWish) -> "WriteResult":
        """Refund, unless the line shows this refund already; ``reference`` is its id there.

        Raises:
            TransientConnectorError: with ``maybe_acted`` when it may be done: call again with the same wish.
        """


@dataclass(frozen=True, slots=True)
class ListedProduct:
    """One article of a shop that can be bought. ``tax_rate_pct`` is a percentage, 21 for 21 %."""

    product_id: str
    sku: str | None
    name: str | None
    ean: str | None
    tax_rate_pct: Decimal | None
    weight_grams: int | None = None


class ProductSource(Protocol):
    """A system whose articles are the merchant's master."""

    def list_products(self) -> Iterator[ListedProduct]:
        """Yield every article that can be bought; raises when not all could be had."""


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer as a shop has it. A guest has ordered without an account."""

    customer_id: str
    customer_number: str | None
    buyer: Buyer
    billing_address: Address | None
    is_guest: bool
    changed_at: datetime | None


class CustomerSource(Protocol):
    """A shop whose customers can be listed by change."""

    def list_customers(self, since: "Since") -> Iterator[Customer]:
        """Yield every customer that changed since."""
