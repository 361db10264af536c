"""The tally of a bulk write: counts what becomes of each resource, and tells whoever wants to know.

It belongs to the thread, or task, that called the bulk write; workers do not touch it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sequoia.bulk import BulkPlan, Writing, length_of, unsent
from sequoia.bulk_work import Item, Work
from sequoia.clock import Clock
from sequoia.dead_letters import DeadLetters
from sequoia.error import ClientError, Forbidden, InvalidResource
from sequoia.progress import Meter
from sequoia.report import BulkReport, Result

__all__ = ["Tally"]

# Failures that a report keeps where they are handed out as they come.
KEPT = 1000
# So many refusals for lack of permission, with nothing stored before them, mean that there is none.
_PATIENCE = 100


class Tally:
    """What a bulk write has come to so far.

    Args:
        plan: How it is to be done.
        work: What is done; it decides whether resources are stored or deleted.
        resources: The source.
        clock: The time.
        deletes: Whether it deletes.

    Attributes:
        complete: Whether the source has been read to its end.
        hopeless: The error after which nothing else can work; None as long as there was none.

    Raises:
        FileExistsError: The file for dead letters is there already.
    """

    def __init__(self, plan: BulkPlan, work: Work, resources: Any, clock: Clock, *, deletes: bool) -> None:
        self.complete = False
        self.hopeless: ClientError | None = None
        self._stops = plan.on_error == "stop"
        self._keeps = KEPT if plan.streams else None
        self._on_result = plan.on_result
        self._work = work
        self._deletes = deletes
        self._meter = Meter(None, clock.monotonic)
        self._meter.total = length_of(resources, plan)
        self._on_progress = plan.progress
        self._done = self._failures = self._forbidden = self._not_sent = self._requests = self._retried = 0
        self._failed: list[Result] = []
        self._letters = None if plan.dead_letters is None else DeadLetters(plan.dead_letters)

    @property
    def stopped(self) -> bool:
        """Whether nothing more is to be read from the source."""
        return self.hopeless is not None or (self._stops and self._failures > 0)

    def item(self, given: Any) -> Item | None:
        """A resource of the source, made ready; None for one that cannot be sent, which is a failure."""
        try:
            return self._work.item(given)
        except InvalidResource as error:
            error.with_traceback(None)
            self._note([Result(given, _claimed_ref(given), error, sent=False)], 0)
            return None

    def settle(self, writing: Writing) -> None:
        """A batch has come to its end."""
        self._requests += writing.requests
        self._retried += writing.retried
        self.hopeless = self.hopeless or writing.hopeless
        self._note(writing.results, sum(len(item.wire) for item in writing.items))

    def leave(self, items: Iterable[Item]) -> None:
        """These were read from the source, and will not be sent."""
        results = [unsent(item, self.hopeless) for item in items]
        self._note(results, sum(len(result.resource) for result in results))

    def abandon(self, writings: Iterable[Writing], cause: BaseException) -> None:
        """Nobody waits for the end of these batches any more; nobody is told but the dead letters."""
        self._on_result = self._on_progress = None
        for writing in writings:
            self._requests += writing.requests
            self._retried += writing.retried
            self._note(writing.abandoned(cause), sum(len(item.wire) for item in writing.items))

    def report(self) -> BulkReport:
        """The report on everything so far."""
        now = self._meter.now()
        stored, deleted = (0, self._done) if self._deletes else (self._done, 0)
        return BulkReport(
            stored=stored,
            deleted=deleted,
            failures=self._failures,
            failed=tuple(self._failed),
            not_sent=self._not_sent,
            requests=self._requests,
            retried=self._retried,
            bytes=now.bytes,
            seconds=now.seconds,
            complete=self.complete,
        )

    def close(self) -> None:
        """Put the dead letters on disk; harmless when that has been done."""
        letters, self._letters = self._letters, None
        if letters is not None:
            letters.close()

    def _note(self, results: list[Result], size: int) -> None:
        """Count results, write down the failures, and only then tell the caller, who may raise."""
        if not results:
            return
        failed = [result for result in results if not result.ok]
        self._done += len(results) - len(failed)
        self._failures += len(failed)
        self._forbidden += sum(isinstance(result.error, Forbidden) for result in failed)
        self._not_sent += sum(not result.sent for result in failed)
        room = len(failed) if self._keeps is None else max(0, self._keeps - len(self._failed))
        self._failed += failed[:room]
        self._lose_hope(failed)
        if self._letters is not None:
            self._letters.write(result.line() for result in failed)
        self._meter.add(len(results), size)
        try:
            if self._on_result is not None:
                for result in results:
                    self._on_result(result)
            if self._on_progress is not None:
                self._on_progress(self._meter.now())
        except BaseException:
            self._on_result = self._on_progress = None  # whoever raises does not want to hear more
            raise

    def _lose_hope(self, failed: list[Result]) -> None:
        """See that these credentials may not write at all, before a million resources are refused one by one."""
        if self._done or self.hopeless is not None or self._failures < _PATIENCE or not failed:
            return
        last = failed[-1].error
        if isinstance(last, Forbidden) and self._forbidden == self._failures:
            last.add_note(f"all of the first {self._failures} resources were refused like this one")
            self.hopeless = last


def _claimed_ref(given: Any) -> str | None:
    ref = given.get("ref") if isinstance(given, dict) else None
    return ref if isinstance(ref, str) else None
