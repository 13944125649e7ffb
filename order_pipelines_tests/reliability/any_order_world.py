"""A merchant's week as payloads: bol orders in several versions, wholesale files, parcels, counts, product masters.

Everything that the outside says is typed in here as bytes and made by no code of the product. How it is told, late,
twice or not at all, is decided in :mod:`order_pipelines_tests.reliability.any_order_delivery`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from hypothesis import strategies as st

MONDAY = datetime(2026, 3, 2, 8, tzinfo=UTC)
END_H = 24 * 14
"""Hours after which the week is told: everything in it is past."""

BOL, FILES = "bol_main", "wholesale"
EANS = {"KOP": "8710000000017", "PAN": "8710000000024", "MOK": "8710000000031"}
ARTICLES = tuple(EANS)
STRANGER_EAN = "8719999770017"
CENTS = {"KOP": 1210, "PAN": 3995, "MOK": 505}


@dataclass(frozen=True)
class Payload:
    """One body that bol answered with, and when reading it began. ``may_be_missed``: nobody would notice."""

    external_id: str
    body: bytes
    read_at: datetime
    may_be_missed: bool


@dataclass(frozen=True)
class File:
    """One file that somebody drops."""

    name: str
    content: bytes


@dataclass(frozen=True)
class World:
    """All that there is to tell. ``masters`` are versions of one file, of which the last one holds."""

    payloads: tuple[Payload, ...]
    files: tuple[File, ...]
    masters: tuple[bytes, ...]


@dataclass(frozen=True)
class Line:
    """One line of an order at bol as one version shows it; hours count from :data:`MONDAY`."""

    line_id: str
    article: str
    quantity: int
    is_own: bool
    has_reference: bool
    changed_h: int
    shipped: int = 0
    cancelled: int = 0


# What a version may have wrong. Never what was shipped when: two versions would then tell two truths.
_SPOILS = ("quantity", "unit_price", "total", "ean", "country", "placed", "address", "twice")


def _moment(hour: int) -> str:
    return (MONDAY + timedelta(hours=hour)).isoformat()


def _item(line: Line, spoil: str | None) -> dict[str, Any]:
    cents = CENTS.get(line.article, 999)
    item: dict[str, Any] = {
        "orderItemId": line.line_id,
        "cancellationRequest": False,
        "fulfilment": {"method": "FBR" if line.is_own else "FBB", "distributionParty": "RETAILER"},
        "product": {"ean": EANS.get(line.article, STRANGER_EAN), "title": f"artikel {line.article}"},
        "quantity": line.quantity,
        "quantityShipped": line.shipped,
        "quantityCancelled": line.cancelled,
        "unitPrice": cents / 100,
        "totalPrice": line.quantity * cents / 100,
        "commission": 1.5,
        "latestChangedDateTime": _moment(line.changed_h),
    }
    if line.has_reference:
        item["offer"] = {"offerId": f"offer-{line.article}", "reference": line.article}
    if spoil == "quantity":
        del item["quantity"]
    elif spoil == "unit_price":
        item["unitPrice"] = "39,95"
    elif spoil == "total":
        item["totalPrice"] = 0.5
    elif spoil == "ean":
        item["product"]["ean"] = STRANGER_EAN
        item.pop("offer", None)
    return item


def order_body(number: str, placed_h: int, lines: Sequence[Line], spoil: str | None = None) -> bytes:
    """Return the detail of an order as bol sends it; ``spoil`` hits the first line or the order."""
    address = {"firstName": "Sanne", "surname": "Voorbeeld", "city": "Utrecht", "countryCode": "NL"}
    items = [_item(line, None if index else spoil) for index, line in enumerate(lines)]
    payload: dict[str, Any] = {
        "orderId": number,
        "orderPlacedDateTime": _moment(placed_h),
        "shipmentDetails": address,
        "orderItems": items,
    }
    if spoil == "country":
        address["countryCode"] = "XX"
    elif spoil == "placed":
        payload["orderPlacedDateTime"] = "maandag"
    elif spoil == "address":
        del payload["shipmentDetails"]
    elif spoil == "twice":
        items.append(dict(items[-1]))
    return orjson.dumps(payload)


# ------------------------------------------------------------------------------------------------ bol


@dataclass(frozen=True)
class _Version:
    lines: tuple[Line, ...]
    spoil: str | None
    hour: int

    @property
    def left(self) -> set[tuple[str, int, int]]:
        """(line, total that left, since when) as this version says it."""
        return {(one.line_id, one.shipped, one.changed_h) for one in self.lines if one.is_own and one.shipped}


@st.composite
def _versions(draw: st.DrawFn, number: str) -> list[_Version]:
    placed_h = draw(st.integers(0, 30))
    lines = [
        Line(
            f"{number}-{index}",
            draw(st.sampled_from((*ARTICLES, *ARTICLES, "VREEMD"))),
            draw(st.integers(1, 4)),
            draw(st.sampled_from((True, True, False))),
            draw(st.booleans()),
            placed_h,
        )
        for index in range(draw(st.integers(1, 2)))
    ]
    versions: list[_Version] = []
    hour = placed_h
    for _ in range(draw(st.integers(1, 4))):
        spoil = draw(st.sampled_from((None, None, None, *_SPOILS)))
        versions.append(_Version(tuple(lines), spoil, hour))
        hour += draw(st.integers(1, 30))
        for index, line in enumerate(lines):
            room = line.quantity - line.shipped - line.cancelled
            shipped = draw(st.integers(0, room))
            cancelled = draw(st.integers(0, room - shipped))
            if shipped or cancelled:
                lines[index] = replace(
                    line,
                    shipped=line.shipped + shipped,
                    cancelled=line.cancelled + cancelled,
                    changed_h=hour,
                )
    return versions


def _earliest(evidence: Iterable[tuple[str, int, int]]) -> dict[tuple[str, int], int]:
    first: dict[tuple[str, int], int] = {}
    for line_id, total, hour in evidence:
        first[(line_id, total)] = min(hour, first.get((line_id, total), hour))
    return first


def _missable(versions: Sequence[_Version], *, has_counts_between: bool) -> set[int]:
    """Return the versions that may all be left out.

    A version is the only witness of when a number of pieces had left. Where a count may lie between two departures
    all of these moments matter, else only that of the last total, which dates the invoice.
    """
    whole = _earliest(one for version in versions for one in version.left)
    final = {(line.line_id, line.shipped) for line in versions[-1].lines}
    matters = {key: hour for key, hour in whole.items() if has_counts_between or key in final}
    missable: set[int] = set()
    for index in range(len(versions) - 1):
        kept = [one for place, one in enumerate(versions) if place not in missable | {index}]
        known = _earliest(one for version in kept for one in version.left)
        if all(known.get(key) == hour for key, hour in matters.items()):
            missable.add(index)
    return missable


# ------------------------------------------------------------------------------------------------ files


@st.composite
def _wholesale(draw: st.DrawFn, number: str) -> tuple[File, list[tuple[str, int]]]:
    """Return an order file and the pieces that may leave, by article."""
    rows, owed = ["po_number;customer_no;sku;ean;aantal;prijs;land;datum"], []
    articles = draw(st.lists(st.sampled_from((*ARTICLES, "ONBEKEND")), min_size=1, max_size=2, unique=True))
    for article in articles:
        quantity = draw(st.integers(1, 6))
        said = draw(st.sampled_from((str(quantity), str(quantity), str(quantity), "veel")))
        day = draw(st.sampled_from(("2026-03-03T09:30:00Z", "2026-03-03T09:30:00Z", "ooit")))
        rows.append(f"{number};DEB-1;{article};;{said};10,00;NL;{day}")
        if said.isdigit():
            owed.append((article, quantity))
    return File(f"orders/{number}.csv", "\n".join([*rows, ""]).encode()), owed


def _count_hours(has_counts_between: bool) -> st.SearchStrategy[int]:
    anywhere = st.integers(-20, END_H - 10)
    return anywhere if has_counts_between else st.one_of(st.integers(-20, -1), st.integers(250, END_H - 10))


@st.composite
def _count_file(draw: st.DrawFn, name: str, *, has_counts_between: bool, by_eans: bool) -> File:
    rows = ["locatie;sku;ean;aantal;geteld op"]
    for _ in range(draw(st.integers(1, 3))):
        article = draw(st.sampled_from((*ARTICLES, "ONBEKEND")))
        by_ean = by_eans and article in EANS and draw(st.booleans())
        sku, ean = ("", EANS[article]) if by_ean else (article, "")
        place = draw(st.sampled_from(("main", "main", "store", "zolder")))
        hour = draw(_count_hours(has_counts_between))
        rows.append(f"{place};{sku};{ean};{draw(st.integers(0, 30))};{_moment(hour)}")
    return File(f"stock_counts/{name}.csv", "\n".join([*rows, ""]).encode())


@st.composite
def _parcel_file(draw: st.DrawFn, name: str, owed: Sequence[tuple[str, str, str, int]]) -> File | None:
    """Return parcels of (order, line or "", article or "", pieces that left or will); each piece leaves once."""
    rows = ["Ordernummer;Regel;SKU;Verzonden;Vervoerder;Track & Trace;Verzonden op"]
    for order, line, article, pieces in owed:
        if draw(st.booleans()):
            left = draw(st.integers(1, pieces))
            parcel = f"3S{order}{line}" if draw(st.booleans()) else ""
            rows.append(f"{order};{line};{article};{left};TNT;{parcel};{_moment(draw(st.integers(31, 200)))}")
    if len(rows) == 1:
        return None
    return File(f"shipments/{name}.csv", "\n".join([*rows, ""]).encode())


def _master(flaws: dict[str, str]) -> bytes:
    """Return a master in which articles are missing, or have their EAN or VAT class missing or elsewhere."""
    rows = ["sku;ean;naam;btw"]
    for article, ean in EANS.items():
        flaw = flaws.get(article)
        vat_class = "low" if article == "MOK" else "high"
        own_ean = "" if flaw in ("no_ean", "moved") else ean
        if flaw != "missing":
            rows.append(f"{article};{own_ean};{article};{'' if flaw == 'no_vat' else vat_class}")
        if flaw == "moved":
            rows.append(f"NIEUW-{article};{ean};nieuw {article};{vat_class}")
    return "\n".join([*rows, "VASTE;8710000000048;altijd;high", ""]).encode()


_FLAWS = st.dictionaries(
    st.sampled_from(ARTICLES), st.sampled_from(("missing", "no_ean", "moved", "no_vat")), max_size=2
)


@st.composite
def _masters(draw: st.DrawFn) -> list[dict[str, str]]:
    """Draw up to three versions. An article that was there stays: what was counted of it stays counted."""
    masters: list[dict[str, str]] = []
    missing = set(ARTICLES)
    for _ in range(draw(st.integers(1, 3))):
        flaws = {
            article: flaw for article, flaw in draw(_FLAWS).items() if flaw != "missing" or article in missing
        }
        missing &= {article for article, flaw in flaws.items() if flaw == "missing"}
        masters.append(flaws)
    return masters


# ------------------------------------------------------------------------------------------------ together


@st.composite
def worlds(draw: st.DrawFn, *, has_complete_master: bool = False, ends_well: bool = False) -> World:
    """Draw a week.

    Args:
        draw: given by Hypothesis.
        has_complete_master: there is one master, and it knows every article.
        ends_well: the last version of every order has nothing wrong.
    """
    has_counts_between = draw(st.booleans())
    masters: list[dict[str, str]] = [{}] if has_complete_master else draw(_masters())
    # What was counted under an EAN stays with the article that had it then, until the next count.
    has_moved_eans = any({"moved", "no_ean"} & set(flaws.values()) for flaws in masters)
    payloads: list[Payload] = []
    owed: list[tuple[str, str, str, int]] = []
    files: list[File] = []
    for index in range(draw(st.integers(1, 3))):
        number = f"B{index}"
        versions = draw(_versions(number))
        if ends_well:
            versions[-1] = replace(versions[-1], spoil=None)
        missable = _missable(versions, has_counts_between=has_counts_between)
        for place, version in enumerate(versions):
            body = order_body(number, versions[0].hour, version.lines, version.spoil)
            read_at = MONDAY + timedelta(hours=version.hour, minutes=draw(st.integers(0, 20)))
            payloads.append(Payload(number, body, read_at, place in missable))
        if draw(st.integers(0, 3)) == 0:
            # A page for people where the order should have been, before it was read well again.
            read_at = payloads[-1].read_at - timedelta(seconds=30)
            payloads.insert(len(payloads) - 1, Payload(number, b"<html>even geduld</html>", read_at, True))
        if versions[-1].spoil != "quantity":
            # A parcel of a line that says no pieces any more is matched only if it came before that version.
            articles = [line.article for line in versions[-1].lines]
            for place, line in enumerate(versions[-1].lines):
                pieces = line.quantity - line.cancelled
                if line.is_own and pieces:
                    # By SKU only where that is one line, whether or not the master knows the other one's EAN.
                    is_clear = line.has_reference and articles.count(line.article) == 1
                    # A line whose article nobody knows any more is found by SKU only before that version.
                    is_clear = is_clear and not (versions[-1].spoil == "ean" and place == 0)
                    by_line = draw(st.booleans()) or not is_clear
                    owed.append((number, *((line.line_id, "") if by_line else ("", line.article)), pieces))
    for index in range(draw(st.integers(0, 2))):
        file, pieces_of = draw(_wholesale(f"PO-{index}"))
        files.append(file)
        owed.extend((f"PO-{index}", "", article, pieces) for article, pieces in pieces_of)
    for index in range(draw(st.integers(0, 2))):
        name = f"telling-{index}"
        files.append(
            draw(_count_file(name, has_counts_between=has_counts_between, by_eans=not has_moved_eans))
        )
    for index in range(draw(st.integers(0, 1))):
        parcels = draw(_parcel_file(f"pakketten-{index}", owed))
        if parcels is not None:
            files.append(parcels)
    return World(tuple(payloads), tuple(files), tuple(_master(flaws) for flaws in masters))
