"""`sequoia doctor`: what keeps a connection from working, step by step, and what to do about it."""

from __future__ import annotations

import click

from sequoia.cli import console
from sequoia.cli.checkup import Checkup, Finding
from sequoia.cli.connection import Connection, connected
from sequoia.cli.logs import silenced

__all__ = ["doctor"]

_COLOURS = {"ok": "green", "failed": "bold red", "skipped": "dim"}


@click.command()
@connected
def doctor(connection: Connection) -> int:
    """Look for what keeps a connection from working, one step a line, and say what to do about it.

    The exit status is that of the first step that failed, and 0 if all is well.
    """
    status = 0
    with silenced():
        for finding in Checkup(connection).steps():
            status = status or finding.status
            _show(finding)
    return status


def _show(finding: Finding) -> None:
    told = ": ".join(part for part in (finding.told, finding.advice) if part)
    if not console.on_terminal():
        console.data(f"{finding.state:8} {finding.title:13} {told}\n")
        return
    from rich.table import Table  # noqa: PLC0415 - only a terminal needs it
    from rich.text import Text  # noqa: PLC0415

    line = Table.grid(padding=(0, 1))
    line.add_column(width=7)
    line.add_column(width=12)
    line.add_column(overflow="fold")
    line.add_row(Text(finding.state, style=_COLOURS[finding.state]), finding.title, Text(told))
    console.screen().print(line)
