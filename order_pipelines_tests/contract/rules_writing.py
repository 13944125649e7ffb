"""What must be true of a connector that writes: stock, acceptances, parcels, cancellations, sales entries."""

from collections.abc import Mapping, Sequence
from typing import Any

from order_pipelines.connectors.ports import (
    ShipmentItem,
    StockBatchSink,
    StockSink,
    StockWrite,
    WriteResult,
)
from order_pipelines.services.dispatch import dispatch_kind
from order_pipelines.services.stock_push import push_account, read_back, refresh_offers
from order_pipelines_tests.contract.data import Call, Write
from order_pipelines_tests.contract.inside import KINDS, effect, known_lines, plan_entry, plan_write
from order_pipelines_tests.contract.outside import Outside, minutes_ago
from order_pipelines_tests.contract.rules_reading import RETRY_AFTER_S, assert_obeyed
from order_pipelines_tests.services.shop_world import ShopWorld

PIECES = 2
NEW_STOCK = 17
UNKNOWN_OFFER = "no-such-offer"
_ROUNDS = 8
_SETTLED = ("confirmed", "rejected", "in_doubt")


def write_of(outside: Outside, name: str) -> Write:
    """Return what the data say of a write."""
    return outside.subject.data.writes[name]  # type: ignore[index]


# ------------------------------------------------------------------------------------------------ stock


def push(sink: StockSink | StockBatchSink, writes: Sequence[StockWrite]) -> dict[str, WriteResult]:
    """Send stocks through either kind of sink."""
    if isinstance(sink, StockBatchSink):
        return dict(sink.push_stocks(writes))
    return {write.offer_id: sink.push_stock(write.offer_id, write.quantity) for write in writes}


def settled(
    outside: Outside, sink: StockSink | StockBatchSink, results: Mapping[str, WriteResult]
) -> dict[str, WriteResult]:
    """Ask until nothing is merely accepted any more."""
    known = dict(results)
    for _ in range(_ROUNDS):
        waiting = [offer for offer, result in known.items() if result.state == "accepted"]
        if not waiting:
            break
        outside.pass_time(61)
        for offer in waiting:
            reference = known[offer].reference
            assert reference is not None, "an accepted write must say by what it is asked for"
            if isinstance(sink, StockBatchSink):
                known[offer] = sink.poll_stocks(reference, [offer])[offer]
            else:
                known[offer] = sink.poll_write(reference)
    assert all(result.state in _SETTLED for result in known.values()), known
    return known


def offers_of(sink: StockSink | StockBatchSink, count: int) -> list[str]:
    """Return offers that the merchant ships himself."""
    found = [offer.offer_id for offer in sink.list_offers() if offer.is_own_fulfilment]
    return sorted(found)[:count]


def one_bad_row_decides_about_no_other(outside: Outside) -> None:
    sink = outside.connect(lambda connector: connector.stock_sink)
    first, second = offers_of(sink, 2)
    writes = [StockWrite(first, 11), StockWrite(UNKNOWN_OFFER, 12), StockWrite(second, 13)]
    results = settled(outside, sink, push(sink, writes))
    assert {offer: result.state for offer, result in results.items()} == {
        first: "confirmed",
        UNKNOWN_OFFER: "rejected",
        second: "confirmed",
    }
    assert results[UNKNOWN_OFFER].reason
    shown = write_of(outside, "stock").shown
    assert outside.shown(shown, offer=first) == [11]
    assert outside.shown(shown, offer=second) == [13]
    assert outside.shown(shown, offer=UNKNOWN_OFFER) == []


def a_late_refusal_of_stock_is_no_confirmation(outside: Outside, kind: str) -> None:
    sink = outside.connect(lambda connector: connector.stock_sink)
    (offer,) = offers_of(sink, 1)
    shown = write_of(outside, "stock").shown
    before = outside.shown(shown, offer=offer)
    outside.fault(kind, account=outside.account_name)
    results = settled(outside, sink, push(sink, [StockWrite(offer, before[0] + 5)]))
    assert outside.shown(shown, offer=offer) == before, "the stand-in was told to take nothing"
    assert results[offer].state != "confirmed"


def a_stock_write_obeys_too_many_calls(outside: Outside, kind: str) -> None:
    sink = outside.connect(lambda connector: connector.stock_sink)
    (offer,) = offers_of(sink, 1)
    write = write_of(outside, "stock")
    outside.fault(kind, seconds=RETRY_AFTER_S, **_aim(write.calls[0]), account=outside.account_name)
    results = outside.patiently(lambda: push(sink, [StockWrite(offer, NEW_STOCK)]))
    assert settled(outside, sink, results)[offer].state == "confirmed"
    assert outside.shown(write.shown, offer=offer) == [NEW_STOCK]
    assert_obeyed(outside.sandbox.heard, RETRY_AFTER_S if kind == "429" else 1.0)


def stock_holds_although_its_answer_was_lost(outside: Outside, world: ShopWorld, call: Call) -> None:
    account, write = outside.account_name, write_of(outside, "stock")
    assert world.sweep(account).problem is None
    assert refresh_offers(world.shop, account).problem is None
    world.count(outside.article, NEW_STOCK, ago_h=1)
    outside.fault("drop_reply_after_acting", **_aim(call), account=account)
    push_account(world.shop, account)
    row = _stock_row(outside, world)
    assert row.state != "confirmed", "an answer that was lost confirms nothing"
    for _ in range(_ROUNDS):
        world.pass_time(minutes=11)
        world.sweep(account)
        refresh_offers(world.shop, account)
        push_account(world.shop, account)
        read_back(world.shop, account)
    row = _stock_row(outside, world)
    assert (row.state, row.confirmed_quantity) == ("confirmed", NEW_STOCK)
    assert outside.shown(write.shown, offer=row.offer_id) == [NEW_STOCK]


def _stock_row(outside: Outside, world: ShopWorld) -> Any:
    rows = world.rows("channel_stock", account=outside.account_name, sku=outside.article)
    assert rows, f"no offer of {outside.account_name} has the article {outside.article}"
    return rows[0]


# ------------------------------------------------------------------------------------------------ orders


def booked_order(outside: Outside, world: ShopWorld, write: Write) -> str:
    """Let an order be bought, go through what the write asks for, and be booked."""
    order_id = outside.buy(PIECES, at=minutes_ago(outside, 1))
    outside.go_through(order_id, write.before)
    assert world.sweep(outside.account_name).problem is None
    assert known_lines(world, f"{outside.account_name}:{order_id}"), "the order was not booked"
    return order_id


def dispatched(outside: Outside, world: ShopWorld, kind: str, rounds: int = _ROUNDS) -> None:
    """Send what is due, again and again, minutes apart."""
    for _ in range(rounds):
        dispatch_kind(world.shop, kind)
        world.pass_time(minutes=6)
        outside.state()


def is_done(outside: Outside, name: str, order_id: str, tracking: str) -> int:
    """Return how often an effect can be seen outside."""
    write = write_of(outside, name)
    wanted = tracking if name == "shipment" else PIECES if write.value is None else write.value
    return outside.shown(write.shown, order=order_id).count(wanted)


def an_effect_happens_once_although_its_answer_was_lost(
    outside: Outside, world: ShopWorld, name: str, call: Call
) -> None:
    write = write_of(outside, name)
    order_id = booked_order(outside, world, write)
    key = plan_write(world, name, outside.account_name, order_id, tracking="3SKIT1", reason=write.reason)
    outside.fault("drop_reply_after_acting", **_aim(call), account=outside.account_name)
    dispatch_kind(world.shop, KINDS[name])
    assert not outside.standin.faults.pending(), f"no call met the fault at {call}"
    assert effect(world, key).state != "confirmed", "an answer that was lost confirms nothing"

    world.pass_time(minutes=6)
    world.sweep(outside.account_name)
    dispatched(outside, world, KINDS[name])

    assert effect(world, key).state == "confirmed", effect(world, key).reason
    assert is_done(outside, name, order_id, "3SKIT1") == 1


def one_bad_order_decides_about_no_other(outside: Outside, world: ShopWorld, name: str) -> None:
    """One order is cancelled outside before its effect is sent; the other's effect is done all the same."""
    write = write_of(outside, name)
    bad, good = booked_order(outside, world, write), booked_order(outside, world, write)
    keys = {
        order_id: plan_write(
            world,
            name,
            outside.account_name,
            order_id,
            tracking=f"3SKIT{number}",
            reason=write.reason,
        )
        for number, order_id in enumerate((bad, good))
    }
    _spoil(world, keys[bad])
    dispatched(outside, world, KINDS[name])
    assert effect(world, keys[good]).state == "confirmed", effect(world, keys[good]).reason
    assert is_done(outside, name, good, "3SKIT1") == 1
    spoiled = effect(world, keys[bad])
    assert spoiled.state != "confirmed"
    assert spoiled.reason
    assert is_done(outside, name, bad, "3SKIT0") == 0


def _spoil(world: ShopWorld, key: str) -> None:
    """Let a planned effect be about an order and a line that the channel does not have."""
    import sqlalchemy as sa

    from order_pipelines.operations.tables import outbox

    payload = dict(effect(world, key).payload)
    if "external_order_id" in payload:
        payload["external_order_id"] = "0" * 31 + "f"
    if "line_id" in payload:
        payload["line_id"] = "0" * 31 + "e"
    if "items" in payload:
        payload["items"] = [{**item, "line_id": "0" * 31 + "e"} for item in payload["items"]]
    with world.shop.store.transaction() as connection:
        connection.execute(sa.update(outbox).where(outbox.c.effect_key == key).values(payload=payload))


def a_late_refusal_is_no_confirmation(outside: Outside, world: ShopWorld, name: str, kind: str) -> None:
    write = write_of(outside, name)
    order_id = booked_order(outside, world, write)
    key = plan_write(world, name, outside.account_name, order_id, tracking="3SKIT1", reason=write.reason)
    outside.fault(kind, account=outside.account_name)
    dispatched(outside, world, KINDS[name], rounds=2)
    is_there = is_done(outside, name, order_id, "3SKIT1") == 1
    assert is_there or effect(world, key).state != "confirmed", "the stand-in took nothing"


def a_parcel_obeys_too_many_calls(outside: Outside, world: ShopWorld, kind: str) -> None:
    write = write_of(outside, "shipment")
    order_id = booked_order(outside, world, write)
    lines = known_lines(world, f"{outside.account_name}:{order_id}")
    sink = outside.connect(lambda connector: connector.shipment_sink, **write.options)
    outside.sandbox.heard.clear()
    outside.fault(kind, seconds=RETRY_AFTER_S, **_aim(write.calls[0]), account=outside.account_name)
    result = outside.patiently(
        lambda: sink.ship(
            order_id,
            [ShipmentItem(line.line_id, PIECES) for line in lines],
            carrier="PostNL",
            tracking="3SKIT1",
            reference="ref-3SKIT1",
        )
    )
    for _ in range(_ROUNDS):
        if result.state != "accepted":
            break
        outside.pass_time(61)
        assert result.reference is not None
        result = sink.poll_write(result.reference)
    assert result.state == "confirmed", result.reason
    outside.state()
    assert is_done(outside, "shipment", order_id, "3SKIT1") == 1
    assert_obeyed(outside.sandbox.heard, RETRY_AFTER_S if kind == "429" else 1.0)


# ------------------------------------------------------------------------------------------------ entries


def entry_payload(outside: Outside, reference: str) -> dict[str, Any]:
    """Return an entry of 121.00 as planning writes it, in the codes of the stand-in's books."""
    data, row = outside.subject.data.entry, outside.described(outside.account_name)
    assert data is not None
    line = {
        "ledger_account": data.ledger_account.format(**row),
        "amount_excl_vat": "100.00",
        "vat_amount": "21.00",
        "vat_code": data.vat_code.format(**row),
        "description": "goods",
    }
    return {
        "reference": reference,
        "entry_date": outside.sandbox.clock.now().date().isoformat(),
        "customer": data.customer.format(**row),
        "journal": data.journal.format(**row),
        "currency": "EUR",
        "description": reference,
        "lines": [line],
        "payment_condition": None,
    }


def an_entry_is_booked_once_although_its_answer_was_lost(
    outside: Outside, world: ShopWorld, call: Call
) -> None:
    data = outside.subject.data.entry
    assert data is not None
    key = plan_entry(world, outside.account_name, entry_payload(outside, "KIT-1"))
    outside.fault("drop_reply_after_acting", **_aim(call))
    dispatch_kind(world.shop, KINDS["entry"])
    assert effect(world, key).state == "in_doubt"
    dispatched(outside, world, KINDS["entry"], rounds=3)
    assert effect(world, key).state == "confirmed", effect(world, key).reason
    assert outside.shown(data.shown).count("KIT-1") == 1


def an_entry_obeys_too_many_calls(outside: Outside, world: ShopWorld, kind: str) -> None:
    data = outside.subject.data.entry
    assert data is not None
    key = plan_entry(world, outside.account_name, entry_payload(outside, "KIT-1"))
    outside.fault(kind, seconds=RETRY_AFTER_S, **_aim(data.calls[0]))
    dispatched(outside, world, KINDS["entry"], rounds=3)
    assert effect(world, key).state == "confirmed", effect(world, key).reason
    assert outside.shown(data.shown).count("KIT-1") == 1
    assert_obeyed(outside.sandbox.heard, RETRY_AFTER_S if kind == "429" else 1.0)


def _aim(call: Call) -> dict[str, str]:
    return {"method": call.method, "match": call.match}
