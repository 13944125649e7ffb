"""``order-pipelines``: the commands a person types. What each does stands in ``commands/``; here is only the way in.

Every command imports what it needs when it runs, so that ``inspect`` and ``--help`` answer at once.
"""

import errno
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from order_pipelines.errors import OrderPipelinesError

SETTINGS_VARIABLE = "ORDER_PIPELINES_SETTINGS"

_MODULES = {
    "account": "braking",
    "alerts": "keeping",
    "approvals": "braking",
    "audit": "shadowing",
    "authorize": "keeping",
    "buffers": "buffering",
    "check": "keeping",
    "completeness": "comparing",
    "demo": "showing",
    "dispatch": "working",
    "doctor": "doctor",
    "explain-stock": "explaining",
    "failed": "mending",
    "import-products": "working",
    "init": "starting",
    "inspect": "inspecting",
    "live": "living",
    "load-warehouse": "working",
    "migrate": "keeping",
    "orders": "asking",
    "plan": "working",
    "purge": "keeping",
    "push-stock": "working",
    "quarantine": "asking",
    "reap": "keeping",
    "release-stock": "working",
    "report": "working",
    "sandbox": "showing",
    "shadow-report": "shadowing",
    "stock": "explaining",
    "sweep": "working",
    "take-in": "working",
    "up": "showing",
}
"""Which module of ``commands`` holds a command; there the object is called as the command, with ``_`` for ``-``."""


class _Commands(click.Group):
    """Finds commands by name without importing the others, and turns our own errors into one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = _MODULES.get(cmd_name)
        if module is None:
            return None
        found = getattr(
            import_module(f"order_pipelines.commands.{module}"), f"{cmd_name.replace('-', '_')}_command"
        )
        assert isinstance(found, click.Command)
        return found

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OrderPipelinesError as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            # A full disk, a folder that may not be written. A closed pipe is click's business.
            if error.strerror is None or error.errno == errno.EPIPE:
                raise
            what = error.filename or "a file could not be read or written"
            raise click.ClickException(f"{what}: {error.strerror}") from error


@click.command(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.option(
    "--settings",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar=SETTINGS_VARIABLE,
    default=Path("settings.toml"),
    show_default=True,
    show_envvar=True,
    help="The settings file of the merchant.",
)
@click.version_option(package_name="order-pipelines", prog_name="order-pipelines")
@click.pass_context
def cli(ctx: click.Context, settings: Path) -> None:
    """Orders, stock and invoices of one merchant: from every sales channel to the books and back."""
    ctx.obj = settings


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; the entry point of ``order-pipelines``."""
    cli(args=arguments, prog_name="order-pipelines")


if __name__ == "__main__":
    main()
