"""`sequoia export`: every resource that fits a question, in files with a manifest, resumable at any moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from sequoia.cli.arguments import on_resource
from sequoia.cli.bars import progress
from sequoia.cli.connection import Connection, connected
from sequoia.cli.console import note
from sequoia.cli.failing import Refusal
from sequoia.cli.moving import Repeatable, Unfinished, again, refusing_files
from sequoia.cli.query import Question, querying
from sequoia.error import ClientError
from sequoia.transfer import Manifest, Split, since_of
from sequoia.transfer import export as exported
from sequoia.transfer.exporting import CHECKPOINT_EVERY
from sequoia.transfer.manifest import Compression, Format

__all__ = ["export"]


class _Split(click.ParamType[Split]):
    """The value of `--split`."""

    name = "N|SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Split:
        if isinstance(value, Split):
            return value
        try:
            return Split.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command(cls=Repeatable)
@on_resource
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@querying("where", "text", "raw", "fields", "order", "lang", "active", "available", "per-page", "check")
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(["ndjson", "csv", "parquet"]),
    default="ndjson",
    show_default=True,
    help="How the files are written; ndjson passes every resource through as it comes.",
)
@click.option("-z", "--compress", type=click.Choice(["gzip", "zstd"]), help="Compress the files.")
@click.option("--split", type=_Split(), help="Begin a new file after N resources, or after a size such as 500MB.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Partitions read at once.")
@click.option("--since", metavar="FOLDER|TIME", help="Export what changed since an earlier export, or since a time.")
@click.option("--resume", is_flag=True, help="Go on with the export in FOLDER, if there is one.")
@click.option("--force", is_flag=True, help="Replace the export in FOLDER.")
@click.option(
    "--checkpoint-every",
    type=click.IntRange(min=1),
    default=CHECKPOINT_EVERY,
    show_default=True,
    metavar="N",
    help="Resources between two checkpoints, at most; there are no more than 5 seconds between them, either.",
)
@connected
def export(  # noqa: PLR0913 - the options of the command
    *,
    connection: Connection,
    service: str,
    resource: str,
    folder: Path,
    question: Question,
    form: Format,
    compress: Compression | None,
    since: str | None,
    resume: bool,
    **options: Any,
) -> None:
    """Write every RESOURCE of SERVICE that fits the question to files in FOLDER, with a manifest.

    Whatever interrupts an export, Ctrl-C, a failing service, a full disk, kill -9 or a power cut: the same command with
    --resume goes on with it, and nothing is lost and nothing is there twice.
    """
    owner = connection.owner
    with connection.client(check=question.check) as client:
        endpoint = connection.collection(client, service, resource)
        with refusing_files():
            begin = None if since is None else since_of(since, endpoint.url)
        with _resumable(folder), refusing_files(), progress(f"Exporting {resource}") as shown:
            before = Manifest.read(folder) if resume else None
            made = exported(
                endpoint, owner, folder, question.criteria, format=form, compression=compress, since=begin,
                resume=resume, progress=shown, **options,
            )  # fmt: skip
    _tell(made, folder, before is not None and before.ended is not None)


def _tell(made: Manifest, folder: Path, nothing: bool) -> None:
    size = sum(part.bytes for part in made.files)
    files = "1 file" if len(made.files) == 1 else f"{len(made.files):,} files"
    told = "Nothing to do: the export is complete, " if nothing else "Exported "
    note(f"{told}{made.resources:,} resources in {folder} ({files}, {size:,} bytes).")


@contextmanager
def _resumable(folder: Path) -> Iterator[None]:
    """Say how to go on, whatever ends the export."""
    try:
        yield
    except Unfinished as error:
        raise Unfinished(f"{error.format_message()}. {_advice(folder)}") from error
    except Refusal:
        raise
    except (ClientError, KeyboardInterrupt):
        note(_advice(folder))
        raise


def _advice(folder: Path) -> str:
    manifest = Manifest.read(folder)
    if manifest is None or manifest.ended is not None:
        return "Nothing was written."
    return (
        f"{manifest.resources:,} resources are kept in {folder}. Go on with: {again(add='--resume', without='--force')}"
    )
