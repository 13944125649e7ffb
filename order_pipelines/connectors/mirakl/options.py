"""What a merchant may decide for one Mirakl account: ``[accounts.NAME.options]`` in the settings."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from order_pipelines.errors import ConfigurationError


class MiraklOptions(BaseModel):
    """Options of one account: one shop at one operator.

    Args:
        shop_id: the shop, where the key's user has several; the operator takes the user's own shop otherwise.
        multi_shipment: ``true`` where the operator has the feature: parcels are announced one by one (ST01). Without
            it an order ships as a whole (OR23, OR24).
        carriers: your carriers' names and the operator's codes (SH21), where the names differ.
        cancel_reason: the operator's reason code for a cancellation, when the reason given is none of its codes.
        refund_reason: the same for a refund.
        warehouse_code: the warehouse whose stock is written; without it the quantity is the offer's own.
        stock_import_interval_s: seconds between two stock files; Mirakl takes one a minute and advises five.
        history_days: how far back the first reading goes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    shop_id: int | None = Field(default=None, ge=1)
    multi_shipment: bool = False
    carriers: dict[str, str] = Field(default_factory=dict)
    cancel_reason: str | None = Field(default=None, min_length=1)
    refund_reason: str | None = Field(default=None, min_length=1)
    warehouse_code: str | None = Field(default=None, min_length=1, max_length=100)
    stock_import_interval_s: int = Field(default=60, ge=60, le=3600)
    history_days: int = Field(default=92, ge=1, le=366)


def read_options(options: Mapping[str, Any]) -> MiraklOptions:
    """Return the options as typed values.

    Raises:
        ConfigurationError: names the key and what is expected.
    """
    try:
        return MiraklOptions.model_validate(dict(options))
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            known = ", ".join(MiraklOptions.model_fields)
            raise ConfigurationError(f"options.{key}: mirakl has no such option; known are {known}") from None
        raise ConfigurationError(f"options.{key}: {problem['msg']}") from None


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse options that Mirakl accounts do not have.

    Raises:
        ConfigurationError: names the key and what is expected.
    """
    read_options(options)
