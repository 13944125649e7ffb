"""Every error of the product's own. A message says what was tried, on what, what happened and what to do."""

from typing import Any


class OrderPipelinesError(Exception):
    """Base of all errors raised on purpose."""


class ConfigurationError(OrderPipelinesError):
    """The settings are wrong or incomplete: fix the settings file."""


class ConnectorError(OrderPipelinesError):
    """A call to an outside system failed.

    Args:
        message: what was tried, on what, what happened, what to do; never a payload, a token or a person.
        system: registry name, for example ``bol``.
        method: HTTP method, or ``""`` when nothing was sent.
        path: path without host and query.
        status: HTTP status, or ``None`` when no answer came.
        vendor_code: the system's own word for the error, when it gives one.
        retry_after_s: seconds the system asked to wait, when it said so.
        maybe_acted: the call may have had its effect although no good answer came.
    """

    retryable = False

    def __init__(
        self,
        message: str,
        *,
        system: str,
        method: str = "",
        path: str = "",
        status: int | None = None,
        vendor_code: str | None = None,
        retry_after_s: float | None = None,
        maybe_acted: bool = False,
    ) -> None:
        super().__init__(message)
        self.system = system
        self.method = method
        self.path = path
        self.status = status
        self.vendor_code = vendor_code
        self.retry_after_s = retry_after_s
        self.maybe_acted = maybe_acted

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), str(self), self.__dict__)


def _rebuild(cls: type[ConnectorError], message: str, attributes: dict[str, Any]) -> ConnectorError:
    return cls(message, **attributes)


class TransientConnectorError(ConnectorError):
    """408, 429, 5xx or the network: may be tried again, after ``retry_after_s`` when given."""

    retryable = True


class PermanentConnectorError(ConnectorError):
    """Another 4xx, or an answer that cannot be understood: trying again changes nothing."""


class ConsentNeededError(PermanentConnectorError):
    """The refresh token is dead: a person must log in again (``order-pipelines authorize ACCOUNT``)."""


class NotOfferedError(PermanentConnectorError):
    """The other side does not have that part for this account, which is no mistake: it is left out."""


class DataContractError(OrderPipelinesError):
    """Rows do not fit their table or payload; ``rows`` counts them, the rows themselves are in quarantine."""

    def __init__(self, message: str, *, rows: int = 0) -> None:
        super().__init__(message)
        self.rows = rows

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_contract, (str(self), self.rows)


def _rebuild_contract(message: str, rows: int) -> DataContractError:
    return DataContractError(message, rows=rows)


class DomainRuleError(OrderPipelinesError):
    """A rule of the domain forbids what was asked."""


class OutboxConflictError(OrderPipelinesError):
    """The same idempotency key was planned with different content."""


class AccountStoppedError(OrderPipelinesError):
    """A person stopped the account (``order-pipelines account stop``): what is planned waits until it may go on."""


class LeaseLostError(OrderPipelinesError):
    """Another process took over the lease while this one worked: nothing more may be written."""
