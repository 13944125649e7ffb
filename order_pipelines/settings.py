"""Typed settings of one merchant, from one TOML file. Secrets appear only as names of environment variables."""

import os
import re
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from order_pipelines.errors import ConfigurationError
from order_pipelines.settings_live import Live
from order_pipelines.settings_sections import Percentage, Section, exact
from order_pipelines.settings_stock import ReservationPolicy, StockPolicy

_NAME = r"^[a-z][a-z0-9_]{0,39}$"
_ENVIRONMENT_NAME = r"^[A-Z][A-Z0-9_]*$"
_PREFIX = r"^[A-Z0-9][A-Z0-9-]{0,14}$"
_TIME_OF_DAY = r"^([01]\d|2[0-3]):[0-5]\d$"
_CURRENCY, _COUNTRY = r"^[A-Z]{3}$", r"^[A-Z]{2}$"

# What a person is told instead of the validator's words; the value itself is never shown, it may be a secret.
_EXPECTED = {
    "missing": "is missing and must be given",
    "extra_forbidden": "is no key that is known here; look at its spelling and section",
    "tuple_type": 'a list such as ["main"]',
    "decimal_parsing": "a number such as 21 or 5.5",
    "date_from_datetime_parsing": "a date such as 2026-01-31, without quotes",
}
_PATTERNS = {
    _NAME: "a name of a-z, 0-9 and _, starting with a letter, at most 40 long",
    _ENVIRONMENT_NAME: "the name of an environment variable such as BOL_MAIN_SECRET, never the value itself",
    _PREFIX: "1 to 15 of A-Z, 0-9 and -, such as BOL",
    _TIME_OF_DAY: "a time of day such as 06:30",
    _CURRENCY: "three capitals such as EUR",
    _COUNTRY: "two capitals such as NL",
}


EnvironmentName = Annotated[str, Field(pattern=_ENVIRONMENT_NAME)]


PreflightName = Literal[
    "every_product_has_a_supplier",
    "every_supplier_has_an_email",
    "stock_is_correct",
    "every_product_has_an_order_multiple",
]


class Merchant(Section):
    """Who the merchant is. ``timezone`` decides business days."""

    name: str
    timezone: str = "Europe/Amsterdam"
    currency: str = Field(default="EUR", pattern=_CURRENCY)
    country: str = Field(default="NL", pattern=_COUNTRY)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("a time zone name such as Europe/Amsterdam") from error
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The zone of business days."""
        return ZoneInfo(self.timezone)


class Stores(Section):
    """Where data lives. URLs name no password: use ``*_url_env`` for those. Paths are relative to the settings file."""

    data_dir: Path = Path("data")
    operations_url: str | None = None
    operations_url_env: EnvironmentName | None = None
    warehouse_url: str | None = None
    warehouse_url_env: EnvironmentName | None = None

    @field_validator("operations_url", "warehouse_url")
    @classmethod
    def _without_password(cls, value: str | None) -> str | None:
        if value is not None and re.search(r"://[^/@]*:[^/@]+@", value):
            raise ValueError("a URL without password; a variable named in *_url_env may hold the whole URL")
        return value


class Invoicing(Section):
    """When an order of an account becomes a sales entry, and how.

    ``trigger``: ``shipped`` (all pieces shipped or cancelled), ``ordered``, or ``off``.
    ``grouping``: one entry an order, or one per account and business day of the trigger (``day``).
    ``customer``: the debtor in the books, by its id there.
    """

    trigger: Literal["shipped", "ordered", "off"] = "off"
    grouping: Literal["order", "day"] = "order"
    books: str | None = None
    customer: str | None = None
    journal: str | None = None
    payment_condition: str | None = None


class AccountSettings(Section):
    """One account at one outside system. ``options`` belong to the connector and are checked by it.

    ``acceptance``: where orders wait for the seller, ``automatic`` accepts those whose goods are all there.
    ``customers``: a shop's customers are read too; guests never are.
    """

    system: str = Field(pattern=_NAME)
    enabled: bool = True
    mode: Literal["observe", "live"] = "observe"
    effective_from: date
    reference_prefix: str | None = Field(default=None, pattern=_PREFIX)
    currency: str = Field(default="EUR", pattern=_CURRENCY)
    ships_from: str | None = None
    serves: tuple[str, ...] = ()
    acceptance: Literal["automatic", "by_hand"] = "automatic"
    customers: bool = False
    base_url: str | None = None
    token_url: str | None = None
    invoicing: Invoicing = Invoicing()
    stock: StockPolicy = StockPolicy()
    reservations: ReservationPolicy = ReservationPolicy()
    secrets: dict[str, EnvironmentName] = Field(default_factory=dict)
    options: dict[str, Any] = Field(default_factory=dict)


class Location(Section):
    """A place where goods lie. ``external``: it is another party's, such as a fulfilment partner.

    ``max_age_hours``: how old its newest count may be.
    """

    name: str = Field(pattern=_NAME)
    title: str | None = None
    external: bool = False
    max_age_hours: int | None = Field(default=None, ge=1)


class Products(Section):
    """The product master. ``file`` is CSV or XLSX; ``from_orders`` makes a product of each new SKU that orders name.

    ``from_account`` is the shop that leads where there is no file; ``tax_classes`` names the VAT class of its
    percentages.

    ``required_attributes``: by category, the attributes that shoppers of it ask for. ``checks``: which of the checks
    before go-live hold for this merchant.
    """

    file: Path | None = None
    from_account: str | None = None
    tax_classes: dict[str, str] = Field(default_factory=dict)
    from_orders: bool = False
    required_attributes: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    checks: tuple[PreflightName, ...] = (
        "every_product_has_a_supplier",
        "every_supplier_has_an_email",
        "stock_is_correct",
        "every_product_has_an_order_multiple",
    )

    @model_validator(mode="after")
    def _percentages(self) -> "Products":
        for percentage in self.tax_classes:
            if re.fullmatch(r"\d{1,2}(\.\d{1,2})?|100", percentage) is None:
                raise ValueError(
                    f'products.tax_classes: a percentage such as "21" or "5.5", not {percentage!r}'
                )
        return self


class LedgerMapping(Section):
    """How one VAT class is booked: ledger account and VAT code by the books' own ids.

    ``vat_rate``: only for orders whose channel says this percentage; without it, for the class's own one in ``[vat]``.
    """

    country: str = Field(pattern=_COUNTRY)
    vat_class: str
    vat_rate: Percentage | None = None
    ledger_account: str
    vat_code: str


class Books(Section):
    """What the books need beyond connection facts, by account name of the books."""

    mapping: tuple[LedgerMapping, ...] = ()
    shipping_ledger_account: str | None = None
    rounding_ledger_account: str | None = None

    @model_validator(mode="after")
    def _each_once(self) -> "Books":
        seen: set[tuple[str, str, Decimal | None]] = set()
        for item in self.mapping:
            key = (item.country, item.vat_class, item.vat_rate)
            if key in seen:
                rate = "" if item.vat_rate is None else f" at {item.vat_rate:f} %"
                raise ValueError(
                    f"mapping: {item.country} {item.vat_class}{rate} stands twice; keep one of them"
                )
            seen.add(key)
        return self


class Vat(Section):
    """VAT percentages by destination country and class. A country that is not listed stays unknown."""

    rates: dict[str, dict[str, Percentage]] = Field(default_factory=dict)

    def rate(self, country: str | None, vat_class: str | None) -> Decimal | None:
        """Return the percentage, or ``None`` when country or class is unknown."""
        if country is None or vat_class is None:
            return None
        return self.rates.get(country, {}).get(vat_class)

    def classes(self) -> set[str]:
        """All classes named for any country."""
        return {name for rates in self.rates.values() for name in rates}


class Limits(Section):
    """Thresholds of checks, of what is believable in one order, and of how long history is kept here."""

    max_quarantine_share: Percentage = Decimal(5)
    min_rows_for_share: int = Field(default=20, ge=1)
    max_line_quantity: int = Field(default=10_000, ge=1)
    max_future_hours: int = Field(default=1, ge=0)
    real_time_lag_seconds: int = Field(default=120, ge=0)
    stock_event_days: int = Field(default=400, ge=30)
    total_tolerance: Annotated[Decimal, BeforeValidator(exact)] = Decimal("0.02")


class Cadence(Section):
    """How often things happen; times of day are in the merchant's zone."""

    sweep_minutes: int = Field(default=5, ge=1, le=60)
    deep_sweep_at: str = Field(default="02:30", pattern=_TIME_OF_DAY)
    report_at: str = Field(default="06:30", pattern=_TIME_OF_DAY)
    account_deadline_s: int = Field(default=240, ge=5)
    deep_deadline_s: int = Field(default=1800, ge=5)


class SandboxSettings(Section):
    """Only for a sandbox: the control port whose clock is followed."""

    control_url: str


class Settings(Section):
    """Everything one merchant has decided. Read it with :func:`load_settings`."""

    merchant: Merchant
    stores: Stores = Stores()
    locations: tuple[Location, ...] = ()
    products: Products = Products()
    accounts: dict[Annotated[str, Field(pattern=_NAME)], AccountSettings] = Field(default_factory=dict)
    vat: Vat = Vat()
    books: dict[str, Books] = Field(default_factory=dict)
    limits: Limits = Limits()
    cadence: Cadence = Cadence()
    live: Live = Live()
    sandbox: SandboxSettings | None = None
    path: Path | None = Field(default=None, exclude=True)

    @model_validator(mode="after")
    def _references_exist(self) -> "Settings":
        known = {location.name for location in self.locations}
        for index, location in enumerate(self.locations):
            if location.name in {other.name for other in self.locations[:index]}:
                raise ValueError(f"locations.{index}.name: another name; {location.name!r} is named twice")
        leading = self.products.from_account
        if leading is not None and leading not in self.accounts:
            raise ValueError(f"products.from_account: {leading!r} is no account")
        prefixes: dict[str, str] = {}
        for name, account in self.accounts.items():
            for key, place in (
                ("ships_from", account.ships_from),
                *(("serves", one) for one in account.serves),
            ):
                if place is not None and place not in known:
                    raise ValueError(f"accounts.{name}.{key}: {place!r} is no name in [[locations]]")
            books = account.invoicing.books
            if account.invoicing.trigger != "off":
                if books is None or books not in self.accounts:
                    raise ValueError(
                        f"accounts.{name}.invoicing.books: the name of an account that keeps the books"
                    )
                if account.reference_prefix is None:
                    raise ValueError(f"accounts.{name}.reference_prefix: needed when the account is invoiced")
            if account.reference_prefix is not None:
                other = prefixes.setdefault(account.reference_prefix, name)
                if other != name:
                    raise ValueError(
                        f"accounts.{name}.reference_prefix: {other!r} has the same; make it unique"
                    )
        return self

    @property
    def directory(self) -> Path:
        """The folder that relative paths start from."""
        return self.path.parent if self.path is not None else Path.cwd()

    @property
    def data_dir(self) -> Path:
        """Folder of everything the product writes, absolute."""
        return (self.directory / self.stores.data_dir).absolute()

    def resolve(self, path: Path) -> Path:
        """Return ``path`` relative to the settings file."""
        return path if path.is_absolute() else (self.directory / path).absolute()

    def operations_url(self) -> str:
        """SQLAlchemy URL of the operations store, with the driver named."""
        return _store_url(
            self.stores.operations_url,
            self.stores.operations_url_env,
            "stores.operations_url_env",
            f"sqlite:///{self.data_dir / 'operations.sqlite'}",
            self.directory,
        )

    def warehouse_url(self) -> str:
        """URL of the warehouse: ``duckdb:///path`` or ``postgresql+psycopg://…``."""
        return _store_url(
            self.stores.warehouse_url,
            self.stores.warehouse_url_env,
            "stores.warehouse_url_env",
            f"duckdb:///{self.data_dir / 'warehouse.duckdb'}",
            self.directory,
        )

    def secrets_of(self, name: str) -> dict[str, str]:
        """Return the secret values of an account, read from the environment now.

        Raises:
            ConfigurationError: a named variable is not set; the message holds the name, never a value.
        """
        values = {}
        for key, variable in self.accounts[name].secrets.items():
            value = os.environ.get(variable)
            if not value:
                raise ConfigurationError(
                    f"accounts.{name}.secrets.{key}: environment variable {variable} is not set; set it and try again"
                )
            values[key] = value
        return values


def _store_url(url: str | None, variable: str | None, key: str, default: str, directory: Path) -> str:
    if variable is not None:
        value = os.environ.get(variable)
        if not value:
            raise ConfigurationError(
                f"{key}: environment variable {variable} is not set; set it to the store's URL"
            )
        url = value
    if url is None:
        return default
    for scheme in ("postgres://", "postgresql://", "postgresql+psycopg2://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    for scheme in ("sqlite:///", "duckdb:///"):
        path = url.removeprefix(scheme)
        if path != url and not path.startswith("/"):
            return f"{scheme}{(directory / path).absolute()}"
    return url


def load_settings(path: Path) -> Settings:
    """Read and check a settings file.

    Raises:
        ConfigurationError: one message naming file, line, key and what is expected.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{path}: cannot be read ({error.strerror}); run 'order-pipelines init' to write one"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{path}: is not UTF-8 at byte {error.start + 1}; save it as UTF-8"
        ) from error
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: not valid TOML: {error}") from error
    try:
        return Settings.model_validate({**raw, "path": path.absolute()})
    except ValidationError as error:
        raise ConfigurationError(_first_problem(path, text, error)) from error


def _first_problem(path: Path, text: str, error: ValidationError) -> str:
    problem = error.errors()[0]
    keys = [str(part) for part in problem["loc"] if part != "[key]"]
    message = _EXPECTED.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "string_pattern_mismatch":
        message = _PATTERNS.get(problem["ctx"]["pattern"], message)
    if not keys:
        named = re.match(r"([a-z0-9_.]+): ", message)
        keys = named.group(1).split(".") if named else []
        message = message.split(": ", 1)[1] if named else message
    line = find_line(text, keys)
    where = f"line {line}, " if line else ""
    return f"{path}: {where}{'.'.join(keys)}: {message}"


def find_line(text: str, keys: list[str]) -> int | None:
    """Return the 1-based line of a dotted key in TOML text, or of the nearest section around it."""
    section: list[str] = []
    arrays: dict[str, int] = {}
    best: tuple[int, int | None] = (0, None)
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[\[?([^\]]+)\]\]?", line)
        if header:
            section = [part.strip().strip('"') for part in header.group(1).split(".")]
            if line.lstrip().startswith("[["):
                index = arrays.get(header.group(1), -1) + 1
                arrays[header.group(1)] = index
                section = [*section, str(index)]
            candidate = section
        else:
            pair = re.match(r'\s*("?[A-Za-z0-9_.-]+"?)\s*=', line)
            if not pair:
                continue
            candidate = [*section, *pair.group(1).strip('"').split(".")]
        depth = len(candidate)
        if depth <= len(keys) and candidate == keys[:depth] and depth > best[0]:
            best = (depth, number)
    return best[1]
