"""`sequoia store`: create resources, or replace them as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Self

import click
import msgspec

from sequoia.cli.arguments import on_resource
from sequoia.cli.bars import progress
from sequoia.cli.cells import shown
from sequoia.cli.connection import Connection, connected
from sequoia.cli.console import note
from sequoia.cli.failing import PARTLY, Refusal, Unfinished, partly
from sequoia.cli.formats import Output, Writer, formatted
from sequoia.cli.inputs import Found, identity, opened, owned, resources_in
from sequoia.cli.moving import Repeatable, again, free_name
from sequoia.dead_letters import DeadLetters
from sequoia.endpoint import Endpoint
from sequoia.error import InvalidResource
from sequoia.names import json_key
from sequoia.report import Result, report_of, untold

__all__ = ["store"]

_TOLD = 10  # failures that are told of one by one
_BEGINNING = 60  # bytes


@click.command(cls=Repeatable)
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

    They are stored for the owner of the connection: one that names none becomes that owner's, and one of another
    is refused. One that cannot be stored does not keep the others from it; then the exit status is 1.
    """
    owner = connection.owner
    work = _Work()
    with partly(lambda: f"{work.stored:,} {resource} are stored" if work.stored else ""), ExitStack() as stack:
        stream = stack.enter_context(opened(file))
        client = stack.enter_context(connection.client())
        endpoint = connection.collection(client, service, resource)
        # Without the check nothing but the service itself is needed.
        key = endpoint.descriptor.plural_name if check else json_key(resource)
        given = resources_in(stream, key, "stdin" if file == "-" else file)
        work.writer = stack.enter_context(output.writer(["ref", "version"])) if show else None
        work.letters = stack.enter_context(_Letters(dead_letters))
        on_progress = stack.enter_context(progress(f"Storing {resource}", streaming=show))
        source = work.ready(given, owner, endpoint if check else None)
        try:
            endpoint.bulk_store(owner, source, workers=workers, on_result=work.take, progress=on_progress)
        except BaseException as error:
            work.end(error)
            work.tell(resource)
            work.tell_how_to_go_on(error, file)
            raise
        work.tell(resource)
    return PARTLY if work.failures else 0


class _Letters:
    """The file of dead letters, if one is wanted: a context manager.

    Attributes:
        path: The file.
        broken: Why it does not have all of them; None as long as it has.
    """

    def __init__(self, path: str | None = None) -> None:
        self.path = path
        self.broken: OSError | None = None
        self._file: DeadLetters | None = None

    def __enter__(self) -> Self:
        if self.path is not None:
            try:
                self._file = DeadLetters(self.path)
            except FileExistsError as error:
                raise Refusal(f"{self.path} is there already: it may hold the failures of an earlier run") from error
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if self._file is not None:
                self._file.close()
        except OSError as error:
            # After a failure it fails again, of which enough is said.
            if kind is None:
                raise self.refusal(error) from error

    def write(self, result: Result) -> None:
        """Write one more; what has failed once is not tried again."""
        if self._file is None or self.broken is not None:
            return
        try:
            self._file.write([result.line()])
        except OSError as error:
            self.broken = error

    def check(self) -> None:
        """Make sure that all of them could be written.

        Raises:
            Unfinished: One could not.
        """
        if self.broken is not None:
            raise self.refusal(self.broken)

    def refusal(self, error: OSError) -> Unfinished:
        """What to say of a file that cannot be written."""
        return Unfinished(f"{self.path} cannot be written: {error.strerror or error}")


class _Work:
    """What becomes of the resources.

    Attributes:
        writer: Takes what was stored; None for nobody.
        letters: Takes what was not.
        stored: How many were stored.
        failures: How many were not.
        ambiguous: Of these, how many may be stored all the same.
        unnamed: How many were sent without a name: storing them again makes others.
    """

    def __init__(self) -> None:
        self.writer: Writer | None = None
        self.letters = _Letters()
        self.stored = 0
        self.failures = 0
        self.ambiguous = 0
        self.unnamed = 0
        self._told = 0

    def ready(self, given: Iterator[Found], owner: str, endpoint: Endpoint | None) -> Iterator[Any]:
        """The resources of the owner that the descriptor, if it is asked, has nothing against; others are failures."""
        for where, one in given:
            try:
                made = owned(one, owner)
                if endpoint is not None:
                    _check(endpoint, made)
            except InvalidResource as error:
                self._fail(Result(one, identity(one).known_ref, error, sent=False), f"{where}: ")
                self.letters.check()
            else:
                self.unnamed += identity(made).known_ref is None
                yield made

    def take(self, result: Result) -> None:
        """Count a result; write down what was stored, and tell of what was not."""
        if result.ok:
            self.stored += 1
            if self.writer is not None and result.answer is not None:
                self.writer.write(result.answer)
        else:
            self._fail(result)
            self._told += 1  # last: if Ctrl-C comes before, the report tells of it again
            self.letters.check()

    def end(self, error: BaseException) -> None:
        """Take what the bulk write has told nobody, because this error ended it."""
        report = report_of(error)
        if report is not None:
            self.stored = report.stored
        for result in untold(error, self._told):
            self._fail(result)

    def _fail(self, result: Result, where: str = "") -> None:
        self.letters.write(result)
        self.failures += 1
        self.ambiguous += result.ambiguous
        if self.failures <= _TOLD:
            note(f"{where}{result.ref or _beginning(result.resource)}: {' '.join(str(result.error).split())}")

    def tell(self, resource: str) -> None:
        """Say what was done."""
        if not self.stored and not self.failures:
            return
        if self.failures > _TOLD:
            note(f"... and {self.failures - _TOLD:,} more")
        failed = f", {self.failures:,} failed" if self.failures else ""
        failed += f", {self.ambiguous:,} of them may be stored all the same" if self.ambiguous else ""
        kept = ""
        if self.failures and self.letters.path is not None:
            kept = "they are in" if self.letters.broken is None else "not all of them are in"
            kept = f"; {kept} {self.letters.path}"
        note(f"{self.stored:,} {resource} stored{failed}{kept}")

    def tell_how_to_go_on(self, error: BaseException, file: str) -> None:
        """Say what an error has left undone, and what does it."""
        if not self.stored and not self.failures:
            return
        report = report_of(error)
        source = "on stdin" if file == "-" else f"in {file}"
        left = f"what comes after them {source} was not stored" if report is None or not report.complete else ""
        harm = "storing it again does no harm"
        if self.unnamed:
            harm = "stored again, what has no name would be there twice"
        if isinstance(error, Refusal) and not isinstance(error, Unfinished):  # the same would end it again
            following = ""
        else:
            following = "" if file == "-" else f". Go on with: {again(instead=free_name(self.letters.path))}"
        note(f"Stopped: {'; '.join(filter(None, (left, harm)))}{following}")


def _check(endpoint: Endpoint, given: Any) -> None:
    """Hold a resource against the descriptor; what cannot be decoded is left to `bulk_store`, which says so.

    Raises:
        InvalidResource: It has faults.
    """
    try:
        value = msgspec.json.decode(given) if isinstance(given, bytes) else given
    except (msgspec.DecodeError, RecursionError):
        return
    faults = endpoint.validate([value])
    if faults:
        raise InvalidResource("; ".join(map(str, faults)), faults=faults)


def _beginning(given: Any) -> str:
    """How a resource without a ref begins."""
    text = given if isinstance(given, bytes) else msgspec.json.encode(given)
    return shown(text[:_BEGINNING].decode("utf-8", "replace").strip())
