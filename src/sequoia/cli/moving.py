"""What the commands that move catalogues share: how they are repeated, what they refuse, and how failures are told."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from sequoia.cli.console import note
from sequoia.cli.failing import FULL, PARTLY, Refusal, Unfinished
from sequoia.error import ClientError
from sequoia.report import report_of
from sequoia.transfer.comparing import has_no_room
from sequoia.transfer.error import TransferError
from sequoia.transfer.importing import Report

__all__ = ["Repeatable", "Unfinished", "again", "counted", "finish", "free_name", "refusing_files", "repeatable"]

_SHOWN = 10  # failures that are shown one by one
_WRITTEN = "sequoia.written"


class Repeatable(click.Command):
    """A command that remembers how it was written, for the advice how to go on."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Note the arguments before they are read."""
        ctx.meta[_WRITTEN] = list(args)
        return super().parse_args(ctx, args)


def again(*, add: str = "", without: str = "", instead: tuple[str, str] = ("", "")) -> str:
    """The command that is running, as it would be typed into a shell.

    Args:
        add: An option that it is to have as well.
        without: One that it is not to have.
        instead: A value, and what to write in its place.
    """
    context = click.get_current_context()
    written = [instead[1] if one == instead[0] else one for one in context.meta[_WRITTEN] if one != without]
    if add and add not in written:
        written.insert(written.index("--") if "--" in written else len(written), add)
    return shlex.join([*context.command_path.split(), *written])


@contextmanager
def refusing_files() -> Iterator[None]:
    """Make one sentence of what is wrong with the arguments, or with files.

    Raises:
        Refusal: Something is.
        Unfinished: The disk is full, or something was stored before.
    """
    try:
        yield
    except (TransferError, FileExistsError, ValueError) as error:
        told = f"{error.filename} is there already" if isinstance(error, FileExistsError) else str(error)
        raise (Unfinished if _began(error) else Refusal)(" ".join(told.split())) from error
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise Unfinished(f"the disk is full: {error.strerror}") from error


def _began(error: Exception) -> bool:
    """Whether it has ended a command in the middle of its work."""
    report = report_of(error)
    return has_no_room(getattr(error, "cause", None)) or (report is not None and report.stored > 0)


def finish(report: Report, done: str, letters: str | None) -> None:
    """Say what an import or a copy came to, and exit with `PARTLY` if something failed.

    Args:
        report: What it came to.
        done: What was done, without the number: `stored`.
        letters: The file with the failures.
    """
    seconds = f" in {report.seconds:.1f} s" if report.seconds else ""
    number = report.stored if report.seconds or report.stored else report.ready
    note(f"{done} {number:,} of {report.read:,} resources{seconds}.")
    if report.deleted:
        note(f"{report.deleted:,} were deletions, which are passed over.")
    if report.unnamed:
        note(f"{report.unnamed:,} have no name: storing them again makes others.")
    if report.ok:
        return
    for failure in (report.failed or [])[:_SHOWN]:
        note(f"  {' '.join(str(failure).split())[:500]}")
    if report.failures > _SHOWN:
        note(f"  and {report.failures - _SHOWN:,} more")
    kept = f"; they are in {letters}, to be mended and imported" if letters and Path(letters).exists() else ""
    note(f"{report.failures:,} failed{kept}.")
    click.get_current_context().exit(PARTLY)


def free_name(path: str | None) -> tuple[str, str]:
    """A file's name, and one like it that is still free; for `again`."""
    if path is None or not Path(path).exists():
        return "", ""
    place = Path(path)
    number = 2
    while (found := place.with_name(f"{place.stem}-{number}{place.suffix}")).exists():
        number += 1
    return path, str(found)


@contextmanager
def repeatable(letters: str | None) -> Iterator[None]:
    """Say how to go on, when it ends in the middle; not where the same command could only end in the same way."""
    try:
        yield
    except (KeyboardInterrupt, ClientError) as error:
        report = report_of(error)
        stored = 0 if report is None else report.stored
        broken = isinstance(error, TransferError)  # a file, which is to be mended first
        if isinstance(error, KeyboardInterrupt) or (report is not None and not (broken and stored == 0)):
            following = f"{'Mend the file, and go' if broken else 'Go'} on with: {again(instead=free_name(letters))}"
            note(f"{stored:,} resources are stored; storing them again does no harm. {following}")
        raise


def counted(found: Any, counts: dict[str, int], name: str) -> Iterator[Any]:
    """Iterate, and count."""
    for one in found:
        counts[name] += 1
        yield one
