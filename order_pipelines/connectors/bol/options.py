"""What a merchant may decide for one bol account: ``[accounts.NAME.options]`` in the settings."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from order_pipelines.errors import ConfigurationError

# bol answers `latest-change-date` for three months back at most (v10 spec, 2026-04); no three months have more days.
LONGEST_HISTORY_DAYS = 92


class BolOptions(BaseModel):
    """Options of one account.

    Args:
        offers_api: ``v11`` writes offers synchronously; ``v10`` is deprecated at bol and answers later.
        managed_by_retailer: ``true``: bol subtracts only orders placed after our last write, so we send what is
            available. ``false``: bol subtracts all its open orders, so we send available plus those.
        fulfilment: which orders are read: shipped by the merchant (``FBR``), by bol (``FBB``) or both.
        history_days: how far back the first reading goes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    offers_api: Literal["v11", "v10"] = "v11"
    managed_by_retailer: bool = True
    fulfilment: Literal["FBR", "FBB", "ALL"] = "ALL"
    history_days: int = Field(default=LONGEST_HISTORY_DAYS, ge=1, le=LONGEST_HISTORY_DAYS)


def read_options(options: Mapping[str, Any]) -> BolOptions:
    """Return the options as typed values.

    Raises:
        ConfigurationError: names the key and what is expected.
    """
    try:
        return BolOptions.model_validate(dict(options))
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            known = ", ".join(BolOptions.model_fields)
            raise ConfigurationError(f"options.{key}: bol has no such option; known are {known}") from None
        raise ConfigurationError(f"options.{key}: {problem['msg']}") from None


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse options that bol accounts do not have.

    Raises:
        ConfigurationError: names the key and what is expected.
    """
    read_options(options)
