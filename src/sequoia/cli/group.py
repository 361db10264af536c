"""The group of all commands. A command's module is imported when the command is run: `sequoia --help` needs none."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from sequoia._version import __version__
from sequoia.cli.failing import PARTLY, ended, explained, interrupting, missing

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["COMMANDS", "COMPLETE", "command", "sequoia"]

COMMANDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "services": ("sequoia.cli.commands.services:services", "List the services of the registry."),
        "describe": ("sequoia.cli.commands.describe:describe", "Show what a service offers: fields, filters, limits."),
        "browse": ("sequoia.cli.commands.browse:browse", "Show the resources that fit a question."),
        "read": ("sequoia.cli.commands.read:read", "Show resources by their refs."),
        "count": ("sequoia.cli.commands.count:count", "Count resources, in all or for each value of a field."),
        "store": ("sequoia.cli.commands.store:store", "Create resources, or replace them as a whole."),
        "update": ("sequoia.cli.commands.update:update", "Replace a resource, if nobody has changed it since."),
        "patch": ("sequoia.cli.commands.patch:patch", "Change some fields of a resource."),
        "delete": ("sequoia.cli.commands.delete:delete", "Delete resources; asks first."),
        "export": ("sequoia.cli.commands.export:export", "Write resources to files, with a manifest."),
        "import": ("sequoia.cli.commands.import_:import_", "Store resources out of files."),
        "copy": ("sequoia.cli.commands.copy:copy", "Copy resources to another owner or platform."),
        "diff": ("sequoia.cli.commands.diff:diff", "Compare exports, owners or platforms."),
        "models": ("sequoia.cli.commands.models:models", "Write typed models of a service's resources."),
        "sandbox": ("sequoia.cli.commands.sandbox:sandbox", "Serve a Sequoia on this machine."),
        "demo": ("sequoia.cli.commands.demo:demo", "See what the SDK does, step by step."),
        "doctor": ("sequoia.cli.commands.doctor:doctor", "Look for what keeps a connection from working."),
        "config": ("sequoia.cli.commands.config:config", "Keep connections as profiles."),
        "completion": ("sequoia.cli.commands.completion:completion", "Complete commands in a shell."),
    }
)
"""Of each command, in the order of the help: where it is, and what it does."""

COMPLETE = "_SEQUOIA_COMPLETE"
"""The variable by which a shell says that it wants to complete a command line, as click names it."""


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
    """A group whose commands are imported when they are asked for, and end as `sequoia.cli.failing` says."""

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run the command line and exit; without `standalone_mode`, as click does it."""
        run = partial(super().main, *args, standalone_mode=False, **extra)
        if not standalone_mode:
            return run()
        if os.environ.get(COMPLETE):
            from sequoia.cli.completing import quietly  # noqa: PLC0415 - only the shell needs it

            with quietly():
                run()
            return sys.exit(PARTLY)  # click exits by itself where it has something to offer
        return sys.exit(ended(run))

    # What ends a command is explained here already: click has answers of its own to Ctrl-C and a broken pipe.

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the command line."""
        with explained(), interrupting():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with explained(), interrupting():
            return super().invoke(ctx)

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
        from sequoia.names import suggestion  # noqa: PLC0415 - only a mistake needs it

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"there is no command {args[0]!r}: {suggestion(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin so, without importing them."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only the shell needs it

        found = [CompletionItem(name, help=what) for name, (_, what) in COMMANDS.items() if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="sequoia-client-sdk %(version)s")
def sequoia() -> None:
    """Catalogues on the Sequoia services: look, read, write, move, compare."""
