"""The group of all commands. A command's module is imported when the command is run: `sequoia --help` needs none."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

import click

from sequoia._version import __version__
from sequoia.cli.failing import missing
from sequoia.names import suggestion

__all__ = ["COMMANDS", "command", "sequoia"]

COMMANDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "describe": ("sequoia.cli.commands.describe:describe", "Show what a service offers: fields, filters, limits."),
        "browse": ("sequoia.cli.commands.browse:browse", "Show the resources that fit a question."),
        "read": ("sequoia.cli.commands.read:read", "Show resources by their refs."),
        "count": ("sequoia.cli.commands.count:count", "Count resources, in all or for each value of a field."),
        "store": ("sequoia.cli.commands.store:store", "Create resources, or replace them as a whole."),
        "update": ("sequoia.cli.commands.update:update", "Replace a resource, if nobody has changed it since."),
        "patch": ("sequoia.cli.commands.patch:patch", "Change some fields of a resource."),
        "delete": ("sequoia.cli.commands.delete:delete", "Delete resources; asks first."),
        "sandbox": ("sequoia.cli.commands.sandbox:sandbox", "Serve a Sequoia on this machine."),
    }
)
"""Of each command, in the order of the help: where it is, and what it does."""


def command(name: str) -> click.Command:
    """The command of this name, imported.

    Raises:
        KeyError: There is none.
        Refusal: It needs a package that is not installed.
    """
    module, _, attribute = COMMANDS[name][0].partition(":")
    try:
        found: click.Command = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        refusal = missing(error)
        if refusal is None:
            raise
        raise refusal from error
    return found


class Commands(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command of this name, as `command` finds it."""
        return command(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command to run.

        Raises:
            click.UsageError: There is none of this name; the message has the nearest ones.
        """
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"there is no command {args[0]!r}: {suggestion(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="sequoia-client-sdk %(version)s")
def sequoia() -> None:
    """Catalogues on the Sequoia services: look, read, write, move, compare."""
