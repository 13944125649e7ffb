"""What may be promised of an article at a channel: named terms, each visible, and the policy that shows them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from order_pipelines.errors import DomainRuleError

PolicyKind = Literal["exact", "capped", "hidden", "always"]


@dataclass(frozen=True, slots=True)
class LocationStock:
    """One article at one location: pieces in the place, reserved for carts, owed to customers.

    Args:
        location: name of the place.
        on_hand: as the ledger says; negative shows a wrong count.
        reserved: pieces of live carts, >= 0.
        open_demand: sold, not yet shipped or cancelled, >= 0.
        is_counted: whether it was ever counted.
    """

    location: str
    on_hand: int
    reserved: int = 0
    open_demand: int = 0
    is_counted: bool = True


@dataclass(frozen=True, slots=True)
class Incoming:
    """Pieces on a purchase order that have not arrived; ``expected_on`` ``None`` where nobody promised a day."""

    quantity: int
    expected_on: date | None


@dataclass(frozen=True, slots=True)
class Terms:
    """Everything the availability of one article for one account is made of, in pieces.

    Args:
        locations: the places that serve the account.
        external: pieces at places of other parties that serve the account; part of ``locations``.
        buffer: held back for the account, >= 0.
        supplier_direct: what suppliers would send for us, >= 0.
        incoming: on purchase orders for the serving places.
        counts_supplier: whether the account may promise what suppliers have.
        counts_incoming_until: what is expected up to this day may be promised; ``None``: nothing of it.
    """

    locations: tuple[LocationStock, ...] = ()
    external: frozenset[str] = frozenset()
    buffer: int = 0
    supplier_direct: int = 0
    incoming: tuple[Incoming, ...] = ()
    counts_supplier: bool = False
    counts_incoming_until: date | None = None

    def __post_init__(self) -> None:
        parts = [self.buffer, self.supplier_direct]
        parts += [value for place in self.locations for value in (place.reserved, place.open_demand)]
        if min(parts) < 0:
            raise DomainRuleError(f"buffer, reserved, demand and supplier stock may not be negative: {self}")

    @property
    def is_known(self) -> bool:
        """Whether the article was counted at any of the places; nothing is told of what nobody ever counted."""
        return any(place.is_counted for place in self.locations)

    @property
    def on_hand(self) -> int:
        """Pieces in the merchant's own places. A place below zero is a wrong count: it takes nothing from others."""
        return sum(max(0, place.on_hand) for place in self.locations if place.location not in self.external)

    @property
    def external_on_hand(self) -> int:
        """Pieces in places of other parties."""
        return sum(max(0, place.on_hand) for place in self.locations if place.location in self.external)

    @property
    def missing(self) -> int:
        """Pieces by which places are below zero: to be counted, never promised."""
        return sum(max(0, -place.on_hand) for place in self.locations)

    @property
    def reserved(self) -> int:
        """Pieces of live carts."""
        return sum(place.reserved for place in self.locations)

    @property
    def open_demand(self) -> int:
        """Pieces sold and not yet shipped or cancelled."""
        return sum(place.open_demand for place in self.locations)

    @property
    def supplier_counted(self) -> int:
        """What of the suppliers' stock may be promised."""
        return self.supplier_direct if self.counts_supplier else 0

    @property
    def incoming_counted(self) -> int:
        """What of the purchase orders may be promised."""
        until = self.counts_incoming_until
        if until is None:
            return 0
        return sum(
            item.quantity
            for item in self.incoming
            if item.expected_on is not None and item.expected_on <= until
        )

    @property
    def balance(self) -> int:
        """The sum of all terms; below zero it is what cannot be delivered."""
        return (
            self.on_hand
            + self.external_on_hand
            + self.supplier_counted
            + self.incoming_counted
            - self.reserved
            - self.open_demand
            - self.buffer
        )

    @property
    def available(self) -> int:
        """What may be promised, never below zero."""
        return max(0, self.balance)


@dataclass(frozen=True, slots=True)
class Policy:
    """How an account shows what is available (R087).

    ``exact`` tells the number, ``capped`` at most ``cap``, ``hidden`` only whether there is enough: ``shown`` pieces or
    none, so that no competitor can count; ``always`` tells ``shown`` whatever there is, for customers who wait.
    None but ``always`` ever tells more than is available.
    """

    kind: PolicyKind = "exact"
    cap: int | None = None
    shown: int = 1

    def __post_init__(self) -> None:
        if self.kind == "capped" and (self.cap is None or self.cap < 0):
            raise DomainRuleError("a capped policy needs a cap of at least 0")
        if self.kind in {"hidden", "always"} and self.shown < 1:
            raise DomainRuleError(f"a policy {self.kind!r} shows at least 1 piece")

    def promise(self, available: int) -> int:
        """Return what shoppers of the account may see of ``available`` pieces."""
        if self.kind == "always":
            return self.shown
        if self.kind == "hidden":
            return self.shown if available >= self.shown else 0
        if self.kind == "capped" and self.cap is not None:
            return min(available, self.cap)
        return available


def buildable(parts: Mapping[str, int], available: Mapping[str, int]) -> int:
    """Return how many bundles can be made: ``parts`` is pieces of each article in one bundle, >= 1.

    Raises:
        DomainRuleError: the bundle has no parts, or a part of less than one piece.
    """
    if not parts or min(parts.values()) < 1:
        raise DomainRuleError("a bundle has at least one part of at least one piece")
    return min(max(0, available.get(sku, 0)) // quantity for sku, quantity in parts.items())


@dataclass(frozen=True, slots=True)
class Explained:
    """The way from what lies there to the number a channel is told.

    ``own_open`` are pieces of orders of this channel that it subtracts by itself; ``own_reserved`` pieces that lie in
    carts of this very shop: it checks its own stock at checkout, so a cart's own piece must be in its number.
    """

    terms: Terms
    policy: Policy
    available: int
    promised: int
    own_open: int
    own_reserved: int
    told: int
    parts: Mapping[str, "Explained"] = field(default_factory=dict)


def explain(
    terms: Terms,
    policy: Policy,
    *,
    own_open: int,
    own_reserved: int = 0,
    max_quantity: int,
    available: int | None = None,
    parts: Mapping[str, Explained] | None = None,
) -> Explained:
    """Return the number a channel needs to hear (contracts: every channel means another number by stock).

    Args:
        terms: of the article; empty for a bundle.
        policy: how the account shows it.
        own_open: open pieces of the channel's own orders where the channel subtracts them itself, else 0.
        own_reserved: pieces in live carts of this shop.
        max_quantity: the largest number the channel takes.
        available: of a bundle, as its parts allow it; else that of ``terms``.
        parts: of a bundle, how each part comes about.
    """
    free = terms.balance if available is None else available
    # What the carts of this shop hold is theirs to buy: it is available to this shop and to no other.
    promised = policy.promise(max(0, free + own_reserved))
    told = max(0, min(promised + own_open, max_quantity))
    return Explained(terms, policy, max(0, free), promised, own_open, own_reserved, told, parts or {})
