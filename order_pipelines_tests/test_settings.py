"""A wrong settings file gives one message with file, line, key and what is expected; a right one says what it says."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from order_pipelines.errors import ConfigurationError
from order_pipelines.settings import Settings, find_line, load_settings

_GOOD = """\
[merchant]
name = "De Vries Wonen"

[[locations]]
name = "main"

[accounts.bol_main]
system = "bol"
mode = "live"
effective_from = 2026-01-01
reference_prefix = "BOL"
ships_from = "main"
serves = ["main"]

[accounts.bol_main.secrets]
client_id = "BOL_MAIN_ID"
client_secret = "BOL_MAIN_SECRET"

[accounts.bol_main.invoicing]
trigger = "shipped"
books = "exact"

[accounts.exact]
system = "exact_online"
effective_from = 2026-01-01

[vat.rates.NL]
high = 21
low = 9
"""


def _write(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _load(folder: Path, *changes: tuple[str, str]) -> Settings:
    text = _GOOD
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return load_settings(_write(folder, text))


def test_a_right_file_is_read_as_written(tmp_path: Path) -> None:
    settings = _load(tmp_path)
    account = settings.accounts["bol_main"]

    assert (account.system, account.mode, account.effective_from) == ("bol", "live", date(2026, 1, 1))
    assert settings.accounts["exact"].mode == "observe"
    assert account.stock.max_share_to_zero == Decimal(30)
    assert settings.vat.rate("NL", "high") == Decimal(21)
    assert settings.vat.rate("NL", "zero") is None
    assert settings.vat.rate("DE", "high") is None
    assert settings.vat.rate(None, "high") is None
    assert settings.vat.classes() == {"high", "low"}
    assert settings.merchant.zone.key == "Europe/Amsterdam"


def test_percentages_are_the_digits_that_were_written(tmp_path: Path) -> None:
    settings = _load(tmp_path, ("high = 21", "high = 17.4"), ("low = 9", "low = 5.50"))
    assert settings.vat.rate("NL", "high") == Decimal("17.4")
    assert settings.vat.rate("NL", "low") == Decimal("5.5")


_BLOCK = (
    '[[books.exact.mapping]]\ncountry = "NL"\nvat_class = "low"\nledger_account = "8010"\nvat_code = "1"\n'
)
_MISTAKES = {
    "mode": (
        ('mode = "live"', 'mode = "on"'),
        "line 9, accounts.bol_main.mode: Input should be 'observe' or 'live'",
    ),
    "misspelled key": (
        ("mode =", "modus ="),
        "line 9, accounts.bol_main.modus: is no key that is known here; look at its spelling and section",
    ),
    "missing key": (
        ("effective_from = 2026-01-01\nreference", "reference"),
        "line 7, accounts.bol_main.effective_from: is missing and must be given",
    ),
    "secret value": (
        ('"BOL_MAIN_SECRET"', '"hJ7-geheim"'),
        "line 17, accounts.bol_main.secrets.client_secret: the name of an environment variable such as "
        "BOL_MAIN_SECRET, never the value itself",
    ),
    "location": (
        ('ships_from = "main"', 'ships_from = "mian"'),
        "line 12, accounts.bol_main.ships_from: 'mian' is no name in [[locations]]",
    ),
    "books": (
        ('books = "exact"', 'books = "exakt"'),
        "line 21, accounts.bol_main.invoicing.books: the name of an account that keeps the books",
    ),
    "no prefix": (
        ('reference_prefix = "BOL"\n', ""),
        "line 7, accounts.bol_main.reference_prefix: needed when the account is invoiced",
    ),
    "prefix of another": (
        ("[accounts.exact]\n", '[accounts.exact]\nreference_prefix = "BOL"\n'),
        "line 24, accounts.exact.reference_prefix: 'bol_main' has the same; make it unique",
    ),
    "prefix": (
        ('reference_prefix = "BOL"', 'reference_prefix = "bol main!"'),
        "line 11, accounts.bol_main.reference_prefix: 1 to 15 of A-Z, 0-9 and -, such as BOL",
    ),
    "text for a number": (
        ("high = 21", 'high = "veel"'),
        "line 28, vat.rates.NL.high: a number such as 21 or 5.5",
    ),
    "percentage": (
        ("high = 21", "high = 121"),
        "line 28, vat.rates.NL.high: Input should be less than or equal to 100",
    ),
    "date in words": (
        ("effective_from = 2026-01-01\nreference", 'effective_from = "1 januari"\nreference'),
        "line 10, accounts.bol_main.effective_from: a date such as 2026-01-31, without quotes",
    ),
    "one for a list": (
        ('serves = ["main"]', 'serves = "main"'),
        'line 13, accounts.bol_main.serves: a list such as ["main"]',
    ),
    "account name": (
        ("[accounts.exact]", '[accounts."Exact NL"]'),
        "line 23, accounts.Exact NL: a name of a-z, 0-9 and _, starting with a letter, at most 40 long",
    ),
    "time zone": (
        ("[merchant]\n", '[merchant]\ntimezone = "Amsterdam"\n'),
        "line 2, merchant.timezone: a time zone name such as Europe/Amsterdam",
    ),
    "time of day": (
        ("[vat.rates.NL]", '[cadence]\nreport_at = "6:30"\n[vat.rates.NL]'),
        "line 28, cadence.report_at: a time of day such as 06:30",
    ),
    "second location": (
        ("[[locations]]", '[[locations]]\nname = "De Winkel"\n[[locations]]'),
        "line 5, locations.0.name: a name of a-z, 0-9 and _, starting with a letter, at most 40 long",
    ),
    "location twice": (
        ("[[locations]]", '[[locations]]\nname = "main"\n[[locations]]'),
        "line 7, locations.1.name: another name; 'main' is named twice",
    ),
    "mapping twice": (
        ("[vat.rates.NL]", f"{_BLOCK}vat_rate = 9\n{_BLOCK}{_BLOCK}vat_rate = 9.0\n[vat.rates.NL]"),
        "books.exact: mapping: NL low at 9.0 % stands twice; keep one of them",
    ),
    "password": (
        ("[[locations]]", '[stores]\noperations_url = "postgresql://shop:geheim@db/ops"\n[[locations]]'),
        "line 5, stores.operations_url: a URL without password; a variable named in *_url_env may hold the "
        "whole URL",
    ),
}


@pytest.mark.parametrize("name", _MISTAKES)
def test_a_mistake_is_named_with_line_key_and_what_is_expected(tmp_path: Path, name: str) -> None:
    change, expected = _MISTAKES[name]
    with pytest.raises(ConfigurationError) as caught:
        _load(tmp_path, change)
    assert str(caught.value) == f"{tmp_path / 'settings.toml'}: {expected}"
    assert "geheim" not in str(caught.value)


def test_what_is_no_toml_is_named_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"settings\.toml: not valid TOML: .*at line 2, column 8"):
        _load(tmp_path, ('name = "De Vries Wonen"', "name = De Vries Wonen"))


def test_a_file_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"cannot be read .*; run 'order-pipelines init' to write one"
    ):
        load_settings(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("written", "used"),
    [
        ("postgres://shop@db/ops", "postgresql+psycopg://shop@db/ops"),
        ("postgresql://shop@db/ops", "postgresql+psycopg://shop@db/ops"),
        ("postgresql+psycopg2://shop@db/ops", "postgresql+psycopg://shop@db/ops"),
        ("postgresql+psycopg://shop@db/ops", "postgresql+psycopg://shop@db/ops"),
        ("sqlite:////var/lib/shop/ops.sqlite", "sqlite:////var/lib/shop/ops.sqlite"),
    ],
)
def test_store_urls_get_their_driver(tmp_path: Path, written: str, used: str) -> None:
    settings = _load(tmp_path, ("[[locations]]", f'[stores]\noperations_url = "{written}"\n[[locations]]'))
    assert settings.operations_url() == used


def test_paths_are_relative_to_the_settings_file(tmp_path: Path) -> None:
    text = '[stores]\noperations_url = "sqlite:///ops.sqlite"\ndata_dir = "var"\n[[locations]]'
    settings = _load(tmp_path, ("[[locations]]", text))
    assert settings.operations_url() == f"sqlite:///{tmp_path / 'ops.sqlite'}"
    assert settings.warehouse_url() == f"duckdb:///{tmp_path / 'var' / 'warehouse.duckdb'}"
    assert settings.data_dir == tmp_path / "var"
    assert settings.resolve(Path("products.csv")) == tmp_path / "products.csv"
    assert settings.resolve(Path("/srv/products.csv")) == Path("/srv/products.csv")


def test_a_url_with_a_password_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _load(tmp_path, ("[[locations]]", '[stores]\noperations_url_env = "OPS_URL"\n[[locations]]'))
    with pytest.raises(ConfigurationError, match=r"stores\.operations_url_env: environment variable OPS_URL"):
        settings.operations_url()
    monkeypatch.setenv("OPS_URL", "postgresql://shop:geheim@db/ops")
    assert settings.operations_url() == "postgresql+psycopg://shop:geheim@db/ops"


def test_secrets_are_read_when_needed_and_a_missing_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _load(tmp_path)
    monkeypatch.setenv("BOL_MAIN_ID", "id-1")
    with pytest.raises(ConfigurationError) as caught:
        settings.secrets_of("bol_main")
    assert str(caught.value) == (
        "accounts.bol_main.secrets.client_secret: environment variable BOL_MAIN_SECRET is not set; set it and try again"
    )
    assert "id-1" not in str(caught.value)
    monkeypatch.setenv("BOL_MAIN_SECRET", "geheim")
    assert settings.secrets_of("bol_main") == {"client_id": "id-1", "client_secret": "geheim"}
    assert "geheim" not in repr(settings)


def test_a_line_is_found_in_inline_and_dotted_keys() -> None:
    mapping = '[[books.exact.mapping]]\ncountry = "NL"\n'
    text = f'[accounts.a]\nsecrets.client_id = "A"\n{mapping}{mapping}'
    assert find_line(text, ["accounts", "a", "secrets", "client_id"]) == 2
    assert find_line(text, ["books", "exact", "mapping", "1", "country"]) == 6
    assert find_line(text, ["accounts", "a", "mode"]) == 1
    assert find_line(text, ["merchant"]) is None
