"""Scans: the synchronous loops around what `scan`, `survey` and `ledger` decide, with and without workers.

Workers belong to a run, and a run to the iterators that use it, not to the scan: when a loop is left, its iterator
goes, with it the run, and with that the workers, even if somebody still holds the scan.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Generic, NoReturn, Self, TypeVar

from sequoia.calls import Answer, Call
from sequoia.clock import Clock
from sequoia.crew import Crew, Finished
from sequoia.error import BadRequest, ClientError
from sequoia.ledger import Arrived, Ledger, Part
from sequoia.progress import Meter
from sequoia.retry import Operation
from sequoia.scan import Scanning, Todo, Walk
from sequoia.survey import Survey

__all__ = ["Scan", "Way"]

T = TypeVar("T")


@dataclass(frozen=True)
class Way:
    """How a scan reaches its service.

    Attributes:
        begin: Checks the question, and finds out where the service is.
        ask: Sends a call.
        operation: What all requests of the scan share.
        clock: The time.
    """

    begin: Callable[[Operation], str]
    ask: Callable[[Call, Operation], Answer]
    operation: Operation
    clock: Clock

    def send(self, call: Call) -> Answer:
        """Send a call of the scan."""
        return self.ask(call, self.operation)


class Scan(Generic[T]):
    """Every resource that fits a question, one after the other: iterate over it. No page is kept.

    Another loop goes on where the one before was left. It is for one thread at a time.

    Args:
        scanning: What it was told.
        way: How it reaches its service.
    """

    def __init__(self, scanning: Scanning[T], way: Way) -> None:
        saved = scanning.saved
        self._scanning = scanning
        self._way = way
        self._meter = Meter(scanning.progress, way.clock.monotonic, saved.done if saved else 0)
        self._meter.total = saved.total if saved else None
        parts = list(map(Part, saved.parts)) if saved and saved.parts is not None else None
        self._ledger: Ledger[T] = Ledger(parts, scanning.reader.refs, self._meter, ordered=scanning.ordered)
        self._run: Callable[[], Run[T] | None] = _none
        self._crews: weakref.WeakSet[Crew[Any]] = weakref.WeakSet()

    @property
    def checkpoint(self) -> dict[str, Any]:
        """Where it stands, as a JSON-able value: `scan(..., resume=checkpoint)` goes on behind the last resource.

        Store it together with what you made of the resources so far, in one transaction: then nothing is lost and
        nothing comes twice, whenever the process ends.
        """
        done, parts = self._ledger.saved()
        return self._scanning.checkpoint(done, self.total, parts)

    @property
    def total(self) -> int | None:
        """How many resources there were when they were counted; None where they were not."""
        return self._meter.total

    def partitions(self) -> list[dict[str, Any]]:
        """What is left of the scan as checkpoints of a partition each, to be read in other processes or machines.

        Each of them goes through JSON and pickle, and `scan(..., resume=one)` with the same question hands out that
        partition. Together they are what this scan would hand out from here on, each resource once; this scan stays
        where it is. How many there are depends on `workers`: about four for each, so that all are busy to the end.
        Whoever reads them does so at a pace of his own: `max_rate` and `max_concurrency` are those of one client.

        Raises:
            ClientError: The resources cannot be counted.
        """
        if self._ledger.parts is None:
            self._ledger.begin(self._surveyed(self._way.begin(self._way.operation)))
        _, parts = self._ledger.saved()
        return [self._scanning.checkpoint(0, None, [part]) for part in parts or ()]

    def close(self) -> None:
        """Stop the workers and wait until they have ended. A later loop goes on all the same, with new ones."""
        self._run = _none
        crews = list(self._crews)
        for crew in crews:
            crew.stop()
        for crew in crews:
            crew.join()

    def __iter__(self) -> ScanItems[T]:
        return ScanItems(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None and not isinstance(error, Exception):
            self.halt(error)  # whoever interrupts the program does not want to wait
        else:
            self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a scan holds its client's connections and cannot cross a process: hand over its checkpoint, and go on "
            "with scan(..., resume=checkpoint) there"
        )

    def __repr__(self) -> str:
        return f"<Scan {self._scanning.name} done={self._ledger.saved()[0]}>"

    def fetch(self) -> Run[T]:
        """Have the books take one more page; the run that it came from must be held, or it ends."""
        run = self._run()
        if run is None:
            run = self._begun()
            self._run = weakref.ref(run)
        self._ledger.add(run.page(self._ledger.waiting[0]))
        return run

    def halt(self, error: BaseException) -> None:
        """Stop the workers without waiting for them, and have the error say where the scan can go on."""
        self._run = _none
        for crew in list(self._crews):
            crew.stop()
        if isinstance(error, ClientError):
            error.checkpoint = self.checkpoint

    def _begun(self) -> Run[T]:
        location = self._way.begin(self._way.operation)
        scanning = self._scanning
        if self._ledger.parts is None:
            self._ledger.begin(self._surveyed(location))
        walks = {part: scanning.walk(location, part, link) for part, link in self._ledger.ahead}
        if scanning.ordered and len(walks) > 1:
            run = Run(self._way, [({part: walk}, 1) for part, walk in walks.items()])
        elif scanning.workers > 1 or scanning.read_ahead:
            run = Run(self._way, [(walks, scanning.workers)])
        else:
            run = Steps(self._way, walks)
        self._crews.update(run.crews.values())
        return run

    def _surveyed(self, location: str) -> list[Part]:
        """The partitions, after as many rounds of counts as it takes."""
        scanning = self._scanning
        survey = Survey(scanning.query, scanning.workers, ordered=scanning.ordered, now=1000 * self._way.clock.time())
        if scanning.workers > 1 or scanning.count:
            while calls := survey.calls():
                survey.take(_answers(self._way, [call.at(location) for call in calls], scanning.workers))
            self._meter.total = survey.total
        return list(map(Part, survey.parts))


class ScanItems(Generic[T]):
    """One loop over a scan; the workers live as long as it does."""

    def __init__(self, scan: Scan[T]) -> None:
        self._scan = scan
        self._items: Iterator[T] = iter(())
        self._run: Run[T] | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        for item in self._items:
            return item
        return self._turned()

    def _turned(self) -> T:
        """The first resource of the next page that has one."""
        ledger = self._scan._ledger  # noqa: SLF001 - the loop is the scan's own
        try:
            while True:
                self._items = ledger.turned()
                for item in self._items:
                    return item
                if ledger.parts == []:
                    break
                if ledger.parts is None or ledger.waiting:
                    self._run = self._scan.fetch()
        except BaseException as error:
            self._run = None
            self._scan.halt(error)
            raise
        self._run = None
        raise StopIteration


class Run(Generic[T]):
    """Workers that fetch pages, until somebody lets go of the run.

    Args:
        way: How they reach the service.
        ways: What each crew has to read, with the number of its workers.
    """

    def __init__(self, way: Way, ways: list[tuple[dict[Part, Walk[T]], int]]) -> None:
        self.crews: dict[Part, Crew[Arrived[T]]] = {}
        for walks, workers in ways:
            crew: Crew[Arrived[T]] = Crew(workers)
            # Before they start: whatever happens then, they are stopped. Not when the process ends: they are daemons.
            weakref.finalize(self, crew.stop).atexit = False
            self.crews |= dict.fromkeys(walks, crew)
            todo = Todo(walks.values())
            for _ in range(min(workers, len(walks))):
                crew.start(partial(_read, way, crew, todo))

    def page(self, part: Part) -> Arrived[T]:
        """The next page of a partition or, where one crew reads them all, of any."""
        try:
            return self.crews[part].take()
        except Finished:
            raise ClientError("the scan was closed while this loop waited for a page") from None


class Steps(Run[T]):
    """No worker: each page is fetched when it is wanted."""

    def __init__(self, way: Way, walks: dict[Part, Walk[T]]) -> None:
        super().__init__(way, [])
        self._way = way
        self._walks = walks

    def page(self, part: Part) -> Arrived[T]:
        """The next page of a partition."""
        walk = self._walks[part]
        assert walk.call is not None  # noqa: S101 - the books wait for pages that there are
        return walk.turn(self._way.send(walk.call))


def _read(way: Way, crew: Crew[Arrived[T]], todo: Todo[Walk[T]]) -> None:
    """One worker: reads a partition, and then the next one that nobody has begun."""
    with todo:
        for walk in todo:
            while walk.call is not None and not todo.failed:
                crew.check()
                crew.put(walk.turn(way.send(walk.call)))


def _answers(way: Way, calls: list[Call], workers: int) -> list[Answer | BadRequest]:
    """The answers to independent calls, in their order; a refused query is an answer too."""
    crew: Crew[tuple[int, Answer | BadRequest]] = Crew(len(calls))
    todo = Todo(enumerate(calls))
    try:
        for _ in range(min(workers, len(calls))):
            crew.start(partial(_ask, way, crew, todo))
        found = dict([crew.take() for _ in calls])
    finally:
        crew.stop()
    return [found[number] for number in range(len(calls))]


def _ask(way: Way, crew: Crew[tuple[int, Answer | BadRequest]], todo: Todo[tuple[int, Call]]) -> None:
    with todo:
        for number, call in todo:
            crew.check()
            try:
                answer: Answer | BadRequest = way.send(call)
            except BadRequest as error:
                answer = error
            crew.put((number, answer))


def _none() -> None:
    """No run."""
