"""The lists of one file together: read, judged by the brake, and booked in one transaction or not at all."""

from dataclasses import dataclass

from sqlalchemy.engine import Connection

from order_pipelines.domain.matching import Catalogue
from order_pipelines.operations.inbox import Receipt
from order_pipelines.services.bundle_files import (
    BundleList,
    book_bundles,
    bundle_list,
    why_bundles_not_believed,
)
from order_pipelines.services.shop import Shop
from order_pipelines.services.supply_files import (
    Problems,
    SupplierList,
    Supplies,
    book_purchase_lines,
    book_supplier_lists,
    supplier_lists,
    why_lists_not_believed,
)


@dataclass(frozen=True)
class Lists:
    """What a file lists, and which of its rows are not believed."""

    suppliers: list[SupplierList]
    bundles: BundleList | None
    problems: Problems


def read_lists(shop: Shop, catalogue: Catalogue, receipt: Receipt, supplies: Supplies) -> Lists:
    """Return the lists of a file."""
    suppliers, problems = supplier_lists(shop, catalogue, receipt, supplies.supplier_offers)
    if not supplies.bundle_parts:
        return Lists(suppliers, None, problems)
    bundles, more = bundle_list(shop, catalogue, receipt, supplies)
    return Lists(suppliers, bundles, [*problems, *more])


def why_lists_held(connection: Connection, shop: Shop, receipt: Receipt, lists: Lists) -> list[str]:
    """Return why a person must look before any of the lists is booked."""
    reasons = why_lists_not_believed(connection, shop, lists.suppliers)
    if lists.bundles is not None:
        reasons += why_bundles_not_believed(connection, shop, receipt, lists.bundles)
    return reasons


def book_lists(
    connection: Connection,
    shop: Shop,
    catalogue: Catalogue,
    receipt: Receipt,
    supplies: Supplies,
    lists: Lists,
) -> Problems:
    """Book all of it in the caller's transaction; returns what was not believed, by row."""
    problems = [*lists.problems]
    problems += book_purchase_lines(connection, shop, catalogue, receipt, supplies.purchase_lines)
    book_supplier_lists(connection, shop, lists.suppliers)
    if lists.bundles is not None:
        problems += book_bundles(connection, shop, lists.bundles)
    return problems
