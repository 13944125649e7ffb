"""Rows of what comes in and what it is made of: goods movements, purchase orders, supplier stock, bundles."""

from datetime import date

from order_pipelines.connectors.b2b_files.articles import read_sku
from order_pipelines.connectors.b2b_files.cells import Flaw, Source
from order_pipelines.connectors.b2b_files.columns import fold
from order_pipelines.connectors.b2b_files.row_reader import BadRowError, RowReader
from order_pipelines.domain.supply import (
    BundlePart,
    GoodsMovement,
    MovementKind,
    PurchaseLine,
    SupplierOffer,
)

_KINDS: dict[MovementKind, str] = {
    "received": "received|receipt|goods receipt|ontvangen|ontvangst|inkoop|inslag|binnengekomen",
    "returned": "returned|return|customer return|retour|geretourneerd|klantretour|retour klant",
    "transferred": "transferred|transfer|moved|verplaatst|verplaatsing|overboeking|intern|interne verplaatsing",
}
_WORDS = {word: kind for kind, words in _KINDS.items() for word in words.split("|")}
_LONGEST_WAIT_DAYS = 3650
_LONGEST_KEY = 100


def read_goods_movement(reader: RowReader) -> GoodsMovement:
    """Return one movement; a transfer leaves ``location`` and arrives at ``to_location``.

    Raises:
        BadRowError: the row lacks what it needs.
    """
    sku, ean = reader.needed_article()
    kind = _kind(reader)
    here, origin, target = reader.text("location"), reader.text("from_location"), reader.text("to_location")
    if kind == "transferred":
        origin = origin or here
        if origin is None:
            raise reader.bad("missing_field", "from_location")
        if target is None:
            raise reader.bad("missing_field", "to_location")
        if origin == target:
            raise reader.bad("same_location", "to_location", target)
    else:
        origin = here or target
        target = None
        if origin is None:
            raise reader.bad("missing_field", "location")
    moved_at = reader.time("moved_at") or reader.time("ordered_at")
    if moved_at is None:
        raise reader.bad("missing_field", "moved_at")
    return GoodsMovement(
        kind,
        reader.needed_text("document"),
        reader.some_pieces(),
        moved_at,
        origin,
        target,
        reader.text("line_id"),
        sku,
        ean,
        reader.row,
    )


def _kind(reader: RowReader) -> MovementKind:
    text = reader.text("movement")
    if text is not None:
        kind = _WORDS.get(fold(text))
        if kind is None:
            raise reader.bad("unknown_movement", "movement", text[:40])
        return kind
    if reader.has("from_location") and reader.has("to_location"):
        return "transferred"
    if reader.has("quantity_received"):
        return "received"
    raise reader.bad("missing_field", "movement")


def read_purchase_line(reader: RowReader) -> PurchaseLine:
    """Return one line of a purchase order.

    Raises:
        BadRowError: the row lacks what it needs.
    """
    sku, ean = reader.needed_article()
    return PurchaseLine(
        reader.needed_text("order_id", longest=_LONGEST_KEY),
        reader.pieces(),
        reader.whole("quantity_received") or 0,
        reader.text("location") or reader.text("to_location"),
        _day(reader, "expected_on"),
        reader.text("supplier"),
        reader.cost("unit_cost", "unit_price"),
        reader.time("stated_at"),
        reader.text("line_id", longest=_LONGEST_KEY),
        sku,
        ean,
        reader.row,
    )


def read_supplier_offer(reader: RowReader, supplier: str | None) -> SupplierOffer:
    """Return what a supplier has of an article; ``supplier`` is that of the settings, for files that name none.

    Raises:
        BadRowError: the row lacks what it needs.
    """
    named = reader.text("supplier") or supplier
    if named is None:
        raise reader.bad("missing_field", "supplier")
    sku, ean = reader.needed_article()
    lead_days = reader.whole("lead_days")
    if lead_days is not None and lead_days > _LONGEST_WAIT_DAYS:
        raise reader.bad("wrong_type", "lead_days", str(lead_days)[:40])
    return SupplierOffer(
        named,
        reader.pieces(),
        lead_days,
        reader.cost("unit_cost", "unit_price"),
        reader.time("stated_at") or reader.time("ordered_at"),
        sku,
        ean,
        reader.row,
    )


def read_bundle_part(reader: RowReader, source: Source) -> BundlePart:
    """Return one part of a bundle.

    Raises:
        BadRowError: the row lacks what it needs; it names the bundle, which would be short of a part.
        DataContractError: nobody can tell which bundle the row is of.
    """
    bundle = read_sku(reader.cell("bundle"))
    if bundle is None or isinstance(bundle, Flaw):
        raise source.fail(
            "does not say which bundle this part is of; a bundle without one of its parts would promise too much",
            row=reader.row,
        )
    try:
        sku, ean = reader.needed_article()
        return BundlePart(
            bundle,
            reader.some_pieces(),
            reader.time("stated_at") or reader.time("ordered_at"),
            sku,
            ean,
            reader.row,
        )
    except BadRowError as error:
        raise BadRowError(error.problem, bundle) from error


def _day(reader: RowReader, name: str) -> date | None:
    instant = reader.time(name)
    return None if instant is None else reader.local_day(instant)
