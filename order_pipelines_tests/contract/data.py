"""What the kit must be told of a system: which recordings, members and calls mean what. Data only, never code."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from order_pipelines.connectors.ports import Connector

FILE = "contract.toml"


class MissingData(Exception):
    """The kit cannot ask a connector anything; the text names the file and the part of it that is wanted."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Act(_Part):
    """Something that happens to an order outside, in the words of the stand-in's control port."""

    act: str
    detail: dict[str, Any] = {}


class Step(_Part):
    """Acts, and how long the world then waits."""

    acts: tuple[Act, ...] = ()
    wait_s: float = 60.0


class StandIn(_Part):
    """Where the system stands in the sandbox.

    ``accounts``: the one that is used, and another one of the same system. ``article`` is on offer at both. ``made_by``
    is ``module:Class`` below the connector's own package, for a system that the sandbox does not have.
    """

    accounts: tuple[str, str]
    article: str
    made_by: str | None = None


class Listing(_Part):
    """Sizes of pages as the connector asks for them, the offers in the stand-in, and how access is renewed.

    ``offers_shown`` is their place in the stand-in's state, ``offers_kept_at`` where it keeps them itself, so that they
    can be taken away: ``desks[bol_main].shop.offers``. ``renews_tokens`` is false where the right to call is a key that
    does not end.
    """

    order_page: int
    offer_page: int = 0
    offers_shown: str = ""
    offers_kept_at: str = ""
    renews_tokens: bool = True


class Versions(_Part):
    """What happens to an order of three pieces, step by step, and what its newest version says."""

    steps: tuple[Step, ...]
    newest: dict[str, Any]


class Call(_Part):
    """One outward call, told apart by its method and a part of its path."""

    method: str
    match: str


class Write(_Part):
    """One outward write.

    ``calls`` are those whose answer may be lost. ``shown`` is the place in the stand-in's state where the effect can be
    seen (see ``places.py``); ``value`` is what stands there when it is done, where that is not the number or the code
    of the kit. ``before`` is what the order must have gone through, ``late_refusals`` are faults by which a write that
    was accepted fails afterwards.
    """

    calls: tuple[Call, ...]
    shown: str
    value: Any = None
    before: tuple[Step, ...] = ()
    options: dict[str, Any] = {}
    reason: str = ""
    late_refusals: tuple[str, ...] = ()


class EnumMember(_Part):
    """A member that holds one of several words. ``decides`` is the fact that hangs on it, ``""`` for none.

    ``beside`` is a member of the object in which ``path`` begins, where the same path means other things elsewhere.
    """

    path: str
    beside: str = ""
    decides: Literal["", "order_status", "payment_status", "fulfilment_status", "own_fulfilment", "lines"] = (
        ""
    )


class Derived(_Part):
    """A fact that is known though a member is not there, and why that is no guess."""

    without: str
    fact: str
    why: str


class Difference(_Part):
    """A recording whose parts do not add up to its total, and why that is so."""

    recording: str
    amount: str
    why: str


class Changes(_Part):
    """What the kit may do to the recordings. Paths are matched by their end: ``lines[].price``."""

    enums: tuple[EnumMember, ...] = ()
    personal: tuple[str, ...] = ()
    money: tuple[str, ...] = ()
    derived: tuple[Derived, ...] = ()
    differences: tuple[Difference, ...] = ()
    named_by_content: tuple[str, ...] = ()


class Entry(_Part):
    """A sales entry that the books take, in words of the stand-in's own description."""

    customer: str
    journal: str
    ledger_account: str
    vat_code: str
    shown: str
    calls: tuple[Call, ...]


class ContractData(_Part):
    """All that the kit is told of a system."""

    stand_in: StandIn | None = None
    options: dict[str, Any] = {}
    listing: Listing | None = None
    versions: Versions | None = None
    writes: dict[Literal["stock", "acceptance", "shipment", "cancellation"], Write] = {}
    entry: Entry | None = None
    mapping: Changes = Changes()


def needed(connector: Connector) -> dict[str, str]:
    """Return the parts of the data that a connector needs, each with the ability that asks for it."""
    wanted: dict[str, str] = {}
    if connector.order_source is not None:
        wanted |= {"stand_in": "order_source", "listing": "order_source", "versions": "order_source"}
    if connector.stock_sink is not None:
        wanted |= {"stand_in": "stock_sink", "writes.stock": "stock_sink"}
    if connector.order_acceptor is not None:
        wanted |= {"writes.acceptance": "order_acceptor"}
    if connector.shipment_sink is not None:
        wanted |= {"writes.shipment": "shipment_sink", "writes.cancellation": "shipment_sink"}
    if connector.invoice_sink is not None:
        wanted |= {"stand_in": "invoice_sink", "entry": "invoice_sink"}
    if connector.interpreter is not None:
        wanted |= {
            "mapping.enums": "interpreter",
            "mapping.money": "interpreter",
            "mapping.personal": "interpreter",
        }
    return wanted


def read_data(connector: Connector, folder: Path) -> ContractData:
    """Return the data of a connector.

    Raises:
        MissingData: there is none, or a part is missing that one of the connector's abilities needs.
    """
    path = folder / FILE
    shown = f"order_pipelines_tests/recorded/{connector.system}/{FILE}"
    if not path.is_file():
        raise MissingData(
            f"the connector {connector.system} has no data for the contract kit: write {shown} "
            "(CONTRIBUTING.md, 'Add a channel')"
        )
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        data = ContractData.model_validate(content)
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise MissingData(f"{shown} cannot be read: {error}") from None
    for part, ability in needed(connector).items():
        if not _has(content, part):
            raise MissingData(f"{shown} says nothing of [{part}], which the ability {ability} needs")
    return data


def _has(content: Mapping[str, Any], part: str) -> bool:
    found: Any = content
    for name in part.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return False
        found = found[name]
    return True
