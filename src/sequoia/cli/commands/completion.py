"""`sequoia completion`: the script by which a shell completes commands, services and resources."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from sequoia.cli import console
from sequoia.cli.group import COMPLETE, sequoia

__all__ = ["completion"]


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    r"""Print the script that makes SHELL complete commands, options, services and resources.

    \b
    bash:  eval "$(sequoia completion bash)"      in ~/.bashrc
    zsh:   eval "$(sequoia completion zsh)"       in ~/.zshrc, after compinit
    fish:  sequoia completion fish | source       in ~/.config/fish/config.fish
    """
    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - click knows these three
    console.data(found(sequoia, {}, "sequoia", COMPLETE).source())
