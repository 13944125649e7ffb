"""Who is asked: every connector that is in the registry or installed beside it, with its data and recordings."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from order_pipelines.connectors.ports import Connector
from order_pipelines.connectors.registry import CONNECTORS, connector_of, installed_connectors
from order_pipelines_tests.contract.data import ContractData, StandIn, read_data

RECORDED = Path(__file__).parents[1] / "recorded"


@dataclass(frozen=True)
class Subject:
    """A connector and what the kit is told of it. ``package`` is its own where it is not one of the house."""

    connector: Connector
    data: ContractData
    folder: Path
    package: str | None = None

    @property
    def system(self) -> str:
        return self.connector.system

    @property
    def stand_in(self) -> StandIn:
        """Where it stands in the sandbox; ``read_data`` made sure that it is told where an ability needs it."""
        assert self.data.stand_in is not None
        return self.data.stand_in


def systems() -> list[str]:
    """Return every system there is, of the house first."""
    return [*CONNECTORS, *sorted(set(installed_connectors()) - set(CONNECTORS))]


def able(ability: Callable[[Connector], object]) -> list[str]:
    """Return the systems whose connector has an ability."""
    return [system for system in systems() if ability(connector_of(system)) is not None]


def subject_of(system: str) -> Subject:
    """Return a connector with its data.

    Raises:
        MissingData: it has none, or too little.
    """
    package = None if system in CONNECTORS else installed_connectors()[system]
    folder = RECORDED / system
    if package is not None:
        spec = find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        folder = Path(spec.origin).parent / "recorded"
    connector = connector_of(system)
    return Subject(connector, read_data(connector, folder), folder, package)
