"""Orders that wait until we have them: open to in progress, where the merchant wants it so."""

from collections.abc import Sequence

from order_pipelines.connectors.ports import Account, House, WriteResult
from order_pipelines.connectors.shopware.client import Criteria, ShopwareClient, is_id, search_path
from order_pipelines.connectors.shopware.options import read_options
from order_pipelines.connectors.shopware.payloads import Reader
from order_pipelines.connectors.shopware.states import technical_name
from order_pipelines.connectors.shopware.transitions import move
from order_pipelines.errors import PermanentConnectorError

_NOT_FOUND = 404


class ShopwareAcceptance:
    """OrderAcceptor of one account: Shopware knows no acknowledgement, ``process`` is the custom."""

    def __init__(self, account: Account, house: House) -> None:
        self._options = read_options(account.options)
        self._client = ShopwareClient(account, house)

    def accept(self, external_order_id: str, line_ids: Sequence[str]) -> WriteResult:
        """Move an open order to in progress; one that is past this state counts as confirmed. Lines do not matter.

        Raises:
            TransientConnectorError: with ``maybe_acted`` when the order may be in progress nevertheless.
            PermanentConnectorError: the shop does not have the order, or refuses the account.
        """
        del line_ids
        if not self._options.in_progress_after_import:
            return WriteResult(
                "rejected", reason="options.in_progress_after_import is false; nothing was sent"
            )
        if not self.is_waiting(external_order_id):
            return WriteResult("confirmed")
        send_mail = self._options.send_mail
        return move(self._client, "order", external_order_id, "process", send_mail=send_mail)

    def is_waiting(self, external_order_id: str) -> bool:
        """Tell whether the order is still open.

        Raises:
            TransientConnectorError: not now.
            PermanentConnectorError: the shop does not have the order, or refuses the account.
        """
        criteria: Criteria = {"associations": {"stateMachineState": {}}}
        rows = self._client.by_ids("order", [external_order_id], criteria) if is_id(external_order_id) else []
        if not rows:
            path = search_path("order")
            raise PermanentConnectorError(
                f"shopware POST {path} for {self._client.account}: the shop has no such order",
                system="shopware",
                method="POST",
                path=path,
                status=_NOT_FOUND,
            )
        return technical_name(Reader(rows[0], "", [])) == "open"
