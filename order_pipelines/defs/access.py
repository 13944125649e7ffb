"""How a step gets at the shop and the warehouse: opened late, closed early, nothing kept between steps."""

from collections.abc import Iterator
from contextlib import contextmanager

from order_pipelines.errors import OrderPipelinesError
from order_pipelines.operations.leases import holding
from order_pipelines.operations.migrations import open_store
from order_pipelines.operations.store import OperationsStore
from order_pipelines.services.shop import Shop
from order_pipelines.settings import Settings
from order_pipelines.warehouse.engine import Warehouse

_LEASE = "warehouse"


class WarehouseTakenError(OrderPipelinesError):
    """Another process loads the warehouse and did not finish in time; the next run goes on."""

    retryable = True


class ShopDoor:
    """Opens the shop of one merchant. Holds settings only, so that a code location can exist without its stores."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @contextmanager
    def open(self) -> Iterator[Shop]:
        """Open the shop with its connectors for the block.

        Raises:
            ConfigurationError: an account's options are wrong, or a variable is not set.
        """
        shop = Shop.open(self.settings)
        try:
            yield shop
        finally:
            shop.close()

    @contextmanager
    def store(self) -> Iterator[OperationsStore]:
        """Open the operations store only; what sensors use."""
        store = open_store(self.settings.operations_url())
        try:
            yield store
        finally:
            store.close()


class WarehouseDoor:
    """Makes the warehouse of one merchant; nothing is opened before it is used."""

    def __init__(self, settings: Settings, *, wait_s: float = 150.0) -> None:
        self.settings = settings
        self._wait_s = wait_s

    def warehouse(self) -> Warehouse:
        """Return the warehouse, closed."""
        return Warehouse(self.settings.warehouse_url(), self.settings.data_dir)

    @contextmanager
    def writing(self, store: OperationsStore) -> Iterator[Warehouse]:
        """Hold the writer's lease for the block, besides the pool: a run started by hand knows no pool.

        Raises:
            WarehouseTakenError: another process kept it.
        """
        with holding(store, _LEASE, wait_s=self._wait_s) as lease:
            if lease is None:
                raise WarehouseTakenError(
                    f"another process loads the warehouse since more than {self._wait_s:.0f} s; nothing was written"
                )
            yield self.warehouse()
