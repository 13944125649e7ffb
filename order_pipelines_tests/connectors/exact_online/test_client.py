"""Finding and booking sales entries against the stand-in, and what each bad answer means."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from order_pipelines import clock
from order_pipelines.connectors.ports import BookedEntry
from order_pipelines.errors import ConnectorError, PermanentConnectorError, TransientConnectorError
from order_pipelines_tests.connectors.exact_online.exact_world import ExactWorld

POST = "/salesentry/SalesEntries"


def test_an_entry_is_booked_with_the_vat_that_was_taken_from_the_gross(world: ExactWorld) -> None:
    """29.99 at 21 % and 14.95 at 9 %: Exact would compute 5.21 from the net of 24.79."""
    booked = world.client().post_entry(world.entry())
    assert booked.reference == "BOL-A2K8290LP8"
    assert booked.amount_incl_vat == Decimal("44.94")
    [entry] = world.entries
    assert (entry["entry_id"], str(entry["entry_number"])) == (booked.entry_id, booked.entry_number)
    assert (entry["amount_fc"], entry["vat_amount_fc"], entry["journal"]) == ("44.94", "6.43", "70")
    assert [(line["amount_fc"], line["vat_code"], line["vat_amount_fc"]) for line in entry["lines"]] == [
        ("24.79", "2", "5.20"),
        ("13.72", "1", "1.23"),
    ]


def test_a_cent_of_rounding_is_a_line_without_vat(world: ExactWorld) -> None:
    rounding = replace(
        world.line("0.01", "0.00", "high"),
        ledger_account=world.described["gl_accounts"]["rounding"],
        vat_code="",
        description="Rounding of order totals",
    )
    entry = world.entry(lines=(world.line("24.79", "5.20", "high"), rounding))
    assert world.client().post_entry(entry).amount_incl_vat == Decimal("30.00")
    [booked] = world.entries
    assert [(line["vat_code"], line["vat_amount_fc"]) for line in booked["lines"]] == [
        ("2", "5.20"),
        (None, "0.00"),
    ]


def test_what_was_booked_is_found_by_its_reference(world: ExactWorld) -> None:
    client = world.client()
    assert client.find_entries("BOL-A2K8290LP8") == []
    booked = client.post_entry(world.entry())
    client.post_entry(world.entry("BOL-A2K8290LP80"))
    assert client.find_entries("BOL-A2K8290LP8") == [booked]
    assert isinstance(booked, BookedEntry)
    assert client.find_entries("bol-a2k8290lp8") == []


def test_a_quote_in_a_reference_is_searched_for_and_not_executed(world: ExactWorld) -> None:
    client = world.client()
    booked = client.post_entry(world.entry("B2B-'s-Gravenhage 5+5"))
    assert client.find_entries("B2B-'s-Gravenhage 5+5") == [booked]
    assert client.find_entries("' or YourRef ne '") == []


def test_two_entries_of_one_reference_are_both_told(world: ExactWorld) -> None:
    """Somebody booked twice, by hand or by another program: the caller alerts, nobody chooses."""
    client = world.client()
    first, second = client.post_entry(world.entry()), client.post_entry(world.entry())
    found = client.find_entries("BOL-A2K8290LP8")
    assert {entry.entry_id for entry in found} == {first.entry_id, second.entry_id}
    assert len(found) == 2


def test_the_search_reads_all_pages(world: ExactWorld) -> None:
    client = world.client()
    entry = world.entry()
    posted = {client.post_entry(entry).entry_id for _ in range(61)}
    assert {found.entry_id for found in client.find_entries(entry.reference)} == posted
    assert len(posted) == 61


def test_a_lost_reply_leaves_the_entry_in_doubt_and_the_search_finds_it(world: ExactWorld) -> None:
    client = world.client()
    client.find_entries("BOL-A2K8290LP8")
    world.fault("drop_reply_after_acting", match=POST, method="POST")
    with pytest.raises(TransientConnectorError) as lost:
        client.post_entry(world.entry())
    assert lost.value.maybe_acted is True
    [found] = client.find_entries("BOL-A2K8290LP8")
    assert found.amount_incl_vat == Decimal("44.94")
    assert len(world.entries) == 1
    assert len(world.state["writes"]) == 1


def test_a_reply_cut_in_half_leaves_the_entry_in_doubt(world: ExactWorld) -> None:
    client = world.client()
    world.fault("truncate_body", match=POST, method="POST")
    with pytest.raises(TransientConnectorError, match="search before repeating") as cut:
        client.post_entry(world.entry())
    assert cut.value.maybe_acted is True
    assert len(client.find_entries("BOL-A2K8290LP8")) == 1


def test_a_hang_ends_with_the_accounts_time(world: ExactWorld) -> None:
    world.client().find_entries("BOL-1")
    world.fault("hang", match=POST, method="POST")
    client = world.client(deadline=clock.now() + timedelta(seconds=0.3))
    with pytest.raises(TransientConnectorError) as hung:
        client.post_entry(world.entry())
    assert hung.value.maybe_acted is True
    assert world.entries == []


def test_nothing_is_sent_when_nobody_listens(world: ExactWorld) -> None:
    world.client().find_entries("BOL-1")
    account = replace(world.account, base_url="http://127.0.0.1:9")
    with pytest.raises(TransientConnectorError) as refused:
        world.client(account=account).post_entry(world.entry())
    assert refused.value.maybe_acted is False


def test_500_with_the_books_own_words_is_a_refusal_and_not_a_breakdown(world: ExactWorld) -> None:
    world.fault("500_json", match=POST, method="POST", text="Gegeven bestaat reeds.")
    with pytest.raises(PermanentConnectorError, match=r"500 \(Gegeven bestaat reeds\.\)") as refused:
        world.client().post_entry(world.entry())
    assert refused.value.vendor_code == "Gegeven bestaat reeds."
    assert refused.value.maybe_acted is False
    assert world.entries == []


@pytest.mark.parametrize("kind", ["500", "503"])
def test_500_with_a_page_for_people_may_have_acted(world: ExactWorld, kind: str) -> None:
    world.fault(kind, match=POST, method="POST")
    with pytest.raises(TransientConnectorError) as broken:
        world.client().post_entry(world.entry())
    assert (broken.value.status, broken.value.maybe_acted) == (int(kind), True)
    world.fault(kind, match=POST, method="GET")
    with pytest.raises(TransientConnectorError) as broken:
        world.client().find_entries("BOL-1")
    assert broken.value.maybe_acted is False


def test_a_closed_period_and_an_unknown_journal_are_refused_in_the_books_words(world: ExactWorld) -> None:
    client = world.client()
    world.stand_in.close_books("exact", clock.now().date() + timedelta(days=40))
    with pytest.raises(PermanentConnectorError, match=r"500 \(Periode is gesloten\); mend the settings"):
        client.post_entry(world.entry())
    with pytest.raises(PermanentConnectorError, match="Niet gevonden: Dagboek"):
        client.post_entry(world.entry(journal="99"))
    assert world.entries == []


@pytest.mark.parametrize(
    ("kind", "advice"), [("403", "give the user"), ("404", "itself is wrong"), ("406", "itself")]
)
def test_another_refusal_is_not_repeated(world: ExactWorld, kind: str, advice: str) -> None:
    world.fault(kind, match=POST)
    with pytest.raises(PermanentConnectorError, match=advice) as refused:
        world.client().post_entry(world.entry())
    assert refused.value.status == int(kind)
    assert [write["status"] for write in world.state["writes"]] == [int(kind)]


def test_a_search_answered_with_a_maintenance_page_is_no_empty_result(world: ExactWorld) -> None:
    client = world.client()
    client.post_entry(world.entry())
    for kind in ("not_json", "truncate_body"):
        world.fault(kind, match=POST)
        with pytest.raises(TransientConnectorError, match="something else than rows"):
            client.find_entries("BOL-A2K8290LP8")


@pytest.mark.parametrize(
    ("kind", "limit", "least", "most"),
    [("429", "minute", 0, 61), ("429", "day", 0, 86_401), ("429_without_retry_after", "minute", 60, 60)],
)
def test_a_429_says_when_to_come_back(
    world: ExactWorld, kind: str, limit: str, least: int, most: int
) -> None:
    client = world.client()
    client.find_entries("BOL-1")
    world.fault(kind, match=POST, method="POST", limit=limit)
    with pytest.raises(TransientConnectorError) as refused:
        client.post_entry(world.entry())
    assert refused.value.status == 429
    assert refused.value.maybe_acted is False
    assert refused.value.retry_after_s is not None
    assert least <= refused.value.retry_after_s <= most
    assert world.slept == []
    client.find_entries("BOL-1")
    assert world.slept == [pytest.approx(refused.value.retry_after_s, abs=1)]
    assert world.entries == []


def test_the_minutes_limit_is_met_by_waiting_and_not_by_being_refused(strict_world: ExactWorld) -> None:
    client = strict_world.client()
    for _ in range(130):
        client.find_entries("BOL-1")
    assert strict_world.data_calls == 130
    assert strict_world.state["calls_refused_per_minute"] == {}
    assert strict_world.slept
    assert all(0 < seconds <= 60 for seconds in strict_world.slept)


def test_wrong_calls_stop_before_the_vendor_blocks_the_endpoint(strict_world: ExactWorld) -> None:
    """Ten answers 400, 401, 403 or 404 within an hour block an endpoint for an hour."""
    world = strict_world
    world.fault("403", count=8, match=POST, method="POST")
    for _ in range(8):
        with pytest.raises(PermanentConnectorError):
            world.client().post_entry(world.entry())
    for _ in range(5):
        with pytest.raises(TransientConnectorError, match="two more would block the endpoint") as stopped:
            world.client().post_entry(world.entry())
        assert stopped.value.vendor_code == "error_budget"
        assert stopped.value.maybe_acted is False
        assert stopped.value.retry_after_s == pytest.approx(3600, abs=10)
    assert len(world.state["writes"]) == 8
    assert world.state["blocked_endpoints"] == {}
    assert world.entries == []

    world.advance(3601)
    world.client().post_entry(world.entry())
    assert len(world.entries) == 1


def test_the_settings_are_checked_against_the_books(world: ExactWorld) -> None:
    accounts = world.described["gl_accounts"]
    assert (
        world.client().check_connection(
            journals=["70"],
            ledger_accounts=list(accounts.values()),
            vat_codes=["1", "2", "OBE"],
            customers=list(world.described["customers"].values()),
        )
        == []
    )
    missing = "0e0a0001-0000-4000-8000-000000009999"
    assert world.client().check_connection(
        journals=["60", "99"], ledger_accounts=["8000", missing], vat_codes=["4", "9"], customers=[missing]
    ) == [
        "journal '60' is no sales journal (type 20)",
        "journal '99' does not exist",
        "VAT code '4' is for amounts including VAT; entries need one excluding",
        "VAT code '9' does not exist",
        f"ledger account {missing} does not exist",
        "ledger account '8000' must be its id (guid), not its code",
        f"customer {missing} does not exist",
    ]


def test_the_division_is_the_configured_one_whatever_the_user_last_opened(world: ExactWorld) -> None:
    division = world.described["division"]
    world.stand_in.open_in_browser("exact", division + 1)
    assert world.client().check_connection() == []
    assert world.client().post_entry(world.entry()).amount_incl_vat == Decimal("44.94")

    other = replace(world.account, options={"division": division + 5})
    with pytest.raises(ConnectorError) as refused:
        world.client(account=other).check_connection()
    assert refused.value.status == 403


def test_the_entry_has_the_business_day_and_the_currency(world: ExactWorld) -> None:
    day = clock.order_date(clock.now()) - timedelta(days=1)
    world.client().post_entry(world.entry(entry_date=day, payment_condition="30", description="x" * 80))
    [entry] = world.entries
    assert date.fromisoformat(entry["entry_date"]) == day
    assert entry["currency"] == "EUR"
    assert entry["description"] == "x" * 60


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"reference": "BOL-" + "9" * 37}, "1 to 40 characters"),
        ({"reference": ""}, "1 to 40 characters"),
        ({"customer": "100"}, "invoicing.customer must be the id"),
        ({"lines": ()}, "it has no lines"),
    ],
)
def test_what_exact_could_not_take_is_not_sent(
    world: ExactWorld, changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(PermanentConnectorError, match=reason) as refused:
        world.client().post_entry(replace(world.entry(), **changes))  # type: ignore[arg-type]
    assert (refused.value.method, refused.value.status) == ("", None)
    assert (world.token_calls, world.data_calls) == (0, 0)
