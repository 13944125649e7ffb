"""What must be true of a connector that says what a payload means; each rule asserts for one recording."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from order_pipelines.domain.orders import Interpretation, Order, order_facts
from order_pipelines.money import ZERO
from order_pipelines_tests.contract.data import EnumMember
from order_pipelines_tests.contract.places import Path, fits, name_of, replaced, walk, without
from order_pipelines_tests.contract.recordings import (
    BY_CONTENT,
    Recording,
    all_facts,
    name_of_order,
    read,
    stated_facts,
)
from order_pipelines_tests.contract.subject import Subject

NEW_WORD = "ZZ_NEW_WORD"
GUESSES = frozenset({"0", "0.00", "NL", "EUR", "21", "9", "6"})
"""What is put where nothing is known: no money, no pieces, home, its currency and its rates."""
CLAIMS = {
    "payment_status": {
        "paid",
        "paid_to_platform",
        "partially_paid",
        "refunded",
        "partially_refunded",
        "voided",
    },
    "order_status": {"completed", "cancelled"},
    "fulfilment_status": {"shipped", "partially_shipped", "cancelled"},
    "own_fulfilment": set(),
}
"""Statuses that say that something happened."""
TOTALS = (
    "order_total_incl_vat", "order_total_current_incl_vat", "order_total_excl_vat", "shipping_cost_incl_vat",
    "order_discounts", "refunded_total_incl_vat", "commission_total",
)  # fmt: skip
LINE_TOTALS = ("line_total_incl_vat", "line_total_excl_vat", "line_discount_incl_vat", "commission")
SHARES = frozenset({"line_discount_incl_vat"})
"""May be a share of another amount, rounded once: so many times as large but for that rounding."""
HALF_A_CENT = Decimal("0.005")
PRICES = ("unit_price_incl_vat", "unit_price_excl_vat")


def recording_means_what_is_stated(subject: Subject, recording: Recording) -> None:
    meaning = read(subject, recording)
    assert meaning.rejects == []
    said = [order_facts(order) for order in meaning.orders]
    if recording.name in subject.data.mapping.named_by_content:
        said = [facts | {"external_order_id": BY_CONTENT, "order_number": BY_CONTENT} for facts in said]
    assert said == stated_facts(recording)


# ------------------------------------------------------------------------------------------------ the unknown


def unknown_members_change_nothing(subject: Subject, recording: Recording) -> None:
    """A member that nobody knows is put into every object of the payload, and then into all of them."""
    before = all_facts(subject, recording, read(subject, recording, recording.dump(recording.payload)))
    objects = [path for path, value in walk(recording.payload) if isinstance(value, dict)]
    if isinstance(recording.payload, dict) and recording.path.suffix == ".json":
        objects.append(())
    whole = recording.payload
    for path in sorted(objects, key=len, reverse=True):
        whole = _with_stranger(whole, path)
        changed = _with_stranger(recording.payload, path)
        after = all_facts(subject, recording, read(subject, recording, recording.dump(changed)))
        assert after == before, f"a strange member in {name_of(path) or 'the payload'} changed the facts"
    assert all_facts(subject, recording, read(subject, recording, recording.dump(whole))) == before


def _with_stranger(payload: Any, path: Path) -> Any:
    stranger = "ZZ strange" if path and path[0] == "rows" else [{"zzAmount": 1.5, "state": NEW_WORD}]
    return replaced(payload, (*path, "zzStrange"), stranger)


def unknown_words_are_seen_and_claim_nothing(subject: Subject, recording: Recording) -> None:
    """Every enumeration that the data name gets a word that nobody knows, one place after the other."""
    before = read(subject, recording, recording.dump(recording.payload))
    for member in subject.data.mapping.enums:
        seen: list[bool] = []
        for path in _places_of(recording.payload, member):
            changed = recording.dump(replaced(recording.payload, path, NEW_WORD))
            after = read(subject, recording, changed)
            seen.append(_is_seen(subject, recording, member, name_of(path), before, after))
        assert any(seen) or not seen, f"an unknown word at {member.path} is seen by nobody"


def _places_of(payload: Any, member: EnumMember) -> Iterator[Path]:
    depth = member.path.count(".") + 1
    for path, value in walk(payload):
        if not (fits(path, member.path) and isinstance(value, str)):
            continue
        names = [place for place, key in enumerate(path) if isinstance(key, str)]
        holder = payload
        for key in path[: names[-depth]]:
            holder = holder[key]
        if not member.beside or member.beside in holder:
            yield path


def _is_seen(
    subject: Subject,
    recording: Recording,
    member: EnumMember,
    where: str,
    before: Interpretation,
    after: Interpretation,
) -> bool:
    """Assert that an unknown word claims nothing; return whether somebody would see it, or it need not be seen."""
    if not after.orders:
        assert after.rejects, f"an unknown word at {where} made the order vanish"
        assert all(reject.problem.reason for reject in after.rejects)
        return True
    assert len(after.orders) == len(before.orders), f"an unknown word at {where} made an order vanish"
    old, new = all_facts(subject, recording, before), all_facts(subject, recording, after)
    changed = {name for name in new if new[name] != old.get(name)}
    for order, was in zip(after.orders, before.orders, strict=True):
        for status in CLAIMS:
            assert not _claims(order, was, status), (
                f"an unknown word at {where} made an order claim its {status}"
            )
        for name in ("quantity_shipped", "quantity_cancelled", "quantity_refunded"):
            assert _pieces(order, name) <= _pieces(was, name), f"an unknown word at {where} raised {name}"
    if not member.decides:
        facts = {name for name in changed if not name.endswith("must_flag")}
        assert not facts, f"an unknown word at {where} changed {sorted(facts)}"
        return True
    flagged = bool(Counter(_words_of(after)) - Counter(_words_of(before)))
    assert flagged or not changed, (
        f"an unknown word at {where} changed {sorted(changed)} and is flagged nowhere"
    )
    # An order that was flagged for such a word before is flagged still.
    return flagged or (not changed and any(_words_of(before)))


def _words_of(meaning: Interpretation) -> Iterator[str]:
    """Yield what a person is shown of the orders."""
    for order in meaning.orders:
        yield from order.must_flag
        yield from (problem.reason for problem in order.problems)


def _claims(order: Order, was: Order, status: str) -> bool:
    """Tell whether an order says that something happened which it did not say before."""
    said, before = getattr(order, status), getattr(was, status)
    if said not in CLAIMS[status] or said == before:
        return False
    # Whoever shipped it: its pieces had left before as well.
    was_shipped = before == "channel_fulfilled" and _pieces(was, "quantity_shipped") > 0
    return not (was_shipped and said == "shipped")


def _pieces(order: Order, name: str) -> int:
    return sum(getattr(line, name) or 0 for line in order.lines)


def what_is_not_there_stays_unknown(subject: Subject, recording: Recording) -> None:
    """Every member is taken out in turn: what hung on it is null or known from elsewhere, or the order says why."""
    known = read(subject, recording, recording.dump(recording.payload))
    before = all_facts(subject, recording, known)
    for path, value in walk(recording.payload):
        if isinstance(path[-1], int) or path == ("rows",):
            continue
        meaning = read(subject, recording, recording.dump(without(recording.payload, path)))
        where = name_of(path)
        if not meaning.orders:
            is_wrapper = len(path) == 1 and isinstance(value, list | dict)
            assert meaning.rejects or is_wrapper, f"without {where} the order vanished"
            continue
        for name, fact in all_facts(subject, recording, meaning).items():
            is_new = name in before and fact != before[name] and fact is not None
            if is_new and _is_guess(fact) and not _is_derived(subject, where, name):
                raise AssertionError(f"without {where} {name} became {fact!r} (was {before[name]!r})")
        by_name = {name_of_order(subject, recording, order): order for order in known.orders}
        for order in meaning.orders:
            was = by_name.get(name_of_order(subject, recording, order))
            for status in CLAIMS:
                claims = was is not None and _claims(order, was, status)
                assert not claims or _is_derived(subject, where, status), (
                    f"without {where} the order counts as {getattr(order, status)}"
                )


def _is_guess(fact: Any) -> bool:
    if isinstance(fact, bool):
        return False
    return (isinstance(fact, int) and fact == 0) or (isinstance(fact, str) and fact in GUESSES)


def _is_derived(subject: Subject, where: str, fact: str) -> bool:
    return any(
        (where == each.without or where.endswith(f".{each.without}")) and fact.endswith(each.fact)
        for each in subject.data.mapping.derived
    )


# ------------------------------------------------------------------------------------------------ money


def amounts_are_exact(subject: Subject, recording: Recording) -> None:
    orders = read(subject, recording).orders
    for order in orders:
        assert_exact(order)
        assert difference(order) == _stated_difference(subject, recording), (
            "parts and total of an order differ"
        )


def assert_exact(order: Order) -> None:
    """Assert that every amount is a decimal of whole cents, and every price of a piece of four places at most."""
    amounts = [(name, getattr(order, name), 2) for name in TOTALS]
    for line in order.lines:
        amounts += [(name, getattr(line, name), 2) for name in LINE_TOTALS]
        amounts += [(name, getattr(line, name), 4) for name in PRICES]
    for name, amount, places in amounts:
        if amount is None:
            continue
        assert isinstance(amount, Decimal), f"{name} is no decimal but a {type(amount).__name__}"
        found = -int(amount.normalize().as_tuple().exponent)
        assert found <= places, f"{name} has {found} places: {amount}"


def difference(order: Order) -> Decimal:
    """Return by how much the lines, shipping and discounts of an order miss its total, where all are known."""
    totals = [line.line_total_incl_vat for line in order.lines]
    if order.order_total_incl_vat is None or not totals or any(total is None for total in totals):
        return ZERO
    parts = sum((total for total in totals if total is not None), ZERO)
    parts += (order.shipping_cost_incl_vat or ZERO) - (order.order_discounts or ZERO)
    return order.order_total_incl_vat - parts


def _stated_difference(subject: Subject, recording: Recording) -> Decimal:
    for each in subject.data.mapping.differences:
        if each.recording == recording.name:
            return Decimal(each.amount)
    return ZERO


def amounts_scale(subject: Subject, recording: Recording, times: int) -> None:
    """Every amount of the payload so many times as large makes every total so many times as large, to the cent."""
    before = read(subject, recording, recording.dump(recording.payload)).orders
    after = read(subject, recording, recording.dump(scaled(subject, recording, times))).orders
    assert len(after) == len(before)
    for order, was in zip(after, before, strict=True):
        assert_exact(order)
        assert_times(order, was, TOTALS, times)
        for line, line_was in zip(order.lines, was.lines, strict=True):
            assert_times(line, line_was, LINE_TOTALS, times)
        assert difference(order) == difference(was) * times


def assert_times(after: Any, before: Any, names: tuple[str, ...], times: int) -> None:
    for name in names:
        amount, was = getattr(after, name), getattr(before, name)
        if name in SHARES and amount is not None and was is not None:
            assert abs(amount - was * times) <= HALF_A_CENT * (times + 1), (
                f"{name} is {amount}, not {times} x {was}"
            )
            continue
        expected = None if was is None else was * times
        assert amount == expected, f"{name} is {amount}, not {times} x {was}"


def scaled(subject: Subject, recording: Recording, times: int) -> Any:
    """Return the payload with every amount that the data name so many times as large, written as people write it."""
    payload = recording.payload
    found = 0
    for path, value in list(walk(recording.payload)):
        if any(fits(path, pattern) for pattern in subject.data.mapping.money) and _is_amount(value):
            payload = replaced(payload, path, _times(value, times))
            found += 1
    assert found or not any_money(subject, recording), "the data name no amount of this recording"
    return payload


def any_money(subject: Subject, recording: Recording) -> bool:
    """Tell whether an order of the recording has a total."""
    return any(order.order_total_incl_vat for order in read(subject, recording).orders)


def _is_amount(value: Any) -> bool:
    if isinstance(value, bool) or value is None:
        return False
    return isinstance(value, int | float) or (
        isinstance(value, str) and any(sign.isdigit() for sign in value)
    )


def _times(value: Any, times: int) -> Any:
    if isinstance(value, str):
        comma = "," in value
        return str(Decimal(value.replace(",", ".")) * times).replace(".", "," if comma else ".")
    exact = Decimal(str(value)) * times
    return int(exact) if isinstance(value, int) else float(exact)


def noise_of_floats_stays_outside(subject: Subject, recording: Recording) -> None:
    """``0.1 + 0.2`` in place of each amount in turn: thirty cents, or said to be none, and never sixteen digits."""
    for path, value in walk(recording.payload):
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if not any(fits(path, pattern) for pattern in subject.data.mapping.money):
            continue
        meaning = read(subject, recording, recording.dump(replaced(recording.payload, path, 0.1 + 0.2)))
        for order in meaning.orders:
            assert_exact(order)
