"""What a bulk write came to: the result of one resource, and the report on all of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import msgspec

from sequoia.dead_letters import replaced_whole
from sequoia.error import ClientError, HttpError, RequestError, too_deep
from sequoia.jsonable import NO_JSON, as_json

__all__ = ["BulkReport", "Result", "report_of", "untold"]

_LONGEST = 2000  # characters of a resource that cannot be made JSON, or of an error's message


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What became of one resource.

    Attributes:
        resource: Its JSON as it was sent, in bytes; for a delete, its ref. One that could not be made JSON, or a ref
            that is none, as it was given.
        ref: Its reference, where it is known: `owner:name`.
        error: Why it failed; None where it did not.
        ambiguous: Whether it may have been written all the same: an answer was lost, or could not be read.
        sent: Whether it was sent at all.
        answer: The stored resource as the service answered; None for one that failed or was deleted, and where the
            service answered something else. One that is nested too deeply does not go along when this is pickled.
    """

    resource: Any
    ref: str | None = None
    error: ClientError | None = None
    ambiguous: bool = False
    sent: bool = True
    answer: dict[str, Any] | None = None

    @property
    def ok(self) -> bool:
        """Whether it was stored, or deleted."""
        return self.error is None

    def line(self) -> bytes:
        """It as a dead letter: one line of JSON, the resource and the error."""
        kept = _kept(self.resource)
        resource = msgspec.Raw(kept) if isinstance(kept, bytes) else kept
        return msgspec.json.encode({"resource": resource, "ref": self.ref, "error": self._told()}) + b"\n"

    def _told(self) -> dict[str, Any]:
        error = self.error
        told: dict[str, Any] = {"type": type(error).__name__, "message": _clean(str(error)[:_LONGEST])}
        if isinstance(error, HttpError):
            told["status"] = error.status_code
        if isinstance(error, RequestError) and error.correlation_id:
            told["correlationId"] = error.correlation_id
        return {**told, "ambiguous": self.ambiguous, "sent": self.sent}

    def __reduce__(self) -> tuple[Any, ...]:
        # A resource that could not be made JSON may be anything, even something that cannot be pickled.
        answer = None if too_deep(self.answer) else self.answer
        return Result, (_kept(self.resource), self.ref, self.error, self.ambiguous, self.sent, answer)


@dataclass(frozen=True, slots=True)
class BulkReport:
    """What a bulk write came to. `str()` says it in one sentence; it can be pickled.

    Attributes:
        stored: How many resources were stored.
        deleted: How many were deleted; one that was not there counts, too.
        failures: How many were not.
        failed: The results of those: all of them, but where they are handed out as they come (`on_result`,
            `dead_letters`) only the first thousand. After an interruption those that `on_result` was not told of
            follow, which are the last `failures` less the number that it was told of.
        not_sent: How many of the failures were read from the source but never sent, because the work was stopped.
        requests: How many requests were sent, those that renewed a token not counted.
        retried: How many of them repeated one that had failed.
        bytes: Bytes of JSON (for deletes: of refs) of all resources that were read from the source.
        seconds: How long it took.
        complete: Whether the source was read to its end.
        deletes: Whether resources were to be deleted, not stored.
    """

    stored: int
    deleted: int
    failures: int
    failed: tuple[Result, ...]
    not_sent: int
    requests: int
    retried: int
    bytes: int
    seconds: float
    complete: bool
    deletes: bool = False

    @property
    def ok(self) -> bool:
        """Whether every resource of the source was stored, or deleted."""
        return self.complete and not self.failures

    def write_dead_letters(self, path: str | os.PathLike[str]) -> int:
        """Write every failure to a file, one line of JSON each; `sequoia.bulk.read_dead_letters` reads them again.

        Args:
            path: The file; it is replaced as a whole, or not at all.

        Returns:
            How many there are.

        Raises:
            ValueError: The report has not kept all of them; nothing was written.
            OSError: The file cannot be written.
        """
        if len(self.failed) < self.failures:
            raise ValueError(
                f"the report has kept {len(self.failed)} of {self.failures} failures: give dead_letters=path to the "
                "bulk write itself, which writes them as they come"
            )
        replaced_whole(path, (result.line() for result in self.failed))
        return len(self.failed)

    def __str__(self) -> str:
        done = f"deleted {self.deleted:,}" if self.deletes else f"stored {self.stored:,}"
        repeated = f", {self.retried:,} of them repeated" if self.retried else ""
        sentence = f"{done} in {self.seconds:.1f} s with {self.requests:,} requests{repeated}; {self.failures:,} failed"
        if self.not_sent:
            sentence += f", {self.not_sent:,} of them not sent"
        return sentence if self.complete else f"{sentence}; stopped before the end of the source"


def report_of(error: BaseException) -> BulkReport | None:
    """The report that goes with what ended a bulk write; None where it ended before it began."""
    report = getattr(error, "report", None)
    return report if isinstance(report, BulkReport) else None


def untold(error: BaseException, told: int) -> tuple[Result, ...]:
    """The failures of a bulk write that are told by the report of the error that ended it, and by nothing else.

    Nobody waits for what is under way when somebody presses Ctrl-C, and `on_result` hears no more then.

    Args:
        error: What ended it.
        told: How many failures `on_result` was told of.
    """
    report = report_of(error)
    if report is None:
        return ()
    return report.failed[max(0, len(report.failed) - max(0, report.failures - told)) :]


def _kept(resource: Any) -> bytes | str:
    """A resource as one line of JSON if it is a JSON object, else as text."""
    if isinstance(resource, str):
        return _clean(resource)
    try:
        body = bytes(resource) if isinstance(resource, bytes | bytearray) else as_json(resource)
        body.decode()
        msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except NO_JSON:
        if isinstance(resource, bytes | bytearray):
            return _clean(resource.decode("utf-8", "replace"))
        return _clean(_shown(resource)[:_LONGEST])
    return msgspec.json.format(body, indent=-1)


def _shown(resource: Any) -> str:
    try:
        return repr(resource)
    except Exception:  # noqa: BLE001 - it is anybody's, and Python has no text for 10**5000 or for what is nested deeply
        return f"a {type(resource).__name__} that has no text"


def _clean(text: str) -> str:
    """The text without what UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()
