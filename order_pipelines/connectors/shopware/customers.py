"""Customers of the shop, read by change. Personal data throughout; nothing of it goes into a message."""

from collections.abc import Iterator

from order_pipelines.connectors.aftersales import Customer
from order_pipelines.connectors.ports import Account, House, Since
from order_pipelines.connectors.shopware.client import Criteria, ShopwareClient, any_of, is_id, range_filter
from order_pipelines.connectors.shopware.lines import newest
from order_pipelines.connectors.shopware.options import read_options
from order_pipelines.connectors.shopware.orders import OVERLAP, wire_time
from order_pipelines.connectors.shopware.payloads import Reader
from order_pipelines.connectors.shopware.people import read_address, read_buyer
from order_pipelines.domain.orders import Buyer

_ASSOCIATIONS: Criteria = {"defaultBillingAddress": {"associations": {"country": {}}}}


class ShopwareCustomers:
    """CustomerSource of one account."""

    def __init__(self, account: Account, house: House) -> None:
        self._options = read_options(account.options)
        self._client = ShopwareClient(account, house)

    def list_customers(self, since: Since) -> Iterator[Customer]:
        """Yield every customer that changed since; one without an id is left out.

        Raises:
            TransientConnectorError: a page could not be had now.
            PermanentConnectorError: a page is not what Shopware documents, or the account may not read customers.
        """
        filters: list[Criteria] = []
        if since.last_complete_at is not None:
            start = wire_time(since.last_complete_at - OVERLAP)
            filters.append(any_of(range_filter("createdAt", gte=start), range_filter("updatedAt", gte=start)))
        if self._options.sales_channel_ids:
            wanted = "|".join(self._options.sales_channel_ids)
            filters.append({"type": "equalsAny", "field": "salesChannelId", "value": wanted})
        criteria = {"filter": filters, "associations": _ASSOCIATIONS}
        for rows in self._client.walk("customer", criteria, page_size=self._options.page_size):
            for row in rows:
                if is_id(row.get("id")):
                    yield _read_customer(Reader(row, "", []))


def _read_customer(customer: Reader) -> Customer:
    billing = customer.entity("defaultBillingAddress")
    buyer, number = read_buyer(customer, billing, None)
    return Customer(
        customer_id=str(customer.source["id"]),
        customer_number=number,
        buyer=buyer or Buyer(),
        billing_address=read_address(billing),
        is_guest=customer.source.get("guest") is True,
        changed_at=newest(customer),
    )
