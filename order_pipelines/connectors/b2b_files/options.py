"""What a merchant may decide about the files of one account; nothing here reads a file."""

import codecs
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from order_pipelines.errors import ConfigurationError

KINDS = (
    "orders",
    "stock_counts",
    "shipments",
    "goods_movements",
    "purchase_orders",
    "supplier_stock",
    "bundles",
)
CANONICAL_COLUMNS = (
    "order_id",
    "line_id",
    "ordered_at",
    "customer_number",
    "company",
    "email",
    "vat_id",
    "reference",
    "country",
    "bill_country",
    "currency",
    "sku",
    "ean",
    "title",
    "quantity",
    "unit_price",
    "discount_pct",
    "line_total",
    "location",
    "taken_at",
    "carrier",
    "tracking",
    "shipped_at",
    "account",
    "document",
    "movement",
    "moved_at",
    "from_location",
    "to_location",
    "quantity_received",
    "expected_on",
    "supplier",
    "lead_days",
    "unit_cost",
    "stated_at",
    "bundle",
)


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Kinds(_Section):
    """Glob patterns, matched from the right of a file's path (``orders/*``, ``telling*.csv``), per kind of file."""

    orders: Names = ("orders/*",)
    stock_counts: Names = ("stock_counts/*",)
    shipments: Names = ("shipments/*",)
    goods_movements: Names = ("goods_movements/*",)
    purchase_orders: Names = ("purchase_orders/*",)
    supplier_stock: Names = ("supplier_stock/*",)
    bundles: Names = ("bundles/*",)


class LineKind(_Section):
    """A rule that tells what is no article: ``pattern`` is a regular expression that the whole SKU must match."""

    pattern: str
    kind: Literal["shipping", "fee", "manual", "discount"]

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"a regular expression ({error})") from error
        return value


class StockCorrections(_Section):
    """Which rows of an order file are no sale but a correction of stock.

    ``negative_at_price_zero``: negative pieces at price 0 outside a credit.
    ``orders_at_price_zero_without_customer``: every row of an order that names no customer and charges nothing at all.
    """

    negative_at_price_zero: bool = False
    orders_at_price_zero_without_customer: bool = False


class FileLimits(_Section):
    """How much of a file is believed before it is called hostile; sizes in bytes."""

    max_file_bytes: int = Field(default=200_000_000, ge=1)
    max_uncompressed_bytes: int = Field(default=1_000_000_000, ge=1)
    max_workbook_bytes: int = Field(default=200_000_000, ge=1)
    max_rows: int = Field(default=2_000_000, ge=1)
    max_columns: int = Field(default=500, ge=2)


class FileOptions(_Section):
    """Options of one ``b2b_files`` account.

    ``columns`` maps our names to the file's headings; what it does not name is found by synonym.
    ``order_id_column`` is short for ``columns.order_id``, ``country_column`` for ``columns.country``.
    ``decimal`` decides only what is ambiguous; ``auto`` decides per file and leaves the rest to a person.
    ``timezone`` is the zone of times without one. ``country_names`` adds to the names known; ``""`` means no country.
    ``order_numbers_unique_per``: ``customer`` puts the customer number into the order id.
    ``credit_prefix``/``adjustment_prefix``: an order number that starts so is a credit, or no order at all.
    ``supplier``: whose stock the files of suppliers state that name none.
    ``full_counts``: locations whose count files name everything that lies there; what they leave out is gone.
    ``full_purchase_orders``: a file of purchase orders names all that are open; what it leaves out is closed.
    ``max_share_missing``: a complete file that lacks more than this percentage of what was known waits for a person.
    """

    folder: str = "inbox"
    kinds: Kinds = Kinds()
    columns: dict[str, Names] = Field(default_factory=dict)
    order_id_column: str | None = None
    country_column: str | None = None
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$")
    prices: Literal["excl_vat", "incl_vat"] | None = None
    decimal: Literal["auto", "comma", "point"] = "auto"
    encoding: str | None = None
    date_formats: Names = ()
    timezone: str = "Europe/Amsterdam"
    country_names: dict[str, str] = Field(default_factory=dict)
    order_numbers_unique_per: Literal["account", "customer"] = "account"
    line_kinds: tuple[LineKind, ...] = ()
    credit_prefix: str | None = Field(default=None, min_length=1)
    adjustment_prefix: str | None = Field(default=None, min_length=1)
    stock_corrections: StockCorrections = StockCorrections()
    size_sku: str | None = None
    duplicates: Literal["keep"] = "keep"
    supplier: str | None = Field(default=None, min_length=1, max_length=200)
    full_counts: Names = ()
    full_purchase_orders: bool = False
    max_share_missing: int = Field(default=50, ge=0, le=100)
    limits: FileLimits = FileLimits()

    @field_validator("columns")
    @classmethod
    def _known_columns(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for name in value:
            if name not in CANONICAL_COLUMNS:
                raise ValueError(f"{name!r} is no column of ours; known are {', '.join(CANONICAL_COLUMNS)}")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("a time zone name such as Europe/Amsterdam") from error
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                info = codecs.lookup(value)
            except LookupError as error:
                raise ValueError("an encoding such as utf-8, cp1252 or utf-16") from error
            # Codecs such as base64 turn bytes into bytes: they are no encoding of text.
            if not getattr(info, "_is_text_encoding", True):
                raise ValueError("an encoding of text such as utf-8, cp1252 or utf-16")
        return value

    @field_validator("country_names")
    @classmethod
    def _iso_codes(cls, value: dict[str, str]) -> dict[str, str]:
        for name, code in value.items():
            if code and not re.fullmatch(r"[A-Z]{2}", code):
                raise ValueError(
                    f"{name!r}: two capital letters (ISO 3166 alpha-2), or an empty text for none"
                )
        return value

    @field_validator("size_sku")
    @classmethod
    def _size_template(cls, value: str | None) -> str | None:
        if value is not None and ("{sku}" not in value or "{size}" not in value):
            raise ValueError('a text with {sku} and {size}, for example "{sku}-{size}"')
        return value

    def headings(self) -> dict[str, tuple[str, ...]]:
        """Return all headings the settings name, by our column name."""
        named = dict(self.columns)
        if self.order_id_column is not None:
            named["order_id"] = (self.order_id_column,)
        if self.country_column is not None:
            named["country"] = (self.country_column,)
        return named

    def kind_of(self, name: str | None) -> str | None:
        """Return the kind of file that a name or path says, ``None`` when no pattern fits. Never opens it."""
        if name is None:
            return None
        path = PurePath(name)
        for kind in KINDS:
            if any(path.match(pattern) for pattern in getattr(self.kinds, kind)):
                return kind
        return None


def read_options(options: Mapping[str, Any]) -> FileOptions:
    """Return the options of an account.

    Raises:
        ConfigurationError: a key is unknown or a value does not fit; the message names it and what is expected.
    """
    try:
        return FileOptions.model_validate(dict(options))
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in ("options", *problem["loc"]))
        raise ConfigurationError(f"{key}: {problem['msg'].removeprefix('Value error, ')}") from error


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse options that do not fit.

    Raises:
        ConfigurationError: see :func:`read_options`.
    """
    read_options(options)
