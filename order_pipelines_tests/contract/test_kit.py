"""The kit itself: a connector that does as it should passes every rule, one with a flaw is refused by its rule."""

import inspect
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from order_pipelines.connectors.exact_online import CONNECTOR as EXACT
from order_pipelines.connectors.ports import Connector
from order_pipelines.connectors.registry import CONNECTORS
from order_pipelines.errors import PermanentConnectorError
from order_pipelines_tests.contract import (
    broken,
    rules_discretion,
    rules_mapping,
    rules_reading,
    rules_writing,
)
from order_pipelines_tests.contract.conftest import OpenHouse
from order_pipelines_tests.contract.data import Call, MissingData, read_data
from order_pipelines_tests.contract.outside import ContractSandbox, Outside, running_sandbox
from order_pipelines_tests.contract.recordings import Recording, recordings_of, stated_facts
from order_pipelines_tests.contract.subject import Subject, subject_of
from order_pipelines_tests.contract.toyshop import CONNECTOR as TOYSHOP
from order_pipelines_tests.hostile import server as hostile

FOLDER = Path(__file__).parent / "toyshop" / "recorded"
TOY = Subject(TOYSHOP, read_data(TOYSHOP, FOLDER), FOLDER, "order_pipelines_tests.contract.toyshop")


@dataclass
class Bench:
    """What a rule may need: the outside of a subject, and a shop of it."""

    outside: Outside
    open_house: OpenHouse

    def recording(self) -> Recording:
        return recordings_of(self.outside.subject)[0]


Rule = Callable[[Bench], None]


def on_mapping(rule: Callable[[Subject, Recording], None]) -> Rule:
    return lambda bench: rule(bench.outside.subject, bench.recording())


def in_house(rule: Callable[..., None], *more: object) -> Rule:
    def run(bench: Bench) -> None:
        with bench.open_house(bench.outside) as world:
            rule(bench.outside, world, *more)

    return run


def versions(bench: Bench) -> None:
    with bench.open_house(bench.outside) as world:
        order_id, found = rules_reading.versions_of(bench.outside)
        rules_reading.versions_end_in_the_newest(
            bench.outside, world, (2, 0, 1), order_id=order_id, versions=found
        )


def hanging(bench: Bench) -> None:
    release = threading.Event()

    def never_answers(line: hostile.Line, call: hostile.Call) -> None:
        release.wait(60)

    accounts = bench.outside.subject.stand_in.accounts
    with hostile.hostile_server() as silent:
        for method in ("GET", "POST"):
            silent.play(method, "", never_answers)
        with bench.open_house(bench.outside, accounts=accounts, base_urls={accounts[0]: silent.url}) as world:
            rules_reading.shop_deadline(world.shop, 1.0)
            rules_reading.a_hanging_account_delays_no_other(bench.outside, world, release, longest_s=5)


def secrets(bench: Bench) -> None:
    base_url = bench.outside.account().base_url
    assert base_url is not None
    with hostile.hostile_server(base_url) as server:
        rules_discretion.no_message_shows_a_secret(bench.outside, server)


def scaled(subject: Subject, recording: Recording) -> None:
    for times in (1, 3, 77, 4_999):
        rules_mapping.amounts_scale(subject, recording, times)


STOCK, ACCEPT = Call(method="POST", match="/stock"), Call(method="POST", match="/accept")
PARCEL, CANCEL = Call(method="POST", match="/parcels"), Call(method="POST", match="/cancel")
ENTRY = Call(method="POST", match="salesentry/SalesEntries")
HASTY, QUIET = broken.with_client(broken.HastyClient), broken.with_client(broken.QuietClient)


def orders(make: object) -> Connector:
    return replace(TOYSHOP, order_source=make)  # type: ignore[arg-type]


def stock(make: object) -> Connector:
    return replace(TOYSHOP, stock_sink=make)  # type: ignore[arg-type]


def accepts(make: object) -> Connector:
    return replace(TOYSHOP, order_acceptor=make)  # type: ignore[arg-type]


def parcels(make: object) -> Connector:
    return replace(TOYSHOP, shipment_sink=make)  # type: ignore[arg-type]


def books(make: object) -> Connector:
    return replace(EXACT, invoice_sink=make)  # type: ignore[arg-type]


READING = rules_reading
WRITING = rules_writing
CASES: dict[str, tuple[Rule, Connector]] = {
    "one page only": (
        lambda bench: READING.orders_are_listed_to_the_end(bench.outside, 11),
        orders(broken.FirstPageOnly),
    ),
    "an order of an empty page": (
        lambda bench: READING.an_account_without_orders_lists_none(bench.outside),
        orders(broken.NeverEmpty),
    ),
    "one page of offers": (
        lambda bench: READING.offers_are_listed_to_the_end(bench.outside, 80),
        stock(broken.FirstOffersOnly),
    ),
    "no overlap": (
        lambda bench: READING.nothing_is_lost_at_the_edges_of_windows_and_pages(bench.outside, 11),
        orders(broken.WithoutTies),
    ),
    "old versions win": (versions, broken.meaning(broken.backwards)),
    "an ended token ends the list": (
        lambda bench: READING.a_listing_goes_on_with_a_new_token(bench.outside),
        QUIET,
    ),
    "a refusal is no orders": (in_house(READING.a_refusal_that_stays_is_said_and_moves_nothing), QUIET),
    "a listing does not wait": (
        lambda bench: READING.a_listing_obeys_too_many_calls(bench.outside, "429"),
        HASTY,
    ),
    "a listing does not wait unasked": (
        lambda bench: READING.a_listing_obeys_too_many_calls(bench.outside, "429_without_retry_after"),
        HASTY,
    ),
    "no deadline": (hanging, broken.with_client(broken.PatientClient)),
    "a 200 is a yes": (
        lambda bench: WRITING.one_bad_row_decides_about_no_other(bench.outside),
        stock(broken.TrustingStock),
    ),
    "a late refusal of stock is a yes": (
        lambda bench: WRITING.a_late_refusal_of_stock_is_no_confirmation(bench.outside, "refuses"),
        stock(broken.TrustingStock),
    ),
    "a stock write does not wait": (
        lambda bench: WRITING.a_stock_write_obeys_too_many_calls(bench.outside, "429"),
        HASTY,
    ),
    "silence about stock is a yes": (
        in_house(WRITING.stock_holds_although_its_answer_was_lost, STOCK),
        stock(broken.HopefulStock),
    ),
    "a bad acceptance is a yes": (
        in_house(WRITING.one_bad_order_decides_about_no_other, "acceptance"),
        accepts(broken.TrustingAcceptance),
    ),
    "a bad parcel is a yes": (
        in_house(WRITING.one_bad_order_decides_about_no_other, "shipment"),
        parcels(broken.TrustingParcels),
    ),
    "a bad cancellation is a yes": (
        in_house(WRITING.one_bad_order_decides_about_no_other, "cancellation"),
        parcels(broken.TrustingParcels),
    ),
    "an acceptance is not looked for": (
        in_house(WRITING.an_effect_happens_once_although_its_answer_was_lost, "acceptance", ACCEPT),
        accepts(broken.BlindAcceptance),
    ),
    "a parcel is not looked for": (
        in_house(WRITING.an_effect_happens_once_although_its_answer_was_lost, "shipment", PARCEL),
        parcels(broken.BlindParcels),
    ),
    "silence about a cancellation is a yes": (
        in_house(WRITING.an_effect_happens_once_although_its_answer_was_lost, "cancellation", CANCEL),
        parcels(broken.TrustingParcels),
    ),
    "a late refusal of a parcel is a yes": (
        in_house(WRITING.a_late_refusal_is_no_confirmation, "shipment", "refuses"),
        parcels(broken.TrustingParcels),
    ),
    "a parcel does not wait": (in_house(WRITING.a_parcel_obeys_too_many_calls, "429"), HASTY),
    "books are not searched": (
        in_house(WRITING.an_entry_is_booked_once_although_its_answer_was_lost, ENTRY),
        books(broken.BlindBooks),
    ),
    "an entry does not wait": (
        in_house(WRITING.an_entry_obeys_too_many_calls, "429"),
        books(broken.HastyBooks),
    ),
    "books ask for no second token": (
        lambda bench: READING.books_go_on_with_a_new_token(bench.outside, "KIT-1"),
        books(broken.ForgetfulBooks),
    ),
    "a refusal is no entries": (
        lambda bench: READING.books_say_a_refusal_that_stays(bench.outside, "KIT-1"),
        books(broken.BlindBooks),
    ),
    "another total": (
        on_mapping(rules_mapping.recording_means_what_is_stated),
        broken.meaning(broken.a_euro_more),
    ),
    "strange members refused": (
        on_mapping(rules_mapping.unknown_members_change_nothing),
        replace(TOYSHOP, interpreter=lambda options: broken.strict),
    ),
    "an unknown state is shipped": (
        on_mapping(rules_mapping.unknown_words_are_seen_and_claim_nothing),
        broken.meaning(broken.shipped_unless_told),
    ),
    "an unknown word is flagged nowhere": (
        on_mapping(rules_mapping.unknown_words_are_seen_and_claim_nothing),
        broken.meaning(broken.careless_of_words),
    ),
    "21 and NL": (
        on_mapping(rules_mapping.what_is_not_there_stays_unknown),
        broken.meaning(broken.dutch_unless_told),
    ),
    "parts that do not add up": (
        on_mapping(rules_mapping.amounts_are_exact),
        broken.meaning(broken.a_euro_more),
    ),
    "money in floats": (
        on_mapping(rules_mapping.noise_of_floats_stays_outside),
        broken.meaning(broken.in_floats),
    ),
    "cents of large amounts": (on_mapping(scaled), broken.meaning(broken.in_whole_euros)),
    "a person in a problem": (
        on_mapping(rules_discretion.what_is_said_of_a_payload_names_nobody),
        broken.meaning(broken.talkative),
    ),
    "an answer word for word": (secrets, broken.with_client(broken.TalkativeClient)),
    "a token in the log": (secrets, broken.with_client(broken.LoggingClient)),
}


@pytest.fixture(scope="module")
def toy_sandbox() -> Iterator[ContractSandbox]:
    with running_sandbox(TOY) as sandbox:
        yield sandbox


@pytest.fixture
def bench_of(
    toy_sandbox: ContractSandbox, house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Connector], Bench]:
    """Return what puts a connector in the place of its system, in a world that has just begun."""

    def make(connector: Connector) -> Bench:
        monkeypatch.setitem(CONNECTORS, connector.system, connector)
        subject = TOY if connector.system == TOY.system else subject_of(connector.system)
        toy_sandbox.begin()
        return Bench(Outside(toy_sandbox, replace(subject, connector=connector)), house)

    return make


@pytest.mark.parametrize("flaw", CASES)
def test_a_connector_without_the_flaw_passes_its_rule(
    bench_of: Callable[[Connector], Bench], flaw: str
) -> None:
    rule, connector = CASES[flaw]
    rule(bench_of(EXACT if connector.system == EXACT.system else TOYSHOP))


@pytest.mark.parametrize("flaw", CASES)
def test_a_connector_with_the_flaw_is_refused_by_its_rule(
    bench_of: Callable[[Connector], Bench], flaw: str
) -> None:
    rule, connector = CASES[flaw]
    with pytest.raises((AssertionError, PermanentConnectorError)) as seen:
        rule(bench_of(connector))
    # Refused by the rule itself, and not by a toy that cannot even be asked.
    said_by = seen.traceback[-1].path
    assert isinstance(said_by, Path)
    assert said_by.stem.startswith("rules_") or seen.type is PermanentConnectorError


def test_every_rule_of_the_kit_refuses_something() -> None:
    """A rule that nothing fails is worth nothing: each public function is named by a case, or helps one that is."""
    text = Path(__file__).read_text(encoding="utf-8")
    rules = {
        name
        for module in (rules_reading, rules_writing, rules_mapping, rules_discretion)
        for name, member in vars(module).items()
        if inspect.isfunction(member) and member.__module__ == module.__name__ and not name.startswith("_")
    }
    asked = {name for name in rules if f".{name}" in text}
    helpers = {
        "bought", "assert_obeyed", "write_of", "push", "settled", "offers_of", "booked_order", "dispatched", "is_done",
        "entry_payload", "assert_exact", "difference", "assert_times", "scaled", "any_money", "overheard", "echo",
        "calls_of", "marks_of", "assert_nothing_shown",
    }  # fmt: skip
    assert rules - asked == helpers


# ------------------------------------------------------------------------------------------------ missing data


def test_a_connector_without_data_is_told_which_file_to_write(tmp_path: Path) -> None:
    with pytest.raises(
        MissingData, match=r"toyshop has no data .*order_pipelines_tests/recorded/toyshop/contract\.toml"
    ):
        read_data(TOYSHOP, tmp_path)


@pytest.mark.parametrize("part", ["listing", "versions", "writes.stock", "writes.shipment"])
def test_a_part_that_an_ability_needs_is_named(tmp_path: Path, part: str) -> None:
    text = (FOLDER / "contract.toml").read_text(encoding="utf-8")
    before, _, after = text.partition(f"[{part}]")
    (tmp_path / "contract.toml").write_text(
        before + after.partition("\n[")[2].join(("[", "")), encoding="utf-8"
    )
    with pytest.raises(MissingData, match=rf"contract\.toml says nothing of \[{part}\], which the ability"):
        read_data(TOYSHOP, tmp_path)


def test_a_misspelt_part_is_named(tmp_path: Path) -> None:
    text = (FOLDER / "contract.toml").read_text(encoding="utf-8")
    (tmp_path / "contract.toml").write_text(text.replace("order_page", "page"), encoding="utf-8")
    with pytest.raises(MissingData, match=r"(?s)contract\.toml cannot be read: .*listing\.page"):
        read_data(TOYSHOP, tmp_path)


def test_a_system_without_recordings_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match="toyshop has no recording: put one into recorded/toyshop/orders/"):
        recordings_of(replace(TOY, folder=tmp_path))


def test_a_recording_without_facts_names_the_file_that_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    path = tmp_path / "orders" / "order_new.json"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(MissingData, match=r"what order_new\.json means: write .*facts/order_new\.json"):
        stated_facts(Recording(path, {}))
