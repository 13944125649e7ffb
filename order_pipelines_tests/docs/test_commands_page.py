"""docs/commands.md against the command line itself."""

from collections.abc import Iterator

import click
import pytest

from order_pipelines.cli import cli
from order_pipelines_tests.docs.pages import DOCS, Section, sections

PAGE = DOCS / "commands.md"


def _commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


COMMANDS = dict(_commands(cli, "order-pipelines"))


def _described() -> dict[str, Section]:
    return {
        section.names[0]: section
        for section in sections(PAGE)
        if section.names and section.names[0].startswith("order-pipelines")
    }


def _usage(name: str, command: click.Command) -> str:
    arguments = [
        parameter.make_metavar(click.Context(command))
        for parameter in command.params
        if isinstance(parameter, click.Argument)
    ]
    return " ".join((name, *arguments))


def test_every_command_is_described_with_its_arguments_and_no_other() -> None:
    assert _described().keys() == {_usage(name, command) for name, command in COMMANDS.items()}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_described(name: str) -> None:
    command = COMMANDS[name]
    section = _described()[_usage(name, command)]
    described = {row[0].strip("`").split(" ")[0] for row in section.rows}
    options = {
        parameter.opts[0]
        for parameter in command.params
        if isinstance(parameter, click.Option) and parameter.name != "help"
    }
    assert described == options
