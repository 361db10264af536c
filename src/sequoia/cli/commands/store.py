"""`sequoia store`: create resources, or replace them as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import click
import msgspec

from sequoia.cli.arguments import on_resource
from sequoia.cli.cells import shown
from sequoia.cli.connection import Connection, connected
from sequoia.cli.console import note, progress
from sequoia.cli.failing import PARTLY, Refusal
from sequoia.cli.formats import Output, Writer, formatted
from sequoia.cli.inputs import opened, resources_in
from sequoia.dead_letters import DeadLetters
from sequoia.endpoint import Endpoint
from sequoia.error import ClientError, InvalidResource
from sequoia.report import Result, report_of, untold

__all__ = ["store"]

_TOLD = 10  # failures that are told of one by one
_BEGINNING = 60  # bytes


@click.command()
@on_resource
@click.argument("file", metavar="[FILE]", default="-")
@click.option("--check/--no-check", default=True, help="Send nothing that the service's descriptor refuses.")
@click.option("--workers", type=click.IntRange(1, 64), default=4, show_default=True, help="Batches under way at once.")
@click.option("--dead-letters", metavar="FILE", help="Write what could not be stored to this new file, one a line.")
@click.option("--show", is_flag=True, help="Write the resources as they were stored, with what the service has set.")
@formatted()
@connected
def store(  # noqa: PLR0913, PLR0917 - what a command line has
    service: str,
    resource: str,
    file: str,
    check: bool,
    workers: int,
    dead_letters: str | None,
    show: bool,
    output: Output,
    connection: Connection,
) -> int:
    """Create the resources in a FILE (JSON or NDJSON; without one, stdin), or replace them as a whole.

    One that cannot be stored does not keep the others from it; then the exit status is 1.
    """
    owner = connection.owner
    with ExitStack() as stack:
        stream = stack.enter_context(opened(file))
        client = stack.enter_context(connection.client())
        endpoint = connection.collection(client, service, resource)
        key = endpoint.descriptor.plural_name
        given = resources_in(stream, key, "stdin" if file == "-" else file)
        writer = stack.enter_context(output.writer(["ref", "version"])) if show else None
        work = _Work(writer, stack.enter_context(_letters(dead_letters)))
        on_progress = stack.enter_context(progress(f"Storing {resource}", streaming=show))
        source = work.checked(endpoint, given) if check else given
        try:
            endpoint.bulk_store(owner, source, workers=workers, on_result=work.take, progress=on_progress)
        except BaseException as error:
            work.end(error)
            raise
        finally:
            work.tell(resource, dead_letters)
    return PARTLY if work.failures else 0


class _Work:
    """What becomes of the resources.

    Attributes:
        stored: How many were stored.
        failures: How many were not.
        ambiguous: Of these, how many may be stored all the same.
    """

    def __init__(self, writer: Writer | None, letters: DeadLetters | None) -> None:
        self.stored = 0
        self.failures = 0
        self.ambiguous = 0
        self._told = 0
        self._writer = writer
        self._letters = letters

    def checked(self, endpoint: Endpoint, given: Iterator[Any]) -> Iterator[Any]:
        """The resources that the descriptor has nothing against; the others are failures."""
        for one in given:
            fault = _fault(endpoint, one)
            if fault is None:
                yield one
            else:
                self._fail(Result(one, _ref(one), fault, sent=False))

    def take(self, result: Result) -> None:
        """Count a result; write down what was stored, and tell of what was not."""
        if result.ok:
            self.stored += 1
            if self._writer is not None and result.answer is not None:
                self._writer.write(result.answer)
        else:
            self._fail(result)
            self._told += 1  # last: if Ctrl-C comes before, the report tells of it again

    def end(self, error: BaseException) -> None:
        """Take what the bulk write has told nobody, because this error ended it."""
        report = report_of(error)
        if report is not None:
            self.stored = report.stored
        for result in untold(error, self._told):
            self._fail(result)

    def _fail(self, result: Result) -> None:
        if self._letters is not None:
            self._letters.write([result.line()])
        self.failures += 1
        self.ambiguous += result.ambiguous
        if self.failures <= _TOLD:
            note(f"{result.ref or _beginning(result.resource)}: {' '.join(str(result.error).split())}")

    def tell(self, resource: str, letters: str | None) -> None:
        """Say what was done."""
        if not self.stored and not self.failures:
            return
        if self.failures > _TOLD:
            note(f"... and {self.failures - _TOLD:,} more")
        failed = f", {self.failures:,} failed" if self.failures else ""
        failed += f", {self.ambiguous:,} of them may be stored all the same" if self.ambiguous else ""
        kept = f"; they are in {letters}" if self.failures and letters else ""
        note(f"{self.stored:,} {resource} stored{failed}{kept}")


class _letters:  # noqa: N801 - a context manager
    """The file of dead letters, if one is wanted."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._letters: DeadLetters | None = None

    def __enter__(self) -> DeadLetters | None:
        if self._path is not None:
            try:
                self._letters = DeadLetters(self._path)
            except FileExistsError as error:
                raise Refusal(f"{self._path} is there already: it may hold the failures of an earlier run") from error
        return self._letters

    def __exit__(self, *_: object) -> None:
        if self._letters is not None:
            self._letters.close()


def _fault(endpoint: Endpoint, given: Any) -> ClientError | None:
    """What the descriptor has against a resource; what is no JSON is left to `bulk_store`, which says so."""
    try:
        value = msgspec.json.decode(given) if isinstance(given, bytes) else given
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    if not isinstance(value, dict):
        return None
    faults = endpoint.validate([value])
    return InvalidResource("; ".join(map(str, faults)), faults=faults) if faults else None


def _ref(given: Any) -> str | None:
    value = msgspec.json.decode(given) if isinstance(given, bytes) else given
    if isinstance(value.get("ref"), str):
        return str(value["ref"])
    owner, name = value.get("owner"), value.get("name")
    return f"{owner}:{name}" if isinstance(owner, str) and isinstance(name, str) else None


def _beginning(given: Any) -> str:
    """How a resource without a ref begins."""
    text = given if isinstance(given, bytes) else msgspec.json.encode(given)
    return shown(text[:_BEGINNING].decode("utf-8", "replace").strip())
