"""`sequoia import`: the resources of an export, of files or of standard input, stored in bulk."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import click

from sequoia.cli.arguments import on_resource
from sequoia.cli.bars import progress
from sequoia.cli.connection import Connection, connected
from sequoia.cli.inputs import opened
from sequoia.cli.moving import Repeatable, finish, refusing_files, repeatable
from sequoia.endpoint import Endpoint
from sequoia.transfer import Source, load
from sequoia.transfer.columns import columns_of
from sequoia.transfer.reading import Kind, spooled

__all__ = ["import_"]


@click.command("import", cls=Repeatable)
@on_resource
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--check", is_flag=True, help="Validate everything first, and store nothing if there is a fault.")
@click.option("--dry-run", is_flag=True, help="Validate everything, and store nothing.")
@click.option("--change-owner", is_flag=True, help="Make resources of another owner this one's, with their refs.")
@click.option(
    "-f", "--format", "kind", type=click.Choice(["json", "csv"]), help="What is in SOURCE.  [default: by its content]"
)
@click.option("--workers", type=click.IntRange(1, 64), default=4, show_default=True, help="Batches stored at once.")
@click.option("--dead-letters", metavar="FILE", help="A new file for what fails, to be mended and imported.")
@connected
def import_(  # noqa: PLR0913 - the options of the command
    *,
    connection: Connection,
    service: str,
    resource: str,
    sources: tuple[str, ...],
    kind: Kind | None,
    dry_run: bool,
    dead_letters: str | None,
    **options: Any,
) -> None:
    """Store the resources in SOURCE: the folder of an export, a file, or - for standard input.

    A file has a resource a line (NDJSON), a JSON array, CSV or Parquet, and may be compressed by gzip or zstd. What
    only the service sets, such as createdAt and version, is left out. A store creates or replaces by owner and name,
    so an import that broke off can simply be run again.
    """
    owner = connection.owner
    with ExitStack() as stack:
        client = stack.enter_context(connection.client())
        endpoint = connection.collection(client, service, resource)
        with refusing_files():
            found = [_source(one, endpoint, kind, stack) for one in sources]
            with repeatable(dead_letters), progress(f"Importing {resource}") as shown:
                report = load(
                    endpoint, owner, found, dry_run=dry_run, dead_letters=dead_letters, progress=shown, **options
                )
    finish(
        report, _done(dry_run=dry_run, checked=options["check"] and not report.ok and not report.stored), dead_letters
    )


def _source(path: str, endpoint: Endpoint, kind: Kind | None, stack: ExitStack) -> Source:
    described, name = endpoint.descriptor, None
    if path == "-":
        path, name = stack.enter_context(spooled(stack.enter_context(opened(path)))).name, "stdin"
    return Source.of(path, columns_of(described), kind, described.plural_name, name)


def _done(*, dry_run: bool, checked: bool) -> str:
    if dry_run:
        return "Stored nothing; could store"
    return "Stored nothing, because there are faults; could store" if checked else "Stored"
