"""`sequoia copy`: resources of one owner, stored for another or on another platform."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import click

from sequoia.cli.arguments import on_resource
from sequoia.cli.bars import progress
from sequoia.cli.connection import Connection, connected
from sequoia.cli.failing import Refusal
from sequoia.cli.layers import check
from sequoia.cli.moving import Repeatable, finish, refusing_files, repeatable
from sequoia.cli.query import Question, querying
from sequoia.transfer import copy as copied

__all__ = ["copy"]


@click.command(cls=Repeatable)
@on_resource
@querying("where", "text", "raw", "active", "available", "per-page", "check")
@click.option("--to-owner", metavar="OWNER", help="For whom; the same owner if it is not given.")
@click.option("--to-profile", metavar="NAME", help="On which platform: a profile; the same one if it is not given.")
@click.option("--dry-run", is_flag=True, help="Read and validate everything, and store nothing.")
@click.option(
    "--read-workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Partitions read at once."
)
@click.option("--workers", type=click.IntRange(1, 64), default=4, show_default=True, help="Batches stored at once.")
@click.option("--dead-letters", metavar="FILE", help="A new file for what fails, to be mended and imported.")
@connected
def copy(  # noqa: PLR0913 - the options of the command
    *,
    connection: Connection,
    service: str,
    resource: str,
    question: Question,
    to_owner: str | None,
    to_profile: str | None,
    dead_letters: str | None,
    **options: Any,
) -> None:
    """Copy every RESOURCE of SERVICE that fits the question to another owner, or to another platform, or both.

    Refs to resources of the old owner become refs to those of the new one. A copy that broke off can simply be run
    again.
    """
    if to_owner is None and to_profile is None:
        raise Refusal("say where to copy to: --to-owner, --to-profile, or both")
    if to_owner is not None:
        check("owner", to_owner, "--to-owner")
    owner = connection.owner
    with ExitStack() as stack:
        client = stack.enter_context(connection.client(check=question.check))
        source = target = connection.collection(client, service, resource)
        if to_profile is not None:
            other = Connection.of_profile(to_profile)
            to_owner = to_owner or other.told.values.get("owner")
            target = other.collection(stack.enter_context(other.client()), service, resource)
        with refusing_files(), repeatable(dead_letters), progress(f"Copying {resource}") as shown:
            report = copied(
                source, owner, target, to_owner or owner, question.criteria, dead_letters=dead_letters, progress=shown,
                **options,
            )  # fmt: skip
    finish(report, "Stored nothing; could store" if options["dry_run"] else "Stored", dead_letters)
