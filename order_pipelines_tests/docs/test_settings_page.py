"""docs/settings.md against the models: every key with its default, and none that does not exist."""

import types
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from order_pipelines.connectors.b2b_files.options import CANONICAL_COLUMNS, FileOptions
from order_pipelines.connectors.bol.options import BolOptions
from order_pipelines.connectors.exact_online.options import ExactOptions
from order_pipelines.connectors.mirakl.options import MiraklOptions
from order_pipelines.connectors.registry import CONNECTORS
from order_pipelines.connectors.shopware.options import ShopwareOptions
from order_pipelines.settings import Settings
from order_pipelines_tests.docs.pages import DOCS, Section, sections

PAGE = DOCS / "settings.md"
OPTIONS: dict[str, type[BaseModel]] = {
    "bol": BolOptions,
    "mirakl": MiraklOptions,
    "shopware": ShopwareOptions,
    "b2b_files": FileOptions,
    "exact_online": ExactOptions,
}
# How the name of an entry is called where a section may stand several times under names of the merchant's own.
NAMES = {"accounts": "NAME", "books": "NAME", "rates": "COUNTRY"}
# Tables whose keys are the merchant's words, or those of the connector: described by their own sections.
FREE = {"secrets", "options", "columns", "country_names", "rates"}


def _model_in(annotation: object) -> tuple[type[BaseModel] | None, str]:
    """Return the section that a field holds, and whether it is one, a ``list`` of them or a ``dict`` by name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, "one"
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in {types.UnionType, typing.Union, typing.Annotated}:
        found = [_model_in(each) for each in inner]
        return next(((model, kind) for model, kind in found if model is not None), (None, ""))
    if origin in {tuple, dict} and inner:
        wanted = inner[-1] if origin is dict else inner[0]
        model, _ = _model_in(wanted)
        return model, "dict" if origin is dict else "list"
    return None, ""


def _shown(default: object) -> str:
    if default is PydanticUndefined:
        return "required"
    if default is None or default in ((), {}):
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, str | Path):
        return f'`"{default}"`'
    if isinstance(default, tuple):
        return "`[" + ", ".join(f'"{each}"' for each in default) + "]`"
    return f"`{default}`"


def _keys(model: type[BaseModel], path: str, of: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield (section, key, default as shown) of a model and of the sections inside it."""
    for name, field in model.model_fields.items():
        if field.exclude:
            continue
        inner, kind = _model_in(field.annotation)
        if inner is None:
            if name not in FREE:
                default = field.default_factory() if field.default_factory else field.default  # type: ignore[call-arg]
                yield f"[{path}]{of}", name, _shown(default)
            continue
        below = f"{path}.{name}" if path else name
        if kind == "dict":
            below = f"{below}.{NAMES[name]}"
        found = _keys(inner, below, of)
        if kind == "list":
            found = ((f"[[{below}]]{of}", key, shown) for _, key, shown in found)
        yield from found


def _all_keys() -> dict[tuple[str, str], str]:
    found = {(section, key): default for section, key, default in _keys(Settings, "")}
    for system, model in OPTIONS.items():
        for section, key, default in _keys(model, "accounts.NAME.options", f" {system}"):
            found[(section, key)] = default
    for system, connector in CONNECTORS.items():
        for secret in connector.secrets:
            found[(f"[accounts.NAME.secrets] {system}", secret)] = "required"
    return found


def _heading(section: Section) -> str:
    return " ".join(section.names)


def _described() -> dict[tuple[str, str], str]:
    return {
        (_heading(section), row[0].strip("`")): row[1]
        for section in sections(PAGE)
        if section.title.startswith("`[")
        for row in section.rows
    }


WANTED = _all_keys()


def test_the_options_of_every_system_are_looked_at() -> None:
    assert OPTIONS.keys() == CONNECTORS.keys()


def test_no_section_describes_a_key_that_does_not_exist() -> None:
    free = {
        (_heading(section), row[0].strip("`"))
        for section in sections(PAGE)
        if _heading(section).partition(" ")[0].strip("[]").rpartition(".")[2] in {"COUNTRY", "columns"}
        for row in section.rows
    }
    assert _described().keys() - free - WANTED.keys() == {
        ("[accounts.NAME.secrets] exact_online", "refresh_token")
    }


@pytest.mark.parametrize(("section", "key"), sorted(WANTED))
def test_a_key_is_described_with_its_default(section: str, key: str) -> None:
    assert _described()[(section, key)] == WANTED[(section, key)]


def test_every_column_that_a_file_may_have_is_described() -> None:
    described = {
        name for (section, name) in _described() if section.startswith("[accounts.NAME.options.columns]")
    }
    assert described == set(CANONICAL_COLUMNS)
