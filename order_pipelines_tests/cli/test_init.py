"""``order-pipelines init``: the file it writes is the documentation of the settings, so it must be whole and true."""

import re
import types
import typing
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import BaseModel

from order_pipelines.cli import cli
from order_pipelines.commands.starting import TEMPLATE
from order_pipelines.connectors.b2b_files.options import FileOptions
from order_pipelines.connectors.bol.options import BolOptions
from order_pipelines.connectors.exact_online.options import ExactOptions
from order_pipelines.connectors.mirakl.options import MiraklOptions
from order_pipelines.connectors.registry import connector_of
from order_pipelines.connectors.shopware.options import ShopwareOptions
from order_pipelines.settings import Settings, load_settings

_EXAMPLE = re.compile(r"^#(?=\S)", re.MULTILINE)


def _everything_switched_on() -> str:
    """The template with each example line in use."""
    return _EXAMPLE.sub("", TEMPLATE.read_text(encoding="utf-8"))


def _sections_in(annotation: object) -> list[type[BaseModel]]:
    """The settings sections that a field holds, directly or in a tuple, dict or union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if typing.get_origin(annotation) in {tuple, dict, list, types.UnionType, typing.Union, typing.Annotated}:
        return [section for part in typing.get_args(annotation) for section in _sections_in(part)]
    return []


def _keys_of(section: type[BaseModel]) -> set[tuple[str, str]]:
    """(section, key) of every key that a person may write, with the sections inside."""
    keys = set()
    for name, field in section.model_fields.items():
        if field.exclude:
            continue
        keys.add((section.__name__, name))
        for inner in _sections_in(field.annotation):
            keys |= _keys_of(inner)
    return keys


def test_the_written_file_loads_as_it_is(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["init", str(tmp_path / "shop.toml")])
    assert result.exit_code == 0, result.output
    settings = load_settings(tmp_path / "shop.toml")
    assert settings.merchant.name == "My shop"
    assert [location.name for location in settings.locations] == ["main"]
    assert settings.accounts == {}
    assert str(settings.vat.rate("BE", "low")) == "6"


def test_with_every_example_switched_on_it_loads_too(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(_everything_switched_on(), encoding="utf-8")
    settings = load_settings(tmp_path / "settings.toml")
    assert sorted(settings.accounts) == [
        "blokker",
        "bol_main",
        "bol_outlet",
        "exact",
        "webshop",
        "wholesale",
    ]
    for account in settings.accounts.values():
        connector_of(account.system).check_options(account.options)
    assert settings.accounts["bol_main"].invoicing.books == "exact"


def test_every_default_it_names_is_the_default(tmp_path: Path) -> None:
    """An example line of a section that has no required key shows what holds without it."""
    (tmp_path / "settings.toml").write_text(_everything_switched_on(), encoding="utf-8")
    settings = load_settings(tmp_path / "settings.toml")
    plain = Settings.model_validate({"merchant": {"name": "My shop"}})
    assert settings.merchant == plain.merchant
    assert settings.limits == plain.limits
    assert settings.cadence == plain.cadence
    assert settings.live == plain.live
    assert settings.stores.data_dir == plain.stores.data_dir
    bol = settings.accounts["bol_main"]
    assert bol.stock == type(bol.stock)()
    assert BolOptions.model_validate(bol.options) == BolOptions()
    shopware = settings.accounts["webshop"]
    said = ShopwareOptions.model_validate(shopware.options)
    # A meaning for the states of one shop is an example: nobody else has them.
    own: dict[str, dict[str, str]] = {"order_states": {}, "delivery_states": {}, "payment_states": {}}
    assert said.model_copy(update=own) == ShopwareOptions()
    assert said.order_states == {"in_productie": "open"}
    files = FileOptions.model_validate(settings.accounts["wholesale"].options)
    assert files.limits == FileOptions().limits
    assert files.kinds == FileOptions().kinds


@pytest.mark.parametrize(
    ("section", "key"),
    sorted(
        _keys_of(Settings)
        | _keys_of(BolOptions)
        | _keys_of(FileOptions)
        | _keys_of(MiraklOptions)
        | _keys_of(ShopwareOptions)
        | _keys_of(ExactOptions)
    ),
)
def test_every_key_of_the_settings_stands_in_it(section: str, key: str) -> None:
    written = re.compile(rf"^#?(\[+([a-z_]+\.)*{key}(\.[a-zA-Z_.]+)?\]+|{key} = )", re.MULTILINE)
    assert written.search(TEMPLATE.read_text(encoding="utf-8")), f"{section}.{key} is not described"


def test_a_file_that_exists_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("mine\n", encoding="utf-8")
    result = CliRunner().invoke(cli, ["init", str(tmp_path)])
    assert result.exit_code == 1
    assert result.stderr == f"Error: {file} exists and was left as it is; name another path\n"
    assert file.read_text(encoding="utf-8") == "mine\n"


def test_a_folder_that_does_not_exist_is_said_in_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["init", str(tmp_path / "nowhere" / "settings.toml")])
    assert result.exit_code == 1
    assert result.stderr.endswith("cannot be written (No such file or directory)\n")
    assert list(tmp_path.iterdir()) == []
