"""What every section of the settings shares: unknown keys are refused, nothing changes once read, numbers are exact."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def exact(value: object) -> object:
    """TOML numbers come as float: take the digits that were written."""
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else value


Percentage = Annotated[Decimal, BeforeValidator(exact), Field(ge=0, le=100)]


class Section(BaseModel):
    """One section of the settings file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
