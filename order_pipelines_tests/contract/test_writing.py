"""Every connector that writes says what came of it, does it once, and lets no row decide about another."""

from typing import Any

import pytest

from order_pipelines_tests.contract import rules_writing as rules
from order_pipelines_tests.contract.conftest import MakeOutside, OpenHouse
from order_pipelines_tests.contract.data import Call
from order_pipelines_tests.contract.subject import able, subject_of
from order_pipelines_tests.contract.test_reading import REFUSALS

STOCK = able(lambda connector: connector.stock_sink)
PARCELS = able(lambda connector: connector.shipment_sink)
ACCEPTING = able(lambda connector: connector.order_acceptor)
BOOKS = able(lambda connector: connector.invoice_sink)
ORDER_WRITES = [
    *(("acceptance", system) for system in ACCEPTING),
    *(("shipment", system) for system in PARCELS),
    *(("cancellation", system) for system in PARCELS),
]


def _name(value: Any) -> str:
    if isinstance(value, Call):
        return f"{value.method} {value.match}".strip("/").replace("/", "_")
    return str(value)


@pytest.mark.parametrize("system", STOCK)
def test_one_bad_row_of_stock_decides_about_no_other(outside: MakeOutside, system: str) -> None:
    rules.one_bad_row_decides_about_no_other(outside(system))


@pytest.mark.parametrize(
    ("system", "kind"),
    [(system, kind) for system in STOCK for kind in subject_of(system).data.writes["stock"].late_refusals],
)
def test_stock_that_is_refused_afterwards_was_not_confirmed(
    outside: MakeOutside, system: str, kind: str
) -> None:
    rules.a_late_refusal_of_stock_is_no_confirmation(outside(system), kind)


@pytest.mark.parametrize("kind", REFUSALS)
@pytest.mark.parametrize("system", STOCK)
def test_a_stock_write_obeys_too_many_calls(outside: MakeOutside, system: str, kind: str) -> None:
    rules.a_stock_write_obeys_too_many_calls(outside(system), kind)


@pytest.mark.parametrize(
    ("system", "call"),
    [(system, call) for system in STOCK for call in subject_of(system).data.writes["stock"].calls],
    ids=_name,
)
def test_stock_holds_although_its_answer_was_lost(
    outside: MakeOutside, house: OpenHouse, system: str, call: Call
) -> None:
    world_outside = outside(system)
    with house(world_outside) as world:
        rules.stock_holds_although_its_answer_was_lost(world_outside, world, call)


@pytest.mark.parametrize(("write", "system"), ORDER_WRITES)
def test_one_bad_order_decides_about_no_other(
    outside: MakeOutside, house: OpenHouse, system: str, write: str
) -> None:
    world_outside = outside(system)
    with house(world_outside, options=rules.write_of(world_outside, write).options) as world:
        rules.one_bad_order_decides_about_no_other(world_outside, world, write)


@pytest.mark.parametrize(
    ("write", "system", "call"),
    [
        (write, system, call)
        for write, system in ORDER_WRITES
        for call in subject_of(system).data.writes[write].calls  # type: ignore[index]
    ],
    ids=_name,
)
def test_an_effect_happens_once_although_its_answer_was_lost(
    outside: MakeOutside, house: OpenHouse, system: str, write: str, call: Call
) -> None:
    world_outside = outside(system)
    with house(world_outside, options=rules.write_of(world_outside, write).options) as world:
        rules.an_effect_happens_once_although_its_answer_was_lost(world_outside, world, write, call)


@pytest.mark.parametrize(
    ("write", "system", "kind"),
    [
        (write, system, kind)
        for write, system in ORDER_WRITES
        for kind in subject_of(system).data.writes[write].late_refusals  # type: ignore[index]
    ],
)
def test_what_is_refused_afterwards_was_not_confirmed(
    outside: MakeOutside, house: OpenHouse, system: str, write: str, kind: str
) -> None:
    world_outside = outside(system)
    with house(world_outside) as world:
        rules.a_late_refusal_is_no_confirmation(world_outside, world, write, kind)


@pytest.mark.parametrize("kind", REFUSALS)
@pytest.mark.parametrize("system", PARCELS)
def test_a_parcel_obeys_too_many_calls(
    outside: MakeOutside, house: OpenHouse, system: str, kind: str
) -> None:
    world_outside = outside(system)
    with house(world_outside) as world:
        rules.a_parcel_obeys_too_many_calls(world_outside, world, kind)


@pytest.mark.parametrize(
    ("system", "call"),
    [(system, call) for system in BOOKS for call in subject_of(system).data.entry.calls],  # type: ignore[union-attr]
    ids=_name,
)
def test_an_entry_is_booked_once_although_its_answer_was_lost(
    outside: MakeOutside, house: OpenHouse, system: str, call: Call
) -> None:
    world_outside = outside(system)
    with house(world_outside) as world:
        rules.an_entry_is_booked_once_although_its_answer_was_lost(world_outside, world, call)


@pytest.mark.parametrize("kind", REFUSALS)
@pytest.mark.parametrize("system", BOOKS)
def test_an_entry_obeys_too_many_calls(
    outside: MakeOutside, house: OpenHouse, system: str, kind: str
) -> None:
    world_outside = outside(system)
    with house(world_outside) as world:
        rules.an_entry_obeys_too_many_calls(world_outside, world, kind)
