"""Settings of the fast lane: where it listens, how often it asks, and when it stops asking for a while."""

from pydantic import Field, model_validator

from order_pipelines.settings_sections import Section

_TIME_OF_DAY = r"^([01]\d|2[0-3]):[0-5]\d$"


class Live(Section):
    """What ``order-pipelines live`` does, per account unless it says otherwise.

    An account's orders are asked for every ``poll_seconds``, and every ``fast_poll_seconds`` while one of its offers
    has ``near_zero`` pieces or fewer left. After ``breaker_failures`` calls in a row that failed it is left alone for
    a while. ``lease_seconds``: how long an instance that died keeps others from taking over.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8600, ge=0, le=65_535)
    max_body_kib: int = Field(default=1024, ge=1, le=16_384)
    poll_seconds: int = Field(default=60, ge=5, le=3600)
    fast_poll_seconds: int = Field(default=15, ge=1, le=3600)
    near_zero: int = Field(default=3, ge=0)
    read_back_seconds: int = Field(default=60, ge=5, le=3600)
    read_back_offers: int = Field(default=20, ge=1, le=1000)
    read_all_at: str = Field(default="03:30", pattern=_TIME_OF_DAY)
    lease_seconds: int = Field(default=20, ge=2, le=120)
    breaker_failures: int = Field(default=5, ge=1)
    keep_days: int = Field(default=30, ge=2, le=400)

    @model_validator(mode="after")
    def _fast_is_faster(self) -> "Live":
        if self.fast_poll_seconds > self.poll_seconds:
            raise ValueError("fast_poll_seconds: at most poll_seconds")
        return self
