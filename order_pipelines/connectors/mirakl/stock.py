"""Stock out: a CSV file of absolute quantities (STO01), its report (STO02), its error report (STO03); offers by OF21.

STO01 is the only call that touches nothing but the quantity: OF24 resets what is not sent, OF01 may delete offers.
Offers are named by the seller's own SKU, because that is what the file holds.
"""

import csv
import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from order_pipelines.connectors.mirakl.client import MiraklClient, Params, objects, of_import, part, sound_id
from order_pipelines.connectors.mirakl.mapping import DEFAULT_CENTER
from order_pipelines.connectors.plain import plain_words
from order_pipelines.connectors.ports import Account, House, ListedOffer, StockWrite, WriteResult
from order_pipelines.errors import ConnectorError, PermanentConnectorError, TransientConnectorError

OFFERS_PATH = "/api/offers"
IMPORTS_PATH = "/api/offers/stock/imports"
HEADER = ("offer-sku", "quantity", "warehouse-code", "update-delete")
# Mirakl's own example shows a million pieces; no bound is published.
MAX_QUANTITY = 1_000_000
# Some forty characters a row. No bound is published; a file of this size is taken in one call.
MAX_BATCH = 10_000

_NOT_FOUND = 404
_TOO_MANY = 429
# The file was judged: a row may be to blame. 415 and the like concern the call.
_REFUSED = frozenset({400, 413, 422})
_LARGEST_STOCK = 10**9
_LONGEST_EAN = 40
_SKU_COLUMNS = ("offer-sku", "sku", "shop-sku", "offer sku")

_log = logging.getLogger(__name__)


class MiraklStock:
    """StockBatchSink of one account."""

    subtracts_open_orders = False
    """Quantities are absolute: what is available is sent, after the account's orders were read."""
    lowers_by_itself = True
    max_quantity = MAX_QUANTITY
    max_batch = MAX_BATCH

    def __init__(self, account: Account, house: House) -> None:
        self._client = MiraklClient(account, house)

    def list_offers(self) -> Iterator[ListedOffer]:
        """Yield every offer of the shop.

        Raises:
            PermanentConnectorError: a page is not what Mirakl documents, or the pages do not end.
            TransientConnectorError: not now.
        """
        for page in self._client.pages(OFFERS_PATH, {}, operation="OF21", member="offers"):
            for entry in page.entries:
                offer = _read_offer(entry) if isinstance(entry, dict) else None
                if offer is None:
                    _log.warning(
                        "mirakl %s: an offer without shop_sku was listed, skipped", self._client.account
                    )
                else:
                    yield offer

    def read_stock(self, offer_id: str) -> ListedOffer:
        """Read one offer back.

        Raises:
            PermanentConnectorError: the shop has no such offer, or the answer is no list of offers.
            TransientConnectorError: not now.
        """
        params: Params = {"sku": offer_id}
        for page in self._client.pages(OFFERS_PATH, params, operation="OF21", member="offers"):
            for entry in objects(page.entries):
                offer = _read_offer(entry)
                if offer is not None and offer.offer_id == offer_id:
                    return offer
        raise PermanentConnectorError(
            f"mirakl GET {OFFERS_PATH} for {self._client.account}: the shop has no offer with SKU {offer_id}",
            system="mirakl",
            method="GET",
            path=OFFERS_PATH,
            status=_NOT_FOUND,
        )

    def push_stocks(self, writes: Sequence[StockWrite]) -> Mapping[str, WriteResult]:
        """Send the stock of many offers in one file; ``accepted`` until the report says more.

        A file that is refused as a whole is divided, each part in its permitted minute, until the row to blame stands
        alone; what there is no time for stays in doubt and goes with the next push.

        Raises:
            TransientConnectorError: no file may be sent yet (``retry_after_s``), or nothing is known of any row;
                ``maybe_acted`` when they may hold. Quantities are absolute: sending the newest again is always right.
            PermanentConnectorError: the account may not write.
        """
        results: dict[str, WriteResult] = {}
        good = []
        for write in writes:
            if sound_id(write.offer_id) is None or write.offer_id != write.offer_id.strip():
                results[write.offer_id] = WriteResult("rejected", reason="the SKU cannot stand in a file")
            else:
                good.append(write)
        if good:
            results |= self._send(good, is_first=True)
        return results

    def poll_stocks(self, reference: str, offer_ids: Sequence[str]) -> Mapping[str, WriteResult]:
        """Ask what became of a file; ``accepted`` for each while the operator works on it, or may not be asked yet.

        Raises:
            PermanentConnectorError: the account may not read, or the answer is no report.
            TransientConnectorError: not now.
        """
        operation = of_import("STO02", reference)
        if not self._client.is_allowed_now(operation):
            return _all(offer_ids, WriteResult("accepted", reference))
        path = f"{IMPORTS_PATH}/{part(reference)}/status"
        try:
            report = self._client.read_object(self._client.get(path, operation=operation), path)
        except PermanentConnectorError as error:
            if error.status != _NOT_FOUND:
                raise
            return _all(offer_ids, WriteResult("in_doubt", reference, "the import is gone; read back"))
        except TransientConnectorError as error:
            if error.status != _TOO_MANY:
                raise
            return _all(offer_ids, WriteResult("accepted", reference))
        status = report.get("status")
        if status in ("WAITING", "RUNNING"):
            return _all(offer_ids, WriteResult("accepted", reference))
        if status == "FAILED":
            reason = "the operator could not import the file"
            if len(offer_ids) == 1:
                return _all(offer_ids, WriteResult("rejected", reference, reason))
            return _all(offer_ids, WriteResult("in_doubt", reference, reason))
        if status != "COMPLETE":
            reason = "the report names no status we know; read back"
            return _all(offer_ids, WriteResult("in_doubt", reference, reason))
        in_error = report.get("lines_in_error")
        if in_error == 0 and not report.get("has_error_report"):
            return _all(offer_ids, WriteResult("confirmed", reference))
        return self._read_errors(reference, offer_ids, in_error)

    def _send(self, writes: Sequence[StockWrite], *, is_first: bool) -> dict[str, WriteResult]:
        if not is_first:
            self._client.wait_for("STO01")
        try:
            answer = self._client.upload(
                IMPORTS_PATH,
                "stock.csv",
                self._file(writes),
                operation="STO01",
                interval_s=float(self._client.options.stock_import_interval_s),
            )
        except PermanentConnectorError as error:
            if error.status not in _REFUSED:
                raise
            return self._divide(writes, error)
        try:
            content = answer.json()
        except ValueError:
            content = None
        reference = sound_id(content.get("import_id")) if isinstance(content, dict) else None
        ids = [write.offer_id for write in writes]
        if reference is None:
            reason = "the operator took the file without an import_id; read back"
            return _all(ids, WriteResult("in_doubt", reason=reason))
        return _all(ids, WriteResult("accepted", reference))

    def _divide(self, writes: Sequence[StockWrite], error: ConnectorError) -> dict[str, WriteResult]:
        if len(writes) == 1:
            return {writes[0].offer_id: WriteResult("rejected", reason=str(error))}
        half = len(writes) // 2
        results: dict[str, WriteResult] = {}
        for part_of_it in (writes[:half], writes[half:]):
            try:
                results |= self._send(part_of_it, is_first=False)
            except TransientConnectorError as later:
                reason = f"the file was refused as a whole and a part of it could not be sent yet: {later}"
                results |= _all(
                    [write.offer_id for write in part_of_it], WriteResult("in_doubt", reason=reason)
                )
        return results

    def _file(self, writes: Sequence[StockWrite]) -> bytes:
        text = io.StringIO(newline="")
        rows = csv.writer(text, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\n")
        rows.writerow(HEADER)
        for write in writes:
            quantity = min(max(write.quantity, 0), MAX_QUANTITY)
            rows.writerow((write.offer_id, quantity, self._client.options.warehouse_code or "", ""))
        return text.getvalue().encode()

    def _read_errors(
        self, reference: str, offer_ids: Sequence[str], in_error: object
    ) -> Mapping[str, WriteResult]:
        """Read the error report; rows that it does not name were taken, unless it names fewer than it counts."""
        path = f"{IMPORTS_PATH}/{part(reference)}/error_report"
        operation = of_import("STO03", reference)
        if not self._client.is_allowed_now(operation):
            return _all(offer_ids, WriteResult("accepted", reference))
        try:
            answer = self._client.get(path, operation=operation, accept="text/csv")
        except PermanentConnectorError as error:
            if error.status != _NOT_FOUND:
                raise
            reason = "the operator counts rows in error and has no error report; read back"
            return _all(offer_ids, WriteResult("in_doubt", reference, reason))
        reasons = read_error_report(answer.body)
        if reasons is None:
            reason = "rows are in error and the error report names no SKU; read back"
            return _all(offer_ids, WriteResult("in_doubt", reference, reason))
        counts = isinstance(in_error, int) and not isinstance(in_error, bool) and len(reasons) >= in_error
        results = {}
        for offer_id in offer_ids:
            if offer_id in reasons:
                results[offer_id] = WriteResult("rejected", reference, reasons[offer_id])
            elif counts:
                results[offer_id] = WriteResult("confirmed", reference)
            else:
                reason = "more rows are in error than the error report names; read back"
                results[offer_id] = WriteResult("in_doubt", reference, reason)
        return results


def read_error_report(body: bytes) -> dict[str, str] | None:
    """Return reason by SKU; ``None`` when the file has no column of SKUs.

    Columns differ by operator and version and are found by their heading; the reason stands in the column whose
    heading speaks of an error, a reason or a message, else in the second (published description of STO03).
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") >= first.count(",") else ","
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    except csv.Error:
        return None
    if not rows:
        return None
    heading = [name.strip().strip('"').lower().replace("_", "-") for name in rows[0]]
    sku = next((heading.index(name) for name in _SKU_COLUMNS if name in heading), None)
    if sku is None:
        return None
    told = [
        index
        for index, name in enumerate(heading)
        if index != sku
        and any(word in name for word in ("reason", "message", "error"))
        and "line" not in name
    ]
    reason = told[0] if told else 1
    return {
        row[sku].strip(): plain_words(row[reason] if reason < len(row) else "")
        or "the operator gave no reason"
        for row in rows[1:]
        if sku < len(row)
    }


def _all(offer_ids: Sequence[str], result: WriteResult) -> dict[str, WriteResult]:
    return dict.fromkeys(offer_ids, result)


def _read_offer(source: Mapping[str, Any]) -> ListedOffer | None:
    sku = sound_id(source.get("shop_sku"))
    if sku is None:
        return None
    quantity = source.get("quantity")
    has_stock = (
        isinstance(quantity, int) and not isinstance(quantity, bool) and abs(quantity) <= _LARGEST_STOCK
    )
    active = source.get("active")
    return ListedOffer(
        offer_id=sku,
        ean=_read_ean(source),
        reference=sku,
        stock_set=quantity if has_stock else None,
        stock_shown=quantity if has_stock else None,
        is_own_fulfilment=_center(source) in (None, DEFAULT_CENTER),
        manages_open_orders=False,
        is_for_sale=active if isinstance(active, bool) else None,
    )


def _center(source: Mapping[str, Any]) -> object:
    fulfillment = source.get("fulfillment")
    center = fulfillment.get("center") if isinstance(fulfillment, dict) else None
    return center.get("code") if isinstance(center, dict) else None


def _read_ean(source: Mapping[str, Any]) -> str | None:
    for reference in objects(source.get("product_references")):
        value = reference.get("reference")
        if (
            reference.get("reference_type") == "EAN"
            and isinstance(value, str)
            and 0 < len(value) <= _LONGEST_EAN
        ):
            return value
    return None
