"""What an Exact Online account must be told, and where its host is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError

from order_pipelines.connectors.ports import Account
from order_pipelines.errors import ConfigurationError

SYSTEM = "exact_online"


class ExactOptions(BaseModel):
    """``[accounts.NAME.options]`` of an Exact Online account.

    Args:
        division: number of the administration. Never taken from ``current/Me``: that is the one the user last opened
            in the browser, and it changes under us.
        redirect_uri: address registered with the app; needed only for a person's consent.
        country: the host of the tenant, ``start.exactonline.<country>``; ``base_url`` overrules it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    division: StrictInt = Field(gt=0)
    redirect_uri: str | None = Field(default=None, pattern=r"^https?://\S+$")
    country: Literal["nl", "be", "de", "fr", "es", "co.uk", "com"] = "nl"


_EXPECTED = {
    "division": "the number of the administration, for example 1234567",
    "redirect_uri": "the redirect address registered with the app, for example https://shop.example/exact",
    "country": "one of nl, be, de, fr, es, co.uk, com",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one account lives: data host without a slash at the end, token address, division, redirect address."""

    base_url: str
    token_url: str
    division: int
    redirect_uri: str | None


def parse_options(options: Mapping[str, Any]) -> ExactOptions:
    """Return the checked options.

    Raises:
        ConfigurationError: names the key and what is expected.
    """
    try:
        return ExactOptions.model_validate(dict(options))
    except ValidationError as error:
        problem = error.errors()[0]
        key = str(problem["loc"][0]) if problem["loc"] else ""
        expected = _EXPECTED.get(key)
        if expected is None:
            known = ", ".join(_EXPECTED)
            raise ConfigurationError(f"options.{key}: Exact Online knows only {known}") from None
        raise ConfigurationError(f"options.{key}: expected {expected}") from None


def check_options(options: Mapping[str, Any]) -> None:
    """Check the options of an account.

    Raises:
        ConfigurationError: names the key and what is expected.
    """
    parse_options(options)


def endpoint_of(account: Account) -> Endpoint:
    """Return where ``account`` lives.

    Raises:
        ConfigurationError: an option is wrong.
    """
    options = parse_options(account.options)
    base_url = (account.base_url or f"https://start.exactonline.{options.country}").rstrip("/")
    return Endpoint(
        base_url=base_url,
        token_url=account.token_url or f"{base_url}/api/oauth2/token",
        division=options.division,
        redirect_uri=options.redirect_uri,
    )


def secret_of(account: Account, name: str) -> str:
    """Return a secret that must be there.

    Raises:
        ConfigurationError: it is missing.
    """
    value = account.secrets.get(name)
    if not value:
        raise ConfigurationError(
            f"accounts.{account.name}.secrets.{name}: expected the name of the environment variable that holds it"
        )
    return value
