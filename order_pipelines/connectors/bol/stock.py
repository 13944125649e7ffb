"""Stock out: the account's offers, their stock written and read back, by offers v11 or the deprecated v10.

Both write absolute stock and send ``managedByRetailer`` with every number, because it decides what the number means.
"""

import csv
import io
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from order_pipelines.connectors.bol.client import V10_CSV, V10_JSON, V11_JSON, BolClient, part, sound_id
from order_pipelines.connectors.bol.options import BolOptions, read_options
from order_pipelines.connectors.bol.processes import poll_write, read_accepted, read_status
from order_pipelines.connectors.http import Answer
from order_pipelines.connectors.ports import Account, House, ListedOffer, StockSink, WriteResult
from order_pipelines.errors import TransientConnectorError

OFFERS_PATH = "/retailer/offers"
EXPORT_PATH = f"{OFFERS_PATH}/export"
PAGE_SIZE = 100
MAX_PAGES = 10_000
# A line of an export has some 200 characters: a quarter of a million offers.
MAX_EXPORT_BYTES = 48 * 1024 * 1024
# What a column for pieces holds, with room; a shop that shows more shows nothing that can be compared.
_LARGEST_STOCK = 10**9
# v10 spec: amount 0..999. v11 names no bound; the same one is kept until bol documents another.
MAX_QUANTITY = 999
_STORED = 204
EXPORT_POLL_S = 5.0
EXPORT_POLLS = 60

_LONGEST_EAN = 40

_log = logging.getLogger(__name__)


class _Offers:
    """What both versions share."""

    max_quantity = MAX_QUANTITY
    _media_type: str

    def __init__(self, client: BolClient, options: BolOptions) -> None:
        self._client = client
        self._managed_by_retailer = options.managed_by_retailer
        # The amount stays what it was told; bol subtracts when it shows it.
        self.lowers_by_itself = False
        self.subtracts_open_orders = not options.managed_by_retailer

    def read_stock(self, offer_id: str) -> ListedOffer:
        """Read one offer back.

        Raises:
            PermanentConnectorError: bol does not know the offer, or the answer is no offer.
            TransientConnectorError: not now.
        """
        path = f"{OFFERS_PATH}/{part(offer_id)}"
        answer = self._client.get(path, group="GET /offers/*", media_type=self._media_type)
        offer = self._read_offer(self._client.read_object(answer, path))
        if offer is None:
            raise self._client.broken_contract(path, "the answer has no offerId")
        return offer

    def poll_write(self, reference: str) -> WriteResult:
        """Ask what became of an accepted write."""
        return poll_write(self._client, reference)

    def _stock(self, quantity: int) -> dict[str, int | bool]:
        amount = min(max(quantity, 0), MAX_QUANTITY)
        return {"amount": amount, "managedByRetailer": self._managed_by_retailer}

    def _read_offer(self, source: Mapping[str, Any]) -> ListedOffer | None:
        offer_id = sound_id(source.get("offerId"))
        if offer_id is None:
            return None
        stock = _object(source.get("stock"))
        managed = stock.get("managedByRetailer")
        if not isinstance(managed, bool):
            managed = self._managed_by_retailer
        return ListedOffer(
            offer_id=offer_id,
            ean=_ean(source.get("ean")),
            reference=_text(source.get("reference")),
            stock_set=_integer(stock.get("amount")),
            stock_shown=_integer(stock.get("correctedStock")),
            is_own_fulfilment=_object(source.get("fulfilment")).get("method") != "FBB",
            manages_open_orders=not managed,
            is_for_sale=_is_for_sale(source),
        )


class OffersV11(_Offers):
    """StockSink over offers v11: answers at once, 204 = stored. Whether it is for sale is checked by bol later."""

    _media_type = V11_JSON

    def list_offers(self) -> Iterator[ListedOffer]:
        """Yield every offer, page by page until bol gives no further cursor.

        Raises:
            PermanentConnectorError: a page is not what bol documents, or the cursors do not end.
            TransientConnectorError: not now.
        """
        params: dict[str, str | int] = {"page-size": PAGE_SIZE}
        seen: set[str] = set()
        for _ in range(MAX_PAGES):
            answer = self._client.get_page(
                OFFERS_PATH, group="GET /offers", params=params, media_type=V11_JSON
            )
            page = self._client.read_object(answer, OFFERS_PATH)
            offers = page.get("offers")
            if not isinstance(offers, list):
                raise self._client.broken_contract(OFFERS_PATH, "a page must have a list 'offers'")
            for entry in offers:
                offer = self._read_offer(entry) if isinstance(entry, dict) else None
                if offer is None:
                    _log.warning("bol %s: an offer without offerId was listed, skipped", self._client.account)
                else:
                    yield offer
            cursor = _object(page.get("page")).get("nextCursor")
            if not isinstance(cursor, str) or not cursor:
                return
            if cursor in seen:
                raise self._client.broken_contract(OFFERS_PATH, "a cursor came twice; the list does not end")
            seen.add(cursor)
            params["cursor"] = cursor
        raise self._client.broken_contract(OFFERS_PATH, f"more than {MAX_PAGES} pages; the list does not end")

    def push_stock(self, offer_id: str, quantity: int) -> WriteResult:
        """Tell bol the stock of one offer; ``confirmed`` means stored.

        Raises:
            TransientConnectorError: ``maybe_acted`` when it may be stored nevertheless; the number is absolute, so
                sending the newest again is always right.
            PermanentConnectorError: the account may not write.
        """
        answer = self._client.try_write(
            "PATCH",
            f"{OFFERS_PATH}/{part(offer_id)}",
            {"stock": self._stock(quantity)},
            group="WRITE /offers",
            media_type=V11_JSON,
        )
        if isinstance(answer, WriteResult):
            return answer
        if answer.status == _STORED:
            return WriteResult("confirmed")
        # 200 with a login page comes from something between us and bol.
        return WriteResult(
            "in_doubt", reason=f"bol answered {answer.status} where 204 means stored; sent again"
        )


class OffersV10(_Offers):
    """StockSink over offers v10: every write is accepted first; the list is a CSV export made on demand, 9 an hour."""

    _media_type = V10_JSON

    def __init__(
        self, client: BolClient, options: BolOptions, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        super().__init__(client, options)
        self._sleep = sleep

    def list_offers(self) -> Iterator[ListedOffer]:
        """Order an export, wait for it and yield its rows.

        Raises:
            TransientConnectorError: the export did not come within five minutes.
            PermanentConnectorError: bol refused it, or the CSV has no column ``offerId``.
        """
        answer = self._client.write("POST", EXPORT_PATH, {"format": "CSV"}, group="POST /offers/export")
        path = f"{EXPORT_PATH}/{part(self._wait_for_report(answer))}"
        report = self._client.get(
            path, group="GET /offers/export/*", media_type=V10_CSV, max_bytes=MAX_EXPORT_BYTES
        )
        yield from self._read_csv(report, path)

    def push_stock(self, offer_id: str, quantity: int) -> WriteResult:
        """Tell bol the stock of one offer; ``accepted`` until the process status says more.

        Raises:
            TransientConnectorError: ``maybe_acted`` when it may have been accepted nevertheless.
            PermanentConnectorError: the account may not write.
        """
        answer = self._client.try_write(
            "PUT",
            f"{OFFERS_PATH}/{part(offer_id)}/stock",
            self._stock(quantity),
            group="WRITE /offers",
        )
        return answer if isinstance(answer, WriteResult) else read_accepted(answer)

    def _wait_for_report(self, answer: Answer) -> str:
        accepted = read_accepted(answer)
        if accepted.reference is None:
            raise self._export_error(accepted.reason or "no process status")
        for _ in range(EXPORT_POLLS):
            status = read_status(self._client, accepted.reference)
            word = status.get("status") if status else "gone"
            if status and word == "SUCCESS":
                report_id = status.get("entityId")
                if isinstance(report_id, str | int) and report_id:
                    return str(report_id)
                raise self._client.broken_contract(EXPORT_PATH, "the finished export has no entityId")
            if word != "PENDING":
                raise self._export_error(f"the export ended as {word}")
            self._sleep(EXPORT_POLL_S)
        raise self._export_error("the export was not ready in time")

    def _export_error(self, what: str) -> TransientConnectorError:
        return TransientConnectorError(
            f"bol POST {EXPORT_PATH} for {self._client.account}: {what}",
            system="bol",
            method="POST",
            path=EXPORT_PATH,
        )

    def _read_csv(self, answer: Answer, path: str) -> Iterator[ListedOffer]:
        """Yield the rows, read by column name: columns came and went over bol's versions, and their order too."""
        try:
            text = answer.body.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise self._client.broken_contract(path, "the export is not UTF-8") from None
        rows = csv.DictReader(io.StringIO(text, newline=""))
        try:
            yield from self._read_rows(rows, path)
        except csv.Error as error:
            raise self._client.broken_contract(path, f"the export is no CSV ({error})") from None

    def _read_rows(self, rows: "csv.DictReader[str]", path: str) -> Iterator[ListedOffer]:
        if "offerId" not in (rows.fieldnames or ()):
            raise self._client.broken_contract(path, "the export has no column offerId")
        for row in rows:
            offer_id = sound_id(row["offerId"])
            if offer_id is None:
                _log.warning("bol %s: an export row without offerId, skipped", self._client.account)
                continue
            managed = _boolean(row.get("managedByRetailer"))
            if managed is None:
                managed = self._managed_by_retailer
            on_hold = _boolean(row.get("onHoldByRetailer"))
            method = row.get("fulfilmentType") or row.get("fulfilmentMethod")
            yield ListedOffer(
                offer_id=offer_id,
                ean=_ean(row.get("ean")),
                reference=_text(row.get("referenceCode")) or _text(row.get("reference")),
                stock_set=_digits(row.get("stockAmount")),
                stock_shown=_digits(row.get("correctedStock")),
                is_own_fulfilment=method != "FBB",
                manages_open_orders=not managed,
                is_for_sale=False if on_hold else None,
            )


def make_stock_sink(account: Account, house: House) -> StockSink:
    """Return the sink for the version that the account's options name."""
    options = read_options(account.options)
    client = BolClient(account, house)
    return OffersV11(client, options) if options.offers_api == "v11" else OffersV10(client, options)


def _is_for_sale(source: Mapping[str, Any]) -> bool | None:
    """Tell whether shoppers of any country see it; v10 does not say, except that an offer on hold is not for sale."""
    if source.get("onHoldByRetailer") is True:
        return False
    countries = source.get("countryAvailabilities")
    if not isinstance(countries, list):
        return None
    return any(isinstance(country, dict) and country.get("forSale") is True for country in countries)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return sound_id(value) if isinstance(value, str) else None


def _ean(value: object) -> str | None:
    """Return an article number; a text longer than any names none, and no store could keep it."""
    text = _text(value)
    return text if text is not None and len(text) <= _LONGEST_EAN else None


def _integer(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST_STOCK:
        return value
    return None


def _digits(value: str | None) -> int | None:
    text = (value or "").strip()
    return _integer(int(text)) if len(text) <= 12 and text.removeprefix("-").isdecimal() else None


def _boolean(value: str | None) -> bool | None:
    return {"true": True, "false": False}.get((value or "").strip().lower())
