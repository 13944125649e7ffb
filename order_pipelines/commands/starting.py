"""``init``: the settings file that a merchant begins with."""

from pathlib import Path

import click

from order_pipelines.errors import ConfigurationError

TEMPLATE = Path(__file__).parent / "settings.template.toml"


@click.command("init")
@click.argument("path", type=click.Path(path_type=Path), default=Path("settings.toml"))
def init_command(path: Path) -> None:
    """Write a commented settings file to PATH (default settings.toml; a folder is fine too).

    Every key stands in it with what it means and its default; accounts are examples to take the '#' from. A file that
    exists is never overwritten.
    """
    target = path / "settings.toml" if path.is_dir() else path
    try:
        # "x" and not a look beforehand: nothing that appears in between is lost either.
        with target.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE.read_text(encoding="utf-8"))
    except FileExistsError:
        raise ConfigurationError(f"{target} exists and was left as it is; name another path") from None
    except OSError as error:
        raise ConfigurationError(f"{target}: cannot be written ({error.strerror})") from error
    click.echo(f"wrote {target}")
    click.echo(
        "Next: name your accounts and locations in it, set the environment variables it names, then run"
    )
    click.echo(f"  order-pipelines --settings {target} check")
