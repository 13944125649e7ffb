"""What a merchant may decide for one Shopware account: ``[accounts.NAME.options]`` in the settings."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from order_pipelines.connectors.ports import Account
from order_pipelines.errors import ConfigurationError

# A shop's own default of `max_limit` (contract digest, section 2; shopware.yaml of 6.6.7).
LARGEST_PAGE = 500


class ShopwareOptions(BaseModel):
    """Options of one account.

    Args:
        stock_model: ``6.6`` (and 6.5 with the flag STOCK_HANDLING): the shop lowers ``stock`` when an order is placed,
            so what is available is sent. ``6.5``: it lowers ``stock`` when an order is completed and subtracts open
            orders itself, so we send available plus those.
        sales_channel_ids: only orders of these sales channels are read; none named means all of the shop.
        page_size: rows a page of a search; a shop that allows less is obeyed.
        history_days: how far back the first reading goes; orders of a year that are still open are read too.
        send_mail: whether the shop mails its customer when we change a state.
        in_progress_after_import: move an order from open to in progress once it is here; until then it waits.
        tracking: what is written into ``trackingCodes`` of the delivery: the code alone, carrier and code, or nothing.
        complete_when_shipped: complete the order when its last parcel has left. Shops of 6.5 lower ``stock`` only then.
        order_states: what states that only this shop has mean, by their technical name; an order in any other is kept
            out until somebody says so here.
        delivery_states: the same of deliveries.
        payment_states: the same of payments.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    stock_model: Literal["6.5", "6.6"] = "6.6"
    sales_channel_ids: list[Annotated[str, Field(pattern="^[0-9a-f]{32}$")]] = []
    page_size: int = Field(default=100, ge=1, le=LARGEST_PAGE)
    history_days: int = Field(default=92, ge=1)
    send_mail: bool = False
    in_progress_after_import: bool = False
    tracking: Literal["code", "carrier_and_code", "none"] = "code"
    complete_when_shipped: bool = False
    order_states: dict[str, Literal["open", "completed", "cancelled"]] = {}
    delivery_states: dict[str, Literal["not_shipped", "partially_shipped", "shipped", "cancelled"]] = {}
    payment_states: dict[
        str,
        Literal["unpaid", "authorized", "paid", "partially_paid", "refunded", "partially_refunded", "voided"],
    ] = {}


def read_options(options: Mapping[str, Any]) -> ShopwareOptions:
    """Return the options as typed values.

    Raises:
        ConfigurationError: names the key and what is expected.
    """
    try:
        return ShopwareOptions.model_validate(dict(options))
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            known = ", ".join(ShopwareOptions.model_fields)
            raise ConfigurationError(
                f"options.{key}: shopware has no such option; known are {known}"
            ) from None
        raise ConfigurationError(f"options.{key}: {problem['msg']}") from None


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse options that Shopware accounts do not have.

    Raises:
        ConfigurationError: names the key and what is expected.
    """
    read_options(options)


def shop_url(account: Account) -> str:
    """Return the shop's address without ``/api`` and without a slash at its end.

    Raises:
        ConfigurationError: the account has none; there is no address that all shops share.
    """
    if not account.base_url:
        raise ConfigurationError(
            f"accounts.{account.name}.base_url: the address of the shop, for example https://shop.example"
        )
    return account.base_url.rstrip("/").removesuffix("/api").rstrip("/")
