"""Settings of what an account may promise: how its stock is shown, what is held back, and who may reserve it."""

from decimal import Decimal
from typing import Literal

from pydantic import Field, model_validator

from order_pipelines.settings_sections import Percentage, Section


class _Shown(Section):
    """How the number of an offer is shown (``domain.availability.Policy``)."""

    policy: Literal["exact", "capped", "hidden", "always"] = "exact"
    cap: int | None = Field(default=None, ge=0)
    shown: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _cap_is_named(self) -> "_Shown":
        if self.policy == "capped" and self.cap is None:
            raise ValueError("cap: the largest number that is shown, with policy = 'capped'")
        return self


class StockRule(_Shown):
    """Another policy or buffer for some articles of an account."""

    skus: tuple[str, ...] = Field(min_length=1)
    buffer: int | None = Field(default=None, ge=0)


class StockPolicy(_Shown):
    """What an account may be promised. ``buffer`` pieces are held back per offer.

    With ``measured_buffer`` as many as are sold elsewhere before we know of it in ``buffer_service_level`` percent of
    all cases, if that is more.

    A number is never raised while the orders of an account that shares its stock were last read completely longer than
    ``max_order_age_minutes`` ago, nor while it rests on a supplier's list older than ``max_supplier_age_hours``
    (``supplier_direct``). When one push, or what vanished within an hour, would bring more than ``max_share_to_zero``
    percent of the offers to zero without a sale, or one push take away more than ``max_drop_share`` percent of all
    pieces shown (at least ``min_offers_for_brake`` offers), those numbers wait for a person. A listing that lacks more
    than ``max_share_to_vanish`` percent of the known offers (at least ``min_offers_for_brake``) is not believed.
    """

    push: bool = True
    buffer: int = Field(default=0, ge=0)
    measured_buffer: bool = False
    buffer_service_level: Percentage = Field(default=Decimal(99), lt=100)
    supplier_direct: bool = False
    incoming_days: int | None = Field(default=None, ge=0, le=365)
    max_order_age_minutes: int = Field(default=60, ge=1)
    max_supplier_age_hours: int = Field(default=96, ge=1)
    max_share_to_zero: Percentage = Decimal(30)
    max_drop_share: Percentage = Decimal(50)
    max_share_to_vanish: Percentage = Decimal(20)
    min_offers_for_brake: int = Field(default=10, ge=1)
    rules: tuple[StockRule, ...] = ()

    @model_validator(mode="after")
    def _one_rule_an_article(self) -> "StockPolicy":
        named: set[str] = set()
        for index, rule in enumerate(self.rules):
            twice = named.intersection(rule.skus)
            if twice:
                raise ValueError(f"rules.{index}.skus: {sorted(twice)[0]!r} has a rule already")
            named.update(rule.skus)
        return self


class ReservationPolicy(Section):
    """Whether carts of this shop may hold stock, for how long and how much of it.

    A cart holds its pieces ``ttl_minutes`` and may be prolonged up to ``longest_minutes`` in all. One shopper holds at
    most ``max_pieces_per_shopper``; all carts of the shop together at most ``max_share_of_sku`` percent of an article,
    and an anonymous cart never its last piece, so that no robot empties a shop. A cart that was confirmed waits
    ``confirmed_hours`` for its order.
    """

    enabled: bool = False
    ttl_minutes: int = Field(default=30, ge=1, le=1440)
    longest_minutes: int = Field(default=120, ge=1, le=1440)
    max_pieces_per_shopper: int = Field(default=20, ge=1)
    max_share_of_sku: Percentage = Decimal(50)
    anonymous_last_piece: bool = False
    confirmed_hours: int = Field(default=24, ge=1, le=240)
