"""Commands that show the product at work without a merchant: the sandbox, the demo, and everything up together."""

import time
from pathlib import Path

import click

from order_pipelines.errors import ConfigurationError

_DEMO_FOLDER = Path(".order_pipelines") / "demo"
_UP_FOLDER = Path(".order_pipelines") / "up"


@click.command("sandbox")
@click.option(
    "--port",
    type=click.IntRange(0, 65_000),
    default=8700,
    show_default=True,
    help="The control port, the systems follow on the next ones; 0: any free ones.",
)
@click.option("--relaxed", is_flag=True, help="Rate limits a thousand times the real ones, quick answers.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same world.")
def sandbox_command(port: int, relaxed: bool, seed: int) -> None:
    """Start the stand-ins of the outside systems on loopback, until Ctrl-C."""
    from order_pipelines.sandbox.server import SandboxStartError, serve_forever

    try:
        serve_forever(port, relaxed=relaxed, seed=seed)
    except SandboxStartError as error:
        raise ConfigurationError(str(error)) from error


@click.command("demo")
@click.option("--keep", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the demo merchant, made anew "
              f"each time (default {_DEMO_FOLDER}).")  # fmt: skip
@click.option("--store", default="sqlite", show_default=True, metavar="URL", help="sqlite, or the URL of an empty "
              "PostgreSQL database.")  # fmt: skip
def demo_command(keep: Path | None, store: str) -> None:
    """Run the main job on the sandbox, through Dagster in this process, and show what came of it."""
    import warnings

    began = time.monotonic()
    click.echo("order_pipelines demo: everything below runs here, on loopback, with invented data")
    # Dagster announces functions of its own that are in beta; nothing here can change that.
    warnings.simplefilter("ignore")
    from order_pipelines.commands.common import console
    from order_pipelines.demo.play import play
    from order_pipelines.demo.show import show_outcome

    def say(line: str) -> None:
        click.echo(f"{time.monotonic() - began:5.1f} s  {line}")

    if store != "sqlite" and not store.startswith(("postgres://", "postgresql://", "postgresql+psycopg")):
        raise ConfigurationError("--store: sqlite, or postgresql://user@host/database")
    outcome, settings = play(
        (keep or _DEMO_FOLDER).absolute(), say, store_url=None if store == "sqlite" else store
    )
    click.echo()
    show_outcome(console(), outcome, settings)
    click.echo(f"Done in {time.monotonic() - began:.0f} s")


@click.command("up")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=3000, show_default=True, help="Of Dagster's web UI."
)
@click.option(
    "--sandbox-port", type=click.IntRange(0, 65_000), default=8700, show_default=True, help="Of the sandbox."
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=_UP_FOLDER,
    show_default=True,
    help="Where everything is kept; the merchant in it is made anew.",
)
@click.option(
    "--per-minute",
    type=click.FloatRange(0.1, 600),
    default=6.0,
    show_default=True,
    help="How much the shoppers do.",
)
def up_command(port: int, sandbox_port: int, folder: Path, per_minute: float) -> None:
    """Bring up the sandbox with shoppers and Dagster with schedules and sensors, on loopback, until Ctrl-C.

    Port 0 is any free one.
    """
    import warnings

    click.echo("order_pipelines: bringing everything up on loopback, with invented data")
    warnings.simplefilter("ignore")
    from order_pipelines.demo.together import Wanted, run_together

    run_together(Wanted(folder.absolute(), port, sandbox_port, per_minute), click.echo)
