"""The stock certificate counts what it says: channels, shelves and knowledge by hand, and a lane that fails is seen."""

from collections import defaultdict
from dataclasses import asdict
from datetime import UTC, datetime

import pytest

from benchmarks import certificate
from benchmarks.certificate_demand import HOUR, RULES, Outage, Plan, Rule, Shopper, make_plan
from benchmarks.certificate_judge import Tally, fate_of
from benchmarks.certificate_lane import OurLane
from benchmarks.certificate_time import Process, Simulation
from benchmarks.certificate_tools import PollingTool
from benchmarks.certificate_world import Books, Channel, Oversold, Placed, Write
from order_pipelines.live.worker import Worker

START = datetime(2026, 6, 1, tzinfo=UTC)
THREE = tuple(rule for rule in RULES if rule.name in {"bol_main", "blokker", "webshop"})


def _shopper(at: float, channel: str = "webshop", pieces: int = 1) -> Shopper:
    return Shopper(0, at, channel, "ART", pieces, 5.0, (), None, None)


def _placed(at: float, name: str = "A1", pieces: int = 1) -> Placed:
    return Placed(name, "webshop", "ART", pieces, at, _shopper(at), short=pieces)


def _channel(rule: Rule, *outages: Outage) -> Channel:
    channel = Channel(rule, Simulation(START), list(outages), 1)
    channel.open_with("ART", 10)
    return channel


# ------------------------------------------------------------------------------------------------ time


def test_processes_go_on_in_the_order_of_their_moments() -> None:
    simulation = Simulation(START)
    seen: list[tuple[str, float]] = []

    def body(process: Process) -> None:
        for seconds in (2.0, 5.0) if process.name == "slow" else (1.0, 3.0):
            process.sleep(seconds)
            seen.append((process.name, simulation.now))

    simulation.process("slow", body)
    simulation.process("quick", body)
    simulation.run_until(100)
    assert seen == [("quick", 1.0), ("slow", 2.0), ("quick", 4.0), ("slow", 7.0)]


def test_a_nudge_wakes_a_process_once_and_is_not_lost_while_it_works() -> None:
    simulation = Simulation(START)
    woken: list[tuple[bool, float]] = []

    def body(process: Process) -> None:
        while True:
            woken.append((process.wait(60), simulation.now))
            process.sleep(5)

    process = simulation.process("sleeper", body)
    for at in (10, 12, 100):
        simulation.at(at, process.nudge)
    simulation.run_until(130)
    assert woken == [(True, 10.0), (True, 15.0), (False, 80.0), (True, 100.0)]
    simulation.close()
    assert process.is_over


def test_what_ends_a_process_ends_the_run() -> None:
    simulation = Simulation(START)

    def body(process: Process) -> None:
        process.sleep(1)
        raise ValueError("no such thing")

    simulation.process("broken", body)
    with pytest.raises(ValueError, match="no such thing"):
        simulation.run_until(10)


# ------------------------------------------------------------------------------------------------ channels and books


@pytest.mark.parametrize(
    ("name", "after_two_orders", "after_a_write_of_9", "after_one_is_cancelled"),
    [("bol_main", 8, 7, 8), ("bol_outlet", 8, 9, 9), ("blokker", 8, 9, 9), ("webshop", 8, 9, 10)],
)
def test_channels_show_what_their_rules_make_of_it(
    name: str, after_two_orders: int, after_a_write_of_9: int, after_one_is_cancelled: int
) -> None:
    (rule,) = (one for one in RULES if one.name == name)
    simulation = Simulation(START)
    channel = Channel(rule, simulation, [], 1)
    channel.open_with("ART", 10)
    orders = [_placed(0, "A1"), _placed(0, "A2")]
    for order in orders:
        channel.accept(order)
    assert channel.shown("ART") == after_two_orders
    channel.write("ART", 9)
    assert channel.shown("ART") == after_two_orders
    simulation.run_until(60)
    assert channel.shown("ART") == after_a_write_of_9
    channel.end(orders[0], is_cancelled=True)
    assert channel.shown("ART") == after_one_is_cancelled


def test_books_know_what_was_read_and_since_when_it_was_too_little() -> None:
    books = Books()
    books.count("ART", 2, taken_at=0, now=10)
    first, second = _placed(20, "A1"), _placed(30, "A2")
    books.read(first, 40)
    assert (books.left("ART"), books.low_since("ART", 1), books.low_since("ART", 2)) == (1, None, 40)
    books.read(second, 50)
    books.read(second, 60)
    assert (books.left("ART"), books.low_since("ART", 1), first.known_at) == (0, 50, 40)
    first.cancelled_at = 70
    books.read(first, 80)
    assert (books.left("ART"), books.low_since("ART", 1), books.low_since("ART", 2)) == (1, None, 40)


def test_a_count_settles_what_left_before_it_and_not_what_left_after_it() -> None:
    books = Books()
    books.count("ART", 5, taken_at=0, now=0)
    order = _placed(10)
    books.read(order, 20)
    order.shipped_at = 30
    books.read(order, 40)
    assert books.left("ART") == 4
    books.count("ART", 4, taken_at=35, now=50)
    assert books.left("ART") == 4
    books.count("ART", 5, taken_at=25, now=60)
    assert books.left("ART") == 4


# ------------------------------------------------------------------------------------------------ verdicts

PLAIN = Rule("webshop", "plain", "lowers")
MINUTELY = Rule("webshop", "once a minute", "lowers", is_batch=True, interval_s=60)
LATER = Rule("webshop", "decides later", "lowers", is_later=True, effect_s=(100, 100))


def _write(asked_at: float, *, is_lie: bool = False) -> Write:
    return Write("ART", 0, asked_at, asked_at + 1, asked_at + 1, is_lie, loses_reply=False)


@pytest.mark.parametrize(
    ("rule", "known_since", "outages", "told", "fate"),
    [
        (PLAIN, None, (), None, "unknown"),
        (PLAIN, 998.5, (), None, "in_time"),
        (PLAIN, 997.5, (), None, "avoidable"),
        (MINUTELY, 940.0, (), None, "in_time"),
        (MINUTELY, 930.0, (), None, "avoidable"),
        (PLAIN, 100.0, (Outage(101, 2_000, True),), None, "refused"),
        (PLAIN, 100.0, (Outage(101, 999, True),), None, "in_time"),
        (PLAIN, 100.0, (Outage(101, 990, True),), None, "avoidable"),
        (PLAIN, 100.0, (Outage(500, 2_000, True),), None, "avoidable"),
        (PLAIN, 940.0, (), _write(941, is_lie=True), "ignored"),
        (PLAIN, 940.0, (), _write(941), "avoidable"),
        (PLAIN, 100.0, (), _write(101, is_lie=True), "avoidable"),
    ],
)
def test_what_could_be_helped_is_what_was_known_and_could_have_been_told(
    rule: Rule, known_since: float | None, outages: tuple[Outage, ...], told: Write | None, fate: str
) -> None:
    """A sale in second 1,000 at a channel whose answers take two seconds; read back every minute."""
    one = Oversold(_placed(1_000), known_since, told)
    assert fate_of(one, _channel(rule, *outages), 2.0, 60.0) == fate


def test_a_channel_that_has_not_decided_yet_is_not_told_again_before() -> None:
    channel = _channel(LATER)
    channel.write("ART", 3)
    assert fate_of(Oversold(_placed(150), 10.0, None), channel, 100.0, 60.0) == "in_time"
    assert fate_of(Oversold(_placed(201), 10.0, None), channel, 100.0, 60.0) == "avoidable"


# ------------------------------------------------------------------------------------------------ ways


def _two_channels(*shoppers: Shopper) -> Plan:
    rules = tuple(rule for rule in RULES if rule.name in {"shopify", "webshop"})
    plan = Plan(1, 1, rules, outages=defaultdict(list))
    plan.listed["ART"], plan.prices["ART"], plan.opening["ART"] = ("shopify", "webshop"), 1_000, 1
    plan.shoppers.extend(shoppers)
    return plan


def test_one_piece_that_two_channels_sell_between_two_polls_is_oversold_once() -> None:
    plan = _two_channels(
        _shopper(2 * HOUR), _shopper(2 * HOUR + 60, "shopify"), _shopper(2 * HOUR + 61, "shopify")
    )
    found = certificate.keep_with_tool("hourly", plan, PollingTool(HOUR))
    assert (found.accepted, found.oversold, found.fates) == (2, 1, {"unknown": 1})
    assert (found.lost, found.unserved, found.never_known) == (0, 1, 0)
    quicker = certificate.keep_with_tool("each minute", plan, PollingTool(30))
    assert (quicker.accepted, quicker.oversold, quicker.unserved) == (1, 0, 2)


def test_a_piece_that_comes_back_and_is_not_shown_is_a_lost_sale() -> None:
    cancelled = Shopper(0, 2 * HOUR, "webshop", "ART", 1, 5.0, (), 160.0, None)
    plan = _two_channels(cancelled, _shopper(2 * HOUR + 180, "shopify"))
    found = certificate.keep_with_tool("every 100 seconds", plan, PollingTool(100))
    assert (found.accepted, found.oversold, found.lost, found.unsold_cents) == (1, 0, 1, 1_000)


def test_a_plan_is_drawn_from_its_seed_alone() -> None:
    made = [asdict(make_plan(seed, days=2, articles=20, orders_a_day=40)) for seed in (5, 5, 6)]
    assert made[0] == made[1]
    assert made[0]["shoppers"] != made[2]["shoppers"]
    assert {len(rules) for rules in made[0]["listed"].values()} <= {2, 3, 4, 5, 8}


class _SilentPusher(Worker):
    """Says that it pushes, and does not."""

    def round(self) -> float:
        return 30.0


class _SilentLane(OurLane):
    def pusher(self, worker: Worker) -> Worker:
        return _SilentPusher(worker.name, worker.stopping)


def _keep(make: type[OurLane]) -> Tally:
    plan = make_plan(3, days=1, articles=5, orders_a_day=2_400, rules=THREE)
    # A night without a delivery: what is there sells out.
    plan.opening = dict.fromkeys(plan.opening, 3)
    plan.deliveries.clear()
    plan.ends_at = 1.5 * HOUR
    plan.shoppers = [one for one in plan.shoppers if one.at < plan.end]
    return certificate.keep_with_ours("ours", plan, make, 60.0)


@pytest.mark.endurance
def test_the_lane_sells_nothing_it_knew_to_be_gone_and_a_world_repeats_from_its_seed() -> None:
    first, again = _keep(OurLane), _keep(OurLane)
    assert asdict(first) == asdict(again)
    assert (first.avoidable, first.never_known, first.troubles) == (0, 0, 0)
    assert (first.accepted, first.unserved) == (15, 60)
    assert first.agreement is not None
    assert first.agreement.articles_differ == []


def test_a_lane_that_drops_its_pushes_is_found_out() -> None:
    found = _keep(_SilentLane)
    assert found.avoidable > 0
    assert found.agreement is not None
    assert found.agreement.articles_differ == []
    result = certificate.as_result(3, certificate.SMALL, [_named(found)])
    assert any(remark.startswith("Target MISSED: avoidable oversells") for remark in result.remarks)


def _named(found: Tally) -> Tally:
    found.name = certificate.LANE
    return found
