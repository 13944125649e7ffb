"""Somebody at a terminal, in the folder of a merchant on the sandbox."""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from click.testing import CliRunner, Result

from order_pipelines.cli import cli
from order_pipelines.operations.store import OperationsStore
from order_pipelines.sandbox.server import Sandbox


@dataclass
class Typing:
    """Who types commands: with the settings file, the environment and the outside world of the merchant."""

    settings: Path
    environment: dict[str, str]
    sandbox: Sandbox

    def run(self, *arguments: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(
            cli, ["--settings", str(self.settings), *arguments], env=self.environment, input=typed
        )

    def says(self, *arguments: str, typed: str | None = None) -> list[str]:
        """What a command that ends well prints, with single spaces and without empty lines."""
        result = self.run(*arguments, typed=typed)
        assert result.exit_code == 0, result.output
        lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
        return [line for line in lines if line.strip(" ─")]

    def store(self) -> OperationsStore:
        return OperationsStore(f"sqlite:///{self.settings.parent / 'data' / 'operations.sqlite'}")

    def rows_of(self, table: sa.Table) -> int:
        store = self.store()
        with store.reading() as connection:
            count: int = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        store.close()
        return count
