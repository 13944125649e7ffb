"""One merchant's running shop: settings, the operations store and the connectors of its accounts, put together once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import requests

from order_pipelines import clock
from order_pipelines.connectors.ports import Account, Connector, House, RateBudget
from order_pipelines.connectors.registry import connector_of
from order_pipelines.errors import ConfigurationError
from order_pipelines.operations.leases import WORK_S
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.store import OperationsStore
from order_pipelines.services.audit import note_settings
from order_pipelines.services.rate_blocks import SharedBudget
from order_pipelines.services.tokens import StoredTokens
from order_pipelines.settings import AccountSettings, Settings, load_settings

T = TypeVar("T")


@dataclass
class Shop:
    """Everything a use case needs. Make it with :meth:`open`; close it when done."""

    settings: Settings
    store: OperationsStore
    tokens: StoredTokens
    lease_s: float = WORK_S
    """How long what a process of this shop holds stays held when it dies."""
    _budgets: dict[str, RateBudget] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def open(cls, settings: Settings) -> "Shop":
        """Open the stores, check every account's options and follow the sandbox clock when the settings say so.

        What gates writing and changed since the last time is noted in the audit log.

        Raises:
            ConfigurationError: an account's system or options are wrong.
        """
        for name, account in settings.accounts.items():
            try:
                connector_of(account.system).check_options(account.options)
            except ConfigurationError as error:
                raise ConfigurationError(f"{settings.path}: accounts.{name}.options: {error}") from error
        if settings.sandbox is not None:
            follow_sandbox_clock(settings.sandbox.control_url)
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        store = open_store(settings.operations_url())
        try:
            note_settings(store, settings)
        except BaseException:
            store.close()
            raise
        return cls(settings, store, StoredTokens(store))

    def close(self) -> None:
        """Close the store's connections."""
        self.store.close()

    def accounts(
        self, able: Callable[[Connector], object] | None = None
    ) -> Iterator[tuple[str, AccountSettings]]:
        """Yield enabled accounts, optionally only those whose connector has an ability."""
        for name, account in self.settings.accounts.items():
            if account.enabled and (able is None or able(connector_of(account.system)) is not None):
                yield name, account

    def account(self, name: str) -> AccountSettings:
        """Return an account's settings.

        Raises:
            ConfigurationError: there is none of that name.
        """
        try:
            return self.settings.accounts[name]
        except KeyError:
            known = ", ".join(sorted(self.settings.accounts)) or "none"
            raise ConfigurationError(f"no account is called {name!r}; the settings have: {known}") from None

    def port_account(self, name: str) -> Account:
        """Return what a connector may know of an account, with its secrets read from the environment now."""
        settings = self.account(name)
        return Account(
            name,
            base_url=settings.base_url,
            token_url=settings.token_url,
            options=settings.options,
            secrets=self.settings.secrets_of(name),
        )

    def house(self, name: str, deadline: datetime | None = None) -> House:
        """Return what a connector of this account is lent; its rate budget is shared by all who call it."""
        with self._lock:
            budget = self._budgets.setdefault(name, SharedBudget(self.store, name))
        return House(self.tokens, budget, deadline)

    def connect(
        self,
        name: str,
        ability: Callable[[Connector], Callable[[Account, House], T] | None],
        deadline: datetime | None = None,
    ) -> T:
        """Return an ability of an account's connector, ready to call.

        Raises:
            ConfigurationError: the system cannot do that.
        """
        connector = connector_of(self.account(name).system)
        make = ability(connector)
        if make is None:
            raise ConfigurationError(f"accounts.{name}: {connector.system} cannot do that")
        return make(self.port_account(name), self.house(name, deadline))


def follow_sandbox_clock(control_url: str) -> None:
    """Take over the sandbox world's time. Only called when the settings have a ``[sandbox]`` section."""
    try:
        answer = requests.get(f"{control_url.rstrip('/')}/clock", timeout=5)
        offset = float(answer.json()["offset_s"])
    except (requests.RequestException, ValueError, KeyError) as error:
        raise ConfigurationError(
            f"sandbox.control_url: no sandbox answers at {control_url}; start it with 'order-pipelines sandbox'"
        ) from error
    clock.follow(offset)


@contextmanager
def open_shop(settings_path: Path) -> Iterator[Shop]:
    """Open the shop of a settings file for the block."""
    shop = Shop.open(load_settings(settings_path))
    try:
        yield shop
    finally:
        shop.close()
