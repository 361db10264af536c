"""`sequoia services`: what the registry holds."""

from __future__ import annotations

import click

from sequoia.cli.connection import Connection, connected
from sequoia.cli.formats import Output, formatted

__all__ = ["services"]

_COLUMNS = ("name", "title", "location")


@click.command()
@formatted()
@connected
def services(output: Output, connection: Connection) -> None:
    """List the services of the registry: name, title, location."""
    with connection.client() as client:
        found = sorted(client.services.values(), key=lambda one: one.name)
    with output.writer(_COLUMNS) as writer:
        for one in found:
            writer.write({name: getattr(one, name) for name in _COLUMNS})
