"""The tally of a bulk write: counts what becomes of each resource, and tells whoever wants to know.

It belongs to the thread, or task, that called the bulk write; workers do not touch it. Ctrl-C may come between any two
of its steps: its books are a value that is replaced as a whole, and say what was noted in them last.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sequoia.bulk import BulkPlan, Writing, length_of, unsent
from sequoia.bulk_work import Item, Work
from sequoia.clock import Clock
from sequoia.dead_letters import DeadLetters
from sequoia.error import ClientError, Forbidden, InvalidResource, NotSent
from sequoia.progress import Meter
from sequoia.report import BulkReport, Result

__all__ = ["Tally"]

# Failures that a report keeps where they are handed out as they come; of more, only those nobody was told of.
KEPT = 1000
# So many refusals for lack of permission, with nothing stored before them, mean that there is none.
_PATIENCE = 100


@dataclass(frozen=True, slots=True)
class Books:
    """What was counted.

    Attributes:
        done: Resources that were stored, or deleted.
        failures: Those that were not.
        forbidden: Of these, for lack of permission.
        not_sent: Of these, without having been sent.
        requests: Requests.
        retried: Of these, repetitions.
        last: What was noted last: a batch, or a resource that could not be sent.
        untold: Of the failures that a report has no room for, those that perhaps nobody has been told of.
    """

    done: int = 0
    failures: int = 0
    forbidden: int = 0
    not_sent: int = 0
    requests: int = 0
    retried: int = 0
    last: object = None
    untold: tuple[Result, ...] = ()

    def plus(self, results: list[Result], last: object, untold: tuple[Result, ...]) -> Books:
        """These, and some results more; `untold` is what takes the place of that of these."""
        failed = [result for result in results if not result.ok]
        return Books(
            done=self.done + len(results) - len(failed),
            failures=self.failures + len(failed),
            forbidden=self.forbidden + sum(isinstance(result.error, Forbidden) for result in failed),
            not_sent=self.not_sent + sum(not result.sent for result in failed),
            requests=self.requests + (last.requests if isinstance(last, Writing) else 0),
            retried=self.retried + (last.retried if isinstance(last, Writing) else 0),
            last=last,
            untold=untold,
        )


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
        self._hushed = False
        self._books = Books()
        self._failed: list[Result] = []
        self._unwritten: deque[Result] = deque()  # failures that are to be dead letters
        self._letters = None if plan.dead_letters is None else DeadLetters(plan.dead_letters)

    @property
    def stopped(self) -> bool:
        """Whether nothing more is to be read from the source."""
        return self.hopeless is not None or (self._stops and self._books.failures > 0)

    def item(self, taken: tuple[Any]) -> Item | None:
        """A resource of the source, made ready; None for one that cannot be sent, which is a failure."""
        (given,) = taken
        try:
            return self._work.item(given)
        except InvalidResource as error:
            error.with_traceback(None)
            self._note([Result(given, _claimed_ref(given), error, sent=False)], 0, taken)
            return None

    def settle(self, writing: Writing) -> None:
        """A batch has come to its end."""
        self.hopeless = self.hopeless or writing.hopeless
        self._note(writing.results, _size(writing.items), writing)

    def has_noted(self, one: object) -> bool:
        """Whether this batch, or this list of items, is what was noted last."""
        return self._books.last is one

    def leave(self, items: list[Item]) -> None:
        """These were read from the source, and will not be sent."""
        self._note([unsent(item, self.hopeless) for item in items], _size(items), items)

    def leave_unread(self, taken: tuple[Any]) -> None:
        """This one was taken from the source, and whoever was to look at it was interrupted."""
        if not self.has_noted(taken):
            error = NotSent("not sent, because the bulk write was stopped")
            self._note([Result(taken[0], _claimed_ref(taken[0]), error, sent=False)], 0, taken)

    def abandon(self, writings: Iterable[Writing], cause: BaseException) -> None:
        """Nobody waits for the end of these batches any more; nobody is told but the dead letters."""
        self._hush()
        for writing in [one for one in writings if not self.has_noted(one)]:
            self._note(writing.abandoned(cause), _size(writing.items), writing)

    def report(self) -> BulkReport:
        """The report on everything so far."""
        now, books = self._meter.now(), self._books
        stored, deleted = (0, books.done) if self._deletes else (books.done, 0)
        return BulkReport(
            stored=stored,
            deleted=deleted,
            failures=books.failures,
            failed=(*self._failed, *(books.untold if self._hushed else ())),
            not_sent=books.not_sent,
            requests=books.requests,
            retried=books.retried,
            bytes=now.bytes,
            seconds=now.seconds,
            complete=self.complete,
            deletes=self._deletes,
        )

    def close(self) -> None:
        """Put the dead letters on disk; harmless when that has been done."""
        letters = self._letters
        if letters is None:
            return
        try:
            if self._unwritten:
                letters.write(self._lines())
        finally:
            letters.close()
            self._letters = None

    def _note(self, results: list[Result], size: int, last: object) -> None:
        """Count results, write down the failures, and only then tell the caller, who may raise."""
        if not results:
            return
        failed = [result for result in results if not result.ok]
        del self._failed[self._books.failures :]  # of what was being noted when somebody was interrupted
        room = len(failed) if self._keeps is None else max(0, self._keeps - len(self._failed))
        self._failed += failed[:room]
        untold = (*(self._books.untold if self._hushed else ()), *failed[room:])
        books = self._books.plus(results, last, untold)
        if self._letters is not None:
            self._unwritten += failed
        try:
            self._books = books
            self._lose_hope(failed)
            if self._letters is not None:
                self._letters.write(self._lines())
            self._meter.add(len(results), size)
            if self._on_result is not None:
                for result in results:
                    self._on_result(result)
            if self._on_progress is not None:
                self._on_progress(self._meter.now())
        except BaseException:
            # Whoever raises does not want to hear more. What they have not heard is then the end of what failed.
            self._hush()
            raise

    def _hush(self) -> None:
        """Tell nobody any more: the report keeps every failure that comes now, which is no more than was under way."""
        self._on_result = self._on_progress = None
        self._hushed = True

    def _lines(self) -> Iterator[bytes]:
        """The dead letters that have not been written yet; one is forgotten when it has been."""
        while self._unwritten:
            yield self._unwritten[0].line()
            self._unwritten.popleft()

    def _lose_hope(self, failed: list[Result]) -> None:
        """See that these credentials may not write at all, before a million resources are refused one by one."""
        books = self._books
        if books.done or self.hopeless is not None or books.failures < _PATIENCE or not failed:
            return
        last = failed[-1].error
        if isinstance(last, Forbidden) and books.forbidden == books.failures:
            last.add_note(f"all of the first {books.failures} resources were refused like this one")
            self.hopeless = last


def _size(items: Iterable[Item]) -> int:
    return sum(len(item.wire) for item in items)


def _claimed_ref(given: Any) -> str | None:
    ref = given.get("ref") if isinstance(given, dict) else None
    return ref if isinstance(ref, str) else None
