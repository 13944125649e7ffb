"""Stock out: the shop's products, their stock written in batches and read back.

``stock`` is absolute. One call is one transaction at the shop: a bad row rejects all of them, so a refused batch is
halved until the row stands alone.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from order_pipelines.connectors.http import Answer
from order_pipelines.connectors.ports import Account, House, ListedOffer, StockWrite, WriteResult
from order_pipelines.connectors.shopware.client import Criteria, ShopwareClient, is_id, search_path
from order_pipelines.connectors.shopware.options import read_options
from order_pipelines.errors import PermanentConnectorError, TransientConnectorError

SYNC_PATH = "/api/_action/sync"
MAX_BATCH = 100
# What the shop's column holds is more; what a person would believe is less.
MAX_QUANTITY = 1_000_000
_LARGEST_STOCK = 2_147_483_647
_LONGEST_EAN = 40
_NOT_FOUND = 404
# Else the shop rewrites its search index before it answers (contract digest, section 6).
_QUEUED = {"indexing-behavior": "use-queue-indexing"}
_FIELDS: Criteria = {
    "includes": {
        "product": [
            "id",
            "autoIncrement",
            "versionId",
            "productNumber",
            "ean",
            "stock",
            "availableStock",
            "isCloseout",
            "minPurchase",
            "active",
            "parentId",
            "childCount",
            "states",
        ]
    }
}

_log = logging.getLogger(__name__)


class ShopwareStock:
    """StockBatchSink of one account. An offer is a product that can be bought: a variant, or one without variants."""

    lowers_by_itself = True
    """When an order is placed (6.6) or completed (6.5)."""
    max_quantity = MAX_QUANTITY
    max_batch = MAX_BATCH

    def __init__(self, account: Account, house: House) -> None:
        options = read_options(account.options)
        self._client = ShopwareClient(account, house)
        self._page_size = options.page_size
        self.subtracts_open_orders = options.stock_model == "6.5"

    def list_offers(self) -> Iterator[ListedOffer]:
        """Yield every product that carries stock; parents of variants do not.

        Raises:
            PermanentConnectorError: a page is not what Shopware documents, or the pages do not end.
            TransientConnectorError: not now.
        """
        for rows in self._client.walk("product", _FIELDS, page_size=self._page_size):
            for row in rows:
                if _is_parent(row):
                    continue
                offer = self._read_offer(row)
                if offer is None:
                    _log.warning(
                        "shopware %s: a product without id was listed, skipped", self._client.account
                    )
                else:
                    yield offer

    def push_stocks(self, writes: Sequence[StockWrite]) -> Mapping[str, WriteResult]:
        """Write the stock of many products; ``confirmed`` means stored.

        Raises:
            TransientConnectorError: nothing is known of any of them; ``maybe_acted`` when they may hold. The numbers
                are absolute, so sending the newest again is always right.
            PermanentConnectorError: the account may not write.
        """
        results: dict[str, WriteResult] = {}
        sound = []
        for write in writes:
            if is_id(write.offer_id):
                sound.append(write)
            else:
                results[write.offer_id] = WriteResult(
                    "rejected", reason="no id of a Shopware product; not sent"
                )
        if sound:
            self._push(sound, results)
        return results

    def poll_stocks(self, reference: str, offer_ids: Sequence[str]) -> Mapping[str, WriteResult]:
        """Return that nothing is known: Shopware answers at once and keeps no batch to ask for."""
        reason = "Shopware answers a batch at once and keeps nothing to ask for; read back"
        return {offer_id: WriteResult("in_doubt", reference, reason) for offer_id in offer_ids}

    def read_stock(self, offer_id: str) -> ListedOffer:
        """Read one product back.

        Raises:
            PermanentConnectorError: the shop does not have it, or the answer is no product.
            TransientConnectorError: not now.
        """
        rows = self._client.by_ids("product", [offer_id], _FIELDS) if is_id(offer_id) else []
        offer = self._read_offer(rows[0]) if rows else None
        if offer is None:
            path = search_path("product")
            raise PermanentConnectorError(
                f"shopware POST {path} for {self._client.account}: the shop has no product {offer_id[:40]}",
                system="shopware",
                method="POST",
                path=path,
                status=_NOT_FOUND,
            )
        return offer

    def _push(self, writes: Sequence[StockWrite], results: dict[str, WriteResult]) -> None:
        payload = [
            {"id": write.offer_id, "stock": min(max(write.quantity, 0), MAX_QUANTITY)} for write in writes
        ]
        operation = {"action": "upsert", "entity": "product", "payload": payload}
        try:
            answer = self._client.try_write("POST", SYNC_PATH, [operation], headers=_QUEUED)
        except TransientConnectorError as error:
            if not results:
                raise
            # Other rows of the same batch were answered: what is known of them must not be lost with these.
            results.update({write.offer_id: WriteResult("in_doubt", reason=str(error)) for write in writes})
            return
        if isinstance(answer, Answer):
            results.update(_read_stored(answer, writes))
        elif len(writes) == 1:
            reason = f"{answer.reason}; is the product still in the shop? An unknown id would have to be a new product"
            results[writes[0].offer_id] = WriteResult("rejected", reason=reason)
        else:
            middle = len(writes) // 2
            self._push(writes[:middle], results)
            self._push(writes[middle:], results)

    def _read_offer(self, row: Mapping[str, Any]) -> ListedOffer | None:
        if not is_id(row.get("id")):
            return None
        stock, available = _integer(row.get("stock")), _integer(row.get("availableStock"))
        states = row.get("states")
        return ListedOffer(
            offer_id=str(row["id"]),
            ean=_text(row.get("ean"), _LONGEST_EAN),
            reference=_text(row.get("productNumber"), 200),
            stock_set=stock,
            stock_shown=available,
            # The shop hands files out itself.
            is_own_fulfilment=not (isinstance(states, list) and states == ["is-download"]),
            manages_open_orders=self.subtracts_open_orders,
            is_for_sale=_is_for_sale(row, stock if available is None else available),
        )


def _read_stored(answer: Answer, writes: Sequence[StockWrite]) -> dict[str, WriteResult]:
    """Return what a 2xx says of each row: the ids of what was written stand in it."""
    try:
        content = answer.json()
    except ValueError:
        content = None
    data = content.get("data") if isinstance(content, dict) else None
    stored = data.get("product") if isinstance(data, dict) else None
    known = {each for each in stored if isinstance(each, str)} if isinstance(stored, list) else set()
    doubt = WriteResult(
        "in_doubt", reason=f"Shopware answered {answer.status} without naming the product; sent again"
    )
    return {
        write.offer_id: WriteResult("confirmed") if write.offer_id in known else doubt for write in writes
    }


def _is_parent(row: Mapping[str, Any]) -> bool:
    children = row.get("childCount")
    return type(children) is int and children > 0


def _is_for_sale(row: Mapping[str, Any], stock: int | None) -> bool | None:
    """Tell whether shoppers can buy it: active, and not a closeout that has run out."""
    if row.get("active") is False:
        return False
    if row.get("isCloseout") is True and stock is not None:
        least = row.get("minPurchase")
        return stock >= (least if type(least) is int else 1)
    return True if row.get("active") is True else None


def _text(value: object, longest: int) -> str | None:
    if not isinstance(value, str):
        return None
    text = value.strip()
    return text if 0 < len(text) <= longest and text.isprintable() else None


def _integer(value: object) -> int | None:
    return value if type(value) is int and abs(value) <= _LARGEST_STOCK else None
