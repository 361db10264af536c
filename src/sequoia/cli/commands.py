"""The group of all commands."""

from __future__ import annotations

import click

from sequoia.cli.sandbox import sandbox

__all__ = ["sequoia"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sequoia-client-sdk", message="%(package)s %(version)s")
def sequoia() -> None:
    """Tools around the Sequoia services."""


sequoia.add_command(sandbox)
