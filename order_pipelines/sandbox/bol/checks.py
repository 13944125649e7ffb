"""Reading request bodies member by member, with bol's kind of complaint for every wrong one."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from order_pipelines.sandbox.bol.http import Problem


class BodyReader:
    """Collects the violations of one JSON object and refuses it as a whole."""

    def __init__(self, body: Any, allowed: tuple[str, ...], prefix: str = "") -> None:
        self._prefix = prefix
        self.violations: list[tuple[str, str]] = []
        if not isinstance(body, dict):
            raise refuse([(prefix.rstrip(".") or "body", "A JSON object was expected.")])
        self.body: dict[str, Any] = body
        for member in body:
            if member not in allowed:
                self.complain(member, "Unknown member.")

    def has(self, member: str) -> bool:
        """Tell whether a member was sent with a value."""
        return self.body.get(member) is not None

    def complain(self, member: str, reason: str) -> None:
        """Note one violation."""
        self.violations.append((f"{self._prefix}{member}", reason))

    def text(self, member: str, *, required: bool = False, longest: int | None = None) -> str | None:
        """Return a text member."""
        value: str | None = self._get(member, lambda found: isinstance(found, str), "a text", required)
        if value is not None and longest is not None and len(value) > longest:
            self.complain(member, f"size must be between 0 and {longest}")
        if required and value == "":
            self.complain(member, "must not be empty")
        return value

    def word(self, member: str, allowed: tuple[str, ...]) -> str | None:
        """Return a required member that must be one of the allowed words."""
        value = self.text(member, required=True)
        if value and value not in allowed:
            self.complain(
                member, f"Request contains invalid value(s): '{value}', allowed values: {', '.join(allowed)}."
            )
        return value

    def whole(
        self, member: str, *, required: bool = False, lowest: int | None = None, highest: int | None = None
    ) -> int | None:
        """Return a whole number."""
        value: int | None = self._get(
            member,
            lambda found: isinstance(found, int) and not isinstance(found, bool),
            "a whole number",
            required,
        )
        if value is not None and lowest is not None and value < lowest:
            self.complain(member, f"must be greater than or equal to {lowest}")
        if value is not None and highest is not None and value > highest:
            self.complain(member, f"must be less than or equal to {highest}")
        return value

    def money(self, member: str, *, lowest: int, highest: int) -> Decimal | None:
        """Return a required price."""
        value = self._get(
            member,
            lambda found: isinstance(found, int | float) and not isinstance(found, bool),
            "a number",
            True,
        )
        if value is None:
            return None
        price = Decimal(str(value))
        if not lowest <= price <= highest:
            self.complain(member, f"must be between {lowest} and {highest}")
        return price

    def boolean(self, member: str, *, required: bool = False) -> bool | None:
        """Return a boolean."""
        value: bool | None = self._get(
            member, lambda found: isinstance(found, bool), "true or false", required
        )
        return value

    def items(
        self, member: str, *, fewest: int = 0, most: int | None = None, required: bool = False
    ) -> list[Any]:
        """Return a list."""
        value = self._get(member, lambda found: isinstance(found, list), "a list", required)
        if value is None:
            return []
        if len(value) < fewest or (most is not None and len(value) > most):
            self.complain(member, f"size must be between {fewest} and {most if most is not None else 'any'}")
        return list(value)

    def _get(self, member: str, fits: Callable[[Any], bool], wanted: str, required: bool) -> Any:
        value = self.body.get(member)
        if value is None:
            if required:
                self.complain(member, "must not be null")
            return None
        if not fits(value):
            self.complain(member, f"{wanted} was expected")
            return None
        return value

    def finish(self) -> None:
        """Refuse the body if anything was wrong with it.

        Raises:
            Problem: 400 with every violation.
        """
        if self.violations:
            raise refuse(self.violations)


def refuse(violations: list[tuple[str, str]]) -> Problem:
    """A 400 for a request body."""
    return Problem(
        400,
        "Bad request",
        title="Error validating request body. Consult the bol.com API documentation for more information.",
        violations=violations,
    )
