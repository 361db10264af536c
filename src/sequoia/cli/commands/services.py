"""`sequoia services`: what the registry holds."""

from __future__ import annotations

import json

import click

from sequoia.cli import console
from sequoia.cli.connection import Connection, connected

__all__ = ["services"]


@click.command()
@connected
def services(connection: Connection) -> None:
    """List the services of the registry: name, title, location."""
    with connection.client() as client:
        rows = [(one.name, one.title or "", one.location) for one in client.services.values()]
    if not console.on_terminal():
        for row in rows:
            console.data(json.dumps(dict(zip(("name", "title", "location"), row, strict=True)), ensure_ascii=False))
            console.data("\n")
        return
    from rich.table import Table  # noqa: PLC0415 - only a terminal needs it

    table = Table("name", "title", "location", box=None, pad_edge=False)
    for row in sorted(rows):
        table.add_row(*row)
    console.screen().print(table)
